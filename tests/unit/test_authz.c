/* SPDX-License-Identifier: Apache-2.0 */
#include "server/authz.h"

#include "tests/unit/admins.h"
#include "tests/unit/unit.h"

/* May `who` do what takes `perms` by these values? */
struct row {
	const char *name;
	const char *values;
	uint16_t perms;
	const char *who;
	enum authz_verdict verdict;
	unsigned rests_on; /* records of groups */
};

static const struct row rows[] = {
	{"direct", "100 HS_ADMIN fff,300:88.118/U", 0x10, "300:88.118/U", AUTHZ_YES, 0},
	{"other index", "100 HS_ADMIN fff,300:88.118/U", 0x10, "301:88.118/U", AUTHZ_NO, 0},
	{"other handle", "100 HS_ADMIN fff,300:88.118/U", 0x10, "300:88.118/V", AUTHZ_NO, 0},
	{"case of the prefix", "100 HS_ADMIN fff,300:ab.1/U", 1, "300:AB.1/U", AUTHZ_YES, 0},
	{"case of the suffix", "100 HS_ADMIN fff,300:88.118/U", 1, "300:88.118/u", AUTHZ_NO, 0},
	{"prefix handles fold wholly", "100 HS_ADMIN fff,300:0.NA/ab", 1, "300:0.na/AB",
	 AUTHZ_YES, 0},
	{"index 0 means any", "100 HS_ADMIN fff,0:88.118/U", 1, "7:88.118/U", AUTHZ_YES, 0},
	{"index 0 of an identity means nothing", "100 HS_ADMIN fff,300:88.118/U", 1,
	 "0:88.118/U", AUTHZ_NO, 0},
	{"right is not given", "100 HS_ADMIN 1,300:88.118/U", 2, "300:88.118/U", AUTHZ_NO, 0},
	{"rights of two values are not added",
	 "100 HS_ADMIN 1,300:88.118/U | 101 HS_ADMIN 2,300:88.118/U", 3, "300:88.118/U",
	 AUTHZ_NO, 0},
	{"the second value has them",
	 "100 HS_ADMIN 1,300:88.118/U | 101 HS_ADMIN 3,300:88.118/U", 3, "300:88.118/U",
	 AUTHZ_YES, 0},
	{"no rights but the server's", "100 HS_ADMIN fff,300:88.118/U", 0, "300:88.118/U",
	 AUTHZ_NO, 0},
	{"no values", "", 1, "300:88.118/U", AUTHZ_NO, 0},
	{"another type", "100 HS_ADMINX fff", 1, "300:88.118/U", AUTHZ_NO, 0},
	{"octets that are no administrator", "100 HS_ADMIN.X zzzz", 1, "300:88.118/U", AUTHZ_NO,
	 0},
	{"server administrator", "", 0x200, "1:0.NA/ROOT", AUTHZ_YES, 0},
	{"server administrator of another index", "", 0x200, "3:0.NA/ROOT", AUTHZ_NO, 0},
	{"server administrator by a group", "", 0, "44:88.118/U", AUTHZ_YES, 1},
	{"by a group", "100 HS_ADMIN fff,201:88.118/GROUPS", 1, "300:88.118/U", AUTHZ_YES, 1},
	{"by a group in a group", "100 HS_ADMIN fff,202:88.118/GROUPS", 1, "300:88.118/U",
	 AUTHZ_YES, 2},
	{"by a group of another record", "100 HS_ADMIN fff,203:88.118/GROUPS", 1,
	 "301:88.118/U", AUTHZ_YES, 2},
	{"groups in a circle", "100 HS_ADMIN fff,204:88.118/GROUPS", 1, "300:88.118/U",
	 AUTHZ_NO, 0},
	{"a group that is none", "100 HS_ADMIN fff,206:88.118/GROUPS", 1, "300:88.118/U",
	 AUTHZ_NO, 0},
	{"a group whose octets are damaged", "100 HS_ADMIN fff,208:88.118/GROUPS", 1,
	 "300:88.118/U", AUTHZ_NO, 0},
	{"a private group", "100 HS_ADMIN fff,207:88.118/GROUPS", 1, "300:88.118/U", AUTHZ_YES,
	 1},
	{"a group that is not there", "100 HS_ADMIN fff,299:88.118/GROUPS", 1, "300:88.118/U",
	 AUTHZ_NO, 0},
	{"a record that is not there", "100 HS_ADMIN fff,200:88.118/NONE", 1, "300:88.118/U",
	 AUTHZ_NO, 0},
	{"a deleted record", "100 HS_ADMIN fff,200:88.118/GONE", 1, "300:88.118/U", AUTHZ_NO,
	 0},
	{"any index names no group", "100 HS_ADMIN fff,0:88.118/GROUPS", 1, "300:88.118/U",
	 AUTHZ_NO, 0},
	{"the group itself", "100 HS_ADMIN fff,201:88.118/GROUPS", 1, "201:88.118/GROUPS",
	 AUTHZ_YES, 0},
	{"of another node", "100 HS_ADMIN fff,200:1.2/G", 1, "300:88.118/U", AUTHZ_FETCH, 0},
	{"any index of another node", "100 HS_ADMIN fff,0:1.2/G", 1, "300:88.118/U", AUTHZ_NO,
	 0},
	{"of another node, which is not needed",
	 "100 HS_ADMIN fff,200:1.2/G | 101 HS_ADMIN fff,201:88.118/GROUPS", 1, "300:88.118/U",
	 AUTHZ_YES, 1},
};

