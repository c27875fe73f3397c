/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands behind the HTTP port: the table of routes, and what all calls of a daemon share. Each
 * subject has a file of its own, with a handler for each route; handlers translate, into questions to
 * the worker's service (proto/net/ask.h), and its answers back. What only one daemon can do answers 501
 * in the other.
 */
#pragma once
#include "proto/net/ask.h"
#include "proto/net/conf.h"
#include "proto/net/metrics.h"
#include "proto/web/http.h"

/* The daemon's options for the web: rows in options.h; replaced as a whole by a reload, and reached
 * through call->front->web. */
struct web_options;

/* How somebody has said who he is. */
enum web_how { WEB_PUBLIC, WEB_BASIC, WEB_SESSION, WEB_TOKEN, WEB_CERT };

struct web_sessions;
struct doip_issued;
/* What the daemon tells its operators (docs/metrics.md), on any worker's thread, at once. */
struct web_watch {
	void *ctx;
	void (*put_metrics)(void *ctx, struct hlv_metrics *m);
	void (*put_stats)(void *ctx, struct hlv_buf *json); /* a whole object */
	/* NULL: ready; else why not, perhaps in `room`. */
	const char *(*unready)(void *ctx, char room[256]);
	/* "steps":[...] of the way to an identifier, out of what is known; `x` is the answer to a
	 * question for it. */
	void (*put_chain)(void *ctx, struct hlv_front *front, const struct hlv_exchange *x,
			  struct hlv_bytes id, struct hlv_buf *json);
};

/* One for each daemon; lives as long as its workers. */
struct web {
	const char *daemon;	       /* "helved", "helver" */
	bool registry;		       /* answers for prefixes of its own, and writes */
	uint8_t token_key[32];	       /* of the tokens that this process gives out */
	struct web_sessions *sessions; /* session.h; where there is a registry */
	struct doip_issued *issued;    /* doip.h; the same */
	/* Members of the status object, each with a comma in front. */
	void (*put_counters)(void *ctx, struct hlv_buf *json);
	void *ctx;
	hlv_mono_ns started_ns;
	struct web_watch watch;
};

/* A route's handler answers its call, now or later. */
typedef void web_handler(struct http_call *call);

enum web_route_flags {
	WEB_STREAMS = 1,  /* the handler is called before the body, and sets call->feed */
	WEB_REGISTRY = 2, /* 501 where there is no registry */
};

struct web_route {
	unsigned methods; /* enum web_method, or-ed; HEAD goes with GET */
	/* "/api/site": exactly that, "/" too; "/api/handles/": that and whatever is behind it; "": all.
	 * The first that fits counts. */
	const char *path;
	web_handler *handle;
	unsigned flags;
};
/* The route of this call: never NULL, errors have routes too. */
const struct web_route *web_route(const struct http_request *rq);

/* What is behind the route's path, still encoded. */
static inline struct hlv_bytes web_rest(const struct http_call *call, const char *path)
{
	return hlv_skip(call->rq.path, strlen(path));
}

/* {"responseCode":rc,"message":"..."} with that status. */
void web_error(struct http_call *call, unsigned status, uint32_t rc, const char *message);
/* Statuses of protocol.md 15.3; `read`: 200 stays 200 (a question without values is none that failed);
 * over plain HTTP 401 becomes 403. */
unsigned web_status(const struct http_call *call, uint32_t rc, bool read);
/* Public values may be kept for the smallest of their TTLs (http_cache()); what a resolver says of them
 * has its TTLs count down, and is the same answer all the while (http_weak_tag()). */
void web_cache_values(struct http_call *call, const struct hlv_exchange *x);
/* Seconds that a value of this answer may be kept. */
uint32_t web_max_age(const struct hlv_exchange *x, const struct hlv_value *v);
extern const char WEB_JSON[];  /* "application/json;charset=utf-8" */
extern const char WEB_LINES[]; /* "application/x-ndjson;charset=utf-8" */
/* The identifier behind `path`, decoded. False: it was answered. */
bool web_path_handle(struct http_call *call, const char *path, struct hlv_bytes *handle);
/* The status of a change; `makes`: it registers something that was not there, unless `overwritten`. */
unsigned web_write_status(const struct http_call *call, bool makes, bool overwritten,
			  uint32_t rc);
/* Ask for a change, and answer the call with what comes of it. */
void web_write(struct http_call *call, const struct hlv_request *rq);
/* GET /api/handles?prefix=: the identifiers of a prefix. */
void web_list(struct http_call *call, struct hlv_bytes prefix);
/* {"responseCode":1,"handle":"...","values":[...]}, in the order that the reference writes; `handle` as
 * the asker spelled it. */
void web_put_answer(struct hlv_buf *b, const struct hlv_response *rs, struct hlv_bytes handle);

/* metrics.c: is he of a network that may know how this node is? */
bool web_may_watch(const struct http_call *call);

/* --- the handlers, by file --- */

web_handler web_doip, web_doip_challenge, web_doip_verify, web_doip_none; /* doip*.c */
web_handler web_doip_meta_create, web_doip_meta_info, web_doip_meta_publish;
web_handler web_allow;				      /* http_fields.c */
web_handler web_handles, web_site;		      /* api_handles.c */
web_handler web_proxy;				      /* proxy.c */
web_handler web_gs1, web_gs1_description;	      /* gs1.c */
web_handler web_v1_resolve;			      /* api_v1_resolve.c */
web_handler web_v1_load;			      /* api_v1_load.c */
web_handler web_v1_whoami, web_v1_token, web_v1_node; /* api_v1.c */
web_handler web_v1_identifiers, web_v1_audit;	      /* api_v1_registry.c */
web_handler web_v1_history, web_v1_undo;
web_handler web_v1_slow, web_v1_stats;
web_handler web_v1_search, web_hrls;				 /* api_v1_registry.c */
web_handler web_openapi;					 /* openapi.c */
web_handler web_page_resolver, web_page_console, web_page_asset; /* pages.c */
web_handler web_metrics, web_stats;				 /* metrics.c */
web_handler web_chain;						 /* chain.c */
web_handler web_health, web_ready;				 /* health.c */

/* api_write.c, api_list.c, api_verify.c, tunnel.c */
web_handler web_put_handle, web_delete_handle;
web_handler web_get_prefixes, web_home_prefix, web_unhome_prefix;
web_handler web_verify, web_native;
/* api_session.c */
web_handler web_new_session, web_get_session, web_put_session, web_end_session;
