/* SPDX-License-Identifier: Apache-2.0
 *
 * What the crash tests write and how they judge what is left of it: a small registry that is
 * changed by groups of transactions made from a seed, and a digest over every entry of every
 * space. Two registries with one digest hold the same records, counters, journal, history and
 * audit trail, octet by octet: so "this group is in, wholly, and nothing else" is one comparison.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/rand.h"
#include "server/head.h"
#include "server/store.h"

enum { IDS = 60, GROUP_MAX = 6 };

struct world {
	char dir[128];
	struct store *store;
	struct store_view *view;
	struct head_file head;
	struct hlv_rand rand;
	struct hlv_arena arena; /* of the group in the making */
	uint64_t time_ms;
	unsigned groups;	  /* made so far */
	size_t map_size, map_max; /* 0: 64 MiB, as far as it goes */
	char why[STORE_WHY];
};

/* Opens what is there, or makes it. */
enum hlv_err world_open(struct world *w, const char *dir, bool create);
void world_close(struct world *w);
void world_fini(struct world *w); /* and frees */

/* One more group: up to GROUP_MAX transactions of one to three puts (records small and large,
 * tombstones, homed prefixes, a META name). */
struct group {
	struct store_txn txns[GROUP_MAX];
	size_t n;
};
void world_group(struct world *w, struct group *g);
/* A record of `id` whose one value is `text`, as a put. In the arena. */
struct store_put world_put(struct world *w, const char *id, const char *text, size_t pad,
			   bool deleted);
enum hlv_err world_commit(struct world *w, struct store_txn *txns, size_t n);

/* Of the newest state. HLV_E_CORRUPT and the like when it cannot be read. */
enum hlv_err world_digest(struct world *w, uint64_t *seq, uint64_t *digest);
/* Every fault that store_verify() finds; the first one's text in w->why. */
enum hlv_err world_verify(struct world *w, uint64_t *faults);
/* What the head file should say of the newest state. */
enum hlv_err world_head(struct world *w, struct head *h);
/* The text of the one value of `id`: HLV_E_NOT_FOUND for none. */
enum hlv_err world_read(struct world *w, const char *id, char *text, size_t room);

/* A directory of one's own on a file system in memory, and its end. */
void scratch_make(char dir[64], const char *name);
void scratch_remove(const char *dir);

/* Count and tell. Each test ends as one of the two; the last line is "N passed, N failed". */
struct tally {
	unsigned passed, failed;
};
void tally(struct tally *t, bool good, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
