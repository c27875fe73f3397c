/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON of values and records beside the golden vectors: what is refused and with which words,
 * numbers and strings at their limits, and that what is written is read back the same.
 */
#include "tests/unit/unit.h"

#include "proto/net/json.h"
#include "proto/net/json_scan.h"
#include "proto/wire/admin.h"

enum { ARENA = 64 * 1024 * 1024, LIST = 65536, NOW = 1700000000 };

struct world {
	struct hlv_arena a;
	uint8_t list[LIST];
	struct hlv_writer w;
	struct hlv_bytes handle;
	struct hlv_json_error error;
};

static enum hlv_err parse(struct world *t, struct hlv_bytes text)
{
	t->w = hlv_writer(t->list, sizeof t->list);
	return hlv_json_parse_record(text, NOW, &t->a, &t->handle, &t->w, &t->error);
}

static void first_value(const char *row, struct world *t, struct hlv_value *v)
{
	struct hlv_reader r = hlv_reader(hlv_written(&t->w));
	struct hlv_list list;
	check_err(row, hlv_values_decode(&r, &list), HLV_OK);
	r = hlv_reader(list.raw);
	check_err(row, hlv_value_decode(&r, v), HLV_OK);
}

#define VALUE(members) "{\"index\":1,\"type\":\"T\"," members "}"

