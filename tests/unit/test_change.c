/* SPDX-License-Identifier: Apache-2.0
 *
 * What surrounds a change: what it assumes, what its answer says, the operator's rules.
 */
#include "server/change.h"

#include "server/answer.h"
#include "tests/unit/admins.h"
#include "tests/unit/unit.h"

enum { OWE = 0x00400000, MNS = 0x00200000, PO = 0x01000000 };

static const struct principal owner = {ACTOR_CHALLENGE,
				       {{(const uint8_t *)"0.NA/88.118", 11}, 300}};
static const struct principal keeper = {ACTOR_SESSION, {{(const uint8_t *)"88.118/U", 8}, 320}};
static const struct principal stranger = {ACTOR_LOGIN, {{(const uint8_t *)"88.118/X", 8}, 1}};
static const struct principal login = {ACTOR_LOGIN, {{(const uint8_t *)"88.118/U", 8}, 320}};
static const struct principal nobody = {.how = ACTOR_PUBLIC};
static const struct principal local = {.how = ACTOR_LOCAL};

static struct hlv_request request(struct admins *w, uint32_t op, const char *id,
				  const char *values, uint32_t flags)
{
	struct hlv_request rq = {
		.m.env = {.major = 2, .minor = 11, .request_id = 77},
		.m.hdr = {.op = op, .flags = flags},
		.handle = hlv_text(id),
	};
	if (op == HLV_OP_RESOLUTION || op == HLV_OP_REMOVE_VALUE)
		rq.indexes = admins_indexes(&w->arena, values);
	else
		rq.values = admins_values(&w->arena, values);
	return rq;
}

static enum plan_verdict plan_in(struct admins *w, const struct principal *who,
				 const struct hlv_request *rq, struct plan *plan,
				 struct hlv_response *rs)
{
	admins_begin(w);
	return plan_request(&w->context, who, rq, plan, rs);
}

/* --- answers --- */

static void test_mint(void **state)
{
	(void)state;
	struct admins w;
	struct plan plan;
	struct hlv_response rs;
	char long_name[HLV_IDENTIFIER_MAX - 30];
	admins_fill(&w);
	struct hlv_request rq =
		request(&w, HLV_OP_CREATE_HANDLE, "88.118/a-", "1 URL x", MNS | OWE);
	assert_int_equal(plan_in(&w, &owner, &rq, &plan, &rs), PLAN_COMMIT);
	check_text("minted", rs.handle, "88.118/a-12345678-9abc-4ef0-9234-56789abcdef0");
	assert_true(rs.has_handle);
	check_u64("flags", plan.answer_flags, MNS);
	memset(long_name, 'x', sizeof long_name);
	memcpy(long_name, "88.118/", 7);
	rq.handle = hlv_bytes(long_name, sizeof long_name);
	assert_int_equal(plan_in(&w, &owner, &rq, &plan, &rs), PLAN_REFUSED);
	check_u64("too long", rs.rc, HLV_RC_INVALID_HANDLE);
	admins_close(&w);
}

static void test_echo_and_spelling(void **state)
{
	(void)state;
	struct admins w;
	struct plan plan;
	struct hlv_response rs;
	struct store_key key;
	struct hlv_record rec;
	admins_fill(&w);
	struct hlv_request rq = request(&w, HLV_OP_CREATE_HANDLE, "88.118/Neu", "1 URL x", 0);
	assert_int_equal(plan_in(&w, &owner, &rq, &plan, &rs), PLAN_COMMIT);
	check_text("echo", rs.handle, "88.118/Neu");
	check_err("commit", admins_commit(&w, &plan), HLV_OK);
	/* What is changed later keeps the spelling under which it was registered. */
	rq = request(&w, HLV_OP_CREATE_HANDLE, "88.118/NEU", "2 URL x", OWE);
	const struct principal *who = &local;
	assert_int_equal(plan_in(&w, who, &rq, &plan, &rs), PLAN_COMMIT);
	check_text("echo", rs.handle, "88.118/NEU");
	check_u64("flags", plan.answer_flags, OWE);
	check_err("commit", admins_commit(&w, &plan), HLV_OK);
	store_key(rq.handle, &key);
	admins_begin(&w);
	check_err("read", store_get_record(w.store, w.view, &key, &rec), HLV_OK);
	check_text("spelling", rec.name, "88.118/Neu");
	check_u64("time", rec.time_ms, 1700000000123);
	check_u64("all public", rec.flags, HLV_RECORD_ALL_PUBLIC);
	admins_close(&w);
}

