/* SPDX-License-Identifier: Apache-2.0
 *
 * Where copies of prefixes are kept (copy.h): LMDB in a directory of its own; copy_store.c is its door.
 * A copy is a *generation*, a number in front of all its keys, and a mark that names it: so a new dump
 * grows beside the old copy, and one transaction makes it the copy. What no mark names is swept away.
 */
#pragma once
#include "proto/base/bytes.h"
#include "proto/base/err.h"

struct copy_store;
enum { COPY_STORE_WHY = 256, COPY_KEY_MAX = 482, COPY_SERVERS_MAX = 64 };

/* A file that is damaged is set aside, and `why` says so; else it is empty, or the error. */
enum hlv_err HLV_MUST_USE copy_store_open(const char *dir, struct copy_store **out, char *why);
void copy_store_close(struct copy_store *s);

/* Of one prefix. */
struct copy_mark {
	uint32_t generation;
	uint64_t records;
	uint64_t synced_ms; /* wall clock: when all servers had told all */
	uint32_t servers;
	struct copy_place { /* in each server's journal */
		uint8_t epoch[16];
		uint64_t seq;
	} places[COPY_SERVERS_MAX];
};

/* --- for the thread that pulls: one transaction at a time; nothing is there before commit --- */

struct copy_txn;
enum hlv_err HLV_MUST_USE copy_txn_begin(struct copy_store *s, struct copy_txn **out);
/* Durable when it returns HLV_OK. HLV_E_FULL, HLV_E_IO: nothing of it was written. Ended in any case. */
enum hlv_err HLV_MUST_USE copy_txn_commit(struct copy_txn *t);
void copy_txn_abort(struct copy_txn *t);

/* HLV_E_NOT_FOUND: there is no copy. HLV_E_CORRUPT: a mark that cannot be one. */
enum hlv_err HLV_MUST_USE copy_txn_mark(struct copy_txn *t, const char *prefix,
					struct copy_mark *mark);
enum hlv_err HLV_MUST_USE copy_txn_set_mark(struct copy_txn *t, const char *prefix,
					    const struct copy_mark *mark);
/* No copies of other prefixes any more. */
enum hlv_err HLV_MUST_USE copy_txn_keep_marks(struct copy_txn *t, const char *const *prefixes,
					      size_t n);
/* A number that no generation ever had. */
enum hlv_err HLV_MUST_USE copy_txn_new_generation(struct copy_txn *t, uint32_t *generation);
/* *added counts up for a new key, *removed for one that was there. */
enum hlv_err HLV_MUST_USE copy_txn_put(struct copy_txn *t, uint32_t generation,
				       struct hlv_bytes key, struct hlv_bytes value,
				       uint64_t *added);
enum hlv_err HLV_MUST_USE copy_txn_remove(struct copy_txn *t, uint32_t generation,
					  struct hlv_bytes key, uint64_t *removed);
/* The keys from `from` on and before `to`; no octets in `to`: to the end. At most `max`. */
enum hlv_err HLV_MUST_USE copy_txn_remove_range(struct copy_txn *t, uint32_t generation,
						struct hlv_bytes from, struct hlv_bytes to,
						uint64_t max, uint64_t *removed);
/* The first generation that holds anything and is not among the `n` given. HLV_E_NOT_FOUND. */
enum hlv_err HLV_MUST_USE copy_txn_orphan(struct copy_txn *t, const uint32_t *known, size_t n,
					  uint32_t *generation);

/* --- for readers, one a thread --- */

struct copy_reader;
enum hlv_err HLV_MUST_USE copy_reader_new(struct copy_store *s, struct copy_reader **out);
void copy_reader_free(struct copy_reader *r);
enum hlv_err HLV_MUST_USE copy_reader_begin(struct copy_reader *r);
void copy_reader_end(struct copy_reader *r);
enum hlv_err HLV_MUST_USE copy_reader_mark(struct copy_reader *r, const char *prefix,
					   struct copy_mark *mark);
/* HLV_E_NOT_FOUND; the value borrows until copy_reader_end(). HLV_E_CORRUPT: its CRC is wrong. */
enum hlv_err HLV_MUST_USE copy_reader_get(struct copy_reader *r, uint32_t generation,
					  struct hlv_bytes key, struct hlv_bytes *value);
