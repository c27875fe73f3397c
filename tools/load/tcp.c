/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/load/load.h"

enum {
	OUT_ROOM = 64 << 10,
	IN_ROOM = HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX,
	FRAME_HEAD = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE,
	REFUSALS_MAX = 10000,
	LANE_BATCH = 256, /* questions that one lane writes before the next has its turn */
};

struct conn {
	uint8_t *out, *in;    /* out_room, IN_ROOM; only what was used takes memory */
	size_t out_at, out_n; /* written up to here, filled up to here */
	size_t in_n;
	bool connecting;
	bool spent;	    /* with a connection for each question: it has had its own */
	struct login login; /* for runs that register */
};

struct tcp_load {
	struct load *l;
	struct pollfd *fds;
	struct conn *conns;
	size_t out_room, ask_max; /* of a connection, of a question */
};

static void shut(struct tcp_load *t, uint16_t lane)
{
	/* Reset instead of a farewell: thousands of short connections would otherwise leave no
	 * port free for a minute. */
	struct linger now = {.l_onoff = 1};
	if (t->fds[lane].fd >= 0) {
		(void)setsockopt(t->fds[lane].fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		close(t->fds[lane].fd);
	}
	t->fds[lane].fd = -1;
	flight_drop_lane(&t->l->flight, lane);
}

static bool dial(struct tcp_load *t, uint16_t lane)
{
	const struct hlv_addr *to = &t->l->o->server;
	struct conn *c = &t->conns[lane];
	int on = 1;
	int fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	t->fds[lane] = (struct pollfd){.fd = fd, .events = POLLIN | POLLOUT};
	c->out_at = c->out_n = c->in_n = 0;
	c->connecting = true;
	c->spent = false;
	if (fd < 0 || (connect(fd, &to->sa.any, to->len) < 0 && errno != EINPROGRESS)) {
		t->l->os_error = errno;
		shut(t, lane);
		return false;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (t->l->o->create) {
		struct lane *l = &t->l->lanes[lane];
		/* A chunk that is not answered may be in: its job is not gone on with. */
		*l = (struct lane){.dialled = l->dialled + 1};
		uint32_t id = t->l->flight.base + ((uint32_t)lane << 12 | l->dialled) * 2;
		c->out_n = login_begin(&c->login, &t->l->create, id, c->out);
	}
	return true;
}

static void redial(struct tcp_load *t, uint16_t lane, int why)
{
	if (why)
		t->l->os_error = why;
	t->l->reopened++;
	shut(t, lane);
	dial(t, lane);
}

static void fill(struct tcp_load *t, uint16_t lane)
{
	struct conn *c = &t->conns[lane];
	if (t->l->o->create && c->login.state != LOGIN_DONE)
		return;
	if (c->out_at == c->out_n)
		c->out_at = c->out_n = 0;
	uint32_t room = (uint32_t)((t->out_room - c->out_n) / t->ask_max);
	uint32_t most = room < LANE_BATCH ? room : LANE_BATCH;
	if (t->l->o->reconnect)
		most = c->spent ? 0 : 1;
	uint32_t n = load_due(t->l, lane, most);
	for (uint32_t i = 0; i < n; i++)
		c->out_n += load_ask(t->l, lane, c->out + c->out_n);
	c->spent = c->spent || n > 0;
}

static void flush(struct tcp_load *t, uint16_t lane)
{
	struct conn *c = &t->conns[lane];
	if (c->out_at == c->out_n)
		return;
	ssize_t n =
		send(t->fds[lane].fd, c->out + c->out_at, c->out_n - c->out_at, MSG_NOSIGNAL);
	if (n > 0)
		c->out_at += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		redial(t, lane, errno);
}

/* Until the login is done, what comes belongs to it. */
static void take_message(struct tcp_load *t, struct conn *c, struct hlv_bytes message)
{
	struct load *l = t->l;
	uint8_t out[LOGIN_ROOM];
	size_t n = 0;
	if (!l->o->create || c->login.state == LOGIN_DONE) {
		load_answer(l, message);
		return;
	}
	login_feed(&c->login, &l->create, message, out, &n);
	if (n > 0 && n <= t->out_room - c->out_n) {
		memcpy(c->out + c->out_n, out, n);
		c->out_n += n;
	}
	if (c->login.state == LOGIN_FAILED)
		l->refusal = c->login.rc;
	l->moved_ns = l->now_ns;
}

/* Take the whole messages at the front of the input; false when it is no message. */
static bool take_messages(struct tcp_load *t, uint16_t lane)
{
	struct conn *c = &t->conns[lane];
	size_t at = 0;
	while (c->in_n - at >= FRAME_HEAD) {
		uint32_t length = hlv_load_u32(c->in + at + 16);
		if (length < HLV_HEADER_SIZE || length > HLV_MESSAGE_MAX)
			return false;
		size_t size = HLV_ENVELOPE_SIZE + length;
		if (c->in_n - at < size)
			break;
		take_message(t, c, hlv_bytes(c->in + at, size));
		at += size;
	}
	if (at > 0 && at < c->in_n)
		memmove(c->in, c->in + at, c->in_n - at);
	c->in_n -= at;
	return true;
}

static void receive(struct tcp_load *t, uint16_t lane)
{
	struct conn *c = &t->conns[lane];
	ssize_t n = recv(t->fds[lane].fd, c->in + c->in_n, IN_ROOM - c->in_n, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		redial(t, lane, n < 0 ? errno : 0);
		return;
	}
	t->l->now_ns = hlv_clock().mono_ns;
	c->in_n += (size_t)n;
	if (!take_messages(t, lane))
		redial(t, lane, EPROTO);
	else if (c->spent && t->l->o->reconnect && t->l->flight.busy[lane] == 0)
		redial(t, lane, 0);
}

static void serve(struct tcp_load *t, uint16_t lane)
{
	struct pollfd *p = &t->fds[lane];
	struct conn *c = &t->conns[lane];
	if (c->connecting && p->revents & POLLOUT)
		c->connecting = false;
	if (p->revents & (POLLIN | POLLERR | POLLHUP))
		receive(t, lane);
	if (c->connecting || p->fd < 0)
		return;
	fill(t, lane);
	flush(t, lane);
	p->events = (short)(c->out_at < c->out_n ? POLLIN | POLLOUT : POLLIN);
}

/* Nobody else is tried as when the server does not know us. */
static bool is_refused(const struct tcp_load *t)
{
	bool refused = false;
	for (uint16_t i = 0; t->l->o->create && i < t->l->o->sockets; i++)
		refused = refused || t->conns[i].login.state == LOGIN_FAILED;
	return refused;
}

static void loop(struct tcp_load *t)
{
	struct load *l = t->l;
	uint16_t lanes = (uint16_t)l->o->sockets, turn = 0;
	/* Whoever refuses that many connections and answers nothing is not there. */
	while (load_turn(l) && !is_refused(t) &&
	       (l->reopened < REFUSALS_MAX || l->latency.n > 0)) {
		struct timespec ts = {.tv_nsec = (long)load_idle_ns(l)};
		if (ppoll(t->fds, lanes, &ts, NULL) < 0 && errno != EINTR)
			break;
		l->now_ns = hlv_clock().mono_ns;
		for (uint16_t i = 0; i < lanes; i++) {
			uint16_t lane = (uint16_t)((turn + i) % lanes);
			if (t->fds[lane].fd < 0)
				dial(t, lane);
			else
				serve(t, lane);
		}
		turn = (uint16_t)((turn + 1) % lanes);
	}
}

enum hlv_err load_tcp(struct load *l)
{
	uint16_t lanes = (uint16_t)l->o->sockets;
	size_t ask_max = load_ask_max(l);
	struct tcp_load t = {.l = l,
			     .ask_max = ask_max,
			     .out_room = ask_max + LOGIN_ROOM > OUT_ROOM / 4
						 ? 2 * ask_max + LOGIN_ROOM
						 : OUT_ROOM,
			     .fds = calloc(lanes, sizeof *t.fds),
			     .conns = calloc(lanes, sizeof *t.conns)};
	enum hlv_err err = t.fds && t.conns ? HLV_OK : HLV_E_NOMEM;
	uint16_t made = 0;
	for (; err == HLV_OK && made < lanes; made++) {
		t.conns[made].out = malloc(t.out_room);
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
	free(t.fds);
	free(t.conns);
	return err;
}
