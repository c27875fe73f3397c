/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/dnssec.h"

#include <stdlib.h>

#include "proto/base/siphash.h"
#include "proto/sec/digest.h"
#include "proto/sec/sign.h"

enum {
	WAYS = 4,
	SIGNATURE = 64,
	FLAGS_SEP = 257, /* zone key, secure entry point */
	PROTOCOL = 3,
	DIGEST_SHA256 = 2,
	DIGEST_SIZE = 32,
	CLASS_IN = 1,
	RRSIG_HEAD = 18,
	CANONICAL_MAX = 256 << 10, /* octets of one set */
};

struct slot {
	uint64_t tag, tag2; /* of what is signed; 0: unused */
	uint8_t signature[SIGNATURE];
};

struct hlv_dnssec {
	const struct hlv_key *key;
	uint16_t tag;
	uint8_t dnskey[HLV_DNSKEY_SIZE];
	uint64_t secret[2];
	size_t sets; /* a power of two */
	struct slot slots[];
};

/* RFC 4034 B */
static uint16_t key_tag(const uint8_t *rdata, size_t n)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? rdata[i] : (uint32_t)rdata[i] << 8;
	return (uint16_t)(sum + (sum >> 16));
}

/* RFC 6605 4: x and y. */
static enum hlv_err put_point(const struct hlv_key *key, struct hlv_writer *w)
{
	struct hlv_arena arena;
	struct hlv_key_parts parts;
	hlv_arena_init(&arena, 64 << 10);
	enum hlv_err err = hlv_key_to_parts(key, &arena, &parts);
	for (const char *c = "xy"; err == HLV_OK && *c; c++)
		for (size_t i = 0; i < parts.n; i++)
			if (parts.part[i].name[0] == *c && parts.part[i].name[1] == '\0')
				hlv_put(w, parts.part[i].octets);
	hlv_arena_fini(&arena);
	return err;
}

struct hlv_dnssec *hlv_dnssec_new(const struct hlv_key *key, size_t octets,
				  const uint64_t secret[2])
{
	size_t sets = 1;
	if (hlv_key_kind(key) != HLV_KEY_P256 || !hlv_key_is_private(key))
		return NULL;
	while (sets * 2 * WAYS * sizeof(struct slot) <= octets)
		sets *= 2;
	struct hlv_dnssec *d = calloc(1, sizeof *d + sets * WAYS * sizeof(struct slot));
	if (!d)
		return NULL;
	d->key = key;
	d->sets = sets;
	memcpy(d->secret, secret, sizeof d->secret);
	struct hlv_writer w = hlv_writer(d->dnskey, sizeof d->dnskey);
	hlv_put_u16(&w, FLAGS_SEP);
	hlv_put_u8(&w, PROTOCOL);
	hlv_put_u8(&w, HLV_DNSSEC_ALGORITHM);
	if (put_point(key, &w) != HLV_OK || w.bad || w.n != HLV_DNSKEY_SIZE) {
		free(d);
		return NULL;
	}
	d->tag = key_tag(d->dnskey, sizeof d->dnskey);
	return d;
}

void hlv_dnssec_free(struct hlv_dnssec *d)
{
	free(d);
}

struct hlv_bytes hlv_dnssec_dnskey(const struct hlv_dnssec *d)
{
	return hlv_bytes(d->dnskey, sizeof d->dnskey);
}

enum hlv_err hlv_dnssec_ds(const struct hlv_dnssec *d, struct hlv_bytes apex,
			   uint8_t out[HLV_DS_SIZE])
{
	uint8_t lower[HLV_DNAME_MAX], digest[HLV_HASH_MAX];
	struct hlv_writer l = hlv_writer(lower, sizeof lower), w = hlv_writer(out, HLV_DS_SIZE);
	hlv_dname_put_lower(&l, apex);
	struct hlv_bytes spans[] = {hlv_written(&l), hlv_dnssec_dnskey(d)};
	HLV_TRY(hlv_hash_spans(HLV_SHA256, spans, 2, digest));
	hlv_put_u16(&w, d->tag);
	hlv_put_u8(&w, HLV_DNSSEC_ALGORITHM);
	hlv_put_u8(&w, DIGEST_SHA256);
	hlv_put(&w, hlv_bytes(digest, DIGEST_SIZE));
	return w.bad ? HLV_E_CRYPTO : HLV_OK;
}

/* --- what is signed (RFC 4034 3.1.8.1) --- */

static struct hlv_bytes lower_rdata(uint16_t type, struct hlv_bytes rdata, struct hlv_arena *a)
{
	uint8_t *room = hlv_alloc_raw(a, rdata.n);
	struct hlv_writer w = hlv_writer(room, room ? rdata.n : 0);
	struct hlv_rdata_walk walk = hlv_rdata_walk(type, rdata);
	enum hlv_rdata_piece kind;
	struct hlv_bytes piece;
	while (hlv_rdata_next(&walk, &kind, &piece)) {
		if (kind == HLV_RDATA_NAME)
			hlv_dname_put_lower(&w, piece);
		else
			hlv_put(&w, piece);
	}
	return hlv_written(&w);
}

static int by_octets(const void *a, const void *b)
{
	return hlv_compare(*(const struct hlv_bytes *)a, *(const struct hlv_bytes *)b);
}

