/* SPDX-License-Identifier: Apache-2.0
 *
 * How the cache lies in memory; for the files cache*.c alone. A shard is a table of chains that
 * never grows: its size follows from the octets that the cache may take, so that no question waits
 * for a table to be copied and a place in a scan stays what it is. An entry is one piece of the
 * heap, key and values behind the fixed part.
 */
#pragma once
#include <pthread.h>

#include "resolver/cache.h"

enum {
	SHARDS_MAX = 64,
	SHARD_OCTETS_MIN = 256 * 1024, /* a small cache has fewer shards */
	/* Octets of the shard for each chain: 3 to 6 % of them go into the table, chains of records
	 * of 250 octets are shorter than one on average, of bare "not found" about two. */
	CHAIN_OCTETS = 128,
	/* Fetched of each entry before it is known how long it is; a record of a few values is not
	 * longer. */
	AHEAD_OCTETS = 384,
	LINE_OCTETS = 64,
	/* An entry may have this part of its shard at most. */
	ENTRY_SHARE = 4,
	/* Zones are held longer than all else while they are not more than this part. */
	ZONE_SHARE = 4,
	/* Entries looked at to find one that goes, when the first two are both of use. */
	DRAWS_MAX = 8,
	/* A time in the future by less: clocks are set by that much all the time. */
	CLOCK_SLACK_MS = 10000,
};

enum { ENTRY_TOLD = 1, ENTRY_ZONE = 2, ENTRY_DIRTY = 4, ENTRY_SAVING = 8 };

struct entry {
	struct entry *next;
	uint32_t hash; /* low bits: which chain */
	uint16_t key_n;
	uint8_t kind, flags;
	uint64_t fetched_ms; /* wall clock */
	uint32_t life_s, n, raw_n;
	uint8_t rc, proof;
	uint16_t hits_here;   /* in this life */
	uint32_t hits;	      /* in all, halved with each life */
	uint32_t used, since; /* the shard's tick */
	uint32_t newest_s, validated_s;
	uint32_t
		ahead_s; /* of the monotone clock: since then it is from the future; 0: it is not */
	hlv_mono_ns hold_ns;
	uint64_t keep_id; /* 0: not stored */
	uint8_t octets[]; /* key, then values */
};

struct shard {
	pthread_mutex_t lock;  /* guards all that follows but what is said to stay */
	struct entry **chains; /* stays; what it points to does not */
	uint32_t mask;	       /* stays */
	uint32_t tick;	       /* hits and puts so far: the time that ages entries */
	uint64_t octets, octets_max, zone_octets;
	uint64_t random;
	/* For keep: chains with entries that were put, and stored entries that are gone. When there
	 * is no room for more, everything is looked through (`all`) and compared (`lost`). */
	uint32_t *dirty;
	uint64_t *gone;
	uint32_t ndirty, dirty_max, ngone, gone_max;
	bool all, lost;
	struct cache_stats stats;
} __attribute__((aligned(64)));

struct cache {
	struct cache_options o;
	uint64_t secret[2];
	unsigned nshards, shift;
	struct shard *shards;
	/* The keeping thread's: what it took of the shard that it is at, and which chains it copied
	 * from since it last said that they are on the disk. */
	struct {
		uint64_t next_number;
		uint32_t *dirty, ndirty;
		uint64_t *gone;
		bool all;
		uint64_t *visited;
		size_t nvisited, visited_max;
	} keeping;
};

/* Chains change under the lock alone, but cache_ahead() looks without it where one begins: it only has
 * memory fetched from there, so an entry that is gone by then does no harm. */
static inline void chain_set(struct entry **at, struct entry *e)
{
	__atomic_store_n(at, e, __ATOMIC_RELAXED);
}
static inline const void *chain_begin(const struct shard *s, uint32_t hash)
{
	return __atomic_load_n(&s->chains[hash & s->mask], __ATOMIC_RELAXED);
}

static inline struct hlv_bytes entry_key(const struct entry *e)
{
	return hlv_bytes(e->octets, e->key_n);
}

/* When its life and its stale time are over, in milliseconds of the wall clock. */
static inline uint64_t entry_life_end(const struct entry *e)
{
	return e->fetched_ms + (uint64_t)e->life_s * 1000;
}
static inline uint64_t entry_end(const struct cache *c, const struct entry *e)
{
	return entry_life_end(e) + (uint64_t)c->o.stale_s * 1000;
}

size_t entry_cost(struct entry *e);
/* NULL: no memory, or too large. */
struct entry *entry_new(enum memory_kind kind, struct hlv_bytes key, const struct proven *p);
/* A copy, which is in no chain; NULL: no memory. */
struct entry *entry_copy(const struct entry *e);
void entry_show(struct entry *e, struct cache_entry *out);
/* Into its shard, if the rules let it; false: it was freed. With a keep_id it comes from the disk. */
bool cache_insert(struct cache *c, struct entry *take_e, struct hlv_now now);
void free_chain(struct entry *e);
/* Out of its chain and out of the sums; the caller frees it after the lock. */
void shard_unlink(struct shard *s, struct entry **at);
/* Copy into `p` what the entry says; values borrow from it. */
bool entry_proven(const struct entry *e, struct proven *p);
/* cache_evict.c: room for `cost` octets in the shard; what goes is chained into *out, for the caller to
 * free after the lock. */
void cache_make_room(const struct cache *c, struct shard *s, size_t cost, uint64_t now_ms,
		     struct entry **out);
