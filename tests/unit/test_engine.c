/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/engine_case.h"

/* --- answers --- */

static void test_cold_and_warm(void **state)
{
	(void)state;
	struct rig_waiter *x = rig_told(&rig, "88.118.8/x");
	expect("cold", x, "https://x", false);
	check_u64("secure", x->proof, PROOF_SECURE);
	check_u64("packets", rig.packets, 4);
	check_u64("ms", took_ms(x), 40);
	check_u64("left", x->left_s, 86400);
	rig_pass(&rig, 10000);
	x = rig_told(&rig, "88.118.8/x");
	expect("warm", x, "https://x", false);
	check_u64("at once", took_ms(x), 0);
	check_u64("left", x->left_s, 86390);
	check_u64("packets", rig.packets, 4);
	x = rig_told(&rig, "88.118.8/none");
	check_u64("not found", x->rc, HLV_RC_NOT_FOUND);
	assert_true(x->proven);
	check_u64("packets", rig.packets, 5);
	check_u64("walks", stats()->walks, 2);
	check_u64("packets out", stats()->packets_out, 5);
}

/* AT: asked of a primary, and then in the cache for all. */
static void test_authoritative(void **state)
{
	(void)state;
	rig_told(&rig, "88.118.8/x");
	unsigned before = rig.packets;
	struct tree_record *r = tree_record(&rig.tree, ENTERPRISE, "88.118.8/x");
	tree_value(r, 1, "URL", hlv_text("https://newer"));
	expect("cached", rig_told(&rig, "88.118.8/x"), "https://x", false);
	struct rig_waiter *x = rig_ask_as(&rig, "88.118.8/x", NULL, true, 0);
	rig_pass(&rig, 1000);
	expect("AT", x, "https://newer", false);
	assert_true(rig.packets > before);
	expect("cached", rig_told(&rig, "88.118.8/x"), "https://newer", false);
}

static void test_recursion(void **state)
{
	(void)state;
	rig_told(&rig, "88.118.8/x");
	expect("held", rig_ask_as(&rig, "88.118.8/x", NULL, false, 200), "https://x", false);
	expect_refused("passed on too often", rig_ask_as(&rig, "88.118.8/y", NULL, false, 10),
		       HLV_RC_RECURSION_TOO_HIGH);
	struct rig_waiter *x = rig_ask_as(&rig, "88.118.8/y", NULL, false, 9);
	rig_pass(&rig, 1000);
	assert_true(x->proven);
}

static void test_no_identifier(void **state)
{
	(void)state;
	expect_refused("empty", rig_ask(&rig, "", NULL), HLV_RC_INVALID_HANDLE);
}

/* --- many at a time --- */

/* threats.md 7 "Coalescing": 10,000 clients, one name: one upstream query each step. */
static void test_coalescing(void **state)
{
	(void)state;
	char client[HLV_ADDR_TEXT];
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(client, sizeof client, "10.0.%u.%u", i / 250, i % 250);
		rig_ask(&rig, "88.118.8/x", client);
	}
	rig_pass(&rig, 1000);
	check_u64("packets", rig.packets, 4);
	unsigned shown = 0;
	for (size_t i = 0; i < rig.nwaiters; i++) {
		if (rig.waiters[i].proven)
			shown++;
		else
			expect_refused("one too many", &rig.waiters[i], HLV_RC_BUSY);
	}
	check_u64("shown", shown, ENGINE_WAITERS_MAX);
	check_u64("coalesced", stats()->coalesced, ENGINE_WAITERS_MAX - 1);
}

/* Different names below one prefix that nobody knows yet: the way there is asked once. */
static void test_shared_flights(void **state)
{
	(void)state;
	char id[64];
	for (unsigned i = 0; i < 90; i++) {
		snprintf(id, sizeof id, "88.118.8/%u", i);
		rig_ask(&rig, id, NULL);
		if (i % 30 == 29) /* a second later their messages differ */
			rig_pass(&rig, 3);
	}
	rig_pass(&rig, 2000);
	check_u64("packets", rig.packets, 3 + 90);
	check_u64("secure", stats()->secure, 90);
}

