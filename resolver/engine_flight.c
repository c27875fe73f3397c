/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/engine_inner.h"

#include "proto/base/siphash.h"

/* Walks that ask the same servers the same share one flight, whatever their clients wanted: at most
 * one question is open towards a server for one name (threats.md 7 "Poisoning"). Their messages may
 * differ, by time and by how often they were passed on; digests would not fit then, so those who say
 * it otherwise wait until the flight has ended, and look again. */

enum { SOCK_BITS = 8, BOX_BITS = 24 };

static uint64_t sock_of(const struct engine *e, const struct box *b, uint32_t sock)
{
	return (uint64_t)b->serial << 32 | (uint64_t)(b - e->boxes) << SOCK_BITS | sock;
}

struct box *box_find(struct engine *e, uint64_t sock)
{
	uint32_t at = (uint32_t)(sock >> SOCK_BITS) & ((1U << BOX_BITS) - 1);
	struct box *b = at < BOXES_MAX ? &e->boxes[at] : NULL;
	return b && b->flight && b->serial == sock >> 32 ? b : NULL;
}

static bool is_authoritative(const struct walk_ask *ask)
{
	return ask->covered.n >= 12 && hlv_load_u32(ask->covered.p + 8) & HLV_F_AUTHORITATIVE;
}

static uint64_t ask_hash(struct engine *e, const struct walk_ask *ask)
{
	uint8_t kind[4];
	hlv_store_u32(kind, ask->op << 2 | (uint32_t)is_authoritative(ask) << 1 | ask->stream);
	uint64_t parts[3] = {hlv_siphash(e->secret, ask->id), hlv_siphash(e->secret, ask->zone),
			     hlv_siphash(e->secret, hlv_bytes(kind, sizeof kind))};
	return hlv_siphash(e->secret, hlv_bytes(parts, sizeof parts));
}

static bool asks_same(const struct walk_ask *a, const struct walk_ask *b)
{
	return a->op == b->op && a->stream == b->stream &&
	       is_authoritative(a) == is_authoritative(b) && hlv_eq(a->id, b->id) &&
	       hlv_eq(a->zone, b->zone);
}

void box_poll_later(struct engine *e, struct box *b)
{
	if (b->polled)
		return;
	b->polled = true;
	b->next = e->polled;
	e->polled = b;
}

static void go_on(struct engine *e, struct slot *s)
{
	s->box = NULL;
	s->state = SLOT_READY;
	slot_push(&e->ready, s);
}

static void leave_bucket(struct engine *e, struct box *b)
{
	struct box **at = &e->box_buckets[b->hash % BUCKETS];
	while (*at && *at != b)
		at = &(*at)->chain;
	if (*at)
		*at = b->chain;
}

static void close_box(struct engine *e, struct box *b)
{
	e->stats.mismatches += flight_mismatches(b->flight);
	flight_free(b->flight);
	timer_clear(&e->timers, &b->timer);
	leave_bucket(e, b);
	*b = (struct box){.next = e->free_boxes};
	e->free_boxes = b;
}

static struct box *open_box(struct engine *e, struct slot *s, uint64_t hash)
{
	struct box *b = e->free_boxes;
	if (!b)
		return NULL;
	struct box *next = b->next;
	*b = (struct box){.timer.kind = TIMER_BOX, .hash = hash, .serial = ++e->serial};
	b->flight =
		flight_new(s->ask, e->selector, walk_budget(s->walk), engine_number(e), e->now);
	if (!b->flight) {
		*b = (struct box){.next = next};
		return NULL;
	}
	e->free_boxes = next;
	b->chain = e->box_buckets[hash % BUCKETS];
	e->box_buckets[hash % BUCKETS] = b;
	return b;
}

static struct box *box_for(struct engine *e, const struct slot *s, uint64_t hash)
{
	for (struct box *b = e->box_buckets[hash % BUCKETS]; b; b = b->chain)
		if (b->hash == hash && b->passengers.first &&
		    asks_same(b->passengers.first->ask, s->ask))
			return b;
	return NULL;
}

