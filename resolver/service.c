/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/service.h"

#include <stdlib.h>

#include "proto/net/sign_cache.h"
#include "resolver/chain.h"
#include "resolver/control.h"

enum {
	AHEAD_MAX = 32,
	AHEAD_ID_MAX = 120, /* longer ones are looked for when it is their turn */
	AT_OP = HLV_ENVELOPE_SIZE,
	AT_BODY = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE,
};

/* The identifiers of a batch, before their questions are decoded. */
struct ahead {
	size_t n, at;
	struct hlv_bytes ids[AHEAD_MAX]; /* where they stand in the datagrams */
	struct cache_ask asks[AHEAD_MAX];
	uint8_t rooms[AHEAD_MAX][MEMORY_KEY_MAX];
};

struct resolver {
	struct hlv_service service;
	struct resolver_shared shared;
	struct copies_view *copies; /* NULL: there are none */
	struct hlv_sign_cache *signatures;
	struct ahead ahead;
};

static struct resolver *of(struct hlv_service *service)
{
	return (struct resolver *)(void *)service; /* its first member */
}

static void batch_begin(struct hlv_service *service, struct hlv_now now)
{
	struct resolver *r = of(service);
	if (r->copies)
		copies_view_begin(r->copies, now);
}

/* Whatever else a datagram is, if an identifier stands where one would, the cache looks for it. */
static void ahead(struct hlv_service *service, const struct hlv_bytes *packets, size_t n)
{
	struct resolver *r = of(service);
	struct ahead *h = &r->ahead;
	h->n = h->at = 0;
	for (size_t i = 0; i < n && h->n < AHEAD_MAX; i++) {
		if (packets[i].n <= AT_BODY ||
		    hlv_load_u32(packets[i].p + AT_OP) != HLV_OP_RESOLUTION)
			continue;
		struct hlv_reader body = hlv_reader(hlv_skip(packets[i], AT_BODY));
		struct hlv_bytes id = hlv_get_lp32(&body);
		if (id.n == 0 || id.n > AHEAD_ID_MAX)
			continue;
		h->ids[h->n] = id;
		h->asks[h->n].key = memory_key(id, h->rooms[h->n]);
		h->n++;
	}
	cache_ahead(r->shared.cache, h->asks, h->n);
}

/* What was seen ahead of the question that asks for `id`; NULL: nothing. Questions come in the order
 * of their datagrams. */
static const struct cache_ask *seen_ahead(struct resolver *r, struct hlv_bytes id)
{
	struct ahead *h = &r->ahead;
	for (size_t i = h->at; i < h->n; i++) {
		if (h->ids[i].p != id.p || h->ids[i].n != id.n)
			continue;
		h->at = i;
		return &h->asks[i];
	}
	return NULL;
}

static void batch_end(struct hlv_service *service)
{
	struct resolver *r = of(service);
	r->ahead.n = 0; /* the next datagrams stand in the same places */
	if (r->copies)
		copies_view_end(r->copies);
}

/* --- what we know ourselves --- */

/* What an answer is made of. */
struct answer {
	const struct emit_rules *rules;
	struct proven proven;
	uint32_t left_s;
};

/* A key that is the one seen ahead need not be hashed again. */
static enum cache_age get(struct resolver *r, struct hlv_exchange *x, struct hlv_bytes key,
			  const struct cache_ask *ask, struct cache_hit *hit)
{
	if (ask)
		return cache_get_asked(r->shared.cache, ask, x->now, &x->arena, hit);
	return cache_get(r->shared.cache, MEMORY_RECORD, key, x->now, &x->arena, hit);
}

/* In the cache, and good enough to be answered with? */
static bool find_cached(struct resolver *r, struct hlv_exchange *x, struct hlv_bytes id,
			struct hlv_bytes key, const struct cache_ask *ask, struct answer *a)
{
	struct cache_hit hit;
	switch (get(r, x, key, ask, &hit)) {
	case CACHE_NONE:
		return false;
	case CACHE_STALE:
		if (!hit.held)
			return false;
		hit.left_s = EMIT_STALE;
		x->from = HLV_FROM_STALE;
		break;
	case CACHE_FRESH:
		x->from = HLV_FROM_CACHE;
		break;
	}
	if (hit.prefetch)
		recursor_refresh(r->shared.recursor, id);
	a->rules = policy_emit(r->shared.policy);
	a->proven = hit.proven;
	a->left_s = hit.left_s;
	return true;
}

