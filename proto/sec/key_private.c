/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "proto/base/reader.h"
#include "proto/sec/inner.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* The numbers of private keys in the order of their files (protocol.md 7.2). */
struct form {
	const char *wire, *library;
	const char *param[HLV_NUMBERS_MAX];
	size_t n;
};

static const struct form form_crt = {
	"RSA_PRIVCRT_KEY",
	"RSA",
	{OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
	 OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
	 OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
	 OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
	8,
};
static const struct form form_rsa = {
	"RSA_PRIV_KEY",
	"RSA",
	{OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_D},
	2,
};
static const struct form form_dsa = {
	"DSA_PRIV_KEY",
	"DSA",
	{OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PKEY_PARAM_FFC_P, OSSL_PKEY_PARAM_FFC_Q,
	 OSSL_PKEY_PARAM_FFC_G},
	4,
};
static const struct form *const forms[] = {&form_crt, &form_rsa, &form_dsa};

/* decisions.md 16 */
static const struct {
	const char *wire;
	enum hlv_key_kind kind;
} pkcs8_forms[] = {
	{"EC_PRIV_KEY", HLV_KEY_P256},
	{"ED25519_PRIV_KEY", HLV_KEY_ED25519},
	{"SM2_PRIV_KEY", HLV_KEY_SM2},
};

/* --- PEM and PKCS#8 --- */

bool hlv_is_pem(struct hlv_bytes data)
{
	return hlv_starts_with(data, hlv_text("-----BEGIN "));
}

enum hlv_err hlv_pem_decode(struct hlv_bytes text, const char *label, struct hlv_der *der)
{
	if (text.n > 2 * HLV_DER_MAX)
		return HLV_E_LIMIT;
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	if (!bio)
		return HLV_E_NOMEM;
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long n = 0;
	enum hlv_err err = HLV_E_MALFORMED;
	if (!PEM_read_bio(bio, &name, &header, &data, &n) || n < 0)
		goto out;
	err = HLV_E_UNSUPPORTED; /* another label, or encrypted in PEM's own way */
	if (strcmp(name, label) != 0 || *header)
		goto out;
	err = HLV_E_LIMIT;
	if ((size_t)n > sizeof der->octets)
		goto out;
	memcpy(der->octets, data, (size_t)n);
	der->n = (size_t)n;
	err = HLV_OK;
out:
	OPENSSL_clear_free(data, n > 0 ? (size_t)n : 0);
	OPENSSL_free(header);
	OPENSSL_free(name);
	BIO_free(bio);
	return hlv_forget(err);
}

/* Do the halves belong together? The library believes the public one in EC keys' files. */
static bool halves_fit(EVP_PKEY *pkey)
{
	if (!EVP_PKEY_is_a(pkey, "EC") && !EVP_PKEY_is_a(pkey, "SM2"))
		return true;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool ok = ctx && EVP_PKEY_pairwise_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static enum hlv_err pkcs8_decode(struct hlv_bytes der, struct hlv_key **key)
{
	if (der.n > HLV_DER_MAX)
		return HLV_E_LIMIT;
	const uint8_t *p = der.p;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
	if (!info)
		return hlv_forget(HLV_E_MALFORMED);
	EVP_PKEY *pkey = p == der.p + der.n ? EVP_PKCS82PKEY_ex(info, NULL, NULL) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	if (!pkey)
		return hlv_forget(HLV_E_MALFORMED);
	if (!halves_fit(pkey)) {
		EVP_PKEY_free(pkey);
		return hlv_forget(HLV_E_KEY);
	}
	return hlv_key_take(pkey, true, key);
}

static enum hlv_err take_der(unsigned char *data, int n, struct hlv_der *der)
{
	if (n <= 0)
		return HLV_E_CRYPTO;
	enum hlv_err err = HLV_E_LIMIT;
	if ((size_t)n <= sizeof der->octets) {
		memcpy(der->octets, data, (size_t)n);
		der->n = (size_t)n;
		err = HLV_OK;
	}
	OPENSSL_clear_free(data, (size_t)n);
	return err;
}

static enum hlv_err spki_encode(const struct hlv_key *key, struct hlv_der *der)
{
	if (key->spki_n == 0) {
		unsigned char *data = NULL;
		int n = i2d_PUBKEY(key->pkey, &data);
		return take_der(data, n, der);
	}
	memcpy(der->octets, key->spki, key->spki_n);
	der->n = key->spki_n;
	return HLV_OK;
}

static enum hlv_err pkcs8_encode(const struct hlv_key *key, struct hlv_der *der)
{
	if (!key->private_half)
		return HLV_E_KEY;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
	if (!info)
		return HLV_E_CRYPTO;
	unsigned char *data = NULL;
	int n = i2d_PKCS8_PRIV_KEY_INFO(info, &data);
	PKCS8_PRIV_KEY_INFO_free(info);
	return take_der(data, n, der);
}

static enum hlv_err put_pem(const char *label, const struct hlv_der *der, struct hlv_buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	if (!bio)
		return HLV_E_NOMEM;
	char *text = NULL;
	enum hlv_err err = HLV_E_CRYPTO;
	if (PEM_write_bio(bio, label, "", der->octets, (long)der->n) > 0) {
		long n = BIO_get_mem_data(bio, &text);
		hlv_buf_put(out, hlv_bytes(text, (size_t)n));
		err = out->bad ? HLV_E_NOMEM : HLV_OK;
	}
	BIO_free(bio);
	return err;
}

enum hlv_err hlv_key_to_pem(const struct hlv_key *key, bool private_half, struct hlv_buf *out)
{
	struct hlv_der der;
	if (!private_half) {
		HLV_TRY(spki_encode(key, &der));
		return put_pem("PUBLIC KEY", &der, out);
	}
	HLV_TRY(pkcs8_encode(key, &der));
	enum hlv_err err = put_pem("PRIVATE KEY", &der, out);
	OPENSSL_cleanse(&der, sizeof der);
	return err;
}

/* --- the content of key files --- */

static enum hlv_err decode_numbers(struct hlv_reader *r, const struct form *form,
				   struct hlv_key **key)
{
	struct hlv_number numbers[HLV_NUMBERS_MAX];
	for (size_t i = 0; i < form->n; i++) {
		numbers[i].param = form->param[i];
		numbers[i].octets = hlv_get_lp32(r);
	}
	if (!hlv_finished(r))
		return HLV_E_MALFORMED;
	return hlv_key_from_numbers(form->library, numbers, form->n, true, key);
}

static enum hlv_err decode_pkcs8(struct hlv_reader *r, enum hlv_key_kind kind,
				 struct hlv_key **key)
{
	struct hlv_key *k;
	struct hlv_bytes der = hlv_get_lp32(r);
	if (!hlv_finished(r))
		return HLV_E_MALFORMED;
	HLV_TRY(pkcs8_decode(der, &k));
	if (k->kind != kind) {
		hlv_key_free(k);
		return HLV_E_KEY;
	}
	*key = k;
	return HLV_OK;
}

static enum hlv_err decode_pem(struct hlv_bytes text, struct hlv_key **key)
{
	struct hlv_der der = {.n = 0};
	enum hlv_err err = hlv_pem_decode(text, "PRIVATE KEY", &der);
	if (err == HLV_OK)
		err = pkcs8_decode(hlv_bytes(der.octets, der.n), key);
	OPENSSL_cleanse(&der, sizeof der);
	return err;
}

enum hlv_err hlv_privkey_decode(struct hlv_bytes data, struct hlv_key **key)
{
	if (hlv_is_pem(data))
		return decode_pem(data, key);
	struct hlv_reader r = hlv_reader(data);
	struct hlv_bytes name = hlv_get_lp32(&r);
	if (r.bad)
		return HLV_E_MALFORMED;
	for (size_t i = 0; i < COUNT(forms); i++)
		if (hlv_eq(name, hlv_text(forms[i]->wire)))
			return decode_numbers(&r, forms[i], key);
	for (size_t i = 0; i < COUNT(pkcs8_forms); i++)
		if (hlv_eq(name, hlv_text(pkcs8_forms[i].wire)))
			return decode_pkcs8(&r, pkcs8_forms[i].kind, key);
	return HLV_E_UNSUPPORTED;
}

static enum hlv_err encode_numbers(struct hlv_writer *w, const struct hlv_key *key,
				   const struct form *form)
{
	hlv_put_lp32(w, hlv_text(form->wire));
	for (size_t i = 0; i < form->n; i++)
		HLV_TRY(hlv_key_put_number(w, key, form->param[i]));
	return HLV_OK;
}

/* A key that was read from n and d alone has no factors to write. */
static const struct form *rsa_form(const struct hlv_key *key)
{
	struct hlv_number_buf b = {.n = 0};
	bool crt = hlv_key_number(key, OSSL_PKEY_PARAM_RSA_FACTOR1, &b) == HLV_OK;
	OPENSSL_cleanse(&b, sizeof b);
	return crt ? &form_crt : &form_rsa;
}

static enum hlv_err encode_pkcs8(struct hlv_writer *w, const struct hlv_key *key)
{
	size_t i = 0;
	while (i < COUNT(pkcs8_forms) && pkcs8_forms[i].kind != key->kind)
		i++;
	if (i == COUNT(pkcs8_forms))
		return HLV_E_UNSUPPORTED;
	struct hlv_der der;
	HLV_TRY(pkcs8_encode(key, &der));
	hlv_put_lp32(w, hlv_text(pkcs8_forms[i].wire));
	hlv_put_lp32(w, hlv_bytes(der.octets, der.n));
	OPENSSL_cleanse(&der, sizeof der);
	return HLV_OK;
}

enum hlv_err hlv_privkey_encode(struct hlv_writer *w, const struct hlv_key *key)
{
	if (!key->private_half)
		return HLV_E_KEY;
	if (key->kind == HLV_KEY_RSA)
		HLV_TRY(encode_numbers(w, key, rsa_form(key)));
	else if (key->kind == HLV_KEY_DSA)
		HLV_TRY(encode_numbers(w, key, &form_dsa));
	else
		HLV_TRY(encode_pkcs8(w, key));
	return w->bad ? HLV_E_LIMIT : HLV_OK;
}
