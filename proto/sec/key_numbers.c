/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "proto/sec/inner.h"

enum { N_EXTRA = 1 }; /* the number that is worked out */

/* The numbers on their way into the library; wiped when they go. */
struct numbers {
	const char *param[HLV_NUMBERS_MAX + N_EXTRA];
	BIGNUM *bn[HLV_NUMBERS_MAX + N_EXTRA];
	size_t n;
};

static void numbers_fini(struct numbers *s)
{
	for (size_t i = 0; i < s->n; i++)
		BN_clear_free(s->bn[i]);
}

static const BIGNUM *number_get(const struct numbers *s, const char *param)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->param[i], param) == 0)
			return s->bn[i];
	return NULL;
}

/* An empty number to be filled, or NULL. */
static BIGNUM *number_add(struct numbers *s, const char *param)
{
	BIGNUM *bn = BN_secure_new(); /* marks it, so that copies of it are wiped too */
	if (!bn)
		return NULL;
	s->param[s->n] = param;
	s->bn[s->n++] = bn;
	return bn;
}

static enum hlv_err number_read(struct numbers *s, const struct hlv_number *number)
{
	struct hlv_bytes b = number->octets;
	while (b.n && b.p[0] == 0)
		b = hlv_skip(b, 1);
	if (b.n == 0)
		return HLV_E_KEY;
	if (b.n > HLV_NUMBER_MAX)
		return HLV_E_LIMIT;
	BIGNUM *bn = number_add(s, number->param);
	if (!bn || !BN_bin2bn(b.p, (int)b.n, bn))
		return HLV_E_NOMEM;
	return HLV_OK;
}

/* Is d the inverse of e? Then 2^e^d is 2 again, but for moduli that nobody makes. */
static bool exponents_fit(const BIGNUM *n, const BIGNUM *e, const BIGNUM *d, BN_CTX *ctx)
{
	BN_CTX_start(ctx);
	BIGNUM *two = BN_CTX_get(ctx), *x = BN_CTX_get(ctx);
	bool ok = x && BN_set_word(two, 2) && BN_mod_exp(x, two, e, n, ctx) &&
		  BN_mod_exp_mont_consttime(x, x, d, n, ctx, NULL) && BN_cmp(x, two) == 0;
	BN_CTX_end(ctx);
	return ok;
}

/* "RSA_PRIV_KEY" files have n and d only (protocol.md 7.2). */
static enum hlv_err find_exponent(struct numbers *s, const BIGNUM *n, const BIGNUM *d,
				  BN_CTX *ctx)
{
	static const unsigned usual[] = {65537, 3, 17, 5, 257, 7, 35, 37, 41};
	BIGNUM *e = number_add(s, OSSL_PKEY_PARAM_RSA_E);
	if (!e)
		return HLV_E_NOMEM;
	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
		if (BN_set_word(e, usual[i]) && exponents_fit(n, e, d, ctx))
			return HLV_OK;
	return HLV_E_KEY;
}

static bool factors_fit(const struct numbers *s, const BIGNUM *n, BN_CTX *ctx)
{
	const BIGNUM *p = number_get(s, OSSL_PKEY_PARAM_RSA_FACTOR1);
	const BIGNUM *q = number_get(s, OSSL_PKEY_PARAM_RSA_FACTOR2);
	if (!p || !q)
		return !p && !q;
	BN_CTX_start(ctx);
	BIGNUM *product = BN_CTX_get(ctx);
	bool ok = product && BN_mul(product, p, q, ctx) && BN_cmp(product, n) == 0;
	BN_CTX_end(ctx);
	return ok;
}

static enum hlv_err complete_rsa(struct numbers *s, BN_CTX *ctx)
{
	const BIGNUM *n = number_get(s, OSSL_PKEY_PARAM_RSA_N);
	const BIGNUM *d = number_get(s, OSSL_PKEY_PARAM_RSA_D);
	const BIGNUM *e = number_get(s, OSSL_PKEY_PARAM_RSA_E);
	if (!n || !d || !BN_is_odd(n) || BN_num_bits(n) > HLV_RSA_BITS_MAX)
		return HLV_E_KEY;
	if (!e)
		return find_exponent(s, n, d, ctx);
	if (BN_num_bits(e) > 32 || !exponents_fit(n, e, d, ctx) || !factors_fit(s, n, ctx))
		return HLV_E_KEY;
	return HLV_OK;
}

