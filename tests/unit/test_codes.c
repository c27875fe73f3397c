/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/codes.h"

#include "tests/unit/unit.h"

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(hlv_op_name(1), "RESOLUTION");
	assert_string_equal(hlv_op_name(2001), "LOGIN_ID_SYSTEM");
	assert_string_equal(hlv_rc_text(100), "identifier not found");
	assert_string_equal(hlv_rc_text(605), "prefix not allowed or over its limit");
	static const uint32_t no_op[] = {3,	     99,	 106,	    107,  203,
					 303,	     403,	 1004,	    2000, 2002,
					 0x7FFFFFFF, 0x80000001, 0xFFFFFFFF};
	for (size_t i = 0; i < COUNT(no_op); i++)
		assert_null(hlv_op_name(no_op[i]));
	static const uint32_t no_rc[] = {8,   99,  103, 203, 304,	407,
					 506, 600, 606, 999, 0xFFFFFFFF};
	for (size_t i = 0; i < COUNT(no_rc); i++)
		assert_null(hlv_rc_text(no_rc[i]));
}

static void test_flags_text(void **state)
{
	(void)state;
	static const struct {
		uint32_t flags;
		const char *text;
	} rows[] = {
		{0, ""},
		{0x000FFFFF, ""},
		{0x80000000, "AT"},
		{0x19000000, "REC,CA,PO"},
		{0xFFFFFFFF, "AT,CT,ENC,REC,CA,CN,KC,PO,RD,OWE,MNS,DNR"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[64];
		assert_string_equal(hlv_flags_text(rows[i].flags, text), rows[i].text);
	}
}

static void test_admin_ops(void **state)
{
	(void)state;
	static const uint32_t yes[] = {100, 105, 300, 302, 1000, 1003};
	static const uint32_t no[] = {0,   1,	2,   99,  106, 200,  201,
				      299, 303, 400, 402, 999, 1004, 2001};
	for (size_t i = 0; i < COUNT(yes); i++)
		assert_true(hlv_op_is_admin(yes[i]));
	for (size_t i = 0; i < COUNT(no); i++)
		assert_false(hlv_op_is_admin(no[i]));
}

static void test_codes_by_version(void **state)
{
	(void)state;
	static const struct {
		uint32_t rc;
		int version;
		uint32_t wire, back;
	} rows[] = {
		{7, HLV_V(2, 4), 303, 7},      {202, HLV_V(2, 4), 201, 201},
		{303, HLV_V(2, 4), 303, 7},    {1, HLV_V(2, 4), 1, 1},
		{302, HLV_V(2, 4), 302, 302},  {7, HLV_V(2, 5), 7, 7},
		{202, HLV_V(2, 5), 202, 202},  {303, HLV_V(2, 5), 303, 303},
		{303, HLV_V(2, 11), 303, 303}, {7, HLV_V(3, 0), 7, 7},
		{999, HLV_V(2, 0), 999, 999},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t wire = hlv_rc_to_wire(rows[i].rc, rows[i].version);
		assert_int_equal(wire, rows[i].wire);
		assert_int_equal(hlv_rc_from_wire(wire, rows[i].version), rows[i].back);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_flags_text),
		cmocka_unit_test(test_admin_ops),
		cmocka_unit_test(test_codes_by_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
