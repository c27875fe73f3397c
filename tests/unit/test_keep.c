/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/keep.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { T0_S = 1700000000, DAY_S = 86400, VALUES_MAX = 8192 };

static char dir[PATH_MAX];

static struct hlv_now at(uint64_t seconds)
{
	return (struct hlv_now){.mono_ns = seconds * 1000000000,
				.wall_ms = (T0_S + seconds) * 1000};
}

static const char *path(const char *name)
{
	static char out[PATH_MAX + 64];
	snprintf(out, sizeof out, "%s/%s", dir, name);
	return out;
}

static void clean(void)
{
	static const char *const names[] = {"data.mdb", "data.mdb.damaged", "lock", "loading"};
	for (size_t i = 0; i < COUNT(names); i++)
		unlink(path(names[i]));
	rmdir(dir);
}

static int setup(void **state)
{
	(void)state;
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof dir, "%s/helve-keep-%d", tmp ? tmp : "/tmp", (int)getpid());
	clean();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clean();
	return 0;
}

static struct cache *new_cache(uint64_t octets)
{
	struct cache *c = cache_new(&(struct cache_options){
		.octets = octets, .stale_s = 3 * DAY_S, .prefetch_hits = 3, .secret = 42});
	assert_non_null(c);
	return c;
}

static struct keep *open_keep(uint64_t map_size)
{
	char why[KEEP_WHY];
	struct keep *k = NULL;
	enum hlv_err err = keep_open(dir, map_size, &k, why);
	if (err != HLV_OK)
		fail_msg("%s: %s", hlv_strerror(err), why);
	return k;
}

/* A cache with what is stored, and the store; `now`: of the load. */
static struct cache *reopen(struct keep **k, uint64_t now, size_t loaded, size_t damaged)
{
	struct cache *c = new_cache(64 << 20);
	size_t n, bad;
	*k = open_keep(0);
	check_err("load", keep_load(*k, c, at(now), &n, &bad), HLV_OK);
	check_u64("loaded", n, loaded);
	check_u64("damaged", bad, damaged);
	return c;
}

static void end(struct cache *c, struct keep *k)
{
	keep_close(k);
	cache_free(c);
}

static void check_save(struct keep *k, struct cache *c, size_t expected)
{
	size_t saved;
	check_err(keep_why(k), keep_save(k, c, at(0), &saved), HLV_OK);
	check_u64("saved", saved, expected);
}

/* One value with `text` as its data, `octets` long at least. */
static void put_as(struct cache *c, enum memory_kind kind, const char *key, const char *text,
		   size_t octets, uint32_t rc, uint64_t when)
{
	static uint8_t room[VALUES_MAX], data[VALUES_MAX];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	size_t n = strlen(text);
	memset(data, '.', sizeof data);
	memcpy(data, text, n);
	struct hlv_value v = {.index = 1,
			      .type = hlv_text("URL"),
			      .data = hlv_bytes(data, n > octets ? n : octets)};
	hlv_value_encode(&w, &v);
	assert_false(w.bad);
	struct finding f = {
		.rc = rc, .fetched_ms = at(when).wall_ms, .life_s = 1000, .newest_s = 77};
	if (rc == HLV_RC_SUCCESS)
		f.values = (struct hlv_list){1, hlv_written(&w)};
	struct proven p;
	assert_true(prove(PROOF_SECURE, &f, &p));
	cache_put(c, kind, hlv_text(key), &p, at(when));
}

static void put(struct cache *c, const char *key, const char *text)
{
	put_as(c, MEMORY_RECORD, key, text, 0, HLV_RC_SUCCESS, 0);
}

static void put_number(struct cache *c, unsigned i, size_t octets)
{
	char key[32], text[32];
	snprintf(key, sizeof key, "1/%u", i);
	snprintf(text, sizeof text, "text %u", i);
	put_as(c, MEMORY_RECORD, key, text, octets, HLV_RC_SUCCESS, 0);
}

