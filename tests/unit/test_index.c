/* SPDX-License-Identifier: Apache-2.0 */
#include "server/index.h"

#include "server/search.h"
#include "tests/unit/store_world.h"
#include "tests/unit/unit.h"

static void test_patterns(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *text;
		bool fits;
	} rows[] = {
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "abc", true},
		{"a", "A", true},
		{"a", "ab", false},
		{"a*", "ab", true},
		{"*b", "ab", true},
		{"*b", "abc", false},
		{"a*c", "abbc", true},
		{"a*c", "ac", true},
		{"a*c", "abcd", false},
		{"*b*", "abc", true},
		{"*b*", "ac", false},
		{"**", "x", true},
		{"a**b", "ab", true},
		{"*ab", "aab", true},
		{"*aab", "aaab", true},
		{"a*b*c", "aXbXbXc", true},
		{"a*b*c", "acb", false},
		{"?", "x", false},
		{"[a]", "a", false},
		{"\xC3\xBC*", "\xC3\xBCx", true},
		{"\xC3\xBC", "\xC3\x9C", false},
		{"*a*a*a*b", "aaaaaaaaaaaaaaaa", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (search_matches(hlv_text(rows[i].pattern), hlv_text(rows[i].text)) !=
		    rows[i].fits)
			fail_msg("%s on %s", rows[i].pattern, rows[i].text);
}

static void test_rules(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum hlv_err err;
		size_t n;
	} rows[] = {
		{"\1", HLV_OK, 0},
		{"\1\nURL", HLV_OK, 1},
		{"\1\nURL\nGS1:*", HLV_OK, 2},
		{"\2\n\tURL\nGS1:*", HLV_OK, 2},
		{"\2\n\t", HLV_E_CORRUPT, 0},
		{"", HLV_E_CORRUPT, 0},
		{"\1URL", HLV_E_CORRUPT, 0},
		{"\1\n", HLV_E_CORRUPT, 0},
		{"\1\n\nURL", HLV_E_CORRUPT, 0},
		{"\1\nURL\n", HLV_E_CORRUPT, 1},
	};
	struct index_rules rules;
	for (size_t i = 0; i < COUNT(rows); i++) {
		check_err(rows[i].text, index_rules_read(hlv_text(rows[i].text), &rules),
			  rows[i].err);
		if (rows[i].err == HLV_OK)
			assert_int_equal(rules.ntypes, rows[i].n);
	}
	char many[INDEX_TEXT_MAX + 2] = "\1";
	for (size_t i = 0; i <= INDEX_TYPES_MAX; i++)
		memcpy(many + 1 + 2 * i, "\nA", 2);
	check_err("too many", index_rules_read(hlv_text(many), &rules), HLV_E_CORRUPT);
	check_err("good", index_rules_read(hlv_text("\1\nURL\nGS1:*"), &rules), HLV_OK);
	static const char *const in[] = {"url", "URL", "gs1:", "Gs1:pip"};
	static const char *const out[] = {"", "UR", "URLS", "gs1", "EMAIL"};
	for (size_t i = 0; i < COUNT(in); i++)
		assert_true(index_has_type(&rules, hlv_text(in[i])));
	for (size_t i = 0; i < COUNT(out); i++)
		assert_false(index_has_type(&rules, hlv_text(out[i])));
}

static void test_cursors(void **state)
{
	(void)state;
	struct store_key key;
	char longest[LOOK_CURSOR_MAX + 3];
	memset(longest, 'a', sizeof longest);
	static const char *const bad[] = {"0", "00", "0g", "xyz", "001", " 0011"};
	for (size_t i = 0; i < COUNT(bad); i++)
		if (look_read_cursor(hlv_text(bad[i]), &key))
			fail_msg("taken: %s", bad[i]);
	assert_true(look_read_cursor(hlv_text(""), &key));
	assert_int_equal(key.n, 0);
	assert_true(look_read_cursor(hlv_bytes(longest, LOOK_CURSOR_MAX), &key));
	assert_int_equal(key.n, STORE_KEY_MAX);
	assert_false(look_read_cursor(hlv_bytes(longest, LOOK_CURSOR_MAX + 2), &key));
	struct hlv_buf b = {0};
	uint8_t octets[] = {0, 0xFF, 'A', 1};
	look_put_cursor(&b, hlv_bytes(octets, sizeof octets));
	assert_true(look_read_cursor(hlv_buf_bytes(&b), &key));
	assert_memory_equal(key.octets, octets, sizeof octets);
	hlv_buf_free(&b);
}

