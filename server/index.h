/* SPDX-License-Identifier: Apache-2.0
 *
 * The index by (type, value), where the configuration asks for one (option index-types): an entry for
 * each public value of such a type in a live record, kept by commit in the transaction that changes
 * the record. META "index" says which types (commit knows no configuration): u8 1 complete, 2 some of
 * them are being built, 0 all (an older version wrote that); then the types, upper case, each behind a
 * line feed, one that is being built behind a line feed and a tab. Without that entry there is no
 * index, and it costs nothing.
 *
 * Types come and go while the registry is written to: commit keeps the new ones from the moment that
 * they are in META, and slice by slice what stood there before is swept and entered. How far that came
 * is in META "index-build", in the transaction of each slice, so that a crash loses nothing:
 *   u8 phase (1 sweep INDEX of what no rule wants, 2 enter values of the types being built),
 *   u64 looked at in this phase, u64 entered, the key to go on from
 *
 *   INDEX  8 octets of the type's hash, up to 64 of the value in upper case, 0,
 *          16 octets of a hash over u32 index and the record's key
 *          -> the record's key, CRC-32C over both
 *
 * An entry is a hint: whoever finds it looks at the record.
 */
#pragma once
#include "proto/base/arena.h"
#include "server/commit.h"

enum {
	INDEX_TYPES_MAX = 64,
	INDEX_TYPE_MAX = 255,
	INDEX_TEXT_MAX = 4096,
	INDEX_TYPE_HASH = 8,
	INDEX_VALUE = 64, /* of a value that stand in its key */
	INDEX_KEY_MAX = INDEX_TYPE_HASH + INDEX_VALUE + 1 + 16,
	INDEX_DATA_MAX = 4096, /* a longer value is not in the index */
	INDEX_ENTRY_MAX = STORE_KEY_MAX + 4,
};

struct index_rules {
	bool complete; /* none is being built */
	size_t ntypes; /* 0: no index */
	struct hlv_bytes types[INDEX_TYPES_MAX];
	bool building[INDEX_TYPES_MAX];
	char text[INDEX_TEXT_MAX]; /* of which they are parts */
	size_t ntext;
};

/* From META's value; HLV_E_CORRUPT. */
enum hlv_err HLV_MUST_USE index_rules_read(struct hlv_bytes value, struct index_rules *rules);
/* The registry's; ntypes 0: it has none. */
enum hlv_err HLV_MUST_USE index_rules_get(struct store *, struct store_view *,
					  struct index_rules *rules);
/* Is a value of this type in the index? A type of the rules may end in '*'. */
bool index_has_type(const struct index_rules *rules, struct hlv_bytes type);
/* The same of the types that are not being built: it can be searched for. */
bool index_is_ready(const struct index_rules *rules, struct hlv_bytes type);
bool index_has_value(const struct index_rules *rules, const struct hlv_value *v);

enum hlv_err HLV_MUST_USE index_key(const struct hlv_value *v, struct hlv_bytes record_key,
				    uint8_t out[INDEX_KEY_MAX], struct hlv_bytes *key);
/* What the keys of all values begin with that have this type and begin so. */
enum hlv_err HLV_MUST_USE index_prefix(struct hlv_bytes type, struct hlv_bytes beginning,
				       uint8_t out[INDEX_KEY_MAX], struct hlv_bytes *key);
/* What stands under a key, and back. */
struct hlv_bytes index_entry(struct hlv_bytes key, struct hlv_bytes record_key,
			     uint8_t out[INDEX_ENTRY_MAX]);
enum hlv_err HLV_MUST_USE index_entry_open(struct hlv_bytes stored, struct hlv_bytes key,
					   struct hlv_bytes *record_key);

/* For commit: a record changed from `before` to `after` (as stored; no octets: not there). */
enum hlv_err HLV_MUST_USE index_move(struct commit_engine *e, const struct index_rules *rules,
				     struct hlv_bytes record_key, struct hlv_bytes before,
				     struct hlv_bytes after);

/* --- building --- */

enum index_phase { INDEX_SWEEP = 1, INDEX_ENTER };
struct index_progress {
	enum index_phase phase;
	uint64_t looked_at; /* entries of the index, or records */
	uint64_t entered;
	struct store_key from;
};
/* HLV_E_NOT_FOUND: there is nothing to build. */
enum hlv_err HLV_MUST_USE index_progress_get(struct store *, struct store_view *,
					     struct index_progress *p);

/* The transaction that makes the registry's types these (`text`: as in META, without marks); no puts:
 * they are already. INDEX_ANEW: and everything in it is to be built again. HLV_E_LIMIT. */
enum index_want { INDEX_AS_IT_IS, INDEX_ANEW };
enum hlv_err HLV_MUST_USE index_want(struct store *, struct store_view *, struct hlv_bytes text,
				     enum index_want want, struct hlv_arena *a,
				     struct store_txn *txn);
/* The next slice of what is to be built: a transaction that the caller commits before anything else
 * changes a record. No puts: it is done, *entered tells how much. */
enum hlv_err HLV_MUST_USE index_slice(struct store *, struct store_view *, struct hlv_arena *a,
				      struct store_txn *txn, uint64_t *entered);
/* Both, to the end, where nobody else commits meanwhile and `view` is not open. *built tells how many
 * entries, when there was anything to do. */
enum hlv_err HLV_MUST_USE index_build(struct store *, struct store_view *view,
				      struct hlv_bytes text, enum index_want want,
				      bool *changed, uint64_t *built);
