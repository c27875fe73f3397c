/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/copy_store.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/crc32c.h"
#include "proto/base/reader.h"
#include "proto/base/writer.h"
#include "resolver/damage.h"

enum {
	FORMAT = 1,
	READERS = 520, /* workers, and some */
	ROW_KEY = 4 + COPY_KEY_MAX,
	MARK_MAX = 32 + COPY_SERVERS_MAX * 24,
	EXIT_COPIES = 75,
};
static const size_t MAP_OCTETS = (size_t)64 << 30; /* address space; the disk is the limit */

struct copy_store {
	MDB_env *env;
	MDB_dbi rows, marks;
	char dir[COPY_STORE_WHY];
};

struct copy_txn {
	struct copy_store *store;
	MDB_txn *txn;
};

struct copy_reader {
	struct copy_store *store;
	MDB_txn *txn;
	bool reading;
};

static enum hlv_err from_lmdb(int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return HLV_OK;
	case MDB_NOTFOUND:
		return HLV_E_NOT_FOUND;
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
		return HLV_E_FULL;
	case ENOMEM:
		return HLV_E_NOMEM;
	}
	return damage_is(rc) ? HLV_E_CORRUPT : HLV_E_IO;
}

static MDB_val val(struct hlv_bytes b)
{
	MDB_val v = {.mv_size = b.n};
	memcpy(&v.mv_data, &b.p, sizeof v.mv_data); /* LMDB does not write there */
	return v;
}

static struct hlv_bytes bytes(const MDB_val *v)
{
	return hlv_bytes(v->mv_data, v->mv_size);
}

/* --- the environment --- */

static int open_databases(struct copy_store *s)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
	if (rc)
		return rc;
	rc = mdb_dbi_open(txn, "rows", MDB_CREATE, &s->rows);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "marks", MDB_CREATE, &s->marks);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

/* LMDB met what cannot be: nothing can be unwound from here. The next start begins anew. */
static void on_assert(MDB_env *env, const char *text)
{
	const struct copy_store *s = mdb_env_get_userctx(env);
	char why[2 * COPY_STORE_WHY];
	(void)damage_set_aside(s->dir, "is damaged", why, sizeof why);
	fprintf(stderr, "%s (%s): stopping\n", why, text);
	_exit(EXIT_COPIES);
}

static int open_env(struct copy_store *s)
{
	int dead, rc = mdb_env_create(&s->env);
	if (rc)
		return rc;
	rc = mdb_env_set_mapsize(s->env, MAP_OCTETS);
	if (rc == 0)
		rc = mdb_env_set_userctx(s->env, s);
	if (rc == 0)
		rc = mdb_env_set_assert(s->env, on_assert);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(s->env, 2);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(s->env, READERS);
	if (rc == 0)
		rc = mdb_env_open(s->env, s->dir, MDB_NOTLS | MDB_NORDAHEAD, 0640);
	if (rc == 0 && !damage_is_whole(s->env))
		rc = MDB_CORRUPTED;
	if (rc == 0)
		rc = mdb_reader_check(s->env, &dead);
	return rc ? rc : open_databases(s);
}

static void close_env(struct copy_store *s)
{
	if (s->env)
		mdb_env_close(s->env);
	s->env = NULL;
}

static int open_dir(struct copy_store *s, char *why)
{
	if (mkdir(s->dir, 0750) != 0 && errno != EEXIST)
		return errno;
	int rc = open_env(s);
	if (!damage_is(rc) || !damage_set_aside(s->dir, "is damaged", why, COPY_STORE_WHY))
		return rc;
	close_env(s);
	return open_env(s);
}

