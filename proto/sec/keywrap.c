/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "proto/sec/cipher.h"
#include "proto/sec/inner.h"
#include "proto/sec/secret.h"

/* SM2: the point C1 as 04 x y, the hash C3, and as many octets C2 as were encrypted. */
enum {
	COORDINATE = 32,
	POINT = 1 + 2 * COORDINATE,
	SM3_HASH = 32,
	SM2_OVERHEAD = POINT + SM3_HASH,
	PLAIN_MAX = 4 + HLV_SESSION_KEY_MAX,
	DER_OVERHEAD = 16,
	DER_MAX = SM2_OVERHEAD + PLAIN_MAX + DER_OVERHEAD,
	KEY_MIN = 16,
};
enum { DER_INTEGER = 0x02, DER_OCTETS = 0x04, DER_SEQUENCE = 0x30 };

/* --- the library wants and gives SEQUENCE { INTEGER x, INTEGER y, hash, cipher } --- */

static void put_length(struct hlv_writer *w, size_t n)
{
	if (n > 0x7F)
		hlv_put_u8(w, 0x81);
	hlv_put_u8(w, (uint8_t)n);
}

static void put_octets(struct hlv_writer *w, struct hlv_bytes b)
{
	hlv_put_u8(w, DER_OCTETS);
	put_length(w, b.n);
	hlv_put(w, b);
}

static void put_integer(struct hlv_writer *w, struct hlv_bytes b)
{
	while (b.n > 1 && b.p[0] == 0)
		b = hlv_skip(b, 1);
	bool sign = b.p[0] & 0x80;
	hlv_put_u8(w, DER_INTEGER);
	put_length(w, b.n + sign);
	if (sign)
		hlv_put_u8(w, 0);
	hlv_put(w, b);
}

static void sm2_to_der(struct hlv_writer *w, struct hlv_bytes raw)
{
	uint8_t inside[DER_MAX];
	struct hlv_writer in = hlv_writer(inside, sizeof inside);
	struct hlv_bytes x = hlv_skip(raw, 1), y = hlv_skip(x, COORDINATE);
	put_integer(&in, hlv_head(x, COORDINATE));
	put_integer(&in, hlv_head(y, COORDINATE));
	put_octets(&in, hlv_head(hlv_skip(raw, POINT), SM3_HASH));
	put_octets(&in, hlv_skip(raw, SM2_OVERHEAD));
	hlv_put_u8(w, DER_SEQUENCE);
	put_length(w, in.n);
	hlv_put(w, hlv_written(&in));
	w->bad |= in.bad;
}

static struct hlv_bytes get_der(struct hlv_reader *r, uint8_t tag)
{
	if (hlv_get_u8(r) != tag)
		hlv_spoil(r);
	size_t n = hlv_get_u8(r);
	if (n == 0x81)
		n = hlv_get_u8(r);
	else if (n > 0x7F)
		hlv_spoil(r);
	return hlv_take(r, n);
}

static void put_coordinate(struct hlv_writer *w, struct hlv_bytes integer)
{
	static const uint8_t zeros[COORDINATE];
	if (integer.n == COORDINATE + 1 && integer.p[0] == 0)
		integer = hlv_skip(integer, 1);
	if (integer.n > COORDINATE)
		w->bad = true;
	else
		hlv_put(w, hlv_bytes(zeros, COORDINATE - integer.n));
	hlv_put(w, integer);
}

static enum hlv_err sm2_from_der(struct hlv_writer *w, struct hlv_bytes der)
{
	struct hlv_reader outer = hlv_reader(der);
	struct hlv_reader r = hlv_reader(get_der(&outer, DER_SEQUENCE));
	hlv_put_u8(w, 0x04);
	put_coordinate(w, get_der(&r, DER_INTEGER));
	put_coordinate(w, get_der(&r, DER_INTEGER));
	hlv_put(w, get_der(&r, DER_OCTETS));
	hlv_put(w, get_der(&r, DER_OCTETS));
	if (!hlv_finished(&outer) || !hlv_finished(&r))
		return HLV_E_CRYPTO;
	return w->bad ? HLV_E_LIMIT : HLV_OK;
}

/* --- to and fro --- */

