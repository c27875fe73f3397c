/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client of ours signs: the challenge to its own request, and nothing else (threats.md 3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/net/prove.h"
#include "proto/sec/digest.h"

enum { ROOM = 4096 };

static const uint8_t zeros[HLV_HASH_MAX];
static const uint8_t nonce[80] =
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* Our request to delete something, as we sent it. */
static void make_request(uint8_t room[ROOM], int minor, const char *handle,
			 struct hlv_message *sent)
{
	struct hlv_writer w = hlv_writer(room, ROOM);
	struct hlv_request rq = {.m.env = {.major = 2,
					   .minor = (uint8_t)minor,
					   .suggest_major = 2,
					   .suggest_minor = 11,
					   .request_id = 7},
				 .m.hdr = {.op = HLV_OP_DELETE_HANDLE},
				 .handle = hlv_text(handle)};
	hlv_request_encode(&w, &rq);
	assert_int_equal(hlv_message_decode(hlv_written(&w), sent), HLV_OK);
}

struct challenge {
	struct hlv_message m;
	struct hlv_response rs;
	uint8_t digest[HLV_HASH_MAX];
};

/* As an honest server of that version makes it for `request`. */
static void make_challenge(struct challenge *c, const struct hlv_message *request, int version)
{
	*c = (struct challenge){0};
	c->m.env = (struct hlv_envelope){.major = 2,
					 .minor = (uint8_t)(version % 256),
					 .suggest_major = 2,
					 .suggest_minor = 11,
					 .session_id = 4711};
	c->rs = (struct hlv_response){.rc = HLV_RC_AUTHENTICATION_NEEDED,
				      .kind = HLV_BODY_CHALLENGE,
				      .octets = hlv_bytes(nonce, 16),
				      .has_digest = true};
	assert_int_equal(
		hlv_request_digest(request->covered, version, c->digest, &c->rs.digest),
		HLV_OK);
}

static char word[] = "a secret";
static const struct hlv_prove_identity secret = {
	.who = {{(const uint8_t *)"0.NA/88", 7}, 300},
	.secret = {.p = word, .n = 8},
};

static enum hlv_err prove(const struct hlv_prove_identity *id, const struct hlv_message *sent,
			  const struct challenge *c, struct hlv_request *out,
			  uint8_t room[ROOM])
{
	struct hlv_writer w = hlv_writer(room, ROOM);
	enum hlv_err err = hlv_prove_answer(id, sent, &c->m, &c->rs, 99, &w);
	if (err != HLV_OK) {
		assert_int_equal(w.n, 0); /* not an octet of a proof */
		return err;
	}
	assert_int_equal(hlv_message_decode(hlv_written(&w), &out->m), HLV_OK);
	assert_int_equal(hlv_request_decode(&out->m, out), HLV_OK);
	return HLV_OK;
}

static void test_secret(void **state)
{
	(void)state;
	uint8_t request[ROOM], answer[ROOM];
	struct hlv_message sent;
	struct hlv_request rq;
	struct challenge c;
	make_request(request, 11, "88/x", &sent);
	make_challenge(&c, &sent, HLV_V(2, 11));
	assert_int_equal(prove(&secret, &sent, &c, &rq, answer), HLV_OK);
	assert_int_equal(rq.m.hdr.op, HLV_OP_RESPONSE_TO_CHALLENGE);
	assert_int_equal(rq.m.env.session_id, 4711);
	assert_int_equal(rq.m.env.request_id, 99);
	assert_true(hlv_eq(rq.auth.kind, hlv_text("HS_SECKEY")));
	assert_int_equal(rq.auth.who.index, 300);
	assert_int_equal(hlv_check_secret(hlv_buf_bytes(&secret.secret), c.rs.octets,
					  c.rs.digest.octets, rq.auth.proof),
			 HLV_OK);
}

static void test_key(void **state)
{
	(void)state;
	static const enum hlv_key_kind kinds[] = {HLV_KEY_RSA, HLV_KEY_P256, HLV_KEY_ED25519,
						  HLV_KEY_SM2};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		uint8_t request[ROOM], answer[ROOM];
		struct hlv_message sent;
		struct hlv_request rq;
		struct challenge c;
		struct hlv_key *key;
		assert_int_equal(hlv_key_generate(kinds[i], &key), HLV_OK);
		struct hlv_prove_identity id = {.who = secret.who, .key = key};
		make_request(request, 11, "88/x", &sent);
		make_challenge(&c, &sent, HLV_V(2, 11));
		assert_int_equal(prove(&id, &sent, &c, &rq, answer), HLV_OK);
		assert_true(hlv_eq(rq.auth.kind, hlv_text("HS_PUBKEY")));
		enum hlv_err err = hlv_check_public(key, c.rs.octets, c.rs.digest.octets,
						    id.who.handle, rq.auth.proof);
		if (err != HLV_OK)
			fail_msg("%s: %s", hlv_key_name(key), hlv_strerror(err));
		hlv_key_free(key);
	}
}

