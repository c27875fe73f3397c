/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream of HTTP against the real front end, over a socket, with handlers that answer now, later or in
 * pieces, and bodies that are gathered, fed or held: however the stream is cut, the same requests are
 * read and the same answers come. Each answer is well-formed, and there are never more of them than
 * requests. The first octet of the input says where it is cut.
 */
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/net/tcp_conn.h"
#include "proto/web/web.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 64 << 10, ROOM = 64 << 10, BLOCK = 3000, BLOCKS = 10 };

static struct {
	struct hlv_front front;
	struct hlv_service service;
	struct hlv_limits limits;
	struct hlv_mailbox box;
	struct hlv_tcp *tcp;
	struct web web;
	struct sockaddr_un addr;
	socklen_t addr_n;
	unsigned asked; /* calls that came to their handlers */
	struct hlv_buf said[2];
} net;

/* --- handlers --- */

/* All that was understood, so that another reading is another answer. */
static void echo(struct http_call *call)
{
	struct hlv_bytes all[] = {call->rq.method_name, call->rq.path, call->rq.query,
				  call->rq.host, call->rq.body};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		hlv_buf_put(&call->out, all[i]);
		hlv_buf_str(&call->out, "|");
	}
	for (size_t i = 0; i < call->rq.nheaders; i++)
		hlv_buf_put(&call->out, call->rq.headers[i].value);
	http_cache(call, 60);
	http_reply(call, 200, WEB_JSON);
}

static void echo_at_once(struct http_call *call)
{
	net.asked++;
	echo(call);
}

static void open_later(struct hlv_mail *mail, void *receiver)
{
	(void)receiver;
	struct http_call *call =
		(struct http_call *)(void *)((char *)mail - offsetof(struct http_call, mail));
	echo(call);
}

/* As if its question had been away. The call's own mail is free as long as nothing was said. */
static void echo_later(struct http_call *call)
{
	net.asked++;
	call->mail.open = open_later;
	hlv_mailbox_post(&net.box, &call->mail);
}

static void feed(struct http_call *call, struct hlv_bytes piece, bool last)
{
	http_put(call, piece);
	if (last)
		http_end(call);
}

static void feed_and_hold(struct http_call *call, struct hlv_bytes piece, bool last)
{
	http_put(call, piece);
	if (last) {
		http_end(call);
		return;
	}
	call->hold = true;
	http_feed_more(call);
}

static void nothing_more(struct http_call *call)
{
	(void)call;
}

static void stream(struct http_call *call)
{
	net.asked++;
	call->feed = hlv_eq(call->rq.path, hlv_text("/h")) ? feed_and_hold : feed;
	call->room = nothing_more;
	http_begin(call, 200, "text/plain");
}

static void long_answer(struct http_call *call)
{
	static const char block[BLOCK] = {0};
	net.asked++;
	http_begin(call, 200, "text/plain");
	for (int i = 0; i < BLOCKS; i++)
		http_put(call, hlv_bytes(block, sizeof block));
	http_end(call);
}

/* Instead of route.c's. */
const struct web_route *web_route(const struct http_request *rq)
{
	static const struct web_route routes[] = {{0xFF, "/l", echo_later, 0},
						  {0xFF, "/f", stream, WEB_STREAMS},
						  {0xFF, "/h", stream, WEB_STREAMS},
						  {0xFF, "/b", long_answer, 0},
						  {0xFF, "/e", echo_at_once, WEB_STREAMS}};
	static const struct web_route other = {0xFF, "", echo_at_once, 0};
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
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
	net.front.in_mail = true;
	hlv_mailbox_take(&net.box, NULL);
	net.front.in_mail = false;
	hlv_tcp_mail_end(net.tcp);
}

