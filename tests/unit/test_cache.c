/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "tests/unit/cache_world.h"

static void test_life(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int64_t when;
		enum cache_age age;
		uint32_t left_s;
	} rows[] = {
		{"at once", 0, CACHE_FRESH, 100},
		{"later", 40, CACHE_FRESH, 60},
		{"the last second", 99, CACHE_FRESH, 1},
		{"over", 100, CACHE_STALE, 0},
		{"days later", 100 + 3 * DAY_S - 1, CACHE_STALE, 0},
		{"too late", 100 + 3 * DAY_S, CACHE_NONE, 0},
		{"and gone", 0, CACHE_NONE, 0},
	};
	struct cache *c = new_cache(1 << 20);
	put_text(c, "1/a", "hello", 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cache_hit hit;
		char values[64];
		enum cache_age age = look(c, MEMORY_RECORD, "1/a", rows[i].when, &hit, values);
		check_u64(rows[i].name, age, rows[i].age);
		check_u64(rows[i].name, hit.left_s, rows[i].left_s);
		if (age == CACHE_NONE)
			continue;
		assert_string_equal(values, "hello");
		check_u64(rows[i].name, hit.proven.finding.fetched_ms, at(0).wall_ms);
		check_u64(rows[i].name, hit.proven.proof, PROOF_SECURE);
		check_u64(rows[i].name, hit.proven.finding.values.n, 1);
	}
	cache_free(c);
}

static void test_kinds_and_codes_apart(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	struct cache_hit hit;
	char values[64];
	put(c, MEMORY_RECORD, "0.NA/1", (struct put){.values = "record"}, 0);
	put(c, MEMORY_CUT, "0.NA/1", (struct put){.values = "cut"}, 0);
	put(c, MEMORY_RECORD, "1/gone", (struct put){.rc = HLV_RC_NOT_FOUND}, 0);
	put(c, MEMORY_RECORD, "1/bare", (struct put){.rc = HLV_RC_VALUES_NOT_FOUND}, 0);
	assert_int_equal(look(c, MEMORY_CUT, "0.NA/1", 1, &hit, values), CACHE_FRESH);
	assert_string_equal(values, "cut");
	assert_int_equal(look(c, MEMORY_RECORD, "0.NA/1", 1, &hit, values), CACHE_FRESH);
	assert_string_equal(values, "record");
	assert_int_equal(look(c, MEMORY_RECORD, "1/gone", 1, &hit, values), CACHE_FRESH);
	assert_int_equal(hit.proven.finding.rc, HLV_RC_NOT_FOUND);
	assert_int_equal(look(c, MEMORY_RECORD, "1/bare", 1, &hit, values), CACHE_FRESH);
	assert_int_equal(hit.proven.finding.rc, HLV_RC_VALUES_NOT_FOUND);
	assert_int_equal(look(c, MEMORY_CUT, "1/gone", 1, &hit, values), CACHE_NONE);
	cache_free(c);
}

