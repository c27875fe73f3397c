/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/unit/store_world.h"

static void test_empty(void **state)
{
	struct world *w = *state;
	struct hlv_bytes value;
	char line[320];
	assert_int_equal(world_find(w, "88.118.8/1"), HLV_E_NOT_FOUND);
	assert_int_equal(world_count(w, ""), 0);
	assert_int_equal(world_count(w, "88.118.8"), 0);
	assert_int_equal(world_seq(w), 0);
	assert_int_equal(world_verify(w, line), 0);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(store_meta_get(w->store, w->view, "epoch", &value), HLV_OK);
	assert_int_equal(value.n, 16);
	assert_int_equal(store_meta_get(w->store, w->view, "none", &value), HLV_E_NOT_FOUND);
	w->store->ops->view_end(w->view);
}

static void test_put_and_get(void **state)
{
	struct world *w = *state;
	struct store_put put = world_put(w, "88.118.8/Jx1");
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	static const char *const asked[] = {"88.118.8/Jx1", "88.118.8/JX1", "88.118.8/jx1"};
	for (size_t i = 0; i < 3; i++) {
		struct store_key key;
		struct hlv_record rec;
		store_key(hlv_text(asked[i]), &key);
		assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
		enum hlv_err err = store_get_record(w->store, w->view, &key, &rec);
		if (err != HLV_OK)
			fail_msg("%s: %s", asked[i], hlv_strerror(err));
		assert_true(hlv_eq(rec.name, hlv_text("88.118.8/Jx1")));
		assert_int_equal(rec.seq, 1);
		assert_int_equal(rec.time_ms, w->time_ms);
		assert_int_equal(rec.values.n, 2);
		w->store->ops->view_end(w->view);
	}
	assert_int_equal(world_find(w, "88.118.8/JX"), HLV_E_NOT_FOUND);
	assert_int_equal(world_find(w, "88.118.8/JX11"), HLV_E_NOT_FOUND);
}

static void test_conflicts(void **state)
{
	struct world *w = *state;
	struct store_put first[] = {world_put(w, "88.1/a"), world_put(w, "88.1/b")};
	struct store_put gone = world_delete(w, "88.1/b");
	assert_int_equal(world_commit(w, first, 2), HLV_OK);
	assert_int_equal(world_commit(w, &gone, 1), HLV_OK);
	static const struct {
		const char *name, *id;
		enum store_space space;
		uint64_t seq;
		enum hlv_err want;
	} rows[] = {
		{"record as read", "88.1/a", SPACE_RECORD, 1, HLV_OK},
		{"absent as read", "88.1/c", SPACE_RECORD, 0, HLV_OK},
		{"tombstone as read", "88.1/b", SPACE_RECORD, 2, HLV_OK},
		{"prefix absent as read", "0.NA/88.1", SPACE_PREFIX, 0, HLV_OK},
		{"was absent, is there", "88.1/a", SPACE_RECORD, 0, HLV_E_CONFLICT},
		{"was there, is absent", "88.1/c", SPACE_RECORD, 1, HLV_E_CONFLICT},
		{"was live, is deleted", "88.1/b", SPACE_RECORD, 1, HLV_E_CONFLICT},
		{"never existed, is deleted", "88.1/b", SPACE_RECORD, 0, HLV_E_CONFLICT},
		{"from the future", "88.1/a", SPACE_RECORD, 99, HLV_E_CONFLICT},
		{"prefix was homed", "0.NA/88.1", SPACE_PREFIX, 1, HLV_E_CONFLICT},
		{"no space", "88.1/a", SPACES, 1, HLV_E_MALFORMED},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_check check = {rows[i].space, world_key(w, rows[i].id),
					    rows[i].seq};
		struct store_put put = {SPACE_META, hlv_text("note"), hlv_text("x")};
		struct store_txn txn = {
			.checks = &check, .nchecks = 1, .puts = &put, .nputs = 1};
		enum hlv_err err = w->store->ops->commit(w->store, &txn, 1);
		if (err != HLV_OK || txn.err != rows[i].want)
			fail_msg("%s: %s, %s", rows[i].name, hlv_strerror(err),
				 hlv_strerror(txn.err));
	}
	assert_int_equal(world_seq(w), 2);
}

