/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP on real sockets, with handlers that answer now, later, in pieces, or while another connection
 * is at its work; and peers that go away at any of these moments. Without a service: the routes are
 * this file's own. Run with a sanitizer it also finds what lives too long or too short.
 */
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

static void reply(struct http_call *call, const char *text)
{
	hlv_buf_str(&call->out, text);
	http_reply(call, 200, "text/plain");
}

static void say_path(struct http_call *call)
{
	struct hlv_bytes path = call->rq.path;
	hlv_buf_put(&call->out, path);
	hlv_buf_str(&call->out, "=");
	hlv_buf_put(&call->out, call->rq.body);
	http_reply(call, 200, "text/plain");
}

static void keep(struct http_call *call)
{
	assert_true(t.nkept < CALLS);
	t.kept[t.nkept++] = call;
}

/* In this connection's event the others' calls are answered. */
static void answer_kept(struct http_call *call)
{
	for (size_t i = 0; i < t.nkept; i++)
		reply(t.kept[i], "late");
	t.nkept = 0;
	if (call)
		reply(call, "done");
}

static void fill(struct http_call *call)
{
	static const char block[4096] = {0};
	while (t.left > 0) {
		t.left -= sizeof block;
		if (!http_put(call, hlv_bytes(block, sizeof block)))
			return;
	}
	http_end(call);
}

static void refill(struct http_call *call)
{
	t.rooms++;
	fill(call);
}

static void big(struct http_call *call)
{
	call->room = refill;
	t.left = BIG;
	http_begin(call, 200, "text/plain");
	fill(call);
}

static void kept_room(struct http_call *call)
{
	(void)call;
	t.rooms++;
}

static void begin_and_keep(struct http_call *call)
{
	call->room = kept_room;
	http_begin(call, 200, "text/plain");
	http_put(call, hlv_text("begun"));
	http_flush(call);
	keep(call);
}

static void take_piece(struct http_call *call, struct hlv_bytes piece, bool last)
{
	hlv_buf_put(&t.fed, piece);
	if (!last)
		return;
	t.lasts++;
	t.given_up = call->gone;
	reply(call, "fed");
}

static void take_piece_and_hold(struct http_call *call, struct hlv_bytes piece, bool last)
{
	take_piece(call, piece, last);
	if (last)
		return;
	call->hold = true;
	if (t.nkept == 0)
		keep(call);
}

static void feed(struct http_call *call)
{
	call->feed = take_piece;
}

static void feed_and_hold(struct http_call *call)
{
	call->feed = take_piece_and_hold;
}

static void feed_more(struct http_call *call)
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

static void nothing(struct hlv_service *service, struct hlv_now now)
{
	(void)service;
	(void)now;
}

static void no_end(struct hlv_service *service)
{
	(void)service;
}

static void open_mail(evutil_socket_t fd, short what, void *ctx)
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

static int set_up(void **state)
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
static int tear_down(void **state)
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

static void listen_to(size_t i)
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

static bool is_writing(void)
{
	for (struct conn *c = t.tcp->list.next; c != &t.tcp->list; c = c->next)
		if (c->out)
			return true;
	return false;
}

/* The server's loop, until it has nothing more to do; `deaf` does not read what it says. */
static void turn_deaf(size_t deaf)
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

static void turn(void)
{
	turn_deaf(PEERS);
}

