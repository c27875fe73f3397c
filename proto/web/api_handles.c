/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/handles/ID and /api/site: records as the reference's REST API shows them (protocol.md 15.3,
 * rest-clients.md 2). Writing is api_write.c's, lists are api_list.c's.
 */
#include "proto/net/json.h"
#include "proto/web/login.h"
#include "proto/web/params.h"

/* A question, while it is under way. */
struct asking {
	struct http_call *call;
	struct hlv_request rq;
	bool fallback; /* who may not read everything gets what is public */
};

/* Codes of which the reference says no more than the code. */
static bool is_silent(uint32_t rc)
{
	switch (rc) {
	case HLV_RC_NOT_FOUND:
	case HLV_RC_EXISTS:
	case HLV_RC_VALUES_NOT_FOUND:
	case HLV_RC_INVALID_ADMIN:
	case HLV_RC_AUTHENTICATION_NEEDED:
		return true;
	}
	return false;
}

void web_put_answer(struct hlv_buf *b, const struct hlv_response *rs, struct hlv_bytes handle)
{
	bool values = rs->kind == HLV_BODY_RECORD || rs->kind == HLV_BODY_REFERRAL;
	hlv_buf_printf(b, "{\"responseCode\":%u", rs->rc);
	if (rs->kind == HLV_BODY_ERROR && rs->text.n && !is_silent(rs->rc)) {
		hlv_buf_str(b, ",\"message\":");
		hlv_json_put_str(b, rs->text);
	}
	if (values && rs->rc != HLV_RC_SUCCESS) {
		hlv_buf_str(b, ",\"values\":");
		hlv_json_put_values(b, &rs->values);
	} else if (rs->rc == HLV_RC_VALUES_NOT_FOUND && rs->kind == HLV_BODY_ERROR) {
		hlv_buf_str(b, ",\"values\":[]");
	}
	if (handle.n) {
		hlv_buf_str(b, ",\"handle\":");
		hlv_json_put_str(b, handle);
	}
	if (values && rs->rc == HLV_RC_SUCCESS) {
		hlv_buf_str(b, ",\"values\":");
		hlv_json_put_values(b, &rs->values);
	}
	hlv_buf_str(b, "}");
}

static void resolved(struct hlv_exchange *x, void *ctx);

static void ask(struct asking *a)
{
	struct http_call *call = a->call;
	hlv_ask(call->front, &call->peer, call->now, &a->rq, resolved, a);
}

static void resolved(struct hlv_exchange *x, void *ctx)
{
	struct asking *a = ctx;
	struct http_call *call = a->call;
	if (call->login && web_refused(call, x))
		return;
	if (a->fallback && x->rs.rc == HLV_RC_INVALID_ADMIN) {
		a->fallback = false;
		a->rq.m.hdr.flags |= HLV_F_PUBLIC_ONLY;
		ask(a);
		return;
	}
	web_put_answer(&call->out, &x->rs, a->rq.handle);
	if (!call->peer.claim)
		web_cache_values(call, x);
	web_answer(call, web_status(call, x->rs.rc, true));
}

/* The identifier in the path. False: answered. */
bool web_path_handle(struct http_call *call, const char *path, struct hlv_bytes *handle)
{
	if (!http_decode(call, web_rest(call, path), handle)) {
		web_error(call, 400, HLV_RC_PROTOCOL_ERROR, "The identifier cannot be read");
		return false;
	}
	if (handle->n == 0) {
		web_error(call, 400, HLV_RC_INVALID_HANDLE, "Empty handle invalid");
		return false;
	}
	return true;
}

/* Parameters, where there are any. */
static bool read_params(struct http_call *call, struct asking *a)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} flags[] = {{"auth", HLV_F_AUTHORITATIVE},
		     {"cert", HLV_F_CERTIFIED},
		     {"doNotRefer", HLV_F_NO_REFERRAL}};
	struct hlv_bytes text;
	if (!web_param_indexes(call, &a->rq.indexes) || !web_param_types(call, &a->rq.types))
		return false;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (http_query_flag(call, flags[i].name))
			a->rq.m.hdr.flags |= flags[i].flag;
	if (http_query(call, "callback", 0, &text)) {
		/* A script of any page may call: what the browser knows is not for it. */
		call->peer.claim = NULL;
		a->rq.m.hdr.flags |= HLV_F_PUBLIC_ONLY;
	} else if (http_query(call, "publicOnly", 0, &text)) {
		bool only = http_query_flag(call, "publicOnly");
		a->rq.m.hdr.flags &= ~(uint32_t)HLV_F_PUBLIC_ONLY;
		a->rq.m.hdr.flags |= only ? HLV_F_PUBLIC_ONLY : 0;
		a->fallback = false;
	}
	if (a->rq.indexes.n || a->rq.types.n)
		a->fallback = false;
	return true;
}

/* 15.3: without publicOnly, what the public may read, or whoever has logged in. */
void web_handles(struct http_call *call)
{
	struct hlv_bytes prefix;
	if (!web_params(call))
		return;
	if (call->rq.query.n && call->rq.path.n <= sizeof "/api/handles/" - 1 &&
	    http_query(call, "prefix", 0, &prefix)) {
		web_list(call, prefix);
		return;
	}
	struct asking *a = hlv_alloc(&call->arena, sizeof *a);
	if (!a) {
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return;
	}
	*a = (struct asking){.call = call,
			     .rq.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_PUBLIC_ONLY}};
	if (!web_path_handle(call, "/api/handles/", &a->rq.handle) || !web_login(call))
		return;
	if (call->peer.claim) {
		a->rq.m.hdr.flags = 0;
		a->fallback = true;
	}
	if (call->rq.query.n && !read_params(call, a))
		return;
	ask(a);
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
	web_answer(call, web_status(call, x->rs.rc, true));
}

void web_site(struct http_call *call)
{
	struct hlv_request rq = {.m.hdr.op = HLV_OP_GET_SITE_INFO};
	if (web_params(call))
		hlv_ask(call->front, &call->peer, call->now, &rq, site_came, call);
}
