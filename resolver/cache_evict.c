/* SPDX-License-Identifier: Apache-2.0
 *
 * Who goes when there is no room for who comes. A shard's lock is held in all of it.
 */
#include "resolver/cache_inner.h"

static uint32_t next_random(struct shard *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)(s->random >> 32);
}

/* Any one entry: of the chain at a random place, or of the next that has one. */
static struct entry **draw(struct shard *s)
{
	uint32_t from = next_random(s) & s->mask, at = from;
	while (!s->chains[at]) {
		at = (at + 1) & s->mask;
		if (at == from)
			return NULL;
	}
	uint32_t n = 0;
	for (struct entry *e = s->chains[at]; e; e = e->next)
		n++;
	struct entry **p = &s->chains[at];
	for (n = next_random(s) % n; n > 0; n--)
		p = &(*p)->next;
	return p;
}

/* One hit says a lot, the thousandth nothing: squares up to 64. */
static uint64_t weight(const struct entry *e)
{
	uint64_t hits = e->hits < 64 ? e->hits : 64;
	return 1 + 8 * hits * hits;
}

/* Is `a` less worth keeping than `b`? What is past all use goes first. Then how often it was asked
 * for in the time since it came, and how long ago the last time was: hits / (age * rest), in ticks. */
static bool is_worse(const struct cache *c, const struct shard *s, const struct entry *a,
		     const struct entry *b, uint64_t now_ms)
{
	bool dead = now_ms >= entry_end(c, a);
	if (dead || now_ms >= entry_end(c, b))
		return dead;
	uint64_t x = weight(a) * (uint64_t)(s->tick - b->used + 1);
	uint64_t y = weight(b) * (uint64_t)(s->tick - a->used + 1);
	return x < y;
}

static bool is_protected(const struct shard *s, const struct entry *e)
{
	return e->flags & ENTRY_ZONE && s->zone_octets <= s->octets_max / ZONE_SHARE;
}

/* The less useful of two drawn at random; while that is one that was asked for, or a zone, some more
 * are drawn. (With two alone, one in a thousand of a flood's puts meets two warm ones.) */
static struct entry **choose_victim(const struct cache *c, struct shard *s, uint64_t now_ms)
{
	struct entry **worst = draw(s);
	for (unsigned i = 1; i < DRAWS_MAX && worst; i++) {
		struct entry **other = draw(s);
		if (other == worst)
			continue;
		bool spared = is_protected(s, *worst), spare = is_protected(s, *other);
		if (spared != spare ? spared : is_worse(c, s, *other, *worst, now_ms))
			worst = other;
		if ((*worst)->hits == 0 && !is_protected(s, *worst))
			break;
	}
	return worst;
}

void cache_make_room(const struct cache *c, struct shard *s, size_t cost, uint64_t now_ms,
		     struct entry **out)
{
	while (s->octets + cost > s->octets_max) {
		struct entry **at = choose_victim(c, s, now_ms);
		if (!at)
			return;
		struct entry *e = *at;
		if (now_ms >= entry_end(c, e))
			s->stats.expired++;
		else
			s->stats.evicted++;
		shard_unlink(s, at);
		e->next = *out;
		*out = e;
	}
}
