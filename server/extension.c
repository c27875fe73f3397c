/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include "proto/net/json_tree.h"
#include "proto/net/log.h"
#include "server/bulk.h"
#include "server/registrar_inner.h"
#include "server/txn_wire.h"

static void refuse(struct registrar *g, struct job *j, enum hlv_rc rc, const char *text)
{
	job_refuse(j, rc, text);
	registrar_reply(g, j);
}

static void answer_octets(struct job *j, struct hlv_bytes octets)
{
	j->x->rs = (struct hlv_response){
		.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_OCTETS, .octets = octets};
}

/* --- HELVE_COMMIT: a tool on this machine that has planned by itself --- */

static void committed(struct job *j, enum hlv_err group)
{
	size_t room = TXN_WIRE_HEAD + j->ntxns * TXN_WIRE_ANSWER;
	uint8_t *p = hlv_alloc_raw(&j->x->arena, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	txn_wire_put_answer(&w, j->txns, j->ntxns, group);
	if (w.bad)
		job_refuse(j, HLV_RC_ERROR, "Out of memory: look whether it was committed");
	else
		answer_octets(j, hlv_written(&w));
}

/* What commit keeps for itself, and what the registrar does: a tool has nothing to put there. */
static bool is_reserved(struct hlv_bytes name)
{
	static const char *const reserved[] = {"audit", "count",  "epoch", "format", "history",
					       "index", "quota:", "seq",   "state",  "used:"};
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (hlv_starts_with(name, hlv_text(reserved[i])))
			return true;
	return false;
}

static bool has_reserved(const struct job *j)
{
	for (size_t i = 0; i < j->ntxns; i++)
		for (size_t k = 0; k < j->txns[i].nputs; k++) {
			const struct store_put *put = &j->txns[i].puts[k];
			if (put->space == SPACE_META && is_reserved(put->key))
				return true;
		}
	return false;
}

static void commit_txns(struct registrar *g, struct job *j)
{
	struct hlv_exchange *x = j->x;
	struct store_actor nobody = {0};
	if (j->who.how != ACTOR_LOCAL) {
		refuse(g, j, HLV_RC_INVALID_ADMIN,
		       "Only by the control socket, for the server's own user and root");
		return;
	}
	enum hlv_err err =
		txn_wire_decode(x->rq.octets, &nobody, &x->arena, &j->txns, &j->ntxns);
	if (err != HLV_OK || j->ntxns == 0) {
		refuse(g, j, HLV_RC_PROTOCOL_ERROR, "No transactions that could be read");
		return;
	}
	if (has_reserved(j)) {
		refuse(g, j, HLV_RC_PROTOCOL_ERROR, "The registry keeps those names itself");
		return;
	}
	j->committed = committed;
	registrar_commit(g, j);
}

/* --- HELVE_BULK --- */

static void bulk(struct registrar *g, struct job *j)
{
	struct plan_context c;
	struct answer_context answer;
	uint8_t random[16] = {0};
	if (!registrar_flush(g)) {
		refuse(g, j, HLV_RC_ERROR, "The registry cannot be read");
		return;
	}
	hlv_arena_reset(&g->arena); /* no group needs it */
	registrar_context(g, j, random, &answer, &c);
	answer.arena = &g->arena;
	enum bulk_verdict verdict = bulk_plan(j, &c);
	j->plan.answer_flags = 0;
	if (verdict == BULK_FETCH) {
		registrar_fetch_group(g, j);
		return;
	}
	if (verdict == BULK_COMMIT && !quota_refuses(&g->quota, j, g->store, g->view, g->now))
		registrar_commit_alone(g, j);
	else
		registrar_reply(g, j);
}

/* --- HELVE_CONTROL --- */

static void put_quota(struct hlv_buf *b, const struct quota_table *t)
{
	hlv_buf_str(b, "[");
	for (size_t i = 0; i < t->n; i++) {
		const struct quota *q = &t->list[i];
		hlv_buf_str(b, i ? ",{\"subject\":" : "{\"subject\":");
		hlv_json_put_str(b, hlv_text(q->subject));
		hlv_buf_printf(b,
			       ",\"records\":%" PRIu64 ",\"perDay\":%" PRIu64
			       ",\"usedToday\":%" PRIu64 ",\"registered\":%" PRIu64 "}",
			       q->records, q->per_day, q->used, q->made);
	}
	hlv_buf_str(b, "]");
}

static void put_status(struct registrar *g, struct hlv_buf *b)
{
	struct authn_stats a = authn_stats(g->authn);
	struct store_stats s = {0};
	enum hlv_err err = store_stats(g->store, g->view, &s);
	hlv_buf_printf(b,
		       "{\"version\":\"" HELVE_VERSION "\",\"pid\":%d,\"uptime\":%" PRIu64
		       ",\"health\":\"%s\",\"why\":",
		       (int)getpid(), (g->now.mono_ns - g->started_ns) / 1000000000U,
		       health_name(&g->health));
	hlv_json_put_str(b, hlv_text(g->health.why));
	hlv_buf_printf(b,
		       ",\"serial\":%u,\"readable\":%s,\"seq\":%" PRIu64
		       ",\"prefixes\":%" PRIu64 ",\"octets\":%" PRIu64
		       ",\"mapOctets\":%" PRIu64,
		       g->node->serial, err == HLV_OK ? "true" : "false", s.last_seq,
		       s.prefixes, s.octets, s.map_octets);
	hlv_buf_printf(b,
		       ",\"challenges\":%zu,\"sessions\":%zu,\"proofs\":%" PRIu64
		       ",\"wrongProofs\":%" PRIu64 ",\"changes\":%" PRIu64
		       ",\"commits\":%" PRIu64 ",\"failedCommits\":%" PRIu64,
		       a.challenges, a.sessions, a.succeeded, a.failed, g->stats.committed,
		       g->health.commits, g->health.failures);
	if (g->rules->put_counters)
		g->rules->put_counters(g->rules->ctx, b);
	hlv_buf_str(b, "}");
}

static void status(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	struct hlv_buf b = {0};
	(void)args;
	put_status(g, &b);
	answer_octets(j, hlv_arena_copy(&j->x->arena, hlv_buf_bytes(&b)));
	hlv_buf_free(&b);
	registrar_reply(g, j);
}

static void reload(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	(void)args;
	/* main does it, and logs how it went. */
	kill(getpid(), SIGHUP);
	answer_octets(j, hlv_text("{\"reload\":\"asked\"}"));
	registrar_reply(g, j);
}

static void tell(struct registrar *g, struct job *j, void (*put)(void *, struct hlv_buf *))
{
	struct hlv_buf b = {0};
	if (put)
		put(g->rules->ctx, &b);
	answer_octets(j, hlv_arena_copy(&j->x->arena, hlv_buf_bytes(&b)));
	hlv_buf_free(&b);
	registrar_reply(g, j);
}

static void slow(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	(void)args;
	tell(g, j, g->rules->put_slow);
}

static void stats(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	(void)args;
	tell(g, j, g->rules->put_stats);
}

static void list_quota(struct registrar *g, struct job *j)
{
	struct hlv_buf b = {0};
	put_quota(&b, &g->quota);
	answer_octets(j, hlv_arena_copy(&j->x->arena, hlv_buf_bytes(&b)));
	hlv_buf_free(&b);
}

/* A limit in the making. */
struct limiting {
	struct quota_table *table;
	struct quota_change change;
};

static void quota_kept(struct job *j, enum hlv_err group)
{
	const struct limiting *l = j->state;
	if (group != HLV_OK || j->txns->err != HLV_OK) {
		job_refuse(j, HLV_RC_ERROR, "The limit could not be written");
		return;
	}
	quota_apply(l->table, &l->change);
	answer_octets(j, hlv_text("{\"quota\":\"set\"}"));
}

static void set_quota(struct registrar *g, struct job *j, const struct quota_change *change)
{
	struct hlv_arena *a = &j->x->arena;
	struct limiting *l = hlv_alloc(a, sizeof *l);
	struct store_txn *txn = hlv_alloc(a, sizeof *txn);
	enum hlv_err err = HLV_E_NOMEM;
	if (l && txn)
		err = quota_plan(&g->quota, change, a, txn);
	if (err == HLV_E_NOMEM) {
		refuse(g, j, HLV_RC_ERROR, "Out of memory");
		return;
	}
	if (err != HLV_OK) {
		refuse(g, j, HLV_RC_INVALID_VALUE,
		       err == HLV_E_NOT_FOUND
			       ? "There is no limit of this subject"
			       : "Too many limits, or neither a prefix nor INDEX:IDENTITY");
		return;
	}
	*l = (struct limiting){&g->quota, *change};
	j->state = l;
	j->txns = txn;
	j->ntxns = 1;
	j->committed = quota_kept;
	registrar_commit_alone(g, j);
}

static void quota(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	struct hlv_bytes subject = {0};
	int64_t records = 0, per_day = 0;
	struct hlv_json parsed = *args;
	const struct hlv_json_node *root = parsed.root;
	if (hlv_json_get_string_or(&parsed, root, "subject", &subject) != HLV_OK ||
	    hlv_json_get_integer_or(&parsed, root, "records", 0, INT64_MAX, &records) !=
		    HLV_OK ||
	    hlv_json_get_integer_or(&parsed, root, "perDay", 0, INT64_MAX, &per_day) !=
		    HLV_OK) {
		char *text = hlv_arena_str(&j->x->arena, hlv_text(parsed.error->text));
		refuse(g, j, HLV_RC_PROTOCOL_ERROR, text);
		return;
	}
	if (subject.n == 0) {
		list_quota(g, j);
		registrar_reply(g, j);
		return;
	}
	set_quota(g, j, &(struct quota_change){subject, (uint64_t)records, (uint64_t)per_day});
}

static const struct {
	const char *name;
	void (*run)(struct registrar *, struct job *, const struct hlv_json *args);
} verbs[] = {
	{"status", status},
	{"reload", reload},
	{"slow", slow},
	{"stats", stats},
	{"quota", quota},
	{"checkpoint", registrar_checkpoint},
	{"copy-begin", registrar_copy},
	{"copy-scan", registrar_copy},
	{"copy-journal", registrar_copy},
	{"audit", registrar_audit},
	{"list", registrar_list},
	{"history", registrar_history},
	{"undo", registrar_undo},
	{"undo-plan", registrar_undo},
	{"search", registrar_search},
	{"index", registrar_index},
};

/* Verbs that ask by themselves who may: also those who have the rights by a record. */
static bool asks_itself(const struct hlv_exchange *x)
{
	static const char *const names[] = {"list", "history", "undo", "undo-plan", "search"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (x->rq.m.hdr.op == HLV_OP_HELVE_CONTROL &&
		    hlv_eq(x->rq.handle, hlv_text(names[i])))
			return true;
	return false;
}

static enum authz_verdict is_in(struct authz *a, const struct job *j,
				const struct hlv_ref *list, size_t n)
{
	return n ? authz_is_listed(a, &j->who.who, list, n) : AUTHZ_NO;
}

/* Running the node is for its own user, and for server administrators; a backup and copies for some
 * more. */
static enum authz_verdict ask_control(struct authz *a, const struct job *j)
{
	const struct authz_lists *l = a->lists;
	if (j->who.how == ACTOR_LOCAL)
		return AUTHZ_YES;
	enum authz_verdict verdict = is_in(a, j, l->server_admins, l->nserver_admins);
	if (verdict == AUTHZ_NO && j->x->rq.m.hdr.op == HLV_OP_BACKUP_SERVER)
		verdict = is_in(a, j, l->backup_admins, l->nbackup_admins);
	if (verdict == AUTHZ_NO && hlv_starts_with(j->x->rq.handle, hlv_text("copy-")))
		verdict = is_in(a, j, l->replication_admins, l->nreplication_admins);
	return verdict;
}

static bool may_control(struct registrar *g, struct job *j)
{
	struct answer_context answer;
	struct plan_context c;
	registrar_context(g, j, NULL, &answer, &c);
	struct authz a = {.from = &answer,
			  .lists = &g->rules->plan.lists,
			  .fetched = j->fetched,
			  .nfetched = j->nfetched};
	switch (ask_control(&a, j)) {
	case AUTHZ_YES:
		return true;
	case AUTHZ_FETCH:
		j->plan.wanted = a.wanted;
		registrar_fetch_group(g, j);
		return false;
	case AUTHZ_NO:
		refuse(g, j, HLV_RC_INVALID_ADMIN, "Only for server administrators");
		return false;
	case AUTHZ_ERROR:
		break;
	}
	refuse(g, j, HLV_RC_ERROR, "The registry cannot be read");
	return false;
}

static void control(struct registrar *g, struct job *j)
{
	struct hlv_exchange *x = j->x;
	struct hlv_json args = {0};
	struct hlv_json_error *error = hlv_alloc(&x->arena, sizeof *error);
	if (!error) {
		refuse(g, j, HLV_RC_ERROR, "Out of memory");
		return;
	}
	args.error = error;
	if (x->rq.octets.n > 0 &&
	    hlv_json_read(&args, x->rq.octets, &x->arena, error) != HLV_OK) {
		refuse(g, j, HLV_RC_PROTOCOL_ERROR, error->text);
		return;
	}
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (hlv_eq(x->rq.handle, hlv_text(verbs[i].name))) {
			verbs[i].run(g, j, &args);
			return;
		}
	}
	refuse(g, j, HLV_RC_NOT_SUPPORTED, "No such verb");
}

/* A backup administrator's wish that all be safe on disk: it always is. */
static void backup_server(struct registrar *g, struct job *j)
{
	j->x->rs = (struct hlv_response){.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_EMPTY};
	registrar_reply(g, j);
}

void registrar_extension(struct registrar *g, struct job *j)
{
	uint32_t op = j->x->rq.m.hdr.op;
	bool control_op = (op == HLV_OP_HELVE_CONTROL || op == HLV_OP_BACKUP_SERVER) &&
			  !asks_itself(j->x);
	bool index_unknown = j->unproven && j->who.who.index == 0; /* "find my key" */
	/* Nobody who comes by the network could prove enough. */
	if (op == HLV_OP_HELVE_COMMIT && j->x->peer.transport != HLV_T_LOCAL) {
		refuse(g, j, HLV_RC_INVALID_ADMIN, "Only by the control socket");
		return;
	}
	/* Whether the claimed identity may comes before whether it is who it says (8, step 4). */
	if (control_op && j->who.how != ACTOR_PUBLIC && !index_unknown && !may_control(g, j))
		return;
	if (!registrar_knows_sender(g, j))
		return;
	switch (op) {
	case HLV_OP_HELVE_COMMIT:
		commit_txns(g, j);
		return;
	case HLV_OP_HELVE_BULK:
		bulk(g, j);
		return;
	case HLV_OP_HELVE_CONTROL:
		control(g, j);
		return;
	case HLV_OP_BACKUP_SERVER:
		backup_server(g, j);
		return;
	}
}
