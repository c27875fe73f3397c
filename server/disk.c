/* SPDX-License-Identifier: Apache-2.0 */
#include "server/disk.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

const struct disk_limits disk_limits_default = {
	.levels = {{0, 0, 0},
		   {100, 1 * MIB, 8 * GIB},
		   {50, MIB / 2, 4 * GIB},
		   {20, MIB / 4, 1 * GIB}},
	.hold_ms = 60000,
	.io_window_ms = 60000,
	.ballast = 64 * MIB,
};

static uint64_t threshold(const struct disk_level *l, uint64_t total)
{
	uint64_t octets = total / 1000 * l->permille + total % 1000 * l->permille / 1000;
	if (octets < l->floor)
		return l->floor;
	return octets > l->cap ? l->cap : octets;
}

static enum disk_state by_space(const struct disk_limits *limits, struct disk_reading r)
{
	for (enum disk_state s = DISK_READ_ONLY; s > DISK_NORMAL; s--)
		if (r.free < threshold(&limits->levels[s], r.total))
			return s;
	return DISK_NORMAL;
}

/* The second disk error within the window is the last one: whether what LMDB reads is what stands
 * on the disk is not known any more (threats.md D4). */
static bool is_failing(struct disk_watch *w, const struct disk_limits *limits,
		       struct disk_reading r, hlv_mono_ns now_ns)
{
	if (w->reason == DISK_ERRORS)
		return true;
	if (r.io_errors == 0)
		return false;
	bool again =
		w->io_error_ns != 0 && now_ns - w->io_error_ns < limits->io_window_ms * 1000000;
	w->io_error_ns = now_ns;
	return again || r.io_errors > 1;
}

static void become(struct disk_watch *w, enum disk_state state, enum disk_reason reason)
{
	w->state = state;
	w->reason = reason;
	w->better_since_ns = 0;
}

enum disk_state disk_decide(struct disk_watch *w, const struct disk_limits *limits,
			    struct disk_reading r, hlv_mono_ns now_ns)
{
	w->last = r;
	if (is_failing(w, limits, r, now_ns)) {
		become(w, DISK_READ_ONLY, DISK_ERRORS);
		return w->state;
	}
	enum disk_state want = by_space(limits, r);
	enum disk_reason reason = want == DISK_NORMAL ? DISK_FINE : DISK_SPACE;
	/* Refused, whatever the file system says: first no creates, then, when that was so already,
	 * nothing. */
	if (r.full_errors > 0) {
		enum disk_state refused =
			w->state >= DISK_NO_CREATES ? DISK_READ_ONLY : DISK_NO_CREATES;
		if (refused > want) {
			want = refused;
			reason = DISK_REFUSED;
		}
	}
	if (want >= w->state) {
		if (want > w->state || reason == DISK_SPACE)
			w->reason = reason;
		w->state = want;
		w->better_since_ns = 0;
		return w->state;
	}
	if (w->better_since_ns == 0)
		w->better_since_ns = now_ns ? now_ns : 1;
	if (now_ns - w->better_since_ns >= limits->hold_ms * 1000000)
		become(w, want, reason);
	return w->state;
}

bool disk_admits(const struct disk_watch *w, enum disk_write write)
{
	switch (w->state) {
	case DISK_NORMAL:
	case DISK_WARN:
		return true;
	case DISK_NO_CREATES:
		return write != DISK_CREATE;
	case DISK_READ_ONLY:
		return write == DISK_DELETE && w->reason != DISK_ERRORS;
	}
	return false;
}

/* "1.5 GiB" */
static const char *amount(uint64_t octets, char text[32])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double n = (double)octets / 1024;
	size_t i = 0;
	while (n >= 1024 && i + 1 < sizeof units / sizeof *units) {
		n /= 1024;
		i++;
	}
	snprintf(text, 32, "%.1f %s", n, units[i]);
	return text;
}

