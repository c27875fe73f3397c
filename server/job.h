/* SPDX-License-Identifier: Apache-2.0
 *
 * One exchange in the registrar's hands: what is known so far of who sent it and what it would
 * change. In the exchange's arena, so it ends with it.
 */
#pragma once
#include "proto/net/service.h"
#include "server/plan.h"

/* An answer to a challenge, not yet checked. In the arena. */
struct proof {
	struct hlv_bytes kind; /* "HS_SECKEY", "HS_PUBKEY" */
	struct hlv_ref who;
	struct hlv_bytes nonce, digest, octets;
	uint8_t digest_kind;
};

/* What a job counts for towards the limits of one prefix (quota.h): identifiers that it changes,
 * and how many of them it registers anew. */
struct job_use {
	struct hlv_bytes prefix;
	uint64_t changed, registered;
};

struct job {
	struct job *next; /* in one of the registrar's queues */
	struct hlv_exchange *x;
	size_t weight;	      /* octets that it counts for while it waits */
	struct principal who; /* known, or claimed by the proof; ACTOR_PUBLIC: nobody */
	bool opened;	      /* decrypted, its session or login found */
	bool unproven;	      /* `proof` is to be checked before anything is done */
	bool unhurried;	      /* it is the turn of what takes long */
	struct proof proof;
	struct hlv_proven proven; /* of `who`, once it is known */
	uint32_t session;	  /* our id of the session it came in; 0: none */
	uint32_t tag;	/* the national SDK's own number, which it wants back; 0: none */
	bool encrypted; /* so will be the answer */
	struct plan plan;
	struct authz_fetched fetched[AUTHZ_FETCH_MAX];
	size_t nfetched;
	struct store_txn *txns; /* what it waits for to be committed: plan.txn, or several */
	size_t ntxns;
	struct job_use use;	    /* of a change of one identifier */
	const struct job_use *uses; /* of all; a prefix may stand there more than once */
	size_t nuses;
	bool counted;	    /* by its quotas, and not yet committed */
	unsigned conflicts; /* times that it was planned for nothing */
	/* After the commit, in place of sending x->rs as it is; or NULL. */
	void (*committed)(struct job *, enum hlv_err group);
	void *state; /* of the operation that has several parts */
};

/* Is its answer a list of several messages? Their pages are in its own memory already. */
static inline bool job_is_list(const struct job *j)
{
	return j->state && j->plan.list_from.n;
}

/* A refusal; `text` is static or in the arena, or NULL. */
static inline void job_refuse(struct job *j, enum hlv_rc rc, const char *text)
{
	answer_error(&j->x->rs, rc, text);
}
