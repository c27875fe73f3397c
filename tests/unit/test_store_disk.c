/* SPDX-License-Identifier: Apache-2.0
 *
 * The LMDB engine when its disk is not what it was: verified before it is written to, a map that is
 * full, damage that hides records, backups that are stopped, readers that stay.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/store_file.h"
#include "tests/unit/store_world.h"

static const struct store_lmdb_options WRITE = {0}, LATER = {.verify_later = true};

static void put_many(struct world *w, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		char id[32];
		snprintf(id, sizeof id, "88.118.8/SN%06u", i);
		struct store_put put = world_put(w, id);
		assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	}
}

/* Turn a bit of the first copy of `what` on a page of the file, or of all of them. */
static unsigned damage(struct world *w, const char *what, bool all)
{
	char path[128];
	struct stat st;
	unsigned n = 0;
	size_t len = strlen(what);
	snprintf(path, sizeof path, "%s/data.mdb", w->dir);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	uint8_t *file = hlv_alloc(&w->arena, (size_t)st.st_size);
	assert_int_equal(pread(fd, file, (size_t)st.st_size, 0), st.st_size);
	for (size_t at = 0; at + len <= (size_t)st.st_size; at++) {
		if (memcmp(file + at, what, len) != 0)
			continue;
		uint8_t is = file[at + len - 1] ^ 0x10;
		assert_int_equal(pwrite(fd, &is, 1, (off_t)(at + len - 1)), 1);
		n++;
		if (!all)
			break;
	}
	close(fd);
	return n;
}

static enum hlv_err open_again(struct world *w, const struct store_lmdb_options *o, char *why)
{
	world_close(w);
	return world_open(w, o, why);
}

static void test_mark(void **state)
{
	struct world *w = *state;
	char why[STORE_WHY] = "";
	put_many(w, 0, 20);
	store_file_mark(w->dir);
	store_file_mark(w->dir);
	assert_true(store_file_is_marked(w->dir));
	assert_int_equal(open_again(w, &LATER, why), HLV_OK);
	assert_true(store_is_unverified(w->store));
	struct store_put put = world_put(w, "88.118.8/x");
	assert_int_equal(world_commit(w, &put, 1), HLV_E_PERMISSION);
	assert_int_equal(world_count(w, "88.118.8"), 20); /* reads go on */
	assert_int_equal(store_verify_first(w->store, why), HLV_OK);
	assert_false(store_is_unverified(w->store));
	assert_false(store_file_is_marked(w->dir));
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	store_file_mark(w->dir);
	assert_int_equal(open_again(w, &WRITE, why), HLV_OK); /* does it by itself */
	assert_false(store_file_is_marked(w->dir));
	assert_int_equal(store_verify_first(w->store, why), HLV_OK);
}

static void test_mark_and_damage(void **state)
{
	struct world *w = *state;
	char why[STORE_WHY] = "";
	put_many(w, 0, 20);
	world_close(w);
	assert_true(damage(w, "https://example.cn/p/", true) > 0);
	assert_int_equal(world_open(w, &WRITE, why),
			 HLV_OK); /* nothing said that it must look */
	world_close(w);
	store_file_mark(w->dir);
	assert_int_equal(world_open(w, &WRITE, why), HLV_E_CORRUPT);
	assert_non_null(strstr(why, "88.118.8/SN000000"));
	assert_true(store_file_is_marked(w->dir));
	assert_int_equal(world_open(w, &LATER, why), HLV_OK);
	assert_int_equal(store_verify_first(w->store, why), HLV_E_CORRUPT);
	assert_true(store_is_unverified(w->store));
	world_close(w);
	assert_int_equal(store_file_unmark(w->dir), HLV_OK);
}

/* Nothing is wrong: it is opened again all the same, and says that nothing was in doubt. */
static void test_reopen_for_nothing(void **state)
{
	struct world *w = *state;
	char why[STORE_WHY] = "", line[320];
	bool landed = true;
	put_many(w, 0, 10);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(store_reopen(w->store, &landed, why), HLV_OK);
		assert_int_equal(world_count(w, "88.118.8"), 10 + i);
		put_many(w, 10 + i, 11 + i);
	}
	assert_int_equal(world_verify(w, line), 0);
}

static void *hold_view(void *arg)
{
	struct world *w = arg;
	char why[STORE_WHY];
	bool landed;
	return store_reopen(w->store, &landed, why) == HLV_E_TIMEOUT ? w : NULL;
}

static void test_reopen_under_a_view(void **state)
{
	struct world *w = *state;
	pthread_t thread;
	void *timed_out;
	put_many(w, 0, 3);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(pthread_create(&thread, NULL, hold_view, w), 0);
	pthread_join(thread, &timed_out);
	assert_ptr_equal(timed_out, w);
	w->store->ops->view_end(w->view);
	assert_int_equal(world_count(w, ""), 3);
	put_many(w, 3, 4);
}

