/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/sign.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "proto/sec/inner.h"

enum algorithm { ALG_MD5, ALG_SHA1, ALG_SHA256, ALG_SM3, ALG_ED25519 };

/* Spans in front of the caller's: SM2's identity hash. */
enum { SPANS_MAX = 8, ED25519_SIGNATURE = 64, SHORT_MESSAGE = 2048 };

const char *hlv_signature_algorithm(const struct hlv_key *key, int version)
{
	if (key->kind == HLV_KEY_SM2)
		return "SM3";
	if (key->kind == HLV_KEY_ED25519)
		return "Ed25519";
	if (key->kind == HLV_KEY_P256)
		return "SHA-256"; /* no old peer knows the key, so none asks for SHA-1 */
	int since = key->kind == HLV_KEY_DSA ? HLV_V(2, 11) : HLV_V(2, 7);
	return version < since ? "SHA1" : "SHA-256";
}

/* protocol.md 5: names are compared as they are spelled. */
static enum hlv_err parse_algorithm(struct hlv_bytes name, enum algorithm *alg)
{
	static const struct {
		const char *name;
		enum algorithm alg;
	} names[] = {
		{"SHA-256", ALG_SHA256},  {"SHA256", ALG_SHA256}, {"\3", ALG_SHA256},
		{"SHA1", ALG_SHA1},	  {"SHA-1", ALG_SHA1},	  {"\2", ALG_SHA1},
		{"MD5", ALG_MD5},	  {"\1", ALG_MD5},	  {"SM3", ALG_SM3},
		{"Ed25519", ALG_ED25519},
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (hlv_eq(name, hlv_text(names[i].name))) {
			*alg = names[i].alg;
			return HLV_OK;
		}
	}
	return HLV_E_UNSUPPORTED;
}

/* The algorithm follows from the key; the peer's word for it must agree, or a key could be made
 * to say something under rules that it was not made for. */
static bool algorithm_fits(enum hlv_key_kind kind, enum algorithm alg)
{
	switch (kind) {
	case HLV_KEY_RSA:
	case HLV_KEY_DSA:
		return alg == ALG_MD5 || alg == ALG_SHA1 || alg == ALG_SHA256;
	case HLV_KEY_P256:
		return alg == ALG_SHA256;
	case HLV_KEY_ED25519:
		return alg == ALG_ED25519;
	case HLV_KEY_SM2:
		return alg == ALG_SM3;
	case HLV_KEY_DH:
		return false;
	}
	return false;
}

static enum hlv_hash hash_of(enum algorithm alg)
{
	switch (alg) {
	case ALG_MD5:
		return HLV_MD5;
	case ALG_SHA1:
		return HLV_SHA1;
	case ALG_SM3:
		return HLV_SM3;
	case ALG_SHA256:
	case ALG_ED25519:
		break;
	}
	return HLV_SHA256;
}

/* --- what is signed --- */

/* GB/T 32918: Z = H(bits of id, id, a, b, Gx, Gy, X, Y). */
static enum hlv_err sm2_identity(const struct hlv_key *key, enum hlv_hash hash,
				 struct hlv_bytes id, uint8_t z[HLV_HASH_MAX])
{
	static const uint8_t curve[] = {
		/* a, b, Gx, Gy */
		0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xfc, 0x28, 0xe9, 0xfa, 0x9e, 0x9d, 0x9f, 0x5e,
		0x34, 0x4d, 0x5a, 0x9e, 0x4b, 0xcf, 0x65, 0x09, 0xa7, 0xf3, 0x97, 0x89, 0xf5,
		0x15, 0xab, 0x8f, 0x92, 0xdd, 0xbc, 0xbd, 0x41, 0x4d, 0x94, 0x0e, 0x93, 0x32,
		0xc4, 0xae, 0x2c, 0x1f, 0x19, 0x81, 0x19, 0x5f, 0x99, 0x04, 0x46, 0x6a, 0x39,
		0xc9, 0x94, 0x8f, 0xe3, 0x0b, 0xbf, 0xf2, 0x66, 0x0b, 0xe1, 0x71, 0x5a, 0x45,
		0x89, 0x33, 0x4c, 0x74, 0xc7, 0xbc, 0x37, 0x36, 0xa2, 0xf4, 0xf6, 0x77, 0x9c,
		0x59, 0xbd, 0xce, 0xe3, 0x6b, 0x69, 0x21, 0x53, 0xd0, 0xa9, 0x87, 0x7c, 0xc6,
		0x2a, 0x47, 0x40, 0x02, 0xdf, 0x32, 0xe5, 0x21, 0x39, 0xf0, 0xa0};
	if (id.n == 0)
		id = hlv_text("1234567812345678");
	if (id.n > 0xFFFF / 8)
		return HLV_E_LIMIT;
	uint8_t bits[2] = {(uint8_t)(id.n * 8 >> 8), (uint8_t)(id.n * 8)};
	struct hlv_bytes spans[] = {
		hlv_bytes(bits, sizeof bits),
		id,
		hlv_bytes(curve, sizeof curve),
		hlv_skip(hlv_key_point(key), 1),
	};
	return hlv_hash_spans(hash, spans, sizeof spans / sizeof spans[0], z);
}

