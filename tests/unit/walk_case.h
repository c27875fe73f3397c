/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the walk share: a tree for each case, and checks that show the trace.
 */
#pragma once
#include "resolver/walk.h"
#include "tests/unit/tree.h"

#define ROOT "192.0.2.1:2641"
#define TOP "192.0.2.2:2641"
#define SECOND "192.0.2.3:2641"
#define ENTERPRISE "192.0.2.4:2641"
#define MIRROR "192.0.2.14:2641"
#define OTHER "192.0.2.5:2641"

static struct tree tree;

static inline struct walk *ask(const char *id)
{
	return tree_walk(&tree, &(struct walk_question){.id = hlv_text(id)});
}

/* What came of it, and what it cost; frees the walk. */
static inline void check(const char *row, struct walk *w, enum proof proof, uint32_t rc,
			 unsigned packets)
{
	const struct walk_result *r = walk_result(w);
	uint32_t got = r->proof >= PROOF_INSECURE ? r->finding.rc : r->rc;
	if (r->proof != proof || got != rc || (packets && tree.packets != packets))
		fail_msg("%s: %s %u in %u packets (%s), expected %s %u in %u\n%s", row,
			 proof_name(r->proof), got, tree.packets, r->why, proof_name(proof), rc,
			 packets, tree.trace);
	walk_free(w);
}

static inline void expect(const char *id, enum proof proof, uint32_t rc, unsigned packets)
{
	check(id, ask(id), proof, rc, packets);
}

static inline struct tree_node *node(const char *address)
{
	for (size_t i = 0; i < tree.nnodes; i++)
		if (strcmp(tree.nodes[i].address, address) == 0)
			return &tree.nodes[i];
	fail_msg("no node at %s", address);
	return tree.nodes; /* not reached */
}

static inline struct tree_record *record(const char *at, const char *id)
{
	for (size_t i = 0; i < tree.nrecords; i++)
		if (strcmp(tree.records[i].at, at) == 0 && strcmp(tree.records[i].id, id) == 0)
			return &tree.records[i];
	fail_msg("no %s at %s", id, at);
	return tree.records; /* not reached */
}

static inline const struct finding *kept(enum memory_kind kind, const char *key)
{
	const struct proven *p = tree_kept(&tree, kind, key);
	if (!p)
		fail_msg("%s was not kept", key);
	return &p->finding;
}

static inline int setup(void **state)
{
	(void)state;
	tree_init(&tree, true);
	tree_four_tiers(&tree);
	return 0;
}

static inline int setup_unsigned(void **state)
{
	(void)state;
	tree_init(&tree, false);
	tree_four_tiers(&tree);
	return 0;
}

static inline int setup_bare(void **state)
{
	(void)state;
	tree_init(&tree, true);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	tree_fini(&tree);
	return 0;
}

/* Two sites at the enterprise: what the first does, and what comes of it. */
static inline void two_servers(enum trick first, enum trick mirror)
{
	struct tree_node *m = tree_node(&tree, MIRROR, "88.118.8");
	struct tree_record *r = record(SECOND, "0.NA/88.118.8");
	/* One key for the whole service. */
	hlv_key_free(m->key);
	uint8_t octets[4096];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	assert_int_equal(hlv_privkey_encode(&w, node(ENTERPRISE)->key), HLV_OK);
	assert_int_equal(hlv_privkey_decode(hlv_written(&w), &m->key), HLV_OK);
	m->site = make_plain_site(&tree.arena, MIRROR, node(ENTERPRISE)->pubkey);
	tree_value(r, 2, "HS_SITE", m->site);
	r = tree_record(&tree, MIRROR, "88.118.8/x");
	tree_value(r, 1, "URL", hlv_text("https://x"));
	node(ENTERPRISE)->trick = first;
	m->trick = mirror;
}

#define CASE(name, how) cmocka_unit_test_setup_teardown(name, how, teardown)
