/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store_world.h"

static const struct store_lmdb_options WRITE = {0}, READ = {.read_only = true};

static int open_data(struct world *w, int flags)
{
	char path[128];
	snprintf(path, sizeof path, "%s/data.mdb", w->dir);
	int fd = open(path, flags | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	return fd;
}

static off_t size_of_data(struct world *w)
{
	struct stat st;
	int fd = open_data(w, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	return st.st_size;
}

static void put_many(struct world *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char id[32];
		snprintf(id, sizeof id, "88.118.8/SN%06u", i);
		struct store_put put = world_put(w, id);
		assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	}
}

static void test_reopen(void **state)
{
	struct world *w = *state;
	char why[STORE_WHY], line[320];
	put_many(w, 50);
	world_close(w);
	assert_int_equal(world_open(w, &WRITE, why), HLV_OK);
	assert_int_equal(world_count(w, "88.118.8"), 50);
	assert_int_equal(world_seq(w), 50);
	assert_int_equal(world_verify(w, line), 0);
}

static void expect_open(struct world *w, const char *name, const struct store_lmdb_options *o,
			enum hlv_err want, const char *text)
{
	char why[STORE_WHY] = "";
	enum hlv_err err = world_open(w, o, why);
	if (err != want)
		fail_msg("%s: %s, \"%s\"", name, hlv_strerror(err), why);
	if (err != HLV_OK && (!strstr(why, text) || strchr(why, '\n') || w->store))
		fail_msg("%s: says \"%s\"", name, why);
	world_close(w);
}

static void test_no_registry(void **state)
{
	struct world *w = *state;
	struct store_lmdb_options create = {.create = true};
	char dir[64];
	world_close(w);
	memcpy(dir, w->dir, sizeof dir);
	snprintf(w->dir, sizeof w->dir, "/tmp/helve-store-none/none");
	expect_open(w, "no directory", &WRITE, HLV_E_NOT_FOUND, "no registry");
	expect_open(w, "no directory, read only", &READ, HLV_E_NOT_FOUND, "no registry");
	expect_open(w, "no parent", &create, HLV_E_NOT_FOUND, "helve-store-none");
	snprintf(w->dir, sizeof w->dir, "%.40s/data.mdb", dir);
	expect_open(w, "a file in the way", &create, HLV_E_IO, "data.mdb");
	snprintf(w->dir, sizeof w->dir, "/proc");
	expect_open(w, "no place for it", &create, HLV_E_NOT_FOUND, "/proc");
	memcpy(w->dir, dir, sizeof dir);
}

static void test_newer(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *name;
		uint8_t format[5];
		size_t n;
		enum hlv_err write, read;
		const char *text;
	} rows[] = {
		{"ours", {0, 1, 0, 1}, 4, HLV_OK, HLV_OK, ""},
		{"older", {0, 1, 0, 0}, 4, HLV_OK, HLV_OK, ""},
		{"newer minor", {0, 1, 0, 2}, 4, HLV_E_NEWER, HLV_OK, "1.2"},
		{"newer major", {0, 2, 0, 0}, 4, HLV_E_NEWER, HLV_E_NEWER, "2.0"},
		{"far newer", {255, 255, 0, 7}, 4, HLV_E_NEWER, HLV_E_NEWER, "65535.7"},
		{"short", {0, 1, 0}, 3, HLV_E_CORRUPT, HLV_E_CORRUPT, "format"},
		{"long", {0, 1, 0, 0, 0}, 5, HLV_E_CORRUPT, HLV_E_CORRUPT, "format"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_put put = {SPACE_META, hlv_text("format"),
					hlv_bytes(rows[i].format, rows[i].n)};
		enum engine engine = ENGINE_LMDB;
		void *other = &engine;
		assert_int_equal(world_setup(&other), 0);
		struct world *fresh = other;
		assert_int_equal(world_commit(fresh, &put, 1), HLV_OK);
		world_close(fresh);
		expect_open(fresh, rows[i].name, &WRITE, rows[i].write, rows[i].text);
		expect_open(fresh, rows[i].name, &READ, rows[i].read, rows[i].text);
		world_teardown(&other);
	}
	(void)w;
}

static void test_truncated(void **state)
{
	struct world *w = *state;
	put_many(w, 100);
	world_close(w);
	off_t whole = size_of_data(w);
	const struct {
		const char *name;
		off_t size;
		enum hlv_err want;
		const char *text;
	} rows[] = {
		{"a page less", whole - 4096, HLV_E_CORRUPT, "cut short"},
		{"an octet less", whole - 4097, HLV_E_CORRUPT, "cut short"},
		{"half", whole / 2, HLV_E_CORRUPT, "cut short"},
		{"the meta pages alone", 8192, HLV_E_CORRUPT, "cut short"},
		{"one meta page", 4096, HLV_E_CORRUPT, "damaged"},
		{"a piece of a meta page", 100, HLV_E_CORRUPT, "damaged"},
		{"one octet", 1, HLV_E_CORRUPT, "damaged"},
		{"nothing", 0, HLV_E_NOT_FOUND, "empty"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int fd = open_data(w, O_RDWR);
		assert_int_equal(ftruncate(fd, rows[i].size), 0);
		close(fd);
		expect_open(w, rows[i].name, &WRITE, rows[i].want, rows[i].text);
		expect_open(w, rows[i].name, &READ, rows[i].want, rows[i].text);
	}
}

static void test_damaged_meta(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *name;
		off_t at;
	} rows[] = {{"page number", 0},	    {"kind of page", 10},
		    {"magic", 16},	    {"version", 20},
		    {"page size", 41},	    {"second number", 4096},
		    {"second magic", 4112}, {"second page size", 4137},
		    {"parity", 4096 + 144}, {"last page", 4096 + 142}};
	put_many(w, 5);
	world_close(w);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t was, is;
		int fd = open_data(w, O_RDWR);
		assert_int_equal(pread(fd, &was, 1, rows[i].at), 1);
		is = was ^ 0x09;
		assert_int_equal(pwrite(fd, &is, 1, rows[i].at), 1);
		expect_open(w, rows[i].name, &WRITE, HLV_E_CORRUPT, "restore a backup");
		assert_int_equal(pwrite(fd, &was, 1, rows[i].at), 1);
		close(fd);
	}
	expect_open(w, "all repaired", &WRITE, HLV_OK, "");
}

