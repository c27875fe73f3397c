/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/cache_keep.h"

#include <stdlib.h>

#include "proto/base/err.h"
#include "resolver/cache_inner.h"

enum {
	CHAINS_AT_ONCE = 256,
	/* One of so many chains may change between two times of saving without more work. */
	CHANGES_SHARE = 4,
};

/* --- what changes is noted --- */

static bool shard_keep(struct shard *s, uint32_t max)
{
	s->dirty = malloc(max * sizeof *s->dirty);
	s->gone = malloc(max * sizeof *s->gone);
	if (!s->dirty || !s->gone)
		return false;
	pthread_mutex_lock(&s->lock);
	s->octets += max * (sizeof *s->dirty + sizeof *s->gone);
	s->dirty_max = s->gone_max = max;
	pthread_mutex_unlock(&s->lock);
	return true;
}

bool cache_keep(struct cache *c, uint64_t first)
{
	uint32_t max = (c->shards->mask + 1) / CHANGES_SHARE;
	c->keeping.next_number = first;
	c->keeping.dirty = malloc(max * sizeof *c->keeping.dirty);
	c->keeping.gone = malloc(max * sizeof *c->keeping.gone);
	if (!c->keeping.dirty || !c->keeping.gone)
		return false;
	for (unsigned i = 0; i < c->nshards; i++)
		if (!shard_keep(&c->shards[i], max))
			return false;
	return true;
}

bool cache_restore(struct cache *c, const struct cache_entry *e, uint64_t number,
		   struct hlv_now now)
{
	struct entry *new = entry_new(e->kind, e->key, &e->proven);
	if (!new)
		return false;
	new->hits = e->hits;
	new->validated_s = e->validated_s;
	new->keep_id = number;
	return cache_insert(c, new, now);
}

/* --- and told --- */

static void take_notes(struct cache *c, struct shard *s, const struct cache_changes *to)
{
	pthread_mutex_lock(&s->lock);
	uint32_t ngone = s->ngone;
	c->keeping.ndirty = s->ndirty;
	c->keeping.all = s->all;
	memcpy(c->keeping.dirty, s->dirty, s->ndirty * sizeof *s->dirty);
	memcpy(c->keeping.gone, s->gone, ngone * sizeof *s->gone);
	s->ndirty = s->ngone = 0;
	s->all = false;
	pthread_mutex_unlock(&s->lock);
	for (uint32_t i = 0; i < ngone; i++)
		to->gone(to->ctx, c->keeping.gone[i]);
}

static struct entry *copy_dirty(struct cache *c, struct shard *s, uint32_t chain)
{
	struct entry *copies = NULL;
	pthread_mutex_lock(&s->lock);
	for (struct entry *e = s->chains[chain]; e; e = e->next) {
		if (!(e->flags & ENTRY_DIRTY))
			continue;
		if (e->keep_id == 0)
			e->keep_id = c->keeping.next_number++;
		struct entry *copy = entry_copy(e);
		if (!copy) {
			s->all = true; /* it stays dirty */
			break;
		}
		e->flags = (uint8_t)((e->flags & ~ENTRY_DIRTY) | ENTRY_SAVING);
		copy->next = copies;
		copies = copy;
	}
	pthread_mutex_unlock(&s->lock);
	return copies;
}

/* Without memory for the list it is looked through as a whole if it comes to that. */
static void note_visit(struct cache *c, unsigned shard, uint32_t chain)
{
	if (c->keeping.nvisited == c->keeping.visited_max) {
		size_t max = c->keeping.visited_max ? c->keeping.visited_max * 2 : 1024;
		uint64_t *more = realloc(c->keeping.visited, max * sizeof *more);
		if (!more)
			return;
		c->keeping.visited = more;
		c->keeping.visited_max = max;
	}
	c->keeping.visited[c->keeping.nvisited++] = (uint64_t)shard << 32 | chain;
}

