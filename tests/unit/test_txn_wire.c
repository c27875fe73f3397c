/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/wire/codes.h"
#include "server/txn_wire.h"

enum { ROOM = 4096 };

static const struct store_check checks[] = {
	{SPACE_RECORD, {(const uint8_t *)"\00188.1/A", 7}, 7},
	{SPACE_PREFIX, {(const uint8_t *)"\0010.NA/88.1", 10}, 0},
	{SPACE_META, {(const uint8_t *)"load", 4}, UINT64_MAX},
};
static const struct store_put some_puts[] = {
	{SPACE_RECORD, {(const uint8_t *)"\00188.1/A", 7}, {(const uint8_t *)"value", 5}},
	{SPACE_PREFIX, {(const uint8_t *)"\0010.NA/88.1", 10}, {0}},
	{SPACE_META, {(const uint8_t *)"note", 4}, {(const uint8_t *)"x", 1}},
};
static const struct store_txn txns[] = {
	{.checks = checks,
	 .nchecks = 3,
	 .puts = some_puts,
	 .nputs = 3,
	 .time_ms = 1700000000123},
	{.puts = some_puts, .nputs = 1, .bulk = true, .time_ms = 1},
	{.checks = checks, .nchecks = 1},
	{.nputs = 0},
};
enum { TXNS = sizeof txns / sizeof *txns };

static const struct store_actor actor = {.how = ACTOR_LOCAL, .who = {.index = 1000}};

static struct hlv_bytes encode(uint8_t *room, size_t n)
{
	struct hlv_writer w = hlv_writer(room, ROOM);
	hlv_put_u32(&w, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		txn_wire_put(&w, &txns[i]);
	assert_false(w.bad);
	return hlv_written(&w);
}

static enum hlv_err decode(struct hlv_bytes octets, size_t limit, struct store_txn **out,
			   size_t *n, struct hlv_arena *a)
{
	hlv_arena_init(a, limit);
	return txn_wire_decode(octets, &actor, a, out, n);
}

static void assert_same(const struct store_txn *a, const struct store_txn *b)
{
	assert_int_equal(a->bulk, b->bulk);
	assert_int_equal(a->time_ms, b->time_ms);
	assert_int_equal(a->nchecks, b->nchecks);
	assert_int_equal(a->nputs, b->nputs);
	for (size_t i = 0; i < a->nchecks; i++) {
		assert_int_equal(a->checks[i].space, b->checks[i].space);
		assert_true(a->checks[i].seq == b->checks[i].seq);
		assert_true(hlv_eq(a->checks[i].key, b->checks[i].key));
	}
	for (size_t i = 0; i < a->nputs; i++) {
		assert_int_equal(a->puts[i].space, b->puts[i].space);
		assert_true(hlv_eq(a->puts[i].key, b->puts[i].key));
		assert_true(hlv_eq(a->puts[i].value, b->puts[i].value));
	}
}

static void test_round_trip(void **state)
{
	(void)state;
	uint8_t room[ROOM];
	for (size_t want = 0; want <= TXNS; want++) {
		struct hlv_arena a;
		struct store_txn *got;
		size_t n;
		assert_int_equal(decode(encode(room, want), SIZE_MAX, &got, &n, &a), HLV_OK);
		assert_int_equal(n, want);
		for (size_t i = 0; i < n; i++) {
			assert_same(&got[i], &txns[i]);
			assert_int_equal(got[i].actor.how, ACTOR_LOCAL);
			assert_int_equal(got[i].actor.who.index, 1000);
			assert_int_equal(got[i].err, HLV_OK);
		}
		hlv_arena_fini(&a);
	}
}

/* Cut anywhere, or one octet more: never a group. */
static void test_lengths(void **state)
{
	(void)state;
	uint8_t room[ROOM];
	struct hlv_arena a;
	struct store_txn *got;
	size_t n;
	struct hlv_bytes whole = encode(room, TXNS);
	room[whole.n] = 0;
	for (size_t len = 0; len <= whole.n + 1; len++) {
		enum hlv_err err = decode(hlv_bytes(room, len), SIZE_MAX, &got, &n, &a);
		if (err != (len == whole.n ? HLV_OK : HLV_E_MALFORMED))
			fail_msg("%zu of %zu octets: %s", len, whole.n, hlv_strerror(err));
		hlv_arena_fini(&a);
	}
}

static void test_wrong_content(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t at;
		uint8_t is;
	} rows[] = {
		{"one transaction more", 3, 5},
		{"2^31 transactions", 0, 0x80},
		{"unknown flag", 4, 2},
		{"no puts said", 20, 0},
		{"2^31 checks", 13, 0x80},
		{"a check more", 16, 4},
		{"2^31 puts", 17, 0x80},
		{"a put more", 20, 4},
		{"check in no space", 21, SPACES},
		{"long key of a check", 30, 0x7F},
		{"put in no space", 21 + 3 * 11 + 21, SPACES},
		{"long key of a put", 21 + 3 * 11 + 21 + 1, 0x7F},
		{"long value of a put", 21 + 3 * 11 + 21 + 3 + 7, 0x7F},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t room[ROOM];
		struct hlv_arena a;
		struct store_txn *got;
		size_t n;
		struct hlv_bytes whole = encode(room, TXNS);
		room[rows[i].at] = rows[i].is;
		enum hlv_err err = decode(whole, SIZE_MAX, &got, &n, &a);
		if (err != HLV_E_MALFORMED)
			fail_msg("%s: %s", rows[i].name, hlv_strerror(err));
		/* A count that cannot be true takes no memory. */
		if (a.used > 64 * whole.n)
			fail_msg("%s: %zu octets taken", rows[i].name, a.used);
		hlv_arena_fini(&a);
	}
}

