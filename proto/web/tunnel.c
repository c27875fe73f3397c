/* SPDX-License-Identifier: Apache-2.0
 *
 * Native messages in the bodies of POST (protocol.md 15.1): answered as on 2641, for clients whose
 * network lets nothing else out. An answer of several messages is sent as it comes.
 */
#include "proto/net/front_native.h"
#include "proto/web/login.h"

static const char NATIVE[] = "application/x-hdl-message";

struct tunnel {
	struct http_call *call;
	struct hlv_exchange *waiting; /* more is to come when there is room */
	bool begun;
};

static void early_error(struct http_call *call, const char *text)
{
	uint8_t room[512];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	hlv_native_early_error(NULL, HLV_RC_PROTOCOL_ERROR, text, call->now, &w);
	hlv_buf_put(&call->out, hlv_written(&w));
	http_reply(call, 200, NATIVE);
}

static void go_on(struct http_call *call)
{
	struct tunnel *t = call->state;
	struct hlv_exchange *x = t->waiting;
	if (!x)
		return;
	t->waiting = NULL;
	if (!call->gone) {
		hlv_ask_more(x);
		return;
	}
	hlv_ask_drop(x);
	http_end(call);
}

static void answered(struct hlv_exchange *x, void *ctx)
{
	struct tunnel *t = ctx;
	struct http_call *call = t->call;
	struct hlv_writer w = hlv_writer(call->front->scratch, HLV_SCRATCH);
	enum hlv_err err = hlv_native_encode(x, call->front->service, &w);
	if (err != HLV_OK && x->more)
		hlv_ask_drop(x);
	if (!t->begun && (err != HLV_OK || !x->more)) {
		if (err == HLV_OK)
			hlv_buf_put(&call->out, hlv_written(&w));
		http_reply(call, err == HLV_OK ? 200 : 500, NATIVE);
		return;
	}
	if (!t->begun)
		http_begin(call, 200, NATIVE);
	t->begun = true;
	if (err != HLV_OK || !x->more) {
		if (err == HLV_OK)
			(void)http_put(call, hlv_written(&w));
		http_end(call);
		return;
	}
	t->waiting = x;
	if (http_put(call, hlv_written(&w)) || call->gone)
		go_on(call);
}

/* One LF or CR in front is tolerated, as the reference does; what is behind the first message is not
 * looked at. */
void web_native(struct http_call *call)
{
	struct hlv_bytes body = call->rq.body;
	struct tunnel *t = hlv_alloc(&call->arena, sizeof *t);
	if (!t) {
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return;
	}
	/* The certificate of a browser is not for pages from elsewhere. */
	web_login_read(call, (struct hlv_bytes){0});
	call->peer.claim = NULL;
	if (body.n && (body.p[0] == '\n' || body.p[0] == '\r'))
		body = hlv_skip(body, 1);
	if (body.n && body.p[0] == '\n')
		body = hlv_skip(body, 1);
	struct hlv_reader r = hlv_reader(body);
	struct hlv_envelope env;
	if (hlv_envelope_decode(&r, &env) != HLV_OK || env.length == 0 ||
	    env.length > HLV_MESSAGE_MAX) {
		early_error(call, "Invalid message length");
		return;
	}
	if (env.length > hlv_left(&r)) {
		early_error(call, "The message is longer than the body");
		return;
	}
	*t = (struct tunnel){.call = call};
	call->state = t;
	call->room = go_on;
	body = hlv_head(body, HLV_ENVELOPE_SIZE + env.length);
	if (!hlv_ask_native(call->front, &call->peer, call->now, body, answered, t))
		early_error(call, "This is no message that anybody answers");
}
