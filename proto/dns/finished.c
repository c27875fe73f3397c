/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/finished.h"

#include <stdlib.h>

#include "proto/base/siphash.h"

enum {
	WAYS = 2,
	SIZE = 1024,
	ROOM = SIZE -
	       26, /* octets of an answer and its sources; longer ones are made each time */
	SHORT_LIFE_S = 2,
	AT_FLAGS = 2,
	FLAGS_ASKED = HLV_DNS_RD | HLV_DNS_CD,
	MARK_EDNS = 1,
	MARK_DO = 2,
	MARK_CO = 4,
	MARK_LARGE = 8,
};

struct finished {
	uint64_t tag; /* 0: unused */
	uint64_t state;
	uint32_t until_s;
	uint16_t n, sources;
	uint8_t marks;
	bool whole; /* there was room for all its sources */
	uint8_t octets[ROOM];
};
_Static_assert(sizeof(struct finished) == SIZE, "no octet is lost between them");

struct hlv_dns_finished {
	uint64_t secret[2];
	size_t sets; /* a power of two */
	struct finished entries[];
};

struct hlv_dns_finished *hlv_dns_finished_new(size_t octets, const uint64_t secret[2])
{
	size_t sets = 1;
	while (sets * 2 * WAYS * sizeof(struct finished) <= octets)
		sets *= 2;
	struct hlv_dns_finished *f =
		calloc(1, sizeof *f + sets * WAYS * sizeof(struct finished));
	if (!f)
		return NULL;
	memcpy(f->secret, secret, sizeof f->secret);
	f->sets = sets;
	return f;
}

void hlv_dns_finished_free(struct hlv_dns_finished *f)
{
	free(f);
}

/* Answers are made for two sizes; an asker between the two takes the larger one if it fits. */
static uint8_t marks_of(const struct hlv_dns_query *q, size_t limit)
{
	uint8_t marks = limit > HLV_DNS_UDP_PLAIN ? MARK_LARGE : 0;
	if (q->edns)
		marks |= MARK_EDNS;
	if (q->edns_flags & HLV_DNS_DO)
		marks |= MARK_DO;
	if (q->edns_flags & HLV_DNS_CO)
		marks |= MARK_CO;
	return marks;
}

static uint64_t tag_of(const struct hlv_dns_finished *f, const struct hlv_dns_query *q,
		       uint8_t marks)
{
	return (hlv_siphash_1_3(f->secret, q->question) ^ (uint64_t)marks << 1) | 1;
}

static bool is_it(const struct finished *e, uint64_t tag, uint8_t marks,
		  const struct hlv_dns_query *q, const struct hlv_dns_moment *m)
{
	return e->tag == tag && e->marks == marks && hlv_now_s(m->now) < e->until_s &&
	       e->n <= m->limit && e->n >= HLV_DNS_HEADER + q->question.n &&
	       memcmp(e->octets + HLV_DNS_HEADER, q->question.p, q->question.n) == 0;
}

/* Is it still what would be made? Then it is as good as new. */
static bool holds(struct finished *e, const struct hlv_dns_moment *m)
{
	if (e->state == m->state)
		return true;
	if (e->state == 0 || m->state == 0 || !e->whole || !m->holds)
		return false;
	if (m->holds(m->ctx, hlv_bytes(e->octets + e->n, e->sources)))
		e->state = m->state;
	else
		e->tag = 0;
	return e->tag != 0;
}

static size_t copy(const struct finished *e, const struct hlv_dns_query *q, uint8_t *out)
{
	memcpy(out, e->octets, e->n);
	out[0] = (uint8_t)(q->id >> 8);
	out[1] = (uint8_t)q->id;
	uint16_t asked = q->flags & FLAGS_ASKED;
	out[AT_FLAGS] = (uint8_t)((out[AT_FLAGS] & ~(FLAGS_ASKED >> 8)) | asked >> 8);
	out[AT_FLAGS + 1] =
		(uint8_t)((out[AT_FLAGS + 1] & ~(FLAGS_ASKED & 0xFF)) | (asked & 0xFF));
	return e->n;
}

size_t hlv_dns_finished_get(struct hlv_dns_finished *f, const struct hlv_dns_query *q,
			    const struct hlv_dns_moment *m, uint8_t *out)
{
	uint8_t marks = marks_of(q, m->limit);
	uint64_t tag = tag_of(f, q, marks);
	struct finished *e = &f->entries[(tag >> 1 & (f->sets - 1)) * WAYS];
	for (size_t i = 0; i < WAYS; i++, e++)
		if (is_it(e, tag, marks, q, m))
			return holds(e, m) ? copy(e, q, out) : 0;
	return 0;
}

/* --- what an answer was made of --- */

bool hlv_dns_source_next(struct hlv_reader *r, struct hlv_dns_source *source)
{
	if (r->bad || hlv_left(r) == 0)
		return false;
	source->said = hlv_get_u64(r);
	source->zone = hlv_get_u16(r);
	source->identifier = hlv_take(r, hlv_get_u8(r));
	return !r->bad;
}

static void put_sources(struct hlv_writer *w, const struct hlv_dns_ask *a)
{
	for (size_t i = 0; i < a->nnodes; i++) {
		const struct hlv_dns_node *node = a->nodes[i];
		size_t zone = (size_t)(node->zone - a->zones->list), n = node->identifier.n;
		if (n == 0) /* the registry is not asked about it */
			continue;
		w->bad |= zone > UINT16_MAX || n > UINT8_MAX || node->said == 0;
		hlv_put_u64(w, node->said);
		hlv_put_u16(w, (uint16_t)zone);
		hlv_put_u8(w, (uint8_t)n);
		hlv_put(w, node->identifier);
	}
}

static struct finished *place_for(struct hlv_dns_finished *f, uint64_t tag,
				  const struct hlv_dns_moment *m)
{
	struct finished *set = &f->entries[(tag >> 1 & (f->sets - 1)) * WAYS];
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].tag == tag)
			return &set[i];
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].tag == 0 || hlv_now_s(m->now) >= set[i].until_s)
			return &set[i];
	/* Neither is older than the other in a way that matters. */
	return &set[(tag >> 33) % WAYS];
}

void hlv_dns_finished_put(struct hlv_dns_finished *f, const struct hlv_dns_ask *a,
			  const struct hlv_dns_moment *m, struct hlv_bytes answer,
			  uint32_t until_s)
{
	uint8_t marks = marks_of(&a->q, m->limit);
	bool whole = m->limit == HLV_DNS_UDP_PLAIN || m->limit == HLV_DNS_UDP_BODY;
	if (answer.n == 0 || answer.n > ROOM || !whole)
		return;
	uint64_t tag = tag_of(f, &a->q, marks);
	struct finished *e = place_for(f, tag, m);
	if (m->state == 0)
		until_s = hlv_now_s(m->now) + SHORT_LIFE_S;
	memcpy(e->octets, answer.p, answer.n);
	struct hlv_writer w = hlv_writer(e->octets + answer.n, ROOM - answer.n);
	put_sources(&w, a);
	e->tag = tag;
	e->state = m->state;
	e->until_s = until_s;
	e->n = (uint16_t)answer.n;
	e->marks = marks;
	e->whole = !w.bad;
	e->sources = w.bad ? 0 : (uint16_t)w.n;
}
