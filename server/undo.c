/* SPDX-License-Identifier: Apache-2.0 */
#include "server/undo.h"

#include <inttypes.h>

#include "proto/net/json.h"
#include "server/journal.h"
#include "server/look.h"

enum {
	RECORDS_MAX = 8192, /* as many as a bulk chunk has */
	SLICE = 1000,	    /* of a bulk load */
	VISITS_MAX = 50000,
};

struct undoing {
	struct job *j;
	const struct plan_context *c;
	const struct undo *u;
	bool range;			      /* a bulk load: in slices */
	struct plan_undo wanted[RECORDS_MAX]; /* names are in the arena */
	size_t nwanted;
	struct store_put *puts;
	struct store_check *checks;
	size_t n, nchecks, checks_cap;
	struct job_use *uses;
	struct hlv_buf out;
	struct store_key next; /* n == 0: that was all */
};

static enum plan_verdict refuse(struct undoing *g, enum hlv_rc rc, const char *text)
{
	job_refuse(g->j, rc, text);
	return PLAN_REFUSED;
}

static enum plan_verdict failed(struct undoing *g, enum hlv_err err)
{
	return refuse(g, HLV_RC_ERROR,
		      err == HLV_E_NOMEM
			      ? "That takes too much memory: undo it on the node itself"
			      : "The registry cannot be read");
}

/* --- which records --- */

static bool want(struct undoing *g, struct hlv_bytes name, uint64_t seq)
{
	struct hlv_bytes kept = hlv_arena_copy(g->c->answer->arena, name);
	if (g->nwanted == RECORDS_MAX || g->c->answer->arena->bad)
		return false;
	g->wanted[g->nwanted++] = (struct plan_undo){kept, 0, seq};
	return true;
}

static void set_next(struct undoing *g, struct hlv_bytes key)
{
	memcpy(g->next.octets, key.p, key.n);
	g->next.n = (uint16_t)key.n;
}

static enum plan_verdict want_puts(struct undoing *g, struct journal_entry *entry)
{
	struct store_put put;
	bool begun = g->u->from.n == 0;
	while (journal_next(entry, &put)) {
		if (put.space != SPACE_RECORD)
			return refuse(g, HLV_RC_NOT_FOUND,
				      "What was before is not kept: it was no change of a "
				      "record");
		begun = begun || hlv_eq(put.key, store_key_bytes(&g->u->from));
		if (begun && !want(g, hlv_record_name(put.value), entry->seq))
			return failed(g, HLV_E_NOMEM);
	}
	return PLAN_COMMIT;
}

struct ranging {
	struct undoing *g;
	const struct journal_entry *entry;
	size_t visits;
	enum hlv_err err;
};

/* What was changed again since stays as it is. */
static bool want_one(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct ranging *r = ctx;
	if (hlv_compare(key, r->entry->last) > 0)
		return false;
	if (r->g->nwanted == SLICE || r->visits++ == VISITS_MAX) {
		set_next(r->g, key);
		return false;
	}
	if (hlv_record_seq(stored) == r->entry->seq &&
	    !want(r->g, hlv_record_name(stored), r->entry->seq))
		r->err = HLV_E_NOMEM;
	return r->err == HLV_OK;
}

static enum plan_verdict want_change(struct undoing *g)
{
	const struct answer_context *a = g->c->answer;
	uint8_t octets[JOURNAL_KEY_SIZE];
	struct journal_entry entry;
	struct hlv_bytes stored, key = journal_key(g->u->change, octets);
	enum hlv_err err = a->store->ops->get(a->view, SPACE_JOURNAL, key, &stored);
	if (err == HLV_E_NOT_FOUND)
		return refuse(g, HLV_RC_NOT_FOUND,
			      "There is no such change, or it is not kept any more");
	if (err == HLV_OK)
		err = journal_decode(stored, key, &entry);
	if (err != HLV_OK)
		return failed(g, err);
	g->range = entry.kind == JOURNAL_RANGE;
	if (!g->range)
		return want_puts(g, &entry);
	struct ranging r = {.g = g, .entry = &entry};
	struct hlv_bytes from = g->u->from.n ? store_key_bytes(&g->u->from) : entry.first;
	err = a->store->ops->scan(a->view, SPACE_RECORD, from, want_one, &r);
	if (err == HLV_OK)
		err = r.err;
	return err == HLV_OK ? PLAN_COMMIT : failed(g, err);
}