/* What may stand in whose place. "old" is put at 0 and lives for 100 s. */
static void test_replacement(void **state)
{
	(void)state;
	static const struct put secure = {PROOF_SECURE, HLV_RC_SUCCESS, "old", 100, 0},
				insecure = {PROOF_INSECURE, HLV_RC_SUCCESS, "old", 100, 0},
				secure_none = {PROOF_SECURE, HLV_RC_NOT_FOUND, NULL, 100, 0},
				insecure_none = {PROOF_INSECURE, HLV_RC_NOT_FOUND, NULL, 100,
						 0};
	const struct {
		const char *name;
		struct put old;
		enum proof proof;
		uint32_t rc;
		int64_t when;
		bool replaced;
	} rows[] = {
		{"secure by secure", secure, PROOF_SECURE, 1, 10, true},
		{"secure by secure, stale", secure, PROOF_SECURE, 1, 110, true},
		{"secure by secure nothing", secure, PROOF_SECURE, 100, 10, true},
		{"secure by secure no values", secure, PROOF_SECURE, 200, 10, true},
		{"secure by insecure", secure, PROOF_INSECURE, 1, 10, false},
		{"secure by insecure, stale", secure, PROOF_INSECURE, 1, 110, true},
		{"secure by insecure nothing", secure, PROOF_INSECURE, 100, 10, false},
		{"secure by insecure nothing, stale", secure, PROOF_INSECURE, 100, 110, false},
		{"secure by insecure no values, stale", secure, PROOF_INSECURE, 200, 110,
		 false},
		{"secure by insecure nothing, dead", secure, PROOF_INSECURE, 100,
		 101 + 3 * DAY_S, true},
		{"insecure by secure", insecure, PROOF_SECURE, 1, 10, true},
		{"insecure by insecure", insecure, PROOF_INSECURE, 1, 10, true},
		{"insecure by secure nothing", insecure, PROOF_SECURE, 100, 10, true},
		{"insecure by insecure nothing", insecure, PROOF_INSECURE, 100, 10, false},
		{"insecure by insecure no values", insecure, PROOF_INSECURE, 200, 10, false},
		{"insecure by insecure nothing, stale", insecure, PROOF_INSECURE, 100, 110,
		 true},
		{"secure nothing by insecure", secure_none, PROOF_INSECURE, 1, 10, false},
		{"secure nothing by insecure, stale", secure_none, PROOF_INSECURE, 1, 110,
		 true},
		{"secure nothing by insecure nothing, stale", secure_none, PROOF_INSECURE, 100,
		 110, true},
		{"insecure nothing by insecure", insecure_none, PROOF_INSECURE, 1, 10, true},
		{"insecure nothing by insecure nothing", insecure_none, PROOF_INSECURE, 100, 10,
		 true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cache *c = new_cache(1 << 20);
		struct cache_hit hit;
		char values[64];
		put(c, MEMORY_RECORD, "1/a", rows[i].old, 0);
		put(c, MEMORY_RECORD, "1/a",
		    (struct put){rows[i].proof, rows[i].rc, rows[i].rc == 1 ? "new" : NULL, 70,
				 0},
		    rows[i].when);
		assert_true(look(c, MEMORY_RECORD, "1/a", rows[i].when, &hit, values) !=
			    CACHE_NONE);
		check_u64(rows[i].name, hit.proven.finding.life_s == 70, rows[i].replaced);
		cache_free(c);
	}
}

static void test_newest_is_of_validated_ones(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	struct hlv_bytes key = hlv_text("1/a");
	assert_int_equal(cache_newest(c, key), 0);
	put(c, MEMORY_RECORD, "1/a", (struct put){PROOF_INSECURE, 1, "x", 100, 900}, 0);
	assert_int_equal(cache_newest(c, key), 0);
	put(c, MEMORY_RECORD, "1/a", (struct put){PROOF_SECURE, 1, "x", 100, 500}, 0);
	assert_int_equal(cache_newest(c, key), 500);
	put(c, MEMORY_RECORD, "1/a", (struct put){PROOF_SECURE, 1, "x", 100, 400}, 1);
	assert_int_equal(cache_newest(c, key), 500);
	put(c, MEMORY_RECORD, "1/a", (struct put){PROOF_SECURE, 100, NULL, 100, 0}, 2);
	assert_int_equal(cache_newest(c, key), 500); /* also where there is nothing now */
	put(c, MEMORY_RECORD, "1/a", (struct put){PROOF_INSECURE, 1, "x", 100, 950}, 200);
	assert_int_equal(cache_newest(c, key), 500);
	cache_free(c);
}

/* `wall_s` on the wall while `up_s` have passed since the test began. */
static enum cache_age age_by_clocks(struct cache *c, const char *key, int64_t wall_s,
				    uint64_t up_s)
{
	struct hlv_arena a;
	struct cache_hit hit;
	struct hlv_now now = {.mono_ns = up_s * 1000000000,
			      .wall_ms = (uint64_t)(T0_S + wall_s) * 1000};
	hlv_arena_init(&a, 1 << 20);
	enum cache_age age = cache_get(c, MEMORY_RECORD, hlv_text(key), now, &a, &hit);
	assert_true(age == CACHE_FRESH || hit.left_s == 0);
	hlv_arena_fini(&a);
	return age;
}

static void test_clock_set_back(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	put_text(c, "1/a", "x", 0);
	assert_int_equal(age_by_clocks(c, "1/a", -5, 0), CACHE_FRESH); /* they differ by that */
	/* A year back: no year more of life, but good while nobody can be asked. */
	int64_t back_s = -365 * DAY_S;
	assert_int_equal(age_by_clocks(c, "1/a", back_s, 0), CACHE_STALE);
	assert_int_equal(age_by_clocks(c, "1/a", back_s + 50, 50), CACHE_STALE);
	assert_int_equal(age_by_clocks(c, "1/a", back_s, 3 * DAY_S - 1), CACHE_STALE);
	assert_int_equal(age_by_clocks(c, "1/a", back_s, 3 * DAY_S), CACHE_NONE);
	/* To a time before everything. */
	put(c, MEMORY_RECORD, "1/b", (struct put){.values = "x", .life_s = DAY_S}, 0);
	assert_int_equal(age_by_clocks(c, "1/b", 60 - (int64_t)T0_S, 60), CACHE_STALE);
	assert_int_equal(age_by_clocks(c, "1/b", 60 - (int64_t)T0_S, 3 * DAY_S + 61),
			 CACHE_NONE);
	/* A time in the future that is put is no way around it. */
	put_text(c, "1/c", "x", 1000);
	assert_int_equal(age_of(c, "1/c", 0), CACHE_STALE);
	cache_free(c);
}

/* A machine that lost its clock in a power cut, and was asked before it was told the time. */
static void test_clock_comes_back(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	put_text(c, "1/a", "x", 0);
	assert_int_equal(age_by_clocks(c, "1/a", 60 - (int64_t)T0_S, 1), CACHE_STALE);
	assert_int_equal(age_by_clocks(c, "1/a", 90, 2), CACHE_FRESH);
	assert_int_equal(age_by_clocks(c, "1/a", 101, 3), CACHE_STALE);
	/* Lost once more: its days are counted anew. */
	assert_int_equal(age_by_clocks(c, "1/a", -DAY_S, 2 * DAY_S), CACHE_STALE);
	assert_int_equal(age_by_clocks(c, "1/a", -DAY_S, 4 * DAY_S), CACHE_STALE);
	assert_int_equal(age_by_clocks(c, "1/a", 3 * DAY_S + 101, 4 * DAY_S), CACHE_NONE);
	cache_free(c);
}

static void test_prefetch_is_told_once(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	struct cache_hit hit;
	char values[64];
	put_text(c, "1/hot", "x", 0);
	put_text(c, "1/cool", "x", 0);
	for (unsigned i = 0; i < 3; i++) {
		look(c, MEMORY_RECORD, "1/hot", 80, &hit, values);
		assert_false(hit.prefetch); /* hot, but young */
	}
	look(c, MEMORY_RECORD, "1/cool", 95, &hit, values);
	assert_false(hit.prefetch);
	/* A walk that looks for its way does not use it up. */
	struct cache_memory m = {c, at(95)};
	struct walk_memory memory = cache_walk_memory(&m);
	struct proven p;
	struct hlv_arena a;
	hlv_arena_init(&a, 4096);
	assert_true(memory.find(memory.ctx, MEMORY_RECORD, hlv_text("1/hot"), &a, &p));
	hlv_arena_fini(&a);
	look(c, MEMORY_RECORD, "1/hot", 95, &hit, values);
	assert_true(hit.prefetch);
	look(c, MEMORY_RECORD, "1/hot", 96, &hit, values);
	assert_false(hit.prefetch);
	put_text(c, "1/hot", "x", 97); /* a new life, and hits begin anew */
	look(c, MEMORY_RECORD, "1/hot", 190, &hit, values);
	assert_false(hit.prefetch);
	look(c, MEMORY_RECORD, "1/hot", 190, &hit, values);
	look(c, MEMORY_RECORD, "1/hot", 190, &hit, values);
	assert_true(hit.prefetch);
	look(c, MEMORY_RECORD, "1/hot", 198, &hit, values);
	assert_false(hit.prefetch); /* stale */
	cache_free(c);
}

static void test_hold(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	struct cache_hit hit;
	char values[64];
	put_text(c, "1/a", "x", 0);
	cache_hold(c, hlv_text("1/a"), at(150).mono_ns);
	cache_hold(c, hlv_text("1/nobody"), at(150).mono_ns);
	assert_int_equal(look(c, MEMORY_RECORD, "1/a", 50, &hit, values), CACHE_FRESH);
	assert_false(hit.held);
	assert_int_equal(look(c, MEMORY_RECORD, "1/a", 120, &hit, values), CACHE_STALE);
	assert_true(hit.held);
	assert_int_equal(look(c, MEMORY_RECORD, "1/a", 151, &hit, values), CACHE_STALE);
	assert_false(hit.held);
	cache_hold(c, hlv_text("1/a"), at(500).mono_ns);
	put_text(c, "1/a", "y", 200); /* upstream is back */
	assert_int_equal(look(c, MEMORY_RECORD, "1/a", 400, &hit, values), CACHE_STALE);
	assert_false(hit.held);
	cache_free(c);
}

static void test_walk_memory(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	struct cache_memory m = {c, at(0)};
	struct walk_memory memory = cache_walk_memory(&m);
	struct proven p;
	struct finding f = {
		.rc = 1, .values = {1, hlv_text("v")}, .life_s = 100, .newest_s = 7};
	struct hlv_arena a;
	hlv_arena_init(&a, 4096);
	f.fetched_ms = m.now.wall_ms;
	assert_true(prove(PROOF_SECURE, &f, &p));
	memory.keep(memory.ctx, MEMORY_CUT, hlv_text("0.NA/1"), &p);
	memory.keep(memory.ctx, MEMORY_RECORD, hlv_text("0.NA/1"), &p);
	p = (struct proven){0};
	assert_true(memory.find(memory.ctx, MEMORY_CUT, hlv_text("0.NA/1"), &a, &p));
	assert_int_equal(p.proof, PROOF_SECURE);
	assert_int_equal(memory.newest(memory.ctx, hlv_text("0.NA/1")), 7);
	m.now = at(100); /* fresh ones alone */
	assert_false(memory.find(memory.ctx, MEMORY_CUT, hlv_text("0.NA/1"), &a, &p));
	struct cache_stats stats;
	cache_stats(c, &stats);
	assert_int_equal(stats.hits + stats.misses + stats.stale_hits, 0);
	hlv_arena_fini(&a);
	cache_free(c);
}

static void test_no_room_for_the_copy(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	struct cache_hit hit;
	struct hlv_arena a;
	put_text(c, "1/a", "hello", 0);
	hlv_arena_init(&a, 4);
	assert_int_equal(cache_get(c, MEMORY_RECORD, hlv_text("1/a"), at(1), &a, &hit),
			 CACHE_NONE);
	assert_int_equal(hit.proven.proof, PROOF_UNKNOWN);
	hlv_arena_fini(&a);
	check_is(c, "1/a", "hello", 1);
	cache_free(c);
}

/* --- bounds --- */

static void test_bounded(void **state)
{
	(void)state;
	enum { OCTETS = 4 << 20 };
	struct cache *c = new_cache(OCTETS);
	struct cache_stats stats;
	cache_stats(c, &stats);
	assert_in_range(stats.octets, 1, OCTETS / 10); /* the table */
	for (unsigned i = 0; i < 60000; i++) {
		put_number(c, "1/", i, i % 700);
		if (i % 1000 == 0) {
			cache_stats(c, &stats);
			assert_in_range(stats.octets, 1, OCTETS);
		}
	}
	cache_stats(c, &stats);
	assert_in_range(stats.octets, OCTETS / 10 * 9, OCTETS);
	assert_int_equal(stats.entries + stats.evicted, 60000);
	assert_int_equal(count(c, "1/", 60000), stats.entries);
	put_number(c, "2/huge", 0, 260000); /* more than its share */
	assert_int_equal(count(c, "2/huge", 1), 0);
	assert_int_equal(cache_flush(c, ""), stats.entries);
	cache_stats(c, &stats);
	assert_int_equal(stats.entries, 0);
	assert_in_range(stats.octets, 1, OCTETS / 10);
	cache_free(c);
}

/* Names that are asked for survive a flood of names that nobody asks for twice. */
static void test_hot_ones_survive(void **state)
{
	(void)state;
	enum { HOT = 1000 };
	struct cache *c = new_cache(4 << 20);
	for (unsigned i = 0; i < HOT; i++)
		put_number(c, "1/", i, 250);
	for (unsigned i = 0; i < 200000; i++) {
		char key[64];
		snprintf(key, sizeof key, "1/%u", i % HOT);
		if (i % 4 == 0)
			age_of(c, key, 1);
		put_number(c, "2/", i, 250);
	}
	/* A quarter of the hot ones are asked for, each 200 times; a fresh one now and then. */
	unsigned asked = 0;
	for (unsigned i = 0; i < HOT; i += 4) {
		char key[64];
		snprintf(key, sizeof key, "1/%u", i);
		asked += age_of(c, key, 1) != CACHE_NONE;
	}
	assert_in_range(asked, HOT / 4 * 95 / 100, HOT / 4);
	cache_free(c);
}

static void test_zones_go_last(void **state)
{
	(void)state;
	struct cache *c = new_cache(4 << 20);
	for (unsigned i = 0; i < 500; i++)
		put_number(c, "0.NA/", i, 600);
	for (unsigned i = 0; i < 100000; i++)
		put_number(c, "1/", i, 250);
	assert_int_equal(count(c, "0.NA/", 500), 500);
	/* But they do not crowd out everything else. */
	for (unsigned i = 0; i < 100000; i++) {
		put_number(c, "0.NA/", i, 250);
		put_number(c, "1/", i, 250);
	}
	assert_in_range(count(c, "1/", 100000), 1000, 100000);
	cache_free(c);
}

/* --- threads: for the thread sanitizer, and each answer is of its name --- */

struct both {
	struct cache *c;
	unsigned seed;
	bool wrong;
};

static void *ask_and_put(void *ctx)
{
	struct both *b = ctx;
	struct hlv_arena a;
	hlv_arena_init(&a, 1 << 16);
	for (unsigned i = 0; i < 60000; i++) {
		char key[32], values[64];
		struct cache_hit hit;
		snprintf(key, sizeof key, "1/%u", (i * 7 + b->seed) % 9000);
		hlv_arena_reset(&a);
		enum cache_age age =
			cache_get(b->c, MEMORY_RECORD, hlv_text(key), at(1), &a, &hit);
		if (age != CACHE_NONE)
			b->wrong |= !hlv_eq(hit.proven.finding.values.raw, hlv_text(key));
		snprintf(values, sizeof values, "%s", key);
		if (i % 3 == b->seed)
			put_text(b->c, key, values, 0);
		if (i % 9000 == 5000)
			cache_flush(b->c, "1/1?");
	}
	hlv_arena_fini(&a);
	return NULL;
}

static void test_two_threads(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	struct both both[2] = {{c, 0, false}, {c, 1, false}};
	pthread_t threads[2];
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_and_put, &both[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_false(both[0].wrong || both[1].wrong);
	cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_kinds_and_codes_apart),
		cmocka_unit_test(test_replacement),
		cmocka_unit_test(test_newest_is_of_validated_ones),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_clock_comes_back),
		cmocka_unit_test(test_prefetch_is_told_once),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_walk_memory),
		cmocka_unit_test(test_no_room_for_the_copy),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_hot_ones_survive),
		cmocka_unit_test(test_zones_go_last),
		cmocka_unit_test(test_two_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
