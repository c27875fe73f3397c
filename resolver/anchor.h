/* SPDX-License-Identifier: Apache-2.0
 *
 * Trust anchors: the public keys from which everything else is proven, which prefixes they are
 * for, and their roll-over. An anchor that is announced under a valid one waits 30 days (hold-down,
 * after RFC 5011 2.2) before it is believed; a revoked one is never believed again. Pure: time is an
 * argument, the file is written by whoever calls (atomically: the caller uses hlv_file_write()).
 *
 * An anchor stands for its subject, "0.0/0.0" or another (industrial.md 5.8: "88.111.1/0.0"), and
 * covers a prefix with all below it; the empty prefix covers everything. The keys of the root's
 * servers are anchors for everything.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/now.h"
#include "proto/sec/key.h"
#include "proto/wire/value.h"

enum anchor_state {
	ANCHOR_SEEN,	  /* announced once; not believed */
	ANCHOR_PENDING,	  /* announced and waiting; not believed until the hold-down is over */
	ANCHOR_VALID,	  /* believed */
	ANCHOR_MISSING,	  /* valid, but no longer announced: still believed */
	ANCHOR_REVOKED,	  /* never again */
	ANCHOR_FORGOTTEN, /* a free place: no longer announced before it was believed. The others
			   * keep their positions; nobody but anchor.c need care */
};

enum {
	ANCHORS_MAX = 16,
	ANCHOR_KEY_MAX = 1200,	    /* octets of an encoded public key */
	ANCHOR_HOLD_S = 30 * 86400, /* from seen to valid */
	ANCHOR_SUBJECT_MAX = 256,
	ANCHOR_FILE_MAX = 65536,
	ANCHOR_WHY = 256,
};

struct anchor {
	enum anchor_state state;
	char subject[ANCHOR_SUBJECT_MAX]; /* "300:0.0/0.0" or "0.0/0.0": any index */
	char prefix[ANCHOR_SUBJECT_MAX];  /* covers it and all below; "": everything */
	uint8_t octets[ANCHOR_KEY_MAX];	  /* the public key as HS_PUBKEY has it ... */
	uint16_t n;
	struct hlv_key *key; /* ... and to verify with */
	uint64_t since_ms;   /* wall clock: in this state; SEEN and PENDING: since first seen */
	bool by_hand;	     /* put into the file by a person: waits without being forgotten */
};

struct anchors {
	struct anchor list[ANCHORS_MAX];
	size_t n;
	bool insecure; /* the word was written: run without any */
	bool dirty;    /* changed since it was read; whoever has written the file clears it, so
			* that a full disk costs nothing but a later try */
};

void anchors_fini(struct anchors *a);
/* HLV_E_LIMIT when there are ANCHORS_MAX; HLV_E_EXISTS for a key that is there for that prefix in
 * whatever state (a revoked key cannot be added again); HLV_E_KEY for one that is none or weak. */
enum hlv_err HLV_MUST_USE anchors_add(struct anchors *a, const char *subject,
				      const char *prefix, struct hlv_bytes key,
				      enum anchor_state state, uint64_t now_ms);
/* The keys of a root's servers, for everything, valid from now on; a key that is there already stays in
 * its state. *unusable: how many are none, weak, or too many. HLV_E_MALFORMED: no site record. */
enum hlv_err HLV_MUST_USE anchors_add_site(struct anchors *a, struct hlv_bytes site,
					   uint64_t now_ms, size_t *unusable);
/* Does its key prove anything? */
bool anchor_is_believed(const struct anchor *anchor);
/* Must what it covers be proven by an anchor? So it is where one is or was believed: what stood under it
 * does not become believable without proof because its last key was revoked. */
bool anchor_binds(const struct anchor *anchor);
bool anchor_covers(const struct anchor *anchor, struct hlv_bytes prefix);
/* Is `prefix` the same as `top` or below it? Everything is below the empty one. */
bool prefix_is_under(struct hlv_bytes prefix, struct hlv_bytes top);
/* Under which prefix is this identifier answered for? "88.118.8" for 88.118.8/x, "88.118" for
 * 0.NA/88.118.8 and for a bare 88.118.8; empty: by the root. */
struct hlv_bytes prefix_governing(struct hlv_bytes id);
/* "seen", "pending", "valid", "missing", "revoked", "forgotten". */
const char *anchor_state_name(enum anchor_state state);

/* The text file: JSON, one object with a list. Reading a damaged one is HLV_E_MALFORMED with a line
 * in `why` (256 octets). */
enum hlv_err HLV_MUST_USE anchors_parse(struct hlv_bytes text, struct anchors *a, char *why);
void anchors_print(struct hlv_buf *b, const struct anchors *a);

/* A *validated* record of an anchor's subject (its HS_PUBKEY and HS_PUBKEY.REVOKED values) was
 * seen: move states of the anchors of the signer's subject and prefix. `signer`: position of the
 * believed anchor that it was validated with; nothing changes when that one is no longer believed.
 * Returns whether anything changed, so that the file must be written (a->dirty stays set until it
 * is).
 *
 * New keys wait ANCHOR_HOLD_S from when they were first seen, must be in every record that is seen
 * meanwhile, and are believed at the first observation after it: time alone makes nobody believed.
 * Any believed anchor revokes any other of its subject: otherwise a stolen key could be revoked by
 * nobody but its thief. A record that revokes its own signer does nothing but revoke. A clock
 * before 2024, or before what the list has seen, moves nothing but into REVOKED. */
bool anchors_observe(struct anchors *a, size_t signer, const struct hlv_list *values,
		     uint64_t now_ms);
/* Time passes without an observation: no state moves. A hold-down that began in the future (the
 * clock was set back) begins again now. Returns as above. */
bool anchors_tick(struct anchors *a, uint64_t now_ms);
/* When to look next: 1 h to 1 day from now, half of what is left of a hold-down in between. */
uint64_t anchors_next_ms(const struct anchors *a, uint64_t now_ms);
