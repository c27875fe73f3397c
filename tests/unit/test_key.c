/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/key.h"

#include "proto/base/reader.h"
#include "tests/unit/in_arena.h"

/* Test keys: numbers made for this file. */
#define RSA_N                                                                                  \
	"d6ef11553acc850c931caa77ac7c567e9b51fc01a475fdf7256c38cd38745da198f145150d520e337f6d" \
	"506813"                                                                               \
	"747a03eda6af9c674274eb8f0f837bda8af983d69cdf126b8621033a7fde8b59e460398ca8e62b19b188" \
	"f1cda7"                                                                               \
	"3b0eae3a4ce20f99f7fb008cc852a1f3589cdefdcac3b6e6ec3d0108747587f9666aa0a0ad5f"
#define RSA_D                                                                                  \
	"30fd88fbde4d23be7c01bab150757ed998d9951162c52a401d1d8fcce7234efc387a35fed86c6da43b55" \
	"555083"                                                                               \
	"aeb6e912503e12ee4e6d8c0badc390857dcbe56002c4e77ce4a006b8c662df81cf9eed4a67f37013cd0a" \
	"7f22b1"                                                                               \
	"f3cb5e9a08365b16b7159b007d85fdc6fc6c41debdb97923d7e55e9bf1fdd21413bcfc200341"
#define RSA_SPKI "30819f300d06092a864886f70d010101050003818d0030818902818100" RSA_N "0203010001"
#define SM2_XY                                                                                 \
	"e96f8299910eb43aa548288f6727dda64d2d73b71532aab5a6d50760ee4989ab"                     \
	"e5f3be3e3e9b1fc376997c743dbcda044e3e57c449a7350585f994f9843db68e"
#define SM2_SPKI "3059301306072a8648ce3d020106082a811ccf5501822d03420004" SM2_XY
#define P256_XY                                                                                \
	"d52cf0d0c5bbd5038a14e15415f5c284fd65e1ea2012fd5e536aa1c4ac19631b"                     \
	"b493c133c8e6c2689f37e216b75e5e0d0e8aaa807d4077a9a369259b862050fc"
#define P256_HEAD "3059301306072a8648ce3d020106082a8648ce3d030107034200"
#define P256_SPKI P256_HEAD "04" P256_XY
#define ED_RAW "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define ED_SPKI "302a300506032b6570032100" ED_RAW

/* Type names with their lengths and flags. */
#define N_RSA "0000000b 5253415f5055425f4b4559 0000"
#define N_DSA "0000000b 4453415f5055425f4b4559 0000"
#define N_DH "0000000a 44485f5055425f4b4559 0000"
#define N_EC "0000000a 45435f5055425f4b4559 0000"
#define N_ED "0000000f 454432353531395f5055425f4b4559 0000"
#define N_SM2 "0000000b 534d325f5055425f4b4559 0000"
#define N_SM9 "0000000b 534d395f5055425f4b4559 0000"
#define E3 "00000003 010001"

/* The accepted forms, and what each is written as. */
static const struct {
	const char *name, *in, *out, *kind;
} accepted[] = {
	{"RSA", N_RSA E3 "00000081 00" RSA_N "00000000",
	 N_RSA E3 "00000081 00" RSA_N "00000000", "RSA-1024"},
	{"RSA without its empty array", N_RSA E3 "00000081 00" RSA_N,
	 N_RSA E3 "00000081 00" RSA_N "00000000", "RSA-1024"},
	{"RSA without sign octets", N_RSA E3 "00000080" RSA_N,
	 N_RSA E3 "00000081 00" RSA_N "00000000", "RSA-1024"},
	{"RSA with zeros in front",
	 N_RSA "00000005 0000010001 00000083 000000" RSA_N "00000000",
	 N_RSA E3 "00000081 00" RSA_N "00000000", "RSA-1024"},
	{"P-256", N_EC "0000005b" P256_SPKI, N_EC "0000005b" P256_SPKI, "P-256"},
	{"Ed25519", N_ED "0000002c" ED_SPKI, N_ED "0000002c" ED_SPKI, "Ed25519"},
	{"SM2", N_SM2 "0000005b" SM2_SPKI, N_SM2 "0000005b" SM2_SPKI, "SM2"},
};

