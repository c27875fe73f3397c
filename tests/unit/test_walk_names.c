/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/walk_case.h"

/* --- service handles --- */

static void test_services(void **state)
{
	(void)state;
	struct tree_node *n = tree_node(&tree, OTHER, "77");
	tree_delegate(&tree, ROOT, "77", "HS_SITE", n);
	struct tree_record *r = record(SECOND, "0.NA/88.118.8");
	r->values[0] = (struct value_form)VALUE(1, "HS_SERV", hlv_text("77/one"));
	/* One leads to the other, and back. */
	r = tree_record(&tree, OTHER, "77/one");
	tree_value(r, 1, "HS_SERV", hlv_text("77/two"));
	r = tree_record(&tree, OTHER, "77/two");
	tree_value(r, 1, "HS_SERV", hlv_text("77/one"));
	tree_value(r, 2, "HS_SITE", node(ENTERPRISE)->site);
	/* root, top, second; root, 77, 77; enterprise */
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 7);
	/* One of them is not there: the other has sites. */
	tree_forget(&tree, MEMORY_RECORD);
	r = record(SECOND, "0.NA/88.118.8");
	tree_value(r, 2, "HS_SERV", hlv_text("77/none"));
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 0);
	/* Both: nobody serves it. */
	tree_forget(&tree, MEMORY_RECORD);
	record(OTHER, "77/two")->rc = HLV_RC_NOT_FOUND;
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 0);
}

static void test_service_root(void **state)
{
	(void)state;
	struct tree_record *r = record(SECOND, "0.NA/88.118.8");
	r->values[0] = (struct value_form)VALUE(1, "HS_SERV", hlv_text("0.NA/0.NA"));
	tree_value(tree_record(&tree, ROOT, "88.118.8/x"), 1, "URL", hlv_text("x"));
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 4);
}

/* A root that is believed less than the configured zone that names it takes nothing along. */
static void test_service_root_insecure(void **state)
{
	(void)state;
	struct tree_record *r = record(SECOND, "0.NA/88.118.8");
	struct walk_start start = {.zone = {.prefix = hlv_text("88.118"),
					    .sites = one_array(&tree.arena, node(SECOND)->site),
					    .proof = PROOF_SECURE}};
	r->values[0] = (struct value_form)VALUE(1, "HS_SERV", hlv_text("0.NA/0.NA"));
	tree_value(tree_record(&tree, ROOT, "88.118.8/x"), 1, "URL", hlv_text("x"));
	tree.rules.starts = &start;
	tree.rules.nstarts = 1;
	tree.rules.root.proof = PROOF_INSECURE;
	tree.rules.validate.anchors = NULL;
	expect("88.118.8/x", PROOF_INSECURE, HLV_RC_SUCCESS, 2);
}

/* A prefix whose service handle is below itself. */
static void test_service_loop(void **state)
{
	(void)state;
	struct tree_record *r = record(SECOND, "0.NA/88.118.8");
	r->values[0] = (struct value_form)VALUE(1, "HS_SERV", hlv_text("88.118.8/service"));
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 0);
	assert_true(tree.packets <= BUDGET_PACKETS);
}

/* R5: what is proven less well takes nothing along. */
static void test_service_insecure(void **state)
{
	(void)state;
	struct tree_node *n = tree_node(&tree, OTHER, "77");
	struct tree_record *r = tree_record(&tree, ROOT, "0.NA/77"), *s;
	tree_value(r, 1, "HS_SITE", make_plain_site(&tree.arena, OTHER, hlv_text("")));
	hlv_key_free(n->key);
	n->key = NULL;
	r = record(SECOND, "0.NA/88.118.8");
	tree_value(r, 2, "HS_SERV", hlv_text("77/s"));
	s = tree_record(&tree, OTHER, "77/s");
	struct tree_node *m = tree_node(&tree, MIRROR, "88.118.8");
	tree_value(s, 1, "HS_SITE", m->site);
	tree_value(tree_record(&tree, MIRROR, "88.118.8/x"), 1, "URL", hlv_text("evil"));
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 0);
	assert_int_equal(m->asked, 0);
	/* The only one: used, and insecure. */
	tree_forget(&tree, MEMORY_RECORD);
	r->values[0].type = "URL";
	expect("88.118.8/x", PROOF_INSECURE, HLV_RC_SUCCESS, 0);
}

/* --- R5: aliases --- */

static void alias(const char *from, const char *to)
{
	tree_value(tree_record(&tree, ENTERPRISE, from), 1, "HS_ALIAS", hlv_text(to));
}

