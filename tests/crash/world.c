/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/world.h"

#include <dirent.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/crc32c.h"
#include "proto/wire/codes.h"
#include "proto/wire/value.h"
#include "server/index.h"

enum { TEXT_MAX = 64, LARGE = 9000 };

enum hlv_err world_open(struct world *w, const char *dir, bool create)
{
	struct store_lmdb_options o = {.create = create,
				       .map_size = w->map_size ? w->map_size : 64 << 20,
				       .map_max = w->map_max};
	enum head_verdict found;
	struct head newest;
	snprintf(w->dir, sizeof w->dir, "%s", dir);
	w->head.fd = -1;
	if (w->time_ms == 0) {
		w->time_ms = 1700000000000;
		hlv_arena_init(&w->arena, SIZE_MAX);
	}
	HLV_TRY(store_lmdb_open(dir, &o, &w->store, w->why));
	HLV_TRY(w->store->ops->view_open(w->store, &w->view));
	/* With an index, which has to be as whole as the records when the end comes. */
	if (create) {
		bool changed;
		uint64_t built;
		HLV_TRY(index_build(w->store, w->view, hlv_text("\nURL"), INDEX_AS_IT_IS,
				    &changed, &built));
	}
	return head_open(dir, &w->head, &found, &newest);
}

void world_close(struct world *w)
{
	if (w->store)
		w->store->ops->close(w->store);
	w->store = NULL;
	head_close(&w->head);
}

void world_fini(struct world *w)
{
	world_close(w);
	hlv_arena_fini(&w->arena);
}

/* --- writing --- */

static struct hlv_bytes key_of(struct world *w, const char *id)
{
	struct store_key key;
	store_key(hlv_text(id), &key);
	return hlv_arena_copy(&w->arena, store_key_bytes(&key));
}

struct store_put world_put(struct world *w, const char *id, const char *text, size_t pad,
			   bool deleted)
{
	size_t room = HLV_RECORD_HEADER + strlen(id) + strlen(text) + pad + 128;
	struct hlv_writer list = hlv_writer(hlv_alloc(&w->arena, room), room);
	struct hlv_writer out = hlv_writer(hlv_alloc(&w->arena, room), room);
	uint8_t *padding = hlv_alloc(&w->arena, pad + 1);
	struct hlv_bytes key = key_of(w, id);
	if (w->arena.bad)
		return (struct store_put){0};
	struct hlv_value v = {.index = 1,
			      .ttl_s = HLV_TTL_DEFAULT_S,
			      .perms = HLV_PERM_DEFAULT,
			      .type = hlv_text("URL"),
			      .data = hlv_text(text)};
	hlv_value_encode(&list, &v);
	if (pad > 0) {
		memset(padding, 'p', pad);
		v.index = 2;
		v.data = hlv_bytes(padding, pad);
		hlv_value_encode(&list, &v);
	}
	struct hlv_record rec = {
		.flags = (uint8_t)(HLV_RECORD_ALL_PUBLIC | (deleted ? HLV_RECORD_DELETED : 0)),
		.name = hlv_text(id),
		.values = {pad > 0 ? 2 : 1, hlv_written(&list)}};
	hlv_record_encode(&out, key, &rec);
	return (struct store_put){SPACE_RECORD, key, hlv_written(&out)};
}

static struct store_put some_record(struct world *w, unsigned number)
{
	char id[32], text[TEXT_MAX];
	snprintf(id, sizeof id, "88.118.%u/SN%03u", number % 3, number);
	snprintf(text, sizeof text, "https://example.cn/%u/%u", w->groups, number);
	uint64_t kind = hlv_rand_below(&w->rand, 36);
	size_t pad = kind == 0 ? LARGE : kind < 9 ? hlv_rand_below(&w->rand, 900) : 0;
	return world_put(w, id, text, pad, kind > 29);
}

static struct store_put some_prefix(struct world *w)
{
	char name[32];
	uint8_t *value = hlv_alloc(&w->arena, STORE_PREFIX_SIZE);
	snprintf(name, sizeof name, "0.NA/88.118.%u", (unsigned)hlv_rand_below(&w->rand, 9));
	struct hlv_bytes key = key_of(w, name);
	if (hlv_rand_below(&w->rand, 3) == 0)
		return (struct store_put){SPACE_PREFIX, key, {0}};
	store_prefix_encode(key, w->time_ms, value);
	return (struct store_put){SPACE_PREFIX, key, hlv_bytes(value, STORE_PREFIX_SIZE)};
}

