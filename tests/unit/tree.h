/* SPDX-License-Identifier: Apache-2.0
 *
 * A small network of nodes that answer as helved does, or that lie: what a walk is fed with in
 * tests. No sockets, no clock; answers are made by the codec and signed with real keys.
 */
#pragma once
#include "proto/sec/key.h"
#include "resolver/walk.h"
#include "tests/unit/sites.h"

enum { TREE_NODES = 48, TREE_RECORDS = 640, TREE_VALUES = 24, TREE_KEPT = 512 };

/* How an answer is spoilt. */
enum trick {
	TRICK_NONE,
	TRICK_SILENT,	   /* nothing comes */
	TRICK_UNSIGNED,	   /* signed by nobody */
	TRICK_NO_DIGEST,   /* not bound to the question */
	TRICK_EXPIRED,	   /* signed an age ago */
	TRICK_GARBAGE,	   /* no message */
	TRICK_OTHER_OP,	   /* to another operation */
	TRICK_OTHER_NAME,  /* for another identifier */
	TRICK_FLIPPED,	   /* an octet changed behind the signature */
	TRICK_STREAM_ONLY, /* silent by UDP */
};

struct tree_record {
	const char *at; /* whose: a node's address */
	char id[600];
	uint32_t rc; /* SUCCESS, or what is said in its place */
	struct value_form values[TREE_VALUES];
	uint32_t n;
	const char *handle; /* of a referral */
	enum trick trick;
	const struct hlv_key *key; /* signed by; NULL: the node's own */
	unsigned asked;
};

struct tree_node {
	const char *address;
	struct hlv_bytes site, pubkey;
	struct hlv_key *key;
	enum trick trick;  /* for all its answers */
	const char *homes; /* prefix that it answers for; "": the root */
	unsigned asked;
};

struct tree_memory {
	enum memory_kind kind;
	char key[700];
	struct proven proven; /* values in the tree's arena */
};

struct tree {
	enum hlv_key_kind kind; /* of the nodes' keys */
	struct hlv_arena arena;
	struct tree_node nodes[TREE_NODES];
	size_t nnodes;
	struct tree_record records[TREE_RECORDS];
	size_t nrecords;
	struct tree_memory kept[TREE_KEPT];
	size_t nkept;
	uint32_t newest; /* what memory says of everything */
	struct walk_memory memory;
	struct hlv_now now;
	struct anchors anchors;
	struct walk_rules rules;
	/* of the last walk */
	unsigned asks, packets, streams;
	struct hlv_message question; /* the last one; its header alone is good */
	char trace[4096];
};

/* The root stands at 192.0.2.1:2641; with a key, which is then an anchor for everything. */
void tree_init(struct tree *t, bool with_keys);
void tree_init_kind(struct tree *t, bool with_keys, enum hlv_key_kind kind);
void tree_fini(struct tree *t);
struct tree_node *tree_node(struct tree *t, const char *address, const char *homes);
struct tree_record *tree_record(struct tree *t, const char *at, const char *id);
/* Adds a value; returns it, so that a test may change it. */
struct value_form *tree_value(struct tree_record *r, uint32_t index, const char *type,
			      struct hlv_bytes data);
/* "0.NA/88.118" at its parent's, with the node's site; `type`: HS_SITE, HS_SITE.PREFIX. */
struct tree_record *tree_delegate(struct tree *t, const char *at, const char *prefix,
				  const char *type, const struct tree_node *to);
/* Four tiers, 88.118.8/x at the last. */
void tree_four_tiers(struct tree *t);

/* What the node at an address says to a message; empty: nothing. */
struct hlv_bytes tree_answer(struct tree *t, const struct hlv_addr *at, bool stream,
			     struct hlv_bytes message);
/* Walk to the end; the caller frees it. */
struct walk *tree_walk(struct tree *t, const struct walk_question *q);
/* Has it been kept? NULL: no. */
const struct proven *tree_kept(const struct tree *t, enum memory_kind kind, const char *key);
void tree_forget(struct tree *t, enum memory_kind kind);
