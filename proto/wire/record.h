/* SPDX-License-Identifier: Apache-2.0
 *
 * All values of one identifier, and the form in which the registry stores them
 * (docs/decisions/002-store-format.md): a header, the registered spelling, then the value list
 * exactly as it stands on the wire, in ascending index order. So a question without a filter for
 * an all-public record is answered by one copy.
 *
 *   0  u8   format (1)          8  u64  seq of the last change    28  u32 count of values ...
 *   1  u8   flags               16 u64  time of it, ms            .. the values
 *   2  u16  length of spelling  24 u32  octets of extension       (spelling stands before count)
 *   4  u32  CRC-32C over the key, then the record without this field
 *
 * A record that is not plain active, or is locked, has a state in the extension, between header and
 * spelling: u8 state, u8 0, u16 locks, u64 since, ms, u32 length and reason. All others have none,
 * so that whoever asks for the flags to be HLV_RECORD_ALL_PUBLIC *and nothing else* knows, by
 * that one comparison, that the record is live, active, unlocked and public: that, and not the
 * bit alone, is what an answer without looking further needs.
 */
#pragma once
#include "proto/wire/state.h"
#include "proto/wire/value.h"

enum {
	HLV_RECORD_FORMAT = 1,
	HLV_RECORD_HEADER = 28,
	HLV_RECORD_DELETED = 1,	   /* a tombstone: its values are what was there */
	HLV_RECORD_ALL_PUBLIC = 2, /* each value has public read */
	HLV_RECORD_HAS_STATE = 4,  /* not active, or locked: set by encode, see above */

	HLV_REASON_MAX = 200, /* octets */
	/* Of the extension at the most. */
	HLV_RECORD_STATE_MAX = 1 + 1 + 2 + 8 + 4 + HLV_REASON_MAX,
};

struct hlv_record {
	uint8_t flags;		/* HLV_RECORD_* */
	uint64_t seq;		/* place of the last change in the journal */
	uint64_t time_ms;	/* when that was, since 1970 */
	struct hlv_bytes name;	/* the spelling under which it was registered */
	struct hlv_list values; /* ascending index */
	struct hlv_bytes list;	/* the same with its count in front: as the wire has it */
	uint8_t state;		/* HLV_STATE_* */
	uint16_t locks;		/* HLV_LOCK_* */
	/* Of the state: 0 and empty when it is active and unlocked, also if encode was given more. */
	uint64_t state_since_ms;
	struct hlv_bytes reason;
};

/* Decoded from `stored`, borrowing; `key` is the registry key under which it was found. The CRC
 * is checked: HLV_E_CORRUPT, HLV_E_NEWER for a later format. The values were checked when they
 * were written and are covered by the CRC: they are not walked here. */
enum hlv_err HLV_MUST_USE hlv_record_decode(struct hlv_bytes stored, struct hlv_bytes key,
					    struct hlv_record *rec);
/* Header, state, spelling, values (rec->list is not looked at). The writer goes bad for a state
 * that there is not, unknown locks or a reason that is too long. */
void hlv_record_encode(struct hlv_writer *w, struct hlv_bytes key,
		       const struct hlv_record *rec);
/* Set seq and time of an encoded record in place, and its CRC anew: the writer knows them last. */
void hlv_record_stamp(uint8_t *stored, size_t n, struct hlv_bytes key, uint64_t seq,
		      uint64_t time_ms);

/* The spelling in an encoded record that nobody checked yet; empty when it cannot be one. */
struct hlv_bytes hlv_record_name(struct hlv_bytes stored);
/* The place of its change, likewise; 0 when it cannot be one. */
uint64_t hlv_record_seq(struct hlv_bytes stored);

/* Put the values of `list` into ascending index order, into `w`, and tell in *flags whether all
 * are public. HLV_E_EXISTS when an index occurs twice, HLV_E_LIMIT for an index of 0 or above
 * 2^31-1, or more than HLV_VALUES_MAX values. */
enum hlv_err HLV_MUST_USE hlv_values_sort(const struct hlv_list *list, struct hlv_writer *w,
					  uint8_t *flags);
