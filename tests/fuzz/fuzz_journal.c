/* SPDX-License-Identifier: Apache-2.0
 *
 * Journal entries, with the checksum made to fit: what is accepted can be walked to its end,
 * and the puts that were found, written as a transaction, make an entry with the same puts.
 */
#include "proto/base/crc32c.h"
#include "proto/wire/codes.h"
#include "server/journal.h"
#include "tests/fuzz/fuzz.h"

enum { CRC_AT = 4, PUTS_MAX = 64 };

static void check_same(struct hlv_bytes encoded, const struct store_txn *txn)
{
	uint8_t key[JOURNAL_KEY_SIZE];
	struct journal_entry entry;
	struct store_put put;
	hlv_require(journal_decode(encoded, journal_key(txn->seq, key), &entry) == HLV_OK);
	hlv_require(entry.seq == txn->seq && entry.time_ms == txn->time_ms);
	hlv_require(entry.n == txn->nputs);
	for (size_t i = 0; i < txn->nputs; i++) {
		hlv_require(journal_next(&entry, &put));
		hlv_require(put.space == txn->puts[i].space);
		hlv_require(hlv_eq(put.key, txn->puts[i].key));
		hlv_require(put.value.n == txn->puts[i].value.n);
	}
	hlv_require(!journal_next(&entry, &put));
}

static void check(struct hlv_bytes stored, struct hlv_bytes key)
{
	struct journal_entry entry;
	struct store_put puts[PUTS_MAX], put;
	if (journal_decode(stored, key, &entry) != HLV_OK)
		return;
	if (entry.kind == JOURNAL_RANGE) {
		hlv_require(entry.n > 0 && entry.first.n > 0 && entry.last.n > 0);
		return;
	}
	uint32_t n = 0;
	while (journal_next(&entry, &put)) {
		hlv_require(journal_has(put.space));
		if (n < PUTS_MAX)
			puts[n] = put;
		n++;
	}
	hlv_require(n == entry.n);
	struct store_txn txn = {.puts = puts,
				.nputs = n < PUTS_MAX ? n : PUTS_MAX,
				.time_ms = entry.time_ms,
				.seq = entry.seq};
	struct hlv_buf buf = {0};
	journal_encode(&buf, &txn);
	hlv_require(!buf.bad);
	check_same(hlv_buf_bytes(&buf), &txn);
	hlv_buf_free(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t key[JOURNAL_KEY_SIZE] = {[7] = 42};
	struct hlv_bytes place = hlv_bytes(key, sizeof(key));
	struct hlv_arena *a = fuzz_arena();
	if (n > HLV_MESSAGE_MAX)
		return 0;
	check(hlv_bytes(data, n), place);
	check(hlv_bytes(data, n), hlv_bytes(data, n < sizeof(key) ? n : sizeof(key)));
	if (n < CRC_AT + 4)
		return 0;
	uint8_t *p = hlv_alloc_raw(a, n);
	hlv_require(p);
	memcpy(p, data, n);
	hlv_store_u32(p + CRC_AT, 0);
	hlv_store_u32(p + CRC_AT, hlv_crc32c(hlv_crc32c(0, place), hlv_bytes(p, n)));
	check(hlv_bytes(p, n), place);
	return 0;
}