static void test_memory(void **state)
{
	(void)state;
	uint8_t room[ROOM];
	struct hlv_bytes whole = encode(room, TXNS);
	enum hlv_err err = HLV_E_NOMEM;
	size_t limit = 0;
	for (; err == HLV_E_NOMEM; limit += 16) {
		struct hlv_arena a;
		struct store_txn *got;
		size_t n;
		err = decode(whole, limit, &got, &n, &a);
		hlv_arena_fini(&a);
		assert_true(limit < 1 << 20);
	}
	assert_int_equal(err, HLV_OK);
	assert_true(limit > 256);
}

static void test_does_not_fit(void **state)
{
	(void)state;
	uint8_t room[ROOM], long_key[UINT16_MAX + 1] = {0};
	for (size_t cap = 0; cap < 60; cap++) {
		struct hlv_writer w = hlv_writer(room, cap);
		txn_wire_put(&w, &txns[0]);
		assert_true(w.bad);
	}
	uint8_t *large = malloc(2 * sizeof long_key);
	struct hlv_writer w = hlv_writer(large, 2 * sizeof long_key);
	struct store_put put = {SPACE_META, hlv_bytes(long_key, sizeof long_key), {0}};
	txn_wire_put(&w, &(struct store_txn){.puts = &put, .nputs = 1});
	assert_true(w.bad);
	free(large);
}

static void test_answer(void **state)
{
	(void)state;
	static const enum hlv_err errs[] = {
#define X(name, number) name,
		TXN_WIRE_ERRORS(X)
#undef X
	};
	enum { N = sizeof errs / sizeof *errs };
	struct store_txn sent[N] = {0}, got[N] = {0};
	uint8_t room[ROOM];
	for (size_t i = 0; i < N; i++) {
		sent[i].err = errs[i];
		sent[i].seq = UINT64_C(0x100000000) + i;
	}
	struct hlv_writer w = hlv_writer(room, sizeof room);
	txn_wire_put_answer(&w, sent, N, HLV_OK);
	struct hlv_bytes octets = hlv_written(&w);
	assert_int_equal(txn_wire_get_answer(octets, got, N), HLV_OK);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(got[i].err, errs[i]);
		assert_true(got[i].seq == sent[i].seq);
	}
	assert_int_equal(txn_wire_get_answer(octets, got, N - 1), HLV_E_MALFORMED);
	for (size_t n = 0; n < octets.n; n++)
		assert_int_equal(txn_wire_get_answer(hlv_head(octets, n), got, N),
				 HLV_E_MALFORMED);
	w = hlv_writer(room, sizeof room);
	txn_wire_put_answer(&w, sent, N, HLV_E_FULL);
	assert_int_equal(txn_wire_get_answer(hlv_written(&w), got, N), HLV_OK);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(got[i].err, HLV_E_FULL);
		assert_true(got[i].seq == 0);
	}
}

/* The numbers are a format: they stay, and what has none says that its fate is unknown. */
static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(txn_wire_from_err(HLV_OK), 0);
	assert_int_equal(txn_wire_from_err(HLV_E_CONFLICT), 1);
	assert_int_equal(txn_wire_from_err(HLV_E_FULL), 5);
	assert_int_equal(txn_wire_from_err(HLV_E_SIGNATURE), 6);
	assert_int_equal(txn_wire_to_err(6), HLV_E_IO);
	assert_int_equal(txn_wire_to_err(999), HLV_E_IO);
	assert_int_equal(txn_wire_to_err(UINT32_MAX), HLV_E_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_wrong_content), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_does_not_fit),  cmocka_unit_test(test_answer),
		cmocka_unit_test(test_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
