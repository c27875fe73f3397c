/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/jws.h"

#include "proto/base/base64.h"
#include "proto/net/json_tree.h"

enum { HALF = 32, ES256_SIZE = 2 * HALF, DER_MAX = 2 * (HALF + 3) + 2 };

const char *hlv_jws_algorithm(const struct hlv_key *key)
{
	switch (hlv_key_kind(key)) {
	case HLV_KEY_RSA:
		return "RS256";
	case HLV_KEY_DSA:
		return "DS256"; /* a private name of the reference's */
	case HLV_KEY_P256:
		return "ES256";
	case HLV_KEY_ED25519:
		return "EdDSA";
	case HLV_KEY_SM2:
		return "SM2256"; /* a private name of the national SDK's */
	case HLV_KEY_DH:
		break;
	}
	return NULL;
}

/* --- taking apart --- */

/* RFC 7515 2: base64url without padding, and nothing else: two spellings of one signature would
 * be two values. */
static bool is_base64url(struct hlv_bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		bool ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			  (c >= '0' && c <= '9') || c == '-' || c == '_';
		if (!ok)
			return false;
	}
	return text.n > 0;
}

static enum hlv_err decode(struct hlv_bytes text, struct hlv_arena *a, struct hlv_bytes *out)
{
	if (!is_base64url(text))
		return HLV_E_MALFORMED;
	size_t cap = text.n / 4 * 3 + 3;
	uint8_t *p = hlv_alloc_raw(a, cap);
	if (!p)
		return HLV_E_NOMEM;
	struct hlv_writer w = hlv_writer(p, cap);
	if (!hlv_base64_parse(text, &w) || w.bad)
		return HLV_E_MALFORMED;
	*out = hlv_written(&w);
	return HLV_OK;
}

static bool split_compact(struct hlv_bytes data, struct hlv_jws *jws,
			  struct hlv_bytes *signature)
{
	const uint8_t *first = memchr(data.p, '.', data.n);
	if (!first)
		return false;
	jws->head = hlv_head(data, (size_t)(first - data.p));
	struct hlv_bytes rest = hlv_skip(data, jws->head.n + 1);
	const uint8_t *second = rest.n > 0 ? memchr(rest.p, '.', rest.n) : NULL;
	if (!second)
		return false;
	jws->body = hlv_head(rest, (size_t)(second - rest.p));
	*signature = hlv_skip(rest, jws->body.n + 1);
	return true;
}

/* RFC 7515 7.2: general or flattened, with one signature. Unprotected headers say nothing that we
 * would believe. */
static enum hlv_err split_json(struct hlv_bytes data, struct hlv_arena *a, struct hlv_jws *jws,
			       struct hlv_bytes *signature)
{
	struct hlv_json j;
	struct hlv_json_error *error = hlv_alloc(a, sizeof *error);
	if (!error)
		return HLV_E_NOMEM;
	HLV_TRY(hlv_json_read(&j, data, a, error));
	if (hlv_json_kind(j.root) != HLV_JSON_OBJECT)
		return HLV_E_MALFORMED;
	const struct hlv_json_node *by = j.root;
	const struct hlv_json_node *list = hlv_json_member(j.root, "signatures");
	if (list) {
		if (hlv_json_kind(list) != HLV_JSON_ARRAY || hlv_json_length(list) == 0)
			return HLV_E_MALFORMED;
		if (hlv_json_length(list) > 1)
			return HLV_E_UNSUPPORTED;
		by = hlv_json_first(list);
	}
	HLV_TRY(hlv_json_get_string(&j, j.root, "payload", &jws->body));
	HLV_TRY(hlv_json_get_string(&j, by, "protected", &jws->head));
	return hlv_json_get_string(&j, by, "signature", signature);
}

static enum hlv_err read_head(struct hlv_bytes head, struct hlv_arena *a,
			      struct hlv_bytes *algorithm)
{
	struct hlv_json j;
	struct hlv_json_error *error = hlv_alloc(a, sizeof *error);
	if (!error)
		return HLV_E_NOMEM;
	HLV_TRY(hlv_json_read(&j, head, a, error));
	if (hlv_json_kind(j.root) != HLV_JSON_OBJECT)
		return HLV_E_MALFORMED;
	/* RFC 7515 4.1.11: what must be understood is not. */
	if (hlv_json_member(j.root, "crit"))
		return HLV_E_UNSUPPORTED;
	return hlv_json_get_string(&j, j.root, "alg", algorithm);
}

enum hlv_err hlv_jws_parse(struct hlv_bytes data, struct hlv_arena *a, struct hlv_jws *jws)
{
	struct hlv_bytes signature = {0}, head = {0};
	*jws = (struct hlv_jws){0};
	if (data.n > HLV_JWS_MAX)
		return HLV_E_LIMIT;
	if (data.n == 0)
		return HLV_E_MALFORMED;
	if (data.p[0] == '{')
		HLV_TRY(split_json(data, a, jws, &signature));
	else if (!split_compact(data, jws, &signature))
		return HLV_E_MALFORMED;
	HLV_TRY(decode(jws->head, a, &head));
	HLV_TRY(read_head(head, a, &jws->algorithm));
	HLV_TRY(decode(jws->body, a, &jws->payload));
	return decode(signature, a, &jws->signature);
}

