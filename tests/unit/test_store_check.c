/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal beside the records, and whether store_verify() says what is wrong in either.
 */

#include "server/history.h"
#include "server/journal.h"
#include "tests/unit/store_world.h"

static void get_entry(struct world *w, uint64_t seq, struct journal_entry *entry)
{
	uint8_t octets[JOURNAL_KEY_SIZE];
	struct hlv_bytes stored, key = journal_key(seq, octets);
	assert_int_equal(w->store->ops->get(w->view, SPACE_JOURNAL, key, &stored), HLV_OK);
	assert_int_equal(journal_decode(stored, key, entry), HLV_OK);
}

static void test_journal_of_puts(void **state)
{
	struct world *w = *state;
	struct journal_entry entry;
	struct store_put got;
	struct hlv_record rec;
	struct store_put puts[] = {world_put(w, "88.1/b"),
				   world_put(w, "88.1/a"),
				   {SPACE_META, hlv_text("note"), hlv_text("not journalled")}};
	assert_int_equal(world_commit(w, puts, 3), HLV_OK);
	assert_int_equal(world_commit(w, puts, 1), HLV_OK);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	get_entry(w, 1, &entry);
	assert_int_equal(entry.kind, JOURNAL_PUTS);
	assert_int_equal(entry.time_ms, w->time_ms);
	assert_int_equal(entry.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(journal_next(&entry, &got));
		assert_true(hlv_eq(got.key, puts[i].key));
		assert_int_equal(hlv_record_decode(got.value, got.key, &rec), HLV_OK);
		assert_int_equal(rec.seq, 1);
	}
	assert_false(journal_next(&entry, &got));
	get_entry(w, 2, &entry);
	assert_int_equal(entry.n, 1);
	w->store->ops->view_end(w->view);
}

static void test_bulk_and_trim(void **state)
{
	struct world *w = *state;
	struct journal_entry entry;
	struct store_put puts[] = {world_put(w, "88.1/a"),
				   world_put(w, "88.1/b"),
				   world_put(w, "88.2/a"),
				   {SPACE_META, hlv_text("load"), hlv_text("3")}};
	struct store_txn txn = {.puts = puts, .nputs = 4, .bulk = true, .time_ms = w->time_ms};
	struct store_put late = world_put(w, "88.1/aa");
	uint8_t octets[JOURNAL_KEY_SIZE];
	struct store_put trim = {SPACE_JOURNAL, journal_key(1, octets), {0}};
	char line[320];
	assert_int_equal(w->store->ops->commit(w->store, &txn, 1), HLV_OK);
	assert_int_equal(txn.err, HLV_OK);
	assert_int_equal(world_commit(w, &late, 1), HLV_OK);
	assert_int_equal(world_count(w, "88.1"), 3);
	assert_int_equal(world_count(w, ""), 4);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	get_entry(w, 1, &entry);
	assert_int_equal(entry.kind, JOURNAL_RANGE);
	assert_int_equal(entry.n, 3);
	assert_true(hlv_eq(entry.first, puts[0].key));
	assert_true(hlv_eq(entry.last, puts[2].key));
	w->store->ops->view_end(w->view);
	assert_int_equal(world_verify(w, line), 0);
	assert_int_equal(world_commit(w, &trim, 1), HLV_OK);
	assert_int_equal(world_seq(w), 2);
	assert_int_equal(world_verify(w, line), 0);
	assert_int_equal(world_commit(w, &late, 1), HLV_OK);
	assert_int_equal(world_seq(w), 3);
}

