/* SPDX-License-Identifier: Apache-2.0
 *
 * HELVE_CONTROL's verbs about what stands in the registry, and what stood there: "list", "history",
 * "undo", "audit". They are for server administrators, the first three also for whoever has the right
 * to do the same by the protocol's own operations.
 */
#include "proto/net/json_tree.h"
#include "server/look.h"
#include "server/registrar_inner.h"
#include "server/search.h"
#include "server/undo.h"

enum { LIMIT_USUAL = 50 };

struct wish {
	struct hlv_bytes id, prefix, after; /* a cursor, or digits ... */
	uint64_t after_seq;		    /* ... as a number */
	uint64_t seq, newest, before;
	uint64_t change;       /* all of it is to be undone, ... */
	struct hlv_bytes from; /* ... from there on */
	bool newest_first, stored;
	size_t limit;
};

static enum hlv_err get_u64(struct hlv_json *j, const char *name, uint64_t *out)
{
	int64_t n = (int64_t)*out;
	HLV_TRY(hlv_json_get_integer_or(j, j->root, name, 0, INT64_MAX, &n));
	*out = (uint64_t)n;
	return HLV_OK;
}

static enum hlv_err read_wish(struct hlv_json *j, struct wish *w)
{
	int64_t limit = LIMIT_USUAL;
	*w = (struct wish){0};
	HLV_TRY(hlv_json_get_string_or(j, j->root, "handle", &w->id));
	HLV_TRY(hlv_json_get_string_or(j, j->root, "prefix", &w->prefix));
	const struct hlv_json_node *after = hlv_json_member(j->root, "after");
	int64_t place = 0;
	if (hlv_json_integer(after, &place) && place < 0)
		return hlv_json_wrong(j, "after", "a place in the trail is expected");
	w->after = hlv_json_text(after);
	w->after_seq = (uint64_t)place;
	HLV_TRY(hlv_json_get_integer_or(j, j->root, "limit", 1, LOOK_LIMIT_MAX, &limit));
	HLV_TRY(get_u64(j, "seq", &w->seq));
	HLV_TRY(get_u64(j, "newest", &w->newest));
	HLV_TRY(get_u64(j, "before", &w->before));
	HLV_TRY(get_u64(j, "change", &w->change));
	HLV_TRY(hlv_json_get_string_or(j, j->root, "from", &w->from));
	HLV_TRY(hlv_json_get_bool_or(j, j->root, "newestFirst", &w->newest_first));
	HLV_TRY(hlv_json_get_bool_or(j, j->root, "stored", &w->stored));
	w->limit = (size_t)limit;
	return HLV_OK;
}

/* False: it was refused, and answered. */
static bool open_wish(struct registrar *g, struct job *j, const struct hlv_json *args,
		      struct wish *w)
{
	struct hlv_json json = *args;
	if (read_wish(&json, w) == HLV_OK)
		return true;
	job_refuse(j, HLV_RC_PROTOCOL_ERROR,
		   hlv_arena_str(&j->x->arena, hlv_text(json.error->text)));
	registrar_reply(g, j);
	return false;
}

/* With what was registered before; false: it was answered. */
static bool open_registry(struct registrar *g, struct job *j, struct answer_context *answer,
			  struct plan_context *c)
{
	if (!registrar_flush(g)) {
		job_refuse(j, HLV_RC_ERROR, "The registry cannot be read");
		registrar_reply(g, j);
		return false;
	}
	registrar_context(g, j, NULL, answer, c);
	return true;
}

static void refuse_err(struct job *j, enum hlv_err err)
{
	if (err == HLV_E_NOT_FOUND)
		job_refuse(j, HLV_RC_NOT_FOUND, NULL);
	else if (err == HLV_E_NOMEM)
		job_refuse(j, HLV_RC_ERROR, "Out of memory");
	else
		job_refuse(j, HLV_RC_ERROR, "The registry cannot be read");
}

/* Ends the job: with the page, or with why there is none. */
static void reply_page(struct registrar *g, struct job *j, enum hlv_err err,
		       struct hlv_buf *page)
{
	if (err == HLV_OK)
		j->x->rs = (struct hlv_response){
			.rc = HLV_RC_SUCCESS,
			.kind = HLV_BODY_OCTETS,
			.octets = hlv_arena_copy(&j->x->arena, hlv_buf_bytes(page))};
	else
		refuse_err(j, err);
	hlv_buf_free(page);
	j->plan.answer_flags = 0;
	registrar_reply(g, j);
}

/* What is to be done when the plan is no answer: false, and it is under way. */
static bool is_allowed(struct registrar *g, struct job *j, enum plan_verdict verdict)
{
	switch (verdict) {
	case PLAN_ANSWER:
	case PLAN_LIST:
	case PLAN_COMMIT:
		return true;
	case PLAN_FETCH:
		registrar_fetch_group(g, j);
		return false;
	case PLAN_REFUSED:
	case PLAN_CHALLENGE: /* it is known who asks: does not come */
		registrar_reply(g, j);
		return false;
	}
	return false;
}

void registrar_list(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	struct wish w;
	struct answer_context answer;
	struct plan_context c;
	struct store_key after;
	struct hlv_buf page = {0};
	if (!open_wish(g, j, args, &w) || !open_registry(g, j, &answer, &c))
		return;
	struct hlv_request rq = {.m.hdr.op = HLV_OP_LIST_HANDLES, .handle = w.prefix};
	if (w.prefix.n == 0 || !look_read_cursor(w.after, &after)) {
		job_refuse(j, HLV_RC_PROTOCOL_ERROR,
			   w.prefix.n ? "after: no cursor of ours" : "prefix: which one?");
		registrar_reply(g, j);
		return;
	}
	enum plan_verdict verdict = plan_request(&c, &j->who, &rq, &j->plan, &j->x->rs);
	if (!is_allowed(g, j, verdict))
		return;
	struct hlv_bytes id = w.prefix;
	if (hlv_name_is_prefix_handle(id))
		id = hlv_name_split(id).suffix;
	enum hlv_err err = look_list(&answer, id, &j->plan.list_from, &after, w.limit, &page);
	j->plan.list_from.n = 0; /* no list of many messages */
	reply_page(g, j, err, &page);
}

