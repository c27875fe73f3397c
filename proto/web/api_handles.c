/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/handles and /api/site: records as the reference's REST API shows them (protocol.md 15.3,
 * rest-clients.md 2).
 */
#include "proto/net/json.h"
#include "proto/web/login.h"

/* A question, while it is under way. */
struct asking {
	struct http_call *call;
	struct hlv_bytes handle; /* as the asker spelled it */
};

void web_put_answer(struct hlv_buf *b, const struct hlv_response *rs, struct hlv_bytes handle)
{
	hlv_buf_printf(b, "{\"responseCode\":%u", rs->rc);
	if (rs->kind == HLV_BODY_ERROR && rs->text.n && rs->rc != HLV_RC_NOT_FOUND &&
	    rs->rc != HLV_RC_VALUES_NOT_FOUND) {
		hlv_buf_str(b, ",\"message\":");
		hlv_json_put_str(b, rs->text);
	}
	if (rs->rc == HLV_RC_VALUES_NOT_FOUND)
		hlv_buf_str(b, ",\"values\":[]");
	hlv_buf_str(b, ",\"handle\":");
	hlv_json_put_str(b, handle);
	if (rs->rc == HLV_RC_SUCCESS && rs->kind == HLV_BODY_RECORD) {
		hlv_buf_str(b, ",\"values\":");
		hlv_json_put_values(b, &rs->values);
	}
	hlv_buf_str(b, "}");
}

static void resolved(struct hlv_exchange *x, void *ctx)
{
	struct asking *a = ctx;
	if (web_refused(a->call, x))
		return;
	web_put_answer(&a->call->out, &x->rs, a->handle);
	web_cache_values(a->call, &x->rs);
	web_answer(a->call, web_status(a->call, x->rs.rc, true));
}

void web_handles(struct http_call *call)
{
	struct asking *a = hlv_alloc(&call->arena, sizeof *a);
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_PUBLIC_ONLY}};
	if (!a || !http_decode(call, web_rest(call, "/api/handles/"), &rq.handle)) {
		web_error(call, 400, HLV_RC_PROTOCOL_ERROR, "The identifier cannot be read");
		return;
	}
	if (rq.handle.n == 0) {
		web_error(call, 400, HLV_RC_INVALID_HANDLE, "Empty handle invalid");
		return;
	}
	if (!web_login(call))
		return;
	if (call->peer.claim)
		rq.m.hdr.flags = 0;
	*a = (struct asking){call, rq.handle};
	hlv_ask(call->front, &call->peer, call->now, &rq, resolved, a);
}

static void site_came(struct hlv_exchange *x, void *ctx)
{
	struct http_call *call = ctx;
	hlv_buf_printf(&call->out, "{\"responseCode\":%u", x->rs.rc);
	if (x->rs.rc == HLV_RC_SUCCESS) {
		hlv_buf_str(&call->out, ",\"site\":");
		if (hlv_json_put_site(&call->out, x->rs.octets) != HLV_OK)
			hlv_buf_str(&call->out, "null");
	}
	hlv_buf_str(&call->out, "}");
	http_reply(call, web_status(call, x->rs.rc, true), WEB_JSON);
}

void web_site(struct http_call *call)
{
	struct hlv_request rq = {.m.hdr.op = HLV_OP_GET_SITE_INFO};
	hlv_ask(call->front, &call->peer, call->now, &rq, site_came, call);
}