static bool find_copied(struct resolver *r, struct hlv_bytes key, struct answer *a)
{
	if (!r->copies || !copies_find(r->copies, key, &a->proven))
		return false;
	a->rules = policy_emit(r->shared.policy);
	a->left_s = UINT32_MAX;
	return true;
}

static bool find_here(struct resolver *r, struct hlv_exchange *x, struct hlv_bytes id,
		      struct answer *a)
{
	uint8_t room[MEMORY_KEY_MAX];
	const struct cache_ask *ask = seen_ahead(r, id);
	struct hlv_bytes key = ask ? ask->key : memory_key(id, room);
	switch (policy_find(r->shared.policy, key, &a->proven)) {
	case POLICY_RESOLVE:
		break;
	case POLICY_ANSWER:
	case POLICY_BLOCK:
		x->from = HLV_FROM_POLICY;
		a->rules = policy_emit_own(r->shared.policy);
		a->left_s = UINT32_MAX;
		return true;
	}
	/* Who wants the authority's word gets it. */
	if (x->rq.m.hdr.flags & HLV_F_AUTHORITATIVE)
		return false;
	if (find_copied(r, key, a)) {
		x->from = HLV_FROM_COPY;
		return true;
	}
	return find_cached(r, x, id, key, ask, a);
}

/* The SDK's question for sites, where the prefix has service handles: the first one that we know. */
static bool find_service(struct resolver *r, struct hlv_exchange *x, struct answer *a)
{
	struct answer service;
	struct hlv_bytes id = emit_service(x, &a->proven, 0);
	if (id.n == 0)
		return true;
	if (!find_here(r, x, id, &service) || service.proven.finding.rc != HLV_RC_SUCCESS)
		return false;
	/* As sure as the less sure of the two, and no longer than the shorter lived. */
	enum proof proof =
		a->proven.proof == PROOF_SECURE ? service.proven.proof : a->proven.proof;
	a->left_s = emit_shorter(a->left_s, service.left_s);
	if (a->left_s == EMIT_STALE)
		x->from = HLV_FROM_STALE;
	return prove(proof, &service.proven.finding, &a->proven);
}

/* --- questions --- */

static void refuse(struct resolver *r, struct hlv_exchange *x, uint32_t rc, const char *why)
{
	emit_refusal(x, policy_emit(r->shared.policy), rc, why);
}

/* What it says is wrong with the identifier, in our words for refusals. */
static void refuse_named(struct resolver *r, struct hlv_exchange *x)
{
	refuse(r, x, x->rs.rc, (const char *)x->rs.text.p);
}

static bool is_blocked(struct resolver *r, struct hlv_bytes id)
{
	uint8_t room[MEMORY_KEY_MAX];
	struct proven ignored;
	return policy_refuses_blocked(r->shared.policy) &&
	       policy_find(r->shared.policy, memory_key(id, room), &ignored) == POLICY_BLOCK;
}

/* false: it was given away. */
static bool resolve(struct resolver *r, struct hlv_exchange *x)
{
	struct answer a;
	if (emit_is_heartbeat(x)) {
		emit_heartbeat(x, policy_emit(r->shared.policy));
	} else if (x->rq.handle.n == 0) {
		refuse(r, x, HLV_RC_INVALID_HANDLE, "An empty identifier");
	} else if (!hlv_scheme_is_plain(x->rq.handle) &&
		   !hlv_exchange_name(x, r->shared.schemes)) {
		refuse_named(r, x);
	} else if (is_blocked(r, x->rq.handle)) {
		refuse(r, x, HLV_RC_INSUFFICIENT_PERMISSIONS,
		       "This identifier is blocked by the resolver's administrator");
	} else if (find_here(r, x, x->rq.handle, &a) && find_service(r, x, &a)) {
		emit(x, a.rules, &a.proven, a.left_s);
	} else if (hlv_exchange_keep(x) != HLV_OK) {
		refuse(r, x, HLV_RC_ERROR, "The request takes too much memory");
	} else {
		recursor_submit(r->shared.recursor, x, policy_emit(r->shared.policy));
		return false;
	}
	return true;
}

