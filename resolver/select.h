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
	SELECT_WAIT_MIN_MS = 50,
	SELECT_WAIT_MAX_MS = 1000,
	SELECT_WAIT_UNKNOWN_MS = 300,
	SELECT_WINDOW_S = 10,
	SELECT_RETRY_SHARE =
		10, /* so many first tries earn one retry; so does each answer, for a
				  * line that loses is no server that is down */
	SELECT_RETRY_SAVED = 40, /* retries that may be earned beforehand */
	SELECT_RETRY_FREE = 8,	 /* in each window, or who asks seldom could never retry */
};

struct selector;
/* At most `servers`; the longest unused one makes room. `seed`: which share a bucket is secret, for
 * addresses come out of records. NULL: no memory. */
struct selector *selector_new(size_t servers, uint64_t seed);
void selector_free(struct selector *s);

/* Put `n` servers into the order in which to ask them; returns how many are worth asking (dead ones
 * are left out unless one is due for a probe, which is then the first, or all are dead: then the one
 * that was left alone longest). A lower rank goes before a higher one, however far. order[i] is a position in `servers`; n <= ZONE_TRIED_MAX. */
size_t selector_order(struct selector *s, const struct zone_server *servers, size_t n,
		      struct hlv_rand *rand, struct hlv_now now, uint8_t *order);
/* The address under which a server is known here. */
const struct hlv_addr *selector_address(const struct zone_server *server);
/* How long to wait for an answer before another is asked beside it, or the same again, ms. */
uint32_t selector_wait_ms(const struct selector *s, const struct hlv_addr *a);
/* A probe of a dead server keeps nobody waiting: another is asked beside it at once. */
bool selector_is_dead(const struct selector *s, const struct hlv_addr *a);

enum select_verdict {
	SELECT_GO,	 /* counted as under way until answered or ended */
	SELECT_FULL,	 /* SELECT_INFLIGHT_MAX are under way there: wait, or ask another */
	SELECT_NO_RETRY, /* the retries that were earned are spent */
	SELECT_REST, /* as DEAD, but it answered seconds ago: perhaps the line loses. Wait */
	SELECT_DEAD, /* silent, and tried within the last SELECT_PROBE_MIN_S */
};
enum select_try {
	SELECT_FIRST,
	SELECT_RETRY,
};
enum select_verdict selector_begin(struct selector *s, const struct hlv_addr *a,
				   enum select_try what, struct hlv_now now);
/* It did; `took_ns` 0: nothing was measured. Ends it. */
void selector_answered(struct selector *s, const struct hlv_addr *a, hlv_mono_ns took_ns,
		       struct hlv_now now);
/* Its time is over, though it may still answer. Of tries that were under way side by side one counts,
 * or a hiccup of a busy line would look like death. */
void selector_silent(struct selector *s, const struct hlv_addr *a, hlv_mono_ns begun_ns,
		     struct hlv_now now);
void selector_ended(struct selector *s, const struct hlv_addr *a); /* given up */
/* About to be given up before its time, since another was faster: a probe that came to nothing, so who
 * has no other server may ask a dead one at once. */
void selector_outrun(struct selector *s, const struct hlv_addr *a);

/* For people: each known server. */
struct selector_entry {
	struct hlv_addr addr;
	uint32_t srtt_ms, silent; /* time-outs in a row */
	uint32_t inflight;
	bool dead;
};
void selector_each(const struct selector *s,
		   void (*fn)(void *ctx, const struct selector_entry *), void *ctx);
