/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/http.h"

#include <stdlib.h>

#include "proto/web/http_inner.h"
#include "proto/web/options.h"

enum {
	IN_MAX = HTTP_HEAD_MAX + 4096, /* a head, and some of what follows */
	CALL_ARENA = 8 << 20,
	/* What a call keeps for the next one, and how many calls are kept. */
	BUFFER_KEEP = 16 << 10,
	ARENA_KEEP = 16 << 10,
	SPARE_CALLS = 64,
	/* Of one connection's pipelined requests; then it is the others' turn. */
	TURN_REQUESTS = 32,
};
static const hlv_mono_ns SECOND_NS = 1000000000U;

static const struct web_options *options_of(const struct conn *c)
{
	static const struct web_options some = {.requests = 1000, .min_rate = 4096};
	return c->tcp->front->web ? c->tcp->front->web : &some;
}

/* --- calls --- */

static void free_call(struct http_call *call)
{
	hlv_arena_fini(&call->arena);
	hlv_buf_free(&call->head);
	hlv_buf_free(&call->out);
	hlv_buf_free(&call->body);
	free(call);
}

/* NULL without memory. */
static struct http_call *take_call(struct conn *c)
{
	struct http_listener *l = c->tcp->own;
	struct http_call *call = l->spare;
	if (call) {
		l->spare = call->next;
		l->nspare--;
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
	struct http_listener *l = c->tcp->own;
	if (call->arena.used > ARENA_KEEP)
		hlv_arena_fini(&call->arena);
	else
		hlv_arena_reset(&call->arena);
	clear_buffer(&call->head);
	clear_buffer(&call->out);
	clear_buffer(&call->body);
	web_gzip_free(call->gzip);
	if (l->nspare == SPARE_CALLS) {
		free_call(call);
	} else {
		*call = (struct http_call){.arena = call->arena,
					   .head = call->head,
					   .out = call->out,
					   .body = call->body,
					   .next = l->spare};
		l->spare = call;
		l->nspare++;
	}
	conn_release(c, 0);
}

/* To the last octet of its answer; what is answered in the event that brought it is timed with that. */
static void measure(const struct http_call *call)
{
	struct hlv_front *front = call->front;
	if (front->in_batch && call->now.mono_ns == call->conn->tcp->now.mono_ns)
		hlv_meter_wait(&front->meter, HLV_TOOK_HTTP);
	else
		hlv_histogram_add(&front->meter.took[HLV_TOOK_HTTP],
				  hlv_clock_mono() - call->now.mono_ns, 1);
}

void http_retire(struct http_call *call)
{
	struct conn *c = call->conn;
	measure(call);
	struct http_talk *talk = c->own;
	bool close = !call->rq.keep_alive || call->closing || call->front->stopping ||
		     talk->receiving;
	talk->call = NULL;
	talk->receiving = false;
	c->wants_room = false;
	http_set_turn(c);
	if (close)
		conn_finish(c);
	give_back(call);
}

/* --- whose turn --- */

static void set_body_deadline(struct conn *c)
{
	/* A body may take its time, but not for ever: what has come buys more of it. */
	const struct http_talk *talk = c->own;
	uint64_t bought_s = talk->come_n / options_of(c)->min_rate;
	c->deadline_ns =
		talk->since_ns + (c->tcp->front->limits->tcp_message_s + bought_s) * SECOND_NS;
}

void http_set_turn(struct conn *c)
{
	struct http_talk *talk = c->own;
	const struct http_call *call = talk->call;
	bool peers = call && talk->receiving && !call->hold;
	c->busy = call && !peers;
	if (peers && !c->awaits) {
		talk->since_ns = c->tcp->now.mono_ns;
		talk->come_n = 0;
		set_body_deadline(c);
	}
	c->awaits = peers;
}

/* --- the request --- */

static struct http_talk *talk_of(struct conn *c)
{
	if (!c->own)
		c->own = calloc(1, sizeof(struct http_talk));
	return c->own;
}

/* What is no request is answered, and the connection ends. */
static void refuse(struct conn *c, unsigned status)
{
	struct http_talk *talk = c->own;
	hlv_count(&c->tcp->front->stats.http_refused);
	if (talk->call && !talk->gathering) {
		/* Its handler may have begun to answer: the end of the connection says the rest. */
		conn_flush(c);
		c->state = CONN_DEAD;
		return;
	}
	struct http_call *call = talk->call ? talk->call : take_call(c);
	if (!call) {
		conn_finish(c);
		return;
	}
	talk->call = call;
	talk->receiving = false;
	http_set_turn(c);
	call->closing = true;
	web_error(call, status, HLV_RC_PROTOCOL_ERROR,
		  status == 413 ? "The body is too long"
				: "This is no request that can be read");
}

static void move(struct hlv_bytes *span, struct hlv_bytes from, struct hlv_bytes to)
{
	if (span->n && span->p >= from.p && span->p < from.p + from.n)
		span->p = to.p + (span->p - from.p);
}

/* The request lives in the arena from here on. */
static bool keep_request(struct http_call *call, struct hlv_bytes head)
{
	struct hlv_bytes kept = hlv_arena_copy(&call->arena, head);
	if (call->arena.bad)
		return false;
	struct http_request *rq = &call->rq;
	struct hlv_bytes *spans[] = {&rq->method_name, &rq->target, &rq->path, &rq->query,
				     &rq->host};
	for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
		move(spans[i], head, kept);
	for (size_t i = 0; i < rq->nheaders; i++) {
		move(&rq->headers[i].name, head, kept);
		move(&rq->headers[i].value, head, kept);
	}
	return true;
}

static bool has_body(const struct http_request *rq)
{
	return rq->chunked || (rq->content_length != UINT64_MAX && rq->content_length > 0);
}

static void run(struct http_call *call, const struct web_route *route)
{
	call->rq.body = hlv_buf_bytes(&call->body);
	if (call->body.bad)
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
	else if (route->flags & WEB_REGISTRY && !call->web->registry)
		web_error(call, 501, HLV_RC_NOT_SUPPORTED, "There is no registry here");
	else
		route->handle(call);
}

/* The next piece of a body that its handler wants to see as it comes. */
static void feed(struct http_call *call, struct hlv_bytes piece, bool last)
{
	struct http_talk *talk = call->conn->own;
	call->feeding = true;
	call->feed(call, piece, last);
	if (talk->call == call)
		call->feeding = false;
}

/* The head of a call whose handler takes the body in pieces. */
static void run_streaming(struct conn *c, struct http_call *call, const struct web_route *route)
{
	struct http_talk *talk = c->own;
	run(call, route);
	if (talk->call != call)
		return; /* it is answered */
	if (!call->feed) {
		call->closing = true; /* and will be, without the body */
		talk->receiving = false;
	} else if (!talk->receiving) {
		feed(call, hlv_bytes(NULL, 0), true);
	}
}

/* RFC 9110 8.4, 12.5.3: a packed body is not unpacked, nor read as if it were not. False: the call is
 * answered. */
static bool can_read(const struct conn *c, struct http_call *call)
{
	const struct http_talk *talk = c->own;
	struct hlv_bytes coding = http_header_of(call, "Content-Encoding");
	if (!talk->receiving || coding.n == 0 || hlv_eq_fold(coding, hlv_text("identity")))
		return true;
	call->closing = true;
	http_header(call, "Accept-Encoding", hlv_text("identity"));
	web_error(call, 415, HLV_RC_PROTOCOL_ERROR, "Packed bodies are not taken");
	return false;
}

/* RFC 9110 10.1.1. False: the call is answered. */
static bool meet_expectation(struct conn *c, struct http_call *call)
{
	struct hlv_bytes expect = http_header_of(call, "Expect");
	struct http_talk *talk = c->own;
	if (expect.n == 0 || call->rq.old)
		return true;
	if (!hlv_eq_fold(expect, hlv_text("100-continue"))) {
		call->closing = true;
		web_error(call, 417, HLV_RC_PROTOCOL_ERROR, "Nobody can expect that here");
		return false;
	}
	if (talk->receiving)
		conn_put(c, hlv_text("HTTP/1.1 100 Continue\r\n\r\n"));
	return true;
}

/* threats.md 4: a page whose name was bent to our address asks with that name. */
static bool is_for_us(const struct conn *c, struct hlv_bytes host)
{
	const struct hlv_strings *hosts = &options_of(c)->hosts;
	if (hosts->n == 0)
		return true;
	/* Without the port. */
	size_t n = host.n;
	while (n > 0 && host.p[n - 1] >= '0' && host.p[n - 1] <= '9')
		n--;
	if (n > 0 && host.p[n - 1] == ':')
		host.n = n - 1;
	for (size_t i = 0; i < hosts->n; i++)
		if (hlv_eq_fold(host, hlv_text(hosts->list[i])))
			return true;
	return false;
}

/* A head has come: what is to become of its body? */
static void start(struct conn *c, struct http_call *call)
{
	struct http_talk *talk = c->own;
	const struct web_route *route = web_route(&call->rq);
	bool streams = route->flags & WEB_STREAMS;
	talk->call = call;
	if (!is_for_us(c, call->rq.host)) {
		call->closing = true;
		web_error(call, 421, HLV_RC_PROTOCOL_ERROR, "This host is served elsewhere");
		return;
	}
	talk->receiving = has_body(&call->rq);
	talk->gathering = talk->receiving && !streams;
	http_body_begin(&talk->body, &call->rq);
	if (talk->gathering && !call->rq.chunked && call->rq.content_length > HTTP_BODY_MAX)
		refuse(c, 413);
	else if (!can_read(c, call) || !meet_expectation(c, call))
		return;
	else if (streams)
		run_streaming(c, call, route);
	else if (!talk->receiving)
		run(call, route);
}

static size_t take_head(struct conn *c, struct hlv_bytes b)
{
	struct http_talk *talk = c->own;
	struct http_call *call = take_call(c);
	size_t n;
	unsigned status;
	if (!call) {
		conn_finish(c);
		return b.n;
	}
	switch (http_parse_head(&talk->scan, b, &call->rq, &n, &status)) {
	case HTTP_MORE:
		give_back(call);
		return 0;
	case HTTP_REFUSED:
		give_back(call);
		refuse(c, status);
		return b.n;
	case HTTP_PARSED:
		break;
	}
	talk->scan = (struct http_scan){0};
	if (!keep_request(call, hlv_head(b, n))) {
		give_back(call);
		conn_finish(c);
		return b.n;
	}
	c->requests++;
	c->keep = true;
	hlv_count(&c->tcp->front->stats.http_requests);
	if (c->requests >= options_of(c)->requests)
		call->closing = true;
	start(c, call);
	http_set_turn(c);
	return n;
}

/* More of the body of the call in hand. */
static size_t take_body(struct conn *c, struct hlv_bytes b)
{
	struct http_talk *talk = c->own;
	struct http_call *call = talk->call;
	struct hlv_bytes piece;
	size_t n;
	enum http_parsed parsed = http_body_take(&talk->body, b, &piece, &n);
	if (parsed == HTTP_REFUSED) {
		refuse(c, 400);
		return b.n;
	}
	if (talk->gathering && call->body.n + piece.n > HTTP_BODY_MAX) {
		refuse(c, 413);
		return b.n;
	}
	talk->receiving = parsed == HTTP_MORE;
	talk->come_n += n;
	set_body_deadline(c);
	if (!talk->gathering) {
		feed(call, piece, !talk->receiving);
	} else {
		hlv_buf_put(&call->body, piece);
		if (!talk->receiving)
			run(call, web_route(&call->rq));
	}
	http_set_turn(c);
	return n;
}

static size_t take(struct conn *c, struct hlv_bytes b)
{
	size_t used = 0;
	struct http_talk *talk = talk_of(c);
	if (!talk) {
		conn_finish(c);
		return b.n;
	}
	uint32_t last = c->requests + TURN_REQUESTS;
	while (c->state == CONN_OPEN && used < b.n && !conn_is_full(c) && c->requests < last) {
		struct hlv_bytes rest = hlv_skip(b, used);
		size_t n = talk->receiving ? take_body(c, rest) : take_head(c, rest);
		if (n == 0)
			return used;
		used += n;
	}
	c->behind = c->state == CONN_OPEN && used < b.n;
	return used;
}

/* --- the end --- */

void http_feed_on(struct http_call *call)
{
	struct conn *c = call->conn;
	struct http_talk *talk = c->own;
	if (!talk->receiving || !call->feed || call->hold)
		return;
	if (call->gone) {
		talk->receiving = false;
		feed(call, hlv_bytes(NULL, 0), true);
	} else if (conn_take_in_hand(c)) {
		http_set_turn(c);
		conn_said(c);
	}
}

/* Nobody waits for the answer to half a request. */
static void cut(struct conn *c, struct hlv_bytes rest)
{
	(void)rest;
	struct http_talk *talk = c->own;
	if (!talk || !talk->receiving)
		return;
	conn_flush(c); /* to those before it */
	c->state = CONN_DEAD;
}

static void room(struct conn *c)
{
	struct http_talk *talk = c->own;
	struct http_call *call = talk ? talk->call : NULL;
	c->wants_room = false;
	if (!call || !call->stuck)
		return;
	call->stuck = false;
	call->room(call);
}

/* Whoever has the call is told when it next speaks; who waits for room or for more of the body would
 * wait for ever. */
static void leave(struct http_call *call)
{
	struct conn *c = call->conn;
	struct http_talk *talk = c->own;
	call->gone = true;
	if (call->speaking || call->posted)
		return; /* it is told by mail */
	if (talk->receiving && talk->gathering) {
		http_retire(call);
		return;
	}
	if (call->stuck) {
		call->stuck = false;
		call->room(call);
	}
	if (talk->call == call)
		http_feed_on(call);
}

static bool drop(struct conn *c)
{
	struct http_talk *talk = c->own;
	struct http_call *call = talk ? talk->call : NULL;
	c->wants_room = false;
	if (!call)
		return false;
	if (c->state != CONN_DEAD)
		return talk->receiving || (call->said_head && !call->ended);
	leave(call);
	return true;
}

/* --- the speech --- */

static void end(struct conn *c)
{
	free(c->own);
}

static bool open_listener(struct hlv_tcp *t, void *shared)
{
	struct http_listener *l = calloc(1, sizeof *l);
	if (!l)
		return false;
	l->web = shared;
	t->own = l;
	return true;
}

static void close_listener(struct hlv_tcp *t)
{
	struct http_listener *l = t->own;
	while (l->spare) {
		struct http_call *call = l->spare;
		l->spare = call->next;
		free_call(call);
	}
	web_gzip_free(l->gzip);
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
