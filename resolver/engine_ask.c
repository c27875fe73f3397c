/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/engine_inner.h"

#include <stdio.h>

/* --- what goes out --- */

static bool give(struct engine *e, struct engine_waiter *w, struct engine_order *out)
{
	if (w->client.len)
		--*client_count(e, &w->client);
	out->what = ENGINE_ANSWER;
	out->waiter = w;
	return true;
}

static void refuse(struct engine *e, struct engine_waiter *w, uint32_t rc, const char *why)
{
	w->rc = rc;
	w->stale = false;
	snprintf(w->why, sizeof w->why, "%s", why);
	e->stats.refused += rc == HLV_RC_BUSY;
	waiter_push(&e->answers, w);
}

/* Serve stale (threats.md 7): what was validated, and nothing else. */
static bool may_be_stale(enum cache_age age, const struct cache_hit *hit)
{
	return age == CACHE_STALE && hit->proven.proof == PROOF_SECURE;
}

static void show(struct engine_waiter *w, const struct proven *p, uint32_t left_s)
{
	w->proven_is_set = true;
	w->proven = *p;
	w->left_s = left_s;
	w->rc = 0;
	w->why[0] = '\0';
}

/* The old answer was decided on: it is fetched at the last moment, and may be a new one by then. */
static bool show_stale(struct engine *e, struct engine_waiter *w)
{
	uint8_t room[MEMORY_KEY_MAX];
	struct cache_hit hit;
	enum cache_age age = cache_get(e->o.cache, MEMORY_RECORD, memory_key(w->id, room),
				       e->now, &e->arena, &hit);
	w->stale = may_be_stale(age, &hit);
	if (!w->stale && age != CACHE_FRESH)
		return false;
	e->stats.stale_answers += w->stale;
	show(w, &hit.proven, hit.left_s);
	return true;
}

static uint32_t left_of(const struct finding *f, struct hlv_now now)
{
	uint64_t age_s = now.wall_ms > f->fetched_ms ? (now.wall_ms - f->fetched_ms) / 1000 : 0;
	return age_s < f->life_s ? (uint32_t)(f->life_s - age_s) : 0;
}

/* The next one who waits for a slot that is done. */
static bool answer_done(struct engine *e, struct engine_order *out)
{
	struct slot *s = e->done.first;
	if (!s)
		return false;
	struct waiter_list l = {s->first, s->last};
	struct engine_waiter *w = waiter_pop(&l);
	s->first = l.first;
	s->last = l.last;
	s->nwaiters--;
	const struct walk_result *r = walk_result(s->walk);
	struct proven p;
	hlv_require(prove(r->proof, &r->finding, &p)); /* or it would not be on this list */
	show(w, &p, left_of(&p.finding, e->now));
	waiter_pays(w, walk_budget(s->walk));
	if (!s->first) {
		slot_pop(&e->done);
		s->state = SLOT_STEPS;
		e->spent = s;
	}
	return give(e, w, out);
}

bool answer_next(struct engine *e, struct engine_order *out)
{
	struct engine_waiter *w;
	while ((w = waiter_pop(&e->answers))) {
		if (!w->stale || show_stale(e, w) || w->rc) {
			w->stale &= w->proven_is_set;
			return give(e, w, out);
		}
		waiter_push(&e->asked, w); /* it was there a moment ago: ask like anybody */
	}
	return answer_done(e, out);
}

/* --- what comes in --- */

static void park(struct engine *e, struct slot *s, struct engine_waiter *w, bool stale_ok)
{
	struct waiter_list l = {s->first, s->last};
	waiter_push(&l, w);
	s->first = l.first;
	s->last = l.last;
	s->nwaiters++;
	s->stale_ok = stale_ok; /* as it is now: what was there may have been thrown away */
	slot_arm(e, s);
}

static void answer_stale(struct engine *e, struct engine_waiter *w)
{
	w->rc = 0;
	w->stale = true;
	waiter_push(&e->answers, w);
}

/* Nobody is asking that yet. */
static void ask_new(struct engine *e, struct engine_waiter *w, struct hlv_bytes key,
		    uint64_t hash, const struct cache_hit *stale)
{
	struct failure *f = failure_find(e, hash);
	bool failed_lately = f && f->until_ns > e->now.mono_ns;
	if (stale && f && f->bogus)
		stale = NULL;
	if (stale && (stale->held || failed_lately)) {
		answer_stale(e, w);
		return;
	}
	if (failed_lately) {
		refuse(e, w, f->rc, f->why);
		w->bogus = f->bogus;
		return;
	}
	if (w->recursion >= ENGINE_RECURSION_MAX) {
		refuse(e, w, HLV_RC_RECURSION_TOO_HIGH, "too many servers have passed this on");
		return;
	}
	bool quiet = stale && quiet_is(e, key);
	if (quiet && e->nslots >= QUIET_WALKS_MAX) {
		answer_stale(e, w);
		return;
	}
	struct walk_question q = {.id = w->id,
				  .recursion = w->recursion,
				  .authoritative = w->authoritative,
				  .budget = w->budget_is_set ? &w->budget : NULL};
	struct slot *s = slot_open(e, &q, key, hash);
	if (!s && stale) {
		answer_stale(e, w);
	} else if (!s) {
		refuse(e, w, HLV_RC_BUSY, "too many questions at a time");
	} else if (stale && (f || quiet)) {
		/* It, or its neighbour, got no answer a moment ago: look again, but keep nobody
		 * waiting. */
		s->told = true;
		answer_stale(e, w);
	} else {
		park(e, s, w, stale);
	}
}

