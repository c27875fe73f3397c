/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces of the input become sorted runs of encoded records, on threads: one piece, one thread,
 * nothing shared. What is rejected, and prefixes that are to be homed, come out in lists. Knows
 * no store.
 */
#pragma once
#include "tools/helvectl/sort.h"
#include "tools/helvectl/source.h"

struct load_bad {
	uint32_t line, at; /* as in struct entry */
	char reason[240];
};

struct load_chunk {
	struct load_chunk *next;
	uint32_t number;     /* place in the input: goes into each entry */
	struct hlv_buf text; /* whole lines */
	/* out: */
	struct run run;	      /* sorted */
	struct hlv_buf bad;   /* struct load_bad, one behind the other */
	struct hlv_buf homed; /* prefix handles: u16 length, octets */
	uint32_t lines;
	enum hlv_err err; /* HLV_E_NOMEM */
	bool done;
};
struct load_chunk *load_chunk_new(void);
void load_chunk_free(struct load_chunk *chunk);

/* Put one record that a source gave, or its rejection, into the chunk. */
void load_chunk_put(struct load_chunk *chunk, const struct source_record *rec, uint32_t line,
		    uint32_t at);
void load_chunk_reject(struct load_chunk *chunk, const struct source_record *rec, uint32_t line,
		       uint32_t at);

/* The threads. Chunks come back in the order in which they were given. */
struct load_pool;
struct load_pool *load_pool_new(unsigned threads, uint32_t now_s);
void load_pool_free(struct load_pool *pool);
void load_pool_give(struct load_pool *pool, struct load_chunk *take_chunk);
/* Waits for the oldest one. */
struct load_chunk *load_pool_take(struct load_pool *pool);
unsigned load_pool_count(const struct load_pool *pool);
