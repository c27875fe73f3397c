/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/record.h"

#include "proto/wire/codes.h"
#include "tests/unit/unit.h"

static struct hlv_arena arena;
static const char KEY[] = "\x01"
			  "88.118/X";

/* `spec`: one character an index, '1' .. '9', 'p' after it for a private value. */
static struct hlv_list values(const char *spec)
{
	struct hlv_writer w = hlv_writer(hlv_alloc(&arena, 4096), 4096);
	struct hlv_list list = {0};
	for (; *spec; spec++, list.n++) {
		struct hlv_value v = {.index = (uint32_t)(*spec - '0'),
				      .perms = HLV_PERM_DEFAULT,
				      .type = hlv_text("URL"),
				      .data = hlv_bytes(spec, 1)};
		if (spec[1] == 'p') {
			v.perms = HLV_PERM_ADMIN_READ;
			spec++;
		}
		hlv_value_encode(&w, &v);
	}
	list.raw = hlv_written(&w);
	return list;
}

static uint8_t *stored_record(size_t *n)
{
	struct hlv_record rec = {.flags = HLV_RECORD_ALL_PUBLIC,
				 .seq = 77,
				 .time_ms = 1700000000000,
				 .name = hlv_text("88.118/x"),
				 .values = values("123")};
	uint8_t *p = hlv_alloc(&arena, 4096);
	struct hlv_writer w = hlv_writer(p, 4096);
	hlv_record_encode(&w, hlv_text(KEY), &rec);
	*n = w.n;
	/* Its own allocation of exactly that size. */
	uint8_t *exact = hlv_alloc(&arena, w.n);
	memcpy(exact, p, w.n);
	return exact;
}

static void test_round_trip(void **state)
{
	(void)state;
	size_t n;
	uint8_t *p = stored_record(&n);
	struct hlv_record rec;
	check_err("decode", hlv_record_decode(hlv_bytes(p, n), hlv_text(KEY), &rec), HLV_OK);
	assert_int_equal(rec.flags, HLV_RECORD_ALL_PUBLIC);
	assert_int_equal(rec.seq, 77);
	assert_int_equal(rec.time_ms, 1700000000000);
	assert_int_equal(rec.values.n, 3);
	check_text("name", rec.name, "88.118/x");
	check_bytes("values", rec.values.raw, values("123").raw);
	assert_int_equal(rec.list.n, rec.values.raw.n + 4);
	uint8_t *again = hlv_alloc(&arena, n);
	struct hlv_writer w = hlv_writer(again, n);
	hlv_record_encode(&w, hlv_text(KEY), &rec);
	check_bytes("encoded", hlv_written(&w), hlv_bytes(p, n));
	hlv_arena_reset(&arena);
}

static void test_stamp(void **state)
{
	(void)state;
	size_t n;
	uint8_t *p = stored_record(&n);
	struct hlv_record rec;
	hlv_record_stamp(p, n, hlv_text(KEY), UINT64_MAX, 5);
	check_err("stamped", hlv_record_decode(hlv_bytes(p, n), hlv_text(KEY), &rec), HLV_OK);
	assert_true(rec.seq == UINT64_MAX);
	assert_int_equal(rec.time_ms, 5);
	hlv_arena_reset(&arena);
}

/* A disk is a peer too: every cut, every turned bit, another key. */
static void test_damage_is_seen(void **state)
{
	(void)state;
	size_t n;
	uint8_t *p = stored_record(&n);
	struct hlv_record rec;
	for (size_t cut = 0; cut < n; cut++) {
		struct hlv_bytes part = hlv_arena_copy(&arena, hlv_bytes(p, cut));
		check_err("cut", hlv_record_decode(part, hlv_text(KEY), &rec), HLV_E_CORRUPT);
	}
	for (size_t bit = 8; bit < n * 8; bit++) {
		p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		check_err("bit", hlv_record_decode(hlv_bytes(p, n), hlv_text(KEY), &rec),
			  HLV_E_CORRUPT);
		p[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	check_err("other key", hlv_record_decode(hlv_bytes(p, n), hlv_text("x"), &rec),
		  HLV_E_CORRUPT);
	check_err("no key", hlv_record_decode(hlv_bytes(p, n), hlv_text(""), &rec),
		  HLV_E_CORRUPT);
	p[0] = HLV_RECORD_FORMAT + 1;
	check_err("newer", hlv_record_decode(hlv_bytes(p, n), hlv_text(KEY), &rec),
		  HLV_E_NEWER);
	p[0] = 0;
	check_err("format 0", hlv_record_decode(hlv_bytes(p, n), hlv_text(KEY), &rec),
		  HLV_E_CORRUPT);
	hlv_arena_reset(&arena);
}

static void test_sort(void **state)
{
	(void)state;
	static const struct {
		const char *name, *in, *out; /* out NULL: refused */
		enum hlv_err want;
		uint8_t flags;
	} rows[] = {
		{"none", "", "", HLV_OK, HLV_RECORD_ALL_PUBLIC},
		{"sorted", "123", "123", HLV_OK, HLV_RECORD_ALL_PUBLIC},
		{"turned", "321", "123", HLV_OK, HLV_RECORD_ALL_PUBLIC},
		{"mixed, one private", "21p3", "1p23", HLV_OK, 0},
		{"all private", "2p1p", "1p2p", HLV_OK, 0},
		{"twice in a row", "11", NULL, HLV_E_EXISTS, 0},
		{"twice apart", "121", NULL, HLV_E_EXISTS, 0},
		{"twice at the end", "122", NULL, HLV_E_EXISTS, 0},
		{"index 0", "0", NULL, HLV_E_LIMIT, 0},
		{"index 0 last", "10", NULL, HLV_E_LIMIT, 0},
		{"index -1", "/", NULL, HLV_E_LIMIT, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_list in = values(rows[i].in);
		struct hlv_writer w = hlv_writer(hlv_alloc(&arena, in.raw.n), in.raw.n);
		uint8_t flags = 0xFF;
		check_err(rows[i].name, hlv_values_sort(&in, &w, &flags), rows[i].want);
		if (rows[i].out) {
			check_u64(rows[i].name, flags, rows[i].flags);
			check_bytes(rows[i].name, hlv_written(&w), values(rows[i].out).raw);
		}
		hlv_arena_reset(&arena);
	}
}

static void test_sort_limits(void **state)
{
	(void)state;
	uint8_t flags;
	struct hlv_list in = values("21");
	for (size_t cap = 0; cap < in.raw.n; cap++) {
		struct hlv_writer w = hlv_writer(hlv_alloc(&arena, cap), cap);
		assert_int_equal(hlv_values_sort(&in, &w, &flags), HLV_E_LIMIT);
	}
	struct hlv_writer w = hlv_writer(hlv_alloc(&arena, 4096), 4096);
	in.n = HLV_VALUES_MAX + 1;
	assert_int_equal(hlv_values_sort(&in, &w, &flags), HLV_E_LIMIT);
	in.n = 3; /* more than there are */
	assert_int_equal(hlv_values_sort(&in, &w, &flags), HLV_E_MALFORMED);
	hlv_arena_reset(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_stamp),
		cmocka_unit_test(test_damage_is_seen), cmocka_unit_test(test_sort),
		cmocka_unit_test(test_sort_limits),
	};
	hlv_arena_init(&arena, 1 << 20);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	hlv_arena_fini(&arena);
	return failed;
}
