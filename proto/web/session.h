/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions of the REST API (protocol.md 15.4, rest-clients.md 3). Each refusal offers one, so those
 * that nobody has logged in to are nowhere but in their own id: random octets and an end under a MAC,
 * from which the nonce follows. A login makes an entry of a table, which is one for all workers: a
 * browser's connections reach any of them. The table has a mutex, under which nothing else is taken
 * and nothing is waited for.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/now.h"
#include "proto/net/service.h"

enum {
	WEB_SESSIONS_MAX = 10000,
	WEB_SESSIONS_PER_IDENTITY = 64, /* then the one that was not used for longest ends */
	WEB_SESSION_OFFER_S = 600,	/* until a login */
	WEB_SESSION_IDLE_S = 1800,
	WEB_SESSION_LIFE_S = 86400,
	WEB_SESSION_NONCE = 16,
	WEB_SESSION_ID = 32, /* octets; its text is base64url */
	WEB_SESSION_TEXT = 43,
};

struct web_session {
	char text[WEB_SESSION_TEXT + 1];
	uint8_t id[WEB_SESSION_ID];
	uint8_t nonce[WEB_SESSION_NONCE];
	bool logged_in;
	struct hlv_ref who; /* of whom is logged in; in the arena */
	struct hlv_proven proven;
	bool by_token; /* he logged in by a token: it gives no other one */
};

struct web_sessions;
/* NULL: no memory, or no randomness. */
struct web_sessions *web_sessions_new(void);
void web_sessions_free(struct web_sessions *t);

/* One that was never given out. False: the system has no randomness. */
bool HLV_MUST_USE web_session_offer(struct web_sessions *t, struct hlv_now now,
				    struct web_session *s);
/* False: unknown, or over. */
bool HLV_MUST_USE web_session_find(struct web_sessions *t, struct hlv_bytes text,
				   struct hlv_now now, struct hlv_arena *a,
				   struct web_session *s);
/* login->who has proven himself in it; whoever did so before is forgotten. s->by_token is the caller's to
 * set. False without memory. */
bool HLV_MUST_USE web_session_login(struct web_sessions *t, struct web_session *s,
				    const struct hlv_login *login, struct hlv_now now);
void web_session_end(struct web_sessions *t, const struct web_session *s, struct hlv_now now);
size_t web_sessions_count(struct web_sessions *t);
