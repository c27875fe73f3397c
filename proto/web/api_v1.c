/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own API, /api/v1: about this node, about who asks, and bearer tokens.
 */
#include <time.h>

#include "proto/net/json.h"
#include "proto/web/login.h"
#include "proto/web/options.h"
#include "proto/web/token.h"

static const char *how_name(enum web_how how)
{
	switch (how) {
	case WEB_PUBLIC:
		return "public";
	case WEB_BASIC:
		return "basic";
	case WEB_SESSION:
		return "session";
	case WEB_TOKEN:
		return "token";
	case WEB_CERT:
		return "certificate";
	}
	return "?";
}

static void put_id(struct hlv_buf *b, const struct hlv_ref *who)
{
	struct hlv_buf text = {0};
	if (who)
		hlv_buf_printf(&text, "%u:%.*s", who->index, (int)who->handle.n,
			       (const char *)who->handle.p);
	hlv_json_put_str(b, hlv_buf_bytes(&text));
	hlv_buf_free(&text);
}

/* --- whoami --- */

static void tell_who(struct http_call *call, const struct hlv_login *login, enum web_how how)
{
	const struct hlv_ref *who = login ? &login->who : NULL;
	hlv_buf_str(&call->out, "{\"id\":");
	put_id(&call->out, who);
	hlv_buf_printf(&call->out, ",\"how\":\"%s\"}", how_name(who ? how : WEB_PUBLIC));
	web_answer(call, 200);
}

void web_v1_whoami(struct http_call *call)
{
	web_ask_who(call, tell_who);
}

/* --- token --- */

static void put_expiry(struct hlv_buf *b, uint64_t seconds)
{
	char text[32];
	time_t t = (time_t)seconds;
	struct tm tm;
	if (gmtime_r(&t, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
		hlv_buf_printf(b, "\"%s\"", text);
	else
		hlv_buf_str(b, "null");
}

/* A token gives no other one, and no more does the session that it was turned into: it would live for
 * ever. */
static void give_token(struct http_call *call, const struct hlv_login *login, enum web_how how)
{
	if (!login) {
		hlv_buf_printf(&call->out,
			       "{\"responseCode\":%u,\"message\":\"Log in by password, "
			       "certificate or session: a token is for whom that names\"}",
			       HLV_RC_AUTHENTICATION_NEEDED);
		web_answer(call, web_status(call, HLV_RC_AUTHENTICATION_NEEDED, false));
		return;
	}
	if (how == WEB_TOKEN || (how == WEB_SESSION && call->login->session.by_token)) {
		web_error(call, 403, HLV_RC_INSUFFICIENT_PERMISSIONS,
			  "A token gives no other token: log in again");
		return;
	}
	const struct hlv_ref *who = &login->who;
	struct web_token token = {.who = *who, .how = how, .proven = login->proven};
	token.expires_s = call->now.wall_ms / 1000 + call->front->web->token_life_s;
	struct hlv_buf text = {0};
	web_token_put(&text, call->web, &token);
	hlv_buf_str(&call->out, "{\"token\":");
	hlv_json_put_str(&call->out, hlv_buf_bytes(&text));
	hlv_buf_str(&call->out, ",\"expires\":");
	put_expiry(&call->out, token.expires_s);
	hlv_buf_str(&call->out, ",\"id\":");
	put_id(&call->out, who);
	hlv_buf_str(&call->out, "}");
	bool bad = text.bad;
	hlv_buf_free(&text);
	http_header(call, "Cache-Control", hlv_text("no-store"));
	if (bad)
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
	else
		web_answer(call, 200);
}

void web_v1_token(struct http_call *call)
{
	web_ask_who(call, give_token);
}

/* --- node --- */

static void put_node(struct http_call *call, const char *features)
{
	hlv_buf_printf(&call->out,
		       "{\"daemon\":\"%s\",\"version\":\"%s\",\"languages\":[\"en\",\"zh\"],"
		       "\"features\":[%s",
		       call->web->daemon, HELVE_VERSION, features);
}

/* {"prefixes":[...],"indexTypes":[...]}: what follows is the rest of ours. */
static void node_came(struct hlv_exchange *x, void *ctx)
{
	struct http_call *call = ctx;
	struct hlv_bytes members = x->rs.octets;
	if (x->rs.rc != HLV_RC_SUCCESS || members.n < 2) {
		web_error(call, 503, HLV_RC_BUSY, "The registry cannot tell now");
		return;
	}
	bool search = !memmem(members.p, members.n, "\"indexTypes\":[]", 15);
	put_node(call, "\"resolve\",\"token\",\"load\",\"list\",\"history\",\"undo\","
		       "\"audit\",\"stats\",\"chain\"");
	hlv_buf_str(&call->out, search ? ",\"search\"]," : "],");
	hlv_buf_put(&call->out, hlv_skip(members, 1));
	web_answer(call, 200);
}

void web_v1_node(struct http_call *call)
{
	if (call->web->registry) {
		struct hlv_request rq = {.m.hdr.op = HLV_OP_HELVE_CONTROL,
					 .handle = hlv_text("node")};
		hlv_ask(call->front, &call->peer, call->now, &rq, node_came, call);
		return;
	}
	put_node(call, "\"resolve\",\"stats\",\"chain\"");
	hlv_buf_str(&call->out, "],\"prefixes\":[]}");
	web_answer(call, 200);
}
