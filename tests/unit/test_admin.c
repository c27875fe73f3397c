/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/admin.h"

#include "tests/unit/in_arena.h"

static void test_admin(void **state)
{
	(void)state;
	static const struct {
		const char *name, *in;
		bool ok, tail;
	} rows[] = {
		{"plain", "07f3 00000003 612f62 0000012c", true, false},
		{"legacy tail", "07f3 00000003 612f62 0000012c 0000", true, true},
		{"bits that mean nothing", "f000 00000000 00000000", true, false},
		{"empty", "", false, false},
		{"permissions alone", "07f3", false, false},
		{"handle cut", "07f3 00000004 612f62", false, false},
		{"index cut", "07f3 00000003 612f62 00012c", false, false},
		{"handle negative", "07f3 ffffffff 612f62 0000012c", false, false},
		{"one octet behind", "07f3 00000003 612f62 0000012c 00", false, false},
		{"three octets behind", "07f3 00000003 612f62 0000012c 000000", false, false},
		{"tail not zero", "07f3 00000003 612f62 0000012c 0001", false, false},
		{"tail not zero either", "07f3 00000003 612f62 0000012c 0100", false, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes in = hex(&arena, rows[i].in);
		struct hlv_admin a;
		check_err(rows[i].name, hlv_admin_decode(in, &a),
			  rows[i].ok ? HLV_OK : HLV_E_MALFORMED);
		if (rows[i].ok) {
			check_u64(rows[i].name, a.legacy_tail, rows[i].tail);
			struct hlv_writer w = hlv_writer(hlv_alloc(&arena, in.n), in.n);
			hlv_admin_encode(&w, &a);
			check_bytes(rows[i].name, hlv_written(&w), in);
		}
		hlv_arena_reset(&arena);
	}
}

static void test_vlist(void **state)
{
	(void)state;
	static const struct {
		const char *name, *in;
		bool ok;
	} rows[] = {
		{"none", "00000000", true},
		{"one", "00000001 00000001 61 0000012c", true},
		{"two", "00000002 00000001 61 0000012c 00000000 00000000", true},
		{"empty", "", false},
		{"one missing", "00000002 00000001 61 0000012c", false},
		{"octet behind", "00000000 00", false},
		{"negative", "ffffffff", false},
		{"huge", "00100001 00000001 61 0000012c", false},
		{"size wraps", "20000000 00000001 61 0000012c", false},
		{"reference cut", "00000001 00000001 61 00012c", false},
		{"handle runs over", "00000001 00000005 61 0000012c", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_list refs;
		check_err(rows[i].name, hlv_vlist_decode(hex(&arena, rows[i].in), &refs),
			  rows[i].ok ? HLV_OK : HLV_E_MALFORMED);
		hlv_arena_reset(&arena);
	}
}

static void test_perms_text(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool ok;
		uint16_t perms;
	} rows[] = {
		{"000000000000", true, 0},
		{"111111111111", true, HLV_ADMIN_ALL},
		{"000000000001", true, HLV_ADMIN_ADD_HANDLE},
		{"100000000000", true, HLV_ADMIN_LIST_HANDLES},
		{"011111110011", true, 0x07F3},
		{"", false, 0},
		{"11111111111", false, 0},
		{"1111111111111", false, 0},
		{"11111111111x", false, 0},
		{"11111111111 ", false, 0},
		{"211111111111", false, 0},
		{"-11111111111", false, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint16_t perms = 0xAAAA;
		char text[13];
		check_err(rows[i].text, hlv_admin_perms_parse(hlv_text(rows[i].text), &perms),
			  rows[i].ok ? HLV_OK : HLV_E_MALFORMED);
		if (!rows[i].ok)
			continue;
		check_u64(rows[i].text, perms, rows[i].perms);
		hlv_admin_perms_print(perms, text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_admin),
		cmocka_unit_test(test_vlist),
		cmocka_unit_test(test_perms_text),
	};
	return run_in_arena(tests);
}
