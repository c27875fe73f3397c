/* SPDX-License-Identifier: Apache-2.0 */
/* Both names of each call are ours: no header is to make one out of the other. */
#undef _FILE_OFFSET_BITS
#include "tests/crash/tape.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))
enum { FDS = 1024 };

static struct {
	bool known, durable;
	enum tape_file file;
} fds[FDS];
static struct tape *running;
static struct fault fault;
static unsigned counts[FAULT_KINDS];
static bool fired, counting;

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

/* --- the tape --- */

static struct tape_event *add(struct tape *t, enum tape_kind kind, enum tape_file file)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 4096;
		t->events = __libc_realloc(t->events, t->cap * sizeof *t->events);
		if (!t->events)
			abort();
	}
	t->events[t->n] = (struct tape_event){.kind = kind, .file = file};
	return &t->events[t->n++];
}

static bool is_seen(int fd)
{
	return running && fd >= 0 && fd < FDS && fds[fd].known;
}

static void note_write(int fd, const struct iovec *v, int count, size_t n, off_t at)
{
	if (!is_seen(fd))
		return;
	struct tape_event *e = add(running, TAPE_WRITE, fds[fd].file);
	e->durable = fds[fd].durable;
	e->at = at;
	e->octets = __libc_malloc(n + 1);
	for (int i = 0; i < count && e->n < n; i++) {
		size_t part = v[i].iov_len < n - e->n ? v[i].iov_len : n - e->n;
		memcpy(e->octets + e->n, v[i].iov_base, part);
		e->n += part;
	}
}

static void note_sync(int fd)
{
	if (is_seen(fd))
		add(running, TAPE_SYNC, fds[fd].file);
}

/* Descriptors are known by the name under which they were opened, tape or not: some stay open. */
static int note_open(int fd, const char *path, int flags)
{
	static const char *const names[TAPE_FILES] = {"/data.mdb", "/head"};
	if (fd < 0 || fd >= FDS)
		return fd;
	fds[fd].known = false;
	for (int i = 0; i < TAPE_FILES; i++) {
		size_t n = strlen(names[i]), len = strlen(path);
		if (len < n || strcmp(path + len - n, names[i]) != 0)
			continue;
		fds[fd].known = true;
		fds[fd].file = (enum tape_file)i;
		fds[fd].durable = flags & O_DSYNC;
	}
	return fd;
}

void tape_start(struct tape *t)
{
	running = t;
}

void tape_stop(void)
{
	running = NULL;
}

size_t tape_ack(struct tape *t, uint64_t seq, uint64_t digest)
{
	struct tape_event *e = add(t, TAPE_ACK, TAPE_DATA);
	e->seq = seq;
	e->digest = digest;
	return t->n - 1;
}

void tape_free(struct tape *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->events[i].octets);
	free(t->events);
	*t = (struct tape){0};
}

/* --- faults --- */

void fault_set(const struct fault *f)
{
	fault = *f;
	memset(counts, 0, sizeof counts);
	fired = false;
	counting = true;
}

unsigned fault_count(enum fault_kind kind)
{
	return counts[kind];
}

bool fault_fired(void)
{
	return fired;
}

/* Does this call fail? Then errno says how. */
static bool fails(enum fault_kind kind)
{
	if (!counting)
		return false;
	unsigned n = __atomic_add_fetch(&counts[kind], 1, __ATOMIC_RELAXED);
	if (fault.at == 0 || kind != fault.kind || n < fault.at ||
	    (n > fault.at && !fault.for_good))
		return false;
	fired = true;
	errno = fault.error;
	return true;
}

/* --- what libc would do --- */

SEEN ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (fails(FAULT_WRITE)) {
		if (!fault.part || n < 2)
			return -1;
		n /= 2; /* a short write, as a disk that fills up gives */
	}
	ssize_t done = syscall(SYS_pwrite64, fd, p, n, at);
	union {
		const void *in;
		void *out;
	} from = {p};
	struct iovec v = {from.out, n};
	if (done > 0)
		note_write(fd, &v, 1, (size_t)done, at);
	return done;
}

SEEN ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
	return pwrite(fd, p, n, at);
}

SEEN ssize_t writev(int fd, const struct iovec *v, int count)
{
	if (fails(FAULT_WRITE)) {
		if (!fault.part)
			return -1;
		count = 1;
	}
	off_t at = is_seen(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
	ssize_t done = syscall(SYS_writev, fd, v, count);
	if (done > 0)
		note_write(fd, v, count, (size_t)done, at);
	return done;
}

SEEN ssize_t pwritev(int fd, const struct iovec *v, int count, off_t at)
{
	if (fails(FAULT_WRITE)) {
		if (!fault.part)
			return -1;
		count = 1;
	}
	ssize_t done = syscall(SYS_pwritev, fd, v, count, at, 0);
	if (done > 0)
		note_write(fd, v, count, (size_t)done, at);
	return done;
}

SEEN int ftruncate(int fd, off_t size)
{
	if (fails(FAULT_SIZE))
		return -1;
	int rc = (int)syscall(SYS_ftruncate, fd, size);
	if (rc == 0 && is_seen(fd))
		add(running, TAPE_SIZE, fds[fd].file)->at = size;
	return rc;
}

SEEN int ftruncate64(int fd, off_t size)
{
	return ftruncate(fd, size);
}

SEEN int fdatasync(int fd)
{
	if (fails(FAULT_SYNC))
		return -1;
	int rc = (int)syscall(SYS_fdatasync, fd);
	note_sync(fd);
	return rc;
}

SEEN int fsync(int fd)
{
	if (fails(FAULT_SYNC))
		return -1;
	int rc = (int)syscall(SYS_fsync, fd);
	note_sync(fd);
	return rc;
}

SEEN int open(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = va_arg(args, mode_t);
	va_end(args);
	if (fails(FAULT_OPEN))
		return -1;
	return note_open((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), path, flags);
}

SEEN int open64(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = va_arg(args, mode_t);
	va_end(args);
	return open(path, flags, mode);
}

SEEN void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	if (fails(FAULT_MAP))
		return MAP_FAILED;
	long p = syscall(SYS_mmap, at, n, prot, flags, fd, from);
	void *out;
	memcpy(&out, &p, sizeof out);
	return out;
}

SEEN void *mmap64(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	return mmap(at, n, prot, flags, fd, from);
}

SEEN void *malloc(size_t n)
{
	return fails(FAULT_MALLOC) ? NULL : __libc_malloc(n);
}

SEEN void *calloc(size_t n, size_t size)
{
	return fails(FAULT_MALLOC) ? NULL : __libc_calloc(n, size);
}

SEEN void *realloc(void *p, size_t n)
{
	return fails(FAULT_MALLOC) ? NULL : __libc_realloc(p, n);
}