static void test_answer_flags(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t op;
		const char *values;
		uint32_t flags;
	} rows[] = {
		{"add, none shared", HLV_OP_ADD_VALUE, "9 URL x", 0},
		{"add, one shared", HLV_OP_ADD_VALUE, "9 URL x | 5/0f WIKI x", OWE},
		{"add, one the same", HLV_OP_ADD_VALUE, "5/0f WIKI w", OWE},
		{"create over", HLV_OP_CREATE_HANDLE, "9 URL x", OWE},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct admins w;
		struct plan plan;
		struct hlv_response rs;
		admins_fill(&w);
		struct hlv_request rq =
			request(&w, rows[i].op, "88.118/WIKI2", rows[i].values, OWE);
		plan_in(&w, &keeper, &rq, &plan, &rs);
		check_u64(rows[i].name, rs.rc, HLV_RC_SUCCESS);
		check_u64(rows[i].name, plan.answer_flags, rows[i].flags);
		admins_close(&w);
	}
}

static void test_actor(void **state)
{
	(void)state;
	struct admins w;
	struct plan plan;
	struct hlv_response rs;
	admins_fill(&w);
	struct hlv_request rq = request(&w, HLV_OP_ADD_VALUE, "88.118/WIKI2", "9 URL x", 0);
	assert_int_equal(plan_in(&w, &keeper, &rq, &plan, &rs), PLAN_COMMIT);
	check_u64("how", plan.txn.actor.how, ACTOR_SESSION);
	check_u64("index", plan.txn.actor.who.index, 320);
	check_text("who", plan.txn.actor.who.handle, "88.118/U");
	check_u64("op", plan.txn.actor.op, HLV_OP_ADD_VALUE);
	check_u64("request id", plan.txn.actor.request_id, 77);
	check_u64("time", plan.txn.time_ms, 1700000000123);
	rq = request(&w, HLV_OP_MODIFY_VALUE, "88.118/WIKI2", "5/0f WIKI x", 0);
	assert_int_equal(plan_in(&w, &nobody, &rq, &plan, &rs), PLAN_COMMIT);
	check_u64("how", plan.txn.actor.how, ACTOR_PUBLIC);
	admins_close(&w);
}

/* --- what it assumes --- */

/* What is put between the plan and its commit, and makes it a conflict. */
static const struct {
	const char *name;
	uint32_t op;
	const char *id, *values;
	const char *changed; /* NULL: nothing */
	enum hlv_err err;
} races[] = {
	{"nothing", HLV_OP_ADD_VALUE, "88.118/BYGROUP", "9 URL x", NULL, HLV_OK},
	{"something else", HLV_OP_ADD_VALUE, "88.118/BYGROUP", "9 URL x", "88.118/WIKI",
	 HLV_OK},
	{"the record", HLV_OP_ADD_VALUE, "88.118/BYGROUP", "9 URL x", "88.118/BYGROUP",
	 HLV_E_CONFLICT},
	{"the group", HLV_OP_ADD_VALUE, "88.118/BYGROUP", "9 URL x", "88.118/INNER",
	 HLV_E_CONFLICT},
	{"the group above", HLV_OP_ADD_VALUE, "88.118/BYGROUP", "9 URL x", "88.118/OUTER",
	 HLV_E_CONFLICT},
	{"the prefix", HLV_OP_CREATE_HANDLE, "88.118/NEW", "9 URL x", "0.NA/88.118",
	 HLV_E_CONFLICT},
	{"created meanwhile", HLV_OP_CREATE_HANDLE, "88.118/NEW", "9 URL x", "88.118/NEW",
	 HLV_E_CONFLICT},
	{"created over a tombstone meanwhile", HLV_OP_CREATE_HANDLE, "88.118/GONE", "9 URL x",
	 "88.118/GONE", HLV_E_CONFLICT},
};

