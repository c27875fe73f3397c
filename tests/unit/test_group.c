/* SPDX-License-Identifier: Apache-2.0
 *
 * The transactions of one commit: what fits together, and who has to wait for it.
 */
#include "server/group.h"
#include "tests/unit/unit.h"

enum { JOBS = GROUP_JOBS + 8 };

/* Jobs with transactions that put the names that they are given. */
struct jobs {
	struct hlv_arena arena;
	struct group group;
	struct job job[JOBS];
	size_t n;
};

static int setup(void **state)
{
	struct jobs *w = calloc(1, sizeof *w);
	assert_non_null(w);
	hlv_arena_init(&w->arena, SIZE_MAX);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct jobs *w = *state;
	hlv_arena_fini(&w->arena);
	free(w);
	return 0;
}

static struct hlv_bytes key_of(struct jobs *w, const char *id)
{
	struct store_key key;
	store_key(hlv_text(id), &key);
	return hlv_arena_copy(&w->arena, store_key_bytes(&key));
}

/* A job of `ntxns` transactions with `nputs` puts each, all of the name `id`. */
static struct job *make(struct jobs *w, const char *id, size_t ntxns, size_t nputs)
{
	assert_true(w->n < JOBS);
	struct job *j = &w->job[w->n++];
	struct store_txn *txns = hlv_alloc(&w->arena, ntxns * sizeof *txns);
	struct store_put *puts = hlv_alloc(&w->arena, nputs * sizeof *puts);
	for (size_t i = 0; i < nputs; i++)
		puts[i] = (struct store_put){SPACE_RECORD, key_of(w, id), hlv_text("x")};
	for (size_t i = 0; i < ntxns; i++)
		txns[i] = (struct store_txn){.puts = puts, .nputs = nputs, .time_ms = i + 1};
	*j = (struct job){.txns = txns, .ntxns = ntxns};
	return j;
}

static void test_empty(void **state)
{
	struct jobs *w = *state;
	assert_true(group_is_empty(&w->group));
	assert_false(group_touches(&w->group, hlv_text("88.118.8/A")));
	assert_true(group_add(&w->group, make(w, "88.118.8/A", 1, 1)));
	assert_false(group_is_empty(&w->group));
	group_clear(&w->group);
	assert_true(group_is_empty(&w->group));
	assert_false(group_touches(&w->group, hlv_text("88.118.8/A")));
}

static void test_touches(void **state)
{
	static const struct {
		const char *name, *put, *asked;
		bool touches;
	} rows[] = {
		{"the same", "88.118.8/A", "88.118.8/A", true},
		{"another case", "88.118.8/abc", "88.118.8/ABC", true},
		{"a prefix without its slash", "0.NA/88.118.8", "88.118.8", true},
		{"its prefix", "88.118.8/A", "0.NA/88.118.8", false},
		{"a longer name", "88.118.8/A", "88.118.8/AA", false},
		{"a neighbour", "88.118.8/A", "88.118.80/A", false},
		{"no name", "88.118.8/A", "", false},
		{"not ASCII: no folding", "88.118.8/\xc3\x89", "88.118.8/\xc3\xa9", false},
	};
	struct jobs *w = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		group_clear(&w->group);
		assert_true(group_add(&w->group, make(w, "88.118.8/OTHER", 1, 1)));
		assert_true(group_add(&w->group, make(w, rows[i].put, 1, 1)));
		check_u64(rows[i].name, group_touches(&w->group, hlv_text(rows[i].asked)),
			  rows[i].touches);
	}
}

