/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking for many names at once, then getting them one by one, is as getting each at once; also
 * while somebody else changes the cache.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "resolver/cache.h"
#include "tests/unit/unit.h"

enum { BATCH = 32, NAMES = 3 * BATCH, NAME = 16, ROUNDS = 300 };

static struct hlv_now now(void)
{
	return (struct hlv_now){.mono_ns = 1000000000, .wall_ms = UINT64_C(1700000000000)};
}

/* Small enough for entries to go when others come. */
static struct cache *new_cache(uint64_t octets)
{
	struct cache *c = cache_new(
		&(struct cache_options){.octets = octets, .stale_s = 100, .secret = 42});
	assert_non_null(c);
	return c;
}

static void put(struct cache *c, unsigned n)
{
	char name[NAME], values[4 * NAME];
	snprintf(name, sizeof name, "1/%u", n);
	snprintf(values, sizeof values, "values of %s", name);
	struct finding f = {.rc = HLV_RC_SUCCESS,
			    .values = {1, hlv_text(values)},
			    .fetched_ms = now().wall_ms,
			    .life_s = 100};
	struct proven p;
	assert_true(prove(PROOF_SECURE, &f, &p));
	cache_put(c, MEMORY_RECORD, hlv_text(name), &p, now());
}

/* The batch that begins at name `from`; counts what was there, each with its own values. */
static unsigned look(struct cache *c, unsigned from, void (*between)(struct cache *))
{
	char names[BATCH][NAME];
	struct cache_ask asks[BATCH];
	unsigned found = 0;
	struct hlv_arena a;
	hlv_arena_init(&a, 1 << 20);
	for (unsigned i = 0; i < BATCH; i++) {
		snprintf(names[i], sizeof names[i], "1/%u", from + i);
		asks[i] = (struct cache_ask){.key = hlv_text(names[i])};
	}
	cache_ahead(c, asks, BATCH);
	if (between)
		between(c);
	for (unsigned i = 0; i < BATCH; i++) {
		struct cache_hit hit;
		if (cache_get_asked(c, &asks[i], now(), &a, &hit) != CACHE_FRESH)
			continue;
		char expected[4 * NAME];
		snprintf(expected, sizeof expected, "values of %s", names[i]);
		check_text(names[i], hit.proven.finding.values.raw, expected);
		found++;
	}
	hlv_arena_fini(&a);
	return found;
}

static void flush(struct cache *c)
{
	assert_int_equal(cache_flush(c, "1/"), NAMES / 2);
}

static void fill(struct cache *c)
{
	for (unsigned i = 0; i < NAMES; i++)
		put(c, i);
}

static void test_finds_the_same(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	assert_int_equal(look(c, 0, NULL), 0);
	for (unsigned i = 0; i < NAMES; i += 2)
		put(c, i);
	assert_int_equal(look(c, 0, NULL), BATCH / 2);
	assert_int_equal(look(c, NAMES - BATCH / 2, NULL), BATCH / 4);
	cache_free(c);
}

/* What was there when it was looked for and is not when it is got, and the other way round. */
static void test_sees_what_changed(void **state)
{
	(void)state;
	struct cache *c = new_cache(1 << 20);
	for (unsigned i = 0; i < NAMES; i += 2)
		put(c, i);
	assert_int_equal(look(c, 0, flush), 0);
	assert_int_equal(look(c, 0, fill), BATCH);
	struct cache_stats stats;
	cache_stats(c, &stats);
	assert_int_equal(stats.hits, BATCH);
	assert_int_equal(stats.misses, BATCH);
	cache_free(c);
}

struct writer {
	struct cache *cache;
	atomic_bool stop;
};

static void *write_on(void *ctx)
{
	struct writer *w = ctx;
	for (unsigned i = 0; !w->stop; i++)
		put(w->cache, i % NAMES);
	return NULL;
}

static void test_beside_a_writer(void **state)
{
	(void)state;
	pthread_t thread;
	struct writer w = {.cache = new_cache(16 << 10)};
	assert_int_equal(pthread_create(&thread, NULL, write_on, &w), 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		look(w.cache, i % (NAMES - BATCH), NULL);
	w.stop = true;
	pthread_join(thread, NULL);
	struct cache_stats stats;
	cache_stats(w.cache, &stats);
	assert_true(stats.octets <= 16 << 10);
	cache_free(w.cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_the_same),
		cmocka_unit_test(test_sees_what_changed),
		cmocka_unit_test(test_beside_a_writer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