enum hlv_err copy_store_open(const char *dir, struct copy_store **out, char *why)
{
	struct copy_store *s = calloc(1, sizeof *s);
	*out = NULL;
	*why = '\0';
	int rc = s ? 0 : ENOMEM;
	if (rc == 0 && snprintf(s->dir, sizeof s->dir, "%s", dir) >= (int)sizeof s->dir)
		rc = ENAMETOOLONG;
	if (rc == 0)
		rc = open_dir(s, why);
	if (rc) {
		snprintf(why, COPY_STORE_WHY, "%.180s: %s", dir, mdb_strerror(rc));
		copy_store_close(s);
		return from_lmdb(rc);
	}
	*out = s;
	return HLV_OK;
}

void copy_store_close(struct copy_store *s)
{
	if (s)
		close_env(s);
	free(s);
}

/* --- marks --- */

static struct hlv_bytes row_key(uint32_t generation, struct hlv_bytes key, uint8_t out[ROW_KEY])
{
	struct hlv_writer w = hlv_writer(out, ROW_KEY);
	hlv_put_u32(&w, generation);
	hlv_put(&w, key);
	return hlv_written(&w);
}

static enum hlv_err mark_decode(struct hlv_bytes octets, struct copy_mark *m)
{
	if (octets.n < 4)
		return HLV_E_CORRUPT;
	struct hlv_bytes body = hlv_skip(octets, 4);
	struct hlv_reader r = hlv_reader(body);
	if (hlv_load_u32(octets.p) != hlv_crc32c(0, body) || hlv_get_u8(&r) != FORMAT)
		return HLV_E_CORRUPT;
	*m = (struct copy_mark){.generation = hlv_get_u32(&r)};
	m->records = hlv_get_u64(&r);
	m->synced_ms = hlv_get_u64(&r);
	m->servers = hlv_get_u32(&r);
	if (m->servers > COPY_SERVERS_MAX)
		return HLV_E_CORRUPT;
	for (uint32_t i = 0; i < m->servers; i++) {
		struct hlv_bytes epoch = hlv_take(&r, sizeof m->places[i].epoch);
		if (epoch.n)
			memcpy(m->places[i].epoch, epoch.p, epoch.n);
		m->places[i].seq = hlv_get_u64(&r);
	}
	return hlv_finished(&r) ? HLV_OK : HLV_E_CORRUPT;
}

static struct hlv_bytes mark_encode(const struct copy_mark *m, uint8_t out[MARK_MAX])
{
	struct hlv_writer w = hlv_writer(out, MARK_MAX);
	size_t at = hlv_put_hole32(&w);
	hlv_put_u8(&w, FORMAT);
	hlv_put_u32(&w, m->generation);
	hlv_put_u64(&w, m->records);
	hlv_put_u64(&w, m->synced_ms);
	hlv_put_u32(&w, m->servers);
	for (uint32_t i = 0; i < m->servers; i++) {
		hlv_put(&w, hlv_bytes(m->places[i].epoch, sizeof m->places[i].epoch));
		hlv_put_u64(&w, m->places[i].seq);
	}
	hlv_fill_u32(&w, at, hlv_crc32c(0, hlv_skip(hlv_written(&w), 4)));
	return hlv_written(&w);
}

static enum hlv_err get_mark(struct copy_store *s, MDB_txn *txn, const char *prefix,
			     struct copy_mark *mark)
{
	MDB_val k = val(hlv_text(prefix)), v;
	HLV_TRY(from_lmdb(mdb_get(txn, s->marks, &k, &v)));
	return mark_decode(bytes(&v), mark);
}

enum hlv_err copy_txn_mark(struct copy_txn *t, const char *prefix, struct copy_mark *mark)
{
	return get_mark(t->store, t->txn, prefix, mark);
}

enum hlv_err copy_txn_set_mark(struct copy_txn *t, const char *prefix,
			       const struct copy_mark *mark)
{
	uint8_t room[MARK_MAX];
	MDB_val k = val(hlv_text(prefix)), v = val(mark_encode(mark, room));
	return from_lmdb(mdb_put(t->txn, t->store->marks, &k, &v, 0));
}

/* Kept under a name that is no prefix. */
static const char GENERATION[] = "/generation";

