/* SPDX-License-Identifier: Apache-2.0
 *
 * Records on their way into the registry, sorted by key: runs in memory, runs in files when
 * memory is short, and the merge of them all. Equal keys come out in the order of the input, so
 * that the first one is the one that counts. Knows no store.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/err.h"

struct entry {
	struct hlv_bytes key, stored;
	uint32_t chunk, line, at; /* where it stands in the input: for those who reject it */
};

/* A run in memory, sorted when run_sort() was called. */
struct run_slot;
struct run {
	struct hlv_buf octets; /* entries, one behind the other */
	struct run_slot *slots;
	size_t n, cap;
	size_t common;	/* octets that all keys share at their beginning */
	bool ascending; /* as they were added */
};
/* HLV_E_NOMEM. */
enum hlv_err HLV_MUST_USE run_add(struct run *run, const struct entry *entry);
void run_sort(struct run *run);
void run_get(const struct run *run, size_t i, struct entry *entry);
void run_free(struct run *run);

/* Many sorted runs as one. */
struct merge;
struct merge *merge_new(void);
void merge_free(struct merge *m);
/* Takes the run's memory over; it is freed as soon as it is used up. */
enum hlv_err HLV_MUST_USE merge_add(struct merge *m, struct run *take_run);
size_t merge_memory(const struct merge *m);
/* HLV_E_NOT_FOUND at the end. The entry lives until the next call. */
enum hlv_err HLV_MUST_USE merge_next(struct merge *m, struct entry *entry);
/* Merge all that is in memory into a file without a name in `dir`, which takes its place: to be
 * called before the first merge_next(). */
enum hlv_err HLV_MUST_USE merge_spill(struct merge *m, const char *dir);
