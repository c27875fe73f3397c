/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "server/store_lmdb.h"

enum { READERS = 512, EXIT_REGISTRY = 75 };

void lmdb_drop_env(struct lmdb_store *s)
{
	pthread_mutex_lock(&s->views_lock);
	for (struct store_view *v = s->views; v; v = v->next) {
		if (v->txn)
			mdb_txn_abort(v->txn);
		v->txn = NULL;
	}
	pthread_mutex_unlock(&s->views_lock);
	if (s->env)
		mdb_env_close(s->env);
	s->env = NULL;
}

void lmdb_close(struct store *store)
{
	struct lmdb_store *s = lmdb_of(store);
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

static enum hlv_err lmdb_say(char *why, const char *path, int rc)
{
	return rc == 0 ? HLV_OK : store_file_say(why, path, mdb_strerror(rc), lmdb_err(rc));
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

/* LMDB's own assertions: what it met in the file cannot be (threats.md D11). */
static void on_assert(MDB_env *env, const char *text)
{
	(void)env;
	fprintf(stderr,
		"the registry's file is damaged (%s): stopping; run helvectl verify before "
		"the next start\n",
		text);
	_exit(EXIT_REGISTRY);
}

static int open_env(struct lmdb_store *s, const char *path, size_t map_size, unsigned flags)
{
	int dead;
	int rc = mdb_env_create(&s->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(s->env, map_size ? map_size : 64 * LMDB_GIB);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(s->env, SPACES);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(s->env, READERS);
	if (rc == 0)
		rc = mdb_env_set_assert(s->env, on_assert);
	/* NOTLS and nothing else: no flag that trades durability for speed (threats.md D1). */
	if (rc == 0)
		rc = mdb_env_open(s->env, path, MDB_NOTLS | flags, 0640);
	if (rc == 0)
		rc = mdb_reader_check(s->env, &dead);
	return rc;
}

/* LMDB's own order, found with fewer instructions: a look-up among a million records compares
 * twenty times. Tools that do not know of it see the same order. */
static int record_order(const MDB_val *a, const MDB_val *b)
{
	return hlv_compare(lmdb_bytes(*a), lmdb_bytes(*b));
}

/* A registry that no writer of this version has opened does not have them: they are empty. */
static bool is_later(int space)
{
	return space == SPACE_AUDIT || space == SPACE_HISTORY || space == SPACE_INDEX;
}

const char *const lmdb_tables[SPACES] = {"record", "prefix",  "journal", "meta",
					 "audit",  "history", "index"};

/* `make`: MDB_CREATE or 0. */
static int open_tables(struct lmdb_store *s, MDB_txn *txn, unsigned make)
{
	int rc = mdb_dbi_open(txn, NULL, 0, &s->names);
	for (int i = 0; i < SPACES && rc == 0; i++) {
		rc = mdb_dbi_open(txn, lmdb_tables[i], make, &s->tables[i]);
		if (rc == MDB_NOTFOUND && is_later(i)) {
			s->tables[i] = NO_TABLE;
			rc = 0;
		}
	}
	return rc != 0 ? rc : mdb_set_compare(txn, s->tables[SPACE_RECORD], record_order);
}

static int make_later_tables(struct lmdb_store *s, MDB_txn *txn)
{
	int rc = 0;
	for (int i = 0; i < SPACES && rc == 0; i++)
		if (s->tables[i] == NO_TABLE)
			rc = mdb_dbi_open(txn, lmdb_tables[i], MDB_CREATE, &s->tables[i]);
	return rc;
}

static bool lacks_table(const struct lmdb_store *s)
{
	for (int i = 0; i < SPACES; i++)
		if (s->tables[i] == NO_TABLE)
			return true;
	return false;
}

static enum hlv_err found(MDB_txn *txn, struct lmdb_store *s)
{
	uint8_t epoch[16];
	struct lmdb_commit c = lmdb_opening(s, txn);
	if (getrandom(epoch, sizeof epoch, 0) != (ssize_t)sizeof epoch)
		return HLV_E_IO;
	return commit_found(&c.base, epoch);
}

static enum hlv_err scan_all(struct commit_engine *e, enum store_space space,
			     store_scan_fn *visit, void *ctx)
{
	struct lmdb_commit *c = (struct lmdb_commit *)e;
	struct store_view view = {.store = c->s, .txn = c->txn};
	return lmdb_ops.scan(&view, space, (struct hlv_bytes){0}, visit, ctx);
}

static enum hlv_err upgrade(struct lmdb_store *s, MDB_txn *txn)
{
	struct lmdb_commit c = lmdb_opening(s, txn);
	int rc = make_later_tables(s, txn);
	return rc == 0 ? commit_upgrade(&c.base, scan_all) : lmdb_err(rc);
}

static enum hlv_err check_or_found(struct lmdb_store *s, MDB_txn *txn, bool fresh,
				   const char *path, char *why)
{
	MDB_val k = lmdb_val(hlv_text("format")), d;
	char what[STORE_WHY];
	bool older;
	int rc = mdb_get(txn, s->tables[SPACE_META], &k, &d);
	if (rc != 0 && (rc != MDB_NOTFOUND || !fresh))
		return store_file_say(why, path, "is not a registry of this program",
				      HLV_E_CORRUPT);
	if (rc == MDB_NOTFOUND) {
		enum hlv_err err = found(txn, s);
		return err == HLV_OK ? err : store_file_say(why, path, hlv_strerror(err), err);
	}
	enum hlv_err err = commit_check_format(lmdb_bytes(d), s->read_only, &older, what);
	if (err != HLV_OK)
		return store_file_say(why, path, what, err);
	if (!older && lacks_table(s))
		return store_file_say(why, path,
				      "lacks a table: it is damaged; restore a backup",
				      HLV_E_CORRUPT);
	if (!older || s->read_only)
		return HLV_OK;
	err = upgrade(s, txn);
	return err == HLV_OK ? err : store_file_say(why, path, hlv_strerror(err), err);
}

static enum hlv_err open_registry(struct lmdb_store *s, bool create, const char *path,
				  char *why)
{
	MDB_txn *txn;
	MDB_stat names;
	mdb_env_stat(s->env, &names);
	/* Never a new table in place of one whose name was damaged. */
	bool fresh = create && !s->read_only && names.ms_entries == 0;
	int rc = mdb_txn_begin(s->env, NULL, s->read_only ? MDB_RDONLY : 0U, &txn);
	if (rc != 0)
		return lmdb_say(why, path, rc);
	rc = open_tables(s, txn, fresh ? MDB_CREATE : 0);
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
	if (snprintf(s->path, sizeof s->path, "%s", path) >= (int)sizeof s->path)
		return store_file_say(why, path, "path too long", HLV_E_LIMIT);
	if (o->create && !o->read_only)
		HLV_TRY(store_file_make_dir(path, why));
	HLV_TRY(open_file(s, path, o, why));
	int rc = open_env(s, path, o->map_size, s->read_only ? MDB_RDONLY : 0U);
	if (rc != 0)
		return lmdb_say(why, path, rc);
	mdb_env_stat(s->env, &stat);
	s->page_size = stat.ms_psize;
	if (!s->read_only &&
	    store_file_extend(s->fd, LMDB_SPARE_PAGES * s->page_size) != HLV_OK)
		return store_file_say_errno(why, path, ENOSPC);
	HLV_TRY(open_registry(s, o->create, path, why));
	if (o->create && !s->read_only && store_file_sync_dir(path) != HLV_OK)
		return store_file_say_errno(why, path, EIO);
	s->must_verify = !s->read_only && store_file_is_marked(path);
	return o->verify_later ? HLV_OK : store_verify_first(&s->base, why);
}

static struct lmdb_store *new_store(const struct store_lmdb_options *o)
{
	pthread_rwlockattr_t fair;
	struct lmdb_store *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->base.ops = &lmdb_ops;
	s->fd = -1;
	s->read_only = o->read_only;
	s->map_max = o->map_max;
	atomic_init(&s->stop_backup, false);
	pthread_mutex_init(&s->views_lock, NULL);
	/* Whoever wants to move the map must not wait for a gap between views that overlap. */
	pthread_rwlockattr_init(&fair);
	pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&s->map_lock, &fair);
	pthread_rwlockattr_destroy(&fair);
	return s;
}

enum hlv_err store_lmdb_open(const char *path, const struct store_lmdb_options *o,
			     struct store **store, char *why)
{
	*store = NULL;
	struct lmdb_store *s = new_store(o);
	if (!s)
		return store_file_say(why, path, "out of memory", HLV_E_NOMEM);
	enum hlv_err err = open_all(s, path, o, why);
	if (err != HLV_OK) {
		lmdb_close(&s->base);
		return err;
	}
	*store = &s->base;
	return HLV_OK;
}

/* --- opened again --- */

static int read_tables(struct lmdb_store *s)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	if (rc != 0)
		return rc;
	rc = open_tables(s, txn, 0);
	if (rc == 0)
		return mdb_txn_commit(txn); /* keeps the tables open */
	mdb_txn_abort(txn);
	return rc;
}

/* A disk that takes no more writes is often mounted read-only by the kernel; what is on it can
 * still be served. */
static enum hlv_err open_again(struct lmdb_store *s, char *why)
{
	const unsigned flags[] = {s->read_only ? MDB_RDONLY : 0U, MDB_RDONLY};
	MDB_envinfo info = {0};
	int rc = 0;
	if (s->env)
		mdb_env_info(s->env, &info);
	lmdb_drop_env(s);
	HLV_TRY(store_file_check(s->fd, s->path, why));
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		rc = open_env(s, s->path, info.me_mapsize, flags[i]);
		if (rc == 0)
			rc = read_tables(s);
		if (rc == 0) {
			s->read_only = flags[i] == MDB_RDONLY;
			return HLV_OK;
		}
		lmdb_drop_env(s);
	}
	return lmdb_say(why, s->path, rc);
}

