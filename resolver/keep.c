/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "proto/base/crc32c.h"
#include "resolver/cache_keep.h"
#include "resolver/damage.h"

/* One table: number (8 octets) -> CRC-32C of number and finding, finding. */
enum {
	NUMBER = 8,
	CRC = 4,
	TXN_OCTETS = 8 << 20,
	TXN_REMOVALS = 20000,
	/* So many starts in a row that did not come to the end of loading: it is the file. */
	LOADS_BROKEN = 3,
	EXIT_KEEP = 75,
};
static const size_t MAP_FIRST = (size_t)1 << 30;

struct keep {
	char dir[PATH_MAX - 64];
	char why[KEEP_WHY];
	int lock; /* on the directory's file "lock"; ends with the process */
	MDB_env *env;
	MDB_dbi table;
	size_t map_size;
	uint64_t *gone; /* numbers that are to be removed */
	size_t ngone, gone_max;
	/* while saving */
	MDB_txn *txn;
	int rc; /* of LMDB; the first failure */
	size_t octets, puts, saved;
	uint8_t *room;
	size_t room_max;
};

static char *path_of(const struct keep *k, const char *name, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s", k->dir, name);
	return out;
}

static enum hlv_err err_of(int rc)
{
	switch (rc) {
	case 0:
		return HLV_OK;
	case ENOMEM:
		return HLV_E_NOMEM;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case MDB_MAP_FULL:
		return HLV_E_FULL;
	case EACCES:
	case EPERM:
	case EROFS:
		return HLV_E_PERMISSION;
	default:
		return HLV_E_IO;
	}
}

static enum hlv_err say(struct keep *k, const char *what, int rc)
{
	snprintf(k->why, sizeof k->why, "%s/%s: %s", k->dir, what, mdb_strerror(rc));
	return err_of(rc);
}

const char *keep_why(const struct keep *k)
{
	return k->why;
}

/* --- opening --- */

static bool set_aside(struct keep *k, const char *because)
{
	return damage_set_aside(k->dir, because, k->why, sizeof k->why);
}

static struct keep *asserting; /* there is one; LMDB tells its callback too little */

/* LMDB met what cannot be: nothing can be unwound from here. The next start begins anew. */
static void on_assert(MDB_env *env, const char *text)
{
	(void)env;
	set_aside(asserting, "is damaged");
	fprintf(stderr, "%s (%s): stopping\n", asserting->why, text);
	_exit(EXIT_KEEP);
}

static void close_env(struct keep *k)
{
	if (k->env)
		mdb_env_close(k->env);
	k->env = NULL;
}

static int open_env(struct keep *k)
{
	MDB_txn *txn = NULL;
	int rc = mdb_env_create(&k->env);
	asserting = k;
	if (rc == 0)
		rc = mdb_env_set_mapsize(k->env, k->map_size);
	if (rc == 0)
		rc = mdb_env_set_assert(k->env, on_assert);
	/* Our own lock keeps others away, and one thread at a time is in here. */
	if (rc == 0)
		rc = mdb_env_open(k->env, k->dir, MDB_NOTLS | MDB_NOLOCK, 0640);
	if (rc == 0 && !damage_is_whole(k->env))
		rc = MDB_CORRUPTED;
	if (rc == 0)
		rc = mdb_txn_begin(k->env, NULL, 0, &txn);
	if (rc == 0)
		rc = mdb_dbi_open(txn, NULL, 0, &k->table);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else if (txn)
		mdb_txn_abort(txn);
	if (rc != 0)
		close_env(k);
	return rc;
}

