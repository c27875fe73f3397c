/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/actor.h"
#include "proto/net/log.h"
#include "server/asker.h"
#include "server/registrar_inner.h"

enum { FETCHES_MAX = 64 /* jobs that wait for other nodes */ };

/* A question on behalf of a job; in the job's arena. */
struct fetch {
	struct ask ask;
	struct job *job;
};

static struct fetch *begin(struct registrar *g, struct job *j, const struct hlv_ref *who)
{
	struct fetch *f = NULL;
	if (g->asker && g->fetching < FETCHES_MAX)
		f = hlv_alloc(&j->x->arena, sizeof *f);
	if (!f) {
		job_refuse(j, g->asker ? HLV_RC_BUSY : HLV_RC_UNABLE_TO_AUTHENTICATE,
			   "The node that holds this identity cannot be asked");
		registrar_reply(g, j);
		return NULL;
	}
	f->job = j;
	f->ask.home = hlv_actor_mailbox(g->actor);
	f->ask.who = (struct hlv_ref){hlv_arena_copy(&j->x->arena, who->handle), who->index};
	/* A reload may replace the node meanwhile. */
	f->ask.place = g->place;
	f->ask.parent = hlv_arena_copy(&j->x->arena, g->node->parent);
	return f;
}

static void submit(struct registrar *g, struct fetch *f)
{
	g->fetching++;
	asker_submit(g->asker, &f->ask);
}

static void complain(const struct fetch *f)
{
	struct hlv_bytes id = hlv_head(f->ask.who.handle, 128);
	hlv_info("identity.elsewhere", "identity=%u:%.*s error=\"%s\"", f->ask.who.index,
		 (int)id.n, id.n ? (const char *)id.p : "", hlv_strerror(f->ask.err));
}

/* --- the keys of whoever proves something --- */

static void go_on(struct registrar *g, struct job *j, enum authn_verdict verdict)
{
	if (verdict == AUTHN_GO)
		registrar_again(g, j);
	else
		registrar_reply(g, j);
}

static void proof_came(struct hlv_mail *mail, void *ctx)
{
	struct registrar *g = ctx;
	struct fetch *f = (struct fetch *)(void *)mail; /* its first member's first member */
	struct job *j = f->job;
	struct hlv_buf answer = f->ask.answer; /* f ends with the exchange, which may go home */
	g->fetching--;
	if (f->ask.err != HLV_OK) {
		complain(f);
		job_refuse(j, HLV_RC_UNABLE_TO_AUTHENTICATE,
			   "The node that holds this identity did not answer");
		registrar_reply(g, j);
	} else if (j->x->rq.m.hdr.op == HLV_OP_SESSION_SETUP) {
		struct hlv_reader r = hlv_reader(f->ask.values.raw);
		struct hlv_value v = {0};
		bool there = f->ask.values.n && hlv_value_decode(&r, &v) == HLV_OK;
		if (!there)
			job_refuse(j, HLV_RC_NEED_RSA_KEY, "The exchange key does not exist");
		else
			authn_session(g->authn, j, g->store, g->view, &v);
		registrar_reply(g, j);
	} else if (f->ask.kind == ASK_VERIFY) {
		go_on(g, j, authn_conclude(g->authn, j, f->ask.holds));
	} else {
		go_on(g, j, authn_check_keys(g->authn, j, &f->ask.values));
	}
	hlv_buf_free(&answer);
}

void registrar_fetch_proof(struct registrar *g, struct job *j)
{
	struct fetch *f = begin(g, j, &j->proof.who);
	if (!f)
		return;
	f->ask.open = proof_came;
	f->ask.kind = ASK_VALUES;
	if (hlv_eq(j->proof.kind, hlv_text("HS_SECKEY"))) {
		f->ask.kind = ASK_VERIFY;
		f->ask.nonce = j->proof.nonce;
		f->ask.proof = j->proof.octets;
		f->ask.digest = (struct hlv_digest){j->proof.digest_kind, j->proof.digest};
	}
	submit(g, f);
}

/* --- members of groups --- */

static void group_came(struct hlv_mail *mail, void *ctx)
{
	struct registrar *g = ctx;
	struct fetch *f = (struct fetch *)(void *)mail;
	struct job *j = f->job;
	struct hlv_arena *a = &j->x->arena;
	struct authz_fetched *to = &j->fetched[j->nfetched++];
	struct hlv_reader r = hlv_reader(f->ask.values.raw);
	struct hlv_value v;
	g->fetching--;
	*to = (struct authz_fetched){.ref = f->ask.who};
	if (f->ask.err != HLV_OK) {
		complain(f); /* 11.5: a failed fetch is skipped */
	} else if (f->ask.values.n && hlv_value_decode(&r, &v) == HLV_OK &&
		   v.index == f->ask.who.index) {
		to->found = true;
		to->type = hlv_arena_copy(a, v.type);
		to->data = hlv_arena_copy(a, v.data);
	}
	hlv_buf_free(&f->ask.answer);
	registrar_again(g, j);
}

void registrar_fetch_group(struct registrar *g, struct job *j)
{
	struct fetch *f = NULL;
	if (j->nfetched == AUTHZ_FETCH_MAX) {
		job_refuse(j, HLV_RC_INVALID_ADMIN, "Groups on too many other nodes");
		registrar_reply(g, j);
		return;
	}
	f = begin(g, j, &j->plan.wanted);
	if (!f)
		return;
	f->ask.open = group_came;
	f->ask.kind = ASK_VALUES;
	submit(g, f);
}
