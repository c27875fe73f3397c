/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs: signatures over octets and over messages, session MACs (protocol.md 5, decisions.md 16,
 * industrial.md 5.5, 5.8).
 */
#pragma once
#include "proto/sec/key.h"
#include "proto/wire/credential.h"

enum { HLV_SIGNATURE_MAX = 1024 };

/* The digest name that a credential carries for this key at this version: "SHA1" below 2.7 (DSA
 * below 2.11), else "SHA-256"; "SM3" for SM2 and "Ed25519" for Ed25519 at any version. */
const char *hlv_signature_algorithm(const struct hlv_key *key, int version);

/* Sign the `n` spans in a row. `algorithm` as it stands in a credential: "SHA-256", "SHA1", "MD5"
 * (verify only), "SM3", "Ed25519", or a single octet 1/2/3. SM2 uses `id` as distinguishing
 * identifier, "1234567812345678" when it is empty. The algorithm must fit the key's kind:
 * HLV_E_KEY otherwise. */
enum hlv_err HLV_MUST_USE hlv_sign(const struct hlv_key *key, struct hlv_bytes algorithm,
				   struct hlv_bytes id, const struct hlv_bytes *spans, size_t n,
				   struct hlv_writer *signature);
/* HLV_OK, HLV_E_SIGNATURE, HLV_E_UNSUPPORTED for an algorithm that we do not know, or HLV_E_KEY
 * for one that does not fit the key. */
enum hlv_err HLV_MUST_USE hlv_verify(const struct hlv_key *key, struct hlv_bytes algorithm,
				     struct hlv_bytes id, const struct hlv_bytes *spans,
				     size_t n, struct hlv_bytes signature);

/* `w` holds, from `at`, one encoded message that ends in the four zero octets of "no credential";
 * they are replaced by a credential and the envelope's length is set. */
enum hlv_err HLV_MUST_USE hlv_message_sign(struct hlv_writer *w, size_t at,
					   const struct hlv_key *key, uint32_t counter);
/* The credential of a received message against the sender's public key. HLV_E_NOT_FOUND when
 * there is none. */
enum hlv_err HLV_MUST_USE hlv_message_verify(const struct hlv_message *m,
					     const struct hlv_key *key);

/* Session MACs (5.3), all versions. */
enum hlv_err HLV_MUST_USE hlv_message_mac(struct hlv_writer *w, size_t at,
					  struct hlv_bytes session_key, uint32_t counter);
enum hlv_err HLV_MUST_USE hlv_message_verify_mac(const struct hlv_message *m,
						 struct hlv_bytes session_key);