static void test_map_full(void **state)
{
	struct world *w = *state;
	struct store_lmdb_options small = {.map_size = 1 << 20, .map_max = 2 << 20};
	char why[STORE_WHY] = "", line[320], id[32];
	struct store_put put;
	unsigned n = 0, deleted = 0;
	assert_int_equal(open_again(w, &small, why), HLV_OK);
	enum hlv_err err;
	do {
		snprintf(id, sizeof id, "88.118.8/SN%06u", n);
		put = world_put(w, id);
		err = world_commit(w, &put, 1);
		n += err == HLV_OK;
	} while (err == HLV_OK && n < 100000);
	assert_int_equal(err, HLV_E_FULL);
	assert_int_equal(world_count(w, ""), n);
	put = world_put(w, "88.118.8/SN000001");
	assert_int_equal(world_commit(w, &put, 1), HLV_E_FULL); /* a change is no delete */
	for (; deleted < 20; deleted++) {
		snprintf(id, sizeof id, "88.118.8/SN%06u", deleted);
		put = world_delete(w, id);
		assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	}
	assert_int_equal(world_count(w, ""), n - deleted);
	assert_int_equal(world_verify(w, line), 0);
	small.map_max = 8 << 20;
	assert_int_equal(open_again(w, &small, why), HLV_OK);
	put_many(w, n, n + 10);
}

/* A key with a flipped bit hides its record; what is said of it is an error, and so of whatever is
 * looked for beside it; never "not found". */
static void test_hidden_records(void **state)
{
	struct world *w = *state;
	char why[STORE_WHY] = "";
	put_many(w, 0, 300);
	world_close(w);
	assert_true(damage(w, "88.118.8/SN000150", true) > 0);
	assert_int_equal(world_open(w, &WRITE, why), HLV_OK);
	for (unsigned i = 0; i < 300; i++) {
		char id[32];
		snprintf(id, sizeof id, "88.118.8/SN%06u", i);
		enum hlv_err err = world_find(w, id);
		if (err == HLV_E_NOT_FOUND || (i == 150 && err != HLV_E_CORRUPT))
			fail_msg("%s: %s", id, hlv_strerror(err));
	}
	assert_int_equal(world_find(w, "88.118.8/A"), HLV_E_NOT_FOUND);
	assert_int_equal(world_find(w, "88.118.8/Z"), HLV_E_NOT_FOUND);
	assert_int_equal(world_find(w, "88.118.8/SN000151A"), HLV_E_NOT_FOUND);
	struct store_put put = world_put(w, "88.118.8/SN000150");
	assert_int_not_equal(world_commit(w, &put, 1), HLV_OK);
}

/* A leaf page that says that it has a key less than it has hides its last record. */
static void test_hidden_ends(void **state)
{
	struct world *w = *state;
	char path[128], why[STORE_WHY] = "";
	unsigned leaves = 0, found_out = 0;
	put_many(w, 0, 300);
	world_close(w);
	snprintf(path, sizeof path, "%s/data.mdb", w->dir);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	for (off_t page = 2; page < 4096; page++) {
		uint16_t h[4]; /* pad, flags, lower, upper */
		if (pread(fd, h, sizeof h, page * 4096 + 8) != (ssize_t)sizeof h)
			break;
		if (h[1] != 2 || h[2] <= 18)
			continue;
		uint16_t less = (uint16_t)(h[2] - 2);
		assert_int_equal(pwrite(fd, &less, 2, page * 4096 + 12), 2);
		leaves++;
		enum hlv_err err = world_open(w, &WRITE, why);
		for (unsigned i = 0; i < 300 && err == HLV_OK; i++) {
			char id[32];
			snprintf(id, sizeof id, "88.118.8/SN%06u", i);
			enum hlv_err got = world_find(w, id);
			if (got == HLV_E_NOT_FOUND)
				fail_msg("page %d: %s", (int)page, id);
			found_out += got == HLV_E_CORRUPT;
		}
		world_close(w);
		assert_int_equal(pwrite(fd, &h[2], 2, page * 4096 + 12), 2);
	}
	close(fd);
	assert_true(leaves > 20);
	assert_true(found_out > 10);
}

/* The name of a table, with a flipped bit: not a new table in its place. */
static void test_lost_table(void **state)
{
	struct world *w = *state;
	static const char *const names[] = {"record", "prefix", "journal",
					    "meta",   "audit",	"history"};
	char why[STORE_WHY] = "";
	const struct store_lmdb_options options[] = {
		{0}, {.create = true}, {.read_only = true}};
	put_many(w, 0, 3);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		world_close(w);
		char other[16];
		assert_true(damage(w, names[i], true) > 0);
		for (size_t k = 0; k < 3; k++) {
			assert_int_equal(world_open(w, &options[k], why), HLV_E_CORRUPT);
			world_close(w);
		}
		snprintf(other, sizeof other, "%s", names[i]);
		other[strlen(other) - 1] ^= 0x10;
		assert_true(damage(w, other, true) > 0);
		assert_int_equal(world_open(w, &WRITE, why), HLV_OK);
		assert_int_equal(world_count(w, ""), 3);
	}
}

struct stopper {
	struct store *store;
	atomic_bool done;
};