static void test_entries(void **state)
{
	(void)state;
	uint8_t room[INDEX_ENTRY_MAX];
	struct hlv_bytes key = hlv_text("12345678URL"), found,
			 entry = index_entry(key,
					     hlv_text("\1"
						      "88.1/A"),
					     room);
	check_err("whole", index_entry_open(entry, key, &found), HLV_OK);
	assert_true(hlv_eq(found, hlv_text("\1"
					   "88.1/A")));
	check_err("other key", index_entry_open(entry, hlv_text("12345678URM"), &found),
		  HLV_E_CORRUPT);
	for (size_t i = 0; i < entry.n; i++) {
		room[i] ^= 0x10;
		check_err("bit", index_entry_open(entry, key, &found), HLV_E_CORRUPT);
		room[i] ^= 0x10;
		check_err("cut", index_entry_open(hlv_head(entry, i), key, &found),
			  HLV_E_CORRUPT);
	}
}

/* --- in a registry --- */

static bool count_one(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	size_t *n = ctx;
	(void)key;
	(void)value;
	(*n)++;
	return true;
}

static size_t entries(struct world *w)
{
	size_t n = 0;
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(
		w->store->ops->scan(w->view, SPACE_INDEX, (struct hlv_bytes){0}, count_one, &n),
		HLV_OK);
	w->store->ops->view_end(w->view);
	return n;
}

static void build(struct world *w, const char *text, bool changes, uint64_t want)
{
	bool changed;
	uint64_t built;
	assert_int_equal(index_build(w->store, w->view, hlv_text(text), INDEX_AS_IT_IS,
				     &changed, &built),
			 HLV_OK);
	assert_int_equal(changed, changes);
	assert_int_equal(built, want);
}

static void is_sound(struct world *w)
{
	char line[320];
	if (world_verify(w, line) != 0)
		fail_msg("%s", line);
}

static void test_kept(void **state)
{
	struct world *w = *state;
	struct store_put a = {SPACE_RECORD, world_key(w, "88.1/a"),
			      world_record(w, "88.1/a", 3, 0)};
	struct store_put more = {SPACE_RECORD, world_key(w, "88.1/a"),
				 world_record(w, "88.1/a", 5, 0)};
	struct store_put b = world_put(w, "88.1/b"), gone = world_delete(w, "88.1/a");
	assert_int_equal(world_commit(w, &a, 1), HLV_OK);
	assert_int_equal(entries(w), 0);
	build(w, "", false, 0);
	build(w, "\n*", true, 3);
	assert_int_equal(entries(w), 3);
	build(w, "\n*", false, 0);
	is_sound(w);
	assert_int_equal(world_commit(w, &more, 1), HLV_OK);
	assert_int_equal(entries(w), 5);
	assert_int_equal(world_commit(w, &b, 1), HLV_OK);
	is_sound(w);
	assert_int_equal(world_commit(w, &gone, 1), HLV_OK);
	is_sound(w);
	size_t left = entries(w);
	build(w, "\nNOSUCH", true, 0);
	assert_int_equal(entries(w), 0);
	is_sound(w);
	build(w, "\n*", true, left);
	build(w, "", true, 0);
	assert_int_equal(entries(w), 0);
	is_sound(w);
}

/* The registry's check sees what is missing and what is too much. */
static void test_checked(void **state)
{
	struct world *w = *state;
	char line[320];
	struct store_put a = {SPACE_RECORD, world_key(w, "88.1/a"),
			      world_record(w, "88.1/a", 1, 0)};
	assert_int_equal(world_commit(w, &a, 1), HLV_OK);
	build(w, "\n*", true, 1);
	uint8_t room[INDEX_ENTRY_MAX];
	struct hlv_bytes key = hlv_text("12345678FOREIGN");
	struct store_put foreign = {SPACE_INDEX, key, index_entry(key, a.key, room)};
	assert_int_equal(world_commit(w, &foreign, 1), HLV_OK);
	assert_int_equal(world_verify(w, line), 1);
	assert_non_null(strstr(line, "1 entries too many"));
	foreign.value.n = 0;
	assert_int_equal(world_commit(w, &foreign, 1), HLV_OK);
	is_sound(w);
	struct store_put bad = {SPACE_INDEX, hlv_text("1234567"), a.key};
	assert_int_equal(world_commit(w, &bad, 1), HLV_E_MALFORMED);
}

/* --- slice by slice --- */

enum { MANY = 12000 };

static void fill(struct world *w)
{
	static char names[MANY][24];
	static struct store_put puts[100];
	for (size_t i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof names[i], "88.1/%05zu", i);
		puts[i % 100] = (struct store_put){SPACE_RECORD, world_key(w, names[i]),
						   world_record(w, names[i], 1, 0)};
		if (i % 100 == 99)
			assert_int_equal(world_commit(w, puts, 100), HLV_OK);
	}
}

static enum hlv_err search_for(struct world *w, const char *type)
{
	struct search s = {.n = 1, .limit = 10, .where[0] = {hlv_text(type), hlv_text("*")}};
	struct answer_context c = {.store = w->store, .view = w->view};
	struct hlv_buf out = {0};
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	enum hlv_err err = search_run(&c, &s, &out);
	w->store->ops->view_end(w->view);
	hlv_buf_free(&out);
	return err;
}

