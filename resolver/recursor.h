/* SPDX-License-Identifier: Apache-2.0
 *
 * An engine on a thread of its own, with real sockets: what helver's workers give their misses to,
 * and helved's when it recurses. Exchanges come by mail and go home by mail.
 */
#pragma once
#include "proto/net/service.h"
#include "resolver/emit.h"
#include "resolver/engine.h"
#include "resolver/keep.h"

struct recursor_options {
	const struct walk_rules *rules; /* borrowed until replaced */
	struct anchors *anchors;	/* on the heap; taken over */
	const char *anchors_path;	/* written when they change; NULL: never */
	struct cache *cache;		/* borrowed */
	struct keep *keep;		/* saved into every few seconds; NULL: none */
	size_t sockets;			/* for questions of ours, open at once, at most */
	uint32_t stale_s;
	bool refresh_root;
};

struct recursor;
/* NULL: the system has no more; then nothing was taken over. */
struct recursor *recursor_start(const struct recursor_options *o);
/* Give away a question that was kept (hlv_exchange_keep()): it goes home with its answer, made by
 * emit() with `rules`. */
void recursor_submit(struct recursor *r, struct hlv_exchange *x,
		     const struct emit_rules *rules);
/* Any thread; `id` is copied. */
void recursor_refresh(struct recursor *r, struct hlv_bytes id);
/* Others for what begins from now on; walks under way keep the former (engine_uses()). */
void recursor_set_rules(struct recursor *r, const struct walk_rules *rules);
/* On its thread, between two rounds; waits. For control: dump of servers, anchors, statistics. */
void recursor_call(struct recursor *r, void (*fn)(struct engine *, struct anchors *, void *),
		   void *ctx);
/* Any thread, without waiting: as of its last round; and how many anchors are believed. */
void recursor_stats(const struct recursor *r, struct engine_stats *stats, uint64_t *anchors);
/* Any thread: see keeper_put_rules(). */
void recursor_put_rules(struct recursor *r, const char *data_dir, struct hlv_bytes text);
/* Any thread: how often the cache was saved. */
uint64_t recursor_saves(const struct recursor *r);
/* Nobody submits any more; what is under way is answered. */
void recursor_hurry(struct recursor *r);
void recursor_stop(struct recursor *r);
