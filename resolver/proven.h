/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known about an identifier, and how surely. A *finding* is what somebody said; a *proven*
 * finding is one that may be shown to a client. The two are different types on purpose (threats.md
 * 7, R6): the cache takes and gives proven ones only, emit() takes proven ones only, and only
 * prove() makes one, which it does not from what is bogus or unknown. tests/lint/style.py holds
 * everybody else to it.
 */
#pragma once
#include "proto/base/now.h"
#include "proto/wire/codes.h"
#include "proto/wire/value.h"

enum proof {
	PROOF_UNKNOWN,	/* nobody could be asked, or not to the end */
	PROOF_BOGUS,	/* should be signed, and is not, or wrongly */
	PROOF_INSECURE, /* no rule asks for a signature here, and policy lets it pass */
	PROOF_SECURE,	/* signed, with an unbroken chain to a trust anchor */
};

/* What one identifier was found to be. Always its whole public record: filters by index and type
 * are applied when it is shown. Borrows. */
struct finding {
	uint32_t rc;		/* HLV_RC_SUCCESS, _NOT_FOUND or _VALUES_NOT_FOUND */
	struct hlv_list values; /* SUCCESS: ascending by index; else none */
	uint64_t fetched_ms;	/* wall clock: when it was said */
	uint32_t life_s;	/* how long it may be used from then on, clamped */
	uint32_t newest_s;	/* the latest time stamp among the values */
};

/* Made by prove() alone; everybody else passes it on. Borrows what the finding borrows. */
struct proven {
	enum proof proof; /* PROOF_SECURE or PROOF_INSECURE */
	struct finding finding;
};

/* The only door: false, and *out is zero, for what is bogus or unknown, or for a finding whose
 * code is none of the three. */
bool prove(enum proof proof, const struct finding *f, struct proven *out);

/* "secure", "insecure", "bogus", "unknown": for people. */
const char *proof_name(enum proof proof);

/* min of the values' TTLs (protocol.md 11.8; an absolute one counts from `now`), 86,400 without any;
 * and the latest time stamp. The list was checked. */
void finding_ages(struct finding *f, struct hlv_now now);