static const struct {
	const char *name, *text, *says;
} refused[] = {
	{"nothing", "", "nothing"},
	{"blanks", "  \n ", "ends"},
	{"word", "hello", "neither"},
	{"open object", "{\"handle\":\"a/b\"", "ends"},
	{"two values", "{} {}", "behind"},
	{"closing first", "}", "closing"},
	{"no comma", "{\"handle\":\"a/b\" \"values\":[]}", "syntax"},
	{"trailing comma", "{\"handle\":\"a/b\",\"values\":[],}", "syntax"},
	{"brackets crossed", "{\"values\":[}]", "syntax"},
	{"single quotes", "{'handle':'a/b'}", "neither"},
	{"no closing quote", "{\"handle\":\"a/b}", "closing quote"},
	{"raw newline in string", "{\"handle\":\"a/\nb\",\"values\":[]}", "control character"},
	{"NUL by escape", VALUE("\"data\":\"a\\u0000b\""), "NUL"},
	{"lone surrogate", VALUE("\"data\":\"\\ud800\""), "syntax"},
	{"not UTF-8", VALUE("\"data\":\"\xC3\x28\""), "UTF-8"},
	{"overlong UTF-8", VALUE("\"data\":\"\xC0\xAF\""), "UTF-8"},
	{"key twice", VALUE("\"data\":\"x\",\"data\":\"y\""), "twice"},
	{"key twice deep", VALUE("\"data\":{\"format\":\"hex\",\"format\":\"hex\"}"), "twice"},
	{"string at top", "\"a\"", "object"},
	{"number at top", "1", "object"},
	{"null at top", "null", "object"},
	{"no values", "{\"handle\":\"a/b\"}", "values"},
	{"handle no string", "{\"handle\":1,\"values\":[]}", "handle"},
	{"values no array", "{\"handle\":\"a/b\",\"values\":{}}", "array"},
	{"value no object", "{\"handle\":\"a/b\",\"values\":[1]}", "object"},
	{"place is named", "{\"values\":[" VALUE("\"data\":\"x\"") ",{\"index\":2}]}",
	 "values[1].type"},
	{"index missing", "[{\"type\":\"T\",\"data\":\"x\"}]", "index"},
	{"index half", "[{\"index\":1.5,\"type\":\"T\",\"data\":\"x\"}]", "index"},
	{"index huge", "[{\"index\":2147483648,\"type\":\"T\",\"data\":\"x\"}]", "index"},
	{"index beyond double", "[{\"index\":1e400,\"type\":\"T\",\"data\":\"x\"}]", "index"},
	{"index word", "[{\"index\":\"one\",\"type\":\"T\",\"data\":\"x\"}]", "index"},
	{"index empty text", "[{\"index\":\"\",\"type\":\"T\",\"data\":\"x\"}]", "index"},
	{"index leading zero", "[{\"index\":01,\"type\":\"T\",\"data\":\"x\"}]", "neither"},
	{"index plus", "[{\"index\":+1,\"type\":\"T\",\"data\":\"x\"}]", "neither"},
	{"index null", "[{\"index\":null,\"type\":\"T\",\"data\":\"x\"}]", "index"},
	{"type missing", "[{\"index\":1,\"data\":\"x\"}]", "type"},
	{"type number", "[{\"index\":1,\"type\":5,\"data\":\"x\"}]", "type"},
	{"data missing", "[{\"index\":1,\"type\":\"T\"}]", "data"},
	{"data null", VALUE("\"data\":null"), "data"},
	{"data array", VALUE("\"data\":[1]"), "data"},
	{"data without format", VALUE("\"data\":{\"value\":\"x\"}"), "format"},
	{"data without value", VALUE("\"data\":{\"format\":\"string\"}"), "value"},
	{"format unknown", VALUE("\"data\":{\"format\":\"zip\",\"value\":\"x\"}"), "zip"},
	{"format number", VALUE("\"data\":{\"format\":1,\"value\":\"x\"}"), "format"},
	{"hex odd", VALUE("\"data\":{\"format\":\"hex\",\"value\":\"abc\"}"), "hex"},
	{"hex letters", VALUE("\"data\":{\"format\":\"hex\",\"value\":\"zz\"}"), "hex"},
	{"base64 letters", VALUE("\"data\":{\"format\":\"base64\",\"value\":\"a*b=\"}"),
	 "base64"},
	{"base64 one digit", VALUE("\"data\":{\"format\":\"base64\",\"value\":\"a\"}"),
	 "base64"},
	{"base64 text behind", VALUE("\"data\":{\"format\":\"base64\",\"value\":\"YQ==YQ\"}"),
	 "base64"},
	{"admin no object", VALUE("\"data\":{\"format\":\"admin\",\"value\":\"x\"}"), "handle"},
	{"admin no index",
	 VALUE("\"data\":{\"format\":\"admin\",\"value\":{\"handle\":\"a\"}}"), "index"},
	{"admin short flags",
	 VALUE("\"data\":{\"format\":\"admin\",\"value\":{\"handle\":\"a\",\"index\":1,"
	       "\"permissions\":\"111\"}}"),
	 "permissions"},
	{"admin number",
	 VALUE("\"data\":{\"format\":\"admin\",\"value\":{\"handle\":\"a\",\"index\":1,"
	       "\"permissions\":4096}}"),
	 "permissions"},
	{"vlist no array", VALUE("\"data\":{\"format\":\"vlist\",\"value\":{}}"), "array"},
	{"vlist no handle", VALUE("\"data\":{\"format\":\"vlist\",\"value\":[{\"index\":1}]}"),
	 "handle"},
	{"key no object", VALUE("\"data\":{\"format\":\"key\",\"value\":\"x\"}"), "JWK"},
	{"key no kind", VALUE("\"data\":{\"format\":\"key\",\"value\":{}}"), "kty"},
	{"key unknown kind", VALUE("\"data\":{\"format\":\"key\",\"value\":{\"kty\":\"oct\"}}"),
	 "kty"},
	{"key without exponent",
	 VALUE("\"data\":{\"format\":\"key\",\"value\":{\"kty\":\"RSA\",\"n\":\"AQAB\"}}"),
	 "e:"},
	{"key too short",
	 VALUE("\"data\":{\"format\":\"key\",\"value\":{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":"
	       "\"AQAB\"}}"),
	 "key"},
	{"site no object", VALUE("\"data\":{\"format\":\"site\",\"value\":1}"), "site"},
	{"site no servers", VALUE("\"data\":{\"format\":\"site\",\"value\":{}}"), "servers"},
	{"site server no address",
	 VALUE("\"data\":{\"format\":\"site\",\"value\":{\"servers\":[{\"serverId\":1,"
	       "\"interfaces\":[]}]}}"),
	 "address"},
	{"site name as address",
	 VALUE("\"data\":{\"format\":\"site\",\"value\":{\"servers\":[{\"serverId\":1,"
	       "\"address\":"
	       "\"example.org\",\"interfaces\":[]}]}}"),
	 "IPv4"},
	{"site protocol",
	 VALUE("\"data\":{\"format\":\"site\",\"value\":{\"servers\":[{\"serverId\":1,"
	       "\"address\":"
	       "\"1.2.3.4\",\"interfaces\":[{\"protocol\":\"SCTP\",\"port\":1}]}]}}"),
	 "UDP"},
	{"ttl bool", VALUE("\"data\":\"x\",\"ttl\":true"), "ttl"},
	{"ttl huge", VALUE("\"data\":\"x\",\"ttl\":2147483648"), "ttl"},
	{"ttl date without time", VALUE("\"data\":\"x\",\"ttl\":\"2030-01-01\""), "ttl"},
	{"timestamp number", VALUE("\"data\":\"x\",\"timestamp\":5"), "timestamp"},
	{"timestamp month", VALUE("\"data\":\"x\",\"timestamp\":\"2020-13-01T00:00:00Z\""),
	 "timestamp"},
	{"timestamp zone", VALUE("\"data\":\"x\",\"timestamp\":\"2020-01-01T00:00:00\""),
	 "timestamp"},
	{"timestamp far", VALUE("\"data\":\"x\",\"timestamp\":\"2200-01-01T00:00:00Z\""),
	 "timestamp"},
	{"permissions number", VALUE("\"data\":\"x\",\"permissions\":1110"), "permissions"},
	{"permissions letters", VALUE("\"data\":\"x\",\"permissions\":\"rwr-\""),
	 "permissions"},
	{"references no array", VALUE("\"data\":\"x\",\"references\":\"a\""), "references"},
	{"raw cut", "{\"handle\":\"a/b\",\"count\":1,\"raw\":\"AAAA\"}", "raw"},
	{"raw no count", "{\"handle\":\"a/b\",\"raw\":\"\"}", "count"},
};

