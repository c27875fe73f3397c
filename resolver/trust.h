/* SPDX-License-Identifier: Apache-2.0
 *
 * Record signatures: HS_SIGNATURE and HS_CERT values (protocol.md 13, industrial.md 5.8). A small
 * state machine without I/O: it asks for the records of certificate holders, is fed with them, and
 * comes to a judgement. The chain ends at an issuer who is the subject of a believed anchor and whose
 * key that is, be it that he signed the record himself, a certificate, or his own certificate. Each
 * link: signature good, now within nbf..exp, permissions cover the identifier.
 *
 * One good signature is enough, if the record has several; each must cover all public values. It
 * ends by the budget of signatures, and by the bounds below: a record can name any number of
 * issuers, and each would have somebody asked.
 */
#pragma once
#include "proto/base/arena.h"
#include "resolver/validate.h"

enum {
	TRUST_LINKS_MAX =
		16, /* protocol.md 13 allows 50; the budget of signatures ends it before */
	TRUST_RECORDS_MAX = 16,	  /* wanted of others */
	TRUST_PARSED_MAX = 32,	  /* signatures and certificates that are looked into */
	TRUST_SIGNED_MAX = 32768, /* octets of one */
};

enum trust_want {
	TRUST_WANTS_RECORD, /* t->wanted: feed it, or say that there is none */
	TRUST_DONE,	    /* t->judgement */
};

struct trust {
	const struct validate_rules *rules;
	struct hlv_arena *arena;
	struct budget *budget;
	struct hlv_bytes id;	/* whose record */
	struct hlv_list values; /* its public values, the signature among them */
	struct hlv_ref must_by; /* who must have signed; empty handle: anybody with a chain */
	struct hlv_bytes wanted;
	struct judgement judgement;
	int64_t until_s; /* when the first of the signatures that were looked at ends; 0: none */
	struct trust_chain *chain; /* trust.c's own, in the arena */
};

/* Everything given must live until it is done. */
/* Judgement: secure; bogus; unknown when the budget, a bound or memory ended it. A record that could
 * not be had is fed as NULL: whether it is not there or nobody answered is known to the caller. */
enum trust_want trust_begin(struct trust *t, struct hlv_now now);
/* The record of t->wanted; `values` NULL: there is none. */
enum trust_want trust_feed(struct trust *t, const struct hlv_list *values, struct hlv_now now);
