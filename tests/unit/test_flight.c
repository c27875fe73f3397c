/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tools/load/flight.h"

enum { ROOM = 1024, LANES = 4 };

static struct flight f;

/* Near the end of the numbers, so that every test also walks over it. */
static int begin(void **state)
{
	(void)state;
	return flight_init(&f, 1, LANES, UINT32_MAX - 2) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	flight_fini(&f);
	return 0;
}

static uint32_t launch(uint16_t lane, uint64_t sent_ns)
{
	uint32_t id;
	struct shot *shot = flight_begin(&f, lane, &id);
	shot->sent_ns = sent_ns;
	return id;
}

static void expect(const char *when, uint32_t open, uint64_t lost)
{
	uint32_t busy = 0;
	for (int i = 0; i < LANES; i++)
		busy += f.busy[i];
	if (f.open != open || f.lost != lost || busy != open)
		fail_msg("%s: %u open (lanes: %u), %llu lost", when, f.open, busy,
			 (unsigned long long)f.lost);
}

static void test_found_once(void **state)
{
	(void)state;
	uint32_t ids[6];
	for (uint16_t i = 0; i < 6; i++)
		ids[i] = launch(i % LANES, i);
	expect("sent", 6, 0);
	for (int i = 5; i >= 0; i--) {
		struct shot *shot = flight_find(&f, ids[i]);
		if (!shot || shot->sent_ns != (uint64_t)i)
			fail_msg("question %d is not found", i);
		flight_end(&f, shot);
		if (flight_find(&f, ids[i]))
			fail_msg("question %d is found twice", i);
	}
	expect("answered", 0, 0);
}

static void test_strays(void **state)
{
	(void)state;
	uint32_t first = launch(0, 1), last = launch(0, 1);
	const uint32_t strays[] = {first - 1, last + 1, last + ROOM, first - ROOM,
				   first ^ 0x80000000};
	for (size_t i = 0; i < sizeof strays / sizeof *strays; i++)
		if (flight_find(&f, strays[i]))
			fail_msg("stray %zu found a question", i);
	expect("strays", 2, 0);
}

static void test_expire(void **state)
{
	(void)state;
	uint32_t old = launch(0, 10), answered = launch(1, 20), fresh = launch(2, 30);
	flight_end(&f, flight_find(&f, answered));
	flight_expire(&f, 10);
	expect("exactly at the limit", 2, 0);
	flight_expire(&f, 30);
	expect("one late", 1, 1);
	assert_null(flight_find(&f, old));
	assert_non_null(flight_find(&f, fresh));
	flight_expire(&f, 31);
	expect("all late", 0, 2);
	flight_expire(&f, 1000);
	expect("nothing left", 0, 2);
}

static void test_full_ring_gives_up_the_oldest(void **state)
{
	(void)state;
	uint32_t first = launch(0, 1), second = launch(1, 1);
	flight_end(&f, flight_find(&f, second));
	for (int i = 2; i < ROOM; i++)
		launch(2, 1);
	expect("full", ROOM - 1, 0);
	launch(3, 1);
	expect("one too many", ROOM - 1, 1);
	assert_null(flight_find(&f, first));
	/* The place of an answered question is free without a loss. */
	launch(3, 1);
	expect("after an answered one", ROOM, 1);
}

static void test_undo(void **state)
{
	(void)state;
	launch(0, 1);
	uint32_t gone = launch(1, 1);
	flight_undo(&f);
	expect("undone", 1, 0);
	assert_null(flight_find(&f, gone));
	assert_int_equal(launch(2, 1), gone);
}

static void test_drop_lane(void **state)
{
	(void)state;
	uint32_t kept = launch(0, 1);
	launch(1, 1);
	uint32_t answered = launch(1, 1);
	flight_end(&f, flight_find(&f, answered));
	launch(1, 1);
	flight_drop_lane(&f, 1);
	expect("dropped", 1, 2);
	flight_drop_lane(&f, 1);
	expect("dropped again", 1, 2);
	assert_non_null(flight_find(&f, kept));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_found_once, begin, end),
		cmocka_unit_test_setup_teardown(test_strays, begin, end),
		cmocka_unit_test_setup_teardown(test_expire, begin, end),
		cmocka_unit_test_setup_teardown(test_full_ring_gives_up_the_oldest, begin, end),
		cmocka_unit_test_setup_teardown(test_undo, begin, end),
		cmocka_unit_test_setup_teardown(test_drop_lane, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
