/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/handles/NAME over connections that stay, HTTP or HTTPS: one request under way on each, as
 * browsers and client libraries do it; a connection that the server ends is made anew.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/sec/tls.h"
#include "tools/load/load.h"

enum {
	IN_ROOM = 256 << 10,
	OUT_ROOM = 2048,
	REFUSALS_MAX = 10000,
};

struct conn {
	struct hlv_tls_io *tls;
	uint8_t *in, *out;
	size_t in_n, out_at, out_n;
	uint32_t id; /* of the request that is under way */
	bool connecting, shaking;
};

struct http_load {
	struct load *l;
	struct hlv_tls *tls; /* NULL: HTTP */
	struct pollfd *fds;
	struct conn *conns;
	uint8_t *question; /* as native octets; only its number is used */
};

static void shut(struct http_load *t, uint16_t lane)
{
	struct linger now = {.l_onoff = 1};
	struct conn *c = &t->conns[lane];
	hlv_tls_io_free(c->tls);
	c->tls = NULL;
	if (t->fds[lane].fd >= 0) {
		(void)setsockopt(t->fds[lane].fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		close(t->fds[lane].fd);
	}
	t->fds[lane].fd = -1;
	flight_drop_lane(&t->l->flight, lane);
}

static bool dial(struct http_load *t, uint16_t lane)
{
	const struct hlv_addr *to = &t->l->o->server;
	struct conn *c = &t->conns[lane];
	int fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	t->fds[lane] = (struct pollfd){.fd = fd, .events = POLLIN | POLLOUT};
	c->in_n = c->out_at = c->out_n = 0;
	c->connecting = true;
	c->shaking = t->tls;
	if (fd < 0 || (connect(fd, &to->sa.any, to->len) < 0 && errno != EINPROGRESS)) {
		t->l->os_error = errno;
		shut(t, lane);
		return false;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (t->tls)
		c->tls = hlv_tls_connect(t->tls, fd);
	return true;
}

static void redial(struct http_load *t, uint16_t lane, int why)
{
	if (why)
		t->l->os_error = why;
	t->l->reopened++;
	shut(t, lane);
	dial(t, lane);
}

static void fill(struct http_load *t, uint16_t lane)
{
	struct conn *c = &t->conns[lane];
	struct load *l = t->l;
	if (l->flight.busy[lane] > 0 || load_due(l, lane, 1) == 0)
		return;
	load_ask(l, lane, t->question);
	c->id = hlv_load_u32(t->question + 8);
	const struct shot *shot = flight_find(&l->flight, c->id);
	struct hlv_bytes name = names_get(&l->names, shot->name);
	int n = snprintf((char *)c->out, OUT_ROOM,
			 "GET /api/handles/%.*s HTTP/1.1\r\nHost: localhost\r\n\r\n",
			 (int)name.n, (const char *)name.p);
	c->out_at = 0;
	c->out_n = (size_t)n;
}

static void flush(struct http_load *t, uint16_t lane)
{
	struct conn *c = &t->conns[lane];
	const uint8_t *p = c->out + c->out_at;
	size_t left = c->out_n - c->out_at;
	if (left == 0)
		return;
	ssize_t n = c->tls ? hlv_tls_send(c->tls, p, left)
			   : send(t->fds[lane].fd, p, left, MSG_NOSIGNAL);
	if (n > 0)
		c->out_at += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		redial(t, lane, errno);
}

/* Octets of the whole answer at the front of the input; 0: more must come, SIZE_MAX: it is none. */
static size_t answer_size(const struct conn *c, bool *ok, bool *closes)
{
	struct hlv_bytes in = hlv_bytes(c->in, c->in_n);
	const uint8_t *end = in.n ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;
	if (!end)
		return c->in_n == IN_ROOM ? SIZE_MAX : 0;
	size_t head = (size_t)(end - in.p) + 4, body = SIZE_MAX;
	*ok = hlv_starts_with(in, hlv_text("HTTP/1.1 200 "));
	*closes = false;
	for (size_t i = 0; i < head; i++) {
		struct hlv_bytes line = hlv_head(hlv_skip(in, i), head - i);
		if (line.n > 15 && hlv_eq_fold(hlv_head(line, 15), hlv_text("content-length:")))
			body = strtoul((const char *)line.p + 15, NULL, 10);
		if (line.n > 17 &&
		    hlv_eq_fold(hlv_head(line, 17), hlv_text("connection: close")))
			*closes = true;
		const uint8_t *next = memchr(line.p, '\n', line.n);
		i = next ? (size_t)(next - in.p) : head;
	}
	if (body > IN_ROOM - head)
		return SIZE_MAX;
	return c->in_n < head + body ? 0 : head + body;
}

static void count_answer(struct load *l, const struct conn *c, bool ok)
{
	struct shot *shot = flight_find(&l->flight, c->id);
	l->moved_ns = l->now_ns;
	if (!shot) {
		l->verdicts[VERDICT_STRAY]++;
		return;
	}
	l->verdicts[ok ? VERDICT_OK : VERDICT_OTHER_CODE]++;
	if (ok) {
		histogram_add(&l->latency, l->now_ns - shot->due_ns);
		l->last_ns = l->now_ns;
	}
	flight_end(&l->flight, shot);
}

static void receive(struct http_load *t, uint16_t lane)
{
	struct conn *c = &t->conns[lane];
	uint8_t *room = c->in + c->in_n;
	ssize_t n = c->tls ? hlv_tls_recv(c->tls, room, IN_ROOM - c->in_n)
			   : recv(t->fds[lane].fd, room, IN_ROOM - c->in_n, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		redial(t, lane, n < 0 ? errno : 0);
		return;
	}
	t->l->now_ns = hlv_clock().mono_ns;
	c->in_n += (size_t)n;
	bool ok, closes;
	size_t size = answer_size(c, &ok, &closes);
	if (size == 0)
		return;
	/* One question, one answer: what is behind it is not HTTP. */
	if (size != c->in_n) {
		redial(t, lane, EPROTO);
		return;
	}
	count_answer(t->l, c, ok);
	c->in_n = 0;
	if (closes)
		redial(t, lane, 0);
}

/* False while the connection is being made. */
static bool is_made(struct http_load *t, uint16_t lane)
{
	struct conn *c = &t->conns[lane];
	struct pollfd *p = &t->fds[lane];
	if (c->connecting && !(p->revents & POLLOUT))
		return false;
	c->connecting = false;
	if (!c->shaking)
		return true;
	enum hlv_tls_state state = c->tls ? hlv_tls_handshake(c->tls) : HLV_TLS_FAILED;
	p->events = state == HLV_TLS_WANTS_WRITE ? POLLOUT : POLLIN;
	if (state == HLV_TLS_FAILED)
		redial(t, lane, EPROTO);
	c->shaking = state == HLV_TLS_WANTS_READ || state == HLV_TLS_WANTS_WRITE;
	return state == HLV_TLS_DONE;
}

static void serve(struct http_load *t, uint16_t lane)
{
	struct pollfd *p = &t->fds[lane];
	struct conn *c = &t->conns[lane];
	if (!is_made(t, lane))
		return;
	if (p->revents & (POLLIN | POLLERR | POLLHUP))
		receive(t, lane);
	if (c->connecting || c->shaking || p->fd < 0)
		return;
	fill(t, lane);
	flush(t, lane);
	p->events = (short)(c->out_at < c->out_n ? POLLIN | POLLOUT : POLLIN);
}

static void loop(struct http_load *t)
{
	struct load *l = t->l;
	uint16_t lanes = (uint16_t)l->o->sockets;
	while (load_turn(l) && (l->reopened < REFUSALS_MAX || l->latency.n > 0)) {
		struct timespec ts = {.tv_nsec = (long)load_idle_ns(l)};
		if (ppoll(t->fds, lanes, &ts, NULL) < 0 && errno != EINTR)
			break;
		l->now_ns = hlv_clock().mono_ns;
		for (uint16_t i = 0; i < lanes; i++) {
			if (t->fds[i].fd < 0)
				dial(t, i);
			else
				serve(t, i);
		}
	}
}

enum hlv_err load_http(struct load *l)
{
	uint16_t lanes = (uint16_t)l->o->sockets, made = 0;
	char why[256];
	struct http_load t = {.l = l,
			      .fds = calloc(lanes, sizeof *t.fds),
			      .conns = calloc(lanes, sizeof *t.conns),
			      .question = malloc(load_ask_max(l))};
	enum hlv_err err = t.fds && t.conns && t.question ? HLV_OK : HLV_E_NOMEM;
	if (err == HLV_OK && l->o->transport == HLV_T_TLS)
		err = hlv_tls_client_new(NULL, NULL, &t.tls, why);
	for (; err == HLV_OK && made < lanes; made++) {
		t.conns[made].out = malloc(OUT_ROOM);
		t.conns[made].in = malloc(IN_ROOM);
		t.fds[made].fd = -1;
		if (!t.conns[made].out || !t.conns[made].in)
			err = HLV_E_NOMEM;
		else if (!dial(&t, made))
			err = HLV_E_IO;
	}
	if (err == HLV_OK)
		loop(&t);
	for (uint16_t i = 0; i < made; i++) {
		shut(&t, i);
		free(t.conns[i].out);
		free(t.conns[i].in);
	}
	hlv_tls_free(t.tls);
	free(t.fds);
	free(t.conns);
	free(t.question);
	return err;
}