static void tell_chain(struct cache *c, unsigned shard, uint32_t chain,
		       const struct cache_changes *to)
{
	struct entry *copies = copy_dirty(c, &c->shards[shard], chain);
	if (copies)
		note_visit(c, shard, chain);
	for (struct entry *e = copies; e; e = e->next) {
		struct cache_entry shown;
		entry_show(e, &shown);
		to->put(to->ctx, &shown, e->keep_id);
	}
	free_chain(copies);
}

bool cache_next_changes(struct cache *c, uint64_t *place, const struct cache_changes *to)
{
	unsigned i = (unsigned)(*place >> 32);
	uint32_t at = (uint32_t)*place;
	if (i >= c->nshards || !c->keeping.dirty)
		return false;
	struct shard *s = &c->shards[i];
	if (at == 0)
		take_notes(c, s, to);
	uint32_t end = c->keeping.all ? s->mask + 1 : c->keeping.ndirty;
	for (unsigned n = 0; n < CHAINS_AT_ONCE && at < end; n++, at++)
		tell_chain(c, i, c->keeping.all ? at : c->keeping.dirty[at], to);
	*place = at < end ? (uint64_t)i << 32 | at : (uint64_t)(i + 1) << 32;
	return *place >> 32 < c->nshards;
}

void cache_changes_saved(struct cache *c, bool on_disk)
{
	for (size_t n = 0; n < c->keeping.nvisited; n++) {
		struct shard *s = &c->shards[c->keeping.visited[n] >> 32];
		pthread_mutex_lock(&s->lock);
		struct entry *e = s->chains[(uint32_t)c->keeping.visited[n]];
		for (; e; e = e->next) {
			if (!on_disk && e->flags & ENTRY_SAVING)
				e->flags |= ENTRY_DIRTY;
			e->flags &= (uint8_t)~ENTRY_SAVING;
		}
		pthread_mutex_unlock(&s->lock);
	}
	c->keeping.nvisited = 0;
	for (unsigned i = 0; i < c->nshards && !on_disk; i++) {
		struct shard *s = &c->shards[i];
		pthread_mutex_lock(&s->lock);
		s->all = true; /* what was taken and not told is dirty still */
		pthread_mutex_unlock(&s->lock);
	}
}

void cache_changes_lost(struct cache *c)
{
	for (unsigned i = 0; i < c->nshards; i++) {
		struct shard *s = &c->shards[i];
		pthread_mutex_lock(&s->lock);
		for (uint32_t at = 0; at <= s->mask; at++)
			for (struct entry *e = s->chains[at]; e; e = e->next)
				e->flags |= ENTRY_DIRTY;
		s->all = true;
		pthread_mutex_unlock(&s->lock);
	}
}

static int by_number(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

static bool collect(struct shard *s, uint64_t **numbers, size_t *n)
{
	pthread_mutex_lock(&s->lock);
	uint64_t *more = realloc(*numbers, (*n + s->stats.entries + 1) * sizeof *more);
	if (more)
		*numbers = more;
	for (uint32_t i = 0; more && i <= s->mask; i++)
		for (const struct entry *e = s->chains[i]; e; e = e->next)
			if (e->keep_id)
				more[(*n)++] = e->keep_id;
	pthread_mutex_unlock(&s->lock);
	return more != NULL;
}

bool cache_lost_count(struct cache *c, uint64_t **numbers, size_t *n)
{
	bool lost = false;
	*numbers = NULL;
	*n = 0;
	for (unsigned i = 0; i < c->nshards; i++) {
		pthread_mutex_lock(&c->shards[i].lock);
		lost |= c->shards[i].lost;
		c->shards[i].lost = false;
		pthread_mutex_unlock(&c->shards[i].lock);
	}
	for (unsigned i = 0; i < c->nshards && lost; i++)
		if (!collect(&c->shards[i], numbers, n)) {
			free(*numbers);
			*numbers = NULL;
			c->shards[0].lost = true;
			return false;
		}
	if (lost && *n > 0)
		qsort(*numbers, *n, sizeof **numbers, by_number);
	return lost;
}
