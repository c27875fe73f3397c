/* SPDX-License-Identifier: Apache-2.0
 *
 * The proof in an answer to a challenge: made and checked (protocol.md 8.1, 8.2, industrial.md
 * 5.5). Who may ask whom, and nonces' lives, are the server's business.
 */
#pragma once
#include "proto/sec/sign.h"

/* HS_SECKEY (8.1). `version` is the lower of the challenge's message version and its suggestion.
 * `salt` (16 octets) and iterations are used from 2.7 on. */
enum hlv_err HLV_MUST_USE hlv_answer_secret(struct hlv_bytes secret, struct hlv_bytes nonce,
					    struct hlv_bytes digest, int version,
					    const uint8_t salt[16], uint32_t iterations,
					    struct hlv_writer *proof);
/* All codes of 8.1; iterations <= 1,000,000 and key length <= 512 bits (HLV_E_LIMIT).
 * Comparison in constant time. */
enum hlv_err HLV_MUST_USE hlv_check_secret(struct hlv_bytes secret, struct hlv_bytes nonce,
					   struct hlv_bytes digest, struct hlv_bytes proof);

/* HS_PUBKEY (8.2, industrial.md 5.5 forms SM2 A and B, RSA). `who` = identity handle's octets as
 * spelled by the client (SM2 form A). */
enum hlv_err HLV_MUST_USE hlv_answer_public(const struct hlv_key *key, struct hlv_bytes nonce,
					    struct hlv_bytes digest, struct hlv_bytes who,
					    int version, struct hlv_writer *proof);
enum hlv_err HLV_MUST_USE hlv_check_public(const struct hlv_key *key, struct hlv_bytes nonce,
					   struct hlv_bytes digest, struct hlv_bytes who,
					   struct hlv_bytes proof);