static void open_front(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	net.addr.sun_family = AF_UNIX; /* a name of the system's choice */
	hlv_require(bind(fd, (struct sockaddr *)&net.addr, sizeof(sa_family_t)) == 0);
	net.addr_n = sizeof net.addr;
	hlv_require(getsockname(fd, (struct sockaddr *)&net.addr, &net.addr_n) == 0);
	hlv_require(listen(fd, 16) == 0);
	net.limits = (struct hlv_limits){.tcp_connections = 64,
					 .tcp_per_source = 64,
					 .tcp_first_s = 600,
					 .tcp_message_s = 600,
					 .tcp_idle_s = 600,
					 .tcp_stall_s = 600,
					 .tcp_life_s = 6000};
	net.service = (struct hlv_service){.batch_begin = nothing, .batch_end = no_end};
	hlv_require(hlv_mailbox_init(&net.box) == HLV_OK);
	net.front = (struct hlv_front){.base = event_base_new(),
				       .service = &net.service,
				       .limits = &net.limits,
				       .mail = &net.box};
	net.tcp = hlv_tcp_open(&net.front, fd, &http_speech, &net.web);
	struct event *mail =
		event_new(net.front.base, net.box.fd, EV_READ | EV_PERSIST, open_mail, NULL);
	hlv_require(net.tcp && mail && event_add(mail, NULL) == 0);
}

/* Read what is there; false at the server's end. */
static bool listen_to(int fd, struct hlv_buf *said)
{
	for (;;) {
		void *room = hlv_buf_room(said, ROOM);
		hlv_require(room);
		ssize_t n = recv(fd, room, ROOM, MSG_DONTWAIT);
		said->n -= ROOM - (n > 0 ? (size_t)n : 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n < 0)
			return true;
	}
}

/* Send `in` in pieces of `step` (0: whole), end, and hear what comes until the server ends too. */
static void talk(struct hlv_bytes in, size_t step, struct hlv_buf *said)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	hlv_require(connect(fd, (struct sockaddr *)&net.addr, net.addr_n) == 0);
	bool open = true, shut = false;
	hlv_buf_clear(said);
	while (open) {
		struct hlv_bytes piece = step ? hlv_head(in, step) : in;
		ssize_t n =
			piece.n ? send(fd, piece.p, piece.n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
		if (n < 0 && errno != EAGAIN)
			in.n = 0; /* the server has had enough */
		in = hlv_skip(in, n > 0 ? (size_t)n : 0);
		if (in.n == 0 && !shut) {
			shutdown(fd, SHUT_WR);
			shut = true;
		}
		for (int i = 0; i < 2; i++)
			event_base_loop(net.front.base, EVLOOP_NONBLOCK);
		open = listen_to(fd, said);
	}
	close(fd);
	while (net.front.inflight > 0 || net.tcp->n > 0)
		event_base_loop(net.front.base, EVLOOP_NONBLOCK);
}

/* --- what must hold --- */

static size_t number_of(struct hlv_bytes text, unsigned base)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i], digit = (uint8_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
		if (digit >= base)
			break;
		n = n * base + digit;
	}
	return n;
}

/* The next line without its end; the answers have whole ones only. */
static struct hlv_bytes take_line(struct hlv_bytes *rest)
{
	const uint8_t *end = rest->n ? memmem(rest->p, rest->n, "\r\n", 2) : NULL;
	hlv_require(end);
	struct hlv_bytes line = hlv_head(*rest, (size_t)(end - rest->p));
	*rest = hlv_skip(*rest, line.n + 2);
	return line;
}

static void take_octets(struct hlv_bytes *rest, size_t n)
{
	hlv_require(rest->n >= n);
	*rest = hlv_skip(*rest, n);
}

static void take_chunks(struct hlv_bytes *rest)
{
	size_t n;
	do {
		n = number_of(take_line(rest), 16);
		take_octets(rest, n);
		hlv_require(take_line(rest).n == 0);
	} while (n > 0);
}

struct answer {
	unsigned status;
	size_t length; /* SIZE_MAX: none was said */
	bool chunked, close;
};

