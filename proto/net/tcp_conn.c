/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/tcp_conn.h"
#include "proto/sec/tls.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOCAL_REST_S = 3600 }; /* a person may be at the control socket */
static const hlv_mono_ns SECOND_NS = 1000000000U;

enum hlv_way conn_way(const struct conn *c)
{
	switch (c->transport) {
	case HLV_T_TLS:
		return HLV_WAY_TLS;
	case HLV_T_LOCAL:
		return HLV_WAY_LOCAL;
	case HLV_T_UDP:
	case HLV_T_TCP:
		break;
	}
	return HLV_WAY_TCP;
}

uint16_t *conn_source(struct hlv_tcp *t, const struct hlv_addr *a)
{
	uint64_t h = 0;
	if (a->sa.any.sa_family == AF_INET)
		h = a->sa.v4.sin_addr.s_addr;
	else
		memcpy(&h, &a->sa.v6.sin6_addr, sizeof h); /* by /64 */
	/* Keyed, so that nobody can fill the counter of another. */
	h = (h ^ t->secret) * 0x9E3779B97F4A7C15U;
	h = (h ^ h >> 32 ^ t->secret) * 0x9E3779B97F4A7C15U;
	return &t->by_source[h >> 48];
}

static void unlink_conn(struct conn *c)
{
	c->prev->next = c->next;
	c->next->prev = c->prev;
}

static void link_newest(struct conn *c)
{
	struct conn *head = &c->tcp->list;
	c->prev = head->prev;
	c->next = head;
	c->prev->next = c;
	head->prev = c;
}

static void free_conn(struct conn *c)
{
	if (c->tcp->speech->end)
		c->tcp->speech->end(c);
	hlv_tls_io_free(c->tls);
	free(c);
}

void conn_end(struct conn *c)
{
	struct hlv_tcp *t = c->tcp;
	c->state = CONN_DEAD;
	t->speech->drop(c);
	if (t->hand == c) {
		t->hand = NULL;
		t->tx_n = 0;
	}
	unlink_conn(c);
	t->n--;
	t->shaking -= c->shaking;
	if (!t->local)
		(*conn_source(t, &c->addr))--;
	event_free(c->event);
	close(c->fd);
	free(c->in);
	free(c->out);
	c->state = CONN_GONE;
	if (c->inflight == 0)
		free_conn(c);
}

void conn_hold(struct conn *c, size_t n)
{
	c->inflight++;
	c->inflight_n += n;
	c->tcp->front->inflight++;
}

bool conn_release(struct conn *c, size_t n)
{
	c->inflight--;
	c->inflight_n -= n;
	hlv_front_home(c->tcp->front);
	if (c->inflight > 0 || c->state != CONN_GONE)
		return true;
	free_conn(c);
	return false;
}

struct hlv_peer conn_peer(const struct conn *c)
{
	struct hlv_peer peer = {
		.addr = c->addr,
		.transport = c->transport,
		.interface_kind = HLV_IF_ADMIN | HLV_IF_QUERY,
		.trusted = c->trusted,
		.verified = true,
		.conn = c->id,
		.uid = c->uid,
		.logins = c->logins,
	};
	if (c->tls) {
		peer.cert_name = hlv_tls_peer_name(c->tls);
		peer.cert_key = hlv_tls_peer_key(c->tls);
	}
	return peer;
}

void conn_set_deadline(struct conn *c, uint32_t seconds)
{
	c->deadline_ns = c->tcp->now.mono_ns + seconds * SECOND_NS;
}

/* How long a connection may rest, from what it has shown to be (decisions.md 14). */
static uint32_t rest_s(const struct conn *c)
{
	const struct hlv_limits *l = c->tcp->front->limits;
	if (c->transport == HLV_T_LOCAL)
		return LOCAL_REST_S;
	if (c->requests == 0)
		return l->tcp_first_s;
	if (!c->keep)
		return 1;
	if (c->sdk)
		return l->tcp_sdk_idle_s;
	/* Above 80% use the idle ones make room sooner. */
	bool crowded = c->tcp->n > l->tcp_connections / 5 * 4;
	return crowded && l->tcp_idle_s > 5 ? 5 : l->tcp_idle_s;
}

