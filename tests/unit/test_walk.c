/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/walk_case.h"

/* --- honest trees --- */

static void test_four_tiers(void **state)
{
	(void)state;
	struct walk *w = ask("88.118.8/x");
	struct hlv_reader r = hlv_reader(walk_result(w)->finding.values.raw);
	struct hlv_value v;
	assert_int_equal(hlv_value_decode(&r, &v), HLV_OK);
	check_text("value", v.data, "https://x");
	check("cold", w, PROOF_SECURE, HLV_RC_SUCCESS, 4);
	/* Warm: from memory; the zone is known; the tier above is known. */
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 0);
	assert_int_equal(tree.packets, 0);
	tree_value(tree_record(&tree, ENTERPRISE, "88.118.8/y"), 1, "URL", hlv_text("y"));
	expect("88.118.8/y", PROOF_SECURE, HLV_RC_SUCCESS, 1);
	tree_delegate(&tree, SECOND, "88.118.9", "HS_SITE", node(ENTERPRISE));
	tree_record(&tree, ENTERPRISE, "88.118.9/z")->rc = HLV_RC_NOT_FOUND;
	expect("88.118.9/z", PROOF_SECURE, HLV_RC_NOT_FOUND, 2);
	expect("88.119.1/z", PROOF_SECURE, HLV_RC_NOT_FOUND, 2); /* top: no such prefix */
	/* What is remembered, and where (walk.h: the last referral alone). */
	assert_null(tree_kept(&tree, MEMORY_CUT, "0.NA/88"));
	kept(MEMORY_CUT, "0.NA/88.118");
	kept(MEMORY_RECORD, "0.NA/88.118.8");
	kept(MEMORY_RECORD, "88.118.8/x");
	assert_null(tree_kept(&tree, MEMORY_RECORD, "0.NA/88.118"));
}

static void test_prefixes_as_questions(void **state)
{
	(void)state;
	expect("0.NA/88.118.8", PROOF_SECURE, HLV_RC_SUCCESS, 3);
	expect("88.118", PROOF_SECURE, HLV_RC_SUCCESS, 2);
	expect("0.na/88", PROOF_SECURE, HLV_RC_SUCCESS, 1);
	expect("0.NA/99", PROOF_SECURE, HLV_RC_NOT_FOUND, 1);
	expect("0.NA/88.118.8", PROOF_SECURE, HLV_RC_SUCCESS, 0);
	/* "0.": the root's own. */
	tree_value(tree_record(&tree, ROOT, "0.0/0.0"), 300, "HS_PUBKEY", hlv_text("k"));
	struct walk *w = ask("0.0/0.0");
	assert_true(walk_result(w)->at_root);
	assert_int_equal(walk_result(w)->anchor, 0);
	check("0.0/0.0", w, PROOF_SECURE, HLV_RC_SUCCESS, 1);
}