/* --- the signature --- */

/* ASN.1 INTEGER of an unsigned number of HALF octets. */
static void put_integer(struct hlv_writer *w, struct hlv_bytes n)
{
	while (n.n > 1 && n.p[0] == 0)
		n = hlv_skip(n, 1);
	bool sign = n.p[0] >= 0x80;
	hlv_put_u8(w, 2);
	hlv_put_u8(w, (uint8_t)(n.n + sign));
	if (sign)
		hlv_put_u8(w, 0);
	hlv_put(w, n);
}

/* RFC 7518 3.4 -> X9.62, which the library verifies. */
static struct hlv_bytes to_der(struct hlv_bytes raw, uint8_t room[DER_MAX])
{
	struct hlv_writer w = hlv_writer(room, DER_MAX);
	if (raw.n != ES256_SIZE)
		return (struct hlv_bytes){0};
	hlv_put_u8(&w, 0x30);
	hlv_put_u8(&w, 0);
	put_integer(&w, hlv_head(raw, HALF));
	put_integer(&w, hlv_skip(raw, HALF));
	room[1] = (uint8_t)(w.n - 2);
	return hlv_written(&w);
}

static bool take_integer(struct hlv_reader *r, uint8_t out[HALF])
{
	if (hlv_get_u8(r) != 2)
		return false;
	struct hlv_bytes n = hlv_take(r, hlv_get_u8(r));
	while (n.n > HALF && n.p[0] == 0)
		n = hlv_skip(n, 1);
	if (r->bad || n.n == 0 || n.n > HALF)
		return false;
	memset(out, 0, HALF);
	memcpy(out + HALF - n.n, n.p, n.n);
	return true;
}

static bool from_der(struct hlv_bytes der, uint8_t raw[ES256_SIZE])
{
	struct hlv_reader r = hlv_reader(der);
	return hlv_get_u8(&r) == 0x30 && hlv_get_u8(&r) == der.n - 2 && take_integer(&r, raw) &&
	       take_integer(&r, raw + HALF) && hlv_finished(&r);
}

/* The name of the same in credentials. */
static struct hlv_bytes credential_algorithm(const struct hlv_key *key)
{
	return hlv_text(hlv_signature_algorithm(key, HLV_OUR_VERSION));
}

enum hlv_err hlv_jws_verify(const struct hlv_jws *jws, const struct hlv_key *key)
{
	const char *algorithm = hlv_jws_algorithm(key);
	uint8_t room[DER_MAX];
	if (!algorithm || !hlv_eq(jws->algorithm, hlv_text(algorithm)))
		return HLV_E_KEY;
	struct hlv_bytes spans[] = {jws->head, hlv_text("."), jws->body};
	struct hlv_bytes signature = jws->signature;
	if (hlv_key_kind(key) == HLV_KEY_P256)
		signature = to_der(signature, room);
	if (signature.n == 0)
		return HLV_E_SIGNATURE;
	return hlv_verify(key, credential_algorithm(key), (struct hlv_bytes){0}, spans, 3,
			  signature);
}

enum hlv_err hlv_jws_make(struct hlv_buf *out, struct hlv_bytes payload,
			  const struct hlv_key *key)
{
	const char *algorithm = hlv_jws_algorithm(key);
	uint8_t octets[HLV_SIGNATURE_MAX], raw[ES256_SIZE];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	char head[32];
	if (!algorithm || !hlv_key_is_private(key))
		return HLV_E_KEY;
	size_t at = out->n;
	snprintf(head, sizeof head, "{\"alg\":\"%s\"}", algorithm);
	hlv_base64_put(out, hlv_text(head), HLV_BASE64_URL);
	hlv_buf_str(out, ".");
	hlv_base64_put(out, payload, HLV_BASE64_URL);
	if (out->bad)
		return HLV_E_NOMEM;
	struct hlv_bytes covered = hlv_skip(hlv_buf_bytes(out), at);
	HLV_TRY(hlv_sign(key, credential_algorithm(key), (struct hlv_bytes){0}, &covered, 1,
			 &w));
	struct hlv_bytes signature = hlv_written(&w);
	if (hlv_key_kind(key) == HLV_KEY_P256) {
		if (!from_der(signature, raw))
			return HLV_E_CRYPTO;
		signature = hlv_bytes(raw, sizeof raw);
	}
	hlv_buf_str(out, ".");
	hlv_base64_put(out, signature, HLV_BASE64_URL);
	return out->bad ? HLV_E_NOMEM : HLV_OK;
}
