/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of a request as handlers ask for them: headers, query keys, percent-decoding.
 */
#include "proto/web/http.h"

struct hlv_bytes http_header_of(const struct http_call *call, const char *name)
{
	for (size_t i = 0; i < call->rq.nheaders; i++)
		if (hlv_eq_fold(call->rq.headers[i].name, hlv_text(name)))
			return call->rq.headers[i].value;
	return hlv_bytes(NULL, 0);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(struct hlv_arena *a, struct hlv_bytes text, bool plus, struct hlv_bytes *out)
{
	uint8_t *p = hlv_alloc_raw(a, text.n);
	size_t n = 0;
	if (!p)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '%') {
			int high = text.n - i > 2 ? hex_digit(text.p[i + 1]) : -1;
			int low = text.n - i > 2 ? hex_digit(text.p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			p[n++] = (uint8_t)(high << 4 | low);
			i += 2;
		} else {
			p[n++] = plus && text.p[i] == '+' ? ' ' : text.p[i];
		}
	}
	*out = hlv_bytes(p, n);
	return true;
}

bool http_decode(struct http_call *call, struct hlv_bytes text, struct hlv_bytes *out)
{
	return decode(&call->arena, text, false, out);
}

/* The next KEY or KEY=VALUE of a query; false at its end. */
static bool next_pair(struct hlv_bytes *rest, struct hlv_bytes *key, struct hlv_bytes *value)
{
	if (rest->n == 0)
		return false;
	const uint8_t *end = memchr(rest->p, '&', rest->n);
	struct hlv_bytes pair = end ? hlv_head(*rest, (size_t)(end - rest->p)) : *rest;
	*rest = hlv_skip(*rest, pair.n + (end ? 1 : 0));
	const uint8_t *eq = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
	*key = eq ? hlv_head(pair, (size_t)(eq - pair.p)) : pair;
	*value = eq ? hlv_skip(pair, key->n + 1) : hlv_bytes(NULL, 0);
	return true;
}

bool http_query(struct http_call *call, const char *key, size_t nth, struct hlv_bytes *value)
{
	struct hlv_bytes rest = call->rq.query, name, text;
	while (next_pair(&rest, &name, &text)) {
		struct hlv_bytes decoded;
		if (!hlv_eq(name, hlv_text(key)))
			continue;
		if (nth-- > 0)
			continue;
		*value = decode(&call->arena, text, true, &decoded) ? decoded : text;
		return true;
	}
	return false;
}

bool http_query_next(struct http_call *call, const char *key, struct hlv_bytes *rest,
		     struct hlv_bytes *value)
{
	struct hlv_bytes name, text, decoded;
	while (next_pair(rest, &name, &text)) {
		if (!hlv_eq(name, hlv_text(key)))
			continue;
		*value = decode(&call->arena, text, true, &decoded) ? decoded : text;
		return true;
	}
	return false;
}

bool http_query_pair(struct http_call *call, size_t nth, struct hlv_bytes *name,
		     struct hlv_bytes *value)
{
	struct hlv_bytes rest = call->rq.query, decoded;
	do {
		if (!next_pair(&rest, name, value))
			return false;
	} while (nth-- > 0);
	if (decode(&call->arena, *name, true, &decoded))
		*name = decoded;
	if (decode(&call->arena, *value, true, &decoded))
		*value = decoded;
	return true;
}

bool http_query_flag(struct http_call *call, const char *key)
{
	struct hlv_bytes value;
	if (!http_query(call, key, 0, &value))
		return false;
	return value.n == 0 || hlv_eq_fold(value, hlv_text("true")) ||
	       hlv_eq_fold(value, hlv_text("yes"));
}
