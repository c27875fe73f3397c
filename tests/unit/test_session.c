/* SPDX-License-Identifier: Apache-2.0 */
#include "server/session.h"

#include "tests/unit/unit.h"

static const uint8_t key[32] = "a key of thirty-two octets, yes";

static struct hlv_now at(uint64_t second)
{
	return (struct hlv_now){.mono_ns = (1000 + second) * UINT64_C(1000000000)};
}

static struct session_setup setup(const char *who, const char *from)
{
	struct session_setup s = {
		.version = HLV_V(2, 11), .cipher = HLV_CIPHER_AES, .key = hlv_bytes(key, 32)};
	s.who = hlv_ref_parse(hlv_text(who));
	if (*from)
		assert_int_equal(hlv_addr_parse(from, 1, &s.source), HLV_OK);
	return s;
}

static bool put(struct session_table *t, const char *who, const char *from, uint32_t id,
		uint64_t second)
{
	struct session_setup s = setup(who, from);
	return session_put(t, &s, id, at(second)) != NULL;
}

/* A session whose identity is proven; false when the identity has too many. */
static bool put_known(struct session_table *t, const char *who, uint32_t id, uint64_t second)
{
	struct session_setup s = setup(who, "");
	struct session *new = session_put(t, &s, id, at(second));
	assert_non_null(new);
	return session_authenticate(t, new, at(second));
}

static void test_what_was_put_is_found(void **state)
{
	(void)state;
	struct session_table *t = session_table_new(1);
	char name[] = "300:0.NA/20.500";
	uint8_t octets[32];
	memcpy(octets, key, 32);
	struct session_setup s = setup(name, "192.0.2.1");
	s.key = hlv_bytes(octets, 32);
	assert_non_null(session_put(t, &s, 41, at(0)));
	memset(name, 'x', sizeof name); /* copied */
	memset(octets, 0, sizeof octets);
	struct session *found = session_find(t, 41, at(1));
	assert_non_null(found);
	check_u64("id", found->id, 41);
	check_text("who", found->who.handle, "0.NA/20.500");
	check_u64("index", found->who.index, 300);
	check_bytes("key", found->key, hlv_bytes(key, 32));
	check_u64("cipher", found->cipher, HLV_CIPHER_AES);
	check_u64("version", (uint64_t)found->version, HLV_V(2, 11));
	check_u64("not authenticated", found->authenticated, false);
	check_u64("our counter", found->sent, 0);
	session_end(t, found);
	assert_null(session_find(t, 41, at(1)));
	check_u64("gone", session_has(t, 41), false);
	check_u64("none left", session_count(t), 0);
	session_table_free(t);
}

static void test_refused_setups(void **state)
{
	(void)state;
	struct session_table *t = session_table_new(1);
	assert_true(put(t, "300:0.NA/1", "", 41, 0));
	static const struct {
		const char *name;
		uint32_t id;
	} rows[] = {{"no id", 0}, {"negative", 1U << 31}, {"-1", UINT32_MAX}, {"taken", 41}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		check_u64(rows[i].name, put(t, "300:0.NA/1", "", rows[i].id, 0), false);
		check_u64(rows[i].name, session_count(t), 1);
	}
	uint8_t name[HLV_IDENTIFIER_MAX + 1] = {0};
	struct session_setup s = setup("", "");
	s.who.handle = hlv_bytes(name, sizeof name);
	assert_null(session_put(t, &s, 42, at(0)));
	static const uint32_t unknown[] = {0, 40, 42, 41U | 1U << 31};
	for (size_t i = 0; i < COUNT(unknown); i++)
		assert_null(session_find(t, unknown[i], at(0)));
	session_table_free(t);
}

/* Life, and the idle time that each use begins anew. */
static void test_ends(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t timeout_s;
		uint64_t used[2]; /* seconds */
		uint64_t asked;
		bool there;
	} rows[] = {
		{"idle, almost", 0, {0, 0}, 1799, true},
		{"idle", 0, {0, 0}, 1800, false},
		{"idle after use", 0, {1000, 1700}, 3499, true},
		{"idle again", 0, {1000, 1700}, 3500, false},
		{"at least a minute", 1, {0, 0}, 59, true},
		{"a minute", 1, {0, 0}, 60, false},
		{"as asked", 100, {50, 99}, 99, true},
		{"as asked, over", 100, {50, 99}, 100, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct session_table *t = session_table_new(i);
		struct session_setup s = setup("300:0.NA/1", "");
		s.timeout_s = rows[i].timeout_s;
		assert_non_null(session_put(t, &s, 41, at(0)));
		for (int k = 0; k < 2; k++)
			assert_non_null(session_find(t, 41, at(rows[i].used[k])));
		session_tick(t, at(rows[i].asked));
		check_u64(rows[i].name, session_has(t, 41), rows[i].there);
		check_u64(rows[i].name, session_find(t, 41, at(rows[i].asked)) != NULL,
			  rows[i].there);
		session_table_free(t);
	}
}

