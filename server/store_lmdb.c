/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/commit.h"
#include "server/store_file.h"

#define GIB ((size_t)1 << 30)

enum {
	READERS = 512,
	GROW_WAIT_S = 2,	 /* a serving view lasts 100 ms at most (threats.md D8) */
	SPARE_PAGES = 64,	 /* of the small tables and the free list */
	PAGES_EACH_PUT = 6,	 /* one path through the tree, copied */
	PAGES_EACH_BULK_PUT = 2, /* neighbours share their path */
};

/* What a reader has in place of a table that an older registry lacks. */
static const MDB_dbi NO_TABLE = (MDB_dbi)-1;

struct store_view {
	struct lmdb_store *store;
	struct store_view *next;
	MDB_txn *txn; /* reset between views */
};

struct lmdb_store {
	struct store base;
	MDB_env *env;
	MDB_dbi tables[SPACES];
	int fd; /* of data.mdb: holds the writer's lock, extends the file */
	bool read_only;
	bool broken; /* an input/output error: only opening again tells what happened */
	size_t page_size;
	/* Guards the map's address: views hold it shared, whoever moves the map alone. Nothing
	 * else is taken while it is held. */
	pthread_rwlock_t map_lock;
	pthread_mutex_t views_lock; /* guards `views`; nothing is taken inside */
	struct store_view *views;
};

/* One LMDB write transaction, as commit.c sees it. */
struct lmdb_commit {
	struct commit_engine base;
	struct lmdb_store *s;
	MDB_txn *txn;
	MDB_cursor *records;
	struct store_key last; /* of the records; n == 0: none */
	int rc;		       /* the last failure in LMDB's words */
};

static struct lmdb_store *of(struct store *store)
{
	return (struct lmdb_store *)store;
}

static enum hlv_err to_err(int rc)
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

static MDB_val to_val(struct hlv_bytes b)
{
	union {
		const void *in;
		void *out;
	} p = {b.p}; /* LMDB's struct serves both ways and does not write here */
	return (MDB_val){.mv_size = b.n, .mv_data = p.out};
}

static struct hlv_bytes from_val(MDB_val v)
{
	return hlv_bytes(v.mv_data, v.mv_size);
}

/* --- the map --- */

/* Another process made the map larger: take over its size. */
static int adopt_map(struct lmdb_store *s)
{
	pthread_rwlock_wrlock(&s->map_lock);
	int rc = mdb_env_set_mapsize(s->env, 0);
	pthread_rwlock_unlock(&s->map_lock);
	return rc;
}

/* Twice as large, by 64 GiB at the most. Waits until no view is open; false when that does not
 * happen, or there is no address space. */
static bool grow_map(struct lmdb_store *s)
{
	MDB_envinfo info;
	struct timespec until;
	mdb_env_info(s->env, &info);
	size_t size =
		info.me_mapsize + (info.me_mapsize < 64 * GIB ? info.me_mapsize : 64 * GIB);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += GROW_WAIT_S;
	/* LMDB unmaps before it maps: it must not fail halfway. */
	if (!store_file_can_map(size) || pthread_rwlock_timedwrlock(&s->map_lock, &until) != 0)
		return false;
	int rc = mdb_env_set_mapsize(s->env, size);
	s->broken = rc != 0;
	pthread_rwlock_unlock(&s->map_lock);
	return rc == 0;
}

/* --- views --- */

static enum hlv_err lmdb_view_open(struct store *store, struct store_view **out)
{
	struct lmdb_store *s = of(store);
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
	if (v->txn)
		return mdb_txn_renew(v->txn);
	int rc = mdb_txn_begin(v->store->env, NULL, MDB_RDONLY, &v->txn);
	if (rc != MDB_READERS_FULL)
		return rc;
	int dead;
	mdb_reader_check(v->store->env, &dead);
	return mdb_txn_begin(v->store->env, NULL, MDB_RDONLY, &v->txn);
}

static enum hlv_err lmdb_view_begin(struct store_view *v)
{
	for (;;) {
		pthread_rwlock_rdlock(&v->store->map_lock);
		int rc = begin_read(v);
		if (rc == 0)
			return HLV_OK;
		pthread_rwlock_unlock(&v->store->map_lock);
		if (rc == MDB_MAP_RESIZED)
			rc = adopt_map(v->store);
		if (rc != 0)
			return to_err(rc);
	}
}

