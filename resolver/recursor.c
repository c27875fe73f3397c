/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/recursor.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "proto/net/log.h"
#include "proto/net/outbound.h"
#include "resolver/anchor.h"
#include "resolver/keeper.h"

enum { SERVICES_MAX = 8 /* HS_SERV values that are followed */ };

static const hlv_mono_ns TELL_EVERY_NS = 1000000000;
enum told { TOLD_FAILED, TOLD_UNSIGNED, TOLD_STALE, TOLD_KINDS };

struct recursor {
	struct hlv_outbound *out;
	struct engine *engine;
	struct anchors *anchors;
	struct keeper *keeper; /* NULL: nothing is written */
	bool saves_anchors;
	bool stopping;
	const struct walk_rules *rules; /* of now */
	/* Copies of what the engine counts, for other threads. */
	struct {
#define X(name) _Atomic uint64_t name;
		ENGINE_STATS(X)
#undef X
		_Atomic uint64_t anchors;
	} published;
	/* What is logged, and how often it has happened since the last line. */
	struct {
		hlv_mono_ns at_ns;
		uint64_t held;
	} told[TOLD_KINDS];
};

/* A client's question while the engine has it; in its exchange's arena. */
struct question {
	struct engine_waiter waiter; /* first: what the engine gives back */
	struct hlv_mail mail;
	struct hlv_exchange *x;
	struct emit_rules rules; /* a copy: a reload may free the others */
	/* The SDK's question for sites, once the prefix has service handles: they are asked for one
	 * after the other. */
	struct hlv_bytes services[SERVICES_MAX];
	size_t nservices, next;
	enum proof proof; /* of the prefix's record ... */
	uint32_t left_s;  /* ... and what was left of its life */
};

/* --- answers --- */

static void go_home(struct question *q)
{
	hlv_exchange_return(q->x);
}

static void refuse(struct question *q, uint32_t rc, const char *why)
{
	emit_refusal(q->x, &q->rules, rc, why);
	go_home(q);
}

/* Blocked names are no way to an answer either, as with aliases. */
static bool is_barred(const struct recursor *r, struct hlv_bytes id)
{
	uint8_t room[MEMORY_KEY_MAX];
	return r->rules->bars && r->rules->bars(r->rules->bars_ctx, memory_key(id, room));
}

/* Are there service handles to be resolved in its place? They are copied. */
static bool has_services(const struct recursor *r, struct question *q)
{
	const struct engine_waiter *w = &q->waiter;
	struct hlv_arena *a = &q->x->arena;
	for (uint32_t nth = 0; nth < SERVICES_MAX; nth++) {
		struct hlv_bytes id = emit_service(q->x, &w->proven, nth);
		if (id.n == 0)
			break;
		if (!is_barred(r, id))
			q->services[q->nservices++] = hlv_arena_copy(a, id);
	}
	q->proof = w->proven.proof;
	q->left_s = w->stale ? EMIT_STALE : w->left_s;
	return q->nservices > 0 && !a->bad;
}

static void ask_service(struct recursor *r, struct question *q, struct hlv_now now)
{
	struct engine_waiter *w = &q->waiter;
	/* All of them are one question of one client (threats.md 7 "Budgets"). */
	if (!w->budget_is_set)
		budget_start(&w->budget, now);
	*w = (struct engine_waiter){.id = q->services[q->next++],
				    .client = w->client,
				    .recursion = w->recursion,
				    .authoritative = w->authoritative,
				    .budget = w->budget,
				    .budget_is_set = true};
	engine_ask(r->engine, w, now);
}

/* Of a service handle, also that there is none. As sure as the less sure of the two, and no longer than
 * the shorter lived. */
static void give_service(struct question *q, uint32_t left_s)
{
	struct engine_waiter *w = &q->waiter;
	struct proven both = w->proven;
	left_s = emit_shorter(left_s, q->left_s);
	if (q->proof != PROOF_SECURE && !prove(q->proof, &w->proven.finding, &both)) {
		refuse(q, HLV_RC_ERROR, "The answer is not proven");
		return;
	}
	q->x->from = left_s == EMIT_STALE ? HLV_FROM_STALE : HLV_FROM_WALK;
	emit(q->x, &q->rules, &both, left_s);
	go_home(q);
}