static const struct {
	const char *name, *in;
	enum hlv_err want;
} refused[] = {
	{"empty", "", HLV_E_MALFORMED},
	{"negative length", "ffffffff", HLV_E_MALFORMED},
	{"unknown name", "00000006 45435f4b4559 0000", HLV_E_UNSUPPORTED},
	{"name in small letters", "0000000b 7273615f7075625f6b6579 0000", HLV_E_UNSUPPORTED},
	{"SM9", N_SM9 "00000003 616263", HLV_E_UNSUPPORTED},
	{"RSA without numbers", N_RSA, HLV_E_MALFORMED},
	{"RSA with empty numbers", N_RSA "00000000 00000000", HLV_E_KEY},
	{"RSA with zero for a modulus", N_RSA E3 "00000001 00", HLV_E_KEY},
	{"RSA with a small modulus", N_RSA E3 "00000004 d6ef1155", HLV_E_KEY},
	{"RSA with e = 1", N_RSA "00000001 01 00000080" RSA_N, HLV_E_KEY},
	{"RSA with even e", N_RSA "00000001 04 00000080" RSA_N, HLV_E_KEY},
	{"RSA with e over 2^32", N_RSA "00000005 0100000001 00000080" RSA_N, HLV_E_KEY},
	{"RSA with a third number", N_RSA E3 "00000080" RSA_N "00000001 05", HLV_E_MALFORMED},
	{"RSA with octets behind", N_RSA E3 "00000080" RSA_N "00000000 00", HLV_E_MALFORMED},
	{"DSA with small numbers", N_DSA "00000001 0b 00000001 17 00000001 02 00000001 08",
	 HLV_E_KEY},
	{"DH with small numbers", N_DH "00000001 08 00000001 17 00000001 02", HLV_E_KEY},
	{"P-256 named SM2", N_SM2 "0000005b" P256_SPKI, HLV_E_KEY},
	{"SM2 named P-256", N_EC "0000005b" SM2_SPKI, HLV_E_KEY},
	{"RSA named P-256", N_EC "000000a2" RSA_SPKI, HLV_E_KEY},
	{"a point beside the curve", N_EC "0000005b" P256_HEAD "04" SM2_XY, HLV_E_KEY},
	{"a compressed point",
	 N_EC "0000003b 3039301306072a8648ce3d020106082a8648ce3d030107032200"
	      "03147d9369f33260dc1ecb5e3f746472c6dfd5ac281a32c6a559f635a3a4516e24",
	 HLV_E_UNSUPPORTED},
	{"a point of another form", N_EC "0000005b" P256_HEAD "06" P256_XY, HLV_E_MALFORMED},
	{"P-384",
	 N_EC
	 "00000078 3076301006072a8648ce3d020106052b8104002203620004"
	 "d122eb80999f7852a60664186d3d0fd3b40bc8e68ce4cfb2134cb7f418115f06121d807dc707227c9a0f"
	 "9b9f2e810272a2d9898f5e36bf23ef4796c9dbe78142f0e66f013a88a8f34a01ab6f0100b8c60171f5b7"
	 "8e9550e873272f8969ddacc6",
	 HLV_E_UNSUPPORTED},
	{"P-256 with octets behind the point", N_EC "0000005c" P256_SPKI "00", HLV_E_MALFORMED},
	{"P-256 with octets behind the array", N_EC "0000005b" P256_SPKI "00", HLV_E_MALFORMED},
	{"Ed25519 of 31 octets",
	 N_ED "0000002b 302a300506032b6570032100"
	      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751",
	 HLV_E_MALFORMED},
	{"no SPKI at all", N_ED "00000004 01020304", HLV_E_UNSUPPORTED},
	{"text that is no PEM", "2d2d2d2d2d424547494e 20", HLV_E_MALFORMED},
};

static struct hlv_key *decode(const char *row, struct hlv_bytes in)
{
	struct hlv_key *key;
	check_err(row, hlv_pubkey_decode(in, &key), HLV_OK);
	return key;
}