static void test_refused(void **state)
{
	(void)state;
	static struct world t;
	for (size_t i = 0; i < COUNT(refused); i++) {
		hlv_arena_init(&t.a, ARENA);
		struct hlv_bytes text = hlv_arena_copy(&t.a, hlv_text(refused[i].text));
		if (parse(&t, text) == HLV_OK)
			fail_msg("%s: accepted", refused[i].name);
		if (!strstr(t.error.text, refused[i].says))
			fail_msg("%s: says \"%s\"", refused[i].name, t.error.text);
		hlv_arena_fini(&t.a);
	}
}

static const struct {
	const char *name, *text, *data;
	uint32_t ttl_s;
	uint8_t ttl_kind, perms;
} accepted[] = {
	{"bare string", VALUE("\"data\":\"x\""), "x", 86400, 0, 14},
	{"empty string", VALUE("\"data\":\"\""), "", 86400, 0, 14},
	{"escapes", VALUE("\"data\":\"\\u6807\\n\\\"\\/\\ud835\\udcb3\""), "标\n\"/𝒳", 86400, 0,
	 14},
	{"number", VALUE("\"data\":12"), "12", 86400, 0, 14},
	{"long number", VALUE("\"data\":106141411234567890123"), "106141411234567890123", 86400,
	 0, 14},
	{"number as spelled", VALUE("\"ttl\":5,\"data\":-1.50e+3"), "-1.50e+3", 5, 0, 14},
	{"truth", VALUE("\"data\":true"), "true", 86400, 0, 14},
	{"number in format", VALUE("\"data\":{\"format\":\"string\",\"value\":7.0}"), "7.0",
	 86400, 0, 14},
	{"base64 bare", VALUE("\"data\":{\"format\":\"base64\",\"value\":\"YWI\"}"), "ab",
	 86400, 0, 14},
	{"hex", VALUE("\"data\":{\"format\":\"hex\",\"value\":\"4a4B\"}"), "JK", 86400, 0, 14},
	{"ttl text", VALUE("\"data\":\"x\",\"ttl\":\"60\""), "x", 60, 0, 14},
	{"ttl negative", VALUE("\"data\":\"x\",\"ttl\":-1"), "x", UINT32_MAX, 0, 14},
	{"ttl date", VALUE("\"data\":\"x\",\"ttl\":\"2030-01-01T00:00:00Z\""), "x", 1893456000,
	 1, 14},
	{"ttl date with fraction", VALUE("\"data\":\"x\",\"ttl\":\"1970-01-01T00:00:01.5Z\""),
	 "x", 1, 1, 14},
	{"leap day", VALUE("\"data\":\"x\",\"ttl\":\"2024-02-29T00:00:00Z\""), "x", 1709164800,
	 1, 14},
	{"permissions four", VALUE("\"data\":\"x\",\"permissions\":\"0000\""), "x", 86400, 0,
	 0},
	{"permissions star", VALUE("\"data\":\"x\",\"permissions\":\"*\""), "x", 86400, 0, 15},
	{"permissions one", VALUE("\"data\":\"x\",\"permissions\":\"0\""), "x", 86400, 0, 14},
	{"permissions three", VALUE("\"data\":\"x\",\"permissions\":\"001\""), "x", 86400, 0,
	 13},
	{"permissions six", VALUE("\"data\":\"x\",\"permissions\":\"110001\""), "x", 86400, 0,
	 1},
	{"unknown member", VALUE("\"data\":\"x\",\"note\":{\"a\":[1,2]}"), "x", 86400, 0, 14},
	{"byte order mark", "\xEF\xBB\xBF" VALUE("\"data\":\"x\""), "x", 86400, 0, 14},
	{"in a list", "[" VALUE("\"data\":\"x\"") "]", "x", 86400, 0, 14},
	{"index as text", "{\"index\":\"1\",\"type\":\"T\",\"data\":\"x\"}", "x", 86400, 0, 14},
};

