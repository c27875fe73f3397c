/* SPDX-License-Identifier: Apache-2.0
 *
 * A disk that is really full (threats.md D7, D10): a registry on a small file system, or under a
 * limit on files, or with a map that may not grow, written to until nothing goes. The rules are
 * those of the server (disk.h); the clock is not. All that was acknowledged is read again and
 * again, deletes go on, and when there is room again the registry takes records by itself.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "server/disk.h"
#include "tests/crash/crash.h"

enum { NAMES_MAX = 20000, NAME = 32, TEXT = 48, SAMPLE = 40, DELETES = 12 };
static const hlv_mono_ns SECOND = 1000000000;

struct full {
	struct world w;
	struct disk disk;
	hlv_mono_ns now_ns;
	char filler[160];
	unsigned created, deleted; /* acknowledged; names count up, deletes from the first */
	unsigned reads, wrong, refused_full;
	struct hlv_rand rand;
	char why[STORE_WHY];
};

static void name_of(unsigned i, char name[NAME])
{
	snprintf(name, NAME, "88.118.8/D%06u", i);
}

static void read_some(struct full *f)
{
	for (unsigned k = 0; k < SAMPLE && f->created > 0; k++) {
		unsigned i = (unsigned)hlv_rand_below(&f->rand, f->created);
		char name[NAME], text[TEXT], want[TEXT];
		name_of(i, name);
		snprintf(want, sizeof want, "https://example.cn/full/%u", i);
		enum hlv_err err = world_read(&f->w, name, text, sizeof text);
		f->reads++;
		if (i < f->deleted)
			f->wrong += err != HLV_E_NOT_FOUND;
		else
			f->wrong += err != HLV_OK || strcmp(text, want) != 0;
	}
}

/* As the server does: the state decides, a failed commit is told, a second passes. */
static enum hlv_err change(struct full *f, unsigned i, enum disk_write write)
{
	char name[NAME], text[TEXT];
	name_of(i, name);
	snprintf(text, sizeof text, "https://example.cn/full/%u", i);
	hlv_arena_reset(&f->w.arena);
	struct store_put put = world_put(&f->w, name, text, 700, write == DISK_DELETE);
	struct store_txn txn = {.puts = &put, .nputs = 1, .time_ms = 1700000000000};
	enum hlv_err err = HLV_E_PERMISSION;
	if (disk_admits(&f->disk.watch, write))
		err = world_commit(&f->w, &txn, 1);
	if (err == HLV_E_IO) {
		bool landed;
		if (store_reopen(f->w.store, &landed, f->why) != HLV_OK || landed)
			f->wrong++;
	}
	f->refused_full += err == HLV_E_FULL;
	f->now_ns += SECOND;
	disk_look(&f->disk, err == HLV_E_FULL, err == HLV_E_IO, f->now_ns);
	return err;
}

static bool create(struct full *f)
{
	enum hlv_err err = change(f, f->created, DISK_CREATE);
	f->created += err == HLV_OK;
	return err == HLV_OK;
}

/* Until creates are refused by the state, not by one commit. */
static void create_until_refused(struct full *f)
{
	for (unsigned i = 0; i < NAMES_MAX && disk_admits(&f->disk.watch, DISK_CREATE); i++) {
		create(f);
		if (i % 50 == 0)
			read_some(f);
	}
	read_some(f);
}

/* How many of so many deletes were taken: a refused one gives up the ballast for the next. */
static unsigned delete_some(struct full *f)
{
	unsigned before = f->deleted;
	for (unsigned i = 0; i < DELETES + 3 && f->deleted - before < DELETES; i++)
		f->deleted += change(f, f->deleted, DISK_DELETE) == HLV_OK;
	read_some(f);
	return f->deleted - before;
}

