/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of identities and prefixes: what counts, what is refused and how, what survives a restart
 * and what a change that came to nothing has not used.
 */
#include "server/quota.h"

#include "server/counter.h"
#include "tests/unit/admins.h"
#include "tests/unit/unit.h"

enum { DAY = 86400000 };

struct limits {
	struct admins admins;
	struct quota_table table;
	struct hlv_exchange x;
	struct job job;
	struct hlv_now now;
};

static int setup(void **state)
{
	struct limits *w = calloc(1, sizeof *w);
	assert_non_null(w);
	admins_open(&w->admins);
	hlv_arena_init(&w->x.arena, 1 << 20);
	w->now.wall_ms = 20000ULL * DAY + DAY / 2;
	admins_begin(&w->admins);
	check_err("load", quota_load(&w->table, w->admins.store, w->admins.view), HLV_OK);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct limits *w = *state;
	quota_free(&w->table);
	hlv_arena_fini(&w->x.arena);
	admins_close(&w->admins);
	free(w);
	return 0;
}

static enum hlv_err commit(struct limits *w, struct store_txn *txn)
{
	admins_end(&w->admins);
	enum hlv_err err = w->admins.store->ops->commit(w->admins.store, txn, 1);
	admins_begin(&w->admins);
	return err == HLV_OK ? txn->err : err;
}

static enum hlv_err limit(struct limits *w, const char *subject, uint64_t records,
			  uint64_t per_day)
{
	struct store_txn txn;
	struct quota_change c = {hlv_text(subject), records, per_day};
	enum hlv_err err = quota_plan(&w->table, &c, &w->admins.arena, &txn);
	if (err != HLV_OK)
		return err;
	check_err(subject, commit(w, &txn), HLV_OK);
	quota_apply(&w->table, &c);
	return HLV_OK;
}

/* What was used goes into the registry, as with a group. */
static void settle(struct limits *w)
{
	struct store_txn txn;
	if (quota_settle(&w->table, &w->admins.arena, &txn))
		check_err("settle", commit(w, &txn), HLV_OK);
}

static void restart(struct limits *w)
{
	quota_free(&w->table);
	check_err("load", quota_load(&w->table, w->admins.store, w->admins.view), HLV_OK);
}

/* As from 300:0.NA/88.118.8, under 88.118.8. */
static bool refuses_uses(struct limits *w, const struct job_use *uses, size_t n)
{
	static const char who[] = "0.na/88.118.8";
	enum store_actor_how how = w->job.who.how ? w->job.who.how : ACTOR_CHALLENGE;
	w->x.rs = (struct hlv_response){0};
	w->job = (struct job){
		.x = &w->x, .who = {how, {hlv_text(who), 300}}, .uses = uses, .nuses = n};
	return quota_refuses(&w->table, &w->job, w->admins.store, w->admins.view, w->now);
}

static bool refuses(struct limits *w, uint64_t changed, uint64_t registered)
{
	struct job_use use = {hlv_text("88.118.8"), changed, registered};
	struct job_use *kept = hlv_alloc(&w->admins.arena, sizeof *kept);
	*kept = use;
	return refuses_uses(w, kept, 1);
}

static const struct quota *find(const struct limits *w, const char *subject)
{
	for (size_t i = 0; i < w->table.n; i++)
		if (strcmp(w->table.list[i].subject, subject) == 0)
			return &w->table.list[i];
	fail_msg("no limit of %s", subject);
	return NULL;
}

/* --- limits --- */