static void tell_site(struct resolver *r, struct hlv_exchange *x)
{
	x->site_serial = policy_emit(r->shared.policy)->site_serial;
	x->rs = (struct hlv_response){
		.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_SITE, .octets = r->shared.site};
}

static bool is_in_session(const struct hlv_exchange *x)
{
	const struct hlv_envelope *e = &x->rq.m.env;
	if (e->flags & HLV_E_ENCRYPTED)
		return true;
	return e->session_id > 0 && e->session_id <= INT32_MAX && !hlv_exchange_is_tagged(x);
}

static bool dispatch(struct resolver *r, struct hlv_exchange *x)
{
	bool local = x->peer.transport == HLV_T_LOCAL;
	if (!local && !policy_admits(r->shared.policy, &x->peer.addr)) {
		refuse(r, x, HLV_RC_INSUFFICIENT_PERMISSIONS,
		       "This resolver does not answer your network: see allow-query");
		return true;
	}
	if (is_in_session(x)) {
		refuse(r, x, HLV_RC_SESSION_TIMEOUT,
		       "A resolver has no sessions: ask the responsible server");
		return true;
	}
	switch (x->rq.m.hdr.op) {
	case HLV_OP_RESOLUTION:
		return resolve(r, x);
	case HLV_OP_GET_SITE_INFO:
		tell_site(r, x);
		return true;
	case HLV_OP_HELVE_CONTROL:
		if (local && r->shared.control)
			return !control_submit(r->shared.control, x);
		break;
	}
	refuse(r, x, HLV_RC_NOT_SUPPORTED,
	       "A resolver answers questions only: ask the responsible server");
	return true;
}

static void submit(struct hlv_service *service, struct hlv_exchange *x)
{
	if (dispatch(of(service), x))
		x->done(x);
}

/* No answer of ours is several messages. */
static void resume(struct hlv_service *service, struct hlv_exchange *x)
{
	(void)service;
	x->more = false;
	x->done(x);
}

static enum hlv_err seal(struct hlv_service *service, struct hlv_exchange *x,
			 struct hlv_writer *w, size_t at)
{
	struct resolver *r = of(service);
	if (r->signatures && x->rq.m.hdr.flags & HLV_F_CERTIFIED)
		hlv_sign_cached(r->signatures, w, at);
	return HLV_OK;
}

void resolver_put_chain(struct hlv_service *service, struct hlv_bytes id, struct hlv_now now,
			struct hlv_arena *a, struct hlv_buf *json)
{
	const struct resolver *r = of(service);
	struct engine_stats stats;
	uint64_t anchors;
	recursor_stats(r->shared.recursor, &stats, &anchors);
	chain_put(policy_rules(r->shared.policy), r->shared.cache, anchors > 0, id, now, a,
		  json);
}

/* --- life --- */

struct resolver *resolver_new(const struct resolver_shared *shared)
{
	struct resolver *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->service = (struct hlv_service){.submit = submit,
					  .resume = resume,
					  .batch_begin = batch_begin,
					  .batch_end = batch_end,
					  .seal = seal,
					  .ahead = ahead};
	r->shared = *shared;
	r->copies = shared->copies ? copies_view_new(shared->copies) : NULL;
	r->signatures = shared->key ? hlv_sign_cache_new(shared->key) : NULL;
	if ((shared->copies && !r->copies) || (shared->key && !r->signatures)) {
		resolver_free(r);
		return NULL;
	}
	return r;
}

struct hlv_service *resolver_service(struct resolver *r)
{
	return &r->service;
}

void resolver_set(struct resolver *r, const struct resolver_shared *shared)
{
	/* Key and copies stay what they were: a reload does not change them. */
	hlv_require(shared->copies == r->shared.copies && shared->key == r->shared.key);
	r->shared = *shared;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	if (r->copies)
		copies_view_free(r->copies);
	hlv_sign_cache_free(r->signatures);
	free(r);
}
