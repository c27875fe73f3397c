/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/jsonl.h"
#include "tests/unit/store_world.h"

static const struct store_lmdb_options WRITE = {0};

static void path_of(struct world *w, const char *name, char out[128])
{
	snprintf(out, 128, "%s.%s", w->dir, name);
}

static void write_file(struct world *w, const char *name, struct hlv_bytes text)
{
	char path[128];
	path_of(w, name, path);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
	fclose(f);
}

/* The file's content; empty when there is none. */
static struct hlv_buf read_file(struct world *w, const char *name)
{
	struct hlv_buf b = {0};
	char path[128], octets[4096];
	path_of(w, name, path);
	FILE *f = fopen(path, "re");
	for (size_t n; f && (n = fread(octets, 1, sizeof octets, f)) > 0;)
		hlv_buf_put(&b, hlv_bytes(octets, n));
	if (f)
		fclose(f);
	hlv_buf_str(&b, "");
	return b;
}

static void remove_files(struct world *w)
{
	static const char *const names[] = {"a", "b", "a.rejected", "b.rejected"};
	for (size_t i = 0; i < 4; i++) {
		char path[128];
		path_of(w, names[i], path);
		unlink(path);
	}
}

static size_t count_lines(struct world *w, const char *name)
{
	struct hlv_buf b = read_file(w, name);
	size_t n = 0;
	for (size_t i = 0; i < b.n; i++)
		n += b.p[i] == '\n';
	hlv_buf_free(&b);
	return n;
}

static enum hlv_err load(struct world *w, const struct load_options *like, const char *names,
			 struct load_result *result)
{
	struct load_options o = *like;
	char a[128], b[128];
	const char *files[2] = {a, b};
	path_of(w, "a", a);
	path_of(w, "b", b);
	o.files = files;
	o.nfiles = strlen(names);
	o.guess = true;
	o.dir = "/tmp";
	o.now_ms = w->time_ms;
	return load_run(w->store, &o, result);
}

/* One bad line between two good ones: the good ones are loaded, the bad one is on file. */
static void test_bad_lines(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *name, *line, *reason;
	} rows[] = {
		{"no JSON", "hello", ""},
		{"cut short", "{\"handle\":\"88.1/x\",\"values\":[", ""},
		{"text behind", RECORD("88.1/x") "x", ""},
		{"no handle", "{\"values\":[]}", "handle"},
		{"no values", "{\"handle\":\"88.1/x\"}", "values"},
		{"no slash", RECORD("88.1"), "slash"},
		{"not UTF-8", RECORD("88.1/\xFF"), "UTF-8"},
		{"overlong UTF-8", RECORD("88.1/\xC0\xAF"), "UTF-8"},
		{"control character", RECORD("88.1/a\\u0007"), "control"},
		{"DEL", RECORD("88.1/a\x7F"), "control"},
		{"index twice", INDEXES("88.1/x", "7", "7"), "twice"},
		{"index 0", INDEXES("88.1/x", "0", "1"), "index"},
		{"index too large", INDEXES("88.1/x", "1", "2147483648"), "index"},
		{"same as above", RECORD("88.1/A"), "line 1 already"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum engine engine = w->engine;
		void *other = &engine;
		assert_int_equal(world_setup(&other), 0);
		struct world *fresh = other;
		struct load_result result;
		struct hlv_buf text = {0};
		hlv_buf_printf(&text, "%s\n%s\n%s", RECORD("88.1/a"), rows[i].line,
			       RECORD("88.1/z"));
		write_file(fresh, "a", hlv_buf_bytes(&text));
		enum hlv_err err = load(fresh, &(struct load_options){0}, "a", &result);
		struct hlv_buf rejected = read_file(fresh, "a.rejected");
		if (err != HLV_OK || result.loaded != 2 || result.failed != 1)
			fail_msg("%s: %s, %d loaded, %d failed", rows[i].name,
				 hlv_strerror(err), (int)result.loaded, (int)result.failed);
		if (!rejected.p || !strstr(rejected.p, "{\"line\":2,\"reason\":\"") ||
		    !strstr(rejected.p, rows[i].reason) ||
		    count_lines(fresh, "a.rejected") != 1)
			fail_msg("%s: rejected with %s", rows[i].name, rejected.p);
		assert_int_equal(world_count(fresh, "88.1"), 2);
		hlv_buf_free(&rejected);
		hlv_buf_free(&text);
		remove_files(fresh);
		world_teardown(&other);
	}
}

