/* SPDX-License-Identifier: Apache-2.0
 *
 * The transactions that are committed together, and what they touch: a job that looks at a record
 * which the group is about to change waits for the group.
 */
#pragma once
#include "server/job.h"

enum { GROUP_JOBS = 256, GROUP_TXNS = 512 };

struct group {
	struct job *jobs[GROUP_JOBS];
	size_t njobs;
	/* Those of the jobs, in their order; and room for that of the quotas. */
	struct store_txn txns[GROUP_TXNS + 1];
	size_t ntxns;
	uint64_t touched[GROUP_TXNS * 2]; /* hashes of the keys that are put */
	size_t ntouched;
};

/* False: it is full, or does not fit any more; commit first. j->txns are copied. */
bool group_add(struct group *g, struct job *j);
/* Does it change the record of this identifier? (Or one with the same hash: then it waits in
 * vain, and no harm is done.) */
bool group_touches(const struct group *g, struct hlv_bytes id);
static inline bool group_is_empty(const struct group *g)
{
	return g->njobs == 0;
}
void group_clear(struct group *g);