static void test_subjects(void **state)
{
	static char longest[QUOTA_SUBJECT], too_long[QUOTA_SUBJECT + 1];
	memset(longest, '8', QUOTA_SUBJECT - 1);
	memset(too_long, '8', QUOTA_SUBJECT);
	const struct {
		const char *subject;
		enum hlv_err err;
	} rows[] = {
		{"88.118.8", HLV_OK},
		{"300:0.NA/88.118.8", HLV_OK},
		{"300:88.118.8/people", HLV_OK},
		{longest, HLV_OK},
		{too_long, HLV_E_LIMIT},
		{"", HLV_E_LIMIT},
		{"0.NA/88.118.8", HLV_E_LIMIT}, /* a prefix handle: neither of both */
		{"88.118.8/ITEM", HLV_E_LIMIT}, /* an identity without its index */
		{"x300:88.118.8/A", HLV_E_LIMIT},
		{"88\n118", HLV_E_LIMIT},
		{"88\xff", HLV_E_LIMIT},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		check_err(rows[i].subject, limit(*state, rows[i].subject, 1, 1), rows[i].err);
	struct limits *w = *state;
	check_u64("limits", w->table.n, 4);
}

static void test_set_and_remove(void **state)
{
	struct limits *w = *state;
	check_err("none", limit(w, "88.118.8", 0, 0), HLV_E_NOT_FOUND);
	check_err("new", limit(w, "88.118.8", 5, 0), HLV_OK);
	check_err("another", limit(w, "88.118.9", 6, 7), HLV_OK);
	check_err("changed", limit(w, "88.118.8", 8, 9), HLV_OK);
	check_u64("limits", w->table.n, 2);
	check_u64("records", find(w, "88.118.8")->records, 8);
	check_u64("per day", find(w, "88.118.8")->per_day, 9);
	check_err("removed", limit(w, "88.118.8", 0, 0), HLV_OK);
	check_u64("limits", w->table.n, 1);
	check_u64("records", find(w, "88.118.9")->records, 6);
	restart(w);
	check_u64("limits after a restart", w->table.n, 1);
	check_u64("records", find(w, "88.118.9")->records, 6);
	check_u64("per day", find(w, "88.118.9")->per_day, 7);
}

/* What is planned and not committed limits nobody. */
static void test_plan_changes_nothing(void **state)
{
	struct limits *w = *state;
	struct store_txn txn;
	struct quota_change c = {hlv_text("88.118.8"), 1, 1};
	check_err("plan", quota_plan(&w->table, &c, &w->admins.arena, &txn), HLV_OK);
	check_u64("limits", w->table.n, 0);
	assert_false(refuses(w, 5, 5));
	check_err("set", limit(w, "88.118.8", 1, 1), HLV_OK);
	c = (struct quota_change){hlv_text("88.118.8"), 0, 0};
	check_err("plan", quota_plan(&w->table, &c, &w->admins.arena, &txn), HLV_OK);
	assert_true(refuses(w, 5, 5));
}

static void test_as_many_as_fit(void **state)
{
	struct limits *w = *state;
	char subject[32];
	for (unsigned i = 0; i < QUOTA_MAX; i++) {
		snprintf(subject, sizeof subject, "88.118.%u", i);
		hlv_arena_reset(&w->admins.arena);
		check_err(subject, limit(w, subject, 1, 1), HLV_OK);
	}
	check_err("one more", limit(w, "77", 1, 1), HLV_E_LIMIT);
	check_err("a known one", limit(w, "88.118.7", 2, 2), HLV_OK);
	restart(w);
	check_u64("limits", w->table.n, QUOTA_MAX);
	check_err("one less", limit(w, "88.118.7", 0, 0), HLV_OK);
	check_err("one more", limit(w, "77", 1, 1), HLV_OK);
}

static void test_removed_forgets_what_was_used(void **state)
{
	struct limits *w = *state;
	check_err("set", limit(w, "88.118.8", 0, 3), HLV_OK);
	assert_false(refuses(w, 3, 0));
	settle(w);
	check_err("removed", limit(w, "88.118.8", 0, 0), HLV_OK);
	restart(w);
	check_err("set again", limit(w, "88.118.8", 0, 3), HLV_OK);
	restart(w);
	assert_false(refuses(w, 3, 0));
}

static void test_damaged(void **state)
{
	static const struct {
		const char *key;
		size_t n;
	} rows[] = {{"quota:88", 15}, {"quota:88", 17}, {"quota:88", 1}, {"quota:", 16}};
	static const uint8_t octets[32];
	struct limits *w = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct quota_table t = {0};
		struct store_put put = {SPACE_META, hlv_text(rows[i].key),
					hlv_bytes(octets, rows[i].n)};
		struct store_txn txn = {.puts = &put, .nputs = 1};
		check_err(rows[i].key, commit(w, &txn), HLV_OK);
		check_err(rows[i].key, quota_load(&t, w->admins.store, w->admins.view),
			  HLV_E_CORRUPT);
		quota_free(&t);
		put.value = (struct hlv_bytes){0};
		check_err(rows[i].key, commit(w, &txn), HLV_OK);
	}
}

