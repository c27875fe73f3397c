/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/cache.h"

#include <malloc.h>
#include <stdlib.h>

#include "proto/base/siphash.h"
#include "resolver/cache_inner.h"

static const hlv_mono_ns SECOND_NS = 1000000000;

/* --- entries --- */

/* What the heap really took: the system's allocator says, and keeps one word in front. */
size_t entry_cost(struct entry *e)
{
	return malloc_usable_size(e) + sizeof(size_t);
}

/* Sites and prefix handles: without them everything below is asked for from the root again. */
static bool is_zone(enum memory_kind kind, struct hlv_bytes key, const struct finding *f)
{
	return f->rc == HLV_RC_SUCCESS &&
	       (kind == MEMORY_CUT || hlv_starts_with(key, hlv_text("0.NA/")));
}

struct entry *entry_new(enum memory_kind kind, struct hlv_bytes key, const struct proven *p)
{
	const struct finding *f = &p->finding;
	size_t raw_n = f->rc == HLV_RC_SUCCESS ? f->values.raw.n : 0;
	if (key.n > MEMORY_KEY_MAX || raw_n > UINT32_MAX)
		return NULL;
	struct entry *e = malloc(offsetof(struct entry, octets) + key.n + raw_n);
	if (!e)
		return NULL;
	*e = (struct entry){.key_n = (uint16_t)key.n,
			    .kind = (uint8_t)kind,
			    .flags = is_zone(kind, key, f) ? ENTRY_ZONE : 0,
			    .fetched_ms = f->fetched_ms,
			    .life_s = f->life_s,
			    .n = raw_n ? f->values.n : 0,
			    .raw_n = (uint32_t)raw_n,
			    .rc = (uint8_t)f->rc,
			    .proof = (uint8_t)p->proof,
			    .newest_s = f->newest_s,
			    .validated_s = p->proof == PROOF_SECURE ? f->newest_s : 0};
	if (key.n)
		memcpy(e->octets, key.p, key.n);
	if (raw_n)
		memcpy(e->octets + key.n, f->values.raw.p, raw_n);
	return e;
}

bool entry_proven(const struct entry *e, struct proven *p)
{
	struct finding f = {.rc = e->rc,
			    .values = {e->n, hlv_bytes(e->octets + e->key_n, e->raw_n)},
			    .fetched_ms = e->fetched_ms,
			    .life_s = e->life_s,
			    .newest_s = e->newest_s};
	return prove((enum proof)e->proof, &f, p);
}

/* --- one shard; its lock is held --- */

static struct entry **find(struct shard *s, uint32_t hash, enum memory_kind kind,
			   struct hlv_bytes key)
{
	struct entry **at = &s->chains[hash & s->mask];
	for (; *at; at = &(*at)->next) {
		struct entry *e = *at;
		if (e->hash == hash && e->kind == (uint8_t)kind && hlv_eq(entry_key(e), key))
			break;
	}
	return at;
}

static void mark_gone(struct shard *s, uint64_t keep_id)
{
	if (s->ngone < s->gone_max)
		s->gone[s->ngone++] = keep_id;
	else
		s->lost = s->gone_max > 0;
}

static void mark_dirty(struct shard *s, struct entry *e)
{
	if (s->dirty_max == 0 || e->flags & ENTRY_DIRTY)
		return;
	e->flags |= ENTRY_DIRTY;
	if (s->ndirty < s->dirty_max)
		s->dirty[s->ndirty++] = e->hash & s->mask;
	else
		s->all = true;
}

void shard_unlink(struct shard *s, struct entry **at)
{
	struct entry *e = *at;
	size_t cost = entry_cost(e);
	chain_set(at, e->next);
	s->octets -= cost;
	s->stats.entries--;
	if (e->flags & ENTRY_ZONE)
		s->zone_octets -= cost;
	if (e->keep_id)
		mark_gone(s, e->keep_id);
}

/* Found with a time in the future: the clock was set back, or a machine without a battery lost it in
 * a power cut. How old it is cannot be known; it is as if its life had ended when that was seen, so
 * that it is asked for anew, serves when nobody can be asked, and does end. What it says of itself
 * stays: when the clock has its time again, so has it. */
static void look_ahead(struct entry *e, struct hlv_now now)
{
	if (e->fetched_ms <= now.wall_ms + CLOCK_SLACK_MS)
		e->ahead_s = 0;
	else if (e->ahead_s == 0)
		e->ahead_s = (uint32_t)(now.mono_ns / SECOND_NS) + 1;
}

