/* SPDX-License-Identifier: Apache-2.0
 *
 * Chunks of a bulk registration: positions, repetitions, gaps, what fails and what that means for
 * the rest, and what is committed.
 */
#include "tests/unit/bulk_world.h"

/* --- positions --- */

static void test_from_beginning_to_end(void **state)
{
	struct load *w = *state;
	begin(w, 0, 0);
	check(w, "asked", plan(w), BULK_ANSWER, "0");
	add(w, "88.118/B1", "1 URL a");
	add(w, "88.118/B2", "1 URL b");
	check(w, "first", plan(w), BULK_COMMIT, "2");
	check_u64("bulk", w->job.txns->bulk, true);
	check_err("commit", commit(w), HLV_OK);
	begin(w, 0, 2);
	add(w, "88.118/B3", "1 URL c");
	check(w, "second", plan(w), BULK_COMMIT, "3");
	check_err("commit", commit(w), HLV_OK);
	begin(w, 0, 77);
	check(w, "asked", plan(w), BULK_ANSWER, "3");
	check_record(w, "88.118/B1", "1:URL=a!");
	check_record(w, "88.118/B3", "1:URL=c!");
	memset(w->key, 0xCD, sizeof w->key);
	begin(w, 0, 0);
	check(w, "another job", plan(w), BULK_ANSWER, "0");
}

static void test_repetition(void **state)
{
	struct load *w = *state;
	begin(w, 0, 0);
	add(w, "88.118/B1", "1 URL a");
	add(w, "88.118/B2", "1 URL b");
	plan(w);
	check_err("commit", commit(w), HLV_OK);
	uint64_t seq = last_seq(w);
	check(w, "the same again", plan(w), BULK_ANSWER, "2");
	check_u64("seq", last_seq(w), seq);
	/* with more behind it: what was done is passed over, the rest is done */
	add(w, "88.118/B3", "1 URL c");
	check(w, "and one more", plan(w), BULK_COMMIT, "3");
	check_u64("puts", w->job.txns->nputs, 2);
	check_err("commit", commit(w), HLV_OK);
	check_u64("seq", last_seq(w), seq + 1);
	/* who was passed over is counted for nobody */
	check_u64("registered", w->job.uses[0].registered, 1);
}

static void test_positions(void **state)
{
	static const struct {
		const char *name;
		uint64_t position;
		uint32_t n;
		enum bulk_verdict verdict;
		const char *answer;
	} rows[] = {
		{"where it stands", 4, 1, BULK_COMMIT, "5"},
		{"across where it stands", 3, 2, BULK_COMMIT, "5"},
		{"before", 0, 1, BULK_ANSWER, "4"},
		{"up to it", 0, 4, BULK_ANSWER, "4"},
		{"a gap", 5, 1, BULK_REFUSED, "refused 4"},
		{"a wide gap", UINT64_MAX / 2, 1, BULK_REFUSED, "refused 4"},
		{"the end of numbers", UINT64_MAX, 1, BULK_REFUSED, "refused 4"},
		{"over the end of numbers", UINT64_MAX - 1, 8, BULK_REFUSED, "refused 4"},
	};
	struct load *w = *state;
	begin(w, 0, 0);
	for (int i = 0; i < 4; i++) {
		char id[16];
		snprintf(id, sizeof id, "88.118/P%d", i);
		add(w, id, "1 URL a");
	}
	plan(w);
	check_err("commit", commit(w), HLV_OK);
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin(w, 0, rows[i].position);
		for (uint32_t k = 0; k < rows[i].n; k++) {
			char id[16];
			snprintf(id, sizeof id, "88.118/Q%u", k);
			add(w, id, "1 URL a");
		}
		check(w, rows[i].name, plan(w), rows[i].verdict, rows[i].answer);
	}
}

/* Two connections send the same chunk: one of them is planned again, and finds it done. */
static void test_race(void **state)
{
	struct load *w = *state;
	begin(w, 0, 0);
	add(w, "88.118/B1", "1 URL a");
	plan(w);
	check_err("first", commit(w), HLV_OK);
	/* the second was planned in the snapshot before */
	check_err("second", commit(w), HLV_E_CONFLICT);
	check(w, "again", plan(w), BULK_ANSWER, "1");
}

