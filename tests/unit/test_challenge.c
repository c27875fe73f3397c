/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/challenge.h"

#include "proto/base/reader.h"
#include "tests/unit/in_arena.h"

static const struct hlv_bytes none;

/* --- SM2 as the national SDK does it (industrial.md 5.5, 5.8; its vectors, 5.10) --- */

#define SM2_SPKI                                                                               \
	"3059301306072a8648ce3d020106082a811ccf5501822d034200"                                 \
	"04e96f8299910eb43aa548288f6727dda64d2d73b71532aab5a6d50760ee4989ab"                   \
	"e5f3be3e3e9b1fc376997c743dbcda044e3e57c449a7350585f994f9843db68e"
#define SM2_FILE                                                                               \
	"0000000c 534d325f505249565f4b4559 0000008a"                                           \
	"308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420"             \
	"b7b738b16f05e30a9aa2c4ad7c0bd8de9dc97347b72b4ee94880c335099c7e51a144034200"           \
	"04e96f8299910eb43aa548288f6727dda64d2d73b71532aab5a6d50760ee4989ab"                   \
	"e5f3be3e3e9b1fc376997c743dbcda044e3e57c449a7350585f994f9843db68e"
#define R_LOGIN "fa795e6d4a990e99bfd09a3d3aaea3847d64f11532dc6b0cf0557c8842c6471e"
#define N_A "dbf9785acc6edc18e825b4ef086c4477"
#define N_B "ce3ced2a980503211da298a2b17a019a"
#define SIG_A                                                                                  \
	"304402202b3a22bd6c9193dfa57a48e97f1719b50d675c5ced4418278f389ca93bbb27a4"             \
	"0220012f6895fd7c7a6a423d9f46e9a3c2beb37c124834f3bbf5091120bac52cf35f"
#define SIG_B                                                                                  \
	"3045022100d19e1a4c2292e978f4d137e09a79b1c104313e0b94fca70dbb64f634c2439e36"           \
	"02207d0c151dd0195d419e8919998ed6800ca282ef07da0f62037eab29bdd669d959"
#define FORM_A "00000003 534d33 00000046" SIG_A
#define FORM_B "00000007 5348412d323536 00000047" SIG_B

#define JWS_SIGNATURE                                                                          \
	"3044022078c1594aaafc54b23aba4c2fb23f87c316b6785824e87780f8c171f69c488458"             \
	"022023ae8a3d4ece0962137b391bcdaf094035932fc514fadf539c88bfae8996ee3c"

static struct hlv_key *sm2_public(void)
{
	struct hlv_key *key;
	struct hlv_bytes data =
		hex(&arena, "0000000b 534d325f5055425f4b4559 0000 0000005b" SM2_SPKI);
	check_err("SM2", hlv_pubkey_decode(data, &key), HLV_OK);
	return key;
}

static const struct {
	const char *name, *nonce, *digest, *who, *proof;
	enum hlv_err want;
} login_rows[] = {
	{"login A", N_A, R_LOGIN, "88.111.1/user", FORM_A, HLV_OK},
	{"login B", N_B, R_LOGIN, "88.111.1/user", FORM_B, HLV_OK},
	{"B knows no identifier", N_B, R_LOGIN, "88.111.1/other", FORM_B, HLV_OK},
	{"A by another", N_A, R_LOGIN, "88.111.1/other", FORM_A, HLV_E_SIGNATURE},
	{"A spelled otherwise", N_A, R_LOGIN, "88.111.1/USER", FORM_A, HLV_E_SIGNATURE},
	{"A with the default identifier", N_A, R_LOGIN, "", FORM_A, HLV_E_SIGNATURE},
	{"A to another nonce", N_B, R_LOGIN, "88.111.1/user", FORM_A, HLV_E_SIGNATURE},
	{"B to another nonce", N_A, R_LOGIN, "88.111.1/user", FORM_B, HLV_E_SIGNATURE},
	{"A to another digest", N_A, N_A, "88.111.1/user", FORM_A, HLV_E_SIGNATURE},
	{"A cut in two elsewhere", N_A "fa", R_LOGIN, "88.111.1/user", FORM_A, HLV_E_SIGNATURE},
	{"A named B", N_A, R_LOGIN, "88.111.1/user", "00000007 5348412d323536 00000046" SIG_A,
	 HLV_E_SIGNATURE},
	{"B named A", N_B, R_LOGIN, "88.111.1/user", "00000003 534d33 00000047" SIG_B,
	 HLV_E_SIGNATURE},
	{"SHA1", N_B, R_LOGIN, "88.111.1/user", "00000004 53484131 00000047" SIG_B, HLV_E_KEY},
	{"SHA256 without hyphen", N_B, R_LOGIN, "88.111.1/user",
	 "00000006 534841323536 00000047" SIG_B, HLV_E_KEY},
	{"sm3", N_A, R_LOGIN, "88.111.1/user", "00000003 736d33 00000046" SIG_A,
	 HLV_E_UNSUPPORTED},
	{"no name", N_A, R_LOGIN, "88.111.1/user", "00000000 00000046" SIG_A,
	 HLV_E_UNSUPPORTED},
	{"no signature", N_A, R_LOGIN, "88.111.1/user", "00000003 534d33 00000000",
	 HLV_E_SIGNATURE},
	{"octets behind", N_A, R_LOGIN, "88.111.1/user", FORM_A "00", HLV_E_MALFORMED},
	{"empty", N_A, R_LOGIN, "88.111.1/user", "", HLV_E_MALFORMED},
};

