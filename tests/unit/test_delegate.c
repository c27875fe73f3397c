/* SPDX-License-Identifier: Apache-2.0 */
#include "server/delegate.h"

#include "server/answer.h"
#include "tests/unit/registry.h"
#include "tests/unit/unit.h"

enum { PUBLIC = HLV_PERM_DEFAULT, HIDDEN = HLV_PERM_ADMIN_READ };

#define PUT(id, ...)                                                                           \
	do {                                                                                   \
		const struct registry_value values[] = {__VA_ARGS__};                          \
		registry_put(&r, id, values, sizeof values / sizeof *values);                  \
	} while (0)

/* Whose it is, and to which ports the asker is sent ("HS_SERV" for a service). */
struct row {
	const char *name, *id;
	enum referring referring;
	enum verdict verdict;
	const char *to;
};

#define OURS VERDICT_OURS, ""
#define NOT_HERE VERDICT_NOT_HERE, ""
#define SERVICE(to) VERDICT_SERVICE_REFERRAL, to
#define PREFIX(to) VERDICT_PREFIX_REFERRAL, to

/* One node that is the root, the top-level node of 88, and an enterprise's of 88.118.8, while the
 * second level between the two, 88.118, is somebody else's. */
static const struct row tiers[] = {
	{"top: its own item", "88/x", REFER, OURS},
	{"second level: an item", "88.118/x", REFER, SERVICE("3001 3002")},
	{"enterprise: an item", "88.118.8/x", REFER, OURS},
	{"enterprise in other letters", "88.118.8/X", REFER, OURS},
	{"nobody's item below the second level", "88.118.9/x", REFER, NOT_HERE},
	{"top: prefix record", "0.NA/88", REFER, OURS},
	{"second level: prefix record", "0.NA/88.118", REFER, OURS},
	{"enterprise: prefix record", "0.NA/88.118.8", REFER, OURS},
	{"below the top: nobody's", "0.NA/88.119", REFER, OURS},
	{"below the second level", "0.NA/88.118.9", REFER, PREFIX("3003 3004")},
	{"the same in other letters", "0.na/88.118.9", REFER, PREFIX("3003 3004")},
	{"the same as a bare prefix", "88.118.9", REFER, PREFIX("3003 3004")},
	{"two labels below", "0.NA/88.118.9.1", REFER, PREFIX("3003 3004")},
	{"below the enterprise: ours again", "0.NA/88.118.8.5", REFER, OURS},
	{"without referrals", "0.NA/88.118.9", REFER_NOT, OURS},
	{"an administrator who knows none", "0.NA/88.118.9", REFER_SILENTLY, NOT_HERE},
	{"the same, an item", "88.118/x", REFER_SILENTLY, NOT_HERE},
	{"the same, what is here", "0.NA/88.118", REFER_SILENTLY, OURS},
	{"the same, what we speak for", "0.NA/88.118.8.5", REFER_SILENTLY, OURS},
	{"an item without referrals", "88.118/x", REFER_NOT, NOT_HERE},
	{"by an older name for derived prefixes", "0.NA/77.1", REFER, PREFIX("3005")},
	{"by a service", "77/x", REFER, SERVICE("HS_SERV")},
	{"derived, by a service", "0.NA/66.1", REFER, PREFIX("HS_SERV.PREFIX")},
	{"derived prefixes elsewhere, items here", "66/x", REFER, OURS},
	{"hidden sites refer nobody", "55/x", REFER, NOT_HERE},
	{"hidden sites refer no prefix", "0.NA/55.1", REFER, OURS},
	{"only for items", "0.NA/44.1", REFER, OURS},
	{"only for items: an item", "44/x", REFER, SERVICE("3009")},
	{"any other prefix: we are the root", "0.NA/1.2.3", REFER, OURS},
	{"the root itself", "0.NA/0.NA", REFER, OURS},
	{"an item of nobody", "1.2.3/x", REFER, NOT_HERE},
	{"an empty label", "0.NA/88.118..x", REFER, PREFIX("3003 3004")},
	{"an empty label at the end", "0.NA/88.118.", REFER, PREFIX("3003 3004")},
	{"an empty label at the beginning", "0.NA/.88", REFER, OURS},
	{"labels of nothing", "0.NA/...", REFER, OURS},
	{"an item of the empty prefix", "/x", REFER, NOT_HERE},
	{"nothing", "", REFER, OURS},
};

