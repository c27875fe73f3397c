/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits that an operator set for an identity ("300:0.NA/88.118") or a prefix ("88.118.8"): how
 * many identifiers a prefix may have or an identity may register, and how many changes a day
 * either may make (industrial.md 5.2, 603-605). Kept in META "quota:" + subject, so that they
 * survive; what was used is kept in META "used:" + subject, with the changes themselves.
 */
#pragma once
#include "server/job.h"

enum { QUOTA_MAX = 1024, QUOTA_SUBJECT = 256 };

struct quota {
	char subject[QUOTA_SUBJECT]; /* upper case */
	uint64_t records;	     /* of a prefix, or by an identity; 0: no limit */
	uint64_t per_day;	     /* changes; 0: no limit */
	uint64_t used, day;	     /* changes on that day (since 1970, UTC) */
	uint64_t made;		     /* registrations by it, ever */
	uint64_t pending;	     /* registrations of the group in the making */
	bool dirty;		     /* `used` is to be written with the group */
};

struct quota_table {
	struct quota *list;
	size_t n;
};

/* From the registry. */
enum hlv_err HLV_MUST_USE quota_load(struct quota_table *t, struct store *,
				     struct store_view *);
void quota_free(struct quota_table *t);
/* Does a limit forbid what j->uses says? Then x->rs says which; else it is counted. */
bool quota_refuses(struct quota_table *t, struct job *j, struct store *, struct store_view *,
		   struct hlv_now now);
/* It came to nothing: what was counted for it is not used. */
void quota_give_back(struct quota_table *t, struct job *j);
/* The transaction that keeps what the group used, if there is anything to keep; in `a`. */
bool quota_settle(struct quota_table *t, struct hlv_arena *a, struct store_txn *txn);

/* New limits of a subject; both 0: none any more. */
struct quota_change {
	struct hlv_bytes subject;
	uint64_t records, per_day;
};
/* The transaction that keeps them, in `a`. HLV_E_LIMIT: too many limits, or no subject that there
 * could be; HLV_E_NOT_FOUND: none to remove. When it is committed, quota_apply() is called before
 * the next one is planned. */
enum hlv_err HLV_MUST_USE quota_plan(struct quota_table *t, const struct quota_change *c,
				     struct hlv_arena *a, struct store_txn *txn);
void quota_apply(struct quota_table *t, const struct quota_change *c);
