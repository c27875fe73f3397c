/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store_lmdb.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum {
	PARK_WAIT_S = 2, /* a serving view lasts 100 ms at most (threats.md D8) */
	REOPEN_WAIT_MS = 5,
	REOPEN_TRIES = 400,
	RESERVE_PAGES = 1024,  /* of the map, for deletes; an eighth of a small map */
	PAGES_EACH_PUT = 6,    /* one path through the tree, copied */
	VALUE_MAX = 1 << 27,   /* as commit.c has it: a longer one has a damaged length */
	PAGES_EACH_APPEND = 2, /* neighbours share their path */
};

enum hlv_err lmdb_err(int rc)
{
	switch (rc) {
	case 0:
		return HLV_OK;
	case MDB_NOTFOUND:
		return HLV_E_NOT_FOUND;
	case MDB_MAP_FULL:
		return HLV_E_FULL;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
		return HLV_E_CORRUPT;
	case MDB_TXN_FULL:
	case MDB_READERS_FULL:
	case MDB_BAD_VALSIZE:
		return HLV_E_LIMIT;
	}
	return rc > 0 ? store_file_err(rc) : HLV_E_IO;
}

/* --- the map --- */

bool lmdb_park(struct lmdb_store *s)
{
	struct timespec until;
	atomic_store(&s->stop_backup, true);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PARK_WAIT_S;
	bool parked = pthread_rwlock_timedwrlock(&s->map_lock, &until) == 0;
	atomic_store(&s->stop_backup, false);
	return parked;
}

void lmdb_unpark(struct lmdb_store *s)
{
	pthread_rwlock_unlock(&s->map_lock);
}

/* LMDB unmaps before it maps: when that fails there is nothing left to read from. */
static int set_map(struct lmdb_store *s, size_t size)
{
	int rc = s->env ? mdb_env_set_mapsize(s->env, size) : MDB_PANIC;
	if (rc != 0)
		lmdb_drop_env(s);
	return rc;
}

/* Another process made the map larger: take over its size. */
static int adopt_map(struct lmdb_store *s)
{
	pthread_rwlock_wrlock(&s->map_lock);
	int rc = set_map(s, 0);
	lmdb_unpark(s);
	return rc;
}

/* Twice as large, by 64 GiB at the most. Waits until no view is open; false when that does not
 * happen, or there is no address space. */
static bool grow_map(struct lmdb_store *s)
{
	MDB_envinfo info;
	mdb_env_info(s->env, &info);
	size_t size = info.me_mapsize +
		      (info.me_mapsize < 64 * LMDB_GIB ? info.me_mapsize : 64 * LMDB_GIB);
	if (s->map_max && size > s->map_max)
		size = s->map_max;
	if (size <= info.me_mapsize || !store_file_can_map(size) || !lmdb_park(s))
		return false;
	int rc = set_map(s, size);
	lmdb_unpark(s);
	return rc == 0;
}

/* --- views --- */

static enum hlv_err lmdb_view_open(struct store *store, struct store_view **out)
{
	struct lmdb_store *s = lmdb_of(store);
	struct store_view *v = calloc(1, sizeof *v);
	if (!v)
		return HLV_E_NOMEM;
	v->store = s;
	pthread_mutex_lock(&s->views_lock);
	v->next = s->views;
	s->views = v;
	pthread_mutex_unlock(&s->views_lock);
	*out = v;
	return HLV_OK;
}

static int begin_read(struct store_view *v)
{
	if (!v->store->env)
		return EIO;
	if (v->txn)
		return mdb_txn_renew(v->txn);
	int rc = mdb_txn_begin(v->store->env, NULL, MDB_RDONLY, &v->txn);
	if (rc != MDB_READERS_FULL)
		return rc;
	int dead;
	mdb_reader_check(v->store->env, &dead);
	return mdb_txn_begin(v->store->env, NULL, MDB_RDONLY, &v->txn);
}

/* After an input/output error LMDB refuses readers too, until whoever committed has opened the
 * registry again: a matter of milliseconds (store_reopen). */
static bool wait_for_reopen(unsigned *tries)
{
	const struct timespec pause = {.tv_nsec = REOPEN_WAIT_MS * 1000000L};
	nanosleep(&pause, NULL);
	return ++*tries < REOPEN_TRIES;
}

static enum hlv_err lmdb_view_begin(struct store_view *v)
{
	for (unsigned tries = 0;;) {
		pthread_rwlock_rdlock(&v->store->map_lock);
		int rc = begin_read(v);
		if (rc == 0)
			return HLV_OK;
		pthread_rwlock_unlock(&v->store->map_lock);
		if (rc == MDB_MAP_RESIZED)
			rc = adopt_map(v->store);
		else if (rc == MDB_PANIC && wait_for_reopen(&tries))
			continue;
		if (rc != 0)
			return lmdb_err(rc);
	}
}