static void test_spellings(void **state)
{
	(void)state;
	tree_four_tiers(&tree); /* nothing new: what is added last counts */
	static const struct {
		const char *id, *key;
	} rows[] = {
		{"88.ab/Suffix/x", "88.AB/Suffix/x"},
		{"88.118", "0.NA/88.118"},
		{"0.na/88.a", "0.NA/88.A"},
		{"0.site/Status", "0.SITE/STATUS"},
		{"/x", "/x"},
		{"a", "0.NA/A"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t room[MEMORY_KEY_MAX];
		check_text(rows[i].id, memory_key(hlv_text(rows[i].id), room), rows[i].key);
	}
}

/* The root knows every prefix, however long. */
static void test_flat_root(void **state)
{
	(void)state;
	static const char twenty[] = "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20";
	struct tree_node *n = tree_node(&tree, ENTERPRISE, twenty);
	char id[200];
	tree_delegate(&tree, ROOT, twenty, "HS_SITE", n);
	snprintf(id, sizeof id, "%s/x", twenty);
	tree_value(tree_record(&tree, ENTERPRISE, id), 1, "URL", hlv_text("x"));
	expect(id, PROOF_SECURE, HLV_RC_SUCCESS, 2);
	/* One tier that serves all that is below its first label. */
	struct tree_node *top = tree_node(&tree, TOP, "2");
	tree_delegate(&tree, ROOT, "2", "HS_SITE.PREFIX", top);
	tree_delegate(&tree, TOP, "2.3.4.5.6", "HS_SITE", n);
	tree_value(tree_record(&tree, ENTERPRISE, "2.3.4.5.6/x"), 1, "URL", hlv_text("x"));
	expect("2.3.4.5.6/x", PROOF_SECURE, HLV_RC_SUCCESS, 3);
	/* Nobody said that "2" is where it is cut: remembered where it is true in any case. */
	kept(MEMORY_CUT, "0.NA/2.3.4.5");
	assert_null(tree_kept(&tree, MEMORY_CUT, "0.NA/2"));
}

/* Twenty tiers are more than anybody has: the walk ends, bounded. */
static void test_deep_tree(void **state)
{
	(void)state;
	static char addresses[20][HLV_ADDR_TEXT], prefixes[21][64];
	const char *above = ROOT;
	for (unsigned i = 0; i < 20; i++) {
		snprintf(addresses[i], sizeof addresses[i], "198.51.100.%u:2641", i + 1);
		snprintf(prefixes[i], sizeof prefixes[i], "%s%s%u", i ? prefixes[i - 1] : "",
			 i ? "." : "", i + 1);
		struct tree_node *n = tree_node(&tree, addresses[i], prefixes[i]);
		tree_delegate(&tree, above, prefixes[i], i < 19 ? "HS_SITE.PREFIX" : "HS_SITE",
			      n);
		above = addresses[i];
	}
	char id[100];
	snprintf(id, sizeof id, "%s/x", prefixes[19]);
	expect(id, PROOF_UNKNOWN, HLV_RC_ERROR, BUDGET_DEPTH);
	/* Ten tiers are fine. */
	tree_delegate(&tree, addresses[8], prefixes[9], "HS_SITE", node(addresses[9]));
	snprintf(id, sizeof id, "%s/x", prefixes[9]);
	tree_value(tree_record(&tree, addresses[9], id), 1, "URL", hlv_text("x"));
	tree_forget(&tree, MEMORY_CUT);
	expect(id, PROOF_SECURE, HLV_RC_SUCCESS, 11);
}

/* What is asked, and how. */
static void test_question(void **state)
{
	(void)state;
	const uint32_t usual = HLV_F_CERTIFIED | HLV_F_REQUEST_DIGEST | HLV_F_PUBLIC_ONLY |
			       HLV_F_CACHE_CERTIFY;
	struct walk_question q = {.id = hlv_text("88.118.8/x"), .recursion = 3};
	const struct hlv_header *h = &tree.question.hdr;
	const struct hlv_envelope *e = &tree.question.env;
	check("usual", tree_walk(&tree, &q), PROOF_SECURE, HLV_RC_SUCCESS, 4);
	assert_int_equal(h->flags, usual);
	assert_int_equal(h->op, HLV_OP_RESOLUTION);
	assert_int_equal(h->recursion, 4);
	assert_int_equal(h->site_serial, 1);
	/* Rounded up to ten minutes. */
	assert_int_equal(h->expiration_s % 600, 0);
	assert_true(h->expiration_s > hlv_now_s(tree.now) + 43200);
	assert_true(h->expiration_s <= hlv_now_s(tree.now) + 43200 + 600);
	assert_int_equal(hlv_version(e->major, e->minor), HLV_V(2, 11));
	assert_int_equal(hlv_envelope_suggested(e), HLV_V(2, 11));
	assert_int_equal(e->session_id, 0);
	q.authoritative = true;
	check("authoritative", tree_walk(&tree, &q), PROOF_SECURE, HLV_RC_SUCCESS, 1);
	assert_int_equal(h->flags, usual | HLV_F_AUTHORITATIVE);
	/* Recursion is for forwarders. */
	struct walk_start start = {
		.zone = {.sites = one_array(&tree.arena, node(ENTERPRISE)->site),
			 .proof = PROOF_SECURE,
			 .is_forwarder = true}};
	tree.rules.starts = &start;
	tree.rules.nstarts = 1;
	tree_forget(&tree, MEMORY_RECORD);
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 1);
	assert_int_equal(h->flags, usual | HLV_F_RECURSE);
	/* Sites that are of different serials are asked by one message: it names none. */
	tree.rules.nstarts = 0;
	tree_forget(&tree, MEMORY_RECORD);
	struct site_server s = {.address = ENTERPRISE, .key = node(ENTERPRISE)->pubkey};
	struct site_form form = {.servers = &s, .n = 1, .serial = 2};
	tree_value(record(SECOND, "0.NA/88.118.8"), 2, "HS_SITE",
		   make_site(&tree.arena, &form));
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 2);
	assert_int_equal(h->site_serial, 0xFFFF);
}