void registrar_history(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	struct wish w;
	struct answer_context answer;
	struct plan_context c;
	struct hlv_buf page = {0};
	if (!open_wish(g, j, args, &w) || !open_registry(g, j, &answer, &c))
		return;
	enum plan_verdict verdict =
		plan_history(&c, &j->who, &j->x->rq, w.id, &j->plan, &j->x->rs);
	if (!is_allowed(g, j, verdict))
		return;
	struct look_history wish = {w.before, w.limit, w.stored};
	reply_page(g, j, look_history(&answer, w.id, &wish, &page), &page);
}

/* In the group's arena, as a chunk of many records: none waits in it. */
void registrar_undo(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	struct wish w;
	struct answer_context answer;
	struct plan_context c;
	struct undo u;
	if (!open_wish(g, j, args, &w) || !open_registry(g, j, &answer, &c))
		return;
	if (!g->node->primary && j->who.how != ACTOR_LOCAL) {
		job_refuse(j, HLV_RC_NOT_RESPONSIBLE,
			   "This is a mirror: changes are for a primary site");
		registrar_reply(g, j);
		return;
	}
	hlv_arena_reset(&g->arena);
	answer.arena = &g->arena;
	/* A dry run is a verb of its own: a server that knows none must not take it for an undo. */
	u = (struct undo){.one = {w.id, w.seq, w.newest},
			  .change = w.change,
			  .dry_run = hlv_eq(j->x->rq.handle, hlv_text("undo-plan"))};
	if (!look_read_cursor(w.from, &u.from)) {
		job_refuse(j, HLV_RC_PROTOCOL_ERROR, "from: no cursor of ours");
		registrar_reply(g, j);
		return;
	}
	enum plan_verdict verdict = undo_plan(j, &c, &u);
	j->plan.answer_flags = 0;
	if (!is_allowed(g, j, verdict))
		return;
	if (verdict != PLAN_COMMIT || quota_refuses(&g->quota, j, g->store, g->view, g->now))
		registrar_reply(g, j);
	else
		registrar_commit_alone(g, j);
}

void registrar_audit(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	struct wish w;
	struct answer_context answer;
	struct plan_context c;
	struct hlv_buf page = {0};
	if (!open_wish(g, j, args, &w) || !open_registry(g, j, &answer, &c))
		return;
	struct look_audit wish = {w.after_seq, w.before, w.newest_first, w.stored, w.limit};
	reply_page(g, j, look_audit(&answer, &wish, &page), &page);
}

/* --- search --- */

static enum hlv_err read_where(struct hlv_json *j, struct search *s)
{
	const struct hlv_json_node *where = hlv_json_member(j->root, "where");
	if (hlv_json_kind(where) != HLV_JSON_ARRAY || hlv_json_length(where) == 0)
		return hlv_json_wrong(j, "where", "types and patterns are expected");
	for (const struct hlv_json_node *n = hlv_json_first(where); n; n = hlv_json_next(n)) {
		struct search_where *w = &s->where[s->n];
		if (s->n++ == SEARCH_WHERE_MAX)
			return hlv_json_wrong(j, "where", "at the most %d", SEARCH_WHERE_MAX);
		HLV_TRY(hlv_json_get_string(j, n, "type", &w->type));
		HLV_TRY(hlv_json_get_string(j, n, "pattern", &w->pattern));
	}
	return HLV_OK;
}

static enum hlv_err read_search(struct hlv_json *j, struct search *s)
{
	struct wish w;
	uint64_t skip = 0;
	HLV_TRY(read_wish(j, &w));
	HLV_TRY(get_u64(j, "skip", &skip));
	*s = (struct search){.prefix = w.prefix, .limit = w.limit, .skip = (size_t)skip};
	if (!look_read_cursor(w.after, &s->after))
		return hlv_json_wrong(j, "after", "no cursor of ours");
	return read_where(j, s);
}

/* What it tells is public, but told to those alone who are known: it tells it by the thousand. */
void registrar_search(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	struct answer_context answer;
	struct plan_context c;
	struct hlv_buf page = {0};
	struct hlv_json json = *args;
	struct search *s = hlv_alloc(&j->x->arena, sizeof *s);
	if (!s || read_search(&json, s) != HLV_OK) {
		job_refuse(j, HLV_RC_PROTOCOL_ERROR,
			   s ? hlv_arena_str(&j->x->arena, hlv_text(json.error->text)) : NULL);
		registrar_reply(g, j);
		return;
	}
	if (!open_registry(g, j, &answer, &c))
		return;
	enum hlv_err err = search_run(&answer, s, &page);
	if (err != HLV_E_UNSUPPORTED && err != HLV_E_BUSY && err != HLV_E_LIMIT) {
		reply_page(g, j, err, &page);
		return;
	}
	hlv_buf_free(&page);
	if (err == HLV_E_UNSUPPORTED)
		job_refuse(j, HLV_RC_NOT_SUPPORTED,
			   "None of these types is indexed: see the option index-types");
	else if (err == HLV_E_BUSY)
		job_refuse(j, HLV_RC_BUSY,
			   "The index of that type is being built: try again later");
	else
		job_refuse(j, HLV_RC_PROTOCOL_ERROR,
			   "A pattern has 256 octets at the most, and a type 255");
	registrar_reply(g, j);
}
