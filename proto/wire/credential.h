/* SPDX-License-Identifier: Apache-2.0
 *
 * The signature block behind a message's body (protocol.md 5), and the octets that a signature
 * or a session MAC covers, which differ by version (5.2). Making and checking the signature
 * itself is proto/sec/sign.h.
 */
#pragma once
#include "proto/wire/message.h"

struct hlv_credential {
	uint8_t version, reserved;
	uint16_t options;
	struct hlv_bytes signer;    /* handle; empty in practice */
	uint32_t counter;	    /* of the session; 0 outside */
	struct hlv_bytes type;	    /* "HS_SIGNED" or "HS_MAC" */
	uint32_t section_len;	    /* as it stood on the wire */
	struct hlv_bytes algorithm; /* "SHA-256", ..., or one octet */
	struct hlv_bytes octets;    /* signature or MAC */
};

/* `in` is what stands behind the credential's length. */
enum hlv_err HLV_MUST_USE hlv_credential_decode(struct hlv_bytes in, struct hlv_credential *c);
/* Length, then the credential; section_len is worked out. */
void hlv_credential_encode(struct hlv_writer *w, const struct hlv_credential *c);

/* The octets in front of header + body that are covered too; at most 16. `env` is the envelope of
 * the message that carries the credential. Returns how many were written to `out`. */
enum { HLV_COVERED_PREFIX_MAX = 16 };
size_t hlv_covered_prefix(const struct hlv_envelope *env, uint32_t counter,
			  uint8_t out[HLV_COVERED_PREFIX_MAX]);