static void test_greedy_client(void **state)
{
	(void)state;
	char id[64];
	rig.cut = true;
	for (unsigned i = 0; i < ENGINE_CLIENT_MAX; i++) {
		snprintf(id, sizeof id, "88.118.8/%u", i);
		if (rig_ask(&rig, id, "10.1.1.1")->answers)
			fail_msg("question %u was refused", i);
	}
	expect_refused("one more", rig_ask(&rig, "88.118.8/more", "10.1.1.1"), HLV_RC_BUSY);
	assert_false(rig_ask(&rig, "88.118.8/more", "10.1.1.2")->answers);
	rig_pass(&rig, 6000);
	rig.cut = false;
	rig_pass(&rig, 10000);
	assert_true(rig_told(&rig, "88.118.8/x")->proven);
	struct rig_waiter *x = rig_ask(&rig, "88.118.8/later", "10.1.1.1");
	rig_pass(&rig, 100);
	assert_true(x->proven);
}

static void fill(unsigned from, unsigned n)
{
	char id[64], client[HLV_ADDR_TEXT];
	for (unsigned i = from; i < from + n; i++) {
		snprintf(id, sizeof id, "88.118.8/%u", i);
		snprintf(client, sizeof client, "10.%u.%u.1", i / 250, i % 250);
		rig_ask(&rig, id, client);
	}
}

/* All slots taken: the young are safe, the old keep half. */
static void test_jostle(void **state)
{
	(void)state;
	rig.cut = true;
	fill(0, ENGINE_WALKS_MAX);
	expect_refused("all are young", rig_ask(&rig, "88.118.8/late", "10.250.0.1"),
		       HLV_RC_BUSY);
	rig_pass(&rig, 250);
	fill(5000, 100);
	for (unsigned i = 0; i < 100; i++)
		expect_refused("the oldest give way", &rig.waiters[i], HLV_RC_BUSY);
	assert_false(rig.waiters[100].answers);
	for (size_t i = ENGINE_WALKS_MAX + 1; i < rig.nwaiters; i++)
		assert_false(rig.waiters[i].answers);
	/* Down to a half. */
	fill(6000, 3000);
	unsigned old = 0;
	for (unsigned i = 0; i < ENGINE_WALKS_MAX; i++)
		old += !rig.waiters[i].answers;
	check_u64("old ones", old, ENGINE_WALKS_MAX / 2);
}

/* --- nobody answers --- */

static void test_time_is_up(void **state)
{
	(void)state;
	rig.cut = true;
	struct rig_waiter *x = rig_told(&rig, "88.118.8/x");
	assert_true(took_ms(x) <= BUDGET_MS);
	expect_refused("no answer", x, HLV_RC_ERROR);
	assert_true(x->text[0]);
	/* At once from now on, for a second. */
	unsigned before = rig.packets;
	expect_refused("still", rig_ask(&rig, "88.118.8/x", NULL), HLV_RC_ERROR);
	check_u64("packets", rig.packets, before);
	rig.cut = false;
	rig_pass(&rig, 2500);
	assert_true(rig_told(&rig, "88.118.8/x")->proven);
}

/* threats.md 7 "Failures": one name, and a thousand names, of a prefix whose node is dead. */
static void test_dead_prefix(void **state)
{
	(void)state;
	char id[64];
	for (int names = 0; names < 2; names++) {
		rig_told(&rig, "88.118.8/x");
		node(ENTERPRISE)->trick = TRICK_SILENT;
		rig_pass(&rig, 1000);
		unsigned before = rig.packets, after_10s = 0;
		for (unsigned i = 0; i < 9000; i++) {
			snprintf(id, sizeof id, "88.118.8/n%u", names ? i : 0);
			rig_ask(&rig, id, NULL);
			rig_pass(&rig, 4);
			if (i == 2500)
				after_10s = rig.packets;
		}
		/* 36 seconds; the first ten with what it takes to find out. */
		if (rig.packets - after_10s > 26)
			fail_msg("%u packets in 26 seconds", rig.packets - after_10s);
		if (after_10s - before > 210)
			fail_msg("%u packets in the first ten", after_10s - before);
		rig_pass(&rig, BUDGET_MS); /* nobody waits any more */
		rig.nwaiters = 0;
		memset(rig.waiters, 0, RIG_WAITERS * sizeof *rig.waiters);
		node(ENTERPRISE)->trick = TRICK_NONE;
		rig_pass(&rig, 400000);
	}
}

static void test_loss(void **state)
{
	(void)state;
	char id[64];
	rig.loss = 30;
	unsigned shown = 0;
	for (unsigned i = 0; i < 300; i++) {
		snprintf(id, sizeof id, "88.118.8/%u", i);
		shown += rig_told(&rig, id)->proven;
	}
	if (shown < 285)
		fail_msg("%u of 300 were answered at 30%% loss", shown);
}

/* --- serve stale --- */

static void make_stale(void)
{
	expect("fresh", rig_told(&rig, "88.118.8/x"), "https://x", false);
	rig_pass(&rig, 86400ULL * 1000 + 5000);
}

