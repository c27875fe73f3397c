/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/hex.h"

#include "tests/unit/unit.h"

static void test_digit(void **state)
{
	(void)state;
	static const char digits[] = "0123456789abcdef", capitals[] = "0123456789ABCDEF";
	for (int c = 0; c < 256; c++) {
		const char *low = c ? strchr(digits, c) : NULL;
		const char *high = c ? strchr(capitals, c) : NULL;
		int want = low ? (int)(low - digits) : high ? (int)(high - capitals) : -1;
		assert_int_equal(hlv_hex_digit((uint8_t)c), want);
	}
}

static void test_octet(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{"00", 0},  {"0f", 15}, {"fF", 255}, {"41z", 0x41}, {"80", 128},
		{"", -1},   {"4", -1},	{"4g", -1},  {"g4", -1},    {" 4", -1},
		{"%4", -1}, {"+4", -1}, {"-1", -1},  {"0x41", -1},  {"4\xc1", -1},
		{"@@", -1}, {"``", -1}, {"::", -1},  {"//", -1},    {"GG", -1},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		check_u64(rows[i].text, (uint64_t)hlv_hex_octet(hlv_text(rows[i].text)),
			  (uint64_t)rows[i].want);
	assert_int_equal(hlv_hex_octet((struct hlv_bytes){0}), -1);
}

static void test_percent(void **state)
{
	(void)state;
	static const struct {
		const char *text, *url, *form; /* NULL: refused */
	} rows[] = {
		{"", "", ""},
		{"a/b", "a/b", "a/b"},
		{"%41%62%2f", "Ab/", "Ab/"},
		{"a+b", "a+b", "a b"},
		{"a%2Bb+c%20d", "a+b+c d", "a+b c d"},
		{"%2541", "%41", "%41"}, /* once */
		{"%c3%A9", "\xc3\xa9", "\xc3\xa9"},
		{"\xff", "\xff", "\xff"},
		{"%", NULL, NULL},
		{"%4", NULL, NULL},
		{"a%", NULL, NULL},
		{"a%4", NULL, NULL},
		{"%%41", NULL, NULL},
		{"%g1", NULL, NULL},
		{"%1g", NULL, NULL},
		{"%+1", NULL, NULL},
		{"%u0041", NULL, NULL},
		{"%41%", NULL, NULL},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (int form = 0; form < 2; form++) {
			const char *want = form ? rows[i].form : rows[i].url;
			struct hlv_arena a;
			struct hlv_bytes out;
			hlv_arena_init(&a, 64);
			enum hlv_err err = hlv_percent_decode(
				hlv_text(rows[i].text),
				form ? HLV_PERCENT_FORM : HLV_PERCENT_URL, &a, &out);
			check_err(rows[i].text, err, want ? HLV_OK : HLV_E_MALFORMED);
			if (want)
				check_text(rows[i].text, out, want);
			hlv_arena_fini(&a);
		}
	}
}

static void test_percent_octets(void **state)
{
	(void)state;
	struct hlv_arena a;
	struct hlv_bytes out;
	hlv_arena_init(&a, 64);
	assert_int_equal(hlv_percent_decode(hlv_text("%00a%00"), HLV_PERCENT_URL, &a, &out),
			 HLV_OK);
	check_bytes("zeroes are octets as others", out, hlv_bytes("\0a\0", 3));
	assert_int_equal(hlv_percent_decode((struct hlv_bytes){0}, HLV_PERCENT_URL, &a, &out),
			 HLV_OK);
	assert_int_equal(out.n, 0);
	hlv_arena_fini(&a);
	hlv_arena_init(&a, 8);
	assert_int_equal(hlv_percent_decode(hlv_text("longer than the limit of the arena"),
					    HLV_PERCENT_URL, &a, &out),
			 HLV_E_NOMEM);
	assert_true(a.bad);
	hlv_arena_fini(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digit),
		cmocka_unit_test(test_octet),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_percent_octets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
