/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* A page header, then this, at the start of each of the first two pages (LMDB 0.9, mdb.c
 * "Meta page content"), in the order of octets of the machine. */
struct meta_page {
	uint64_t page;
	uint16_t pad, flags;
	uint32_t bounds;
	uint32_t magic, version;
	uint64_t address, map_size;
	struct {
		uint32_t pad;
		uint16_t flags, depth;
		uint64_t branches, leaves, overflows, entries, root;
	} tables[2];
	uint64_t last_page, txn;
};

enum {
	META_FLAG = 0x08,
	DATA_VERSION = 1,
	PAGE_MIN = 512,
	PAGE_MAX = 65536,
	TRIES = 5,
	LOCK_TRIES = 25, /* half a second */
	EXTEND_STEP = 1 << 20,
	ROOM_MIN = 1 << 20,
};
static const uint32_t MAGIC = 0xBEEFC0DE;

enum hlv_err store_file_say(char *why, const char *path, const char *what, enum hlv_err err)
{
	snprintf(why, STORE_WHY, "%.120s: %.120s", path, what);
	return err;
}

enum hlv_err store_file_err(int number)
{
	switch (number) {
	case 0:
		return HLV_OK;
	case ENOENT:
		return HLV_E_NOT_FOUND;
	case EEXIST:
		return HLV_E_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS:
		return HLV_E_PERMISSION;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return HLV_E_FULL;
	case ENOMEM:
		return HLV_E_NOMEM;
	}
	return HLV_E_IO;
}

enum hlv_err store_file_say_errno(char *why, const char *path, int number)
{
	return store_file_say(why, path,
			      number == ENOENT
				      ? "holds no registry: make the node with helvectl init"
				      : strerror(number),
			      store_file_err(number));
}

enum hlv_err store_file_make_dir(const char *path, char *why)
{
	char parent[PATH_MAX];
	if (mkdir(path, 0750) != 0)
		return errno == EEXIST ? HLV_OK : store_file_say_errno(why, path, errno);
	snprintf(parent, sizeof parent, "%s", path);
	if (store_file_sync_dir(dirname(parent)) != HLV_OK)
		return store_file_say_errno(why, path, EIO);
	return HLV_OK;
}

enum hlv_err store_file_check_place(const char *dir, char *why)
{
	static const struct {
		uint32_t type;
		const char *name;
	} refused[] = {
		{0x6969, "NFS"},	{0x517B, "SMB"},      {0xFF534D42, "CIFS"},
		{0xFE534D42, "SMB2"},	{0x01021997, "9p"},   {0x65735546, "FUSE"},
		{0x00C36400, "Ceph"},	{0x5346414F, "AFS"},  {0x6B414653, "AFS"},
		{0x73757245, "Coda"},	{0x01161970, "GFS2"}, {0x7461636F, "OCFS2"},
		{0x0BD00BD0, "Lustre"}, {0x564C, "NCP"},
	};
	struct statfs fs;
	if (statfs(dir, &fs) != 0) {
		snprintf(why, STORE_WHY, "%.120s: %s", dir, strerror(errno));
		return HLV_E_IO;
	}
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		if ((uint32_t)fs.f_type != refused[i].type)
			continue;
		snprintf(why, STORE_WHY,
			 "%.120s: is on %s, where locks and syncs do not hold; "
			 "put the registry on a local disk",
			 dir, refused[i].name);
		return HLV_E_UNSUPPORTED;
	}
	return HLV_OK;
}

bool store_file_lock(int fd)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static bool is_meta(const struct meta_page *m, uint64_t slot)
{
	uint32_t size = m->tables[0].pad;
	return m->page == slot && m->flags & META_FLAG && m->magic == MAGIC &&
	       m->version == DATA_VERSION && size >= PAGE_MIN && size <= PAGE_MAX &&
	       (size & (size - 1)) == 0 && (m->txn == 0 || m->txn % 2 == slot);
}

static bool get_meta(int fd, off_t at, uint64_t slot, struct meta_page *m)
{
	return pread(fd, m, sizeof *m, at) == (ssize_t)sizeof *m && is_meta(m, slot);
}

/* Which of the two is damaged; 2: none. A running writer may be at one of them: look again. */
static unsigned damaged_meta(int fd, struct meta_page pages[2])
{
	unsigned bad = 2;
	for (int i = 0; i < TRIES; i++) {
		if (!get_meta(fd, 0, 0, &pages[0]))
			bad = 0;
		else if (!get_meta(fd, pages[0].tables[0].pad, 1, &pages[1]))
			bad = 1;
		else
			return 2;
	}
	return bad;
}