static struct hlv_bytes copy_stored(struct world *w, struct hlv_bytes key)
{
	struct hlv_bytes stored;
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(w->store->ops->get(w->view, SPACE_RECORD, key, &stored), HLV_OK);
	stored = hlv_arena_copy(&w->arena, stored);
	w->store->ops->view_end(w->view);
	return stored;
}

/* Flip a bit of octet `i` in each copy of `what` in the file (the tree's, the journal's, and
 * those on pages that are free by now). */
static void flip(int fd, uint8_t *file, size_t size, struct hlv_bytes what, size_t i)
{
	uint8_t is = what.p[i] ^ (uint8_t)(1U << i % 8);
	for (size_t from = 0; from < size;) {
		uint8_t *at = memmem(file + from, size - from, what.p, what.n);
		if (!at)
			return;
		assert_int_equal(pwrite(fd, &is, 1, (off_t)((size_t)(at - file) + i)), 1);
		from = (size_t)(at - file) + what.n;
	}
}

/* Each octet of a record in the file: a flipped bit is an error, never an answer. */
static void test_bit_rot(void **state)
{
	struct world *w = *state;
	struct store_put put = world_put(w, "88.118.8/rot");
	char why[STORE_WHY], line[320];
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	put_many(w, 1);
	struct hlv_bytes stored = copy_stored(w, put.key);
	world_close(w);
	size_t size = (size_t)size_of_data(w);
	uint8_t *file = hlv_alloc(&w->arena, size);
	int fd = open_data(w, O_RDWR);
	assert_int_equal(pread(fd, file, size, 0), size);
	for (size_t i = 0; i < stored.n; i++) {
		flip(fd, file, size, stored, i);
		assert_int_equal(world_open(w, &READ, why), HLV_OK);
		enum hlv_err err = world_find(w, "88.118.8/rot");
		if (err == HLV_OK || err == HLV_E_NOT_FOUND || world_verify(w, line) == 0)
			fail_msg("octet %zu: %s", i, hlv_strerror(err));
		world_close(w);
		assert_int_equal(pwrite(fd, file, size, 0), size);
	}
	close(fd);
	expect_open(w, "repaired", &WRITE, HLV_OK, "");
}

