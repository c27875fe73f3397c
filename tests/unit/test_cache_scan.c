/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cache_world.h"

struct seen {
	unsigned n, stop_at;
	bool found;
};

static bool see(void *ctx, const struct cache_entry *e)
{
	struct seen *seen = ctx;
	seen->n++;
	if (hlv_eq(e->key, hlv_text("1/a"))) {
		seen->found = true;
		assert_int_equal(e->kind, MEMORY_RECORD);
		assert_int_equal(e->hits, 1);
		assert_int_equal(e->proven.proof, PROOF_SECURE);
		assert_true(hlv_eq(e->proven.finding.values.raw, hlv_text("hello")));
		assert_in_range(e->cost, 50, 200);
	}
	return seen->n != seen->stop_at;
}

static void test_each(void **state)
{
	(void)state;
	struct cache *c = new_cache(64 << 20);
	for (unsigned i = 0; i < 999; i++)
		put_number(c, "2/", i, 20);
	put_text(c, "1/a", "hello", 0);
	age_of(c, "1/a", 0);
	struct seen seen = {0};
	cache_each(c, see, &seen);
	assert_int_equal(seen.n, 1000);
	assert_true(seen.found);
	seen = (struct seen){.stop_at = 10};
	cache_each(c, see, &seen);
	assert_int_equal(seen.n, 10);
	seen = (struct seen){0};
	uint64_t place = 0;
	while (cache_scan(c, &place, see, &seen))
		;
	assert_int_equal(seen.n, 1000);
	assert_false(cache_scan(c, &place, see, &seen));
	assert_int_equal(seen.n, 1000);
	cache_free(c);
}

static void test_patterns(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *key;
		bool matches;
	} rows[] = {
		{"", "1/a", true},
		{"1/a", "1/a", true},
		{"1/a", "1/A", false},
		{"abc/x", "ABC/x", true},
		{"ABC/X", "ABC/x", false},
		{"0.na/abc", "0.NA/ABC", true},
		{"1/a", "1/ab", false},
		{"1/ab", "1/a", false},
		{"88.118.8/", "88.118.8/x", true},
		{"88.118.8/", "88.118.8/", true},
		{"88.118.8/", "88.118.8/x/y", true},
		{"88.118.8/", "0.NA/88.118.8", true},
		{"88.118.8/", "88.118.8", true},
		{"88.118.8/", "88.118.80/x", false},
		{"88.118.8/", "88.118.8.1/x", false},
		{"88.118/", "88.118.8/x", false},
		{"abc/", "ABC/x", true},
		{"88.118.*", "88.118/x", true},
		{"88.118.*", "88.118.8/x", true},
		{"88.118.*", "88.118.8.1/x.y", true},
		{"88.118.*", "0.NA/88.118.8", true},
		{"88.118.*", "0.NA/88.118", true},
		{"88.118.*", "0.NA/88", false},
		{"88.118.*", "88.1180/x", false},
		{"88.118.*", "88.11/x", false},
		{"abc.*", "ABC.D/x", true},
		{"88.118", "0.NA/88.118", true},
		{"88.118", "88.118", true},
		{"88.118", "88.118/x", false},
		{"88.118", "88.118/", false},
		{"88.118", "0.NA/88.118.8", false},
		{"88.118.8/x*", "88.118.8/xyz", true},
		{"88.118.8/x*", "88.118.8/x", true},
		{"88.118.8/x*", "88.118.8/y", false},
		{"88.118.8/?", "88.118.8/y", true},
		{"88.118.8/?", "88.118.8/yz", false},
		{"*/pump-??", "88.118.8/pump-17", true},
		{"*/pump-??", "88.118.8/pump-7", false},
		{"*/Pump*", "88.118.8/pump-7", false},
		{"*", "anything", true},
		{"**a*b", "xxaxxabxb", true},
		{"**a*b", "xxaxxabx", false},
		{"88.*/x", "88.118/x", true},
		{"?", "", false},
		{"*", "", true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[100];
		snprintf(name, sizeof name, "%s on %s", rows[i].pattern, rows[i].key);
		check_u64(name, cache_pattern_matches(rows[i].pattern, hlv_text(rows[i].key)),
			  rows[i].matches);
	}
	/* What would take for ever if every star were tried at every place. */
	char pattern[101], key[2001];
	for (unsigned i = 0; i < 100; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	memset(key, 'a', sizeof key - 1);
	pattern[100] = key[2000] = '\0';
	pattern[99] = 'b';
	assert_false(cache_pattern_matches(pattern, hlv_text(key)));
}

static void test_flush(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	static const char *keys[] = {"88.118.8/a", "88.118.8/b", "88.118/a", "88.118.9/a",
				     "0.NA/88.118.8"};
	for (size_t i = 0; i < COUNT(keys); i++)
		put_text(c, keys[i], "x", 0);
	put(c, MEMORY_CUT, "0.NA/88.118.8", (struct put){.values = "x"}, 0);
	assert_int_equal(cache_flush(c, "88.118.8/b"), 1);
	assert_int_equal(age_of(c, "88.118.8/b", 1), CACHE_NONE);
	assert_int_equal(cache_flush(c, "88.118.8/"), 3);
	assert_int_equal(age_of(c, "88.118.8/a", 1), CACHE_NONE);
	assert_int_equal(age_of(c, "88.118.9/a", 1), CACHE_FRESH);
	assert_int_equal(cache_flush(c, "88.118.*"), 2);
	assert_int_equal(cache_flush(c, ""), 0);
	struct cache_stats stats;
	cache_stats(c, &stats);
	assert_int_equal(stats.entries, 0);
	cache_free(c);
}

static void test_stats(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	struct cache_stats s;
	put_text(c, "1/a", "x", 0);
	put(c, MEMORY_RECORD, "1/a", (struct put){.proof = PROOF_INSECURE, .values = "y"}, 0);
	age_of(c, "1/a", 1);
	age_of(c, "1/a", 101);
	age_of(c, "1/b", 1);
	age_of(c, "1/a", 10 * DAY_S);
	cache_stats(c, &s);
	assert_int_equal(s.puts, 1);
	assert_int_equal(s.hits, 1);
	assert_int_equal(s.stale_hits, 1);
	assert_int_equal(s.misses, 2);
	assert_int_equal(s.expired, 1);
	assert_int_equal(s.entries, 0);
	cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_stats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
