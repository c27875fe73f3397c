/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame of privkey.bin: whether and how the key in it is encrypted (protocol.md 7.2). */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "proto/base/reader.h"
#include "proto/sec/inner.h"

enum { AES_ITERATIONS = 10000, BLOCK_MAX = 16 };

/* Type and parameters, as the file says. */
struct frame {
	uint32_t type;
	struct hlv_bytes salt, iv, sealed;
	uint32_t iterations, key_bits;
};

static enum hlv_err frame_decode(struct hlv_bytes file, struct frame *f)
{
	struct hlv_reader r = hlv_reader(file);
	*f = (struct frame){.type = hlv_get_u32(&r)};
	if (r.bad)
		return HLV_E_MALFORMED;
	switch (f->type) {
	case HLV_KEYFILE_DES_CBC:
		f->iv = hlv_take(&r, 8);
		f->sealed = hlv_take_rest(&r);
		break;
	case HLV_KEYFILE_DES_ECB:
	case HLV_KEYFILE_PLAIN:
		f->sealed = hlv_take_rest(&r);
		break;
	case HLV_KEYFILE_DES3:
	case HLV_KEYFILE_AES:
		f->salt = hlv_get_lp32(&r);
		f->iterations = hlv_get_u32(&r);
		f->key_bits = hlv_get_u32(&r);
		f->iv = hlv_get_lp32(&r);
		f->sealed = hlv_get_lp32(&r);
		break;
	default:
		return HLV_E_UNSUPPORTED;
	}
	return hlv_finished(&r) ? HLV_OK : HLV_E_MALFORMED;
}

bool hlv_keyfile_needs_passphrase(struct hlv_bytes file)
{
	struct frame f;
	return frame_decode(file, &f) == HLV_OK && f.type != HLV_KEYFILE_PLAIN;
}

/* Each octet as a Latin-1 character in UTF-8; `out` holds twice the octets. */
static size_t twice_encoded(struct hlv_bytes text, uint8_t *out)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c & 0x80) {
			out[n++] = (uint8_t)(0xC0 | c >> 6);
			c &= 0xBF;
		}
		out[n++] = c;
	}
	return n;
}

enum hlv_err hlv_pbkdf2(struct hlv_bytes passphrase, struct hlv_bytes salt, uint32_t iterations,
			uint8_t *out, size_t n)
{
	/* threats.md 3: the peer or the file chooses the count, we do the work. */
	if (passphrase.n > HLV_KEY_PASS_MAX || iterations > HLV_PBKDF2_ITERATIONS_MAX ||
	    salt.n > HLV_KEY_PASS_MAX)
		return HLV_E_LIMIT;
	if (iterations == 0 || n == 0)
		return HLV_E_MALFORMED;
	uint8_t pass[2 * HLV_KEY_PASS_MAX];
	static const uint8_t none[1];
	size_t pass_n = twice_encoded(passphrase, pass);
	int ok = PKCS5_PBKDF2_HMAC((const char *)pass, (int)pass_n, salt.n ? salt.p : none,
				   (int)salt.n, (int)iterations, hlv_hash_md(HLV_SHA1), (int)n,
				   out);
	OPENSSL_cleanse(pass, pass_n);
	return ok ? HLV_OK : HLV_E_CRYPTO;
}

/* The cipher of a type, how its key comes out of the passphrase, and whether the library has it
 * in a provider that nobody loads. */
static const struct scheme {
	const char *cipher;
	size_t key_n, iv_n;
	bool md5_key, legacy;
} schemes[] = {
	[HLV_KEYFILE_DES_ECB] = {"DES-ECB", 8, 0, true, true},
	[HLV_KEYFILE_DES_CBC] = {"DES-CBC", 8, 8, true, true},
	[HLV_KEYFILE_DES3] = {"DES-EDE3-CBC", 24, 8, false, false},
	[HLV_KEYFILE_AES] = {"AES-128-CBC", 16, 16, false, false},
};

static enum hlv_err derive_key(const struct scheme *s, const struct frame *f,
			       struct hlv_bytes passphrase, uint8_t key[HLV_HASH_MAX])
{
	if (s->md5_key)
		return hlv_hash(HLV_MD5, passphrase, key);
	return hlv_pbkdf2(passphrase, f->salt, f->iterations, key, s->key_n);
}

static bool run_cipher(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, const uint8_t *key,
		       const uint8_t *iv, bool encrypt, struct hlv_bytes in, uint8_t *out,
		       size_t *n)
{
	int head = 0, tail = 0;
	if (!EVP_CipherInit_ex2(ctx, cipher, key, iv, encrypt, NULL) ||
	    !EVP_CipherUpdate(ctx, out, &head, in.p, (int)in.n) ||
	    !EVP_CipherFinal_ex(ctx, out + head, &tail))
		return false;
	*n = (size_t)head + (size_t)tail;
	return true;
}

/* One pass over `in`, with padding; *fits says whether the padding was right. A library context
 * of its own, so that single DES is nowhere else to be had. */
