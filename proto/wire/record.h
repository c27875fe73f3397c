/* SPDX-License-Identifier: Apache-2.0
 *
 * All values of one identifier, and the form in which the registry stores them
 * (docs/decisions/002-store-format.md): a header, the registered spelling, then the value list
 * exactly as it stands on the wire, in ascending index order. So a question without a filter for
 * an all-public record is answered by one copy.
 *
 *   0  u8   format (1)          8  u64  seq of the last change    28  u32 count of values ...
 *   1  u8   flags               16 u64  time of it, ms            .. the values
 *   2  u16  length of spelling  24 u32  extension, 0              (spelling stands before count)
 *   4  u32  CRC-32C over the key, then the record without this field
 */
#pragma once
#include "proto/wire/value.h"

enum {
	HLV_RECORD_FORMAT = 1,
	HLV_RECORD_HEADER = 28,
	HLV_RECORD_DELETED = 1,	   /* a tombstone: its values are what was there */
	HLV_RECORD_ALL_PUBLIC = 2, /* each value has public read */
};

struct hlv_record {
	uint8_t flags;		/* HLV_RECORD_* */
	uint64_t seq;		/* place of the last change in the journal */
	uint64_t time_ms;	/* when that was, since 1970 */
	struct hlv_bytes name;	/* the spelling under which it was registered */
	struct hlv_list values; /* ascending index */
	struct hlv_bytes list;	/* the same with its count in front: as the wire has it */
};

/* Decoded from `stored`, borrowing; `key` is the registry key under which it was found. The CRC
 * is checked: HLV_E_CORRUPT, HLV_E_NEWER for a later format. The values were checked when they
 * were written and are covered by the CRC: they are not walked here. */
enum hlv_err HLV_MUST_USE hlv_record_decode(struct hlv_bytes stored, struct hlv_bytes key,
					    struct hlv_record *rec);
/* Header, spelling, values (rec->list is not looked at). */
void hlv_record_encode(struct hlv_writer *w, struct hlv_bytes key,
		       const struct hlv_record *rec);
/* Set seq and time of an encoded record in place, and its CRC anew: the writer knows them last. */
void hlv_record_stamp(uint8_t *stored, size_t n, struct hlv_bytes key, uint64_t seq,
		      uint64_t time_ms);

/* Put the values of `list` into ascending index order, into `w`, and tell in *flags whether all
 * are public. HLV_E_EXISTS when an index occurs twice, HLV_E_LIMIT for an index of 0 or above
 * 2^31-1, or more than HLV_VALUES_MAX values. */
enum hlv_err HLV_MUST_USE hlv_values_sort(const struct hlv_list *list, struct hlv_writer *w,
					  uint8_t *flags);
