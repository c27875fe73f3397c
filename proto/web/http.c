/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/http.h"

#include <stdlib.h>
#include <time.h>

#include "proto/net/tcp_conn.h"
#include "proto/web/http_parse.h"
#include "proto/web/web.h"

enum {
	IN_MAX = HTTP_HEAD_MAX + 4096, /* a head, and some of what follows */
	CALL_ARENA = 8 << 20,
	BUFFER_KEEP = 64 << 10, /* of an answer's buffer that is used again */
	ARENA_KEEP = 64 << 10,
	DISCARD_MAX = 1 << 20, /* of a body that nobody wants */
};

/* What the connections of one listener share. */
struct listener {
	const struct web *web;
	struct http_call *spare;
	uint32_t date_s;
	char date[32];
};

/* A connection's: which request is being received or answered. */
struct talk {
	struct http_call *call; /* NULL: the next head is awaited */
	struct http_body body;
	bool receiving; /* the call's body */
	bool gathering;
	struct hlv_buf gathered;
};

/* --- calls --- */

static struct http_call *take_call(struct conn *c)
{
	struct listener *l = c->tcp->own;
	struct http_call *call = l->spare;
	if (call) {
		l->spare = call->next;
	} else {
		call = calloc(1, sizeof *call);
		if (!call)
			return NULL;
		hlv_arena_init(&call->arena, CALL_ARENA);
	}
	call->front = c->tcp->front;
	call->web = l->web;
	call->conn = c;
	call->now = c->tcp->now;
	call->peer = conn_peer(c);
	call->peer.via = HLV_VIA_HTTP;
	conn_hold(c, 0);
	return call;
}

static void clear_buffer(struct hlv_buf *b)
{
	if (b->cap > BUFFER_KEEP || b->bad)
		hlv_buf_free(b);
	else
		hlv_buf_clear(b);
}

static void give_back(struct http_call *call)
{
	struct conn *c = call->conn;
	struct listener *l = c->tcp->own;
	if (call->arena.used > ARENA_KEEP)
		hlv_arena_fini(&call->arena);
	else
		hlv_arena_reset(&call->arena);
	clear_buffer(&call->head);
	clear_buffer(&call->out);
	*call = (struct http_call){
		.arena = call->arena, .head = call->head, .out = call->out, .next = l->spare};
	l->spare = call;
	conn_release(c, 0);
}

/* --- the answer --- */

