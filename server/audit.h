/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit trail: one entry for each record or homed prefix that a transaction changed (one for the
 * whole range of a bulk load), written in the transaction that makes the change, each with the
 * SHA-256 of the one before it (threats.md 5, industrial.md 10). META "audit" holds the head: the
 * newest entry's place and hash. Checkpoints are signed heads: who has one, or has noted a head
 * elsewhere, can prove every entry up to it. What was refused is not in the trail.
 *
 * Here are the entry's codec, checkpoints, and the check of a trail; who writes it is trail.h. An
 * entry's hash covers the octets as they are stored, and they are canonical:
 *
 *   0  u8  format (1)     8  u32 request id      28 u64 time, ns since 1970
 *   1  u8  kind           12 u64 place           36 hash of the entry before; zeros for the first
 *   2  u8  how            20 u64 journal place   68 u32 length and handle of who, u32 index,
 *   3  u8  transport                                u32 length and source
 *   4  u32 operation
 *   change:     u8 space, u32 length and name, before, after
 *   range:      u8 space, u32 length and first key, u32 length and last key, u64 count, before, after
 *   checkpoint: u32 length and signature, u32 length and public key
 *
 * `before` and `after` are sum_term() (sum.h) of the stored octets, zeros when there was nothing or
 * nothing is left; of a range: SHA-256 over the terms of what was replaced, and of what was put, in
 * order of the keys (`before` is zeros when nothing was replaced).
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/sec/digest.h"
#include "proto/sec/sign.h"
#include "server/store.h"

enum { AUDIT_HASH = 32, AUDIT_KEY_SIZE = 8 };

enum audit_kind {
	AUDIT_CHANGE = 1, /* of one record or prefix */
	AUDIT_RANGE,	  /* a bulk load */
	AUDIT_CHECKPOINT, /* a head and its signature */
};

/* The trail up to an entry; seq 0 and zeros: an empty one. */
struct audit_head {
	uint64_t seq;
	uint8_t hash[AUDIT_HASH];
};

struct audit_entry {
	enum audit_kind kind;
	uint64_t seq;	      /* place in the trail, from 1 without a gap */
	uint64_t journal_seq; /* of the transaction; a checkpoint: the newest */
	uint64_t time_ns;     /* since 1970 */
	struct store_actor actor;
	uint8_t prev[AUDIT_HASH]; /* of the entry before; zeros for the first */
	enum store_space space;	  /* RECORD or PREFIX; a range: RECORD */
	struct hlv_bytes name;	  /* identifier, or prefix handle; a range: first key */
	struct hlv_bytes last;	  /* a range: last key */
	uint64_t count;		  /* a range: records */
	uint8_t before[AUDIT_HASH], after[AUDIT_HASH];
	struct hlv_bytes signature; /* a checkpoint: over the head before it */
	struct hlv_bytes key;	    /* a checkpoint: the public key, as encoded in 7.1 */
};

/* Appended to `buf`; buf->bad when memory ran out. */
void audit_encode(struct hlv_buf *buf, const struct audit_entry *entry);
/* HLV_E_CORRUPT, HLV_E_NEWER. Borrows from `stored`; its place is not compared with its key. */
enum hlv_err HLV_MUST_USE audit_decode(struct hlv_bytes stored, struct audit_entry *entry);
struct hlv_bytes audit_key(uint64_t seq, uint8_t out[AUDIT_KEY_SIZE]);

/* --- heads --- */

enum { AUDIT_HEAD_SIZE = 8 + AUDIT_HASH, AUDIT_HEAD_TEXT = 20 + 1 + 2 * AUDIT_HASH + 1 };
/* As META "audit" holds it. */
void audit_head_encode(const struct audit_head *head, uint8_t out[AUDIT_HEAD_SIZE]);
enum hlv_err HLV_MUST_USE audit_head_decode(struct hlv_bytes value, struct audit_head *head);
/* "17:9f86d081...": what is noted elsewhere. HLV_E_MALFORMED. */
void audit_head_print(const struct audit_head *head, char out[AUDIT_HEAD_TEXT]);
enum hlv_err HLV_MUST_USE audit_head_parse(struct hlv_bytes text, struct audit_head *head);
/* The newest. */
enum hlv_err HLV_MUST_USE audit_head_get(struct store *, struct store_view *,
					 struct audit_head *head);
/* One entry; borrows from the view. */
enum hlv_err HLV_MUST_USE audit_get(struct store *, struct store_view *, uint64_t seq,
				    struct audit_entry *entry);

/* --- checkpoints --- */

/* A transaction with nothing but a signed head; it points into itself, so it stays where it is. The
 * caller fills in txn.actor and txn.time_ms and commits it: HLV_E_CONFLICT when the trail has
 * grown meanwhile. */
enum { AUDIT_CHECKPOINT_MAX = AUDIT_HASH + 4 + HLV_SIGNATURE_MAX + 4 + 2048 };
struct audit_checkpoint {
	struct store_txn txn;
	struct store_put put;
	uint8_t key[AUDIT_KEY_SIZE], value[AUDIT_CHECKPOINT_MAX];
};
enum hlv_err HLV_MUST_USE audit_checkpoint_make(const struct hlv_key *key,
						const struct audit_head *head,
						struct audit_checkpoint *out);
/* What such a put says, for commit: HLV_E_MALFORMED. */
enum hlv_err HLV_MUST_USE audit_checkpoint_read(const struct store_put *put,
						struct audit_head *head,
						struct hlv_bytes *signature,
						struct hlv_bytes *key);

/* --- checking --- */

/* A walk over a trail that is fed its entries one by one: where it stands is proven to follow from
 * where it began. */
enum { AUDIT_WHY = 160 };
struct audit_check {
	/* Set before the first entry, or left empty. */
	struct audit_head at;		   /* where to go on: as an earlier check left it */
	struct audit_head noted;	   /* a head that is known from elsewhere */
	const struct hlv_key *const *keys; /* one of which signed each checkpoint; */
	size_t nkeys;			   /* 0: the key inside will do */

	uint64_t entries, changes, ranges, checkpoints;
	uint64_t signed_seq;	    /* newest entry that a checkpoint covers */
	uint8_t signer[AUDIT_HASH]; /* SHA-256 of that checkpoint's public key */
	uint64_t bad_seq;	    /* the first place that is wrong, with why[0] set */
	char why[AUDIT_WHY];
	/* Its own. */
	struct hlv_hasher *hasher;
	struct hlv_key *key; /* of the last checkpoint, and its octets */
	struct hlv_buf key_octets;
};
enum hlv_err HLV_MUST_USE audit_check_init(struct audit_check *c);
void audit_check_fini(struct audit_check *c);
/* HLV_E_CORRUPT: c->bad_seq and c->why say what; c->at is the last good one. */
enum hlv_err HLV_MUST_USE audit_check_feed(struct audit_check *c, struct hlv_bytes key,
					   struct hlv_bytes stored);
/* There are no more: is the trail as long as `head` and the noted one say, and the same? */
enum hlv_err HLV_MUST_USE audit_check_end(struct audit_check *c, const struct audit_head *head);

/* Feed it what the view shows from c->at on. `tell` is called now and then (not NULL); when it
 * returns false the walk stops with *finished false, to go on with another view later. HLV_OK with
 * c->why[0] set: a bad trail. */
typedef bool audit_tell_fn(void *ctx, const struct audit_check *so_far);
enum hlv_err HLV_MUST_USE audit_verify(struct store *, struct store_view *,
				       struct audit_check *c, audit_tell_fn *tell, void *ctx,
				       bool *finished);
