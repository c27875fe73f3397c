/* SPDX-License-Identifier: Apache-2.0
 *
 * Bits that turn over on the disk, and a file that is cut short: each answer is right or an error,
 * a process that cannot go on ends with status 75, nothing hangs (threats.md 6, D5, D6, D11).
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/crash.h"

enum { NAMES = 400, NAME = 40, TEXT = 64, EXIT_REGISTRY = 75, EXIT_WRONG = 3, PER_CHILD = 20 };

/* How an open registry is met by the damage. */
enum when { AT_REST, VERIFIED, LIVE };

struct rot {
	uint8_t *file;
	size_t n, used; /* octets; those below the last page in use */
	uint64_t seed;
	enum when when;
	unsigned silent, wrong, refused, ended, crashed, hung;
	char first[600];
};

static void name_of(unsigned i, char name[NAME])
{
	snprintf(name, NAME, "88.118.%u/R%05u", i % 4, i);
}

static void text_of(unsigned i, char text[TEXT])
{
	snprintf(text, TEXT, "https://example.cn/rot/%u", i);
}

static void fill(const char *dir)
{
	struct world w = {0};
	if (world_open(&w, dir, true) != HLV_OK)
		abort();
	for (unsigned i = 0; i < NAMES; i++) {
		char name[NAME], text[TEXT];
		name_of(i, name);
		text_of(i, text);
		hlv_arena_reset(&w.arena);
		struct store_put put =
			world_put(&w, name, text, i % 20 == 0 ? 5000 : i % 300, i % 10 == 9);
		struct store_txn txn = {.puts = &put, .nputs = 1, .time_ms = 1700000000000};
		if (world_commit(&w, &txn, 1) != HLV_OK)
			abort();
	}
	world_fini(&w);
}

/* Every identifier that is there, that is deleted, and as many that never were. Gives the number
 * of wrong answers; errors are none. */
static unsigned ask_all(struct world *w)
{
	unsigned wrong = 0;
	for (unsigned i = 0; i < 2 * NAMES; i++) {
		char name[NAME], text[TEXT], want[TEXT];
		bool is_there = i < NAMES && i % 10 != 9;
		name_of(i, name);
		text_of(i, want);
		enum hlv_err err = world_read(w, name, text, sizeof text);
		if (err == HLV_OK)
			wrong += !is_there || strcmp(text, want) != 0;
		else if (err == HLV_E_NOT_FOUND)
			wrong += is_there;
	}
	return wrong;
}

/* As helved does (main.c). */
static void on_sigbus(int sig)
{
	(void)sig;
	_exit(EXIT_REGISTRY);
}

static void put_file(const char *path, const uint8_t *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0 || pwrite(fd, p, n, 0) != (ssize_t)n || ftruncate(fd, (off_t)n) != 0)
		abort();
	close(fd);
}

static void flip(const char *path, const struct rot *r, uint64_t bit)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	uint8_t is = r->file[bit / 8] ^ (uint8_t)(1 << bit % 8);
	if (fd < 0 || pwrite(fd, &is, 1, (off_t)(bit / 8)) != 1)
		abort();
	close(fd);
}

/* Opens, asks everything, and ends as the answers were. */
static int serve(const char *dir, const struct rot *r, uint64_t bit)
{
	struct world w = {.map_size = (size_t)64 << 30}; /* the server's */
	char path[96];
	uint64_t faults = 0;
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	signal(SIGBUS, on_sigbus);
	if (r->when != LIVE)
		flip(path, r, bit);
	if (world_open(&w, dir, false) != HLV_OK)
		return 1;
	if (r->when == VERIFIED && (world_verify(&w, &faults) != HLV_OK || faults > 0))
		return 1;
	if (r->when == LIVE) {
		if (ask_all(&w) > 0)
			abort();
		flip(path, r, bit);
	}
	unsigned wrong = ask_all(&w);
	if (wrong > 0)
		crash_say("bit %llu of octet %llu (page %llu + %llu): %u wrong answers",
			  (unsigned long long)bit % 8, (unsigned long long)bit / 8,
			  (unsigned long long)bit / 8 / 4096,
			  (unsigned long long)bit / 8 % 4096, wrong);
	return wrong > 0 ? EXIT_WRONG : 0;
}