/* Once a second for each kind: who reads the log sees what goes wrong, and no stranger fills the disk. */
static void tell(struct recursor *r, const struct question *q, enum told kind,
		 struct hlv_now now)
{
	static const char *const events[TOLD_KINDS] = {"resolve.failed", "resolve.unsigned",
						       "resolve.stale"};
	char client[HLV_ADDR_TEXT];
	struct hlv_bytes id = hlv_head(q->x->rq.handle, 128);
	if (r->told[kind].at_ns && now.mono_ns - r->told[kind].at_ns < TELL_EVERY_NS) {
		r->told[kind].held++;
		return;
	}
	if (!hlv_is_text(id))
		id = hlv_text("?");
	hlv_warn(events[kind], "identifier=\"%.*s\" client=%s why=\"%s\" not_logged=%" PRIu64,
		 (int)id.n, id.n ? (const char *)id.p : "",
		 hlv_addr_print(&q->x->peer.addr, client),
		 kind == TOLD_FAILED ? q->waiter.why : "", r->told[kind].held);
	r->told[kind].at_ns = now.mono_ns;
	r->told[kind].held = 0;
}

static void tell_of(struct recursor *r, const struct question *q, struct hlv_now now)
{
	const struct engine_waiter *w = &q->waiter;
	if (!w->proven_is_set && w->rc == HLV_RC_ERROR)
		tell(r, q, TOLD_FAILED, now);
	if (w->proven_is_set && w->stale)
		tell(r, q, TOLD_STALE, now);
	if (w->proven_is_set && w->proven.proof != PROOF_SECURE &&
	    r->rules->validate.unsigned_policy == UNSIGNED_LOG)
		tell(r, q, TOLD_UNSIGNED, now);
}

static void answered(struct recursor *r, struct question *q, struct hlv_now now)
{
	struct engine_waiter *w = &q->waiter;
	uint32_t left_s = w->stale ? EMIT_STALE : w->left_s;
	bool found = w->proven_is_set && w->proven.finding.rc == HLV_RC_SUCCESS;
	tell_of(r, q, now);
	if (q->nservices == 0 && found && has_services(r, q)) {
		ask_service(r, q, now);
	} else if (q->nservices > 0 && !found && q->next < q->nservices &&
		   now.mono_ns < w->budget.until_ns) {
		ask_service(r, q, now);
	} else if (q->nservices > 0 && w->proven_is_set) {
		give_service(q, left_s);
	} else if (w->proven_is_set) {
		q->x->from = w->stale ? HLV_FROM_STALE : HLV_FROM_WALK;
		emit(q->x, &q->rules, &w->proven, left_s);
		go_home(q);
	} else {
		q->x->from = HLV_FROM_WALK;
		q->x->proof = w->bogus ? PROOF_BOGUS : PROOF_UNKNOWN;
		refuse(q, w->rc, w->why);
	}
}

/* --- orders of the engine --- */

static void save_anchors(struct recursor *r)
{
	struct hlv_buf text = {0};
	if (!r->keeper || !r->saves_anchors)
		return;
	anchors_print(&text, r->anchors);
	if (text.bad)
		hlv_error("anchors.save", "error=\"out of memory\"");
	else
		keeper_put_anchors(r->keeper, hlv_buf_bytes(&text));
	r->anchors->dirty = text.bad; /* the keeper tries until it is on disk */
	hlv_buf_free(&text);
}

static void open_socket(struct recursor *r, const struct engine_order *o, struct hlv_now now)
{
	enum hlv_out_way way = HLV_OUT_UDP;
	switch (o->way) {
	case FLIGHT_UDP:
		break;
	case FLIGHT_TCP:
		way = HLV_OUT_TCP;
		break;
	case FLIGHT_TLS:
		way = HLV_OUT_TLS;
		break;
	}
	enum hlv_err err = hlv_outbound_open(r->out, o->sock, way, &o->addr, o->key, o->octets);
	if (err != HLV_OK)
		engine_gone(r->engine, o->sock, err, now);
}

