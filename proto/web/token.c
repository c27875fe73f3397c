/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/token.h"

#include "proto/base/base64.h"
#include "proto/base/reader.h"
#include "proto/base/writer.h"
#include "proto/sec/mac.h"
#include "proto/wire/name.h"

enum {
	VERSION = 2,
	PROVEN = 8 + 1 + HLV_PROVEN_DIGEST,
	FIXED = 1 + 1 + 8 + PROVEN +
		4, /* version, how, expires, proven, index; then the handle */
	MAC_SIZE = 32,
	TEXT_MAX = 4 * (FIXED + HLV_IDENTIFIER_MAX + MAC_SIZE) / 3 + 4,
};

static bool seal(const struct web *web, struct hlv_bytes payload, struct hlv_mac *mac)
{
	/* The key makes other things than tokens, too. */
	struct hlv_bytes spans[] = {hlv_text("token"), payload};
	struct hlv_bytes key = hlv_bytes(web->token_key, sizeof web->token_key);
	return hlv_mac(HLV_MAC_HMAC_SHA256, key, spans, 2, mac) == HLV_OK;
}

void web_token_put(struct hlv_buf *out, const struct web *web, const struct web_token *token)
{
	uint8_t room[FIXED + HLV_IDENTIFIER_MAX + MAC_SIZE];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	struct hlv_mac mac;
	hlv_put_u8(&w, VERSION);
	hlv_put_u8(&w, (uint8_t)token->how);
	hlv_put_u64(&w, token->expires_s);
	hlv_put_u64(&w, token->proven.at_s);
	hlv_put_u8(&w, token->proven.flags);
	hlv_put(&w, hlv_bytes(token->proven.digest, HLV_PROVEN_DIGEST));
	hlv_put_u32(&w, token->who.index);
	hlv_put(&w, token->who.handle);
	if (w.bad || !seal(web, hlv_written(&w), &mac)) {
		out->bad = true;
		return;
	}
	hlv_put(&w, hlv_bytes(mac.octets, mac.n));
	hlv_base64_put(out, hlv_written(&w), HLV_BASE64_URL);
}

bool web_token_open(const struct web *web, struct hlv_bytes text, struct hlv_now now,
		    struct hlv_arena *a, struct web_token *token)
{
	if (text.n > TEXT_MAX)
		return false;
	uint8_t *room = hlv_alloc_raw(a, text.n + 1);
	struct hlv_writer w = hlv_writer(room, room ? text.n : 0);
	struct hlv_mac mac;
	if (!hlv_base64_parse(text, &w) || w.bad || w.n <= FIXED + MAC_SIZE)
		return false;
	struct hlv_bytes payload = hlv_head(hlv_written(&w), w.n - MAC_SIZE);
	if (!seal(web, payload, &mac) ||
	    !hlv_mac_is(&mac, hlv_skip(hlv_written(&w), payload.n)))
		return false;
	struct hlv_reader r = hlv_reader(payload);
	if (hlv_get_u8(&r) != VERSION)
		return false;
	token->how = (enum web_how)hlv_get_u8(&r);
	token->expires_s = hlv_get_u64(&r);
	token->proven.at_s = hlv_get_u64(&r);
	token->proven.flags = hlv_get_u8(&r);
	struct hlv_bytes digest = hlv_take(&r, HLV_PROVEN_DIGEST);
	if (r.bad)
		return false;
	memcpy(token->proven.digest, digest.p, HLV_PROVEN_DIGEST);
	token->who.index = hlv_get_u32(&r);
	token->who.handle = hlv_take_rest(&r);
	return !r.bad && token->expires_s > now.wall_ms / 1000;
}
