/* SPDX-License-Identifier: Apache-2.0
 *
 * Is an answer to be believed? Pure: the answer, who is vouched for as its speaker, the anchors and
 * the rules give one of four proofs (proven.h), and a reason for people. Two ways of proof:
 *
 *   message   the credential of the answer verifies with the server's key, which stands in the site
 *             record that the *parent* gave, which was itself proven so, up to the root's anchors;
 *   record    HS_SIGNATURE in the record covers its public values, by a signer whose HS_CERTs lead
 *             to an anchor (protocol.md 13): trust.h.
 *
 * What is under a prefix must be signed if an anchor *for a prefix* or the configuration says so for
 * it or for any shorter one; then a missing, unknown, expired or wrong signature is bogus (threats.md
 * 7, R7). Beside that, each zone whose parent's proven record has a key for it must sign with that
 * key, and the root must where there is an anchor for everything; a proven parent that names no
 * key proves that there is none, and what is below is insecure. "Under 88.118" is what the servers
 * of 88.118 and below answer for: 88.118/x, 88.118.8/x, 0.NA/88.118.8, and not 0.NA/88.118, which is
 * the parent's word.
 */
#pragma once
#include "proto/wire/message.h"
#include "resolver/anchor.h"
#include "resolver/budget.h"
#include "resolver/keys.h"
#include "resolver/proven.h"

enum unsigned_policy { UNSIGNED_ALLOW, UNSIGNED_LOG, UNSIGNED_REFUSE };

/* "88.118", or "88.118.8 300:0.NA/88.118.8": answers under the prefix must be signed; with a signer,
 * the records themselves, by him. */
struct must_sign {
	struct hlv_bytes prefix;
	struct hlv_ref signer; /* empty handle: by message is enough */
};

struct validate_rules {
	const struct anchors *anchors;
	const struct must_sign *must_sign;
	size_t nmust_sign;
	enum unsigned_policy unsigned_policy;
	struct keys *keys; /* of the thread that validates; NULL: nothing is remembered */
};

/* Who answers, as far as the parent has vouched for him. */
struct speaker {
	struct hlv_bytes prefix; /* the zone that is asked; empty: the root */
	bool is_root;		 /* believed by the anchors, not by `key` */
	enum proof vouched;	 /* how the site record was proven */
	struct hlv_bytes key;	 /* the server's, encoded; empty: the parent names none */
};

enum { VALIDATE_WHY = 160, VALIDATE_NO_ANCHOR = ANCHORS_MAX };

struct judgement {
	enum proof proof;
	char why[VALIDATE_WHY]; /* one line: "RSA-2048 key of 88.118", or what is wrong */
	size_t anchor; /* secure by an anchor itself: by which; else VALIDATE_NO_ANCHOR */
	struct hlv_ref must_by; /* empty handle: `proof` is all. Else it is that of the message
				 * alone, and the proof of the finding is what trust.h makes of
				 * the record, signed by him: secure or bogus */
};

/* `m` and `rs`: the answer, decoded; `covered`: header and body of our request (its digest must be in
 * the answer). Matching of id, operation and identifier was done before (R4). Takes a signature
 * from the budget for each that it verifies; none left: PROOF_UNKNOWN. Codes that say nothing about
 * an identifier (all but 1, 100, 200, 302 and 303) prove nothing, signed or not: PROOF_UNKNOWN. MD5
 * and SHA-1 are no signatures here. */
void validate_message(const struct validate_rules *rules, const struct speaker *who,
		      const struct hlv_message *m, const struct hlv_response *rs,
		      struct hlv_bytes covered, struct hlv_bytes id, struct budget *budget,
		      struct hlv_now now, struct judgement *j);

/* Who, by the configuration, must sign the records of this identifier? Empty handle: nobody. */
struct hlv_ref validate_signer(const struct validate_rules *rules, struct hlv_bytes id);
/* Must answers about this identifier be signed at all, by configuration or anchor? */
bool validate_must(const struct validate_rules *rules, struct hlv_bytes id);
/* May a finding of this proof be shown, by the policy for what is unsigned? */
bool validate_allows(const struct validate_rules *rules, enum proof proof);
/* Both: may what is known of `id` with this proof be shown by these rules? */
bool validate_fits(const struct validate_rules *rules, struct hlv_bytes id, enum proof proof);
