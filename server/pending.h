/* SPDX-License-Identifier: Apache-2.0
 *
 * Challenges that wait for their answer (protocol.md 8, threats.md 3): made, found, consumed. One
 * table, owned by one thread; told the time and given its randomness. A challenge is used up by its
 * first answer, right or wrong, and lives 30 s (industrial.md 5.4).
 *
 * It is bound to the IP address that got it, not to the connection and not to the port: stock
 * clients open a new connection, or send from a new UDP port, for each message. An answer from
 * another address finds nothing and uses nothing up. The national SDK's login is bound to its
 * connection as well; that is its caller's business.
 *
 * Nobody fills the table for others. A source at its limit loses its own oldest challenge; UDP
 * sources whose address may be forged hold a quarter of the table at most, and lose theirs first.
 */
#pragma once
#include "proto/net/service.h"

enum {
	PENDING_MAX = 4096,
	PENDING_UNVERIFIED_MAX = PENDING_MAX / 4,
	/* Of one IPv4 address or IPv6 /64. UDP and streams are counted apart, so that packets in
	 * somebody's name do not reach the challenges that he got by TCP. */
	PENDING_PER_UDP_SOURCE = 8,
	PENDING_PER_STREAM_SOURCE = 64, /* clients behind one translated address share it */
	PENDING_TRUSTED_TIMES = 8,	/* more for sources that the configuration trusts */
	PENDING_OCTETS_MAX = 4 << 20,	/* of kept requests */
	PENDING_SOURCE_OCTETS_MAX = 512 << 10,
	PENDING_LIFE_S = 30,
	PENDING_NONCE = 16,
};

struct pending {
	uint32_t id; /* the challenge's envelope bears it */
	bool in_session;
	uint8_t nonce[PENDING_NONCE];
	uint8_t digest_kind;
	uint8_t digest_n;
	uint8_t digest[32]; /* of the original request's header and body */
	int version;	    /* of the challenge message */
	uint64_t conn;	    /* of the peer that got it; 0: UDP */
	struct hlv_bytes
		message; /* the original request, whole, in clear; owned by the table */
	hlv_mono_ns expires_ns;
};

struct pending_table;
/* `secret` keys the hash. NULL without memory. */
struct pending_table *pending_new(uint64_t secret);
void pending_free(struct pending_table *t); /* wipes the kept requests */

/* Everything is copied. */
struct pending_offer {
	/* Outside sessions a fresh one: 31 random bits, not 0, that neither pending_has() nor
	 * session_has() knows; the caller draws until that is so. In a session, whose MAC or
	 * place is known to be right, the session's own. */
	uint32_t id;
	bool in_session;
	int version;
	struct hlv_digest digest;
	const uint8_t *nonce;	  /* PENDING_NONCE fresh octets */
	struct hlv_bytes message; /* with its envelope; decrypted */
};
/* A new challenge for `x`. The same request of the same source (equal request id, digest, and
 * session) gets the challenge that it has, and the offer's id and nonce are not used. A session's
 * former challenge is replaced. NULL when no more can be kept (answer: busy), or when the id will
 * not do. */
const struct pending *pending_put(struct pending_table *t, const struct hlv_exchange *x,
				  const struct pending_offer *offer);
/* The challenge that `x` answers (by its envelope's session id), if it is of the same source and
 * in time. It is consumed: valid until the next call. NULL: none. */
const struct pending *pending_take(struct pending_table *t, const struct hlv_exchange *x);
/* Is there a challenge of that id, whosever it is? */
bool pending_has(const struct pending_table *t, uint32_t id);
/* Forget what is over; call it every second or so. */
void pending_tick(struct pending_table *t, struct hlv_now now);
size_t pending_count(const struct pending_table *t);