/* Others write that many octets more, or all that there is room for. */
static void fill_disk(struct full *f, uint64_t octets)
{
	static const char piece[4096] = "full";
	int fd = open(f->filler, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	uint64_t n = 0;
	while (fd >= 0 && n < octets && write(fd, piece, sizeof piece) > 0)
		n += sizeof piece;
	while (fd >= 0 && n < octets && write(fd, piece, 512) > 0)
		n += 512;
	close(fd);
	f->now_ns += SECOND;
	disk_look(&f->disk, 0, 0, f->now_ns);
}

static void wait_a_minute(struct full *f)
{
	for (int i = 0; i < 62; i++) {
		f->now_ns += SECOND;
		disk_look(&f->disk, 0, 0, f->now_ns);
	}
}

static bool begin(struct full *f, const char *dir, size_t map_max)
{
	char data[128];
	snprintf(data, sizeof data, "%s/data", dir);
	scratch_remove(data);
	f->now_ns = SECOND;
	hlv_rand_seed(&f->rand, 1);
	snprintf(f->filler, sizeof f->filler, "%s/filler", dir);
	unlink(f->filler);
	f->w.map_size = 1 << 20;
	f->w.map_max = map_max;
	if (world_open(&f->w, data, true) != HLV_OK)
		return false;
	disk_init(&f->disk, f->w.dir, &disk_limits_default, f->now_ns);
	return true;
}

/* All acknowledged and nothing else, after it was opened anew. */
static bool is_whole(struct full *f)
{
	uint64_t faults, n = 0;
	char dir[128];
	memcpy(dir, f->w.dir, sizeof dir);
	world_close(&f->w);
	if (world_open(&f->w, dir, false) != HLV_OK || world_verify(&f->w, &faults) != HLV_OK ||
	    faults > 0 || f->w.store->ops->view_begin(f->w.view) != HLV_OK)
		return false;
	enum hlv_err err = store_count(f->w.store, f->w.view, (struct hlv_bytes){0}, &n);
	f->w.store->ops->view_end(f->w.view);
	for (int i = 0; i < 50; i++)
		read_some(f);
	return err == HLV_OK && n == f->created - f->deleted;
}

static void end(struct full *f)
{
	unlink(f->filler);
	world_fini(&f->w);
}

/* A real file system, which others fill too. */
static void test_disk(const char *dir, struct tally *t)
{
	struct full f = {0};
	struct statvfs fs;
	if (!begin(&f, dir, 0) || statvfs(dir, &fs) != 0) {
		tally(t, false, "%s: no registry: %s", dir, f.w.why);
		return;
	}
	fill_disk(&f, fs.f_blocks * fs.f_frsize * 2 / 5);
	create_until_refused(&f);
	enum disk_state state = f.disk.watch.state;
	unsigned alone = f.created;
	char text[DISK_TEXT];
	disk_text(&f.disk.watch, f.disk.limits, dir, text);
	tally(t, state >= DISK_NO_CREATES && alone > 50 && f.wrong == 0,
	      "%s (%llu KiB): %u records, then: %s", dir,
	      (unsigned long long)(fs.f_blocks * fs.f_frsize >> 10), alone, text);

	fill_disk(&f, UINT64_MAX);
	bool more = create(&f);
	tally(t, f.disk.watch.state == DISK_READ_ONLY && f.disk.held == 0 && !more,
	      "%s: filled by others: read-only, the ballast given up", dir);
	read_some(&f);
	unsigned deleted = delete_some(&f);
	tally(t, deleted == DELETES, "%s: %u of %d deletes out of the ballast", dir, deleted,
	      DELETES);

	/* Without the ballast: a real ENOSPC in the middle of a commit. */
	fill_disk(&f, UINT64_MAX);
	unsigned refused = f.refused_full;
	for (int i = 0; i < 100 && f.refused_full == refused; i++)
		f.deleted += change(&f, f.deleted, DISK_DELETE) == HLV_OK;
	tally(t, f.refused_full > refused && f.wrong == 0,
	      "%s: no octet left: refused, nothing lost", dir);
	read_some(&f);

	unlink(f.filler);
	wait_a_minute(&f);
	unsigned before = f.created;
	for (int i = 0; i < 20; i++)
		create(&f);
	tally(t, f.created == before + 20 && f.disk.held > 0 && f.wrong == 0,
	      "%s: room again: after a minute records are taken, the ballast is there", dir);
	bool whole = is_whole(&f);
	tally(t, whole && f.wrong == 0, "%s: %u records, %u deleted, %u reads: %u wrong", dir,
	      f.created, f.deleted, f.reads, f.wrong);
	end(&f);
}

/* A limit on files: the file system has room and does not show it. */
static int limited_files(void *ctx, unsigned i)
{
	const char *dir = ctx;
	struct full f = {0};
	struct rlimit limit = {6 << 20, RLIM_INFINITY};
	(void)i;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	if (!begin(&f, dir, 0))
		return 1;
	create_until_refused(&f);
	if (f.disk.watch.reason != DISK_REFUSED || f.created < 50)
		return 2;
	unsigned before = f.created;
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	wait_a_minute(&f);
	for (int k = 0; k < 20; k++)
		create(&f);
	crash_say("%u records, %u reads: %u wrong", before, f.reads, f.wrong);
	if (f.created != before + 20)
		return 3;
	int rc = is_whole(&f) && f.wrong == 0 ? 0 : 4;
	end(&f);
	return rc;
}

/* A map that may not grow: deletes find the pages that creates were kept from. */
static int limited_map(void *ctx, unsigned i)
{
	const char *dir = ctx;
	struct full f = {0};
	(void)i;
	if (!begin(&f, dir, 4 << 20))
		return 1;
	create_until_refused(&f);
	if (f.disk.watch.reason != DISK_REFUSED || f.created < 50)
		return 2;
	unsigned deleted = 0;
	while (deleted < 200 && change(&f, f.deleted, DISK_DELETE) == HLV_OK) {
		f.deleted++;
		deleted++;
	}
	read_some(&f);
	crash_say("%u records, then %u deletes, %u reads: %u wrong", f.created, deleted,
		  f.reads, f.wrong);
	if (deleted < DELETES)
		return 3;
	int rc = is_whole(&f) && f.wrong == 0 ? 0 : 4;
	end(&f);
	return rc;
}

struct limited {
	crash_job *job;
	char dir[64];
	int status;
	char said[200];
};

static int run_limited(void *ctx, unsigned i)
{
	struct limited *l = ctx;
	return l->job(l->dir, i);
}

static bool see(void *ctx, unsigned i, int status, const char *said)
{
	struct limited *l = ctx;
	(void)i;
	l->status = status;
	snprintf(l->said, sizeof l->said, "%s", said);
	return true;
}

static void test_limit(const char *name, crash_job *job, struct tally *t)
{
	struct limited l = {.job = job};
	scratch_make(l.dir, "full");
	crash_run(1, 1, run_limited, see, &l);
	tally(t, l.status == 0, "%s: %s (status 0x%x)", name, l.said, (unsigned)l.status);
	scratch_remove(l.dir);
}

void test_full(const struct amount *a, struct tally *t)
{
	if (a->dir) {
		test_disk(a->dir, t);
		return;
	}
	test_limit("a limit on files", limited_files, t);
	test_limit("a map that may not grow", limited_map, t);
}
