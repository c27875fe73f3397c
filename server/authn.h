/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is it (protocol.md 8, 9; industrial.md 5.4, 5.7)? Challenges, sessions and the back-off for
 * wrong answers, in the hands of the registrar alone. Every function looks at one job: it either
 * learns who sent it, or leaves the answer in x->rs.
 */
#pragma once
#include "proto/net/schemes.h"
#include "server/job.h"

struct authn_rules {
	bool allow_legacy;		   /* MD5 and SHA-1 proofs */
	uint32_t own_uid;		   /* whom the control socket believes, beside 0 */
	const struct hlv_schemes *schemes; /* NULL: no rules */
};

struct authn;
/* NULL without memory. `rules` is borrowed; what it holds may change between two calls. */
struct authn *authn_new(const struct authn_rules *rules, uint64_t secret);
void authn_free(struct authn *a);
void authn_set_rules(struct authn *a, const struct authn_rules *rules);
void authn_tick(struct authn *a, struct hlv_now now);

enum authn_verdict {
	AUTHN_GO,    /* j->who says who it is, perhaps nobody; perhaps j->unproven */
	AUTHN_REPLY, /* x->rs is the answer */
	AUTHN_LATER, /* takes long: again with j->unhurried */
	AUTHN_FETCH, /* the keys of j->proof.who are another node's */
};

/* The snapshot in hand. */
struct registry_view {
	struct store *store;
	struct store_view *view;
};

/* Open what is encrypted, find the session, the login or the certificate that it came with; an
 * answer to a challenge becomes the request that was challenged. Whoever was known from before is looked
 * up: he counts as long as the key that proved him is there. */
enum authn_verdict authn_open(struct authn *a, struct job *j, const struct registry_view *in);
/* LOGIN_ID_SYSTEM: j->who has proven himself, and the front end is told who it is. */
enum authn_verdict authn_keep_login(struct job *j);
/* Check j->proof against the keys in this snapshot. AUTHN_GO: it holds, and j->who.who.index is
 * that of the key. */
enum authn_verdict authn_check(struct authn *a, struct job *j, struct store *store,
			       struct store_view *view);
/* What another node said of the proof (VERIFY_CHALLENGE), or the keys that it holds. */
enum authn_verdict authn_conclude(struct authn *a, struct job *j, bool holds);
enum authn_verdict authn_check_keys(struct authn *a, struct job *j,
				    const struct hlv_list *values);
/* Challenge the sender of x->rq: 402, or busy. */
void authn_challenge(struct authn *a, struct job *j);

/* SESSION_SETUP, SESSION_TERMINATE, SESSION_EXCHANGEKEY; for setup by mode 3 the key is looked for
 * in this snapshot (or `elsewhere`: its value, fetched). */
enum authn_verdict authn_session(struct authn *a, struct job *j, struct store *store,
				 struct store_view *view, const struct hlv_value *elsewhere);
/* VERIFY_CHALLENGE for an identity that is held here: the verdict into x->rs. */
enum authn_verdict authn_verify(struct authn *a, struct job *j, struct store *store,
				struct store_view *view);

/* The answer is ready: how it is to be protected, and the number that the peer knows. */
void authn_finish(struct authn *a, struct job *j);

struct authn_stats {
	size_t challenges, sessions;
	uint64_t succeeded, failed; /* proofs */
};
struct authn_stats authn_stats(const struct authn *a);
