/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/control.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/net/actor.h"
#include "proto/net/front_native.h"
#include "resolver/anchor.h"
#include "resolver/control_cache.h"

enum { COPIES_MAX = 64, ANSWER_MAX = HLV_MESSAGE_MAX - 4096 };

struct control {
	struct control_options o;
	struct hlv_actor *actor;
	hlv_mono_ns started_ns;
};

/* --- what the engine's thread knows --- */

static void put_server(void *ctx, const struct selector_entry *e)
{
	struct hlv_buf *b = ctx;
	char text[HLV_ADDR_TEXT];
	if (b->n > ANSWER_MAX - 512)
		return;
	hlv_buf_printf(b,
		       "%s{\"address\":\"%s\",\"srttMs\":%u,\"silent\":%u,\"inflight\":%u,"
		       "\"dead\":%s}",
		       b->n > 1 ? "," : "", hlv_addr_print(&e->addr, text), e->srtt_ms,
		       e->silent, e->inflight, e->dead ? "true" : "false");
}

static void get_servers(struct engine *e, struct anchors *anchors, void *ctx)
{
	(void)anchors;
	selector_each(engine_selector(e), put_server, ctx);
}

static void servers(struct control_call *call)
{
	hlv_buf_str(&call->json, "[");
	recursor_call(call->o->recursor, get_servers, &call->json);
	hlv_buf_str(&call->json, "]");
}

static void get_anchors(struct engine *e, struct anchors *anchors, void *ctx)
{
	(void)e;
	struct hlv_buf *b = ctx;
	for (size_t i = 0; i < anchors->n; i++) {
		const struct anchor *a = &anchors->list[i];
		hlv_buf_str(b, i ? ",{\"subject\":" : "{\"subject\":");
		hlv_json_put_str(b, hlv_text(a->subject));
		hlv_buf_str(b, ",\"prefix\":");
		hlv_json_put_str(b, hlv_text(a->prefix));
		hlv_buf_printf(b, ",\"state\":\"%s\",\"since\":", anchor_state_name(a->state));
		hlv_json_put_time(b, (uint32_t)(a->since_ms / 1000));
		hlv_buf_printf(b, ",\"key\":\"%s\"}", a->key ? hlv_key_name(a->key) : "");
	}
}

static void put_anchors(struct control_call *call)
{
	hlv_buf_str(&call->json, "[");
	recursor_call(call->o->recursor, get_anchors, &call->json);
	hlv_buf_str(&call->json, "]");
}

static void get_stats(struct engine *e, struct anchors *anchors, void *ctx)
{
	(void)anchors;
	struct engine_stats *stats = ctx;
	*stats = *engine_stats(e);
}

/* --- the verbs --- */

static void put_copies(struct control_call *call)
{
	struct copy_state states[COPIES_MAX];
	size_t n = call->o->copies ? copies_states(call->o->copies, states, COPIES_MAX) : 0;
	struct hlv_buf *b = &call->json;
	hlv_buf_str(b, "[");
	for (size_t i = 0; i < n; i++) {
		const struct copy_state *s = &states[i];
		hlv_buf_str(b, i ? ",{\"prefix\":" : "{\"prefix\":");
		hlv_json_put_str(b, hlv_text(s->prefix));
		hlv_buf_printf(b, ",\"seq\":%" PRIu64 ",\"records\":%" PRIu64 ",\"synced\":",
			       s->seq, s->records);
		if (s->synced_ms)
			hlv_json_put_time(b, (uint32_t)(s->synced_ms / 1000));
		else
			hlv_buf_str(b, "null");
		hlv_buf_str(b, ",\"why\":");
		hlv_json_put_str(b, hlv_text(s->why));
		hlv_buf_str(b, "}");
	}
	hlv_buf_str(b, "]");
}

