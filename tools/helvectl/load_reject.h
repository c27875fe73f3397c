/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the chunks of a load stand in the input, and the files that take what was rejected: one
 * line each, {"line":N,"reason":"...","input":"..."}. A file is begun when there is something to
 * write. Their sizes are part of a load's place, so that a resumed load repeats no line.
 */
#pragma once
#include <stdio.h>

#include "tools/helvectl/load.h"
#include "tools/helvectl/sort.h"

struct place {
	uint32_t file;
	bool seekable;	       /* the input can be read again */
	uint64_t offset, line; /* of its first octet; lines from 1 */
};

struct rejects {
	const struct load_options *o;
	struct place *places; /* by number of chunk */
	size_t nplaces, cap;
	FILE *out[LOAD_FILES_MAX];
	uint64_t size[LOAD_FILES_MAX];
	bool dirty; /* since the last rejects_sync() */
	struct hlv_buf text;
};

void rejects_init(struct rejects *r, const struct load_options *o);
void rejects_fini(struct rejects *r);
enum hlv_err HLV_MUST_USE rejects_add_place(struct rejects *r, const struct place *place);
/* Cut the files to the sizes of an interrupted load, or remove them (`sizes` NULL). */
enum hlv_err HLV_MUST_USE rejects_cut(struct rejects *r, const uint64_t *sizes, char *why);
enum hlv_err HLV_MUST_USE rejects_put(struct rejects *r, uint32_t chunk, uint32_t line,
				      uint32_t at, const char *reason);
/* On disk before the transaction that speaks of them. */
enum hlv_err HLV_MUST_USE rejects_sync(struct rejects *r);