/* Runs `child` in a process of its own and gives what it exits with. */
static int in_child(struct world *w, int (*child)(struct world *w))
{
	int status;
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(child(w));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What a tool sees beside a server: in a process of its own, with an environment of its own. */
static int read_beside(struct world *w)
{
	struct world mine = {.time_ms = 1};
	char why[STORE_WHY], line[320];
	memcpy(mine.dir, w->dir, sizeof mine.dir);
	hlv_arena_init(&mine.arena, SIZE_MAX);
	if (world_open(&mine, &WRITE, why) != HLV_E_BUSY || !strstr(why, "another process"))
		return 1;
	if (world_open(&mine, &READ, why) != HLV_OK)
		return 2;
	if (world_count(&mine, "88.118.8") != 20 || world_verify(&mine, line) != 0)
		return 3;
	struct store_put put = world_put(&mine, "88.118.8/x");
	if (world_commit(&mine, &put, 1) != HLV_E_PERMISSION)
		return 4;
	world_close(&mine);
	hlv_arena_fini(&mine.arena);
	return 0;
}

static void test_beside_a_writer(void **state)
{
	struct world *w = *state;
	char why[STORE_WHY];
	put_many(w, 20);
	assert_int_equal(in_child(w, read_beside), 0);
	struct store *second;
	assert_int_equal(store_lmdb_open(w->dir, &WRITE, &second, why), HLV_E_BUSY);
	assert_null(second);
	put_many(w, 30);
	assert_int_equal(world_count(w, "88.118.8"), 30);
}

/* Commit ten groups, then die in the middle of life. */
static int write_and_die(struct world *w)
{
	char why[STORE_WHY];
	if (world_open(w, &WRITE, why) != HLV_OK)
		return 1;
	put_many(w, 10);
	raise(SIGKILL);
	return 2;
}

static void test_kill(void **state)
{
	struct world *w = *state;
	char why[STORE_WHY], line[320];
	world_close(w);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(in_child(w, write_and_die), 128 + SIGKILL);
		assert_int_equal(world_open(w, &WRITE, why), HLV_OK);
		assert_int_equal(world_count(w, "88.118.8"), 10);
		assert_int_equal(world_seq(w), i * 10);
		if (world_verify(w, line))
			fail_msg("%s", line);
		world_close(w);
	}
}

static void test_map_grows(void **state)
{
	struct world *w = *state;
	struct store_lmdb_options small = {.map_size = 128 << 10};
	char why[STORE_WHY], line[320];
	struct store_stats stats;
	world_close(w);
	assert_int_equal(world_open(w, &small, why), HLV_OK);
	put_many(w, 600);
	assert_int_equal(world_count(w, ""), 600);
	assert_int_equal(world_verify(w, line), 0);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(store_stats(w->store, w->view, &stats), HLV_OK);
	w->store->ops->view_end(w->view);
	assert_int_equal(stats.records, 600);
	assert_int_equal(stats.journal, 600);
	assert_int_equal(stats.last_seq, 600);
	assert_true(stats.map_octets >= stats.octets);
	assert_true(stats.map_octets > small.map_size);
	assert_true(size_of_data(w) >= (off_t)stats.octets);
}

/* The limit on the size of files stands for a full disk. */
static int fill_the_disk(struct world *w)
{
	char why[STORE_WHY], line[320];
	if (world_open(w, &WRITE, why) != HLV_OK)
		return 1;
	struct rlimit limit = {(rlim_t)size_of_data(w), RLIM_INFINITY};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	enum hlv_err err = HLV_OK;
	uint64_t done = 0;
	for (unsigned i = 0; i < 5000 && err == HLV_OK; i++) {
		char id[32];
		snprintf(id, sizeof id, "88.1/%05u", i);
		struct store_put put = world_put(w, id);
		err = world_commit(w, &put, 1);
		done += err == HLV_OK;
	}
	if (err != HLV_E_FULL || world_count(w, "88.1") != done || world_verify(w, line) != 0)
		return 2;
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	struct store_put put = world_put(w, "88.1/last");
	if (world_commit(w, &put, 1) != HLV_OK || world_seq(w) != done + 1)
		return 3;
	world_close(w);
	return 0;
}

static void test_disk_full(void **state)
{
	struct world *w = *state;
	world_close(w);
	assert_int_equal(in_child(w, fill_the_disk), 0);
}

static void test_backup(void **state)
{
	struct world *w = *state;
	char path[128], data[128], why[STORE_WHY] = "", line[320];
	put_many(w, 100);
	snprintf(path, sizeof path, "%s/copy.mdb", w->dir);
	snprintf(data, sizeof data, "%s/data.mdb", w->dir);
	assert_int_equal(store_backup(w->store, path, why), HLV_OK);
	assert_int_equal(store_backup(w->store, path, why), HLV_E_EXISTS);
	assert_non_null(strstr(why, "exists"));
	assert_int_equal(store_backup(w->store, "/tmp/helve-store-none/x", why),
			 HLV_E_NOT_FOUND);
	put_many(w, 101);
	world_close(w);
	assert_int_equal(rename(path, data), 0);
	assert_int_equal(world_open(w, &WRITE, why), HLV_OK);
	assert_int_equal(world_count(w, ""), 100);
	if (world_verify(w, line))
		fail_msg("%s", line);
	put_many(w, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(lmdb, test_reopen),		ON(lmdb, test_no_registry),
		ON(lmdb, test_newer),		ON(lmdb, test_truncated),
		ON(lmdb, test_damaged_meta),	ON(lmdb, test_bit_rot),
		ON(lmdb, test_beside_a_writer), ON(lmdb, test_kill),
		ON(lmdb, test_map_grows),	ON(lmdb, test_disk_full),
		ON(lmdb, test_backup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
