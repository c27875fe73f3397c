/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cache tells and takes when it is kept on a disk: for keep.c. An entry that is stored
 * has a number, which stays its own over replacements and is never given twice.
 */
#pragma once
#include "resolver/cache.h"

/* From now on changes are noted. `first`: numbers that are given begin there. False without memory. */
bool cache_keep(struct cache *c, uint64_t first);

/* An entry of the store, with its number. False when it was not taken: too old, or there is a later
 * one; its number may be forgotten. */
bool cache_restore(struct cache *c, const struct cache_entry *e, uint64_t number,
		   struct hlv_now now);

/* What changed since the last call, in pieces: `put` for each entry that is new or replaced, `gone`
 * for numbers that are no more. One thread at a time. */
struct cache_changes {
	void (*put)(void *ctx, const struct cache_entry *e, uint64_t number);
	void (*gone)(void *ctx, uint64_t number);
	void *ctx;
};
/* The next piece, some hundred entries; *place is 0 to begin with. False: that was the last one. */
bool cache_next_changes(struct cache *c, uint64_t *place, const struct cache_changes *to);
/* Everything that was told since *place was 0 or since the last such call is on the disk, or is not:
 * then it is told again the next time (`gone` is not). */
void cache_changes_saved(struct cache *c, bool on_disk);
/* Nothing is on the disk any more: everything is told again. */
void cache_changes_lost(struct cache *c);
/* There were too many changes to note each: numbers may be stored that the cache has no more. Then all
 * numbers that it has, ascending; the caller frees them. False: no. */
bool cache_lost_count(struct cache *c, uint64_t **numbers, size_t *n);