/* Is everything that can be read now on the disk, and can more be written? A commit says so: its
 * syncs cover what stands before it. */
static enum hlv_err prove(struct lmdb_store *s, uint64_t number, char *why)
{
	uint8_t octets[8];
	hlv_store_u64(octets, number);
	struct store_put put = {SPACE_META, hlv_text("reopened"), hlv_bytes(octets, 8)};
	struct store_txn txn = {.puts = &put, .nputs = 1};
	enum hlv_err err = lmdb_ops.commit(&s->base, &txn, 1);
	if (err == HLV_OK)
		err = txn.err;
	return err == HLV_OK ? err : store_file_say(why, s->path, hlv_strerror(err), err);
}

enum hlv_err store_reopen(struct store *store, bool *landed, char *why)
{
	struct lmdb_store *s = lmdb_of(store);
	MDB_envinfo info;
	*landed = false;
	if (store->ops != &lmdb_ops)
		return HLV_OK;
	if (!lmdb_park(s))
		return store_file_say(why, s->path, "a reader does not end", HLV_E_TIMEOUT);
	enum hlv_err err = open_again(s, why);
	lmdb_unpark(s);
	if (err != HLV_OK)
		return err;
	mdb_env_info(s->env, &info);
	*landed = s->doubtful > 0 && info.me_last_txnid >= s->doubtful;
	s->broken = false;
	return prove(s, info.me_last_txnid, why);
}

