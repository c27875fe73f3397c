/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the engine share. A *slot* is one question that is being walked, with all who wait
 * for it; a *box* is one flight, with all slots whose walks asked for the same. Both come from arrays
 * of fixed size: nothing here grows by what others send.
 */
#pragma once
#include "resolver/engine.h"

enum {
	BOXES_MAX = 2 * ENGINE_WALKS_MAX, /* those that are being closed, too */
	BUCKETS = ENGINE_WALKS_MAX,
	CLIENT_BUCKETS = 16384,
	FAILURE_WAYS = 4,
	QUIET_MAX = 256,
	QUIET_WALKS_MAX =
		256,	     /* under way, from which on quiet prefixes are not looked after */
	HIT_ARENA = 4 << 20, /* one answer out of the cache */
};
static const uint64_t ENGINE_MS = 1000000, ENGINE_S = 1000000000;

/* --- engine_timer.c: who wants to be woken when --- */

enum timer_kind { TIMER_SLOT, TIMER_BOX, TIMER_ROOT };
struct timer {
	hlv_mono_ns at_ns;
	uint32_t place; /* in the heap, from 1; 0: not set */
	enum timer_kind kind;
};
struct timers {
	struct timer **heap;
	uint32_t n, cap;
};
void timer_set(struct timers *t, struct timer *timer, hlv_mono_ns at_ns);
void timer_clear(struct timers *t, struct timer *timer);
/* The first one, when its time has come; it is cleared. Else NULL. */
struct timer *timer_due(struct timers *t, hlv_mono_ns now_ns);

/* --- rules that walks under way began with --- */

struct rules {
	struct rules *next;
	struct engine *engine;
	struct walk_memory memory; /* keeps nothing once others are in force */
	const struct walk_rules *given;
	struct walk_rules own;	/* with the root that was fetched last */
	struct hlv_arena arena; /* ... whose octets are here */
	uint32_t users;
};

/* --- slots --- */

enum slot_state {
	SLOT_FREE,
	SLOT_STEPS,   /* at this moment; on no list */
	SLOT_READY,   /* on the list of those that go on */
	SLOT_FLYING,  /* in a box */
	SLOT_QUEUED,  /* behind a box: the same question in other words */
	SLOT_ANSWERS, /* done; its waiters are answered one after the other */
};
enum slot_why { FOR_CLIENTS, FOR_ROOT_SITE, FOR_ANCHORS };

struct slot {
	struct timer timer; /* first: found by it */
	enum slot_state state;
	enum slot_why why;
	struct slot *chain;	    /* the same bucket */
	struct slot *older, *newer; /* by beginning */
	struct slot *next;	    /* of the list that the state says */
	bool old;		    /* longer under way than ENGINE_JOSTLE_MS */
	bool stale_ok;		    /* an old answer is there for when it takes long */
	bool told;		    /* ... and was given */
	bool partial;		    /* it has the rest of a budget: nobody else waits for it */
	uint64_t hash;
	hlv_mono_ns begun_ns;
	struct walk *walk;
	struct walk_question question;
	const struct walk_ask *ask;
	struct box *box;
	struct rules *rules;
	struct hlv_bytes key; /* memory_key() */
	uint8_t *octets;      /* of identifier and key */
	struct engine_waiter *first, *last;
	uint32_t nwaiters;
};

struct slot_list {
	struct slot *first, *last;
};
void slot_push(struct slot_list *l, struct slot *s);
struct slot *slot_pop(struct slot_list *l);
void slot_remove(struct slot_list *l, struct slot *s);

/* --- boxes --- */

struct box {
	struct timer timer; /* first */
	struct flight *flight;
	uint32_t serial; /* of all flights: sockets of former ones do not come back */
	bool polled;	 /* on the list of those that may want something */
	struct box *chain, *next;
	uint64_t hash;
	struct slot_list passengers; /* the first one pays */
	struct slot_list queued;
};

/* --- failures --- */

struct failure {
	uint64_t hash; /* 0: none */
	hlv_mono_ns until_ns;
	uint32_t wait_s;
	uint32_t rc;
	bool bogus;
	char why[VALIDATE_WHY];
};

