/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the resolver's cache share: a cache at a time that is told, findings put as a walk
 * puts them, and what a reader gets.
 */
#pragma once
#include <stdio.h>

#include "resolver/cache.h"
#include "tests/unit/unit.h"

enum { T0_S = 1700000000, DAY_S = 86400 };

static inline struct hlv_now at(int64_t seconds)
{
	uint64_t s = (uint64_t)(T0_S + seconds);
	return (struct hlv_now){.mono_ns = (s - T0_S + 1000000) * 1000000000,
				.wall_ms = s * 1000};
}

static inline struct cache *new_cache(uint64_t octets)
{
	struct cache *c = cache_new(&(struct cache_options){
		.octets = octets, .stale_s = 3 * DAY_S, .prefetch_hits = 3, .secret = 42});
	assert_non_null(c);
	return c;
}

/* One finding, as a walk would put it. */
struct put {
	enum proof proof;
	uint32_t rc;
	const char *values; /* one value list's octets; no cache looks into them */
	uint32_t life_s, newest_s;
};

static inline void put(struct cache *c, enum memory_kind kind, const char *key, struct put p,
		       int64_t when)
{
	struct hlv_bytes raw = p.values ? hlv_text(p.values) : (struct hlv_bytes){0};
	struct finding f = {.rc = p.rc ? p.rc : HLV_RC_SUCCESS,
			    .values = {raw.n ? 1 : 0, raw},
			    .fetched_ms = at(when).wall_ms,
			    .life_s = p.life_s ? p.life_s : 100,
			    .newest_s = p.newest_s};
	struct proven proven;
	assert_true(prove(p.proof ? p.proof : PROOF_SECURE, &f, &proven));
	cache_put(c, kind, hlv_text(key), &proven, at(when));
}

static inline void put_text(struct cache *c, const char *key, const char *values, int64_t when)
{
	put(c, MEMORY_RECORD, key, (struct put){.values = values}, when);
}

/* What a reader gets: the age, and in *hit the rest; `values` as a string. */
static inline enum cache_age look(struct cache *c, enum memory_kind kind, const char *key,
				  int64_t when, struct cache_hit *hit, char values[64])
{
	struct hlv_arena a;
	hlv_arena_init(&a, 1 << 20);
	enum cache_age age = cache_get(c, kind, hlv_text(key), at(when), &a, hit);
	struct hlv_bytes raw = hit->proven.finding.values.raw;
	snprintf(values, 64, "%.*s", (int)raw.n, raw.n ? (const char *)raw.p : "");
	hlv_arena_fini(&a);
	return age;
}

static inline enum cache_age age_of(struct cache *c, const char *key, int64_t when)
{
	struct cache_hit hit;
	char values[64];
	return look(c, MEMORY_RECORD, key, when, &hit, values);
}

static inline void check_is(struct cache *c, const char *key, const char *expected,
			    int64_t when)
{
	struct cache_hit hit;
	char values[64];
	assert_int_not_equal(look(c, MEMORY_RECORD, key, when, &hit, values), CACHE_NONE);
	assert_string_equal(values, expected);
}

static inline void put_number(struct cache *c, const char *prefix, unsigned i, size_t octets)
{
	static char values[300000];
	char key[64];
	memset(values, 'v', sizeof values);
	struct finding f = {.rc = 1,
			    .values = {1, hlv_bytes(values, octets)},
			    .fetched_ms = at(0).wall_ms,
			    .life_s = 100};
	struct proven p;
	assert_true(prove(PROOF_SECURE, &f, &p));
	snprintf(key, sizeof key, "%s%u", prefix, i);
	cache_put(c, MEMORY_RECORD, hlv_text(key), &p, at(0));
}

static inline unsigned count(struct cache *c, const char *prefix, unsigned n)
{
	unsigned found = 0;
	for (unsigned i = 0; i < n; i++) {
		char key[64];
		snprintf(key, sizeof key, "%s%u", prefix, i);
		found += age_of(c, key, 1) != CACHE_NONE;
	}
	return found;
}
