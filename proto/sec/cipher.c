/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "proto/sec/inner.h"
#include "proto/sec/secret.h"
#include "proto/wire/codes.h"

enum { BLOCK = 16, KEY = 16, IV_SINCE = HLV_V(2, 4), INPUT_MAX = 1 << 30 };

/* Fetched once: that costs as much as a short message. */
static EVP_CIPHER *aes_cbc, *aes_ecb, *sm4_cbc;
static CRYPTO_ONCE fetched = CRYPTO_ONCE_STATIC_INIT;

static void fetch(void)
{
	aes_cbc = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
	aes_ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	sm4_cbc = EVP_CIPHER_fetch(NULL, "SM4-CBC", NULL);
}

/* How a message of this session is enciphered. */
struct form {
	const EVP_CIPHER *cipher;
	const uint8_t *key;
	bool sends_iv, key_is_iv;
};

static enum hlv_err form_of(enum hlv_cipher cipher, struct hlv_bytes session_key, int version,
			    struct form *f)
{
	if (!CRYPTO_THREAD_run_once(&fetched, fetch))
		return HLV_E_CRYPTO;
	*f = (struct form){.key = session_key.p};
	switch (cipher) {
	case HLV_CIPHER_AES:
		if (session_key.n < KEY)
			return HLV_E_KEY;
		f->sends_iv = version >= IV_SINCE;
		f->cipher = f->sends_iv ? aes_cbc : aes_ecb;
		break;
	case HLV_CIPHER_SM4:
		if (session_key.n != KEY)
			return HLV_E_KEY;
		f->key_is_iv = true;
		f->cipher = sm4_cbc;
		break;
	case HLV_CIPHER_NONE:
	case HLV_CIPHER_DES:
	case HLV_CIPHER_DES3:
		break;
	}
	return f->cipher ? HLV_OK : HLV_E_UNSUPPORTED;
}

/* Whole blocks in, as many out; padding is the caller's. */
static enum hlv_err run(const struct form *f, const uint8_t *iv, bool encrypt,
			struct hlv_bytes head, struct hlv_bytes tail, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return HLV_E_NOMEM;
	int n = 0;
	bool ok = EVP_CipherInit_ex2(ctx, f->cipher, f->key, f->key_is_iv ? f->key : iv,
				     encrypt, NULL) &&
		  EVP_CIPHER_CTX_set_padding(ctx, 0);
	if (ok && head.n) {
		ok = EVP_CipherUpdate(ctx, out, &n, head.p, (int)head.n) && n == (int)head.n;
		out += head.n;
	}
	if (ok && tail.n)
		ok = EVP_CipherUpdate(ctx, out, &n, tail.p, (int)tail.n) && n == (int)tail.n;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? HLV_OK : hlv_forget(HLV_E_CRYPTO);
}

enum hlv_err hlv_encrypt(enum hlv_cipher cipher, struct hlv_bytes session_key, int version,
			 const uint8_t iv[16], struct hlv_bytes plain, struct hlv_writer *out)
{
	struct form f;
	uint8_t drawn[BLOCK] = {0}, last[BLOCK];
	HLV_TRY(form_of(cipher, session_key, version, &f));
	if (plain.n > INPUT_MAX)
		return HLV_E_LIMIT;
	size_t whole = plain.n / BLOCK * BLOCK, rest = plain.n - whole;
	if (f.sends_iv && !iv) {
		HLV_TRY(hlv_secret_draw(drawn, sizeof drawn));
		iv = drawn;
	}
	size_t at = out->n;
	if (f.sends_iv)
		hlv_put(out, hlv_bytes(iv, BLOCK));
	uint8_t *p = hlv_put_room(out, whole + BLOCK);
	if (!p)
		return HLV_E_LIMIT;
	/* PKCS#7: at least one octet, each the number of them. */
	memset(last, (int)(BLOCK - rest), sizeof last);
	if (rest)
		memcpy(last, plain.p + whole, rest);
	enum hlv_err err = run(&f, iv, true, hlv_head(plain, whole), hlv_bytes(last, BLOCK), p);
	hlv_wipe(last, sizeof last);
	if (err != HLV_OK)
		out->n = at;
	return err;
}

/* All ones when a < b, for numbers below 2^31. */
static uint32_t mask_less(uint32_t a, uint32_t b)
{
	return 0U - ((a - b) >> 31);
}

/* Octets of right PKCS#7 padding at the end of this block, or 0: without a branch or an index that
 * depends on them. */
static uint32_t padding(const uint8_t block[BLOCK])
{
	uint32_t n = block[BLOCK - 1], wrong = 0;
	for (uint32_t i = 0; i < BLOCK; i++) {
		uint32_t inside = mask_less(BLOCK - 1 - i, n);
		wrong |= inside & (block[i] ^ n);
	}
	wrong |= mask_less(BLOCK, n) | ~mask_less(0, n);
	uint32_t right = ~mask_less(0, (wrong | wrong >> 8) & 0xFF);
	return n & right;
}

enum hlv_err hlv_decrypt(enum hlv_cipher cipher, struct hlv_bytes session_key, int version,
			 struct hlv_bytes octets, struct hlv_writer *plain)
{
	struct form f;
	const uint8_t *iv = NULL;
	HLV_TRY(form_of(cipher, session_key, version, &f));
	if (octets.n > INPUT_MAX)
		return HLV_E_LIMIT;
	if (f.sends_iv) {
		iv = octets.p;
		octets = hlv_skip(octets, BLOCK);
	}
	if (octets.n == 0 || octets.n % BLOCK != 0)
		return HLV_E_MALFORMED;
	size_t at = plain->n;
	uint8_t *p = hlv_put_room(plain, octets.n);
	if (!p)
		return HLV_E_LIMIT;
	enum hlv_err err = run(&f, iv, false, octets, (struct hlv_bytes){0}, p);
	uint32_t padded = err == HLV_OK ? padding(p + octets.n - BLOCK) : 0;
	if (padded == 0) {
		hlv_wipe(p, octets.n);
		plain->n = at;
		return err == HLV_OK ? HLV_E_MALFORMED : err;
	}
	plain->n -= padded;
	return HLV_OK;
}
