/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the kept cache share: a directory for each case, a cache and the store that it is
 * kept in, and findings whose only value is a text.
 */
#pragma once
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resolver/keep.h"
#include "tests/unit/unit.h"

enum { T0_S = 1700000000, DAY_S = 86400, VALUES_MAX = 8192 };

static char dir[PATH_MAX];

static inline struct hlv_now at(uint64_t seconds)
{
	return (struct hlv_now){.mono_ns = seconds * 1000000000,
				.wall_ms = (T0_S + seconds) * 1000};
}

static inline const char *path(const char *name)
{
	static char out[PATH_MAX + 64];
	snprintf(out, sizeof out, "%s/%s", dir, name);
	return out;
}

static inline void clean(void)
{
	static const char *const names[] = {"data.mdb", "data.mdb.damaged", "lock", "loading"};
	for (size_t i = 0; i < COUNT(names); i++)
		unlink(path(names[i]));
	rmdir(dir);
}

static inline int setup(void **state)
{
	(void)state;
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof dir, "%s/helve-keep-%d", tmp ? tmp : "/tmp", (int)getpid());
	clean();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	clean();
	return 0;
}

static inline struct cache *new_cache(uint64_t octets)
{
	struct cache *c = cache_new(&(struct cache_options){
		.octets = octets, .stale_s = 3 * DAY_S, .prefetch_hits = 3, .secret = 42});
	assert_non_null(c);
	return c;
}

static inline struct keep *open_keep(uint64_t map_size)
{
	char why[KEEP_WHY];
	struct keep *k = NULL;
	enum hlv_err err = keep_open(dir, map_size, &k, why);
	if (err != HLV_OK)
		fail_msg("%s: %s", hlv_strerror(err), why);
	return k;
}

/* A cache with what is stored, and the store; `now`: of the load. */
static inline struct cache *reopen(struct keep **k, uint64_t now, size_t loaded, size_t damaged)
{
	struct cache *c = new_cache(64 << 20);
	size_t n, bad;
	*k = open_keep(0);
	check_err("load", keep_load(*k, c, at(now), &n, &bad), HLV_OK);
	check_u64("loaded", n, loaded);
	check_u64("damaged", bad, damaged);
	return c;
}

static inline void end(struct cache *c, struct keep *k)
{
	keep_close(k);
	cache_free(c);
}

static inline void check_save(struct keep *k, struct cache *c, size_t expected)
{
	size_t saved;
	check_err(keep_why(k), keep_save(k, c, at(0), &saved), HLV_OK);
	check_u64("saved", saved, expected);
}

/* One value with `text` as its data, `octets` long at least. */
static inline void put_as(struct cache *c, enum memory_kind kind, const char *key,
			  const char *text, size_t octets, uint32_t rc, uint64_t when)
{
	static uint8_t room[VALUES_MAX], data[VALUES_MAX];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	size_t n = strlen(text);
	memset(data, '.', sizeof data);
	memcpy(data, text, n);
	struct hlv_value v = {.index = 1,
			      .type = hlv_text("URL"),
			      .data = hlv_bytes(data, n > octets ? n : octets)};
	hlv_value_encode(&w, &v);
	assert_false(w.bad);
	struct finding f = {
		.rc = rc, .fetched_ms = at(when).wall_ms, .life_s = 1000, .newest_s = 77};
	if (rc == HLV_RC_SUCCESS)
		f.values = (struct hlv_list){1, hlv_written(&w)};
	struct proven p;
	assert_true(prove(PROOF_SECURE, &f, &p));
	cache_put(c, kind, hlv_text(key), &p, at(when));
}

static inline void put(struct cache *c, const char *key, const char *text)
{
	put_as(c, MEMORY_RECORD, key, text, 0, HLV_RC_SUCCESS, 0);
}

static inline void put_number(struct cache *c, unsigned i, size_t octets)
{
	char key[32], text[32];
	snprintf(key, sizeof key, "1/%u", i);
	snprintf(text, sizeof text, "text %u", i);
	put_as(c, MEMORY_RECORD, key, text, octets, HLV_RC_SUCCESS, 0);
}

static inline bool has(struct cache *c, const char *key, const char *text)
{
	struct hlv_arena a;
	struct cache_hit hit;
	struct hlv_value v = {0};
	hlv_arena_init(&a, 1 << 16);
	enum cache_age age = cache_get(c, MEMORY_RECORD, hlv_text(key), at(1), &a, &hit);
	struct hlv_reader r = hlv_reader(hit.proven.finding.values.raw);
	bool found = age == CACHE_FRESH && hlv_value_decode(&r, &v) == HLV_OK &&
		     hlv_starts_with(v.data, hlv_text(text));
	hlv_arena_fini(&a);
	return found;
}

static inline bool has_number(struct cache *c, unsigned i)
{
	char key[32], text[32];
	snprintf(key, sizeof key, "1/%u", i);
	snprintf(text, sizeof text, "text %u", i);
	return has(c, key, text);
}

#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