void world_group(struct world *w, struct group *g)
{
	hlv_arena_reset(&w->arena);
	*g = (struct group){.n = 1 + hlv_rand_below(&w->rand, GROUP_MAX)};
	w->groups++;
	w->time_ms += 1000;
	for (size_t i = 0; i < g->n; i++) {
		size_t n = 1 + hlv_rand_below(&w->rand, 3);
		struct store_put *puts = hlv_alloc(&w->arena, (n + 2) * sizeof *puts);
		/* No key twice in one transaction: then nothing is said of their order. */
		unsigned first = (unsigned)hlv_rand_below(&w->rand, IDS);
		for (size_t k = 0; k < n; k++)
			puts[k] = some_record(w, (first + (unsigned)k * 7) % IDS);
		if (hlv_rand_below(&w->rand, 4) == 0)
			puts[n++] = some_prefix(w);
		if (hlv_rand_below(&w->rand, 4) == 0)
			puts[n++] = (struct store_put){
				SPACE_META, hlv_text("note"),
				hlv_arena_copy(&w->arena,
					       hlv_bytes(&w->groups, sizeof w->groups))};
		g->txns[i] =
			(struct store_txn){.puts = puts, .nputs = n, .time_ms = w->time_ms};
	}
}

enum hlv_err world_commit(struct world *w, struct store_txn *txns, size_t n)
{
	enum hlv_err err = w->store->ops->commit(w->store, txns, n);
	for (size_t i = 0; i < n && err == HLV_OK; i++)
		err = txns[i].err;
	return err;
}

/* --- judging --- */

/* Checksums, chained: nobody here means harm. */
static void mix(uint64_t *digest, const void *p, size_t n)
{
	uint64_t crc = hlv_crc32c((uint32_t)n, hlv_bytes(p, n));
	*digest = (*digest << 7 ^ *digest >> 57 ^ crc) * 0x9E3779B97F4A7C15;
}

static bool on_entry(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	uint64_t *digest = ctx;
	mix(digest, key.p, key.n);
	mix(digest, value.p, value.n);
	return true;
}

static enum hlv_err digest_view(struct world *w, uint64_t *seq, uint64_t *digest)
{
	*digest = 0xCBF29CE484222325;
	for (int i = 0; i < SPACES; i++) {
		mix(digest, &i, sizeof i);
		HLV_TRY(w->store->ops->scan(w->view, (enum store_space)i, (struct hlv_bytes){0},
					    on_entry, digest));
	}
	return store_last_seq(w->store, w->view, seq);
}

enum hlv_err world_digest(struct world *w, uint64_t *seq, uint64_t *digest)
{
	HLV_TRY(w->store->ops->view_begin(w->view));
	enum hlv_err err = digest_view(w, seq, digest);
	w->store->ops->view_end(w->view);
	return err;
}

static bool keep_first(void *ctx, const struct store_report *report, const char *fault)
{
	struct world *w = ctx;
	if (fault && report->faults == 1)
		snprintf(w->why, sizeof w->why, "%s", fault);
	return true;
}

enum hlv_err world_verify(struct world *w, uint64_t *faults)
{
	struct store_report report = {0};
	HLV_TRY(w->store->ops->view_begin(w->view));
	enum hlv_err err = store_verify(w->store, w->view, keep_first, w, &report);
	w->store->ops->view_end(w->view);
	*faults = report.faults;
	return err;
}

enum hlv_err world_head(struct world *w, struct head *h)
{
	struct hlv_bytes epoch;
	*h = (struct head){0};
	HLV_TRY(w->store->ops->view_begin(w->view));
	enum hlv_err err = store_last_seq(w->store, w->view, &h->seq);
	if (err == HLV_OK)
		err = store_meta_get(w->store, w->view, "epoch", &epoch);
	if (err == HLV_OK && epoch.n == HEAD_EPOCH)
		memcpy(h->epoch, epoch.p, HEAD_EPOCH);
	w->store->ops->view_end(w->view);
	return err;
}

static enum hlv_err first_value(const struct hlv_record *rec, char *text, size_t room)
{
	struct hlv_reader r = hlv_reader(rec->values.raw);
	struct hlv_value v;
	if (rec->values.n == 0)
		return HLV_E_CORRUPT;
	HLV_TRY(hlv_value_decode(&r, &v));
	snprintf(text, room, "%.*s", (int)v.data.n, (const char *)v.data.p);
	return HLV_OK;
}

enum hlv_err world_read(struct world *w, const char *id, char *text, size_t room)
{
	struct store_key key;
	struct hlv_record rec;
	*text = '\0';
	store_key(hlv_text(id), &key);
	HLV_TRY(w->store->ops->view_begin(w->view));
	enum hlv_err err = store_get_record(w->store, w->view, &key, &rec);
	if (err == HLV_OK)
		err = first_value(&rec, text, room);
	w->store->ops->view_end(w->view);
	return err;
}

/* --- the rest --- */

void scratch_make(char dir[64], const char *name)
{
	snprintf(dir, 64, "%s/helve-%s-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", name);
	if (!mkdtemp(dir)) {
		perror(dir);
		exit(2);
	}
}

void scratch_remove(const char *dir)
{
	char path[512];
	DIR *d = opendir(dir);
	if (!d)
		return;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (unlink(path) != 0)
			scratch_remove(path);
	}
	closedir(d);
	rmdir(dir);
}

void tally(struct tally *t, bool good, const char *format, ...)
{
	va_list args;
	t->passed += good;
	t->failed += !good;
	fputs(good ? "ok   " : "FAIL ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}
