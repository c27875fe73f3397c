/* SPDX-License-Identifier: Apache-2.0
 *
 * One load run: what was asked for on the command line, the state that UDP and TCP share, and
 * its result. With a rate the loop is open: questions are due at fixed times whatever the
 * server does, and latency counts from when one was due, so that a stall is seen by every
 * question that it delayed (no coordinated omission). With a window the loop is closed: so many
 * are under way.
 */
#pragma once
#include "proto/base/now.h"
#include "proto/net/service.h"
#include "tools/load/create.h"
#include "tools/load/flight.h"
#include "tools/load/histogram.h"
#include "tools/load/names.h"
#include "tools/load/question.h"

enum { LOAD_SOCKETS_MAX = 4096, LOAD_WINDOW_MAX = 1 << 20 };

struct load_options {
	struct hlv_addr server;
	enum hlv_transport transport;
	const char *names;
	double rate;	 /* questions a second; 0: closed loop */
	uint32_t window; /* closed loop: questions under way, over all sockets */
	uint32_t sockets;
	double seconds;
	uint32_t timeout_ms; /* then a question is lost */
	uint64_t seed;
	uint64_t count; /* stop after so many questions; 0: when the time is over */
	int version;	/* of the protocol, HLV_V() */
	uint64_t first; /* ask only for so many of the names; 0: all */
	bool certified, check, json, anywhere;
	bool http;	    /* by TCP or TLS */
	bool reconnect;	    /* TCP: a connection for each question */
	const char *create; /* register under this prefix instead of asking; NULL: ask */
	uint32_t bulk;	    /* records of a chunk; 0: single creates */
	struct hlv_prove_identity id;
};

struct load {
	const struct load_options *o;
	struct names names;
	size_t next_name;
	struct question_form form;
	struct create_form create; /* with o->create */
	struct lane {
		uint32_t dialled; /* how often it was connected */
		uint64_t sent;	  /* by this connection */
	} * lanes;
	uint64_t acknowledged; /* records that are in */
	uint32_t refusal;      /* the last code that was no success */
	struct flight flight;
	struct histogram latency;
	uint64_t verdicts[VERDICTS_N];
	uint64_t sent;
	uint64_t reopened;		 /* connections that were made anew */
	int os_error;			 /* of the last failed call on a socket */
	hlv_mono_ns start_ns, stop_ns;	 /* of sending */
	hlv_mono_ns now_ns;		 /* read once for each turn of the loop */
	hlv_mono_ns last_ns;		 /* of the last answer */
	hlv_mono_ns moved_ns;		 /* when something was sent or received */
	const volatile int *interrupted; /* set by a signal: stop now */
};

/* They return when the time is over and every question is answered or lost. */
enum hlv_err HLV_MUST_USE load_udp(struct load *l);
enum hlv_err HLV_MUST_USE load_tcp(struct load *l);
enum hlv_err HLV_MUST_USE load_http(struct load *l);

/* --- what both use (load.c) --- */

enum hlv_err HLV_MUST_USE load_init(struct load *l, const struct load_options *o, char *why);
/* The clock starts. */
void load_begin(struct load *l);
void load_fini(struct load *l);
/* Read the clock, give up what is late; false when the run is over. */
bool load_turn(struct load *l);
/* How many questions a lane may send now, at most `most`. */
uint32_t load_due(const struct load *l, uint16_t lane, uint32_t most);
/* Octets of the longest question of this run. */
size_t load_ask_max(const struct load *l);
/* The next question for a lane into `out` (load_ask_max() octets); returns its size. */
size_t load_ask(struct load *l, uint16_t lane, uint8_t *out);
/* Take back the last load_ask(). */
void load_unask(struct load *l);
/* A packet, or a whole message, of at least 44 octets came. */
void load_answer(struct load *l, struct hlv_bytes packet);
/* How long the loop may sleep: 0 when it should look again at once. */
uint64_t load_idle_ns(const struct load *l);
