/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer's octets: header, question, records with compressed names, OPT. What does not fit is left
 * out where the asker can do without it, else the answer is cut to nothing and says TC: by TCP it is
 * whole.
 */
#include "proto/dns/ask.h"

enum {
	NAMES_MAX = 64, /* remembered for compression */
	POINTER = 0xC000,
	POINTER_MAX = 0x3FFF,
	CLASS_IN = 1,
	OPT_SIZE = 11,
	OPTION_COOKIE = 10,
	OPTION_HEAD = 4,
	RCODE_LOW = 0xF,
	OPCODE_RD_CD = 0x7800 | HLV_DNS_RD | HLV_DNS_CD,
};

struct out {
	struct hlv_writer *w;
	size_t from;  /* where the message begins */
	size_t limit; /* octets of it, OPT's taken off */
	uint16_t names[NAMES_MAX];
	size_t nnames;
	uint16_t counts[3];
};

/* Does the name that stands at `at` equal `name`? Pointers that we wrote lead backwards. */
static bool stands_at(const struct out *o, size_t at, struct hlv_bytes name)
{
	const uint8_t *p = o->w->p + o->from;
	for (size_t i = 0;;) {
		while (p[at] >= POINTER >> 8)
			at = (size_t)(p[at] << 8 | p[at + 1]) & POINTER_MAX;
		if (p[at] != name.p[i])
			return false;
		if (name.p[i] == 0)
			return true;
		size_t n = name.p[i] + 1U;
		if (!hlv_eq_fold(hlv_bytes(p + at, n), hlv_bytes(name.p + i, n)))
			return false;
		at += n;
		i += n;
	}
}

static void put_name(struct out *o, struct hlv_bytes name)
{
	/* Not what this one adds: its end is not written yet, and what stands there is not ours. */
	size_t whole = o->nnames;
	while (name.p[0] != 0 && !o->w->bad) {
		for (size_t i = 0; i < whole; i++) {
			if (!stands_at(o, o->names[i], name))
				continue;
			hlv_put_u16(o->w, (uint16_t)(POINTER | o->names[i]));
			return;
		}
		size_t at = o->w->n - o->from;
		size_t n = name.p[0] + 1U;
		hlv_put(o->w, hlv_head(name, n));
		if (o->nnames < NAMES_MAX && at <= POINTER_MAX && !o->w->bad)
			o->names[o->nnames++] = (uint16_t)at;
		name = hlv_skip(name, n);
	}
	hlv_put_u8(o->w, 0);
}

/* Where each suffix of the question's name stands. */
static void remember_question(struct out *o, struct hlv_bytes name)
{
	uint16_t at = HLV_DNS_HEADER;
	for (size_t i = 0; name.p[i] != 0 && o->nnames < NAMES_MAX; i += name.p[i] + 1U)
		o->names[o->nnames++] = (uint16_t)(at + i);
}

static void put_rdata(struct out *o, uint16_t type, struct hlv_bytes rdata)
{
	size_t hole = o->w->n;
	hlv_put_u16(o->w, 0);
	struct hlv_rdata_walk walk = hlv_rdata_walk(type, rdata);
	enum hlv_rdata_piece kind;
	struct hlv_bytes piece;
	bool compress = hlv_rdata_compresses(type);
	while (hlv_rdata_next(&walk, &kind, &piece)) {
		if (kind == HLV_RDATA_NAME && compress)
			put_name(o, piece);
		else
			hlv_put(o->w, piece);
	}
	size_t n = o->w->n - hole - 2;
	if (n > UINT16_MAX)
		o->w->bad = true;
	if (o->w->bad)
		return;
	o->w->p[hole] = (uint8_t)(n >> 8);
	o->w->p[hole + 1] = (uint8_t)n;
}

static void put_record(struct out *o, struct hlv_bytes owner, uint16_t type, uint32_t ttl_s,
		       struct hlv_bytes rdata)
{
	put_name(o, owner);
	hlv_put_u16(o->w, type);
	hlv_put_u16(o->w, CLASS_IN);
	hlv_put_u32(o->w, ttl_s);
	put_rdata(o, type, rdata);
}

