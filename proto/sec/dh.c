/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/dh.h>
#include <openssl/evp.h>

#include "proto/sec/cipher.h"
#include "proto/sec/inner.h"
#include "proto/sec/secret.h"

enum {
	P_BITS_MIN = 512,
	P_BITS_MAX = 4096, /* threats.md 3: an agreement must stay cheap */
	/* Of our exponent in groups that the library does not know: more than twice the strength
	 * of the largest (RFC 7919), and a tenth of the work of one as long as p. */
	EXPONENT_BITS = 384,
	AES_KEY_MIN = 16,
	AES_KEY_MAX = 32,
};

enum hlv_err hlv_dh_session_key(struct hlv_bytes z, enum hlv_cipher cipher,
				struct hlv_writer *session_key)
{
	/* SM4 keys are wrapped, never agreed (industrial.md 5.7). */
	if (cipher != HLV_CIPHER_AES)
		return HLV_E_UNSUPPORTED;
	while (z.n && z.p[0] == 0)
		z = hlv_skip(z, 1);
	if (z.n < AES_KEY_MIN)
		return HLV_E_KEY;
	hlv_put(session_key, hlv_head(z, AES_KEY_MAX));
	return session_key->bad ? HLV_E_LIMIT : HLV_OK;
}

/* 9.2: 2 <= y <= p-2, and the generator the same: p-1 has order two. What is above p, even, or
 * below 2 was refused when the key was decoded. */
static enum hlv_err check_half(const struct hlv_key *key)
{
	static const char *const numbers[] = {OSSL_PKEY_PARAM_PUB_KEY, OSSL_PKEY_PARAM_FFC_G};
	struct hlv_number_buf p, b;
	if (key->kind != HLV_KEY_DH)
		return HLV_E_KEY;
	int bits = EVP_PKEY_get_bits(key->pkey);
	if (bits < P_BITS_MIN || bits > P_BITS_MAX)
		return HLV_E_KEY;
	HLV_TRY(hlv_key_number(key, OSSL_PKEY_PARAM_FFC_P, &p));
	p.octets[p.n - 1] &= 0xFE; /* p-1, for p is odd */
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		HLV_TRY(hlv_key_number(key, numbers[i], &b));
		if (b.n == p.n && memcmp(b.octets, p.octets, p.n) == 0)
			return HLV_E_KEY;
	}
	return HLV_OK;
}

static enum hlv_err run_derive(EVP_PKEY_CTX *ctx, EVP_PKEY *peer, enum hlv_cipher cipher,
			       struct hlv_writer *session_key)
{
	uint8_t z[P_BITS_MAX / 8];
	size_t n = sizeof z;
	/* The library refuses a peer of another group, and a secret of 0, 1 or p-1. */
	if (EVP_PKEY_derive_init(ctx) <= 0 || EVP_PKEY_CTX_set_dh_pad(ctx, 1) <= 0 ||
	    EVP_PKEY_derive_set_peer(ctx, peer) <= 0 || EVP_PKEY_derive(ctx, z, &n) <= 0)
		return HLV_E_KEY;
	enum hlv_err err = hlv_dh_session_key(hlv_bytes(z, n), cipher, session_key);
	hlv_wipe(z, sizeof z);
	return err;
}

enum hlv_err hlv_dh_derive(const struct hlv_key *own, const struct hlv_key *peer,
			   enum hlv_cipher cipher, struct hlv_writer *session_key)
{
	if (cipher != HLV_CIPHER_AES)
		return HLV_E_UNSUPPORTED;
	if (!own->private_half)
		return HLV_E_KEY;
	HLV_TRY(check_half(own));
	HLV_TRY(check_half(peer));
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own->pkey, NULL);
	if (!ctx)
		return HLV_E_NOMEM;
	enum hlv_err err = run_derive(ctx, peer->pkey, cipher, session_key);
	EVP_PKEY_CTX_free(ctx);
	return hlv_forget(err);
}

/* A key pair of the group that `ctx` names. */
static enum hlv_err generate(EVP_PKEY_CTX *ctx, const OSSL_PARAM *params, struct hlv_key **key)
{
	EVP_PKEY *pkey = NULL;
	if (!ctx)
		return HLV_E_NOMEM;
	bool ok = EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_CTX_set_params(ctx, params) > 0 &&
		  EVP_PKEY_generate(ctx, &pkey) > 0;
	EVP_PKEY_CTX_free(ctx);
	if (!ok)
		return hlv_forget(HLV_E_KEY);
	return hlv_key_take(pkey, true, key);
}

enum hlv_err hlv_dh_generate(struct hlv_key **own)
{
	char group[] = SN_modp_2048;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_end(),
	};
	return generate(EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL), params, own);
}

enum hlv_err hlv_dh_agree(const struct hlv_key *peer, enum hlv_cipher cipher,
			  struct hlv_writer *own, struct hlv_writer *session_key)
{
	struct hlv_key *key = NULL;
	int bits = EXPONENT_BITS;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_DH_PRIV_LEN, &bits),
		OSSL_PARAM_construct_end(),
	};
	if (cipher != HLV_CIPHER_AES)
		return HLV_E_UNSUPPORTED;
	HLV_TRY(check_half(peer));
	HLV_TRY(generate(EVP_PKEY_CTX_new_from_pkey(NULL, peer->pkey, NULL), params, &key));
	enum hlv_err err = hlv_dh_derive(key, peer, cipher, session_key);
	if (err == HLV_OK)
		err = hlv_pubkey_encode(own, key);
	hlv_key_free(key);
	return err;
}
