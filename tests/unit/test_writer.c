/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/writer.h"

#include "tests/unit/in_arena.h"

static void put_u8(struct hlv_writer *w)
{
	hlv_put_u8(w, 0xAB);
}

static void put_u16(struct hlv_writer *w)
{
	hlv_put_u16(w, 0x8001);
}

static void put_u32(struct hlv_writer *w)
{
	hlv_put_u32(w, 0xFFFFFFFE);
}

static void put_u64(struct hlv_writer *w)
{
	hlv_put_u64(w, 0x8000000000000001);
}

static void put_nothing(struct hlv_writer *w)
{
	hlv_put(w, (struct hlv_bytes){0});
}

static void put_lp32(struct hlv_writer *w)
{
	hlv_put_lp32(w, hlv_text("ab"));
}

static void put_hole(struct hlv_writer *w)
{
	size_t outer = hlv_put_hole32(w);
	hlv_put_u8(w, 1);
	size_t inner = hlv_put_hole32(w);
	hlv_put_u16(w, 0x0203);
	hlv_fill32(w, inner);
	hlv_fill32(w, outer);
}

/* Each is written at every capacity: whole when it fits, never an octet too far otherwise. */
static void test_capacity(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		void (*put)(struct hlv_writer *w);
		const char *want;
	} rows[] = {
		{"u8", put_u8, "ab"},
		{"u16", put_u16, "8001"},
		{"u32", put_u32, "fffffffe"},
		{"u64", put_u64, "8000000000000001"},
		{"nothing", put_nothing, ""},
		{"lp32", put_lp32, "000000026162"},
		{"holes", put_hole, "00000007 01 00000002 0203"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes want = hex(&arena, rows[i].want);
		for (size_t cap = 0; cap <= want.n + 1; cap++) {
			struct hlv_writer w = hlv_writer(hlv_alloc(&arena, cap), cap);
			rows[i].put(&w);
			check_u64(rows[i].name, w.bad, cap < want.n);
			check_bytes(rows[i].name, hlv_written(&w),
				    cap < want.n ? (struct hlv_bytes){0} : want);
		}
		hlv_arena_reset(&arena);
	}
}

static void test_bad_stays_bad(void **state)
{
	(void)state;
	uint8_t room[4];
	struct hlv_writer w = hlv_writer(room, sizeof(room));
	hlv_put_u64(&w, 1);
	assert_true(w.bad);
	hlv_put_u8(&w, 1);
	assert_true(w.bad);
	assert_null(hlv_put_room(&w, 1));
	assert_int_equal(hlv_written(&w).n, 0);
	assert_int_equal(w.n, 0);
}

static void test_absurd_room(void **state)
{
	(void)state;
	uint8_t room[4];
	struct hlv_writer w = hlv_writer(room, sizeof(room));
	hlv_put_u16(&w, 1);
	assert_null(hlv_put_room(&w, SIZE_MAX));
	assert_true(w.bad);
}

static void test_fill_of_a_bad_writer_writes_nothing(void **state)
{
	(void)state;
	uint8_t room[6] = {0};
	struct hlv_writer w = hlv_writer(room, sizeof(room));
	hlv_put_u32(&w, 0);
	size_t at = hlv_put_hole32(&w); /* does not fit any more */
	hlv_fill32(&w, at);
	hlv_fill_u32(&w, 0, 0xFFFFFFFF);
	assert_true(w.bad);
	for (size_t i = 0; i < sizeof(room); i++)
		assert_int_equal(room[i], 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_bad_stays_bad),
		cmocka_unit_test(test_absurd_room),
		cmocka_unit_test(test_fill_of_a_bad_writer_writes_nothing),
	};
	return run_in_arena(tests);
}