static void test_accepted(void **state)
{
	(void)state;
	static struct world t;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		const char *row = accepted[i].name;
		struct hlv_value v;
		hlv_arena_init(&t.a, ARENA);
		struct hlv_bytes text = hlv_arena_copy(&t.a, hlv_text(accepted[i].text));
		if (parse(&t, text) != HLV_OK)
			fail_msg("%s: %s", row, t.error.text);
		first_value(row, &t, &v);
		check_u64(row, v.index, 1);
		check_u64(row, v.mtime_s, NOW);
		check_text(row, v.data, accepted[i].data);
		check_u64(row, v.ttl_s, accepted[i].ttl_s);
		check_u64(row, v.ttl_kind, accepted[i].ttl_kind);
		check_u64(row, v.perms, accepted[i].perms);
		hlv_arena_fini(&t.a);
	}
}

/* threats.md 4: what costs the reader more than the writer is refused by size alone. */
static void check_bomb(const char *row, const struct hlv_buf *text, const char *says)
{
	static struct world t;
	hlv_arena_init(&t.a, ARENA);
	if (parse(&t, hlv_buf_bytes(text)) == HLV_OK)
		fail_msg("%s: accepted", row);
	if (!strstr(t.error.text, says))
		fail_msg("%s: says \"%s\"", row, t.error.text);
	hlv_arena_fini(&t.a);
}

static void repeat(struct hlv_buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hlv_buf_str(b, s);
}

static void test_bombs(void **state)
{
	(void)state;
	struct hlv_buf b = {0};
	repeat(&b, "[", HLV_JSON_DEPTH + 1);
	check_bomb("depth", &b, "deeper");
	hlv_buf_clear(&b);
	repeat(&b, "[", 1000000);
	check_bomb("a million brackets", &b, "deeper");
	hlv_buf_clear(&b);
	repeat(&b, "{\"a\":", 100000);
	check_bomb("nested objects", &b, "deeper");
	hlv_buf_clear(&b);
	hlv_buf_str(&b, "[");
	repeat(&b, "1,", HLV_JSON_TOKENS);
	hlv_buf_str(&b, "1]");
	check_bomb("tokens", &b, "tokens");
	hlv_buf_clear(&b);
	hlv_buf_str(&b, "\"");
	repeat(&b, "x", HLV_JSON_MAX);
	hlv_buf_str(&b, "\"");
	check_bomb("octets", &b, "octets");
	hlv_buf_clear(&b);
	hlv_buf_str(&b, "{\"k\":1");
	for (int i = 0; i < HLV_JSON_MEMBERS; i++)
		hlv_buf_printf(&b, ",\"k%d\":1", i);
	hlv_buf_str(&b, "}");
	check_bomb("members", &b, "members");
	hlv_buf_free(&b);
}

/* With less and less memory: a clean failure each time. */
static void test_no_memory(void **state)
{
	(void)state;
	static struct world t;
	const char text[] = "{\"handle\":\"a/b\",\"values\":[" VALUE("\"data\":7") "]}";
	enum hlv_err err = HLV_E_NOMEM;
	for (size_t limit = 0; err != HLV_OK; limit += 16) {
		hlv_arena_init(&t.a, limit);
		err = parse(&t, hlv_text(text));
		if (err != HLV_OK && t.error.text[0] == '\0')
			fail_msg("limit %zu: no reason", limit);
		hlv_arena_fini(&t.a);
		assert_true(limit < ARENA);
	}
}

static void test_no_room(void **state)
{
	(void)state;
	static struct world t;
	const char text[] = "[" VALUE("\"data\":\"0123456789\"") "]";
	hlv_arena_init(&t.a, ARENA);
	for (size_t cap = 0; cap < 30; cap++) {
		struct hlv_writer w = hlv_writer(t.list, cap);
		check_err("no room",
			  hlv_json_parse_record(hlv_text(text), NOW, &t.a, &t.handle, &w,
						&t.error),
			  HLV_E_LIMIT);
	}
	hlv_arena_fini(&t.a);
}