static void ask_again(struct engine *e, struct slot *s, struct engine_waiter *w,
		      const struct cache_hit *stale)
{
	if (stale && (stale->held || s->told)) {
		answer_stale(e, w);
	} else if (s->nwaiters >= ENGINE_WAITERS_MAX) {
		refuse(e, w, HLV_RC_BUSY, "too many wait for this already");
	} else {
		e->stats.coalesced++;
		park(e, s, w, stale);
	}
}

static bool is_greedy(struct engine *e, const struct engine_waiter *w)
{
	return w->client.len && *client_count(e, &w->client) > ENGINE_CLIENT_MAX;
}

/* True: *w can be answered at once. */
static bool look_at(struct engine *e, struct engine_waiter *w)
{
	uint8_t room[MEMORY_KEY_MAX];
	struct hlv_bytes key = memory_key(w->id, room);
	struct cache_hit hit;
	enum cache_age age = CACHE_NONE;
	uint64_t hash;
	if (key.n == 0) {
		refuse(e, w, HLV_RC_INVALID_HANDLE, "an identifier has 1 to 2048 octets");
		return false;
	}
	if (!w->authoritative)
		age = cache_get(e->o.cache, MEMORY_RECORD, key, e->now, &e->arena, &hit);
	if (age == CACHE_FRESH) {
		show(w, &hit.proven, hit.left_s);
		if (hit.prefetch)
			engine_fetch(e, w->id, FOR_CLIENTS);
		return true;
	}
	if (e->stopping) {
		refuse(e, w, HLV_RC_BUSY, "the resolver is stopping");
		return false;
	}
	if (is_greedy(e, w)) {
		refuse(e, w, HLV_RC_BUSY, "too many open questions of this address");
		return false;
	}
	const struct cache_hit *stale = may_be_stale(age, &hit) ? &hit : NULL;
	struct slot *s = slot_find(e, key, w->authoritative, &hash);
	if (s)
		ask_again(e, s, w, stale);
	else
		ask_new(e, w, key, hash, stale);
	return false;
}

bool ask_next(struct engine *e, struct engine_order *out)
{
	struct engine_waiter *w;
	while ((w = waiter_pop(&e->asked)))
		if (look_at(e, w))
			return give(e, w, out);
	return false;
}

void engine_fetch(struct engine *e, struct hlv_bytes id, enum slot_why why)
{
	uint8_t room[MEMORY_KEY_MAX];
	struct hlv_bytes key = memory_key(id, room);
	uint64_t hash;
	if (key.n == 0 || e->stopping)
		return;
	struct slot *s = slot_find(e, key, false, &hash);
	struct failure *f = failure_find(e, hash);
	if (!s && (why != FOR_CLIENTS || !f || f->until_ns <= e->now.mono_ns)) {
		struct walk_question q = {.id = id, .refresh = true};
		e->stats.refreshes++;
		s = slot_open(e, &q, key, hash);
	}
	if (s && why != FOR_CLIENTS)
		s->why = why;
}

/* --- what came of it --- */

static void count(struct engine *e, const struct walk_result *r)
{
	switch (r->proof) {
	case PROOF_SECURE:
		e->stats.secure++;
		break;
	case PROOF_INSECURE:
		e->stats.insecure++;
		break;
	case PROOF_BOGUS:
		e->stats.bogus++;
		break;
	case PROOF_UNKNOWN:
		e->stats.failed++;
		break;
	}
}

static void hold(struct engine *e, struct slot *s)
{
	cache_hold(e->o.cache, s->key, e->now.mono_ns + ENGINE_HOLD_S * ENGINE_S);
}

void slot_done(struct engine *e, struct slot *s)
{
	const struct walk_result *r = walk_result(s->walk);
	struct proven p;
	count(e, r);
	if (s->why != FOR_CLIENTS)
		root_came(e, s, r);
	if (prove(r->proof, &r->finding, &p)) {
		failure_clear(e, s->hash);
		quiet_clear(e, s->key);
		if (!s->first) {
			slot_free(e, s);
			return;
		}
		timer_clear(&e->timers, &s->timer);
		s->state = SLOT_ANSWERS;
		slot_push(&e->done, s);
		return;
	}
	/* What was refuted is not shown from before either. */
	bool stale = s->stale_ok && r->proof != PROOF_BOGUS;
	/* What one client's purse was too small for says nothing about the name. */
	bool telling = rules_hold(e, s->rules) && (!s->partial || r->proof == PROOF_BOGUS);
	if (telling)
		failure_note(e, s->hash, r);
	if (telling && stale && r->timed_out)
		quiet_note(e, s->key);
	if (telling && stale)
		hold(e, s);
	else if (r->proof == PROOF_BOGUS)
		cache_hold(e->o.cache, s->key, 0); /* the workers' hold too */
	for (struct engine_waiter *w = s->first; w; w = w->next)
		w->bogus = r->proof == PROOF_BOGUS;
	slot_answer_all(e, s, r->rc ? r->rc : HLV_RC_ERROR, r->why, stale);
	slot_free(e, s);
}

/* Its timer: the walk's time is over, or the clients' patience. */
void slot_late(struct engine *e, struct slot *s)
{
	if (e->now.mono_ns >= walk_budget(s->walk)->until_ns) {
		if (s->state == SLOT_FLYING || s->state == SLOT_QUEUED) {
			box_leave(e, s);
			s->state = SLOT_READY;
			slot_push(&e->ready, s);
		}
		return;
	}
	/* The walk goes on; who asks from now on is answered at once. */
	s->told = true;
	hold(e, s);
	quiet_note(e, s->key);
	slot_answer_all(e, s, 0, "", true);
	slot_arm(e, s);
}