static void check_encoded(const char *row, const struct hlv_key *key, struct hlv_bytes want)
{
	uint8_t room[2048];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	check_err(row, hlv_pubkey_encode(&w, key), HLV_OK);
	check_bytes(row, hlv_written(&w), want);
	for (size_t cap = 0; cap < want.n; cap++) {
		w = hlv_writer(room, cap);
		check_err(row, hlv_pubkey_encode(&w, key), HLV_E_LIMIT);
	}
}

static void reads_all_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct hlv_key *key = decode(accepted[i].name, hex(&arena, accepted[i].in));
		assert_string_equal(hlv_key_name(key), accepted[i].kind);
		assert_false(hlv_key_is_private(key));
		check_encoded(accepted[i].name, key, hex(&arena, accepted[i].out));
		hlv_key_free(key);
	}
}

static void refuses_public_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct hlv_key *key;
		check_err(refused[i].name, hlv_pubkey_decode(hex(&arena, refused[i].in), &key),
			  refused[i].want);
	}
}

/* threats.md 3: what is larger makes each check dear. */
static void modulus_within_bounds(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t octets;
		uint8_t top;
		enum hlv_err want;
	} rows[] = {
		{"1016 bits", 127, 0xff, HLV_E_KEY},	{"1023 bits", 128, 0x7f, HLV_E_KEY},
		{"1024 bits", 128, 0x80, HLV_OK},	{"4096 bits", 512, 0xff, HLV_OK},
		{"4097 bits", 513, 0x01, HLV_E_KEY},	{"8192 bits", 1024, 0xff, HLV_E_KEY},
		{"8200 bits", 1025, 0xff, HLV_E_LIMIT}, {"16 kbit", 2048, 0xff, HLV_E_LIMIT},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t room[4096];
		struct hlv_writer w = hlv_writer(room, sizeof room);
		hlv_put(&w, hex(&arena, N_RSA E3));
		hlv_put_u32(&w, (uint32_t)rows[i].octets);
		uint8_t *n = hlv_put_room(&w, rows[i].octets);
		memset(n, 0xff, rows[i].octets);
		n[0] = rows[i].top;
		struct hlv_key *key = NULL;
		check_err(rows[i].name, hlv_pubkey_decode(hlv_written(&w), &key), rows[i].want);
		hlv_key_free(key);
		n[rows[i].octets - 1] = 0xfe;
		key = NULL;
		check_err("even modulus", hlv_pubkey_decode(hlv_written(&w), &key),
			  rows[i].want == HLV_OK ? HLV_E_KEY : rows[i].want);
	}
}

/* The one shorter form is RSA's without its empty array. */
static void refuses_every_truncation(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct hlv_bytes whole = hex(&arena, accepted[i].in);
		bool ends_empty = i == 0 || i == 3;
		for (size_t n = 0; n < whole.n; n++) {
			struct hlv_key *key = NULL;
			struct hlv_bytes cut = hlv_arena_copy(&arena, hlv_head(whole, n));
			enum hlv_err err = hlv_pubkey_decode(cut, &key);
			if (err == HLV_OK && !(ends_empty && n == whole.n - 4))
				fail_msg("%s: %zu of %zu octets pass", accepted[i].name, n,
					 whole.n);
			if (err == HLV_OK)
				hlv_key_free(key);
		}
		hlv_arena_reset(&arena);
	}
}

/* Whatever a changed octet makes of a key: what is accepted can be written and read again. */
static void survives_every_changed_octet(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct hlv_bytes whole = hex(&arena, accepted[i].in);
		for (size_t at = 0; at < whole.n; at++) {
			uint8_t copy[512], out[512];
			memcpy(copy, whole.p, whole.n);
			copy[at] ^= 0x81;
			struct hlv_key *key, *again;
			if (hlv_pubkey_decode(hlv_bytes(copy, whole.n), &key) != HLV_OK)
				continue;
			struct hlv_writer w = hlv_writer(out, sizeof out);
			check_err(accepted[i].name, hlv_pubkey_encode(&w, key), HLV_OK);
			again = decode(accepted[i].name, hlv_written(&w));
			assert_true(hlv_key_same_public(key, again));
			hlv_key_free(key);
			hlv_key_free(again);
		}
	}
}

