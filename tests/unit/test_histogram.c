/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/rand.h"
#include "tools/load/histogram.h"

static struct histogram h;

static int clear(void **state)
{
	(void)state;
	h = (struct histogram){0};
	return 0;
}

static void test_empty(void **state)
{
	(void)state;
	assert_int_equal(histogram_quantile(&h, 0.5), 0);
	assert_int_equal(histogram_quantile(&h, 1), 0);
	assert_true(histogram_mean(&h) == 0);
}

/* A single value is every quantile, exactly: the end of its cell is beyond the maximum. */
static void test_single(void **state)
{
	static const uint64_t rows[] = {
		0,
		1,
		127,
		128,
		129,
		255,
		256,
		257,
		1000,
		999999,
		(UINT64_C(1) << 41) - 1,
		UINT64_C(1) << 41,
		UINT64_MAX,
	};
	static const double quantiles[] = {0, 0.001, 0.5, 0.99, 1};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		clear(state);
		histogram_add(&h, rows[i]);
		for (size_t k = 0; k < sizeof quantiles / sizeof *quantiles; k++)
			if (histogram_quantile(&h, quantiles[k]) != rows[i])
				fail_msg("%llu at %g: %llu", (unsigned long long)rows[i],
					 quantiles[k],
					 (unsigned long long)histogram_quantile(&h,
										quantiles[k]));
	}
}

static void test_ranks(void **state)
{
	(void)state;
	for (uint64_t v = 1; v <= 100; v++)
		histogram_add(&h, v);
	static const struct {
		double q;
		uint64_t expected;
	} rows[] = {
		{0, 1},	     {0.01, 1},	 {0.011, 2},   {0.5, 50},
		{0.501, 51}, {0.99, 99}, {0.991, 100}, {1, 100},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (histogram_quantile(&h, rows[i].q) != rows[i].expected)
			fail_msg("%g: %llu", rows[i].q,
				 (unsigned long long)histogram_quantile(&h, rows[i].q));
	assert_int_equal(h.min, 1);
	assert_int_equal(h.max, 100);
	assert_true(histogram_mean(&h) == 50.5);
}

/* Never below the true value, never more than 1/128 above it, at any size. */
static void test_error_bound(void **state)
{
	struct hlv_rand r;
	hlv_rand_seed(&r, 7);
	for (int i = 0; i < 20000; i++) {
		uint64_t v = hlv_rand_u64(&r) >> (24 + hlv_rand_below(&r, 40));
		if (v >= UINT64_C(1) << 40)
			continue;
		clear(state);
		histogram_add(&h, v);
		histogram_add(&h, UINT64_C(1) << 40);
		uint64_t got = histogram_quantile(&h, 0.5);
		if (got < v || got - v > v / 128)
			fail_msg("%llu read as %llu", (unsigned long long)v,
				 (unsigned long long)got);
	}
}

/* What is too large for the cells still counts, and the maximum tells it. */
static void test_overflow(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		histogram_add(&h, 5);
	histogram_add(&h, UINT64_C(1) << 50);
	assert_int_equal(histogram_quantile(&h, 0.9), 5);
	assert_true(histogram_quantile(&h, 0.99) == UINT64_C(1) << 50);
	assert_int_equal(h.n, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty, clear),
		cmocka_unit_test_setup(test_single, clear),
		cmocka_unit_test_setup(test_ranks, clear),
		cmocka_unit_test_setup(test_error_bound, clear),
		cmocka_unit_test_setup(test_overflow, clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
