/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/source_fast.h"

#include "tests/unit/jsonl.h"
#include "tests/unit/unit.h"

/* What the fast reader takes, it takes as the general one does. */
static void test_fast(void **state)
{
	(void)state;
	static const struct {
		const char *name, *line;
		bool fast;
	} rows[] = {
		{"text", RECORD("88.1/a"), true},
		{"format",
		 "{\"handle\":\"88.1/a\",\"values\":[{\"index\":5,\"type\":\"URL\",\"data\":"
		 "{\"format\":\"string\",\"value\":\"https://example.cn/p/1\"}}]}",
		 true},
		{"two values", INDEXES("88.1/a", "1", "2"), true},
		{"ttl",
		 "{\"handle\":\"88.1/a\",\"values\":[{\"index\":5,\"type\":\"URL\",\"data\":"
		 "\"x\",\"ttl\":60}]}",
		 true},
		{"Chinese", RECORD("88.1/\xE9\xBD\xBF\xE8\xBD\xAE"), true},
		{"empty data",
		 "{\"handle\":\"88.1/a\",\"values\":[{\"index\":5,\"type\":\"URL\","
		 "\"data\":\"\"}]}",
		 true},
		{"largest index", INDEXES("88.1/a", "1", "2147483647"), true},
		{"descending", INDEXES("88.1/a", "2", "1"), false},
		{"twice", INDEXES("88.1/a", "2", "2"), false},
		{"index 0", INDEXES("88.1/a", "0", "1"), false},
		{"leading zero", INDEXES("88.1/a", "01", "2"), false},
		{"index too large", INDEXES("88.1/a", "1", "2147483648"), false},
		{"index far too large", INDEXES("88.1/a", "1", "99999999999999999999"), false},
		{"no index", INDEXES("88.1/a", "", "1"), false},
		{"escape", RECORD("88.1/\\u0041"), false},
		{"quote", RECORD("88.1/a\\\""), false},
		{"not UTF-8",
		 RECORD("88.1/12345678\xFF"
			"a"),
		 false},
		{"tab", RECORD("88.1/\t"), false},
		{"DEL", RECORD("88.1/12345678\x7F"), false},
		{"no slash", RECORD("88.1"), false},
		{"no type",
		 "{\"handle\":\"88.1/a\",\"values\":[{\"index\":1,\"type\":\"\",\"data\":"
		 "\"x\"}]}",
		 false},
		{"no values", "{\"handle\":\"88.1/a\",\"values\":[]}", false},
		{"cut", "{\"handle\":\"88.1/a\",\"values\":[{\"index\":1,\"type\":\"U", false},
		{"text behind", RECORD("88.1/a") " ", false},
		{"space", " " RECORD("88.1/a"), false},
		{"homed", "{\"handle\":\"0.NA/88\",\"homed\":true}", false},
		{"nothing", "", false},
	};
	struct hlv_arena a;
	hlv_arena_init(&a, SIZE_MAX);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct source_record fast = {0}, general = {0};
		struct hlv_bytes line = hlv_text(rows[i].line);
		hlv_arena_reset(&a);
		if (source_jsonl_fast(line, 77, &a, &fast) != rows[i].fast)
			fail_msg("%s: %s", rows[i].name, rows[i].fast ? "not taken" : "taken");
		if (!rows[i].fast)
			continue;
		if (source_jsonl_line(line, 77, &a, &general) != HLV_OK)
			fail_msg("%s: %s", rows[i].name, general.reason);
		if (!hlv_eq(fast.handle, general.handle) || !hlv_eq(fast.list, general.list))
			fail_msg("%s: read in two ways", rows[i].name);
	}
	hlv_arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fast),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