static void publish(struct recursor *r)
{
	const struct engine_stats *s = engine_stats(r->engine);
	uint64_t believed = 0;
#define X(name) atomic_store_explicit(&r->published.name, s->name, memory_order_relaxed);
	ENGINE_STATS(X)
#undef X
	for (size_t i = 0; i < r->anchors->n; i++)
		believed += anchor_is_believed(&r->anchors->list[i]);
	atomic_store_explicit(&r->published.anchors, believed, memory_order_relaxed);
}

void recursor_stats(const struct recursor *r, struct engine_stats *stats, uint64_t *anchors)
{
#define X(name) stats->name = atomic_load_explicit(&r->published.name, memory_order_relaxed);
	ENGINE_STATS(X)
#undef X
	*anchors = atomic_load_explicit(&r->published.anchors, memory_order_relaxed);
}

static void work(void *ctx, struct hlv_now now)
{
	struct recursor *r = ctx;
	struct engine_order o;
	if (engine_deadline(r->engine) <= now.mono_ns)
		engine_timeout(r->engine, now);
	for (engine_next(r->engine, now, &o); o.what != ENGINE_WAIT;
	     engine_next(r->engine, now, &o)) {
		switch (o.what) {
		case ENGINE_OPEN:
			open_socket(r, &o, now);
			break;
		case ENGINE_CLOSE:
			hlv_outbound_close(r->out, o.sock);
			break;
		case ENGINE_ANSWER:
			answered(r, (struct question *)(void *)o.waiter, now);
			break;
		case ENGINE_ANCHORS:
			save_anchors(r);
			break;
		case ENGINE_WAIT:
			break;
		}
	}
	publish(r);
	hlv_outbound_wake(r->out, engine_deadline(r->engine));
}

static void on_octets(void *ctx, uint64_t sock, struct hlv_bytes octets, struct hlv_now now)
{
	struct recursor *r = ctx;
	engine_feed(r->engine, sock, octets, now);
}

static void on_gone(void *ctx, uint64_t sock, enum hlv_err err, struct hlv_now now)
{
	struct recursor *r = ctx;
	engine_gone(r->engine, sock, err, now);
}

/* --- questions come in --- */

static void take_question(struct hlv_mail *mail, void *receiver)
{
	struct recursor *r = receiver;
	struct question *q =
		(struct question *)(void *)((char *)mail - offsetof(struct question, mail));
	if (r->stopping)
		refuse(q, HLV_RC_BUSY, "The resolver is stopping");
	else
		engine_ask(r->engine, &q->waiter, hlv_clock());
}

void recursor_submit(struct recursor *r, struct hlv_exchange *x, const struct emit_rules *rules)
{
	struct question *q = hlv_alloc(&x->arena, sizeof *q);
	if (!q) {
		emit_refusal(x, rules, HLV_RC_ERROR, "The request takes too much memory");
		hlv_exchange_return(x);
		return;
	}
	q->x = x;
	q->rules = *rules;
	q->mail.open = take_question;
	q->waiter.id = x->rq.handle;
	q->waiter.recursion = x->rq.m.hdr.recursion;
	q->waiter.authoritative = x->rq.m.hdr.flags & HLV_F_AUTHORITATIVE;
	if (x->peer.transport != HLV_T_LOCAL)
		q->waiter.client = x->peer.addr;
	hlv_mailbox_post(hlv_outbound_mailbox(r->out), &q->mail);
}

struct refreshing {
	struct hlv_mail mail;
	size_t n;
	uint8_t id[];
};

static void take_refresh(struct hlv_mail *mail, void *receiver)
{
	struct recursor *r = receiver;
	struct refreshing *f = (struct refreshing *)(void *)mail; /* its first member */
	if (!r->stopping)
		engine_refresh(r->engine, hlv_bytes(f->id, f->n), hlv_clock());
	free(f);
}