/* All records of a set with their signature, or none. */
static bool put_set(struct hlv_dns_ask *a, struct out *o, const struct hlv_dns_placed *p)
{
	struct hlv_bytes rrsig = {0};
	size_t at = o->w->n, names = o->nnames;
	uint16_t n = (uint16_t)p->set.n;
	if (hlv_dns_is_signed(a) && p->zone) {
		rrsig = hlv_dnssec_sign(a->dnssec, p->zone->apex, &p->set, a->now, a->arena);
		if (rrsig.n == 0)
			a->failed = true;
		n++;
	}
	for (size_t i = 0; i < p->set.n && !o->w->bad; i++)
		put_record(o, p->set.owner, p->set.type, p->set.ttl_s, p->set.rdata[i]);
	if (rrsig.n > 0)
		put_record(o, p->set.owner, HLV_DNS_RRSIG, p->set.ttl_s, rrsig);
	if (!o->w->bad && o->w->n - o->from <= o->limit && p->set.n < UINT16_MAX) {
		o->counts[p->section] = (uint16_t)(o->counts[p->section] + n);
		return true;
	}
	o->w->bad = false;
	o->w->n = at;
	o->nnames = names;
	return false;
}

/* Sections stand in their order; false: what was left out matters. */
static bool put_sections(struct hlv_dns_ask *a, struct out *o)
{
	for (enum hlv_dns_section s = HLV_DNS_ANSWER; s <= HLV_DNS_ADDITIONAL; s++) {
		for (size_t i = 0; i < a->nsets; i++) {
			const struct hlv_dns_placed *p = &a->sets[i];
			if (p->section == s && !put_set(a, o, p) &&
			    (s != HLV_DNS_ADDITIONAL || p->glue))
				return false;
			if (a->failed)
				return false;
		}
	}
	return true;
}

static void put_opt(const struct hlv_dns_ask *a, unsigned rcode, struct hlv_writer *w)
{
	hlv_put_u8(w, 0);
	hlv_put_u16(w, HLV_DNS_OPT);
	hlv_put_u16(w, HLV_DNS_UDP_MAX);
	hlv_put_u8(w, (uint8_t)(rcode >> 4));
	hlv_put_u8(w, 0); /* version */
	/* RFC 6891 6.1.4, RFC 9824 5.1: copied. */
	hlv_put_u16(w, a->q.edns_flags);
	hlv_put_u16(w, 0);
}

static void store_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void hlv_dns_put_cookie(struct hlv_writer *w, struct hlv_bytes cookie)
{
	if (cookie.n == 0 || w->bad)
		return;
	store_u16(w->p + w->n - 2, (uint16_t)(OPTION_HEAD + cookie.n));
	hlv_put_u16(w, OPTION_COOKIE);
	hlv_put_u16(w, (uint16_t)cookie.n);
	hlv_put(w, cookie);
}

static void fill_header(const struct hlv_dns_ask *a, const struct out *o, unsigned rcode,
			bool cut)
{
	if (o->w->bad)
		return;
	uint8_t *p = o->w->p + o->from;
	uint16_t flags = (uint16_t)(HLV_DNS_QR | (a->q.flags & OPCODE_RD_CD) |
				    (rcode & RCODE_LOW) | (cut ? HLV_DNS_TC : 0));
	if (a->authoritative && (!a->referral || o->counts[HLV_DNS_ANSWER] > 0))
		flags |= HLV_DNS_AA;
	store_u16(p, a->q.id);
	store_u16(p + 2, flags);
	store_u16(p + 4, a->q.question.n > 0);
	store_u16(p + 6, o->counts[HLV_DNS_ANSWER]);
	store_u16(p + 8, o->counts[HLV_DNS_AUTHORITY]);
	store_u16(p + 10, (uint16_t)(o->counts[HLV_DNS_ADDITIONAL] + a->q.edns));
}

static bool is_error(unsigned rcode)
{
	return rcode != HLV_DNS_NOERROR && rcode != HLV_DNS_NXDOMAIN &&
	       rcode != HLV_DNS_YXDOMAIN;
}

void hlv_dns_ask_encode(struct hlv_dns_ask *a, const struct hlv_dns_form *form,
			struct hlv_writer *w)
{
	struct out o = {.w = w, .from = w->n, .limit = form->limit};
	if (a->q.edns)
		o.limit -= OPT_SIZE;
	/* An error is as short as what is cut, and the same by TCP. */
	bool cut = form->cut && !is_error(a->rcode);
	hlv_put_room(w, HLV_DNS_HEADER);
	hlv_put(w, a->q.question);
	size_t body = w->n;
	if (a->q.question.n > 0)
		remember_question(&o, a->q.name);
	if (!cut && !put_sections(a, &o))
		cut = true;
	if (a->failed) { /* something could not be signed: nothing unsigned goes out */
		a->rcode = HLV_DNS_SERVFAIL;
		a->authoritative = false;
		cut = false;
	}
	if (cut || a->failed) {
		w->n = body;
		memset(o.counts, 0, sizeof o.counts);
	}
	if (a->q.edns)
		put_opt(a, a->rcode, w);
	fill_header(a, &o, a->rcode, cut);
}
