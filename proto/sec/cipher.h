/* SPDX-License-Identifier: Apache-2.0
 *
 * What sessions need: keys agreed by Diffie-Hellman or wrapped for a public key, and the encryption
 * of messages with them (protocol.md 9.2, 9.3, industrial.md 5.7). DES and 3DES are recognised and
 * refused (decisions.md 12).
 *
 * The ciphers are CBC and ECB with padding and say nothing about who made the octets: that is the
 * MAC's business, and where a dialect has none (SM4, industrial.md 5.7), nobody's. A message that
 * does not open, one that does not decode, and one whose MAC is wrong must look alike to the
 * peer, or the answers tell an attacker about padding; ending the session at the first of them
 * leaves him one question.
 */
#pragma once
#include "proto/sec/key.h"

/* As numbered on the wire. */
enum hlv_cipher {
	HLV_CIPHER_NONE = 0,
	HLV_CIPHER_DES = 1,  /* refused: HLV_E_UNSUPPORTED */
	HLV_CIPHER_DES3 = 2, /* refused */
	HLV_CIPHER_AES = 3,
	HLV_CIPHER_SM4 = 4,
};
enum {
	HLV_SESSION_KEY_MAX = 64,  /* octets of a key that is agreed or unwrapped here */
	HLV_CIPHER_OVERHEAD = 32,  /* an encrypted message is at most so much longer */
	HLV_WRAPPED_KEY_MAX = 512, /* RSA-4096 */
};

/* Our half of an agreement in the group of `peer` (HLV_KEY_DH), checked as 9.2 says (odd p of 512
 * to 4096 bits, 2 <= y <= p-2; HLV_E_KEY otherwise). `own`: our public key, encoded as 7.1 says;
 * `session_key`: the derived key for `cipher`, which is AES; others are HLV_E_UNSUPPORTED. */
enum hlv_err HLV_MUST_USE hlv_dh_agree(const struct hlv_key *peer, enum hlv_cipher cipher,
				       struct hlv_writer *own, struct hlv_writer *session_key);
/* The client's side: a key pair in the RFC 3526 MODP group of 2048 bits, then the session key from
 * the server's half, which must be of the same group. */
enum hlv_err HLV_MUST_USE hlv_dh_generate(struct hlv_key **own);
enum hlv_err HLV_MUST_USE hlv_dh_derive(const struct hlv_key *own, const struct hlv_key *peer,
					enum hlv_cipher cipher, struct hlv_writer *session_key);
/* The session key from the raw shared secret (9.2). */
enum hlv_err HLV_MUST_USE hlv_dh_session_key(struct hlv_bytes z, enum hlv_cipher cipher,
					     struct hlv_writer *session_key);

/* int4 algorithm and key, encrypted for `to`: SM2 as C1 C3 C2 in raw octets, RSA as PKCS#1 v1.5
 * (industrial.md 5.7). HLV_E_UNSUPPORTED for other kinds of keys. */
enum hlv_err HLV_MUST_USE hlv_key_wrap(const struct hlv_key *to, enum hlv_cipher cipher,
				       struct hlv_bytes session_key, struct hlv_writer *out);
/* Back with the private key; HLV_E_KEY for whatever is wrong with the octets. For clients, which
 * open the one answer that they asked for: a server that opened anybody's PKCS#1 v1.5 and said how
 * it went would be Bleichenbacher's oracle. */
enum hlv_err HLV_MUST_USE hlv_key_unwrap(const struct hlv_key *own, struct hlv_bytes wrapped,
					 enum hlv_cipher *cipher,
					 struct hlv_writer *session_key);

/* Everything behind the envelope. AES: the first 16 octets of the key, CBC with a random IV in
 * front from 2.4 on, ECB below; SM4: a key of 16 octets, CBC, the key is the IV too, none is sent.
 * `iv`: 16 octets in tests; NULL: from the system's generator. `out` and `plain` do not overlap;
 * HLV_E_LIMIT when `out` has no room. */
enum hlv_err HLV_MUST_USE hlv_encrypt(enum hlv_cipher cipher, struct hlv_bytes session_key,
				      int version, const uint8_t iv[16], struct hlv_bytes plain,
				      struct hlv_writer *out);
/* `plain` needs room for as many octets as there are in `octets`. HLV_E_MALFORMED for whatever is
 * wrong with them, and nothing is written then; the padding is looked at in constant time. */
enum hlv_err HLV_MUST_USE hlv_decrypt(enum hlv_cipher cipher, struct hlv_bytes session_key,
				      int version, struct hlv_bytes octets,
				      struct hlv_writer *plain);
