/* SPDX-License-Identifier: Apache-2.0 */
#include "server/registrar.h"

#include <stdlib.h>
#include <sys/random.h>

#include "proto/net/actor.h"
#include "proto/net/log.h"
#include "server/asker.h"
#include "server/identity.h"
#include "server/list.h"
#include "server/registrar_inner.h"

enum { CONFLICTS_MAX = 8, ARENA_LIMIT = 4 << 20 };
static const hlv_mono_ns SECOND_NS = 1000000000U;

/* --- queues --- */

static void push(struct queue *q, struct job *j)
{
	j->next = NULL;
	if (!q->first)
		q->first = j;
	else
		q->last->next = j;
	q->last = j;
	q->n++;
}

static struct job *pop(struct queue *q)
{
	struct job *j = q->first;
	if (!j)
		return NULL;
	q->first = j->next;
	q->n--;
	return j;
}

void registrar_again(struct registrar *g, struct job *j)
{
	push(&g->ready, j);
}

/* --- answers --- */

/* What the answer borrows from the snapshot comes along: it is sent from another thread. */
static void own(struct hlv_exchange *x)
{
	struct hlv_response *rs = &x->rs;
	struct hlv_bytes *spans[] = {&rs->handle, &rs->values.raw, &rs->handles.raw,
				     &rs->octets, &rs->text};
	for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
		if (spans[i]->n)
			*spans[i] = hlv_arena_copy(&x->arena, *spans[i]);
	if (x->arena.bad)
		answer_error(rs, HLV_RC_ERROR, "Answer takes too much memory");
}

void registrar_reply(struct registrar *g, struct job *j)
{
	struct hlv_exchange *x = j->x;
	own(x);
	authn_finish(g->authn, j);
	if (x->rs.rc == HLV_RC_SUCCESS)
		x->answer_flags |= j->plan.answer_flags;
	g->stats.answered++;
	atomic_fetch_sub_explicit(&g->waiting, j->weight, memory_order_relaxed);
	hlv_exchange_return(x);
}

/* --- the snapshot --- */

static bool begin_view(struct registrar *g)
{
	if (!g->reading) {
		g->memo = (struct homed_memo){0};
		g->reading = g->store->ops->view_begin(g->view) == HLV_OK;
	}
	return g->reading;
}

void registrar_end_view(struct registrar *g)
{
	if (g->reading)
		g->store->ops->view_end(g->view);
	g->reading = false;
}

/* --- commit --- */

static void refuse_failed(struct job *j, enum hlv_err err)
{
	if (err == HLV_E_FULL)
		job_refuse(j, HLV_RC_READ_ONLY,
			   "The registry has no space left: nothing was changed");
	else if (err == HLV_E_CONFLICT)
		job_refuse(j, HLV_RC_BUSY, "The record changes too often: try again");
	else if (err == HLV_E_CORRUPT)
		job_refuse(j, HLV_RC_ERROR, "The registry cannot read this record");
	else
		job_refuse(j, HLV_RC_ERROR,
			   "The change could not be made durable: look whether it was made");
}

/* One job of a group whose fate is known; its transactions say which. */
static void finish(struct registrar *g, struct job *j, enum hlv_err group)
{
	enum hlv_err err = group;
	for (size_t i = 0; i < j->ntxns && err == HLV_OK; i++)
		err = j->txns[i].err;
	if (j->committed) {
		j->committed(j, group);
	} else if (err == HLV_E_CONFLICT && ++j->conflicts < CONFLICTS_MAX) {
		registrar_again(g, j); /* planned anew, from what is there now */
		return;
	} else if (err != HLV_OK) {
		refuse_failed(j, err);
	}
	if (err == HLV_OK)
		g->stats.committed++;
	registrar_reply(g, j);
}

/* What the group used of its quotas is kept with it. */
static void add_quota(struct registrar *g)
{
	struct group *group = &g->group;
	if (group->ntxns > 0 && group->ntxns < GROUP_TXNS &&
	    quota_settle(&g->quota, &g->arena, &group->txns[group->ntxns])) {
		group->txns[group->ntxns].time_ms = g->now.wall_ms;
		group->ntxns++;
	}
}

