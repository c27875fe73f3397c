/* SPDX-License-Identifier: Apache-2.0
 *
 * flight.c (who is asked when) and flight_feed.c (what their answers are) share this.
 */
#pragma once
#include "resolver/flight.h"
#include "resolver/match.h"

enum { TRIES_OPEN_MAX = 2 * ZONE_TRIED_MAX /* a datagram and a stream each */ };

struct flight_target {
	struct zone_server at;
	unsigned asked, by_udp; /* times */
	bool stream_only, by_stream;
	bool failed; /* said something that is no use, or cannot be reached by any way */
	bool spent;  /* not asked again, but may still answer */
	unsigned mismatches;
	hlv_mono_ns first_ns, due_ns;
};

struct flight_try {
	bool open, closing; /* closing: its socket is to be closed yet */
	bool silent;	    /* its time is over, and the selector knows */
	uint32_t sock, id;
	uint8_t target; /* position in targets */
	enum flight_way way;
	hlv_mono_ns begun_ns, wait_ns;
	struct hlv_joiner *joiner; /* UDP: once a part came */
	uint8_t *buf;
	size_t n, cap;
};

enum flight_state { FLYING, ANSWERED, FAILED };

struct flight {
	enum flight_state state;
	enum hlv_err err;
	struct selector *selector;
	struct budget *budget;
	struct hlv_rand rand;
	uint64_t secret[2];
	struct match_question q;
	struct hlv_bytes message;
	bool fits_udp;
	bool broke;	   /* the budget's packets are gone */
	bool quiet, spoke; /* some servers gave no answer; some refused, or a useless one */
	uint32_t nsocks;
	hlv_mono_ns launch_ns; /* a server that was not asked yet may be asked from then on */
	unsigned mismatches;
	size_t ntargets;
	struct flight_target targets[ZONE_TRIED_MAX]; /* in the order in which to ask */
	uint8_t positions[ZONE_TRIED_MAX];	      /* of each in the walk_ask */
	struct flight_try tries[TRIES_OPEN_MAX];
	struct flight_try *answer;
	struct hlv_bytes answered;
	uint8_t octets[]; /* message, id, keys */
};

/* The address under which the selector knows whom this try asks. */
const struct hlv_addr *flight_known_as(const struct flight *f, const struct flight_try *t);
void flight_drop_octets(struct flight_try *t);
/* Nothing more is wanted of it; `tell`: its socket is still there. */
void flight_end_try(struct flight *f, struct flight_try *t, bool tell);
void flight_finish(struct flight *f, enum hlv_err err);
