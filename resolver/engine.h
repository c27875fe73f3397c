/* SPDX-License-Identifier: Apache-2.0
 *
 * The resolver without its sockets: questions come in, a cache answers what it knows, what is asked
 * already is waited for, and the rest is walked; serve-stale, failures, prefetch and anchors' roll-
 * over are decided here. One thread; sans I/O, so that the daemon, helved and the simulator run the
 * same code. Time, randomness and the cache are given.
 *
 *   engine_ask() -> engine_next() until ENGINE_WAIT -> engine_feed() / engine_gone() /
 *   engine_timeout() -> engine_next() ...
 */
#pragma once
#include "resolver/cache.h"
#include "resolver/flight.h"
#include "resolver/proven.h"

enum {
	ENGINE_WAITERS_MAX = 256,    /* of one question; further ones get 3 */
	ENGINE_CLIENT_MAX = 1000,    /* open questions of one client address */
	ENGINE_WALKS_MAX = 4096,     /* half the slots for those younger than 200 ms */
	ENGINE_STALE_WAIT_MS = 1800, /* then the stale answer */
	ENGINE_HOLD_S = 30,
	ENGINE_FAIL_MIN_S = 1,
	ENGINE_FAIL_MAX_S = 300,
	ENGINE_BOGUS_S = 60,
	ENGINE_JOSTLE_MS = 200,
	ENGINE_FAILURES_MAX = 8192, /* questions whose failure is remembered */
	ENGINE_SERVERS_MAX = 4096,  /* whose round-trip times are */
	ENGINE_RECURSION_MAX = 10,  /* protocol.md 3: from then on nothing is passed on */
};

struct engine_options {
	const struct walk_rules *rules; /* replaced by engine_set_rules() */
	struct anchors *anchors; /* the engine's while it lives; rules->validate points there */
	struct cache *cache;
	uint32_t stale_s;
	uint64_t seed;
	bool refresh_root; /* look after root site and anchors (protocol.md 12.6) */
};

/* A client's question; the asker's until the engine hands it back by ENGINE_ANSWER, exactly once. */
struct engine_waiter {
	struct engine_waiter *next;
	struct hlv_bytes id;	/* lives as long as the waiter */
	struct hlv_addr client; /* len 0: ourselves */
	uint8_t recursion;
	bool authoritative;
	/* In and out: what is left of what the client's question may cost, of which this is not the
	 * first part; `*_is_set`: it is known. Nothing is remembered of a walk that ended because it was
	 * short of it. */
	struct budget budget;
	bool budget_is_set;
	/* out; what they borrow lives until the next call into the engine */
	bool proven_is_set;
	struct proven proven;
	bool stale;		/* its life is over (EMIT_STALE) */
	uint32_t left_s;	/* of its life, when not stale */
	bool bogus;		/* refuted, and not only unproven */
	uint32_t rc;		/* not proven: the code ... */
	char why[VALIDATE_WHY]; /* ... and the line */
	/* the engine's */
	hlv_mono_ns asked_ns;
};

enum engine_do {
	ENGINE_OPEN, /* as FLIGHT_OPEN; `sock` is unique in the engine */
	ENGINE_CLOSE,
	ENGINE_ANSWER,	/* `waiter` */
	ENGINE_ANCHORS, /* the anchors have changed: write the file */
	ENGINE_WAIT,
};
struct engine_order {
	enum engine_do what;
	uint64_t sock;
	enum flight_way way;
	struct hlv_addr addr;
	struct hlv_bytes key, octets;
	struct engine_waiter *waiter;
};

struct engine;
struct engine *engine_new(const struct engine_options *o, struct hlv_now now);
void engine_free(struct engine *e); /* no waiter is left: engine_stop() first */
/* Walks that are under way end with the rules they began with ... */
void engine_set_rules(struct engine *e, const struct walk_rules *rules);
/* ... so these may be freed only when this says no. */
bool engine_uses(const struct engine *e, const struct walk_rules *rules);
/* May what is known of this name (memory_key()) with this proof be shown, by the rules of now? */
bool engine_fits(const struct engine *e, struct hlv_bytes key, enum proof proof);
/* Where the root was found to be by other means: asked before what the rules name, for as long as
 * the engine lives, whatever the rules and the root's own record (protocol.md 12.6) say of places. A
 * place is not a proof: keys are the anchors'. Copied. */
struct engine_root {
	struct hlv_list sites;
	const uint8_t *ranks;	     /* as struct zone has them */
	bool loopback, private_nets; /* struct zone_rules: these too may be asked from now on */
};
enum hlv_err HLV_MUST_USE engine_set_root(struct engine *e, const struct engine_root *root);

void engine_ask(struct engine *e, struct engine_waiter *w, struct hlv_now now);
/* Somebody has mended something: what failed a moment ago is asked for again by the next client. */
void engine_forget_failures(struct engine *e);
/* Fetch it anew, for nobody: prefetch, or a list of the configuration. */
void engine_refresh(struct engine *e, struct hlv_bytes id, struct hlv_now now);
void engine_next(struct engine *e, struct hlv_now now, struct engine_order *out);
void engine_feed(struct engine *e, uint64_t sock, struct hlv_bytes octets, struct hlv_now now);
void engine_gone(struct engine *e, uint64_t sock, enum hlv_err err, struct hlv_now now);
/* UINT64_MAX: nothing is waited for. */
hlv_mono_ns engine_deadline(const struct engine *e);
void engine_timeout(struct engine *e, struct hlv_now now);
/* Every waiter gets its answer (3, "the resolver is stopping") by engine_next(). */
void engine_stop(struct engine *e, struct hlv_now now);

#define ENGINE_STATS(X)                                                                        \
	X(questions)                                                                           \
	X(coalesced)                                                                           \
	X(walks)                                                                               \
	X(secure)                                                                              \
	X(insecure)                                                                            \
	X(bogus)                                                                               \
	X(failed)                                                                              \
	X(stale_answers)                                                                       \
	X(refreshes)                                                                           \
	X(refused)                                                                             \
	X(packets_out)                                                                         \
	X(octets_in)                                                                           \
	X(mismatches)
struct engine_stats {
#define X(name) uint64_t name;
	ENGINE_STATS(X)
#undef X
};
const struct engine_stats *engine_stats(const struct engine *e);
struct selector *engine_selector(struct engine *e);