void box_board(struct engine *e, struct slot *s)
{
	uint64_t hash = ask_hash(e, s->ask);
	struct box *b = box_for(e, s, hash);
	if (b && !hlv_eq(b->passengers.first->ask->covered, s->ask->covered)) {
		s->box = b;
		s->state = SLOT_QUEUED;
		slot_push(&b->queued, s);
		return;
	}
	if (!b)
		b = open_box(e, s, hash);
	if (!b) {
		walk_failed(s->walk, HLV_E_IO, e->now);
		go_on(e, s);
		return;
	}
	s->box = b;
	s->state = SLOT_FLYING;
	slot_push(&b->passengers, s);
	box_poll_later(e, b);
}

/* All who wait behind it look again. */
static void release_queued(struct engine *e, struct box *b)
{
	struct slot *s;
	while ((s = slot_pop(&b->queued)))
		go_on(e, s);
}

void box_leave(struct engine *e, struct slot *s)
{
	struct box *b = s->box;
	if (s->state == SLOT_QUEUED) {
		slot_remove(&b->queued, s);
	} else {
		slot_remove(&b->passengers, s);
		if (b->passengers.first) {
			flight_charge(b->flight, walk_budget(b->passengers.first->walk));
		} else {
			release_queued(e, b);
			flight_stop(b->flight);
		}
		box_poll_later(e, b);
	}
	s->box = NULL;
}

static bool is_server(const struct zone_server *a, const struct zone_server *b)
{
	if (!a->udp.len != !b->udp.len || !a->tcp.len != !b->tcp.len)
		return false;
	return (!a->udp.len || hlv_addr_eq(&a->udp, &b->udp)) &&
	       (!a->tcp.len || hlv_addr_eq(&a->tcp, &b->tcp));
}

static void feed(struct engine *e, struct box *b, struct slot *s)
{
	size_t ignored;
	enum flight_way way;
	struct hlv_bytes message = flight_answer(b->flight, &ignored, &way);
	const struct zone_server *server = flight_server(b->flight);
	for (size_t i = 0; i < s->ask->nservers; i++) {
		if (is_server(&s->ask->servers[i], server)) {
			walk_feed(s->walk, message, i, e->now);
			return;
		}
	}
	/* It would not have asked that one: let it ask by itself. */
}

static void answered(struct engine *e, struct box *b)
{
	struct slot *s;
	while ((s = slot_pop(&b->passengers))) {
		feed(e, b, s);
		go_on(e, s);
	}
	release_queued(e, b);
	close_box(e, b);
}

/* When it was the payer's purse or time that ended, the others go on at their own cost. */
static void failed(struct engine *e, struct box *b)
{
	enum hlv_err err = flight_error(b->flight);
	struct slot *s = slot_pop(&b->passengers);
	bool his_alone =
		s && (err == HLV_E_LIMIT || e->now.mono_ns >= walk_budget(s->walk)->until_ns);
	for (; s; s = slot_pop(&b->passengers)) {
		walk_failed(s->walk, err, e->now);
		go_on(e, s);
		if (his_alone)
			break;
	}
	while ((s = slot_pop(&b->passengers)))
		go_on(e, s);
	release_queued(e, b);
	close_box(e, b);
}

static bool give_order(struct engine *e, struct box *b, const struct flight_order *f,
		       struct engine_order *out)
{
	out->what = f->what == FLIGHT_OPEN ? ENGINE_OPEN : ENGINE_CLOSE;
	out->sock = sock_of(e, b, f->sock);
	out->way = f->way;
	out->addr = f->addr;
	out->key = f->key;
	out->octets = f->octets;
	e->stats.packets_out += f->what == FLIGHT_OPEN;
	return true;
}

bool box_poll(struct engine *e, struct engine_order *out)
{
	while (e->polled) {
		struct box *b = e->polled;
		struct flight_order f;
		flight_next(b->flight, e->now, &f);
		if (f.what == FLIGHT_OPEN || f.what == FLIGHT_CLOSE)
			return give_order(e, b, &f, out);
		e->polled = b->next;
		b->polled = false;
		if (f.what == FLIGHT_WAIT)
			timer_set(&e->timers, &b->timer, flight_deadline(b->flight));
		else if (f.what == FLIGHT_ANSWERED)
			answered(e, b);
		else
			failed(e, b);
	}
	return false;
}
