/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages for whoever keeps a copy of a prefix (resolver/copy.h, docs/protocol.md): every identifier of
 * the prefix, and the prefix's own record, with what everybody is answered who asks for it now; and
 * what has changed since a place in the journal. Keys are the registry's, and opaque to the other side.
 *
 * A dump is several pages, each from a snapshot of its own. It is whole, and right, when the journal
 * has been followed from the place that was told before the first page: a change that a page missed
 * stands behind that place, and the journal gives what the record is then, not what it was.
 */
#pragma once
#include "server/context.h"

enum {
	COPY_FORMAT = 1,
	COPY_PAGE = 200 << 10,	       /* octets after which a page ends */
	COPY_ROOM = (256 << 10) - 512, /* of a page, in a message: the last entry may be long */
	COPY_VISITS = 4096,	       /* records, or journal entries, that one page looks at */
	COPY_PREFIX_MAX = 400,	       /* octets: keys of longer ones are hashed */
};

/* Entries of a page: u8 kind, u32 length and key, and for a record u32 response code (1, or 200:
 * nothing public in it), u32 number of values and u32 length, values. */
enum copy_entry {
	COPY_RECORD = 1,
	COPY_GONE,	/* answered as not found */
	COPY_RANGE,	/* and u32 length and last key: read all of it by a scan */
	COPY_ELSEWHERE, /* exists, but nobody can be told by one message: ask for it */
};
enum copy_journal_state { COPY_CAUGHT_UP, COPY_MORE, COPY_TOO_FAR };

/* Where a copy of the prefix begins: u8 format, 16 octets naming this registry's journal, u64 place,
 * u64 records. HLV_E_NOT_FOUND: the prefix is not homed here. HLV_E_LIMIT: it is too long. */
enum hlv_err HLV_MUST_USE copy_begin(const struct answer_context *c, struct hlv_bytes prefix,
				     struct hlv_bytes *page);
/* Records with keys in [from, to], both empty for all: u8 format, u32 length and key to go on from
 * (empty: no more), entries. The prefix's own record comes first on the page without `from`. */
enum hlv_err HLV_MUST_USE copy_scan(const struct answer_context *c, struct hlv_bytes prefix,
				    struct hlv_bytes from, struct hlv_bytes to,
				    struct hlv_bytes *page);
/* What the changes behind `since` have made of the prefix: u8 format, u8 copy_journal_state, u64 place
 * up to which this is all, entries. `epoch`: as copy_begin() told. */
enum hlv_err HLV_MUST_USE copy_journal(const struct answer_context *c, struct hlv_bytes prefix,
				       struct hlv_bytes epoch, uint64_t since,
				       struct hlv_bytes *page);
