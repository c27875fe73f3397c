/* SPDX-License-Identifier: Apache-2.0
 *
 * How the past is shown, wherever it was read: versions of a record, and what an undo would do.
 */
#pragma once
#include "tools/helvectl/ctl.h"
#include "tools/helvectl/show_record.h"

void past_begin_history(const struct ctl *ctl, const char *id, bool whole);
/* Its seq and time_ms are those of the change that made it. */
void past_print_version(const struct ctl *ctl, const struct hlv_record *rec, bool first);
void past_end_history(const struct ctl *ctl, bool whole);

/* undo --dry-run: each record as it is and as it would be, value by value; NULL: not known. */
void past_begin_changes(const struct ctl *ctl);
void past_print_change(const struct ctl *ctl, struct hlv_bytes name,
		       const struct hlv_record *before, const struct hlv_record *after,
		       bool first);
void past_end_changes(const struct ctl *ctl, uint64_t records);
/* What an undo that was no dry run has done. */
void past_print_undone(const struct ctl *ctl, uint64_t records);