static void test_damaged_position(void **state)
{
	struct load *w = *state;
	static const char name[] = "bulk:abababababababababababababababab";
	struct store_put put = {SPACE_META, hlv_text(name), hlv_text("abc")};
	struct store_txn txn = {.puts = &put, .nputs = 1};
	check_err("damage", w->admins.store->ops->commit(w->admins.store, &txn, 1), HLV_OK);
	begin(w, 0, 0);
	check(w, "asked", plan(w), BULK_REFUSED, "refused 2");
	add(w, "88.118/B1", "1 URL a");
	check(w, "sent", plan(w), BULK_REFUSED, "refused 2");
}

/* --- records --- */

static void test_records(void **state)
{
	static const struct {
		const char *name;
		uint8_t flags;
		const char *ids[3], *values;
		enum bulk_verdict verdict;
		const char *answer;
	} rows[] = {
		{"new ones", 0, {"88.118/N1", "88.118/N2"}, "1 URL a", BULK_COMMIT, "2"},
		{"not in order",
		 0,
		 {"88.118/Z", "88.118/A", "88.118/M"},
		 "1 URL a",
		 BULK_COMMIT,
		 "3"},
		{"one is there",
		 0,
		 {"88.118/N1", "88.118/ITEM"},
		 "1 URL a",
		 BULK_COMMIT,
		 "2 1:101"},
		{"one is there, and all or nothing",
		 BULK_ALL_OR_NOTHING,
		 {"88.118/N1", "88.118/ITEM"},
		 "1 URL a",
		 BULK_ANSWER,
		 "0 1:101"},
		{"all or nothing, and all",
		 BULK_ALL_OR_NOTHING,
		 {"88.118/N1", "88.118/N2"},
		 "1 URL a",
		 BULK_COMMIT,
		 "2"},
		{"twice", 0, {"88.118/N1", "88.118/n1"}, "1 URL a", BULK_COMMIT, "2 1:101"},
		{"twice, the later one first in order",
		 0,
		 {"88.118/N2", "88.118/N1", "88.118/N2"},
		 "1 URL a",
		 BULK_COMMIT,
		 "3 2:101"},
		{"twice, and all or nothing",
		 BULK_ALL_OR_NOTHING,
		 {"88.118/N1", "88.118/N1"},
		 "1 URL a",
		 BULK_ANSWER,
		 "0 1:101"},
		{"twice, to overwrite",
		 BULK_OVERWRITE,
		 {"88.118/N1", "88.118/N1"},
		 "1 URL a",
		 BULK_COMMIT,
		 "2 1:101"},
		{"elsewhere", 0, {"77.1/A", "88.118/N1"}, "1 URL a", BULK_COMMIT, "2 0:301"},
		{"referred", 0, {"88.118.20/A"}, "1 URL a", BULK_COMMIT, "1 0:302"},
		{"no name", 0, {""}, "1 URL a", BULK_COMMIT, "1 0:102"},
		{"control characters", 0, {"88.118/A\n"}, "1 URL a", BULK_COMMIT, "1 0:102"},
		{"an index twice",
		 0,
		 {"88.118/N1"},
		 "1 URL a | 1 URL b",
		 BULK_COMMIT,
		 "1 0:201"},
		{"no values", 0, {"88.118/N1"}, "", BULK_COMMIT, "1"},
		{"all fail",
		 0,
		 {"77.1/A", "77.1/B", "88.118/ITEM"},
		 "1 URL a",
		 BULK_COMMIT,
		 "3 0:301 1:301 2:101"},
		{"revoked", 0, {"88.118/REVOKED"}, "1 URL a", BULK_COMMIT, "1 0:101"},
		{"frozen, to overwrite",
		 BULK_OVERWRITE,
		 {"88.118/FROZEN"},
		 "1 URL b",
		 BULK_COMMIT,
		 "1 0:401"},
	};
	struct load *w = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin(w, rows[i].flags, 0);
		for (size_t k = 0; k < 3 && rows[i].ids[k]; k++)
			add(w, rows[i].ids[k], rows[i].values);
		check(w, rows[i].name, plan(w), rows[i].verdict, rows[i].answer);
		if (rows[i].verdict != BULK_COMMIT)
			check_u64(rows[i].name, w->job.ntxns, 0);
		admins_end(&w->admins);
	}
}