/* --- servers that are no help --- */

static void test_tricks(void **state)
{
	static const struct {
		const char *name;
		enum trick trick;
		enum proof alone; /* when all servers do it */
	} rows[] = {
		{"silent", TRICK_SILENT, PROOF_UNKNOWN},
		{"unsigned", TRICK_UNSIGNED, PROOF_BOGUS},
		{"no digest", TRICK_NO_DIGEST, PROOF_BOGUS},
		{"expired", TRICK_EXPIRED, PROOF_BOGUS},
		{"flipped", TRICK_FLIPPED, PROOF_BOGUS},
		{"garbage", TRICK_GARBAGE, PROOF_UNKNOWN},
		{"other operation", TRICK_OTHER_OP, PROOF_UNKNOWN},
		{"other name", TRICK_OTHER_NAME, PROOF_UNKNOWN},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		two_servers(rows[i].trick, TRICK_NONE);
		check(rows[i].name, ask("88.118.8/x"), PROOF_SECURE, HLV_RC_SUCCESS, 5);
		teardown(state);
		setup(state);
		two_servers(rows[i].trick, rows[i].trick);
		struct walk *w = ask("88.118.8/x");
		assert_int_equal(walk_result(w)->timed_out, rows[i].trick == TRICK_SILENT);
		check(rows[i].name, w, rows[i].alone, HLV_RC_ERROR, 5);
		assert_null(tree_kept(&tree, MEMORY_RECORD, "88.118.8/x"));
		teardown(state);
		setup(state);
	}
	/* Some bogus, some silent: nobody knows. */
	two_servers(TRICK_UNSIGNED, TRICK_SILENT);
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 5);
}

/* Codes that say nothing about the identifier lead to the next server. */
static void test_codes(void **state)
{
	static const uint32_t codes[] = {2, 3, 4, 5, 7, 102, 300, 301, 401, 402, 500, 302, 303};
	for (size_t i = 0; i < COUNT(codes); i++) {
		char name[20];
		snprintf(name, sizeof name, "code %u", codes[i]);
		two_servers(TRICK_NONE, TRICK_NONE);
		record(ENTERPRISE, "88.118.8/x")->rc = codes[i];
		check(name, ask("88.118.8/x"), PROOF_SECURE, HLV_RC_SUCCESS, 5);
		teardown(state);
		setup(state);
		record(ENTERPRISE, "88.118.8/x")->rc = codes[i];
		check(name, ask("88.118.8/x"), PROOF_UNKNOWN, HLV_RC_ERROR, 4);
		teardown(state);
		setup(state);
	}
}

/* --- R1: who may say what --- */

static void test_lateral(void **state)
{
	(void)state;
	/* The enterprise sends us elsewhere with its own questions. */
	struct tree_node *evil = tree_node(&tree, OTHER, "88.118.8");
	struct tree_record *r = tree_record(&tree, OTHER, "88.118.8/x");
	tree_value(r, 1, "URL", hlv_text("evil"));
	r = tree_record(&tree, ENTERPRISE, "88.118.8/x");
	r->rc = HLV_RC_SERVICE_REFERRAL;
	tree_value(r, 1, "HS_SITE", evil->site);
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 4);
	assert_int_equal(evil->asked, 0);
	/* The root sends us elsewhere for what it holds itself. */
	r = tree_record(&tree, ROOT, "0.NA/99");
	r->rc = HLV_RC_PREFIX_REFERRAL;
	tree_value(r, 1, "HS_SITE.PREFIX", evil->site);
	expect("99/x", PROOF_UNKNOWN, HLV_RC_ERROR, 1);
	/* A chain that goes in circles ends when there are no labels left. */
	r = tree_record(&tree, SECOND, "0.NA/88.118.7");
	r->rc = HLV_RC_PREFIX_REFERRAL;
	tree_value(r, 1, "HS_SITE.PREFIX", node(TOP)->site);
	expect("88.118.7/x", PROOF_UNKNOWN, HLV_RC_ERROR, 4); /* once more from the root */
	assert_int_equal(evil->asked, 0);
}

