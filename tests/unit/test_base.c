/* SPDX-License-Identifier: Apache-2.0
 *
 * The small ones of proto/base: arena, buffer, checksum, randomness, spans, error texts.
 */
#include "proto/base/base64.h"
#include "proto/base/crc32c.h"
#include "proto/base/rand.h"
#include "tests/unit/unit.h"

static void test_arena_limit(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t limit, first, second;
		bool first_fits, second_fits;
	} rows[] = {
		{"all at once", 100, 100, 0, true, true},
		{"in two", 100, 60, 40, true, true},
		{"larger than a chunk", 1 << 20, 100000, 900000, true, true},
		{"nothing of nothing", 0, 0, 0, true, true},
		{"one too many", 100, 101, 0, false, false},
		{"second one too many", 100, 60, 41, true, false},
		{"limit of nothing", 0, 1, 0, false, false},
		{"absurd size", 100, SIZE_MAX, 0, false, false},
		{"absurd size near the top", 100, SIZE_MAX - 15, 0, false, false},
		{"absurd second size", 100, 1, SIZE_MAX, true, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_arena a;
		hlv_arena_init(&a, rows[i].limit);
		check_u64(rows[i].name, hlv_alloc(&a, rows[i].first) != NULL,
			  rows[i].first_fits);
		check_u64(rows[i].name, hlv_alloc(&a, rows[i].second) != NULL,
			  rows[i].second_fits);
		check_u64(rows[i].name, a.bad, !rows[i].first_fits || !rows[i].second_fits);
		hlv_arena_fini(&a);
	}
}

static void test_arena_remembers(void **state)
{
	(void)state;
	struct hlv_arena a;
	hlv_arena_init(&a, 10);
	assert_null(hlv_alloc(&a, 11));
	assert_null(hlv_alloc(&a, 1));
	assert_int_equal(hlv_arena_copy(&a, hlv_text("x")).n, 0);
	assert_null(hlv_arena_str(&a, hlv_text("x")));
	assert_true(a.bad);
	hlv_arena_reset(&a);
	assert_false(a.bad);
	assert_non_null(hlv_alloc(&a, 10));
	hlv_arena_fini(&a);
}

static void test_arena_gives_zeroes(void **state)
{
	(void)state;
	struct hlv_arena a;
	hlv_arena_init(&a, 1 << 16);
	for (int round = 0; round < 3; round++) {
		for (size_t n = 1; n < 200; n++) {
			uint8_t *p = hlv_alloc(&a, n);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % 16, 0);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(p[i], 0);
			memset(p, 0xA5, n);
		}
		hlv_arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	hlv_arena_fini(&a);
}

static void test_arena_copies(void **state)
{
	(void)state;
	struct hlv_arena a;
	hlv_arena_init(&a, 100);
	char text[] = "abc";
	struct hlv_bytes copy = hlv_arena_copy(&a, hlv_text(text));
	char *s = hlv_arena_str(&a, hlv_text(text));
	text[0] = 'x';
	check_text("copy", copy, "abc");
	assert_string_equal(s, "abc");
	assert_string_equal(hlv_arena_str(&a, (struct hlv_bytes){0}), "");
	hlv_arena_fini(&a);
}

static void test_buf(void **state)
{
	(void)state;
	struct hlv_buf b = {0};
	hlv_buf_str(&b, "");
	check_text("empty", hlv_buf_bytes(&b), "");
	for (int i = 0; i < 1000; i++)
		hlv_buf_printf(&b, "%d,", i);
	assert_int_equal(b.n, 10 * 2 + 90 * 3 + 900 * 4);
	assert_int_equal(b.p[b.n], '\0');
	hlv_buf_clear(&b);
	hlv_buf_hex(&b, hlv_bytes("\x00\xff\x0a", 3));
	assert_string_equal(b.p, "00ff0a");
	assert_null(hlv_buf_room(&b, SIZE_MAX));
	assert_true(b.bad);
	hlv_buf_str(&b, "more");
	assert_int_equal(b.n, 6);
	hlv_buf_free(&b);
	assert_null(b.p);
}

