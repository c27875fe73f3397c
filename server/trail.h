/* SPDX-License-Identifier: Apache-2.0
 *
 * What commit keeps beside the records themselves, for a group of transactions: the registry's
 * sum (sum.h), the audit trail (audit.h), and the former versions of records (history.h). Head and sum
 * are read when the group begins and written when it ends.
 */
#pragma once
#include "server/audit.h"
#include "server/commit.h"
#include "server/sum.h"

struct trail {
	struct commit_engine *e;
	struct hlv_hasher *hasher;
	struct sum sum, sum_before;
	struct audit_head head;
	uint64_t seq_before;
	struct hlv_buf entry; /* in the making */
	/* Of the bulk transaction that is running. */
	struct hlv_hasher *replaced, *put;
	uint64_t nput, nreplaced;
	struct hlv_bytes first, last;
};

/* One record or prefix that a transaction changed; spans without octets: was, or is, not there. */
struct trail_change {
	const struct store_put *put;
	struct hlv_bytes before, after; /* as they are stored */
};

enum hlv_err HLV_MUST_USE trail_begin(struct trail *t, struct commit_engine *e);
void trail_fini(struct trail *t);
/* Is this the put of a checkpoint for the head as it is now? HLV_OK, HLV_E_CONFLICT. */
enum hlv_err HLV_MUST_USE trail_check(const struct trail *t, const struct store_put *put);
/* For each transaction: begin, its changes in order, end. txn->seq is set. */
enum hlv_err HLV_MUST_USE trail_txn_begin(struct trail *t, const struct store_txn *txn);
enum hlv_err HLV_MUST_USE trail_change(struct trail *t, const struct store_txn *txn,
				       const struct trail_change *change);
enum hlv_err HLV_MUST_USE trail_checkpoint(struct trail *t, const struct store_txn *txn,
					   const struct store_put *put);
enum hlv_err HLV_MUST_USE trail_txn_end(struct trail *t, const struct store_txn *txn);
/* The sum and the head, when they moved. */
enum hlv_err HLV_MUST_USE trail_end(struct trail *t);