static void test_line_ends(void **state)
{
	struct world *w = *state;
	struct load_result result;
	static const char text[] =
		"\n" RECORD("88.1/a") "\r\n\r\n  \n" RECORD("88.1/b") "\n\n"
								      " " RECORD("88.1/c");
	write_file(w, "a", hlv_text(text));
	assert_int_equal(load(w, &(struct load_options){0}, "a", &result), HLV_OK);
	assert_int_equal(result.loaded, 3);
	assert_int_equal(result.failed, 0);
	write_file(w, "a", hlv_text(""));
	assert_int_equal(load(w, &(struct load_options){0}, "a", &result), HLV_OK);
	assert_int_equal(result.loaded, 0);
	remove_files(w);
	assert_int_equal(load(w, &(struct load_options){0}, "a", &result), HLV_E_NOT_FOUND);
	assert_non_null(strstr(result.why, ".a: "));
}

static void test_existing(void **state)
{
	struct world *w = *state;
	struct load_result result;
	char line[320];
	struct store_put puts[] = {world_put(w, "88.1/b"), world_put(w, "88.1/d")};
	struct store_put gone = world_delete(w, "88.1/d");
	assert_int_equal(world_commit(w, puts, 2), HLV_OK);
	assert_int_equal(world_commit(w, &gone, 1), HLV_OK);
	write_file(w, "a",
		   hlv_text(RECORD("88.1/d") "\n" RECORD("88.1/B") "\n" RECORD(
			   "88.1/a") "\n" RECORD("88.1/b") "\n"));
	assert_int_equal(load(w, &(struct load_options){.dry_run = true}, "a", &result),
			 HLV_OK);
	assert_int_equal(result.loaded, 2);
	assert_int_equal(world_count(w, "88.1"), 1);
	assert_int_equal(world_seq(w), 2);
	assert_int_equal(load(w, &(struct load_options){0}, "a", &result), HLV_OK);
	assert_int_equal(result.loaded, 2);
	assert_int_equal(result.failed, 2);
	struct hlv_buf rejected = read_file(w, "a.rejected");
	assert_non_null(strstr(rejected.p, "{\"line\":2,\"reason\":\"exists already\""));
	assert_non_null(
		strstr(rejected.p, "{\"line\":4,\"reason\":\"stands on line 2 already\""));
	hlv_buf_free(&rejected);
	assert_int_equal(world_count(w, "88.1"), 3);
	assert_int_equal(world_find(w, "88.1/d"), HLV_OK);
	assert_int_equal(load(w, &(struct load_options){.replace = true}, "a", &result),
			 HLV_OK);
	assert_int_equal(result.loaded, 3);
	assert_int_equal(result.failed, 1);
	assert_int_equal(world_count(w, ""), 3);
	if (world_verify(w, line))
		fail_msg("%s", line);
	remove_files(w);
}

static void test_two_files(void **state)
{
	struct world *w = *state;
	struct load_result result;
	write_file(w, "a", hlv_text(RECORD("88.1/a") "\n" RECORD("88.1/b") "\n"));
	write_file(w, "b", hlv_text(RECORD("88.1/0") "\n" RECORD("88.1/a") "\nx\n"));
	assert_int_equal(load(w, &(struct load_options){0}, "ab", &result), HLV_OK);
	assert_int_equal(result.loaded, 3);
	assert_int_equal(result.failed, 2);
	assert_int_equal(count_lines(w, "a.rejected"), 0);
	assert_int_equal(count_lines(w, "b.rejected"), 2);
	struct hlv_buf rejected = read_file(w, "b.rejected");
	assert_non_null(strstr(rejected.p, "\"line\":2,\"reason\":\"stands on line 1 of "));
	assert_non_null(strstr(rejected.p, "\"line\":3,"));
	hlv_buf_free(&rejected);
	remove_files(w);
}