/* Every put of every transaction counts, and those of other spaces. */
static void test_touches_all_puts(void **state)
{
	struct jobs *w = *state;
	struct job *j = make(w, "88.118.8/A", 3, 2);
	struct store_put *puts = hlv_alloc(&w->arena, 2 * sizeof *puts);
	puts[0] = (struct store_put){SPACE_META, hlv_text("bulk:00"), hlv_text("x")};
	puts[1] = (struct store_put){SPACE_RECORD, key_of(w, "88.118.8/LAST"), hlv_text("x")};
	j->txns[2].puts = puts;
	assert_true(group_add(&w->group, j));
	assert_true(group_touches(&w->group, hlv_text("88.118.8/A")));
	assert_true(group_touches(&w->group, hlv_text("88.118.8/LAST")));
	assert_false(group_touches(&w->group, hlv_text("bulk:00")));
}

static void test_order(void **state)
{
	struct jobs *w = *state;
	assert_true(group_add(&w->group, make(w, "88.118.8/A", 2, 1)));
	assert_true(group_add(&w->group, make(w, "88.118.8/B", 3, 1)));
	assert_int_equal(w->group.njobs, 2);
	assert_int_equal(w->group.ntxns, 5);
	assert_ptr_equal(w->group.jobs[0], &w->job[0]);
	assert_ptr_equal(w->group.jobs[1], &w->job[1]);
	static const uint64_t times[] = {1, 2, 1, 2, 3};
	for (size_t i = 0; i < COUNT(times); i++)
		check_u64("time", w->group.txns[i].time_ms, times[i]);
}

static void test_capacity(void **state)
{
	static const struct {
		const char *name;
		struct {
			size_t jobs, ntxns, nputs;
		} before;
		size_t ntxns, nputs;
		bool fits;
	} rows[] = {
		{"the last job", {GROUP_JOBS - 1, 1, 1}, 1, 1, true},
		{"one job too many", {GROUP_JOBS, 1, 1}, 1, 1, false},
		{"transactions to the brim", {2, 128, 1}, GROUP_TXNS - 256, 1, true},
		{"one transaction too many", {2, 128, 1}, GROUP_TXNS - 255, 1, false},
		{"a job of as many as fit", {0, 0, 0}, GROUP_TXNS, 1, true},
		{"one that is larger than any group", {0, 0, 0}, GROUP_TXNS + 1, 1, false},
		{"puts to the brim", {1, 1, 1000}, 1, GROUP_TXNS * 2 - 1000, true},
		{"one put too many", {1, 1, 1000}, 1, GROUP_TXNS * 2 - 999, false},
		{"too many puts, but alone", {0, 0, 0}, 1, GROUP_TXNS * 4, true},
		{"behind too many puts", {1, 1, GROUP_TXNS * 4}, 1, 1, false},
		{"no puts behind too many", {1, 1, GROUP_TXNS * 4}, 1, 0, true},
	};
	struct jobs *w = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		group_clear(&w->group);
		w->n = 0;
		for (size_t k = 0; k < rows[i].before.jobs; k++)
			assert_true(
				group_add(&w->group, make(w, "88.118.8/A", rows[i].before.ntxns,
							  rows[i].before.nputs)));
		size_t jobs = w->group.njobs, txns = w->group.ntxns;
		bool fits = group_add(&w->group,
				      make(w, "88.118.8/B", rows[i].ntxns, rows[i].nputs));
		check_u64(rows[i].name, fits, rows[i].fits);
		if (fits)
			continue;
		check_u64(rows[i].name, w->group.njobs, jobs);
		check_u64(rows[i].name, w->group.ntxns, txns);
		check_u64(rows[i].name, group_touches(&w->group, hlv_text("88.118.8/B")),
			  w->group.ntouched == GROUP_TXNS * 2);
	}
}

/* Where not every put could be noted, everybody waits. */
static void test_too_many_puts_touch_everything(void **state)
{
	struct jobs *w = *state;
	assert_true(group_add(&w->group, make(w, "88.118.8/A", 1, GROUP_TXNS * 4)));
	assert_true(group_touches(&w->group, hlv_text("77/UNHEARD")));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_touches),
		TEST(test_touches_all_puts),
		TEST(test_order),
		TEST(test_capacity),
		TEST(test_too_many_puts_touch_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