static void *stop_backups(void *arg)
{
	struct stopper *s = arg;
	while (!atomic_load(&s->done))
		store_backup_stop(s->store);
	return NULL;
}

static void test_backup_stopped(void **state)
{
	struct world *w = *state;
	char path[128], part[160], why[STORE_WHY] = "";
	pthread_t thread;
	struct stat st;
	struct stopper stopper = {.store = w->store};
	put_many(w, 0, 200);
	snprintf(path, sizeof path, "%s/copy.mdb", w->dir);
	snprintf(part, sizeof part, "%s.part", path);
	assert_int_equal(pthread_create(&thread, NULL, stop_backups, &stopper), 0);
	unsigned stopped = 0;
	/* The other thread has its turn sooner or later. */
	for (int i = 0; i < 20 || (stopped == 0 && i < 100000); i++) {
		enum hlv_err err = store_backup(w->store, path, why);
		if (err != HLV_OK)
			assert_int_equal(err, HLV_E_BUSY);
		stopped += err == HLV_E_BUSY;
		assert_int_not_equal(stat(part, &st), 0);
		assert_int_equal(stat(path, &st) == 0, err == HLV_OK);
		unlink(path);
		put_many(w, 200, 201); /* writes go on */
	}
	atomic_store(&stopper.done, true);
	pthread_join(thread, NULL);
	assert_true(stopped > 0);
	assert_int_equal(store_backup(w->store, path, why), HLV_OK);
}

static void test_damaged_backup(void **state)
{
	struct world *w = *state;
	char path[128], why[STORE_WHY] = "";
	struct stat st;
	put_many(w, 0, 50);
	assert_true(damage(w, "88.118.8/SN000020", true) > 0);
	assert_int_equal(open_again(w, &WRITE, why), HLV_OK);
	snprintf(path, sizeof path, "%s/copy.mdb", w->dir);
	assert_int_equal(store_backup(w->store, path, why), HLV_E_CORRUPT);
	assert_non_null(strstr(why, "88.118.8"));
	assert_int_not_equal(stat(path, &st), 0);
}

static int read_and_die(struct world *w)
{
	char why[STORE_WHY];
	struct store_lmdb_options read = {.read_only = true};
	if (world_open(w, &read, why) != HLV_OK || w->store->ops->view_begin(w->view) != HLV_OK)
		_exit(1);
	_exit(0); /* without ending anything */
}

static void test_readers(void **state)
{
	struct world *w = *state;
	uint64_t lag;
	unsigned freed;
	int status;
	struct store_view *old;
	assert_int_equal(store_reader_lag(w->store, &lag), HLV_OK);
	assert_int_equal(lag, 0);
	assert_int_equal(w->store->ops->view_open(w->store, &old), HLV_OK);
	assert_int_equal(w->store->ops->view_begin(old), HLV_OK);
	put_many(w, 0, 30);
	assert_int_equal(store_reader_lag(w->store, &lag), HLV_OK);
	assert_int_equal(lag, 30);
	w->store->ops->view_end(old);
	assert_int_equal(store_reader_lag(w->store, &lag), HLV_OK);
	assert_int_equal(lag, 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct world mine = {0};
		memcpy(mine.dir, w->dir, sizeof mine.dir);
		hlv_arena_init(&mine.arena, SIZE_MAX);
		read_and_die(&mine);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	put_many(w, 30, 40);
	assert_int_equal(store_reader_lag(w->store, &lag), HLV_OK);
	assert_int_equal(lag, 10);
	assert_int_equal(store_check_readers(w->store, &freed), HLV_OK);
	assert_int_equal(freed, 1);
	assert_int_equal(store_reader_lag(w->store, &lag), HLV_OK);
	assert_int_equal(lag, 0);
	assert_int_equal(store_check_readers(w->store, &freed), HLV_OK);
	assert_int_equal(freed, 0);
}

static void test_in_memory(void **state)
{
	(void)state;
	struct store *store;
	char why[STORE_WHY];
	bool landed = true;
	uint64_t lag = 1;
	unsigned freed = 1;
	assert_int_equal(store_mem_open(&store), HLV_OK);
	assert_int_equal(store_reopen(store, &landed, why), HLV_OK);
	assert_false(landed);
	assert_false(store_is_unverified(store));
	assert_int_equal(store_verify_first(store, why), HLV_OK);
	assert_int_equal(store_reader_lag(store, &lag), HLV_OK);
	assert_int_equal(lag, 0);
	assert_int_equal(store_check_readers(store, &freed), HLV_OK);
	assert_int_equal(freed, 0);
	store_backup_stop(store);
	store->ops->close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(lmdb, test_mark),
		ON(lmdb, test_mark_and_damage),
		ON(lmdb, test_reopen_for_nothing),
		ON(lmdb, test_reopen_under_a_view),
		ON(lmdb, test_map_full),
		ON(lmdb, test_hidden_records),
		ON(lmdb, test_hidden_ends),
		ON(lmdb, test_lost_table),
		ON(lmdb, test_backup_stopped),
		ON(lmdb, test_damaged_backup),
		ON(lmdb, test_readers),
		cmocka_unit_test(test_in_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
