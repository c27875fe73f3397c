/* SPDX-License-Identifier: Apache-2.0
 *
 * Challenges that wait for their answer (protocol.md 8, threats.md 3): made, found, consumed. One
 * table, owned by one thread; told the time and given its randomness. A challenge is used up by its
 * first answer, right or wrong, is bound to the connection (or, by UDP, the source address) that
 * got it, and lives 30 s (industrial.md 5.4).
 */
#pragma once
#include "proto/net/service.h"

enum {
	PENDING_MAX = 4096,
	PENDING_PER_SOURCE = 8, /* of one UDP source or one connection; trusted networks: 64 */
	PENDING_OCTETS_MAX = 4 << 20, /* of kept requests */
	PENDING_LIFE_S = 30,
	PENDING_NONCE = 16,
};

struct pending {
	uint32_t id; /* 31 random bits: the envelope's session id; or the session's own id */
	uint8_t nonce[PENDING_NONCE];
	uint8_t digest_kind;
	uint8_t digest_n;
	uint8_t digest[32];	 /* of the original request's header and body */
	int version;		 /* of the challenge message */
	struct hlv_bytes message; /* the original request, whole, decrypted; owned by the table */
	hlv_mono_ns expires_ns;
};

struct pending_table;
struct pending_table *pending_new(void); /* NULL without memory */
void pending_free(struct pending_table *t);

/* A new challenge for x->message as x->rq decoded it. `random`: 20 octets. The same request of the
 * same source (equal request id and digest) gets the challenge that it has. `session_id` 0: outside
 * sessions; else the challenge bears that id and replaces the session's former one. NULL when no
 * more can be kept (answer: busy). */
const struct pending *pending_put(struct pending_table *t, const struct hlv_exchange *x,
				  uint32_t session_id, const uint8_t digest[32],
				  uint8_t digest_kind, uint8_t digest_n, int version,
				  const uint8_t random[20]);
/* The challenge that `x` answers (by its envelope's session id), if it is of the same source and
 * in time. It is consumed: valid until the next call. NULL: none. */
const struct pending *pending_take(struct pending_table *t, const struct hlv_exchange *x);
/* Is there a challenge of that id, whosever it is? */
bool pending_has(const struct pending_table *t, uint32_t id);
void pending_tick(struct pending_table *t, struct hlv_now now);
size_t pending_count(const struct pending_table *t);
