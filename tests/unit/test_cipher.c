/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/cipher.h"

#include "proto/base/base64.h"
#include "proto/base/reader.h"
#include "proto/sec/secret.h"
#include "proto/wire/codes.h"
#include "tests/unit/unit.h"

/* industrial.md 5.10: what the national SDK and its server said to each other. */
static const char sdk_public[] = "3059301306072a8648ce3d020106082a811ccf5501822d03420004e96f829"
				 "9910eb43aa548288f6727dda64"
				 "d2d73b71532aab5a6d50760ee4989abe5f3be3e3e9b1fc376997c743dbcda"
				 "044e3e57c449a7350585f994f9"
				 "843db68e";
static const char sdk_private[] =
	"b7b738b16f05e30a9aa2c4ad7c0bd8de9dc97347b72b4ee94880c335099c7e51";
static const char sdk_wrapped[] =
	"04275dd8508a6f08815f2c3554d1ad657ca9af2a44daddafb69bcaa2a9d8ec9642acb61df45b5aa323b73e"
	"8"
	"6ff95a63fa2f4f255d99a679e8332df49beda9105fcde623080c05519b9bf70ce89ad460989bc5d25a38ed"
	"f"
	"aa0726c7241e21a1547785b166e1fa4e84ccd667c6e379edabad2ef59712";
static const char sdk_key[] = "ce52977a59faf74e71cd6675c0275606";

static struct hlv_arena arena;

