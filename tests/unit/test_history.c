/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "server/history.h"
#include "tests/unit/store_world.h"

static void begin(struct world *w)
{
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
}

static void end(struct world *w)
{
	w->store->ops->view_end(w->view);
}

/* Put, or delete ('-' in front), one second after the last change. */
static void change(struct world *w, const char *what)
{
	bool gone = *what == '-';
	struct store_put put = gone ? world_delete(w, what + 1) : world_put(w, what);
	w->time_ms += 1000;
	assert_int_equal(world_commit(w, &put, 1), HLV_OK);
}

static void check_clean(struct world *w, const char *name)
{
	char line[320];
	if (world_verify(w, line))
		fail_msg("%s: %s", name, line);
}

/* "4 3- 1": places of the versions, newest first, '-' for tombstones. */
static void print(const struct history *h, char *out, size_t room)
{
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < h->n; i++)
		at += (size_t)snprintf(out + at, room - at, "%s%llu%s", i ? " " : "",
				       (unsigned long long)h->versions[i].seq,
				       h->versions[i].rec.flags & HLV_RECORD_DELETED ? "-"
										     : "");
}

static void check_versions(struct world *w, const char *id, size_t max, const char *want)
{
	struct store_key key;
	struct history h;
	char got[400];
	store_key(hlv_text(id), &key);
	begin(w);
	assert_int_equal(history_read(w->store, w->view, &key, max, &w->arena, &h), HLV_OK);
	print(&h, got, sizeof got);
	if (strcmp(got, want) != 0)
		fail_msg("%s: \"%s\", expected \"%s\"", id, got, want);
	for (size_t i = 0; i < h.n; i++)
		assert_int_equal(h.versions[i].until_seq, i ? h.versions[i - 1].seq : 0);
	end(w);
}

static void versions(void **state)
{
	struct world *w = *state;
	struct store_key key;
	struct history h;
	static const char *const changes[] = {"88.1/a",	 "88.1/ab", "88.1/A",	"-88.1/a",
					      "88.1/ab", "88.1/a",  "88.1/a0b", "88.1/ab"};
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
		change(w, changes[i]);
	check_versions(w, "88.1/a", 99, "6 4- 3 1");
	check_versions(w, "88.1/A", 4, "6 4- 3 1");
	check_versions(w, "88.1/a", 3, "6 4- 3");
	check_versions(w, "88.1/a", 1, "6");
	check_versions(w, "88.1/a", 0, "");
	check_versions(w, "88.1/ab", 99, "8 5 2");
	check_versions(w, "88.1/a0b", 99, "7");
	static const char *const none[] = {"88.1/", "88.1/a0", "88.1/abc", "88.1"};
	begin(w);
	for (size_t i = 0; i < 4; i++) {
		store_key(hlv_text(none[i]), &key);
		assert_int_equal(history_read(w->store, w->view, &key, 9, &w->arena, &h),
				 HLV_E_NOT_FOUND);
	}
	store_key(hlv_text("88.1/a"), &key);
	assert_int_equal(history_read(w->store, w->view, &key, 4, &w->arena, &h), HLV_OK);
	assert_true(h.whole && !h.cut);
	assert_int_equal(history_read(w->store, w->view, &key, 3, &w->arena, &h), HLV_OK);
	assert_true(!h.whole && h.cut);
	end(w);
	check_clean(w, "versions");
}

/* A transaction may put a key twice, a load may overwrite: what was to be seen is kept. */
static void kept_by_every_kind(void **state)
{
	struct world *w = *state;
	struct store_put twice[] = {world_put(w, "88.1/a"), world_put(w, "88.1/a")};
	struct store_put load[] = {world_put(w, "88.1/a"), world_put(w, "88.1/b")};
	struct store_txn txn = {.puts = load, .nputs = 2, .bulk = true, .time_ms = 5};
	change(w, "88.1/a");
	assert_int_equal(world_commit(w, twice, 2), HLV_OK);
	check_versions(w, "88.1/a", 9, "2 1");
	assert_int_equal(w->store->ops->commit(w->store, &txn, 1), HLV_OK);
	assert_int_equal(txn.err, HLV_OK);
	check_versions(w, "88.1/a", 9, "3 2 1");
	check_versions(w, "88.1/b", 9, "3");
	check_clean(w, "kept");
}