static bool has(struct cache *c, const char *key, const char *text)
{
	struct hlv_arena a;
	struct cache_hit hit;
	struct hlv_value v = {0};
	hlv_arena_init(&a, 1 << 16);
	enum cache_age age = cache_get(c, MEMORY_RECORD, hlv_text(key), at(1), &a, &hit);
	struct hlv_reader r = hlv_reader(hit.proven.finding.values.raw);
	bool found = age == CACHE_FRESH && hlv_value_decode(&r, &v) == HLV_OK &&
		     hlv_starts_with(v.data, hlv_text(text));
	hlv_arena_fini(&a);
	return found;
}

static bool has_number(struct cache *c, unsigned i)
{
	char key[32], text[32];
	snprintf(key, sizeof key, "1/%u", i);
	snprintf(text, sizeof text, "text %u", i);
	return has(c, key, text);
}

static void test_kept(void **state)
{
	(void)state;
	struct keep *k;
	struct cache *c = reopen(&k, 0, 0, 0);
	put(c, "1/a", "a");
	put_as(c, MEMORY_CUT, "0.NA/1", "cut", 0, HLV_RC_SUCCESS, 0);
	put_as(c, MEMORY_RECORD, "1/gone", "", 0, HLV_RC_NOT_FOUND, 0);
	put_as(c, MEMORY_RECORD, "1/bare", "", 0, HLV_RC_VALUES_NOT_FOUND, 0);
	check_save(k, c, 4);
	check_save(k, c, 0);
	put(c, "1/b", "b");
	put(c, "1/a", "other");
	put(c, "1/a", "another");
	check_save(k, c, 2);
	end(c, k);
	c = reopen(&k, 1, 5, 0);
	assert_true(has(c, "1/a", "another"));
	assert_true(has(c, "1/b", "b"));
	assert_int_equal(cache_newest(c, hlv_text("1/a")), 77);
	struct hlv_arena a;
	struct cache_hit hit;
	hlv_arena_init(&a, 4096);
	assert_int_equal(cache_get(c, MEMORY_RECORD, hlv_text("1/gone"), at(1), &a, &hit),
			 CACHE_FRESH);
	assert_int_equal(hit.proven.finding.rc, HLV_RC_NOT_FOUND);
	assert_int_equal(hit.left_s, 999); /* of wall-clock time */
	assert_int_equal(cache_get(c, MEMORY_RECORD, hlv_text("1/bare"), at(1000), &a, &hit),
			 CACHE_STALE);
	assert_int_equal(cache_get(c, MEMORY_CUT, hlv_text("0.NA/1"), at(1), &a, &hit),
			 CACHE_FRESH);
	hlv_arena_fini(&a);
	check_save(k, c, 0); /* what came from there needs not go there */
	end(c, k);
}

static void test_removed(void **state)
{
	(void)state;
	struct keep *k;
	struct cache *c = reopen(&k, 0, 0, 0);
	for (unsigned i = 0; i < 100; i++)
		put_number(c, i, 0);
	check_save(k, c, 100);
	assert_int_equal(cache_flush(c, "1/5*"), 11);
	put_number(c, 55, 0); /* gone and come again */
	check_save(k, c, 1);
	end(c, k);
	c = reopen(&k, 1, 90, 0);
	assert_true(has_number(c, 55));
	assert_false(has_number(c, 5));
	cache_flush(c, "");
	check_save(k, c, 0);
	end(c, k);
	c = reopen(&k, 1, 0, 0);
	end(c, k);
}

/* More goes than can be noted one by one. */
static void test_removed_many(void **state)
{
	(void)state;
	enum { N = 6000 };
	struct cache *c = new_cache(1 << 20);
	struct cache_stats stats;
	struct keep *k = open_keep(0);
	size_t loaded, damaged;
	check_err("load", keep_load(k, c, at(0), &loaded, &damaged), HLV_OK);
	for (unsigned i = 0; i < N; i++)
		put_number(c, i, 0);
	cache_stats(c, &stats);
	assert_in_range(stats.entries, 4 * 600, N);
	check_save(k, c, stats.entries);
	assert_int_equal(cache_flush(c, ""), stats.entries);
	put_number(c, 1, 0);
	check_save(k, c, 1);
	end(c, k);
	c = reopen(&k, 1, 1, 0);
	assert_true(has_number(c, 1));
	end(c, k);
}

