/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed statements in values: what is taken apart holds what the text says; claims that are
 * written are read back the same; nothing that was changed verifies.
 */
#include "proto/net/claims.h"
#include "proto/net/jws.h"
#include "proto/wire/codes.h"
#include "tests/fuzz/fuzz.h"

static void same_claims(const struct hlv_claims *a, const struct hlv_claims *b)
{
	hlv_require(hlv_eq(a->sub, b->sub) && hlv_eq(a->iss, b->iss));
	hlv_require(a->nbf == b->nbf && a->exp == b->exp && a->iat == b->iat);
	hlv_require(a->ndigests == b->ndigests && a->ngrants == b->ngrants);
	hlv_require(hlv_eq(a->key, b->key));
	for (size_t i = 0; i < a->ndigests; i++) {
		hlv_require(a->digests[i].index == b->digests[i].index);
		hlv_require(i == 0 || a->digests[i - 1].index < a->digests[i].index);
		hlv_require(memcmp(a->digests[i].octets, b->digests[i].octets,
				   HLV_VALUE_DIGEST) == 0);
	}
	for (size_t i = 0; i < a->ngrants; i++)
		hlv_require(a->grants[i].kind == b->grants[i].kind &&
			    hlv_eq(a->grants[i].handle, b->grants[i].handle));
}

static void check_claims(struct hlv_arena *a, struct hlv_bytes payload)
{
	struct hlv_claims c, again;
	struct hlv_buf b = {0};
	if (hlv_claims_parse_signature(payload, a, &c) == HLV_OK) {
		hlv_claims_put_signature(&b, &c);
		hlv_require(hlv_claims_parse_signature(hlv_buf_bytes(&b), a, &again) == HLV_OK);
		same_claims(&c, &again);
	}
	hlv_buf_clear(&b);
	if (hlv_claims_parse_cert(payload, a, &c) == HLV_OK &&
	    hlv_claims_put_cert(&b, &c) == HLV_OK) {
		hlv_require(hlv_claims_parse_cert(hlv_buf_bytes(&b), a, &again) == HLV_OK);
		same_claims(&c, &again);
	}
	hlv_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct hlv_key *key;
	struct hlv_arena *a = fuzz_arena();
	struct hlv_bytes in = fuzz_copy(a, hlv_bytes(data, n));
	struct hlv_jws jws;
	if (n > HLV_JWS_MAX)
		return 0;
	if (!key)
		hlv_require(hlv_key_generate(HLV_KEY_ED25519, &key) == HLV_OK);
	check_claims(a, in);
	if (hlv_jws_parse(in, a, &jws) != HLV_OK)
		return 0;
	hlv_require(jws.payload.n > 0 && jws.payload.n <= jws.body.n);
	hlv_require(hlv_jws_verify(&jws, key) != HLV_OK); /* a key of this moment */
	check_claims(a, jws.payload);
	/* The same payload, signed by us, comes through whole. */
	struct hlv_buf b = {0};
	struct hlv_jws ours;
	hlv_require(hlv_jws_make(&b, jws.payload, key) == HLV_OK);
	if (hlv_jws_parse(hlv_buf_bytes(&b), a, &ours) == HLV_OK) {
		hlv_require(hlv_eq(ours.payload, jws.payload));
		hlv_require(hlv_jws_verify(&ours, key) == HLV_OK);
	}
	hlv_buf_free(&b);
	return 0;
}