/* industrial.md 5.6: bare, in the array, and with the array's length left out; CRLF too. */
static void reads_pem_where_the_sdk_writes_it(void **state)
{
	(void)state;
	static const size_t rows[] = {0, 4, 5, 6};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *name = accepted[rows[i]].name;
		struct hlv_key *key = decode(name, hex(&arena, accepted[rows[i]].in));
		struct hlv_buf lf = {0}, crlf = {0}, framed = {0};
		check_err(name, hlv_key_to_pem(key, false, &lf), HLV_OK);
		for (size_t at = 0; at < lf.n; at++) {
			if (lf.p[at] == '\n')
				hlv_buf_str(&crlf, "\r");
			hlv_buf_put(&crlf, hlv_bytes(lf.p + at, 1));
		}
		struct hlv_key *bare = decode(name, hlv_buf_bytes(&crlf));
		assert_true(hlv_key_same_public(key, bare));
		check_encoded(name, bare, hex(&arena, accepted[rows[i]].out));
		hlv_key_free(bare);
		if (rows[i] == 6) {
			uint8_t size[4];
			hlv_store_u32(size, (uint32_t)crlf.n);
			for (int with_length = 0; with_length < 2; with_length++) {
				framed.n = 0;
				hlv_buf_put(&framed, hex(&arena, N_SM2));
				if (with_length)
					hlv_buf_put(&framed, hlv_bytes(size, 4));
				hlv_buf_put(&framed, hlv_buf_bytes(&crlf));
				bare = decode(name, hlv_buf_bytes(&framed));
				assert_true(hlv_key_same_public(key, bare));
				hlv_key_free(bare);
			}
		}
		check_err(name, hlv_key_to_pem(key, true, &lf), HLV_E_KEY);
		check_err(name, hlv_privkey_decode(hlv_buf_bytes(&lf), &bare),
			  HLV_E_UNSUPPORTED);
		hlv_buf_free(&lf);
		hlv_buf_free(&crlf);
		hlv_buf_free(&framed);
		hlv_key_free(key);
	}
}

static void parts_and_back(void **state)
{
	(void)state;
	static const struct {
		const char *name, *in, *kty, *crv, *x;
	} rows[] = {
		{"RSA", N_RSA E3 "00000081 00" RSA_N "00000000", "RSA", "", RSA_N},
		{"P-256", N_EC "0000005b" P256_SPKI, "EC", "P-256",
		 "d52cf0d0c5bbd5038a14e15415f5c284fd65e1ea2012fd5e536aa1c4ac19631b"},
		{"Ed25519", N_ED "0000002c" ED_SPKI, "OKP", "Ed25519", ED_RAW},
		{"SM2", N_SM2 "0000005b" SM2_SPKI, "SM2", "", SM2_SPKI},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_key *key = decode(rows[i].name, hex(&arena, rows[i].in)), *again;
		struct hlv_key_parts parts;
		check_err(rows[i].name, hlv_key_to_parts(key, &arena, &parts), HLV_OK);
		assert_string_equal(parts.kty, rows[i].kty);
		assert_string_equal(parts.crv ? parts.crv : "", rows[i].crv);
		check_bytes(rows[i].name, parts.part[0].octets, hex(&arena, rows[i].x));
		check_err(rows[i].name, hlv_key_from_parts(&parts, &again), HLV_OK);
		check_encoded(rows[i].name, again, hex(&arena, rows[i].in));
		hlv_key_free(again);

		/* One part less, one octet less, other words. */
		struct hlv_key_parts bad = parts;
		bad.n--;
		assert_int_not_equal(hlv_key_from_parts(&bad, &again), HLV_OK);
		bad = parts;
		bad.part[bad.n - 1].octets.n--;
		enum hlv_err err = hlv_key_from_parts(&bad, &again);
		if (err == HLV_OK) { /* RSA's e is another one then */
			assert_false(hlv_key_same_public(key, again));
			hlv_key_free(again);
		}
		bad = parts;
		bad.kty = "oct";
		check_err(rows[i].name, hlv_key_from_parts(&bad, &again), HLV_E_UNSUPPORTED);
		bad.kty = NULL;
		check_err(rows[i].name, hlv_key_from_parts(&bad, &again), HLV_E_MALFORMED);
		bad = parts;
		bad.crv = "P-521";
		if (parts.crv)
			check_err(rows[i].name, hlv_key_from_parts(&bad, &again),
				  HLV_E_UNSUPPORTED);
		hlv_key_free(key);
	}
}

