/* SPDX-License-Identifier: Apache-2.0
 *
 * What the three files of authentication share; nobody else's business.
 */
#pragma once
#include "proto/base/rand.h"
#include "server/authn.h"
#include "server/backoff.h"
#include "server/pending.h"
#include "server/session.h"
#include "server/tags.h"

struct authn {
	const struct authn_rules *rules;
	struct pending_table *pending;
	struct session_table *sessions;
	struct backoff *backoff;
	struct tags *tags;
	struct authn_stats stats;
	uint8_t proven_key[32];
	hlv_mono_ns told_ns; /* when a wrong proof was last logged */
};

/* `n` octets that nobody can guess; false when the system has none. */
bool authn_random(void *out, size_t n);
/* 31 bits that no session and no challenge has; 0 when there is no randomness. */
uint32_t authn_fresh_id(struct authn *a);
/* The tag that the job's peer uses, or NULL for peers that take the ids they are given. */
struct tag *authn_tag(struct authn *a, const struct job *j);
/* The session that the job came in, if it still exists. */
struct session *authn_session_of(struct authn *a, const struct job *j);
/* Refuse, and say that it is for a reply. */
enum authn_verdict authn_refuse(struct job *j, enum hlv_rc rc, const char *text);
/* A question that was hidden until now, in a session or behind a challenge, names its identifier as any
 * other may (proto/net/schemes.h). */
enum authn_verdict authn_name(struct authn *a, struct job *j);
/* What somebody says by HTTP that he is: known from before, or something to be proven. */
enum authn_verdict authn_open_claim(struct authn *a, struct job *j,
				    const struct registry_view *in);
/* A message in a session: its MAC and its counter; then who sent it. */
enum authn_verdict authn_enter_session(struct authn *a, struct job *j, struct session *s,
				       const struct registry_view *in);
/* Decrypt x->message in the session that its envelope names. */
enum authn_verdict authn_decrypt(struct authn *a, struct job *j);
/* j->proof held by this value, or (NULL) is for another node to check: into j->proven. False: the system
 * cannot make digests. */
bool authn_note_proven(const struct authn *a, struct job *j, const struct hlv_value *by,
		       bool legacy);
/* Why it does not hold any more for `who`; NULL: it does. One look-up. */
const char *authn_proof_over(const struct authn *a, const struct job *j,
			     const struct registry_view *in, const struct hlv_ref *who,
			     const struct hlv_proven *p);
/* The login of the job's connection, as long as it holds; or NULL. */
const struct hlv_login *authn_login(const struct authn *a, const struct job *j,
				    const struct registry_view *in);
