/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk with record signatures as they are (protocol.md 13): what trust.c wants is fetched, and what
 * it says is held to.
 */
#include "proto/net/claims.h"
#include "proto/net/jws.h"
#include "tests/unit/walk_case.h"

static const char holder[] = "300:0.NA/88.118.8", root[] = "300:0.0/0.0";
static struct must_sign must;

static struct hlv_bytes jws(struct hlv_buf *payload, const struct hlv_key *by)
{
	struct hlv_buf b = {0};
	check_err("JWS", hlv_jws_make(&b, hlv_buf_bytes(payload), by), HLV_OK);
	struct hlv_bytes out = hlv_arena_copy(&tree.arena, hlv_buf_bytes(&b));
	hlv_buf_free(&b);
	hlv_buf_free(payload);
	return out;
}

static struct hlv_claims claims(const char *sub, const char *iss)
{
	int64_t now_s = hlv_now_s(tree.now);
	return (struct hlv_claims){.sub = hlv_text(sub),
				   .iss = hlv_text(iss),
				   .nbf = now_s - 3600,
				   .exp = now_s + 3600,
				   .iat = now_s};
}

/* As the enterprise: the record as it is by now. */
static void sign(struct tree_record *r, int64_t exp_s, const struct hlv_key *key)
{
	struct hlv_claims c = claims(r->id, holder);
	struct hlv_list values = make_values(&tree.arena, r->values, r->n);
	struct hlv_buf b = {0};
	c.exp += exp_s;
	check_err("digests", hlv_values_digests(&values, &tree.arena, &c.digests, &c.ndigests),
		  HLV_OK);
	hlv_claims_put_signature(&b, &c);
	tree_value(r, 400, "HS_SIGNATURE", jws(&b, key));
}

/* The root certifies the enterprise's key, in the record of its prefix. */
static void certify(struct tree_record *r)
{
	struct hlv_grant grants[] = {{HLV_GRANT_EVERYTHING, hlv_text("")}};
	struct hlv_claims c = claims(holder, root);
	struct hlv_buf b = {0};
	c.key = node(ENTERPRISE)->pubkey;
	c.grants = grants;
	c.ngrants = 1;
	check_err("cert", hlv_claims_put_cert(&b, &c), HLV_OK);
	tree_value(r, 300, "HS_CERT", jws(&b, node(ROOT)->key));
}

static int setup_signed(void **state)
{
	setup(state);
	must = (struct must_sign){hlv_text("88.118.8"), {hlv_text("0.NA/88.118.8"), 300}};
	tree.rules.validate.must_sign = &must;
	tree.rules.validate.nmust_sign = 1;
	return 0;
}

static void test_signed(void **state)
{
	(void)state;
	struct tree_record *r = record(ENTERPRISE, "88.118.8/x");
	sign(r, 0, node(ENTERPRISE)->key);
	certify(record(SECOND, "0.NA/88.118.8"));
	/* The certificate stands in a record that was fetched on the way. */
	expect("88.118.8/x", PROOF_SECURE, HLV_RC_SUCCESS, 4);
	assert_true(kept(MEMORY_RECORD, "88.118.8/x")->values.n == 2);
	expect("88.118.8/none", PROOF_SECURE, HLV_RC_NOT_FOUND, 1);
}

static void test_not_signed(void **state)
{
	static const char *const rows[] = {"not signed", "changed since", "expired",
					   "no certificate", "another's key"};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tree_record *r = record(ENTERPRISE, "88.118.8/x");
		struct tree_record *p = record(SECOND, "0.NA/88.118.8");
		const struct hlv_key *key = node(ENTERPRISE)->key;
		if (i == 4)
			key = tree_node(&tree, OTHER, "66")->key;
		if (i != 0)
			sign(r, i == 2 ? -3601 : 0, key);
		if (i == 1)
			r->values[0].data = hlv_text("https://evil");
		if (i != 3)
			certify(p);
		struct walk *w = ask("88.118.8/x");
		if (walk_result(w)->proof != PROOF_BOGUS)
			fail_msg("%s: %s (%s)", rows[i], proof_name(walk_result(w)->proof),
				 walk_result(w)->why);
		walk_free(w);
		assert_null(tree_kept(&tree, MEMORY_RECORD, "88.118.8/x"));
		teardown(state);
		setup_signed(state);
	}
}

/* A signer whose record lies elsewhere, and cannot be had. */
static void test_holder_silent(void **state)
{
	(void)state;
	must.signer = (struct hlv_ref){hlv_text("77/signer"), 300};
	struct tree_node *n = tree_node(&tree, OTHER, "77");
	tree_delegate(&tree, ROOT, "77", "HS_SITE", n);
	struct tree_record *r = record(ENTERPRISE, "88.118.8/x");
	struct hlv_claims c = claims(r->id, "300:77/signer");
	struct hlv_list values = make_values(&tree.arena, r->values, r->n);
	struct hlv_buf b = {0};
	check_err("digests", hlv_values_digests(&values, &tree.arena, &c.digests, &c.ndigests),
		  HLV_OK);
	hlv_claims_put_signature(&b, &c);
	tree_value(r, 400, "HS_SIGNATURE", jws(&b, n->key));
	n->trick = TRICK_SILENT;
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 0);
	n->trick = TRICK_NONE;
	expect("88.118.8/x", PROOF_BOGUS, HLV_RC_ERROR, 0); /* it has no certificate */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_signed, setup_signed),
		CASE(test_not_signed, setup_signed),
		CASE(test_holder_silent, setup_signed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
