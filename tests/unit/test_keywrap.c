/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/cipher.h"

#include "proto/base/base64.h"
#include "proto/wire/codes.h"
#include "tests/unit/cipher_case.h"

static struct hlv_key *sdk_own(void)
{
	/* PKCS#8, which is what our reader takes: version 0, SM2, SEC 1 with both halves. */
	static const char head[] =
		"308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b"
		"0201010420";
	struct hlv_buf pem = {0}, b64 = {0};
	char digits[1024];
	snprintf(digits, sizeof digits, "%s%s%s%s", head, sdk_private, "a144034200",
		 sdk_public + 52);
	struct hlv_bytes der = hex(&arena, digits);
	hlv_base64_put(&b64, der, HLV_BASE64);
	hlv_buf_str(&pem, "-----BEGIN PRIVATE KEY-----\n");
	for (size_t i = 0; i < b64.n; i += 64) {
		hlv_buf_put(&pem, hlv_head(hlv_skip(hlv_buf_bytes(&b64), i), 64));
		hlv_buf_str(&pem, "\n");
	}
	hlv_buf_str(&pem, "-----END PRIVATE KEY-----\n");
	struct hlv_key *own = NULL;
	check_err("private key", hlv_privkey_decode(hlv_buf_bytes(&pem), &own), HLV_OK);
	hlv_buf_free(&pem);
	hlv_buf_free(&b64);
	return own;
}

static void test_sdk_wrapped(void **state)
{
	(void)state;
	struct hlv_key *own = sdk_own();
	struct hlv_writer w = room(64);
	enum hlv_cipher cipher = HLV_CIPHER_NONE;
	check_err("unwrap", hlv_key_unwrap(own, hex(&arena, sdk_wrapped), &cipher, &w), HLV_OK);
	check_u64("cipher", cipher, HLV_CIPHER_SM4);
	check_bytes("key", hlv_written(&w), hex(&arena, sdk_key));
	hlv_key_free(own);
}

static void test_wrapped_and_back(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum hlv_key_kind kind;
		enum hlv_cipher cipher;
		size_t key_n, wrapped_n;
	} rows[] = {
		{"SM4 for SM2", HLV_KEY_SM2, HLV_CIPHER_SM4, 16, 97 + 20},
		{"AES for SM2", HLV_KEY_SM2, HLV_CIPHER_AES, 16, 97 + 20},
		{"AES-64 for SM2", HLV_KEY_SM2, HLV_CIPHER_AES, 64, 97 + 68},
		{"SM4 for RSA", HLV_KEY_RSA, HLV_CIPHER_SM4, 16, 256},
		{"AES for RSA", HLV_KEY_RSA, HLV_CIPHER_AES, 32, 256},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_key *own;
		assert_int_equal(hlv_key_generate(rows[i].kind, &own), HLV_OK);
		/* Often enough for coordinates that begin with zeros, or with a set bit. */
		for (int k = 0; k < (rows[i].kind == HLV_KEY_SM2 ? 100 : 3); k++) {
			struct hlv_bytes in = hlv_bytes(key, rows[i].key_n);
			struct hlv_writer wrapped = room(512), back = room(64);
			enum hlv_cipher cipher = HLV_CIPHER_NONE;
			check_err(rows[i].name, hlv_key_wrap(own, rows[i].cipher, in, &wrapped),
				  HLV_OK);
			check_u64(rows[i].name, wrapped.n, rows[i].wrapped_n);
			check_err(rows[i].name,
				  hlv_key_unwrap(own, hlv_written(&wrapped), &cipher, &back),
				  HLV_OK);
			check_u64(rows[i].name, cipher, rows[i].cipher);
			check_bytes(rows[i].name, hlv_written(&back), in);
			hlv_arena_reset(&arena);
		}
		hlv_key_free(own);
	}
}

