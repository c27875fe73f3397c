/* SPDX-License-Identifier: Apache-2.0 */
#include "server/registrar.h"

#include <stdlib.h>
#include <sys/random.h>

#include "proto/net/actor.h"
#include "proto/net/log.h"
#include "server/asker.h"
#include "server/list.h"
#include "server/registrar_inner.h"

enum { CONFLICTS_MAX = 8, ARENA_LIMIT = 64 << 20 };
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
	push(&g->again, j);
}

void registrar_later(struct registrar *g, struct job *j)
{
	if (g->slow.n < SLOW_MAX) {
		push(&g->slow, j);
		return;
	}
	job_refuse(j, HLV_RC_BUSY, "Too many logins at once: try again");
	registrar_reply(g, j);
}

static struct job *next(struct registrar *g)
{
	struct job *j = pop(&g->again);
	return j ? j : pop(&g->ready);
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
	x->more = x->more && !x->arena.bad;
}

void registrar_reply(struct registrar *g, struct job *j)
{
	struct hlv_exchange *x = j->x;
	quota_give_back(&g->quota, j);
	if (!job_is_list(j))
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
	else if (err == HLV_E_PERMISSION)
		job_refuse(j, HLV_RC_READ_ONLY,
			   "The registry cannot be written to: nothing was changed");
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
	if (err == HLV_OK) {
		g->stats.committed++;
		j->counted = false; /* and stays so */
	}
	if (j->committed) {
		j->committed(j, group);
	} else if (err == HLV_E_CONFLICT && ++j->conflicts < CONFLICTS_MAX) {
		quota_give_back(&g->quota, j);
		registrar_again(g, j); /* planned anew, from what is there now */
		return;
	} else if (err != HLV_OK) {
		refuse_failed(j, err);
	}
	registrar_reply(g, j);
}

/* What the group used of its quotas is kept with it. */
static void add_quota(struct registrar *g)
{
	struct group *group = &g->group;
	if (group->ntxns > 0 &&
	    quota_settle(&g->quota, &g->arena, &group->txns[group->ntxns])) {
		group->txns[group->ntxns].time_ms = g->now.wall_ms;
		group->ntxns++;
	}
}

/* There was no room for all of them: each alone, so that those which need none (deletes) go through. */
static void commit_apart(struct registrar *g)
{
	struct job *jobs[GROUP_JOBS];
	size_t n = g->group.njobs;
	memcpy(jobs, g->group.jobs, n * sizeof *jobs);
	group_clear(&g->group);
	/* What they use of their quotas goes with the next group. */
	for (size_t i = 0; i < g->quota.n; i++)
		g->quota.list[i].dirty = true;
	for (size_t i = 0; i < n; i++)
		finish(g, jobs[i],
		       health_commit(&g->health, jobs[i]->txns, jobs[i]->ntxns, g->now));
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
	hlv_mono_ns began = hlv_clock_mono();
	enum hlv_err err = health_commit(&g->health, txns, n, g->now);
	hlv_histogram_add(&g->meter.commit_ns, hlv_clock_mono() - began, 1);
	hlv_histogram_add(&g->meter.group_jobs, group->njobs, 1);
	g->stats.groups++;
	if (err == HLV_E_FULL && group->njobs > 1) {
		commit_apart(g);
		return;
	}
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

void registrar_commit_alone(struct registrar *g, struct job *j)
{
	registrar_commit(g, j);
	commit(g);
}

bool registrar_flush(struct registrar *g)
{
	commit(g);
	return begin_view(g);
}

static void work(struct registrar *g, struct job *j)
{
	if (!begin_view(g)) {
		job_refuse(j, HLV_RC_ERROR, "The registry cannot be read");
		registrar_reply(g, j);
		return;
	}
	if (job_is_list(j)) { /* the next page */
		list_page(j, g->store, g->view);
		registrar_reply(g, j);
		return;
	}
	struct registry_view in = {g->store, g->view};
	enum authn_verdict verdict = j->opened ? AUTHN_GO : authn_open(g->authn, j, &in);
	if (verdict == AUTHN_GO)
		registrar_route(g, j);
	else
		registrar_settle(g, j, verdict);
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

static bool has_work(const struct registrar *g)
{
	return g->again.n + g->ready.n + g->slow.n > 0;
}

static bool work_round(void *ctx, struct hlv_now now)
{
	struct registrar *g = ctx;
	struct job *j;
	g->now = now;
	if (g->ticked_ns == 0)
		tick(g); /* what must be looked at before the first write */
	while (g->again.n + g->ready.n > 0) {
		while ((j = next(g)))
			work(g, j);
		commit(g);
	}
	/* What takes long waits for its turn, one a round: writes go on in between. */
	j = pop(&g->slow);
	if (j) {
		j->unhurried = true;
		work(g, j);
		while ((j = next(g)))
			work(g, j);
		commit(g);
	}
	registrar_index_slice(g);
	registrar_end_view(g);
	tick(g);
	return has_work(g) || registrar_is_indexing(g);
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
	HLV_TRY(health_open(&g->health, g->store, g->view, g->rules->data_dir, g->now));
	return registrar_index_open(g);
}

enum hlv_err registrar_start(struct store *store, const struct node *node,
			     const struct registrar_rules *rules, struct registrar **out,
			     char *why)
{
	struct registrar *g = calloc(1, sizeof *g);
	if (!g)
		return HLV_E_NOMEM;
	g->store = store;
	g->health.head.fd = -1;
	registrar_meter_init(&g->meter);
	g->now = hlv_clock();
	g->started_ns = g->now.mono_ns;
	use(g, node, rules);
	enum hlv_err err = prepare(g);
	if (err == HLV_OK) {
		g->asker = asker_start(store);
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

void registrar_hurry(struct registrar *g)
{
	if (g)
		asker_hurry(g->asker);
}

void registrar_stop(struct registrar *g)
{
	if (!g)
		return;
	/* Who waits for another node is answered first. */
	registrar_hurry(g);
	asker_stop(g->asker);
	hlv_actor_stop(g->actor);
	health_close(&g->health);
	authn_free(g->authn);
	quota_free(&g->quota);
	hlv_arena_fini(&g->arena);
	registrar_meter_fini(&g->meter);
	free(g);
}

struct registrar_meter *registrar_meter_of(struct registrar *g)
{
	return &g->meter;
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
	registrar_index_reload(g);
}

void registrar_set(struct registrar *g, const struct node *node,
		   const struct registrar_rules *rules)
{
	struct settings s = {node, rules};
	hlv_actor_call(g->actor, change_settings, &s);
}
