/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/site.h"

#include "tests/unit/in_arena.h"

#define HEAD "0001 020b 0001 80 02 00000000 " /* up to the attributes */
#define ADDRESS "000000000000000000000000 7f000001 "

static void test_decode(void **state)
{
	(void)state;
	static const struct {
		const char *name, *in;
		enum hlv_err want;
	} rows[] = {
		{"empty", HEAD "00000000 00000000", HLV_OK},
		{"attribute", HEAD "00000001 00000001 61 00000001 62 00000000", HLV_OK},
		{"server", HEAD "00000000 00000001 00000001" ADDRESS "00000000 00000000",
		 HLV_OK},
		{"interface",
		 HEAD "00000000 00000001 00000001" ADDRESS "00000000 00000001 03 01 00000a51",
		 HLV_OK},
		{"format 0", "0000 020b 0001 80 02 00000000 00000000 00000000", HLV_OK},
		{"format 2", "0002 020b 0001 80 02 00000000 00000000 00000000",
		 HLV_E_UNSUPPORTED},
		{"nothing", "", HLV_E_MALFORMED},
		{"head alone", HEAD, HLV_E_MALFORMED},
		{"no servers", HEAD "00000000", HLV_E_MALFORMED},
		{"octet behind", HEAD "00000000 00000000 00", HLV_E_MALFORMED},
		{"filter too long", "0001 020b 0001 80 02 00000009 00000000 00000000",
		 HLV_E_MALFORMED},
		{"attributes negative", HEAD "ffffffff 00000000", HLV_E_MALFORMED},
		{"attributes huge", HEAD "10000000 00000000", HLV_E_MALFORMED},
		{"attribute cut", HEAD "00000001 00000001 61 00000002 62", HLV_E_MALFORMED},
		{"servers negative", HEAD "00000000 80000000", HLV_E_MALFORMED},
		{"servers huge", HEAD "00000000 00100001", HLV_E_MALFORMED},
		{"address cut", HEAD "00000000 00000001 00000001 00000000 00000000 00000000",
		 HLV_E_MALFORMED},
		{"key too long", HEAD "00000000 00000001 00000001" ADDRESS "00000009 00000000",
		 HLV_E_MALFORMED},
		{"interfaces huge",
		 HEAD "00000000 00000001 00000001" ADDRESS "00000000 2aaaaaab 03 01 00000a51",
		 HLV_E_MALFORMED},
		{"interface cut",
		 HEAD "00000000 00000001 00000001" ADDRESS "00000000 00000001 03 01 000a51",
		 HLV_E_MALFORMED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes in = hex(&arena, rows[i].in);
		struct hlv_site s;
		check_err(rows[i].name, hlv_site_decode(in, &s), rows[i].want);
		if (rows[i].want == HLV_OK) {
			struct hlv_writer w = hlv_writer(hlv_alloc(&arena, in.n), in.n);
			hlv_site_encode(&w, &s);
			check_bytes(rows[i].name, hlv_written(&w), in);
		}
		hlv_arena_reset(&arena);
	}
}

static void test_walks(void **state)
{
	(void)state;
	struct hlv_site s;
	check_err("decode",
		  hlv_site_decode(hex(&arena,
				      HEAD "00000001 00000001 61 00000001 62"
					   "00000001 00000007" ADDRESS "00000002 aabb 00000002"
					   "03 01 00000a51 02 00 ffffffff"),
				  &s),
		  HLV_OK);
	struct hlv_reader r = hlv_reader(s.attributes.raw);
	struct hlv_site_attribute a;
	hlv_site_next_attribute(&r, &a);
	check_text("name", a.name, "a");
	check_text("value", a.value, "b");
	assert_true(hlv_finished(&r));
	r = hlv_reader(s.servers.raw);
	struct hlv_site_server server;
	hlv_site_next_server(&r, &server);
	assert_true(hlv_finished(&r));
	assert_int_equal(server.id, 7);
	assert_int_equal(server.key.n, 2);
	assert_int_equal(server.interfaces.n, 2);
	r = hlv_reader(server.interfaces.raw);
	struct hlv_site_interface i;
	hlv_site_next_interface(&r, &i);
	assert_int_equal(i.kind, HLV_IF_ADMIN | HLV_IF_QUERY);
	assert_int_equal(i.port, 2641);
	hlv_site_next_interface(&r, &i);
	assert_int_equal(i.protocol, HLV_IF_UDP);
	assert_int_equal(i.port, 0xFFFFFFFF);
	assert_true(hlv_finished(&r));
	hlv_arena_reset(&arena);
}

static void test_ipv4(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		bool ipv4;
	} rows[] = {
		{"000000000000000000000000 7f000001", true},
		{"000000000000000000000000 00000000", true},
		{"00000000000000000000ffff 7f000001", true},
		{"00000000000000000000fffe 7f000001", false},
		{"000000000000000000000001 7f000001", false},
		{"20010db80000000000010000 00000001", false},
		{"00000000000000010000ffff 7f000001", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		check_u64(rows[i].address, hlv_site_is_ipv4(hex(&arena, rows[i].address).p),
			  rows[i].ipv4);
	hlv_arena_reset(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_walks),
		cmocka_unit_test(test_ipv4),
	};
	return run_in_arena(tests);
}
