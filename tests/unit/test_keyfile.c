/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/key.h"
#include "tests/unit/unit.h"

static const struct hlv_bytes none;
static const struct hlv_keyfile_seed seed = {.salt = "sixteen octets..",
					     .iv = "and sixteen more"};

/* A content that looks like a key's: its first array is a type name. */
static const uint8_t content[] = "\0\0\0\x0fRSA_PRIVCRT_KEY and the numbers";

static struct hlv_bytes sealed(uint8_t *room, size_t cap)
{
	struct hlv_writer w = hlv_writer(room, cap);
	check_err("seal",
		  hlv_keyfile_seal(HLV_KEYFILE_AES, hlv_bytes(content, sizeof content),
				   hlv_text("secret"), &seed, &w),
		  HLV_OK);
	return hlv_written(&w);
}

static enum hlv_err open_file(struct hlv_bytes file, const char *passphrase)
{
	uint8_t room[4096];
	struct hlv_writer w = hlv_writer(room, file.n);
	enum hlv_err err = hlv_keyfile_open(file, hlv_text(passphrase), &w);
	if (err != HLV_OK)
		check_u64("octets of a file that does not open", w.n, 0);
	return err;
}

static void opens_what_it_seals(void **state)
{
	(void)state;
	static const char *const passphrases[] = {"x",	       "secret",   "test-pass-88",
						  "测试-口令", "\xff\x80", "with blank"};
	for (size_t i = 0; i < COUNT(passphrases); i++) {
		uint8_t room[512], plain[512];
		struct hlv_bytes in = hlv_bytes(content, sizeof content);
		struct hlv_writer w = hlv_writer(room, sizeof room);
		struct hlv_bytes passphrase = hlv_text(passphrases[i]);
		check_err(passphrases[i],
			  hlv_keyfile_seal(HLV_KEYFILE_AES, in, passphrase, NULL, &w), HLV_OK);
		struct hlv_bytes file = hlv_written(&w);
		assert_true(hlv_keyfile_needs_passphrase(file));
		struct hlv_writer pw = hlv_writer(plain, sizeof plain);
		check_err(passphrases[i], hlv_keyfile_open(file, passphrase, &pw), HLV_OK);
		check_bytes(passphrases[i], hlv_written(&pw), in);
		check_err(passphrases[i], open_file(file, "Secret"), HLV_E_PASSPHRASE);
		check_err(passphrases[i], open_file(file, ""), HLV_E_PASSPHRASE);
		pw = hlv_writer(plain, sizeof content - 1);
		check_err("no room", hlv_keyfile_open(file, passphrase, &pw), HLV_E_LIMIT);
	}
}

/* Some of these leave padding that looks right: then the content must tell. */
static void wrong_passphrases(void **state)
{
	(void)state;
	uint8_t room[512];
	struct hlv_bytes file = sealed(room, sizeof room);
	room[20 + 4 + 2] = 0; /* fewer iterations, or this takes long */
	room[20 + 4 + 3] = 1;
	for (unsigned i = 0; i < 1000; i++) {
		char passphrase[16];
		snprintf(passphrase, sizeof passphrase, "guess %u", i);
		check_err(passphrase, open_file(file, passphrase), HLV_E_PASSPHRASE);
	}
}