void conn_rest(struct conn *c)
{
	conn_set_deadline(c, rest_s(c));
}

static void readable(evutil_socket_t fd, short what, void *ctx);

static void watch(struct conn *c, short what)
{
	if (what == c->watching)
		return;
	c->watching = what;
	event_del(c->event);
	event_assign(c->event, c->tcp->front->base, c->fd, (short)(what | EV_PERSIST), readable,
		     c);
	if (what)
		event_add(c->event, NULL);
}

void conn_finish(struct conn *c)
{
	if (c->state == CONN_OPEN)
		c->state = CONN_LAST;
}

/* Room for more of the message that has come in part: grows with what arrives, never at once to
 * what the peer declares. */
static bool grow_in(struct conn *c)
{
	if (c->in_cap > c->in_n)
		return true;
	size_t cap = c->in_cap * 2;
	if (cap > c->tcp->speech->in_max)
		cap = c->tcp->speech->in_max;
	uint8_t *p = cap > c->in_cap ? realloc(c->in, cap) : NULL;
	if (!p)
		return false;
	c->in = p;
	c->in_cap = cap;
	return true;
}

static bool keep_rest(struct conn *c, struct hlv_bytes rest)
{
	if (rest.n == 0) {
		free(c->in);
		c->in = NULL;
		c->in_n = c->in_cap = 0;
		return true;
	}
	if (c->in) {
		memmove(c->in, rest.p, rest.n);
		c->in_n = rest.n;
		return true;
	}
	c->in_cap = rest.n < 512 ? 512 : rest.n;
	c->in = malloc(c->in_cap);
	if (!c->in)
		return false;
	memcpy(c->in, rest.p, rest.n);
	c->in_n = rest.n;
	return true;
}

/* The peer will send no more. */
static void end_of_input(struct conn *c)
{
	if (c->in_n > 0 || c->awaits)
		c->tcp->speech->cut(c, hlv_bytes(c->in, c->in_n));
	conn_finish(c);
}

static size_t take_whole(struct conn *c, struct hlv_bytes b)
{
	c->behind = false;
	return c->tcp->speech->take(c, b);
}

/* Read once and answer what is whole. False: the connection is dead. */
static bool take_input(struct conn *c)
{
	struct hlv_tcp *t = c->tcp;
	if (c->in && !grow_in(c))
		return false;
	uint8_t *buf = c->in ? c->in + c->in_n : t->rx;
	size_t room = c->in ? c->in_cap - c->in_n : (size_t)HLV_TCP_RX;
	ssize_t n = conn_recv(c, buf, room);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	if (n == 0) {
		end_of_input(c);
		return true;
	}
	struct hlv_bytes b = hlv_bytes(t->rx, (size_t)n);
	if (!c->begun) {
		c->begun = true;
		if (conn_is_tls(c, b.p[0]))
			return conn_start_tls(c, b);
	}
	if (c->in) {
		c->in_n += (size_t)n;
		b = hlv_bytes(c->in, c->in_n);
	}
	size_t used = take_whole(c, b);
	/* A message's deadline runs from its first octet and is not moved by more of them; with
	 * answers that wait for the peer it is theirs that counts. */
	if (c->out || c->awaits)
		return keep_rest(c, hlv_skip(b, used));
	if (b.n > used && (used > 0 || !c->in))
		conn_set_deadline(c, t->front->limits->tcp_message_s);
	else if (b.n == used)
		conn_rest(c);
	return keep_rest(c, hlv_skip(b, used));
}

/* All is answered: no more from us, and a moment for the peer to read it before the port is
 * gone (a reset would take the answer with it). */
static void linger(struct conn *c)
{
	conn_shut(c);
	c->state = CONN_LINGER;
	conn_set_deadline(c, 1);
	watch(c, EV_READ);
}

