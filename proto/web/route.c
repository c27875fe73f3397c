/* SPDX-License-Identifier: Apache-2.0
 *
 * Which handler answers a request. The first row that fits counts, so the longer paths stand first.
 */
#include "proto/web/web.h"

enum {
	READS = WEB_GET | WEB_HEAD,
	ANY = 0xFF,
};

static void no_endpoint(struct http_call *call);

static void nothing_here(struct http_call *call)
{
	web_error(call, 404, HLV_RC_PROTOCOL_ERROR, "Nothing is here");
}

static void unknown_method(struct http_call *call)
{
	struct hlv_bytes method = hlv_head(call->rq.method_name, 32);
	char *text = hlv_alloc(&call->arena, 64);
	if (text)
		snprintf(text, 64, "Unknown method %.*s", (int)method.n,
			 (const char *)method.p);
	web_error(call, 501, HLV_RC_PROTOCOL_ERROR, text ? text : "Unknown method");
}

/* One row a line, so that subjects can be added side by side. */
/* clang-format off */
static const struct web_route routes[] = {
	/* --- methods --- */
	{WEB_PATCH | WEB_OTHER, "", unknown_method, 0},
	{WEB_OPTIONS, "", web_allow, 0},
	/* --- REST: api_handles.c --- */
	{READS | WEB_POST, "/api/handles/", web_handles, 0},
	{READS | WEB_POST, "/api/handles", web_handles, 0},
	{WEB_PUT, "/api/handles/", web_put_handle, WEB_REGISTRY},
	{WEB_DELETE, "/api/handles/", web_delete_handle, WEB_REGISTRY},
	{READS | WEB_POST, "/api/site", web_site, 0},
	{READS, "/api/prefixes", web_get_prefixes, WEB_REGISTRY},
	{WEB_POST | WEB_PUT, "/api/prefixes", web_home_prefix, WEB_REGISTRY},
	{WEB_PUT, "/api/prefixes/", web_home_prefix, WEB_REGISTRY},
	{WEB_DELETE, "/api/prefixes", web_unhome_prefix, WEB_REGISTRY},
	{WEB_DELETE, "/api/prefixes/", web_unhome_prefix, WEB_REGISTRY},
	{READS | WEB_POST, "/api/verifications", web_verify, WEB_REGISTRY},
	{READS | WEB_POST, "/api/verifications/", web_verify, WEB_REGISTRY},
	/* --- session: api_session.c --- */
	{WEB_POST, "/api/sessions", web_new_session, WEB_REGISTRY},
	{READS, "/api/sessions/this", web_get_session, WEB_REGISTRY},
	{WEB_PUT | WEB_POST, "/api/sessions/this", web_put_session, WEB_REGISTRY},
	{WEB_DELETE, "/api/sessions/this", web_end_session, WEB_REGISTRY},
	/* --- ours: api_v1*.c --- */
	{WEB_POST, "/api/v1/resolve", web_v1_resolve, WEB_STREAMS},
	{WEB_POST, "/api/v1/load", web_v1_load, WEB_STREAMS | WEB_REGISTRY},
	{WEB_POST, "/api/v1/token", web_v1_token, WEB_REGISTRY},
	{READS, "/api/v1/whoami", web_v1_whoami, 0},
	{READS, "/api/v1/node", web_v1_node, 0},
	{READS, "/api/v1/identifiers", web_v1_identifiers, WEB_REGISTRY},
	{READS, "/api/v1/history/", web_v1_history, WEB_REGISTRY},
	{WEB_POST, "/api/v1/undo/", web_v1_undo, WEB_REGISTRY},
	{READS, "/api/v1/audit", web_v1_audit, WEB_REGISTRY},
	{READS, "/api/v1/search", web_v1_search, WEB_REGISTRY},
	{READS, "/hrls/handles", web_hrls, WEB_REGISTRY},
	{READS, "/hrls/handles/", web_hrls, WEB_REGISTRY},
	{READS, "/openapi.json", web_openapi, 0},
	/* --- operators: metrics.c, health.c, chain.c --- */
	{READS, "/metrics", web_metrics, 0},
	{READS, "/healthz", web_health, 0},
	{READS, "/readyz", web_ready, 0},
	{READS, "/api/v1/stats", web_stats, 0},
	{READS, "/api/v1/chain/", web_chain, 0},
	{READS, "/api/v1/slow", web_v1_slow, 0},
	/* --- the enterprise dialect: doip.c --- */
	{WEB_GET, "/api/v1/doip/public/challenge", web_doip_challenge, WEB_REGISTRY},
	{WEB_GET | WEB_POST, "/api/v1/doip/public/verify-response", web_doip_verify, WEB_REGISTRY},
	{WEB_GET | WEB_POST, "/api/v1/doip", web_doip, WEB_REGISTRY},
	{WEB_POST, "/api/v1/open/meta/create", web_doip_meta_create, WEB_REGISTRY},
	{WEB_GET, "/api/v1/open/meta/info", web_doip_meta_info, WEB_REGISTRY},
	{WEB_PUT, "/api/v1/open/meta/publish-or-withdraw", web_doip_meta_publish, WEB_REGISTRY},
	{ANY, "/api/v1/open/", web_doip_none, WEB_REGISTRY},
	/* --- pages.c --- */
	{READS, "/", web_page_resolver, 0},
	{READS, "/p/", web_page_resolver, 0},
	{READS, "/console", web_page_console, 0},
	{READS, "/console/", web_page_console, 0},
	{READS, "/assets/", web_page_asset, 0},
	{ANY, "/api/", no_endpoint, 0},
	{ANY, "/api", no_endpoint, 0},
	/* --- GS1: gs1.c --- */
	{READS, "/01/", web_gs1, 0},
	{READS, "/00/", web_gs1, 0},
	{READS, "/253/", web_gs1, 0},
	{READS, "/255/", web_gs1, 0},
	{READS, "/401/", web_gs1, 0},
	{READS, "/402/", web_gs1, 0},
	{READS, "/414/", web_gs1, 0},
	{READS, "/415/", web_gs1, 0},
	{READS, "/417/", web_gs1, 0},
	{READS, "/8003/", web_gs1, 0},
	{READS, "/8004/", web_gs1, 0},
	{READS, "/8006/", web_gs1, 0},
	{READS, "/8010/", web_gs1, 0},
	{READS, "/8013/", web_gs1, 0},
	{READS, "/8017/", web_gs1, 0},
	{READS, "/8018/", web_gs1, 0},
	{READS, "/.well-known/gs1resolver", web_gs1_description, 0},
	/* --- redirects: proxy.c --- */
	/* What browsers and crawlers ask for unasked is no identifier. */
	{READS, "/.well-known/", nothing_here, 0},
	{READS, "/favicon.ico", nothing_here, 0},
	{READS, "/robots.txt", nothing_here, 0},
	{READS, "", web_proxy, 0},
	{WEB_POST, "", web_native, 0},
	{ANY, "", nothing_here, 0},
};
/* clang-format on */

