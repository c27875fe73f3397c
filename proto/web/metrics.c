/* SPDX-License-Identifier: Apache-2.0
 *
 * /metrics for Prometheus and /api/v1/stats for charts: the same numbers, for those networks that the
 * option metrics-net lists. Nothing is counted here, and nobody is asked.
 */
#include "proto/web/login.h"
#include "proto/web/options.h"

/* A page from elsewhere, in the browser of somebody who is in such a network, is not in it. */
bool web_may_watch(const struct http_call *call)
{
	return !web_is_cross_origin(call) &&
	       hlv_nets_have(&call->front->web->metrics_net, &call->peer.addr);
}

static void refuse(struct http_call *call)
{
	web_error(call, 403, HLV_RC_INSUFFICIENT_PERMISSIONS,
		  "Not for your network, or not for pages of other origins: see the "
		  "option metrics-net");
}

void web_metrics(struct http_call *call)
{
	struct hlv_metrics m = {.b = &call->out};
	if (!web_may_watch(call)) {
		refuse(call);
		return;
	}
	call->web->watch.put_metrics(call->web->watch.ctx, &m);
	http_header(call, "Cache-Control", hlv_text("no-store"));
	http_reply(call, 200, "text/plain; version=0.0.4; charset=utf-8");
}

void web_stats(struct http_call *call)
{
	if (!web_may_watch(call)) {
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
