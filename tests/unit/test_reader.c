/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/reader.h"

#include "tests/unit/in_arena.h"

/* Each row reads one field; `rest` is what must be left, `bad` whether the reader is spoilt. */
static void test_fields(void **state)
{
	(void)state;
	enum field { U8, U16, U32, U64, LP32, SUB, COUNT4 };
	static const struct {
		const char *name, *in;
		enum field field;
		bool bad;
		uint64_t want;
		size_t rest;
	} rows[] = {
		{"u8", "7f01", U8, false, 0x7F, 1},
		{"u16", "80010203", U16, false, 0x8001, 2},
		{"u32", "fffffffe", U32, false, 0xFFFFFFFE, 0},
		{"u64", "8000000000000001", U64, false, 0x8000000000000001, 0},
		{"lp32 of nothing", "00000000aa", LP32, false, 0, 1},
		{"lp32", "00000002aabbcc", LP32, false, 2, 1},
		{"sub", "00000002aabbcc", SUB, false, 2, 1},
		{"count that fits", "00000001aabbccdd", COUNT4, false, 1, 4},
		{"count of nothing", "00000000", COUNT4, false, 0, 0},
		{"u8 of nothing", "", U8, true, 0, 0},
		{"u16 cut", "01", U16, true, 0, 0},
		{"u32 cut", "010203", U32, true, 0, 0},
		{"u64 cut", "01020304050607", U64, true, 0, 0},
		{"lp32 without length", "000000", LP32, true, 0, 0},
		{"lp32 one short", "00000003aabb", LP32, true, 0, 0},
		{"lp32 of 2^31", "80000000aa", LP32, true, 0, 0},
		{"lp32 of 2^32-1", "ffffffffaa", LP32, true, 0, 0},
		{"sub one short", "00000003aabb", SUB, true, 0, 0},
		{"count one short", "00000002aabbccddaabbcc", COUNT4, true, 0, 0},
		{"count of 2^31", "80000000aabbccdd", COUNT4, true, 0, 0},
		{"count of 2^32-1", "ffffffffaabbccdd", COUNT4, true, 0, 0},
		{"count whose product wraps", "40000001aabbccdd", COUNT4, true, 0, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_reader r = hlv_reader(hex(&arena, rows[i].in)), sub;
		uint64_t got = 0;
		switch (rows[i].field) {
		case U8:
			got = hlv_get_u8(&r);
			break;
		case U16:
			got = hlv_get_u16(&r);
			break;
		case U32:
			got = hlv_get_u32(&r);
			break;
		case U64:
			got = hlv_get_u64(&r);
			break;
		case LP32:
			got = hlv_get_lp32(&r).n;
			break;
		case SUB:
			sub = hlv_get_sub(&r);
			got = hlv_left(&sub);
			check_u64(rows[i].name, sub.bad, rows[i].bad);
			break;
		case COUNT4:
			got = hlv_get_count(&r, 4);
			break;
		}
		check_u64(rows[i].name, got, rows[i].want);
		check_u64(rows[i].name, r.bad, rows[i].bad);
		check_u64(rows[i].name, hlv_left(&r), rows[i].rest);
		hlv_arena_reset(&arena);
	}
}

static void test_spoilt_stays_spoilt(void **state)
{
	(void)state;
	struct hlv_reader r = hlv_reader(hex(&arena, "01020304"));
	assert_int_equal(hlv_get_u64(&r), 0);
	assert_true(r.bad);
	assert_int_equal(hlv_get_u8(&r), 0);
	assert_int_equal(hlv_take(&r, 1).n, 0);
	assert_int_equal(hlv_take_rest(&r).n, 0);
	assert_int_equal(hlv_since(&r, 0).n, 0);
	assert_false(hlv_finished(&r));
	hlv_arena_reset(&arena);
}

static void test_sub_sees_nothing_behind_it(void **state)
{
	(void)state;
	struct hlv_reader r = hlv_reader(hex(&arena, "00000001 aabbccdd"));
	struct hlv_reader sub = hlv_get_sub(&r);
	assert_int_equal(hlv_get_u16(&sub), 0);
	assert_true(sub.bad);
	assert_false(r.bad);
	assert_int_equal(hlv_get_u8(&r), 0xBB);
	hlv_arena_reset(&arena);
}

static void test_finished(void **state)
{
	(void)state;
	struct hlv_reader r = hlv_reader(hex(&arena, "0102"));
	assert_false(hlv_finished(&r));
	hlv_get_u16(&r);
	assert_true(hlv_finished(&r));
	hlv_get_u8(&r);
	assert_false(hlv_finished(&r));
	r = hlv_reader((struct hlv_bytes){0});
	assert_true(hlv_finished(&r));
	hlv_arena_reset(&arena);
}

static void test_since(void **state)
{
	(void)state;
	struct hlv_reader r = hlv_reader(hex(&arena, "010203040506"));
	hlv_get_u16(&r);
	size_t from = r.pos;
	assert_int_equal(hlv_since(&r, from).n, 0);
	hlv_get_u16(&r);
	check_bytes("since", hlv_since(&r, from), hlv_bytes(r.in.p + 2, 2));
	hlv_arena_reset(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_spoilt_stays_spoilt),
		cmocka_unit_test(test_sub_sees_nothing_behind_it),
		cmocka_unit_test(test_finished),
		cmocka_unit_test(test_since),
	};
	return run_in_arena(tests);
}
