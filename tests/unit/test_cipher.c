/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/cipher.h"

#include "proto/base/reader.h"
#include "proto/wire/codes.h"
#include "tests/unit/cipher_case.h"

static const struct form {
	const char *name;
	enum hlv_cipher cipher;
	int version;
	size_t key_n, extra; /* extra: IV */
} forms[] = {
	{"AES 2.3", HLV_CIPHER_AES, HLV_V(2, 3), 32, 0},
	{"AES 2.4", HLV_CIPHER_AES, HLV_V(2, 4), 32, 16},
	{"AES 2.11", HLV_CIPHER_AES, HLV_V(2, 11), 16, 16},
	{"SM4 2.10", HLV_CIPHER_SM4, HLV_V(2, 10), 16, 0},
};

static void test_there_and_back(void **state)
{
	(void)state;
	uint8_t plain[1000];
	for (size_t i = 0; i < sizeof plain; i++)
		plain[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < COUNT(forms); i++) {
		const struct form *f = &forms[i];
		struct hlv_bytes k = hlv_bytes(key, f->key_n);
		for (size_t n = 0; n <= sizeof plain; n += n < 40 ? 1 : 97) {
			struct hlv_writer out = room(sizeof plain + HLV_CIPHER_OVERHEAD);
			struct hlv_bytes in = hlv_bytes(plain, n);
			check_err(f->name,
				  hlv_encrypt(f->cipher, k, f->version, NULL, in, &out),
				  HLV_OK);
			check_u64(f->name, out.n, n / 16 * 16 + 16 + f->extra);
			struct hlv_writer back = room(out.n);
			check_err(
				f->name,
				hlv_decrypt(f->cipher, k, f->version, hlv_written(&out), &back),
				HLV_OK);
			check_bytes(f->name, hlv_written(&back), in);
			hlv_arena_reset(&arena);
		}
	}
}

/* Each time another IV, so equal messages do not look equal. */
static void test_fresh_iv(void **state)
{
	(void)state;
	struct hlv_writer a = room(64), b = room(64);
	struct hlv_bytes in = hlv_text("the same"), k = hlv_bytes(key, 32);
	assert_int_equal(hlv_encrypt(HLV_CIPHER_AES, k, HLV_V(2, 11), NULL, in, &a), HLV_OK);
	assert_int_equal(hlv_encrypt(HLV_CIPHER_AES, k, HLV_V(2, 11), NULL, in, &b), HLV_OK);
	assert_false(hlv_eq(hlv_head(hlv_written(&a), 16), hlv_head(hlv_written(&b), 16)));
	assert_false(hlv_eq(hlv_skip(hlv_written(&a), 16), hlv_skip(hlv_written(&b), 16)));
}

static void test_sdk_messages(void **state)
{
	(void)state;
	static const struct {
		const char *name, *sealed, *plain;
	} rows[] = {
		{"login",
		 "efe2cfb312ec24e92ae23d4f4b1dd8ffdaecbb0e61e35d9c7c0b8526a7e788f8c109d3586016b"
		 "fc23f0c"
		 "590206a160c3",
		 "000007d10000000030800000ffff00006b02e9a2000000150000000d38382e3131312e312f757"
		 "3657200"
		 "00012c"},
		{"site info",
		 "0afc6c232476886c7242a8b29b741fe3354cb375ea31861a96198c893002b78450f3b9852f219"
		 "ba1cff6"
		 "2c23b6089945",
		 NULL},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes k = hex(&arena, sdk_key), sealed = hex(&arena, rows[i].sealed);
		struct hlv_writer plain = room(sealed.n), again = room(sealed.n);
		check_err(rows[i].name,
			  hlv_decrypt(HLV_CIPHER_SM4, k, HLV_V(2, 10), sealed, &plain), HLV_OK);
		if (rows[i].plain)
			check_bytes(rows[i].name, hlv_written(&plain),
				    hex(&arena, rows[i].plain));
		check_u64("op code", hlv_load_u32(plain.p), i == 0 ? 2001 : 2);
		check_u64("flags", hlv_load_u32(plain.p + 8), i == 0 ? 0x30800000 : 0x39000000);
		check_err(rows[i].name,
			  hlv_encrypt(HLV_CIPHER_SM4, k, HLV_V(2, 10), NULL,
				      hlv_written(&plain), &again),
			  HLV_OK);
		check_bytes(rows[i].name, hlv_written(&again), sealed);
	}
}

static void test_refused_ciphers_and_keys(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int cipher;
		size_t key_n;
		enum hlv_err err;
	} rows[] = {
		{"none", HLV_CIPHER_NONE, 32, HLV_E_UNSUPPORTED},
		{"DES", HLV_CIPHER_DES, 8, HLV_E_UNSUPPORTED},
		{"3DES", HLV_CIPHER_DES3, 24, HLV_E_UNSUPPORTED},
		{"5", 5, 32, HLV_E_UNSUPPORTED},
		{"-1", -1, 32, HLV_E_UNSUPPORTED},
		{"AES, no key", HLV_CIPHER_AES, 0, HLV_E_KEY},
		{"AES, short key", HLV_CIPHER_AES, 15, HLV_E_KEY},
		{"SM4, no key", HLV_CIPHER_SM4, 0, HLV_E_KEY},
		{"SM4, short key", HLV_CIPHER_SM4, 15, HLV_E_KEY},
		{"SM4, long key", HLV_CIPHER_SM4, 17, HLV_E_KEY},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_writer w = room(256);
		enum hlv_cipher c = (enum hlv_cipher)rows[i].cipher;
		struct hlv_bytes k = hlv_bytes(key, rows[i].key_n), in = hlv_bytes(key, 64);
		check_err(rows[i].name, hlv_encrypt(c, k, HLV_V(2, 11), NULL, in, &w),
			  rows[i].err);
		check_err(rows[i].name, hlv_decrypt(c, k, HLV_V(2, 11), in, &w), rows[i].err);
		check_u64(rows[i].name, w.n, 0);
	}
}