static bool is_kept(struct hlv_bytes name, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hlv_eq(name, hlv_text(prefixes[i])))
			return true;
	return hlv_eq(name, hlv_text(GENERATION));
}

enum hlv_err copy_txn_keep_marks(struct copy_txn *t, const char *const *prefixes, size_t n)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	HLV_TRY(from_lmdb(mdb_cursor_open(t->txn, t->store->marks, &cursor)));
	int rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
	while (rc == 0) {
		if (!is_kept(bytes(&k), prefixes, n))
			rc = mdb_cursor_del(cursor, 0);
		if (rc == 0)
			rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? HLV_OK : from_lmdb(rc);
}

enum hlv_err copy_txn_new_generation(struct copy_txn *t, uint32_t *generation)
{
	uint8_t room[4];
	MDB_val k = val(hlv_text(GENERATION)), v;
	int rc = mdb_get(t->txn, t->store->marks, &k, &v);
	if (rc && rc != MDB_NOTFOUND)
		return from_lmdb(rc);
	uint32_t last = rc == 0 && v.mv_size == sizeof room ? hlv_load_u32(v.mv_data) : 0;
	*generation = last + 1;
	hlv_store_u32(room, *generation);
	v = val(hlv_bytes(room, sizeof room));
	return from_lmdb(mdb_put(t->txn, t->store->marks, &k, &v, 0));
}

/* --- transactions --- */

enum hlv_err copy_txn_begin(struct copy_store *s, struct copy_txn **out)
{
	struct copy_txn *t = calloc(1, sizeof *t);
	if (!t)
		return HLV_E_NOMEM;
	t->store = s;
	int rc = mdb_txn_begin(s->env, NULL, 0, &t->txn);
	if (rc) {
		free(t);
		return from_lmdb(rc);
	}
	*out = t;
	return HLV_OK;
}

enum hlv_err copy_txn_commit(struct copy_txn *t)
{
	int rc = mdb_txn_commit(t->txn);
	free(t);
	return from_lmdb(rc);
}

void copy_txn_abort(struct copy_txn *t)
{
	if (t)
		mdb_txn_abort(t->txn);
	free(t);
}

/* Stored with a CRC over key and value in front. */
static uint32_t row_crc(struct hlv_bytes row, struct hlv_bytes value)
{
	return hlv_crc32c(hlv_crc32c(0, row), value);
}

enum hlv_err copy_txn_put(struct copy_txn *t, uint32_t generation, struct hlv_bytes key,
			  struct hlv_bytes value, uint64_t *added)
{
	uint8_t room[ROW_KEY];
	struct hlv_bytes row = row_key(generation, key, room);
	MDB_val k = val(row), v;
	if (row.n == 0 || value.n == 0)
		return HLV_E_LIMIT;
	int rc = mdb_get(t->txn, t->store->rows, &k, &v);
	if (rc && rc != MDB_NOTFOUND)
		return from_lmdb(rc);
	*added += rc == MDB_NOTFOUND;
	v = (MDB_val){.mv_size = 4 + value.n};
	rc = mdb_put(t->txn, t->store->rows, &k, &v, MDB_RESERVE);
	if (rc)
		return from_lmdb(rc);
	hlv_store_u32(v.mv_data, row_crc(row, value));
	memcpy((uint8_t *)v.mv_data + 4, value.p, value.n);
	return HLV_OK;
}

enum hlv_err copy_txn_remove(struct copy_txn *t, uint32_t generation, struct hlv_bytes key,
			     uint64_t *removed)
{
	uint8_t room[ROW_KEY];
	struct hlv_bytes row = row_key(generation, key, room);
	MDB_val k = val(row);
	if (row.n == 0)
		return HLV_E_LIMIT;
	int rc = mdb_del(t->txn, t->store->rows, &k, NULL);
	*removed += rc == 0;
	return rc == MDB_NOTFOUND ? HLV_OK : from_lmdb(rc);
}

