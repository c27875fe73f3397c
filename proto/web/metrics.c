/* SPDX-License-Identifier: Apache-2.0
 *
 * /metrics for Prometheus and /api/v1/stats for charts: the same numbers, for those networks that the
 * option metrics-net lists. Nothing is counted here, and nobody is asked.
 */
#include "proto/web/options.h"
#include "proto/web/web.h"

static bool may_watch(const struct http_call *call)
{
	return hlv_nets_have(&call->front->web->metrics_net, &call->peer.addr);
}

static void refuse(struct http_call *call)
{
	web_error(call, 403, HLV_RC_INSUFFICIENT_PERMISSIONS,
		  "Not for your network: see the option metrics-net");
}

void web_metrics(struct http_call *call)
{
	struct hlv_metrics m = {.b = &call->out};
	if (!may_watch(call)) {
		refuse(call);
		return;
	}
	call->web->watch.put_metrics(call->web->watch.ctx, &m);
	http_header(call, "Cache-Control", hlv_text("no-store"));
	http_reply(call, 200, "text/plain; version=0.0.4; charset=utf-8");
}

void web_stats(struct http_call *call)
{
	if (!may_watch(call)) {
		if (call->web->registry)
			web_v1_stats(call);
		else
			refuse(call);
		return;
	}
	call->web->watch.put_stats(call->web->watch.ctx, &call->out);
	http_header(call, "Cache-Control", hlv_text("no-store"));
	http_reply(call, 200, WEB_JSON);
}