static void lmdb_view_end(struct store_view *v)
{
	mdb_txn_reset(v->txn);
	pthread_rwlock_unlock(&v->store->map_lock);
}

static enum hlv_err lmdb_get(struct store_view *v, enum store_space space, struct hlv_bytes key,
			     struct hlv_bytes *value)
{
	MDB_val k = to_val(key), d;
	if (v->store->tables[space] == NO_TABLE)
		return HLV_E_NOT_FOUND;
	int rc = mdb_get(v->txn, v->store->tables[space], &k, &d);
	*value = rc == 0 ? from_val(d) : (struct hlv_bytes){0};
	return to_err(rc);
}

static enum hlv_err lmdb_scan(struct store_view *v, enum store_space space,
			      struct hlv_bytes from, store_scan_fn *visit, void *ctx)
{
	MDB_cursor *c;
	if (v->store->tables[space] == NO_TABLE)
		return HLV_OK;
	int rc = mdb_cursor_open(v->txn, v->store->tables[space], &c);
	if (rc != 0)
		return to_err(rc);
	MDB_val k = to_val(from), d;
	rc = mdb_cursor_get(c, &k, &d, from.n ? MDB_SET_RANGE : MDB_FIRST);
	while (rc == 0 && visit(ctx, from_val(k), from_val(d)))
		rc = mdb_cursor_get(c, &k, &d, MDB_NEXT);
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? HLV_OK : to_err(rc);
}

/* --- commit --- */

static enum hlv_err commit_get(struct commit_engine *e, enum store_space space,
			       struct hlv_bytes key, struct hlv_bytes *value)
{
	struct lmdb_commit *c = (struct lmdb_commit *)e;
	MDB_val k = to_val(key), d;
	c->rc = mdb_get(c->txn, c->s->tables[space], &k, &d);
	*value = c->rc == 0 ? from_val(d) : (struct hlv_bytes){0};
	return to_err(c->rc);
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
	MDB_val k = to_val(key);
	if (!commit_is_new(&c->base, SPACE_RECORD, key))
		return mdb_cursor_put(c->records, &k, d, MDB_RESERVE);
	int rc = mdb_cursor_put(c->records, &k, d, MDB_RESERVE | MDB_APPEND);
	if (rc == 0) {
		memcpy(c->last.octets, key.p, key.n);
		c->last.n = (uint16_t)key.n;
	}
	return rc;
}

static enum hlv_err commit_reserve(struct commit_engine *e, enum store_space space,
				   struct hlv_bytes key, size_t n, uint8_t **place)
{
	struct lmdb_commit *c = (struct lmdb_commit *)e;
	MDB_val k = to_val(key), d = {.mv_size = n};
	if (space == SPACE_RECORD)
		c->rc = reserve_record(c, key, &d);
	else
		c->rc = mdb_put(c->txn, c->s->tables[space], &k, &d,
				MDB_RESERVE | (space == SPACE_JOURNAL ? MDB_APPEND : 0U));
	*place = d.mv_data;
	return to_err(c->rc);
}