static void fill_tiers(struct registry *home)
{
	struct registry r = *home;
	registry_home(&r, "0.NA/0.NA");
	registry_home(&r, "0.NA/88");
	registry_home(&r, "0.NA/88.118.8");
	registry_home(&r, "0.NA/66");
	PUT("0.NA/0.NA", {1, PUBLIC, "HS_SITE", "2641"});
	PUT("0.NA/88", {1, PUBLIC, "HS_SITE", "2641"});
	PUT("0.NA/88.118", {1, PUBLIC, "HS_SITE", "3001"}, {2, PUBLIC, "HS_SITE.6", "3002"},
	    {3, PUBLIC, "HS_SITE.PREFIX", "3003"}, {4, PUBLIC, "HS_SITE.PREFIX", "3004"},
	    {5, HIDDEN, "HS_SITE", "9999"}, {6, HIDDEN, "HS_SITE.PREFIX", "9999"});
	PUT("0.NA/88.118.8", {1, PUBLIC, "HS_SITE", "2641"});
	PUT("0.NA/77", {1, PUBLIC, "HS_SERV", "88/SERVICE"},
	    {2, PUBLIC, "HS_NA_DELEGATE", "3005"});
	PUT("0.NA/66", {1, PUBLIC, "HS_SITE", "2641"},
	    {2, PUBLIC, "HS_SERV.PREFIX", "88/SERVICE"});
	PUT("0.NA/55", {1, HIDDEN, "HS_SITE", "3007"}, {2, HIDDEN, "HS_SITE.PREFIX", "3008"});
	PUT("0.NA/44", {1, PUBLIC, "HS_SITE", "3009"});
	PUT("88/SERVICE", {1, PUBLIC, "HS_SITE", "3006"});
	*home = r;
}

static void put_port(struct hlv_value *v, char *out, size_t cap)
{
	struct hlv_site site;
	struct hlv_site_server server;
	struct hlv_site_interface interface;
	if (hlv_site_decode(v->data, &site) != HLV_OK) {
		snprintf(out, cap, "%.*s", (int)v->type.n, (const char *)v->type.p);
		return;
	}
	struct hlv_reader servers = hlv_reader(site.servers.raw);
	hlv_site_next_server(&servers, &server);
	struct hlv_reader r = hlv_reader(server.interfaces.raw);
	hlv_site_next_interface(&r, &interface);
	snprintf(out, cap, "%u", interface.port);
}

static void describe(const struct hlv_list *sites, char *out, size_t cap)
{
	struct hlv_reader r = hlv_reader(sites->raw);
	size_t at = 0;
	out[0] = '\0';
	for (uint32_t i = 0; i < sites->n; i++) {
		struct hlv_value v;
		char one[64];
		assert_int_equal(hlv_value_decode(&r, &v), HLV_OK);
		put_port(&v, one, sizeof one);
		at += (size_t)snprintf(out + at, cap - at, "%s%s", i ? " " : "", one);
	}
}

static enum verdict find(struct registry *r, const char *id, enum referring referring, char *to,
			 size_t cap)
{
	struct store_view *view;
	struct store_key key;
	struct homed_memo memo = {0};
	struct site_place place = {HLV_HASH_ALL, 1, 0};
	struct hlv_list sites = {0};
	struct hlv_record rec;
	struct hlv_arena a;
	enum verdict verdict;
	bool found;
	hlv_arena_init(&a, 1 << 20);
	assert_int_equal(r->store->ops->view_open(r->store, &view), HLV_OK);
	assert_int_equal(r->store->ops->view_begin(view), HLV_OK);
	store_key(hlv_text(id), &key);
	assert_int_equal(delegate_find(r->store, view, &place, &memo, hlv_text(id), &key,
				       referring, &a, &verdict, &sites, &rec, &found),
			 HLV_OK);
	describe(&sites, to, cap);
	r->store->ops->view_end(view);
	hlv_arena_fini(&a);
	return verdict;
}

