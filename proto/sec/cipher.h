/* SPDX-License-Identifier: Apache-2.0
 *
 * What sessions need: keys agreed by Diffie-Hellman or wrapped for a public key, and the encryption
 * of messages with them (protocol.md 9.2, 9.3, industrial.md 5.7). DES and 3DES are recognised and
 * refused (decisions.md 12).
 */
#pragma once
#include "proto/sec/key.h"

/* As numbered on the wire. */
enum hlv_cipher {
	HLV_CIPHER_NONE = 0,
	HLV_CIPHER_DES = 1,  /* refused */
	HLV_CIPHER_DES3 = 2, /* refused */
	HLV_CIPHER_AES = 3,
	HLV_CIPHER_SM4 = 4,
};
enum { HLV_SESSION_KEY_MAX = 512 };

/* Our half of an agreement in the group of `peer` (HLV_KEY_DH), checked as 9.2 says (odd p of 512
 * to 4096 bits, 2 <= y <= p-2; HLV_E_KEY otherwise). `own`: our public key, encoded as 7.1 says;
 * `session_key` (HLV_SESSION_KEY_MAX octets): the derived key for `cipher`. */
enum hlv_err HLV_MUST_USE hlv_dh_agree(const struct hlv_key *peer, enum hlv_cipher cipher,
				       struct hlv_writer *own, struct hlv_writer *session_key);
/* The client's side: a key pair in the RFC 2409/3526 MODP group of 2048 bits, then the session key
 * from the server's half. */
enum hlv_err HLV_MUST_USE hlv_dh_generate(struct hlv_key **own);
enum hlv_err HLV_MUST_USE hlv_dh_derive(const struct hlv_key *own, const struct hlv_key *peer,
					enum hlv_cipher cipher, struct hlv_writer *session_key);
/* The session key from the raw shared secret (9.2); `p_len`: octets of the group's prime. */
enum hlv_err HLV_MUST_USE hlv_dh_session_key(struct hlv_bytes z, size_t p_len,
					     enum hlv_cipher cipher,
					     struct hlv_writer *session_key);

/* int4 algorithm and key, encrypted for `to`: SM2 as C1 C3 C2 in raw octets, RSA as PKCS#1 v1.5
 * (industrial.md 5.7); and back with the private key. */
enum hlv_err HLV_MUST_USE hlv_key_wrap(const struct hlv_key *to, enum hlv_cipher cipher,
				       struct hlv_bytes session_key, struct hlv_writer *out);
enum hlv_err HLV_MUST_USE hlv_key_unwrap(const struct hlv_key *own, struct hlv_bytes wrapped,
					 enum hlv_cipher *cipher,
					 struct hlv_writer *session_key);

/* Everything behind the envelope. AES: the first 16 octets of the key, CBC with a random IV in
 * front from 2.4 on, ECB below; SM4: CBC, the key is the IV too, none is sent. `iv`: 16 octets from
 * the system's generator, or as given in tests. */
enum hlv_err HLV_MUST_USE hlv_encrypt(enum hlv_cipher cipher, struct hlv_bytes session_key,
				      int version, const uint8_t iv[16], struct hlv_bytes plain,
				      struct hlv_writer *out);
enum hlv_err HLV_MUST_USE hlv_decrypt(enum hlv_cipher cipher, struct hlv_bytes session_key,
				      int version, struct hlv_bytes octets,
				      struct hlv_writer *plain);
