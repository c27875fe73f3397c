/* SPDX-License-Identifier: Apache-2.0
 *
 * One question to the servers of one zone: which is asked when, by UDP, TCP or TLS, when another is
 * asked beside it, and which of the octets that arrive are the answer (threats.md 7 R4 and
 * "Poisoning"; protocol.md 10). Sans I/O: it asks for sockets by number and is fed with what they
 * bring. Each try has a random id and, by UDP, a connected socket of its own on a random port.
 *
 * What does not match (id, operation, digest, identifier) is ignored and waited out; after three
 * such packets the question goes by TCP. Datagrams of one answer are joined. A stub (T flag, longer
 * than came) goes by TCP as well.
 */
#pragma once
#include "proto/base/rand.h"
#include "resolver/select.h"
#include "resolver/walk.h"

enum flight_way { FLIGHT_UDP, FLIGHT_TCP, FLIGHT_TLS };

/* What it wants done. */
enum flight_do {
	FLIGHT_OPEN,  /* a socket `sock` to `addr` by `way`, and `octets` sent */
	FLIGHT_CLOSE, /* that socket: nothing more from it is of use */
	FLIGHT_WAIT,  /* nothing until something arrives or flight_deadline() */
	FLIGHT_ANSWERED,
	FLIGHT_FAILED, /* flight_error() */
};
struct flight_order {
	enum flight_do what;
	uint32_t sock; /* chosen by the flight, from 0, never used twice in it */
	enum flight_way way;
	struct hlv_addr addr;
	struct hlv_bytes key; /* FLIGHT_TLS: the server's, which must be the peer's; or empty */
	struct hlv_bytes octets; /* until the next call */
};

struct flight;
/* Copies what it needs of `ask`. `budget` is of the walk that asked first; its packets and octets are
 * taken from there, and its deadline holds. */
struct flight *flight_new(const struct walk_ask *ask, struct selector *s, struct budget *budget,
			  uint64_t seed, struct hlv_now now);
/* The walk whose budget it was is gone: from now on another's. */
void flight_charge(struct flight *f, struct budget *budget);
/* Nobody wants it any more: what is open is closed by flight_next(), which ends in FLIGHT_FAILED. */
void flight_stop(struct flight *f);
void flight_free(struct flight *f);

/* Call until FLIGHT_WAIT, FLIGHT_ANSWERED or FLIGHT_FAILED. */
void flight_next(struct flight *f, struct hlv_now now, struct flight_order *out);
/* UDP: one datagram; TCP, TLS: octets of the stream, as they come. */
void flight_feed(struct flight *f, uint32_t sock, struct hlv_bytes octets, struct hlv_now now);
/* The socket cannot be had, or has ended. HLV_E_LIMIT, told at once: we have none to spare, which is
 * not the server's fault. */
void flight_gone(struct flight *f, uint32_t sock, enum hlv_err err, struct hlv_now now);
hlv_mono_ns flight_deadline(const struct flight *f);
void flight_timeout(struct flight *f, struct hlv_now now);

/* FLIGHT_ANSWERED: one whole message; borrows. `server`: position in the walk_ask. */
struct hlv_bytes flight_answer(const struct flight *f, size_t *server, enum flight_way *way);
const struct zone_server *flight_server(const struct flight *f); /* who gave it */
enum hlv_err flight_error(const struct flight *f);
unsigned flight_mismatches(const struct flight *f);