static enum cache_age age_of(const struct cache *c, struct entry *e, struct hlv_now now,
			     uint32_t *left_s)
{
	uint64_t end = entry_life_end(e);
	*left_s = 0;
	look_ahead(e, now);
	if (e->ahead_s) {
		uint64_t since_s = now.mono_ns / SECOND_NS + 1 - e->ahead_s;
		return since_s < c->o.stale_s ? CACHE_STALE : CACHE_NONE;
	}
	if (now.wall_ms < end) {
		uint64_t left = (end - now.wall_ms + 999) / 1000;
		*left_s = left < e->life_s ? (uint32_t)left : e->life_s;
		return CACHE_FRESH;
	}
	return now.wall_ms < entry_end(c, e) ? CACHE_STALE : CACHE_NONE;
}

/* May what is new stand in the place of what is there? */
static bool may_replace(const struct cache *c, struct entry *old, const struct entry *new,
			struct hlv_now now)
{
	uint32_t left_s;
	enum cache_age age = age_of(c, old, now, &left_s);
	if (new->proof == PROOF_SECURE || age == CACHE_NONE)
		return true;
	if (age == CACHE_FRESH && old->proof == PROOF_SECURE)
		return false;
	/* threats.md 7 "Negative": uncertified, it replaces no validated record, not a stale one
	 * either, and no record that is fresh. */
	if (new->rc != HLV_RC_SUCCESS && old->rc == HLV_RC_SUCCESS)
		return age != CACHE_FRESH && old->proof != PROOF_SECURE;
	return true;
}

static void inherit(struct entry *e, struct entry *old)
{
	if (old->validated_s > e->validated_s)
		e->validated_s = old->validated_s;
	if (old->hits / 2 > e->hits)
		e->hits = old->hits / 2;
	e->used = old->used;
	e->flags |= old->flags & ENTRY_DIRTY; /* its chain is noted already */
	if (e->keep_id != 0)
		return; /* has a number of its own; the old one's is free */
	e->keep_id = old->keep_id;
	old->keep_id = 0;
}

/* --- the cache --- */

static uint64_t hash_of(const struct cache *c, struct hlv_bytes key)
{
	return hlv_siphash_1_3(c->secret, key);
}

static struct shard *shard_of(const struct cache *c, uint64_t hash)
{
	return &c->shards[(hash >> 32) & (c->nshards - 1)];
}

static bool shard_init(struct shard *s, uint64_t octets, uint64_t random)
{
	uint32_t chains = 16;
	while ((uint64_t)chains * 2 * CHAIN_OCTETS <= octets && chains < 1U << 30)
		chains *= 2;
	s->chains = calloc(chains, sizeof(struct entry *));
	if (!s->chains)
		return false;
	pthread_mutex_init(&s->lock, NULL);
	s->mask = chains - 1;
	s->octets = chains * sizeof(struct entry *) + sizeof *s;
	s->octets_max = octets;
	s->random = random | 1;
	return true;
}

struct cache *cache_new(const struct cache_options *o)
{
	struct cache *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->o = *o;
	c->secret[0] = o->secret;
	c->secret[1] = o->secret * UINT64_C(0x9E3779B97F4A7C15) + 1;
	unsigned n = 1;
	while (n < SHARDS_MAX && o->octets / (2 * n) >= SHARD_OCTETS_MIN)
		n *= 2;
	c->shards = aligned_alloc(_Alignof(struct shard), n * sizeof *c->shards);
	if (c->shards)
		memset(c->shards, 0, n * sizeof *c->shards);
	for (; c->shards && c->nshards < n; c->nshards++)
		if (!shard_init(&c->shards[c->nshards], o->octets / n,
				hash_of(c, hlv_bytes(&c->nshards, sizeof c->nshards))))
			break;
	if (c->nshards == n)
		return c;
	cache_free(c);
	return NULL;
}

void free_chain(struct entry *e)
{
	while (e) {
		struct entry *next = e->next;
		free(e);
		e = next;
	}
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->nshards; i++) {
		struct shard *s = &c->shards[i];
		for (uint32_t k = 0; k <= s->mask; k++)
			free_chain(s->chains[k]);
		free(s->chains);
		free(s->dirty);
		free(s->gone);
		pthread_mutex_destroy(&s->lock);
	}
	free(c->keeping.dirty);
	free(c->keeping.gone);
	free(c->keeping.visited);
	free(c->shards);
	free(c);
}

/* For clients, who are counted and whose questions keep entries warm; a walk's look for its way
 * does not use up the word that it is time to prefetch. */
enum asker { ASKER_CLIENT, ASKER_WALK };

