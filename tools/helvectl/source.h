/* SPDX-License-Identifier: Apache-2.0
 *
 * Where bulk registration gets its records from: one reader a format, all with the same face.
 * A source turns a piece of input into records; it does not touch the registry.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/wire/record.h"

struct source_record {
	struct hlv_bytes handle;  /* as spelled in the input; in the arena or the input */
	struct hlv_bytes list;    /* encoded value list with its count, ascending or not */
	char reason[240];         /* filled when the record is rejected: one line for people */
};

/* Formats whose records stand one a line (jsonl, csv with a header line): any line can be parsed
 * alone, so that threads share a file. `text` is one line without its end; HLV_OK or a reason. */
typedef enum hlv_err source_line_fn(struct hlv_bytes text, uint32_t now_s, struct hlv_arena *a,
				    struct source_record *out);
source_line_fn source_jsonl_line;