static void test_stale(void **state)
{
	(void)state;
	make_stale();
	rig.cut = true;
	struct rig_waiter *x = rig_told(&rig, "88.118.8/x");
	expect("first", x, "https://x", true);
	assert_true(took_ms(x) > 100 && took_ms(x) <= ENGINE_STALE_WAIT_MS);
	/* From then on at once, as long as it lasts. */
	for (int i = 0; i < 2000; i++) {
		x = rig_told(&rig, "88.118.8/x");
		expect("cut", x, "https://x", true);
		check_u64("at once", took_ms(x), 0);
		rig_pass(&rig, 500);
	}
	check_u64("counted", stats()->stale_answers, 2001);
	/* And when the line is back, the truth. */
	rig.cut = false;
	tree_value(tree_record(&rig.tree, ENTERPRISE, "88.118.8/x"), 1, "URL", hlv_text("new"));
	for (int i = 0; i < 400 && strcmp(x->text, "new") != 0; i++) {
		x = rig_told(&rig, "88.118.8/x");
		rig_pass(&rig, 1000);
	}
	expect("healed", x, "new", false);
}

/* Whose neighbour was waited for in vain is not waited for. */
static void test_stale_neighbours(void **state)
{
	(void)state;
	tree_value(tree_record(&rig.tree, ENTERPRISE, "88.118.8/y"), 1, "URL", hlv_text("y"));
	expect("y", rig_told(&rig, "88.118.8/y"), "y", false);
	make_stale();
	rig.cut = true;
	expect("first", rig_told(&rig, "88.118.8/x"), "https://x", true);
	struct rig_waiter *x = rig_told(&rig, "88.118.8/y");
	expect("neighbour", x, "y", true);
	check_u64("at once", took_ms(x), 0);
	/* Heard of again: from now on there is hope. */
	rig.cut = false;
	rig_pass(&rig, 70 * 1000);
	expect("back", rig_told(&rig, "88.118.8/y"), "y", false);
}

/* The walk goes on behind the stale answer. */
static void test_stale_then_fresh(void **state)
{
	(void)state;
	make_stale();
	rig.rtt_ns = 600 * 1000000ULL;
	tree_value(tree_record(&rig.tree, ENTERPRISE, "88.118.8/x"), 1, "URL", hlv_text("new"));
	struct rig_waiter *x = rig_told(&rig, "88.118.8/x");
	expect("slow", x, "https://x", true);
	rig_pass(&rig, 5000);
	expect("behind it", rig_told(&rig, "88.118.8/x"), "new", false);
}

/* The old answer is thrown away while clients wait for it: they wait for the walk then, and nobody is
 * woken again and again meanwhile. */
static void test_stale_is_flushed(void **state)
{
	(void)state;
	make_stale();
	rig.rtt_ns = 600 * 1000000ULL;
	struct rig_waiter *x = rig_ask(&rig, "88.118.8/x", NULL);
	rig_pass(&rig, 100);
	assert_true(cache_flush(rig.cache, "88.118.8/x") > 0);
	rig_pass(&rig, ENGINE_STALE_WAIT_MS);
	assert_false(x->answers);
	rig_pass(&rig, BUDGET_MS);
	expect("flushed", x, "https://x", false);
}

static void test_stale_ends(void **state)
{
	(void)state;
	make_stale();
	struct tree_record *r = tree_record(&rig.tree, ENTERPRISE, "88.118.8/x");
	r->rc = HLV_RC_NOT_FOUND;
	struct rig_waiter *x = rig_told(&rig, "88.118.8/x");
	check_u64("not found", x->rc, HLV_RC_NOT_FOUND);
	rig.cut = true;
	rig_pass(&rig, 301 * 1000);
	x = rig_told(&rig, "88.118.8/x");
	assert_true(!x->proven || x->rc == HLV_RC_NOT_FOUND);
}

static void test_stale_not_for_bogus(void **state)
{
	(void)state;
	make_stale();
	node(ENTERPRISE)->trick = TRICK_FLIPPED;
	struct rig_waiter *x = rig_told(&rig, "88.118.8/x");
	expect_refused("bogus", x, HLV_RC_ERROR);
	unsigned before = rig.packets;
	for (int i = 0; i < 59; i++) {
		expect_refused("bogus", rig_told(&rig, "88.118.8/x"), HLV_RC_ERROR);
		rig_pass(&rig, 1000);
	}
	check_u64("packets", rig.packets, before);
	node(ENTERPRISE)->trick = TRICK_NONE;
	rig_pass(&rig, 2000);
	expect("mended", rig_told(&rig, "88.118.8/x"), "https://x", false);
}

