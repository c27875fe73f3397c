/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit trail: one entry for each record that a transaction changed (one for the whole range of
 * a bulk load), written in the transaction that makes the change, each with the SHA-256 of the one
 * before it (threats.md 5, industrial.md 10). META "audit" holds the head: the newest entry's place
 * and hash. Checkpoints are signed heads: who has one can prove every entry up to it.
 *
 * An entry is text-free and exact: its hash covers its canonical octets, which are what is stored.
 */
#pragma once
#include "proto/base/buf.h"
#include "server/store.h"

enum { AUDIT_HASH = 32, AUDIT_KEY_SIZE = 8 };

enum audit_kind {
	AUDIT_CHANGE = 1, /* of one record or prefix */
	AUDIT_RANGE,	  /* a bulk load: first and last key, count, hash over its puts */
	AUDIT_CHECKPOINT, /* a head and its signature */
};

struct audit_entry {
	enum audit_kind kind;
	uint64_t seq;	      /* place in the trail, from 1 without a gap */
	uint64_t journal_seq; /* of the transaction */
	uint64_t time_ns;     /* since 1970 */
	struct store_actor actor;
	enum store_space space;		 /* RECORD or PREFIX */
	struct hlv_bytes name;		 /* identifier, or prefix handle; a range: first key */
	struct hlv_bytes last;		 /* a range: last key */
	uint64_t count;			 /* a range: records */
	uint8_t before[AUDIT_HASH], after[AUDIT_HASH]; /* SHA-256 of the stored octets; zeros: none */
	struct hlv_bytes signature;	 /* a checkpoint: over the head before it */
	struct hlv_bytes key;		 /* a checkpoint: the public key, as encoded in 7.1 */
	uint8_t prev[AUDIT_HASH];	 /* of the entry before; zeros for the first */
};