/* What fails leaves the others alone, and the position moves over it. */
static void test_partly(void **state)
{
	struct load *w = *state;
	begin(w, 0, 0);
	add(w, "88.118/Z", "1 URL z");
	add(w, "88.118/ITEM", "1 URL other");
	add(w, "88.118/A", "1 URL a");
	check(w, "plan", plan(w), BULK_COMMIT, "3 1:101");
	check_err("commit", commit(w), HLV_OK);
	check_record(w, "88.118/A", "1:URL=a!");
	check_record(w, "88.118/Z", "1:URL=z!");
	begin(w, 0, 0);
	check(w, "asked", plan(w), BULK_ANSWER, "3");
}

static void test_overwrite(void **state)
{
	struct load *w = *state;
	begin(w, 0, 0);
	add(w, "88.118/OLD", "1 URL a | 2 URL b");
	plan(w);
	check_err("commit", commit(w), HLV_OK);
	memset(w->key, 1, sizeof w->key);
	begin(w, BULK_OVERWRITE, 0);
	add(w, "88.118/NEW", "1 URL n");
	add(w, "88.118/OLD", "1 URL changed");
	check(w, "whose administrators it has not", plan(w), BULK_COMMIT, "2 1:400");
}

/* Equal already: a repetition by who has lost the position; it does not count. */
static void test_the_same_values(void **state)
{
	struct load *w = *state;
	begin(w, 0, 0);
	add(w, "88.118/SAME", "1 URL a | 100 HS_ADMIN fff,300:0.NA/88.118");
	plan(w);
	check_err("commit", commit(w), HLV_OK);
	memset(w->key, 1, sizeof w->key);
	begin(w, BULK_OVERWRITE, 0);
	add(w, "88.118/SAME", "1 URL a | 100 HS_ADMIN fff,300:0.NA/88.118");
	check(w, "the same", plan(w), BULK_COMMIT, "1");
	check_u64("puts", w->job.txns->nputs, 1);
	check_u64("bulk", w->job.txns->bulk, false);
	check_u64("uses", w->job.nuses, 0);
	begin(w, BULK_OVERWRITE, 0);
	add(w, "88.118/SAME", "1 URL b | 100 HS_ADMIN fff,300:0.NA/88.118");
	add(w, "88.118/TRULY.NEW", "1 URL b");
	check(w, "changed", plan(w), BULK_COMMIT, "2");
	check_u64("changed", w->job.uses[0].changed, 2);
	check_u64("registered", w->job.uses[0].registered, 1);
	check_err("commit", commit(w), HLV_OK);
	check_record(w, "88.118/SAME", "1:URL=b! 100:HS_ADMIN!");
}

static void test_rights(void **state)
{
	static const struct {
		const char *name, *who;
		uint32_t index;
		const char *answer;
	} rows[] = {
		{"all of them", "0.NA/88.118", 300, "2"},
		{"another index", "0.NA/88.118", 301, "2 0:400 1:400"},
		{"of one prefix alone", "88.118/U", 310, "2 1:400"},
		{"a stranger", "77.1/X", 1, "2 0:400 1:400"},
	};
	struct load *w = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		w->job.who = (struct principal){ACTOR_SESSION,
						{hlv_text(rows[i].who), rows[i].index}};
		begin(w, 0, 0);
		add(w, "88.118/R1", "1 URL a");
		add(w, "88.119/R2", "1 URL a");
		check(w, rows[i].name, plan(w), BULK_COMMIT, rows[i].answer);
		admins_end(&w->admins);
	}
}