/* What nobody signed is not shown once its life is over. */
static void test_stale_only_validated(void **state)
{
	(void)state;
	make_stale();
	rig.cut = true;
	expect_refused("insecure", rig_told(&rig, "88.118.8/x"), HLV_RC_ERROR);
}

/* All that is warm is answered with every line cut: the first within two seconds, then at once. */
static void test_all_dead(void **state)
{
	(void)state;
	char id[64];
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof id, "88.118.8/w%d", i);
		tree_value(tree_record(&rig.tree, ENTERPRISE, id), 1, "URL", hlv_text("w"));
		expect("warm", rig_told(&rig, id), "w", false);
	}
	rig_pass(&rig, 86400ULL * 1000 + 5000);
	rig.cut = true;
	for (int round = 0; round < 5; round++) {
		size_t from = rig.nwaiters;
		for (int i = 0; i < 100; i++) {
			snprintf(id, sizeof id, "88.118.8/w%d", i);
			rig_ask(&rig, id, NULL);
		}
		rig_pass(&rig, round < 4 ? 10000 : 2000);
		for (size_t i = from; i < rig.nwaiters; i++) {
			expect("dead", &rig.waiters[i], "w", true);
			if (took_ms(&rig.waiters[i]) > (round ? 5 : 2000))
				fail_msg("round %d: %llu ms", round,
					 (unsigned long long)took_ms(&rig.waiters[i]));
		}
	}
}

/* --- prefetch --- */

static void test_prefetch(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		rig_told(&rig, "88.118.8/x");
	rig_pass(&rig, 86400ULL * 950);
	tree_value(tree_record(&rig.tree, ENTERPRISE, "88.118.8/x"), 1, "URL", hlv_text("new"));
	expect("last tenth", rig_told(&rig, "88.118.8/x"), "https://x", false);
	rig_pass(&rig, 1000);
	check_u64("fetched", stats()->refreshes, 1);
	unsigned before = rig.packets;
	expect("fetched before it ended", rig_told(&rig, "88.118.8/x"), "new", false);
	check_u64("packets", rig.packets, before);
}

/* --- bogus, by every path (R6) --- */

static void test_bogus_is_never_shown(void **state)
{
	static const enum trick TRICKS[] = {TRICK_FLIPPED, TRICK_UNSIGNED, TRICK_EXPIRED,
					    TRICK_NO_DIGEST};
	(void)state;
	for (size_t k = 0; k < COUNT(TRICKS); k++) {
		char id[64];
		snprintf(id, sizeof id, "88.118.8/b%zu", k);
		tree_value(tree_record(&rig.tree, ENTERPRISE, id), 1, "URL", hlv_text("good"));
		/* warm and hot, then near its end: prefetch */
		for (int i = 0; i < 5; i++)
			expect("good", rig_told(&rig, id), "good", false);
		rig_pass(&rig, 86400ULL * 950);
		tree_value(tree_record(&rig.tree, ENTERPRISE, id), 1, "URL", hlv_text("evil"));
		node(ENTERPRISE)->trick = TRICKS[k];
		expect("while it is good", rig_told(&rig, id), "good", false);
		rig_pass(&rig, 86400ULL * 60);
		/* its life is over: coalesced waiters, stale, and the failure's memory */
		size_t from = rig.nwaiters;
		for (int i = 0; i < 20; i++)
			rig_ask(&rig, id, NULL);
		rig_pass(&rig, 6000);
		for (int i = 0; i < 20; i++)
			rig_told(&rig, id);
		rig_ask_as(&rig, id, NULL, true, 0);
		rig_pass(&rig, 6000);
		for (size_t i = from; i < rig.nwaiters; i++)
			expect_refused("bogus", &rig.waiters[i], HLV_RC_ERROR);
		node(ENTERPRISE)->trick = TRICK_NONE;
		rig_pass(&rig, 100000);
		expect("mended", rig_told(&rig, id), "evil", false);
	}
	assert_true(stats()->bogus > 0);
}

/* Anything may happen to the nodes and the line: everybody is answered once, nothing that is shown
 * was not signed by its owner. */