static void check(struct registry *r, const struct row *row)
{
	char to[256];
	check_u64(row->name, find(r, row->id, row->referring, to, sizeof to), row->verdict);
	check_text(row->name, hlv_text(to), row->to);
}

static void test_tiers(void **state)
{
	(void)state;
	struct registry r;
	registry_open(&r, 1, 0);
	fill_tiers(&r);
	for (size_t i = 0; i < COUNT(tiers); i++)
		check(&r, &tiers[i]);
	registry_close(&r);
}

/* "0.NA/0.NA" looks derived from "0.NA/0" (protocol.md 6.6); nobody who gets hold of that prefix gets
 * hold of the root. */
static void test_root_is_nobodys_child(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"the root", "0.NA/0.NA", REFER, NOT_HERE},
		{"its bare name", "0.NA", REFER, NOT_HERE},
		{"what is really derived from it", "0.NA/0.x", REFER, PREFIX("3001")},
	};
	struct registry r;
	registry_open(&r, 1, 0);
	PUT("0.NA/0", {1, PUBLIC, "HS_SITE.PREFIX", "3001"});
	for (size_t i = 0; i < COUNT(rows); i++)
		check(&r, &rows[i]);
	registry_close(&r);
}

/* A node that is not the root knows nothing of what is not below its own. */
static void test_not_the_root(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"below ours", "0.NA/88.118.8.1", REFER, OURS},
		{"beside ours", "0.NA/88.118.9", REFER, NOT_HERE},
		{"above ours", "0.NA/88.118", REFER, NOT_HERE},
		{"a name that begins like ours", "0.NA/88.118.80.1", REFER, NOT_HERE},
	};
	struct registry r;
	registry_open(&r, 1, 0);
	registry_home(&r, "0.NA/88.118.8");
	for (size_t i = 0; i < COUNT(rows); i++)
		check(&r, &rows[i]);
	registry_close(&r);
}

/* Prefixes of sixty labels, and of more than anybody has: the way up is bounded. */
static void test_depth(void **state)
{
	(void)state;
	static const struct {
		int labels;
		enum verdict verdict;
	} rows[] = {{2, VERDICT_PREFIX_REFERRAL},
		    {60, VERDICT_PREFIX_REFERRAL},
		    {1000, VERDICT_NOT_HERE}};
	struct registry r;
	registry_open(&r, 1, 0);
	PUT("0.NA/a", {1, PUBLIC, "HS_SITE.PREFIX", "3001"});
	for (size_t i = 0; i < COUNT(rows); i++) {
		char id[2048], to[64];
		size_t n = (size_t)snprintf(id, sizeof id, "0.NA/a");
		for (int k = 1; k < rows[i].labels; k++)
			n += (size_t)snprintf(id + n, sizeof id - n, ".b");
		check_u64(id, find(&r, id, REFER, to, sizeof to), rows[i].verdict);
	}
	registry_close(&r);
}

/* A prefix whose state is not "active" says that it is so, and sends nobody anywhere. */
static void test_states(void **state)
{
	(void)state;
	static const uint8_t states[] = {HLV_STATE_RESERVED, HLV_STATE_REGISTERED,
					 HLV_STATE_FROZEN, HLV_STATE_REVOKED};
	for (size_t i = 0; i < COUNT(states); i++) {
		struct registry r;
		char to[64];
		registry_open(&r, 1, 0);
		registry_home(&r, "0.NA/88");
		PUT("0.NA/88.118", {1, PUBLIC, "HS_SITE", "3001"},
		    {2, PUBLIC, "HS_SITE.PREFIX", "3002"});
		registry_set_state(&r, "0.NA/88.118", states[i]);
		check_u64("item", find(&r, "88.118/x", REFER, to, sizeof to), VERDICT_NOT_HERE);
		check_u64("prefix", find(&r, "0.NA/88.118.9", REFER, to, sizeof to),
			  VERDICT_OURS);
		registry_close(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tiers),
		cmocka_unit_test(test_root_is_nobodys_child),
		cmocka_unit_test(test_not_the_root),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_states),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
