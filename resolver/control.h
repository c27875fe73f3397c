/* SPDX-License-Identifier: Apache-2.0
 *
 * The control socket's verbs (docs/protocol.md, HELVE_CONTROL), on a thread of their own, so that a
 * long answer holds up no client. Only for helver's own user and root.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/net/json_tree.h"
#include "proto/net/service.h"
#include "resolver/cache.h"
#include "resolver/copy.h"
#include "resolver/keep.h"
#include "resolver/recursor.h"

struct control;
struct control_options {
	struct recursor *recursor; /* all borrowed */
	struct cache *cache;
	struct keep *keep;     /* NULL: none */
	struct copies *copies; /* NULL: none */
	/* ,"workers":2,"counters":{...}: members of status that main knows. */
	void (*put_counters)(void *ctx, struct hlv_buf *json);
	void (*put_slow)(void *ctx, struct hlv_buf *json); /* [ slow queries ] */
	void *ctx;
};
/* NULL: the system has no more. */
struct control *control_start(const struct control_options *o);
/* Take over a question; false: it stays the caller's, answered in x->rs. */
bool control_submit(struct control *c, struct hlv_exchange *x);
void control_stop(struct control *c); /* NULL is fine */

/* --- for verbs, on the control thread --- */

struct control_call {
	const struct control_options *o;
	struct hlv_arena *arena; /* of the exchange */
	struct hlv_json args;	 /* args.root: an object, or NULL for none */
	struct hlv_now now;
	struct hlv_buf json; /* out: the answer; HLV_MESSAGE_MAX less a little at most */
	uint32_t rc;	     /* out: a refusal instead; 0: none ... */
	const char *why;     /* ... static or in the arena */
};
