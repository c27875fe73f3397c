/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/jws.h"

#include "proto/base/base64.h"
#include "proto/net/claims.h"
#include "tests/unit/unit.h"

static const struct {
	const char *name;
	enum hlv_key_kind kind;
	const char *algorithm;
} kinds[] = {
	{"RSA", HLV_KEY_RSA, "RS256"},
	{"P-256", HLV_KEY_P256, "ES256"},
	{"Ed25519", HLV_KEY_ED25519, "EdDSA"},
	{"SM2", HLV_KEY_SM2, "SM2256"},
};
static struct hlv_key *keys[COUNT(kinds)], *others[COUNT(kinds)];
static struct hlv_arena arena;

static int set_up(void **state)
{
	(void)state;
	hlv_arena_init(&arena, 64 << 20);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		check_err(kinds[i].name, hlv_key_generate(kinds[i].kind, &keys[i]), HLV_OK);
		check_err(kinds[i].name, hlv_key_generate(kinds[i].kind, &others[i]), HLV_OK);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		hlv_key_free(keys[i]);
		hlv_key_free(others[i]);
	}
	hlv_arena_fini(&arena);
	return 0;
}

static struct hlv_bytes make(const char *payload, const struct hlv_key *key)
{
	struct hlv_buf b = {0};
	check_err("make", hlv_jws_make(&b, hlv_text(payload), key), HLV_OK);
	struct hlv_bytes jws = hlv_arena_copy(&arena, hlv_buf_bytes(&b));
	hlv_buf_free(&b);
	return jws;
}

static void test_all_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		/* Numbers with and without leading zeros come up. */
		for (int turn = 0; turn < (i == 0 ? 4 : 300); turn++) {
			struct hlv_jws jws;
			char payload[64];
			snprintf(payload, sizeof payload, "{\"turn\":%d}", turn);
			struct hlv_bytes text = make(payload, keys[i]);
			check_err(kinds[i].name, hlv_jws_parse(text, &arena, &jws), HLV_OK);
			check_text(kinds[i].name, jws.algorithm, kinds[i].algorithm);
			check_text(kinds[i].name, jws.payload, payload);
			check_err(kinds[i].name, hlv_jws_verify(&jws, keys[i]), HLV_OK);
			check_err(kinds[i].name, hlv_jws_verify(&jws, others[i]),
				  HLV_E_SIGNATURE);
			if (i == 1)
				check_u64("ES256 is two numbers", jws.signature.n, 64);
			hlv_arena_reset(&arena);
		}
	}
}

/* Every key against every algorithm: none but its own. */
static void test_other_algorithms(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct hlv_jws jws;
		struct hlv_bytes text = make("{}", keys[i]);
		check_err("parse", hlv_jws_parse(text, &arena, &jws), HLV_OK);
		for (size_t k = 0; k < COUNT(kinds); k++) {
			check_err(kinds[k].name, hlv_jws_verify(&jws, keys[k]),
				  k == i ? HLV_OK : HLV_E_KEY);
			struct hlv_jws called = jws;
			called.algorithm = hlv_text(kinds[k].algorithm);
			if (k != i && hlv_jws_verify(&called, keys[k]) == HLV_OK)
				fail_msg("%s as %s", kinds[i].name, kinds[k].name);
		}
		static const char *const names[] = {"none", "", "HS256", "RS512", "rs256"};
		for (size_t k = 0; k < COUNT(names); k++) {
			struct hlv_jws called = jws;
			called.algorithm = hlv_text(names[k]);
			check_err(names[k], hlv_jws_verify(&called, keys[i]), HLV_E_KEY);
		}
	}
	hlv_arena_reset(&arena);
}