/* A day, whatever was asked for and however busy it is; found over without a tick, too. */
static void test_a_day_at_most(void **state)
{
	(void)state;
	static const uint32_t asked[] = {0, 86400, 86401, UINT32_MAX};
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct session_table *t = session_table_new(i);
		struct session_setup s = setup("300:0.NA/1", "");
		s.timeout_s = asked[i];
		assert_non_null(session_put(t, &s, 41, at(0)));
		for (uint64_t second = 0; second < 86400; second += 1000)
			assert_non_null(session_find(t, 41, at(second)));
		assert_non_null(session_find(t, 41, at(86399)));
		assert_null(session_find(t, 41, at(86400)));
		check_u64("none left", session_count(t), 0);
		session_table_free(t);
	}
}

static void test_unauthenticated(void **state)
{
	(void)state;
	struct session_table *t = session_table_new(1);
	char from[32];
	assert_true(put_known(t, "300:0.NA/1", 1, 0));
	for (uint32_t i = 0; i < 1000; i++) {
		snprintf(from, sizeof from, "192.0.2.%u", i % 250);
		assert_true(put(t, "300:0.NA/1", from, 100 + i, 0));
	}
	check_u64("all", session_count(t), 1 + SESSIONS_UNAUTHENTICATED);
	check_u64("proven", session_has(t, 1), true);
	check_u64("the last", session_has(t, 1099), true);
	check_u64("the oldest that is left", session_has(t, 1036), true);
	check_u64("the oldest that is not", session_has(t, 1035), false);
	session_table_free(t);
}

/* One source loses its own oldest, and no other does. */
static void test_unauthenticated_of_a_source(void **state)
{
	(void)state;
	struct session_table *t = session_table_new(1);
	assert_true(put(t, "300:0.NA/1", "198.51.100.1", 1, 0));
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(put(t, "300:0.NA/1", i % 2 ? "[2001:db8::1]" : "[2001:db8::2]",
				100 + i, 0));
	check_u64("all", session_count(t), 1 + SESSIONS_UNAUTHENTICATED_PER_SOURCE);
	check_u64("another's", session_has(t, 1), true);
	check_u64("its last", session_has(t, 1099), true);
	session_table_free(t);
}

/* Nobody's claim counts before it is proven: strangers cannot use an identity's places up. */
static void test_claims_do_not_count(void **state)
{
	(void)state;
	struct session_table *t = session_table_new(1);
	for (uint32_t i = 0; i < 60; i++)
		assert_true(put(t, "300:0.NA/1", "", 100 + i, 0));
	for (uint32_t i = 0; i < SESSIONS_PER_IDENTITY; i++)
		check_u64("proven", put_known(t, "300:0.NA/1", 1 + i, 0), true);
	check_u64("one more", put_known(t, "300:0.NA/1", 50, 0), false);
	session_table_free(t);
}

static void test_per_identity(void **state)
{
	(void)state;
	static const struct {
		const char *name, *who;
		uint64_t second;
		bool known;
		bool first_there; /* of the 16 that were put at 0 .. 15 s */
	} rows[] = {
		{"all in use", "300:0.NA/a", 59, false, true},
		{"prefix in another case", "300:0.na/A", 59, false, true},
		{"the first is not", "300:0.NA/a", 60, true, false},
		{"another index", "301:0.NA/a", 59, true, true},
		{"another handle", "300:0.NA/b", 59, true, true},
		{"anonymous", "", 59, false, true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct session_table *t = session_table_new(i);
		for (uint32_t k = 0; k < SESSIONS_PER_IDENTITY; k++)
			assert_true(put_known(t, "300:0.NA/a", 1 + k, k));
		check_u64(rows[i].name, put_known(t, rows[i].who, 99, rows[i].second),
			  rows[i].known);
		check_u64(rows[i].name, session_has(t, 1), rows[i].first_there);
		check_u64(rows[i].name, session_has(t, 2), true);
		check_u64(rows[i].name, session_has(t, 99), true);
		session_table_free(t);
	}
}

static void test_suffix_has_case(void **state)
{
	(void)state;
	struct session_table *t = session_table_new(1);
	for (uint32_t k = 0; k < SESSIONS_PER_IDENTITY; k++)
		assert_true(put_known(t, "300:20.500/a", 1 + k, 0));
	check_u64("the same", put_known(t, "300:20.500/a", 50, 0), false);
	check_u64("another", put_known(t, "300:20.500/A", 51, 0), true);
	session_table_free(t);
}

/* The least recently used of them goes, not the oldest. */
static void test_least_used(void **state)
{
	(void)state;
	struct session_table *t = session_table_new(1);
	for (uint32_t k = 0; k < SESSIONS_PER_IDENTITY; k++)
		assert_true(put_known(t, "300:0.NA/a", 1 + k, 0));
	for (uint32_t k = 0; k < SESSIONS_PER_IDENTITY; k++)
		if (k != 6)
			assert_non_null(session_find(t, 1 + k, at(10)));
	assert_true(put_known(t, "300:0.NA/a", 50, 65));
	check_u64("unused one", session_has(t, 7), false);
	check_u64("count", session_count(t), SESSIONS_PER_IDENTITY);
	/* Once more is no second one. */
	struct session *s = session_find(t, 50, at(65));
	assert_true(session_authenticate(t, s, at(65)));
	check_u64("count", session_count(t), SESSIONS_PER_IDENTITY);
	for (uint32_t k = 0; k < SESSIONS_PER_IDENTITY; k++) {
		s = session_find(t, 1 + k, at(66));
		if (s)
			session_end(t, s);
	}
	check_u64("one is left", session_count(t), 1);
	session_table_free(t);
}

static void fill(struct session_table *t, uint64_t second)
{
	char who[32];
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		snprintf(who, sizeof who, "300:0.NA/%u", i / SESSIONS_PER_IDENTITY);
		assert_true(put_known(t, who, 1 + i, second));
	}
	check_u64("full", session_count(t), SESSIONS_MAX);
}

