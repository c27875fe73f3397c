/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include "proto/web/http_inner.h"

static const char *status_line(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} lines[] = {
		{200, "HTTP/1.1 200 OK\r\n"},
		{201, "HTTP/1.1 201 Created\r\n"},
		{202, "HTTP/1.1 202 Accepted\r\n"},
		{204, "HTTP/1.1 204 No Content\r\n"},
		{300, "HTTP/1.1 300 Multiple Choices\r\n"},
		{301, "HTTP/1.1 301 Moved Permanently\r\n"},
		{302, "HTTP/1.1 302 Found\r\n"},
		{303, "HTTP/1.1 303 See Other\r\n"},
		{304, "HTTP/1.1 304 Not Modified\r\n"},
		{307, "HTTP/1.1 307 Temporary Redirect\r\n"},
		{308, "HTTP/1.1 308 Permanent Redirect\r\n"},
		{400, "HTTP/1.1 400 Bad Request\r\n"},
		{401, "HTTP/1.1 401 Unauthorized\r\n"},
		{403, "HTTP/1.1 403 Forbidden\r\n"},
		{404, "HTTP/1.1 404 Not Found\r\n"},
		{405, "HTTP/1.1 405 Method Not Allowed\r\n"},
		{406, "HTTP/1.1 406 Not Acceptable\r\n"},
		{409, "HTTP/1.1 409 Conflict\r\n"},
		{411, "HTTP/1.1 411 Length Required\r\n"},
		{412, "HTTP/1.1 412 Precondition Failed\r\n"},
		{413, "HTTP/1.1 413 Content Too Large\r\n"},
		{414, "HTTP/1.1 414 URI Too Long\r\n"},
		{415, "HTTP/1.1 415 Unsupported Media Type\r\n"},
		{417, "HTTP/1.1 417 Expectation Failed\r\n"},
		{421, "HTTP/1.1 421 Misdirected Request\r\n"},
		{422, "HTTP/1.1 422 Unprocessable Content\r\n"},
		{429, "HTTP/1.1 429 Too Many Requests\r\n"},
		{431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
		{500, "HTTP/1.1 500 Internal Server Error\r\n"},
		{501, "HTTP/1.1 501 Not Implemented\r\n"},
		{502, "HTTP/1.1 502 Bad Gateway\r\n"},
		{503, "HTTP/1.1 503 Service Unavailable\r\n"},
		{504, "HTTP/1.1 504 Gateway Timeout\r\n"},
		{505, "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (lines[i].status == status)
			return lines[i].text;
	return NULL;
}

static struct hlv_bytes date_line(struct http_call *call)
{
	struct http_listener *l = call->conn->tcp->own;
	uint32_t now_s = hlv_now_s(call->now);
	if (now_s != l->date_s) {
		time_t t = now_s;
		struct tm tm;
		gmtime_r(&t, &tm);
		strftime(l->date, sizeof l->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		l->date_s = now_s;
	}
	return hlv_text(l->date);
}

void http_header(struct http_call *call, const char *name, struct hlv_bytes value)
{
	struct hlv_buf *b = &call->head;
	hlv_buf_str(b, name);
	hlv_buf_str(b, ": ");
	size_t at = b->n;
	hlv_buf_put(b, value);
	for (; at < b->n; at++)
		if ((uint8_t)b->p[at] < 0x20 || b->p[at] == 0x7F)
			b->p[at] = ' ';
	hlv_buf_str(b, "\r\n");
}

static void say(struct conn *c, const char *text)
{
	conn_put(c, hlv_text(text));
}

void http_say_number(struct http_call *call, const char *name, size_t number)
{
	char digits[24];
	size_t at = sizeof digits;
	digits[--at] = '\n';
	digits[--at] = '\r';
	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	say(call->conn, name);
	conn_put(call->conn, hlv_bytes(digits + at, sizeof digits - at));
}

static bool is_bodyless(unsigned status)
{
	return status == 204 || status == 304;
}

/* Status line and headers. */
static void say_head(struct http_call *call)
{
	struct conn *c = call->conn;
	struct http_talk *talk = c->own;
	const char *line = status_line(call->status);
	/* A body that was not read to its end cannot be told from a request. */
	if (call->front->stopping || (call->ended && talk->receiving))
		call->closing = true;
	say(c, line ? line : "HTTP/1.1 500 Other\r\n");
	say(c, "Date: ");
	conn_put(c, date_line(call));
	say(c, "\r\n");
	if (call->type) {
		say(c, "Content-Type: ");
		say(c, call->type);
		say(c, "\r\n");
	}
	if (call->chunked)
		say(c, "Transfer-Encoding: chunked\r\n");
	else if (call->ended && !is_bodyless(call->status))
		http_say_number(call, "Content-Length: ", call->out.n);
	if (call->closing || !call->rq.keep_alive)
		say(c, "Connection: close\r\n");
	else if (call->rq.old)
		say(c, "Connection: keep-alive\r\n");
	http_say_fields(call);
	conn_put(c, hlv_buf_bytes(&call->head));
	say(c, "\r\n");
	call->said_head = true;
}

static void say_piece(struct http_call *call, struct hlv_bytes piece)
{
	struct conn *c = call->conn;
	if (piece.n == 0)
		return;
	if (call->chunked) {
		char line[32];
		int n = snprintf(line, sizeof line, "%zx\r\n", piece.n);
		conn_put(c, hlv_bytes(line, (size_t)n));
	}
	conn_put(c, piece);
	if (call->chunked)
		say(c, "\r\n");
}

/* Octets of the answer that have not reached the peer. */
static size_t unread(const struct http_call *call)
{
	const struct conn *c = call->conn;
	/* What is gathered stays here as well when the peer takes nothing. */
	size_t gathered = c->out && c->tcp->hand == c ? c->tcp->tx_n : 0;
	return conn_unread(c) + gathered + call->out.n;
}

/* What was put since the last time. */
static void say_body(struct http_call *call, enum web_gzip_part part)
{
	struct hlv_buf *body = &call->out;
	if (call->gzip) {
		/* The request's body was read piece by piece. */
		body = &call->body;
		hlv_buf_clear(body);
		web_gzip_put(call->gzip, hlv_buf_bytes(&call->out), part, body);
		if (body->bad)
			call->conn->state = CONN_DEAD;
	}
	if (!call->no_body)
		say_piece(call, hlv_buf_bytes(body));
	hlv_buf_clear(&call->out);
}

static void come_back(struct hlv_mail *mail, void *receiver);

/* Come back to this call when no other connection is at its work. */
static void post(struct http_call *call)
{
	if (call->posted)
		return;
	call->posted = true;
	call->mail.open = come_back;
	hlv_mailbox_post(call->front->mail, &call->mail);
}

/* Send it, unless more is about to follow. The end of the connection may be noticed here, but the handler
 * is in the middle of its own work: it is told by mail. */
static void send_it(struct http_call *call)
{
	call->speaking = true;
	conn_said(call->conn);
	call->speaking = false;
	if (call->gone)
		post(call);
}

/* Say what there is. The call is gone behind this when it has ended. */
static void speak(struct http_call *call, enum web_gzip_part part)
{
	struct conn *c = call->conn;
	if (c->state == CONN_GONE)
		call->gone = true;
	if (call->gone) {
		hlv_buf_clear(&call->out);
		if (call->ended && !call->posted)
			http_retire(call);
		return;
	}
	if (!conn_take_in_hand(c)) {
		post(call);
		return;
	}
	if (!call->said_head)
		say_head(call);
	say_body(call, part);
	if (!call->ended) {
		c->wants_room = call->stuck;
		send_it(call);
		return;
	}
	if (call->chunked && !call->no_body)
		say(c, "0\r\n\r\n");
	if (call->posted)
		return; /* it is as mail on its way: come_back() does the rest */
	http_retire(call);
	conn_said(c);
}

static void come_back(struct hlv_mail *mail, void *receiver)
{
	(void)receiver;
	struct http_call *call =
		(struct http_call *)(void *)((char *)mail - offsetof(struct http_call, mail));
	/* call->posted still holds the call, whatever its handler does meanwhile. */
	if (call->status)
		speak(call, call->ended ? WEB_GZIP_LAST : WEB_GZIP_FLUSH);
	if (call->gone && call->stuck && !call->ended) {
		call->stuck = false;
		call->room(call);
	}
	if (!call->ended)
		http_feed_on(call);
	call->posted = false;
	if (call->ended)
		http_retire(call);
}

static void begin(struct http_call *call, unsigned status, const char *type)
{
	hlv_count(&call->front->meter.http[status / 100 % 6]);
	hlv_require(!call->status);
	call->status = status;
	call->type = type;
	call->no_body = call->rq.method == WEB_HEAD || is_bodyless(status);
}

void http_reply(struct http_call *call, unsigned status, const char *type)
{
	if (call->out.bad || call->head.bad) {
		hlv_buf_free(&call->out);
		hlv_buf_free(&call->head);
		status = 503;
		type = NULL;
	}
	begin(call, status, type);
	call->ended = true;
	http_finish_body(call);
	speak(call, WEB_GZIP_LAST);
}

void http_begin(struct http_call *call, unsigned status, const char *type)
{
	begin(call, status, type);
	/* RFC 9112 6.3: to a peer of 1.0 the end of the connection is the body's. */
	call->chunked = !call->rq.old;
	call->closing = call->closing || call->rq.old;
	hlv_buf_clear(&call->out);
	http_begin_gzip(call);
}

bool http_put(struct http_call *call, struct hlv_bytes piece)
{
	if (call->conn->state == CONN_GONE)
		call->gone = true;
	if (call->gone)
		return true;
	hlv_buf_put(&call->out, piece);
	if (call->out.bad) {
		/* What is missing in the middle would not be missed. */
		call->conn->state = CONN_DEAD;
		hlv_buf_free(&call->out);
	}
	/* What is put behind what could not be said yet counts too: another connection is in hand. */
	call->stuck = call->room && unread(call) > HLV_TCP_OUT;
	if (call->stuck || call->out.n >= HTTP_PIECE)
		speak(call, WEB_GZIP_MORE);
	if (call->gone)
		call->stuck = false;
	return !call->stuck;
}

void http_flush(struct http_call *call)
{
	if (call->out.n > 0 || !call->said_head)
		speak(call, WEB_GZIP_FLUSH);
}

void http_end(struct http_call *call)
{
	call->ended = true;
	speak(call, WEB_GZIP_LAST);
}

void http_feed_more(struct http_call *call)
{
	struct conn *c = call->conn;
	call->hold = false;
	if (call->feeding)
		return; /* whoever feeds sees it */
	if (call->gone || !conn_take_in_hand(c)) {
		post(call);
		return;
	}
	http_set_turn(c);
	send_it(call);
}