enum hlv_err store_file_check(int fd, const char *name, char *why)
{
	struct stat st;
	struct meta_page m[2];
	if (fstat(fd, &st) != 0) {
		snprintf(why, STORE_WHY, "%.120s: %s", name, strerror(errno));
		return HLV_E_IO;
	}
	if (st.st_size == 0) {
		snprintf(why, STORE_WHY, "%.120s: is empty; restore a backup", name);
		return HLV_E_NOT_FOUND;
	}
	unsigned bad = damaged_meta(fd, m);
	if (bad < 2) {
		snprintf(
			why, STORE_WHY,
			"%.120s: is no registry or is damaged (meta page %u); restore a backup",
			name, bad);
		return HLV_E_CORRUPT;
	}
	uint64_t last = m[0].last_page > m[1].last_page ? m[0].last_page : m[1].last_page;
	uint64_t pages = (uint64_t)st.st_size / m[0].tables[0].pad;
	if (last < pages)
		return HLV_OK;
	snprintf(why, STORE_WHY,
		 "%.100s: is cut short (%llu octets, at least %llu expected); restore a backup",
		 name, (unsigned long long)st.st_size,
		 (unsigned long long)(last + 1) * m[0].tables[0].pad);
	return HLV_E_CORRUPT;
}

/* A page's header, then two octets for each key: where its node is, counted from the page's start
 * (LMDB 0.9, mdb.c "Page headers", "Header for a single key/data pair within a page"). */
struct leaf_header {
	uint64_t page;
	uint16_t pad, flags;
	uint16_t lower, upper; /* of the free space in the middle */
};
struct leaf_node {
	uint16_t size_low, size_high, flags, key_size;
};
enum { LEAF_FLAG = 0x02, BIG_DATA = 0x01, PAGE_NUMBER = 8 };

static size_t node_size(const struct leaf_node *node)
{
	size_t data = (size_t)node->size_low | (size_t)node->size_high << 16;
	size_t n =
		sizeof *node + node->key_size + (node->flags & BIG_DATA ? PAGE_NUMBER : data);
	return n + (n & 1);
}

bool store_file_is_whole_leaf(const uint8_t *page, size_t size)
{
	struct leaf_header h;
	memcpy(&h, page, sizeof h);
	if (!(h.flags & LEAF_FLAG) || h.lower < sizeof h || h.lower > h.upper || h.upper > size)
		return false;
	size_t used = 0;
	for (size_t at = sizeof h; at + 2 <= h.lower; at += 2) {
		uint16_t offset;
		struct leaf_node node;
		memcpy(&offset, page + at, sizeof offset);
		if (offset < h.upper || offset + sizeof node > size)
			return false;
		memcpy(&node, page + offset, sizeof node);
		used += node_size(&node);
	}
	return used == size - h.upper;
}

enum hlv_err store_file_extend(int fd, uint64_t size)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return HLV_E_IO;
	if ((uint64_t)st.st_size >= size)
		return HLV_OK;
	size = (size + EXTEND_STEP - 1) / EXTEND_STEP * EXTEND_STEP;
	if (ftruncate(fd, (off_t)size) == 0)
		return HLV_OK;
	return store_file_err(errno);
}

void store_file_trim(int fd, uint64_t size)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > size &&
	    ftruncate(fd, (off_t)size) != 0)
		return; /* longer than it need be: no harm */
}

bool store_file_can_map(size_t size)
{
	void *p =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return false;
	munmap(p, size);
	return true;
}

bool store_file_is_full(int fd)
{
	struct statvfs fs;
	struct rlimit limit;
	struct stat st;
	if (fstatvfs(fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < ROOM_MIN)
		return true;
	return fstat(fd, &st) == 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	       limit.rlim_cur != RLIM_INFINITY &&
	       (uint64_t)st.st_size + ROOM_MIN > limit.rlim_cur;
}

enum hlv_err store_file_sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return HLV_E_IO;
	int rc = fsync(fd);
	close(fd);
	return rc == 0 ? HLV_OK : HLV_E_IO;
}

static void mark_path(const char *dir, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/verify-first", dir);
}

void store_file_mark(const char *dir)
{
	char path[PATH_MAX];
	mark_path(dir, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
	if (store_file_sync_dir(dir) != HLV_OK)
		return;
}

bool store_file_is_marked(const char *dir)
{
	char path[PATH_MAX];
	mark_path(dir, path);
	return access(path, F_OK) == 0;
}

enum hlv_err store_file_unmark(const char *dir)
{
	char path[PATH_MAX];
	mark_path(dir, path);
	if (unlink(path) != 0 && errno != ENOENT)
		return store_file_err(errno);
	return store_file_sync_dir(dir);
}