/* A prefix nobody there answers for. */
struct quiet {
	uint64_t hash; /* of the prefix */
	hlv_mono_ns until_ns;
};

struct waiter_list {
	struct engine_waiter *first, *last;
};

struct engine {
	struct engine_options o;
	struct hlv_now now;
	uint64_t secret[2], counter; /* numbers that nobody can guess */
	struct hlv_rand rand;	     /* jitter, which anybody may */
	struct cache_memory cache_memory;
	struct rules *rules; /* the first are those of now */
	struct selector *selector;
	struct keys *keys;
	struct timers timers;
	struct engine_stats stats;
	bool stopping;

	struct waiter_list asked;   /* not yet looked at */
	struct waiter_list answers; /* decided: refused, or stale */
	struct slot *slots, *free_slots;
	struct slot *buckets[BUCKETS];
	struct slot *oldest, *newest, *youngish; /* youngish: the oldest that is not `old` */
	uint32_t nslots, nold;
	struct slot_list ready, done;
	struct slot *spent; /* its answer has gone out, what it points to has not */

	struct box *boxes, *free_boxes, *polled;
	struct box *box_buckets[BUCKETS];
	uint32_t serial;

	uint32_t clients[CLIENT_BUCKETS]; /* open questions of the addresses that meet there */
	struct failure *failures;
	struct quiet quiet[QUIET_MAX];
	struct hlv_arena arena; /* of what the last order shows */

	struct timer root_timer;
	struct engine_root found; /* engine_set_root(); no sites: never */
	struct hlv_arena found_arena;
	bool anchors_changed;
};

uint64_t engine_number(struct engine *e); /* unguessable */

/* engine_pending.c */
struct slot *slot_find(struct engine *e, struct hlv_bytes key, bool authoritative,
		       uint64_t *hash);
/* NULL: all are taken by those who must not be disturbed; or no memory. */
struct slot *slot_open(struct engine *e, const struct walk_question *q, struct hlv_bytes key,
		       uint64_t hash);
/* Nobody waits for it any more. */
void slot_free(struct engine *e, struct slot *s);
void slot_arm(struct engine *e, struct slot *s);
void waiter_push(struct waiter_list *l, struct engine_waiter *w);
struct engine_waiter *waiter_pop(struct waiter_list *l);
void waiter_pays(struct engine_waiter *w, const struct budget *left);
/* All who wait, into the answers, with this code and line; `stale`: show the old answer rather. */
void slot_answer_all(struct engine *e, struct slot *s, uint32_t rc, const char *why,
		     bool stale);
uint32_t *client_count(struct engine *e, const struct hlv_addr *a);

/* engine_flight.c */
void box_board(struct engine *e, struct slot *s);
void box_leave(struct engine *e, struct slot *s);
struct box *box_find(struct engine *e, uint64_t sock);
void box_poll_later(struct engine *e, struct box *b);
/* Asks the flights that may want something; true: `out` is to be done. */
bool box_poll(struct engine *e, struct engine_order *out);

/* engine_fail.c */
struct failure *failure_find(struct engine *e, uint64_t hash);
void failure_note(struct engine *e, uint64_t hash, const struct walk_result *r);
void failure_clear(struct engine *e, uint64_t hash);
void failures_clear(struct engine *e);

/* engine_quiet.c; `key` of an identifier under the prefix */
bool quiet_is(struct engine *e, struct hlv_bytes key);
void quiet_note(struct engine *e, struct hlv_bytes key);
void quiet_clear(struct engine *e, struct hlv_bytes key);

/* engine_ask.c: what becomes of a question */
bool ask_next(struct engine *e, struct engine_order *out);
bool answer_next(struct engine *e, struct engine_order *out);
void slot_done(struct engine *e, struct slot *s);
void slot_late(struct engine *e, struct slot *s);
void engine_fetch(struct engine *e, struct hlv_bytes id, enum slot_why why);

/* engine_root.c */
void root_begin(struct engine *e);
void root_due(struct engine *e);
void root_came(struct engine *e, struct slot *s, const struct walk_result *r);
struct rules *rules_now(struct engine *e);
bool rules_hold(const struct engine *e, const struct rules *r);
void rules_leave(struct engine *e, struct rules *r);