/* --- what is refused --- */

/* Each row against 88.118.8, of which nothing is registered yet. */
static void test_refusals(void **state)
{
	static const struct {
		const char *name, *subject;
		uint64_t records, per_day;
		uint64_t changed, registered;
		enum hlv_rc rc; /* to the national SDK; 0: it may */
	} rows[] = {
		{"nothing is limited", "77", 1, 1, 9, 9, 0},
		{"a neighbour", "88.118.80", 1, 1, 9, 9, 0},
		{"its parent", "88.118", 1, 1, 9, 9, 0},
		{"as many as a prefix may have", "88.118.8", 9, 0, 9, 9, 0},
		{"more than it may have", "88.118.8", 8, 0, 9, 9, HLV_RC_REGISTRATION_LIMIT},
		{"only one of them new", "88.118.8", 8, 0, 9, 1, 0},
		{"nothing new", "88.118.8", 1, 0, 9, 0, 0},
		{"a day's changes of the prefix", "88.118.8", 0, 9, 9, 9, 0},
		{"and one more", "88.118.8", 0, 8, 9, 0, HLV_RC_PREFIX_LIMIT},
		{"an identity's registrations", "300:0.NA/88.118.8", 9, 0, 9, 9, 0},
		{"and one more", "300:0.NA/88.118.8", 8, 0, 9, 9, HLV_RC_REGISTRATION_LIMIT},
		{"an identity's day", "300:0.NA/88.118.8", 0, 9, 9, 9, 0},
		{"and one more", "300:0.NA/88.118.8", 0, 8, 9, 0, HLV_RC_DAILY_LIMIT},
		{"another index", "301:0.NA/88.118.8", 1, 1, 9, 9, 0},
		{"spelled as somebody likes", "300:0.na/88.118.8", 0, 8, 9, 0,
		 HLV_RC_DAILY_LIMIT},
		{"no limit at all", "88.118.8", UINT64_MAX, UINT64_MAX, 9, 9, 0},
	};
	struct limits *w = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *name = rows[i].name;
		check_err(name, limit(w, rows[i].subject, rows[i].records, rows[i].per_day),
			  HLV_OK);
		for (int sdk = 1; sdk >= 0; sdk--) {
			w->job.who.how = sdk ? ACTOR_LOGIN : ACTOR_SESSION;
			bool refused = refuses(w, rows[i].changed, rows[i].registered);
			check_u64(name, refused, rows[i].rc != 0);
			uint32_t rc = sdk ? rows[i].rc : HLV_RC_INSUFFICIENT_PERMISSIONS;
			check_u64(name, w->x.rs.rc, rows[i].rc ? rc : 0);
			check_u64(name, w->x.rs.text.n > 0, rows[i].rc != 0);
			check_u64(name, w->job.counted, rows[i].rc == 0);
			quota_give_back(&w->table, &w->job);
			assert_false(w->job.counted);
		}
		check_err(name, limit(w, rows[i].subject, 0, 0), HLV_OK);
	}
}

static void test_who_is_not_counted(void **state)
{
	struct limits *w = *state;
	check_err("set", limit(w, "88.118.8", 1, 1), HLV_OK);
	static const struct job_use use = {{(const uint8_t *)"88.118.8", 8}, 9, 9};
	w->job = (struct job){.x = &w->x, .who.how = ACTOR_LOCAL, .uses = &use, .nuses = 1};
	assert_false(
		quota_refuses(&w->table, &w->job, w->admins.store, w->admins.view, w->now));
	assert_false(w->job.counted);
	check_u64("used", find(w, "88.118.8")->used, 0);
}

