/* SPDX-License-Identifier: Apache-2.0
 *
 * What handlers answer with: JSON envelopes, and codes of the protocol as statuses of HTTP
 * (protocol.md 15.2, 15.3; rest-clients.md 2).
 */
#include "proto/net/json.h"
#include "proto/web/login.h"
#include "proto/web/params.h"

const char WEB_JSON[] = "application/json;charset=utf-8";
const char WEB_LINES[] = "application/x-ndjson;charset=utf-8";

void web_error(struct http_call *call, unsigned status, uint32_t rc, const char *message)
{
	hlv_buf_clear(&call->out);
	hlv_buf_printf(&call->out, "{\"responseCode\":%u,\"message\":", rc);
	hlv_json_put_str(&call->out, hlv_text(message));
	hlv_buf_str(&call->out, "}");
	http_reply(call, status, web_dress(call));
}

unsigned web_status(const struct http_call *call, uint32_t rc, bool read)
{
	switch (rc) {
	case HLV_RC_SUCCESS:
		return 200;
	case HLV_RC_VALUES_NOT_FOUND:
		return read ? 200 : 400;
	case HLV_RC_SERVICE_REFERRAL:
	case HLV_RC_PREFIX_REFERRAL:
		return 300;
	case HLV_RC_NOT_FOUND:
		return 404;
	case HLV_RC_EXISTS:
	case HLV_RC_VALUE_EXISTS:
		return 409;
	case HLV_RC_PROTOCOL_ERROR:
	case HLV_RC_INVALID_HANDLE:
	case HLV_RC_INVALID_VALUE:
	case HLV_RC_NOT_RESPONSIBLE:
		return 400;
	case HLV_RC_NOT_SUPPORTED:
		return 501;
	case HLV_RC_BUSY:
	case HLV_RC_READ_ONLY:
		return 503;
	case HLV_RC_AUTHENTICATION_NEEDED:
		return web_may_log_in(call) ? 401 : 403;
	case HLV_RC_INVALID_ADMIN:
	case HLV_RC_INSUFFICIENT_PERMISSIONS:
	case HLV_RC_AUTHENTICATION_FAILED:
	case HLV_RC_INVALID_CREDENTIAL:
		return 403;
	}
	return 500;
}

uint32_t web_max_age(const struct hlv_exchange *x, const struct hlv_value *v)
{
	uint32_t life_s = hlv_value_life(v, hlv_now_s(x->now));
	return x->left_s && x->left_s < life_s ? x->left_s : life_s;
}

void web_cache_values(struct http_call *call, const struct hlv_exchange *x)
{
	const struct hlv_list *values = &x->rs.values;
	struct hlv_writer same = {0};
	if (x->rs.rc != HLV_RC_SUCCESS || x->rs.kind != HLV_BODY_RECORD)
		return;
	if (!x->authoritative)
		same = hlv_writer(hlv_alloc_raw(&call->arena, values->raw.n), values->raw.n);
	struct hlv_reader r = hlv_reader(values->raw);
	uint32_t least_s = UINT32_MAX;
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return;
		uint32_t age_s = web_max_age(x, &v);
		least_s = age_s < least_s ? age_s : least_s;
		v.ttl_s = 0;
		if (same.p)
			hlv_value_encode(&same, &v);
	}
	http_cache(call, values->n ? least_s : 0);
	if (same.p)
		http_weak_tag(call, hlv_written(&same));
}
