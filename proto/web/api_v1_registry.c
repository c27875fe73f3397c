/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1 of a registry: what stands in it, what stood in it, who did what. Each is a verb of
 * HELVE_CONTROL (docs/protocol.md), which says who may; here parameters become its arguments.
 */
#include "proto/net/json_tree.h"
#include "proto/web/login.h"

struct verb {
	struct http_call *call;
	bool bare; /* of {"identifiers":[...],...} the list alone */
	struct hlv_buf args;
	bool any;	    /* an argument stands there */
	const char *answer; /* in place of what the verb says; or NULL */
};

static struct verb *begin(struct http_call *call)
{
	struct verb *v = hlv_alloc(&call->arena, sizeof *v);
	if (!v) {
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return NULL;
	}
	v->call = call;
	hlv_buf_str(&v->args, "{");
	return v;
}

static void put_name(struct verb *v, const char *name)
{
	hlv_buf_printf(&v->args, "%s\"%s\":", v->any ? "," : "", name);
	v->any = true;
}

static void put_text(struct verb *v, const char *name, struct hlv_bytes text)
{
	put_name(v, name);
	hlv_json_put_str(&v->args, text);
}

/* The parameter as it is: the verb says what is wrong with it. A number may be a string (R9). */
static void pass(struct verb *v, const char *name)
{
	struct hlv_bytes text;
	if (http_query(v->call, name, 0, &text) && text.n)
		put_text(v, name, text);
}

static void pass_flag(struct verb *v, const char *name)
{
	if (!http_query_flag(v->call, name))
		return;
	put_name(v, name);
	hlv_buf_str(&v->args, "true");
}

/* {"responseCode":N,"message":"..."}; 401 says how to log in. */
static void tell_refusal(struct http_call *call, const struct hlv_response *rs)
{
	const char *text = hlv_rc_text(rs->rc);
	hlv_buf_printf(&call->out, "{\"responseCode\":%u,\"message\":", rs->rc);
	bool told = rs->kind == HLV_BODY_ERROR && rs->text.n;
	hlv_json_put_str(&call->out, told ? rs->text : hlv_text(text ? text : "Refused"));
	hlv_buf_str(&call->out, "}");
	web_answer(call, web_status(call, rs->rc, false));
}

/* The value of the first member, which is an array of strings. */
static void put_list(struct http_call *call, struct hlv_bytes object)
{
	struct hlv_json json;
	struct hlv_json_error error;
	const struct hlv_json_node *list = NULL;
	if (hlv_json_read(&json, object, &call->arena, &error) == HLV_OK)
		list = hlv_json_member(json.root, "identifiers");
	hlv_buf_str(&call->out, "[");
	for (const struct hlv_json_node *n = hlv_json_first(list); n; n = hlv_json_next(n)) {
		hlv_buf_str(&call->out, n == hlv_json_first(list) ? "" : ",");
		hlv_json_put_str(&call->out, hlv_json_text(n));
	}
	hlv_buf_str(&call->out, "]");
}

static void came(struct hlv_exchange *x, void *ctx)
{
	struct verb *v = ctx;
	struct http_call *call = v->call;
	if (web_refused(call, x))
		return;
	if (x->rs.rc != HLV_RC_SUCCESS) {
		tell_refusal(call, &x->rs);
		return;
	}
	if (v->answer)
		hlv_buf_str(&call->out, v->answer);
	else if (v->bare)
		put_list(call, x->rs.octets);
	else
		hlv_buf_put(&call->out, x->rs.octets);
	http_header(call, "Cache-Control", hlv_text("no-store"));
	web_answer(call, 200);
}

static void ask(struct verb *v, const char *name)
{
	struct http_call *call = v->call;
	hlv_buf_str(&v->args, "}");
	struct hlv_request rq = {.m.hdr.op = HLV_OP_HELVE_CONTROL,
				 .handle = hlv_text(name),
				 .octets = hlv_buf_bytes(&v->args)};
	/* The arguments are copied; the answer may come within. */
	struct hlv_buf args = v->args;
	v->args = (struct hlv_buf){0};
	if (args.bad)
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
	else if (web_login(call))
		hlv_ask(call->front, &call->peer, call->now, &rq, came, v);
	hlv_buf_free(&args);
}

/* The identifier in the path; false: it was answered. */
static bool put_handle(struct verb *v, const char *path)
{
	struct hlv_bytes id;
	if (http_decode(v->call, web_rest(v->call, path), &id) && id.n) {
		put_text(v, "handle", id);
		return true;
	}
	hlv_buf_free(&v->args);
	web_error(v->call, 400, HLV_RC_INVALID_HANDLE, "An identifier is expected in the path");
	return false;
}

void web_v1_identifiers(struct http_call *call)
{
	struct verb *v = begin(call);
	if (!v)
		return;
	pass(v, "prefix");
	pass(v, "after");
	pass(v, "limit");
	ask(v, "list");
}

/* For whoever may not read them because of where he is: because of who he is. */
void web_v1_stats(struct http_call *call)
{
	struct verb *v = begin(call);
	if (v)
		ask(v, "stats");
}

void web_v1_slow(struct http_call *call)
{
	struct verb *v = begin(call);
	if (v)
		ask(v, "slow");
}