static void lmdb_view_end(struct store_view *v)
{
	mdb_txn_reset(v->txn);
	pthread_rwlock_unlock(&v->store->map_lock);
}

/* Who looks: a view sees pages of the map, which begin where the machine's pages do; what a commit
 * has changed lies on the heap until it ends. */
enum looker { LOOKS_VIEW, LOOKS_COMMIT };

static bool is_on_whole_page(const struct lmdb_store *s, MDB_val k)
{
	const uint8_t *key = k.mv_data;
	return store_file_is_whole_leaf(key - (uintptr_t)key % s->page_size, s->page_size);
}

static bool is_sound(struct lmdb_store *s, enum looker who, enum store_space space, MDB_val k,
		     MDB_val d)
{
	struct hlv_record rec;
	uint64_t time_ms;
	if (d.mv_size > VALUE_MAX || (who == LOOKS_VIEW && !is_on_whole_page(s, k)))
		return false;
	if (space == SPACE_PREFIX)
		return store_prefix_decode(lmdb_bytes(d), lmdb_bytes(k), &time_ms) == HLV_OK;
	return hlv_record_decode(lmdb_bytes(d), lmdb_bytes(k), &rec) == HLV_OK;
}

/* An empty table is still named. */
static int check_named(struct lmdb_store *s, MDB_txn *txn, enum store_space space)
{
	MDB_val name = lmdb_val(hlv_text(lmdb_tables[space])), d;
	return mdb_get(txn, s->names, &name, &d) == 0 ? MDB_NOTFOUND : MDB_CORRUPTED;
}

static int check_gap(struct lmdb_store *s, MDB_txn *txn, enum looker who,
		     enum store_space space, MDB_val key)
{
	MDB_cursor *c;
	MDB_val k = key, d;
	int rc = mdb_cursor_open(txn, s->tables[space], &c);
	if (rc != 0)
		return rc;
	int after = mdb_cursor_get(c, &k, &d, MDB_SET_RANGE);
	bool sound = after != 0 || (is_sound(s, who, space, k, d) &&
				    hlv_compare(lmdb_bytes(k), lmdb_bytes(key)) > 0);
	rc = mdb_cursor_get(c, &k, &d, after == 0 ? MDB_PREV : MDB_LAST);
	if (sound && rc == 0)
		sound = is_sound(s, who, space, k, d) &&
			hlv_compare(lmdb_bytes(k), lmdb_bytes(key)) < 0;
	mdb_cursor_close(c);
	if (!sound)
		return MDB_CORRUPTED;
	if (after == MDB_NOTFOUND && rc == MDB_NOTFOUND)
		return check_named(s, txn, space);
	if (after != 0 && after != MDB_NOTFOUND)
		return after;
	return rc == 0 ? MDB_NOTFOUND : rc;
}

/* "Not found" is an answer too, and LMDB's pages have no checksum: a damaged key leads a search
 * astray. It ends beside the damage then: so both neighbours of the place where nothing was found
 * must be sound, and on their side of it (threats.md D5). */
static int find(struct lmdb_store *s, MDB_txn *txn, enum looker who, enum store_space space,
		MDB_val key, MDB_val *d)
{
	int rc = mdb_get(txn, s->tables[space], &key, d);
	if (rc == 0 && d->mv_size > VALUE_MAX)
		return MDB_CORRUPTED;
	if (rc != MDB_NOTFOUND)
		return rc;
	if (space == SPACE_RECORD || space == SPACE_PREFIX)
		return check_gap(s, txn, who, space, key);
	return check_named(s, txn, space);
}

static enum hlv_err lmdb_get(struct store_view *v, enum store_space space, struct hlv_bytes key,
			     struct hlv_bytes *value)
{
	MDB_val d;
	if (v->store->tables[space] == NO_TABLE)
		return HLV_E_NOT_FOUND;
	int rc = find(v->store, v->txn, LOOKS_VIEW, space, lmdb_val(key), &d);
	*value = rc == 0 ? lmdb_bytes(d) : (struct hlv_bytes){0};
	return lmdb_err(rc);
}

static enum hlv_err lmdb_scan(struct store_view *v, enum store_space space,
			      struct hlv_bytes from, store_scan_fn *visit, void *ctx)
{
	MDB_cursor *c;
	if (v->store->tables[space] == NO_TABLE)
		return HLV_OK;
	int rc = mdb_cursor_open(v->txn, v->store->tables[space], &c);
	if (rc != 0)
		return lmdb_err(rc);
	MDB_val k = lmdb_val(from), d;
	rc = mdb_cursor_get(c, &k, &d, from.n ? MDB_SET_RANGE : MDB_FIRST);
	while (rc == 0 && visit(ctx, lmdb_bytes(k), lmdb_bytes(d)))
		rc = mdb_cursor_get(c, &k, &d, MDB_NEXT);
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? HLV_OK : lmdb_err(rc);
}

