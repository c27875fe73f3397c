/* SPDX-License-Identifier: Apache-2.0
 *
 * How an answer looks from outside: indented, or as a call of a script's function (rest-clients.md
 * R4, R5).
 */
#include "proto/web/params.h"

static void new_line(struct hlv_buf *b, unsigned depth)
{
	hlv_buf_str(b, "\n");
	for (unsigned i = 0; i < depth; i++)
		hlv_buf_str(b, "  ");
}

/* Our own compact JSON, which is known to be well formed, with blanks and line ends. */
static void put_pretty(struct hlv_buf *b, struct hlv_bytes json)
{
	unsigned depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < json.n; i++) {
		uint8_t c = json.p[i], next = i + 1 < json.n ? json.p[i + 1] : 0;
		bool opens = !quoted && (c == '{' || c == '[');
		bool closes = !quoted && (c == '}' || c == ']');
		if (closes && json.p[i - 1] != '{' && json.p[i - 1] != '[')
			new_line(b, depth - 1);
		hlv_buf_put(b, hlv_bytes(&json.p[i], 1));
		if (quoted && c == '\\') {
			i++;
			hlv_buf_put(b, hlv_head(hlv_skip(json, i), 1));
		} else if (c == '"') {
			quoted = !quoted;
		} else if (opens) {
			depth++;
			if (next != '}' && next != ']')
				new_line(b, depth);
		} else if (closes) {
			depth--;
		} else if (!quoted && c == ',') {
			new_line(b, depth);
		} else if (!quoted && c == ':') {
			hlv_buf_str(b, " ");
		}
	}
}

/* R5: what may not stand in a name becomes '_'; letters beyond ASCII from U+00A0 on may. */
static void put_name(struct hlv_buf *b, struct hlv_bytes name)
{
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		bool digit = c >= '0' && c <= '9';
		bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
			     c == '$' || (digit && i > 0) || c >= 0x80;
		/* U+0080 to U+009F. */
		if (c == 0xC2 && i + 1 < name.n && name.p[i + 1] < 0xA0) {
			plain = false;
			i++;
		}
		hlv_buf_put(b, plain ? hlv_bytes(&name.p[i], 1) : hlv_text("_"));
	}
}

const char *web_dress(struct http_call *call)
{
	struct hlv_bytes callback;
	struct hlv_buf dressed = {0};
	if (call->rq.query.n == 0 || call->out.n == 0)
		return WEB_JSON;
	if (http_query_flag(call, "pretty")) {
		put_pretty(&dressed, hlv_buf_bytes(&call->out));
		hlv_buf_free(&call->out);
		call->out = dressed;
		dressed = (struct hlv_buf){0};
	}
	/* A script of any page may be called: what is said to somebody is not for it, and a browser may
	 * have said who that is without being asked. */
	if (call->peer.claim)
		return WEB_JSON;
	if (!http_query(call, "callback", 0, &callback) || callback.n == 0)
		return WEB_JSON;
	put_name(&dressed, callback);
	hlv_buf_str(&dressed, "(");
	hlv_buf_put(&dressed, hlv_buf_bytes(&call->out));
	hlv_buf_str(&dressed, ");");
	hlv_buf_free(&call->out);
	call->out = dressed;
	return "application/javascript;charset=utf-8";
}
