/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/challenge.h"

#include <openssl/crypto.h>

#include "proto/base/reader.h"
#include "proto/sec/inner.h"
#include "proto/sec/mac.h"

enum {
	CODE_PBKDF2 = 0x22,
	DERIVED_BITS = 160,
	DERIVED_BITS_MAX = 512, /* 8.1: the peer chooses it, we do the work */
	BARE_MD5 = 16,
};

/* --- secret keys (8.1) --- */

static enum hlv_err derived_mac(struct hlv_bytes secret, struct hlv_bytes salt,
				uint32_t iterations, size_t key_n,
				const struct hlv_bytes nonce_digest[2], struct hlv_mac *mac)
{
	uint8_t key[DERIVED_BITS_MAX / 8];
	enum hlv_err err = hlv_pbkdf2(secret, salt, iterations, key, key_n);
	if (err == HLV_OK)
		err = hlv_mac(HLV_MAC_HMAC_SHA1, hlv_bytes(key, key_n), nonce_digest, 2, mac);
	OPENSSL_cleanse(key, sizeof key);
	return err;
}

enum hlv_err hlv_answer_secret(struct hlv_bytes secret, struct hlv_bytes nonce,
			       struct hlv_bytes digest, int version, const uint8_t salt[16],
			       uint32_t iterations, struct hlv_writer *proof)
{
	struct hlv_bytes spans[] = {nonce, digest};
	struct hlv_mac mac;
	if (version >= HLV_V(2, 7)) {
		HLV_TRY(derived_mac(secret, hlv_bytes(salt, 16), iterations, DERIVED_BITS / 8,
				    spans, &mac));
		hlv_put_u8(proof, CODE_PBKDF2);
		hlv_put_lp32(proof, hlv_bytes(salt, 16));
		hlv_put_u32(proof, iterations);
		hlv_put_u32(proof, DERIVED_BITS);
		hlv_put_lp32(proof, hlv_bytes(mac.octets, mac.n));
		return proof->bad ? HLV_E_LIMIT : HLV_OK;
	}
	bool coded = version >= HLV_V(2, 1);
	HLV_TRY(hlv_mac(coded ? HLV_MAC_SHA1 : HLV_MAC_MD5, secret, spans, 2, &mac));
	if (coded)
		hlv_put_u8(proof, HLV_MAC_SHA1);
	hlv_put(proof, hlv_bytes(mac.octets, mac.n));
	return proof->bad ? HLV_E_LIMIT : HLV_OK;
}

/* The MAC that the proof should carry, and the one that it carries. */
static enum hlv_err expected_mac(struct hlv_bytes secret, const struct hlv_bytes spans[2],
				 struct hlv_bytes proof, struct hlv_mac *mac,
				 struct hlv_bytes *given)
{
	enum hlv_mac_kind kind;
	*given = proof;
	if (proof.n == BARE_MD5)
		return hlv_mac(HLV_MAC_MD5, secret, spans, 2, mac);
	struct hlv_reader r = hlv_reader(proof);
	struct hlv_bytes code = hlv_take(&r, 1);
	if (r.bad)
		return HLV_E_MALFORMED;
	if (code.p[0] != CODE_PBKDF2) {
		*given = hlv_take_rest(&r);
		HLV_TRY(hlv_mac_parse(code, &kind));
		return hlv_mac(kind, secret, spans, 2, mac);
	}
	struct hlv_bytes salt = hlv_get_lp32(&r);
	uint32_t iterations = hlv_get_u32(&r);
	uint32_t bits = hlv_get_u32(&r);
	*given = hlv_get_lp32(&r);
	if (!hlv_finished(&r) || bits % 8 != 0)
		return HLV_E_MALFORMED;
	if (bits > DERIVED_BITS_MAX)
		return HLV_E_LIMIT;
	return derived_mac(secret, salt, iterations, bits / 8, spans, mac);
}

enum hlv_err hlv_check_secret(struct hlv_bytes secret, struct hlv_bytes nonce,
			      struct hlv_bytes digest, struct hlv_bytes proof)
{
	struct hlv_bytes spans[] = {nonce, digest};
	struct hlv_bytes given;
	struct hlv_mac mac;
	HLV_TRY(expected_mac(secret, spans, proof, &mac, &given));
	return hlv_mac_is(&mac, given) ? HLV_OK : HLV_E_SIGNATURE;
}

/* --- public keys (8.2) --- */

/* industrial.md 5.5, form A: what SM2 signs is SM3(N, D), and the signer's identifier is the
 * distinguishing one. */
static enum hlv_err sm2_form_a(const struct hlv_bytes spans[2], uint8_t m[HLV_HASH_MAX])
{
	return hlv_hash_spans(HLV_SM3, spans, 2, m);
}

enum hlv_err hlv_answer_public(const struct hlv_key *key, struct hlv_bytes nonce,
			       struct hlv_bytes digest, struct hlv_bytes who, int version,
			       struct hlv_writer *proof)
{
	struct hlv_bytes spans[] = {nonce, digest};
	size_t n = 2;
	uint8_t m[HLV_HASH_MAX];
	if (hlv_key_kind(key) == HLV_KEY_SM2) {
		HLV_TRY(sm2_form_a(spans, m));
		spans[0] = hlv_bytes(m, sizeof m);
		n = 1;
	}
	struct hlv_bytes algorithm = hlv_text(hlv_signature_algorithm(key, version));
	hlv_put_lp32(proof, algorithm);
	size_t at = hlv_put_hole32(proof);
	HLV_TRY(hlv_sign(key, algorithm, who, spans, n, proof));
	hlv_fill32(proof, at);
	return HLV_OK;
}

enum hlv_err hlv_check_public(const struct hlv_key *key, struct hlv_bytes nonce,
			      struct hlv_bytes digest, struct hlv_bytes who,
			      struct hlv_bytes proof)
{
	struct hlv_reader r = hlv_reader(proof);
	struct hlv_bytes algorithm = hlv_get_lp32(&r);
	struct hlv_bytes signature = hlv_get_lp32(&r);
	if (!hlv_finished(&r))
		return HLV_E_MALFORMED;
	struct hlv_bytes spans[] = {nonce, digest};
	if (hlv_key_kind(key) != HLV_KEY_SM2)
		return hlv_verify(key, algorithm, (struct hlv_bytes){0}, spans, 2, signature);
	/* Form B: the SDK's own converter leaves SHA-256 and no identifier. */
	if (hlv_eq(algorithm, hlv_text("SHA-256")))
		return hlv_sm2_verify(key, HLV_SHA256, (struct hlv_bytes){0}, spans, 2,
				      signature);
	uint8_t m[HLV_HASH_MAX];
	HLV_TRY(sm2_form_a(spans, m));
	struct hlv_bytes message = hlv_bytes(m, sizeof m);
	return hlv_verify(key, algorithm, who, &message, 1, signature);
}
