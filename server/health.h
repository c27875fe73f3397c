/* SPDX-License-Identifier: Apache-2.0
 *
 * What the node can still do, and why not more (threats.md 6, D4-D10): every commit goes through
 * here, so that the guard knows what was acknowledged and a disk error leads to the right state;
 * once a second the disk is looked at. Resolution goes on in every state. One thread's.
 */
#pragma once
#include "server/disk.h"
#include "server/head.h"
#include "server/store.h"

struct health {
	struct store *store;
	struct store_view *view;
	char *dir;
	struct disk disk;
	struct head_file head;
	bool reopen;   /* a disk error, and the registry could not be opened again yet */
	bool vanished; /* the guard found acknowledged changes missing: no writes at all */
	char why[DISK_TEXT];   /* one line for people: what, how much, what to do; or empty */
	unsigned full, broken; /* commits since the last look that failed for want of room, by
	                          disk errors */
	enum disk_state told;  /* what was logged last */
	hlv_mono_ns tended_ns;
	uint64_t commits, failures;
};

/* `view` is borrowed and not begun. Never fails for what only means that less
 * can be done: that is a state. */
enum hlv_err HLV_MUST_USE health_open(struct health *h, struct store *store,
				      struct store_view *view, const char *dir,
				      struct hlv_now now);
/* Also of zeros, and after a failed health_open(). */
void health_close(struct health *h);
/* "fine", "warning", "no-creates", "read-only". */
const char *health_name(const struct health *h);

/* Why this may not be committed now, or NULL. The text lives as long as `h` and says what to do. */
const char *health_refuses(const struct health *h, const struct store_txn *txns, size_t n);
/* Commit, and learn from how it went. HLV_OK: durable, and noted by the guard. No view is open. */
enum hlv_err HLV_MUST_USE health_commit(struct health *h, struct store_txn *txns, size_t n,
					struct hlv_now now);
/* Each second. */
void health_tick(struct health *h, struct hlv_now now);
