/* SPDX-License-Identifier: Apache-2.0
 *
 * A login holds as long as the value that proved it stands where it stood.
 */
#include "server/authn_inner.h"
#include "tests/unit/admins.h"
#include "tests/unit/unit.h"

enum { HOUR = 3600, THEN_S = 1000000000 /* of what admins.h writes */ };

struct world {
	struct admins admins;
	struct authn_rules rules;
	struct authn *authn;
	struct registry_view in;
	struct hlv_exchange x;
	struct job j;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	admins_open(&w->admins);
	admins_home(&w->admins, "0.NA/88.118");
	w->authn = authn_new(&w->rules, 1);
	assert_non_null(w->authn);
	w->in = (struct registry_view){w->admins.store, w->admins.view};
	w->j.x = &w->x;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	authn_free(w->authn);
	admins_close(&w->admins);
	free(w);
	return 0;
}

/* `data` NULL: another node has the key. */
static void prove(struct world *w, const char *kind, uint32_t index, const char *data,
		  bool legacy)
{
	struct hlv_value v = {.index = index, .mtime_s = THEN_S};
	if (data)
		v.data = hlv_text(data);
	w->j.proof.kind = hlv_text(kind);
	assert_true(authn_note_proven(w->authn, &w->j, data ? &v : NULL, legacy));
}

static bool holds(struct world *w, const char *who)
{
	struct hlv_ref ref = hlv_ref_parse(hlv_text(who));
	admins_begin(&w->admins);
	const char *over = authn_proof_over(w->authn, &w->j, &w->in, &ref, &w->j.proven);
	admins_end(&w->admins);
	return !over;
}

static const struct {
	const char *name, *kind, *values;
	uint8_t flags;
	bool holds;
} rows[] = {
	{"as it was", "HS_SECKEY", "301/0c HS_SECKEY one", 0, true},
	{"with other values", "HS_SECKEY", "1 URL x | 301 HS_SECKEY one | 302 HS_SECKEY two", 0,
	 true},
	{"by public key", "HS_PUBKEY", "301 HS_PUBKEY one", 0, true},
	{"gone", "HS_SECKEY", "1 URL x", 0, false},
	{"its place is kept", "HS_SECKEY", "301 REMOVED_KEY one", 0, false},
	{"another secret", "HS_SECKEY", "301 HS_SECKEY eno", 0, false},
	{"an empty one", "HS_SECKEY", "301 HS_SECKEY ", 0, false},
	{"a longer one", "HS_SECKEY", "301 HS_SECKEY one1", 0, false},
	{"moved", "HS_SECKEY", "302 HS_SECKEY one", 0, false},
	{"another kind", "HS_SECKEY", "301 HS_PUBKEY one", 0, false},
	{"the other way", "HS_PUBKEY", "301 HS_SECKEY one", 0, false},
	{"its identifier is deleted", "HS_SECKEY", "301 HS_SECKEY one", HLV_RECORD_DELETED,
	 false},
};

static void test_rows(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		prove(w, rows[i].kind, 301, "one", false);
		admins_put_state(&w->admins, "88.118/P", rows[i].values, rows[i].flags,
				 HLV_STATE_ACTIVE, 0);
		check_u64(rows[i].name, holds(w, "301:88.118/P"), rows[i].holds);
	}
	check_u64("somebody else's", holds(w, "301:88.118/NOBODY"), false);
}

/* Of a record that does not resolve no key proves anybody. */
static void test_states(void **state)
{
	static const enum hlv_state others[] = {HLV_STATE_FROZEN, HLV_STATE_REVOKED,
						HLV_STATE_RESERVED, HLV_STATE_REGISTERED};
	struct world *w = *state;
	const char *values = "301/0c HS_SECKEY one";
	prove(w, "HS_SECKEY", 301, "one", false);
	for (size_t i = 0; i < COUNT(others); i++) {
		admins_put_state(&w->admins, "88.118/P", values, 0, others[i], 0);
		check_u64(hlv_state_name((uint8_t)others[i]), holds(w, "301:88.118/P"), false);
	}
	admins_put_state(&w->admins, "88.118/P", values, 0, HLV_STATE_ACTIVE,
			 HLV_LOCK_SERVER_UPDATE);
	check_u64("locked", holds(w, "301:88.118/P"), true);
}