/* Live records count, those of the group in the making too, deleted ones not. */
static void test_records_of_a_prefix(void **state)
{
	struct limits *w = *state;
	admins_end(&w->admins);
	admins_put(&w->admins, "88.118.8/ONE", "1 URL a");
	admins_put(&w->admins, "88.118.8/TWO", "1 URL a");
	admins_put(&w->admins, "88.118.80/OTHER", "1 URL a");
	admins_put_state(&w->admins, "88.118.8/TWO", "1 URL a", HLV_RECORD_DELETED,
			 HLV_STATE_ACTIVE, 0);
	admins_begin(&w->admins);
	check_err("set", limit(w, "88.118.8", 3, 0), HLV_OK);
	assert_true(refuses(w, 3, 3));
	assert_false(refuses(w, 1, 1));
	assert_true(refuses(w, 2, 2));
	assert_false(refuses(w, 1, 1));
	assert_true(refuses(w, 1, 1));
	/* the group is committed: what was pending is counted by the registry, were it real */
	settle(w);
	assert_false(refuses(w, 2, 2));
}

static void test_day_rolls(void **state)
{
	struct limits *w = *state;
	check_err("set", limit(w, "88.118.8", 0, 2), HLV_OK);
	assert_false(refuses(w, 2, 0));
	assert_true(refuses(w, 1, 0));
	w->now.wall_ms += DAY / 2 - 1;
	assert_true(refuses(w, 1, 0));
	w->now.wall_ms += 1;
	assert_false(refuses(w, 1, 0));
	/* a job of yesterday fails: today's account is not touched below nothing */
	struct job before = w->job;
	w->now.wall_ms += DAY;
	assert_false(refuses(w, 2, 0));
	assert_true(refuses(w, 1, 0));
	quota_give_back(&w->table, &before);
	quota_give_back(&w->table, &before);
	check_u64("used", find(w, "88.118.8")->used, 1);
}

static void test_survives_a_restart(void **state)
{
	struct limits *w = *state;
	check_err("set", limit(w, "88.118.8", 0, 3), HLV_OK);
	check_err("set", limit(w, "300:0.NA/88.118.8", 3, 0), HLV_OK);
	assert_false(refuses(w, 2, 2));
	settle(w);
	restart(w);
	check_u64("used", find(w, "88.118.8")->used, 2);
	check_u64("made", find(w, "300:0.NA/88.118.8")->made, 2);
	assert_true(refuses(w, 2, 0));
	assert_true(refuses(w, 1, 2));
	assert_false(refuses(w, 1, 1));
	/* not settled: as if the group had not been committed */
	restart(w);
	check_u64("used", find(w, "88.118.8")->used, 2);
}

static void test_nothing_to_settle(void **state)
{
	struct limits *w = *state;
	struct store_txn txn;
	assert_false(quota_settle(&w->table, &w->admins.arena, &txn));
	check_err("set", limit(w, "88.118.8", 5, 5), HLV_OK);
	assert_false(quota_settle(&w->table, &w->admins.arena, &txn));
	assert_false(refuses(w, 1, 0));
	assert_true(quota_settle(&w->table, &w->admins.arena, &txn));
	check_u64("puts", txn.nputs, 1);
	assert_false(quota_settle(&w->table, &w->admins.arena, &txn));
}

/* Without memory it is kept with the next group. */
static void test_settle_without_memory(void **state)
{
	struct limits *w = *state;
	struct hlv_arena none;
	struct store_txn txn;
	check_err("set", limit(w, "88.118.8", 5, 5), HLV_OK);
	assert_false(refuses(w, 2, 0));
	for (size_t room = 0; room < 200; room += 40) {
		hlv_arena_init(&none, room);
		bool some = quota_settle(&w->table, &none, &txn);
		hlv_arena_fini(&none);
		if (some)
			break;
	}
	restart(w);
	check_u64("used", find(w, "88.118.8")->used, 0);
	assert_false(refuses(w, 2, 0));
	hlv_arena_init(&none, 0);
	assert_false(quota_settle(&w->table, &none, &txn));
	hlv_arena_fini(&none);
	settle(w);
	restart(w);
	check_u64("used", find(w, "88.118.8")->used, 2);
}

