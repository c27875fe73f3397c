/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the registry share: a store of either engine with a view, and records made
 * of a name and a few values. A test says what it puts and what must be there then.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/arena.h"
#include "server/store.h"

enum engine { ENGINE_MEM, ENGINE_LMDB };

struct world {
	enum engine engine;
	char dir[64]; /* of LMDB; removed at the end */
	struct store *store;
	struct store_view *view;
	struct hlv_arena arena;
	uint64_t time_ms;
};

/* cmocka's set-up and tear-down; *state is an `enum engine *` first. */
int world_setup(void **state);
int world_teardown(void **state);

/* Open the LMDB store of the world (again). */
enum hlv_err world_open(struct world *w, const struct store_lmdb_options *o, char *why);
void world_close(struct world *w);

struct hlv_bytes world_key(struct world *w, const char *id);
/* A stored record with one value of each of the indexes 1 .. n. */
struct hlv_bytes world_record(struct world *w, const char *id, unsigned n, uint8_t flags);
struct store_put world_put(struct world *w, const char *id);
struct store_put world_delete(struct world *w, const char *id);

/* Commit one transaction; its own error counts too. */
enum hlv_err world_commit(struct world *w, const struct store_put *puts, size_t n);
/* Live records under a prefix, in a view of its own. */
uint64_t world_count(struct world *w, const char *prefix);
uint64_t world_seq(struct world *w);
/* Is there a live record, in a view of its own? */
enum hlv_err world_find(struct world *w, const char *id);
/* Faults that store_verify() finds; the last one's text in `line` (320 octets). */
uint64_t world_verify(struct world *w, char *line);

/* A case on one engine ("mem", "lmdb"), or on each. */
extern enum engine world_mem, world_lmdb;
#define ON(engine, test)                                                                       \
	{                                                                                      \
#test " (" #engine ")", test, world_setup, world_teardown, &world_##engine     \
	}
#define BOTH(test) ON(mem, test), ON(lmdb, test)
