/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/local.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64 };

static bool name_socket(const char *path, struct sockaddr_un *sa)
{
	size_t n = strlen(path);
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n == 0 || n >= sizeof sa->sun_path)
		return false;
	memcpy(sa->sun_path, path, n);
	return true;
}

enum hlv_err hlv_local_connect(const char *path, int *fd)
{
	struct sockaddr_un sa;
	if (!name_socket(path, &sa))
		return HLV_E_USAGE;
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return HLV_E_IO;
	if (connect(*fd, (struct sockaddr *)&sa, sizeof sa) == 0)
		return HLV_OK;
	int err = errno;
	close(*fd);
	errno = err;
	return err == EACCES || err == EPERM ? HLV_E_PERMISSION : HLV_E_IO;
}

/* Whether the path is free now, because it was or because a dead server's socket was there. */
static enum hlv_err make_way(const char *path, char *why)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return HLV_OK; /* what is wrong there, bind() will say */
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, 256, "%s: a file that is no socket is in the way", path);
		return HLV_E_IO;
	}
	int fd;
	enum hlv_err err = hlv_local_connect(path, &fd);
	if (err == HLV_OK)
		close(fd);
	/* Somebody with a full queue is somebody; only a refusal says that nobody listens. */
	if (err == HLV_OK || errno != ECONNREFUSED) {
		snprintf(why, 256, "%s: another server listens there", path);
		return HLV_E_BUSY;
	}
	if (unlink(path) == 0 || errno == ENOENT)
		return HLV_OK;
	snprintf(why, 256, "%s: %s", path, strerror(errno));
	return HLV_E_IO;
}

enum hlv_err hlv_local_bind(const char *path, unsigned mode, int *fd, char *why)
{
	struct sockaddr_un sa;
	if (!name_socket(path, &sa)) {
		snprintf(why, 256, "%s: a socket's path has 1 to %zu octets", path,
			 sizeof sa.sun_path - 1);
		return HLV_E_USAGE;
	}
	HLV_TRY(make_way(path, why));
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The mode of the socket becomes the file's, less the umask: at no moment may more people
	 * connect than in the end. */
	if (*fd >= 0 && fchmod(*fd, mode) == 0 &&
	    bind(*fd, (struct sockaddr *)&sa, sizeof sa) == 0 && chmod(path, mode) == 0 &&
	    listen(*fd, BACKLOG) == 0)
		return HLV_OK;
	snprintf(why, 256, "cannot listen at %s: %s", path, strerror(errno));
	if (*fd >= 0)
		close(*fd);
	return HLV_E_IO;
}

uint32_t hlv_local_uid(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
		return UINT32_MAX;
	return peer.uid;
}
