/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request would change: from a request, who sent it and one snapshot to a transaction and
 * the answer that is sent when it is committed (protocol.md 4.2, 11.2-11.4). Pure. Checks come in
 * the reference's order, since clients rely on it: what is wrong with the request, is it ours,
 * does it exist, and only then who asks.
 */
#pragma once
#include "server/authz.h"

/* The operator's rules and the node's state, as far as they decide about a change. */
struct plan_rules {
	struct authz_lists lists;
	bool list_handles; /* 105 is answered at all */
	bool prefix_admins; /* an administrator of the prefix may create under it (default true) */
};

struct plan_context {
	const struct answer_context *answer; /* store, view, place, memo, arena */
	const struct plan_rules *rules;
	const struct authz_fetched *fetched;
	size_t nfetched;
	struct hlv_now now;
	const uint8_t *random; /* 16 octets: a minted suffix */
	bool force;	       /* local administrator who may lock everybody out */
};

enum plan_verdict {
	PLAN_REFUSED,	/* rs says why */
	PLAN_CHALLENGE, /* first find out who it is */
	PLAN_FETCH,	/* first fetch plan->wanted (authz.h) */
	PLAN_ANSWER,	/* allowed; rs is the answer (nothing to commit) */
	PLAN_LIST,	/* allowed; the answer is a list: see below */
	PLAN_COMMIT,	/* allowed; commit plan->txn, then send rs */
};

enum { PLAN_PUTS_MAX = 2 };
struct plan {
	/* Checks (every local record that was decisive) and octets are in the arena. */
	struct store_txn txn;
	struct store_put puts[PLAN_PUTS_MAX];
	uint32_t answer_flags; /* OWE, MNS */
	struct hlv_ref wanted;
	/* PLAN_LIST: registry space and prefix of the keys whose names are listed. */
	enum store_space list_space;
	struct store_key list_from;
};

/* Operations 1 (with private values), 100-105, 300-302. `who`->how is ACTOR_PUBLIC until somebody
 * is known. For 1 the answer then has all matching values (11.3, 6). What `rs` and `plan` point to
 * lives in the request, the view and the arena; what is committed, in the arena alone. Of
 * plan->txn.actor the transport and the source are left to whoever knows them. */
enum plan_verdict plan_request(const struct plan_context *c, const struct principal *who,
			       const struct hlv_request *rq, struct plan *plan,
			       struct hlv_response *rs);

/* Beside the protocol's operations, HELVE_CONTROL (plan_past.c): may `who` see what `id` was?
 * PLAN_ANSWER. */
enum plan_verdict plan_history(const struct plan_context *c, const struct principal *who,
			       const struct hlv_request *rq, struct hlv_bytes id,
			       struct plan *plan, struct hlv_response *rs);
/* Make `id` again what it was. */
struct plan_undo {
	struct hlv_bytes id;
	uint64_t seq; /* as the change with this place left it; 0: as before the newest one */
	uint64_t newest; /* only if that is still its newest change; 0: whichever is */
};
enum plan_verdict plan_undo(const struct plan_context *c, const struct principal *who,
			    const struct hlv_request *rq, const struct plan_undo *u,
			    struct plan *plan, struct hlv_response *rs);