static void test_races(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(races); i++) {
		struct admins w;
		struct plan plan;
		struct hlv_response rs;
		admins_fill(&w);
		admins_put(&w, "88.118/BYGROUP", "1 HS_ADMIN fff,200:88.118/OUTER");
		admins_put(&w, "88.118/OUTER", "200 HS_VLIST 200:88.118/INNER");
		admins_put(&w, "88.118/INNER", "200 HS_VLIST 300:0.NA/88.118");
		struct hlv_request rq =
			request(&w, races[i].op, races[i].id, races[i].values, 0);
		check_u64(races[i].name, plan_in(&w, &owner, &rq, &plan, &rs), PLAN_COMMIT);
		admins_end(&w);
		if (races[i].changed)
			admins_put(&w, races[i].changed, "1 URL changed");
		check_err(races[i].name, admins_commit(&w, &plan), races[i].err);
		admins_close(&w);
	}
}

/* --- the operator's rules --- */

static void check_refused(struct admins *w, const struct principal *who,
			  const struct hlv_request *rq, uint32_t rc)
{
	struct plan plan;
	struct hlv_response rs;
	assert_int_equal(plan_in(w, who, rq, &plan, &rs), PLAN_REFUSED);
	check_u64("code", rs.rc, rc);
}

static void test_rules(void **state)
{
	(void)state;
	struct admins w;
	struct plan plan;
	struct hlv_response rs;
	admins_fill(&w);
	struct hlv_request list = request(&w, HLV_OP_LIST_HANDLES, "88.118", "", 0);
	struct hlv_request create =
		request(&w, HLV_OP_CREATE_HANDLE, "88.118/NEW", "1 URL x", 0);
	w.rules.list_handles = false;
	check_refused(&w, &owner, &list, HLV_RC_NOT_SUPPORTED);
	w.rules.prefix_admins = false;
	check_refused(&w, &owner, &create, HLV_RC_INVALID_ADMIN);
	assert_int_equal(plan_in(&w, &local, &create, &plan, &rs), PLAN_COMMIT);
	check_err("commit", admins_commit(&w, &plan), HLV_OK);
	admins_close(&w);
}

/* Local administrators may do everything, but the last administrator takes --force. */
static void test_force(void **state)
{
	(void)state;
	struct admins w;
	struct plan plan;
	struct hlv_response rs;
	admins_fill(&w);
	struct hlv_request rq = request(&w, HLV_OP_DELETE_HANDLE, "0.NA/88.118", "", 0);
	check_refused(&w, &local, &rq, HLV_RC_INSUFFICIENT_PERMISSIONS);
	w.context.force = true;
	assert_int_equal(plan_in(&w, &local, &rq, &plan, &rs), PLAN_COMMIT);
	admins_close(&w);
}

/* 11.2: of several servers each has its share; old clients are not referred. */
static void test_place(void **state)
{
	(void)state;
	struct admins w;
	struct plan plan;
	struct hlv_response rs;
	unsigned wrong = 0;
	admins_fill(&w);
	struct hlv_request rq = request(&w, HLV_OP_DELETE_HANDLE, "0.NA/88.118.30.1", "", 0);
	rq.m.env.suggest_major = 2;
	rq.m.env.suggest_minor = 9;
	check_refused(&w, &nobody, &rq, HLV_RC_NOT_RESPONSIBLE);
	rq.m.env.suggest_minor = 10;
	check_refused(&w, &nobody, &rq, HLV_RC_PREFIX_REFERRAL);
	w.place = (struct site_place){HLV_HASH_ALL, 2, 0};
	for (char c = 'A'; c <= 'Z'; c++) {
		char id[] = "88.118/?";
		id[7] = c;
		rq = request(&w, HLV_OP_CREATE_HANDLE, id, "1 URL x", 0);
		if (plan_in(&w, &nobody, &rq, &plan, &rs) != PLAN_REFUSED)
			continue;
		check_u64("hashed elsewhere", rs.rc, HLV_RC_NOT_RESPONSIBLE);
		wrong++;
	}
	assert_in_range(wrong, 5, 20);
	admins_close(&w);
}