/* The digest that goes into the arithmetic. */
static enum hlv_err digest_of(const struct hlv_key *key, enum hlv_hash hash,
			      struct hlv_bytes id, const struct hlv_bytes *spans, size_t n,
			      uint8_t e[HLV_HASH_MAX])
{
	if (key->kind != HLV_KEY_SM2)
		return hlv_hash_spans(hash, spans, n, e);
	uint8_t z[HLV_HASH_MAX];
	struct hlv_bytes all[SPANS_MAX + 1];
	hlv_require(n <= SPANS_MAX);
	HLV_TRY(sm2_identity(key, hash, id, z));
	all[0] = hlv_bytes(z, hlv_hash_size(hash));
	for (size_t i = 0; i < n; i++)
		all[i + 1] = spans[i];
	return hlv_hash_spans(hash, all, n + 1, e);
}

/* Ed25519 wants its message in one piece: in `room` when it fits, on the heap otherwise. */
struct joined {
	struct hlv_bytes message;
	uint8_t *heap;
	uint8_t room[SHORT_MESSAGE];
};

static bool join(struct joined *j, const struct hlv_bytes *spans, size_t n)
{
	size_t size = 0;
	for (size_t i = 0; i < n; i++)
		size += spans[i].n;
	j->heap = size > sizeof j->room ? OPENSSL_malloc(size) : NULL;
	if (size > sizeof j->room && !j->heap)
		return false;
	struct hlv_writer w = hlv_writer(j->heap ? j->heap : j->room, size);
	for (size_t i = 0; i < n; i++)
		hlv_put(&w, spans[i]);
	j->message = hlv_written(&w);
	return true;
}

/* --- signing --- */

static enum hlv_err sign_digest(const struct hlv_key *key, enum algorithm alg,
				const uint8_t *digest, uint8_t *out, size_t *n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(key->sign);
	if (!ctx)
		return HLV_E_NOMEM;
	size_t size = hlv_hash_size(hash_of(alg));
	bool ok = true;
	if (key->kind == HLV_KEY_RSA && alg != ALG_SHA256)
		ok = EVP_PKEY_CTX_set_signature_md(ctx, hlv_hash_md(hash_of(alg))) > 0;
	ok = ok && EVP_PKEY_sign(ctx, out, n, digest, size) > 0;
	EVP_PKEY_CTX_free(ctx);
	return ok ? HLV_OK : hlv_forget(HLV_E_CRYPTO);
}

static enum hlv_err sign_ed25519(const struct hlv_key *key, const struct hlv_bytes *spans,
				 size_t n_spans, uint8_t *out, size_t *n)
{
	struct joined j;
	if (!join(&j, spans, n_spans))
		return HLV_E_NOMEM;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx &&
		  EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key->pkey, NULL) > 0 &&
		  EVP_DigestSign(ctx, out, n, j.message.p, j.message.n) > 0;
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(j.heap);
	return ok ? HLV_OK : hlv_forget(HLV_E_CRYPTO);
}

