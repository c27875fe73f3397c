/* SPDX-License-Identifier: Apache-2.0
 *
 * Recursion for listed sources (option allow-recursion): questions whose identifiers are not here are
 * walked for them from the root, with every signature verified, by the resolver's engine on a thread
 * of its own with a small cache. For everybody else the answer stays what it was.
 *
 * What we ask, we ask as authorities are asked: without the flag that wants recursion. So nothing goes
 * round, also when the walk leads to ourselves, as it does for what is below us.
 */
#pragma once
#include "server/service.h"

struct recursion;
enum { RECURSION_WHY = 512 };

struct recursion_options {
	size_t sockets;	       /* for questions of ours, open at once, at most */
	struct hlv_bytes root; /* site record where walks begin; its keys are the anchors */
	uint16_t site_serial;  /* in our answers */
};

enum hlv_err HLV_MUST_USE recursion_start(const struct recursion_options *o,
					  struct recursion **out, char *why);
/* What workers are given. */
struct recursing recursion_for(struct recursion *r, const struct hlv_nets *sources);
/* Nobody submits any more; what is under way is answered. */
void recursion_hurry(struct recursion *r);
void recursion_stop(struct recursion *r);