static void test_aliases(void **state)
{
	(void)state;
	alias("88.118.8/a", "88.118.8/b");
	alias("88.118.8/b", "88.118.8/x");
	record(ENTERPRISE, "88.118.8/x")->values[0].ttl_s = 77;
	struct walk *w = ask("88.118.8/a");
	struct hlv_reader r = hlv_reader(walk_result(w)->finding.values.raw);
	struct hlv_value v;
	assert_int_equal(hlv_value_decode(&r, &v), HLV_OK);
	check_text("behind the alias", v.data, "https://x");
	check("alias", w, PROOF_SECURE, HLV_RC_SUCCESS, 6);
	assert_int_equal(kept(MEMORY_RECORD, "88.118.8/a")->life_s, 77);
	/* Loops, of two and of one; ends that are not there. */
	alias("88.118.8/c", "88.118.8/d");
	alias("88.118.8/d", "88.118.8/c");
	alias("88.118.8/e", "88.118.8/e");
	alias("88.118.8/f", "88.118.8/none");
	alias("88.118.8/g", "99/none");
	expect("88.118.8/c", PROOF_UNKNOWN, HLV_RC_ERROR, 2);
	expect("88.118.8/e", PROOF_UNKNOWN, HLV_RC_ERROR, 1);
	expect("88.118.8/f", PROOF_SECURE, HLV_RC_NOT_FOUND, 2);
	expect("88.118.8/g", PROOF_SECURE, HLV_RC_NOT_FOUND, 2);
	assert_null(tree_kept(&tree, MEMORY_RECORD, "88.118.8/c"));
	/* Not followed: shown as it is. */
	tree.rules.follow_aliases = false;
	tree_forget(&tree, MEMORY_RECORD);
	w = ask("88.118.8/a");
	r = hlv_reader(walk_result(w)->finding.values.raw);
	assert_int_equal(hlv_value_decode(&r, &v), HLV_OK);
	check_text("alias", v.type, "HS_ALIAS");
	walk_free(w);
}

static void test_alias_chain(void **state)
{
	static char names[12][32];
	for (unsigned last = 7; last <= 9; last++) {
		for (unsigned i = 0; i <= last; i++)
			snprintf(names[i], sizeof names[i], "88.118.8/a%u", i);
		for (unsigned i = 0; i < last; i++)
			alias(names[i], names[i + 1]);
		tree_value(tree_record(&tree, ENTERPRISE, names[last]), 1, "URL",
			   hlv_text("x"));
		bool fits = last <= BUDGET_ALIASES;
		expect(names[0], fits ? PROOF_SECURE : PROOF_UNKNOWN,
		       fits ? HLV_RC_SUCCESS : HLV_RC_ERROR, 0);
		teardown(state);
		setup(state);
	}
}

/* The proof of a chain is that of its weakest link. */
static void test_alias_proof(void **state)
{
	(void)state;
	struct tree_node *n = tree_node(&tree, OTHER, "77");
	struct tree_record *r = tree_record(&tree, ROOT, "0.NA/77");
	tree_value(r, 1, "HS_SITE", make_plain_site(&tree.arena, OTHER, hlv_text("")));
	hlv_key_free(n->key);
	n->key = NULL;
	tree_value(tree_record(&tree, OTHER, "77/t"), 1, "URL", hlv_text("t"));
	alias("88.118.8/a", "77/t");
	expect("88.118.8/a", PROOF_INSECURE, HLV_RC_SUCCESS, 0);
}

/* --- R7, addresses --- */

static void test_bad_addresses(void **state)
{
	(void)state;
	struct tree_record *r = record(SECOND, "0.NA/88.118.8");
	struct hlv_bytes key = node(ENTERPRISE)->pubkey;
	static const char *const bad[] = {"127.0.0.1:22", "169.254.169.254:80", "10.0.0.1:2641",
					  "[::1]:2641", "224.0.0.1:2641"};
	struct value_form good = r->values[0];
	r->n = 0;
	for (uint32_t i = 0; i < COUNT(bad); i++)
		tree_value(r, i + 2, "HS_SITE", make_plain_site(&tree.arena, bad[i], key));
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 3);
	r->values[r->n++] = good;
	tree_forget(&tree, MEMORY_RECORD);
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 2);
}

/* --- values --- */