/* --- what came to nothing --- */

static void test_give_back(void **state)
{
	struct limits *w = *state;
	check_err("set", limit(w, "88.118.8", 2, 2), HLV_OK);
	check_err("set", limit(w, "300:0.NA/88.118.8", 2, 2), HLV_OK);
	for (int i = 0; i < 5; i++) {
		assert_false(refuses(w, 2, 2));
		assert_true(w->job.counted);
		struct job failed = w->job;
		if (i % 2)
			settle(w); /* with a group in which it had a conflict */
		quota_give_back(&w->table, &failed);
		quota_give_back(&w->table, &failed);
		check_u64("used", find(w, "88.118.8")->used, 0);
		check_u64("pending", find(w, "88.118.8")->pending, 0);
		check_u64("made", find(w, "300:0.NA/88.118.8")->made, 0);
	}
	settle(w);
	restart(w);
	check_u64("used after a restart", find(w, "88.118.8")->used, 0);
	check_u64("made after a restart", find(w, "300:0.NA/88.118.8")->made, 0);
}

/* A chunk of several prefixes: one that is over its limit refuses all, and nothing is used. */
static void test_several_prefixes(void **state)
{
	static const struct job_use uses[] = {{{(const uint8_t *)"88.118.7", 8}, 3, 3},
					      {{(const uint8_t *)"88.118.8", 8}, 4, 4},
					      {{(const uint8_t *)"88.118.7", 8}, 1, 1},
					      {{(const uint8_t *)"77", 2}, 100, 100}};
	struct limits *w = *state;
	check_err("set", limit(w, "88.118.7", 3, 0), HLV_OK);
	check_err("set", limit(w, "88.118.8", 4, 4), HLV_OK);
	check_err("set", limit(w, "300:0.NA/88.118.8", 0, 107), HLV_OK);
	assert_true(refuses_uses(w, uses, 3));
	assert_false(refuses_uses(w, uses, 2));
	quota_give_back(&w->table, &w->job);
	check_err("set", limit(w, "88.118.7", 4, 0), HLV_OK);
	assert_true(refuses_uses(w, uses, 4)); /* the identity's day: 108 */
	check_u64("used", find(w, "88.118.8")->used, 0);
	assert_false(refuses_uses(w, uses, 3));
	check_u64("used of the identity", find(w, "300:0.NA/88.118.8")->used, 8);
	check_u64("used of a prefix", find(w, "88.118.7")->used, 4);
}

static void test_unreadable(void **state)
{
	static const uint8_t octets[3] = "abc";
	struct limits *w = *state;
	uint8_t name[COUNTER_NAME_MAX];
	struct store_put put = {SPACE_META, counter_name(hlv_text("88.118.8"), name),
				hlv_bytes(octets, 3)};
	struct store_txn txn = {.puts = &put, .nputs = 1};
	check_err("set", limit(w, "88.118.8", 5, 5), HLV_OK);
	check_err("damage", commit(w, &txn), HLV_OK);
	assert_true(refuses(w, 1, 1));
	check_u64("code", w->x.rs.rc, HLV_RC_ERROR);
	check_u64("used", find(w, "88.118.8")->used, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_subjects),
		TEST(test_set_and_remove),
		TEST(test_plan_changes_nothing),
		TEST(test_as_many_as_fit),
		TEST(test_removed_forgets_what_was_used),
		TEST(test_damaged),
		TEST(test_refusals),
		TEST(test_who_is_not_counted),
		TEST(test_records_of_a_prefix),
		TEST(test_day_rolls),
		TEST(test_survives_a_restart),
		TEST(test_nothing_to_settle),
		TEST(test_settle_without_memory),
		TEST(test_give_back),
		TEST(test_several_prefixes),
		TEST(test_unreadable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
