/* SPDX-License-Identifier: Apache-2.0
 *
 * Record signatures (protocol.md 13): digests of values, what JWS values claim and who has signed
 * them, what permissions cover.
 */
#include "proto/base/base64.h"
#include "proto/net/claims.h"
#include "proto/net/jws.h"
#include "proto/wire/name.h"
#include "tests/vectors/check.h"

enum { NOT_DIGESTED = 8 /* index and timestamp */ };

static bool check_value_digest(const struct vector *v)
{
	struct hlv_reader r = hlv_reader(v->hex);
	struct hlv_value value;
	if (hlv_value_decode(&r, &value) != HLV_OK || !hlv_finished(&r))
		return vector_differs(v, "the value is malformed");
	struct hlv_writer w = message_writer(v);
	hlv_value_encode(&w, &value);
	struct hlv_bytes digested = hlv_skip(hlv_written(&w), NOT_DIGESTED);
	uint8_t out[HLV_HASH_MAX];
	if (hlv_hash(HLV_SHA256, digested, out) != HLV_OK)
		return vector_differs(v, "no SHA-256");
	struct hlv_buf text = {0};
	hlv_base64_put(&text, hlv_bytes(out, hlv_hash_size(HLV_SHA256)), HLV_BASE64);
	bool ok = vector_u64(v, "index", value.index, js_u64(v->decoded, "index")) &&
		  vector_bytes(v, "digested octets", digested,
			       js_hex(v, v->decoded, "digested_octets")) &&
		  vector_bytes(v, "digest", hlv_buf_bytes(&text),
			       js_text(v->decoded, "digest_base64"));
	hlv_buf_free(&text);
	return ok;
}

/* --- JWS values --- */

static bool check_times(const struct vector *v, const struct hlv_claims *c, const cJSON *want)
{
	return vector_bytes(v, "sub", c->sub, js_text(want, "sub")) &&
	       vector_bytes(v, "iss", c->iss, js_text(want, "iss")) &&
	       vector_u64(v, "nbf", (uint64_t)c->nbf, js_u64(want, "nbf")) &&
	       vector_u64(v, "exp", (uint64_t)c->exp, js_u64(want, "exp")) &&
	       vector_u64(v, "iat", (uint64_t)c->iat, js_u64(want, "iat"));
}

static bool check_digests(const struct vector *v, const struct hlv_claims *c, const cJSON *want)
{
	const cJSON *list = js_get(want, "digests.digests"), *x;
	if (!vector_u64(v, "digests", c->ndigests, (uint64_t)cJSON_GetArraySize(list)))
		return false;
	cJSON_ArrayForEach (x, list) {
		struct hlv_buf text = {0};
		bool ok = false;
		for (size_t i = 0; i < c->ndigests; i++) {
			if (c->digests[i].index != js_u64(x, "index"))
				continue;
			hlv_buf_clear(&text);
			hlv_base64_put(&text, hlv_bytes(c->digests[i].octets, 32), HLV_BASE64);
			ok = hlv_eq(hlv_buf_bytes(&text), js_text(x, "digest"));
		}
		hlv_buf_free(&text);
		if (!ok)
			return vector_differs(v, "the digest of a value");
	}
	return true;
}

static bool check_grants(const struct vector *v, const struct hlv_claims *c, const cJSON *want)
{
	const cJSON *list = js_get(want, "perms"), *x;
	size_t i = 0;
	if (!vector_u64(v, "perms", c->ngrants, (uint64_t)cJSON_GetArraySize(list)))
		return false;
	cJSON_ArrayForEach (x, list) {
		const struct hlv_grant *g = &c->grants[i++];
		if (!vector_bytes(v, "perm", hlv_text(hlv_grant_name(g->kind)),
				  js_text(x, "perm")) ||
		    !vector_bytes(v, "perm's handle", g->handle, js_text(x, "handle")))
			return false;
	}
	return true;
}

static bool check_chain(const struct vector *v, const struct hlv_claims *c, const cJSON *want)
{
	const cJSON *list = js_get(want, "chain"), *x;
	size_t i = 0;
	if (!vector_u64(v, "chain", c->nchain, (uint64_t)cJSON_GetArraySize(list)))
		return false;
	cJSON_ArrayForEach (x, list) {
		struct hlv_ref ref = hlv_ref_parse(hlv_text(x->valuestring));
		if (!vector_u64(v, "chain's index", c->chain[i].index, ref.index) ||
		    !vector_bytes(v, "chain's handle", c->chain[i++].handle, ref.handle))
			return false;
	}
	return true;
}

