/* SPDX-License-Identifier: Apache-2.0
 *
 * The index of values in a running node: types come and go with the option index-types, at the start
 * and by a reload, and what stood there before is entered slice by slice (index.h), between the
 * changes of others. A small registry is done before anybody is answered.
 */
#include <inttypes.h>

#include "proto/net/json_tree.h"
#include "proto/net/log.h"
#include "server/index.h"
#include "server/registrar_inner.h"

enum { START_SLICES = 40 };
static const hlv_mono_ns AGAIN_NS = 5000000000U; /* behind a slice that could not be written */

/* The option's types as META has them: each behind a line feed, in upper case. */
static enum hlv_err print_types(const struct hlv_strings *types, struct hlv_buf *out)
{
	for (size_t i = 0; i < types->n; i++) {
		struct hlv_bytes type = hlv_text(types->list[i]);
		if (type.n == 0 || type.n > INDEX_TYPE_MAX || i == INDEX_TYPES_MAX)
			return HLV_E_LIMIT;
		hlv_buf_str(out, "\n");
		for (size_t k = 0; k < type.n; k++) {
			uint8_t octet = hlv_upper(type.p[k]);
			if (octet < ' ')
				return HLV_E_LIMIT;
			hlv_buf_put(out, hlv_bytes(&octet, 1));
		}
	}
	return out->bad ? HLV_E_NOMEM : HLV_OK;
}

static enum hlv_err commit(struct registrar *g, struct store_txn *txn)
{
	registrar_end_view(g);
	txn->time_ms = g->now.wall_ms;
	HLV_TRY(health_commit(&g->health, txn, 1, g->now));
	return txn->err;
}

static bool may_write(const struct registrar *g)
{
	return !g->health.vanished && !g->health.reopen &&
	       g->health.disk.watch.state < DISK_NO_CREATES;
}

static enum hlv_err want(struct registrar *g, enum index_want how)
{
	struct hlv_buf text = {0};
	struct store_txn txn = {0};
	if (!g->rules->index_types)
		return HLV_OK;
	enum hlv_err err = print_types(g->rules->index_types, &text);
	if (err == HLV_OK && !registrar_flush(g))
		err = HLV_E_IO;
	if (err == HLV_OK)
		err = index_want(g->store, g->view, hlv_buf_bytes(&text), how, &g->arena, &txn);
	if (err == HLV_OK && txn.nputs > 0)
		err = may_write(g) ? commit(g, &txn) : HLV_E_PERMISSION;
	registrar_end_view(g);
	hlv_arena_reset(&g->arena);
	hlv_buf_free(&text);
	g->indexing = true; /* or nothing is left to do: the next slice sees it */
	g->index_failed_ns = 0;
	return err;
}

static void told(struct registrar *g, enum hlv_err err)
{
	if (err == HLV_OK)
		return;
	g->index_failed_ns = g->now.mono_ns;
	hlv_error("index.build", "error=\"%s\" hint=\"see the option index-types\"",
		  hlv_strerror(err));
}

static enum hlv_err slice(struct registrar *g)
{
	struct store_txn txn;
	struct index_progress p = {0};
	uint64_t entered = 0;
	if (!registrar_flush(g))
		return HLV_E_IO;
	enum hlv_err err = index_slice(g->store, g->view, &g->arena, &txn, &entered);
	if (err == HLV_OK && txn.nputs > 0)
		err = commit(g, &txn);
	if (err != HLV_OK || txn.nputs == 0) {
		g->indexing = err != HLV_OK;
		return err;
	}
	/* Is that all? */
	if (!registrar_flush(g))
		return HLV_E_IO;
	err = index_progress_get(g->store, g->view, &p);
	if (err != HLV_E_NOT_FOUND)
		return err == HLV_E_CORRUPT ? HLV_OK : err;
	g->indexing = false;
	hlv_info("index.built", "types=%zu entries=%" PRIu64,
		 g->rules->index_types ? g->rules->index_types->n : 0, entered);
	return HLV_OK;
}

void registrar_index_slice(struct registrar *g)
{
	if (!registrar_is_indexing(g))
		return;
	enum hlv_err err = slice(g);
	registrar_end_view(g);
	hlv_arena_reset(&g->arena);
	told(g, err);
}

/* What failed is tried again, not at once. */
bool registrar_is_indexing(const struct registrar *g)
{
	return g->indexing &&
	       (g->index_failed_ns == 0 || g->now.mono_ns - g->index_failed_ns >= AGAIN_NS);
}

/* A registry that cannot be written to now is still answered from. */
enum hlv_err registrar_index_open(struct registrar *g)
{
	enum hlv_err err = want(g, INDEX_AS_IT_IS);
	told(g, err);
	if (err == HLV_E_LIMIT || err == HLV_E_NOMEM)
		return err;
	for (unsigned i = 0; i < START_SLICES && err == HLV_OK && registrar_is_indexing(g); i++)
		registrar_index_slice(g);
	return HLV_OK;
}

void registrar_index_reload(struct registrar *g)
{
	told(g, want(g, INDEX_AS_IT_IS));
}

/* {"rebuild":true}: all of it, while types that are indexed now cannot be searched for. */
void registrar_index(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	struct hlv_json json = *args;
	bool rebuild = false;
	if (hlv_json_get_bool_or(&json, json.root, "rebuild", &rebuild) != HLV_OK || !rebuild) {
		job_refuse(j, HLV_RC_PROTOCOL_ERROR, "{\"rebuild\":true} is expected");
		registrar_reply(g, j);
		return;
	}
	enum hlv_err err = want(g, INDEX_ANEW);
	if (err == HLV_OK)
		j->x->rs = (struct hlv_response){
			.rc = HLV_RC_SUCCESS,
			.kind = HLV_BODY_OCTETS,
			.octets = hlv_text("{\"index\":\"being built\"}")};
	else if (err == HLV_E_PERMISSION)
		job_refuse(j, HLV_RC_READ_ONLY, "The registry takes no changes now");
	else
		job_refuse(j, HLV_RC_ERROR, "The index cannot be built anew");
	registrar_reply(g, j);
}
