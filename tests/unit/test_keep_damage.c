/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of a cache on a disk that is damaged or full, after a kill, and into less room.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/keep_world.h"

/* --- damage --- */

static void change_file(const char *after, long offset)
{
	FILE *f = fopen(path("data.mdb"), "r+");
	static char octets[1 << 20];
	assert_non_null(f);
	size_t n = fread(octets, 1, sizeof octets, f);
	unsigned places = 0;
	for (size_t i = 0; i + strlen(after) < n; i++) {
		if (memcmp(octets + i, after, strlen(after)) != 0)
			continue;
		places++;
		fseek(f, (long)i + offset, SEEK_SET);
		fputc(octets[(long)i + offset] ^ 1, f);
	}
	assert_true(places > 0);
	fclose(f);
}

static void test_damaged_entry(void **state)
{
	(void)state;
	struct keep *k;
	struct cache *c = reopen(&k, 0, 0, 0);
	put(c, "1/a", "good");
	put(c, "1/b", "injured");
	put(c, "1/c", "good");
	check_save(k, c, 3);
	end(c, k);
	change_file("injured", 2);
	c = reopen(&k, 1, 2, 1);
	assert_true(has(c, "1/a", "good"));
	assert_false(has(c, "1/b", ""));
	/* Who knows what else is wrong in that file: the others go into a new one. */
	assert_int_equal(access(path("data.mdb.damaged"), F_OK), 0);
	check_save(k, c, 2);
	end(c, k);
	c = reopen(&k, 1, 2, 0);
	assert_true(has(c, "1/a", "good"));
	end(c, k);
}

