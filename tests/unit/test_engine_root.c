/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/engine_case.h"

static int setup_root(void **state)
{
	(void)state;
	rig_init(&rig, true, true);
	return 0;
}

/* The root's site as the root itself gives it, signed by the anchor. */
static struct hlv_bytes root_site(const char *address, uint16_t serial)
{
	struct site_server server = {.address = address, .key = node(ROOT)->pubkey};
	struct site_form form = {.servers = &server,
				 .n = 1,
				 .flags = HLV_SITE_PRIMARY,
				 .hash_option = HLV_HASH_ALL,
				 .serial = serial};
	return make_site(&rig.tree.arena, &form);
}

#define MOVED "192.0.2.77:2641"

/* A second root server with the same key and what the first one knows. */
static void move_root(void)
{
	uint8_t octets[4096];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	struct tree_node *moved = tree_node(&rig.tree, MOVED, "");
	hlv_key_free(moved->key);
	assert_int_equal(hlv_privkey_encode(&w, node(ROOT)->key), HLV_OK);
	assert_int_equal(hlv_privkey_decode(hlv_written(&w), &moved->key), HLV_OK);
	tree_delegate(&rig.tree, MOVED, "88", "HS_SITE.PREFIX", node("192.0.2.2:2641"));
}

static void test_root_moves(void **state)
{
	(void)state;
	move_root();
	tree_value(tree_record(&rig.tree, ROOT, "0.NA/0.NA"), 1, "HS_SITE",
		   root_site(MOVED, 7));
	rig_pass(&rig, 12000);
	assert_true(stats()->refreshes >= 2);
	unsigned before = node(ROOT)->asked;
	expect("by the new root", rig_told(&rig, "88.118.8/x"), "https://x", false);
	check_u64("the old one is left alone", node(ROOT)->asked, before);
	assert_true(node(MOVED)->asked > 0);
	assert_true(engine_uses(rig.engine, &rig.tree.rules));
}

/* Neither an older one, nor one that cannot be asked, nor one that nobody signed. */
static void test_root_stays(void **state)
{
	static const struct {
		const char *address;
		uint16_t serial;
		enum trick trick;
	} rows[] = {
		{MOVED, 1, TRICK_NONE},
		{MOVED, 0, TRICK_NONE},
		{"127.0.0.1:2641", 7, TRICK_NONE},
		{MOVED, 7, TRICK_UNSIGNED},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tree_record *r = tree_record(&rig.tree, ROOT, "0.NA/0.NA");
		tree_value(r, 1, "HS_SITE", root_site(rows[i].address, rows[i].serial));
		r->trick = rows[i].trick;
		uint64_t before = stats()->refreshes;
		rig_pass(&rig, 90000000);
		assert_true(stats()->refreshes > before);
		cache_flush(rig.cache, "");
		unsigned asked = node(ROOT)->asked;
		assert_true(rig_told(&rig, "88.118.8/x")->proven);
		if (node(ROOT)->asked == asked)
			fail_msg("row %zu: the root was not asked", i);
	}
}

/* Found by DNS: asked first, while it lives; what the rules name comes behind it, and the root's own
 * record moves nothing. No key comes with a place: the anchors prove. */
static void test_root_found(void **state)
{
	static const uint8_t first_rank[1];
	(void)state;
	struct site_server server = {.address = MOVED};
	struct site_form form = {.servers = &server,
				 .n = 1,
				 .flags = HLV_SITE_PRIMARY,
				 .hash_option = HLV_HASH_ALL,
				 .serial = 1};
	uint8_t octets[512];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	hlv_put_lp32(&w, make_site(&rig.tree.arena, &form));
	struct engine_root root = {{1, hlv_written(&w)}, first_rank, false, false};
	move_root();
	tree_value(tree_record(&rig.tree, MOVED, "0.NA/0.NA"), 1, "HS_SITE",
		   root_site("192.0.2.78:2641", 9));
	check_err("set", engine_set_root(rig.engine, &root), HLV_OK);
	rig_pass(&rig, 90000000);
	cache_flush(rig.cache, "");
	unsigned before = node(ROOT)->asked;
	expect("by the one that was found", rig_told(&rig, "88.118.8/x"), "https://x", false);
	check_u64("the file's is left alone", node(ROOT)->asked, before);
	node(MOVED)->asked = 0;
	assert_true(engine_uses(rig.engine, &rig.tree.rules));
	/* Nobody is there any more. */
	server.address = "192.0.2.79:2641";
	w = hlv_writer(octets, sizeof octets);
	hlv_put_lp32(&w, make_site(&rig.tree.arena, &form));
	root.sites.raw = hlv_written(&w);
	check_err("set again", engine_set_root(rig.engine, &root), HLV_OK);
	cache_flush(rig.cache, "");
	rig_pass(&rig, 1000);
	expect("by the file's", rig_told(&rig, "88.118.8/x"), "https://x", false);
	assert_true(node(ROOT)->asked > before);
}

/* A new key is announced under the old one, waits, and is believed; what is revoked is not. */
static void test_anchors_roll(void **state)
{
	(void)state;
	struct hlv_key *key;
	uint8_t octets[512];
	rig.now.wall_ms = 1800000000000; /* no clock that was never set */
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	assert_int_equal(hlv_key_generate(HLV_KEY_P256, &key), HLV_OK);
	assert_int_equal(hlv_pubkey_encode(&w, key), HLV_OK);
	struct tree_record *r = tree_record(&rig.tree, ROOT, "0.0/0.0");
	tree_value(r, 300, "HS_PUBKEY", node(ROOT)->pubkey);
	tree_value(r, 301, "HS_PUBKEY", hlv_written(&w));
	rig_pass(&rig, 12000);
	check_u64("two keys", rig.tree.anchors.n, 2);
	check_u64("written", rig.anchors_written, 1);
	assert_false(anchor_is_believed(&rig.tree.anchors.list[1]));
	for (int day = 0; day < 32; day++)
		rig_pass(&rig, 86400ULL * 1000);
	assert_true(anchor_is_believed(&rig.tree.anchors.list[1]));
	/* It signs alone now. */
	hlv_key_free(node(ROOT)->key);
	node(ROOT)->key = key;
	cache_flush(rig.cache, "");
	expect("by the new key", rig_told(&rig, "88.118.8/x"), "https://x", false);
}

/* The line is cut when it starts: it looks again soon, not a day later. */
static void test_root_later(void **state)
{
	(void)state;
	move_root();
	tree_value(tree_record(&rig.tree, ROOT, "0.NA/0.NA"), 1, "HS_SITE",
		   root_site(MOVED, 7));
	rig.cut = true;
	rig_pass(&rig, 60000);
	rig.cut = false;
	rig_pass(&rig, 1300000);
	unsigned before = node(ROOT)->asked;
	assert_true(rig_told(&rig, "88.118.8/x")->proven);
	check_u64("the old one is left alone", node(ROOT)->asked, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_root_moves, setup_root), CASE(test_root_stays, setup_root),
		CASE(test_root_found, setup_root), CASE(test_anchors_roll, setup_root),
		CASE(test_root_later, setup_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
