/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/random.h>

#include "server/identity.h"
#include "server/list.h"
#include "server/registrar_inner.h"

/* --- steps --- */

void registrar_context(struct registrar *g, struct job *j, const uint8_t random[16],
		       struct answer_context *answer, struct plan_context *c)
{
	*answer = (struct answer_context){
		.store = g->store,
		.view = g->view,
		.place = &g->place,
		.memo = &g->memo,
		.site = g->node->site,
		.arena = &j->x->arena,
	};
	*c = (struct plan_context){
		.answer = answer,
		.rules = &g->rules->plan,
		.fetched = j->fetched,
		.nfetched = j->nfetched,
		.now = g->now,
		.random = random,
	};
}

void registrar_settle(struct registrar *g, struct job *j, enum authn_verdict verdict)
{
	switch (verdict) {
	case AUTHN_GO:
		registrar_again(g, j);
		return;
	case AUTHN_REPLY:
		registrar_reply(g, j);
		return;
	case AUTHN_LATER:
		registrar_later(g, j);
		return;
	case AUTHN_FETCH:
		registrar_fetch_proof(g, j);
		return;
	}
}

static void count_one(struct job *j)
{
	bool registers = j->x->rq.m.hdr.op == HLV_OP_CREATE_HANDLE &&
			 !(j->plan.answer_flags & HLV_F_OVERWRITE);
	j->use = (struct job_use){hlv_name_split(j->x->rq.handle).prefix, 1, registers};
	j->uses = &j->use;
	j->nuses = 1;
}

static void allowed(struct registrar *g, struct job *j, enum plan_verdict verdict)
{
	switch (verdict) {
	case PLAN_LIST:
		/* With what its connection has registered before. */
		if (registrar_flush(g))
			list_page(j, g->store, g->view);
		else
			job_refuse(j, HLV_RC_ERROR, "The registry cannot be read");
		registrar_reply(g, j);
		return;
	case PLAN_COMMIT:
		j->txns = &j->plan.txn;
		j->ntxns = 1;
		count_one(j);
		if (quota_refuses(&g->quota, j, g->store, g->view, g->now))
			registrar_reply(g, j);
		else
			registrar_commit(g, j);
		return;
	case PLAN_ANSWER:
	case PLAN_REFUSED:
	case PLAN_CHALLENGE:
	case PLAN_FETCH:
		registrar_reply(g, j);
	}
}

/* A refusal that everybody could have been told: HS_ADMIN values and what exists are no secrets.
 * Others (this index is there, that one is not) are for those who have proven who they are. */
static bool is_open_refusal(enum plan_verdict verdict, const struct hlv_response *rs)
{
	return verdict == PLAN_REFUSED &&
	       (rs->rc == HLV_RC_INVALID_ADMIN || rs->rc == HLV_RC_NOT_FOUND);
}

/* Index 0: "find my key". May none of the keys that it has here do this, no proof is looked at. */
static bool is_hopeless(struct registrar *g, struct job *j, const struct plan_context *c)
{
	struct identity id;
	struct principal who = j->who;
	if (identity_find(g->store, g->view, &who.who, "HS_PUBKEY", &id) != HLV_OK || !id.here)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		who.who.index = id.keys[i].index;
		if (!is_open_refusal(plan_request(c, &who, &j->x->rq, &j->plan, &j->x->rs),
				     &j->x->rs))
			return false;
	}
	return id.n > 0;
}

/* What this connection has sent before is done before, even when it has to be planned again. False:
 * the job was answered, or has to wait for that. */
static bool catch_up(struct registrar *g, struct job *j)
{
	bool readable = registrar_flush(g);
	if (readable && g->again.n == 0)
		return true;
	if (readable) {
		registrar_again(g, j);
	} else {
		job_refuse(j, HLV_RC_ERROR, "The registry cannot be read");
		registrar_reply(g, j);
	}
	return false;
}