/* What is wrong in a registry, and whether verify says so. */
static void test_verify(void **state)
{
	struct world *w = *state;
	uint8_t eight[8] = {0, 0, 0, 0, 0, 0, 0, 9}, old[8] = {0};
	old[7] = 2;
	uint8_t head[40] = {[7] = 4}, longer[40] = {[7] = 5}, octets[2][HISTORY_KEY_MAX];
	struct hlv_bytes former = history_key(world_key(w, "88.1/1"), 3, octets[0]),
			 last = history_key(world_key(w, "88.1/1"), 4, octets[1]);
	uint8_t no_handle[STORE_PREFIX_SIZE];
	struct hlv_bytes hidden = world_record(w, "88.1/y", 1, 0), odd = hlv_text("\00188.1/1");
	store_prefix_encode(odd, 1, no_handle);
	struct store_key key;
	store_key(hlv_text("88.1/z"), &key);
	const struct {
		const char *name, *want;
		struct store_put put;
	} rows[] = {
		{"wrong key",
		 "not its own",
		 {SPACE_RECORD, store_key_bytes(&key), world_record(w, "88.1/q", 1, 0)}},
		{"wrong flag", "public values", {SPACE_RECORD, world_key(w, "88.1/y"), hidden}},
		{"wrong counter",
		 "counter says 9",
		 {SPACE_META, hlv_text("count"), hlv_bytes(eight, 8)}},
		{"counter of nothing",
		 "counter says 9",
		 {SPACE_META,
		  hlv_text("count\001"
			   "0.NA/7"),
		  hlv_bytes(eight, 8)}},
		{"short counter",
		 "counter says",
		 {SPACE_META,
		  hlv_text("count\001"
			   "0.NA/8"),
		  hlv_bytes(eight, 7)}},
		{"gap in the journal",
		 "journal jumps",
		 {SPACE_JOURNAL, hlv_bytes(old, 8), {0}}},
		{"wrong sum",
		 "another sum",
		 {SPACE_META, hlv_text("state"), hlv_bytes(head, 32)}},
		{"short sum",
		 "another sum",
		 {SPACE_META, hlv_text("state"), hlv_bytes(head, 31)}},
		{"audit: wrong hash",
		 "another hash than the trail's head",
		 {SPACE_META, hlv_text("audit"), hlv_bytes(head, 40)}},
		{"audit: short head",
		 "head cannot be read",
		 {SPACE_META, hlv_text("audit"), hlv_bytes(head, 39)}},
		{"audit: longer",
		 "ends before its head",
		 {SPACE_META, hlv_text("audit"), hlv_bytes(longer, 40)}},
		{"audit: none",
		 "entries behind the trail's head",
		 {SPACE_META, hlv_text("audit"), {0}}},
		{"former version gone",
		 "former version from 3 follows one to 2",
		 {SPACE_HISTORY, former, {0}}},
		{"last former version gone",
		 "last former version ends with 3, not 4",
		 {SPACE_HISTORY, last, {0}}},
		{"no prefix handle",
		 "no prefix handle",
		 {SPACE_PREFIX, odd, hlv_bytes(no_handle, sizeof no_handle)}},
	};
	/* A private value in a record that says that all are public: perms of the only value. */
	uint8_t *perms = hlv_alloc(&w->arena, hidden.n);
	memcpy(perms, hidden.p, hidden.n);
	perms[HLV_RECORD_HEADER + 6 + 4 + 13] = HLV_PERM_ADMIN_READ;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_put base[] = {world_put(w, "88.1/1")}, put = rows[i].put;
		char line[320];
		enum engine engine = w->engine;
		void *other = &engine;
		assert_int_equal(world_setup(&other), 0);
		struct world *fresh = other;
		for (int k = 0; k < 4; k++)
			assert_int_equal(world_commit(fresh, base, 1), HLV_OK);
		if (put.value.p == hidden.p)
			put.value.p = perms;
		assert_int_equal(world_verify(fresh, line), 0);
		assert_int_equal(world_commit(fresh, &put, 1), HLV_OK);
		uint64_t faults = world_verify(fresh, line);
		if (faults == 0 || !strstr(line, rows[i].want))
			fail_msg("%s: %llu faults, \"%s\"", rows[i].name,
				 (unsigned long long)faults, line);
		world_teardown(&other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_verify),
		BOTH(test_journal_of_puts),
		BOTH(test_bulk_and_trim),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
