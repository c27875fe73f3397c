/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
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
	if (store->ops != &lmdb_ops)
		return store_file_say(why, path, "this registry is in memory",
				      HLV_E_UNSUPPORTED);
	if (snprintf(name, sizeof name, "%s.part", path) >= (int)sizeof name)
		return store_file_say(why, path, "path too long", HLV_E_LIMIT);
	if (access(path, F_OK) == 0)
		return store_file_say(why, path, "exists already", HLV_E_EXISTS);
	HLV_TRY(backup_to(lmdb_of(store), name, path, why));
	if (store_file_sync_dir(dirname(name)) != HLV_OK)
		return store_file_say_errno(why, path, EIO);
	return HLV_OK;
}