static const struct {
	const char *name, *hex, *json;
} strings[] = {
	{"empty", "", "\"\""},
	{"plain", "6162", "\"ab\""},
	{"no HTML escapes", "3c3e263d27", "\"<>&='\""},
	{"quote and backslash", "225c", "\"\\\"\\\\\""},
	{"controls", "00010a0d091f7f", "\"\\u0000\\u0001\\n\\r\\t\\u001f\x7F\""},
	{"Chinese", "e6a087e8af86", "\"标识\""},
	{"beyond the plane", "f09d92b3", "\"𝒳\""},
	{"line separators", "e280a8e280a9e280aa", "\"\\u2028\\u2029\xE2\x80\xAA\""},
	{"stray octet", "61ff62",
	 "\"a\xEF\xBF\xBD"
	 "b\""},
	{"cut sequence", "e6a0", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
	{"surrogate", "eda080", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
};

static void test_strings(void **state)
{
	(void)state;
	struct hlv_arena a;
	hlv_arena_init(&a, ARENA);
	for (size_t i = 0; i < COUNT(strings); i++) {
		struct hlv_buf b = {0};
		hlv_json_put_str(&b, hex(&a, strings[i].hex));
		check_text(strings[i].name, hlv_buf_bytes(&b), strings[i].json);
		hlv_buf_free(&b);
	}
	hlv_arena_fini(&a);
}

/* Values whose frame or data JSON cannot show: the exact form gives back the same octets. */
static const struct {
	const char *name, *hex; /* of one value */
} odd[] = {
	{"timestamp zero", "00000001 00000000 00 00015180 0e 00000001 54 00000001 78 00000000"},
	{"unknown TTL type",
	 "00000001 6553f100 07 0000003c 0e 00000001 54 00000001 78 00000000"},
	{"high permissions",
	 "00000001 6553f100 00 0000003c fe 00000001 54 00000001 78 00000000"},
	{"type not UTF-8", "00000001 6553f100 00 0000003c 0e 00000001 ff 00000001 78 00000000"},
	{"data not UTF-8", "00000001 6553f100 00 0000003c 0e 00000001 54 00000001 ff 00000000"},
	{"data NUL", "00000001 6553f100 00 0000003c 0e 00000001 54 00000001 00 00000000"},
	{"reference not UTF-8", "00000001 6553f100 00 0000003c 0e 00000001 54 00000001 78 "
				"00000001 00000001 ff 00000001"},
	{"legacy administrator",
	 "00000064 6553f100 00 00015180 0e 00000008 48535f41444d494e 00000013 0fff"
	 " 00000007 302e4e412f3130 000000c8 0000 00000000"},
	{"administrator with high bits",
	 "00000064 6553f100 00 00015180 0e 00000008 48535f41444d494e 00000011 ffff"
	 " 00000007 302e4e412f3130 000000c8 00000000"},
	{"administrator cut",
	 "00000064 6553f100 00 00015180 0e 00000008 48535f41444d494e 00000003 0fff00 00000000"},
	{"list with rest", "000000c8 6553f100 00 00015180 0e 00000008 48535f564c495354 "
			   "00000005 0000000000 00000000"},
	{"site of another format",
	 "00000001 6553f100 00 00015180 0e 00000007 48535f53495445 00000014"
	 " 0002020b00018002 00000000 00000000 00000000 00000000"},
	{"site with unknown flags",
	 "00000001 6553f100 00 00015180 0e 00000007 48535f53495445 00000014"
	 " 0001020b00018102 00000000 00000000 00000000 00000000"},
	{"site that is empty",
	 "00000001 6553f100 00 00015180 0e 00000007 48535f53495445 00000014"
	 " 0001020b00018002 00000000 00000000 00000000 00000000"},
};

static void test_exact(void **state)
{
	(void)state;
	static struct world t;
	for (size_t i = 0; i < COUNT(odd); i++) {
		hlv_arena_init(&t.a, ARENA);
		struct hlv_bytes value = hex(&t.a, odd[i].hex);
		struct hlv_list list = {1, value};
		struct hlv_buf b = {0};
		hlv_json_put_record_exact(&b, hlv_text("88.118.8/x"), &list);
		if (parse(&t, hlv_buf_bytes(&b)) != HLV_OK)
			fail_msg("%s: %s: %s", odd[i].name, t.error.text, b.p);
		check_bytes(odd[i].name, hlv_skip(hlv_written(&t.w), 4), value);
		check_text(odd[i].name, t.handle, "88.118.8/x");
		hlv_buf_free(&b);
		hlv_arena_fini(&t.a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_bombs),	cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_no_room), cmocka_unit_test(test_strings),
		cmocka_unit_test(test_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
