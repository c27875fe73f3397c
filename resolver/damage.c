/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/damage.h"

#include <limits.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

bool damage_is(int rc)
{
	return rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH || rc == MDB_CORRUPTED ||
	       rc == MDB_PAGE_NOTFOUND || rc == MDB_PANIC || rc == MDB_INCOMPATIBLE;
}

bool damage_is_whole(struct MDB_env *env)
{
	MDB_envinfo info;
	MDB_stat stat;
	struct stat file;
	int fd;
	return mdb_env_info(env, &info) == 0 && mdb_env_stat(env, &stat) == 0 &&
	       mdb_env_get_fd(env, &fd) == 0 && fstat(fd, &file) == 0 &&
	       (file.st_size == 0 ||
		(uint64_t)file.st_size >= (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize);
}

bool damage_set_aside(const char *dir, const char *because, char *why, size_t size)
{
	char path[PATH_MAX], aside[PATH_MAX];
	snprintf(why, size, "%s/data.mdb %s: set aside as data.mdb.damaged, begun anew", dir,
		 because);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	snprintf(aside, sizeof aside, "%s/data.mdb.damaged", dir);
	return rename(path, aside) == 0;
}