static void touch(const struct cache *c, struct shard *s, struct entry *e, enum asker asker,
		  struct cache_hit *hit)
{
	e->used = ++s->tick;
	e->hits += e->hits < UINT32_MAX;
	e->hits_here = (uint16_t)(e->hits_here + (e->hits_here < UINT16_MAX));
	if (asker == ASKER_WALK || e->flags & ENTRY_TOLD || c->o.prefetch_hits == 0 ||
	    hit->left_s == 0 || (uint64_t)hit->left_s * 10 > e->life_s)
		return;
	if (e->hits_here < c->o.prefetch_hits && e->hits_here < UINT16_MAX)
		return;
	e->flags |= ENTRY_TOLD;
	s->stats.prefetches++;
	hit->prefetch = true;
}

/* Values are copied while the lock is held; nothing else is taken meanwhile. */
static bool copy_out(const struct entry *e, struct hlv_arena *a, struct cache_hit *hit)
{
	uint8_t *p = NULL;
	if (e->raw_n) {
		p = hlv_alloc_raw(a, e->raw_n);
		if (!p)
			return false;
		memcpy(p, e->octets + e->key_n, e->raw_n);
	}
	if (!entry_proven(e, &hit->proven))
		return false;
	hit->proven.finding.values.raw = hlv_bytes(p, e->raw_n);
	return true;
}

static enum cache_age get(struct cache *c, enum memory_kind kind, const struct cache_ask *ask,
			  struct hlv_now now, struct hlv_arena *a, struct cache_hit *hit,
			  enum asker asker)
{
	uint64_t hash = ask->hash;
	struct shard *s = shard_of(c, hash);
	struct entry *dead = NULL;
	enum cache_age age = CACHE_NONE;
	__builtin_prefetch(&s->chains[(uint32_t)hash & s->mask]);
	*hit = (struct cache_hit){0};
	pthread_mutex_lock(&s->lock);
	struct entry **at = find(s, (uint32_t)hash, kind, ask->key), *e = *at;
	if (e) {
		for (unsigned i = 128; i <= 320; i += 64)
			__builtin_prefetch((const char *)e + i);
		age = age_of(c, e, now, &hit->left_s);
		if (age == CACHE_NONE) {
			s->stats.expired++;
			shard_unlink(s, at);
			dead = e;
		}
	}
	if (age != CACHE_NONE) {
		hit->held = age == CACHE_STALE && e->hold_ns > now.mono_ns;
		touch(c, s, e, asker, hit);
		age = copy_out(e, a, hit) ? age : CACHE_NONE;
	}
	if (asker == ASKER_CLIENT) {
		s->stats.hits += age == CACHE_FRESH;
		s->stats.stale_hits += age == CACHE_STALE;
		s->stats.misses += age == CACHE_NONE;
	}
	pthread_mutex_unlock(&s->lock);
	if (dead)
		free(dead);
	return age;
}

enum cache_age cache_get(struct cache *c, enum memory_kind kind, struct hlv_bytes key,
			 struct hlv_now now, struct hlv_arena *a, struct cache_hit *hit)
{
	struct cache_ask ask = {key, hash_of(c, key)};
	return get(c, kind, &ask, now, a, hit, ASKER_CLIENT);
}

enum cache_age cache_get_asked(struct cache *c, const struct cache_ask *ask, struct hlv_now now,
			       struct hlv_arena *a, struct cache_hit *hit)
{
	return get(c, MEMORY_RECORD, ask, now, a, hit, ASKER_CLIENT);
}

/* Where a chain begins and what it begins with are two waits for memory, half of what an answer costs
 * when each question does both alone. */
void cache_ahead(struct cache *c, struct cache_ask *asks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		asks[i].hash = hash_of(c, asks[i].key);
		struct shard *s = shard_of(c, asks[i].hash);
		__builtin_prefetch(&s->chains[(uint32_t)asks[i].hash & s->mask]);
	}
	for (size_t i = 0; i < n; i++) {
		const uint8_t *e =
			chain_begin(shard_of(c, asks[i].hash), (uint32_t)asks[i].hash);
		for (size_t k = 0; e && k < AHEAD_OCTETS; k += LINE_OCTETS)
			__builtin_prefetch(e + k);
	}
}