static enum hlv_err commit_remove(struct commit_engine *e, enum store_space space,
				  struct hlv_bytes key)
{
	struct lmdb_commit *c = (struct lmdb_commit *)e;
	MDB_val k = to_val(key);
	c->rc = mdb_del(c->txn, c->s->tables[space], &k, NULL);
	return c->rc == MDB_NOTFOUND ? HLV_OK : to_err(c->rc);
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

/* How long the file may become by these transactions: generous, for the rest stays a hole. */
static uint64_t length_after(struct lmdb_store *s, const struct store_txn *txns, size_t n)
{
	MDB_envinfo info;
	mdb_env_info(s->env, &info);
	uint64_t pages = info.me_last_pgno + SPARE_PAGES;
	for (size_t i = 0; i < n; i++) {
		pages += PAGES_EACH_PUT; /* its journal entry */
		for (size_t k = 0; k < txns[i].nputs; k++)
			pages += txns[i].puts[k].value.n * 2 / s->page_size +
				 (txns[i].bulk ? PAGES_EACH_BULK_PUT : PAGES_EACH_PUT);
	}
	return pages * s->page_size;
}

/* In LMDB's words, so that a full map can be told from a full disk. */
static int commit_once(struct lmdb_store *s, struct store_txn *txns, size_t n,
		       enum hlv_err *err)
{
	struct lmdb_commit c;
	bool changed = false;
	int rc = commit_begin(&c, s);
	*err = to_err(rc);
	if (rc == 0) {
		*err = commit_group(&c.base, txns, n, &changed);
		rc = *err == HLV_OK ? 0 : c.rc;
	}
	if (*err == HLV_OK && changed)
		*err = store_file_extend(s->fd, length_after(s, txns, n));
	if (*err != HLV_OK || !changed) {
		commit_drop(&c);
		return rc;
	}
	mdb_cursor_close(c.records);
	rc = mdb_txn_commit(c.txn);
	*err = to_err(rc);
	/* A write that stops halfway because the disk is full reads as EIO in LMDB; the meta page
	 * was not written then, nor anything else that counts. */
	if (rc == EIO && store_file_is_full(s->fd))
		*err = HLV_E_FULL;
	return rc;
}

static enum hlv_err lmdb_commit(struct store *store, struct store_txn *txns, size_t n)
{
	struct lmdb_store *s = of(store);
	enum hlv_err err;
	if (s->read_only)
		return HLV_E_PERMISSION;
	for (;;) {
		if (s->broken)
			return HLV_E_IO;
		int rc = commit_once(s, txns, n, &err);
		bool again = (rc == MDB_MAP_FULL && grow_map(s)) ||
			     (rc == MDB_MAP_RESIZED && adopt_map(s) == 0);
		if (!again)
			break;
	}
	s->broken = s->broken || err == HLV_E_IO;
	return err;
}

/* --- open and close --- */

static void lmdb_close(struct store *store)
{
	struct lmdb_store *s = of(store);
	while (s->views) {
		struct store_view *v = s->views;
		s->views = v->next;
		if (v->txn)
			mdb_txn_abort(v->txn);
		free(v);
	}
	if (s->env) {
		MDB_envinfo info;
		if (!s->read_only && !s->broken && s->page_size > 0 &&
		    mdb_env_info(s->env, &info) == 0)
			store_file_trim(s->fd,
					(uint64_t)(info.me_last_pgno + 1) * s->page_size);
		mdb_env_close(s->env);
	}
	if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->views_lock);
	pthread_rwlock_destroy(&s->map_lock);
	free(s);
}

static const struct store_ops LMDB_OPS = {
	lmdb_view_open, lmdb_view_begin, lmdb_view_end, lmdb_get,
	lmdb_scan,	lmdb_commit,	 lmdb_close,
};

static enum hlv_err lmdb_say(char *why, const char *path, int rc)
{
	return rc == 0 ? HLV_OK : store_file_say(why, path, mdb_strerror(rc), to_err(rc));
}

/* Our own descriptor of the data file: the writer's lock hangs on it, and ends with the process
 * however that ends. */
static enum hlv_err open_file(struct lmdb_store *s, const char *path,
			      const struct store_lmdb_options *o, char *why)
{
	char name[PATH_MAX];
	int flags = o->read_only ? O_RDONLY : O_RDWR | (o->create ? O_CREAT : 0);
	if (snprintf(name, sizeof name, "%s/data.mdb", path) >= (int)sizeof name)
		return store_file_say(why, path, "path too long", HLV_E_LIMIT);
	s->fd = open(name, flags | O_CLOEXEC, 0640);
	if (s->fd < 0)
		return store_file_say_errno(why, path, errno);
	if (!o->read_only && !store_file_lock(s->fd))
		return store_file_say(
			why, path,
			"is being written by another process; stop it, or ask it to do this",
			HLV_E_BUSY);
	HLV_TRY(store_file_check_place(path, why));
	enum hlv_err err = store_file_check(s->fd, name, why);
	return err == HLV_E_NOT_FOUND && o->create && !o->read_only ? HLV_OK : err;
}