/* What we write must mean the same when it is read back. */
static bool check_payload(const struct vector *v, struct hlv_bytes payload, const cJSON *want)
{
	struct hlv_claims c;
	bool cert = js_has(want, "publicKey");
	enum hlv_err err = cert ? hlv_claims_parse_cert(payload, v->arena, &c)
				: hlv_claims_parse_signature(payload, v->arena, &c);
	if (err != HLV_OK)
		return vector_differs(v, "the payload: %s", hlv_strerror(err));
	return check_times(v, &c, want) && (cert || check_digests(v, &c, want)) &&
	       check_grants(v, &c, want) && check_chain(v, &c, want);
}

static bool check_rewritten(const struct vector *v, const struct hlv_jws *jws)
{
	const cJSON *want = js_get(v->decoded, "payload");
	struct hlv_claims c;
	struct hlv_buf b = {0};
	enum hlv_err err;
	if (js_has(want, "publicKey")) {
		err = hlv_claims_parse_cert(jws->payload, v->arena, &c);
		if (err == HLV_OK)
			err = hlv_claims_put_cert(&b, &c);
	} else {
		err = hlv_claims_parse_signature(jws->payload, v->arena, &c);
		if (err == HLV_OK)
			hlv_claims_put_signature(&b, &c);
	}
	bool ok = err == HLV_OK ? check_payload(v, hlv_buf_bytes(&b), want)
				: vector_differs(v, "written: %s", hlv_strerror(err));
	hlv_buf_free(&b);
	return ok;
}

static bool check_form(const struct vector *v, struct hlv_bytes text, const struct hlv_key *key)
{
	struct hlv_jws jws;
	enum hlv_err err = hlv_jws_parse(text, v->arena, &jws);
	if (err != HLV_OK)
		return vector_differs(v, "not taken: %s", hlv_strerror(err));
	if (!check_payload(v, jws.payload, js_get(v->decoded, "payload")))
		return false;
	err = hlv_jws_verify(&jws, key);
	if (!vector_bool(v, "verifies", err == HLV_OK, js_bool(v->decoded, "validates")))
		return false;
	/* One octet of the payload changed. */
	uint8_t *body = hlv_alloc(v->arena, jws.body.n);
	memcpy(body, jws.body.p, jws.body.n);
	body[jws.body.n / 2] ^= 1;
	jws.body.p = body;
	return vector_bool(v, "verifies when changed", hlv_jws_verify(&jws, key) == HLV_OK,
			   false);
}

static bool check_jws(const struct vector *v)
{
	struct hlv_key *key = NULL;
	struct hlv_jws jws;
	if (hlv_pubkey_decode(js_hex(v, v->decoded, "public_key_hex"), &key) != HLV_OK)
		return vector_differs(v, "the key is not taken");
	bool ok = vector_bytes(v, "octets", v->hex, js_text(v->decoded, "jws")) &&
		  check_form(v, v->hex, key);
	if (ok && js_has(v->decoded, "jws_json"))
		ok = check_form(v, js_text(v->decoded, "jws_json"), key);
	ok = ok && hlv_jws_parse(v->hex, v->arena, &jws) == HLV_OK && check_rewritten(v, &jws);
	hlv_key_free(key);
	return ok;
}

/* --- permissions --- */

static bool check_permission(const struct vector *v)
{
	struct hlv_grant grant = {.kind = hlv_grant_kind(js_text(v->decoded, "perm")),
				  .handle = js_text(v->decoded, "perm_handle")};
	return vector_bytes(v, "octets", v->hex, js_text(v->decoded, "handle")) &&
	       vector_bool(v, "authorised", hlv_grant_covers(&grant, v->hex),
			   js_bool(v->decoded, "authorised"));
}

bool topic_trust(const struct vector *v)
{
	if (js_has(v->decoded, "digest_base64"))
		return check_value_digest(v);
	if (js_has(v->decoded, "jws"))
		return check_jws(v);
	if (js_has(v->decoded, "perm"))
		return check_permission(v);
	return vector_differs(v, "what is it?");
}