static void test_full(void **state)
{
	(void)state;
	struct session_table *t = session_table_new(1);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(put(t, "300:0.NA/1", "", 100000 + i, 0));
	fill(t, 0); /* those that proved nothing made room */
	check_u64("proved nothing", session_has(t, 100019), false);
	check_u64("one more", put(t, "300:0.NA/x", "", 99999, 1), false);
	check_u64("still all", session_has(t, 1), true);
	/* What is over makes room without a tick of the caller's. */
	check_u64("after the idle time", put(t, "300:0.NA/x", "", 99999, 1800), true);
	check_u64("the others are over", session_count(t), 1);
	session_table_free(t);
	session_table_free(NULL);
}

/* threats.md 3, protocol.md 9.1; the reference's own runs are among the golden vectors. */
static void test_counters(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int version;
		uint32_t first, then;
		bool accepted;
	} rows[] = {
		{"the next", HLV_V(2, 11), 1, 2, true},
		{"again", HLV_V(2, 11), 1, 1, false},
		{"again, large", HLV_V(2, 11), UINT32_MAX, UINT32_MAX, false},
		{"again at 2.5", HLV_V(2, 5), 1, 1, false},
		{"again at 2.4", HLV_V(2, 4), 1, 1, true},
		{"zero, not counted", HLV_V(2, 11), 5, 0, true},
		{"late", HLV_V(2, 11), 200, 1, true},
		{"199 behind", HLV_V(2, 11), 1000, 801, true},
		{"200 behind", HLV_V(2, 11), 1000, 800, false},
		{"far behind", HLV_V(2, 11), UINT32_MAX, 1, false},
		{"far ahead", HLV_V(2, 11), 1, UINT32_MAX, true},
		{"199 ahead", HLV_V(2, 11), 1, 200, true},
		{"200 ahead", HLV_V(2, 11), 1, 201, true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct session s = {.version = rows[i].version};
		assert_true(session_accept(&s, rows[i].first));
		check_u64(rows[i].name, session_accept(&s, rows[i].then), rows[i].accepted);
	}
}

/* Against a list of all that was seen: whatever the order, nothing twice. */
static void test_counters_in_any_order(void **state)
{
	(void)state;
	struct session s = {.version = HLV_V(2, 11)};
	enum { N = 20000 };
	static bool seen[N + 300];
	uint32_t highest = 0, x = 12345;
	for (int i = 0; i < 200000; i++) {
		x = x * 1664525 + 1013904223;
		uint32_t c = highest + (x >> 8) % 230;
		c = c > 220 ? c - 220 : 1;
		if (highest > N)
			break;
		bool fresh = !seen[c] && highest - (c < highest ? c : highest) < SESSION_WINDOW;
		check_u64("fresh", session_accept(&s, c), fresh);
		seen[c] |= fresh;
		highest = c > highest ? c : highest;
	}
	assert_true(highest > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_put_is_found),
		cmocka_unit_test(test_refused_setups),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_a_day_at_most),
		cmocka_unit_test(test_unauthenticated),
		cmocka_unit_test(test_unauthenticated_of_a_source),
		cmocka_unit_test(test_claims_do_not_count),
		cmocka_unit_test(test_per_identity),
		cmocka_unit_test(test_suffix_has_case),
		cmocka_unit_test(test_least_used),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_counters_in_any_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