static int begin(void **state)
{
	(void)state;
	hlv_arena_init(&arena, 1 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	hlv_arena_fini(&arena);
	return 0;
}

static struct hlv_writer room(size_t n)
{
	return hlv_writer(hlv_alloc(&arena, n), n);
}

/* --- messages --- */

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

static const uint8_t key[64] =
	"some key, of thirty-two octets..and as many after them, for more";

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

/* --- wrapped keys --- */

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

/* --- Diffie-Hellman --- */

/* y, p, g as HS_PUBKEY data. */
static struct hlv_bytes dh_data(struct hlv_bytes y, struct hlv_bytes p, struct hlv_bytes g)
{
	struct hlv_writer w = room(4096);
	hlv_put_lp32(&w, hlv_text("DH_PUB_KEY"));
	hlv_put_u16(&w, 0);
	hlv_put_lp32(&w, y);
	hlv_put_lp32(&w, p);
	hlv_put_lp32(&w, g);
	return hlv_written(&w);
}

/* RFC 2409's second group and the first. */
static const char p1024[] =
	"ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08"
	"7"
	"98e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637e"
	"d"
	"6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff";

static void test_both_sides_agree(void **state)
{
	(void)state;
	struct hlv_key *own, *server;
	struct hlv_writer half = room(2048), theirs = room(64), ours = room(64),
			  data = room(2048);
	assert_int_equal(hlv_dh_generate(&own), HLV_OK);
	assert_string_equal(hlv_key_name(own), "DH-2048");
	assert_int_equal(hlv_pubkey_encode(&half, own), HLV_OK);
	assert_int_equal(hlv_pubkey_decode(hlv_written(&half), &server), HLV_OK);
	check_err("agree", hlv_dh_agree(server, HLV_CIPHER_AES, &data, &theirs), HLV_OK);
	hlv_key_free(server);
	assert_int_equal(hlv_pubkey_decode(hlv_written(&data), &server), HLV_OK);
	check_err("derive", hlv_dh_derive(own, server, HLV_CIPHER_AES, &ours), HLV_OK);
	check_u64("octets", ours.n, 32);
	check_bytes("key", hlv_written(&ours), hlv_written(&theirs));
	struct hlv_writer other = room(64);
	check_err("DES", hlv_dh_derive(own, server, HLV_CIPHER_DES, &other), HLV_E_UNSUPPORTED);
	check_err("SM4", hlv_dh_derive(own, server, HLV_CIPHER_SM4, &other), HLV_E_UNSUPPORTED);
	check_err("DES", hlv_dh_agree(server, HLV_CIPHER_DES, &data, &other),
		  HLV_E_UNSUPPORTED);
	check_err("3DES", hlv_dh_agree(server, HLV_CIPHER_DES3, &data, &other),
		  HLV_E_UNSUPPORTED);
	check_err("public half", hlv_dh_derive(server, server, HLV_CIPHER_AES, &other),
		  HLV_E_KEY);
	hlv_key_free(server);
	/* A half of another group. */
	struct hlv_bytes y = hlv_bytes(key, 32), g = hlv_bytes("\2", 1);
	assert_int_equal(hlv_pubkey_decode(dh_data(y, hex(&arena, p1024), g), &server), HLV_OK);
	check_err("another group", hlv_dh_derive(own, server, HLV_CIPHER_AES, &other),
		  HLV_E_KEY);
	check_u64("octets", other.n, 0);
	hlv_key_free(server);
	hlv_key_free(own);
}

/* 9.2: what a peer may not send. `p` of so many octets, the last as given. */
static void test_refused_halves(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t p_n;
		uint8_t p_last;
		const char *y, *g; /* "p-N": that far below p; else hex */
		bool taken;
	} rows[] = {
		{"512 bits", 64, 0xFF, "1234567890", "02", true},
		{"4096 bits", 512, 0xFF, "1234567890", "02", true},
		{"y = 2", 128, 0xFF, "02", "02", true},
		{"y = p-2", 128, 0xFF, "p-2", "02", true},
		{"y = p-1", 128, 0xFF, "p-1", "02", false},
		{"y = p", 128, 0xFF, "p-0", "02", false},
		{"y = 1", 128, 0xFF, "01", "02", false},
		{"y = 0", 128, 0xFF, "00", "02", false},
		{"g = 1", 128, 0xFF, "1234567890", "01", false},
		{"g = 0", 128, 0xFF, "1234567890", "00", false},
		{"g = p-1", 128, 0xFF, "1234567890", "p-1", false},
		{"g = p", 128, 0xFF, "1234567890", "p-0", false},
		{"even p", 128, 0xFE, "1234567890", "02", false},
		{"504 bits", 63, 0xFF, "1234567890", "02", false},
		{"4104 bits", 513, 0xFF, "1234567890", "02", false},
		{"8192 bits", 1024, 0xFF, "1234567890", "02", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t p[1024], near[2][1024];
		const char *text[2] = {rows[i].y, rows[i].g};
		struct hlv_bytes number[2];
		/* No power of two less one: the powers of two would be short modulo that. */
		for (size_t k = 0; k < sizeof p; k++)
			p[k] = (uint8_t)(0xFF - k * k * 37);
		p[rows[i].p_n - 1] = rows[i].p_last;
		for (int k = 0; k < 2; k++) {
			memcpy(near[k], p, rows[i].p_n);
			number[k] = hlv_bytes(near[k], rows[i].p_n);
			if (text[k][0] == 'p')
				near[k][rows[i].p_n - 1] -= (uint8_t)(text[k][2] - '0');
			else
				number[k] = hex(&arena, text[k]);
		}
		struct hlv_key *peer = NULL;
		struct hlv_writer own = room(4096), session = room(64);
		enum hlv_err err = hlv_pubkey_decode(
			dh_data(number[0], hlv_bytes(p, rows[i].p_n), number[1]), &peer);
		if (err == HLV_OK)
			err = hlv_dh_agree(peer, HLV_CIPHER_AES, &own, &session);
		check_err(rows[i].name, err, rows[i].taken ? HLV_OK : HLV_E_KEY);
		check_u64(rows[i].name, session.n, rows[i].taken ? 32 : 0);
		hlv_key_free(peer);
		hlv_arena_reset(&arena);
	}
}

static void test_not_a_dh_key(void **state)
{
	(void)state;
	static const enum hlv_key_kind kinds[] = {HLV_KEY_RSA, HLV_KEY_P256, HLV_KEY_SM2,
						  HLV_KEY_ED25519};
	struct hlv_key *own;
	assert_int_equal(hlv_dh_generate(&own), HLV_OK);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct hlv_key *peer;
		struct hlv_writer w = room(1024), session = room(64);
		assert_int_equal(hlv_key_generate(kinds[i], &peer), HLV_OK);
		check_err(hlv_key_name(peer), hlv_dh_agree(peer, HLV_CIPHER_AES, &w, &session),
			  HLV_E_KEY);
		check_err(hlv_key_name(peer),
			  hlv_dh_derive(own, peer, HLV_CIPHER_AES, &session), HLV_E_KEY);
		check_err(hlv_key_name(peer),
			  hlv_dh_derive(peer, own, HLV_CIPHER_AES, &session), HLV_E_KEY);
		hlv_key_free(peer);
	}
	hlv_key_free(own);
}