/* --- commit --- */

static enum hlv_err commit_get(struct commit_engine *e, enum store_space space,
			       struct hlv_bytes key, struct hlv_bytes *value)
{
	struct lmdb_commit *c = (struct lmdb_commit *)e;
	MDB_val d;
	c->rc = find(c->s, c->txn, LOOKS_COMMIT, space, lmdb_val(key), &d);
	*value = c->rc == 0 ? lmdb_bytes(d) : (struct hlv_bytes){0};
	return lmdb_err(c->rc);
}

static bool commit_is_new(struct commit_engine *e, enum store_space space, struct hlv_bytes key)
{
	struct lmdb_commit *c = (struct lmdb_commit *)e;
	if (space != SPACE_RECORD || key.n > STORE_KEY_MAX)
		return false;
	size_t n = key.n < c->last.n ? key.n : c->last.n;
	int order = memcmp(key.p, c->last.octets, n);
	return order > 0 || (order == 0 && key.n > c->last.n);
}

/* Records above the last one are appended: full pages and no search, which is what makes a bulk
 * load of sorted input fast (decisions.md 3). */
static int reserve_record(struct lmdb_commit *c, struct hlv_bytes key, MDB_val *d)
{
	MDB_val k = lmdb_val(key);
	if (!commit_is_new(&c->base, SPACE_RECORD, key)) {
		c->pages += PAGES_EACH_PUT;
		return mdb_cursor_put(c->records, &k, d, MDB_RESERVE);
	}
	c->pages += PAGES_EACH_APPEND;
	int rc = mdb_cursor_put(c->records, &k, d, MDB_RESERVE | MDB_APPEND);
	if (rc == 0) {
		memcpy(c->last.octets, key.p, key.n);
		c->last.n = (uint16_t)key.n;
	}
	return rc;
}

/* Does it only ever grow at its end? */
static bool is_log(enum store_space space)
{
	return space == SPACE_JOURNAL || space == SPACE_AUDIT;
}

static enum hlv_err commit_reserve(struct commit_engine *e, enum store_space space,
				   struct hlv_bytes key, size_t n, uint8_t **place)
{
	struct lmdb_commit *c = (struct lmdb_commit *)e;
	MDB_val k = lmdb_val(key), d = {.mv_size = n};
	c->pages += n / c->s->page_size;
	if (space == SPACE_RECORD) {
		c->rc = reserve_record(c, key, &d);
	} else {
		c->pages += PAGES_EACH_PUT;
		c->rc = mdb_put(c->txn, c->s->tables[space], &k, &d,
				MDB_RESERVE | (is_log(space) ? MDB_APPEND : 0U));
	}
	*place = d.mv_data;
	return lmdb_err(c->rc);
}

static enum hlv_err commit_remove(struct commit_engine *e, enum store_space space,
				  struct hlv_bytes key)
{
	struct lmdb_commit *c = (struct lmdb_commit *)e;
	MDB_val k = lmdb_val(key);
	c->pages += PAGES_EACH_PUT;
	c->rc = mdb_del(c->txn, c->s->tables[space], &k, NULL);
	return c->rc == MDB_NOTFOUND ? HLV_OK : lmdb_err(c->rc);
}

static int commit_begin(struct lmdb_commit *c, struct lmdb_store *s)
{
	MDB_val k, d;
	*c = (struct lmdb_commit){
		.base = {commit_get, commit_reserve, commit_remove, commit_is_new}, .s = s};
	int rc = mdb_txn_begin(s->env, NULL, 0, &c->txn);
	if (rc != 0)
		return rc;
	rc = mdb_cursor_open(c->txn, s->tables[SPACE_RECORD], &c->records);
	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(c->records, &k, &d, MDB_LAST);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0 || k.mv_size > STORE_KEY_MAX)
		return rc ? rc : MDB_CORRUPTED;
	memcpy(c->last.octets, k.mv_data, k.mv_size);
	c->last.n = (uint16_t)k.mv_size;
	return 0;
}

static void commit_drop(struct lmdb_commit *c)
{
	if (c->records)
		mdb_cursor_close(c->records);
	if (c->txn)
		mdb_txn_abort(c->txn);
}

/* How long the file may become by this transaction: generous, for the rest stays a hole. */
static uint64_t length_after(const struct lmdb_commit *c)
{
	MDB_envinfo info;
	mdb_env_info(c->s->env, &info);
	return (info.me_last_pgno + LMDB_SPARE_PAGES + c->pages) * c->s->page_size;
}

