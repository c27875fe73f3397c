/* SPDX-License-Identifier: Apache-2.0
 *
 * The codec of a journal entry: what one transaction changed, in the order of the changes. An
 * entry is what a mirror follows and what an audit reads, so it carries the records whole, stamped
 * as the registry stores them; a bulk load leaves one entry that names the range it filled, and
 * whoever follows reads that range from the registry. Keys are big-endian places, from 1, without
 * a gap from the oldest entry that is kept (docs/decisions/002-store-format.md).
 *
 *   0  u8   format (1)           4  u32  CRC-32C over the key, then the entry, this field zero
 *   1  u8   kind                 8  u64  time, ms
 *   2  u16  0                    16 u32  count of puts, or of the records in the range
 *   20 puts:  count times u8 space, u32 length and key, u32 length and value (0: key removed)
 *      range: u32 length and first key, u32 length and last key
 */
#pragma once
#include "proto/base/buf.h"
#include "server/store.h"

enum journal_kind { JOURNAL_PUTS = 1, JOURNAL_RANGE };

struct journal_entry {
	enum journal_kind kind;
	uint64_t seq, time_ms;
	uint32_t n;		      /* puts, or records in the range */
	struct hlv_bytes first, last; /* of a range */
	struct hlv_reader puts;	      /* checked: walk with journal_next() */
};

enum { JOURNAL_KEY_SIZE = 8 };
struct hlv_bytes journal_key(uint64_t seq, uint8_t out[JOURNAL_KEY_SIZE]);

/* Does a put into this space belong into the journal? */
static inline bool journal_has(enum store_space space)
{
	return space == SPACE_RECORD || space == SPACE_PREFIX;
}

/* The entry of `txn` at its place txn->seq, into `buf`, with the records stamped. */
void journal_encode(struct hlv_buf *buf, const struct store_txn *txn);

/* HLV_E_CORRUPT, HLV_E_NEWER; what it gives borrows from `stored`. */
enum hlv_err HLV_MUST_USE journal_decode(struct hlv_bytes stored, struct hlv_bytes key,
					 struct journal_entry *entry);
/* The next put of a decoded entry; false when there is none left. */
bool journal_next(struct journal_entry *entry, struct store_put *put);