static void test_weather(void **state)
{
	static const enum trick TRICKS[] = {TRICK_NONE,	       TRICK_SILENT,	 TRICK_UNSIGNED,
					    TRICK_NO_DIGEST,   TRICK_EXPIRED,	 TRICK_GARBAGE,
					    TRICK_OTHER_OP,    TRICK_OTHER_NAME, TRICK_FLIPPED,
					    TRICK_STREAM_ONLY, TRICK_NONE,	 TRICK_NONE};
	(void)state;
	struct hlv_rand rand;
	char id[64];
	hlv_rand_seed(&rand, 9);
	for (int i = 0; i < 50; i++) {
		snprintf(id, sizeof id, "88.118.8/k%d", i);
		tree_value(tree_record(&rig.tree, ENTERPRISE, id), 1, "URL", hlv_text("k"));
	}
	for (int i = 0; i < 6000; i++) {
		snprintf(id, sizeof id, "88.118.8/k%d", (int)hlv_rand_below(&rand, 60));
		rig_ask_as(&rig, id, "10.0.0.1", hlv_rand_below(&rand, 50) == 0,
			   (uint8_t)hlv_rand_below(&rand, 3));
		if (hlv_rand_below(&rand, 20) == 0) {
			size_t at = hlv_rand_below(&rand, rig.tree.nnodes);
			rig.tree.nodes[at].trick = TRICKS[hlv_rand_below(&rand, COUNT(TRICKS))];
		}
		if (hlv_rand_below(&rand, 100) == 0)
			rig.cut = !rig.cut;
		if (hlv_rand_below(&rand, 100) == 0)
			rig.loss = (unsigned)hlv_rand_below(&rand, 60);
		if (hlv_rand_below(&rand, 200) == 0)
			rig_pass(&rig, 43200ULL * 1000);
		rig_pass(&rig, hlv_rand_below(&rand, 60));
	}
	rig_pass(&rig, 6000);
	unsigned shown = 0;
	for (size_t i = 0; i < rig.nwaiters; i++) {
		const struct rig_waiter *x = &rig.waiters[i];
		check_u64("answered", x->answers, 1);
		if (!x->proven)
			continue;
		shown++;
		check_u64("proof", x->proof, PROOF_SECURE);
		bool is_there = strtol(x->id + 10, NULL, 10) < 50;
		if (is_there ? strcmp(x->text, "k") != 0 : x->rc != HLV_RC_NOT_FOUND)
			fail_msg("%s: %u %s", x->id, x->rc, x->text);
		if (took_ms(x) > 5000)
			fail_msg("%s took %llu ms", x->id, (unsigned long long)took_ms(x));
	}
	assert_true(shown > 1000);
}

/* --- running --- */

static void test_stop(void **state)
{
	(void)state;
	rig.cut = true;
	struct rig_waiter *x = rig_ask(&rig, "88.118.8/x", NULL);
	engine_stop(rig.engine, rig.now);
	rig_pass(&rig, 0);
	expect_refused("stopped", x, HLV_RC_BUSY);
	expect_refused("afterwards", rig_ask(&rig, "88.118.8/y", NULL), HLV_RC_BUSY);
}

static void test_rules(void **state)
{
	(void)state;
	struct walk_rules others = rig.tree.rules;
	struct rig_waiter *x = rig_ask(&rig, "88.118.8/x", NULL);
	others.root.sites = (struct hlv_list){0};
	engine_set_rules(rig.engine, &others);
	assert_true(engine_uses(rig.engine, &rig.tree.rules));
	assert_true(engine_uses(rig.engine, &others));
	struct rig_waiter *y = rig_ask(&rig, "99/y", NULL);
	rig_pass(&rig, 1000);
	expect("by the old ones", x, "https://x", false);
	expect_refused("by the new ones", y, HLV_RC_ERROR);
	assert_false(engine_uses(rig.engine, &rig.tree.rules));
	engine_set_rules(rig.engine, &rig.tree.rules);
	assert_false(engine_uses(rig.engine, &others));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_cold_and_warm, setup),
		CASE(test_authoritative, setup),
		CASE(test_recursion, setup),
		CASE(test_no_identifier, setup),
		CASE(test_coalescing, setup),
		CASE(test_shared_flights, setup),
		CASE(test_greedy_client, setup),
		CASE(test_jostle, setup),
		CASE(test_time_is_up, setup),
		CASE(test_dead_prefix, setup),
		CASE(test_loss, setup),
		CASE(test_stale, setup),
		CASE(test_stale_neighbours, setup),
		CASE(test_stale_then_fresh, setup),
		CASE(test_stale_is_flushed, setup),
		CASE(test_stale_ends, setup),
		CASE(test_stale_not_for_bogus, setup),
		CASE(test_stale_only_validated, setup_unsigned),
		CASE(test_all_dead, setup),
		CASE(test_prefetch, setup),
		CASE(test_bogus_is_never_shown, setup),
		CASE(test_weather, setup),
		CASE(test_stop, setup),
		CASE(test_rules, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