/* Puts the entry into its shard or leaves it; what must be freed is returned, chained. */
static struct entry *insert(struct cache *c, struct shard *s, struct entry *e,
			    struct hlv_now now)
{
	size_t cost = entry_cost(e);
	struct entry *out = NULL;
	struct entry **at = find(s, e->hash, (enum memory_kind)e->kind, entry_key(e));
	struct entry *old = *at;
	bool outdated = old && e->keep_id != 0 && old->fetched_ms >= e->fetched_ms;
	if (cost > s->octets_max / ENTRY_SHARE || now.wall_ms >= entry_end(c, e) || outdated ||
	    (old && !may_replace(c, old, e, now))) {
		e->next = NULL;
		return e;
	}
	e->since = e->used = ++s->tick;
	if (old) {
		inherit(e, old);
		shard_unlink(s, at);
		old->next = NULL;
		out = old;
	}
	cache_make_room(c, s, cost, now.wall_ms, &out);
	struct entry **head = &s->chains[e->hash & s->mask];
	e->next = *head;
	chain_set(head, e);
	s->octets += cost;
	s->stats.entries++;
	if (e->flags & ENTRY_ZONE)
		s->zone_octets += cost;
	return out;
}

bool cache_insert(struct cache *c, struct entry *take_e, struct hlv_now now)
{
	uint64_t hash = hash_of(c, entry_key(take_e));
	struct shard *s = shard_of(c, hash);
	bool restored = take_e->keep_id != 0;
	take_e->hash = (uint32_t)hash;
	pthread_mutex_lock(&s->lock);
	struct entry *out = insert(c, s, take_e, now);
	bool taken = out != take_e;
	if (taken && !restored) {
		s->stats.puts++;
		mark_dirty(s, take_e);
	}
	pthread_mutex_unlock(&s->lock);
	free_chain(out);
	return taken;
}

bool cache_put(struct cache *c, enum memory_kind kind, struct hlv_bytes key,
	       const struct proven *p, struct hlv_now now)
{
	struct entry *e = entry_new(kind, key, p);
	return e && cache_insert(c, e, now);
}

void cache_hold(struct cache *c, struct hlv_bytes key, hlv_mono_ns until_ns)
{
	uint64_t hash = hash_of(c, key);
	struct shard *s = shard_of(c, hash);
	pthread_mutex_lock(&s->lock);
	struct entry *e = *find(s, (uint32_t)hash, MEMORY_RECORD, key);
	if (e)
		e->hold_ns = until_ns;
	pthread_mutex_unlock(&s->lock);
}

uint32_t cache_newest(struct cache *c, struct hlv_bytes key)
{
	uint64_t hash = hash_of(c, key);
	struct shard *s = shard_of(c, hash);
	pthread_mutex_lock(&s->lock);
	struct entry *e = *find(s, (uint32_t)hash, MEMORY_RECORD, key);
	uint32_t newest_s = e ? e->validated_s : 0;
	pthread_mutex_unlock(&s->lock);
	return newest_s;
}

void cache_stats(struct cache *c, struct cache_stats *out)
{
	*out = (struct cache_stats){0};
	for (unsigned i = 0; i < c->nshards; i++) {
		struct shard *s = &c->shards[i];
		pthread_mutex_lock(&s->lock);
		s->stats.octets = s->octets;
#define X(name) out->name += s->stats.name;
		CACHE_STATS(X)
#undef X
		pthread_mutex_unlock(&s->lock);
	}
}

uint64_t cache_octets_max(const struct cache *c)
{
	return c->o.octets;
}

void cache_peek(struct cache *c, enum memory_kind kind, struct hlv_bytes key, cache_each_fn *fn,
		void *ctx)
{
	uint64_t hash = hash_of(c, key);
	struct shard *s = shard_of(c, hash);
	struct cache_entry shown;
	pthread_mutex_lock(&s->lock);
	struct entry *e = *find(s, (uint32_t)hash, kind, key);
	e = e ? entry_copy(e) : NULL;
	pthread_mutex_unlock(&s->lock);
	if (!e)
		return;
	entry_show(e, &shown);
	fn(ctx, &shown);
	free(e);
}

/* --- for a walk --- */

static bool walk_find(void *ctx, enum memory_kind kind, struct hlv_bytes key,
		      struct hlv_arena *a, struct proven *out)
{
	struct cache_memory *m = ctx;
	struct cache_hit hit;
	struct cache_ask ask = {key, hash_of(m->cache, key)};
	if (get(m->cache, kind, &ask, m->now, a, &hit, ASKER_WALK) != CACHE_FRESH)
		return false;
	*out = hit.proven;
	return true;
}

static void walk_keep(void *ctx, enum memory_kind kind, struct hlv_bytes key,
		      const struct proven *p)
{
	struct cache_memory *m = ctx;
	cache_put(m->cache, kind, key, p, m->now);
}

static uint32_t walk_newest(void *ctx, struct hlv_bytes key)
{
	struct cache_memory *m = ctx;
	return cache_newest(m->cache, key);
}

struct walk_memory cache_walk_memory(struct cache_memory *m)
{
	return (struct walk_memory){m, walk_find, walk_keep, walk_newest};
}