/* 9.2: leading zeros go, then at most 32 octets. */
static void test_session_key(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t zeros, n;
		enum hlv_cipher cipher;
		enum hlv_err err;
		size_t key_n;
	} rows[] = {
		{"long", 0, 128, HLV_CIPHER_AES, HLV_OK, 32},
		{"zeros in front", 3, 125, HLV_CIPHER_AES, HLV_OK, 32},
		{"short", 110, 18, HLV_CIPHER_AES, HLV_OK, 18},
		{"too short", 113, 15, HLV_CIPHER_AES, HLV_E_KEY, 0},
		{"zeros", 128, 0, HLV_CIPHER_AES, HLV_E_KEY, 0},
		{"nothing", 0, 0, HLV_CIPHER_AES, HLV_E_KEY, 0},
		{"DES", 0, 128, HLV_CIPHER_DES, HLV_E_UNSUPPORTED, 0},
		{"3DES", 0, 128, HLV_CIPHER_DES3, HLV_E_UNSUPPORTED, 0},
		{"SM4", 0, 128, HLV_CIPHER_SM4, HLV_E_UNSUPPORTED, 0},
		{"none", 0, 128, HLV_CIPHER_NONE, HLV_E_UNSUPPORTED, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t z[128] = {0};
		for (size_t k = 0; k < rows[i].n; k++)
			z[rows[i].zeros + k] = (uint8_t)(k + 1);
		struct hlv_writer w = room(64);
		check_err(rows[i].name,
			  hlv_dh_session_key(hlv_bytes(z, rows[i].zeros + rows[i].n),
					     rows[i].cipher, &w),
			  rows[i].err);
		check_bytes(rows[i].name, hlv_written(&w),
			    hlv_bytes(z + rows[i].zeros, rows[i].key_n));
	}
}

static void test_secrets(void **state)
{
	(void)state;
	uint8_t a[32] = {0}, b[32] = {0}, zeros[32] = {0};
	assert_int_equal(hlv_secret_draw(a, sizeof a), HLV_OK);
	assert_int_equal(hlv_secret_draw(b, sizeof b - 1), HLV_OK);
	assert_memory_not_equal(a, b, sizeof a);
	check_u64("no octet more", b[31], 0);
	hlv_wipe(a, sizeof a - 1);
	assert_memory_equal(a, zeros, sizeof a - 1);
	hlv_wipe(NULL, 0);
}

#define IN_ARENA(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(test_there_and_back),	 IN_ARENA(test_fresh_iv),
		IN_ARENA(test_sdk_messages),	 IN_ARENA(test_refused_ciphers_and_keys),
		IN_ARENA(test_wrong_lengths),	 IN_ARENA(test_padding),
		IN_ARENA(test_no_room),		 IN_ARENA(test_appends),
		IN_ARENA(test_sdk_wrapped),	 IN_ARENA(test_wrapped_and_back),
		IN_ARENA(test_refused_wrapping), IN_ARENA(test_refused_unwrapping),
		IN_ARENA(test_both_sides_agree), IN_ARENA(test_refused_halves),
		IN_ARENA(test_not_a_dh_key),	 IN_ARENA(test_session_key),
		cmocka_unit_test(test_secrets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