static void test_too_large(void **state)
{
	(void)state;
	struct admins w;
	struct plan plan;
	struct hlv_response rs;
	admins_fill(&w);
	struct hlv_request rq = request(&w, HLV_OP_ADD_VALUE, "88.118/WIKI2", "9 URL x", 0);
	size_t n = HLV_MESSAGE_MAX - 4096;
	uint8_t *p = calloc(2, n + 64), *data = p + n + 64;
	hlv_require(p != NULL);
	struct hlv_writer out = hlv_writer(p, n + 64);
	struct hlv_value v = {
		.index = 9, .type = hlv_text("URL"), .data = hlv_bytes(data, n - 64)};
	hlv_value_encode(&out, &v);
	rq.values = (struct hlv_list){1, hlv_written(&out)};
	assert_int_equal(plan_in(&w, &keeper, &rq, &plan, &rs), PLAN_COMMIT);
	check_err("commit", admins_commit(&w, &plan), HLV_OK);
	hlv_arena_reset(&w.arena);
	v.index = 10;
	v.data.n = 5000;
	out.n = 0;
	hlv_value_encode(&out, &v);
	rq.values = (struct hlv_list){1, hlv_written(&out)};
	check_refused(&w, &keeper, &rq, HLV_RC_INVALID_VALUE);
	free(p);
	admins_close(&w);
}

/* 2,048 values are the most, however they came together. */
static void test_too_many(void **state)
{
	(void)state;
	struct admins w;
	struct plan plan;
	struct hlv_response rs;
	admins_fill(&w);
	for (uint32_t n = HLV_VALUES_MAX - 2; n <= HLV_VALUES_MAX - 1; n++) {
		struct hlv_request rq = request(&w, HLV_OP_ADD_VALUE, "88.118/WIKI2", "", 0);
		uint8_t *p = hlv_alloc(&w.arena, n * 64);
		struct hlv_writer out = hlv_writer(p, n * 64);
		for (uint32_t i = 0; i < n; i++)
			hlv_value_encode(&out, &(struct hlv_value){.index = 1000 + i});
		rq.values = (struct hlv_list){n, hlv_written(&out)};
		if (n == HLV_VALUES_MAX - 2)
			assert_int_equal(plan_in(&w, &keeper, &rq, &plan, &rs), PLAN_COMMIT);
		else
			check_refused(&w, &keeper, &rq, HLV_RC_INVALID_VALUE);
		hlv_arena_reset(&w.arena);
	}
	admins_close(&w);
}

/* --- reading --- */

/* industrial.md 5.3: a login's questions ask for public values alone. */
static void test_login_reads(void **state)
{
	(void)state;
	static const struct {
		const char *id, *indexes;
		const struct principal *who;
		bool hides;
		uint32_t rc;
		const char *found;
	} rows[] = {
		{"88.118/LOCKED", "3 4", &login, true, 1, "3:PRIV=c"},
		{"88.118/LOCKED", "3", &keeper, true, 200, "(none)"},
		{"88.118/LOCKED", "3", &stranger, true, 200, "(none)"},
		{"88.118/LOCKED", "4", &login, true, 200, "(none)"},
		{"88.118/LOCKED", "100", &login, false, 1, "100:HS_ADMIN"},
		{"88.118/ITEM", "1 3", &login, true, 1, "1:URL=a 3:PRIV=c"},
		{"88.118/ITEM", "1 3", &stranger, true, 1, "1:URL=a"},
		{"88.118/WIKI", "", &login, false, 1, "5:WIKI=w"},
		{"88.118/FROZEN", "", &login, false, 1, "1:STATE=frozen!"},
		{"88.118/NONE", "", &login, false, 100, "(none)"},
		{"1.2/X", "", &login, false, 301, "(none)"},
	};
	struct admins w;
	admins_fill(&w);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct plan plan;
		struct hlv_response rs;
		char text[256];
		struct hlv_request rq =
			request(&w, HLV_OP_RESOLUTION, rows[i].id, rows[i].indexes, PO);
		enum plan_verdict verdict = plan_in(&w, rows[i].who, &rq, &plan, &rs);
		check_u64(rows[i].id, verdict, rows[i].rc == 1 ? PLAN_ANSWER : PLAN_REFUSED);
		check_u64(rows[i].id, rs.rc, rows[i].rc);
		admins_describe(&rs.values, text, sizeof text);
		check_text(rows[i].id, hlv_text(text), rows[i].found);
		check_u64(rows[i].id, answer_hides(&w.answer, &rq), rows[i].hides);
	}
	admins_close(&w);
}

