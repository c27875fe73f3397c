/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "proto/sec/inner.h"

/* What stands in front of the point, or of Ed25519's 32 octets, in the only encoding that we
 * accept and write: named curve, uncompressed. Curves with explicit parameters never reach the
 * library that way. */
static const uint8_t spki_p256[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
				    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
				    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
static const uint8_t spki_sm2[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
				   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x81, 0x1c,
				   0xcf, 0x55, 0x01, 0x82, 0x2d, 0x03, 0x42, 0x00};
static const uint8_t spki_ed25519[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
				       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

struct hlv_bytes hlv_spki_head(enum hlv_key_kind kind)
{
	switch (kind) {
	case HLV_KEY_P256:
		return hlv_bytes(spki_p256, sizeof spki_p256);
	case HLV_KEY_ED25519:
		return hlv_bytes(spki_ed25519, sizeof spki_ed25519);
	case HLV_KEY_SM2:
		return hlv_bytes(spki_sm2, sizeof spki_sm2);
	case HLV_KEY_RSA:
	case HLV_KEY_DSA:
	case HLV_KEY_DH:
		break;
	}
	return (struct hlv_bytes){0};
}

void hlv_key_free(struct hlv_key *key)
{
	if (!key)
		return;
	EVP_PKEY_CTX_free(key->sign);
	EVP_PKEY_CTX_free(key->verify);
	EVP_PKEY_free(key->pkey); /* wipes the private numbers */
	OPENSSL_clear_free(key, sizeof *key);
}

enum hlv_key_kind hlv_key_kind(const struct hlv_key *key)
{
	return key->kind;
}

bool hlv_key_is_private(const struct hlv_key *key)
{
	return key->private_half;
}

const char *hlv_key_name(const struct hlv_key *key)
{
	return key->name;
}

struct evp_pkey_st *hlv_key_pkey(const struct hlv_key *key)
{
	return key->pkey;
}

struct hlv_bytes hlv_key_point(const struct hlv_key *key)
{
	return hlv_skip(hlv_bytes(key->spki, key->spki_n), sizeof spki_sm2);
}

bool hlv_key_same_public(const struct hlv_key *a, const struct hlv_key *b)
{
	return a->kind == b->kind && EVP_PKEY_eq(a->pkey, b->pkey) == 1;
}

enum hlv_err hlv_key_kind_parse(const char *text, enum hlv_key_kind *kind)
{
	static const struct {
		const char *text;
		enum hlv_key_kind kind;
	} names[] = {
		{"rsa", HLV_KEY_RSA},
		{"p256", HLV_KEY_P256},
		{"ed25519", HLV_KEY_ED25519},
		{"sm2", HLV_KEY_SM2},
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(text, names[i].text) == 0) {
			*kind = names[i].kind;
			return HLV_OK;
		}
	}
	return HLV_E_UNSUPPORTED;
}

/* --- taking a library key in --- */

/* The number's bits; 0 when the key has no such number. */
static size_t number_bits(const struct hlv_key *key, const char *param,
			  struct hlv_number_buf *b)
{
	if (hlv_key_number(key, param, b) != HLV_OK || b->n == 0)
		return 0;
	size_t bits = b->n * 8;
	for (uint8_t top = b->octets[0]; !(top & 0x80); top = (uint8_t)(top << 1))
		bits--;
	return bits;
}

static bool is_odd(const struct hlv_number_buf *b)
{
	return b->octets[b->n - 1] & 1;
}

static enum hlv_err check_rsa(struct hlv_key *key)
{
	struct hlv_number_buf n, e;
	size_t bits = number_bits(key, OSSL_PKEY_PARAM_RSA_N, &n);
	size_t e_bits = number_bits(key, OSSL_PKEY_PARAM_RSA_E, &e);
	if (bits < HLV_RSA_BITS_MIN || bits > HLV_RSA_BITS_MAX || !is_odd(&n))
		return HLV_E_KEY;
	/* threats.md 3: a large exponent makes each check as dear as a signature. */
	if (e_bits < 2 || e_bits > 32 || !is_odd(&e))
		return HLV_E_KEY;
	snprintf(key->name, sizeof key->name, "RSA-%zu", bits);
	return HLV_OK;
}

/* p within its bounds, 1 < y < p and 1 < g < p. */
static enum hlv_err check_group(struct hlv_key *key, const char *what, size_t min, size_t max)
{
	struct hlv_number_buf p, b;
	size_t bits = number_bits(key, OSSL_PKEY_PARAM_FFC_P, &p);
	if (bits < min || bits > max || !is_odd(&p))
		return HLV_E_KEY;
	const char *const below_p[] = {OSSL_PKEY_PARAM_FFC_G, OSSL_PKEY_PARAM_PUB_KEY};
	for (size_t i = 0; i < sizeof below_p / sizeof below_p[0]; i++) {
		if (number_bits(key, below_p[i], &b) < 2 || b.n > p.n)
			return HLV_E_KEY;
		if (b.n == p.n && memcmp(b.octets, p.octets, p.n) >= 0)
			return HLV_E_KEY;
	}
	snprintf(key->name, sizeof key->name, "%s-%zu", what, bits);
	return HLV_OK;
}

static enum hlv_err check_dsa(struct hlv_key *key)
{
	struct hlv_number_buf q;
	size_t bits = number_bits(key, OSSL_PKEY_PARAM_FFC_Q, &q);
	if (bits < 160 || bits > 256 || !is_odd(&q))
		return HLV_E_KEY;
	return check_group(key, "DSA", 1024, 4096);
}

/* A coordinate at its fixed width. */
static bool put_coordinate(struct hlv_writer *w, const struct hlv_key *key, const char *param)
{
	struct hlv_number_buf b;
	if (hlv_key_number(key, param, &b) != HLV_OK || b.n > 32)
		return false;
	static const uint8_t zeros[32];
	hlv_put(w, hlv_bytes(zeros, 32 - b.n));
	hlv_put(w, hlv_bytes(b.octets, b.n));
	return !w->bad;
}

static enum hlv_err note_point(struct hlv_key *key)
{
	struct hlv_writer w = hlv_writer(key->spki, sizeof key->spki);
	hlv_put(&w, hlv_spki_head(key->kind));
	hlv_put_u8(&w, 0x04);
	if (!put_coordinate(&w, key, OSSL_PKEY_PARAM_EC_PUB_X) ||
	    !put_coordinate(&w, key, OSSL_PKEY_PARAM_EC_PUB_Y))
		return HLV_E_KEY;
	key->spki_n = w.n;
	return HLV_OK;
}

static enum hlv_err check_p256(struct hlv_key *key)
{
	char group[32] = "";
	int explicit_curve = 0;
	if (!EVP_PKEY_get_group_name(key->pkey, group, sizeof group, NULL) ||
	    strcmp(group, SN_X9_62_prime256v1) != 0)
		return HLV_E_UNSUPPORTED;
	if (EVP_PKEY_get_int_param(key->pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
				   &explicit_curve) &&
	    explicit_curve)
		return HLV_E_UNSUPPORTED;
	snprintf(key->name, sizeof key->name, "P-256");
	return note_point(key);
}

static enum hlv_err check_ed25519(struct hlv_key *key)
{
	size_t n = 32;
	memcpy(key->spki, spki_ed25519, sizeof spki_ed25519);
	if (!EVP_PKEY_get_raw_public_key(key->pkey, key->spki + sizeof spki_ed25519, &n) ||
	    n != 32)
		return HLV_E_KEY;
	key->spki_n = sizeof spki_ed25519 + n;
	snprintf(key->name, sizeof key->name, "Ed25519");
	return HLV_OK;
}

static enum hlv_err check_sm2(struct hlv_key *key)
{
	snprintf(key->name, sizeof key->name, "SM2");
	return note_point(key);
}

static enum hlv_err check_key(struct hlv_key *key)
{
	static const struct {
		const char *type;
		enum hlv_key_kind kind;
	} types[] = {
		{"RSA", HLV_KEY_RSA},	      {"EC", HLV_KEY_P256}, {"SM2", HLV_KEY_SM2},
		{"ED25519", HLV_KEY_ED25519}, {"DSA", HLV_KEY_DSA}, {"DH", HLV_KEY_DH},
	};
	size_t i = 0;
	while (i < sizeof types / sizeof types[0] && !EVP_PKEY_is_a(key->pkey, types[i].type))
		i++;
	if (i == sizeof types / sizeof types[0])
		return HLV_E_UNSUPPORTED;
	key->kind = types[i].kind;
	switch (key->kind) {
	case HLV_KEY_RSA:
		return check_rsa(key);
	case HLV_KEY_DSA:
		return check_dsa(key);
	case HLV_KEY_DH:
		return check_group(key, "DH", 512, 8192);
	case HLV_KEY_P256:
		return check_p256(key);
	case HLV_KEY_ED25519:
		return check_ed25519(key);
	case HLV_KEY_SM2:
		return check_sm2(key);
	}
	return HLV_E_UNSUPPORTED;
}

static bool pick_padding(const struct hlv_key *key, EVP_PKEY_CTX *ctx)
{
	if (key->kind != HLV_KEY_RSA)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_signature_md(ctx, hlv_hash_md(HLV_SHA256)) > 0;
}

/* Looking the algorithm up again for each signature would cost as much as P-256's arithmetic.
 */
static enum hlv_err prepare(struct hlv_key *key)
{
	if (key->kind == HLV_KEY_DH || key->kind == HLV_KEY_ED25519)
		return HLV_OK; /* no signatures; no signatures over digests */
	key->verify = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (!key->verify || EVP_PKEY_verify_init(key->verify) <= 0 ||
	    !pick_padding(key, key->verify))
		return HLV_E_CRYPTO;
	if (!key->private_half || key->kind == HLV_KEY_DSA)
		return HLV_OK;
	key->sign = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (!key->sign || EVP_PKEY_sign_init(key->sign) <= 0 || !pick_padding(key, key->sign))
		return HLV_E_CRYPTO;
	return HLV_OK;
}

enum hlv_err hlv_forget(enum hlv_err err)
{
	if (err != HLV_OK)
		ERR_clear_error();
	return err;
}

enum hlv_err hlv_key_take(struct evp_pkey_st *take_pkey, bool private_half,
			  struct hlv_key **key)
{
	struct hlv_key *k = OPENSSL_zalloc(sizeof *k);
	if (!k) {
		EVP_PKEY_free(take_pkey);
		return HLV_E_NOMEM;
	}
	k->pkey = take_pkey;
	k->private_half = private_half;
	enum hlv_err err = check_key(k);
	if (err == HLV_OK)
		err = prepare(k);
	if (err != HLV_OK) {
		hlv_key_free(k);
		return hlv_forget(err);
	}
	*key = k;
	return HLV_OK;
}

bool hlv_key_is_strong(const struct hlv_key *key)
{
	switch (hlv_key_kind(key)) {
	case HLV_KEY_RSA:
	case HLV_KEY_DSA:
		return EVP_PKEY_get_bits(hlv_key_pkey(key)) >= 2048;
	case HLV_KEY_DH:
		return false; /* signs nothing */
	case HLV_KEY_P256:
	case HLV_KEY_ED25519:
	case HLV_KEY_SM2:
		break;
	}
	return true;
}

enum hlv_err hlv_key_generate(enum hlv_key_kind kind, struct hlv_key **key)
{
	EVP_PKEY *pkey = NULL;
	switch (kind) {
	case HLV_KEY_RSA:
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
		break;
	case HLV_KEY_P256:
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
		break;
	case HLV_KEY_ED25519:
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	case HLV_KEY_SM2:
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "SM2");
		break;
	case HLV_KEY_DSA:
	case HLV_KEY_DH:
		return HLV_E_UNSUPPORTED;
	}
	if (!pkey)
		return HLV_E_CRYPTO;
	return hlv_key_take(pkey, true, key);
}

