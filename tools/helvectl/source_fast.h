/* SPDX-License-Identifier: Apache-2.0
 *
 * A reader for the JSON Lines that make up bulk files: an object of "handle" and "values" whose
 * values are text, in the order in which dump and everybody's scripts write them. What it
 * takes, it takes as source_jsonl_line() would, some five times as fast; all else it leaves to
 * that one.
 */
#pragma once
#include "tools/helvectl/source.h"

/* False: not one of those; *out means nothing then. */
bool source_jsonl_fast(struct hlv_bytes text, uint32_t now_s, struct hlv_arena *a,
		       struct source_record *out);