/* A node that is asked for the item of a prefix below its own may refer to that prefix's servers. */
static void test_service_referral(void **state)
{
	(void)state;
	struct tree_node *evil = tree_node(&tree, OTHER, "0.TYPE");
	struct tree_record *r = tree_record(&tree, ROOT, "0.TYPE/x");
	r->rc = HLV_RC_SERVICE_REFERRAL;
	tree_value(r, 1, "HS_SITE", evil->site);
	tree_value(tree_record(&tree, OTHER, "0.TYPE/x"), 1, "URL", hlv_text("t"));
	expect("0.TYPE/x", PROOF_SECURE, HLV_RC_SUCCESS, 2);
	tree_forget(&tree, MEMORY_RECORD);
	r = tree_record(&tree, OTHER, "0.TYPE/x"); /* and not again */
	r->rc = HLV_RC_SERVICE_REFERRAL;
	tree_value(r, 1, "HS_SITE", node(ROOT)->site);
	expect("0.TYPE/x", PROOF_UNKNOWN, HLV_RC_ERROR, 2);
}

/* A referral may name a handle that has the sites. */
static void test_referral_by_handle(void **state)
{
	(void)state;
	struct tree_record *r = tree_record(&tree, TOP, "0.NA/88.118.8");
	r->rc = HLV_RC_PREFIX_REFERRAL;
	r->handle = "77/service";
	struct tree_node *n = tree_node(&tree, OTHER, "77");
	tree_delegate(&tree, ROOT, "77", "HS_SITE", n);
	r = tree_record(&tree, OTHER, "77/service");
	tree_value(r, 1, "HS_SITE", node(SECOND)->site);
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 6);
}

/* --- R2, R3: the parent's word --- */

static void test_parents_word(void **state)
{
	(void)state;
	struct tree_node *evil = tree_node(&tree, OTHER, "88.118.8");
	/* The child says another thing about itself: nobody asks it. */
	tree_delegate(&tree, ENTERPRISE, "88.118.8", "HS_SITE", evil);
	record(SECOND, "0.NA/88.118.8")->values[0].ttl_s = 100;
	record(ENTERPRISE, "88.118.8/x")->values[0].ttl_s = 5000;
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 4);
	expect("0.NA/88.118.8", PROOF_SECURE, HLV_RC_SUCCESS, 0);
	assert_int_equal(kept(MEMORY_RECORD, "0.NA/88.118.8")->life_s, 100);
	assert_int_equal(kept(MEMORY_RECORD, "88.118.8/x")->life_s, 5000);
	assert_int_equal(evil->asked, 0);
	/* When it is over, the parent is asked again, whatever the child said meanwhile. */
	tree.now.wall_ms += 101 * 1000;
	tree_value(tree_record(&tree, ENTERPRISE, "88.118.8/y"), 1, "URL", hlv_text("y"));
	expect("88.118.8/y", PROOF_SECURE, HLV_RC_SUCCESS, 2);
}

static void test_lives(void **state)
{
	static const struct {
		uint32_t above, top, prefix, item; /* TTLs */
		uint32_t min, max;
		uint32_t cut, record, answer; /* lives */
	} rows[] = {
		{86400, 86400, 86400, 3600, 0, 86400, 86400, 86400, 3600},
		{900000, 900000, 900000, 900000, 0, 172800, 86400, 86400, 86400},
		{900000, 900000, 900000, 900000, 0, 1000, 1000, 1000, 1000},
		/* A minimum is for answers, never for delegations. */
		{10, 20, 30, 5, 60, 86400, 10, 10, 60},
		{86400, 86400, 30, 5, 60, 86400, 86400, 30, 60},
		/* Below a referrer whose own word ends sooner, nothing outlives it. */
		{50, 86400, 86400, 86400, 0, 86400, 50, 50, 86400},
		{86400, 50, 86400, 86400, 0, 86400, 50, 50, 86400},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[20];
		snprintf(name, sizeof name, "row %zu", i);
		tree.rules.ttl_min_s = rows[i].min;
		tree.rules.ttl_max_s = rows[i].max;
		record(ROOT, "0.NA/88")->values[0].ttl_s = rows[i].above;
		record(TOP, "0.NA/88.118")->values[0].ttl_s = rows[i].top;
		record(SECOND, "0.NA/88.118.8")->values[0].ttl_s = rows[i].prefix;
		record(ENTERPRISE, "88.118.8/x")->values[0].ttl_s = rows[i].item;
		check(name, ask("88.118.8/x"), PROOF_SECURE, HLV_RC_SUCCESS, 4);
		check_u64(name, kept(MEMORY_CUT, "0.NA/88.118")->life_s, rows[i].cut);
		check_u64(name, kept(MEMORY_RECORD, "0.NA/88.118.8")->life_s, rows[i].record);
		check_u64(name, kept(MEMORY_RECORD, "88.118.8/x")->life_s, rows[i].answer);
		teardown(state);
		setup(state);
	}
}