static struct answer take_answer_head(struct hlv_bytes *rest)
{
	struct answer a = {.length = SIZE_MAX};
	struct hlv_bytes line = take_line(rest);
	hlv_require(hlv_starts_with(line, hlv_text("HTTP/1.1 ")));
	a.status = (unsigned)number_of(hlv_skip(line, 9), 10);
	hlv_require(a.status >= 100 && a.status < 600);
	while ((line = take_line(rest)).n > 0) {
		hlv_require(memmem(line.p, line.n, ": ", 2));
		for (size_t i = 0; i < line.n; i++)
			hlv_require(line.p[i] >= 0x20 || line.p[i] == '\t');
		if (hlv_starts_with(line, hlv_text("Content-Length: ")))
			a.length = number_of(hlv_skip(line, 16), 10);
		else if (hlv_starts_with(line, hlv_text("Transfer-Encoding: chunked")))
			a.chunked = true;
		else if (hlv_starts_with(line, hlv_text("Connection: close")))
			a.close = true;
	}
	hlv_require(!a.chunked || a.length == SIZE_MAX);
	return a;
}

/* The requests' methods are not known here: whether a body is there shows in what follows. */
static bool is_bodyless(const struct answer *a, struct hlv_bytes rest)
{
	return a->status < 200 || a->status == 204 || a->status == 304 || rest.n == 0 ||
	       hlv_starts_with(rest, hlv_text("HTTP/1.1 "));
}

/* How many answers there are; `cut`: the last one may end early, since its request did. */
static unsigned check_answers(struct hlv_bytes said)
{
	unsigned n = 0;
	while (said.n > 0) {
		struct answer a = take_answer_head(&said);
		n += a.status >= 200;
		if (is_bodyless(&a, said))
			continue;
		if (a.chunked && !memmem(said.p, said.n, "0\r\n\r\n", 5))
			return n; /* its request ended in its body, or broke there */
		if (a.chunked)
			take_chunks(&said);
		else if (a.length != SIZE_MAX)
			take_octets(&said, a.length);
		else
			return n; /* to the end: HTTP/1.0 */
		hlv_require(!a.close || said.n == 0);
	}
	return n;
}

/* Both said the same, but for the time, and for where a streamed body was cut. */
static void put_comparable(struct hlv_buf *out, struct hlv_bytes said)
{
	while (said.n > 0) {
		const uint8_t *end = memchr(said.p, '\n', said.n);
		struct hlv_bytes line =
			hlv_head(said, end ? (size_t)(end - said.p) + 1 : said.n);
		said = hlv_skip(said, line.n);
		if (!hlv_starts_with(line, hlv_text("Date: ")))
			hlv_buf_put(out, line);
	}
}

static void check_same(struct hlv_bytes one, struct hlv_bytes other)
{
	/* Chunks are as the peer's pieces were: then the statuses alone. */
	if (memmem(one.p, one.n, "chunked", 7) || memmem(one.p, one.n, "Connection: close", 17))
		return;
	struct hlv_buf a = {0}, b = {0};
	put_comparable(&a, one);
	put_comparable(&b, other);
	hlv_require(hlv_eq(hlv_buf_bytes(&a), hlv_buf_bytes(&b)));
	hlv_buf_free(&a);
	hlv_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	unsigned asked[2], answers[2];
	if (!net.tcp)
		open_front();
	if (n == 0 || n > INPUT_MAX)
		return 0;
	struct hlv_bytes in = hlv_bytes(data + 1, n - 1);
	/* An octet at a time only where that is not for ever. */
	size_t step = n > 4096 ? 64u + data[0] : data[0] % 64u + 1u;
	for (int i = 0; i < 2; i++) {
		net.asked = 0;
		talk(in, i == 0 ? 0 : step, &net.said[i]);
		answers[i] = check_answers(hlv_buf_bytes(&net.said[i]));
		asked[i] = net.asked;
		hlv_require(answers[i] <= asked[i] + 1); /* and one for what was none */
	}
	hlv_require(asked[0] == asked[1] && answers[0] == answers[1]);
	check_same(hlv_buf_bytes(&net.said[0]), hlv_buf_bytes(&net.said[1]));
	return 0;
}