static void test_each_octet(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct hlv_bytes text = make("{\"a\":1}", keys[i]);
		for (size_t at = 0; at < text.n; at++) {
			struct hlv_jws jws;
			uint8_t *changed = hlv_alloc_raw(&arena, text.n);
			memcpy(changed, text.p, text.n);
			changed[at] = changed[at] == 'A' ? 'B' : 'A';
			if (hlv_jws_parse(hlv_bytes(changed, text.n), &arena, &jws) != HLV_OK ||
			    hlv_jws_verify(&jws, keys[i]) != HLV_OK)
				continue;
			/* The bits behind the last octet of the signature mean nothing. */
			if (at + 1 != text.n)
				fail_msg("%s: changed at %zu of %zu", kinds[i].name, at,
					 text.n);
		}
		hlv_arena_reset(&arena);
	}
	struct hlv_key *public = NULL;
	struct hlv_buf b = {0};
	uint8_t room[1024];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	check_err("public", hlv_pubkey_encode(&w, keys[1]), HLV_OK);
	check_err("public", hlv_pubkey_decode(hlv_written(&w), &public), HLV_OK);
	check_err("made with half a key", hlv_jws_make(&b, hlv_text("{}"), public), HLV_E_KEY);
	hlv_key_free(public);
	hlv_buf_free(&b);
}

