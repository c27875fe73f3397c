/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/params.h"

#include <stdlib.h>

#include "proto/net/json_tree.h"

bool web_body_is(const struct http_call *call, const char *type)
{
	struct hlv_bytes have = http_header_of(call, "Content-Type");
	size_t n = strlen(type);
	return hlv_eq_fold(hlv_head(have, n), hlv_text(type)) &&
	       (have.n == n || have.p[n] == ';' || have.p[n] == ' ');
}

/* --- bodies as queries --- */

static void put_encoded(struct hlv_buf *b, struct hlv_bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		hlv_buf_printf(b, "%%%02X", text.p[i]);
}

static void put_pair(struct hlv_buf *b, struct hlv_bytes key, struct hlv_bytes value)
{
	hlv_buf_put(b, hlv_text("&"));
	hlv_buf_put(b, key);
	hlv_buf_put(b, hlv_text("="));
	put_encoded(b, value);
}

/* The parameters that there are; others in the object mean nothing to us. */
static const char *const names[] = {
	"type",	     "index",  "auth",	     "cert",	 "publicOnly", "doNotRefer",   "pretty",
	"callback",  "prefix", "page",	     "pageSize", "nonce",      "cnonce",       "alg",
	"signature", "salt",   "iterations", "length",	 "overwrite",  "mintNewSuffix"};

static bool put_object(struct http_call *call, struct hlv_buf *b)
{
	struct hlv_json json;
	struct hlv_json_error error;
	struct hlv_bytes text;
	if (hlv_json_read(&json, call->rq.body, &call->arena, &error) != HLV_OK) {
		char *why = hlv_arena_str(&call->arena, hlv_text(error.text));
		web_error(call, 400, HLV_RC_PROTOCOL_ERROR, why ? why : "Invalid JSON");
		return false;
	}
	if (hlv_json_kind(json.root) != HLV_JSON_OBJECT) {
		web_error(call, 400, HLV_RC_PROTOCOL_ERROR, "The body is no JSON object");
		return false;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const struct hlv_json_node *node = hlv_json_member(json.root, names[i]);
		const struct hlv_json_node *item = node;
		bool list = hlv_json_kind(node) == HLV_JSON_ARRAY;
		if (list)
			item = hlv_json_first(node);
		for (; item; item = list ? hlv_json_next(item) : NULL)
			if (hlv_json_spelling(&json, item, &text))
				put_pair(b, hlv_text(names[i]), text);
	}
	return true;
}

bool web_params(struct http_call *call)
{
	struct hlv_buf b = {0};
	bool good = true;
	if (call->rq.method != WEB_POST || call->rq.body.n == 0)
		return true;
	hlv_buf_put(&b, call->rq.query);
	if (web_body_is(call, "application/x-www-form-urlencoded")) {
		hlv_buf_str(&b, "&");
		hlv_buf_put(&b, call->rq.body);
	} else if (web_body_is(call, "application/json")) {
		good = put_object(call, &b);
	}
	if (good) {
		call->rq.query = hlv_arena_copy(&call->arena, hlv_buf_bytes(&b));
		good = !b.bad && !call->arena.bad;
		if (!good)
			web_error(call, 503, HLV_RC_BUSY, "Out of memory");
	}
	hlv_buf_free(&b);
	return good;
}

/* --- values --- */

static bool refuse_number(struct http_call *call, const char *key, struct hlv_bytes text)
{
	char *why = hlv_alloc(&call->arena, 160);
	text = hlv_head(text, 64);
	if (why)
		snprintf(why, 160, "%s is no number: \"%.*s\"", key, (int)text.n,
			 text.n ? (const char *)text.p : "");
	web_error(call, 400, HLV_RC_PROTOCOL_ERROR, why ? why : "Not a number");
	return false;
}

/* A signed number of Java's int. */
static bool parse_int(struct hlv_bytes text, int64_t *out)
{
	bool minus = text.n && text.p[0] == '-';
	struct hlv_bytes digits = hlv_skip(text, minus);
	int64_t n = 0;
	if (digits.n == 0 || digits.n > 10)
		return false;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
		n = n * 10 + (digits.p[i] - '0');
	}
	*out = minus ? -n : n;
	return n <= INT32_MAX;
}

bool web_param_number(struct http_call *call, const char *key, bool *there, int64_t *out)
{
	struct hlv_bytes text;
	*there = http_query(call, key, 0, &text);
	return !*there || parse_int(text, out) || refuse_number(call, key, text);
}

enum { LIST_MAX = 1024 }; /* as many as a record could use */

/* How many there are, or more than LIST_MAX. */
static size_t count_of(struct http_call *call, const char *key, size_t *octets)
{
	struct hlv_bytes rest = call->rq.query, text;
	size_t n = 0;
	*octets = 0;
	while (n <= LIST_MAX && http_query_next(call, key, &rest, &text)) {
		*octets += text.n;
		n++;
	}
	return n;
}

static bool no_memory(struct http_call *call)
{
	web_error(call, 503, HLV_RC_BUSY, "Out of memory");
	return false;
}

static bool too_many(struct http_call *call)
{
	web_error(call, 400, HLV_RC_PROTOCOL_ERROR,
		  "More indexes or types than are taken at once");
	return false;
}

bool web_param_indexes(struct http_call *call, struct hlv_list *out)
{
	struct hlv_bytes rest = call->rq.query, text;
	size_t octets, n = count_of(call, "index", &octets);
	*out = (struct hlv_list){0};
	if (n == 0)
		return true;
	if (n > LIST_MAX)
		return too_many(call);
	uint8_t *room = hlv_alloc_raw(&call->arena, n * 4);
	if (!room)
		return no_memory(call);
	struct hlv_writer w = hlv_writer(room, n * 4);
	while (http_query_next(call, "index", &rest, &text)) {
		int64_t index;
		if (!parse_int(text, &index))
			return refuse_number(call, "index", text);
		hlv_put_u32(&w, (uint32_t)index);
	}
	*out = (struct hlv_list){(uint32_t)n, hlv_written(&w)};
	return true;
}

bool web_param_types(struct http_call *call, struct hlv_list *out)
{
	struct hlv_bytes rest = call->rq.query, text;
	size_t octets, n = count_of(call, "type", &octets);
	*out = (struct hlv_list){0};
	if (n == 0)
		return true;
	if (n > LIST_MAX)
		return too_many(call);
	uint8_t *room = hlv_alloc_raw(&call->arena, n * 4 + octets);
	if (!room)
		return no_memory(call);
	struct hlv_writer w = hlv_writer(room, n * 4 + octets);
	while (http_query_next(call, "type", &rest, &text))
		hlv_put_lp32(&w, text);
	*out = (struct hlv_list){(uint32_t)n, hlv_written(&w)};
	return true;
}

bool web_param_strict(struct http_call *call, const char *key, bool absent)
{
	struct hlv_bytes text;
	if (!http_query(call, key, 0, &text))
		return absent;
	return hlv_eq_fold(text, hlv_text("true"));
}