/* --- private --- */

#define N_RSA_PRIV "0000000c 5253415f505249565f4b4559"
#define N_EC_PRIV "0000000b 45435f505249565f4b4559"
#define N_ED_PRIV "00000010 454432353531395f505249565f4b4559"
#define N_SM2_PRIV "0000000c 534d325f505249565f4b4559"
#define ED_P8                                                                                  \
	"302e020100300506032b657004220420"                                                     \
	"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define SM2_P8                                                                                 \
	"308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420"             \
	"b7b738b16f05e30a9aa2c4ad7c0bd8de9dc97347b72b4ee94880c335099c7e51"                     \
	"a14403420004" SM2_XY
#define P256_D "81af6f2949a25eac9a31d063d2182d15f4e505d3a87720c37a88de7fe03c5840"
#define P256_P8(xy)                                                                            \
	"308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420" P256_D      \
	"a14403420004" xy
/* P-256 again, its curve spelled out as numbers. */
#define EXPLICIT_P8                                                                            \
	"308201790201003082010306072a8648ce3d02013081f7020101302c06072a8648ce3d0101022100ffff" \
	"ffff00"                                                                               \
	"000001000000000000000000000000ffffffffffffffffffffffff305b0420ffffffff00000001000000" \
	"000000"                                                                               \
	"000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53" \
	"b0f63b"                                                                               \
	"ce3c3e27d2604b031500c49d360886e704936a6678e1139d26b7819f7e900441046b17d1f2e12c4247f8" \
	"bce6e5"                                                                               \
	"63a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b31" \
	"5ececb"                                                                               \
	"b6406837bf51f5022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551" \
	"020101"                                                                               \
	"046d306b02010104200628a48086bd83f91d82dd79a1a29e9cd472a379b4a19802b94cd28a15046881a1" \
	"440342"                                                                               \
	"0004b5a05325083147b024ed869d2730c0cde315fa215f4574b46d4cff2e3d7e0649683e9e150b3f2dff" \
	"4fcd56"                                                                               \
	"bf58d5d366056670010d1f5fa11da055ada1875a7e"

static const struct {
	const char *name, *in, *kind;
} private_rows[] = {
	{"n and d alone", N_RSA_PRIV "00000081 00" RSA_N "00000080" RSA_D, "RSA-1024"},
	{"P-256", N_EC_PRIV "0000008a" P256_P8(P256_XY), "P-256"},
	{"Ed25519", N_ED_PRIV "00000030" ED_P8, "Ed25519"},
	{"SM2", N_SM2_PRIV "0000008a" SM2_P8, "SM2"},
};

static void reads_private_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(private_rows); i++) {
		struct hlv_key *key, *again;
		struct hlv_bytes in = hex(&arena, private_rows[i].in);
		uint8_t room[2048];
		struct hlv_writer w = hlv_writer(room, sizeof room);
		check_err(private_rows[i].name, hlv_privkey_decode(in, &key), HLV_OK);
		assert_string_equal(hlv_key_name(key), private_rows[i].kind);
		assert_true(hlv_key_is_private(key));
		check_err(private_rows[i].name, hlv_privkey_encode(&w, key), HLV_OK);
		check_bytes(private_rows[i].name, hlv_written(&w), in);
		struct hlv_buf pem = {0};
		if (i > 0) { /* PKCS#8 of RSA has its factors */
			check_err(private_rows[i].name, hlv_key_to_pem(key, true, &pem),
				  HLV_OK);
			check_err(private_rows[i].name,
				  hlv_privkey_decode(hlv_buf_bytes(&pem), &again), HLV_OK);
			assert_true(hlv_key_same_public(key, again));
			hlv_key_free(again);
		}
		hlv_buf_free(&pem);
		hlv_key_free(key);
		for (size_t n = 0; n < in.n; n++) {
			struct hlv_bytes cut = hlv_arena_copy(&arena, hlv_head(in, n));
			if (hlv_privkey_decode(cut, &key) == HLV_OK)
				fail_msg("%s: %zu octets pass", private_rows[i].name, n);
		}
		for (size_t at = 0; at < in.n; at++) {
			memcpy(room, in.p, in.n);
			room[at] ^= 0x41;
			if (hlv_privkey_decode(hlv_bytes(room, in.n), &key) == HLV_OK)
				hlv_key_free(key);
		}
		hlv_arena_reset(&arena);
	}
}