static void write_file(const char *name, const char *text)
{
	mkdir(dir, 0700);
	FILE *f = fopen(path(name), "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void check_set_aside(void)
{
	char why[KEEP_WHY] = "";
	struct keep *k;
	check_err(why, keep_open(dir, 0, &k, why), HLV_OK);
	assert_non_null(strstr(why, "set aside"));
	assert_int_equal(access(path("data.mdb.damaged"), F_OK), 0);
	keep_close(k);
	struct cache *c = reopen(&k, 1, 0, 0);
	put(c, "1/a", "a");
	check_save(k, c, 1);
	end(c, k);
}

static void test_not_ours(void **state)
{
	(void)state;
	write_file("data.mdb",
		   "This is no data base, but a text that is long enough to be read as "
		   "a page's head, if it has to be; what follows is nothing.......");
	assert_int_equal(truncate(path("data.mdb"), 65536), 0);
	check_set_aside();
}

static void test_cut_short(void **state)
{
	(void)state;
	struct keep *k;
	struct cache *c = reopen(&k, 0, 0, 0);
	for (unsigned i = 0; i < 1000; i++)
		put_number(c, i, 100);
	check_save(k, c, 1000);
	end(c, k);
	assert_int_equal(truncate(path("data.mdb"), 65536), 0);
	check_set_aside();
}

static void test_loads_that_broke(void **state)
{
	(void)state;
	struct keep *k;
	struct cache *c = reopen(&k, 0, 0, 0);
	put(c, "1/a", "a");
	check_save(k, c, 1);
	end(c, k);
	write_file("loading", "xx"); /* a power cut while it loaded, twice */
	c = reopen(&k, 1, 1, 0);
	end(c, k);
	write_file("loading", "xxx");
	check_set_aside();
}

/* --- room --- */

static void test_map_grows(void **state)
{
	(void)state;
	enum { N = 3000 };
	struct cache *c = new_cache(64 << 20);
	struct keep *k = open_keep(1 << 20);
	size_t n, bad;
	check_err("load", keep_load(k, c, at(0), &n, &bad), HLV_OK);
	for (unsigned i = 0; i < N; i++)
		put_number(c, i, 5000);
	check_err("save", keep_save(k, c, at(0), &n), HLV_OK);
	assert_true(n >= N); /* what did not fit at first was written again */
	end(c, k);
	c = reopen(&k, 1, N, 0);
	assert_true(has_number(c, N - 1));
	end(c, k);
}

static void limit_files(rlim_t octets)
{
	struct rlimit r;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = octets;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* A file that may not grow stands for a disk that is full (where it is half a write, as there). */
static void test_full_disk(void **state)
{
	(void)state;
	enum { N = 2000 };
	struct keep *k;
	struct cache *c = reopen(&k, 0, 0, 0);
	size_t saved;
	put_number(c, 0, 0);
	check_save(k, c, 1);
	signal(SIGXFSZ, SIG_IGN);
	for (unsigned i = 1; i < N; i++)
		put_number(c, i, 5000);
	cache_flush(c, "1/0");
	limit_files(1 << 20);
	for (unsigned i = 0; i < 3; i++) {
		enum hlv_err err = keep_save(k, c, at(0), &saved);
		assert_true(err == HLV_E_IO || err == HLV_E_FULL);
		assert_non_null(strstr(keep_why(k), "data.mdb"));
		assert_int_equal(saved, 0);
	}
	put_number(c, N, 0); /* life goes on */
	limit_files(RLIM_INFINITY);
	check_save(k, c, N);
	end(c, k);
	c = reopen(&k, 1, N, 0);
	assert_false(has_number(c, 0));
	assert_true(has_number(c, N));
	end(c, k);
}

/* Into a cache that is smaller than it was: those that were asked for. */
static void test_smaller_cache(void **state)
{
	(void)state;
	enum { N = 8000, HOT = 200 };
	struct keep *k;
	struct cache *c = reopen(&k, 0, 0, 0);
	size_t loaded, damaged;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < N; i++) {
			put_number(c, i, 100);
			for (unsigned n = 0; i < HOT && n < 8; n++)
				has_number(c, i);
		}
	check_save(k, c, N);
	end(c, k);
	c = new_cache(1 << 20);
	k = open_keep(0);
	check_err("load", keep_load(k, c, at(1), &loaded, &damaged), HLV_OK);
	unsigned hot = 0;
	for (unsigned i = 0; i < HOT; i++)
		hot += has_number(c, i);
	assert_in_range(hot, HOT * 95 / 100, HOT);
	struct cache_stats stats;
	cache_stats(c, &stats);
	assert_in_range(stats.octets, 1, 1 << 20);
	size_t saved;
	check_err("save", keep_save(k, c, at(1), &saved), HLV_OK);
	end(c, k);
	c = reopen(&k, 1, stats.entries, 0);
	end(c, k);
}

/* --- kill -9 --- */

enum { BATCH = 50 };

static void save_and_tell(int out)
{
	char why[KEEP_WHY];
	struct keep *k;
	size_t n, bad;
	struct cache *c = new_cache(64 << 20);
	if (keep_open(dir, 0, &k, why) != HLV_OK ||
	    keep_load(k, c, at(0), &n, &bad) != HLV_OK || bad != 0)
		_exit(1);
	for (unsigned i = (unsigned)n;;) {
		for (unsigned end = i + BATCH; i < end; i++)
			put_number(c, i, 300);
		if (keep_save(k, c, at(0), &n) != HLV_OK)
			_exit(1);
		if (write(out, &i, sizeof i) != sizeof i)
			_exit(1);
	}
}

/* Killed while it saves: whatever was acknowledged is there, whole. */
static void test_killed(void **state)
{
	(void)state;
	unsigned acknowledged = 0;
	for (unsigned round = 1; round <= 12; round++) {
		int ends[2], status;
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		if (child == 0) {
			close(ends[0]);
			save_and_tell(ends[1]);
		}
		close(ends[1]);
		unsigned told;
		for (unsigned i = 0; i < round * 3; i++) {
			assert_int_equal(read(ends[0], &told, sizeof told), sizeof told);
			acknowledged = told;
		}
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		while (read(ends[0], &told, sizeof told) == sizeof told)
			acknowledged = told;
		close(ends[0]);
		struct cache *c = new_cache(64 << 20);
		struct keep *k = open_keep(0);
		size_t loaded, damaged;
		check_err("load", keep_load(k, c, at(0), &loaded, &damaged), HLV_OK);
		check_u64("damaged", damaged, 0);
		assert_in_range(loaded, acknowledged, acknowledged + BATCH);
		for (unsigned i = 0; i < acknowledged; i++)
			if (!has_number(c, i))
				fail_msg("round %u: %u of %u is gone", round, i, acknowledged);
		end(c, k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(test_damaged_entry),    IN_DIR(test_not_ours),  IN_DIR(test_cut_short),
		IN_DIR(test_loads_that_broke), IN_DIR(test_map_grows), IN_DIR(test_full_disk),
		IN_DIR(test_smaller_cache),    IN_DIR(test_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