/* --- one of them --- */

static bool add_checks(struct undoing *g, const struct store_txn *txn)
{
	if (g->nchecks + txn->nchecks > g->checks_cap) {
		size_t cap = g->checks_cap * 2 + txn->nchecks + g->nwanted;
		struct store_check *p = hlv_alloc_raw(g->c->answer->arena, cap * sizeof *p);
		if (!p)
			return false;
		if (g->nchecks)
			memcpy(p, g->checks, g->nchecks * sizeof *p);
		g->checks = p;
		g->checks_cap = cap;
	}
	for (size_t i = 0; i < txn->nchecks; i++) {
		const struct store_check *check = &txn->checks[i];
		bool known =
			false; /* the prefix's own stand in front, and are many times the same */
		for (size_t m = 0; m < g->nchecks && m < 8 && !known; m++)
			known = g->checks[m].space == check->space &&
				hlv_eq(g->checks[m].key, check->key);
		if (!known)
			g->checks[g->nchecks++] = *check;
	}
	return true;
}

static enum plan_verdict add(struct undoing *g, const struct plan_undo *one)
{
	const struct store_put *put = &g->j->plan.puts[0];
	const struct answer_context *a = g->c->answer;
	struct hlv_bytes prefix = hlv_name_split(one->id).prefix, before;
	enum hlv_err err = a->store->ops->get(a->view, put->space, put->key, &before);
	if (err != HLV_OK || before.n < HLV_RECORD_HEADER || put->value.n < HLV_RECORD_HEADER)
		return failed(g, err);
	if (!add_checks(g, &g->j->plan.txn))
		return failed(g, HLV_E_NOMEM);
	g->puts[g->n] = *put;
	struct job_use *use = &g->uses[g->n++];
	bool registers =
		before.p[1] & HLV_RECORD_DELETED && !(put->value.p[1] & HLV_RECORD_DELETED);
	*use = (struct job_use){prefix, 1, registers};
	return PLAN_COMMIT;
}

/* `before` and `after` of what was planned last. */
static bool tell(struct undoing *g, struct hlv_buf *b)
{
	const struct answer_context *a = g->c->answer;
	const struct store_put *put = &g->puts[g->n - 1];
	struct hlv_bytes stored;
	struct hlv_record before, after;
	if (a->store->ops->get(a->view, put->space, put->key, &stored) != HLV_OK ||
	    hlv_record_decode(stored, put->key, &before) != HLV_OK ||
	    hlv_record_decode(put->value, put->key, &after) != HLV_OK)
		return false;
	hlv_buf_str(b, "{\"handle\":");
	hlv_json_put_str(b, before.name);
	hlv_buf_str(b, ",\"before\":");
	look_put_stored(b, put->key, &before);
	hlv_buf_str(b, ",\"after\":");
	look_put_stored(b, put->key, &after);
	hlv_buf_str(b, "}");
	return !b->bad;
}

/* False: it has no room on this page. */
static bool show(struct undoing *g, enum hlv_err *err)
{
	struct hlv_buf row = {0};
	*err = tell(g, &row) ? HLV_OK : HLV_E_CORRUPT;
	bool room = g->n == 1 || g->out.n + row.n < LOOK_OCTETS_MAX;
	if (room) {
		hlv_buf_str(&g->out, g->n > 1 ? "," : "");
		hlv_buf_put(&g->out, hlv_buf_bytes(&row));
	} else {
		set_next(g, g->puts[g->n - 1].key);
	}
	hlv_buf_free(&row);
	return room;
}

/* Of many, which one it is that cannot be undone; but a stranger learns no names. */
static void name_refused(struct undoing *g, const struct plan_undo *one)
{
	struct hlv_response *rs = &g->j->x->rs;
	struct hlv_buf text = {0};
	if (g->u->change == 0 || rs->rc == HLV_RC_INVALID_ADMIN)
		return;
	hlv_buf_put(&text, hlv_head(one->id, 200));
	hlv_buf_printf(&text, ": %.*s", (int)rs->text.n, (const char *)rs->text.p);
	if (rs->text.n == 0)
		hlv_buf_str(&text, "cannot be undone");
	job_refuse(g->j, rs->rc, hlv_arena_str(&g->j->x->arena, hlv_buf_bytes(&text)));
	hlv_buf_free(&text);
}