/* For the quotas: each prefix with what is done under it. */
static void test_uses(void **state)
{
	struct load *w = *state;
	begin(w, 0, 0);
	add(w, "88.119/A", "1 URL a");
	add(w, "88.118/A", "1 URL a");
	add(w, "88.119/B", "1 URL a");
	add(w, "77/FAILS", "1 URL a");
	check(w, "plan", plan(w), BULK_COMMIT, "4 3:301");
	check_u64("prefixes", w->job.nuses, 2);
	check_text("first", w->job.uses[0].prefix, "88.118");
	check_u64("first", w->job.uses[0].registered, 1);
	check_text("second", w->job.uses[1].prefix, "88.119");
	check_u64("second", w->job.uses[1].registered, 2);
	check_u64("second", w->job.uses[1].changed, 2);
}

/* A right that is revoked before the commit takes the whole chunk along, to be planned again. */
static void test_revoked_meanwhile(void **state)
{
	struct load *w = *state;
	begin(w, 0, 0);
	add(w, "88.118/A", "1 URL a");
	check(w, "plan", plan(w), BULK_COMMIT, "1");
	admins_end(&w->admins);
	admins_put(&w->admins, "0.NA/88.118", "100 HS_ADMIN fff,301:0.NA/88.118");
	check_err("commit", commit(w), HLV_E_CONFLICT);
	check(w, "again", plan(w), BULK_COMMIT, "1 0:400");
	check_u64("puts: the position", w->job.txns->nputs, 1);
}

/* --- octets --- */

static void test_malformed(void **state)
{
	struct load *w = *state;
	static const uint8_t byte[1] = {7};
	begin(w, 0, 0);
	hlv_buf_put(&w->chunk, hlv_bytes(byte, 1));
	check(w, "none, and more behind", plan(w), BULK_REFUSED, "refused 4");
	begin(w, 0, 0);
	add(w, "88.118/A", "1 URL a");
	hlv_buf_put(&w->chunk, hlv_bytes(byte, 1));
	check(w, "more behind", plan(w), BULK_REFUSED, "refused 4");
	begin(w, 0, 0);
	add(w, "88.118/A", "1 URL a");
	add(w, "88.118/B", "1 URL a");
	static const uint32_t counts[] = {
		1, 3, BULK_RECORDS_MAX, BULK_RECORDS_MAX + 1, 1U << 31, UINT32_MAX};
	for (size_t i = 0; i < COUNT(counts); i++)
		check(w, "count", plan_as(w, counts[i]), BULK_REFUSED, "refused 4");
	/* cut short anywhere */
	size_t whole = w->chunk.n;
	for (size_t n = 0; n < whole; n++) {
		admins_begin(&w->admins);
		hlv_store_u32((uint8_t *)w->chunk.p + HEAD - 4, 2);
		uint8_t *exact = malloc(n + 1); /* a sanitizer sees one too far */
		assert_non_null(exact);
		memcpy(exact + 1, w->chunk.p, n);
		w->x.rq.octets = hlv_bytes(exact + 1, n);
		enum bulk_verdict verdict = bulk_plan(&w->job, &w->admins.context);
		free(exact);
		check(w, "cut short", verdict, BULK_REFUSED, "refused 4");
		hlv_arena_reset(&w->admins.arena);
	}
	admins_end(&w->admins);
}

/* A name that is too long is that record's fault. */
static void test_long_name(void **state)
{
	struct load *w = *state;
	char *id = malloc(HLV_IDENTIFIER_MAX + 2);
	assert_non_null(id);
	memset(id, 'x', HLV_IDENTIFIER_MAX + 1);
	memcpy(id, "88.118/", 7);
	id[HLV_IDENTIFIER_MAX + 1] = '\0';
	begin(w, 0, 0);
	add(w, id, "1 URL a");
	add(w, id + 1, "1 URL a"); /* "8.118/..." is not ours */
	add(w, "88.118/A", "1 URL a");
	check(w, "plan", plan(w), BULK_COMMIT, "3 0:102 1:301");
	id[HLV_IDENTIFIER_MAX] = '\0';
	begin(w, 0, 0);
	add(w, id, "1 URL a");
	check(w, "the longest", plan(w), BULK_COMMIT, "1");
	check_err("commit", commit(w), HLV_OK);
	check_record(w, id, "1:URL=a!");
	free(id);
}

