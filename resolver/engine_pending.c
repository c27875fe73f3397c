/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/engine_inner.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/siphash.h"

/* --- lists --- */

void slot_push(struct slot_list *l, struct slot *s)
{
	s->next = NULL;
	*(l->last ? &l->last->next : &l->first) = s;
	l->last = s;
}

struct slot *slot_pop(struct slot_list *l)
{
	struct slot *s = l->first;
	if (!s)
		return NULL;
	l->first = s->next;
	if (!l->first)
		l->last = NULL;
	return s;
}

void slot_remove(struct slot_list *l, struct slot *s)
{
	struct slot *before = NULL, **at = &l->first;
	while (*at && *at != s) {
		before = *at;
		at = &before->next;
	}
	if (!*at)
		return;
	*at = s->next;
	if (l->last == s)
		l->last = before;
}

void waiter_push(struct waiter_list *l, struct engine_waiter *w)
{
	w->next = NULL;
	*(l->last ? &l->last->next : &l->first) = w;
	l->last = w;
}

struct engine_waiter *waiter_pop(struct waiter_list *l)
{
	struct engine_waiter *w = l->first;
	if (!w)
		return NULL;
	l->first = w->next;
	if (!l->first)
		l->last = NULL;
	w->next = NULL;
	return w;
}

/* Who joined somebody else's walk is charged for it as well, which is never too little. */
void waiter_pays(struct engine_waiter *w, const struct budget *left)
{
	struct budget *b = &w->budget;
	if (!w->budget_is_set) {
		*b = *left;
		w->budget_is_set = true;
		return;
	}
#define X(what) b->what = left->what < b->what ? left->what : b->what;
	X(packets) X(signatures) X(octets) X(steps) X(aliases) X(until_ns)
#undef X
}

/* --- who has how much open --- */

/* An IPv6 network of a subscriber counts as one: he has all of its addresses. */
uint32_t *client_count(struct engine *e, const struct hlv_addr *a)
{
	uint8_t octets[16];
	hlv_addr_to_site(a, octets);
	bool v6 = a->sa.any.sa_family == AF_INET6;
	uint64_t hash = hlv_siphash(e->secret, hlv_bytes(octets, v6 ? 8 : 16));
	return &e->clients[hash % CLIENT_BUCKETS];
}

/* --- the table --- */

static uint64_t hash_of(struct engine *e, struct hlv_bytes key, bool authoritative)
{
	uint64_t secret[2] = {e->secret[0], e->secret[1] ^ authoritative};
	return hlv_siphash(secret, key);
}

struct slot *slot_find(struct engine *e, struct hlv_bytes key, bool authoritative,
		       uint64_t *hash)
{
	*hash = hash_of(e, key, authoritative);
	for (struct slot *s = e->buckets[*hash % BUCKETS]; s; s = s->chain)
		if (s->hash == *hash && s->question.authoritative == authoritative &&
		    hlv_eq(s->key, key) && !s->partial && rules_hold(e, s->rules))
			return s;
	return NULL;
}

static void leave_bucket(struct engine *e, struct slot *s)
{
	struct slot **at = &e->buckets[s->hash % BUCKETS];
	while (*at && *at != s)
		at = &(*at)->chain;
	if (*at)
		*at = s->chain;
}

static void leave_ages(struct engine *e, struct slot *s)
{
	*(s->older ? &s->older->newer : &e->oldest) = s->newer;
	*(s->newer ? &s->newer->older : &e->newest) = s->older;
	if (e->youngish == s)
		e->youngish = s->newer;
	e->nold -= s->old;
	e->nslots--;
}

void slot_free(struct engine *e, struct slot *s)
{
	switch (s->state) {
	case SLOT_READY:
		slot_remove(&e->ready, s);
		break;
	case SLOT_FLYING:
	case SLOT_QUEUED:
		box_leave(e, s);
		break;
	case SLOT_ANSWERS:
		slot_remove(&e->done, s);
		break;
	case SLOT_STEPS:
		break;
	case SLOT_FREE:
		hlv_require(false);
	}
	hlv_require(!s->first);
	timer_clear(&e->timers, &s->timer);
	leave_bucket(e, s);
	leave_ages(e, s);
	walk_free(s->walk);
	rules_leave(e, s->rules);
	free(s->octets);
	*s = (struct slot){.next = e->free_slots};
	e->free_slots = s;
}