static void test_homed_and_strict(void **state)
{
	struct world *w = *state;
	struct load_result result;
	write_file(w, "a",
		   hlv_text("{\"handle\":\"0.NA/88.1\",\"homed\":true}\n" RECORD(
			   "88.1/a") "\n" RECORD("88.10/a") "\n" RECORD("88/a") "\n"));
	struct load_options strict = {.strict = true};
	assert_int_equal(load(w, &strict, "a", &result), HLV_OK);
	assert_int_equal(result.homed, 1);
	assert_int_equal(result.loaded, 1);
	assert_int_equal(result.failed, 2);
	struct hlv_buf rejected = read_file(w, "a.rejected");
	assert_non_null(strstr(rejected.p, "not homed"));
	hlv_buf_free(&rejected);
	remove_files(w);
}

/* `n` records, in order or not, every tenth line of them bad and every eleventh there twice. */
static void write_many(struct world *w, unsigned n, bool in_order)
{
	struct hlv_buf text = {0};
	for (unsigned i = 0; i < n; i++) {
		unsigned k = in_order ? i : (unsigned)((uint64_t)i * 7919 % n);
		hlv_buf_printf(
			&text,
			"{\"handle\":\"88.1/%06u\",\"values\":[{\"index\":1,\"type\":\"T\","
			"\"data\":\"%u\"}]}\n",
			k, k);
		if (i % 10 == 0)
			hlv_buf_printf(&text, "bad %u\n", i);
		if (i % 11 == 0)
			hlv_buf_printf(&text, RECORD("88.1/%06u") "\n", k);
	}
	write_file(w, "a", hlv_buf_bytes(&text));
	hlv_buf_free(&text);
}

enum { MANY = 3001, BAD = 301, TWINS = 273 };

static void expect_many(struct world *w, const char *name, const struct load_result *result)
{
	char line[320] = "";
	if (result->loaded != MANY || result->failed != BAD + TWINS)
		fail_msg("%s: %d loaded, %d failed", name, (int)result->loaded,
			 (int)result->failed);
	if (count_lines(w, "a.rejected") != BAD + TWINS)
		fail_msg("%s: %zu lines rejected", name, count_lines(w, "a.rejected"));
	if (world_count(w, "88.1") != MANY || world_verify(w, line) != 0)
		fail_msg("%s: %d records, %s", name, (int)world_count(w, "88.1"), line);
}

/* Small pieces reach what large files do: many chunks, groups, and runs in files. */
static const struct way {
	const char *name;
	bool in_order;
	struct load_options o;
} ways[] = {
	{"in order, at once", true, {0}},
	{"in order, small chunks", true, {.chunk = 700, .group = 50}},
	{"in order, chunks below a line", true, {.chunk = 40, .group = 1000}},
	{"in order, one thread", true, {.chunk = 2000, .group = 1, .threads = 1}},
	{"not in order, at once", false, {0}},
	{"not in order, small chunks", false, {.chunk = 900, .group = 64}},
	{"not in order, in files", false, {.chunk = 900, .group = 100, .memory = 30000}},
	{"in order, small transactions", true, {.chunk = 9000, .txn = 1500}},
	{"not in order, small transactions", false, {.chunk = 9000, .group = 64, .txn = 250}},
	{"not in order, many files", false, {.chunk = 5000, .group = 999, .memory = 1}},
};

static void test_ways(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		enum engine engine = w->engine;
		void *other = &engine;
		struct load_result result;
		assert_int_equal(world_setup(&other), 0);
		struct world *fresh = other;
		write_many(fresh, MANY, ways[i].in_order);
		enum hlv_err err = load(fresh, &ways[i].o, "a", &result);
		if (err != HLV_OK)
			fail_msg("%s: %s", ways[i].name, result.why);
		expect_many(fresh, ways[i].name, &result);
		remove_files(fresh);
		world_teardown(&other);
	}
}