/* What comes over the network is stamped: the same key of another time is another key. */
static void test_changed_back(void **state)
{
	struct world *w = *state;
	prove(w, "HS_SECKEY", 301, "one", false);
	struct hlv_value v = {.index = 301, .mtime_s = THEN_S + 1, .data = hlv_text("one")};
	struct hlv_proven was = w->j.proven;
	assert_true(authn_note_proven(w->authn, &w->j, &v, false));
	assert_memory_not_equal(was.digest, w->j.proven.digest, HLV_PROVEN_DIGEST);
	admins_put(&w->admins, "88.118/P", "301/0c HS_SECKEY one");
	check_u64("of the later one", holds(w, "301:88.118/P"), false);
}

/* Who left it to us which of his keys fits is held to the one that did. */
static void test_any_index(void **state)
{
	struct world *w = *state;
	prove(w, "HS_SECKEY", 302, "two", false);
	admins_put(&w->admins, "88.118/P", "301/0c HS_SECKEY one | 302/0c HS_SECKEY two");
	check_u64("there", holds(w, "0:88.118/P"), true);
	admins_put(&w->admins, "88.118/P", "301/0c HS_SECKEY one");
	check_u64("gone", holds(w, "0:88.118/P"), false);
}

static void test_elsewhere(void **state)
{
	struct world *w = *state;
	w->x.now.mono_ns = UINT64_C(5000000000);
	prove(w, "HS_PUBKEY", 300, NULL, false);
	check_u64("at once", holds(w, "300:88.2/U"), true);
	w->x.now.mono_ns += (HOUR - 1) * UINT64_C(1000000000);
	check_u64("just under an hour", holds(w, "300:88.2/U"), true);
	w->x.now.mono_ns += UINT64_C(1000000000);
	check_u64("an hour", holds(w, "300:88.2/U"), false);
	w->x.now.mono_ns = UINT64_C(5000000000);
	admins_home(&w->admins, "0.NA/88.2");
	check_u64("it is ours now", holds(w, "300:88.2/U"), false);
}

static void test_of_here_that_left(void **state)
{
	struct world *w = *state;
	prove(w, "HS_PUBKEY", 300, "one", false);
	check_u64("another node's now", holds(w, "300:88.2/U"), false);
}

static void test_legacy(void **state)
{
	struct world *w = *state;
	w->rules.allow_legacy = true;
	prove(w, "HS_SECKEY", 301, "one", true);
	admins_put(&w->admins, "88.118/P", "301/0c HS_SECKEY one");
	check_u64("allowed", holds(w, "301:88.118/P"), true);
	w->rules.allow_legacy = false;
	check_u64("not any more", holds(w, "301:88.118/P"), false);
}

/* Another process believes nothing of it. */
static void test_another_process(void **state)
{
	struct world *w = *state;
	struct authn *first = w->authn;
	prove(w, "HS_SECKEY", 301, "one", false);
	admins_put(&w->admins, "88.118/P", "301/0c HS_SECKEY one");
	w->authn = authn_new(&w->rules, 1);
	check_u64("another's", holds(w, "301:88.118/P"), false);
	authn_free(w->authn);
	w->authn = first;
	check_u64("our own", holds(w, "301:88.118/P"), true);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_rows),      TEST(test_states),	  TEST(test_changed_back),
		TEST(test_any_index), TEST(test_elsewhere),	  TEST(test_of_here_that_left),
		TEST(test_legacy),    TEST(test_another_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