static void say_only(size_t i, const char *text)
{
	if (t.peer[i] < 0) {
		t.peer[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(t.peer[i], (struct sockaddr *)&t.addr, sizeof t.addr),
				 0);
	}
	assert_int_equal(send(t.peer[i], text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void say(size_t i, const char *text)
{
	say_only(i, text);
	turn();
}

static void get(size_t i, const char *path)
{
	char text[256];
	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	say(i, text);
}

/* At once, not by FIN: also what waits to be read is gone. */
static void go_away(size_t i)
{
	struct linger at_once = {.l_onoff = 1};
	setsockopt(t.peer[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(t.peer[i]);
	t.peer[i] = -1;
}

/* What peer i has heard since the last time: the bodies alone, in [], a closed end as !. */
static void check_heard(size_t i, const char *want)
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

/* --- order --- */

static void test_pipelined(void **state)
{
	(void)state;
	say(0, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPUT /2 HTTP/1.1\r\nHost: "
	       "a\r\nContent-Length: 2\r\n\r\n"
	       "xyGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
	check_heard(0, "[/1=][/2=xy][/3=]");
}

static void test_later_ones_wait(void **state)
{
	(void)state;
	say(0, "GET /keep HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	check_heard(0, "");
	get(1, "/answer");
	check_heard(1, "[done]");
	check_heard(0, "[late][/2=]");
}

static void test_answered_from_outside_any_event(void **state)
{
	(void)state;
	get(0, "/keep");
	answer_kept(NULL);
	turn();
	check_heard(0, "[late]");
	get(0, "/2");
	check_heard(0, "[/2=]");
}

static void test_head_has_no_body(void **state)
{
	(void)state;
	say(0, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_non_null(memmem(t.said[0].p, t.said[0].n, "Content-Length: 3\r\n", 19));
	assert_memory_equal(t.said[0].p + t.said[0].n - 4, "\r\n\r\n", 4);
	hlv_buf_clear(&t.said[0]);
	say(0, "HEAD /begin HTTP/1.1\r\nHost: a\r\n\r\n");
	http_put(t.kept[0], hlv_text("more"));
	http_end(t.kept[0]);
	turn();
	assert_memory_equal(t.said[0].p + t.said[0].n - 4, "\r\n\r\n", 4);
	assert_null(memmem(t.said[0].p, t.said[0].n, "begun", 5));
}

static void test_old_peers(void **state)
{
	(void)state;
	say(0, "GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n");
	check_heard(0, "[/1=]!");
	say(1, "GET /big HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_null(memmem(t.said[1].p, t.said[1].n, "chunked", 7));
	assert_true(t.closed[1]);
	assert_true(t.said[1].n > BIG);
}

/* --- the peer goes away --- */

static void test_gone_before_the_answer(void **state)
{
	(void)state;
	get(0, "/keep");
	go_away(0);
	turn();
	get(1, "/answer");
	check_heard(1, "[done]");
}

static void test_evicted_before_the_answer(void **state)
{
	(void)state;
	get(0, "/keep");
	conn_end(t.kept[0]->conn);
	assert_true(t.kept[0]->gone);
	answer_kept(NULL);
}

static void test_gone_while_the_answer_is_mail(void **state)
{
	(void)state;
	get(0, "/keep");
	struct conn *c = t.kept[0]->conn;
	say_only(1, "GET /answer HTTP/1.1\r\nHost: a\r\n\r\n");
	/* The call is answered in the other's event, and before its mail is opened its connection ends. */
	event_del(mail_event);
	turn();
	conn_end(c);
	event_add(mail_event, NULL);
	turn();
	check_heard(0, "!");
}

static void test_gone_in_a_streamed_answer(void **state)
{
	(void)state;
	say_only(0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	turn_deaf(0);
	assert_true(t.left > 0);
	go_away(0);
	turn();
	assert_int_equal(t.left, 0);
}

static void test_gone_while_streaming_in_mail(void **state)
{
	(void)state;
	get(0, "/begin");
	struct http_call *call = t.kept[0];
	conn_end(call->conn);
	assert_true(call->gone);
	assert_int_equal(t.rooms, 0); /* nobody waited for any */
	assert_true(http_put(call, hlv_text("more")));
	http_end(call);
}

static void test_gone_in_a_body(void **state)
{
	(void)state;
	say(0, "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	shutdown(t.peer[0], SHUT_WR);
	turn();
	check_heard(0, "!");
	say(1, "PUT /feed HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	go_away(1);
	turn();
	assert_int_equal(t.lasts, 1);
	assert_true(t.given_up);
}

static void test_answers_before_half_a_body_are_said(void **state)
{
	(void)state;
	say_only(0, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPUT /x HTTP/1.1\r\nHost: "
		    "a\r\nContent-Length: 9\r\n\r\n");
	shutdown(t.peer[0], SHUT_WR);
	turn();
	check_heard(0, "[/1=]!");
}

static void test_gone_while_held(void **state)
{
	(void)state;
	say(0, "PUT /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	assert_int_equal(t.nkept, 1);
	conn_end(t.kept[0]->conn);
	assert_int_equal(t.lasts, 0); /* not while it is held */
	feed_more(NULL);
	assert_int_equal(t.lasts, 0); /* nor in http_feed_more() */
	turn();
	assert_int_equal(t.lasts, 1);
	assert_true(t.given_up);
}

/* --- bodies --- */

static void test_fed(void **state)
{
	(void)state;
	say(0,
	    "PUT /feed HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
	say(0, "1\r\nc\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(t.lasts, 1);
	assert_false(t.given_up);
	assert_string_equal(t.fed.p, "abc");
	check_heard(0, "[fed][/2=]");
	get(0, "/feed");
	assert_int_equal(t.lasts, 2);
	check_heard(0, "[fed]");
}

static void test_held(void **state)
{
	(void)state;
	say(0, "PUT /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
	say(0, "def");
	assert_string_equal(t.fed.p, "abc"); /* more is not even read */
	get(1, "/more");		     /* in another connection's event */
	check_heard(1, "[done]");
	assert_string_equal(t.fed.p, "abcdef");
	assert_int_equal(t.lasts, 1);
	check_heard(0, "[fed]");
}

static void test_held_and_fed_from_outside(void **state)
{
	(void)state;
	say(0, "PUT /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	feed_more(NULL);
	say(0, "def");
	feed_more(NULL);
	say(0, "ghi");
	assert_int_equal(t.lasts, 1);
	check_heard(0, "[fed]");
}

static void test_broken_body(void **state)
{
	(void)state;
	say(0, "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"
	       "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	check_heard(0, "[400]!");
	say(1, "PUT /feed HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naX");
	check_heard(1, "!");
	assert_int_equal(t.lasts, 1);
	assert_true(t.given_up);
}

static void test_body_that_nobody_reads(void **state)
{
	(void)state;
	say(0, "PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabcdefghiGET /2 "
	       "HTTP/1.1\r\n"
	       "Host: a\r\n\r\n");
	check_heard(0, "[/early=]!");
	say(1, "PUT /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	answer_kept(NULL);
	turn();
	check_heard(1, "[late]!");
}

static void test_too_long(void **state)
{
	(void)state;
	say(0, "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 262145\r\n\r\nGET / "
	       "HTTP/1.1\r\nHost: a\r\n\r\n");
	check_heard(0, "[413]!");
}

static void test_expectations(void **state)
{
	(void)state;
	say(0,
	    "PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
	assert_string_equal(t.said[0].p, "HTTP/1.1 100 Continue\r\n\r\n");
	hlv_buf_clear(&t.said[0]);
	say(0, "y");
	check_heard(0, "[/x=y]");
	say(0, "PUT /x HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\n");
	check_heard(0, "[417]!");
}

/* --- the end --- */

static void test_back_pressure(void **state)
{
	(void)state;
	say_only(0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	turn_deaf(0);
	assert_true(t.left > 0);
	assert_true(conn_unread(t.tcp->list.next) <= HLV_TCP_OUT + 3 * HTTP_PIECE);
	turn();
	assert_int_equal(t.left, 0);
	assert_true(t.rooms > 0);
	assert_true(t.said[0].n > BIG);
}

/* What cannot be said because another connection is in hand does not grow without end either. */
static void test_back_pressure_as_mail(void **state)
{
	(void)state;
	get(0, "/begin");
	struct http_call *call = t.kept[0];
	t.tcp->in_event = true;
	size_t n = 0;
	while (http_put(call, hlv_text("0123456789abcdef")))
		n += 16;
	assert_true(n <= HLV_TCP_OUT + HTTP_PIECE);
	t.tcp->in_event = false;
	turn();
	assert_int_equal(t.rooms, 1);
	http_end(call);
	turn();
	assert_true(t.said[0].n > n);
}

static void stop(void)
{
	t.front.stopping = true;
	hlv_tcp_stop(t.tcp);
}

static void test_stop(void **state)
{
	(void)state;
	get(0, "/keep");
	say(1, "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	say(2, "PUT /feed HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	stop();
	turn();
	assert_true(t.closed[1] && t.closed[2]);
	assert_true(t.given_up);
	assert_int_equal(t.front.inflight, 1); /* the kept one, which is still answered */
	answer_kept(NULL);
	turn();
	check_heard(0, "[late]!");
	assert_int_equal(t.front.inflight, 0);
}

static void test_stop_in_a_streamed_answer(void **state)
{
	(void)state;
	say_only(0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	turn_deaf(0);
	get(1, "/begin");
	stop();
	assert_int_equal(t.left, 0);
	assert_true(t.kept[0]->gone);
	http_end(t.kept[0]);
	assert_int_equal(t.front.inflight, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_pipelined),
		T(test_later_ones_wait),
		T(test_answered_from_outside_any_event),
		T(test_head_has_no_body),
		T(test_old_peers),
		T(test_gone_before_the_answer),
		T(test_evicted_before_the_answer),
		T(test_gone_while_the_answer_is_mail),
		T(test_gone_in_a_streamed_answer),
		T(test_gone_while_streaming_in_mail),
		T(test_gone_in_a_body),
		T(test_answers_before_half_a_body_are_said),
		T(test_gone_while_held),
		T(test_fed),
		T(test_held),
		T(test_held_and_fed_from_outside),
		T(test_broken_body),
		T(test_body_that_nobody_reads),
		T(test_too_long),
		T(test_expectations),
		T(test_back_pressure),
		T(test_back_pressure_as_mail),
		T(test_stop),
		T(test_stop_in_a_streamed_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
