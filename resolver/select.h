/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known about the servers that we ask: smoothed round-trip times, who is silent, who is dead
 * and when to look again; and which of several to ask next (threats.md 7 "Health", "Retry storm";
 * RFC 6298 for the smoothing). One table of fixed size for the engine's thread; time and randomness
 * are arguments.
 */
#pragma once
#include "proto/base/rand.h"
#include "resolver/zone.h"

enum {
	SELECT_DEAD_AFTER = 4, /* time-outs in a row */
	SELECT_INFLIGHT_MAX = 100,
	SELECT_PROBE_MIN_S = 1,
	SELECT_PROBE_MAX_S = 60,
	SELECT_EXPLORE = 20, /* one question in so many goes to another than the best */
};

struct selector;
struct selector *selector_new(size_t servers); /* at most; the longest unused one makes room */
void selector_free(struct selector *s);

/* Put `n` servers into the order in which to ask them; returns how many are worth asking (dead ones
 * are left out unless they are due for a probe, or all are dead: then the one that is due first).
 * order[i] is a position in `servers`. */
size_t selector_order(struct selector *s, const struct zone_server *servers, size_t n,
		      struct hlv_rand *rand, struct hlv_now now, uint8_t *order);
/* How long to wait for an answer before another is asked beside it, ms. */
uint32_t selector_wait_ms(const struct selector *s, const struct hlv_addr *a);

/* false: SELECT_INFLIGHT_MAX are under way there, or it is a retry and a tenth of the first tries of
 * the last 10 s has been spent on retries. */
bool selector_begin(struct selector *s, const struct hlv_addr *a, bool retry,
		    struct hlv_now now);
void selector_answered(struct selector *s, const struct hlv_addr *a, hlv_mono_ns took_ns,
		       struct hlv_now now);
void selector_silent(struct selector *s, const struct hlv_addr *a, struct hlv_now now);
void selector_ended(struct selector *s, const struct hlv_addr *a); /* neither: given up */

/* For people: each known server. */
struct selector_entry {
	struct hlv_addr addr;
	uint32_t srtt_ms, silent; /* time-outs in a row */
	uint32_t inflight;
	bool dead;
};
void selector_each(const struct selector *s,
		   void (*fn)(void *ctx, const struct selector_entry *), void *ctx);
