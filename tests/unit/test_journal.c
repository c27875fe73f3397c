/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/crc32c.h"
#include "server/journal.h"

static const uint8_t KEY[] = "\00188.1/A", PREFIX_KEY[] = "\0010.NA/88.1";
static uint8_t record[64] = {1, 2, 0, 4, [28] = 'n', 'a', 'm', 'e'};
static const uint8_t homed[13] = {1};

static struct hlv_bytes text(const uint8_t *p, size_t n)
{
	return hlv_bytes(p, n - 1);
}

static struct hlv_bytes encode(struct hlv_buf *buf, const struct store_put *puts, size_t n,
			       bool bulk)
{
	struct store_txn txn = {
		.puts = puts, .nputs = n, .bulk = bulk, .seq = 7, .time_ms = 1700000000123};
	buf->n = 0;
	journal_encode(buf, &txn);
	assert_false(buf->bad);
	return hlv_buf_bytes(buf);
}

static enum hlv_err decode(struct hlv_bytes stored, uint64_t seq, struct journal_entry *e)
{
	uint8_t key[JOURNAL_KEY_SIZE];
	return journal_decode(stored, journal_key(seq, key), e);
}

static void test_puts(void **state)
{
	(void)state;
	const struct store_put puts[] = {
		{SPACE_RECORD, text(KEY, sizeof KEY), hlv_bytes(record, sizeof record)},
		{SPACE_META, hlv_text("note"), hlv_text("not this")},
		{SPACE_PREFIX, text(PREFIX_KEY, sizeof PREFIX_KEY), hlv_bytes(homed, 13)},
		{SPACE_PREFIX, text(PREFIX_KEY, sizeof PREFIX_KEY), {0}},
	};
	struct hlv_buf buf = {0};
	struct journal_entry e;
	struct store_put put;
	struct hlv_record rec;
	assert_int_equal(decode(encode(&buf, puts, 4, false), 7, &e), HLV_OK);
	assert_int_equal(e.kind, JOURNAL_PUTS);
	assert_int_equal(e.seq, 7);
	assert_int_equal(e.time_ms, 1700000000123);
	assert_int_equal(e.n, 3);
	assert_true(journal_next(&e, &put));
	assert_int_equal(hlv_record_decode(put.value, put.key, &rec), HLV_OK);
	assert_int_equal(rec.seq, 7);
	assert_int_equal(rec.time_ms, 1700000000123);
	assert_true(journal_next(&e, &put));
	assert_int_equal(put.space, SPACE_PREFIX);
	assert_int_equal(put.value.n, 13);
	assert_true(journal_next(&e, &put));
	assert_int_equal(put.value.n, 0);
	assert_false(journal_next(&e, &put));
	assert_false(journal_next(&e, &put));
	hlv_buf_free(&buf);
}

static void test_range(void **state)
{
	(void)state;
	const struct store_put puts[] = {
		{SPACE_RECORD, hlv_text("a"), hlv_bytes(record, sizeof record)},
		{SPACE_RECORD, hlv_text("b"), hlv_bytes(record, sizeof record)},
		{SPACE_META, hlv_text("z"), hlv_text("z")},
	};
	struct hlv_buf buf = {0};
	struct journal_entry e;
	struct store_put put;
	assert_int_equal(decode(encode(&buf, puts, 3, true), 7, &e), HLV_OK);
	assert_int_equal(e.kind, JOURNAL_RANGE);
	assert_int_equal(e.n, 2);
	assert_true(hlv_eq(e.first, hlv_text("a")));
	assert_true(hlv_eq(e.last, hlv_text("b")));
	assert_false(journal_next(&e, &put));
	hlv_buf_free(&buf);
}

/* Every bit, every length, and a wrong place: never an entry. */
static void test_damage(void **state)
{
	(void)state;
	const struct store_put puts[] = {
		{SPACE_RECORD, text(KEY, sizeof KEY), hlv_bytes(record, sizeof record)}};
	struct hlv_buf buf = {0};
	struct journal_entry e;
	for (int bulk = 0; bulk < 2; bulk++) {
		struct hlv_bytes whole = encode(&buf, puts, 1, bulk);
		for (size_t i = 0; i < whole.n * 8; i++) {
			buf.p[i / 8] = (char)(buf.p[i / 8] ^ 1 << i % 8);
			if (decode(whole, 7, &e) == HLV_OK)
				fail_msg("bit %zu flipped, bulk %d", i, bulk);
			buf.p[i / 8] = (char)(buf.p[i / 8] ^ 1 << i % 8);
		}
		for (size_t n = 0; n < whole.n; n++)
			if (decode(hlv_head(whole, n), 7, &e) != HLV_E_CORRUPT)
				fail_msg("cut at %zu, bulk %d", n, bulk);
		assert_int_equal(decode(whole, 8, &e), HLV_E_CORRUPT);
		assert_int_equal(journal_decode(whole, hlv_text("short"), &e), HLV_E_CORRUPT);
		assert_int_equal(decode(whole, 7, &e), HLV_OK);
	}
	hlv_buf_free(&buf);
}

/* Entries whose checksum is right and whose content is not: as from another program. */
static void test_wrong_content(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t at;
		uint8_t is;
		enum hlv_err want;
	} rows[] = {
		{"newer format", 0, 2, HLV_E_NEWER},
		{"no kind", 1, 0, HLV_E_CORRUPT},
		{"unknown kind", 1, 9, HLV_E_CORRUPT},
		{"one put more", 19, 2, HLV_E_CORRUPT},
		{"no put", 19, 0, HLV_E_CORRUPT},
		{"many puts", 16, 0x7F, HLV_E_CORRUPT},
		{"put into the journal", 20, 2, HLV_E_CORRUPT},
		{"put into META", 20, 3, HLV_E_CORRUPT},
		{"no space", 20, 77, HLV_E_CORRUPT},
		{"no key", 24, 0, HLV_E_CORRUPT},
		{"long key", 22, 9, HLV_E_CORRUPT},
		{"short record", 35, 9, HLV_E_CORRUPT},
		{"long record", 32, 1, HLV_E_CORRUPT},
	};
	const struct store_put puts[] = {
		{SPACE_RECORD, text(KEY, sizeof KEY), hlv_bytes(record, sizeof record)}};
	struct hlv_buf buf = {0};
	struct journal_entry e;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		static const uint8_t place[8] = {[7] = 7};
		struct hlv_bytes stored = encode(&buf, puts, 1, false);
		uint8_t *p = (uint8_t *)buf.p;
		p[rows[i].at] = rows[i].is;
		hlv_store_u32(p + 4, 0);
		hlv_store_u32(p + 4, hlv_crc32c(hlv_crc32c(0, hlv_bytes(place, 8)), stored));
		enum hlv_err err = decode(stored, 7, &e);
		if (err != rows[i].want)
			fail_msg("%s: %s", rows[i].name, hlv_strerror(err));
	}
	hlv_buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_puts),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_wrong_content),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