/* --- SubjectPublicKeyInfo --- */

/* Is it SEQUENCE { SEQUENCE { OBJECT IDENTIFIER oid, ... with this OID? Only then does the
 * library see it. */
static bool spki_has_oid(struct hlv_bytes der, const uint8_t *oid, size_t oid_n)
{
	struct hlv_reader r = hlv_reader(der);
	for (int depth = 0; depth < 2; depth++) {
		if (hlv_get_u8(&r) != 0x30)
			return false;
		uint8_t len = hlv_get_u8(&r);
		if (len & 0x80)
			hlv_take(&r, len & 0x7F);
	}
	return hlv_starts_with(hlv_take_rest(&r), hlv_bytes(oid, oid_n));
}

static enum hlv_err spki_by_library(struct hlv_bytes der, struct hlv_key **key)
{
	static const uint8_t oid_rsa[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					  0xf7, 0x0d, 0x01, 0x01, 0x01};
	static const uint8_t oid_dsa[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01};
	if (!spki_has_oid(der, oid_rsa, sizeof oid_rsa) &&
	    !spki_has_oid(der, oid_dsa, sizeof oid_dsa))
		return HLV_E_UNSUPPORTED;
	if (der.n > HLV_DER_MAX)
		return HLV_E_LIMIT;
	const uint8_t *p = der.p;
	EVP_PKEY *pkey = d2i_PUBKEY_ex(NULL, &p, (long)der.n, NULL, NULL);
	if (!pkey)
		return HLV_E_MALFORMED;
	if (p != der.p + der.n) {
		EVP_PKEY_free(pkey);
		return HLV_E_MALFORMED;
	}
	return hlv_key_take(pkey, false, key);
}