/* One error for all that is wrong with the octets, and nothing written. */
static void test_wrong_lengths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		const struct form *f = &forms[i];
		struct hlv_bytes k = hlv_bytes(key, f->key_n);
		struct hlv_writer out = room(128);
		assert_int_equal(
			hlv_encrypt(f->cipher, k, f->version, NULL, hlv_bytes(key, 40), &out),
			HLV_OK);
		for (size_t n = 0; n < out.n; n++) {
			struct hlv_writer w = room(128);
			struct hlv_bytes cut = hlv_arena_copy(&arena, hlv_bytes(out.p, n));
			enum hlv_err err = hlv_decrypt(f->cipher, k, f->version, cut, &w);
			/* Whole blocks fewer: the padding is wrong, but for one chance in 256
			 * that this plaintext does not take. */
			check_err(f->name, err, HLV_E_MALFORMED);
			check_u64(f->name, w.n, 0);
			assert_false(w.bad);
		}
	}
}

/* All last octets, and all that may stand in front of them: only PKCS#7 opens. */
static void test_padding(void **state)
{
	(void)state;
	struct hlv_bytes k = hlv_bytes(key, 16);
	size_t right = 0;
	for (unsigned last = 0; last < 256; last++) {
		for (unsigned wrong_at = 0; wrong_at <= 16; wrong_at++) {
			uint8_t block[16], sealed[32];
			memset(block, (int)last, sizeof block);
			if (wrong_at < 15)
				block[wrong_at] ^= 0x80;
			struct hlv_writer w = hlv_writer(sealed, sizeof sealed);
			assert_int_equal(hlv_encrypt(HLV_CIPHER_AES, k, HLV_V(2, 3), NULL,
						     hlv_bytes(block, 16), &w),
					 HLV_OK);
			struct hlv_writer plain = room(16);
			enum hlv_err err = hlv_decrypt(HLV_CIPHER_AES, k, HLV_V(2, 3),
						       hlv_bytes(sealed, 16), &plain);
			bool fits = last >= 1 && last <= 16 &&
				    (wrong_at >= 15 || wrong_at < 16 - last);
			check_err("padding", err, fits ? HLV_OK : HLV_E_MALFORMED);
			check_u64("octets", plain.n, fits ? 16 - last : 0);
			right += fits;
			hlv_arena_reset(&arena);
		}
	}
	check_u64("right ones", right, 16 + 16 + 15 * 16 / 2);
}

static void test_no_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		const struct form *f = &forms[i];
		struct hlv_bytes k = hlv_bytes(key, f->key_n), in = hlv_bytes(key, 40);
		struct hlv_writer out = room(48 + f->extra - 1), full = room(48 + f->extra);
		check_err(f->name, hlv_encrypt(f->cipher, k, f->version, NULL, in, &out),
			  HLV_E_LIMIT);
		check_err(f->name, hlv_encrypt(f->cipher, k, f->version, NULL, in, &full),
			  HLV_OK);
		struct hlv_writer plain = room(47);
		check_err(f->name,
			  hlv_decrypt(f->cipher, k, f->version, hlv_written(&full), &plain),
			  HLV_E_LIMIT);
	}
}

/* Behind what stands in the writer already. */
static void test_appends(void **state)
{
	(void)state;
	struct hlv_writer out = room(128), plain = room(128);
	struct hlv_bytes k = hlv_bytes(key, 32), in = hlv_text("message");
	hlv_put(&out, hlv_text("envelope"));
	assert_int_equal(hlv_encrypt(HLV_CIPHER_AES, k, HLV_V(2, 11), NULL, in, &out), HLV_OK);
	check_text("before", hlv_head(hlv_written(&out), 8), "envelope");
	hlv_put(&plain, hlv_text("envelope"));
	assert_int_equal(hlv_decrypt(HLV_CIPHER_AES, k, HLV_V(2, 11),
				     hlv_skip(hlv_written(&out), 8), &plain),
			 HLV_OK);
	check_text("both", hlv_written(&plain), "envelopemessage");
	out.p[20] ^= 1; /* the IV: the first octets change, the padding is in the same block */
	out.p[23] ^= 1;
	enum hlv_err err = hlv_decrypt(HLV_CIPHER_AES, k, HLV_V(2, 11),
				       hlv_skip(hlv_written(&out), 8), &plain);
	check_err("padding", err, HLV_E_MALFORMED);
	check_text("nothing behind", hlv_written(&plain), "envelopemessage");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(test_there_and_back), IN_ARENA(test_fresh_iv),
		IN_ARENA(test_sdk_messages),   IN_ARENA(test_refused_ciphers_and_keys),
		IN_ARENA(test_wrong_lengths),  IN_ARENA(test_padding),
		IN_ARENA(test_no_room),	       IN_ARENA(test_appends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