static int open_env(struct lmdb_store *s, const char *path, size_t map_size)
{
	int dead;
	int rc = mdb_env_create(&s->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(s->env, map_size ? map_size : 64 * GIB);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(s->env, SPACES);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(s->env, READERS);
	/* NOTLS and nothing else: no flag that trades durability for speed (threats.md D1). */
	if (rc == 0)
		rc = mdb_env_open(s->env, path, MDB_NOTLS | (s->read_only ? MDB_RDONLY : 0U),
				  0640);
	if (rc == 0)
		rc = mdb_reader_check(s->env, &dead);
	return rc;
}

/* LMDB's own order, found with fewer instructions: a look-up among a million records compares
 * twenty times. Tools that do not know of it see the same order. */
static int record_order(const MDB_val *a, const MDB_val *b)
{
	return hlv_compare(from_val(*a), from_val(*b));
}

/* A registry that no writer of this version has opened does not have them: they are empty. */
static bool is_later(int space)
{
	return space == SPACE_AUDIT || space == SPACE_HISTORY;
}

static int open_tables(struct lmdb_store *s, MDB_txn *txn)
{
	static const char *const names[SPACES] = {"record", "prefix", "journal",
						  "meta",   "audit",  "history"};
	for (int i = 0; i < SPACES; i++) {
		int rc = mdb_dbi_open(txn, names[i], s->read_only ? 0 : MDB_CREATE,
				      &s->tables[i]);
		if (rc == MDB_NOTFOUND && is_later(i)) {
			s->tables[i] = NO_TABLE;
			rc = 0;
		}
		if (rc != 0)
			return rc;
	}
	return mdb_set_compare(txn, s->tables[SPACE_RECORD], record_order);
}

/* For what stands in META alone. */
static struct lmdb_commit opening(struct lmdb_store *s, MDB_txn *txn)
{
	return (struct lmdb_commit){
		.base = {commit_get, commit_reserve, commit_remove, commit_is_new},
		.s = s,
		.txn = txn};
}

static enum hlv_err found(MDB_txn *txn, struct lmdb_store *s)
{
	uint8_t epoch[16];
	struct lmdb_commit c = opening(s, txn);
	if (getrandom(epoch, sizeof epoch, 0) != (ssize_t)sizeof epoch)
		return HLV_E_IO;
	return commit_found(&c.base, epoch);
}

static enum hlv_err check_or_found(struct lmdb_store *s, MDB_txn *txn, bool fresh,
				   const char *path, char *why)
{
	MDB_val k = to_val(hlv_text("format")), d;
	char what[STORE_WHY];
	MDB_stat stat;
	int rc = mdb_get(txn, s->tables[SPACE_META], &k, &d);
	if (rc == 0) {
		bool older;
		enum hlv_err err = commit_check_format(from_val(d), s->read_only, &older, what);
		if (err != HLV_OK || !older || s->read_only)
			return err == HLV_OK ? err : store_file_say(why, path, what, err);
		struct lmdb_commit c = opening(s, txn);
		err = commit_upgrade(&c.base);
		return err == HLV_OK ? err : store_file_say(why, path, hlv_strerror(err), err);
	}
	mdb_stat(txn, s->tables[SPACE_RECORD], &stat);
	if (rc != MDB_NOTFOUND || !fresh || stat.ms_entries > 0)
		return store_file_say(why, path, "is not a registry of this program",
				      HLV_E_CORRUPT);
	enum hlv_err err = found(txn, s);
	return err == HLV_OK ? err : store_file_say(why, path, hlv_strerror(err), err);
}

static enum hlv_err open_registry(struct lmdb_store *s, bool fresh, const char *path, char *why)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, s->read_only ? MDB_RDONLY : 0U, &txn);
	if (rc != 0)
		return lmdb_say(why, path, rc);
	rc = open_tables(s, txn);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return store_file_say(why, path, "is not a registry of this program",
				      HLV_E_CORRUPT);
	}
	enum hlv_err err = check_or_found(s, txn, fresh, path, why);
	if (err != HLV_OK) {
		mdb_txn_abort(txn);
		return err;
	}
	rc = mdb_txn_commit(txn); /* keeps the tables open, also of a reader */
	return lmdb_say(why, path, rc);
}

