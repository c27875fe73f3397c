/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of the resolver's cache (docs/performance.md). One thing a call:
 *
 *   bench-cache hit [ENTRIES [THREADS [HITS]]]   nanoseconds a hit, octets an entry
 *   bench-cache zipf [NAMES]                     hit rate under Zipf(1.0) against LRU of equal octets
 *   bench-cache flood [NAMES]                    memory against the bound; what a flood costs the rest
 *   bench-cache keep DIR [ENTRIES]               saving and loading
 *
 * For instructions: valgrind --tool=callgrind --toggle-collect=cache_get bench-cache hit 10000 1 20000
 */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/net/addr.h"
#include "proto/wire/value.h"
#include "resolver/keep.h"

enum { VALUES = 250, MIB = 1 << 20, THREADS_MAX = 16 };

static struct hlv_now now = {.mono_ns = 1000000000, .wall_ms = UINT64_C(1700000000000)};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static double seconds(void)
{
	return (double)hlv_clock().mono_ns / 1e9;
}

static struct hlv_bytes key_of(uint64_t i, char room[40])
{
	return hlv_bytes(room, (size_t)snprintf(room, 40, "88.118.8/%08" PRIu64, i));
}

/* A value list of VALUES octets: one value. */
static struct hlv_list values_of(size_t octets)
{
	static uint8_t room[4096], data[4096];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	size_t head = HLV_VALUE_MIN + 3;
	struct hlv_value v = {.index = 1, .ttl_s = 86400, .type = hlv_text("URL")};
	memset(data, 'x', sizeof data);
	v.data = hlv_bytes(data, octets > head ? octets - head : 1);
	hlv_value_encode(&w, &v);
	return (struct hlv_list){1, hlv_written(&w)};
}

static void put(struct cache *c, struct hlv_bytes key, struct hlv_list values)
{
	struct finding f = {.rc = values.n ? HLV_RC_SUCCESS : HLV_RC_NOT_FOUND,
			    .values = values,
			    .fetched_ms = now.wall_ms,
			    .life_s = 86400};
	struct proven p;
	hlv_require(prove(PROOF_SECURE, &f, &p));
	cache_put(c, MEMORY_RECORD, key, &p, now);
}

static struct cache *new_cache(uint64_t octets)
{
	struct cache *c = cache_new(&(struct cache_options){.octets = octets,
							    .stale_s = 3 * 86400,
							    .prefetch_hits = 10,
							    .secret = 0x1234567890ABCDEF});
	hlv_require(c);
	return c;
}

/* Resident memory of this process, octets. */
static uint64_t resident(void)
{
	unsigned long long pages = 0, rss = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f || fscanf(f, "%llu %llu", &pages, &rss) != 2)
		rss = 0;
	if (f)
		fclose(f);
	return rss * 4096;
}

/* --- hit --- */

struct asker {
	pthread_t thread;
	struct cache *c;
	uint64_t entries, hits, seed, found;
	double took;
};

/* Of this thread's own processor time: others may be at work beside us. */
static double own_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *ask(void *ctx)
{
	struct asker *a = ctx;
	struct hlv_arena arena;
	char room[40];
	hlv_arena_init(&arena, 1 << 16);
	/* Names are made before the clock runs. */
	enum { NAMES = 4096 };
	static _Thread_local char names[NAMES][24];
	static _Thread_local struct hlv_bytes keys[NAMES];
	double from = 0;
	a->took = 0;
	for (uint64_t i = 0; i < a->hits; i++) {
		if (i % NAMES == 0) {
			if (i > 0)
				a->took += own_seconds() - from;
			for (unsigned k = 0; k < NAMES; k++) {
				struct hlv_bytes b =
					key_of(next_random(&a->seed) % a->entries, room);
				memcpy(names[k], b.p, b.n);
				keys[k] = hlv_bytes(names[k], b.n);
			}
			from = own_seconds();
		}
		struct cache_hit hit;
		a->found += cache_get(a->c, MEMORY_RECORD, keys[i % NAMES], now, &arena,
				      &hit) == CACHE_FRESH;
		hlv_arena_reset(&arena);
	}
	a->took += own_seconds() - from;
	hlv_arena_fini(&arena);
	return NULL;
}

