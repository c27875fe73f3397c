/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pending.h"

#include <stdlib.h>

#include "proto/base/siphash.h"
#include "proto/sec/secret.h"
#include "server/network.h"

enum { BUCKETS = 8192, ADDRESS_V4 = 4, ADDRESS_V6 = 16, SOURCE_V6 = 8 };

/* Who is counted together. Without padding: it is hashed as octets. */
struct source {
	uint8_t by_udp;
	struct network net;
	uint8_t uid[4]; /* of the control socket, which has no network */
};

struct entry {
	struct pending p; /* first: what callers get; its message stands behind this struct */
	struct source source;
	struct network address;
	uint32_t request_id;
	bool verified;
	struct entry *next_by_id, *next_by_source;
	struct entry *older, *newer; /* of those that are verified, or not, as this one */
};

/* All live equally long, so the oldest is over first. */
struct queue {
	struct entry *oldest, *newest;
	size_t n;
};

struct pending_table {
	uint64_t secret[2];
	struct queue verified, unverified;
	size_t octets;	     /* of kept requests */
	struct entry *taken; /* what pending_take() gave last */
	struct entry *by_id[BUCKETS];
	struct entry *by_source[BUCKETS]; /* newest first */
};

struct pending_table *pending_new(uint64_t secret)
{
	struct pending_table *t = calloc(1, sizeof *t);
	if (t) {
		t->secret[0] = secret;
		t->secret[1] = ~secret;
	}
	return t;
}

static void entry_free(struct entry *e)
{
	/* A request may bear the secret key that it is to register. */
	if (e)
		hlv_wipe(e, sizeof *e + e->p.message.n);
	free(e);
}

static struct source source_of(const struct hlv_peer *peer)
{
	struct source s = {
		.by_udp = peer->transport == HLV_T_UDP,
		.net = network_of(&peer->addr, ADDRESS_V4, SOURCE_V6),
	};
	if (peer->transport == HLV_T_LOCAL)
		memcpy(s.uid, &peer->uid, sizeof s.uid);
	return s;
}