static bool is_within(const MDB_val *k, uint32_t generation, struct hlv_bytes to)
{
	struct hlv_bytes key = bytes(k);
	if (key.n < 4 || hlv_load_u32(key.p) != generation)
		return false;
	return to.n == 0 || hlv_compare(hlv_skip(key, 4), to) < 0;
}

enum hlv_err copy_txn_remove_range(struct copy_txn *t, uint32_t generation,
				   struct hlv_bytes from, struct hlv_bytes to, uint64_t max,
				   uint64_t *removed)
{
	uint8_t room[ROW_KEY];
	MDB_cursor *cursor;
	MDB_val k = val(row_key(generation, from, room)), v;
	HLV_TRY(from_lmdb(mdb_cursor_open(t->txn, t->store->rows, &cursor)));
	int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	for (uint64_t i = 0; rc == 0 && i < max && is_within(&k, generation, to); i++) {
		rc = mdb_cursor_del(cursor, 0);
		*removed += rc == 0;
		if (rc == 0) /* the cursor is at the one behind it */
			rc = mdb_cursor_get(cursor, &k, &v, MDB_GET_CURRENT);
		if (rc == EINVAL)
			rc = MDB_NOTFOUND; /* it was the last of all */
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? HLV_OK : from_lmdb(rc);
}

static bool is_known(uint32_t generation, const uint32_t *known, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (known[i] == generation)
			return true;
	return false;
}

enum hlv_err copy_txn_orphan(struct copy_txn *t, const uint32_t *known, size_t n,
			     uint32_t *generation)
{
	uint8_t room[4] = {0};
	MDB_cursor *cursor;
	MDB_val k = val(hlv_bytes(room, sizeof room)), v;
	HLV_TRY(from_lmdb(mdb_cursor_open(t->txn, t->store->rows, &cursor)));
	int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	while (rc == 0 && k.mv_size >= 4) {
		*generation = hlv_load_u32(k.mv_data);
		if (!is_known(*generation, known, n))
			break;
		hlv_store_u32(room, *generation + 1);
		k = val(hlv_bytes(room, sizeof room));
		rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	}
	mdb_cursor_close(cursor);
	return from_lmdb(rc);
}

/* --- readers --- */

enum hlv_err copy_reader_new(struct copy_store *s, struct copy_reader **out)
{
	struct copy_reader *r = calloc(1, sizeof *r);
	if (!r)
		return HLV_E_NOMEM;
	r->store = s;
	int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &r->txn);
	if (rc) {
		free(r);
		return from_lmdb(rc);
	}
	mdb_txn_reset(r->txn);
	*out = r;
	return HLV_OK;
}

void copy_reader_free(struct copy_reader *r)
{
	if (r)
		mdb_txn_abort(r->txn);
	free(r);
}

enum hlv_err copy_reader_begin(struct copy_reader *r)
{
	int rc = mdb_txn_renew(r->txn);
	r->reading = rc == 0;
	return from_lmdb(rc);
}

void copy_reader_end(struct copy_reader *r)
{
	if (r->reading)
		mdb_txn_reset(r->txn);
	r->reading = false;
}

enum hlv_err copy_reader_mark(struct copy_reader *r, const char *prefix, struct copy_mark *mark)
{
	return get_mark(r->store, r->txn, prefix, mark);
}

enum hlv_err copy_reader_get(struct copy_reader *r, uint32_t generation, struct hlv_bytes key,
			     struct hlv_bytes *value)
{
	uint8_t room[ROW_KEY];
	struct hlv_bytes row = row_key(generation, key, room);
	MDB_val k = val(row), v;
	HLV_TRY(from_lmdb(mdb_get(r->txn, r->store->rows, &k, &v)));
	if (v.mv_size < 4)
		return HLV_E_CORRUPT;
	*value = hlv_skip(bytes(&v), 4);
	return hlv_load_u32(v.mv_data) == row_crc(row, *value) ? HLV_OK : HLV_E_CORRUPT;
}
