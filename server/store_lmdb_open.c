/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/random.h>
#include <unistd.h>

#include "server/store_lmdb.h"

enum { READERS = 512 };

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

enum hlv_err lmdb_say(char *why, const char *path, int rc)
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

static int open_env(struct lmdb_store *s, const char *path, size_t map_size)
{
	int dead;
	int rc = mdb_env_create(&s->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(s->env, map_size ? map_size : 64 * LMDB_GIB);
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
	return hlv_compare(lmdb_bytes(*a), lmdb_bytes(*b));
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
static enum hlv_err found(MDB_txn *txn, struct lmdb_store *s)
{
	uint8_t epoch[16];
	struct lmdb_commit c = lmdb_opening(s, txn);
	if (getrandom(epoch, sizeof epoch, 0) != (ssize_t)sizeof epoch)
		return HLV_E_IO;
	return commit_found(&c.base, epoch);
}

static enum hlv_err check_or_found(struct lmdb_store *s, MDB_txn *txn, bool fresh,
				   const char *path, char *why)
{
	MDB_val k = lmdb_val(hlv_text("format")), d;
	char what[STORE_WHY];
	MDB_stat stat;
	int rc = mdb_get(txn, s->tables[SPACE_META], &k, &d);
	if (rc == 0) {
		bool older;
		enum hlv_err err =
			commit_check_format(lmdb_bytes(d), s->read_only, &older, what);
		if (err != HLV_OK || !older || s->read_only)
			return err == HLV_OK ? err : store_file_say(why, path, what, err);
		struct lmdb_commit c = lmdb_opening(s, txn);
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
	if (!s->read_only &&
	    store_file_extend(s->fd, LMDB_SPARE_PAGES * s->page_size) != HLV_OK)
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
	s->base.ops = &lmdb_ops;
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