static enum hlv_err cipher_pass(const struct scheme *s, const uint8_t *key, const uint8_t *iv,
				bool encrypt, struct hlv_bytes in, uint8_t *out, size_t *n)
{
	enum hlv_err err = HLV_E_UNSUPPORTED;
	OSSL_LIB_CTX *lib = s->legacy ? OSSL_LIB_CTX_new() : NULL;
	OSSL_PROVIDER *legacy = lib ? OSSL_PROVIDER_load(lib, "legacy") : NULL;
	EVP_CIPHER *cipher = NULL;
	EVP_CIPHER_CTX *ctx = NULL;
	if (s->legacy && !legacy)
		goto out;
	cipher = EVP_CIPHER_fetch(lib, s->cipher, NULL);
	if (!cipher)
		goto out;
	err = HLV_E_NOMEM;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		goto out;
	err = HLV_E_PASSPHRASE;
	if (run_cipher(ctx, cipher, key, iv, encrypt, in, out, n))
		err = HLV_OK;
out:
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	if (legacy)
		OSSL_PROVIDER_unload(legacy);
	OSSL_LIB_CTX_free(lib);
	return hlv_forget(err);
}

/* One wrong passphrase in 256 leaves padding that looks right; what it opens is no key then. */
static bool looks_like_key(struct hlv_bytes plain)
{
	if (hlv_is_pem(plain))
		return true;
	struct hlv_reader r = hlv_reader(plain);
	struct hlv_bytes name = hlv_get_lp32(&r);
	struct hlv_bytes tail = hlv_text("_KEY");
	return name.n > tail.n && name.n <= 64 && hlv_eq(hlv_skip(name, name.n - tail.n), tail);
}

static enum hlv_err open_sealed(const struct frame *f, struct hlv_bytes passphrase,
				struct hlv_writer *plain)
{
	const struct scheme *s = &schemes[f->type];
	if (f->iv.n != s->iv_n || (!s->md5_key && f->key_bits != s->key_n * 8))
		return HLV_E_UNSUPPORTED;
	if (f->sealed.n > HLV_DER_MAX)
		return HLV_E_LIMIT;
	if (passphrase.n == 0)
		return HLV_E_PASSPHRASE;
	uint8_t key[HLV_HASH_MAX];
	uint8_t buf[HLV_DER_MAX + BLOCK_MAX];
	size_t n = 0;
	enum hlv_err err = derive_key(s, f, passphrase, key);
	if (err == HLV_OK)
		err = cipher_pass(s, key, f->iv.p, false, f->sealed, buf, &n);
	if (err == HLV_OK && !looks_like_key(hlv_bytes(buf, n)))
		err = HLV_E_PASSPHRASE;
	if (err == HLV_OK) {
		hlv_put(plain, hlv_bytes(buf, n));
		err = plain->bad ? HLV_E_LIMIT : HLV_OK;
	}
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(buf, sizeof buf);
	return err;
}

enum hlv_err hlv_keyfile_open(struct hlv_bytes file, struct hlv_bytes passphrase,
			      struct hlv_writer *plain)
{
	struct frame f;
	if (hlv_is_pem(file))
		f = (struct frame){.type = HLV_KEYFILE_PLAIN, .sealed = file};
	else
		HLV_TRY(frame_decode(file, &f));
	if (f.type != HLV_KEYFILE_PLAIN)
		return open_sealed(&f, passphrase, plain);
	hlv_put(plain, f.sealed);
	return plain->bad ? HLV_E_LIMIT : HLV_OK;
}

static enum hlv_err seal_aes(struct hlv_bytes plain, struct hlv_bytes passphrase,
			     const struct hlv_keyfile_seed *seed, struct hlv_writer *file)
{
	const struct scheme *s = &schemes[HLV_KEYFILE_AES];
	struct frame f = {.salt = hlv_bytes(seed->salt, sizeof seed->salt),
			  .iterations = AES_ITERATIONS};
	uint8_t key[HLV_HASH_MAX];
	uint8_t sealed[HLV_DER_MAX + BLOCK_MAX];
	size_t n = 0;
	enum hlv_err err = derive_key(s, &f, passphrase, key);
	if (err == HLV_OK)
		err = cipher_pass(s, key, seed->iv, true, plain, sealed, &n);
	OPENSSL_cleanse(key, sizeof key);
	HLV_TRY(err);
	hlv_put_u32(file, HLV_KEYFILE_AES);
	hlv_put_lp32(file, f.salt);
	hlv_put_u32(file, f.iterations);
	hlv_put_u32(file, (uint32_t)s->key_n * 8);
	hlv_put_lp32(file, hlv_bytes(seed->iv, sizeof seed->iv));
	hlv_put_lp32(file, hlv_bytes(sealed, n));
	return file->bad ? HLV_E_LIMIT : HLV_OK;
}

enum hlv_err hlv_keyfile_seal(enum hlv_keyfile_type type, struct hlv_bytes plain,
			      struct hlv_bytes passphrase, const struct hlv_keyfile_seed *seed,
			      struct hlv_writer *file)
{
	if (type == HLV_KEYFILE_PLAIN) {
		hlv_put_u32(file, HLV_KEYFILE_PLAIN);
		hlv_put(file, plain);
		return file->bad ? HLV_E_LIMIT : HLV_OK;
	}
	if (type != HLV_KEYFILE_AES)
		return HLV_E_UNSUPPORTED;
	if (passphrase.n == 0)
		return HLV_E_PASSPHRASE;
	if (plain.n > HLV_DER_MAX)
		return HLV_E_LIMIT;
	struct hlv_keyfile_seed fresh;
	if (!seed) {
		if (RAND_bytes(fresh.salt, sizeof fresh.salt) != 1 ||
		    RAND_bytes(fresh.iv, sizeof fresh.iv) != 1)
			return HLV_E_CRYPTO;
		seed = &fresh;
	}
	return seal_aes(plain, passphrase, seed, file);
}