static void fill(struct load *w, uint32_t n, const char *start)
{
	begin(w, 0, 0);
	hlv_arena_reset(&w->admins.arena);
	for (uint32_t i = 0; i < n; i++) {
		char id[64];
		snprintf(id, sizeof id, "%s%u", start, (i * 7919U) % n);
		uint8_t head[80];
		struct hlv_writer out = hlv_writer(head, sizeof head);
		hlv_put_lp32(&out, hlv_text(id));
		hlv_put_u32(&out, 0);
		hlv_buf_put(&w->chunk, hlv_written(&out));
		w->n++;
	}
}

/* As many as may be, in no order; and one more. */
static void test_largest(void **state)
{
	struct load *w = *state;
	fill(w, BULK_RECORDS_MAX, "88.118/L");
	check(w, "largest", plan(w), BULK_COMMIT, "8192");
	check_u64("puts", w->job.txns->nputs, BULK_RECORDS_MAX + 1);
	check_u64("registered", w->job.uses[0].registered, BULK_RECORDS_MAX);
	check_err("commit", commit(w), HLV_OK);
	uint64_t n;
	admins_begin(&w->admins);
	check_err("count", store_count(w->admins.store, w->admins.view, hlv_text("88.118"), &n),
		  HLV_OK);
	admins_end(&w->admins);
	assert_true(n >= BULK_RECORDS_MAX);
	fill(w, BULK_RECORDS_MAX + 1, "88.118/M");
	check(w, "one more", plan(w), BULK_REFUSED, "refused 4");
}

/* Every one of them fails, with a long text: each is told, in what fits into a message. */
static void test_all_fail(void **state)
{
	struct load *w = *state;
	w->job.who = (struct principal){ACTOR_SESSION, {hlv_text("88.118/NOBODY"), 1}};
	fill(w, BULK_RECORDS_MAX, "88.118/L");
	assert_int_equal(plan(w), BULK_COMMIT);
	assert_true(w->x.rs.octets.n < HLV_MESSAGE_MAX - 1024);
	struct hlv_reader r = hlv_reader(w->x.rs.octets);
	check_u64("position", hlv_get_u64(&r), BULK_RECORDS_MAX);
	check_u64("failures", hlv_get_u32(&r), BULK_RECORDS_MAX);
	size_t texts = 0;
	for (uint32_t i = 0; i < BULK_RECORDS_MAX; i++) {
		check_u64("which", hlv_get_u32(&r), i);
		check_u64("code", hlv_get_u32(&r), HLV_RC_INVALID_ADMIN);
		texts += hlv_get_lp32(&r).n > 0;
	}
	assert_true(hlv_finished(&r));
	assert_true(texts > 500);
}

/* Without memory nothing is planned, and nothing is half answered. */
static void test_no_memory(void **state)
{
	struct load *w = *state;
	begin(w, 0, 0);
	add(w, "88.118/B2", "1 URL a");
	add(w, "88.118/B1", "1 URL b");
	enum bulk_verdict verdict = BULK_REFUSED;
	for (size_t limit = 0; verdict != BULK_COMMIT && limit < 1 << 20; limit += 112) {
		hlv_arena_fini(&w->admins.arena);
		hlv_arena_init(&w->admins.arena, limit);
		verdict = plan(w);
		admins_end(&w->admins);
		if (verdict == BULK_REFUSED)
			check_u64("code", w->x.rs.rc, HLV_RC_ERROR);
		else
			check(w, "planned", verdict, BULK_COMMIT, "2");
	}
	assert_int_equal(verdict, BULK_COMMIT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_from_beginning_to_end),
		TEST(test_repetition),
		TEST(test_positions),
		TEST(test_race),
		TEST(test_damaged_position),
		TEST(test_records),
		TEST(test_partly),
		TEST(test_overwrite),
		TEST(test_the_same_values),
		TEST(test_rights),
		TEST(test_uses),
		TEST(test_revoked_meanwhile),
		TEST(test_malformed),
		TEST(test_long_name),
		TEST(test_largest),
		TEST(test_all_fail),
		TEST(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
