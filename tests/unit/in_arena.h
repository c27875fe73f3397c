/* SPDX-License-Identifier: Apache-2.0
 *
 * For test programs whose cases take memory as a request does: one arena, begun and ended around each
 * case (IN_ARENA) or around all of them (run_in_arena; a case then resets it when it pleases).
 */
#pragma once
#include "tests/unit/unit.h"

static struct hlv_arena arena;

static inline int arena_begin(void **state)
{
	(void)state;
	hlv_arena_init(&arena, 8 << 20);
	return 0;
}

static inline int arena_end(void **state)
{
	(void)state;
	hlv_arena_fini(&arena);
	return 0;
}

#define IN_ARENA(test) cmocka_unit_test_setup_teardown(test, arena_begin, arena_end)
#define run_in_arena(tests) cmocka_run_group_tests(tests, arena_begin, arena_end)
