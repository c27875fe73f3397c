/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/store_lmdb.h"

static uint64_t entries(struct store_view *v, enum store_space space)
{
	MDB_stat stat = {0};
	mdb_stat(v->txn, v->store->tables[space], &stat);
	return stat.ms_entries;
}

enum hlv_err store_stats(struct store *store, struct store_view *v, struct store_stats *stats)
{
	if (store->ops != &lmdb_ops)
		return HLV_E_UNSUPPORTED;
	MDB_envinfo info;
	if (!lmdb_of(store)->env)
		return HLV_E_IO;
	mdb_env_info(lmdb_of(store)->env, &info);
	*stats = (struct store_stats){
		.records = entries(v, SPACE_RECORD),
		.prefixes = entries(v, SPACE_PREFIX),
		.journal = entries(v, SPACE_JOURNAL),
		.octets = (uint64_t)(info.me_last_pgno + 1) * lmdb_of(store)->page_size,
		.map_octets = info.me_mapsize,
		.readers = info.me_numreaders,
	};
	return store_last_seq(store, v, &stats->last_seq);
}

/* --- readers --- */

enum hlv_err store_check_readers(struct store *store, unsigned *freed)
{
	int dead = 0;
	*freed = 0;
	struct lmdb_store *s = lmdb_of(store);
	if (store->ops != &lmdb_ops)
		return HLV_OK;
	if (!s->env)
		return HLV_E_IO;
	int rc = mdb_reader_check(s->env, &dead);
	*freed = (unsigned)dead;
	return lmdb_err(rc);
}

struct oldest {
	uint64_t number;
	bool any;
};

/* LMDB tells of readers only as text: "pid thread number", "-" for one that reads nothing. */
static int see_reader(const char *line, void *ctx)
{
	struct oldest *o = ctx;
	unsigned long long number;
	char thread[32];
	int pid;
	if (sscanf(line, "%d %31s %llu", &pid, thread, &number) != 3)
		return 0;
	if (!o->any || number < o->number)
		*o = (struct oldest){number, true};
	return 0;
}

enum hlv_err store_reader_lag(struct store *store, uint64_t *commits)
{
	struct lmdb_store *s = lmdb_of(store);
	struct oldest o = {0};
	MDB_envinfo info;
	*commits = 0;
	if (store->ops != &lmdb_ops)
		return HLV_OK;
	if (!s->env)
		return HLV_E_IO;
	if (mdb_reader_list(s->env, see_reader, &o) < 0)
		return HLV_E_IO;
	mdb_env_info(s->env, &info);
	if (o.any && o.number < info.me_last_txnid)
		*commits = info.me_last_txnid - o.number;
	return HLV_OK;
}

/* --- backup --- */

enum { PIECE = 1 << 18 };

/* LMDB writes its copy into a pipe, and this thread takes it to the file: so a backup can be
 * stopped, and with it the snapshot that it holds, whatever the disk does (threats.md D8). */
struct pump {
	struct lmdb_store *s;
	int in, out;
	enum hlv_err err;
};

static enum hlv_err write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return store_file_err(done < 0 ? errno : EIO);
		p += done;
		n -= (size_t)done;
	}
	return HLV_OK;
}

static void *run_pump(void *arg)
{
	struct pump *p = arg;
	uint8_t *piece = malloc(PIECE);
	p->err = piece ? HLV_OK : HLV_E_NOMEM;
	while (p->err == HLV_OK) {
		ssize_t n = read(p->in, piece, PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			p->err = HLV_E_IO;
		if (n <= 0)
			break;
		p->err = atomic_load(&p->s->stop_backup) ? HLV_E_BUSY
							 : write_all(p->out, piece, (size_t)n);
	}
	close(p->in); /* then LMDB gets EPIPE, and lets go */
	free(piece);
	return NULL;
}

/* The map stays where it is meanwhile: it is held like a view. */
static enum hlv_err copy_pages(struct lmdb_store *s, int out)
{
	int ends[2], rc;
	pthread_t thread;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return store_file_err(errno);
	struct pump pump = {.s = s, .in = ends[0], .out = out};
	if (pthread_create(&thread, NULL, run_pump, &pump) != 0) {
		close(ends[0]);
		close(ends[1]);
		return HLV_E_NOMEM;
	}
	pthread_rwlock_rdlock(&s->map_lock);
	rc = s->env ? mdb_env_copyfd2(s->env, ends[1], MDB_CP_COMPACT) : EIO;
	pthread_rwlock_unlock(&s->map_lock);
	close(ends[1]);
	pthread_join(thread, NULL);
	return pump.err != HLV_OK ? pump.err : lmdb_err(rc);
}

static enum hlv_err backup_to(struct lmdb_store *s, const char *name, const char *path,
			      char *why)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return store_file_say_errno(why, name, errno);
	enum hlv_err err = copy_pages(s, fd);
	if (err == HLV_OK && fsync(fd) != 0)
		err = HLV_E_IO;
	if (close(fd) != 0 && err == HLV_OK)
		err = HLV_E_IO;
	if (err != HLV_OK)
		store_file_say(why, path,
			       err == HLV_E_BUSY ? "stopped: the server needed its place; again"
						 : hlv_strerror(err),
			       err);
	else
		err = lmdb_verify_copy(name, why);
	/* link() and not rename(): what stands at `path` already stays. */
	if (err == HLV_OK && link(name, path) != 0)
		err = store_file_say_errno(why, path, errno);
	unlink(name);
	return err;
}

void store_backup_stop(struct store *store)
{
	if (store->ops == &lmdb_ops)
		atomic_store(&lmdb_of(store)->stop_backup, true);
}

enum hlv_err store_backup(struct store *store, const char *path, char *why)
{
	char name[PATH_MAX];
	if (store->ops != &lmdb_ops)
		return store_file_say(why, path, "this registry is in memory",
				      HLV_E_UNSUPPORTED);
	if (snprintf(name, sizeof name, "%s.part", path) >= (int)sizeof name)
		return store_file_say(why, path, "path too long", HLV_E_LIMIT);
	if (access(path, F_OK) == 0)
		return store_file_say(why, path, "exists already", HLV_E_EXISTS);
	atomic_store(&lmdb_of(store)->stop_backup, false);
	HLV_TRY(backup_to(lmdb_of(store), name, path, why));
	if (store_file_sync_dir(dirname(name)) != HLV_OK)
		return store_file_say_errno(why, path, EIO);
	return HLV_OK;
}