/* --- verified before it is written to --- */

static bool keep_first(void *ctx, const struct store_report *report, const char *fault)
{
	char *line = ctx;
	(void)report;
	if (fault && !*line)
		snprintf(line, STORE_WHY, "%.200s", fault);
	return true;
}

static enum hlv_err verify_all(struct store *store, const char *path, char *why)
{
	struct store_view *view;
	struct store_report report = {0};
	char line[STORE_WHY] = "";
	HLV_TRY(store->ops->view_open(store, &view));
	HLV_TRY(store->ops->view_begin(view));
	enum hlv_err err = store_verify(store, view, keep_first, line, &report);
	store->ops->view_end(view);
	if (err != HLV_OK)
		return store_file_say(why, path, hlv_strerror(err), err);
	if (report.faults == 0)
		return HLV_OK;
	return store_file_say(why, path, line, HLV_E_CORRUPT);
}

bool store_is_unverified(const struct store *store)
{
	return store->ops == &lmdb_ops && ((const struct lmdb_store *)store)->must_verify;
}

enum hlv_err store_verify_first(struct store *store, char *why)
{
	if (!store_is_unverified(store))
		return HLV_OK;
	struct lmdb_store *s = lmdb_of(store);
	HLV_TRY(verify_all(store, s->path, why));
	if (store_file_unmark(s->path) != HLV_OK)
		return store_file_say_errno(why, s->path, EIO);
	s->must_verify = false;
	return HLV_OK;
}

static enum hlv_err open_copy(struct lmdb_store *s, const char *file, char *why)
{
	s->fd = open(file, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		return store_file_say_errno(why, file, errno);
	HLV_TRY(store_file_check(s->fd, file, why));
	int rc = open_env(s, file, 1 << 20, MDB_RDONLY | MDB_NOSUBDIR | MDB_NOLOCK);
	if (rc == 0)
		rc = read_tables(s);
	return lmdb_say(why, file, rc);
}

enum hlv_err lmdb_verify_copy(const char *file, char *why)
{
	struct lmdb_store *s = new_store(&(struct store_lmdb_options){.read_only = true});
	if (!s)
		return store_file_say(why, file, "out of memory", HLV_E_NOMEM);
	enum hlv_err err = open_copy(s, file, why);
	if (err == HLV_OK)
		err = verify_all(&s->base, file, why);
	lmdb_close(&s->base);
	return err;
}