static enum hlv_err take_lock(struct keep *k)
{
	char path[PATH_MAX];
	k->lock = open(path_of(k, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (k->lock < 0)
		return say(k, "lock", errno);
	if (flock(k->lock, LOCK_EX | LOCK_NB) == 0)
		return HLV_OK;
	snprintf(k->why, sizeof k->why, "%s is in use by another process", k->dir);
	return HLV_E_BUSY;
}

/* How many loads were begun and not ended? */
static off_t broken_loads(const struct keep *k)
{
	char path[PATH_MAX];
	struct stat st;
	return stat(path_of(k, "loading", path), &st) == 0 ? st.st_size : 0;
}

static void begin_load(const struct keep *k)
{
	char path[PATH_MAX];
	int fd = open(path_of(k, "loading", path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		      0640);
	if (fd < 0)
		return;
	if (write(fd, "x", 1) == 1)
		fsync(fd);
	close(fd);
}

static void end_load(const struct keep *k)
{
	char path[PATH_MAX];
	unlink(path_of(k, "loading", path));
}

static enum hlv_err open_all(struct keep *k)
{
	if (mkdir(k->dir, 0750) != 0 && errno != EEXIST)
		return say(k, "", errno);
	HLV_TRY(take_lock(k));
	if (broken_loads(k) >= LOADS_BROKEN && set_aside(k, "could not be loaded"))
		end_load(k);
	int rc = open_env(k);
	if (damage_is(rc) && set_aside(k, "is damaged"))
		rc = open_env(k);
	return rc == 0 ? HLV_OK : say(k, "data.mdb", rc);
}

enum hlv_err keep_open(const char *dir, uint64_t map_size, struct keep **out, char *why)
{
	struct keep *k = calloc(1, sizeof *k);
	*out = NULL;
	snprintf(why, KEEP_WHY, "%s", hlv_strerror(HLV_E_NOMEM));
	if (!k)
		return HLV_E_NOMEM;
	k->lock = -1;
	k->map_size = map_size ? (size_t)map_size : MAP_FIRST;
	enum hlv_err err = HLV_E_LIMIT;
	if (snprintf(k->dir, sizeof k->dir, "%s", dir) < (int)sizeof k->dir)
		err = open_all(k);
	else
		snprintf(k->why, sizeof k->why, "path too long");
	snprintf(why, KEEP_WHY, "%s", k->why);
	if (err == HLV_OK)
		*out = k;
	else
		keep_close(k);
	return err;
}

void keep_close(struct keep *k)
{
	if (!k)
		return;
	close_env(k);
	if (k->lock >= 0)
		close(k->lock);
	free(k->gone);
	free(k->room);
	free(k);
}

/* --- loading --- */

static void remember_gone(struct keep *k, uint64_t number)
{
	if (k->ngone == k->gone_max) {
		size_t max = k->gone_max ? k->gone_max * 2 : 1024;
		uint64_t *more = realloc(k->gone, max * sizeof *more);
		if (!more)
			return; /* it comes back at the next start, no worse than it was */
		k->gone = more;
		k->gone_max = max;
	}
	k->gone[k->ngone++] = number;
}

static struct hlv_bytes bytes_of(MDB_val v)
{
	return hlv_bytes(v.mv_data, v.mv_size);
}

static uint32_t crc_of(struct hlv_bytes number, struct hlv_bytes finding)
{
	return hlv_crc32c(hlv_crc32c(0, number), finding);
}

/* false: damaged. */
static bool load_one(struct keep *k, struct cache *c, struct hlv_bytes key,
		     struct hlv_bytes value, struct hlv_now now, size_t *loaded)
{
	struct cache_entry e;
	if (key.n != NUMBER)
		return false;
	struct hlv_bytes finding = hlv_skip(value, CRC);
	uint64_t number = hlv_load_u64(key.p);
	if (value.n < CRC || hlv_load_u32(value.p) != crc_of(key, finding) ||
	    finding_decode(finding, &e) != HLV_OK) {
		remember_gone(k, number);
		return false;
	}
	if (cache_restore(c, &e, number, now))
		++*loaded;
	else
		remember_gone(k, number);
	return true;
}

static int load_all(struct keep *k, struct cache *c, MDB_txn *txn, struct hlv_now now,
		    size_t *loaded, size_t *damaged)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t last = 0;
	int rc = mdb_cursor_open(txn, k->table, &cursor);
	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
	if (rc == 0 && key.mv_size == NUMBER)
		last = hlv_load_u64(key.mv_data);
	if (!cache_keep(c, last + 1))
		rc = ENOMEM;
	if (rc == 0)
		rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
		*damaged += !load_one(k, c, bytes_of(key), bytes_of(value), now, loaded);
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* What a file says that is damaged in one place is not to be written into: a wrong page number in it, and
 * LMDB writes behind its pages. What was read of it goes into a new one. */
static void begin_anew(struct keep *k, struct cache *c)
{
	if (!set_aside(k, "is damaged"))
		return;
	close_env(k);
	k->ngone = 0;
	cache_changes_lost(c);
	(void)open_env(k); /* or when it is saved */
}

enum hlv_err keep_load(struct keep *k, struct cache *c, struct hlv_now now, size_t *loaded,
		       size_t *damaged)
{
	MDB_txn *txn;
	*loaded = *damaged = 0;
	begin_load(k);
	int rc = mdb_txn_begin(k->env, NULL, MDB_RDONLY, &txn);
	if (rc == 0) {
		rc = load_all(k, c, txn, now, loaded, damaged);
		mdb_txn_abort(txn);
	}
	end_load(k);
	if (damage_is(rc) || *damaged > 0)
		begin_anew(k, c);
	return rc == 0 ? HLV_OK : say(k, "data.mdb", rc);
}

/* --- saving --- */

static void fail(struct keep *k, int rc)
{
	if (k->rc == 0)
		k->rc = rc;
}

static void begin(struct keep *k)
{
	k->octets = k->puts = 0;
	k->txn = NULL;
	if (k->rc == 0)
		fail(k, mdb_txn_begin(k->env, NULL, 0, &k->txn));
}

static void commit(struct keep *k)
{
	if (k->rc != 0 && k->txn)
		mdb_txn_abort(k->txn);
	else if (k->txn)
		fail(k, mdb_txn_commit(k->txn));
	k->txn = NULL;
	if (k->rc == 0)
		k->saved += k->puts;
}

static bool make_room(struct keep *k, size_t n)
{
	if (n <= k->room_max)
		return true;
	uint8_t *more = realloc(k->room, n);
	if (more) {
		k->room = more;
		k->room_max = n;
	}
	return more != NULL;
}

static void put(void *ctx, const struct cache_entry *e, uint64_t number)
{
	struct keep *k = ctx;
	uint8_t name[NUMBER];
	if (k->rc != 0)
		return;
	if (!make_room(k, CRC + FINDING_FIXED + e->key.n + e->proven.finding.values.raw.n)) {
		fail(k, ENOMEM);
		return;
	}
	struct hlv_writer w = hlv_writer(k->room, k->room_max);
	size_t crc = hlv_put_hole32(&w);
	finding_encode(&w, e);
	hlv_store_u64(name, number);
	struct hlv_bytes finding = hlv_skip(hlv_written(&w), CRC);
	hlv_fill_u32(&w, crc, crc_of(hlv_bytes(name, sizeof name), finding));
	hlv_require(!w.bad);
	MDB_val key = {NUMBER, name}, value = {w.n, w.p};
	fail(k, mdb_put(k->txn, k->table, &key, &value, 0));
	k->octets += w.n;
	k->puts++;
}

static void gone(void *ctx, uint64_t number)
{
	remember_gone(ctx, number);
}

static void save_changes(struct keep *k, struct cache *c)
{
	const struct cache_changes to = {put, gone, k};
	uint64_t place = 0;
	bool more = true;
	begin(k);
	while (more && k->rc == 0) {
		more = cache_next_changes(c, &place, &to);
		if (k->rc != 0 || !more || k->octets < TXN_OCTETS)
			continue;
		commit(k);
		if (k->rc == 0)
			cache_changes_saved(c, true);
		begin(k);
	}
	commit(k);
	cache_changes_saved(c, k->rc == 0);
}

static int by_number(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

static void remove_gone(struct keep *k)
{
	if (k->ngone > 0)
		qsort(k->gone, k->ngone, sizeof *k->gone, by_number);
	while (k->rc == 0 && k->ngone > 0) {
		size_t n = k->ngone < TXN_REMOVALS ? k->ngone : TXN_REMOVALS;
		begin(k);
		for (size_t i = 0; i < n && k->rc == 0; i++) {
			uint8_t name[NUMBER];
			hlv_store_u64(name, k->gone[k->ngone - n + i]);
			MDB_val key = {NUMBER, name};
			int rc = mdb_del(k->txn, k->table, &key, NULL);
			fail(k, rc == MDB_NOTFOUND ? 0 : rc);
		}
		commit(k);
		if (k->rc == 0)
			k->ngone -= n;
	}
}

/* What is stored and not among the numbers, which ascend, is gone. */
static void compare(struct keep *k, const uint64_t *numbers, size_t n)
{
	MDB_txn *txn;
	MDB_cursor *cursor = NULL;
	MDB_val key, value;
	size_t i = 0;
	int rc = mdb_txn_begin(k->env, NULL, MDB_RDONLY, &txn);
	fail(k, rc);
	if (rc != 0)
		return;
	rc = mdb_cursor_open(txn, k->table, &cursor);
	if (rc == 0)
		rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		uint64_t number = key.mv_size == NUMBER ? hlv_load_u64(key.mv_data) : 0;
		while (i < n && numbers[i] < number)
			i++;
		if (i == n || numbers[i] != number)
			remember_gone(k, number);
	}
	fail(k, rc == MDB_NOTFOUND ? 0 : rc);
	if (cursor)
		mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
}

static void save_all(struct keep *k, struct cache *c)
{
	uint64_t *numbers;
	size_t n;
	k->rc = 0;
	save_changes(k, c);
	if (k->rc == 0 && cache_lost_count(c, &numbers, &n)) {
		compare(k, numbers, n);
		free(numbers);
	}
	if (k->rc == 0)
		remove_gone(k);
}

/* What was written by half, which is what a disk does that is becoming full, is EIO to LMDB. */
static bool is_full(const struct keep *k)
{
	struct statvfs fs;
	return statvfs(k->dir, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < TXN_OCTETS;
}

enum hlv_err keep_save(struct keep *k, struct cache *c, struct hlv_now now, size_t *saved)
{
	(void)now;
	k->saved = 0;
	k->rc = k->env ? 0 : open_env(k);
	if (k->rc == 0)
		save_all(k, c);
	/* The map is room of addresses, not of the disk: it may double as often as it must. */
	while (k->rc == MDB_MAP_FULL && k->map_size < SIZE_MAX / 4) {
		k->map_size *= 2;
		k->rc = mdb_env_set_mapsize(k->env, k->map_size);
		if (k->rc == 0)
			save_all(k, c);
	}
	*saved = k->saved;
	if (k->rc == 0)
		return HLV_OK;
	if (k->rc == EIO && is_full(k))
		k->rc = ENOSPC;
	enum hlv_err err = say(k, "data.mdb", k->rc);
	close_env(k); /* after a failed write LMDB may refuse all others: opened anew */
	return err;
}
