/* SPDX-License-Identifier: Apache-2.0
 *
 * /healthz: this process answers; whoever gets nothing may restart it. /readyz: it does its work too;
 * whoever gets 503 sends its clients elsewhere, and a person looks. A registry that cannot be written
 * to still answers questions, so no restart would help it.
 */
#include "proto/net/json.h"
#include "proto/web/options.h"
#include "proto/web/web.h"

static void reply(struct http_call *call, unsigned status)
{
	http_header(call, "Cache-Control", hlv_text("no-store"));
	http_reply(call, status, WEB_JSON);
}

void web_health(struct http_call *call)
{
	hlv_buf_str(&call->out, "{\"status\":\"ok\"}");
	reply(call, 200);
}

void web_ready(struct http_call *call)
{
	char room[256];
	const char *why = call->front->stopping
				  ? "stopping"
				  : call->web->watch.unready(call->web->watch.ctx, room);
	if (!why) {
		web_health(call);
		return;
	}
	hlv_buf_str(&call->out, "{\"status\":\"not ready\"");
	/* The line names places of this machine. */
	if (web_may_watch(call)) {
		hlv_buf_str(&call->out, ",\"why\":");
		hlv_json_put_str(&call->out, hlv_text(why));
	}
	hlv_buf_str(&call->out, "}");
	reply(call, 503);
}