static void refuses_private_keys(void **state)
{
	(void)state;
	static const struct {
		const char *name, *in;
		enum hlv_err want;
	} rows[] = {
		{"empty", "", HLV_E_MALFORMED},
		{"a public key", N_RSA E3 "00000081 00" RSA_N "00000000", HLV_E_UNSUPPORTED},
		{"d of another key", N_RSA_PRIV "00000081 00" RSA_N "00000080" RSA_N,
		 HLV_E_KEY},
		{"no d", N_RSA_PRIV "00000081 00" RSA_N "00000000", HLV_E_KEY},
		{"octets behind", N_RSA_PRIV "00000081 00" RSA_N "00000080" RSA_D "00",
		 HLV_E_MALFORMED},
		{"P-256 named SM2", N_SM2_PRIV "0000008a" P256_P8(P256_XY), HLV_E_KEY},
		{"SM2 named P-256", N_EC_PRIV "0000008a" SM2_P8, HLV_E_KEY},
		{"Ed25519 named P-256", N_EC_PRIV "00000030" ED_P8, HLV_E_KEY},
		{"a curve in numbers", N_EC_PRIV "0000017d" EXPLICIT_P8, HLV_E_UNSUPPORTED},
		{"another point's d",
		 N_EC_PRIV "0000008a" P256_P8(
			 "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
			 "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
		 HLV_E_KEY},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_key *key;
		check_err(rows[i].name, hlv_privkey_decode(hex(&arena, rows[i].in), &key),
			  rows[i].want);
	}
}

static void generates(void **state)
{
	(void)state;
	static const struct {
		const char *text, *name;
	} rows[] = {
		{"rsa", "RSA-2048"}, {"p256", "P-256"}, {"ed25519", "Ed25519"}, {"sm2", "SM2"}};
	static const char *const words[] = {"", "RSA", "rsa2048", "dsa", "dh", "p384", "ed448"};
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum hlv_key_kind kind;
		struct hlv_key *a, *b, *file;
		uint8_t room[4096];
		struct hlv_writer w = hlv_writer(room, sizeof room);
		check_err(rows[i].text, hlv_key_kind_parse(rows[i].text, &kind), HLV_OK);
		check_err(rows[i].text, hlv_key_generate(kind, &a), HLV_OK);
		check_err(rows[i].text, hlv_key_generate(kind, &b), HLV_OK);
		assert_string_equal(hlv_key_name(a), rows[i].name);
		assert_int_equal(hlv_key_kind(a), kind);
		assert_false(hlv_key_same_public(a, b));
		check_err(rows[i].text, hlv_privkey_encode(&w, a), HLV_OK);
		check_err(rows[i].text, hlv_privkey_decode(hlv_written(&w), &file), HLV_OK);
		assert_true(hlv_key_same_public(a, file));
		hlv_key_free(file);
		hlv_key_free(a);
		hlv_key_free(b);
	}
	enum hlv_key_kind kind;
	struct hlv_key *key;
	for (size_t i = 0; i < COUNT(words); i++)
		check_err(words[i], hlv_key_kind_parse(words[i], &kind), HLV_E_UNSUPPORTED);
	check_err("DSA", hlv_key_generate(HLV_KEY_DSA, &key), HLV_E_UNSUPPORTED);
	check_err("DH", hlv_key_generate(HLV_KEY_DH, &key), HLV_E_UNSUPPORTED);
	hlv_key_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_forms),
		cmocka_unit_test(refuses_public_keys),
		cmocka_unit_test(modulus_within_bounds),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(survives_every_changed_octet),
		cmocka_unit_test(reads_pem_where_the_sdk_writes_it),
		cmocka_unit_test(parts_and_back),
		cmocka_unit_test(reads_private_keys),
		cmocka_unit_test(refuses_private_keys),
		cmocka_unit_test(generates),
	};
	return run_in_arena(tests);
}
