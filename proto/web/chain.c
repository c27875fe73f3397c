/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/chain/ID: how the answer about an identifier came to be believed. The question is put first,
 * as anybody's is, with its limits and its cache; then what is known of the way is shown, for which
 * nobody is asked. So it makes no more work than a question.
 */
#include "proto/net/json.h"
#include "proto/web/web.h"

struct chain {
	struct http_call *call;
	struct hlv_bytes id;
};

/* As resolver/proven.h numbers them; a registry says nothing. */
static const char *verdict_of(const struct hlv_exchange *x)
{
	static const char *const names[] = {"unknown", "bogus", "insecure", "secure"};
	return x->proof < sizeof names / sizeof *names ? names[x->proof] : "unknown";
}

static void put_record(struct hlv_buf *b, const struct hlv_exchange *x)
{
	const char *verdict = verdict_of(x);
	if (strcmp(verdict, "secure") == 0) {
		hlv_buf_str(b, "\"verified\"");
	} else if (strcmp(verdict, "insecure") == 0) {
		hlv_buf_str(b, "\"unsigned\"");
	} else if (x->rs.rc == HLV_RC_ERROR || x->rs.rc == HLV_RC_BUSY) {
		struct hlv_buf why = {0};
		hlv_buf_str(&why, "failed: ");
		hlv_buf_put(&why, hlv_head(x->rs.text, 256));
		hlv_json_put_str(b, hlv_buf_bytes(&why));
		hlv_buf_free(&why);
	} else {
		hlv_buf_str(b, "\"unknown\"");
	}
}

static bool is_refused(uint32_t rc)
{
	return rc != HLV_RC_SUCCESS && rc != HLV_RC_NOT_FOUND &&
	       rc != HLV_RC_VALUES_NOT_FOUND && rc != HLV_RC_ERROR && rc != HLV_RC_BUSY &&
	       rc != HLV_RC_SERVICE_REFERRAL && rc != HLV_RC_PREFIX_REFERRAL &&
	       rc != HLV_RC_AUTHENTICATION_NEEDED;
}

static void answered(struct hlv_exchange *x, void *ctx)
{
	static const char *const from[] = {"", "policy", "copy", "cache", "stale", "walk"};
	struct chain *c = ctx;
	struct http_call *call = c->call;
	struct hlv_buf *b = &call->out;
	if (is_refused(x->rs.rc)) {
		char *text = hlv_arena_str(&call->arena, x->rs.text);
		web_error(call, web_status(call, x->rs.rc, true), x->rs.rc, text ? text : "");
		return;
	}
	hlv_buf_str(b, "{\"handle\":");
	hlv_json_put_str(b, c->id);
	hlv_buf_printf(b, ",\"responseCode\":%u,\"verdict\":\"%s\",\"record\":", x->rs.rc,
		       verdict_of(x));
	put_record(b, x);
	if (x->from > 0 && x->from < sizeof from / sizeof *from)
		hlv_buf_printf(b, ",\"from\":\"%s\"", from[x->from]);
	hlv_buf_str(b, ",");
	/* The way to a name of another scheme is that of the handle which it stands for. */
	call->web->watch.put_chain(call->web->watch.ctx, call->front, x,
				   x->rq.asked.n ? x->rq.handle : c->id, b);
	hlv_buf_str(b, "}");
	http_header(call, "Cache-Control", hlv_text("no-store"));
	http_reply(call, 200, WEB_JSON);
}

void web_chain(struct http_call *call)
{
	struct chain *c = hlv_alloc(&call->arena, sizeof *c);
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_PUBLIC_ONLY | HLV_F_RECURSE}};
	if (!c || !http_decode(call, web_rest(call, "/api/v1/chain/"), &rq.handle) ||
	    rq.handle.n == 0) {
		web_error(call, 400, HLV_RC_INVALID_HANDLE, "The identifier cannot be read");
		return;
	}
	*c = (struct chain){call, rq.handle};
	hlv_ask(call->front, &call->peer, call->now, &rq, answered, c);
}
