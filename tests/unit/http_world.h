/* SPDX-License-Identifier: Apache-2.0
 *
 * A listener for HTTP on a real socket, without a service: its routes are this file's own, with handlers
 * that answer now, later, in pieces, or while another connection is at its work; and peers that speak,
 * listen and go away. One world a case.
 */
#pragma once
#include "proto/web/http.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/net/tcp_conn.h"
#include "proto/web/web.h"
#include "tests/unit/unit.h"

enum { CALLS = 8, PEERS = 4, BIG = 32 << 20 };

static struct {
	struct hlv_front front;
	struct hlv_service service;
	struct hlv_limits limits;
	struct hlv_mailbox box;
	struct hlv_tcp *tcp;
	struct sockaddr_in addr;
	struct web web;
	int peer[PEERS];
	struct hlv_buf said[PEERS]; /* by the server */
	bool closed[PEERS];
	/* Calls that their handlers have kept, oldest first; and what was fed to the last one. */
	struct http_call *kept[CALLS];
	size_t nkept;
	struct hlv_buf fed;
	unsigned lasts, rooms; /* feed(last), room() */
	bool given_up;	       /* call->gone when the last piece came */
	size_t left;	       /* of a big answer */
} t;

/* --- handlers --- */

static inline void reply(struct http_call *call, const char *text)
{
	hlv_buf_str(&call->out, text);
	http_reply(call, 200, "text/plain");
}

static inline void say_path(struct http_call *call)
{
	struct hlv_bytes path = call->rq.path;
	hlv_buf_put(&call->out, path);
	hlv_buf_str(&call->out, "=");
	hlv_buf_put(&call->out, call->rq.body);
	http_reply(call, 200, "text/plain");
}

static inline void busy(struct http_call *call)
{
	call->retry_s = (uint32_t)call->rq.query.n;
	http_reply(call, 503, NULL);
}

static inline void keep(struct http_call *call)
{
	assert_true(t.nkept < CALLS);
	t.kept[t.nkept++] = call;
}

/* In this connection's event the others' calls are answered. */
static inline void answer_kept(struct http_call *call)
{
	for (size_t i = 0; i < t.nkept; i++)
		reply(t.kept[i], "late");
	t.nkept = 0;
	if (call)
		reply(call, "done");
}

static inline void fill(struct http_call *call)
{
	static const char block[4096] = {0};
	while (t.left > 0) {
		t.left -= sizeof block;
		if (!http_put(call, hlv_bytes(block, sizeof block)))
			return;
	}
	http_end(call);
}

static inline void refill(struct http_call *call)
{
	t.rooms++;
	fill(call);
}

static inline void big(struct http_call *call)
{
	call->room = refill;
	t.left = BIG;
	http_begin(call, 200, "text/plain");
	fill(call);
}

static inline void kept_room(struct http_call *call)
{
	(void)call;
	t.rooms++;
}

static inline void begin_and_keep(struct http_call *call)
{
	call->room = kept_room;
	http_begin(call, 200, "text/plain");
	http_put(call, hlv_text("begun"));
	http_flush(call);
	keep(call);
}

static inline void take_piece(struct http_call *call, struct hlv_bytes piece, bool last)
{
	hlv_buf_put(&t.fed, piece);
	if (!last)
		return;
	t.lasts++;
	t.given_up = call->gone;
	reply(call, "fed");
}

static inline void take_piece_and_hold(struct http_call *call, struct hlv_bytes piece,
				       bool last)
{
	take_piece(call, piece, last);
	if (last)
		return;
	call->hold = true;
	if (t.nkept == 0)
		keep(call);
}

static inline void feed(struct http_call *call)
{
	call->feed = take_piece;
}

static inline void feed_and_hold(struct http_call *call)
{
	call->feed = take_piece_and_hold;
}

static inline void feed_more(struct http_call *call)
{
	struct http_call *held = t.kept[0];
	t.nkept = 0;
	http_feed_more(held);
	if (call)
		reply(call, "done");
}

/* Instead of route.c's. */
const struct web_route *web_route(const struct http_request *rq)
{
	static const struct web_route routes[] = {
		{0xFF, "/keep", keep, 0},
		{0xFF, "/busy", busy, 0},
		{0xFF, "/answer", answer_kept, 0},
		{0xFF, "/big", big, 0},
		{0xFF, "/begin", begin_and_keep, 0},
		{0xFF, "/feed", feed, WEB_STREAMS},
		{0xFF, "/hold", feed_and_hold, WEB_STREAMS},
		{0xFF, "/more", feed_more, 0},
		{0xFF, "/deaf", keep, WEB_STREAMS},
		{0xFF, "/early", say_path, WEB_STREAMS},
	};
	static const struct web_route other = {0xFF, "", say_path, 0};
	for (size_t i = 0; i < COUNT(routes); i++)
		if (hlv_eq(rq->path, hlv_text(routes[i].path)))
			return &routes[i];
	return &other;
}

/* --- the world --- */

static inline void nothing(struct hlv_service *service, struct hlv_now now)
{
	(void)service;
	(void)now;
}

static inline void no_end(struct hlv_service *service)
{
	(void)service;
}