static void fill(struct admins *w)
{
	admins_open(w);
	admins_home(w, "0.NA/0.NA"); /* so that 0.NA/ROOT is not looked for elsewhere */
	admins_home(w, "0.NA/88.118");
	admins_put(w, "88.118/GROUPS",
		   "200 HS_VLIST 44:88.118/U | 201 HS_VLIST 9:88.118/U,300:88.118/U"
		   " | 202 HS_VLIST 201:88.118/GROUPS | 203 HS_VLIST 200:88.118/MORE"
		   " | 204 HS_VLIST 205:88.118/GROUPS | 205 HS_VLIST 204:88.118/GROUPS"
		   " | 206 URL 300:88.118/U | 207/0c HS_VLIST 300:88.118/U"
		   " | 208 HS_VLIST.X zzzzzzzz");
	admins_put(w, "88.118/MORE", "200 HS_VLIST 301:88.118/U");
	admins_put_state(w, "88.118/GONE", "200 HS_VLIST 300:88.118/U", HLV_RECORD_DELETED,
			 HLV_STATE_ACTIVE, 0);
	admins_begin(w);
}

static struct authz authz_of(struct admins *w)
{
	return (struct authz){.from = &w->answer, .lists = &w->rules.lists};
}

static void test_rows(void **state)
{
	(void)state;
	struct admins w;
	fill(&w);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct authz z = authz_of(&w);
		struct hlv_ref who = hlv_ref_parse(hlv_text(row->who));
		struct hlv_list values = admins_values(&w.arena, row->values);
		check_u64(row->name, authz_check(&z, &who, row->perms, &values), row->verdict);
		check_u64(row->name, z.nrests_on, row->rests_on);
		if (row->verdict == AUTHZ_FETCH)
			check_text(row->name, z.wanted.handle, "1.2/G");
		hlv_arena_reset(&w.arena);
	}
	admins_close(&w);
}

static void test_lists(void **state)
{
	(void)state;
	struct admins w;
	fill(&w);
	const struct authz_lists *l = &w.rules.lists;
	struct authz z = authz_of(&w);
	struct hlv_ref home = {hlv_text("0.na/root"), 2}, server = {hlv_text("0.NA/ROOT"), 1};
	struct hlv_ref member = {hlv_text("88.118/U"), 44};
	assert_int_equal(authz_is_listed(&z, &home, l->home_only_admins, 1), AUTHZ_YES);
	assert_int_equal(authz_is_listed(&z, &home, l->server_admins, 2), AUTHZ_NO);
	assert_int_equal(authz_is_listed(&z, &server, l->home_only_admins, 1), AUTHZ_NO);
	assert_int_equal(authz_is_listed(&z, &member, l->server_admins, 2), AUTHZ_YES);
	assert_int_equal(authz_is_listed(&z, &member, l->server_admins, 1), AUTHZ_NO);
	assert_int_equal(authz_is_listed(&z, &member, NULL, 0), AUTHZ_NO);
	admins_close(&w);
}

