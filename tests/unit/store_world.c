/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/wire/value.h"

enum engine world_mem = ENGINE_MEM, world_lmdb = ENGINE_LMDB;

static void remove_dir(const char *dir)
{
	static const char *const names[] = {"data.mdb", "lock.mdb", "copy.mdb"};
	char path[128];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

enum hlv_err world_open(struct world *w, const struct store_lmdb_options *o, char *why)
{
	enum hlv_err err = store_lmdb_open(w->dir, o, &w->store, why);
	if (err != HLV_OK)
		return err;
	return w->store->ops->view_open(w->store, &w->view);
}

void world_close(struct world *w)
{
	if (w->store)
		w->store->ops->close(w->store);
	w->store = NULL;
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	w->engine = *(enum engine *)*state;
	w->time_ms = 1700000000000;
	hlv_arena_init(&w->arena, SIZE_MAX);
	snprintf(w->dir, sizeof w->dir, "/tmp/helve-store-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	char why[STORE_WHY];
	if (w->engine == ENGINE_LMDB) {
		struct store_lmdb_options o = {.create = true};
		assert_int_equal(world_open(w, &o, why), HLV_OK);
	} else {
		assert_int_equal(store_mem_open(&w->store), HLV_OK);
		assert_int_equal(w->store->ops->view_open(w->store, &w->view), HLV_OK);
	}
	*state = w;
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;
	world_close(w);
	remove_dir(w->dir);
	hlv_arena_fini(&w->arena);
	free(w);
	return 0;
}

struct hlv_bytes world_key(struct world *w, const char *id)
{
	struct store_key key;
	store_key(hlv_text(id), &key);
	return hlv_arena_copy(&w->arena, store_key_bytes(&key));
}

struct hlv_bytes world_record(struct world *w, const char *id, unsigned n, uint8_t flags)
{
	size_t room = HLV_RECORD_HEADER + strlen(id) + 64 + (size_t)n * 100;
	struct hlv_writer list = hlv_writer(hlv_alloc(&w->arena, room), room);
	for (unsigned i = 1; i <= n; i++) {
		struct hlv_value v = {.index = i,
				      .ttl_s = HLV_TTL_DEFAULT_S,
				      .perms = HLV_PERM_DEFAULT,
				      .type = hlv_text("URL"),
				      .data = hlv_text("https://example.cn/p/1")};
		hlv_value_encode(&list, &v);
	}
	struct hlv_record rec = {.flags = (uint8_t)(HLV_RECORD_ALL_PUBLIC | flags),
				 .name = hlv_text(id),
				 .values = {n, hlv_written(&list)}};
	struct hlv_writer out = hlv_writer(hlv_alloc(&w->arena, room), room);
	hlv_record_encode(&out, world_key(w, id), &rec);
	assert_false(out.bad);
	return hlv_written(&out);
}

struct store_put world_put(struct world *w, const char *id)
{
	return (struct store_put){SPACE_RECORD, world_key(w, id), world_record(w, id, 2, 0)};
}

struct store_put world_delete(struct world *w, const char *id)
{
	return (struct store_put){SPACE_RECORD, world_key(w, id),
				  world_record(w, id, 2, HLV_RECORD_DELETED)};
}

enum hlv_err world_commit(struct world *w, const struct store_put *puts, size_t n)
{
	struct store_txn txn = {.puts = puts, .nputs = n, .time_ms = w->time_ms};
	enum hlv_err err = w->store->ops->commit(w->store, &txn, 1);
	return err == HLV_OK ? txn.err : err;
}

uint64_t world_count(struct world *w, const char *prefix)
{
	uint64_t n;
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(store_count(w->store, w->view, hlv_text(prefix), &n), HLV_OK);
	w->store->ops->view_end(w->view);
	return n;
}

uint64_t world_seq(struct world *w)
{
	uint64_t seq;
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(store_last_seq(w->store, w->view, &seq), HLV_OK);
	w->store->ops->view_end(w->view);
	return seq;
}

enum hlv_err world_find(struct world *w, const char *id)
{
	struct store_key key;
	struct hlv_record rec;
	store_key(hlv_text(id), &key);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	enum hlv_err err = store_get_record(w->store, w->view, &key, &rec);
	w->store->ops->view_end(w->view);
	return err;
}

static bool keep_line(void *ctx, const struct store_report *report, const char *fault)
{
	(void)report;
	if (fault)
		snprintf(ctx, 320, "%s", fault);
	return true;
}

uint64_t world_verify(struct world *w, char *line)
{
	struct store_report report;
	line[0] = '\0';
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(store_verify(w->store, w->view, keep_line, line, &report), HLV_OK);
	w->store->ops->view_end(w->view);
	return report.faults;
}
