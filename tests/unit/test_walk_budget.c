/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/walk_case.h"

static void walk_with(void (*change)(struct budget *), const char *id, const char *why)
{
	const struct walk_ask *a;
	struct walk_question q = {.id = hlv_text(id)};
	struct walk *w = walk_new(&tree.rules, NULL, &q, 1, tree.now);
	change(walk_budget(w));
	struct walk *done = NULL;
	(void)done;
	unsigned asks = 0;
	while (walk_next(w, tree.now, &a) == WALK_ASKS && ++asks < 100)
		walk_failed(w, HLV_E_LIMIT, tree.now);
	if (walk_result(w)->proof != PROOF_UNKNOWN || !strstr(walk_result(w)->why, why))
		fail_msg("%s: %s", why, walk_result(w)->why);
	walk_free(w);
}

static void no_packets(struct budget *b)
{
	b->packets = 0;
}
static void no_octets(struct budget *b)
{
	b->octets = 0;
}
static void no_steps(struct budget *b)
{
	b->steps = 0;
}
static void no_time(struct budget *b)
{
	b->until_ns = tree.now.mono_ns;
}
static void nothing_less(struct budget *b)
{
	(void)b;
}

static void test_budgets(void **state)
{
	(void)state;
	walk_with(no_packets, "88/x", "cost too much");
	walk_with(no_octets, "88/x", "cost too much");
	walk_with(nothing_less, "88/x", "cost too much"); /* the sender says so */
	walk_with(no_steps, "88/x", "too many sites");
	walk_with(no_time, "88/x", "no answer in time");
}

/* A silent network: every question of 33 possible packets ends after 32. */
static void test_budget_packets(void **state)
{
	(void)state;
	/* Each tier has eight sites; seven are lame. */
	struct tree_record *records[] = {record(ROOT, "0.NA/88"), record(TOP, "0.NA/88.118"),
					 record(SECOND, "0.NA/88.118.8")};
	static char addresses[64][HLV_ADDR_TEXT];
	unsigned n = 0;
	for (size_t i = 0; i < COUNT(records); i++) {
		struct value_form own = records[i]->values[0];
		const char *type = own.type;
		records[i]->n = 0;
		for (uint32_t k = 0; k < 11; k++, n++) {
			snprintf(addresses[n], sizeof addresses[n], "198.51.100.%u:2641",
				 n + 1);
			tree_value(records[i], k + 10, type,
				   make_plain_site(&tree.arena, addresses[n], hlv_text("")));
		}
		tree_value(records[i], 99, type, own.data);
	}
	/* Eight are tried on each level: the good one is never reached. */
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 1 + 8);
	struct walk *w = ask("88.118.8/x");
	walk_budget(w);
	assert_true(tree.packets <= BUDGET_PACKETS);
	walk_free(w);
}

static void test_budget_signatures(void **state)
{
	(void)state;
	/* Each service handle costs a signature or two; there are sixteen. */
	static char ids[40][40];
	struct tree_record *r = record(SECOND, "0.NA/88.118.8");
	r->n = 0;
	for (uint32_t i = 0; i < 16; i++) {
		snprintf(ids[i], sizeof ids[i], "88/s%u", i);
		tree_value(r, i + 1, "HS_SERV", hlv_text(ids[i]));
		tree_value(tree_record(&tree, TOP, ids[i]), 1, "URL", hlv_text("no site"));
	}
	expect("88.118.8/x", PROOF_UNKNOWN, HLV_RC_ERROR, 0);
	assert_true(tree.packets <= BUDGET_DEPTH);
	/* Nine bogus answers at each of two levels are more than sixteen checks. */
	r->n = 0;
	static char addresses[16][HLV_ADDR_TEXT];
	for (uint32_t i = 0; i < 8; i++) {
		snprintf(addresses[i], sizeof addresses[i], "198.51.100.%u:2641", i + 1);
		struct tree_node *n = tree_node(&tree, addresses[i], "88.118.8");
		n->trick = TRICK_FLIPPED;
		tree_value(r, i + 1, "HS_SITE", n->site);
		tree_record(&tree, addresses[i], "88.118.8/x");
	}
	tree_forget(&tree, MEMORY_RECORD);
	struct walk *w = ask("88.118.8/x");
	assert_int_equal(walk_result(w)->proof, PROOF_BOGUS);
	assert_int_equal(walk_budget(w)->signatures, BUDGET_SIGNATURES - 9);
	walk_free(w);
}

static void test_budget_octets(void **state)
{
	(void)state;
	/* A megabyte of answers: forty of 30 KB, one alias after the other would be more. */
	struct hlv_bytes large = hlv_bytes(hlv_alloc(&tree.arena, 180000), 180000);
	static char names[9][32];
	for (unsigned i = 0; i < 9; i++) {
		snprintf(names[i], sizeof names[i], "88.118.8/l%u", i);
		struct tree_record *r = tree_record(&tree, ENTERPRISE, names[i]);
		if (i > 0) {
			char *from = names[i - 1];
			tree_value(record(ENTERPRISE, from), 1, "HS_ALIAS", hlv_text(names[i]));
		}
		tree_value(r, 9, "DESC", large);
	}
	struct walk *w = ask(names[0]);
	assert_int_equal(walk_budget(w)->octets, 0);
	check("octets", w, PROOF_UNKNOWN, HLV_RC_ERROR, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_budgets, setup),
		CASE(test_budget_packets, setup),
		CASE(test_budget_signatures, setup),
		CASE(test_budget_octets, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