static enum hlv_err open_all(struct lmdb_store *s, const char *path,
			     const struct store_lmdb_options *o, char *why)
{
	MDB_stat stat;
	if (o->create && !o->read_only)
		HLV_TRY(store_file_make_dir(path, why));
	HLV_TRY(open_file(s, path, o, why));
	int rc = open_env(s, path, o->map_size);
	if (rc != 0)
		return lmdb_say(why, path, rc);
	mdb_env_stat(s->env, &stat);
	s->page_size = stat.ms_psize;
	if (!s->read_only && store_file_extend(s->fd, SPARE_PAGES * s->page_size) != HLV_OK)
		return store_file_say_errno(why, path, ENOSPC);
	HLV_TRY(open_registry(s, o->create, path, why));
	if (o->create && !s->read_only && store_file_sync_dir(path) != HLV_OK)
		return store_file_say_errno(why, path, EIO);
	return HLV_OK;
}

enum hlv_err store_lmdb_open(const char *path, const struct store_lmdb_options *o,
			     struct store **store, char *why)
{
	pthread_rwlockattr_t fair;
	*store = NULL;
	struct lmdb_store *s = calloc(1, sizeof *s);
	if (!s)
		return store_file_say(why, path, "out of memory", HLV_E_NOMEM);
	s->base.ops = &LMDB_OPS;
	s->fd = -1;
	s->read_only = o->read_only;
	pthread_mutex_init(&s->views_lock, NULL);
	/* Whoever wants to move the map must not wait for a gap between views that overlap. */
	pthread_rwlockattr_init(&fair);
	pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&s->map_lock, &fair);
	pthread_rwlockattr_destroy(&fair);
	enum hlv_err err = open_all(s, path, o, why);
	if (err != HLV_OK) {
		lmdb_close(&s->base);
		return err;
	}
	*store = &s->base;
	return HLV_OK;
}

/* --- for whoever runs a node --- */

static uint64_t entries(struct store_view *v, enum store_space space)
{
	MDB_stat stat = {0};
	mdb_stat(v->txn, v->store->tables[space], &stat);
	return stat.ms_entries;
}

enum hlv_err store_stats(struct store *store, struct store_view *v, struct store_stats *stats)
{
	if (store->ops != &LMDB_OPS)
		return HLV_E_UNSUPPORTED;
	MDB_envinfo info;
	mdb_env_info(of(store)->env, &info);
	*stats = (struct store_stats){
		.records = entries(v, SPACE_RECORD),
		.prefixes = entries(v, SPACE_PREFIX),
		.journal = entries(v, SPACE_JOURNAL),
		.octets = (uint64_t)(info.me_last_pgno + 1) * of(store)->page_size,
		.map_octets = info.me_mapsize,
		.readers = info.me_numreaders,
	};
	return store_last_seq(store, v, &stats->last_seq);
}

static enum hlv_err backup_to(struct lmdb_store *s, const char *name, const char *path,
			      char *why)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return store_file_say_errno(why, name, errno);
	int rc = mdb_env_copyfd2(s->env, fd, MDB_CP_COMPACT);
	if (rc == 0 && fsync(fd) != 0)
		rc = errno;
	if (close(fd) != 0 && rc == 0)
		rc = errno;
	/* link() and not rename(): what stands at `path` already stays. */
	if (rc == 0 && link(name, path) != 0)
		rc = errno;
	unlink(name);
	return lmdb_say(why, path, rc);
}

enum hlv_err store_backup(struct store *store, const char *path, char *why)
{
	char name[PATH_MAX];
	if (store->ops != &LMDB_OPS)
		return store_file_say(why, path, "this registry is in memory",
				      HLV_E_UNSUPPORTED);
	if (snprintf(name, sizeof name, "%s.part", path) >= (int)sizeof name)
		return store_file_say(why, path, "path too long", HLV_E_LIMIT);
	if (access(path, F_OK) == 0)
		return store_file_say(why, path, "exists already", HLV_E_EXISTS);
	HLV_TRY(backup_to(of(store), name, path, why));
	if (store_file_sync_dir(dirname(name)) != HLV_OK)
		return store_file_say_errno(why, path, EIO);
	return HLV_OK;
}