void recursor_refresh(struct recursor *r, struct hlv_bytes id)
{
	/* Without memory it expires and is fetched then. */
	struct refreshing *f = malloc(sizeof *f + id.n);
	if (!f)
		return;
	f->mail = (struct hlv_mail){.open = take_refresh};
	f->n = id.n;
	if (id.n)
		memcpy(f->id, id.p, id.n);
	hlv_mailbox_post(hlv_outbound_mailbox(r->out), &f->mail);
}

/* --- others on its thread --- */

struct call {
	void (*fn)(struct engine *, struct anchors *, void *);
	void *ctx;
};

static void run_call(void *ctx, void *arg)
{
	struct recursor *r = ctx;
	struct call *call = arg;
	call->fn(r->engine, r->anchors, call->ctx);
}

void recursor_call(struct recursor *r, void (*fn)(struct engine *, struct anchors *, void *),
		   void *ctx)
{
	struct call call = {fn, ctx};
	hlv_outbound_call(r->out, run_call, &call);
}

static void set_rules(void *ctx, void *arg)
{
	struct recursor *r = ctx;
	const struct walk_rules **rules = arg;
	r->rules = *rules;
	engine_set_rules(r->engine, *rules);
}

void recursor_set_rules(struct recursor *r, const struct walk_rules *rules)
{
	hlv_outbound_call(r->out, set_rules, &rules);
}

void recursor_put_rules(struct recursor *r, const char *data_dir, struct hlv_bytes text)
{
	if (r->keeper)
		keeper_put_rules(r->keeper, data_dir, text);
}

uint64_t recursor_saves(const struct recursor *r)
{
	return r->keeper ? keeper_saves(r->keeper) : 0;
}

static void hurry(void *ctx, void *arg)
{
	(void)arg;
	struct recursor *r = ctx;
	r->stopping = true;
	engine_stop(r->engine, hlv_clock());
}

void recursor_hurry(struct recursor *r)
{
	hlv_outbound_call(r->out, hurry, NULL);
}

/* --- life --- */

/* Its round is what matters: the engine may have something to do of its own. */
static void begin(void *ctx, void *arg)
{
	struct recursor *r = ctx;
	(void)arg;
	if (r->anchors->dirty)
		save_anchors(r);
}

struct recursor *recursor_start(const struct recursor_options *o)
{
	static const struct hlv_outbound_owner owner = {on_octets, on_gone, work};
	uint64_t seed;
	struct recursor *r = calloc(1, sizeof *r);
	if (!r || getentropy(&seed, sizeof seed) != 0) {
		free(r);
		return NULL;
	}
	struct engine_options e = {.rules = o->rules,
				   .anchors = o->anchors,
				   .cache = o->cache,
				   .stale_s = o->stale_s,
				   .seed = seed,
				   .refresh_root = o->refresh_root};
	r->anchors = o->anchors;
	r->saves_anchors = o->anchors_path != NULL;
	r->rules = o->rules;
	r->engine = engine_new(&e, hlv_clock());
	if (r->engine && (o->keep || o->anchors_path))
		r->keeper = keeper_start(o->keep, o->cache, o->anchors_path);
	if (r->engine && (r->keeper || !(o->keep || o->anchors_path)))
		r->out = hlv_outbound_start("recursor", o->sockets, &owner, r);
	if (r->out) {
		hlv_outbound_call(r->out, begin, NULL);
		return r;
	}
	keeper_stop(r->keeper);
	if (r->engine)
		engine_free(r->engine);
	free(r);
	return NULL;
}

void recursor_stop(struct recursor *r)
{
	if (!r)
		return;
	if (!r->stopping)
		hlv_outbound_call(r->out, hurry, NULL);
	hlv_outbound_stop(r->out);
	keeper_stop(r->keeper);
	engine_free(r->engine);
	anchors_fini(r->anchors);
	free(r->anchors);
	free(r);
}
