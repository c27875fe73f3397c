/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Web Signatures as HS_SIGNATURE and HS_CERT values hold them (protocol.md 13, industrial.md
 * 5.8): the compact form, read and written, and the JSON form, read. Which algorithm a signature is
 * made with follows from the key, never from what the header says; the header must agree. What the
 * payload means is claims.h.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/sec/sign.h"

enum { HLV_JWS_MAX = 65536 }; /* octets of one */

struct hlv_jws {
	struct hlv_bytes head, body; /* in base64url, as signed: head "." body */
	struct hlv_bytes algorithm;  /* what the header calls it */
	struct hlv_bytes payload;    /* decoded */
	struct hlv_bytes signature;
};

/* Everything is in the arena, or borrowed from `data`. HLV_E_MALFORMED; HLV_E_LIMIT above HLV_JWS_MAX;
 * HLV_E_UNSUPPORTED for what we must understand and do not ("crit", several signatures). */
enum hlv_err HLV_MUST_USE hlv_jws_parse(struct hlv_bytes data, struct hlv_arena *a,
					struct hlv_jws *jws);
/* HLV_E_SIGNATURE; HLV_E_KEY when the algorithm is not the one of this kind of key. */
enum hlv_err HLV_MUST_USE hlv_jws_verify(const struct hlv_jws *jws, const struct hlv_key *key);
/* The compact form. */
enum hlv_err HLV_MUST_USE hlv_jws_make(struct hlv_buf *out, struct hlv_bytes payload,
				       const struct hlv_key *key);
/* "RS256", "DS256", "ES256", "EdDSA", "SM2256"; NULL for a kind that signs nothing. */
const char *hlv_jws_algorithm(const struct hlv_key *key);
