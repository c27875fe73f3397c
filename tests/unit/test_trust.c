/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains of certificates in a little world of records: who may sign what, and
 * everything that must not do.
 */
#include "tests/unit/trust_world.h"

/* Four tiers as delegate makes them: each parent certifies its child in the
 * child's prefix record. */
static void four_tiers(struct world *w, const char *name)
{
	begin(w, name);
	anchor(w, ROOT, "0.0/0.0", "", ANCHOR_VALID);
	put_cert(w, &(struct cert){.at = "0.NA/88",
				   .of = TOP,
				   .by = ROOT,
				   .perm = "all",
				   .handle = "0.NA/88"});
	put_cert(w, &(struct cert){.at = "0.NA/88.118",
				   .of = SECOND,
				   .by = TOP,
				   .perm = "all",
				   .handle = "0.NA/88.118"});
	put_cert(w, &(struct cert){.at = "0.NA/88.118.8",
				   .of = ENTERPRISE,
				   .by = SECOND,
				   .perm = "all",
				   .handle = "0.NA/88.118.8"});
	put(w, "88.118.8/x", 1, "URL", hlv_text("https://example.org"));
	put(w, "88.118.8/x", 2, "DESC", hlv_text("a pump"));
}

static void test_good(void **state)
{
	(void)state;
	struct world w;
	four_tiers(&w, "four tiers");
	sign(&w, "88.118.8/x", ENTERPRISE, NULL, NULL, -1, 1);
	expect(&w, "88.118.8/x", PROOF_SECURE, "3 certificates up to RSA-2048 anchor");
	check_u64("signatures checked", w.signatures, 4);
	check_u64("records asked for", w.asked, 3);
	end(&w);

	four_tiers(&w, "by its own grandparent");
	sign(&w, "88.118.8/x", TOP, NULL, NULL, -1, 1);
	expect(&w, "88.118.8/x", PROOF_SECURE, "1 certificate up");
	end(&w);

	four_tiers(&w, "by the anchor itself");
	sign(&w, "88.118.8/x", ROOT, NULL, NULL, -1, 1);
	expect(&w, "88.118.8/x", PROOF_SECURE, "0 certificates up");
	check_u64("records asked for", w.asked, 0);
	end(&w);

	four_tiers(&w, "one good signature of several");
	sign(&w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
	sign(&w, "88.118.8/x", MALLORY, ids[ENTERPRISE], NULL, -1, 1);
	sign(&w, "88.118.8/x", ENTERPRISE, NULL, NULL, -10, -5);
	sign(&w, "88.118.8/x", ENTERPRISE, NULL, NULL, -1, 1);
	expect(&w, "88.118.8/x", PROOF_SECURE, NULL);
	end(&w);

	four_tiers(&w, "the prefix record itself");
	sign(&w, "0.NA/88.118.8", SECOND, NULL, NULL, -1, 1);
	expect(&w, "0.NA/88.118.8", PROOF_SECURE, "2 certificates");
	end(&w);

	four_tiers(&w, "its certificate in the record at hand");
	put_cert(&w, &(struct cert){.at = "88.118.8/x",
				    .of = MALLORY,
				    .by = ENTERPRISE,
				    .perm = "thisHandle",
				    .handle = "88.118.8/x",
				    .sub = "300:88.118.8/x",
				    .index = 3});
	sign(&w, "88.118.8/x", MALLORY, "300:88.118.8/x", NULL, -1, 1);
	expect(&w, "88.118.8/x", PROOF_SECURE, "4 certificates");
	end(&w);

	four_tiers(&w, "prefixes in another case");
	w.records[record(&w, "88.118.8/x")].id = "88.118.8/x";
	put(&w, "AB/x", 1, "URL", hlv_text("u"));
	put_cert(&w, &(struct cert){.at = "0.NA/AB",
				    .of = MALLORY,
				    .by = ROOT,
				    .perm = "all",
				    .handle = "0.NA/AB",
				    .sub = "300:0.na/ab"});
	sign(&w, "AB/x", MALLORY, "300:0.NA/aB", "ab/x", -1, 1);
	expect(&w, "AB/x", PROOF_SECURE, NULL);
	end(&w);

	begin(&w, "an anchor for a prefix");
	anchor(&w, SECOND, "88.118/0.0", "88.118", ANCHOR_MISSING);
	put(&w, "88.118/x", 1, "URL", hlv_text("u"));
	sign(&w, "88.118/x", SECOND, "301:88.118/0.0", NULL, -1, 1);
	expect(&w, "88.118/x", PROOF_SECURE, NULL);
	end(&w);

	begin(&w, "a certificate elsewhere, and its chain");
	anchor(&w, ROOT, "0.0/0.0", "", ANCHOR_VALID);
	put_cert(&w, &(struct cert){.at = "a/certs",
				    .of = TOP,
				    .by = ROOT,
				    .perm = "everything",
				    .handle = NULL,
				    .index = 7});
	put_cert(&w, &(struct cert){.at = "0.NA/88.118",
				    .of = SECOND,
				    .by = TOP,
				    .perm = "all",
				    .handle = "0.NA/88.118",
				    .chain = {hlv_text("a/certs"), 7}});
	put(&w, "88.118/x", 1, "URL", hlv_text("u"));
	sign(&w, "88.118/x", SECOND, NULL, NULL, -1, 1);
	expect(&w, "88.118/x", PROOF_SECURE, NULL);
	end(&w);
}

/* --- what must not do --- */

static void spoil_unsigned(struct world *w)
{
	put(w, "88.118.8/x", 9, "NOTE", hlv_text("HS_SIGNATURE"));
}
static void spoil_changed(struct world *w)
{
	sign(w, "88.118.8/x", ENTERPRISE, NULL, NULL, -1, 1);
	size_t i = record(w, "88.118.8/x");
	w->records[i].octets = w->records[i].w.p;
	w->records[i].octets[40] ^= 1; /* within the URL */
}
static void spoil_added(struct world *w)
{
	sign(w, "88.118.8/x", ENTERPRISE, NULL, NULL, -1, 1);
	put(w, "88.118.8/x", 900, "URL", hlv_text("https://evil.example"));
}
static void spoil_removed(struct world *w)
{
	sign(w, "88.118.8/x", ENTERPRISE, NULL, NULL, -1, 1);
	size_t i = record(w, "88.118.8/x");
	struct hlv_reader r = hlv_reader(w->records[i].values.raw);
	struct hlv_value v;
	check_err("first", hlv_value_decode(&r, &v), HLV_OK);
	w->records[i].values.raw = hlv_skip(w->records[i].values.raw, r.pos);
	w->records[i].values.n--;
}
static void spoil_other_record(struct world *w)
{
	sign(w, "88.118.8/x", ENTERPRISE, NULL, "88.118.8/y", -1, 1);
}
static void spoil_other_case(struct world *w)
{
	sign(w, "88.118.8/x", ENTERPRISE, NULL, "88.118.8/X", -1, 1);
}
static void spoil_expired(struct world *w)
{
	sign(w, "88.118.8/x", ENTERPRISE, NULL, NULL, -10, -1);
}
static void spoil_early(struct world *w)
{
	sign(w, "88.118.8/x", ENTERPRISE, NULL, NULL, 1, 10);
}
static void spoil_stranger(struct world *w)
{
	sign(w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
}
static void spoil_forged(struct world *w)
{
	sign(w, "88.118.8/x", MALLORY, ids[ENTERPRISE], NULL, -1, 1);
}
static void spoil_forged_anchor(struct world *w)
{
	sign(w, "88.118.8/x", MALLORY, ids[ROOT], NULL, -1, 1);
}
static void spoil_self_made(struct world *w)
{
	put_cert(w, &(struct cert){.at = "0.NA/66", .of = MALLORY, .by = MALLORY});
	sign(w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
}
static void spoil_self_made_root(struct world *w)
{
	put_cert(w, &(struct cert){.at = "0.0/0.0",
				   .of = MALLORY,
				   .by = MALLORY,
				   .sub = "0.0/0.0",
				   .iss = "0.0/0.0"});
	sign(w, "88.118.8/x", MALLORY, "0.0/0.0", NULL, -1, 1);
}
static void spoil_narrow(struct world *w) /* a certificate for another prefix */
{
	put_cert(w, &(struct cert){.at = "0.NA/66",
				   .of = MALLORY,
				   .by = TOP,
				   .perm = "all",
				   .handle = "0.NA/66"});
	sign(w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
}
static void spoil_narrow_between(struct world *w) /* everything, by one who may not give it */
{
	put_cert(w, &(struct cert){.at = "0.NA/88.9",
				   .of = MALLORY,
				   .by = TOP,
				   .perm = "all",
				   .handle = "0.NA/88.9",
				   .sub = "300:0.NA/88.9"});
	put_cert(w, &(struct cert){.at = "0.NA/66",
				   .of = TOP,
				   .by = MALLORY,
				   .perm = "everything",
				   .handle = NULL,
				   .sub = "300:0.NA/66",
				   .iss = "300:0.NA/88.9"});
	sign(w, "88.118.8/x", TOP, "300:0.NA/66", NULL, -1, 1);
}
static void spoil_sibling(struct world *w)
{
	put_cert(w, &(struct cert){.at = "0.NA/88.118.9",
				   .of = MALLORY,
				   .by = SECOND,
				   .perm = "all",
				   .handle = "0.NA/88.118.9",
				   .sub = "300:0.NA/88.118.9"});
	sign(w, "88.118.8/x", MALLORY, "300:0.NA/88.118.9", NULL, -1, 1);
}
static void spoil_child_over_parent(struct world *w)
{
	put(w, "88.118/x", 1, "URL", hlv_text("u"));
	sign(w, "88.118/x", ENTERPRISE, NULL, NULL, -1, 1);
}
static void spoil_unknown_permission(struct world *w)
{
	put_cert(w, &(struct cert){.at = "0.NA/66",
				   .of = MALLORY,
				   .by = TOP,
				   .perm = "sign",
				   .handle = "0.NA/88.118.8"});
	sign(w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
}
static void spoil_cert_expired(struct world *w)
{
	put_cert(w, &(struct cert){
			    .at = "0.NA/66", .of = MALLORY, .by = ROOT, .nbf = -9, .exp = -1});
	sign(w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
}
static void spoil_cert_early(struct world *w)
{
	put_cert(w, &(struct cert){
			    .at = "0.NA/66", .of = MALLORY, .by = ROOT, .nbf = 1, .exp = 9});
	sign(w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
}
static void spoil_cert_forged(struct world *w)
{
	put_cert(w,
		 &(struct cert){
			 .at = "0.NA/66", .of = MALLORY, .by = MALLORY, .iss = "300:0.NA/88"});
	sign(w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
}
static void spoil_cert_of_another(struct world *w)
{
	put_cert(w, &(struct cert){
			    .at = "0.NA/66", .of = MALLORY, .by = TOP, .sub = "300:0.NA/67"});
	sign(w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
}
static void spoil_cert_other_index(struct world *w)
{
	put_cert(w, &(struct cert){
			    .at = "0.NA/66", .of = MALLORY, .by = TOP, .sub = "301:0.NA/66"});
	sign(w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
}
static void
spoil_not_that_value(struct world *w) /* the chain names another value of the record */
{
	put_cert(w, &(struct cert){.at = "a/certs",
				   .of = TOP,
				   .by = ROOT,
				   .sub = "300:0.NA/67",
				   .index = 8});
	put_cert(w, &(struct cert){.at = "0.NA/66",
				   .of = MALLORY,
				   .by = TOP,
				   .iss = "300:0.NA/67",
				   .chain = {hlv_text("a/certs"), 7}});
	sign(w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
}
static void spoil_circle(struct world *w)
{
	put_cert(w,
		 &(struct cert){
			 .at = "0.NA/66", .of = MALLORY, .by = MALLORY, .iss = "300:0.NA/67"});
	put_cert(w,
		 &(struct cert){
			 .at = "0.NA/67", .of = MALLORY, .by = MALLORY, .sub = "300:0.NA/67"});
	sign(w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
}
static void spoil_no_issuer(struct world *w)
{
	sign(w, "88.118.8/x", ROOT, "300:", NULL, -1, 1);
}
static void spoil_garbage(struct world *w)
{
	put(w, "88.118.8/x", 3, "HS_SIGNATURE", hlv_text("eyJhbGciOiJub25lIn0.e30."));
}

static const struct {
	const char *name;
	void (*spoil)(struct world *w);
	const char *id;
	const char *why;
} bad[] = {
	{"not signed", spoil_unsigned, NULL, "not signed"},
	{"a value was changed", spoil_changed, NULL, "value 1 was changed"},
	{"a value was added", spoil_added, NULL, "value 900 is not covered"},
	{"a value was removed", spoil_removed, NULL, "gone"},
	{"the signature of another record", spoil_other_record, NULL, "another identifier"},
	{"a suffix in another case", spoil_other_case, NULL, "another identifier"},
	{"expired", spoil_expired, NULL, "expired"},
	{"not yet valid", spoil_early, NULL, "not valid yet"},
	{"by somebody", spoil_stranger, NULL, "is not there"},
	{"in somebody's name", spoil_forged, NULL, "not signed with the certified"},
	{"in the anchor's name", spoil_forged_anchor, NULL, NULL},
	{"by a certificate of his own", spoil_self_made, NULL, "circle"},
	{"by a root of his own", spoil_self_made_root, NULL, NULL},
	{"by a certificate for another prefix", spoil_narrow, NULL, "does not cover"},
	{"by a certificate that was not his to give", spoil_narrow_between, NULL, NULL},
	{"by a sibling", spoil_sibling, NULL, "does not cover"},
	{"by the child of its prefix", spoil_child_over_parent, "88.118/x", "does not cover"},
	{"by a permission that nobody knows", spoil_unknown_permission, NULL, "does not cover"},
	{"by a certificate that has expired", spoil_cert_expired, NULL, "expired"},
	{"by a certificate that is not valid yet", spoil_cert_early, NULL, "not valid yet"},
	{"by a forged certificate", spoil_cert_forged, NULL, "certified"},
	{"by somebody else's certificate", spoil_cert_of_another, NULL, "no certificate for"},
	{"by the certificate of another key", spoil_cert_other_index, NULL,
	 "no certificate for"},
	{"the certificate is not that value", spoil_not_that_value, NULL, "is not there"},
	{"certificates in a circle", spoil_circle, NULL, "circle"},
	{"an issuer without a name", spoil_no_issuer, NULL, "without an issuer"},
	{"no algorithm", spoil_garbage, NULL, "cannot be read"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct world w;
		four_tiers(&w, bad[i].name);
		bad[i].spoil(&w);
		expect(&w, bad[i].id ? bad[i].id : "88.118.8/x", PROOF_BOGUS, bad[i].why);
		end(&w);
	}
}

static void test_anchors(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum who who;
		const char *subject, *prefix;
		enum anchor_state state;
		enum proof want;
	} rows[] = {
		{"valid", ROOT, "0.0/0.0", "", ANCHOR_VALID, PROOF_SECURE},
		{"missing", ROOT, "0.0/0.0", "", ANCHOR_MISSING, PROOF_SECURE},
		{"that index", ROOT, "300:0.0/0.0", "", ANCHOR_VALID, PROOF_SECURE},
		{"for the prefix", ROOT, "0.0/0.0", "88.118", ANCHOR_VALID, PROOF_SECURE},
		{"another index", ROOT, "301:0.0/0.0", "", ANCHOR_VALID, PROOF_BOGUS},
		{"revoked", ROOT, "0.0/0.0", "", ANCHOR_REVOKED, PROOF_BOGUS},
		{"waiting", ROOT, "0.0/0.0", "", ANCHOR_PENDING, PROOF_BOGUS},
		{"seen", ROOT, "0.0/0.0", "", ANCHOR_SEEN, PROOF_BOGUS},
		{"another key", MALLORY, "0.0/0.0", "", ANCHOR_VALID, PROOF_BOGUS},
		{"another subject", ROOT, "1.0/0.0", "", ANCHOR_VALID, PROOF_BOGUS},
		{"for another prefix", ROOT, "0.0/0.0", "88.119", ANCHOR_VALID, PROOF_BOGUS},
		{"for a longer prefix", ROOT, "0.0/0.0", "88.118.8.1", ANCHOR_VALID,
		 PROOF_BOGUS},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world w;
		four_tiers(&w, rows[i].name);
		anchors_fini(&w.anchors);
		anchor(&w, rows[i].who, rows[i].subject, rows[i].prefix, rows[i].state);
		sign(&w, "88.118.8/x", ENTERPRISE, NULL, NULL, -1, 1);
		expect(&w, "88.118.8/x", rows[i].want, NULL);
		end(&w);
	}
}

static void test_must_by(void **state)
{
	(void)state;
	static const struct {
		const char *name, *handle;
		uint32_t index;
		enum who by;
		enum proof want;
	} rows[] = {
		{"he", "0.NA/88.118.8", 300, ENTERPRISE, PROOF_SECURE},
		{"he, any index", "0.NA/88.118.8", 0, ENTERPRISE, PROOF_SECURE},
		{"he, in another case", "0.na/88.118.8", 300, ENTERPRISE, PROOF_SECURE},
		{"another index", "0.NA/88.118.8", 301, ENTERPRISE, PROOF_BOGUS},
		{"his parent", "0.NA/88.118.8", 300, SECOND, PROOF_BOGUS},
		{"the anchor", "0.NA/88.118.8", 300, ROOT, PROOF_BOGUS},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world w;
		four_tiers(&w, rows[i].name);
		w.must_by = (struct hlv_ref){hlv_text(rows[i].handle), rows[i].index};
		sign(&w, "88.118.8/x", rows[i].by, NULL, NULL, -1, 1);
		expect(&w, "88.118.8/x", rows[i].want, NULL);
		end(&w);
	}
}

/* --- bounds --- */

static void test_budget(void **state)
{
	(void)state;
	for (uint32_t budget = 0; budget <= 4; budget++) {
		struct world w;
		four_tiers(&w, "budget");
		w.budget = budget;
		sign(&w, "88.118.8/x", ENTERPRISE, NULL, NULL, -1, 1);
		expect(&w, "88.118.8/x", budget < 4 ? PROOF_UNKNOWN : PROOF_SECURE,
		       budget < 4 ? "budget" : NULL);
		end(&w);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	struct world w;
	static char names[40][32], handles[40][32];
	four_tiers(&w, "forty signatures by forty strangers");
	for (int i = 0; i < 40; i++) {
		snprintf(names[i], sizeof names[i], "300:0.NA/66.%d", i);
		sign(&w, "88.118.8/x", MALLORY, names[i], NULL, -1, 1);
	}
	expect(&w, "88.118.8/x", PROOF_UNKNOWN, "too many");
	assert_true(w.asked <= TRUST_RECORDS_MAX);
	check_u64("signatures checked", w.signatures, 0);
	end(&w);

	begin(&w, "a chain of forty");
	anchor(&w, ROOT, "0.0/0.0", "", ANCHOR_VALID);
	w.budget = 1000;
	for (int i = 0; i < 40; i++) {
		snprintf(names[i], sizeof names[i], "300:0.NA/66.%d", i);
		snprintf(handles[i], sizeof handles[i], "0.NA/66.%d", i);
	}
	for (int i = 0; i < 39; i++)
		put_cert(&w, &(struct cert){.at = handles[i],
					    .of = MALLORY,
					    .by = MALLORY,
					    .sub = names[i],
					    .iss = names[i + 1]});
	put_cert(&w, &(struct cert){
			     .at = handles[39], .of = MALLORY, .by = ROOT, .sub = names[39]});
	put(&w, "66/x", 1, "URL", hlv_text("u"));
	sign(&w, "66/x", MALLORY, names[0], NULL, -1, 1);
	struct judgement j;
	enum proof proof = judge_at(&w, "66/x", &j, now);
	if (proof == PROOF_SECURE || w.asked > TRUST_RECORDS_MAX)
		fail_msg("a chain of forty: %s, %u records", proof_name(proof), w.asked);
	end(&w);

	four_tiers(&w, "forty certificates, none his");
	for (uint32_t i = 0; i < 40; i++)
		put_cert(&w, &(struct cert){.at = "0.NA/66",
					    .of = MALLORY,
					    .by = TOP,
					    .perm = "all",
					    .handle = "0.NA/88.118.8",
					    .sub = "300:0.NA/65",
					    .index = 400 + i});
	sign(&w, "88.118.8/x", MALLORY, NULL, NULL, -1, 1);
	expect(&w, "88.118.8/x", PROOF_UNKNOWN, "too many");
	end(&w);
}

/* No memory at any point: never secure by mistake, never stuck. */
static void test_memory(void **state)
{
	(void)state;
	bool secure = false;
	for (size_t limit = 0; !secure; limit += 4096) {
		struct world w;
		struct judgement j;
		four_tiers(&w, "memory");
		sign(&w, "88.118.8/x", ENTERPRISE, NULL, NULL, -1, 1);
		size_t before = arena.limit;
		arena.limit = arena.used + limit;
		enum proof proof = judge_at(&w, "88.118.8/x", &j, now);
		arena.limit = before;
		if (proof == PROOF_BOGUS || proof == PROOF_INSECURE)
			fail_msg("with %zu octets: %s", limit, j.why);
		secure = proof == PROOF_SECURE;
		if (limit > 8 << 20)
			fail_msg("not with %zu octets", limit);
		end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	cmocka_unit_test(test_bad),
		cmocka_unit_test(test_anchors), cmocka_unit_test(test_must_by),
		cmocka_unit_test(test_budget),	cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