/* "DSA_PRIV_KEY" files have no y. */
static enum hlv_err complete_dsa(struct numbers *s, BN_CTX *ctx)
{
	const BIGNUM *p = number_get(s, OSSL_PKEY_PARAM_FFC_P);
	const BIGNUM *g = number_get(s, OSSL_PKEY_PARAM_FFC_G);
	const BIGNUM *x = number_get(s, OSSL_PKEY_PARAM_PRIV_KEY);
	if (!p || !g || !x || !BN_is_odd(p) || BN_num_bits(p) > 4096 || BN_cmp(x, p) >= 0)
		return HLV_E_KEY;
	BIGNUM *y = number_add(s, OSSL_PKEY_PARAM_PUB_KEY);
	if (!y || !BN_mod_exp_mont_consttime(y, g, x, p, ctx, NULL))
		return HLV_E_CRYPTO;
	return HLV_OK;
}

static enum hlv_err complete(const char *type, struct numbers *s)
{
	BN_CTX *ctx = BN_CTX_secure_new();
	if (!ctx)
		return HLV_E_NOMEM;
	enum hlv_err err =
		strcmp(type, "RSA") == 0 ? complete_rsa(s, ctx) : complete_dsa(s, ctx);
	BN_CTX_free(ctx);
	return err;
}

static enum hlv_err build(const char *type, const struct numbers *s, bool private_half,
			  EVP_PKEY **pkey)
{
	enum hlv_err err = HLV_E_NOMEM;
	OSSL_PARAM *params = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	if (!ctx || !bld)
		goto out;
	for (size_t i = 0; i < s->n; i++)
		if (!OSSL_PARAM_BLD_push_BN(bld, s->param[i], s->bn[i]))
			goto out;
	params = OSSL_PARAM_BLD_to_param(bld);
	if (!params)
		goto out;
	int half = private_half ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
	err = HLV_E_KEY;
	if (EVP_PKEY_fromdata_init(ctx) > 0 && EVP_PKEY_fromdata(ctx, pkey, half, params) > 0)
		err = HLV_OK;
out:
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	return err;
}

enum hlv_err hlv_key_from_numbers(const char *type, const struct hlv_number *numbers, size_t n,
				  bool private_half, struct hlv_key **key)
{
	struct numbers s = {.n = 0};
	EVP_PKEY *pkey = NULL;
	hlv_require(n <= HLV_NUMBERS_MAX);
	enum hlv_err err = HLV_OK;
	for (size_t i = 0; i < n && err == HLV_OK; i++)
		err = number_read(&s, &numbers[i]);
	if (err == HLV_OK && private_half)
		err = complete(type, &s);
	if (err == HLV_OK)
		err = build(type, &s, private_half, &pkey);
	numbers_fini(&s);
	if (err != HLV_OK)
		return hlv_forget(err);
	return hlv_key_take(pkey, private_half, key);
}

enum hlv_err hlv_key_number(const struct hlv_key *key, const char *param,
			    struct hlv_number_buf *out)
{
	BIGNUM *bn = NULL;
	out->n = 0;
	if (!EVP_PKEY_get_bn_param(key->pkey, param, &bn))
		return hlv_forget(HLV_E_NOT_FOUND);
	int n = BN_num_bytes(bn);
	enum hlv_err err = HLV_E_LIMIT;
	if (n <= HLV_NUMBER_MAX) {
		out->n = (size_t)BN_bn2bin(bn, out->octets);
		err = HLV_OK;
	}
	BN_clear_free(bn);
	return err;
}

enum hlv_err hlv_key_put_number(struct hlv_writer *w, const struct hlv_key *key,
				const char *param)
{
	struct hlv_number_buf b;
	HLV_TRY(hlv_key_number(key, param, &b));
	bool sign = b.n && (b.octets[0] & 0x80);
	hlv_put_u32(w, (uint32_t)(b.n + sign));
	if (sign)
		hlv_put_u8(w, 0);
	hlv_put(w, hlv_bytes(b.octets, b.n));
	OPENSSL_cleanse(&b, sizeof b);
	return HLV_OK;
}
