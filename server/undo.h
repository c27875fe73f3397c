/* SPDX-License-Identifier: Apache-2.0
 *
 * HELVE_CONTROL "undo" for those who are not here: of one record, or of all that a change did to
 * records, each with the rights and the checks of the change by which somebody would do the same
 * (plan.h). What is undone in one go is one transaction; a bulk load is undone in several.
 */
#pragma once
#include "server/job.h"

struct undo {
	struct plan_undo one; /* unless `change` is given */
	uint64_t change;      /* place in the journal */
	struct store_key
		from; /* of the change's records: as "next" of the former answer has it */
	bool dry_run; /* tell what would become of them */
};

/* PLAN_COMMIT: commit j->txns, then send x->rs, which tells {"undo":"done","records":N,"next":..}; of
 * a dry run PLAN_ANSWER and {"changes":[{"handle","before","after"}...],"next":..}, records as
 * look_put_stored() has them. All is in c->answer->arena, which has to be larger than an exchange's. */
enum plan_verdict undo_plan(struct job *j, const struct plan_context *c, const struct undo *u);