static void put_canonical(struct hlv_writer *w, const struct hlv_rrset *set,
			  struct hlv_arena *arena)
{
	struct hlv_bytes *list = hlv_alloc_raw(arena, set->n * sizeof *list);
	for (size_t i = 0; list && i < set->n; i++)
		list[i] = lower_rdata(set->type, set->rdata[i], arena);
	if (arena->bad) {
		w->bad = true;
		return;
	}
	if (set->n > 1)
		qsort(list, set->n, sizeof *list, by_octets);
	for (size_t i = 0; i < set->n; i++) {
		if (i > 0 && hlv_eq(list[i], list[i - 1]))
			continue;
		hlv_dname_put_lower(w, set->owner);
		hlv_put_u16(w, set->type);
		hlv_put_u16(w, CLASS_IN);
		hlv_put_u32(w, set->ttl_s);
		hlv_put_u16(w, (uint16_t)list[i].n);
		hlv_put(w, list[i]);
	}
}

static uint32_t day_of(struct hlv_now now)
{
	uint32_t now_s = hlv_now_s(now);
	return now_s - now_s % HLV_DNSSEC_DAY_S;
}

uint32_t hlv_dnssec_fresh_until_s(struct hlv_now now)
{
	return day_of(now) + HLV_DNSSEC_DAY_S;
}

static void put_head(const struct hlv_dnssec *d, struct hlv_bytes apex,
		     const struct hlv_rrset *set, struct hlv_now now, struct hlv_writer *w)
{
	uint32_t from = day_of(now) - HLV_DNSSEC_DAY_S;
	unsigned labels = hlv_dname_labels(set->owner);
	/* RFC 4034 3.1.3: the asterisk is not counted. */
	if (labels > 0 && hlv_eq(hlv_dname_label(set->owner), hlv_text("*")))
		labels--;
	hlv_put_u16(w, set->type);
	hlv_put_u8(w, HLV_DNSSEC_ALGORITHM);
	hlv_put_u8(w, (uint8_t)labels);
	hlv_put_u32(w, set->ttl_s);
	hlv_put_u32(w, from + HLV_DNSSEC_LIFE_DAYS * HLV_DNSSEC_DAY_S);
	hlv_put_u32(w, from);
	hlv_put_u16(w, d->tag);
	hlv_dname_put_lower(w, apex);
}

/* --- signatures --- */

/* An integer of a DER signature, as 32 octets. */
static bool take_integer(struct hlv_reader *r, uint8_t out[32])
{
	if (hlv_get_u8(r) != 2)
		return false;
	struct hlv_bytes n = hlv_take(r, hlv_get_u8(r));
	while (n.n > 32 && n.p[0] == 0)
		n = hlv_skip(n, 1);
	if (r->bad || n.n == 0 || n.n > 32)
		return false;
	memset(out, 0, 32);
	memcpy(out + 32 - n.n, n.p, n.n);
	return true;
}

/* RFC 6605 4: r and s. */
static bool sign(const struct hlv_dnssec *d, struct hlv_bytes octets, uint8_t out[SIGNATURE])
{
	uint8_t der[HLV_SIGNATURE_MAX];
	struct hlv_writer w = hlv_writer(der, sizeof der);
	if (hlv_sign(d->key, hlv_text("SHA-256"), (struct hlv_bytes){0}, &octets, 1, &w) !=
	    HLV_OK)
		return false;
	struct hlv_reader r = hlv_reader(hlv_written(&w));
	bool ok = hlv_get_u8(&r) == 0x30;
	hlv_get_u8(&r);
	return ok && take_integer(&r, out) && take_integer(&r, out + 32);
}

/* The names of two sets of records are two for who does not know the secret: 128 bits decide. */
static const struct slot *signed_slot(struct hlv_dnssec *d, struct hlv_bytes octets)
{
	const uint64_t other[2] = {~d->secret[1], d->secret[0]};
	uint64_t tag = hlv_siphash(d->secret, octets) | 1, tag2 = hlv_siphash(other, octets);
	struct slot *set = &d->slots[(tag >> 1 & (d->sets - 1)) * WAYS];
	struct slot *s = &set[tag2 % WAYS];
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].tag == tag && set[i].tag2 == tag2)
			return &set[i];
		if (set[i].tag == 0)
			s = &set[i];
	}
	s->tag = 0;
	if (!sign(d, octets, s->signature))
		return NULL;
	s->tag = tag;
	s->tag2 = tag2;
	return s;
}

struct hlv_bytes hlv_dnssec_sign(struct hlv_dnssec *d, struct hlv_bytes apex,
				 const struct hlv_rrset *set, struct hlv_now now,
				 struct hlv_arena *arena)
{
	size_t cap = RRSIG_HEAD + HLV_DNAME_MAX;
	for (size_t i = 0; i < set->n; i++)
		cap += set->owner.n + 10 + set->rdata[i].n;
	if (cap > CANONICAL_MAX)
		return (struct hlv_bytes){0};
	uint8_t *room = hlv_alloc_raw(arena, cap);
	struct hlv_writer w = hlv_writer(room, room ? cap : 0);
	put_head(d, apex, set, now, &w);
	size_t head = w.n;
	put_canonical(&w, set, arena);
	const struct slot *s = w.bad ? NULL : signed_slot(d, hlv_written(&w));
	uint8_t *rdata = hlv_alloc_raw(arena, head + SIGNATURE);
	if (!s || !rdata)
		return (struct hlv_bytes){0};
	memcpy(rdata, room, head);
	memcpy(rdata + head, s->signature, SIGNATURE);
	return hlv_bytes(rdata, head + SIGNATURE);
}