static int one_bit(void *ctx, unsigned i)
{
	struct rot *r = ctx;
	struct hlv_rand rand;
	char dir[64], path[96];
	hlv_rand_seed(&rand, r->seed + i * 0x9E3779B97F4A7C15);
	snprintf(dir, sizeof dir, "%s/helve-rot-%d-%u",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getppid(), i % 32);
	mkdir(dir, 0750);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	put_file(path, r->file, r->n);
	snprintf(path, sizeof path, "%s/lock.mdb", dir);
	unlink(path);
	return serve(dir, r, hlv_rand_below(&rand, r->used * 8));
}

static bool see_bit(void *ctx, unsigned i, int status, const char *said)
{
	struct rot *r = ctx;
	(void)i;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		r->hung++;
	else if (WIFSIGNALED(status))
		r->crashed++;
	else if (WEXITSTATUS(status) == EXIT_WRONG)
		r->wrong++;
	else if (WEXITSTATUS(status) == EXIT_REGISTRY)
		r->ended++;
	else if (WEXITSTATUS(status) == 1)
		r->refused++;
	else
		r->silent++;
	if ((r->wrong || r->hung) && !*r->first)
		snprintf(r->first, sizeof r->first, ": %s", said);
	return true;
}

static void load(struct rot *r)
{
	char dir[64], path[96];
	struct stat st;
	scratch_make(dir, "rot");
	fill(dir);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		abort();
	r->n = r->used = (size_t)st.st_size;
	r->file = malloc(r->n);
	if (!r->file || read(fd, r->file, r->n) != (ssize_t)r->n)
		abort();
	close(fd);
	scratch_remove(dir);
}

static void sweep(void)
{
	char dir[64];
	for (unsigned i = 0; i < 32; i++) {
		snprintf(dir, sizeof dir, "%s/helve-rot-%d-%u",
			 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid(), i);
		scratch_remove(dir);
	}
}

void test_rot(const struct amount *a, struct tally *t)
{
	static const struct {
		const char *name;
		enum when when;
		unsigned part; /* of all the bits */
	} runs[] = {{"at rest", AT_REST, 1},
		    {"at rest, verified before it serves", VERIFIED, 1},
		    {"live", LIVE, 5}};
	struct rot loaded = {.seed = a->seed};
	load(&loaded);
	for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
		struct rot r = loaded;
		r.when = runs[i].when;
		double began = crash_seconds();
		unsigned n = crash_run((a->n ? a->n : 10000) / runs[i].part, a->workers,
				       one_bit, see_bit, &r);
		/* A flipped bit in a branch page's header or page number is what only verifying
		 * finds: less than one in ten thousand. */
		unsigned may = runs[i].when == VERIFIED ? 0 : n / 10000 + 1;
		tally(t, r.wrong <= may && r.hung == 0,
		      "bit rot %s: seed %llu: %u bits of %zu octets in %.1f s: %u answered all "
		      "or with errors, %u refused, %u ended with 75, %u crashed, %u hung, "
		      "%u WRONG%s",
		      runs[i].name, (unsigned long long)a->seed, n, r.n,
		      crash_seconds() - began, r.silent, r.refused, r.ended, r.crashed, r.hung,
		      r.wrong, r.first);
	}
	sweep();
	free(loaded.file);
}

/* --- cut short while it is read --- */

static int one_cut(void *ctx, unsigned i)
{
	struct rot *r = ctx;
	char path[96], dir[64];
	struct world w = {.map_size = (size_t)64 << 30};
	struct hlv_rand rand;
	hlv_rand_seed(&rand, r->seed + i);
	scratch_make(dir, "cut");
	crash_say("%s", dir);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	put_file(path, r->file, r->n);
	signal(SIGBUS, on_sigbus);
	if (world_open(&w, dir, false) != HLV_OK || ask_all(&w) > 0)
		abort();
	if (truncate(path, (off_t)hlv_rand_below(&rand, r->n)) != 0)
		abort();
	return ask_all(&w) > 0 ? EXIT_WRONG : 0;
}

static bool see_cut(void *ctx, unsigned i, int status, const char *said)
{
	scratch_remove(said);
	return see_bit(ctx, i, status, said);
}

void test_cut(const struct amount *a, struct tally *t)
{
	struct rot r = {.seed = a->seed};
	load(&r);
	unsigned n = crash_run(a->n ? a->n : 300, a->workers, one_cut, see_cut, &r);
	tally(t, r.wrong == 0 && r.hung == 0 && r.crashed == 0 && r.ended > 0,
	      "cut short while it is read: %u cuts: %u ended with 75, %u read no page behind "
	      "the "
	      "cut, %u crashed, %u hung, %u WRONG",
	      n, r.ended, r.silent, r.crashed, r.hung, r.wrong);
	free(r.file);
}