/* Three ask for the same name and one for another, in one group: each gets its own answer. */
static void test_group(void **state)
{
	struct world *w = *state;
	struct store_put a[] = {world_put(w, "88.1/a"), world_put(w, "88.1/x")};
	struct store_put b[] = {world_put(w, "88.1/y"), world_put(w, "88.1/A")};
	struct store_put c = world_put(w, "88.1/c"), bad = world_put(w, "88.1/d");
	bad.value.n = 5;
	struct store_check absent = {SPACE_RECORD, a[0].key, 0},
			   seen = {SPACE_RECORD, a[0].key, 1};
	struct store_txn txns[] = {
		{.checks = &absent, .nchecks = 1, .puts = a, .nputs = 2, .time_ms = 1},
		{.checks = &absent, .nchecks = 1, .puts = b, .nputs = 2, .time_ms = 2},
		{.puts = &bad, .nputs = 1, .time_ms = 3},
		{.checks = &seen, .nchecks = 1, .puts = &c, .nputs = 1, .time_ms = 4},
	};
	static const enum hlv_err want[] = {HLV_OK, HLV_E_CONFLICT, HLV_E_MALFORMED, HLV_OK};
	assert_int_equal(w->store->ops->commit(w->store, txns, 4), HLV_OK);
	for (size_t i = 0; i < 4; i++)
		if (txns[i].err != want[i])
			fail_msg("transaction %zu: %s", i, hlv_strerror(txns[i].err));
	assert_int_equal(txns[0].seq, 1);
	assert_int_equal(txns[3].seq, 2);
	assert_int_equal(world_find(w, "88.1/y"), HLV_E_NOT_FOUND);
	assert_int_equal(world_find(w, "88.1/d"), HLV_E_NOT_FOUND);
	assert_int_equal(world_find(w, "88.1/c"), HLV_OK);
	assert_int_equal(world_count(w, "88.1"), 3);
}

static void test_tombstones(void **state)
{
	struct world *w = *state;
	struct store_put put = world_put(w, "88.1/a"), gone = world_delete(w, "88.1/a");
	struct hlv_bytes stored;
	struct hlv_record rec;
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	assert_int_equal(world_commit(w, &gone, 1), HLV_OK);
	assert_int_equal(world_find(w, "88.1/a"), HLV_E_NOT_FOUND);
	assert_int_equal(world_count(w, "88.1"), 0);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(w->store->ops->get(w->view, SPACE_RECORD, put.key, &stored), HLV_OK);
	assert_int_equal(hlv_record_decode(stored, put.key, &rec), HLV_OK);
	assert_int_equal(rec.flags & HLV_RECORD_DELETED, HLV_RECORD_DELETED);
	assert_int_equal(rec.seq, 2);
	assert_int_equal(rec.values.n, 2);
	w->store->ops->view_end(w->view);
	assert_int_equal(world_commit(w, &gone, 1), HLV_OK); /* twice counts once */
	assert_int_equal(world_count(w, ""), 0);
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	assert_int_equal(world_count(w, "88.1"), 1);
	assert_int_equal(world_find(w, "88.1/a"), HLV_OK);
}