/* One transaction of the builder; false: there was nothing to do. */
static bool step(struct world *w, const char *text, enum index_want want)
{
	struct hlv_arena a;
	struct store_txn txn;
	uint64_t entered;
	hlv_arena_init(&a, 64 << 20);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	if (text)
		assert_int_equal(index_want(w->store, w->view, hlv_text(text), want, &a, &txn),
				 HLV_OK);
	else
		assert_int_equal(index_slice(w->store, w->view, &a, &txn, &entered), HLV_OK);
	w->store->ops->view_end(w->view);
	bool any = txn.nputs > 0;
	assert_true(txn.nputs <= 1000 + HLV_VALUES_MAX + 2);
	if (any)
		assert_int_equal(w->store->ops->commit(w->store, &txn, 1), HLV_OK);
	hlv_arena_fini(&a);
	return any;
}

/* Between slices others change records in front of, and behind, where the builder is. */
static void test_slices(void **state)
{
	struct world *w = *state;
	size_t n = 0;
	fill(w);
	check_err("none", search_for(w, "TYPE"), HLV_E_UNSUPPORTED);
	assert_true(step(w, "\n*", INDEX_AS_IT_IS));
	assert_false(step(w, "\n*", INDEX_AS_IT_IS));
	check_err("being built", search_for(w, "TYPE"), HLV_E_BUSY);
	while (step(w, NULL, INDEX_AS_IT_IS)) {
		char early[24], late[24];
		snprintf(early, sizeof early, "88.1/%05zu", n);
		snprintf(late, sizeof late, "88.1/%05zu", MANY - 1 - n);
		struct store_put put = {SPACE_RECORD, world_key(w, early),
					world_record(w, early, 3, 0)};
		struct store_put gone = world_delete(w, late);
		assert_int_equal(world_commit(w, &put, 1), HLV_OK);
		assert_int_equal(world_commit(w, &gone, 1), HLV_OK);
		is_sound(w);
		n++;
	}
	assert_true(n >= MANY / 1000);
	check_err("ready", search_for(w, "TYPE"), HLV_OK);
	is_sound(w);
	assert_int_equal(entries(w), MANY + n);
	/* Other types, and before they are swept others again, and then these. */
	assert_true(step(w, "\nNOSUCH", INDEX_AS_IT_IS));
	check_err("gone at once", search_for(w, "TYPE"), HLV_E_UNSUPPORTED);
	assert_true(step(w, NULL, INDEX_AS_IT_IS));
	assert_true(step(w, "\n*", INDEX_AS_IT_IS));
	check_err("not yet again", search_for(w, "TYPE"), HLV_E_BUSY);
	while (step(w, NULL, INDEX_AS_IT_IS))
		continue;
	is_sound(w);
	assert_int_equal(entries(w), MANY + n);
	/* A type that comes does not take away what is there. */
	assert_true(step(w, "\n*\nNOSUCH", INDEX_AS_IT_IS));
	check_err("still", search_for(w, "TYPE"), HLV_OK);
	while (step(w, NULL, INDEX_AS_IT_IS))
		continue;
	/* Anew: what does not belong there goes. */
	uint8_t room[INDEX_ENTRY_MAX];
	struct hlv_bytes key = hlv_text("12345678FOREIGN");
	struct store_put foreign = {SPACE_INDEX, key,
				    index_entry(key, world_key(w, "88.1/00000"), room)};
	assert_int_equal(world_commit(w, &foreign, 1), HLV_OK);
	assert_true(step(w, "\n*\nNOSUCH", INDEX_ANEW));
	check_err("anew", search_for(w, "TYPE"), HLV_E_BUSY);
	while (step(w, NULL, INDEX_AS_IT_IS))
		continue;
	assert_int_equal(entries(w), MANY + n);
	is_sound(w);
}

/* As an earlier version left it: all is to be built, and it says no word of how far it came. */
static void test_older(void **state)
{
	struct world *w = *state;
	struct store_put a = {SPACE_RECORD, world_key(w, "88.1/a"),
			      world_record(w, "88.1/a", 2, 0)};
	struct store_put rules = {SPACE_META, hlv_text("index"), hlv_bytes("\0\n*", 3)};
	assert_int_equal(world_commit(w, &a, 1), HLV_OK);
	assert_int_equal(world_commit(w, &rules, 1), HLV_OK);
	check_err("being built", search_for(w, "TYPE"), HLV_E_BUSY);
	build(w, "\n*", true, 2);
	is_sound(w);
	struct store_put damaged = {SPACE_META, hlv_text("index"), hlv_text("\1rubbish")};
	assert_int_equal(world_commit(w, &damaged, 1), HLV_OK);
	build(w, "\n*", true, 2);
	is_sound(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_cursors),
		cmocka_unit_test(test_entries),
		BOTH(test_kept),
		BOTH(test_checked),
		BOTH(test_slices),
		BOTH(test_older),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
