/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions (protocol.md 9, threats.md 3): keys agreed, counters watched, identity proven once. One
 * table, owned by one thread; told the time and given its randomness.
 *
 * Setting up costs a peer little, so sessions whose peer has proven nothing are few, and the
 * oldest of them makes room; one source loses its own first. Proven ones are never pushed out by
 * strangers. An identity at its limit loses the session that it has not used for longest, unless
 * all of them are in use: programs that end without ending their sessions are common, and must not
 * lock their owner out for half an hour.
 */
#pragma once
#include "proto/net/service.h"
#include "proto/sec/cipher.h"

enum {
	SESSIONS_MAX = 10000,
	SESSIONS_PER_IDENTITY = 16,
	SESSIONS_UNAUTHENTICATED = 64,
	SESSIONS_UNAUTHENTICATED_PER_SOURCE = 16, /* IPv4 address or IPv6 /64 */
	SESSION_IDLE_S = 1800,
	SESSION_IN_USE_S = 60, /* what was used so recently is not taken from its owner */
	SESSION_LIFE_MIN_S = 60,
	SESSION_LIFE_S = 86400, /* by default and at most */
	SESSION_WINDOW = 200,	/* the highest counter and 199 behind it are told apart */
};

struct session {
	uint32_t id;
	struct hlv_ref who; /* of the setup; empty handle: anonymous. Owned by the session */
	bool authenticated;
	struct hlv_proven proven; /* by what, then */
	int version;		  /* of the setup's answer: forms of MAC and cipher */
	enum hlv_cipher cipher;
	struct hlv_bytes key;			   /* MAC key: all octets; owned, wiped */
	uint32_t sent;				   /* our own counter */
	uint32_t highest;			   /* of the peer's counters; 0: none yet */
	uint64_t seen[(SESSION_WINDOW + 63) / 64]; /* bit of counter c: c % SESSION_WINDOW */
	hlv_mono_ns expires_ns, idle_ns;	   /* over at the earlier of the two */
};

struct session_table;
/* `secret` keys the hash. NULL without memory. */
struct session_table *session_table_new(uint64_t secret);
void session_table_free(struct session_table *t); /* wipes the keys */

struct session_setup {
	struct hlv_ref who;
	uint32_t timeout_s; /* as asked; 0: the default */
	int version;
	enum hlv_cipher cipher;
	struct hlv_bytes key;
	struct hlv_addr source; /* of the setup; len 0: not counted by source */
};
/* A session, not authenticated; everything is copied. `id`: 31 fresh random bits, not 0, that
 * neither session_has() nor pending_has() knows; the caller draws until that is so. NULL: no more
 * may be kept, or the id will not do. */
struct session *session_put(struct session_table *t, const struct session_setup *s, uint32_t id,
			    struct hlv_now now);
/* NULL: unknown or over. Moves the idle deadline. The session is valid until the next call that
 * takes the table and is not session_has(). */
struct session *session_find(struct session_table *t, uint32_t id, struct hlv_now now);
bool session_has(const struct session_table *t, uint32_t id);
void session_end(struct session_table *t, struct session *s);
/* It is known now that the peer is s->who; `s` was found with this `now`. False, and nothing
 * changes, when that identity has as many as it may and uses all of them, and for an anonymous
 * session. */
bool session_authenticate(struct session_table *t, struct session *s, struct hlv_now now);
/* Is this counter new? Notes it if so. (9.1: 0 is not checked, setups below 2.5 are not either.)
 * Only for messages whose MAC was found right. */
bool session_accept(struct session *s, uint32_t counter);
/* Forget what is over; call it every second or so. */
void session_tick(struct session_table *t, struct hlv_now now);
size_t session_count(const struct session_table *t);
