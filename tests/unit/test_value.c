/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/value.h"

#include "proto/wire/codes.h"
#include "tests/unit/in_arena.h"

#define HEAD "00000001 6553f100 00 00015180 0e " /* index, time, TTL, permissions */

static void test_decode(void **state)
{
	(void)state;
	static const struct {
		const char *name, *in;
		bool ok;
	} rows[] = {
		{"URL", HEAD "00000003 55524c 00000001 78 00000000", true},
		{"all empty", HEAD "00000000 00000000 00000000", true},
		{"one reference", HEAD "00000000 00000000 00000001 00000001 61 0000012c", true},
		{"empty reference", HEAD "00000000 00000000 00000001 00000000 00000000", true},
		{"nothing", "", false},
		{"head alone", HEAD, false},
		{"no references", HEAD "00000000 00000000", false},
		{"type too long", HEAD "00000100 55524c 00000000 00000000", false},
		{"type negative", HEAD "ffffffff 55524c 00000000 00000000", false},
		{"data one too long", HEAD "00000000 00000005 00000000", false},
		{"data negative", HEAD "00000000 80000000 00000000", false},
		{"more references than octets", HEAD "00000000 00000000 00000001", false},
		{"references negative", HEAD "00000000 00000000 ffffffff", false},
		{"references whose size wraps", HEAD "00000000 00000000 20000000", false},
		{"reference cut", HEAD "00000000 00000000 00000001 00000001 61 00012c", false},
		{"reference runs over", HEAD "00000000 00000000 00000001 00000009 61 0000012c",
		 false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes in = hex(&arena, rows[i].in);
		struct hlv_reader r = hlv_reader(in);
		struct hlv_value v;
		check_err(rows[i].name, hlv_value_decode(&r, &v),
			  rows[i].ok ? HLV_OK : HLV_E_MALFORMED);
		if (rows[i].ok) {
			struct hlv_writer w = hlv_writer(hlv_alloc(&arena, in.n), in.n);
			hlv_value_encode(&w, &v);
			check_bytes(rows[i].name, hlv_written(&w), in);
		}
		hlv_arena_reset(&arena);
	}
}

static struct hlv_bytes list_of(uint32_t announced, uint32_t n)
{
	size_t cap = 4 + (size_t)n * HLV_VALUE_MIN;
	struct hlv_writer w = hlv_writer(hlv_alloc(&arena, cap), cap);
	hlv_put_u32(&w, announced);
	for (uint32_t i = 0; i < n; i++) {
		struct hlv_value v = {.index = i + 1};
		hlv_value_encode(&w, &v);
	}
	return hlv_written(&w);
}

static void test_list(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t announced, n;
		enum hlv_err want;
		size_t rest;
	} rows[] = {
		{"none", 0, 0, HLV_OK, 0},
		{"one", 1, 1, HLV_OK, 0},
		{"one of two", 1, 2, HLV_OK, HLV_VALUE_MIN},
		{"the most", HLV_VALUES_MAX, HLV_VALUES_MAX, HLV_OK, 0},
		{"one more than the most", HLV_VALUES_MAX + 1, HLV_VALUES_MAX + 1, HLV_E_LIMIT,
		 0},
		{"one more than there are", 2, 1, HLV_E_MALFORMED, 0},
		{"2^31", 0x80000000, 1, HLV_E_MALFORMED, 0},
		{"2^32-1", 0xFFFFFFFF, 1, HLV_E_MALFORMED, 0},
		{"some of nothing", 1, 0, HLV_E_MALFORMED, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes in = list_of(rows[i].announced, rows[i].n);
		struct hlv_reader r = hlv_reader(in);
		struct hlv_list list;
		check_err(rows[i].name, hlv_values_decode(&r, &list), rows[i].want);
		if (rows[i].want == HLV_OK) {
			check_u64(rows[i].name, hlv_left(&r), rows[i].rest);
			check_u64(rows[i].name, list.raw.n,
				  (size_t)rows[i].announced * HLV_VALUE_MIN);
		}
		hlv_arena_reset(&arena);
	}
	struct hlv_reader r = hlv_reader((struct hlv_bytes){0});
	struct hlv_list list;
	assert_int_equal(hlv_values_decode(&r, &list), HLV_E_MALFORMED);
}

static void test_types(void **state)
{
	(void)state;
	static const struct {
		const char *type, *asked;
		bool matches, is;
	} rows[] = {
		{"URL", "URL", true, true},
		{"url", "URL", true, true},
		{"URL.x", "URL.", true, false},
		{"URL", "URL.", true, false},
		{"URL.", "URL.", true, true},
		{"URL.x", "URL", false, true},
		{"URLX", "URL", false, false},
		{"URLX", "URL.", false, false},
		{"UR", "URL", false, false},
		{"UR", "URL.", false, false},
		{"", "URL", false, false},
		{"", "URL.", false, false},
		{"URL", ".", false, false},
		{".", ".", false, true},
		{"\xC3\xA9", "\xC3\x89", false, false},
		{"HS_SITE.6", "HS_SITE.PREFIX", false, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes type = hlv_text(rows[i].type);
		check_u64(rows[i].type, hlv_type_asked(type, hlv_text(rows[i].asked)),
			  rows[i].matches);
		check_u64(rows[i].type, hlv_type_is(type, rows[i].asked), rows[i].is);
	}
	assert_false(hlv_type_asked(hlv_text("URL"), (struct hlv_bytes){0}));
	assert_false(hlv_type_asked((struct hlv_bytes){0}, (struct hlv_bytes){0}));
}

static void test_expiry(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint8_t kind;
		uint32_t ttl, retrieved, now;
		bool expired;
	} rows[] = {
		{"fresh", HLV_TTL_RELATIVE, 60, 1000, 1030, false},
		{"at its end", HLV_TTL_RELATIVE, 60, 1000, 1060, false},
		{"clock went back", HLV_TTL_RELATIVE, 60, 1000, 900, false},
		{"two days", HLV_TTL_RELATIVE, 1000000, 0, 172800, false},
		{"absolute, fresh", HLV_TTL_ABSOLUTE, 2000, 1000, 2000, false},
		{"over", HLV_TTL_RELATIVE, 60, 1000, 1061, true},
		{"zero", HLV_TTL_RELATIVE, 0, 1000, 1000, true},
		{"zero, clock went back", HLV_TTL_RELATIVE, 0, 1000, 900, true},
		{"negative", HLV_TTL_RELATIVE, 0xFFFFFFFF, 1000, 1000, true},
		{"negative, clock went back", HLV_TTL_RELATIVE, 0xFFFFFFFF, 1000, 900, true},
		{"over two days", HLV_TTL_RELATIVE, 1000000, 0, 172801, true},
		{"absolute, over", HLV_TTL_ABSOLUTE, 2000, 1000, 2001, true},
		{"absolute, after two days", HLV_TTL_ABSOLUTE, 4000000, 0, 172801, true},
		{"of no kind", 2, 60, 1000, 1000, true},
		{"kind 255", 255, 60, 1000, 1000, true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_value v = {.ttl_kind = rows[i].kind, .ttl_s = rows[i].ttl};
		check_u64(rows[i].name, hlv_value_expired(&v, rows[i].retrieved, rows[i].now),
			  rows[i].expired);
	}
}

static void test_life(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint8_t kind;
		uint32_t ttl, now, life;
	} rows[] = {
		{"a day", HLV_TTL_RELATIVE, 86400, 1000, 86400},
		{"zero", HLV_TTL_RELATIVE, 0, 1000, 0},
		{"the longest", HLV_TTL_RELATIVE, INT32_MAX, 1000, INT32_MAX},
		{"negative", HLV_TTL_RELATIVE, 0xFFFFFFFF, 1000, 0},
		{"the least", HLV_TTL_RELATIVE, 0x80000000, 1000, 0},
		{"absolute", HLV_TTL_ABSOLUTE, 2000, 1000, 1000},
		{"absolute, now", HLV_TTL_ABSOLUTE, 1000, 1000, 0},
		{"absolute, over", HLV_TTL_ABSOLUTE, 999, 1000, 0},
		{"absolute, after 2038", HLV_TTL_ABSOLUTE, 0xFFFFFFFF, 1000, 0xFFFFFFFF - 1000},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_value v = {.ttl_kind = rows[i].kind, .ttl_s = rows[i].ttl};
		check_u64(rows[i].name, hlv_value_life(&v, rows[i].now), rows[i].life);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),   cmocka_unit_test(test_decode),
		cmocka_unit_test(test_list),   cmocka_unit_test(test_types),
		cmocka_unit_test(test_expiry),
	};
	return run_in_arena(tests);
}
