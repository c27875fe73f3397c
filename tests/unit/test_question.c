/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tools/load/question.h"

enum { ROOM = 2048, NOW_S = 1700000000 };

/* What the generator stamps is what the codec reads. */
static void test_build(void **state)
{
	(void)state;
	static const char *const names[] = {"88.118.8/JX1", "0.NA/88", "x", ""};
	struct question_form form;
	question_form_init(&form, HLV_F_RECURSE | HLV_F_CERTIFIED, HLV_OUR_VERSION, NOW_S);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		uint8_t out[QUESTION_MAX];
		struct hlv_message m;
		struct hlv_request rq;
		size_t n = question_build(&form, 0xFFFFFFFF, hlv_text(names[i]), out);
		if (hlv_message_decode(hlv_bytes(out, n), &m) != HLV_OK ||
		    hlv_request_decode(&m, &rq) != HLV_OK)
			fail_msg("'%s': not a request", names[i]);
		if (!hlv_eq(rq.handle, hlv_text(names[i])) || rq.indexes.n || rq.types.n ||
		    m.credential.n || rq.has_token)
			fail_msg("'%s': another question", names[i]);
		assert_int_equal(m.env.request_id, 0xFFFFFFFF);
		assert_int_equal(m.hdr.op, HLV_OP_RESOLUTION);
		assert_int_equal(m.hdr.flags, HLV_F_RECURSE | HLV_F_CERTIFIED);
		assert_int_equal(m.hdr.expiration_s, NOW_S + HLV_EXPIRATION_S);
	}
}

struct answer_row {
	const char *name;
	const char *handle; /* NULL: an error answer */
	uint32_t values;
	uint32_t rc;
	bool digest, certified, check, has_credential;
	size_t keep; /* octets of the packet; 0: all */
	enum verdict expected;
};

static const struct answer_row answer_rows[] = {
	{"plain", "88/a", 1, 1, false, false, false, false, 0, VERDICT_OK},
	{"checked", "88/a", 1, 1, false, false, true, false, 0, VERDICT_OK},
	{"checked behind a digest", "88/a", 1, 1, true, false, true, false, 0, VERDICT_OK},
	{"first packet of several", "88/a", 1, 1, true, false, true, false, 96, VERDICT_OK},
	{"signed", "88/a", 1, 1, true, true, true, true, 0, VERDICT_OK},
	{"not checked", "88/b", 0, 1, false, false, false, false, 0, VERDICT_OK},
	{"another identifier", "88/b", 1, 1, false, false, true, false, 0, VERDICT_WRONG},
	{"another spelling", "88/A", 1, 1, false, false, true, false, 0, VERDICT_WRONG},
	{"longer identifier", "88/aa", 1, 1, false, false, true, false, 0, VERDICT_WRONG},
	{"no values", "88/a", 0, 1, false, false, true, false, 0, VERDICT_WRONG},
	{"cut in the identifier", "88/a", 1, 1, false, false, true, false, 50, VERDICT_WRONG},
	{"unsigned", "88/a", 1, 1, true, true, false, false, 0, VERDICT_UNSIGNED},
	{"not found", NULL, 0, 100, false, false, false, false, 0, VERDICT_OTHER_CODE},
	{"a request", "88/a", 1, 0, false, false, true, false, 0, VERDICT_OTHER_CODE},
	{"stub", "88/a", 1, 1, false, false, false, false, 44, VERDICT_STUB},
	{"stub of an error", NULL, 0, 100, false, false, false, false, 44, VERDICT_STUB},
};

static size_t make_answer(const struct answer_row *row, uint8_t *out)
{
	struct hlv_writer w = hlv_writer(out, ROOM);
	struct hlv_envelope env = {.major = 2, .minor = 11};
	struct hlv_header hdr = {.op = HLV_OP_RESOLUTION, .rc = row->rc};
	if (row->digest)
		hdr.flags |= HLV_F_REQUEST_DIGEST;
	hlv_envelope_encode(&w, &env);
	hlv_header_encode(&w, &hdr);
	static const uint8_t digest[33] = {HLV_DIGEST_SHA256};
	if (row->digest)
		hlv_put(&w, hlv_bytes(digest, sizeof digest));
	hlv_put_lp32(&w, row->handle ? hlv_text(row->handle) : hlv_text("why"));
	if (row->handle)
		hlv_put_u32(&w, row->values);
	hlv_put(&w, hlv_text("values as they may be"));
	hlv_fill_u32(&w, 40, (uint32_t)(w.n - 44));
	hlv_put_lp32(&w, hlv_text(row->has_credential ? "credential" : ""));
	hlv_fill_u32(&w, 16, (uint32_t)(w.n - HLV_ENVELOPE_SIZE));
	assert_false(w.bad);
	return row->keep ? row->keep : w.n;
}

static void test_judge(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answer_rows / sizeof *answer_rows; i++) {
		const struct answer_row *row = &answer_rows[i];
		uint8_t out[ROOM];
		struct question_form form;
		question_form_init(&form, 0, HLV_OUR_VERSION, NOW_S);
		form.certified = row->certified;
		form.check = row->check;
		size_t n = make_answer(row, out);
		/* On the heap, of the exact size: a sanitizer sees what is read behind it. */
		uint8_t *exact = malloc(n);
		assert_non_null(exact);
		memcpy(exact, out, n);
		enum verdict got = question_judge(&form, hlv_bytes(exact, n), hlv_text("88/a"));
		free(exact);
		if (got != row->expected)
			fail_msg("%s: verdict %d", row->name, (int)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_judge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