static void damaged_files(void **state)
{
	(void)state;
	uint8_t room[512];
	struct hlv_bytes file = sealed(room, sizeof room);
	for (size_t n = 0; n < file.n; n++) {
		enum hlv_err err = open_file(hlv_head(file, n), "secret");
		check_err("cut file", err, HLV_E_MALFORMED);
	}
	static const struct {
		const char *name;
		size_t at;
		uint8_t octet;
		enum hlv_err want;
	} rows[] = {
		{"type 5", 3, 5, HLV_E_UNSUPPORTED},
		{"type 2^24", 0, 1, HLV_E_UNSUPPORTED},
		{"salt's length", 7, 17, HLV_E_MALFORMED},
		{"salt's octets", 8, 'S', HLV_E_PASSPHRASE},
		{"fewer iterations", 27, 0x0f, HLV_E_PASSPHRASE},
		{"many iterations", 24, 0x7f, HLV_E_LIMIT},
		{"negative iterations", 24, 0xff, HLV_E_LIMIT},
		{"256-bit key", 30, 1, HLV_E_UNSUPPORTED},
		{"IV's length", 35, 15, HLV_E_MALFORMED},
		{"DES instead of AES", 3, 3, HLV_E_UNSUPPORTED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		file = sealed(room, sizeof room);
		room[rows[i].at] = rows[i].octet;
		check_err(rows[i].name, open_file(file, "secret"), rows[i].want);
	}
	file = sealed(room, sizeof room);
	memset(room + 24, 0, 4);
	check_err("no iterations", open_file(file, "secret"), HLV_E_MALFORMED);
	static const uint8_t des[] = {0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7};
	check_err("DES without its IV", open_file(hlv_bytes(des, sizeof des), "secret"),
		  HLV_E_MALFORMED);
	static const uint8_t ecb[] = {0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7};
	check_err("part of a block", open_file(hlv_bytes(ecb, sizeof ecb), "secret"),
		  HLV_E_PASSPHRASE);
}

static void needs_a_passphrase(void **state)
{
	(void)state;
	static const struct {
		uint8_t octets[12];
		size_t n;
		bool needs;
	} rows[] = {
		{{0, 0, 0, 0, 9}, 5, true},
		{{0, 0, 0, 1, 9}, 5, false},
		{{0, 0, 0, 5, 9}, 5, false},
		{{0, 0, 0}, 3, false},
		{{0}, 0, false},
		{{0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}, 12, true},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(
			hlv_keyfile_needs_passphrase(hlv_bytes(rows[i].octets, rows[i].n)),
			rows[i].needs);
}

static void what_is_not_sealed(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum hlv_keyfile_type type;
		const char *passphrase;
		size_t cap;
		enum hlv_err want;
	} rows[] = {
		{"DES-ECB", HLV_KEYFILE_DES_ECB, "secret", 512, HLV_E_UNSUPPORTED},
		{"DES-CBC", HLV_KEYFILE_DES_CBC, "secret", 512, HLV_E_UNSUPPORTED},
		{"3DES", HLV_KEYFILE_DES3, "secret", 512, HLV_E_UNSUPPORTED},
		{"AES without passphrase", HLV_KEYFILE_AES, "", 512, HLV_E_PASSPHRASE},
		{"AES without room", HLV_KEYFILE_AES, "secret", 60, HLV_E_LIMIT},
		{"plain without room", HLV_KEYFILE_PLAIN, "", 20, HLV_E_LIMIT},
		{"plain", HLV_KEYFILE_PLAIN, "", 512, HLV_OK},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t room[512];
		struct hlv_writer w = hlv_writer(room, rows[i].cap);
		check_err(rows[i].name,
			  hlv_keyfile_seal(rows[i].type, hlv_bytes(content, sizeof content),
					   hlv_text(rows[i].passphrase), NULL, &w),
			  rows[i].want);
	}
	static uint8_t large[20000], out[20000];
	struct hlv_writer w = hlv_writer(out, sizeof out);
	check_err("too large a key",
		  hlv_keyfile_seal(HLV_KEYFILE_AES, hlv_bytes(large, sizeof large),
				   hlv_text("secret"), NULL, &w),
		  HLV_E_LIMIT);
	static uint8_t words[2000];
	memset(words, 'x', sizeof words);
	check_err("too long a passphrase",
		  hlv_keyfile_seal(HLV_KEYFILE_AES, hlv_bytes(content, sizeof content),
				   hlv_bytes(words, sizeof words), NULL, &w),
		  HLV_E_LIMIT);
}

/* --- files of the reference's own tools (tests/data/README.md) --- */

static struct hlv_bytes read_data(const char *name, uint8_t *room, size_t cap)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", getenv("HELVE_TEST_DATA"), name);
	FILE *f = fopen(path, "re");
	if (!f)
		fail_msg("%s: not readable", path);
	size_t n = fread(room, 1, cap, f);
	fclose(f);
	return hlv_bytes(room, n);
}

static void opens_files_of_the_reference(void **state)
{
	(void)state;
	static const struct {
		const char *file, *passphrase, *public_file;
	} rows[] = {
		{"privkey.bin", "", "pubkey.bin"},
		{"privkey-encrypted.bin", "test-pass-88", "pubkey.bin"},
		{"privkey-encrypted-utf8.bin", "测试-口令", "pubkey.bin"},
		{"admprivkey-encrypted.bin", "test-pass-88", "admpubkey.bin"},
		{"privkey.bin", "", "pubkey.pem"},
	};
	if (!getenv("HELVE_TEST_DATA"))
		skip();
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t room[4096], plain[4096];
		struct hlv_key *key, *half;
		struct hlv_bytes file = read_data(rows[i].file, room, sizeof room);
		struct hlv_writer w = hlv_writer(plain, sizeof plain);
		check_err(rows[i].file,
			  hlv_keyfile_open(file, hlv_text(rows[i].passphrase), &w), HLV_OK);
		check_err(rows[i].file, hlv_privkey_decode(hlv_written(&w), &key), HLV_OK);
		file = read_data(rows[i].public_file, room, sizeof room);
		check_err(rows[i].file, hlv_pubkey_decode(file, &half), HLV_OK);
		assert_true(hlv_key_same_public(key, half));
		hlv_key_free(key);
		hlv_key_free(half);
	}
}

/* A PEM file needs no frame. */
static void pem_passes(void **state)
{
	(void)state;
	struct hlv_key *key, *again;
	struct hlv_buf pem = {0};
	uint8_t room[4096];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	check_err("key", hlv_key_generate(HLV_KEY_ED25519, &key), HLV_OK);
	check_err("PEM", hlv_key_to_pem(key, true, &pem), HLV_OK);
	assert_false(hlv_keyfile_needs_passphrase(hlv_buf_bytes(&pem)));
	check_err("open", hlv_keyfile_open(hlv_buf_bytes(&pem), none, &w), HLV_OK);
	check_err("read", hlv_privkey_decode(hlv_written(&w), &again), HLV_OK);
	assert_true(hlv_key_same_public(key, again));
	hlv_key_free(again);
	hlv_key_free(key);
	hlv_buf_free(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_it_seals),
		cmocka_unit_test(wrong_passphrases),
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(needs_a_passphrase),
		cmocka_unit_test(what_is_not_sealed),
		cmocka_unit_test(opens_files_of_the_reference),
		cmocka_unit_test(pem_passes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
