/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/sessions: logging in once for many calls (protocol.md 15.4, rest-clients.md 3).
 */
#include "proto/base/base64.h"
#include "proto/net/json.h"
#include "proto/web/login.h"

struct session_call {
	struct http_call *call;
	bool fresh; /* POST made it */
};

/* {"sessionId":"...","nonce":"..."[,"serverAlg","serverSignature"][,"authenticated":true,"id":"..."]
 * [,"error":"..."]} */
static void put_session(struct http_call *call, const struct hlv_ref *who)
{
	const struct web_login *l = call->login;
	struct hlv_buf *b = &call->out, signature = {0};
	const char *algorithm;
	hlv_buf_printf(b, "{\"sessionId\":\"%s\",\"nonce\":\"", l->session.text);
	hlv_base64_put(b, hlv_bytes(l->session.nonce, WEB_SESSION_NONCE), HLV_BASE64);
	hlv_buf_str(b, "\"");
	if (web_server_signature(call, &algorithm, &signature))
		hlv_buf_printf(b, ",\"serverAlg\":\"%s\",\"serverSignature\":\"%.*s\"",
			       algorithm, (int)signature.n, signature.p);
	hlv_buf_free(&signature);
	if (who) {
		struct hlv_buf id = {0};
		if (who->index)
			hlv_buf_printf(&id, "%u:", who->index);
		hlv_buf_put(&id, who->handle);
		hlv_buf_str(b, ",\"authenticated\":true,\"id\":");
		hlv_json_put_str(b, hlv_buf_bytes(&id));
		hlv_buf_free(&id);
	}
	if (l->error)
		hlv_buf_printf(b, ",\"error\":\"%s\"", l->error);
	hlv_buf_str(b, "}");
}

static void answer(struct session_call *s, const struct hlv_ref *who)
{
	struct http_call *call = s->call;
	bool failed = call->login->error && !who;
	put_session(call, who);
	if (s->fresh && !failed)
		http_header(call, "Location", hlv_text("/api/sessions/this"));
	web_answer(call, failed ? 401 : s->fresh ? 201 : 200);
}

static void checked(struct hlv_exchange *x, void *ctx)
{
	struct session_call *s = ctx;
	struct http_call *call = s->call;
	struct web_login *l = call->login;
	const struct hlv_ref *who = l->session.logged_in ? &l->session.who : NULL;
	bool proven = l->claim.kind == HLV_CLAIM_PROVEN;
	if (!x->login) {
		if (proven && web_refused(call, x))
			return;
		call->retry_s = x->retry_s;
		l->error = x->rs.rc == HLV_RC_UNABLE_TO_AUTHENTICATE
				   ? "The identity cannot be verified now"
			   : x->retry_s ? "Too many wrong answers from there: wait"
					: "Identity not verified";
		answer(s, who);
		return;
	}
	/* What the session itself says gives it no further day. */
	if (proven && l->session.logged_in) {
		answer(s, who);
		return;
	}
	l->session.by_token = l->how == WEB_TOKEN;
	if (web_session_login(call->web->sessions, &l->session, x->login, call->now))
		answer(s, &x->login->who);
	else
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
}

/* Ask whether what was claimed is so, or answer at once when nothing was. */
static void log_in(struct http_call *call, bool fresh)
{
	struct session_call *s = hlv_alloc(&call->arena, sizeof *s);
	struct web_login *l = call->login;
	const struct hlv_claim *claim = call->peer.claim;
	if (!s) {
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return;
	}
	*s = (struct session_call){call, fresh};
	if (claim) {
		struct hlv_request rq = {.m.hdr.op = HLV_OP_LOGIN_ID_SYSTEM};
		hlv_ask(call->front, &call->peer, call->now, &rq, checked, s);
		return;
	}
	answer(s, l->session.logged_in ? &l->session.who : NULL);
}

/* In the clear there are no sessions. */
static bool begin(struct http_call *call)
{
	if (!web_may_log_in(call)) {
		http_reply(call, 403, NULL);
		return false;
	}
	bool json = hlv_starts_with(http_header_of(call, "Content-Type"),
				    hlv_text("application/json"));
	web_login_read(call, json ? call->rq.body : (struct hlv_bytes){0});
	if (call->login)
		return true;
	web_error(call, 503, HLV_RC_BUSY, "Out of memory");
	return false;
}

void web_new_session(struct http_call *call)
{
	if (!begin(call))
		return;
	if (call->login->has_session) {
		http_reply(call, 400, NULL);
	} else if (!web_login_offer(call)) {
		web_error(call, 500, HLV_RC_ERROR, "No session could be made");
	} else {
		log_in(call, true);
	}
}

static void tell_session(struct http_call *call)
{
	const struct web_login *l = call->login;
	if (l->has_session)
		put_session(call, l->session.logged_in ? &l->session.who : NULL);
	else
		hlv_buf_str(&call->out, "{\"authenticated\":false}");
	web_answer(call, 200);
}

static void looked_up(struct hlv_exchange *x, void *ctx)
{
	struct http_call *call = ctx;
	if (x->rs.rc == HLV_RC_AUTHENTICATION_FAILED)
		web_login_over(call);
	tell_session(call);
}

void web_get_session(struct http_call *call)
{
	if (!begin(call))
		return;
	struct web_login *l = call->login;
	l->error = NULL;
	if (l->session.logged_in && call->peer.claim &&
	    call->peer.claim->kind == HLV_CLAIM_PROVEN) {
		struct hlv_request rq = {.m.hdr.op = HLV_OP_LOGIN_ID_SYSTEM};
		hlv_ask(call->front, &call->peer, call->now, &rq, looked_up, call);
		return;
	}
	tell_session(call);
}

void web_put_session(struct http_call *call)
{
	if (!begin(call))
		return;
	if (call->login->has_session)
		log_in(call, false);
	else
		http_reply(call, 403, NULL);
}

void web_end_session(struct http_call *call)
{
	if (!begin(call))
		return;
	if (call->login->has_session)
		web_session_end(call->web->sessions, &call->login->session, call->now);
	http_reply(call, call->login->has_session ? 204 : 403, NULL);
}
