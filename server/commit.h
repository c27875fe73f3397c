/* SPDX-License-Identifier: Apache-2.0
 *
 * What every engine does with a group of transactions: look at their checks, give them places,
 * stamp and put their records, keep the former ones, move the counters, write the journal and
 * what trail.h keeps. The engine lends the four
 * verbs below, which act on one transaction of its own, and makes the result durable or drops it.
 */
#pragma once
#include "proto/base/buf.h"
#include "server/store.h"

struct commit_engine {
	/* As the puts before left it; the value lives until the next reserve or remove. */
	enum hlv_err (*get)(struct commit_engine *, enum store_space, struct hlv_bytes key,
			    struct hlv_bytes *value);
	/* `n` octets under `key`, filled by the caller before its next call. */
	enum hlv_err (*reserve)(struct commit_engine *, enum store_space, struct hlv_bytes key,
				size_t n, uint8_t **place);
	/* A key that is not there is no error. */
	enum hlv_err (*remove)(struct commit_engine *, enum store_space, struct hlv_bytes key);
	/* Is it certain that `key` is above all others? Then nothing is looked up. */
	bool (*is_new)(struct commit_engine *, enum store_space, struct hlv_bytes key);
};

/* Each transaction has its err and seq then; *changed tells whether anything was put. An error:
 * the engine drops the whole group. */
enum hlv_err HLV_MUST_USE commit_group(struct commit_engine *e, struct store_txn *txns,
				       size_t n, bool *changed);

/* META values carry a CRC-32C over name and value behind them. */
enum hlv_err HLV_MUST_USE meta_put(struct commit_engine *e, struct hlv_bytes name,
				   struct hlv_bytes value);
enum hlv_err HLV_MUST_USE meta_open(struct hlv_bytes stored, struct hlv_bytes name,
				    struct hlv_bytes *value);

/* META "format", decisions.md and threats.md D14: a newer minor may be read, a newer major not. */
enum { STORE_FORMAT_MAJOR = 1, STORE_FORMAT_MINOR = 1 };
/* What a new registry holds: format and epoch (16 random octets that name this journal). */
enum hlv_err HLV_MUST_USE commit_found(struct commit_engine *e, const uint8_t epoch[16]);
/* Is the stored format ours to read, or to write? `why` gets a line. *older: whoever is about to
 * write calls commit_upgrade() first, in a transaction of the engine's own. */
enum hlv_err HLV_MUST_USE commit_check_format(struct hlv_bytes stored, bool read_only,
					      bool *older, char *why);
/* Give a registry of an older minor version what this one keeps beside it: the sum of all that is
 * in it, for which `scan` walks a whole space, and where its history begins. */
typedef enum hlv_err commit_scan_fn(struct commit_engine *, enum store_space, store_scan_fn *,
				    void *ctx);
enum hlv_err HLV_MUST_USE commit_upgrade(struct commit_engine *e, commit_scan_fn *scan);