static const char *reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} reasons[] = {
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{204, "No Content"},
		{300, "Multiple Choices"},
		{301, "Moved Permanently"},
		{302, "Found"},
		{303, "See Other"},
		{304, "Not Modified"},
		{307, "Temporary Redirect"},
		{308, "Permanent Redirect"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{406, "Not Acceptable"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{411, "Length Required"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{417, "Expectation Failed"},
		{421, "Misdirected Request"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
	};
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Other";
}

static const char *date_of(struct http_call *call)
{
	struct listener *l = call->conn->tcp->own;
	uint32_t now_s = hlv_now_s(call->now);
	if (now_s != l->date_s) {
		time_t t = now_s;
		struct tm tm;
		gmtime_r(&t, &tm);
		strftime(l->date, sizeof l->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		l->date_s = now_s;
	}
	return l->date;
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

/* Status line and headers, into the connection. `length` SIZE_MAX: unknown. */
static void put_head(struct http_call *call, unsigned status, const char *type, size_t length)
{
	char line[256];
	bool close = !call->rq.keep_alive || call->closing;
	int n = snprintf(line, sizeof line, "HTTP/1.1 %u %s\r\nDate: %s\r\n", status,
			 reason(status), date_of(call));
	conn_put(call->conn, hlv_bytes(line, (size_t)n));
	n = 0;
	if (type)
		n = snprintf(line, sizeof line, "Content-Type: %s\r\n", type);
	if (call->chunked_out)
		n += snprintf(line + n, sizeof line - (size_t)n,
			      "Transfer-Encoding: chunked\r\n");
	else if (length != SIZE_MAX && status != 204 && status != 304)
		n += snprintf(line + n, sizeof line - (size_t)n, "Content-Length: %zu\r\n",
			      length);
	if (close)
		n += snprintf(line + n, sizeof line - (size_t)n, "Connection: close\r\n");
	else if (call->rq.old)
		n += snprintf(line + n, sizeof line - (size_t)n, "Connection: keep-alive\r\n");
	conn_put(call->conn, hlv_bytes(line, (size_t)n));
	hlv_buf_str(&call->head, "\r\n");
	conn_put(call->conn, hlv_buf_bytes(&call->head));
}

/* The request is answered: the next one's turn, or the end. */
static void finish(struct http_call *call)
{
	struct conn *c = call->conn;
	struct talk *talk = c->own;
	bool close = !call->rq.keep_alive || call->closing || call->front->stopping;
	/* A body that was not read to its end cannot be told from a request. */
	close = close || talk->receiving;
	talk->call = NULL;
	talk->receiving = false;
	clear_buffer(&talk->gathered);
	c->busy = false;
	c->wants_room = false;
	if (close)
		conn_finish(c);
	give_back(call);
}

static void put_chunk(struct http_call *call, struct hlv_bytes piece)
{
	char line[32];
	if (piece.n == 0)
		return;
	if (call->chunked_out)
		conn_put(call->conn, hlv_bytes(line, (size_t)snprintf(line, sizeof line,
								      "%zx\r\n", piece.n)));
	conn_put(call->conn, piece);
	if (call->chunked_out)
		conn_put(call->conn, hlv_text("\r\n"));
}

static void come_back(struct hlv_mail *mail, void *receiver);

/* Say what was gathered. The call may be gone behind this. */
static void speak(struct http_call *call)
{
	struct conn *c = call->conn;
	if (c->state == CONN_GONE || call->gone) {
		call->gone = true;
		if (call->ended)
			give_back(call);
		return;
	}
	if (!conn_take_in_hand(c)) {
		/* Another connection is at its work: that one first. */
		if (!call->posted) {
			call->posted = true;
			call->mail.open = come_back;
			hlv_mailbox_post(call->front->mail, &call->mail);
		}
		return;
	}
	if (!call->no_body)
		put_chunk(call, hlv_buf_bytes(&call->out));
	hlv_buf_clear(&call->out);
	if (call->ended) {
		if (call->chunked_out && !call->no_body)
			conn_put(c, hlv_text("0\r\n\r\n"));
		finish(call);
	} else {
		c->wants_room = call->room != NULL;
	}
	conn_said(c);
}

static void come_back(struct hlv_mail *mail, void *receiver)
{
	(void)receiver;
	struct http_call *call =
		(struct http_call *)(void *)((char *)mail - offsetof(struct http_call, mail));
	call->posted = false;
	if (call->late_status && call->conn->state != CONN_GONE &&
	    conn_take_in_hand(call->conn)) {
		put_head(call, call->late_status, call->late_type, call->late_length);
		call->late_status = 0;
	}
	speak(call);
}

static void begin(struct http_call *call, unsigned status, const char *type, size_t length)
{
	call->begun = true;
	call->no_body = call->rq.method == WEB_HEAD || status == 204 || status == 304;
	if (call->conn->state == CONN_GONE || call->gone)
		return;
	if (conn_take_in_hand(call->conn)) {
		put_head(call, status, type, length);
		return;
	}
	call->late_status = status;
	call->late_type = type;
	call->late_length = length;
}

void http_reply(struct http_call *call, unsigned status, const char *type)
{
	hlv_require(!call->begun);
	if (call->out.bad) {
		hlv_buf_free(&call->out);
		status = 503;
		type = NULL;
	}
	begin(call, status, type, call->out.n);
	call->ended = true;
	speak(call);
}

void http_begin(struct http_call *call, unsigned status, const char *type)
{
	hlv_require(!call->begun);
	call->chunked_out = !call->rq.old;
	if (call->rq.old)
		call->closing = true;
	begin(call, status, type, SIZE_MAX);
}

bool http_put(struct http_call *call, struct hlv_bytes piece)
{
	if (call->conn->state == CONN_GONE)
		call->gone = true;
	if (call->gone)
		return true;
	hlv_buf_put(&call->out, piece);
	if (call->out.n < HTTP_PIECE)
		return true;
	speak(call);
	return call->gone || conn_unread(call->conn) <= HLV_TCP_OUT;
}

void http_flush(struct http_call *call)
{
	if (call->out.n > 0)
		speak(call);
}

void http_end(struct http_call *call)
{
	call->ended = true;
	speak(call);
}

/* --- the request --- */

static struct talk *talk_of(struct conn *c)
{
	if (!c->own)
		c->own = calloc(1, sizeof(struct talk));
	return c->own;
}

/* What is no request is answered, and the connection ends. */
static void refuse(struct conn *c, unsigned status)
{
	struct talk *talk = c->own;
	struct http_call *call = talk->call ? talk->call : take_call(c);
	if (!call) {
		conn_finish(c);
		return;
	}
	hlv_count(&c->tcp->front->stats.http_refused);
	talk->receiving = false;
	call->closing = true;
	talk->call = call;
	if (call->feed) { /* the handler has it */
		call->gone = true;
		conn_finish(c);
		call->feed(call, hlv_bytes(NULL, 0), true);
		return;
	}
	web_error(call, status, HLV_RC_PROTOCOL_ERROR,
		  status == 413 ? "The body is too long"
				: "This is no request that can be read");
}

/* The request lives in the arena from here on. */
static bool keep_request(struct http_call *call, struct hlv_bytes head,
			 const struct http_request *rq)
{
	struct hlv_bytes kept = hlv_arena_copy(&call->arena, head);
	if (call->arena.bad)
		return false;
	call->rq = *rq;
	struct http_request *k = &call->rq;
	struct hlv_bytes *spans[] = {&k->method_name, &k->target, &k->path, &k->query};
	for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
		if (spans[i]->n && spans[i]->p >= head.p && spans[i]->p < head.p + head.n)
			spans[i]->p = kept.p + (spans[i]->p - head.p);
	for (size_t i = 0; i < k->nheaders; i++) {
		struct http_header *h = &k->headers[i];
		h->name.p = kept.p + (h->name.p - head.p);
		if (h->value.n)
			h->value.p = kept.p + (h->value.p - head.p);
	}
	return true;
}

static bool has_body(const struct http_request *rq)
{
	return rq->chunked || (rq->content_length != UINT64_MAX && rq->content_length > 0);
}

static void run(struct conn *c, struct http_call *call)
{
	struct talk *talk = c->own;
	const struct web_route *route = web_route(&call->rq);
	c->busy = true;
	if (talk->gathering && talk->gathered.n) {
		call->rq.body = hlv_arena_copy(&call->arena, hlv_buf_bytes(&talk->gathered));
		if (call->arena.bad || talk->gathered.bad) {
			web_error(call, 503, HLV_RC_BUSY, "Out of memory");
			return;
		}
	}
	if (route->flags & WEB_REGISTRY && !call->web->registry)
		web_error(call, 501, HLV_RC_NOT_SUPPORTED, "There is no registry here");
	else
		route->handle(call);
}

/* A head has come: what is to become of its body? */
static void start(struct conn *c, struct http_call *call)
{
	struct talk *talk = c->own;
	const struct web_route *route = web_route(&call->rq);
	talk->call = call;
	talk->receiving = has_body(&call->rq);
	if (!talk->receiving) {
		if (route->flags & WEB_STREAMS)
			talk->gathering = false;
		run(c, call);
		if (talk->call == call && call->feed)
			call->feed(call, hlv_bytes(NULL, 0), true);
		return;
	}
	http_body_begin(&talk->body, &call->rq);
	talk->gathering = !(route->flags & WEB_STREAMS);
	if (talk->gathering && !call->rq.chunked && call->rq.content_length > HTTP_BODY_MAX) {
		refuse(c, 413);
		return;
	}
	struct hlv_bytes expect = http_header_of(call, "Expect");
	if (hlv_eq_fold(expect, hlv_text("100-continue")))
		conn_put(c, hlv_text("HTTP/1.1 100 Continue\r\n\r\n"));
	if (!talk->gathering) {
		run(c, call);
		c->busy = talk->call == call && call->hold;
	}
}

static size_t take_head(struct conn *c, struct hlv_bytes b)
{
	struct http_request rq;
	size_t n;
	unsigned status;
	struct talk *talk = c->own;
	switch (http_parse_head(b, &rq, &n, &status)) {
	case HTTP_MORE:
		return 0;
	case HTTP_REFUSED:
		refuse(c, status);
		return b.n;
	case HTTP_PARSED:
		break;
	}
	struct http_call *call = take_call(c);
	if (!call || !keep_request(call, hlv_head(b, n), &rq)) {
		if (call)
			give_back(call);
		conn_finish(c);
		return b.n;
	}
	c->requests++;
	c->keep = true;
	hlv_count(&c->tcp->front->stats.http_requests);
	if (c->requests >= c->tcp->front->limits->tcp_requests)
		call->closing = true;
	talk->gathering = false;
	start(c, call);
	return n;
}

/* More of the body of the call in hand. */
static size_t take_body(struct conn *c, struct hlv_bytes b)
{
	struct talk *talk = c->own;
	struct http_call *call = talk->call;
	struct hlv_bytes piece;
	size_t n;
	enum http_parsed parsed = http_body_take(&talk->body, b, &piece, &n);
	if (parsed == HTTP_REFUSED) {
		refuse(c, 400);
		return b.n;
	}
	bool last = parsed == HTTP_PARSED;
	talk->receiving = !last;
	if (talk->gathering) {
		if (talk->gathered.n + piece.n > HTTP_BODY_MAX) {
			refuse(c, 413);
			return b.n;
		}
		hlv_buf_put(&talk->gathered, piece);
		if (last)
			run(c, call);
	} else if (call->feed) {
		c->busy = last;
		call->feed(call, piece, last);
		if (talk->call == call && !last)
			c->busy = call->hold;
	} else {
		talk->receiving = false; /* answered without it */
		conn_finish(c);
	}
	return n;
}

static size_t take(struct conn *c, struct hlv_bytes b)
{
	size_t used = 0;
	struct talk *talk = talk_of(c);
	if (!talk) {
		conn_finish(c);
		return b.n;
	}
	while (c->state == CONN_OPEN && used < b.n && !c->busy) {
		struct hlv_bytes rest = hlv_skip(b, used);
		size_t n = talk->receiving ? take_body(c, rest) : take_head(c, rest);
		if (n == 0)
			break;
		used += n;
	}
	c->behind = c->busy && used < b.n;
	return used;
}

void http_feed_more(struct http_call *call)
{
	struct conn *c = call->conn;
	call->hold = false;
	if (c->state == CONN_GONE || call->gone)
		return;
	c->busy = false;
	if (conn_take_in_hand(c))
		conn_said(c);
}

/* --- the speech --- */

static void cut(struct conn *c, struct hlv_bytes rest)
{
	(void)c;
	(void)rest; /* nobody waits for an answer to half a request */
}

static void room(struct conn *c)
{
	struct talk *talk = c->own;
	c->wants_room = false;
	if (talk && talk->call && talk->call->room)
		talk->call->room(talk->call);
}

/* The peer is gone, or soon will be: whoever has the call is told when it next speaks; who waits for
 * room or for more of the body would wait for ever. */
static bool drop(struct conn *c)
{
	struct talk *talk = c->own;
	struct http_call *call = talk ? talk->call : NULL;
	c->wants_room = false;
	if (!call)
		return false;
	bool begun = call->begun;
	if (c->state == CONN_DEAD)
		call->gone = true;
	if (call->gone && talk->receiving && call->feed) {
		talk->receiving = false;
		call->feed(call, hlv_bytes(NULL, 0), true);
	} else if (call->gone && talk->receiving) {
		talk->call = NULL;
		give_back(call);
	} else if (call->gone && call->begun && !call->ended && call->room) {
		call->room(call);
	}
	return begun;
}

static void end(struct conn *c)
{
	struct talk *talk = c->own;
	if (!talk)
		return;
	hlv_buf_free(&talk->gathered);
	free(talk);
}

static bool open_listener(struct hlv_tcp *t, void *shared)
{
	struct listener *l = calloc(1, sizeof *l);
	if (!l)
		return false;
	l->web = shared;
	t->own = l;
	return true;
}

static void close_listener(struct hlv_tcp *t)
{
	struct listener *l = t->own;
	while (l->spare) {
		struct http_call *call = l->spare;
		l->spare = call->next;
		hlv_arena_fini(&call->arena);
		hlv_buf_free(&call->head);
		hlv_buf_free(&call->out);
		free(call);
	}
	free(l);
}

const struct conn_speech http_speech = {
	.in_max = IN_MAX,
	.take = take,
	.cut = cut,
	.room = room,
	.drop = drop,
	.end = end,
	.open = open_listener,
	.close = close_listener,
};
