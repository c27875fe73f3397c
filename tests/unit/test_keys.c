/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "proto/base/rand.h"
#include "proto/sec/sign.h"
#include "resolver/keys.h"

enum { MANY = 1500, ROOM = 1024 };

static struct hlv_bytes make_key(struct hlv_arena *a, enum hlv_key_kind kind,
				 struct hlv_key **key)
{
	struct hlv_writer w = hlv_writer(hlv_alloc(a, ROOM), ROOM);
	assert_int_equal(hlv_key_generate(kind, key), HLV_OK);
	assert_int_equal(hlv_pubkey_encode(&w, *key), HLV_OK);
	return hlv_written(&w);
}

static void make_message(struct hlv_arena *a, const struct hlv_key *key, uint32_t id,
			 struct hlv_message *m)
{
	struct hlv_envelope env = {2, 11, 0, 2, 11, 0, id, 0, 0};
	struct hlv_header hdr = {.op = HLV_OP_RESOLUTION, .rc = HLV_RC_NOT_FOUND};
	struct hlv_response rs = {.rc = HLV_RC_NOT_FOUND, .kind = HLV_BODY_ERROR};
	struct hlv_writer w = hlv_writer(hlv_alloc(a, ROOM), ROOM);
	hlv_response_encode(&w, &env, &hdr, &rs);
	assert_int_equal(hlv_message_sign(&w, 0, key, 0), HLV_OK);
	assert_int_equal(hlv_message_decode(hlv_written(&w), m), HLV_OK);
}

/* What is remembered is what would be found out. */
static void test_verify(void **state)
{
	(void)state;
	struct hlv_arena a;
	hlv_arena_init(&a, 64 << 20);
	struct keys *k = keys_new(1);
	struct hlv_key *one, *two;
	struct hlv_bytes octets[2] = {make_key(&a, HLV_KEY_P256, &one),
				      make_key(&a, HLV_KEY_P256, &two)};
	for (uint32_t i = 0; i < 200; i++) {
		struct hlv_message m;
		make_message(&a, one, i, &m);
		for (int again = 0; again < 3; again++) {
			assert_true(keys_verify(k, &m, keys_get(k, octets[0]), octets[0]));
			assert_false(keys_verify(k, &m, keys_get(k, octets[1]), octets[1]));
		}
		/* Any octet of it changed. */
		for (size_t at = 0; at < m.covered.n + m.credential.n; at += 7) {
			bool in_body = at < m.covered.n;
			struct hlv_message evil = m;
			struct hlv_bytes *part = in_body ? &evil.covered : &evil.credential;
			*part = hlv_arena_copy(&a, *part);
			uint8_t *p = (uint8_t *)(uintptr_t)part->p;
			p[in_body ? at : at - m.covered.n] ^= 1;
			const struct hlv_key *key = keys_get(k, octets[0]);
			bool good = hlv_message_verify(&evil, key) == HLV_OK;
			if (keys_verify(k, &evil, key, octets[0]) != good)
				fail_msg("octet %zu: not as it is", at);
		}
		assert_true(keys_verify(k, &m, keys_get(k, octets[0]), octets[0]));
	}
	hlv_key_free(one);
	hlv_key_free(two);
	keys_free(k);
	hlv_arena_fini(&a);
}

/* More than there are places for, and some that are none. */
static void test_get(void **state)
{
	(void)state;
	static struct hlv_bytes octets[MANY];
	struct hlv_arena a;
	struct hlv_rand rand;
	hlv_arena_init(&a, 64 << 20);
	hlv_rand_seed(&rand, 3);
	struct keys *k = keys_new(2);
	for (size_t i = 0; i < MANY; i++) {
		struct hlv_key *key;
		octets[i] = make_key(&a, HLV_KEY_ED25519, &key);
		hlv_key_free(key);
	}
	for (int i = 0; i < 20000; i++) {
		struct hlv_bytes want = octets[hlv_rand_below(&rand, MANY)];
		uint8_t got[ROOM];
		struct hlv_writer w = hlv_writer(got, sizeof got);
		const struct hlv_key *key = keys_get(k, want);
		assert_non_null(key);
		assert_int_equal(hlv_pubkey_encode(&w, key), HLV_OK);
		check_bytes("key", hlv_written(&w), want);
		if (i % 100 == 0) {
			assert_null(keys_get(k, hlv_head(want, want.n - 1)));
			assert_null(keys_get(k, (struct hlv_bytes){0}));
		}
	}
	keys_free(k);
	hlv_arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_get),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