/* A number of our own choice is known by the version that we asked in (industrial.md 5.1); else the
 * answer is in the challenge's. */
static void test_version(void **state)
{
	(void)state;
	static const struct {
		int ours, theirs, want;
	} rows[] = {{11, 11, 11}, {10, 11, 10}, {11, 7, 7}, {10, 10, 10}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t request[ROOM], answer[ROOM];
		struct hlv_message sent;
		struct hlv_request rq;
		struct challenge c;
		make_request(request, rows[i].ours, "88/x", &sent);
		make_challenge(&c, &sent, HLV_V(2, rows[i].theirs));
		assert_int_equal(prove(&secret, &sent, &c, &rq, answer), HLV_OK);
		assert_int_equal(rq.m.env.minor, rows[i].want);
	}
}

static void other_request(struct challenge *c)
{
	static uint8_t room[ROOM];
	struct hlv_message other;
	make_request(room, 11, "88/another", &other);
	make_challenge(c, &other, HLV_V(2, 11));
}
static void no_digest(struct challenge *c)
{
	c->rs.has_digest = false;
}
static void zero_digest(struct challenge *c)
{
	c->rs.digest.octets = hlv_bytes(zeros, 32);
}
static void empty_digest(struct challenge *c)
{
	c->rs.digest.octets.n = 0;
}
static void short_digest(struct challenge *c)
{
	c->rs.digest.octets.n = 31;
}
static void other_kind(struct challenge *c)
{
	c->rs.digest.kind = HLV_DIGEST_SHA1;
}
static void short_nonce(struct challenge *c)
{
	c->rs.octets.n = 15;
}
static void no_nonce(struct challenge *c)
{
	c->rs.octets.n = 0;
}
static void long_nonce(struct challenge *c)
{
	c->rs.octets.n = 65;
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		void (*spoil)(struct challenge *c);
		enum hlv_err want;
	} rows[] = {
		{"for another request", other_request, HLV_E_SIGNATURE},
		{"for no request", no_digest, HLV_E_SIGNATURE},
		{"zeros", zero_digest, HLV_E_SIGNATURE},
		{"an empty digest", empty_digest, HLV_E_SIGNATURE},
		{"a short digest", short_digest, HLV_E_SIGNATURE},
		{"another kind", other_kind, HLV_E_SIGNATURE},
		{"a short nonce", short_nonce, HLV_E_MALFORMED},
		{"no nonce", no_nonce, HLV_E_MALFORMED},
		{"a long nonce", long_nonce, HLV_E_MALFORMED},
	};
	uint8_t request[ROOM], answer[ROOM];
	struct hlv_message sent;
	struct hlv_request rq;
	struct challenge c;
	make_request(request, 11, "88/x", &sent);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		make_challenge(&c, &sent, HLV_V(2, 11));
		rows[i].spoil(&c);
		enum hlv_err err = prove(&secret, &sent, &c, &rq, answer);
		if (err != rows[i].want)
			fail_msg("%s: %s", rows[i].name, hlv_strerror(err));
	}
	/* Right, but by a digest that can be forged: what an old server, or somebody who plays
	 * one, would have us sign. */
	for (int minor = 0; minor < 7; minor++) {
		make_challenge(&c, &sent, HLV_V(2, minor));
		assert_int_equal(prove(&secret, &sent, &c, &rq, answer), HLV_E_SIGNATURE);
	}
	make_challenge(&c, &sent, HLV_V(2, 11));
	struct hlv_prove_identity nothing = {.who = secret.who};
	assert_int_equal(prove(&nothing, &sent, &c, &rq, answer), HLV_E_KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
