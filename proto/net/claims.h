/* SPDX-License-Identifier: Apache-2.0
 *
 * What HS_SIGNATURE and HS_CERT values claim (protocol.md 13): the digests of a record's values, or
 * somebody's key and what he may sign. Reading, writing, and the questions that need nobody else: does
 * a permission cover an identifier, do the digests fit these values. Whether it is true is for
 * jws.h and the resolver's trust.h.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/sec/digest.h"
#include "proto/wire/value.h"

enum { HLV_GRANTS_MAX = 64, HLV_CHAIN_MAX = 16, HLV_VALUE_DIGEST = 32 };

/* Names that we do not know grant nothing. */
enum hlv_grant_kind {
	HLV_GRANT_NOTHING,
	HLV_GRANT_EVERYTHING,
	HLV_GRANT_THIS_HANDLE,	/* exactly it; given 0.NA/p also p/... */
	HLV_GRANT_DERIVED,	/* given 0.NA/p: 0.NA/p.x and p.x/..., not p itself */
	HLV_GRANT_UNDER_PREFIX, /* given 0.NA/p: p/... */
};
struct hlv_grant {
	enum hlv_grant_kind kind;
	struct hlv_bytes handle; /* empty: none */
};

struct hlv_value_digest {
	uint32_t index;
	uint8_t octets[HLV_VALUE_DIGEST]; /* SHA-256 */
};

struct hlv_claims {
	struct hlv_bytes sub; /* HS_SIGNATURE: the identifier; HS_CERT: "index:handle" */
	struct hlv_bytes iss; /* "index:handle" of who signs */
	int64_t nbf, exp, iat;
	const struct hlv_ref *chain; /* where to find the issuer's certificate; may be none */
	size_t nchain;
	/* HS_SIGNATURE */
	const struct hlv_value_digest *digests; /* ascending by index, each once */
	size_t ndigests;
	/* HS_CERT */
	struct hlv_bytes key; /* encoded as in an HS_PUBKEY value */
	const struct hlv_grant *grants;
	size_t ngrants;
};

/* Of a payload; everything in the arena. HLV_E_MALFORMED, HLV_E_LIMIT; HLV_E_UNSUPPORTED for digests
 * other than SHA-256. A missing time is 0: such a claim has expired. */
enum hlv_err HLV_MUST_USE hlv_claims_parse_signature(struct hlv_bytes payload,
						     struct hlv_arena *a, struct hlv_claims *c);
enum hlv_err HLV_MUST_USE hlv_claims_parse_cert(struct hlv_bytes payload, struct hlv_arena *a,
						struct hlv_claims *c);
/* Payloads. HLV_E_KEY when the key cannot be written as a JWK. */
void hlv_claims_put_signature(struct hlv_buf *b, const struct hlv_claims *c);
enum hlv_err HLV_MUST_USE hlv_claims_put_cert(struct hlv_buf *b, const struct hlv_claims *c);

enum hlv_grant_kind hlv_grant_kind(struct hlv_bytes name);
const char *hlv_grant_name(enum hlv_grant_kind kind);
/* Does it let its holder sign the record of `id`? */
bool hlv_grant_covers(const struct hlv_grant *g, struct hlv_bytes id);
bool hlv_claims_cover(const struct hlv_claims *c, struct hlv_bytes id);

/* The digests of all values that a signature must list (whatever the public may read and is no
 * HS_SIGNATURE), in the arena, for making one: SHA-256 of each encoded value without index and time
 * stamp. */
enum hlv_err HLV_MUST_USE hlv_values_digests(const struct hlv_list *values, struct hlv_arena *a,
					     const struct hlv_value_digest **digests,
					     size_t *n);
/* Is each value that must be listed listed and unchanged, and is none gone that is listed? `why`
 * (HLV_CLAIMS_WHY octets) says what is not so. */
enum { HLV_CLAIMS_WHY = 80 };
bool hlv_claims_fit(const struct hlv_claims *c, const struct hlv_list *values, char *why);