static void test_values(void **state)
{
	(void)state;
	struct tree_record *r = record(ENTERPRISE, "88.118.8/x");
	tree_value(r, 300, "HS_SECKEY", hlv_text("secret"));
	tree_value(r, 200, "URL", hlv_text("private"))->perms = HLV_PERM_ADMIN_READ;
	tree_value(r, 100, "URL", hlv_text("second"));
	tree_value(r, 50, "URL", hlv_text("first"))->mtime_s = 99;
	struct walk *w = ask("88.118.8/x");
	const struct finding *f = &walk_result(w)->finding;
	struct hlv_reader in = hlv_reader(f->values.raw);
	uint32_t want[] = {1, 50, 100};
	assert_int_equal(f->values.n, 3);
	assert_int_equal(f->newest_s, 99);
	for (size_t i = 0; i < 3; i++) {
		struct hlv_value v;
		assert_int_equal(hlv_value_decode(&in, &v), HLV_OK);
		assert_int_equal(v.index, want[i]);
	}
	walk_free(w);
	/* Two under one index. */
	tree_forget(&tree, MEMORY_RECORD);
	tree_value(r, 50, "URL", hlv_text("again"));
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 0);
	/* Nothing that is public. */
	r->n = 0;
	tree_value(r, 300, "HS_SECKEY", hlv_text("secret"));
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_VALUES_NOT_FOUND, 0);
}

/* --- threats.md 7, "Signed replay" --- */

static void test_replay(void **state)
{
	(void)state;
	two_servers(TRICK_NONE, TRICK_NONE);
	struct tree_record *r = record(ENTERPRISE, "88.118.8/x"),
			   *m = record(MIRROR, "88.118.8/x");
	expect("88.118.8", PROOF_SECURE, HLV_RC_SUCCESS, 3);
	tree.newest = 1000;
	/* Both agree that it is old. */
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 2);
	assert_int_equal(tree.streams, 1);
	assert_int_equal(r->asked, 1);
	assert_int_equal(m->asked, 1);
	/* They do not. */
	tree_forget(&tree, MEMORY_RECORD);
	tree.newest = 0;
	expect("88.118.8", PROOF_SECURE, HLV_RC_SUCCESS, 1);
	tree.newest = 1000;
	m->values[0].data = hlv_text("another");
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 2);
	/* The second has the newer one: that is it. */
	m->values[0].mtime_s = 1000;
	struct walk *w = ask("88.118.8/x");
	assert_int_equal(walk_result(w)->finding.newest_s, 1000);
	check("newer", w, PROOF_SECURE, HLV_RC_SUCCESS, 2);
}

/* Only one server: it is asked once more, by stream. */
static void test_replay_alone(void **state)
{
	(void)state;
	expect("88.118.8", PROOF_SECURE, HLV_RC_SUCCESS, 3);
	tree.newest = 1000;
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 2);
	assert_int_equal(tree.streams, 1);
	/* It takes no streams: then there is no second opinion. */
	struct site_server s = {
		.address = ENTERPRISE, .by = SITE_UDP_ONLY, .key = node(ENTERPRISE)->pubkey};
	struct site_form form = {.servers = &s, .n = 1, .serial = 2};
	record(SECOND, "0.NA/88.118.8")->values[0].data = make_site(&tree.arena, &form);
	tree_forget(&tree, MEMORY_RECORD);
	tree.newest = 0;
	expect("88.118.8", PROOF_SECURE, HLV_RC_SUCCESS, 1);
	tree.newest = 1000;
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 0);
	assert_null(tree_kept(&tree, MEMORY_RECORD, "88.118.8/x"));
}

/* --- forwarders and pinned sites --- */

static void test_forwarder(void **state)
{
	(void)state;
	struct tree_node *n = tree_node(&tree, OTHER, "");
	struct walk_start start = {.zone = {.prefix = hlv_text("88.118"),
					    .sites = one_array(&tree.arena, n->site),
					    .proof = PROOF_SECURE,
					    .is_forwarder = true}};
	tree.rules.starts = &start;
	tree.rules.nstarts = 1;
	tree_value(tree_record(&tree, OTHER, "88.118.8/x"), 1, "URL", hlv_text("f"));
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 1);
	expect("0.NA/88.118.8", PROOF_SECURE, HLV_RC_NOT_FOUND, 1);
	tree_record(&tree, OTHER, "88.118/none")->rc = HLV_RC_NOT_FOUND;
	expect("88.118/none", PROOF_SECURE, HLV_RC_NOT_FOUND, 1);
	expect("88.1180/x", PROOF_SECURE, HLV_RC_NOT_FOUND, 2); /* not under it */
	/* It must resolve, not refer. */
	struct tree_record *r = tree_record(&tree, OTHER, "88.118.8/y");
	r->rc = HLV_RC_SERVICE_REFERRAL;
	tree_value(r, 1, "HS_SITE", node(ENTERPRISE)->site);
	expect("88.118.8/y", PROOF_UNKNOWN, HLV_RC_ERROR, 1);
}

