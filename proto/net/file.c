/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WHY = 256 };

static enum hlv_err fail(char *why, const char *path, const char *what)
{
	int err = errno;
	snprintf(why, WHY, "%s: %s", path, what ? what : strerror(err));
	if (what)
		return HLV_E_PERMISSION;
	return err == ENOENT ? HLV_E_NOT_FOUND : err == ENOSPC ? HLV_E_FULL : HLV_E_IO;
}

static enum hlv_err read_all(int fd, const char *path, size_t max, struct hlv_buf *out,
			     char *why)
{
	for (;;) {
		char part[4096];
		ssize_t n = read(fd, part, sizeof part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(why, path, NULL);
		if (n == 0)
			return out->bad ? HLV_E_NOMEM : HLV_OK;
		if (out->n + (size_t)n > max) {
			snprintf(why, WHY, "%s: longer than %zu octets", path, max);
			return HLV_E_LIMIT;
		}
		hlv_buf_put(out, hlv_bytes(part, (size_t)n));
	}
}

enum hlv_err hlv_file_read(const char *path, size_t max, struct hlv_buf *out, char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(why, path, NULL);
	enum hlv_err err = read_all(fd, path, max, out, why);
	close(fd);
	return err;
}

/* Why this file is no place for a secret; NULL when it is. Asked of the open file, so that it
 * cannot be swapped in between. */
static const char *objection(int fd)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return "cannot be examined";
	if (!S_ISREG(st.st_mode))
		return "is not a regular file";
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return "belongs to another user: chown it to the one that runs this";
	if (st.st_mode & 077)
		return "can be read by others: chmod 600 it";
	return NULL;
}

enum hlv_err hlv_file_read_secret(const char *path, size_t max, struct hlv_buf *out, char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ELOOP)
		return fail(why, path, "is a symbolic link: name the file itself");
	if (fd < 0)
		return fail(why, path, NULL);
	const char *bad = objection(fd);
	enum hlv_err err = bad ? fail(why, path, bad) : read_all(fd, path, max, out, why);
	close(fd);
	return err;
}

static bool write_all(int fd, struct hlv_bytes data)
{
	while (data.n > 0) {
		ssize_t n = write(fd, data.p, data.n);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			data = hlv_skip(data, (size_t)n);
	}
	return fsync(fd) == 0;
}

void hlv_file_sync_directory(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path + 1) : 1,
		 slash ? path : ".");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

enum hlv_err hlv_file_write(const char *path, unsigned mode, struct hlv_bytes data, char *why)
{
	char tmp[PATH_MAX];
	int n = snprintf(tmp, sizeof tmp, "%s.tmp", path);
	if (n < 0 || (size_t)n >= sizeof tmp)
		return fail(why, path, "the name is too long");
	unlink(tmp);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return fail(why, path, NULL);
	bool ok = write_all(fd, data);
	if (close(fd) != 0)
		ok = false;
	if (!ok || rename(tmp, path) != 0) {
		enum hlv_err err = fail(why, path, NULL);
		unlink(tmp);
		return err;
	}
	hlv_file_sync_directory(path);
	return HLV_OK;
}