static void at_a_time(void **state)
{
	struct world *w = *state;
	uint64_t zero = w->time_ms;
	change(w, "88.1/a");
	change(w, "88.1/a");
	change(w, "-88.1/a");
	change(w, "88.1/b");
	static const struct {
		const char *id;
		int64_t ms; /* after zero */
		enum hlv_err err;
		uint64_t seq;
	} rows[] = {
		{"88.1/a", -5000, HLV_E_NOT_FOUND, 0}, {"88.1/a", 0, HLV_E_NOT_FOUND, 0},
		{"88.1/a", 999, HLV_E_NOT_FOUND, 0},   {"88.1/a", 1000, HLV_OK, 1},
		{"88.1/a", 1999, HLV_OK, 1},	       {"88.1/a", 2000, HLV_OK, 2},
		{"88.1/a", 2999, HLV_OK, 2},	       {"88.1/a", 3000, HLV_OK, 3},
		{"88.1/a", 99999, HLV_OK, 3},	       {"88.1/b", 3999, HLV_E_NOT_FOUND, 0},
		{"88.1/b", 4000, HLV_OK, 4},	       {"88.1/c", 4000, HLV_E_NOT_FOUND, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_key key;
		struct history_version v;
		store_key(hlv_text(rows[i].id), &key);
		begin(w);
		enum hlv_err err =
			history_at(w->store, w->view, &key, zero + (uint64_t)rows[i].ms, &v);
		if (err != rows[i].err || (err == HLV_OK && v.seq != rows[i].seq))
			fail_msg("%s at %lld: %s", rows[i].id, (long long)rows[i].ms,
				 hlv_strerror(err));
		end(w);
	}
}

static enum hlv_err undo(struct world *w, const char *id)
{
	struct store_key key;
	struct store_txn txn;
	store_key(hlv_text(id), &key);
	begin(w);
	enum hlv_err err = history_undo_newest(w->store, w->view, &key, &w->arena, &txn);
	end(w);
	if (err != HLV_OK)
		return err;
	txn.time_ms = w->time_ms += 1000;
	assert_int_equal(w->store->ops->commit(w->store, &txn, 1), HLV_OK);
	return txn.err;
}

static void undo_newest(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *name, *changes[4];
		bool live, then_live; /* after one undo, and after a second */
	} rows[] = {
		{"created", {"88.1/a"}, false, true},
		{"changed", {"88.1/a", "88.1/a"}, true, true},
		{"deleted", {"88.1/a", "-88.1/a"}, true, false},
		{"created again", {"88.1/a", "-88.1/a", "88.1/a"}, false, true},
		{"deleted twice", {"88.1/a", "-88.1/a", "-88.1/a"}, false, false},
		{"a tombstone from the start", {"-88.1/a"}, true, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum engine engine = w->engine;
		void *other = &engine;
		assert_int_equal(world_setup(&other), 0);
		struct world *fresh = other;
		for (size_t k = 0; k < 4 && rows[i].changes[k]; k++)
			change(fresh, rows[i].changes[k]);
		for (int round = 0; round < 2; round++) {
			assert_int_equal(undo(fresh, "88.1/A"), HLV_OK);
			bool live = world_find(fresh, "88.1/a") == HLV_OK;
			if (live != (round ? rows[i].then_live : rows[i].live))
				fail_msg("%s: undo %d: %s", rows[i].name, round + 1,
					 live ? "live" : "gone");
			check_clean(fresh, rows[i].name);
		}
		assert_int_equal(undo(fresh, "88.1/b"), HLV_E_NOT_FOUND);
		world_teardown(&other);
	}
}

/* Values and state come back, not only life. */
static void undo_brings_back_all(void **state)
{
	struct world *w = *state;
	struct store_key key;
	struct hlv_record rec;
	uint8_t octets[2000];
	struct hlv_writer out = hlv_writer(octets, sizeof octets);
	struct store_put plain = world_put(w, "88.1/a");
	assert_int_equal(hlv_record_decode(plain.value, plain.key, &rec), HLV_OK);
	rec.state = HLV_STATE_FROZEN;
	rec.locks = HLV_LOCK_SERVER_UPDATE;
	rec.reason = hlv_text("court");
	hlv_record_encode(&out, plain.key, &rec);
	struct store_put frozen = {SPACE_RECORD, plain.key, hlv_written(&out)};
	struct store_put fewer = {SPACE_RECORD, plain.key, world_record(w, "88.1/A", 1, 0)};
	assert_int_equal(world_commit(w, &frozen, 1), HLV_OK);
	assert_int_equal(world_commit(w, &fewer, 1), HLV_OK);
	assert_int_equal(undo(w, "88.1/a"), HLV_OK);
	store_key(hlv_text("88.1/a"), &key);
	begin(w);
	assert_int_equal(store_get_record(w->store, w->view, &key, &rec), HLV_OK);
	assert_int_equal(rec.seq, 3);
	assert_int_equal(rec.time_ms, w->time_ms);
	assert_int_equal(rec.values.n, 2);
	assert_int_equal(rec.state, HLV_STATE_FROZEN);
	assert_int_equal(rec.locks, HLV_LOCK_SERVER_UPDATE);
	assert_true(hlv_eq(rec.reason, hlv_text("court")));
	assert_true(hlv_eq(rec.name, hlv_text("88.1/a")));
	end(w);
}

static void undo_meets_a_change(void **state)
{
	struct world *w = *state;
	struct store_key key;
	struct store_txn txn;
	change(w, "88.1/a");
	change(w, "88.1/a");
	store_key(hlv_text("88.1/a"), &key);
	begin(w);
	assert_int_equal(history_undo_newest(w->store, w->view, &key, &w->arena, &txn), HLV_OK);
	end(w);
	change(w, "88.1/a");
	assert_int_equal(w->store->ops->commit(w->store, &txn, 1), HLV_OK);
	assert_int_equal(txn.err, HLV_E_CONFLICT);
	check_versions(w, "88.1/a", 9, "3 2 1");
}

/* Until it is done; the number of records that came back. */
static enum hlv_err undo_change(struct world *w, uint64_t seq, size_t *n, size_t *slices)
{
	struct history_undo u = {.seq = seq};
	*n = *slices = 0;
	while (!u.done) {
		begin(w);
		enum hlv_err err = history_undo_change(w->store, w->view, &w->arena, &u);
		end(w);
		if (err != HLV_OK)
			return err;
		u.txn.time_ms = w->time_ms += 1000;
		assert_int_equal(w->store->ops->commit(w->store, &u.txn, 1), HLV_OK);
		if (u.txn.err != HLV_OK)
			return u.txn.err;
		*n += u.txn.nputs;
		(*slices)++;
	}
	return HLV_OK;
}

static void undo_of_a_change(void **state)
{
	struct world *w = *state;
	uint8_t value[STORE_PREFIX_SIZE];
	struct hlv_bytes key = world_key(w, "0.NA/88.1");
	store_prefix_encode(key, 1, value);
	struct store_put home = {SPACE_PREFIX, key, hlv_bytes(value, sizeof value)};
	struct store_put both[] = {world_put(w, "88.1/b"), world_delete(w, "88.1/a")};
	size_t n, slices;
	change(w, "88.1/a");
	assert_int_equal(world_commit(w, both, 2), HLV_OK); /* 2 */
	assert_int_equal(world_commit(w, &home, 1), HLV_OK);
	assert_int_equal(undo_change(w, 0, &n, &slices), HLV_E_NOT_FOUND);
	assert_int_equal(undo_change(w, 1, &n, &slices), HLV_E_CONFLICT);
	assert_int_equal(undo_change(w, 3, &n, &slices), HLV_E_UNSUPPORTED);
	assert_int_equal(undo_change(w, 4, &n, &slices), HLV_E_NOT_FOUND);
	assert_int_equal(world_seq(w), 3);
	assert_int_equal(undo_change(w, 2, &n, &slices), HLV_OK);
	assert_int_equal(n, 2);
	assert_int_equal(world_find(w, "88.1/a"), HLV_OK);
	assert_int_equal(world_find(w, "88.1/b"), HLV_E_NOT_FOUND);
	assert_int_equal(undo_change(w, 2, &n, &slices), HLV_E_CONFLICT);
	check_clean(w, "undone");
}

enum { LOADED = 2500 };

/* A load over a registry that has each third of them already. */
static void load(struct world *w)
{
	static struct store_put puts[LOADED];
	char id[40];
	for (unsigned i = 0; i < LOADED; i++) {
		snprintf(id, sizeof id, "88.1/SN%06u", i);
		puts[i] = world_put(w, id);
	}
	struct store_txn before = {.nputs = LOADED / 3, .bulk = true, .time_ms = w->time_ms};
	struct store_txn txn = {
		.puts = puts, .nputs = LOADED, .bulk = true, .time_ms = w->time_ms + 1000};
	struct store_put *third = hlv_alloc(&w->arena, sizeof puts / 3);
	for (unsigned i = 0; i < LOADED / 3; i++)
		third[i] = puts[i * 3];
	before.puts = third;
	assert_int_equal(w->store->ops->commit(w->store, &before, 1), HLV_OK); /* 1 */
	assert_int_equal(w->store->ops->commit(w->store, &txn, 1), HLV_OK);    /* 2 */
	assert_int_equal(txn.err, HLV_OK);
	w->time_ms += 1000;
}

static void undo_of_a_load(void **state)
{
	struct world *w = *state;
	size_t n, slices;
	load(w);
	change(w, "88.1/SN000100");
	change(w, "88.1/SN000100x");
	change(w, "-88.1/SN000003");
	check_clean(w, "loaded");
	assert_int_equal(undo_change(w, 2, &n, &slices), HLV_OK);
	assert_int_equal(n, LOADED - 2);
	assert_true(slices == 3);
	check_clean(w, "undone");
	/* Those that were there, without the one that was deleted, and two changed since. */
	assert_int_equal(world_count(w, "88.1"), LOADED / 3 - 1 + 2);
	assert_int_equal(world_find(w, "88.1/SN000100"), HLV_OK);
	assert_int_equal(world_find(w, "88.1/SN000101"), HLV_E_NOT_FOUND);
	assert_int_equal(world_find(w, "88.1/SN000102"), HLV_OK);
	assert_int_equal(undo_change(w, 2, &n, &slices), HLV_OK); /* nothing is left of it */
	assert_int_equal(n, 0);
}

static size_t trim(struct world *w, uint64_t before_ms)
{
	bool done = false;
	size_t slices = 0;
	while (!done) {
		struct store_txn txn;
		begin(w);
		assert_int_equal(
			history_trim(w->store, w->view, before_ms, &w->arena, &txn, &done),
			HLV_OK);
		end(w);
		assert_true(txn.nputs <= 1002);
		if (txn.nputs == 0)
			continue;
		assert_int_equal(w->store->ops->commit(w->store, &txn, 1), HLV_OK);
		assert_int_equal(txn.err, HLV_OK);
		slices++;
	}
	check_clean(w, "trimmed");
	return slices;
}

static uint64_t gone(struct world *w)
{
	uint64_t seq;
	begin(w);
	assert_int_equal(history_gone(w->store, w->view, &seq), HLV_OK);
	end(w);
	return seq;
}

static void trimming(void **state)
{
	struct world *w = *state;
	uint64_t zero = w->time_ms;
	static const char *const changes[] = {"88.1/a", "88.1/a",  "88.1/b",
					      "88.1/a", "-88.1/b", "88.1/a"};
	struct history_version v;
	struct store_key key;
	store_key(hlv_text("88.1/a"), &key);
	for (size_t i = 0; i < 6; i++)
		change(w, changes[i]);
	assert_int_equal(trim(w, zero), 0);
	assert_int_equal(gone(w), 0);
	check_versions(w, "88.1/a", 9, "6 4 2 1");
	assert_int_equal(trim(w, zero + 4000), 1); /* before change 4 */
	assert_int_equal(gone(w), 3);
	check_versions(w, "88.1/a", 9, "6 4 2");
	assert_int_equal(trim(w, zero + 4000), 0);
	begin(w);
	assert_int_equal(history_at(w->store, w->view, &key, zero + 2000, &v), HLV_OK);
	assert_int_equal(history_at(w->store, w->view, &key, zero + 1000, &v),
			 HLV_E_UNSUPPORTED);
	end(w);
	assert_int_equal(trim(w, UINT64_MAX), 1);
	assert_int_equal(gone(w), 6);
	check_versions(w, "88.1/a", 9, "6");
	check_versions(w, "88.1/b", 9, "5-");
	assert_int_equal(undo(w, "88.1/a"), HLV_E_UNSUPPORTED);
	assert_int_equal(undo(w, "88.1/b"), HLV_OK); /* a tombstone has its values */
	assert_int_equal(world_find(w, "88.1/b"), HLV_OK);
	change(w, "88.1/a");
	assert_int_equal(undo(w, "88.1/a"), HLV_OK);
	check_clean(w, "after");
}

static void trimming_a_load(void **state)
{
	struct world *w = *state;
	load(w); /* 1, 2: 833 former versions */
	load(w); /* 3, 4: 833 and 2500 */
	change(w, "88.1/SN000100");
	assert_true(trim(w, w->time_ms) > 4);
	assert_int_equal(gone(w), 4);
	check_versions(w, "88.1/SN000100", 9, "5 4");
	check_versions(w, "88.1/SN000000", 9, "4");
	check_versions(w, "88.1/SN002499", 9, "4");
	assert_int_equal(trim(w, UINT64_MAX), 1);
	check_versions(w, "88.1/SN000100", 9, "5");
}

/* A registry of 1.0 has no sum, and nobody kept what its changes replaced. */
static void older_registry(void **state)
{
	struct world *w = *state;
	static const uint8_t format[4] = {0, 1, 0, 0};
	static const struct store_lmdb_options write = {0};
	struct store_put old[] = {
		{SPACE_META, hlv_text("state"), {0}},
		{SPACE_META, hlv_text("format"), hlv_bytes(format, sizeof format)},
		{SPACE_HISTORY, {0}, {0}}};
	uint8_t octets[HISTORY_KEY_MAX];
	char why[STORE_WHY];
	change(w, "88.1/a");
	change(w, "88.1/a");
	change(w, "88.1/b");
	old[2].key = history_key(world_key(w, "88.1/a"), 2, octets);
	assert_int_equal(world_commit(w, old + 2, 1), HLV_OK);
	assert_int_equal(world_commit(w, old, 2), HLV_OK);
	world_close(w);
	assert_int_equal(world_open(w, &write, why), HLV_OK);
	check_clean(w, "upgraded");
	assert_int_equal(gone(w), 3);
	assert_int_equal(undo(w, "88.1/a"), HLV_E_UNSUPPORTED);
	change(w, "88.1/a");
	check_versions(w, "88.1/a", 9, "4 2");
	check_clean(w, "changed");
	begin(w);
	uint8_t sum[STORE_STATE_HASH];
	assert_int_equal(store_state_hash(w->store, w->view, sum), HLV_OK);
	end(w);
}

/* Any changes, undone and trimmed at any time: the newest versions are what a list of all
 * changes says, and nothing is found to be wrong. */
static void anything(void **state)
{
	struct world *w = *state;
	enum { IDS = 6, ROUNDS = 1500 };
	static uint64_t made[IDS][ROUNDS + 1];
	size_t n[IDS] = {0};
	unsigned seed = 20;
	uint64_t cut_ms = 0;
	for (int round = 0; round < ROUNDS; round++) {
		unsigned i = (unsigned)rand_r(&seed) % IDS, what = (unsigned)rand_r(&seed) % 20;
		char id[20];
		snprintf(id, sizeof id, "%s88.1/x%.*s", what < 6 ? "-" : "", (int)i, "abcdef");
		if (what == 19) {
			cut_ms = w->time_ms - (unsigned)rand_r(&seed) % 60000;
			trim(w, cut_ms);
		} else if (what == 18 && n[i] > 0) {
			enum hlv_err err = undo(w, id);
			assert_true(err == HLV_OK || err == HLV_E_UNSUPPORTED);
			if (err == HLV_OK)
				made[i][n[i]++] = world_seq(w);
		} else {
			change(w, id);
			made[i][n[i]++] = world_seq(w);
		}
	}
	for (unsigned i = 0; i < IDS; i++) {
		struct store_key key;
		struct history h;
		char id[20];
		snprintf(id, sizeof id, "88.1/x%.*s", (int)i, "abcdef");
		store_key(hlv_text(id), &key);
		begin(w);
		assert_int_equal(history_read(w->store, w->view, &key, ROUNDS, &w->arena, &h),
				 HLV_OK);
		assert_true(h.n <= n[i] && h.n > 1);
		for (size_t k = 0; k < h.n; k++)
			assert_int_equal(h.versions[k].seq, made[i][n[i] - 1 - k]);
		assert_true(h.n == n[i] || h.versions[h.n - 1].until_seq > 0);
		end(w);
	}
	check_clean(w, "anything");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(versions),		BOTH(kept_by_every_kind),   BOTH(at_a_time),
		BOTH(undo_newest),	BOTH(undo_brings_back_all), BOTH(undo_meets_a_change),
		BOTH(undo_of_a_change), BOTH(undo_of_a_load),	    BOTH(trimming),
		BOTH(trimming_a_load),	ON(lmdb, older_registry),   ON(mem, anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