static void test_pinned(void **state)
{
	(void)state;
	struct walk_start starts[] = {
		{.zone = {.prefix = hlv_text("88.118"),
			  .sites = one_array(&tree.arena, node(SECOND)->site),
			  .proof = PROOF_SECURE}},
		{.zone = {.prefix = hlv_text("88.118.8"),
			  .sites = one_array(&tree.arena, node(ENTERPRISE)->site),
			  .proof = PROOF_SECURE}},
	};
	tree.rules.starts = starts;
	tree.rules.nstarts = 1;
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 2); /* root and top are left out */
	tree.rules.nstarts = 2;
	tree_forget(&tree, MEMORY_RECORD);
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 1);
}

/* --- what is asked in place of the record --- */

static void test_other_questions(void **state)
{
	(void)state;
	struct hlv_request rq = {
		.m.hdr.op = HLV_OP_VERIFY_CHALLENGE,
		.auth = {.who = {hlv_text("88.118.8/x"), 300},
			 .digest = {HLV_DIGEST_SHA256, hlv_text("01234567"
								"890123456789012345678901")}}};
	struct walk_question q = {
		.id = hlv_text("88.118.8/x"), .request = &rq, .authoritative = true};
	struct walk *w = tree_walk(&tree, &q);
	assert_non_null(walk_result(w)->raw);
	assert_int_equal(walk_result(w)->raw->verdict, 1);
	check("verify", w, PROOF_SECURE, HLV_RC_SUCCESS, 4);
	assert_null(tree_kept(&tree, MEMORY_RECORD, "88.118.8/x"));
	/* A filter: the way is known, the answer is nobody's business but the asker's. */
	uint8_t index[4] = {0, 0, 0, 1};
	rq = (struct hlv_request){.m.hdr.op = HLV_OP_RESOLUTION,
				  .handle = q.id,
				  .indexes = {1, hlv_bytes(index, 4)}};
	w = tree_walk(&tree, &q);
	assert_int_equal(walk_result(w)->raw->values.n, 1);
	check("filter", w, PROOF_SECURE, HLV_RC_SUCCESS, 1);
	assert_null(tree_kept(&tree, MEMORY_RECORD, "88.118.8/x"));
}

/* Memory is not asked for the answer, but for the way. */
static void test_anew(void **state)
{
	(void)state;
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 4);
	struct walk_question q = {.id = hlv_text("88.118.8/x"), .refresh = true};
	check("refresh", tree_walk(&tree, &q), PROOF_SECURE, HLV_RC_SUCCESS, 1);
	q = (struct walk_question){.id = q.id, .authoritative = true};
	check("authoritative", tree_walk(&tree, &q), PROOF_SECURE, HLV_RC_SUCCESS, 1);
	/* A mirror is not asked for it. */
	struct site_server s = {.address = ENTERPRISE, .key = node(ENTERPRISE)->pubkey};
	struct site_form form = {.servers = &s, .n = 1};
	record(SECOND, "0.NA/88.118.8")->values[0].data = make_site(&tree.arena, &form);
	tree_forget(&tree, MEMORY_RECORD);
	check("mirror", tree_walk(&tree, &q), PROOF_UNKNOWN, HLV_RC_ERROR, 1);
}

static void test_refused(void **state)
{
	(void)state;
	static char too_long[HLV_IDENTIFIER_MAX + 2];
	memset(too_long, 'x', sizeof too_long - 1);
	struct walk_question q = {.id = hlv_text("88.118.8/x"), .recursion = 9};
	check("nine", tree_walk(&tree, &q), PROOF_SECURE, HLV_RC_SUCCESS, 4);
	q.recursion = 10;
	check("ten", tree_walk(&tree, &q), PROOF_UNKNOWN, HLV_RC_RECURSION_TOO_HIGH, 0);
	assert_int_equal(tree.packets, 0);
	expect("", PROOF_UNKNOWN, HLV_RC_INVALID_HANDLE, 0);
	expect(too_long, PROOF_UNKNOWN, HLV_RC_INVALID_HANDLE, 0);
}

/* --- record signatures: who is asked, and what is made of it --- */

static struct must_sign must = {.signer = {.index = 300}};