/* 8, step 4: whether the claimed identity may do it comes before whether it is who it says. */
static void change(struct registrar *g, struct job *j)
{
	struct hlv_exchange *x = j->x;
	struct answer_context answer;
	uint8_t random[16] = {0};
	if (group_touches(&g->group, x->rq.handle) && !catch_up(g, j))
		return;
	struct plan_context c;
	/* Should there be none: a minted name that exists is refused. */
	if (x->rq.m.hdr.flags & HLV_F_MINT_SUFFIX &&
	    getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		memset(random, 0, sizeof random);
	registrar_context(g, j, random, &answer, &c);
	bool find_key = j->who.who.index == 0 && hlv_eq(j->proof.kind, hlv_text("HS_PUBKEY"));
	if (j->unproven && (find_key || j->who.how == ACTOR_CERT)) {
		if (is_hopeless(g, j, &c))
			registrar_reply(g, j);
		else
			registrar_settle(g, j, authn_check(g->authn, j, g->store, g->view));
		return;
	}
	enum plan_verdict verdict = plan_request(&c, &j->who, &x->rq, &j->plan, &x->rs);
	if (verdict == PLAN_CHALLENGE) {
		authn_challenge(g->authn, j);
		registrar_reply(g, j);
	} else if (verdict == PLAN_FETCH) {
		registrar_fetch_group(g, j);
	} else if (j->unproven && !is_open_refusal(verdict, &x->rs)) {
		enum authn_verdict proof = authn_check(g->authn, j, g->store, g->view);
		if (proof == AUTHN_GO)
			allowed(g, j, verdict);
		else
			registrar_settle(g, j, proof);
	} else {
		allowed(g, j, verdict);
	}
}

bool registrar_knows_sender(struct registrar *g, struct job *j)
{
	if (j->unproven) {
		registrar_settle(g, j, authn_check(g->authn, j, g->store, g->view));
		return false;
	}
	if (j->who.how != ACTOR_PUBLIC)
		return true;
	authn_challenge(g->authn, j);
	registrar_reply(g, j);
	return false;
}

static void login(struct registrar *g, struct job *j)
{
	if (j->x->peer.claim) {
		registrar_settle(g, j, authn_keep_login(j));
		return;
	}
	if (j->unproven) {
		registrar_settle(g, j, authn_check(g->authn, j, g->store, g->view));
		return;
	}
	if (!j->tag)
		job_refuse(j, HLV_RC_NOT_SUPPORTED,
			   "A login is for a connection: use TCP, and a session number of your "
			   "own above 10000");
	else
		authn_challenge(g->authn, j);
	registrar_reply(g, j);
}

/* 11.6: an identity that lives elsewhere is verified there. */
static void verify(struct registrar *g, struct job *j)
{
	struct hlv_exchange *x = j->x;
	struct answer_context answer;
	struct plan_context c;
	struct hlv_record rec;
	registrar_context(g, j, NULL, &answer, &c);
	if (answer_find(&answer, &x->rq, &rec, &x->rs) || x->rs.rc == HLV_RC_SUCCESS ||
	    x->rs.rc == HLV_RC_NOT_FOUND)
		registrar_settle(g, j, authn_verify(g->authn, j, g->store, g->view));
	else
		registrar_reply(g, j);
}

/* 11.1, 3: a mirror takes no changes by the protocol, and says so before it asks who somebody is.
 * How they get there is its own user's affair (the control socket). */
static bool is_for_primaries(uint32_t op)
{
	return (op >= HLV_OP_CREATE_HANDLE && op <= HLV_OP_MODIFY_VALUE) ||
	       op == HLV_OP_HOME_NA || op == HLV_OP_UNHOME_NA || op == HLV_OP_HELVE_BULK;
}

void registrar_route(struct registrar *g, struct job *j)
{
	struct hlv_exchange *x = j->x;
	struct answer_context answer = {.site = g->node->site};
	if (!g->node->primary && is_for_primaries(x->rq.m.hdr.op)) {
		job_refuse(j, HLV_RC_NOT_RESPONSIBLE,
			   "This is a mirror: changes are for a primary site");
		registrar_reply(g, j);
		return;
	}
	/* By HTTP there is no challenge that would come first, and who is wrong about himself hears
	 * that and nothing else (rest-clients.md 2). */
	if (j->unproven && x->peer.claim) {
		registrar_settle(g, j, authn_check(g->authn, j, g->store, g->view));
		return;
	}
	switch (x->rq.m.hdr.op) {
	case HLV_OP_SESSION_SETUP:
	case HLV_OP_SESSION_EXCHANGEKEY:
		registrar_settle(g, j, authn_session(g->authn, j, g->store, g->view, NULL));
		return;
	case HLV_OP_SESSION_TERMINATE:
		/* What it has asked for is still answered under its key. */
		(void)registrar_flush(g);
		registrar_settle(g, j, authn_session(g->authn, j, g->store, g->view, NULL));
		return;
	case HLV_OP_VERIFY_CHALLENGE:
		verify(g, j);
		return;
	case HLV_OP_LOGIN_ID_SYSTEM:
		login(g, j);
		return;
	case HLV_OP_GET_SITE_INFO:
		answer_site_info(&answer, &x->rq, &x->rs);
		registrar_reply(g, j);
		return;
	case HLV_OP_LIST_HANDLES:
	case HLV_OP_LIST_HOMED_NAS:
		if (x->peer.transport != HLV_T_UDP) {
			change(g, j);
			return;
		}
		job_refuse(j, HLV_RC_NOT_SUPPORTED, "Lists are several messages: use TCP");
		registrar_reply(g, j);
		return;
	case HLV_OP_HELVE_COMMIT:
	case HLV_OP_HELVE_BULK:
	case HLV_OP_HELVE_CONTROL:
	case HLV_OP_BACKUP_SERVER:
		registrar_extension(g, j);
		return;
	default:
		change(g, j);
	}
}
