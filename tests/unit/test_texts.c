/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/texts.h"

#include "tests/unit/unit.h"

enum { MAX = 12 };

/* What comes out when the body comes in pieces of `step` octets: the texts with their numbers,
 * "!" for one that is too long, "X" where an array breaks. */
static void take(struct hlv_buf *out, const char *body, size_t n, size_t step)
{
	struct texts t = {.max = MAX};
	bool over = false;
	for (size_t at = 0; !over; at += step) {
		size_t piece = at < n ? (n - at < step ? n - at : step) : 0;
		bool last = at + step >= n;
		/* Of exactly its size, so that a sanitizer sees what is read behind it. */
		char *copy = malloc(piece + 1);
		assert_non_null(copy);
		if (piece)
			memcpy(copy, body + at, piece);
		copy = realloc(copy, piece ? piece : 1);
		struct hlv_bytes in = hlv_bytes(copy, piece), text;
		for (bool more = true; more;) {
			switch (texts_next(&t, &in, last, &text)) {
			case TEXTS_TEXT:
				hlv_buf_printf(out, "%u=", (unsigned)t.number);
				hlv_buf_put(out, text);
				hlv_buf_str(out, ";");
				break;
			case TEXTS_LONG:
				hlv_buf_printf(out, "%u!;", (unsigned)t.number);
				break;
			case TEXTS_BROKEN:
				hlv_buf_str(out, "X");
				over = true;
				more = false;
				break;
			case TEXTS_END:
				over = true;
				more = false;
				break;
			case TEXTS_MORE:
				assert_int_equal(in.n, 0);
				assert_false(last);
				more = false;
				break;
			}
		}
		free(copy);
	}
	texts_free(&t);
}

static void test_bodies(void **state)
{
	(void)state;
	static const struct {
		const char *name, *body, *want;
	} rows[] = {
		{"nothing", "", ""},
		{"blanks", " \n\r\n\t ", ""},
		{"one line", "{\"a\":1}", "1={\"a\":1};"},
		{"ended", "{\"a\":1}\n", "1={\"a\":1};"},
		{"two lines", "\"a\"\n\"b\"", "1=\"a\";2=\"b\";"},
		{"a gap, and DOS", "\"a\"\r\n\r\n  \"b\" \r\n", "1=\"a\";3=\"b\";"},
		{"gaps first", "\n\n\"a\"", "3=\"a\";"},
		{"twelve octets", "123456789abc\nx", "1=123456789abc;2=x;"},
		{"thirteen", "123456789abcd\nx", "1!;2=x;"},
		{"thirteen at the end", "x\n123456789abcd", "1=x;2!;"},
		{"far too long", "123456789012345678901234567890\n\"b\"", "1!;2=\"b\";"},
		{"lines stay lines", "1\n[2]\n", "1=1;2=[2];"},
		{"an array", "[1,2]", "1=1;2=2;"},
		{"spread out", " [\n 1 ,\n {\"a\":2}\n ] \n", "1=1;2={\"a\":2};"},
		{"empty array", "[]", ""},
		{"empty, spread", "[ \n ]\n", ""},
		{"commas inside", "[\"a,]\",[1,2]]", "1=\"a,]\";2=[1,2];"},
		{"escaped quote", "[\"a\\\",\",1]", "1=\"a\\\",\";2=1;"},
		{"escaped backslash", "[\"a\\\\\",1]", "1=\"a\\\\\";2=1;"},
		{"braces", "[{\"}\":[]}]", "1={\"}\":[]};"},
		{"element too long", "[\"123456789abcd\",1]", "1!;2=1;"},
		{"not closed", "[1,2", "1=1;X"},
		{"open string", "[\"a", "X"},
		{"open object", "[{\"a\":1]", "X"},
		{"no element", "[1,,2]", "1=1;X"},
		{"comma last", "[1,]", "1=1;X"},
		{"comma first", "[,1]", "X"},
		{"something behind", "[1] 2", "1=1;X"},
		{"two arrays", "[1]\n[2]", "1=1;X"},
		{"closed too often", "[1]]", "1=1;X"},
		{"a foreign brace", "[}]", "1=};"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = strlen(rows[i].body);
		for (size_t step = 1; step <= n + 1; step++) {
			struct hlv_buf out = {0};
			hlv_buf_str(&out, "");
			take(&out, rows[i].body, n, step);
			if (strcmp(out.p, rows[i].want) != 0)
				fail_msg("%s by %zu: %s", rows[i].name, step, out.p);
			hlv_buf_free(&out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