/* A member list as it was fetched. */
static struct hlv_bytes vlist(struct hlv_arena *a, const char *refs)
{
	char text[256];
	snprintf(text, sizeof text, "1 HS_VLIST %s", refs);
	struct hlv_list list = admins_values(a, text);
	struct hlv_reader r = hlv_reader(list.raw);
	struct hlv_value v;
	check_err(refs, hlv_value_decode(&r, &v), HLV_OK);
	return v.data;
}

static void test_fetched(void **state)
{
	(void)state;
	struct admins w;
	fill(&w);
	struct authz z = authz_of(&w);
	struct hlv_ref who = {hlv_text("88.118/U"), 300};
	struct hlv_list values = admins_values(&w.arena, "1 HS_ADMIN fff,200:1.2/G");
	struct authz_fetched fetched[AUTHZ_FETCH_MAX];
	for (size_t i = 0; i < AUTHZ_FETCH_MAX; i++)
		fetched[i] = (struct authz_fetched){.ref = {hlv_text("1.2/X"), (uint32_t)i}};
	fetched[0] = (struct authz_fetched){{hlv_text("1.2/G"), 200},
					    true,
					    hlv_text("HS_VLIST"),
					    vlist(&w.arena, "5:1.2/G,6:1.2/G")};
	z.fetched = fetched;
	z.nfetched = 1;
	assert_int_equal(authz_check(&z, &who, 1, &values), AUTHZ_FETCH);
	check_u64("the next that is wanted", z.wanted.index, 5);
	fetched[1] = (struct authz_fetched){.ref = {hlv_text("1.2/G"), 5}};
	z.nfetched = 2;
	assert_int_equal(authz_check(&z, &who, 1, &values), AUTHZ_FETCH);
	check_u64("the first was not to be had", z.wanted.index, 6);
	z.nfetched = AUTHZ_FETCH_MAX;
	assert_int_equal(authz_check(&z, &who, 1, &values), AUTHZ_NO);
	fetched[1] = (struct authz_fetched){{hlv_text("1.2/G"), 5},
					    true,
					    hlv_text("HS_VLIST"),
					    vlist(&w.arena, "300:88.118/U")};
	assert_int_equal(authz_check(&z, &who, 1, &values), AUTHZ_YES);
	fetched[1].type = hlv_text("URL");
	assert_int_equal(authz_check(&z, &who, 1, &values), AUTHZ_NO);
	admins_close(&w);
}

/* The 1,000th reference still counts, the one behind it does not. */
static void test_bound(void **state)
{
	(void)state;
	struct admins w;
	static struct hlv_ref list[AUTHZ_REFS_MAX + 1];
	fill(&w);
	for (uint32_t i = 0; i < COUNT(list); i++)
		list[i] = (struct hlv_ref){hlv_text("88.118/NONE"), i + 1};
	for (size_t n = AUTHZ_REFS_MAX; n <= COUNT(list); n++) {
		struct authz z = authz_of(&w);
		struct hlv_ref who = {hlv_text("88.118/U"), 301};
		struct hlv_ref was = list[n - 1];
		list[n - 1] = (struct hlv_ref){hlv_text("88.118/MORE"), 200};
		check_u64("references", authz_is_listed(&z, &who, list, n),
			  n == AUTHZ_REFS_MAX ? AUTHZ_YES : AUTHZ_NO);
		list[n - 1] = was;
	}
	admins_close(&w);
}

static void test_no_memory(void **state)
{
	(void)state;
	struct admins w;
	fill(&w);
	struct hlv_ref who = {hlv_text("88.118/U"), 300};
	struct hlv_arena a;
	hlv_arena_init(&a, 1 << 20);
	struct hlv_list values = admins_values(&a, "100 HS_ADMIN fff,202:88.118/GROUPS");
	enum authz_verdict verdict = AUTHZ_ERROR;
	size_t limit = 0;
	for (; verdict == AUTHZ_ERROR && limit < 10000; limit++) {
		hlv_arena_reset(&w.arena);
		w.arena.limit = limit;
		struct authz z = authz_of(&w);
		verdict = authz_check(&z, &who, 1, &values);
	}
	assert_int_equal(verdict, AUTHZ_YES);
	assert_true(limit > 100);
	hlv_arena_fini(&a);
	admins_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	  cmocka_unit_test(test_lists),
		cmocka_unit_test(test_fetched),	  cmocka_unit_test(test_bound),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