typedef int init_fn(EVP_PKEY_CTX *);
typedef int crypt_fn(EVP_PKEY_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);

static bool crypt_with(const struct hlv_key *key, init_fn *init, crypt_fn *crypt,
		       struct hlv_bytes in, uint8_t *out, size_t *n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	bool ok = ctx && init(ctx) > 0;
	if (ok && key->kind == HLV_KEY_RSA)
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
	ok = ok && crypt(ctx, out, n, in.p, in.n) > 0;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool key_fits(uint32_t cipher, size_t n)
{
	if (cipher == HLV_CIPHER_AES)
		return n >= KEY_MIN && n <= HLV_SESSION_KEY_MAX;
	return cipher == HLV_CIPHER_SM4 && n == KEY_MIN;
}

enum hlv_err hlv_key_wrap(const struct hlv_key *to, enum hlv_cipher cipher,
			  struct hlv_bytes session_key, struct hlv_writer *out)
{
	uint8_t plain[PLAIN_MAX], sealed[HLV_WRAPPED_KEY_MAX];
	struct hlv_writer w = hlv_writer(plain, sizeof plain);
	size_t n = sizeof sealed;
	if (to->kind != HLV_KEY_SM2 && to->kind != HLV_KEY_RSA)
		return HLV_E_UNSUPPORTED;
	if (cipher != HLV_CIPHER_AES && cipher != HLV_CIPHER_SM4)
		return HLV_E_UNSUPPORTED;
	if (!key_fits(cipher, session_key.n))
		return HLV_E_KEY;
	hlv_put_u32(&w, cipher);
	hlv_put(&w, session_key);
	bool ok = crypt_with(to, EVP_PKEY_encrypt_init, EVP_PKEY_encrypt, hlv_written(&w),
			     sealed, &n);
	hlv_wipe(plain, sizeof plain);
	if (!ok)
		return hlv_forget(HLV_E_CRYPTO);
	if (to->kind == HLV_KEY_SM2)
		return sm2_from_der(out, hlv_bytes(sealed, n));
	hlv_put(out, hlv_bytes(sealed, n));
	return out->bad ? HLV_E_LIMIT : HLV_OK;
}

/* What stands inside: int4 algorithm, key. */
static enum hlv_err take_key(struct hlv_bytes plain, enum hlv_cipher *cipher,
			     struct hlv_writer *session_key)
{
	struct hlv_reader r = hlv_reader(plain);
	uint32_t number = hlv_get_u32(&r);
	struct hlv_bytes key = hlv_take_rest(&r);
	if (r.bad || !key_fits(number, key.n))
		return HLV_E_KEY;
	*cipher = (enum hlv_cipher)number;
	hlv_put(session_key, key);
	return session_key->bad ? HLV_E_LIMIT : HLV_OK;
}

enum hlv_err hlv_key_unwrap(const struct hlv_key *own, struct hlv_bytes wrapped,
			    enum hlv_cipher *cipher, struct hlv_writer *session_key)
{
	uint8_t der[DER_MAX], plain[HLV_WRAPPED_KEY_MAX];
	struct hlv_writer w = hlv_writer(der, sizeof der);
	size_t n = sizeof plain;
	if (own->kind != HLV_KEY_SM2 && own->kind != HLV_KEY_RSA)
		return HLV_E_UNSUPPORTED;
	if (!own->private_half || wrapped.n > HLV_WRAPPED_KEY_MAX)
		return HLV_E_KEY;
	if (own->kind == HLV_KEY_SM2) {
		if (wrapped.n <= SM2_OVERHEAD || wrapped.n > SM2_OVERHEAD + PLAIN_MAX ||
		    wrapped.p[0] != 0x04)
			return HLV_E_KEY;
		sm2_to_der(&w, wrapped);
		wrapped = hlv_written(&w);
	}
	enum hlv_err err = HLV_E_KEY;
	if (wrapped.n &&
	    crypt_with(own, EVP_PKEY_decrypt_init, EVP_PKEY_decrypt, wrapped, plain, &n))
		err = take_key(hlv_bytes(plain, n), cipher, session_key);
	hlv_wipe(plain, sizeof plain);
	return hlv_forget(err);
}