static void sm2_logins(void **state)
{
	(void)state;
	struct hlv_key *key = sm2_public();
	for (size_t i = 0; i < COUNT(login_rows); i++)
		check_err(login_rows[i].name,
			  hlv_check_public(key, hex(&arena, login_rows[i].nonce),
					   hex(&arena, login_rows[i].digest),
					   hlv_text(login_rows[i].who),
					   hex(&arena, login_rows[i].proof)),
			  login_rows[i].want);
	hlv_key_free(key);
}

/* A compact JWS with "SM2256": its text under the default identifier. */
static void sm2_jws(void **state)
{
	(void)state;
	struct hlv_bytes text =
		hlv_text("eyJhbGciOiJTTTIyNTYifQ.eyJpc3MiOiIzMDA6ODguMTExLjEvYSJ9");
	struct hlv_key *key = sm2_public();
	struct hlv_bytes der = hex(&arena, JWS_SIGNATURE);
	check_err("JWS", hlv_verify(key, hlv_text("SM3"), none, &text, 1, der), HLV_OK);
	check_err("JWS, default identifier spelled out",
		  hlv_verify(key, hlv_text("SM3"), hlv_text("1234567812345678"), &text, 1, der),
		  HLV_OK);
	check_err("JWS, other identifier",
		  hlv_verify(key, hlv_text("SM3"), hlv_text("1234567812345679"), &text, 1, der),
		  HLV_E_SIGNATURE);
	struct hlv_bytes cut = hlv_head(text, text.n - 1);
	check_err("JWS, cut", hlv_verify(key, hlv_text("SM3"), none, &cut, 1, der),
		  HLV_E_SIGNATURE);
	static uint8_t id[8192];
	check_err("identifier of 2^16 bits",
		  hlv_verify(key, hlv_text("SM3"), hlv_bytes(id, sizeof id), &text, 1, der),
		  HLV_E_LIMIT);
	hlv_key_free(key);
}

/* --- answers by public keys --- */

static void public_answers(void **state)
{
	(void)state;
	static const enum hlv_key_kind kinds[] = {HLV_KEY_RSA, HLV_KEY_P256, HLV_KEY_ED25519,
						  HLV_KEY_SM2};
	struct hlv_bytes nonce = hlv_text("sixteen octets.."), digest = hlv_text("digest");
	for (size_t i = 0; i <= COUNT(kinds); i++) {
		struct hlv_key *key, *other;
		enum hlv_key_kind kind = i < COUNT(kinds) ? kinds[i] : HLV_KEY_SM2;
		check_err("key", hlv_key_generate(kind, &other), HLV_OK);
		if (i < COUNT(kinds))
			check_err("key", hlv_key_generate(kind, &key), HLV_OK);
		else
			check_err("key", hlv_privkey_decode(hex(&arena, SM2_FILE), &key),
				  HLV_OK);
		for (int version = HLV_V(2, 0); version <= HLV_V(2, 11); version++) {
			uint8_t room[1024];
			struct hlv_writer w = hlv_writer(room, sizeof room);
			struct hlv_bytes who = hlv_text("0.NA/88.1");
			const char *row = hlv_key_name(key);
			check_err(row, hlv_answer_public(key, nonce, digest, who, version, &w),
				  HLV_OK);
			struct hlv_bytes proof = hlv_written(&w);
			check_err(row, hlv_check_public(key, nonce, digest, who, proof),
				  HLV_OK);
			check_err(row, hlv_check_public(other, nonce, digest, who, proof),
				  HLV_E_SIGNATURE);
			check_err(row, hlv_check_public(key, digest, nonce, who, proof),
				  HLV_E_SIGNATURE);
			if (version < HLV_V(2, 11))
				continue;
			for (size_t n = 0; n < proof.n; n++)
				check_err(row,
					  hlv_check_public(key, nonce, digest, who,
							   hlv_head(proof, n)),
					  HLV_E_MALFORMED);
			w = hlv_writer(room, proof.n - 10);
			check_err(row, hlv_answer_public(key, nonce, digest, who, version, &w),
				  HLV_E_LIMIT);
		}
		hlv_key_free(key);
		hlv_key_free(other);
	}
}

/* --- answers by secret keys --- */

static const uint8_t salt[16] = "salt of sixteen.";