enum hlv_err hlv_sign(const struct hlv_key *key, struct hlv_bytes algorithm,
		      struct hlv_bytes id, const struct hlv_bytes *spans, size_t n,
		      struct hlv_writer *signature)
{
	enum algorithm alg;
	HLV_TRY(parse_algorithm(algorithm, &alg));
	if (!algorithm_fits(key->kind, alg) || !key->private_half)
		return HLV_E_KEY;
	/* decisions.md 12: what is too weak to make is still readable. */
	if (alg == ALG_MD5 || key->kind == HLV_KEY_DSA)
		return HLV_E_UNSUPPORTED;
	uint8_t out[HLV_SIGNATURE_MAX], digest[HLV_HASH_MAX];
	size_t out_n = sizeof out;
	if (alg == ALG_ED25519) {
		HLV_TRY(sign_ed25519(key, spans, n, out, &out_n));
	} else {
		HLV_TRY(digest_of(key, hash_of(alg), id, spans, n, digest));
		HLV_TRY(sign_digest(key, alg, digest, out, &out_n));
	}
	hlv_put(signature, hlv_bytes(out, out_n));
	return signature->bad ? HLV_E_LIMIT : HLV_OK;
}

/* --- checking --- */

static enum hlv_err verify_digest(const struct hlv_key *key, enum hlv_hash hash,
				  const uint8_t *digest, struct hlv_bytes signature)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(key->verify);
	if (!ctx)
		return HLV_E_NOMEM;
	bool ok = true;
	if (key->kind == HLV_KEY_RSA && hash != HLV_SHA256)
		ok = EVP_PKEY_CTX_set_signature_md(ctx, hlv_hash_md(hash)) > 0;
	ok = ok &&
	     EVP_PKEY_verify(ctx, signature.p, signature.n, digest, hlv_hash_size(hash)) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok ? HLV_OK : hlv_forget(HLV_E_SIGNATURE);
}

static enum hlv_err verify_ed25519(const struct hlv_key *key, const struct hlv_bytes *spans,
				   size_t n, struct hlv_bytes signature)
{
	struct joined j;
	if (signature.n != ED25519_SIGNATURE)
		return HLV_E_SIGNATURE;
	if (!join(&j, spans, n))
		return HLV_E_NOMEM;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok =
		ctx &&
		EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key->pkey, NULL) > 0 &&
		EVP_DigestVerify(ctx, signature.p, signature.n, j.message.p, j.message.n) == 1;
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(j.heap);
	return ok ? HLV_OK : hlv_forget(HLV_E_SIGNATURE);
}

static enum hlv_err verify_by_hash(const struct hlv_key *key, enum hlv_hash hash,
				   struct hlv_bytes id, const struct hlv_bytes *spans, size_t n,
				   struct hlv_bytes signature)
{
	uint8_t digest[HLV_HASH_MAX];
	if (signature.n == 0 || signature.n > HLV_SIGNATURE_MAX)
		return HLV_E_SIGNATURE;
	HLV_TRY(digest_of(key, hash, id, spans, n, digest));
	return verify_digest(key, hash, digest, signature);
}

enum hlv_err hlv_sm2_verify(const struct hlv_key *key, enum hlv_hash hash, struct hlv_bytes id,
			    const struct hlv_bytes *spans, size_t n, struct hlv_bytes signature)
{
	if (key->kind != HLV_KEY_SM2)
		return HLV_E_KEY;
	return verify_by_hash(key, hash, id, spans, n, signature);
}

enum hlv_err hlv_verify(const struct hlv_key *key, struct hlv_bytes algorithm,
			struct hlv_bytes id, const struct hlv_bytes *spans, size_t n,
			struct hlv_bytes signature)
{
	enum algorithm alg;
	HLV_TRY(parse_algorithm(algorithm, &alg));
	if (!algorithm_fits(key->kind, alg))
		return HLV_E_KEY;
	if (alg == ALG_ED25519)
		return verify_ed25519(key, spans, n, signature);
	return verify_by_hash(key, hash_of(alg), id, spans, n, signature);
}