static void commit(struct registrar *g)
{
	struct group *group = &g->group;
	if (group_is_empty(group))
		return;
	registrar_end_view(g);
	add_quota(g);
	struct store_txn *txns = group->ntxns ? group->txns : group->jobs[0]->txns;
	size_t n = group->ntxns ? group->ntxns : group->jobs[0]->ntxns;
	enum hlv_err err = health_commit(&g->health, txns, n, g->now);
	g->stats.groups++;
	for (size_t i = 0, at = 0; i < group->njobs; i++) {
		struct job *j = group->jobs[i];
		for (size_t k = 0; group->ntxns && k < j->ntxns; k++) {
			j->txns[k].err = group->txns[at].err;
			j->txns[k].seq = group->txns[at++].seq;
		}
		finish(g, j, err);
	}
	group_clear(group);
	hlv_arena_reset(&g->arena);
}

static void name_actor(struct registrar *g, struct job *j)
{
	struct hlv_exchange *x = j->x;
	char source[HLV_ADDR_TEXT] = "control socket";
	if (x->peer.transport != HLV_T_LOCAL)
		hlv_addr_print(&x->peer.addr, source);
	struct store_actor actor = {
		.how = j->who.how,
		.who = j->who.who,
		.transport = (uint8_t)x->peer.transport,
		.source = hlv_arena_copy(&x->arena, hlv_text(source)),
		.op = x->rq.m.hdr.op,
		.request_id = x->rq.m.env.request_id,
	};
	for (size_t i = 0; i < j->ntxns; i++) {
		j->txns[i].actor = actor;
		j->txns[i].err = HLV_OK;
		if (j->txns[i].time_ms == 0)
			j->txns[i].time_ms = g->now.wall_ms;
	}
}

void registrar_commit(struct registrar *g, struct job *j)
{
	const char *why = health_refuses(&g->health, j->txns, j->ntxns);
	if (why) {
		job_refuse(j, HLV_RC_READ_ONLY, why);
		registrar_reply(g, j);
		return;
	}
	name_actor(g, j);
	if (group_add(&g->group, j))
		return;
	commit(g);
	if (!group_add(&g->group, j))
		g->group.jobs[g->group.njobs++] = j; /* too large: a group of its own */
	if (g->group.ntxns == 0)
		commit(g);
}

bool registrar_flush(struct registrar *g)
{
	commit(g);
	return begin_view(g);
}

/* --- one job --- */

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

static void settle(struct registrar *g, struct job *j, enum authn_verdict verdict)
{
	switch (verdict) {
	case AUTHN_GO:
		registrar_again(g, j);
		return;
	case AUTHN_REPLY:
		registrar_reply(g, j);
		return;
	case AUTHN_LATER:
		if (g->slow.n < SLOW_MAX) {
			push(&g->slow, j);
			return;
		}
		job_refuse(j, HLV_RC_BUSY, "Too many logins at once: try again");
		registrar_reply(g, j);
		return;
	case AUTHN_FETCH:
		registrar_fetch_proof(g, j);
		return;
	}
}