static void secret_answers(void **state)
{
	(void)state;
	static const struct {
		int version;
		size_t n;
		uint8_t code;
	} rows[] = {
		{HLV_V(2, 0), 16, 0},	 {HLV_V(2, 1), 21, 2},	   {HLV_V(2, 6), 21, 2},
		{HLV_V(2, 7), 53, 0x22}, {HLV_V(2, 11), 53, 0x22}, {HLV_V(3, 0), 53, 0x22},
	};
	struct hlv_bytes secret = hlv_text("口令"), nonce = hlv_text("nonce"),
			 digest = hlv_text("d");
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t room[64];
		struct hlv_writer w = hlv_writer(room, sizeof room);
		check_err(
			"answer",
			hlv_answer_secret(secret, nonce, digest, rows[i].version, salt, 10, &w),
			HLV_OK);
		struct hlv_bytes proof = hlv_written(&w);
		check_u64("octets", proof.n, rows[i].n);
		if (rows[i].code)
			check_u64("code", proof.p[0], rows[i].code);
		check_err("check", hlv_check_secret(secret, nonce, digest, proof), HLV_OK);
		for (size_t n = 0; n < proof.n; n++)
			if (hlv_check_secret(secret, nonce, digest, hlv_head(proof, n)) ==
			    HLV_OK)
				fail_msg("%zu of %zu octets pass", n, proof.n);
		for (size_t at = 0; at < proof.n; at++) {
			room[at] ^= 0x04;
			if (hlv_check_secret(secret, nonce, digest, proof) == HLV_OK)
				fail_msg("octet %zu of %zu may be changed", at, proof.n);
			room[at] ^= 0x04;
		}
		w = hlv_writer(room, rows[i].n - 1);
		check_err(
			"no room",
			hlv_answer_secret(secret, nonce, digest, rows[i].version, salt, 10, &w),
			HLV_E_LIMIT);
		check_err("no secret", hlv_check_secret(none, nonce, digest, proof),
			  rows[i].code == 0x22 ? HLV_E_SIGNATURE : HLV_E_KEY);
	}
}

/* What the answer may make us do has bounds; a bad answer is told from a wrong one. */
static void secret_proofs_refused(void **state)
{
	(void)state;
#define SALT "00000010 00112233445566778899aabbccddeeff"
#define MAC20 "00000014 0dd3be6480809c67f4160ed0ad87a1ceadd4e45d"
	static const struct {
		const char *name, *proof;
		enum hlv_err want;
	} rows[] = {
		{"wrong", "22" SALT "00000001 000000a0" MAC20, HLV_E_SIGNATURE},
		{"1,000,000 iterations", "22" SALT "000f4240 000000a0" MAC20, HLV_E_SIGNATURE},
		{"1,000,001 iterations", "22" SALT "000f4241 000000a0" MAC20, HLV_E_LIMIT},
		{"2^31 iterations", "22" SALT "80000000 000000a0" MAC20, HLV_E_LIMIT},
		{"2^32-1 iterations", "22" SALT "ffffffff 000000a0" MAC20, HLV_E_LIMIT},
		{"no iterations", "22" SALT "00000000 000000a0" MAC20, HLV_E_MALFORMED},
		{"512 bits", "22" SALT "00000001 00000200" MAC20, HLV_E_SIGNATURE},
		{"520 bits", "22" SALT "00000001 00000208" MAC20, HLV_E_LIMIT},
		{"2^32-8 bits", "22" SALT "00000001 fffffff8" MAC20, HLV_E_LIMIT},
		{"161 bits", "22" SALT "00000001 000000a1" MAC20, HLV_E_MALFORMED},
		{"no bits", "22" SALT "00000001 00000000" MAC20, HLV_E_MALFORMED},
		{"no salt", "22 00000000 00000001 000000a0" MAC20, HLV_E_SIGNATURE},
		{"no MAC", "22" SALT "00000001 000000a0 00000000", HLV_E_SIGNATURE},
		{"octets behind", "22" SALT "00000001 000000a0" MAC20 "00", HLV_E_MALFORMED},
		{"empty", "", HLV_E_MALFORMED},
		{"code alone", "02", HLV_E_SIGNATURE},
		{"code 4", "04 0dd3be6480809c67f4160ed0ad87a1ceadd4e45d", HLV_E_UNSUPPORTED},
		{"HMAC-MD5", "11 0dd3be6480809c67f4160ed0ad87a1ce", HLV_E_UNSUPPORTED},
		{"PBKDF2 with SHA-256", "23" SALT "00000001 000000a0" MAC20, HLV_E_UNSUPPORTED},
		{"code 255", "ff 0dd3be6480809c67f4160ed0ad87a1ce", HLV_E_UNSUPPORTED},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		check_err(rows[i].name,
			  hlv_check_secret(hlv_text("secret"), hlv_text("nonce"), hlv_text("d"),
					   hex(&arena, rows[i].proof)),
			  rows[i].want);
	uint8_t room[64];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	check_err("no iterations",
		  hlv_answer_secret(hlv_text("s"), none, none, HLV_OUR_VERSION, salt, 0, &w),
		  HLV_E_MALFORMED);
	check_err("no secret", hlv_answer_secret(none, none, none, HLV_V(2, 3), salt, 0, &w),
		  HLV_E_KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sm2_logins),
		cmocka_unit_test(sm2_jws),
		cmocka_unit_test(public_answers),
		cmocka_unit_test(secret_answers),
		cmocka_unit_test(secret_proofs_refused),
	};
	return run_in_arena(tests);
}