static bool is_at(const struct web_route *r, struct hlv_bytes path)
{
	size_t n = strlen(r->path);
	if (n == 0 ||
	    (n > 1 && r->path[n - 1] == '/' && hlv_starts_with(path, hlv_text(r->path))))
		return true;
	return hlv_eq(path, hlv_text(r->path));
}

const struct web_route *web_route(const struct http_request *rq)
{
	const struct web_route *r = routes;
	while (!(r->methods & (unsigned)rq->method) || !is_at(r, rq->path))
		r++;
	return r;
}

/* What may be done at this path of ours by other methods. The reference's paths say 404 as it does. */
static unsigned other_methods(struct hlv_bytes path)
{
	unsigned methods = 0;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (hlv_starts_with(hlv_text(routes[i].path), hlv_text("/api/v1/")) &&
		    routes[i].methods != ANY && is_at(&routes[i], path))
			methods |= routes[i].methods;
	return methods;
}

static void wrong_method(struct http_call *call, unsigned methods)
{
	static const struct {
		unsigned method;
		const char *name;
	} names[] = {{WEB_GET, "GET"},
		     {WEB_HEAD, "HEAD"},
		     {WEB_POST, "POST"},
		     {WEB_PUT, "PUT"},
		     {WEB_DELETE, "DELETE"}};
	char text[64] = "";
	size_t n = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (methods & names[i].method)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? ", " : "",
					      names[i].name);
	http_header(call, "Allow", hlv_text(text));
	web_error(call, 405, HLV_RC_PROTOCOL_ERROR, "This path takes other methods: see Allow");
}

static void no_endpoint(struct http_call *call)
{
	struct hlv_bytes method = call->rq.method_name, path = hlv_head(call->rq.path, 256);
	unsigned methods = other_methods(call->rq.path);
	if (methods) {
		wrong_method(call, methods);
		return;
	}
	char *text = hlv_alloc(&call->arena, 512);
	if (text)
		snprintf(text, 512, "Unknown HTTP API endpoint %.*s %.*s", (int)method.n,
			 (const char *)method.p, (int)path.n, (const char *)path.p);
	web_error(call, 404, HLV_RC_PROTOCOL_ERROR, text ? text : "Unknown HTTP API endpoint");
}