/* It begins in order, so that it is streamed, and then does not go on so. */
static void test_order_ends(void **state)
{
	struct world *w = *state;
	struct load_options o = {.chunk = 600, .group = 40};
	struct load_result result;
	struct hlv_buf text = {0};
	for (unsigned i = 0; i < 2000; i++) {
		/* The samples are of lines at the beginning of chunks: only one stray a chunk. */
		hlv_buf_printf(&text, RECORD("88.1/%06u") "\n", i % 97 == 50 ? i - 49 : i);
		if (i % 97 == 50)
			hlv_buf_printf(&text, RECORD("88.1/%06u") "\n", i);
	}
	write_file(w, "a", hlv_buf_bytes(&text));
	assert_int_equal(load(w, &o, "a", &result), HLV_OK);
	assert_int_equal(result.loaded, 2000);
	assert_int_equal(result.failed, 21);
	assert_int_equal(count_lines(w, "a.rejected"), 21);
	assert_int_equal(world_count(w, "88.1"), 2000);
	hlv_buf_free(&text);
	remove_files(w);
}

struct death {
	unsigned calls; /* of the progress report that are survived */
};

static void die_sometime(void *ctx, const struct load_progress *progress)
{
	struct death *d = ctx;
	(void)progress;
	if (d->calls-- == 0)
		_exit(9);
}

/* In a process of its own, resumed until it gets through; how often it died. */
static unsigned load_dying(struct world *w, const struct load_options *like, unsigned calls,
			   struct load_result *result)
{
	char why[STORE_WHY];
	for (unsigned deaths = 0;; deaths++) {
		struct death d = {calls + deaths};
		struct load_options o = *like;
		int status;
		assert_true(deaths < 2000);
		o.resume = true;
		o.progress = die_sometime;
		o.ctx = &d;
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			bool ok = world_open(w, &WRITE, why) == HLV_OK &&
				  load(w, &o, "a", result) == HLV_OK;
			char path[128];
			path_of(w, "b", path);
			int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
			ok = ok && write(fd, result, sizeof *result) == (ssize_t)sizeof *result;
			_exit(ok ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 9)
			continue;
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		struct hlv_buf got = read_file(w, "b");
		assert_int_equal(got.n, sizeof *result);
		memcpy(result, got.p, sizeof *result);
		hlv_buf_free(&got);
		return deaths;
	}
}

static void test_resume(void **state)
{
	struct world *w = *state;
	for (size_t i = 1; i < sizeof ways / sizeof *ways; i++) {
		enum engine engine = ENGINE_LMDB;
		void *other = &engine;
		struct load_result result = {0};
		char why[STORE_WHY];
		struct load_options o = ways[i].o;
		assert_int_equal(world_setup(&other), 0);
		struct world *fresh = other;
		world_close(fresh);
		write_many(fresh, MANY, ways[i].in_order);
		/* Sorting begins anew each time: it must get to the writing before it dies. */
		o.chunk = o.chunk && o.chunk < 9000 ? 9000 : o.chunk;
		o.group = o.group ? 200 : 0;
		unsigned deaths = load_dying(fresh, &o, ways[i].in_order ? 4 : 30, &result);
		if (deaths == 0 && o.chunk)
			fail_msg("%s: never died", ways[i].name);
		assert_int_equal(world_open(fresh, &WRITE, why), HLV_OK);
		expect_many(fresh, ways[i].name, &result);
		remove_files(fresh);
		world_teardown(&other);
	}
	(void)w;
}

