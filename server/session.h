/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions (protocol.md 9, threats.md 3): keys agreed, counters watched, identity proven once. One
 * table, owned by one thread; told the time and given its randomness.
 */
#pragma once
#include "proto/net/service.h"
#include "proto/sec/cipher.h"

enum {
	SESSIONS_MAX = 10000,
	SESSIONS_PER_IDENTITY = 16,
	SESSIONS_UNAUTHENTICATED = 64, /* the oldest of them makes room */
	SESSION_IDLE_S = 1800,
	SESSION_LIFE_MIN_S = 60,
	SESSION_LIFE_S = 86400,
	SESSION_WINDOW = 200, /* counters behind the highest that are told apart */
};

struct session {
	uint32_t id; /* 31 random bits */
	struct hlv_ref who; /* of the setup; empty handle: anonymous. Owned by the session */
	bool authenticated;
	int version; /* of the setup's answer: forms of MAC and cipher */
	enum hlv_cipher cipher;
	struct hlv_bytes key; /* MAC key: all octets; owned, wiped */
	uint32_t sent;	      /* our own counter */
	hlv_mono_ns expires_ns, idle_ns;
};

struct session_table;
struct session_table *session_table_new(void);
void session_table_free(struct session_table *t); /* wipes the keys */

struct session_setup {
	struct hlv_ref who;
	uint32_t timeout_s; /* as asked; 0: the default */
	int version;
	enum hlv_cipher cipher;
	struct hlv_bytes key;
};
/* A session of a fresh id; everything is copied. `random`: 16 octets. NULL: no more may be kept. */
struct session *session_put(struct session_table *t, const struct session_setup *s,
			    struct hlv_now now, const uint8_t random[16]);
/* NULL: unknown or over. Moves the idle deadline. */
struct session *session_find(struct session_table *t, uint32_t id, struct hlv_now now);
void session_end(struct session_table *t, struct session *s);
/* It is known now that the peer is s->who. False when that identity has too many. */
bool session_authenticate(struct session_table *t, struct session *s);
/* Is this counter new? (9.1: 200 wide, 0 is not checked, setups below 2.5 are not either.) */
bool session_accept(struct session *s, uint32_t counter);
void session_tick(struct session_table *t, struct hlv_now now);
size_t session_count(const struct session_table *t);