static void test_forms(void **state)
{
	(void)state;
	/* {"alg":"EdDSA"} . {} . "sig" */
	static const struct {
		const char *name, *text;
		enum hlv_err want;
	} rows[] = {
		{"compact", "eyJhbGciOiJFZERTQSJ9.e30.c2ln", HLV_OK},
		{"flattened",
		 "{\"payload\":\"e30\",\"protected\":\"eyJhbGciOiJFZERTQSJ9\",\"signature\":"
		 "\"c2ln\"}",
		 HLV_OK},
		{"general",
		 "{\"payload\":\"e30\",\"signatures\":[{\"protected\":\"eyJhbGciOiJFZERTQSJ9\","
		 "\"signature\":\"c2ln\"}]}",
		 HLV_OK},
		{"two signatures",
		 "{\"payload\":\"e30\",\"signatures\":[{\"protected\":\"eyJhbGciOiJFZERTQSJ9\","
		 "\"signature\":\"c2ln\"},{\"protected\":\"eyJhbGciOiJFZERTQSJ9\","
		 "\"signature\":\"c2ln\"}]}",
		 HLV_E_UNSUPPORTED},
		{"no signatures", "{\"payload\":\"e30\",\"signatures\":[]}", HLV_E_MALFORMED},
		{"algorithm outside what is signed",
		 "{\"payload\":\"e30\",\"header\":{\"alg\":\"EdDSA\"},\"signature\":\"c2ln\"}",
		 HLV_E_MALFORMED},
		{"payload twice",
		 "{\"payload\":\"e30\",\"payload\":\"e30\",\"protected\":"
		 "\"eyJhbGciOiJFZERTQSJ9\","
		 "\"signature\":\"c2ln\"}",
		 HLV_E_MALFORMED},
		{"nothing", "", HLV_E_MALFORMED},
		{"one dot", "eyJhbGciOiJFZERTQSJ9.e30", HLV_E_MALFORMED},
		{"three dots", "eyJhbGciOiJFZERTQSJ9.e30.c2ln.c2ln", HLV_E_MALFORMED},
		{"no signature", "eyJhbGciOiJFZERTQSJ9.e30.", HLV_E_MALFORMED},
		{"no payload", "eyJhbGciOiJFZERTQSJ9..c2ln", HLV_E_MALFORMED},
		{"no header", ".e30.c2ln", HLV_E_MALFORMED},
		{"padding", "eyJhbGciOiJFZERTQSJ9.e30=.c2ln", HLV_E_MALFORMED},
		{"line end", "eyJhbGciOiJFZERTQSJ9.e30.c2\nln", HLV_E_MALFORMED},
		{"the other alphabet", "eyJhbGciOiJFZERTQSJ9.e30.c2/n", HLV_E_MALFORMED},
		{"header is no object", "W10.e30.c2ln", HLV_E_MALFORMED},
		{"header without algorithm", "e30.e30.c2ln", HLV_E_MALFORMED},
		/* {"alg":"EdDSA","crit":["b64"],"b64":false} */
		{"what we do not understand",
		 "eyJhbGciOiJFZERTQSIsImNyaXQiOlsiYjY0Il0sImI2NCI6ZmFsc2V9.e30.c2ln",
		 HLV_E_UNSUPPORTED},
		{"half an object", "{\"payload\":", HLV_E_MALFORMED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_jws jws;
		check_err(rows[i].name, hlv_jws_parse(hlv_text(rows[i].text), &arena, &jws),
			  rows[i].want);
	}
	struct hlv_jws jws;
	uint8_t *big = hlv_alloc(&arena, HLV_JWS_MAX + 1);
	check_err("too long", hlv_jws_parse(hlv_bytes(big, HLV_JWS_MAX + 1), &arena, &jws),
		  HLV_E_LIMIT);
	hlv_arena_reset(&arena);
}

/* The one signature that the national SDK made (industrial.md 5.10). */
static void test_sdk(void **state)
{
	(void)state;
	struct hlv_key *key = NULL;
	struct hlv_jws jws;
	check_err(
		"key",
		hlv_spki_decode(
			hex(&arena,
			    "3059301306072a8648ce3d020106082a811ccf5501822d03420004e96f8299910e"
			    "b43aa548288f6727dda64d2d73b71532aab5a6d50760ee4989abe5f3be3e3e9b1f"
			    "c376997c743dbcda044e3e57c449a7350585f994f9843db68e"),
			&key),
		HLV_OK);
	check_err("SM2256",
		  hlv_jws_parse(
			  hlv_text("eyJhbGciOiJTTTIyNTYifQ.eyJpc3MiOiIzMDA6ODguMTExLjEvYSJ9."
				   "MEQCIHjBWUqq_FSyOrpML7I_h8MWtnhYJOh3gPjBcfacSIRYAiAjroo9Ts"
				   "4JYhN7ORvNrwlANZMvxRT631OciL-uiZbuPA"),
			  &arena, &jws),
		  HLV_OK);
	check_err("SM2256", hlv_jws_verify(&jws, key), HLV_OK);
	hlv_key_free(key);
	hlv_arena_reset(&arena);
}

/* --- claims --- */

#define TIMES ",\"sub\":\"a/b\",\"iss\":\"300:0.NA/a\",\"exp\":20,\"nbf\":10,\"iat\":10}"
#define DIGEST "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""
#define LIST(what) "{\"digests\":{\"alg\":\"SHA-256\",\"digests\":" what "}" TIMES
#define KEY                                                                                    \
	"\"publicKey\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"                            \
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

static void test_signature_claims(void **state)
{
	(void)state;
	static const struct {
		const char *name, *text;
		enum hlv_err want;
	} rows[] = {
		{"none", LIST("[]"), HLV_OK},
		{"two",
		 LIST("[{\"index\":2,\"digest\":" DIGEST "},{\"index\":1,\"digest\":" DIGEST
		      "}]"),
		 HLV_OK},
		{"one index twice",
		 LIST("[{\"index\":2,\"digest\":" DIGEST "},{\"index\":2,\"digest\":" DIGEST
		      "}]"),
		 HLV_E_MALFORMED},
		{"index 0", LIST("[{\"index\":0,\"digest\":" DIGEST "}]"), HLV_E_MALFORMED},
		{"index below", LIST("[{\"index\":-1,\"digest\":" DIGEST "}]"),
		 HLV_E_MALFORMED},
		{"index above", LIST("[{\"index\":2147483648,\"digest\":" DIGEST "}]"),
		 HLV_E_MALFORMED},
		{"half an index", LIST("[{\"index\":1.5,\"digest\":" DIGEST "}]"),
		 HLV_E_MALFORMED},
		{"no digest", LIST("[{\"index\":1}]"), HLV_E_MALFORMED},
		{"short digest", LIST("[{\"index\":1,\"digest\":\"AAAA\"}]"), HLV_E_MALFORMED},
		{"no base64", LIST("[{\"index\":1,\"digest\":\"*\"}]"), HLV_E_MALFORMED},
		{"a number", LIST("[1]"), HLV_E_MALFORMED},
		{"an object", LIST("{}"), HLV_E_MALFORMED},
		{"SHA-1", "{\"digests\":{\"alg\":\"SHA-1\",\"digests\":[]}" TIMES,
		 HLV_E_UNSUPPORTED},
		{"no digests", "{\"x\":1" TIMES, HLV_E_MALFORMED},
		{"no subject",
		 "{\"digests\":{\"alg\":\"SHA-256\",\"digests\":[]},\"iss\":\"1:a/b\"}",
		 HLV_E_MALFORMED},
		{"no issuer",
		 "{\"digests\":{\"alg\":\"SHA-256\",\"digests\":[]},\"sub\":\"a/b\"}",
		 HLV_E_MALFORMED},
		{"an array", "[]", HLV_E_MALFORMED},
		{"nothing", "", HLV_E_MALFORMED},
		{"times as text",
		 "{\"digests\":{\"alg\":\"SHA-256\",\"digests\":[]},\"sub\":\"a/"
		 "b\",\"iss\":\"1:a/b\",\"exp\":\"soon\"}",
		 HLV_E_MALFORMED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_claims c;
		check_err(rows[i].name,
			  hlv_claims_parse_signature(hlv_text(rows[i].text), &arena, &c),
			  rows[i].want);
	}
	struct hlv_claims c;
	check_err("no times",
		  hlv_claims_parse_signature(
			  hlv_text("{\"digests\":{\"alg\":\"SHA-256\",\"digests\":[]},"
				   "\"sub\":\"a/b\",\"iss\":\"1:a/b\"}"),
			  &arena, &c),
		  HLV_OK);
	check_u64("never valid", (uint64_t)c.exp, 0);
	hlv_arena_reset(&arena);
}

static void test_cert_claims(void **state)
{
	(void)state;
	static const struct {
		const char *name, *text;
		enum hlv_err want;
		size_t grants;
	} rows[] = {
		{"good", "{" KEY ",\"perms\":[{\"perm\":\"everything\"}]" TIMES, HLV_OK, 1},
		{"no permissions", "{" KEY TIMES, HLV_OK, 0},
		{"null permissions", "{" KEY ",\"perms\":null" TIMES, HLV_OK, 0},
		{"a chain", "{" KEY ",\"chain\":[\"400:a/b\"]" TIMES, HLV_OK, 0},
		{"no key", "{\"perms\":[]" TIMES, HLV_E_MALFORMED, 0},
		{"a wrong key",
		 "{\"publicKey\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}" TIMES,
		 HLV_E_MALFORMED, 0},
		{"a key as text", "{\"publicKey\":\"key\"" TIMES, HLV_E_MALFORMED, 0},
		{"an unknown permission", "{" KEY ",\"perms\":[{\"perm\":\"all\"}]" TIMES,
		 HLV_OK, 1},
		{"a permission without a name", "{" KEY ",\"perms\":[{\"handle\":\"a\"}]" TIMES,
		 HLV_E_MALFORMED, 0},
		{"permissions as an object", "{" KEY ",\"perms\":{}" TIMES, HLV_E_MALFORMED, 0},
		{"a permission as text", "{" KEY ",\"perms\":[\"everything\"]" TIMES,
		 HLV_E_MALFORMED, 0},
		{"a handle as a number",
		 "{" KEY ",\"perms\":[{\"perm\":\"everything\",\"handle\":1}]" TIMES,
		 HLV_E_MALFORMED, 0},
		{"a chain of numbers", "{" KEY ",\"chain\":[1]" TIMES, HLV_E_MALFORMED, 0},
		{"a chain as text", "{" KEY ",\"chain\":\"400:a/b\"" TIMES, HLV_E_MALFORMED, 0},
		{"a long chain",
		 "{" KEY ",\"chain\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\","
		 "\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\"]" TIMES,
		 HLV_E_LIMIT, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_claims c;
		check_err(rows[i].name,
			  hlv_claims_parse_cert(hlv_text(rows[i].text), &arena, &c),
			  rows[i].want);
		if (rows[i].want == HLV_OK)
			check_u64(rows[i].name, c.ngrants, rows[i].grants);
		if (rows[i].want == HLV_OK && rows[i].grants == 1)
			assert_int_equal(hlv_claims_cover(&c, hlv_text("a/b")), i == 0);
	}
	hlv_arena_reset(&arena);
}

/* --- what digests fit --- */

static struct hlv_list values_of(const char *const *types, const uint8_t *perms, size_t n)
{
	uint8_t *room = hlv_alloc_raw(&arena, 4096);
	struct hlv_writer w = hlv_writer(room, 4096);
	for (size_t i = 0; i < n; i++) {
		struct hlv_value v = {.index = (uint32_t)i + 1,
				      .mtime_s = 7,
				      .ttl_s = 60,
				      .perms = perms[i],
				      .type = hlv_text(types[i]),
				      .data = hlv_text("data")};
		hlv_value_encode(&w, &v);
	}
	return (struct hlv_list){(uint32_t)n, hlv_written(&w)};
}

static void test_fit(void **state)
{
	(void)state;
	static const char *const types[] = {"URL",	     "HS_SIGNATURE", "HS_SIGNATURE.OLD",
					    "HS_SIGNATURES", "SECRET",	     "HS_SECKEY"};
	static const uint8_t perms[] = {14, 14, 14, 14, 12, 14};
	char why[HLV_CLAIMS_WHY];
	struct hlv_list list = values_of(types, perms, 6);
	struct hlv_claims c = {0};
	check_err("digests", hlv_values_digests(&list, &arena, &c.digests, &c.ndigests),
		  HLV_OK);
	check_u64("public values that are no signatures", c.ndigests, 2);
	check_u64("URL", c.digests[0].index, 1);
	check_u64("what only begins so", c.digests[1].index, 4);
	assert_true(hlv_claims_fit(&c, &list, why));

	/* Later time stamps do not matter, all else does. */
	uint8_t *copy = hlv_alloc_raw(&arena, list.raw.n);
	size_t first = 0;
	struct hlv_reader r = hlv_reader(list.raw);
	struct hlv_value v;
	check_err("first", hlv_value_decode(&r, &v), HLV_OK);
	first = r.pos;
	for (size_t at = 4; at < first; at++) {
		memcpy(copy, list.raw.p, list.raw.n);
		copy[at] ^= at < 13 || at >= 14 ? 1 : 4;
		struct hlv_list changed = {6, hlv_bytes(copy, list.raw.n)};
		struct hlv_reader again = hlv_reader(changed.raw);
		bool readable = true;
		for (int i = 0; i < 6 && readable; i++)
			readable = hlv_value_decode(&again, &v) == HLV_OK;
		bool fits = hlv_claims_fit(&c, &changed, why);
		if (fits != (at < 8) && readable)
			fail_msg("changed at %zu: %d (%s)", at, fits, why);
		if (fits && !readable)
			fail_msg("changed at %zu: fits and cannot be read", at);
	}
	/* One more, one less, none. */
	static const char *const more[] = {"URL", "X", "HS_SIGNATURE.OLD", "HS_SIGNATURES"};
	struct hlv_list added = values_of(more, perms, 4), gone = values_of(types, perms, 3),
			none = {0};
	assert_false(hlv_claims_fit(&c, &added, why));
	assert_non_null(strstr(why, "value 2 is not covered"));
	assert_false(hlv_claims_fit(&c, &gone, why));
	assert_non_null(strstr(why, "gone"));
	assert_false(hlv_claims_fit(&c, &none, why));
	assert_true(hlv_claims_fit(&(struct hlv_claims){0}, &none, why));
	hlv_arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_kinds),   cmocka_unit_test(test_other_algorithms),
		cmocka_unit_test(test_each_octet),  cmocka_unit_test(test_forms),
		cmocka_unit_test(test_sdk),	    cmocka_unit_test(test_signature_claims),
		cmocka_unit_test(test_cert_claims), cmocka_unit_test(test_fit),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