static bool same_source(const struct source *a, const struct source *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* Ids are our own random bits: they need no hash. */
static struct entry **id_bucket(struct pending_table *t, uint32_t id)
{
	return &t->by_id[id % BUCKETS];
}

static struct entry **source_bucket(struct pending_table *t, const struct source *s)
{
	return &t->by_source[hlv_siphash(t->secret, hlv_bytes(s, sizeof *s)) % BUCKETS];
}

static struct queue *queue_of(struct pending_table *t, const struct entry *e)
{
	return e->verified ? &t->verified : &t->unverified;
}

static struct entry *find(const struct pending_table *t, uint32_t id)
{
	struct entry *e = t->by_id[id % BUCKETS];
	while (e && e->p.id != id)
		e = e->next_by_id;
	return e;
}

static void link_entry(struct pending_table *t, struct entry *e)
{
	struct entry **id = id_bucket(t, e->p.id), **source = source_bucket(t, &e->source);
	struct queue *q = queue_of(t, e);
	e->next_by_id = *id;
	*id = e;
	e->next_by_source = *source;
	*source = e;
	e->older = q->newest;
	*(q->newest ? &q->newest->newer : &q->oldest) = e;
	q->newest = e;
	q->n++;
	t->octets += e->p.message.n;
}

static void unlink_entry(struct pending_table *t, struct entry *e)
{
	struct entry **at = id_bucket(t, e->p.id);
	while (*at != e)
		at = &(*at)->next_by_id;
	*at = e->next_by_id;
	at = source_bucket(t, &e->source);
	while (*at != e)
		at = &(*at)->next_by_source;
	*at = e->next_by_source;
	struct queue *q = queue_of(t, e);
	*(e->older ? &e->older->newer : &q->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &q->newest) = e->older;
	q->n--;
	t->octets -= e->p.message.n;
}

static void drop(struct pending_table *t, struct entry *e)
{
	unlink_entry(t, e);
	entry_free(e);
}

/* --- room for one more --- */

struct usage {
	size_t n, octets;
	struct entry *oldest;
};

static struct usage usage_of(struct pending_table *t, const struct source *s)
{
	struct usage u = {0};
	for (struct entry *e = *source_bucket(t, s); e; e = e->next_by_source) {
		if (!same_source(&e->source, s))
			continue;
		u.n++;
		u.octets += e->p.message.n;
		u.oldest = e;
	}
	return u;
}

static void room_of_source(struct pending_table *t, const struct source *s, bool trusted,
			   size_t octets)
{
	size_t most = s->by_udp ? PENDING_PER_UDP_SOURCE : PENDING_PER_STREAM_SOURCE;
	if (trusted)
		most *= PENDING_TRUSTED_TIMES;
	for (;;) {
		struct usage u = usage_of(t, s);
		if (u.n == 0 || (u.n < most && octets + u.octets <= PENDING_SOURCE_OCTETS_MAX))
			return;
		drop(t, u.oldest);
	}
}

/* The oldest gives way, not the newcomer: an honest client answers within its round trip, so a
 * flood has to push the whole table through in that time to reach it. */
static bool room_of_table(struct pending_table *t, bool verified, size_t octets)
{
	if (!verified && t->unverified.n >= PENDING_UNVERIFIED_MAX)
		drop(t, t->unverified.oldest);
	while (pending_count(t) >= PENDING_MAX || t->octets + octets > PENDING_OCTETS_MAX) {
		struct entry *victim = t->unverified.oldest;
		if (!victim && verified)
			victim = t->verified.oldest;
		if (!victim)
			return false;
		drop(t, victim);
	}
	return true;
}

/* --- the calls --- */

void pending_free(struct pending_table *t)
{
	if (!t)
		return;
	while (t->verified.oldest)
		drop(t, t->verified.oldest);
	while (t->unverified.oldest)
		drop(t, t->unverified.oldest);
	entry_free(t->taken);
	free(t);
}

static struct entry *entry_new(const struct hlv_exchange *x, const struct pending_offer *o)
{
	struct entry *e = calloc(1, sizeof *e + o->message.n);
	if (!e)
		return NULL;
	uint8_t *message = (uint8_t *)(e + 1);
	if (o->message.n)
		memcpy(message, o->message.p, o->message.n);
	e->p = (struct pending){
		.id = o->id,
		.in_session = o->in_session,
		.digest_kind = o->digest.kind,
		.digest_n = (uint8_t)o->digest.octets.n,
		.version = o->version,
		.conn = x->peer.conn,
		.message = hlv_bytes(message, o->message.n),
		.expires_ns = x->now.mono_ns + PENDING_LIFE_S * UINT64_C(1000000000),
	};
	memcpy(e->p.nonce, o->nonce, sizeof e->p.nonce);
	if (o->digest.octets.n)
		memcpy(e->p.digest, o->digest.octets.p, o->digest.octets.n);
	e->source = source_of(&x->peer);
	e->address = network_of(&x->peer.addr, ADDRESS_V4, ADDRESS_V6);
	e->request_id = x->rq.m.env.request_id;
	e->verified = x->peer.transport != HLV_T_UDP || x->peer.verified;
	return e;
}

static bool is_from(const struct entry *e, const struct hlv_peer *peer)
{
	struct network address = network_of(&peer->addr, ADDRESS_V4, ADDRESS_V6);
	struct source s = source_of(peer);
	return network_eq(&e->address, &address) &&
	       memcmp(e->source.uid, s.uid, sizeof s.uid) == 0;
}

/* The challenge that this very request has got already: by UDP it may have been lost. */
static struct entry *same_request(struct pending_table *t, const struct hlv_exchange *x,
				  const struct pending_offer *o)
{
	struct source s = source_of(&x->peer);
	struct entry *e = *source_bucket(t, &s);
	for (; e; e = e->next_by_source) {
		struct hlv_bytes digest = hlv_bytes(e->p.digest, e->p.digest_n);
		bool same = e->request_id == x->rq.m.env.request_id &&
			    e->p.digest_kind == o->digest.kind &&
			    hlv_eq(digest, o->digest.octets) && e->p.version == o->version &&
			    e->p.conn == x->peer.conn && e->p.in_session == o->in_session &&
			    (!o->in_session || e->p.id == o->id) && is_from(e, &x->peer);
		if (same && e->p.expires_ns > x->now.mono_ns)
			return e;
	}
	return NULL;
}

const struct pending *pending_put(struct pending_table *t, const struct hlv_exchange *x,
				  const struct pending_offer *offer)
{
	if (offer->digest.octets.n > sizeof t->taken->p.digest)
		return NULL;
	struct entry *e = same_request(t, x, offer);
	if (e)
		return &e->p;
	struct entry *former = find(t, offer->id);
	if (offer->id == 0 || offer->id > INT32_MAX || (former && !offer->in_session))
		return NULL;
	if (former && !former->p.in_session)
		return NULL; /* a session never bears the id of a challenge beside it */
	e = entry_new(x, offer);
	if (!e)
		return NULL;
	if (former)
		drop(t, former);
	room_of_source(t, &e->source, x->peer.trusted, offer->message.n);
	if (!room_of_table(t, e->verified, offer->message.n)) {
		entry_free(e);
		return NULL;
	}
	link_entry(t, e);
	return &e->p;
}

const struct pending *pending_take(struct pending_table *t, const struct hlv_exchange *x)
{
	entry_free(t->taken);
	t->taken = NULL;
	struct entry *e = find(t, x->rq.m.env.session_id);
	if (!e || !is_from(e, &x->peer))
		return NULL;
	unlink_entry(t, e);
	t->taken = e;
	return e->p.expires_ns > x->now.mono_ns ? &e->p : NULL;
}

bool pending_has(const struct pending_table *t, uint32_t id)
{
	return find(t, id) != NULL;
}

static void expire(struct pending_table *t, const struct queue *q, struct hlv_now now)
{
	struct entry *newer = NULL;
	for (struct entry *e = q->oldest; e && e->p.expires_ns <= now.mono_ns; e = newer) {
		newer = e->newer;
		drop(t, e);
	}
}

void pending_tick(struct pending_table *t, struct hlv_now now)
{
	expire(t, &t->verified, now);
	expire(t, &t->unverified, now);
}

size_t pending_count(const struct pending_table *t)
{
	return t->verified.n + t->unverified.n;
}