/* --- jostling (threats.md 7 "Coalescing") --- */

static void grow_old(struct engine *e)
{
	while (e->youngish &&
	       e->now.mono_ns - e->youngish->begun_ns >= ENGINE_JOSTLE_MS * ENGINE_MS) {
		e->youngish->old = true;
		e->nold++;
		e->youngish = e->youngish->newer;
	}
}

/* All slots are taken: walks that take long may keep half of them, what is over that gives way,
 * beginning with the oldest; and while they have less it is the young who must wait for room. */
static void jostle(struct engine *e)
{
	grow_old(e);
	if (e->nold <= ENGINE_WALKS_MAX / 2)
		return;
	struct slot *s = e->oldest;
	while (s && s->state == SLOT_ANSWERS)
		s = s->newer;
	if (!s || !s->old)
		return;
	slot_answer_all(e, s, HLV_RC_BUSY, "too many questions at a time", s->stale_ok);
	slot_free(e, s);
}

/* --- a new one --- */

static bool copy_names(struct slot *s, struct hlv_bytes id, struct hlv_bytes key)
{
	s->octets = malloc(id.n + key.n + 1);
	if (!s->octets)
		return false;
	memcpy(s->octets, id.p, id.n);
	memcpy(s->octets + id.n, key.p, key.n);
	s->question.id = hlv_bytes(s->octets, id.n);
	s->key = hlv_bytes(s->octets + id.n, key.n);
	return true;
}

static void enter(struct engine *e, struct slot *s)
{
	struct slot **bucket = &e->buckets[s->hash % BUCKETS];
	s->chain = *bucket;
	*bucket = s;
	s->older = e->newest;
	*(e->newest ? &e->newest->newer : &e->oldest) = s;
	e->newest = s;
	if (!e->youngish)
		e->youngish = s;
	e->nslots++;
}

struct slot *slot_open(struct engine *e, const struct walk_question *q, struct hlv_bytes key,
		       uint64_t hash)
{
	if (!e->free_slots)
		jostle(e);
	struct slot *s = e->free_slots;
	if (!s)
		return NULL;
	struct slot *next = s->next;
	*s = (struct slot){.timer.kind = TIMER_SLOT,
			   .question = *q,
			   .hash = hash,
			   .partial = q->budget != NULL};
	s->rules = rules_now(e);
	if (copy_names(s, q->id, key))
		s->walk = walk_new(&s->rules->own, &s->rules->memory, &s->question,
				   engine_number(e), e->now);
	if (!s->walk) {
		rules_leave(e, s->rules);
		free(s->octets);
		*s = (struct slot){.next = next};
		return NULL;
	}
	s->question.budget = NULL; /* the waiter's, who need not live as long */
	e->free_slots = next;
	s->begun_ns = e->now.mono_ns;
	enter(e, s);
	s->state = SLOT_READY;
	slot_push(&e->ready, s);
	e->stats.walks++;
	slot_arm(e, s);
	return s;
}

/* When it is to be looked at: its walk's end, or the time for the stale answer. */
void slot_arm(struct engine *e, struct slot *s)
{
	hlv_mono_ns at_ns = walk_budget(s->walk)->until_ns;
	if (s->stale_ok && s->first) {
		hlv_mono_ns late_ns = s->first->asked_ns + ENGINE_STALE_WAIT_MS * ENGINE_MS;
		if (late_ns < at_ns)
			at_ns = late_ns;
	}
	timer_set(&e->timers, &s->timer, at_ns);
}

void slot_answer_all(struct engine *e, struct slot *s, uint32_t rc, const char *why, bool stale)
{
	struct waiter_list l = {s->first, s->last};
	struct engine_waiter *w;
	while ((w = waiter_pop(&l))) {
		w->rc = rc;
		w->stale = stale;
		waiter_pays(w, walk_budget(s->walk));
		snprintf(w->why, sizeof w->why, "%s", why);
		waiter_push(&e->answers, w);
	}
	s->first = s->last = NULL;
	s->nwaiters = 0;
}
