/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/source_fast.h"

#include "proto/wire/codes.h"
#include "proto/wire/name.h"

/* Far below every limit of the general reader, so that none of them need be looked at here. */
enum { TEXT_MAX = 60000, LIST_SPARE = 64, VALUES_MAX = 1024 };

struct scan {
	const uint8_t *p, *end;
	bool bad;
};

static bool take(struct scan *s, const char *word, size_t n)
{
	if (s->bad || (size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	return true;
}

#define TAKE(s, word) take(s, word, sizeof(word) - 1)
#define NEED(s, word) ((s)->bad = !TAKE(s, word))

/* Behind the opening quote: up to the closing one, without escapes and control characters.
 * Eight octets are looked at together: is one of them a quote, a backslash, below 0x20, or not
 * ASCII? What is not ASCII must be good UTF-8. */
static struct hlv_bytes text(struct scan *s)
{
	static const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
	const uint8_t *from = s->p, *p = from;
	bool ascii = true;
	for (; s->end - p >= 8; p += 8) {
		uint64_t v;
		memcpy(&v, p, sizeof v);
		uint64_t quote = v ^ ones * '"', slash = v ^ ones * '\\', del = v ^ ones * 0x7F;
		if (((quote - ones) | (slash - ones) | (del - ones) | (v - ones * 0x20) | v) &
		    high)
			break;
	}
	for (; p < s->end && *p != '"'; p++) {
		if (*p < 0x20 || *p == '\\' || *p == 0x7F) {
			s->bad = true;
			return (struct hlv_bytes){0};
		}
		ascii = ascii && *p < 0x80;
	}
	struct hlv_bytes b = hlv_bytes(from, (size_t)(p - from));
	s->bad = s->bad || p == s->end || (!ascii && !hlv_utf8_valid(b));
	s->p = p + (p < s->end);
	return b;
}

/* 1 .. 2^31-1, without a leading zero. */
static uint32_t number(struct scan *s)
{
	uint64_t n = 0;
	const uint8_t *from = s->p;
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9' && s->p - from < 11)
		n = n * 10 + (uint64_t)(*s->p++ - '0');
	s->bad = s->bad || s->p == from || *from == '0' || n > INT32_MAX;
	return (uint32_t)n;
}

static struct hlv_bytes data(struct scan *s)
{
	if (TAKE(s, "\""))
		return text(s);
	NEED(s, "{\"format\":\"string\",\"value\":\"");
	struct hlv_bytes b = text(s);
	NEED(s, "}");
	return b;
}

static uint32_t value(struct scan *s, uint32_t now_s, uint32_t last, struct hlv_writer *w)
{
	struct hlv_value v = {
		.mtime_s = now_s, .ttl_s = HLV_TTL_DEFAULT_S, .perms = HLV_PERM_DEFAULT};
	NEED(s, "{\"index\":");
	v.index = number(s);
	NEED(s, ",\"type\":\"");
	v.type = text(s);
	NEED(s, ",\"data\":");
	v.data = data(s);
	if (TAKE(s, ",\"ttl\":"))
		v.ttl_s = number(s);
	NEED(s, "}");
	/* Ascending is usual, and cannot hold one twice. */
	s->bad = s->bad || v.index <= last || v.type.n == 0;
	if (!s->bad)
		hlv_value_encode(w, &v);
	return v.index;
}

bool source_jsonl_fast(struct hlv_bytes line, uint32_t now_s, struct hlv_arena *a,
		       struct source_record *out)
{
	struct scan s = {.p = line.p, .end = line.p + line.n};
	if (line.n > TEXT_MAX || !TAKE(&s, "{\"handle\":\""))
		return false;
	out->handle = text(&s);
	NEED(&s, ",\"values\":[");
	if (s.bad || out->handle.n > HLV_IDENTIFIER_MAX ||
	    !memchr(out->handle.p, '/', out->handle.n))
		return false;
	uint8_t *list = hlv_alloc_raw(a, line.n + LIST_SPARE);
	if (!list)
		return false;
	struct hlv_writer w = hlv_writer(list, line.n + LIST_SPARE);
	size_t count_at = hlv_put_hole32(&w);
	uint32_t n = 0, last = 0;
	do {
		last = value(&s, now_s, last, &w);
	} while (++n < VALUES_MAX && !s.bad && TAKE(&s, ","));
	NEED(&s, "]}");
	hlv_fill_u32(&w, count_at, n);
	out->list = hlv_written(&w);
	out->homed = false;
	out->line = 0;
	out->reason[0] = '\0';
	return !s.bad && s.p == s.end && !w.bad;
}