static void allowed(struct registrar *g, struct job *j, enum plan_verdict verdict)
{
	switch (verdict) {
	case PLAN_LIST:
		list_page(j, g->store, g->view);
		registrar_reply(g, j);
		return;
	case PLAN_COMMIT:
		j->txns = &j->plan.txn;
		j->ntxns = 1;
		j->prefix_of = j->x->rq.handle;
		j->nchanged = j->nregistered = 1;
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

/* Index 0: "find my key". May none of the keys that it has here do this, no proof is looked at. */
static bool is_hopeless(struct registrar *g, struct job *j, const struct plan_context *c)
{
	struct identity id;
	struct principal who = j->who;
	if (identity_find(g->store, g->view, &who.who, "HS_PUBKEY", &id) != HLV_OK || !id.here)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		who.who.index = id.keys[i].index;
		if (plan_request(c, &who, &j->x->rq, &j->plan, &j->x->rs) != PLAN_REFUSED)
			return false;
	}
	return id.n > 0;
}

/* 8, step 4: whether the claimed identity may do it comes before whether it is who it says. */
static void change(struct registrar *g, struct job *j)
{
	struct hlv_exchange *x = j->x;
	struct answer_context answer;
	uint8_t random[16];
	/* What this connection has sent before is done before. */
	if (group_touches(&g->group, x->rq.handle) && !registrar_flush(g)) {
		job_refuse(j, HLV_RC_ERROR, "The registry cannot be read");
		registrar_reply(g, j);
		return;
	}
	struct plan_context c;
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		memset(random, 0, sizeof random); /* a minted name that exists is refused */
	registrar_context(g, j, random, &answer, &c);
	bool find_key = j->who.who.index == 0 && hlv_eq(j->proof.kind, hlv_text("HS_PUBKEY"));
	if (j->unproven && (find_key || j->who.how == ACTOR_CERT)) {
		if (is_hopeless(g, j, &c))
			registrar_reply(g, j);
		else
			settle(g, j, authn_check(g->authn, j, g->store, g->view));
		return;
	}
	enum plan_verdict verdict = plan_request(&c, &j->who, &x->rq, &j->plan, &x->rs);
	if (verdict == PLAN_CHALLENGE) {
		authn_challenge(g->authn, j);
		registrar_reply(g, j);
	} else if (verdict == PLAN_FETCH) {
		registrar_fetch_group(g, j);
	} else if (verdict == PLAN_REFUSED) {
		registrar_reply(g, j);
	} else if (j->unproven) {
		enum authn_verdict proof = authn_check(g->authn, j, g->store, g->view);
		if (proof == AUTHN_GO)
			allowed(g, j, verdict);
		else
			settle(g, j, proof);
	} else {
		allowed(g, j, verdict);
	}
}

bool registrar_knows_sender(struct registrar *g, struct job *j)
{
	if (j->unproven) {
		settle(g, j, authn_check(g->authn, j, g->store, g->view));
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
	if (j->unproven) {
		settle(g, j, authn_check(g->authn, j, g->store, g->view));
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
		settle(g, j, authn_verify(g->authn, j, g->store, g->view));
	else
		registrar_reply(g, j);
}

static void route(struct registrar *g, struct job *j)
{
	struct hlv_exchange *x = j->x;
	struct answer_context answer = {.site = g->node->site};
	switch (x->rq.m.hdr.op) {
	case HLV_OP_SESSION_SETUP:
	case HLV_OP_SESSION_TERMINATE:
	case HLV_OP_SESSION_EXCHANGEKEY:
		settle(g, j, authn_session(g->authn, j, g->store, g->view, NULL));
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

static void work(struct registrar *g, struct job *j)
{
	if (!begin_view(g)) {
		job_refuse(j, HLV_RC_ERROR, "The registry cannot be read");
		registrar_reply(g, j);
		return;
	}
	if (j->state && j->plan.list_from.n) { /* the next page of a list */
		list_page(j, g->store, g->view);
		registrar_reply(g, j);
		return;
	}
	enum authn_verdict verdict = j->opened ? AUTHN_GO : authn_open(g->authn, j);
	if (verdict == AUTHN_GO)
		route(g, j);
	else
		settle(g, j, verdict);
}

/* --- the thread --- */

/* What an exchange counts for among those that wait: a flood of requests is answered "busy" before it
 * fills the memory. */
static size_t weight(const struct hlv_exchange *x)
{
	return x->message.n + WAITING_OCTETS_EACH;
}

/* An exchange arrives: a new one, or one whose peer has room for the next page. */
static void arrive(struct hlv_mail *mail, void *ctx)
{
	struct registrar *g = ctx;
	struct hlv_exchange *x = (struct hlv_exchange *)(void *)mail; /* its first member */
	struct job *j = x->service_state;
	if (!j) {
		j = hlv_alloc(&x->arena, sizeof *j);
		if (!j) {
			atomic_fetch_sub_explicit(&g->waiting, weight(x), memory_order_relaxed);
			answer_error(&x->rs, HLV_RC_ERROR, "Out of memory");
			hlv_exchange_return(x);
			return;
		}
		*j = (struct job){.x = x, .who.how = ACTOR_PUBLIC};
		x->service_state = j;
	}
	j->weight = weight(x);
	push(&g->ready, j);
}

bool registrar_submit(struct registrar *g, struct hlv_exchange *x)
{
	size_t more = weight(x);
	if (atomic_fetch_add_explicit(&g->waiting, more, memory_order_relaxed) >
	    WAITING_OCTETS_MAX) {
		atomic_fetch_sub_explicit(&g->waiting, more, memory_order_relaxed);
		return false;
	}
	x->mail.open = arrive;
	hlv_mailbox_post(hlv_actor_mailbox(g->actor), &x->mail);
	return true;
}

static void tick(struct registrar *g)
{
	if (g->now.mono_ns - g->ticked_ns < SECOND_NS)
		return;
	g->ticked_ns = g->now.mono_ns;
	authn_tick(g->authn, g->now);
	registrar_upkeep(g);
	registrar_end_view(g);
}

static bool work_round(void *ctx, struct hlv_now now)
{
	struct registrar *g = ctx;
	struct job *j;
	g->now = now;
	while (g->ready.n > 0) {
		while ((j = pop(&g->ready)))
			work(g, j);
		commit(g);
	}
	/* What takes long waits for its turn, one a round: writes go on in between. */
	j = pop(&g->slow);
	if (j) {
		j->unhurried = true;
		work(g, j);
		commit(g);
	}
	registrar_end_view(g);
	tick(g);
	return g->slow.n > 0 || g->ready.n > 0;
}

static void use(struct registrar *g, const struct node *node,
		const struct registrar_rules *rules)
{
	g->node = node;
	g->rules = rules;
	g->place = (struct site_place){node->hash_option, node->servers, node->own};
}

static enum hlv_err prepare(struct registrar *g)
{
	uint64_t secret;
	if (getrandom(&secret, sizeof secret, 0) != (ssize_t)sizeof secret)
		return HLV_E_IO;
	hlv_arena_init(&g->arena, ARENA_LIMIT);
	g->authn = authn_new(&g->rules->authn, secret);
	if (!g->authn)
		return HLV_E_NOMEM;
	HLV_TRY(g->store->ops->view_open(g->store, &g->view));
	HLV_TRY(g->store->ops->view_begin(g->view));
	enum hlv_err err = quota_load(&g->quota, g->store, g->view);
	g->store->ops->view_end(g->view);
	HLV_TRY(err);
	return health_open(&g->health, g->store, g->view, g->rules->data_dir, g->now);
}

enum hlv_err registrar_start(struct store *store, const struct node *node,
			     const struct registrar_rules *rules, struct registrar **out,
			     char *why)
{
	struct registrar *g = calloc(1, sizeof *g);
	if (!g)
		return HLV_E_NOMEM;
	g->store = store;
	g->now = hlv_clock();
	g->started_ns = g->now.mono_ns;
	use(g, node, rules);
	enum hlv_err err = prepare(g);
	if (err == HLV_OK) {
		g->asker = asker_start(store, &g->place, rules->parent);
		g->actor = hlv_actor_start("registrar", work_round, g);
		err = g->actor && g->asker ? HLV_OK : HLV_E_NOMEM;
	}
	if (err != HLV_OK) {
		snprintf(why, STORE_WHY, "the registry's writer cannot start: %s",
			 hlv_strerror(err));
		registrar_stop(g);
		return err;
	}
	*out = g;
	return HLV_OK;
}

void registrar_stop(struct registrar *g)
{
	if (!g)
		return;
	/* Who waits for another node is answered first: that takes seconds at the most. */
	asker_stop(g->asker);
	hlv_actor_stop(g->actor);
	health_close(&g->health);
	authn_free(g->authn);
	quota_free(&g->quota);
	hlv_arena_fini(&g->arena);
	free(g);
}

struct settings {
	const struct node *node;
	const struct registrar_rules *rules;
};

static void change_settings(void *ctx, void *arg)
{
	struct registrar *g = ctx;
	const struct settings *s = arg;
	use(g, s->node, s->rules);
	authn_set_rules(g->authn, &s->rules->authn);
}

void registrar_set(struct registrar *g, const struct node *node,
		   const struct registrar_rules *rules)
{
	struct settings s = {node, rules};
	hlv_actor_call(g->actor, change_settings, &s);
}
