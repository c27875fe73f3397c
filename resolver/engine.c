/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/engine_inner.h"

#include <stdlib.h>

#include "proto/base/siphash.h"

uint64_t engine_number(struct engine *e)
{
	uint64_t count = e->counter++;
	return hlv_siphash(e->secret, hlv_bytes(&count, sizeof count));
}

/* Of the call before: what its order pointed to. */
static void enter(struct engine *e, struct hlv_now now)
{
	e->now = e->cache_memory.now = now;
	if (e->spent) {
		struct slot *s = e->spent;
		e->spent = NULL;
		slot_free(e, s);
	}
	hlv_arena_reset(&e->arena);
}

static bool take_memory(struct engine *e)
{
	e->timers.cap = ENGINE_WALKS_MAX + BOXES_MAX + 1;
	e->timers.heap = calloc(e->timers.cap, sizeof *e->timers.heap);
	e->slots = calloc(ENGINE_WALKS_MAX, sizeof *e->slots);
	e->boxes = calloc(BOXES_MAX, sizeof *e->boxes);
	e->failures = calloc(ENGINE_FAILURES_MAX, sizeof *e->failures);
	e->selector = selector_new(ENGINE_SERVERS_MAX, engine_number(e));
	e->keys = keys_new(engine_number(e));
	return e->timers.heap && e->slots && e->boxes && e->failures && e->selector && e->keys;
}

struct engine *engine_new(const struct engine_options *o, struct hlv_now now)
{
	struct engine *e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	e->o = *o;
	e->now = now;
	hlv_rand_seed(&e->rand, o->seed);
	e->secret[0] = hlv_rand_u64(&e->rand);
	e->secret[1] = hlv_rand_u64(&e->rand);
	hlv_arena_init(&e->arena, HIT_ARENA);
	e->cache_memory = (struct cache_memory){o->cache, now};
	bool taken = take_memory(e);
	engine_set_rules(e, o->rules);
	if (!taken || !e->rules) {
		engine_free(e);
		return NULL;
	}
	for (size_t i = ENGINE_WALKS_MAX; i-- > 0; e->free_slots = &e->slots[i])
		e->slots[i].next = e->free_slots;
	for (size_t i = BOXES_MAX; i-- > 0; e->free_boxes = &e->boxes[i])
		e->boxes[i].next = e->free_boxes;
	root_begin(e);
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	if (e->slots)
		enter(e, e->now);
	while (e->oldest)
		slot_free(e, e->oldest);
	for (size_t i = 0; e->boxes && i < BOXES_MAX; i++)
		flight_free(e->boxes[i].flight);
	while (e->rules) {
		struct rules *r = e->rules;
		e->rules = r->next;
		hlv_arena_fini(&r->arena);
		free(r);
	}
	selector_free(e->selector);
	keys_free(e->keys);
	hlv_arena_fini(&e->arena);
	hlv_arena_fini(&e->found_arena);
	free(e->timers.heap);
	free(e->failures);
	free(e->boxes);
	free(e->slots);
	free(e);
}

void engine_ask(struct engine *e, struct engine_waiter *w, struct hlv_now now)
{
	enter(e, now);
	w->proven_is_set = w->stale = false;
	w->proven = (struct proven){0};
	w->left_s = w->rc = 0;
	w->why[0] = '\0';
	w->asked_ns = now.mono_ns;
	if (w->client.len)
		++*client_count(e, &w->client);
	e->stats.questions++;
	waiter_push(&e->asked, w);
}

void engine_refresh(struct engine *e, struct hlv_bytes id, struct hlv_now now)
{
	enter(e, now);
	engine_fetch(e, id, FOR_CLIENTS);
}

static void step(struct engine *e, struct slot *s)
{
	s->state = SLOT_STEPS;
	if (walk_next(s->walk, e->now, &s->ask) == WALK_DONE)
		slot_done(e, s);
	else
		box_board(e, s);
}

static bool has_work(const struct engine *e)
{
	return e->answers.first || e->done.first || e->polled || e->asked.first ||
	       e->ready.first;
}

void engine_next(struct engine *e, struct hlv_now now, struct engine_order *out)
{
	enter(e, now);
	*out = (struct engine_order){0};
	while (has_work(e)) {
		if (answer_next(e, out) || box_poll(e, out) || ask_next(e, out))
			return;
		struct slot *s = slot_pop(&e->ready);
		if (s)
			step(e, s);
	}
	out->what = ENGINE_WAIT;
	if (e->anchors_changed)
		out->what = ENGINE_ANCHORS;
	e->anchors_changed = false;
}

void engine_feed(struct engine *e, uint64_t sock, struct hlv_bytes octets, struct hlv_now now)
{
	enter(e, now);
	struct box *b = box_find(e, sock);
	if (!b)
		return;
	e->stats.octets_in += octets.n;
	flight_feed(b->flight, (uint32_t)sock & UINT8_MAX, octets, now);
	box_poll_later(e, b);
}

void engine_gone(struct engine *e, uint64_t sock, enum hlv_err err, struct hlv_now now)
{
	enter(e, now);
	struct box *b = box_find(e, sock);
	if (!b)
		return;
	flight_gone(b->flight, (uint32_t)sock & UINT8_MAX, err, now);
	box_poll_later(e, b);
}

hlv_mono_ns engine_deadline(const struct engine *e)
{
	if (has_work(e) || e->anchors_changed)
		return 0;
	return e->timers.n > 0 ? e->timers.heap[0]->at_ns : UINT64_MAX;
}

void engine_timeout(struct engine *e, struct hlv_now now)
{
	enter(e, now);
	struct timer *t;
	while ((t = timer_due(&e->timers, now.mono_ns))) {
		switch (t->kind) {
		case TIMER_SLOT:
			slot_late(e, (struct slot *)(void *)t);
			break;
		case TIMER_BOX:
			box_poll_later(e, (struct box *)(void *)t);
			break;
		case TIMER_ROOT:
			root_due(e);
			break;
		}
	}
}

void engine_stop(struct engine *e, struct hlv_now now)
{
	enter(e, now);
	e->stopping = true;
	timer_clear(&e->timers, &e->root_timer);
	for (struct slot *s = e->oldest, *next; s; s = next) {
		next = s->newer;
		if (s->state == SLOT_ANSWERS)
			continue;
		slot_answer_all(e, s, HLV_RC_BUSY, "the resolver is stopping", s->stale_ok);
		slot_free(e, s);
	}
}

const struct engine_stats *engine_stats(const struct engine *e)
{
	return &e->stats;
}

struct selector *engine_selector(struct engine *e)
{
	return e->selector;
}