static inline void open_mail(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	t.front.in_mail = true;
	hlv_mailbox_take(&t.box, NULL);
	t.front.in_mail = false;
	hlv_tcp_mail_end(t.tcp);
}

static struct event *mail_event;

static inline int set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof t);
	memset(t.peer, 0xFF, sizeof t.peer);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof t.addr;
	t.addr = (struct sockaddr_in){.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)&t.addr, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&t.addr, &len), 0);
	assert_int_equal(listen(fd, PEERS), 0);
	t.limits = (struct hlv_limits){.tcp_connections = 64,
				       .tcp_per_source = 64,
				       .tcp_requests = 1000,
				       .tcp_first_s = 600,
				       .tcp_message_s = 600,
				       .tcp_idle_s = 600,
				       .tcp_sdk_idle_s = 600,
				       .tcp_stall_s = 600,
				       .tcp_life_s = 6000};
	t.service = (struct hlv_service){.batch_begin = nothing, .batch_end = no_end};
	assert_int_equal(hlv_mailbox_init(&t.box), HLV_OK);
	t.front = (struct hlv_front){.base = event_base_new(),
				     .service = &t.service,
				     .limits = &t.limits,
				     .mail = &t.box};
	mail_event = event_new(t.front.base, t.box.fd, EV_READ | EV_PERSIST, open_mail, NULL);
	event_add(mail_event, NULL);
	t.tcp = hlv_tcp_open(&t.front, fd, &http_speech, &t.web);
	assert_non_null(t.tcp);
	return 0;
}

/* What is held was answered, and nothing is away any more. */
static inline int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < PEERS; i++) {
		if (t.peer[i] >= 0)
			close(t.peer[i]);
		hlv_buf_free(&t.said[i]);
	}
	hlv_tcp_close(t.tcp);
	event_base_loop(t.front.base, EVLOOP_NONBLOCK);
	assert_int_equal(t.front.inflight, 0);
	event_free(mail_event);
	event_base_free(t.front.base);
	hlv_mailbox_fini(&t.box);
	hlv_buf_free(&t.fed);
	return 0;
}

static inline void listen_to(size_t i)
{
	while (t.peer[i] >= 0 && !t.closed[i]) {
		char *room = hlv_buf_room(&t.said[i], 65536);
		ssize_t n = recv(t.peer[i], room, 65536, MSG_DONTWAIT);
		t.said[i].n -= 65536 - (n > 0 ? (size_t)n : 0);
		t.said[i].p[t.said[i].n] = '\0';
		if (n < 0)
			return;
		t.closed[i] = n == 0;
	}
}

static inline bool is_writing(void)
{
	for (struct conn *c = t.tcp->list.next; c != &t.tcp->list; c = c->next)
		if (c->out)
			return true;
	return false;
}

/* The server's loop, until it has nothing more to do; `deaf` does not read what it says. */
static inline void turn_deaf(size_t deaf)
{
	for (int quiet = 0; quiet < 3; quiet++) {
		event_base_loop(t.front.base, EVLOOP_NONBLOCK);
		for (size_t i = 0; i < PEERS; i++) {
			size_t had = t.said[i].n;
			if (i != deaf)
				listen_to(i);
			if (t.said[i].n != had)
				quiet = 0;
		}
		if (deaf == PEERS && is_writing())
			quiet = 0;
	}
}

static inline void turn(void)
{
	turn_deaf(PEERS);
}

static inline void say_only(size_t i, const char *text)
{
	if (t.peer[i] < 0) {
		t.peer[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(t.peer[i], (struct sockaddr *)&t.addr, sizeof t.addr),
				 0);
	}
	assert_int_equal(send(t.peer[i], text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static inline void say(size_t i, const char *text)
{
	say_only(i, text);
	turn();
}

static inline void get(size_t i, const char *path)
{
	char text[256];
	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	say(i, text);
}

/* At once, not by FIN: also what waits to be read is gone. */
static inline void go_away(size_t i)
{
	struct linger at_once = {.l_onoff = 1};
	setsockopt(t.peer[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(t.peer[i]);
	t.peer[i] = -1;
}

/* What peer i has heard since the last time: the bodies alone, in [], a closed end as !. */
static inline void check_heard(size_t i, const char *want)
{
	struct hlv_buf heard = {0};
	char *p = t.said[i].p, *end = p + t.said[i].n;
	while (p && p < end) {
		char *body = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
		if (!body)
			fail_msg("no head: %.*s", (int)(end - p), p);
		body += 4;
		char *length = memmem(p, (size_t)(body - p), "Content-Length: ", 16);
		size_t n = length ? strtoul(length + 16, NULL, 10) : (size_t)(end - body);
		hlv_buf_str(&heard, "[");
		if (strncmp(p, "HTTP/1.1 200", 12) != 0)
			hlv_buf_put(&heard, hlv_bytes(p + 9, 3));
		else
			hlv_buf_put(&heard, hlv_bytes(body, n));
		hlv_buf_str(&heard, "]");
		p = body + n;
	}
	hlv_buf_str(&heard, t.closed[i] ? "!" : "");
	if (strcmp(heard.p, want) != 0)
		fail_msg("peer %zu heard %s, not %s", i, heard.p, want);
	hlv_buf_free(&heard);
	hlv_buf_clear(&t.said[i]);
}