void web_v1_audit(struct http_call *call)
{
	struct verb *v = begin(call);
	if (!v)
		return;
	pass(v, "after");
	pass(v, "before");
	pass(v, "limit");
	pass_flag(v, "newestFirst");
	ask(v, "audit");
}

void web_v1_history(struct http_call *call)
{
	struct verb *v = begin(call);
	if (!v || !put_handle(v, "/api/v1/history/"))
		return;
	pass(v, "before");
	pass(v, "limit");
	ask(v, "history");
}

/* {"seq":N,"newest":N}, or nothing. False: it was answered. */
static bool pass_body(struct verb *v)
{
	static const char *const names[] = {"seq", "newest"};
	struct http_call *call = v->call;
	struct hlv_json json;
	struct hlv_json_error error = {0};
	if (call->rq.body.n == 0)
		return true;
	enum hlv_err err = hlv_json_read(&json, call->rq.body, &call->arena, &error);
	if (err == HLV_OK && hlv_json_kind(json.root) != HLV_JSON_OBJECT)
		err = hlv_json_wrong(&json, "body", "an object is expected");
	uint32_t known = 0;
	for (size_t i = 0; err == HLV_OK && i < sizeof names / sizeof *names; i++) {
		int64_t n = 0;
		if (!hlv_json_member(json.root, names[i]))
			continue;
		known++;
		err = hlv_json_get_integer(&json, json.root, names[i], 1, INT64_MAX, &n);
		put_name(v, names[i]);
		hlv_buf_printf(&v->args, "%lld", (long long)n);
	}
	if (err == HLV_OK && known < hlv_json_length(json.root))
		err = hlv_json_wrong(&json, "body", "only seq and newest are known");
	if (err == HLV_OK)
		return true;
	hlv_buf_free(&v->args);
	web_error(call, 400, HLV_RC_PROTOCOL_ERROR, error.text);
	return false;
}

void web_v1_undo(struct http_call *call)
{
	struct verb *v = begin(call);
	if (!v || !put_handle(v, "/api/v1/undo/") || !pass_body(v))
		return;
	v->answer = "{\"responseCode\":1}";
	ask(v, "undo");
}

/* --- search --- */

static bool is_one_of(struct hlv_bytes name, const char *const *names)
{
	for (; *names; names++)
		if (hlv_eq(name, hlv_text(*names)))
			return true;
	return false;
}

/* Every other key is a type, and its value a pattern. The verb takes fewer than we hand on, and says so;
 * the rest of a long query is not even looked at. */
static void put_where(struct verb *v, const char *const *others)
{
	enum { PAIRS_MAX = 32 };
	struct hlv_bytes rest = v->call->rq.query, name, pattern;
	size_t n = 0;
	put_name(v, "where");
	hlv_buf_str(&v->args, "[");
	while (n < PAIRS_MAX && http_query_pair(v->call, &rest, &name, &pattern)) {
		if (is_one_of(name, others))
			continue;
		hlv_buf_str(&v->args, n++ ? ",{\"type\":" : "{\"type\":");
		hlv_json_put_str(&v->args, name);
		hlv_buf_str(&v->args, ",\"pattern\":");
		hlv_json_put_str(&v->args, pattern);
		hlv_buf_str(&v->args, "}");
	}
	hlv_buf_str(&v->args, "]");
}

void web_v1_search(struct http_call *call)
{
	static const char *const others[] = {"prefix", "after", "limit", NULL};
	struct verb *v = begin(call);
	if (!v)
		return;
	pass(v, "prefix");
	pass(v, "after");
	pass(v, "limit");
	put_where(v, others);
	ask(v, "search");
}

static bool number_of(struct http_call *call, const char *name, uint64_t usual, uint64_t *n)
{
	struct hlv_bytes text;
	*n = usual;
	if (!http_query(call, name, 0, &text))
		return true;
	*n = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || i > 8)
			return false;
		*n = *n * 10 + (uint64_t)(text.p[i] - '0');
	}
	return text.n > 0;
}

/* The servlet of the EPIC clients (rest-clients.md W7): /hrls/handles[/PREFIX]?KEY=pattern&limit=N&page=P,
 * and a bare list back. */
void web_hrls(struct http_call *call)
{
	static const char *const others[] = {"limit", "page", NULL};
	enum { PAGE = 1000 };
	struct hlv_bytes prefix;
	uint64_t limit, page;
	struct verb *v = begin(call);
	if (!v)
		return;
	if (!http_decode(call, web_rest(call, "/hrls/handles/"), &prefix) ||
	    !number_of(call, "limit", PAGE, &limit) || !number_of(call, "page", 0, &page) ||
	    limit == 0) {
		hlv_buf_free(&v->args);
		web_error(call, 400, HLV_RC_PROTOCOL_ERROR, "limit and page are numbers");
		return;
	}
	limit = limit < PAGE ? limit : PAGE;
	if (prefix.n && prefix.p[prefix.n - 1] == '/')
		prefix.n--;
	if (prefix.n)
		put_text(v, "prefix", prefix);
	put_name(v, "limit");
	hlv_buf_printf(&v->args, "%u", (unsigned)limit);
	put_name(v, "skip");
	hlv_buf_printf(&v->args, "%llu", (unsigned long long)(limit * page));
	put_where(v, others);
	v->bare = true;
	ask(v, "search");
}
