/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/net/addr.h"

static const struct {
	const char *text;
	const char *expected; /* NULL: refused */
	bool loopback;
} parse_rows[] = {
	{"127.0.0.1", "127.0.0.1:2641", true},
	{"127.0.0.1:8000", "127.0.0.1:8000", true},
	{"127.9.8.7:1", "127.9.8.7:1", true},
	{"192.0.2.1:0", "192.0.2.1:0", false},
	{"192.0.2.1:65535", "192.0.2.1:65535", false},
	{"localhost", "127.0.0.1:2641", true},
	{"localhost:5", "127.0.0.1:5", true},
	{":2642", "127.0.0.1:2642", true},
	{"::1", "[::1]:2641", true},
	{"[::1]", "[::1]:2641", true},
	{"[::1]:99", "[::1]:99", true},
	{"::", "[::]:2641", false},
	{"[2001:db8::5]:2641", "[2001:db8::5]:2641", false},
	{"[::ffff:127.0.0.1]:7", "[::ffff:127.0.0.1]:7", true},
	{"[::ffff:192.0.2.1]:7", "[::ffff:192.0.2.1]:7", false},
	{"", NULL, false},
	{":", NULL, false},
	{"[]", NULL, false},
	{"[]:80", NULL, false},
	{"[::1", NULL, false},
	{"::1]", NULL, false},
	{"[::1]x", NULL, false},
	{"[::1]:", NULL, false},
	{"[::1]80", NULL, false},
	{"[127.0.0.1]:80", NULL, false},
	{"[localhost]:80", NULL, false},
	{"127.0.0.1:", NULL, false},
	{"127.0.0.1:65536", NULL, false},
	{"127.0.0.1:99999999999999999999", NULL, false},
	{"127.0.0.1:-1", NULL, false},
	{"127.0.0.1:+1", NULL, false},
	{"127.0.0.1: 1", NULL, false},
	{"127.0.0.1:1x", NULL, false},
	{"127.0.0.1:1:2", NULL, false},
	{"127.0.0.256", NULL, false},
	{"127.1", NULL, false},
	{"0x7f000001", NULL, false},
	{" 127.0.0.1", NULL, false},
	{"example.org", NULL, false},
	{"LOCALHOST", NULL, false},
	{"fe80::1%lo", NULL, false},
	{"[1:2:3:4:5:6:7:8:9]:1", NULL, false},
	{"1111111111111111111111111111111111111111111111111111111111111111111111", NULL, false},
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof parse_rows / sizeof *parse_rows; i++) {
		struct hlv_addr a;
		char out[HLV_ADDR_TEXT];
		enum hlv_err err = hlv_addr_parse(parse_rows[i].text, 2641, &a);
		if ((err == HLV_OK) != (parse_rows[i].expected != NULL))
			fail_msg("'%s': %s", parse_rows[i].text, hlv_strerror(err));
		if (err != HLV_OK)
			continue;
		if (strcmp(hlv_addr_print(&a, out), parse_rows[i].expected) != 0)
			fail_msg("'%s': printed as %s", parse_rows[i].text, out);
		if (hlv_addr_is_loopback(&a) != parse_rows[i].loopback)
			fail_msg("'%s': loopback is wrong", parse_rows[i].text);
	}
}

static const struct {
	const char *a, *b;
	bool same;
} eq_rows[] = {
	{"127.0.0.1:1", "127.0.0.1:1", true},  {"[::1]:1", "[0:0:0:0:0:0:0:1]:1", true},
	{"127.0.0.1:1", "127.0.0.1:2", false}, {"127.0.0.1:1", "127.0.0.2:1", false},
	{"127.0.0.1:1", "[::1]:1", false},     {"127.0.0.1:1", "[::ffff:127.0.0.1]:1", false},
	{"[::1]:1", "[::1]:2", false},	       {"[::1]:1", "[::2]:1", false},
};

static void test_eq(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof eq_rows / sizeof *eq_rows; i++) {
		struct hlv_addr a, b;
		assert_int_equal(hlv_addr_parse(eq_rows[i].a, 0, &a), HLV_OK);
		assert_int_equal(hlv_addr_parse(eq_rows[i].b, 0, &b), HLV_OK);
		if (hlv_addr_eq(&a, &b) != eq_rows[i].same)
			fail_msg("%s and %s", eq_rows[i].a, eq_rows[i].b);
	}
}

static const struct {
	const char *from, *back;
} site_rows[] = {
	{"192.0.2.7:5", "192.0.2.7:5"},
	{"127.0.0.1:5", "127.0.0.1:5"},
	{"[2001:db8::1]:5", "[2001:db8::1]:5"},
	{"[::1]:5", "[::1]:5"},
	/* 6.4: a mapped address is IPv4 too. */
	{"[::ffff:192.0.2.7]:5", "192.0.2.7:5"},
};

static void test_site_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof site_rows / sizeof *site_rows; i++) {
		struct hlv_addr a, b;
		uint8_t octets[16];
		char out[HLV_ADDR_TEXT];
		assert_int_equal(hlv_addr_parse(site_rows[i].from, 0, &a), HLV_OK);
		hlv_addr_to_site(&a, octets);
		hlv_addr_from_site(octets, hlv_addr_port(&a), &b);
		if (strcmp(hlv_addr_print(&b, out), site_rows[i].back) != 0)
			fail_msg("%s came back as %s", site_rows[i].from, out);
	}
}

static void test_none(void **state)
{
	(void)state;
	struct hlv_addr none = {0};
	char out[HLV_ADDR_TEXT];
	assert_string_equal(hlv_addr_print(&none, out), "-");
	assert_false(hlv_addr_is_loopback(&none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_eq),
		cmocka_unit_test(test_site_address),
		cmocka_unit_test(test_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
