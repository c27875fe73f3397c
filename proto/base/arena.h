/* SPDX-License-Identifier: Apache-2.0
 *
 * A bump allocator with a hard limit and a memory of failure: one for each exchange, one for each
 * long job. Everything in it dies together at hlv_arena_reset(). When the limit is reached or the
 * system has no memory, allocation returns NULL and `bad` stays set, so a builder may check once.
 * Under AddressSanitizer each allocation is a malloc of its own: an arena must not blind it.
 */
#pragma once
#include "proto/base/bytes.h"

struct hlv_chunk;

struct hlv_arena {
	struct hlv_chunk *chunks; /* newest first; the last one survives a reset */
	size_t used;		  /* octets handed out since the last reset */
	size_t limit;		  /* octets that may be handed out */
	bool bad;
};

/* No memory is taken before the first allocation. */
void hlv_arena_init(struct hlv_arena *a, size_t limit);
void hlv_arena_reset(struct hlv_arena *a);
void hlv_arena_fini(struct hlv_arena *a);

/* `n` zeroed octets, aligned for any type; NULL (and a->bad) when over the limit. n == 0 gives
 * a valid pointer. */
void *hlv_alloc(struct hlv_arena *a, size_t n);

/* As hlv_alloc, but not zeroed: for buffers that are filled at once. */
void *hlv_alloc_raw(struct hlv_arena *a, size_t n);

/* A copy of `b` in the arena; empty on failure (see a->bad). */
struct hlv_bytes hlv_arena_copy(struct hlv_arena *a, struct hlv_bytes b);

/* A NUL-terminated copy; NULL on failure. */
char *hlv_arena_str(struct hlv_arena *a, struct hlv_bytes b);