/* 11.3, 6: in a session the login comes first, and then all that match are given. */
static void test_session_reads(void **state)
{
	(void)state;
	struct admins w;
	struct plan plan;
	struct hlv_response rs;
	char text[256];
	admins_fill(&w);
	admins_begin(&w);
	struct hlv_request rq = request(&w, HLV_OP_RESOLUTION, "88.118/LOCKED", "4", 0);
	assert_int_equal(answer_resolution(&w.answer, &rq, &rs),
			 HLV_RC_INSUFFICIENT_PERMISSIONS);
	check_refused(&w, &login, &rq, HLV_RC_INSUFFICIENT_PERMISSIONS);
	assert_int_equal(plan_in(&w, &keeper, &rq, &plan, &rs), PLAN_ANSWER);
	admins_describe(&rs.values, text, sizeof text);
	check_text("readable by nobody", hlv_text(text), "4:NOREAD=n");
	rq = request(&w, HLV_OP_RESOLUTION, "88.118/LOCKED", "3", 0);
	assert_int_equal(answer_resolution(&w.answer, &rq, &rs), HLV_RC_AUTHENTICATION_NEEDED);
	check_u64("for those who cannot ask", rs.rc, HLV_RC_UNABLE_TO_AUTHENTICATE);
	admins_close(&w);
}

/* --- no memory --- */

static void test_no_memory(void **state)
{
	(void)state;
	static const struct {
		uint32_t op;
		const char *id, *values;
		uint32_t flags;
	} rows[] = {
		{HLV_OP_CREATE_HANDLE, "88.118/", "2 URL x | 1 URL y", MNS},
		{HLV_OP_CREATE_HANDLE, "88.118/ITEM", "2 URL x | 1 URL y", OWE},
		{HLV_OP_DELETE_HANDLE, "88.118/ITEM", "", 0},
		{HLV_OP_ADD_VALUE, "88.118/BYGROUP", "9 URL x", 0},
		{HLV_OP_REMOVE_VALUE, "88.118/ITEM", "1 2", 0},
		{HLV_OP_MODIFY_VALUE, "88.118/ITEM", "1 URL x", 0},
		{HLV_OP_REMOVE_VALUE, "0.NA/88.118", "103", 0},
		{HLV_OP_HOME_NA, "88.7", "", 0},
		{HLV_OP_RESOLUTION, "88.118/ITEM", "", 0},
	};
	const struct principal root = {ACTOR_CHALLENGE, {hlv_text("0.NA/MEMBER"), 5}};
	struct admins w;
	admins_fill(&w);
	admins_put(&w, "88.118/GROUPS", "200 HS_VLIST 5:0.NA/MEMBER");
	admins_put(&w, "88.118/BYGROUP", "1 HS_ADMIN fff,200:88.118/GROUPS");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_arena a = w.arena;
		hlv_arena_init(&w.arena, 1 << 20);
		struct hlv_request rq =
			request(&w, rows[i].op, rows[i].id, rows[i].values, rows[i].flags);
		struct hlv_arena kept = w.arena;
		w.arena = a;
		enum plan_verdict verdict = PLAN_REFUSED;
		size_t limit = 0;
		for (; verdict == PLAN_REFUSED && limit < 20000; limit++) {
			struct plan plan;
			struct hlv_response rs;
			hlv_arena_reset(&w.arena);
			w.arena.limit = limit;
			verdict = plan_in(&w, &root, &rq, &plan, &rs);
			if (verdict == PLAN_REFUSED)
				check_u64(rows[i].id, rs.rc, HLV_RC_ERROR);
			else
				check_u64(rows[i].id, rs.rc, HLV_RC_SUCCESS);
		}
		check_u64(rows[i].id, verdict == PLAN_COMMIT || verdict == PLAN_ANSWER, true);
		assert_true(limit > 32);
		hlv_arena_fini(&kept);
	}
	admins_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mint),	     cmocka_unit_test(test_echo_and_spelling),
		cmocka_unit_test(test_answer_flags), cmocka_unit_test(test_actor),
		cmocka_unit_test(test_races),	     cmocka_unit_test(test_rules),
		cmocka_unit_test(test_force),	     cmocka_unit_test(test_place),
		cmocka_unit_test(test_too_large),    cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_login_reads),  cmocka_unit_test(test_session_reads),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
