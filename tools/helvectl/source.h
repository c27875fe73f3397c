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
	struct hlv_bytes handle; /* as spelled in the input; in the arena or the input */
	struct hlv_bytes list; /* encoded value list with its count, ascending or not; empty (no
				  count either) when there is no record, only a prefix */
	bool homed;	       /* the handle is a prefix that is to be homed here as well */
	uint64_t line;	       /* of the input, where it begins; 0: not known */
	char reason[240];      /* filled when the record is rejected: one line for people */
};

/* Formats whose records stand one a line (jsonl): any line can be parsed alone, so that threads
 * share a file. `text` is one line without its end; HLV_OK or a reason. */
typedef enum hlv_err source_line_fn(struct hlv_bytes text, uint32_t now_s, struct hlv_arena *a,
				    struct source_record *out);
source_line_fn source_jsonl_line;

/* Formats that are read from the start to the end, with as much memory as one record takes. */
enum source_format { SOURCE_JSONL, SOURCE_HSV9, SOURCE_CSV, SOURCE_BATCH };
enum source_result {
	SOURCE_RECORD,	 /* one in *out */
	SOURCE_REJECTED, /* *out has a reason, and what is known of the handle */
	SOURCE_END,
	SOURCE_BROKEN, /* the rest cannot be read; *out has the reason */
};

struct source;

/* jsonl, hsv9 and csv. `why`: 256 octets. */
enum hlv_err HLV_MUST_USE source_open(enum source_format format, const char *path,
				      struct source **source, char *why);
void source_close(struct source *source);
/* What is in *out lives in the arena, until its owner resets it. */
enum source_result source_next(struct source *source, uint32_t now_s, struct hlv_arena *a,
			       struct source_record *out);
/* Octets read so far: for progress. */
uint64_t source_done(const struct source *source);

/* "jsonl", "batch", "hsv9", "csv". */
bool source_format_parse(const char *text, enum source_format *format);
/* By the file's first octets: what dump and the reference's tools write. */
enum hlv_err HLV_MUST_USE source_guess(const char *path, enum source_format *format, char *why);

/* What every format's records must be: a registrable name with a slash, values with indexes
 * from 1 to 2^31-1, none twice, small enough to be answered. Fills out->reason otherwise. The
 * tab is the one control character that names may hold: the reference's registries have such.
 */
enum hlv_err HLV_MUST_USE source_check(struct source_record *out);
