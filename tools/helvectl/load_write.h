/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a load that touches the registry: sorted records become groups of transactions of
 * some MiB. Stretches of keys where nothing stands are filled in bulk; where something does,
 * each record is looked up and journalled. The place of the load moves with each group.
 */
#pragma once
#include "tools/helvectl/load_reject.h"

enum load_phase {
	LOAD_STREAM = 1, /* the input is in order: each chunk is written when it was read */
	LOAD_READ,	 /* it is not: all that is left is being read and sorted first */
	LOAD_MERGE,	 /* that is done, rejections and all, and is being written */
	LOAD_DONE,
};

/* Kept in META under "load"; what is left there by a load that is done says so, in case that
 * nobody was told. */
struct load_place {
	enum load_phase phase;
	uint32_t input; /* a checksum of the names and sizes of the files */
	uint32_t file;
	uint64_t offset, line; /* reading begins here */
	uint64_t loaded, failed, homed;
	/* The journal's last place when the load began, and when it stopped streaming: between
	 * the two stand the records of this input that were streamed. 0: never streamed. */
	uint64_t seq_before, seq_streamed;
	struct store_key last;		   /* all up to this key is done; n == 0: nothing */
	uint64_t rejected[LOAD_FILES_MAX]; /* sizes of FILE.rejected */
};

struct load_writer;
/* `place` is where it begins, and is kept up to date. */
struct load_writer *load_writer_new(struct store *store, struct rejects *rejects,
				    struct load_place *place);
void load_writer_free(struct load_writer *w);

/* The place of an interrupted load: HLV_E_NOT_FOUND. */
enum hlv_err HLV_MUST_USE load_writer_get_place(struct load_writer *w,
						struct load_place *place);

/* The next record by key; what is at or below the place's last key is passed over. */
enum hlv_err HLV_MUST_USE load_writer_add(struct load_writer *w, const struct entry *e);
enum hlv_err HLV_MUST_USE load_writer_reject(struct load_writer *w, uint32_t chunk,
					     uint32_t line, uint32_t at, const char *reason);
enum hlv_err HLV_MUST_USE load_writer_home(struct load_writer *w, struct hlv_bytes handle);
/* Write what was added; the place moves. */
enum hlv_err HLV_MUST_USE load_writer_flush(struct load_writer *w);
/* Write the place alone. */
enum hlv_err HLV_MUST_USE load_writer_mark(struct load_writer *w);
