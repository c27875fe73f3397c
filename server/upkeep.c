/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "proto/net/log.h"
#include "server/audit.h"
#include "server/history.h"
#include "server/registrar_inner.h"

enum { CHECKPOINT_ENTRIES = 1000 };
static const hlv_mono_ns CHECKPOINT_NS = 60000000000U, TRIM_NS = 60000000000U,
			 PREFIXES_NS = 60000000000U;
static const uint64_t DAY_MS = 86400000;

/* --- checkpoints of the audit trail --- */

/* A signed head, if there is anything new since the last one. */
static enum hlv_err checkpoint(struct registrar *g)
{
	struct audit_head head;
	if (!g->node->key || g->health.vanished ||
	    g->health.disk.watch.state >= DISK_NO_CREATES)
		return HLV_OK;
	if (!registrar_flush(g))
		return HLV_E_IO;
	struct audit_checkpoint *c = hlv_alloc(&g->arena, sizeof *c);
	if (!c)
		return HLV_E_NOMEM;
	enum hlv_err err = audit_head_get(g->store, g->view, &head);
	if (err == HLV_E_NOT_FOUND || (err == HLV_OK && head.seq == g->signed_seq))
		return HLV_OK;
	if (err == HLV_OK)
		err = audit_checkpoint_make(g->node->key, &head, c);
	if (err != HLV_OK)
		return err;
	registrar_end_view(g);
	c->txn.actor = (struct store_actor){
		.how = ACTOR_LOCAL, .transport = HLV_T_LOCAL, .op = HLV_OP_HELVE_CONTROL};
	c->txn.time_ms = g->now.wall_ms;
	err = health_commit(&g->health, &c->txn, 1, g->now);
	if (err == HLV_OK && c->txn.err == HLV_OK)
		g->signed_seq = head.seq + 1; /* the checkpoint is an entry too */
	return err == HLV_OK ? c->txn.err : err;
}

void registrar_checkpoint(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	(void)args;
	enum hlv_err err = checkpoint(g);
	hlv_arena_reset(&g->arena);
	if (err == HLV_OK)
		j->x->rs =
			(struct hlv_response){.rc = HLV_RC_SUCCESS,
					      .kind = HLV_BODY_OCTETS,
					      .octets = hlv_text("{\"checkpoint\":\"made\"}")};
	else
		job_refuse(j, HLV_RC_ERROR, "The checkpoint could not be made");
	registrar_reply(g, j);
}

static void checkpoint_now_and_then(struct registrar *g)
{
	bool due = g->now.mono_ns - g->signed_ns >= CHECKPOINT_NS ||
		   g->stats.committed - g->signed_changes >= CHECKPOINT_ENTRIES;
	if (!due)
		return;
	g->signed_ns = g->now.mono_ns;
	g->signed_changes = g->stats.committed;
	enum hlv_err err = checkpoint(g);
	hlv_arena_reset(&g->arena);
	if (err != HLV_OK)
		hlv_warn("audit.checkpoint", "error=\"%s\"", hlv_strerror(err));
}

/* --- former versions whose days are over --- */

static enum hlv_err trim(struct registrar *g, bool *done)
{
	struct store_txn txn;
	uint64_t before = g->now.wall_ms - g->rules->undo_days * DAY_MS;
	*done = true;
	if (!registrar_flush(g))
		return HLV_E_IO;
	HLV_TRY(history_trim(g->store, g->view, before, &g->arena, &txn, done));
	registrar_end_view(g);
	if (txn.nputs == 0)
		return HLV_OK;
	txn.time_ms = g->now.wall_ms;
	HLV_TRY(health_commit(&g->health, &txn, 1, g->now));
	return txn.err;
}

/* One slice; the rest in the next round. */
static void trim_now_and_then(struct registrar *g)
{
	bool done;
	if (g->health.vanished || (g->trimmed_ns && g->now.mono_ns - g->trimmed_ns < TRIM_NS))
		return;
	enum hlv_err err = trim(g, &done);
	hlv_arena_reset(&g->arena);
	if (done || err != HLV_OK)
		g->trimmed_ns = g->now.mono_ns;
	if (err != HLV_OK)
		hlv_warn("history.trim", "error=\"%s\"", hlv_strerror(err));
}

/* --- numbers for whoever watches --- */

/* By the mark that helvectl backup leaves beside the registry. */
static uint64_t last_backup(const struct registrar *g)
{
	char path[PATH_MAX];
	struct stat st;
	snprintf(path, sizeof path, "%s/" STORE_BACKUP_MARK, g->rules->data_dir);
	return stat(path, &st) == 0 ? (uint64_t)st.st_mtim.tv_sec : 0;
}

static void measure_registry(struct registrar *g)
{
	struct registrar_meter *m = &g->meter;
	struct store_stats s = {0};
	uint64_t records = 0, lag = 0;
	bool readable =
		registrar_flush(g) && store_stats(g->store, g->view, &s) == HLV_OK &&
		store_count(g->store, g->view, (struct hlv_bytes){0}, &records) == HLV_OK;
	registrar_meter_set(&m->readable, readable);
	if (!readable)
		return;
	registrar_meter_set(&m->records, records);
	registrar_meter_set(&m->prefixes, s.prefixes);
	registrar_meter_set(&m->seq, s.last_seq);
	registrar_meter_set(&m->octets, s.octets);
	registrar_meter_set(&m->map_octets, s.map_octets);
	if (store_reader_lag(g->store, &lag) == HLV_OK)
		registrar_meter_set(&m->reader_lag, lag);
	if (g->counted_ns && g->now.mono_ns - g->counted_ns < PREFIXES_NS)
		return;
	g->counted_ns = g->now.mono_ns;
	registrar_meter_prefixes(m, g->store, g->view);
}

static void measure(struct registrar *g)
{
	struct registrar_meter *m = &g->meter;
	const struct health *h = &g->health;
	struct authn_stats a = authn_stats(g->authn);
	enum disk_state state = h->vanished ? DISK_READ_ONLY : h->disk.watch.state;
	registrar_meter_set(&m->commits, h->commits);
	registrar_meter_set(&m->failed_commits, h->failures);
	registrar_meter_set(&m->changes, g->stats.committed);
	registrar_meter_set(&m->answered, g->stats.answered);
	registrar_meter_set(&m->proofs, a.succeeded);
	registrar_meter_set(&m->wrong_proofs, a.failed);
	registrar_meter_set(&m->sessions, a.sessions);
	registrar_meter_set(&m->challenges, a.challenges);
	registrar_meter_set(&m->waiting,
			    atomic_load_explicit(&g->waiting, memory_order_relaxed));
	registrar_meter_set(&m->disk_free, h->disk.watch.last.free);
	registrar_meter_set(&m->disk_total, h->disk.watch.last.total);
	registrar_meter_set(&m->degraded, (uint64_t)state);
	registrar_meter_set(&m->writable, state < DISK_NO_CREATES && !h->reopen);
	registrar_meter_set(&m->backup_s, last_backup(g));
	registrar_meter_why(m, h->why);
	measure_registry(g);
}

void registrar_upkeep(struct registrar *g)
{
	health_tick(&g->health, g->now);
	measure(g);
	checkpoint_now_and_then(g);
	trim_now_and_then(g);
}