static void space_text(const struct disk_watch *w, const struct disk_limits *limits,
		       const char *dir, char text[DISK_TEXT])
{
	static const char *const effects[DISK_STATES] = {"", "nothing is refused yet",
							 "no new records are taken",
							 "only deletes are taken"};
	char free[32], total[32], need[32], enough[32];
	uint64_t at = threshold(&limits->levels[w->state], w->last.total);
	uint64_t good = threshold(&limits->levels[DISK_WARN], w->last.total);
	snprintf(text, DISK_TEXT,
		 "%.60s: %s of %s free, below %s: %s; free space to %s, and it ends by itself "
		 "after %" PRIu64 " s",
		 dir, amount(w->last.free, free), amount(w->last.total, total),
		 amount(at, need), effects[w->state], amount(good, enough),
		 limits->hold_ms / 1000);
}

void disk_text(const struct disk_watch *w, const struct disk_limits *limits, const char *dir,
	       char text[DISK_TEXT])
{
	char free[32];
	*text = '\0';
	switch (w->reason) {
	case DISK_FINE:
		return;
	case DISK_SPACE:
		space_text(w, limits, dir, text);
		return;
	case DISK_REFUSED:
		snprintf(text, DISK_TEXT,
			 "%.60s: the system refused room for a change though %s are free (a "
			 "quota, a limit on files, or the map's size): %s; raise it: tried "
			 "again "
			 "after %" PRIu64 " s",
			 dir, amount(w->last.free, free),
			 w->state == DISK_READ_ONLY ? "only deletes are taken"
						    : "no new records are taken",
			 limits->hold_ms / 1000);
		return;
	case DISK_ERRORS:
		snprintf(text, DISK_TEXT,
			 "%.60s: the disk failed twice within %" PRIu64
			 " s: no changes until the restart, which verifies everything first; "
			 "see the "
			 "kernel's log, and copy the registry to a sound disk",
			 dir, limits->io_window_ms / 1000);
		return;
	}
}

/* --- the world --- */

static void ballast_path(const struct disk *d, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/ballast", d->dir);
}

static bool read_disk(const char *dir, struct disk_reading *r)
{
	struct statvfs fs;
	if (statvfs(dir, &fs) != 0)
		return false;
	r->free = (uint64_t)fs.f_bavail * fs.f_frsize;
	r->total = (uint64_t)fs.f_blocks * fs.f_frsize;
	return true;
}

static uint64_t ballast_size(const struct disk *d, uint64_t total)
{
	uint64_t size = total / 64;
	return size < d->limits->ballast ? size : d->limits->ballast;
}

/* Real blocks: a hole would hold nothing back. Where they cannot be reserved there is no ballast. */
static void make_ballast(struct disk *d, struct disk_reading r)
{
	char path[PATH_MAX];
	uint64_t size = ballast_size(d, r.total);
	if (d->held > 0 || size == 0 ||
	    r.free < size + threshold(&d->limits->levels[DISK_NO_CREATES], r.total))
		return;
	ballast_path(d, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return;
	if (fallocate(fd, 0, 0, (off_t)size) == 0)
		d->held = size;
	close(fd);
	if (d->held == 0)
		unlink(path);
}

static void drop_ballast(struct disk *d)
{
	char path[PATH_MAX];
	ballast_path(d, path);
	if (d->held > 0 && unlink(path) == 0)
		d->held = 0;
}

void disk_init(struct disk *d, const char *dir, const struct disk_limits *limits,
	       hlv_mono_ns now_ns)
{
	char path[PATH_MAX];
	struct stat st;
	*d = (struct disk){.dir = dir, .limits = limits};
	ballast_path(d, path);
	if (stat(path, &st) == 0 && st.st_blocks > 0)
		d->held = (uint64_t)st.st_blocks * 512;
	disk_look(d, 0, 0, now_ns);
}

enum disk_state disk_look(struct disk *d, unsigned full_errors, unsigned io_errors,
			  hlv_mono_ns now_ns)
{
	struct disk_reading r = {.full_errors = full_errors, .io_errors = io_errors};
	if (!read_disk(d->dir, &r)) {
		r.free = d->watch.last.free;
		r.total = d->watch.last.total;
		r.io_errors++;
	}
	uint64_t size = ballast_size(d, r.total);
	struct disk_reading counted = r;
	if (d->held == 0)
		counted.free = r.free > size ? r.free - size : 0;
	enum disk_state state = disk_decide(&d->watch, d->limits, counted, now_ns);
	if (state == DISK_READ_ONLY && d->watch.reason != DISK_ERRORS)
		drop_ballast(d);
	else if (state < DISK_NO_CREATES)
		make_ballast(d, r);
	return state;
}