/* --- not found --- */

static void test_negative(void **state)
{
	(void)state;
	expect("88.118.8/none", PROOF_SECURE, HLV_RC_NOT_FOUND, 4);
	assert_int_equal(kept(MEMORY_RECORD, "88.118.8/none")->life_s, 300);
	record(ENTERPRISE, "88.118.8/x")->rc = HLV_RC_VALUES_NOT_FOUND;
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_VALUES_NOT_FOUND, 1);
	assert_int_equal(kept(MEMORY_RECORD, "88.118.8/x")->rc, HLV_RC_VALUES_NOT_FOUND);
	/* There is no such prefix, says its parent: so there is nothing under it. */
	expect("88.118.7/x", PROOF_SECURE, HLV_RC_NOT_FOUND, 1);
	assert_int_equal(kept(MEMORY_RECORD, "0.NA/88.118.7")->rc, HLV_RC_NOT_FOUND);
	assert_int_equal(kept(MEMORY_RECORD, "88.118.7/x")->rc, HLV_RC_NOT_FOUND);
	tree.now.wall_ms += 200 * 1000;
	expect("88.118.7/y", PROOF_SECURE, HLV_RC_NOT_FOUND, 0);
	assert_int_equal(kept(MEMORY_RECORD, "88.118.7/y")->life_s, 100);
}

static void test_negative_unsigned(void **state)
{
	(void)state;
	expect("88.118.8/x", PROOF_INSECURE, HLV_RC_SUCCESS, 4);
	expect("88.118.8/none", PROOF_INSECURE, HLV_RC_NOT_FOUND, 1);
	assert_int_equal(kept(MEMORY_RECORD, "88.118.8/none")->life_s, 30);
	/* Policy. */
	tree.rules.validate.unsigned_policy = UNSIGNED_REFUSE;
	expect("88.118.8/x", PROOF_BOGUS, HLV_RC_ERROR, 1); /* memory is not believed either */
}

/* --- what is remembered, and no longer so --- */

/* A service has moved, or signs with another key, while its old record is remembered: when nobody
 * there helps, its parent is asked again, once. */
static void test_moved(void **state)
{
	static const enum trick tricks[] = {TRICK_SILENT, TRICK_FLIPPED, TRICK_GARBAGE};
	for (size_t i = 0; i < COUNT(tricks); i++) {
		expect("0.NA/88.118.8", PROOF_SECURE, HLV_RC_SUCCESS, 3);
		struct tree_node *n = tree_node(&tree, OTHER, "88.118.8");
		node(ENTERPRISE)->trick = tricks[i];
		enum proof proof = tricks[i] == TRICK_FLIPPED ? PROOF_BOGUS : PROOF_UNKNOWN;
		/* It has just said where it is. */
		expect("88.118.8/x", proof, HLV_RC_ERROR, 1);
		tree.now.wall_ms += 31 * 1000;
		/* The parent says what it said before. */
		expect("88.118.8/x", proof, HLV_RC_ERROR, 2);
		expect("88.118.8/y", proof, HLV_RC_ERROR, 1); /* not for each name */
		tree.now.wall_ms += 31 * 1000;
		/* It has another record. */
		record(SECOND, "0.NA/88.118.8")->values[0].data = n->site;
		tree_value(tree_record(&tree, OTHER, "88.118.8/x"), 1, "URL", hlv_text("new"));
		expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 3);
		expect("88.118.8/none", PROOF_SECURE, HLV_RC_NOT_FOUND, 1);
		/* It says that there is no such prefix any more. */
		n->trick = tricks[i];
		tree.now.wall_ms += 31 * 1000;
		record(SECOND, "0.NA/88.118.8")->rc = HLV_RC_NOT_FOUND;
		expect("88.118.8/y", PROOF_SECURE, HLV_RC_NOT_FOUND, 2);
		teardown(state);
		setup(state);
	}
	expect("0.NA/88.118.8", PROOF_SECURE, HLV_RC_SUCCESS, 3);
	node(ENTERPRISE)->trick = TRICK_FLIPPED;
	node(SECOND)->trick = node(TOP)->trick = node(ROOT)->trick = TRICK_SILENT;
	tree.now.wall_ms += 31 * 1000;
	struct walk *w = ask("88.118.8/x");
	assert_true(strstr(walk_result(w)->why, "not signed by") != NULL);
	check("nobody knows better", w, PROOF_BOGUS, HLV_RC_ERROR, 3);
}