static void settle(struct conn *c)
{
	if (c->shaking) {
		watch(c, c->shake_write ? EV_WRITE : EV_READ);
		return;
	}
	bool idle = !c->out && c->inflight == 0;
	if (idle && c->state == CONN_LAST) {
		linger(c);
		return;
	}
	if (idle && c->paused)
		conn_set_deadline(c, c->in ? c->tcp->front->limits->tcp_message_s : rest_s(c));
	c->paused = !idle;
	bool full = conn_is_full(c);
	short want = 0;
	/* Not even the peer's end is looked at before what it sent is answered. */
	if (c->state == CONN_OPEN && !c->behind && !full)
		want |= EV_READ;
	if (c->out || c->wants_room || (c->behind && !full) || (want && conn_has_more(c)))
		want |= EV_WRITE;
	watch(c, want);
}

void conn_put_down(struct hlv_tcp *t)
{
	struct conn *c = t->hand;
	if (!c)
		return;
	bool alive = conn_flush(c);
	t->hand = NULL;
	if (!alive) {
		conn_end(c);
		return;
	}
	unlink_conn(c);
	link_newest(c);
	settle(c);
}

/* Answers are gathered for one connection at a time. */
bool conn_take_in_hand(struct conn *c)
{
	struct hlv_tcp *t = c->tcp;
	if (t->hand == c)
		return true;
	if (t->in_event)
		return false;
	t->now = hlv_clock();
	conn_put_down(t);
	t->hand = c;
	return true;
}

void conn_said(struct conn *c)
{
	struct hlv_tcp *t = c->tcp;
	if (!t->in_event && !t->front->in_mail)
		conn_put_down(t);
}

void conn_stop(struct conn *c)
{
	/* An answer of which a part is missing must not look like a whole one. */
	if (c->tcp->speech->drop(c)) {
		conn_end(c);
		return;
	}
	conn_finish(c);
	if (c->state == CONN_LAST)
		settle(c);
}

/* Octets that wait in c->in because there was no room for their answers: their turn. */
static bool resume_input(struct conn *c)
{
	if (c->out || conn_is_full(c))
		return true;
	c->behind = false;
	if (!c->in)
		return true;
	struct hlv_bytes b = hlv_bytes(c->in, c->in_n);
	size_t used = take_whole(c, b);
	return keep_rest(c, hlv_skip(b, used));
}

static bool discard_input(struct conn *c)
{
	ssize_t n = recv(c->fd, c->tcp->rx, HLV_TCP_RX, MSG_DONTWAIT);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* What the socket is ready for. False: the connection is dead. */
static bool go_on(struct conn *c, short what)
{
	if (what & EV_WRITE) {
		if (!conn_drain(c) || !resume_input(c))
			return false;
		if (c->wants_room && conn_unread(c) <= HLV_TCP_OUT)
			c->tcp->speech->room(c);
	}
	bool input = what & EV_READ || conn_has_more(c);
	if (input && c->state == CONN_OPEN && !c->behind)
		return take_input(c);
	return true;
}

static void readable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	struct conn *c = ctx;
	struct hlv_tcp *t = c->tcp;
	t->now = hlv_clock();
	if (c->state == CONN_LINGER) {
		if (!discard_input(c))
			conn_end(c);
		return;
	}
	bool alive = true;
	t->hand = c;
	t->in_event = true;
	hlv_front_batch_begin(t->front, t->now);
	if (c->shaking)
		alive = conn_shake(c);
	else
		alive = go_on(c, what);
	hlv_front_batch_end(t->front);
	t->in_event = false;
	if (!alive)
		c->state = CONN_DEAD;
	struct hlv_slow slow = {
		.wall_ms = t->now.wall_ms, .way = conn_way(c), .batch = 1, .source = c->addr};
	conn_put_down(t);
	slow.took_us = hlv_front_measure(t->front, t->now) / 1000;
	if (slow.took_us)
		hlv_slow_note(&t->front->tap, &slow);
}

bool conn_start(struct conn *c)
{
	c->event = event_new(c->tcp->front->base, c->fd, EV_READ | EV_PERSIST, readable, c);
	if (!c->event)
		return false;
	if (event_add(c->event, NULL) != 0) {
		event_free(c->event);
		return false;
	}
	c->watching = EV_READ;
	link_newest(c);
	return true;
}
