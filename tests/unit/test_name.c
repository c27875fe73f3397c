/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/name.h"

#include "proto/sec/registry_key.h"
#include "proto/wire/codes.h"
#include "tests/unit/unit.h"

static void test_split(void **state)
{
	(void)state;
	static const struct {
		const char *id, *prefix, *suffix;
		bool slash;
	} rows[] = {
		{"88.118/x", "88.118", "x", true},
		{"a/b/c", "a", "b/c", true},
		{"/x", "", "x", true},
		{"x/", "x", "", true},
		{"/", "", "", true},
		{"//", "", "/", true},
		{"noslash", "0.NA", "noslash", false},
		{"", "0.NA", "", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_name n = hlv_name_split(hlv_text(rows[i].id));
		check_text(rows[i].id, n.prefix, rows[i].prefix);
		check_text(rows[i].id, n.suffix, rows[i].suffix);
		check_u64(rows[i].id, n.slash, rows[i].slash);
	}
}

static void test_prefix_comparison(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {
		{"ab/X", "AB/X", true},
		{"0.na/x", "0.NA/X", true},
		{"slashless", "SLASHLESS", true},
		{"", "", true},
		{"ab/x", "ab/X", false},
		{"ab/x", "AB/X", false},
		{"ab/x", "ab/xx", false},
		{"ab/x", "abx", false},
		{"ab/", "ab", false},
		{"0/x", "0/X", false},
		{"1.NA/x", "1.NA/X", false},
		{"\xC3\xA9/x", "\xC3\x89/x", false},
		{"a/b/C", "a/B/C", false},
		{"a/b", "", false},
		{"0.a/b", "0_a/b", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes a = hlv_text(rows[i].a), b = hlv_text(rows[i].b);
		check_u64(rows[i].a, hlv_name_eq_prefix(a, b), rows[i].equal);
		check_u64(rows[i].b, hlv_name_eq_prefix(b, a), rows[i].equal);
	}
}

static void test_prefix_handles(void **state)
{
	(void)state;
	static const struct {
		const char *id, *prefix_handle, *resolvable, *parent;
		bool is_prefix, is_derived;
	} rows[] = {
		{"88.1/x", "0.NA/88.1", "88.1/x", NULL, false, false},
		{"0.NA/88.1", "0.NA/0.NA", "0.NA/88.1", "0.NA/88", true, true},
		{"0.na/88", "0.NA/0.NA", "0.na/88", "", true, false},
		{"0.NA/", "0.NA/0.NA", "0.NA/", "", true, false},
		{"0.NA", "0.NA/0.NA", "0.NA/0.NA", NULL, false, false},
		{"0.NAX/a.b", "0.NA/0.NAX", "0.NAX/a.b", NULL, false, false},
		{"0.N", "0.NA/0.NA", "0.NA/0.N", NULL, false, false},
		{"", "0.NA/0.NA", "0.NA/", "", false, false},
		{"a.b", "0.NA/0.NA", "0.NA/A.B", NULL, false, false},
		{"/a.b", "0.NA/", "/a.b", NULL, false, false},
		{"0.NA/a.b.c", "0.NA/0.NA", "0.NA/a.b.c", "0.NA/a.b", true, true},
		{"0.NA/0.NA", "0.NA/0.NA", "0.NA/0.NA", "0.NA/0", true, true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t room[64];
		struct hlv_bytes id = hlv_text(rows[i].id);
		struct hlv_writer w = hlv_writer(room, sizeof(room));
		hlv_name_put_prefix_handle(&w, id);
		check_text(rows[i].id, hlv_written(&w), rows[i].prefix_handle);
		w = hlv_writer(room, sizeof(room));
		hlv_name_put_resolvable(&w, id);
		check_text(rows[i].id, hlv_written(&w), rows[i].resolvable);
		check_u64(rows[i].id, hlv_name_is_prefix_handle(id), rows[i].is_prefix);
		check_u64(rows[i].id, hlv_name_is_derived_prefix(id), rows[i].is_derived);
		if (rows[i].parent)
			check_text(rows[i].id, hlv_name_parent_prefix(id), rows[i].parent);
	}
}

/* Walking upward ends, whatever the name looks like. */
static void test_ancestors_end(void **state)
{
	(void)state;
	static const char *const names[] = {"0.NA/a.b.c.d", "0.NA/....", "0.NA/0.NA", "0.NA/."};
	for (size_t i = 0; i < COUNT(names); i++) {
		struct hlv_bytes id = hlv_text(names[i]);
		unsigned steps = 0;
		while (id.n > 0 && steps++ < 10)
			id = hlv_name_parent_prefix(id);
		assert_in_range(steps, 1, 6);
	}
}

static void test_utf8(void **state)
{
	(void)state;
	static const struct {
		const char *hex;
		bool utf8, registrable, text;
	} rows[] = {
		{"41", true, true, true},
		{"c3a9", true, true, true},
		{"e6a087", true, true, true},
		{"f09d92b3", true, true, true},
		{"ed9fbf", true, true, true},
		{"ee8080", true, true, true},
		{"f48fbfbf", true, true, true},
		{"09", true, true, true},
		{"", true, false, true},
		{"00", true, false, false},
		{"0a", true, false, true},
		{"0d", true, false, true},
		{"1b", true, false, false},
		{"7f", true, false, false},
		{"80", false, false, false},
		{"bf", false, false, false},
		{"c0af", false, false, false},
		{"c1bf", false, false, false},
		{"c3", false, false, false},
		{"c328", false, false, false},
		{"c3c3a9", false, false, false},
		{"e0809f", false, false, false},
		{"e09fbf", false, false, false},
		{"e6a0", false, false, false},
		{"e6a028", false, false, false},
		{"eda080", false, false, false},
		{"edbfbf", false, false, false},
		{"f0808080", false, false, false},
		{"f08fbfbf", false, false, false},
		{"f09d92", false, false, false},
		{"f4908080", false, false, false},
		{"f5808080", false, false, false},
		{"f888808080", false, false, false},
		{"fc8480808080", false, false, false},
		{"fe", false, false, false},
		{"ff", false, false, false},
		{"41ff", false, false, false},
	};
	struct hlv_arena a;
	hlv_arena_init(&a, 1 << 16);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes b = hex(&a, rows[i].hex);
		check_u64(rows[i].hex, hlv_utf8_valid(b), rows[i].utf8);
		check_u64(rows[i].hex, hlv_name_is_registrable(b), rows[i].registrable);
		check_u64(rows[i].hex, hlv_is_text(b), rows[i].text);
	}
	uint8_t *longest = hlv_alloc(&a, HLV_IDENTIFIER_MAX + 1);
	memset(longest, 'x', HLV_IDENTIFIER_MAX + 1);
	assert_true(hlv_name_is_registrable(hlv_bytes(longest, HLV_IDENTIFIER_MAX)));
	assert_false(hlv_name_is_registrable(hlv_bytes(longest, HLV_IDENTIFIER_MAX + 1)));
	hlv_arena_fini(&a);
}

static void test_fold(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"88.118.8/jx1", "88.118.8/JX1", true},
		{"ab.cd/x", "AB.cd/x", true},
		{"88.118.8", "88.118.8", true},
		{"88.118.8/", "88.118.8/", true},
		/* a GS1 key behind the prefix: its letters are what they are */
		{"88.118.8/01/09506000134352/21/ab1", "88.118.8/01/09506000134352/21/AB1",
		 false},
		{"ab/01/09506000134352/21/ab1", "AB/01/09506000134352/21/ab1", true},
		{"88.118.8/8004/9506000ab", "88.118.8/8004/9506000AB", false},
		{"88.118.8/253/9506000134352ab", "88.118.8/253/9506000134352AB", false},
		{"88.118.8/253/9506000134353ab", "88.118.8/253/9506000134353AB", true},
		{"88.118.8/00/195060001000000019/x", "88.118.8/00/195060001000000019/X", false},
		{"88.118.8/253/9506000134352%2F%2F%2F%2F%2F%2Fa",
		 "88.118.8/253/9506000134352%2F%2F%2F%2F%2F%2FA", false},
		/* ... and what is none */
		{"88.118.8/01/09506000134353/21/ab1", "88.118.8/01/09506000134353/21/AB1",
		 true},
		{"88.118.8/01/9506000134352/21/ab1", "88.118.8/01/9506000134352/21/AB1", true},
		{"88.118.8/01/095060001343520/21/a", "88.118.8/01/095060001343520/21/A", true},
		{"88.118.8/01/0950600013435x/21/a", "88.118.8/01/0950600013435X/21/A", true},
		{"88.118.8/8004/950ab", "88.118.8/8004/950AB", true},
		{"88.118.8/98/09506000134352/a", "88.118.8/98/09506000134352/A", true},
		{"88.118.8/01a", "88.118.8/01A", true},
		{"88.118.8/01/", "88.118.8/01/", true},
		{"0.NA/01/09506000134352/21/ab1", "0.na/01/09506000134352/21/AB1", true},
		/* DIDs */
		{"88.118.8/did:bid:efAb", "88.118.8/did:bid:efab", false},
		{"88.118.8/DID:bid:efAb", "88.118.8/DID:bid:efab", true},
		{"88.118.8/did:bid:efAb", "88.118.8/DID:BID:EFAB", false},
		{"88.118.8/di", "88.118.8/DI", true},
		{"88.118.8/dx", "88.118.8/DX", true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes a = hlv_text(rows[i].a), b = hlv_text(rows[i].b);
		uint8_t x[HLV_REGISTRY_KEY_MAX], y[HLV_REGISTRY_KEY_MAX], room[2][256];
		struct hlv_writer w[2] = {hlv_writer(room[0], 256), hlv_writer(room[1], 256)};
		struct hlv_bytes ka = hlv_bytes(x, hlv_registry_key(a, x));
		struct hlv_bytes kb = hlv_bytes(y, hlv_registry_key(b, y));
		hlv_name_put_folded(&w[0], a);
		hlv_name_put_folded(&w[1], b);
		check_u64(rows[i].a, hlv_name_eq_full(a, b), rows[i].same);
		check_u64(rows[i].a, hlv_eq(ka, kb), rows[i].same);
		check_u64(rows[i].a, hlv_eq(hlv_written(&w[0]), hlv_written(&w[1])),
			  rows[i].same);
	}
}

static void test_ref_parse(void **state)
{
	(void)state;
	static const struct {
		const char *text, *handle;
		uint32_t index;
	} rows[] = {
		{"300:0.NA/88", "0.NA/88", 300},
		{"0:a/b", "a/b", 0},
		{"007:a/b", "a/b", 7},
		{"2147483647:a", "a", 2147483647},
		{"2147483648:a", "2147483648:a", 0},
		{"99999999999999999999:a", "99999999999999999999:a", 0},
		{":a/b", ":a/b", 0},
		{"-1:a", "-1:a", 0},
		{"+1:a", "+1:a", 0},
		{" 1:a", " 1:a", 0},
		{"1 :a", "1 :a", 0},
		{"x:a/b", "x:a/b", 0},
		{"300", "300", 0},
		{"300:", "", 300},
		{"", "", 0},
		{"1:2:a", "2:a", 1},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_ref ref = hlv_ref_parse(hlv_text(rows[i].text));
		check_text(rows[i].text, ref.handle, rows[i].handle);
		check_u64(rows[i].text, ref.index, rows[i].index);
	}
}

static void test_ref_matches(void **state)
{
	(void)state;
	static const struct {
		const char *listed, *who;
		bool matches;
	} rows[] = {
		{"300:0.NA/1", "300:0.na/1", true},  {"0:0.NA/1", "300:0.NA/1", true},
		{"0:0.NA/1", "0:0.NA/1", true},	     {"300:0.NA/1", "0:0.NA/1", false},
		{"300:0.NA/1", "301:0.NA/1", false}, {"300:0.NA/1", "300:0.NA/2", false},
		{"300:a/B", "300:a/b", false},	     {"300:", "300:0.NA/1", false},
		{"0:", "300:0.NA/1", false},	     {"300:0.NA/1", "300:", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_ref listed = hlv_ref_parse(hlv_text(rows[i].listed));
		struct hlv_ref who = hlv_ref_parse(hlv_text(rows[i].who));
		check_u64(rows[i].listed, hlv_ref_matches(&listed, &who), rows[i].matches);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),	      cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_fold),	      cmocka_unit_test(test_ref_parse),
		cmocka_unit_test(test_ref_matches),   cmocka_unit_test(test_prefix_handles),
		cmocka_unit_test(test_ancestors_end), cmocka_unit_test(test_prefix_comparison),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