/* Stands for trust.c: the record names the holder of the certificate that it wants. */
enum trust_want trust_begin(struct trust *t, struct hlv_now now)
{
	struct hlv_reader r = hlv_reader(t->values.raw);
	struct hlv_value v = {0};
	(void)now;
	for (uint32_t i = 0; i < t->values.n; i++) {
		assert_int_equal(hlv_value_decode(&r, &v), HLV_OK);
		if (hlv_eq(v.type, hlv_text("HS_SIGNATURE"))) {
			t->wanted = v.data;
			return TRUST_WANTS_RECORD;
		}
	}
	t->judgement.proof = PROOF_BOGUS;
	return TRUST_DONE;
}

enum trust_want trust_feed(struct trust *t, const struct hlv_list *values, struct hlv_now now)
{
	struct hlv_value v;
	(void)now;
	t->judgement.proof = PROOF_BOGUS;
	struct hlv_reader r = hlv_reader(values ? values->raw : (struct hlv_bytes){0});
	for (uint32_t i = 0; values && i < values->n; i++) {
		assert_int_equal(hlv_value_decode(&r, &v), HLV_OK);
		if (hlv_eq(v.type, hlv_text("HS_CERT")))
			t->judgement.proof = PROOF_SECURE;
	}
	return TRUST_DONE;
}

static void test_trust(void **state)
{
	(void)state;
	must.prefix = hlv_text("88.118.8");
	must.signer.handle = hlv_text("77/holder");
	tree.rules.validate.must_sign = &must;
	tree.rules.validate.nmust_sign = 1;
	struct tree_node *n = tree_node(&tree, OTHER, "77");
	tree_delegate(&tree, ROOT, "77", "HS_SITE", n);
	expect("88.118.8/x", PROOF_BOGUS, HLV_RC_ERROR, 4);
	assert_null(tree_kept(&tree, MEMORY_RECORD, "88.118.8/x"));
	struct tree_record *r = record(ENTERPRISE, "88.118.8/x");
	tree_value(r, 400, "HS_SIGNATURE", hlv_text("77/holder"));
	expect("88.118.8/x", PROOF_BOGUS, HLV_RC_ERROR, 3); /* there is no certificate */
	assert_int_equal(kept(MEMORY_RECORD, "77/holder")->rc, HLV_RC_NOT_FOUND);
	tree_forget(&tree, MEMORY_RECORD);
	tree_value(tree_record(&tree, OTHER, "77/holder"), 401, "HS_CERT", hlv_text("c"));
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 0);
	/* The holder cannot be asked: nobody knows. */
	tree_forget(&tree, MEMORY_RECORD);
	n->trick = TRICK_SILENT;
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 0);
	/* Signed by what stands in the record itself: nobody is asked. */
	r->values[1].data = hlv_text("88.118.8/x");
	tree_value(r, 401, "HS_CERT", hlv_text("c"));
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 1);
	/* What needs no record signature is not looked at. */
	expect("88.118.8/none", PROOF_SECURE, HLV_RC_NOT_FOUND, 1);
}

/* A holder whose own record needs a signature too does not go round in circles. */
static void test_trust_loop(void **state)
{
	(void)state;
	must.prefix = hlv_text("88");
	must.signer.handle = hlv_text("88.118.8/holder");
	tree.rules.validate.must_sign = &must;
	tree.rules.validate.nmust_sign = 1;
	struct tree_record *r = record(ENTERPRISE, "88.118.8/x");
	tree_value(r, 400, "HS_SIGNATURE", hlv_text("88.118.8/holder"));
	tree_value(tree_record(&tree, ENTERPRISE, "88.118.8/holder"), 1, "HS_SIGNATURE",
		   hlv_text("88.118.8/x"));
	struct walk *w = ask("88.118.8/x");
	assert_true(walk_result(w)->proof < PROOF_INSECURE);
	assert_true(tree.packets <= 12);
	walk_free(w);
	/* What was believed for the certificate's sake alone is not remembered. */
	assert_null(tree_kept(&tree, MEMORY_RECORD, "88.118.8/holder"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_services, setup),
		CASE(test_service_root, setup),
		CASE(test_service_root_insecure, setup),
		CASE(test_service_loop, setup),
		CASE(test_service_insecure, setup),
		CASE(test_aliases, setup),
		CASE(test_alias_chain, setup),
		CASE(test_alias_proof, setup),
		CASE(test_bad_addresses, setup),
		CASE(test_values, setup),
		CASE(test_replay, setup),
		CASE(test_replay_alone, setup),
		CASE(test_forwarder, setup),
		CASE(test_pinned, setup),
		CASE(test_other_questions, setup),
		CASE(test_anew, setup),
		CASE(test_refused, setup),
		CASE(test_trust, setup),
		CASE(test_trust_loop, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