static enum plan_verdict plan_all(struct undoing *g)
{
	struct job *j = g->j;
	for (size_t i = 0; i < g->nwanted; i++) {
		const struct plan_undo *one = &g->wanted[i];
		enum hlv_err err = HLV_OK;
		enum plan_verdict verdict =
			plan_undo(g->c, &j->who, &j->x->rq, one, &j->plan, &j->x->rs);
		switch (verdict) {
		case PLAN_COMMIT:
			verdict = add(g, one);
			if (verdict != PLAN_COMMIT)
				return verdict;
			if (g->u->dry_run && !show(g, &err))
				return PLAN_COMMIT;
			if (err != HLV_OK)
				return failed(g, err);
			break;
		case PLAN_ANSWER:
		case PLAN_LIST:
			break;
		case PLAN_REFUSED:
			name_refused(g, one);
			return verdict;
		case PLAN_FETCH:
		case PLAN_CHALLENGE:
			return verdict;
		}
	}
	return PLAN_COMMIT;
}

/* --- the answer --- */

static enum plan_verdict answer(struct undoing *g)
{
	struct job *j = g->j;
	struct hlv_arena *a = g->c->answer->arena;
	struct store_txn *txn = hlv_alloc(a, sizeof *txn);
	if (g->u->dry_run)
		hlv_buf_str(&g->out, "]");
	else
		hlv_buf_printf(&g->out, "{\"undo\":\"done\",\"records\":%zu", g->n);
	hlv_buf_str(&g->out, g->next.n ? ",\"next\":\"" : ",\"next\":null}");
	if (g->next.n) {
		look_put_cursor(&g->out, store_key_bytes(&g->next));
		hlv_buf_str(&g->out, "\"}");
	}
	struct hlv_bytes octets = hlv_arena_copy(a, hlv_buf_bytes(&g->out));
	if (g->out.bad || a->bad)
		return failed(g, HLV_E_NOMEM);
	j->x->rs = (struct hlv_response){
		.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_OCTETS, .octets = octets};
	if (g->u->dry_run || g->n == 0)
		return PLAN_ANSWER;
	*txn = (struct store_txn){.checks = g->checks,
				  .nchecks = g->nchecks,
				  .puts = g->puts,
				  .nputs = g->n,
				  .bulk = g->range};
	j->txns = txn;
	j->ntxns = 1;
	j->uses = g->uses;
	j->nuses = g->n;
	return PLAN_COMMIT;
}

static enum plan_verdict run(struct undoing *g)
{
	struct hlv_arena *a = g->c->answer->arena;
	enum plan_verdict verdict = PLAN_COMMIT;
	if (g->u->change)
		verdict = want_change(g);
	else
		g->wanted[g->nwanted++] = g->u->one;
	if (verdict != PLAN_COMMIT)
		return verdict;
	g->puts = hlv_alloc_raw(a, (g->nwanted + 1) * sizeof *g->puts);
	g->uses = hlv_alloc_raw(a, (g->nwanted + 1) * sizeof *g->uses);
	if (a->bad)
		return failed(g, HLV_E_NOMEM);
	if (g->u->dry_run)
		hlv_buf_str(&g->out, "{\"changes\":[");
	verdict = plan_all(g);
	return verdict == PLAN_COMMIT ? answer(g) : verdict;
}

enum plan_verdict undo_plan(struct job *j, const struct plan_context *c, const struct undo *u)
{
	struct undoing *g = hlv_alloc(c->answer->arena, sizeof *g);
	if (!g) {
		job_refuse(j, HLV_RC_ERROR, "Out of memory");
		return PLAN_REFUSED;
	}
	*g = (struct undoing){.j = j, .c = c, .u = u};
	enum plan_verdict verdict = run(g);
	hlv_buf_free(&g->out);
	return verdict;
}