static void test_counters(void **state)
{
	struct world *w = *state;
	static const char *const ids[] = {
		"88.118.8/1",	 "88.118.8/2", "88.118.8/3",  "88.118/1", "0.na/88.118",
		"0.NA/88.118.8", "20.500",     "abc/def/ghi", "ABC/x",	  "aBc/y"};
	struct store_put puts[sizeof ids / sizeof *ids];
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		puts[i] = world_put(w, ids[i]);
	assert_int_equal(world_commit(w, puts, sizeof ids / sizeof *ids), HLV_OK);
	struct store_put gone = world_delete(w, "88.118.8/2");
	assert_int_equal(world_commit(w, &gone, 1), HLV_OK);
	static const struct {
		const char *prefix;
		uint64_t want;
	} rows[] = {{"88.118.8", 2}, {"88.118", 1}, {"0.NA", 3}, {"0.na", 3},  {"abc", 3},
		    {"ABC", 3},	     {"", 9},	    {"88", 0},	 {"88.11", 0}, {"88.118.8/", 0},
		    {"abc/def", 0},  {"x", 0},	    {"count", 0}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (world_count(w, rows[i].prefix) != rows[i].want)
			fail_msg("\"%s\": %llu", rows[i].prefix,
				 (unsigned long long)world_count(w, rows[i].prefix));
	char line[320];
	if (world_verify(w, line))
		fail_msg("%s", line);
}

struct seen {
	size_t n, stop_after;
	char names[400];
};

static bool see(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct seen *s = ctx;
	struct hlv_record rec;
	assert_int_equal(hlv_record_decode(stored, key, &rec), HLV_OK);
	size_t at = strlen(s->names);
	snprintf(s->names + at, sizeof s->names - at, "%.*s ", (int)rec.name.n,
		 (const char *)rec.name.p);
	return ++s->n < s->stop_after;
}

static void test_scan(void **state)
{
	struct world *w = *state;
	static const char *const ids[] = {"88.1/b",  "88.1/A",	"9/z",
					  "88.1/a1", "88.10/a", "88.1/C"};
	struct store_put puts[6];
	for (size_t i = 0; i < 6; i++)
		puts[i] = world_put(w, ids[i]);
	assert_int_equal(world_commit(w, puts, 6), HLV_OK);
	static const struct {
		const char *name, *from;
		size_t stop_after;
		const char *want;
	} rows[] = {
		{"all", NULL, 99, "88.1/A 88.1/a1 88.1/b 88.1/C 88.10/a 9/z "},
		{"from one that is there", "88.1/B", 99, "88.1/b 88.1/C 88.10/a 9/z "},
		{"from one that is not", "88.1/a0", 99, "88.1/a1 88.1/b 88.1/C 88.10/a 9/z "},
		{"stopped", "88.1/", 2, "88.1/A 88.1/a1 "},
		{"stopped at once", NULL, 1, "88.1/A "},
		{"behind the last", "9/zz", 99, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct seen s = {.stop_after = rows[i].stop_after};
		struct hlv_bytes from = {0};
		if (rows[i].from)
			from = world_key(w, rows[i].from);
		assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
		enum hlv_err err = w->store->ops->scan(w->view, SPACE_RECORD, from, see, &s);
		w->store->ops->view_end(w->view);
		if (err != HLV_OK || strcmp(s.names, rows[i].want) != 0)
			fail_msg("%s: %s \"%s\"", rows[i].name, hlv_strerror(err), s.names);
	}
}

static void test_long_keys(void **state)
{
	struct world *w = *state;
	char ids[4][2050];
	static const size_t lengths[] = {480, 481, 2048, 2048};
	for (size_t i = 0; i < 4; i++) {
		memset(ids[i], 'a', lengths[i]);
		memcpy(ids[i], "88.1/", 5);
		ids[i][lengths[i]] = '\0';
	}
	ids[3][2047] = 'b';
	for (size_t i = 0; i < 4; i++) {
		struct store_put put = world_put(w, ids[i]);
		assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	}
	assert_int_equal(world_count(w, "88.1"), 4);
	for (size_t i = 0; i < 4; i++)
		if (world_find(w, ids[i]) != HLV_OK)
			fail_msg("long key %zu", i);
	ids[3][2046] = 'b';
	assert_int_equal(world_find(w, ids[3]), HLV_E_NOT_FOUND);
	ids[2][2048] = 'a';
	ids[2][2049] = '\0';
	assert_int_equal(world_find(w, ids[2]), HLV_E_NOT_FOUND);
	char line[320];
	if (world_verify(w, line))
		fail_msg("%s", line);
}

static void test_malformed_puts(void **state)
{
	struct world *w = *state;
	struct store_put good = world_put(w, "88.1/a"), other = world_put(w, "88.1/b");
	static uint8_t octets[600] = {1};
	uint8_t longer_name[64], newer[64];
	memcpy(longer_name, good.value.p, 64);
	memcpy(newer, good.value.p, 64);
	longer_name[2] = 0xFF;
	newer[0] = 2;
	struct {
		const char *name;
		struct store_put puts[2];
		bool bulk;
	} rows[] = {
		{"record without octets", {good, {SPACE_RECORD, other.key, {0}}}, false},
		{"short record",
		 {good, {SPACE_RECORD, other.key, hlv_head(good.value, 31)}},
		 false},
		{"name longer than record",
		 {good, {SPACE_RECORD, other.key, hlv_bytes(longer_name, 64)}},
		 false},
		{"newer record",
		 {good, {SPACE_RECORD, other.key, hlv_bytes(newer, 64)}},
		 false},
		{"no name", {good, {SPACE_RECORD, other.key, hlv_bytes(octets, 40)}}, false},
		{"empty key", {good, {SPACE_RECORD, {0}, good.value}}, false},
		{"long key", {good, {SPACE_RECORD, hlv_bytes(octets, 482), good.value}}, false},
		{"long META name",
		 {good, {SPACE_META, hlv_bytes(octets, 501), good.key}},
		 false},
		{"short prefix",
		 {good, {SPACE_PREFIX, good.key, hlv_bytes(octets, 12)}},
		 false},
		{"put into the journal",
		 {good, {SPACE_JOURNAL, hlv_bytes(octets, 8), good.key}},
		 false},
		{"no place in the journal",
		 {good, {SPACE_JOURNAL, hlv_bytes(octets, 7), {0}}},
		 false},
		{"put into the history",
		 {good, {SPACE_HISTORY, hlv_bytes(octets, 20), good.key}},
		 false},
		{"put into the audit trail",
		 {good, {SPACE_AUDIT, hlv_bytes(octets, 8), good.key}},
		 false},
		{"remove from the audit trail",
		 {good, {SPACE_AUDIT, hlv_bytes(octets, 8), {0}}},
		 false},
		{"no space", {good, {SPACES, good.key, good.value}}, false},
		{"bulk descending", {other, good}, true},
		{"bulk twice", {good, good}, true},
		{"bulk with a prefix",
		 {good, {SPACE_PREFIX, good.key, hlv_bytes(octets, 13)}},
		 true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_txn txn = {.puts = rows[i].puts, .nputs = 2, .bulk = rows[i].bulk};
		enum hlv_err err = w->store->ops->commit(w->store, &txn, 1);
		if (err != HLV_OK || txn.err != HLV_E_MALFORMED)
			fail_msg("%s: %s, %s", rows[i].name, hlv_strerror(err),
				 hlv_strerror(txn.err));
		if (world_find(w, "88.1/a") != HLV_E_NOT_FOUND)
			fail_msg("%s: half of it was written", rows[i].name);
	}
	assert_int_equal(world_seq(w), 0);
	assert_int_equal(world_count(w, ""), 0);
}

static bool is_homed(struct world *w, const char *handle, enum hlv_err *err)
{
	bool homed;
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	*err = store_is_homed(w->store, w->view, hlv_text(handle), &homed);
	w->store->ops->view_end(w->view);
	return homed;
}

static void test_homed(void **state)
{
	struct world *w = *state;
	enum hlv_err err;
	uint8_t value[STORE_PREFIX_SIZE];
	struct hlv_bytes key = world_key(w, "0.NA/88.118");
	store_prefix_encode(key, w->time_ms, value);
	struct store_put put = {SPACE_PREFIX, key, hlv_bytes(value, sizeof value)};
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	static const struct {
		const char *handle;
		bool want;
	} rows[] = {{"0.NA/88.118", true},    {"0.na/88.118", true}, {"88.118", true},
		    {"0.NA/88.118.8", false}, {"0.NA/88.11", false}, {"0.NA/88", false},
		    {"0.NA/", false},	      {"", false},	     {"88.118/", false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (is_homed(w, rows[i].handle, &err) != rows[i].want || err != HLV_OK)
			fail_msg("%s: %s", rows[i].handle, hlv_strerror(err));
	value[3] ^= 1;
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	assert_false(is_homed(w, "88.118", &err));
	assert_int_equal(err, HLV_E_CORRUPT);
	put.value = (struct hlv_bytes){0};
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	assert_false(is_homed(w, "88.118", &err));
	assert_int_equal(err, HLV_OK);
	assert_int_equal(world_seq(w), 3);
}

static void test_snapshot(void **state)
{
	struct world *w = *state;
	struct store_put a = world_put(w, "88.1/a"), gone = world_delete(w, "88.1/a"),
			 b = world_put(w, "88.1/b");
	struct store_view *late;
	struct hlv_record rec;
	struct store_key key;
	struct hlv_bytes stored;
	store_key(hlv_text("88.1/a"), &key);
	assert_int_equal(world_commit(w, &a, 1), HLV_OK);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(store_get_record(w->store, w->view, &key, &rec), HLV_OK);
	assert_int_equal(world_commit(w, &gone, 1), HLV_OK);
	assert_int_equal(world_commit(w, &b, 1), HLV_OK);
	assert_int_equal(store_get_record(w->store, w->view, &key, &rec), HLV_OK);
	assert_int_equal(rec.seq, 1);
	assert_int_equal(w->store->ops->get(w->view, SPACE_RECORD, b.key, &stored),
			 HLV_E_NOT_FOUND);
	assert_int_equal(w->store->ops->view_open(w->store, &late), HLV_OK);
	assert_int_equal(w->store->ops->view_begin(late), HLV_OK);
	assert_int_equal(store_get_record(w->store, late, &key, &rec), HLV_E_NOT_FOUND);
	assert_int_equal(w->store->ops->get(late, SPACE_RECORD, b.key, &stored), HLV_OK);
	w->store->ops->view_end(late);
	w->store->ops->view_end(w->view);
}

static void test_meta(void **state)
{
	struct world *w = *state;
	struct hlv_bytes value;
	struct store_put put = {SPACE_META, hlv_text("mirror"), hlv_text("place 7")};
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(store_meta_get(w->store, w->view, "mirror", &value), HLV_OK);
	assert_true(hlv_eq(value, hlv_text("place 7")));
	w->store->ops->view_end(w->view);
	put.value = (struct hlv_bytes){0};
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
	assert_int_equal(world_commit(w, &put, 1), HLV_OK); /* removing nothing is no error */
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(store_meta_get(w->store, w->view, "mirror", &value), HLV_E_NOT_FOUND);
	w->store->ops->view_end(w->view);
	assert_int_equal(world_seq(w), 0);
}

static void test_keys(void **state)
{
	(void)state;
	static const struct {
		const char *id, *want;
	} rows[] = {{"88.118.8/jx1", "88.118.8/JX1"},
		    {"88.118", "0.NA/88.118"},
		    {"0.na/88.118", "0.NA/88.118"},
		    {"10.1000/\xC3\xA9", "10.1000/\xC3\xA9"},
		    {"", "0.NA/"},
		    {"/", "/"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_key key;
		store_key(hlv_text(rows[i].id), &key);
		if (key.octets[0] != HLV_SCHEME_HANDLE ||
		    !hlv_eq(hlv_skip(store_key_bytes(&key), 1), hlv_text(rows[i].want)))
			fail_msg("%s", rows[i].id);
	}
}

static void test_faults(void **state)
{
	struct world *w = *state;
	static const enum hlv_err errs[] = {HLV_E_FULL, HLV_E_IO, HLV_E_NOMEM};
	struct store_put put = world_put(w, "88.1/a"), other = world_put(w, "88.1/b");
	for (size_t i = 0; i < 3; i++) {
		uint64_t seq = world_seq(w);
		store_mem_fail(w->store, 2, errs[i]);
		assert_int_equal(world_commit(w, &put, 1), HLV_OK);
		assert_int_equal(world_commit(w, &other, 1), errs[i]);
		assert_int_equal(world_find(w, "88.1/b"), HLV_E_NOT_FOUND);
		assert_int_equal(world_commit(w, &put, 1), HLV_OK);
		assert_int_equal(world_seq(w), seq + 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_empty),     BOTH(test_put_and_get),	   BOTH(test_conflicts),
		BOTH(test_group),     BOTH(test_tombstones),	   BOTH(test_counters),
		BOTH(test_scan),      BOTH(test_long_keys),	   BOTH(test_malformed_puts),
		BOTH(test_homed),     BOTH(test_snapshot),	   BOTH(test_meta),
		ON(mem, test_faults), cmocka_unit_test(test_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
