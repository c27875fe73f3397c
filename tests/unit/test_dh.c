/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/cipher.h"

#include "proto/sec/secret.h"
#include "proto/wire/codes.h"
#include "tests/unit/cipher_case.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(test_both_sides_agree), IN_ARENA(test_refused_halves),
		IN_ARENA(test_not_a_dh_key),	 IN_ARENA(test_session_key),
		cmocka_unit_test(test_secrets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