static void test_unhex(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want; /* NULL: refused */
	} rows[] = {
		{"", ""},	    {"414243", "ABC"}, {"6a6B6c", "jkl"}, {"6A", "j"},
		{"4", NULL},	    {"414", NULL},     {"4g", NULL},	  {"g4", NULL},
		{" 41", NULL},	    {"41 ", NULL},     {"0x41", NULL},	  {"4:41", NULL},
		{"-1", NULL},	    {"41\n", NULL},    {"4`", NULL},	  {"@@", NULL},
		{"\xff\xff", NULL},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_buf b = {0};
		bool ok = hlv_buf_unhex(&b, hlv_text(rows[i].text));
		check_u64(rows[i].text, ok, rows[i].want != NULL);
		if (rows[i].want)
			check_text(rows[i].text, hlv_buf_bytes(&b), rows[i].want);
		hlv_buf_free(&b);
	}
}

static void test_crc32c(void **state)
{
	(void)state;
	/* RFC 3720 B.4, and the check value of the catalogue of CRCs. */
	uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
	for (size_t i = 0; i < 32; i++) {
		ones[i] = 0xFF;
		up[i] = (uint8_t)i;
		down[i] = (uint8_t)(31 - i);
	}
	assert_int_equal(hlv_crc32c(0, hlv_text("123456789")), 0xE3069283);
	assert_int_equal(hlv_crc32c(0, hlv_bytes(zeros, 32)), 0x8A9136AA);
	assert_int_equal(hlv_crc32c(0, hlv_bytes(ones, 32)), 0x62A8AB43);
	assert_int_equal(hlv_crc32c(0, hlv_bytes(up, 32)), 0x46DD794E);
	assert_int_equal(hlv_crc32c(0, hlv_bytes(down, 32)), 0x113FDB5C);
	assert_int_equal(hlv_crc32c(0, (struct hlv_bytes){0}), 0);
	for (size_t cut = 0; cut <= 32; cut++) {
		uint32_t crc = hlv_crc32c(0, hlv_bytes(up, cut));
		crc = hlv_crc32c(crc, hlv_skip(hlv_bytes(up, 32), cut));
		assert_int_equal(crc, 0x46DD794E);
	}
	for (size_t bit = 0; bit < 256; bit++) {
		up[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_not_equal(hlv_crc32c(0, hlv_bytes(up, 32)), 0x46DD794E);
		up[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
}

static void test_rand(void **state)
{
	(void)state;
	struct hlv_rand a, b, c;
	hlv_rand_seed(&a, 1);
	hlv_rand_seed(&b, 1);
	hlv_rand_seed(&c, 2);
	unsigned same = 0;
	for (int i = 0; i < 1000; i++) {
		uint64_t x = hlv_rand_u64(&a);
		assert_true(x == hlv_rand_u64(&b));
		same += x == hlv_rand_u64(&c);
	}
	assert_int_equal(same, 0);
	hlv_rand_seed(&a, 0);
	assert_true(a.s[0] != 0 || a.s[1] != 0);
	unsigned seen[7] = {0};
	for (int i = 0; i < 7000; i++) {
		uint64_t x = hlv_rand_below(&a, 7);
		assert_in_range(x, 0, 6);
		seen[x]++;
	}
	for (size_t i = 0; i < 7; i++)
		assert_in_range(seen[i], 800, 1200);
	assert_int_equal(hlv_rand_below(&a, 1), 0);
	assert_true(hlv_rand_below(&a, UINT64_MAX) < UINT64_MAX);
}

static void test_bytes(void **state)
{
	(void)state;
	struct hlv_bytes none = {0}, abc = hlv_text("abc");
	assert_true(hlv_eq(none, hlv_text("")));
	assert_true(hlv_starts_with(abc, none));
	assert_true(hlv_starts_with(abc, hlv_text("ab")));
	assert_false(hlv_starts_with(abc, hlv_text("abcd")));
	assert_false(hlv_starts_with(none, hlv_text("a")));
	assert_false(hlv_eq(abc, hlv_text("abd")));
	assert_false(hlv_eq(abc, hlv_text("ab")));
	assert_true(hlv_eq_fold(abc, hlv_text("aBC")));
	assert_false(hlv_eq_fold(hlv_text("\xC3\xA9"), hlv_text("\xC3\x89")));
	assert_false(hlv_eq_fold(hlv_text("[{"), hlv_text("{[")));
	assert_int_equal(hlv_skip(abc, 3).n, 0);
	assert_int_equal(hlv_skip(abc, SIZE_MAX).n, 0);
	assert_int_equal(hlv_head(abc, SIZE_MAX).n, 3);
	check_text("skip", hlv_skip(abc, 1), "bc");
	check_text("head", hlv_head(abc, 1), "a");
}

/* Every pair of a sorted list, so that each length meets each other one. */
static void test_compare(void **state)
{
	(void)state;
	static const char *const sorted[] = {
		"",
		"a",
		"aa",
		"aaaaaaa",
		"aaaaaaaa",
		"aaaaaaaaa",
		"aaaaaaaab",
		"aaaaaaab",
		"aaaaaaaba",
		"aaaaaaabaaaaaaaa",
		"aaaaaaabaaaaaaab",
		"aaaab",
		"b",
		"\x7f",
		"\x80",
		"\xff",
		"\xff\xff",
	};
	for (size_t i = 0; i < COUNT(sorted); i++)
		for (size_t k = 0; k < COUNT(sorted); k++) {
			int got = hlv_compare(hlv_text(sorted[i]), hlv_text(sorted[k]));
			int want = (i > k) - (i < k);
			if ((got > 0) - (got < 0) != want)
				fail_msg("\"%s\" and \"%s\": %d", sorted[i], sorted[k], got);
		}
	assert_int_equal(hlv_compare((struct hlv_bytes){0}, (struct hlv_bytes){0}), 0);
}

static void test_upper(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		unsigned want = c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
		assert_int_equal(hlv_upper((uint8_t)c), want);
	}
}

/* RFC 4648 10, and what a reader must not take. */
static void test_base64(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want; /* want NULL: refused */
	} rows[] = {
		{"", ""},	 {"Zg==", "f"},	       {"Zm8=", "fo"},
		{"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"Zm9vYmE=", "fooba"},
		{"Zg", "f"},	 {"Zm8", "fo"},	       {"Zm\n9v\r\n", "foo"},
		{"Z", NULL},	 {"Zm9vY", NULL},      {"=", NULL},
		{"Zg===", NULL}, {"Z=g=", NULL},       {"Zm9v====", NULL},
		{"Zm9*", NULL},	 {"Zm9\x80", NULL},    {"Zg==Zg==", NULL},
		{"Zh==", NULL},	 {"Zm9=", NULL},       {"Zv", NULL},
		{"Y Q", NULL},	 {"_-8", "\xFF\xEF"},  {"/+8=", "\xFF\xEF"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t room[16];
		struct hlv_writer w = hlv_writer(room, sizeof room);
		bool ok = hlv_base64_parse(hlv_text(rows[i].text), &w);
		check_u64(rows[i].text, ok && !w.bad, rows[i].want != NULL);
		if (rows[i].want)
			check_text(rows[i].text, hlv_written(&w), rows[i].want);
	}
	for (size_t n = 0; n < 12; n++) {
		uint8_t in[12], room[12];
		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)(0xFF - i * 37);
		for (int kind = HLV_BASE64; kind <= HLV_BASE64_URL; kind++) {
			struct hlv_buf text = {0};
			struct hlv_writer w = hlv_writer(room, n);
			hlv_base64_put(&text, hlv_bytes(in, n), (enum hlv_base64)kind);
			assert_true(hlv_base64_parse(hlv_buf_bytes(&text), &w));
			check_bytes("round trip", hlv_written(&w), hlv_bytes(in, n));
			hlv_buf_free(&text);
		}
	}
}

static void test_error_texts(void **state)
{
	(void)state;
	assert_string_equal(hlv_strerror(HLV_OK), "no error");
	assert_string_equal(hlv_strerror(HLV_E_CONFLICT), "record changed meanwhile");
	assert_non_null(hlv_strerror((enum hlv_err)9999));
	assert_non_null(hlv_strerror((enum hlv_err) - 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena_limit),  cmocka_unit_test(test_arena_remembers),
		cmocka_unit_test(test_arena_copies), cmocka_unit_test(test_arena_gives_zeroes),
		cmocka_unit_test(test_buf),	     cmocka_unit_test(test_unhex),
		cmocka_unit_test(test_crc32c),	     cmocka_unit_test(test_rand),
		cmocka_unit_test(test_bytes),	     cmocka_unit_test(test_error_texts),
		cmocka_unit_test(test_base64),	     cmocka_unit_test(test_compare),
		cmocka_unit_test(test_upper),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
