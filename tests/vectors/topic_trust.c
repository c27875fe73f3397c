/* SPDX-License-Identifier: Apache-2.0
 *
 * Record signatures: so far the digests of values, which they are made of (protocol.md 13).
 */
#include "proto/base/base64.h"
#include "proto/sec/digest.h"
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

bool topic_trust(const struct vector *v)
{
	return !js_has(v->decoded, "digest_base64") || check_value_digest(v);
}
