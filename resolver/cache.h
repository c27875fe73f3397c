/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache: proven findings by name, shared by all threads. 64 shards, a mutex each, nothing else is
 * taken while one is held; what a reader gets is a copy. Bounded in octets that it really takes;
 * when full, of two or more entries drawn at random the one least worth keeping goes, zones last
 * while they are not more than a quarter (threats.md 7 "Memory"). Records, negative answers and zone
 * cuts live in it; failures do not.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "resolver/walk.h"

struct cache;

struct cache_options {
	uint64_t octets; /* all of it, index and overhead counted */
	uint32_t
		stale_s; /* how long past its life a finding is kept for times without upstream */
	uint32_t
		prefetch_hits; /* entries hit so often are refreshed before they expire; 0: none */
	uint64_t secret;
};

/* NULL without memory. */
struct cache *cache_new(const struct cache_options *o);
void cache_free(struct cache *c);

enum cache_age {
	CACHE_NONE,
	CACHE_FRESH,
	CACHE_STALE, /* its life is over, stale_s is not */
};

struct cache_hit {
	struct proven proven; /* values are in the arena */
	uint32_t left_s;      /* of its life; 0 when stale */
	bool prefetch;	      /* in the last tenth of its life, hot, and nobody was told yet */
	bool held; /* stale, and upstream failed a moment ago: answer with it at once */
};

/* On every thread; the hot path. HLV_E_NOMEM is CACHE_NONE. */
enum cache_age cache_get(struct cache *c, enum memory_kind kind, struct hlv_bytes key,
			 struct hlv_now now, struct hlv_arena *a, struct cache_hit *hit);
/* The same in two steps for many names, so that memory is on its way for the last while the first is
 * looked up: on the batch, then one by one. What happens in between is seen. */
struct cache_ask {
	struct hlv_bytes key; /* of a record; the caller's, until it is got */
	uint64_t hash;	      /* the cache's */
};
void cache_ahead(struct cache *c, struct cache_ask *asks, size_t n);
enum cache_age cache_get_asked(struct cache *c, const struct cache_ask *ask, struct hlv_now now,
			       struct hlv_arena *a, struct cache_hit *hit);
/* Replaces what was there. An insecure finding never replaces a secure one that is fresh; an
 * insecure "not found" never replaces a record of either kind that is fresh. Returns whether it was
 * put. */
bool cache_put(struct cache *c, enum memory_kind kind, struct hlv_bytes key,
	       const struct proven *p, struct hlv_now now);
/* Upstream failed: serve the stale entry at once until then. */
void cache_hold(struct cache *c, struct hlv_bytes key, hlv_mono_ns until_ns);
uint32_t cache_newest(struct cache *c, struct hlv_bytes key);

/* Entries one after the other, shard by shard, each copied out before `fn` sees it; false stops. */
struct cache_entry {
	enum memory_kind kind;
	struct hlv_bytes key;
	struct proven proven;
	uint32_t hits;
	uint32_t validated_s; /* the latest time stamp that was ever validated there */
	uint32_t cost;	      /* octets */
};
typedef bool cache_each_fn(void *ctx, const struct cache_entry *entry);
void cache_each(struct cache *c, cache_each_fn *fn, void *ctx);
/* The same in pieces, some entries (or none) a call; *place is 0 to begin with, and stays good while
 * the cache lives. False at the end, or when `fn` stopped. */
bool cache_scan(struct cache *c, uint64_t *place, cache_each_fn *fn, void *ctx);
/* One entry, without a trace. */
void cache_peek(struct cache *c, enum memory_kind kind, struct hlv_bytes key, cache_each_fn *fn,
		void *ctx);

/* What matches goes; returns how many. `pattern`: an identifier; "88.118.8/": all of a prefix, its
 * handle 0.NA/88.118.8 too; "88.118.*": a prefix and all below; with '*' and '?' anywhere else: a
 * pattern; "": everything. Case counts as in every cache (protocol.md 6.6). */
size_t cache_flush(struct cache *c, const char *pattern);
bool cache_pattern_matches(const char *pattern, struct hlv_bytes key);

#define CACHE_STATS(X)                                                                         \
	X(entries)                                                                             \
	X(octets)                                                                              \
	X(hits)                                                                                \
	X(stale_hits)                                                                          \
	X(misses)                                                                              \
	X(puts)                                                                                \
	X(evicted)                                                                             \
	X(expired)                                                                             \
	X(prefetches)
struct cache_stats {
#define X(name) uint64_t name;
	CACHE_STATS(X)
#undef X
};
void cache_stats(struct cache *c, struct cache_stats *out);
uint64_t cache_octets_max(const struct cache *c);

/* walk_memory over it; `now` is read at each call, so keep it up to date. */
struct cache_memory {
	struct cache *cache;
	struct hlv_now now;
};
struct walk_memory cache_walk_memory(struct cache_memory *m);