static void test_too_old(void **state)
{
	(void)state;
	struct keep *k;
	struct cache *c = reopen(&k, 0, 0, 0);
	put(c, "1/a", "a");
	put_as(c, MEMORY_RECORD, "1/b", "b", 0, HLV_RC_SUCCESS, 100);
	check_save(k, c, 2);
	end(c, k);
	c = reopen(&k, 1000 + 3 * DAY_S + 50, 1, 0);
	check_save(k, c, 0);
	end(c, k);
	c = reopen(&k, 0, 1, 0); /* it was removed */
	end(c, k);
}

static void test_one_at_a_time(void **state)
{
	(void)state;
	char why[KEEP_WHY] = "";
	struct keep *k = open_keep(0), *other;
	check_err("second", keep_open(dir, 0, &other, why), HLV_E_BUSY);
	assert_non_null(strstr(why, "in use"));
	keep_close(k);
	k = open_keep(0);
	keep_close(k);
}

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

/* --- the form --- */

static void test_form(void **state)
{
	(void)state;
	/* version kind proof rc | fetched | life newest validated hits 0 | key | values */
	static const char good[] =
		"01 00 03 01  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		"  00000003 312F61  00000001"
		"  00000001 00000000 00 00015180 0E 00000003 55524C 00000001 78 00000000";
	static const struct {
		const char *name, *octets;
		enum hlv_err err;
	} rows[] = {
		{"nothing", "", HLV_E_MALFORMED},
		{"later version",
		 "02 00 03 64  0000018BCFE56800  000003E8 0 000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_NEWER},
		{"unknown proof",
		 "01 00 00 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"bogus",
		 "01 00 01 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"proof beyond",
		 "01 00 04 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"kind beyond",
		 "01 02 03 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"no such code",
		 "01 00 03 02  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"not found with values",
		 "01 00 03 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000001"
		 "00000001 00000000 00 00015180 0E 00000003 55524C 00000001 78 00000000",
		 HLV_E_MALFORMED},
		{"for ever",
		 "01 00 03 64  FFFFFFFFFFFFFFFF  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"something reserved",
		 "01 00 03 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000001"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"one octet more",
		 "01 00 03 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000 00",
		 HLV_E_MALFORMED},
		{"a count that cannot be",
		 "01 00 03 01  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000009",
		 HLV_E_MALFORMED},
		{"insecure nothing",
		 "01 00 02 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_OK},
		{"secure", good, HLV_OK},
	};
	struct hlv_arena a;
	hlv_arena_init(&a, 1 << 20);
	struct cache_entry e;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_err(rows[i].name, finding_decode(hex(&a, rows[i].octets), &e),
			  rows[i].err);
	assert_int_equal(e.kind, MEMORY_RECORD);
	assert_int_equal(e.hits, 5);
	assert_int_equal(e.validated_s, 78);
	assert_int_equal(e.proven.proof, PROOF_SECURE);
	assert_int_equal(e.proven.finding.life_s, 1000);
	assert_int_equal(e.proven.finding.newest_s, 77);
	struct hlv_bytes octets = hex(&a, good);
	uint8_t room[200];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	finding_encode(&w, &e);
	check_bytes("again", hlv_written(&w), octets);
	for (size_t n = 0; n < octets.n; n++)
		assert_int_not_equal(
			finding_decode(hlv_arena_copy(&a, hlv_head(octets, n)), &e), HLV_OK);
	hlv_arena_fini(&a);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_kept),	   T(test_removed),	  T(test_removed_many),
		T(test_too_old),   T(test_one_at_a_time), T(test_damaged_entry),
		T(test_not_ours),  T(test_cut_short),	  T(test_loads_that_broke),
		T(test_map_grows), T(test_full_disk),	  T(test_smaller_cache),
		T(test_killed),	   T(test_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
