/* SPDX-License-Identifier: Apache-2.0
 *
 * Bulk registration over the wire (docs/protocol.md, HELVE_BULK): a chunk of records in one request,
 * committed as one transaction, each record with a result of its own. A client names its whole job
 * by a key and each chunk by its position in it; how far the job came is kept in the transaction
 * that moves it, so a chunk that is sent again is not registered again, and a client that lost its
 * connection asks where to go on.
 *
 * A chunk that was not done to its end may be sent with what follows it: what an earlier one has done
 * is passed over.
 *
 * Request:  u8 flags, 16 octets key, u64 position, u32 n, n times { array identifier, value list }
 * Answer:   u64 position behind, u32 n, n times { u32 which of the chunk, u32 code, array text }
 */
#pragma once
#include "server/job.h"

enum {
	BULK_ALL_OR_NOTHING = 1,
	BULK_OVERWRITE = 2,
	BULK_DRY_RUN =
		4, /* say what would become of the records: nothing is registered, and the
			   * position is nobody's */
	BULK_KEY = 16,
	BULK_RECORDS_MAX = 8192, /* of one chunk */
};

enum bulk_verdict {
	BULK_REFUSED, /* x->rs says why */
	BULK_ANSWER,  /* nothing to commit: x->rs is the answer */
	BULK_COMMIT,  /* commit j->txns, then send x->rs */
	BULK_FETCH,   /* j->plan.wanted is needed first */
};

/* Plan the chunk in j->x->rq.octets for j->who, who is known. All is in c->answer->arena, which has to
 * be larger than an exchange's: two thousand octets and more for each record. */
enum bulk_verdict bulk_plan(struct job *j, const struct plan_context *c);