static int bench_hit(uint64_t entries, unsigned threads, uint64_t hits)
{
	struct asker askers[THREADS_MAX];
	uint64_t before = resident();
	struct cache *c = new_cache(entries * 600 + 64 * MIB);
	struct hlv_list values = values_of(VALUES);
	struct cache_stats s0, s;
	char room[40];
	cache_stats(c, &s0);
	for (uint64_t i = 0; i < entries; i++)
		put(c, key_of(i, room), values);
	cache_stats(c, &s);
	printf("%" PRIu64
	       " entries of %d octets: %.1f octets each counted, %.1f with the table; "
	       "resident %.1f MiB\n",
	       s.entries, VALUES, (double)(s.octets - s0.octets) / (double)s.entries,
	       (double)s.octets / (double)s.entries, (double)(resident() - before) / MIB);
	for (unsigned i = 0; i < threads; i++) {
		askers[i] = (struct asker){
			.c = c, .entries = entries, .hits = hits, .seed = 77 + i};
		pthread_create(&askers[i].thread, NULL, ask, &askers[i]);
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(askers[i].thread, NULL);
		printf("thread %u: %.1f ns a hit (%" PRIu64 " of %" PRIu64 " found)\n", i,
		       askers[i].took * 1e9 / (double)hits, askers[i].found, hits);
	}
	cache_free(c);
	return 0;
}

/* --- zipf --- */

/* Exponent 1: the logarithm of the rank is uniform. Ranks are scattered over the names. */
static uint64_t zipf(uint64_t names, uint64_t *seed)
{
	double u = (double)(next_random(seed) >> 11) / 9007199254740992.0;
	uint64_t rank = (uint64_t)exp(u * log((double)names + 1)) - 1;
	return rank < names ? rank : names - 1;
}

struct lru {
	uint32_t *next, *prev; /* by name; 0 ends, names from 1 */
	uint8_t *in;
	uint32_t first, last;
	uint64_t n, max;
};

static void lru_unlink(struct lru *l, uint32_t i)
{
	*(l->prev[i] ? &l->next[l->prev[i]] : &l->first) = l->next[i];
	*(l->next[i] ? &l->prev[l->next[i]] : &l->last) = l->prev[i];
}

static bool lru_ask(struct lru *l, uint32_t i)
{
	bool hit = l->in[i];
	if (hit) {
		lru_unlink(l, i);
	} else if (l->n == l->max) {
		l->in[l->last] = 0;
		lru_unlink(l, l->last);
	} else {
		l->n++;
	}
	l->in[i] = 1;
	l->prev[i] = 0;
	l->next[i] = l->first;
	*(l->first ? &l->prev[l->first] : &l->last) = i;
	l->first = i;
	return hit;
}

static bool cached(struct cache *c, struct hlv_bytes key, struct hlv_arena *a)
{
	struct cache_hit hit;
	hlv_arena_reset(a);
	return cache_get(c, MEMORY_RECORD, key, now, a, &hit) == CACHE_FRESH;
}

static int bench_zipf(uint64_t names)
{
	struct hlv_arena arena;
	struct hlv_list values = values_of(VALUES);
	uint64_t seed = 4711, asked = names * 3, warm = names, hits = 0, lru_hits = 0;
	uint64_t each = 344, all = names * each; /* as `hit` says it */
	struct cache *c = new_cache(all / 10);
	struct lru l = {.next = calloc(names + 1, 4),
			.prev = calloc(names + 1, 4),
			.in = calloc(names + 1, 1),
			.max = all / 10 / each};
	char room[40];
	double from = seconds();
	hlv_require(l.next && l.prev && l.in);
	hlv_arena_init(&arena, 1 << 16);
	for (uint64_t i = 0; i < asked; i++) {
		uint64_t name = zipf(names, &seed);
		struct hlv_bytes key = key_of(name * 2654435761U % 100000000, room);
		bool hit = cached(c, key, &arena), lru_hit = lru_ask(&l, (uint32_t)name + 1);
		if (!hit)
			put(c, key, values);
		hits += i >= warm && hit;
		lru_hits += i >= warm && lru_hit;
	}
	struct cache_stats s;
	cache_stats(c, &s);
	double n = (double)(asked - warm) / 100;
	printf("%" PRIu64 " names, %" PRIu64 " questions after %" PRIu64
	       " to warm up, %.0f s\n",
	       names, asked - warm, warm, seconds() - from);
	printf("cache of %" PRIu64 " MiB: %" PRIu64 " entries, hit rate %.2f %%\n",
	       all / 10 / MIB, s.entries, (double)hits / n);
	printf("LRU of as many octets without an index: %" PRIu64 " entries, %.2f %%\n", l.max,
	       (double)lru_hits / n);
	free(l.next);
	free(l.prev);
	free(l.in);
	hlv_arena_fini(&arena);
	cache_free(c);
	return 0;
}

/* --- flood --- */