static void test_refused_wrapping(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum hlv_key_kind kind;
		enum hlv_cipher cipher;
		size_t key_n;
		enum hlv_err err;
	} rows[] = {
		{"P-256", HLV_KEY_P256, HLV_CIPHER_AES, 16, HLV_E_UNSUPPORTED},
		{"Ed25519", HLV_KEY_ED25519, HLV_CIPHER_AES, 16, HLV_E_UNSUPPORTED},
		{"DES", HLV_KEY_SM2, HLV_CIPHER_DES, 8, HLV_E_UNSUPPORTED},
		{"3DES", HLV_KEY_SM2, HLV_CIPHER_DES3, 24, HLV_E_UNSUPPORTED},
		{"none", HLV_KEY_SM2, HLV_CIPHER_NONE, 16, HLV_E_UNSUPPORTED},
		{"short AES", HLV_KEY_SM2, HLV_CIPHER_AES, 15, HLV_E_KEY},
		{"long AES", HLV_KEY_SM2, HLV_CIPHER_AES, 65, HLV_E_KEY},
		{"short SM4", HLV_KEY_SM2, HLV_CIPHER_SM4, 15, HLV_E_KEY},
		{"long SM4", HLV_KEY_SM2, HLV_CIPHER_SM4, 32, HLV_E_KEY},
		{"no key", HLV_KEY_SM2, HLV_CIPHER_AES, 0, HLV_E_KEY},
	};
	static const uint8_t long_key[65];
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_key *to;
		struct hlv_writer w = room(512);
		assert_int_equal(hlv_key_generate(rows[i].kind, &to), HLV_OK);
		check_err(rows[i].name,
			  hlv_key_wrap(to, rows[i].cipher, hlv_bytes(long_key, rows[i].key_n),
				       &w),
			  rows[i].err);
		hlv_key_free(to);
	}
}

static enum hlv_err unwrap(const struct hlv_key *own, struct hlv_bytes wrapped)
{
	struct hlv_writer w = room(64);
	enum hlv_cipher cipher;
	enum hlv_err err = hlv_key_unwrap(own, wrapped, &cipher, &w);
	if (err != HLV_OK)
		check_u64("octets written", w.n, 0);
	return err;
}

/* Each octet changed, each length cut off: one error. */
static void test_refused_unwrapping(void **state)
{
	(void)state;
	struct hlv_key *own = sdk_own(), *other;
	struct hlv_bytes wrapped = hex(&arena, sdk_wrapped);
	for (size_t i = 0; i < wrapped.n; i++) {
		struct hlv_writer w = room(wrapped.n);
		hlv_put(&w, wrapped);
		w.p[i] ^= 0x20;
		check_err("changed", unwrap(own, hlv_written(&w)), HLV_E_KEY);
		check_err("cut", unwrap(own, hlv_arena_copy(&arena, hlv_head(wrapped, i))),
			  HLV_E_KEY);
	}
	struct hlv_writer longer = room(1024);
	hlv_put(&longer, wrapped);
	memset(hlv_put_room(&longer, 1), 0, 1);
	check_err("an octet more", unwrap(own, hlv_written(&longer)), HLV_E_KEY);
	memset(hlv_put_room(&longer, 800), 0, 800);
	check_err("many more", unwrap(own, hlv_written(&longer)), HLV_E_KEY);
	assert_int_equal(hlv_key_generate(HLV_KEY_SM2, &other), HLV_OK);
	check_err("another's key", unwrap(other, wrapped), HLV_E_KEY);
	hlv_key_free(other);
	assert_int_equal(hlv_key_generate(HLV_KEY_RSA, &other), HLV_OK);
	check_err("RSA", unwrap(other, wrapped), HLV_E_KEY);
	hlv_key_free(other);
	assert_int_equal(hlv_key_generate(HLV_KEY_ED25519, &other), HLV_OK);
	check_err("Ed25519", unwrap(other, wrapped), HLV_E_UNSUPPORTED);
	hlv_key_free(other);
	hlv_key_free(own);
	assert_int_equal(hlv_pubkey_decode(hex(&arena, "0000000b534d325f5055425f4b4559000000000"
						       "05b3059301306072a8648ce3d020106082a811c"
						       "cf5501822d03420004e96f8299910eb43aa5482"
						       "88f6727dda64d2d73b71532aab5a6d50760ee49"
						       "89abe5f3be3e3e9b1fc376997c743dbcda044e3"
						       "e57c449a7350585f994f9843db68e"),
					   &own),
			 HLV_OK);
	check_err("public half", unwrap(own, wrapped), HLV_E_KEY);
	hlv_key_free(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(test_sdk_wrapped),
		IN_ARENA(test_wrapped_and_back),
		IN_ARENA(test_refused_wrapping),
		IN_ARENA(test_refused_unwrapping),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