static void put_cache(struct control_call *call)
{
	struct cache_stats s;
	const char *comma = "";
	cache_stats(call->o->cache, &s);
	hlv_buf_str(&call->json, ",\"cache\":{");
#define X(name)                                                                                \
	hlv_buf_printf(&call->json, "%s\"" #name "\":%" PRIu64, comma, s.name);                \
	comma = ",";
	CACHE_STATS(X)
#undef X
	hlv_buf_str(&call->json, "}");
}

static void put_engine(struct control_call *call)
{
	struct engine_stats s;
	const char *comma = "";
	recursor_call(call->o->recursor, get_stats, &s);
	hlv_buf_str(&call->json, ",\"resolver\":{");
#define X(name)                                                                                \
	hlv_buf_printf(&call->json, "%s\"" #name "\":%" PRIu64, comma, s.name);                \
	comma = ",";
	ENGINE_STATS(X)
#undef X
	hlv_buf_str(&call->json, "}");
}

static void status(struct control_call *call)
{
	put_cache(call);
	put_engine(call);
	hlv_buf_printf(&call->json, ",\"saves\":%" PRIu64 ",\"anchors\":",
		       recursor_saves(call->o->recursor));
	put_anchors(call);
	hlv_buf_str(&call->json, ",\"copies\":");
	put_copies(call);
	if (call->o->put_counters)
		call->o->put_counters(call->o->ctx, &call->json);
	hlv_buf_str(&call->json, "}");
}

static void reload(struct control_call *call)
{
	/* main does it, and logs how it went. */
	kill(getpid(), SIGHUP);
	hlv_buf_str(&call->json, "{\"reload\":\"asked\"}");
}

static void slow(struct control_call *call)
{
	if (call->o->put_slow)
		call->o->put_slow(call->o->ctx, &call->json);
}

static const struct {
	const char *name;
	void (*run)(struct control_call *);
} verbs[] = {
	{"reload", reload},	  {"slow", slow},	  {"servers", servers},
	{"anchors", put_anchors}, {"copies", put_copies},
	/* verbs */
};

/* args.error says what is wrong: refused as a protocol error. */
static void refuse_arguments(struct control_call *call)
{
	call->rc = HLV_RC_PROTOCOL_ERROR;
	call->why = call->args.error->text;
}

/* --- one call --- */

struct fitting {
	struct hlv_bytes key;
	enum proof proof;
	bool fits;
};

static void see_whether_it_fits(struct engine *e, struct anchors *anchors, void *ctx)
{
	struct fitting *f = ctx;
	(void)anchors;
	f->fits = engine_fits(e, f->key, f->proof);
}

/* Rules and anchors are the engine's. */
static bool ask_whether_it_fits(void *ctx, struct hlv_bytes key, enum proof proof)
{
	struct fitting f = {.key = key, .proof = proof};
	recursor_call(ctx, see_whether_it_fits, &f);
	return f.fits;
}

/* Whoever flushes wants to see it asked for: why it failed is what was remembered of it, too. */
static void forget_failures(struct engine *e, struct anchors *anchors, void *ctx)
{
	(void)anchors;
	(void)ctx;
	engine_forget_failures(e);
}

static void run_cache_verb(struct hlv_bytes verb, struct control_call *call)
{
	const struct control_rules rules = {ask_whether_it_fits, call->o->recursor};
	char *why = hlv_alloc(call->arena, CONTROL_CACHE_WHY);
	enum hlv_err err = HLV_E_NOMEM;
	if (why)
		err = control_cache(call->o->cache, &rules, verb, call->args.root, call->now,
				    &call->json, why);
	if (err == HLV_OK && hlv_eq(verb, hlv_text("cache flush")))
		recursor_call(call->o->recursor, forget_failures, NULL);
	if (err == HLV_OK)
		return;
	call->rc = err == HLV_E_USAGE	      ? HLV_RC_PROTOCOL_ERROR
		   : err == HLV_E_UNSUPPORTED ? HLV_RC_NOT_SUPPORTED
					      : HLV_RC_ERROR;
	call->why = why && *why ? why : "Out of memory";
}

static void run_verb(struct control *c, struct hlv_exchange *x, struct control_call *call)
{
	if (hlv_eq(x->rq.handle, hlv_text("status"))) {
		hlv_buf_printf(&call->json,
			       "{\"daemon\":\"helver\",\"version\":\"" HELVE_VERSION
			       "\",\"pid\":%d,\"uptime\":%" PRIu64,
			       (int)getpid(),
			       (call->now.mono_ns - c->started_ns) / 1000000000U);
		status(call);
		return;
	}
	if (control_cache_has(x->rq.handle)) {
		run_cache_verb(x->rq.handle, call);
		return;
	}
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (hlv_eq(x->rq.handle, hlv_text(verbs[i].name))) {
			verbs[i].run(call);
			return;
		}
	}
	call->rc = HLV_RC_NOT_SUPPORTED;
	call->why = "No such verb";
}

static void answer(struct control *c, struct hlv_exchange *x)
{
	struct hlv_json_error *error = hlv_alloc(&x->arena, sizeof *error);
	struct control_call call = {
		.o = &c->o, .arena = &x->arena, .args = {.error = error}, .now = hlv_clock()};
	if (!error) {
		hlv_exchange_error(x, HLV_RC_ERROR, "Out of memory");
		return;
	}
	if (x->rq.octets.n > 0 &&
	    hlv_json_read(&call.args, x->rq.octets, &x->arena, error) != HLV_OK)
		refuse_arguments(&call);
	else
		run_verb(c, x, &call);
	struct hlv_bytes octets = hlv_arena_copy(&x->arena, hlv_buf_bytes(&call.json));
	bool bad = call.json.bad || x->arena.bad;
	hlv_buf_free(&call.json);
	if (call.rc)
		hlv_exchange_error(x, call.rc, call.why);
	else if (bad || octets.n > ANSWER_MAX)
		hlv_exchange_error(x, HLV_RC_ERROR, "The answer is too long");
	else
		x->rs = (struct hlv_response){
			.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_OCTETS, .octets = octets};
}

static void take(struct hlv_mail *mail, void *receiver)
{
	struct hlv_exchange *x = (struct hlv_exchange *)(void *)mail; /* its first member */
	answer(receiver, x);
	hlv_exchange_return(x);
}

bool control_submit(struct control *c, struct hlv_exchange *x)
{
	uint32_t uid = x->peer.uid;
	if (x->peer.transport != HLV_T_LOCAL || (uid != 0 && uid != getuid())) {
		hlv_exchange_error(x, HLV_RC_INVALID_ADMIN,
				   "Only for helver's own user and root");
		return false;
	}
	if (hlv_exchange_keep(x) != HLV_OK) {
		hlv_exchange_error(x, HLV_RC_ERROR, "The request takes too much memory");
		return false;
	}
	x->mail.open = take;
	hlv_mailbox_post(hlv_actor_mailbox(c->actor), &x->mail);
	return true;
}

static bool idle(void *ctx, struct hlv_now now)
{
	(void)ctx;
	(void)now;
	return false;
}

struct control *control_start(const struct control_options *o)
{
	struct control *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->o = *o;
	c->started_ns = hlv_clock().mono_ns;
	c->actor = hlv_actor_start("control", idle, c);
	if (c->actor)
		return c;
	free(c);
	return NULL;
}

void control_stop(struct control *c)
{
	if (!c)
		return;
	hlv_actor_stop(c->actor);
	free(c);
}