static void test_resume_of_others(void **state)
{
	struct world *w = *state;
	struct store_put put = {SPACE_META, hlv_text("load"), hlv_text("what is this?")};
	struct load_options o = {.resume = true};
	struct load_result result;
	write_file(w, "a", hlv_text(RECORD("88.1/a")));
	assert_int_equal(load(w, &o, "a", &result),
			 HLV_OK); /* nothing to resume: from the start */
	assert_int_equal(result.loaded, 1);
	assert_int_equal(load(w, &o, "a", &result), HLV_OK); /* done already */
	assert_int_equal(result.loaded, 1);
	assert_int_equal(result.failed, 0);
	write_file(w, "a", hlv_text(RECORD("88.1/a") " "));
	assert_int_equal(load(w, &o, "a", &result), HLV_OK); /* another load */
	assert_int_equal(result.failed, 1);
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	assert_int_equal(load(w, &o, "a", &result), HLV_E_NEWER);
	assert_int_equal(load(w, &(struct load_options){0}, "a", &result), HLV_OK);
	for (uint8_t format = 1; format <= 2; format++) {
		uint8_t place[8 * 12] = {[7] = format, [15] = 1, [23] = 1};
		put.value = hlv_bytes(place, sizeof place - (format == 1 ? 8 : 0));
		assert_int_equal(world_commit(w, &put, 1), HLV_OK);
		assert_int_equal(load(w, &o, "a", &result), HLV_E_USAGE);
		assert_non_null(strstr(result.why, "other files"));
	}
	remove_files(w);
}

static void test_store_fails(void **state)
{
	struct world *w = *state;
	struct load_options o = {.chunk = 3000, .group = 100};
	struct load_result result;
	write_many(w, MANY, true);
	for (unsigned at = 1; at < 12; at += 3) {
		store_mem_fail(w->store, at, HLV_E_FULL);
		o.resume = at > 1;
		assert_int_equal(load(w, &o, "a", &result), HLV_E_FULL);
	}
	store_mem_fail(w->store, 0, HLV_OK);
	assert_int_equal(load(w, &o, "a", &result), HLV_OK);
	expect_many(w, "after failures", &result);
	remove_files(w);
}

/* An engine that commits a group one by one and fails in its midst, as one behind a server may:
 * but what stands last in the group is never in before the rest. */
struct halving {
	struct store base;
	struct store_ops ops;
	struct store *inner;
	unsigned left; /* transactions until it fails */
};

static enum hlv_err halving_view_open(struct store *store, struct store_view **view)
{
	struct halving *h = (struct halving *)store;
	return h->inner->ops->view_open(h->inner, view);
}

static enum hlv_err halving_commit(struct store *store, struct store_txn *txns, size_t n)
{
	struct halving *h = (struct halving *)store;
	for (size_t i = 0; i < n; i++) {
		if (h->left-- == 0)
			return HLV_E_IO;
		enum hlv_err err = h->inner->ops->commit(h->inner, &txns[i], 1);
		if (err != HLV_OK)
			return err;
	}
	return HLV_OK;
}

static void test_half_groups(void **state)
{
	for (int in_order = 0; in_order < 2; in_order++) {
		enum engine engine = ENGINE_MEM;
		void *other = &engine;
		struct load_result result;
		unsigned failures = 0;
		assert_int_equal(world_setup(&other), 0);
		struct world *w = other;
		struct halving h = {.inner = w->store, .ops = *w->store->ops};
		h.ops.view_open = halving_view_open;
		h.ops.commit = halving_commit;
		h.base.ops = &h.ops;
		struct store *whole = w->store;
		w->store = &h.base;
		struct load_options o = {
			.chunk = 20000, .group = 500, .txn = 2000, .replace = true};
		write_many(w, MANY, in_order);
		enum hlv_err err = HLV_E_IO;
		for (; err == HLV_E_IO; failures++) {
			h.left = 9 + failures;
			err = load(w, &o, "a", &result);
			o.resume = true;
			assert_true(failures < 1000);
		}
		assert_int_equal(err, HLV_OK);
		assert_true(failures > 3);
		w->store = whole;
		expect_many(w, in_order ? "halves, in order" : "halves, not in order", &result);
		remove_files(w);
		world_teardown(&other);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(mem, test_bad_lines),   ON(lmdb, test_line_ends),
		ON(mem, test_existing),	   ON(lmdb, test_existing),
		ON(mem, test_two_files),   ON(lmdb, test_homed_and_strict),
		ON(mem, test_ways),	   ON(lmdb, test_ways),
		ON(mem, test_order_ends),  ON(lmdb, test_order_ends),
		ON(lmdb, test_resume),	   ON(mem, test_resume_of_others),
		ON(mem, test_store_fails), cmocka_unit_test(test_half_groups),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
