/* SPDX-License-Identifier: Apache-2.0
 *
 * A walk for programs that may wait: hdig +trace, and the thread of helved that looks for keys. Each
 * question goes out by hlv_client_ask(), one server after the other: UDP first where there is, and
 * every server gets its share of the time that is left.
 */
#pragma once
#include "resolver/walk.h"

/* What the caller knows of servers; all of it may be NULL. */
struct walk_driver {
	void *ctx;
	bool (*stop)(void *ctx); /* asked before each question: true ends it */
	bool (*skip)(void *ctx, const struct hlv_addr *server); /* not now: was silent before */
	void (*silent)(void *ctx, const struct hlv_addr *server);
};

/* Until WALK_DONE, which the walk's budget bounds; `d` may be NULL. */
void walk_drive(struct walk *w, const struct walk_driver *d);