/* A tier between has moved. */
static void test_cut_moved(void **state)
{
	static const enum trick tricks[] = {TRICK_SILENT, TRICK_FLIPPED, TRICK_GARBAGE};
	for (size_t i = 0; i < COUNT(tricks); i++) {
		expect("0.NA/88.118.8", PROOF_SECURE, HLV_RC_SUCCESS, 3);
		struct tree_node *n = tree_node(&tree, OTHER, "88.118");
		node(SECOND)->trick = tricks[i];
		record(TOP, "0.NA/88.118")->values[0].data = n->site;
		tree_delegate(&tree, OTHER, "88.118.9", "HS_SITE", n);
		/* Lame: at once; silent or with another key: when that is not what was just said. */
		if (tricks[i] != TRICK_GARBAGE) {
			struct walk *w = ask("0.NA/88.118.9");
			assert_true(walk_result(w)->proof < PROOF_INSECURE);
			assert_int_equal(tree.packets, 1);
			walk_free(w);
			tree.now.wall_ms += 31 * 1000;
		}
		expect("0.NA/88.118.9", PROOF_SECURE, HLV_RC_SUCCESS, 4);
		expect("0.NA/88.118.7", PROOF_SECURE, HLV_RC_NOT_FOUND, 1);
		teardown(state);
		setup(state);
	}
}

/* One node is two tiers: what was remembered for the lower one is not the whole of it. */
static void test_two_tiers_in_one(void **state)
{
	(void)state;
	tree_delegate(&tree, TOP, "88.7.1", "HS_SITE", node(TOP));
	expect("0.NA/88.7.1", PROOF_SECURE, HLV_RC_SUCCESS, 2);
	kept(MEMORY_CUT, "0.NA/88.7"); /* too long: it was 88 that was referred */
	tree_delegate(&tree, TOP, "88.7.2", "HS_SITE.PREFIX", node(SECOND));
	tree_delegate(&tree, SECOND, "88.7.2.1", "HS_SITE", node(ENTERPRISE));
	expect("0.NA/88.7.2.1", PROOF_SECURE, HLV_RC_SUCCESS, 2);
	struct tree_record *r = tree_record(&tree, TOP, "0.NA/88.7.3");
	r->rc = HLV_RC_PREFIX_REFERRAL;
	tree_value(r, 1, "HS_SITE.PREFIX", node(SECOND)->site);
	tree_delegate(&tree, SECOND, "88.7.3", "HS_SITE", node(ENTERPRISE));
	expect("0.NA/88.7.3", PROOF_SECURE, HLV_RC_SUCCESS, 4);
}

/* --- no service --- */

static void test_no_service(void **state)
{
	(void)state;
	struct tree_record *r = record(SECOND, "0.NA/88.118.8");
	r->values[0].type = "URL";
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 4);
	assert_int_equal(r->asked, 2); /* the second time as a primary */
	r->values[0].type = "HS_SITE";
	r->values[0].perms = HLV_PERM_ADMIN_READ; /* not public: not there */
	tree_forget(&tree, MEMORY_RECORD);
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_four_tiers, setup),
		CASE(test_prefixes_as_questions, setup),
		CASE(test_spellings, setup),
		CASE(test_flat_root, setup_bare),
		CASE(test_deep_tree, setup_bare),
		CASE(test_question, setup),
		CASE(test_tricks, setup),
		CASE(test_codes, setup),
		CASE(test_lateral, setup),
		CASE(test_service_referral, setup),
		CASE(test_referral_by_handle, setup),
		CASE(test_parents_word, setup),
		CASE(test_lives, setup),
		CASE(test_negative, setup),
		CASE(test_negative_unsigned, setup_unsigned),
		CASE(test_moved, setup),
		CASE(test_cut_moved, setup),
		CASE(test_two_tiers_in_one, setup),
		CASE(test_no_service, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