static enum hlv_err point_key(const char *type, const char *group, struct hlv_bytes point,
			      struct hlv_key **key)
{
	char name[32];
	uint8_t octets[65];
	if (point.n != sizeof octets || point.p[0] != 0x04)
		return HLV_E_MALFORMED;
	snprintf(name, sizeof name, "%s", group);
	memcpy(octets, point.p, sizeof octets);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, octets,
						  sizeof octets),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;
	bool ok = ctx && EVP_PKEY_fromdata_init(ctx) > 0 &&
		  EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) > 0;
	EVP_PKEY_CTX_free(ctx);
	if (!ok)
		return hlv_forget(HLV_E_KEY); /* not a point of the curve */
	return hlv_key_take(pkey, false, key);
}

static enum hlv_err ed25519_key(struct hlv_bytes raw, struct hlv_key **key)
{
	if (raw.n != 32)
		return HLV_E_MALFORMED;
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, raw.p, raw.n);
	if (!pkey)
		return HLV_E_KEY;
	return hlv_key_take(pkey, false, key);
}

enum hlv_err hlv_spki_decode(struct hlv_bytes der, struct hlv_key **key)
{
	struct hlv_bytes p256 = hlv_spki_head(HLV_KEY_P256);
	struct hlv_bytes sm2 = hlv_spki_head(HLV_KEY_SM2);
	struct hlv_bytes ed25519 = hlv_spki_head(HLV_KEY_ED25519);
	if (hlv_starts_with(der, p256))
		return point_key("EC", SN_X9_62_prime256v1, hlv_skip(der, p256.n), key);
	if (hlv_starts_with(der, sm2))
		return point_key("SM2", SN_sm2, hlv_skip(der, sm2.n), key);
	if (hlv_starts_with(der, ed25519))
		return ed25519_key(hlv_skip(der, ed25519.n), key);
	return hlv_forget(spki_by_library(der, key));
}