/* Does this group only take away? */
static bool is_shrinking(const struct store_txn *txns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < txns[i].nputs; k++) {
			const struct store_put *put = &txns[i].puts[k];
			bool tombstone = put->space == SPACE_RECORD && put->value.n > 1 &&
					 put->value.p[1] & HLV_RECORD_DELETED;
			if (put->value.n > 0 && !tombstone && put->space != SPACE_META)
				return false;
		}
	}
	return true;
}

/* Pages in the file that hold nothing any more. */
static size_t free_pages(MDB_txn *txn)
{
	MDB_cursor *c;
	MDB_val k, d;
	size_t n = 0, one;
	if (mdb_cursor_open(txn, 0, &c) != 0) /* LMDB's table of free pages is always table 0 */
		return 0;
	while (mdb_cursor_get(c, &k, &d, MDB_NEXT) == 0 && d.mv_size >= sizeof one) {
		memcpy(&one, d.mv_data, sizeof one);
		n += one;
	}
	mdb_cursor_close(c);
	return n;
}

/* A delete needs pages too (a tombstone, its history, the paths to them): so the last pages of the
 * map are kept from all that adds (threats.md D7). */
static bool is_reserve_touched(const struct lmdb_commit *c)
{
	MDB_envinfo info;
	mdb_env_info(c->s->env, &info);
	size_t pages = info.me_mapsize / c->s->page_size;
	size_t reserve = pages / 8 < RESERVE_PAGES ? pages / 8 : RESERVE_PAGES;
	return info.me_last_pgno + reserve >= pages && free_pages(c->txn) < reserve;
}

/* Did a commit fail so that LMDB does not know what stands on the disk? */
static bool is_panicked(struct lmdb_store *s)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	if (rc == 0)
		mdb_txn_abort(txn);
	return rc == MDB_PANIC;
}

static int commit_end(struct lmdb_commit *c, enum hlv_err *err)
{
	struct lmdb_store *s = c->s;
	mdb_cursor_close(c->records);
	s->doubtful = mdb_txn_id(c->txn);
	int rc = mdb_txn_commit(c->txn);
	*err = lmdb_err(rc);
	/* A write that stops halfway because the disk is full reads as EIO in LMDB; the meta page
	 * was not written then, nor anything else that counts. */
	if (rc == EIO && store_file_is_full(s->fd))
		*err = HLV_E_FULL;
	if (rc != 0 && is_panicked(s))
		*err = HLV_E_IO;
	return rc;
}

/* In LMDB's words, so that a full map can be told from a full disk. */
static int commit_once(struct lmdb_store *s, struct store_txn *txns, size_t n,
		       enum hlv_err *err)
{
	struct lmdb_commit c;
	bool changed = false;
	int rc = commit_begin(&c, s);
	if (rc == 0 && !is_shrinking(txns, n) && is_reserve_touched(&c))
		rc = MDB_MAP_FULL;
	*err = lmdb_err(rc);
	if (rc == 0) {
		*err = commit_group(&c.base, txns, n, &changed);
		rc = *err == HLV_OK ? 0 : c.rc;
	}
	if (*err == HLV_OK && changed)
		*err = store_file_extend(s->fd, length_after(&c));
	if (*err == HLV_OK && changed)
		return commit_end(&c, err);
	commit_drop(&c);
	return rc;
}

static enum hlv_err lmdb_commit(struct store *store, struct store_txn *txns, size_t n)
{
	struct lmdb_store *s = lmdb_of(store);
	enum hlv_err err;
	if (s->read_only || s->must_verify)
		return HLV_E_PERMISSION;
	for (;;) {
		if (s->broken || !s->env)
			return HLV_E_IO;
		s->doubtful = 0;
		int rc = commit_once(s, txns, n, &err);
		bool again = (rc == MDB_MAP_FULL && grow_map(s)) ||
			     (rc == MDB_MAP_RESIZED && adopt_map(s) == 0);
		if (!again)
			break;
	}
	if (err == HLV_E_IO && !s->broken) {
		s->broken = true;
		store_file_mark(s->path);
	}
	return err;
}

struct lmdb_commit lmdb_opening(struct lmdb_store *s, MDB_txn *txn)
{
	return (struct lmdb_commit){
		.base = {commit_get, commit_reserve, commit_remove, commit_is_new},
		.s = s,
		.txn = txn};
}

const struct store_ops lmdb_ops = {
	lmdb_view_open, lmdb_view_begin, lmdb_view_end, lmdb_get,
	lmdb_scan,	lmdb_commit,	 lmdb_close,
};