/* Hit rate of `hot` names under Zipf with `flood` random names put for each question. */
static double hot_rate(struct cache *c, uint64_t hot, unsigned flood, uint64_t asked,
		       uint64_t *seed)
{
	struct hlv_arena arena;
	struct hlv_list values = values_of(VALUES), none = {0};
	uint64_t hits = 0;
	char room[40];
	hlv_arena_init(&arena, 1 << 16);
	for (uint64_t i = 0; i < asked; i++) {
		struct hlv_bytes key = key_of(zipf(hot, seed), room);
		bool hit = cached(c, key, &arena);
		if (!hit)
			put(c, key, values);
		hits += hit;
		for (unsigned k = 0; k < flood; k++) {
			uint64_t r = next_random(seed);
			put(c, key_of(100000000 + r % UINT32_MAX, room), r % 2 ? none : values);
		}
	}
	hlv_arena_fini(&arena);
	return (double)hits * 100 / (double)asked;
}

static int bench_flood(uint64_t names)
{
	enum { CAP = 256 * MIB, HOT = 500000, ASKED = 2000000 };
	uint64_t before = resident(), seed = 99, most = 0;
	struct cache *c = new_cache(CAP);
	char room[40];
	double from = seconds();
	for (uint64_t i = 0; i < names; i++) {
		put(c, key_of(next_random(&seed) % UINT32_MAX, room),
		    values_of(next_random(&seed) % 700));
		if (i % 100000 == 0 && resident() - before > most)
			most = resident() - before;
	}
	struct cache_stats s;
	cache_stats(c, &s);
	printf("%" PRIu64 " random names of 30 to 700 octets in %.1f s; bound %d MiB, counted "
	       "%.1f MiB, resident at most %.1f MiB (%+.1f %%)\n",
	       names, seconds() - from, CAP / MIB, (double)s.octets / MIB, (double)most / MIB,
	       100.0 * ((double)most / CAP - 1));
	cache_flush(c, "");
	hot_rate(c, HOT, 0, ASKED, &seed);
	printf("%d names under Zipf, alone: %.2f %%\n", HOT, hot_rate(c, HOT, 0, ASKED, &seed));
	static const unsigned floods[] = {1, 4};
	for (unsigned i = 0; i < 2; i++) {
		hot_rate(c, HOT, floods[i], ASKED, &seed);
		printf("with %u random name(s) for each question: %.2f %%\n", floods[i],
		       hot_rate(c, HOT, floods[i], ASKED, &seed));
	}
	printf("resident %.1f MiB\n", (double)(resident() - before) / MIB);
	cache_free(c);
	return 0;
}

/* --- keep --- */

static int bench_keep(const char *dir, uint64_t entries)
{
	char why[KEEP_WHY], room[40];
	struct keep *k;
	size_t n, damaged;
	struct cache *c = new_cache(entries * 600 + 64 * MIB);
	struct hlv_list values = values_of(VALUES);
	if (keep_open(dir, 0, &k, why) != HLV_OK ||
	    keep_load(k, c, now, &n, &damaged) != HLV_OK) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	for (uint64_t i = 0; i < entries; i++)
		put(c, key_of(i, room), values);
	double from = seconds();
	enum hlv_err err = keep_save(k, c, now, &n);
	printf("%zu saved in %.2f s: %s\n", n, seconds() - from, hlv_strerror(err));
	for (uint64_t i = 0; i < 1000; i++)
		put(c, key_of(i * 997 % entries, room), values);
	from = seconds();
	err = keep_save(k, c, now, &n);
	printf("%zu changed ones saved in %.3f s: %s\n", n, seconds() - from,
	       hlv_strerror(err));
	keep_close(k);
	cache_free(c);
	c = new_cache(entries * 600 + 64 * MIB);
	from = seconds();
	if (keep_open(dir, 0, &k, why) != HLV_OK ||
	    keep_load(k, c, now, &n, &damaged) != HLV_OK)
		return 1;
	printf("%zu loaded in %.2f s, %zu damaged\n", n, seconds() - from, damaged);
	keep_close(k);
	cache_free(c);
	return 0;
}

static uint64_t argument(int argc, char **argv, int i, uint64_t otherwise)
{
	return i < argc ? strtoull(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uint64_t threads = argument(argc, argv, 3, 2);
	if (strcmp(what, "hit") == 0 && threads > 0 && threads <= THREADS_MAX)
		return bench_hit(argument(argc, argv, 2, 1000000), (unsigned)threads,
				 argument(argc, argv, 4, 5000000));
	if (strcmp(what, "zipf") == 0)
		return bench_zipf(argument(argc, argv, 2, 10000000));
	if (strcmp(what, "flood") == 0)
		return bench_flood(argument(argc, argv, 2, 10000000));
	if (strcmp(what, "keep") == 0 && argc > 2)
		return bench_keep(argv[2], argument(argc, argv, 3, 1000000));
	fputs("usage: bench-cache hit|zipf|flood [N ...], or keep DIR [N]\n", stderr);
	return 2;
}
