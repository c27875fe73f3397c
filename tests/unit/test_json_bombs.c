/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts that are made to be costly: what is refused is refused before the parser has taken any memory, and
 * what is accepted takes no more than its octets and tokens allow. What each costs in time is measured by
 * tests/bench/bodies.py.
 */
#include "proto/base/buf.h"
#include "proto/net/json_scan.h"
#include "proto/net/json_tree.h"
#include "tests/unit/unit.h"

enum {
	BODY = 256 << 10, /* octets of what HTTP reads as a whole */
	ARENA = 64 << 20,
	OF_TOKEN = 128, /* octets of memory: the parser's node, its strings rounded up */
	OF_OCTET = 2,
};

struct bomb {
	const char *name;
	const char *begin, *again, *end;
	size_t times; /* `again` */
	size_t tokens;
	const char *says; /* NULL: accepted */
};

#define DEEP "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
#define BACK "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
#define SIXTY "123456789012345678901234567890123456789012345678901234567890"

/* Numbers of more than 63 octets: older releases of the library refuse them. */
static const char EITHER[] = "either";

static const struct bomb bombs[] = {
	{"one string", "\"", "x", "\"", BODY - 2, 1, NULL},
	{"escapes", "\"", "\\u6807", "\"", BODY / 6 - 2, 1, NULL},
	{"pairs", "\"", "\\ud835\\udcb3", "\"", BODY / 12 - 2, 1, NULL},
	{"half a pair", "\"", "\\ud835", "\"", BODY / 6 - 2, 1, "syntax"},
	{"quotes", "\"", "\\\"", "\"", BODY / 2 - 2, 1, NULL},
	{"numbers", "[0", ",1", "]", HLV_JSON_TOKENS - 3, HLV_JSON_TOKENS, NULL},
	{"one number more", "[0", ",1", "]", HLV_JSON_TOKENS - 2, 0, "tokens"},
	{"long numbers", "[0", "," SIXTY, "]", BODY / 62, BODY / 62 + 3, NULL},
	{"one endless number", "", "1", "", BODY, 1, EITHER},
	{"one of 64 digits", "1234", SIXTY, "", 1, 1, EITHER},
	{"one of 63 digits", "123", SIXTY, " \n", 1, 1, NULL},
	{"an exponent", "[1e", "9", "]", 50, 3, NULL},
	{"empty lists", "[[]", ",[]", "]", HLV_JSON_TOKENS / 2 - 2, HLV_JSON_TOKENS, NULL},
	{"empty objects", "[{}", ",{}", "]", HLV_JSON_TOKENS / 2 - 2, HLV_JSON_TOKENS, NULL},
	{"deep lists", "[0", "," DEEP BACK, "]", 1000, 60003, NULL},
	{"too deep", "", "[", "", BODY, 0, "deeper"},
	{"objects too deep", "", "{\"a\":", "", BODY / 5, 0, "deeper"},
	{"a name twice", "{\"b\":1", ",\"a\":1", "}", 2, 8, "twice"},
	{"a name very often", "{\"b\":1", ",\"a\":1", "}", BODY / 6 - 2, 0, "tokens"},
	{"an empty name twice", "{\"b\":1", ",\"\":1", "}", 2, 8, "twice"},
	{"blanks", "[", " ", "1]", BODY - 3, 3, NULL},
	{"commas", "[", ",", "]", BODY - 2, 2, "syntax"},
	{"words", "[null", ",true", "]", BODY / 5 - 3, BODY / 5, NULL},
	{"unclosed", "[\"", "x", "", BODY - 2, 0, "quote"},
};

static void make(const struct bomb *b, struct hlv_buf *text)
{
	hlv_buf_clear(text);
	hlv_buf_str(text, b->begin);
	for (size_t i = 0; i < b->times; i++)
		hlv_buf_str(text, b->again);
	hlv_buf_str(text, b->end);
	assert_false(text->bad);
}

static void test_memory(void **state)
{
	struct hlv_buf text = {0};
	(void)state;
	for (size_t i = 0; i < COUNT(bombs); i++) {
		const struct bomb *b = &bombs[i];
		struct hlv_arena a;
		struct hlv_json json;
		struct hlv_json_error error = {0};
		hlv_arena_init(&a, ARENA);
		make(b, &text);
		enum hlv_err err = hlv_json_read(&json, hlv_buf_bytes(&text), &a, &error);
		bool refused = b->says == EITHER ? err != HLV_OK : b->says != NULL;
		if ((err != HLV_OK) != refused ||
		    (b->says && b->says != EITHER && !strstr(error.text, b->says)))
			fail_msg("%s: %d \"%s\"", b->name, err, error.text);
		/* Of those that the scan refuses: nothing. */
		size_t most = b->tokens ? b->tokens * OF_TOKEN + text.n * OF_OCTET : 0;
		if (a.used > most)
			fail_msg("%s: %zu octets, at most %zu", b->name, a.used, most);
		hlv_arena_fini(&a);
	}
	hlv_buf_free(&text);
}

/* In the arena of a call there is no room for the largest: refused, and no octet beyond. */
static void test_small_arena(void **state)
{
	struct hlv_buf text = {0};
	(void)state;
	for (size_t i = 0; i < COUNT(bombs); i++) {
		enum { ROOM = 1 << 16 };
		struct hlv_arena a;
		struct hlv_json json;
		struct hlv_json_error error = {0};
		hlv_arena_init(&a, ROOM);
		make(&bombs[i], &text);
		enum hlv_err err = hlv_json_read(&json, hlv_buf_bytes(&text), &a, &error);
		if (a.used > ROOM || (err != HLV_OK && !*error.text))
			fail_msg("%s: %zu octets, \"%s\"", bombs[i].name, a.used, error.text);
		hlv_arena_fini(&a);
	}
	hlv_buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_small_arena),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
