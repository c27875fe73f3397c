/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "proto/net/front_native.h"
#include "proto/net/tcp_conn.h"

enum {
	OUT_LIMIT = 256 << 10, /* unread answers of one peer; then we stop reading */
	AWAY_LIMIT = 4 << 20,  /* octets of its questions that are not answered */
	LOGINS_MAX = 8,
	ARENA_LIMIT = 4 << 20,
};

size_t conn_unread(const struct conn *c)
{
	return c->out_n - c->out_at;
}

bool conn_is_full(const struct conn *c)
{
	/* Logins too many are forgotten when no exchange looks at them any more. */
	return conn_unread(c) > OUT_LIMIT || c->inflight >= HLV_TCP_INFLIGHT ||
	       c->inflight_n > AWAY_LIMIT || c->nlogins > LOGINS_MAX;
}

/* Keep what the socket did not take. */
static bool save_out(struct conn *c, struct hlv_bytes rest)
{
	size_t held = conn_unread(c);
	uint8_t *p = malloc(held + rest.n);
	if (!p)
		return false;
	if (held)
		memcpy(p, c->out + c->out_at, held);
	else
		conn_set_deadline(c, c->tcp->front->limits->tcp_stall_s);
	memcpy(p + held, rest.p, rest.n);
	free(c->out);
	c->out = p;
	c->out_at = 0;
	c->out_n = held + rest.n;
	return true;
}

/* Send as much of `b` as goes; how much went, or SIZE_MAX when the peer is gone. */
static size_t send_some(struct conn *c, struct hlv_bytes b)
{
	size_t sent = 0;
	while (sent < b.n) {
		ssize_t n = conn_send(c, b.p + sent, b.n - sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? sent : SIZE_MAX;
		sent += (size_t)n;
	}
	return sent;
}

bool conn_flush(struct conn *c)
{
	struct hlv_tcp *t = c->tcp;
	struct hlv_bytes b = hlv_bytes(t->tx, t->tx_n);
	t->tx_n = 0;
	/* What would follow a piece that is lost means nothing to the peer. */
	if (b.n == 0 || c->state == CONN_DEAD)
		return c->state != CONN_DEAD;
	size_t sent = c->out ? 0 : send_some(c, b);
	if (sent == SIZE_MAX || (sent < b.n && !save_out(c, hlv_skip(b, sent))))
		c->state = CONN_DEAD;
	return c->state != CONN_DEAD;
}

bool conn_drain(struct conn *c)
{
	if (!c->out)
		return true;
	size_t sent = send_some(c, hlv_bytes(c->out + c->out_at, conn_unread(c)));
	if (sent == SIZE_MAX)
		return false;
	c->out_at += sent;
	if (sent > 0)
		conn_set_deadline(c, c->tcp->front->limits->tcp_stall_s);
	if (c->out_at < c->out_n)
		return true;
	free(c->out);
	c->out = NULL;
	c->out_at = c->out_n = 0;
	return true;
}

/* The exchanges that are away see the list as it was when they left: it is only ever put in front
 * of, and cleaned when all are home. */
static void take_login(struct conn *c, struct hlv_exchange *x)
{
	struct hlv_login *l = x->login;
	if (!l || c->state == CONN_GONE)
		return;
	x->login = NULL;
	l->next = c->logins;
	c->logins = l;
	c->nlogins++;
}

static bool is_listed(const struct hlv_login *from, const struct hlv_login *until)
{
	for (; from != until; from = from->next)
		if (from->session_id == until->session_id)
			return true;
	return false;
}

/* Of each session the newest, and of these eight. */
static void clean_logins(struct conn *c)
{
	c->nlogins = 0;
	for (struct hlv_login **p = &c->logins; *p;) {
		struct hlv_login *l = *p;
		if (c->nlogins < LOGINS_MAX && !is_listed(c->logins, l)) {
			c->nlogins++;
			p = &l->next;
			continue;
		}
		*p = l->next;
		free(l);
	}
}

/* The end of an exchange, and of its connection if that waited for nothing else. */
static void release(struct tcp_exchange *tx)
{
	struct conn *c = tx->conn;
	struct hlv_tcp *t = c->tcp;
	c->inflight--;
	c->inflight_n -= tx->n;
	t->front->inflight--;
	hlv_exchange_end(&tx->x);
	tx->next = t->spare;
	t->spare = tx;
	if (c->inflight > 0)
		return;
	if (c->state == CONN_GONE)
		conn_free(c);
	else if (c->nlogins > 1)
		clean_logins(c);
}

void conn_exchange_drop(struct hlv_exchange *x)
{
	release(x->front);
}

static void encode_answer(struct conn *c, struct hlv_exchange *x)
{
	struct hlv_tcp *t = c->tcp;
	if (c->state == CONN_DEAD)
		return;
	struct hlv_writer w = hlv_writer(t->tx + t->tx_n, HLV_SCRATCH - t->tx_n);
	enum hlv_err err = hlv_native_encode(x, t->front->service, &w);
	if (err == HLV_E_LIMIT && t->tx_n > 0) {
		if (!conn_flush(c))
			return;
		w = hlv_writer(t->tx, HLV_SCRATCH);
		err = hlv_native_encode(x, t->front->service, &w);
	}
	if (err == HLV_E_LIMIT) {
		hlv_exchange_error(x, HLV_RC_ERROR, "Answer is longer than a message may be");
		x->more = false;
		w = hlv_writer(t->tx, HLV_SCRATCH);
		err = hlv_native_encode(x, t->front->service, &w);
	}
	/* What cannot be protected is not said at all, and a peer that waits for it is told so
	 * by the end of the connection (threats.md 3). */
	if (err != HLV_OK)
		c->state = CONN_DEAD;
	else
		t->tx_n += w.n;
}

/* Answers are gathered for one connection at a time. */
static void take_in_hand(struct conn *c)
{
	struct hlv_tcp *t = c->tcp;
	if (t->hand == c)
		return;
	t->now = hlv_clock();
	conn_put_down(t);
	t->hand = c;
}

static void wait_for_room(struct tcp_exchange *tx)
{
	struct tcp_exchange **last = &tx->conn->waiting;
	while (*last)
		last = &(*last)->next;
	tx->next = NULL;
	*last = tx;
}

static void done(struct hlv_exchange *x)
{
	struct tcp_exchange *tx = x->front;
	struct conn *c = tx->conn;
	struct hlv_tcp *t = c->tcp;
	if (t->in_event && t->hand != c) {
		/* Answered while another connection is at its work: that one first. */
		hlv_exchange_return(x);
		return;
	}
	take_login(c, x);
	if (c->state == CONN_GONE) {
		release(tx);
		return;
	}
	take_in_hand(c);
	encode_answer(c, x);
	if (x->rq.m.hdr.flags & HLV_F_KEEP_ALIVE)
		c->keep = true; /* of an encrypted message, known only now */
	if (x->more && t->front->stopping)
		c->state = CONN_DEAD;
	if (x->more)
		wait_for_room(tx);
	else
		release(tx);
	if (!t->in_event && !t->front->in_mail)
		conn_put_down(t);
}

void conn_resume(struct conn *c)
{
	struct tcp_exchange *tx = c->waiting;
	if (!tx || conn_unread(c) > OUT_LIMIT)
		return;
	struct hlv_service *service = c->tcp->front->service;
	c->waiting = tx->next;
	tx->x.more = false;
	tx->x.now = c->tcp->now;
	service->resume(service, &tx->x);
}

bool conn_drop_waiting(struct conn *c)
{
	bool any = c->waiting;
	while (c->waiting) {
		struct tcp_exchange *tx = c->waiting;
		c->waiting = tx->next;
		release(tx);
	}
	return any;
}

struct hlv_exchange *conn_exchange(struct conn *c, size_t n)
{
	struct hlv_tcp *t = c->tcp;
	struct tcp_exchange *tx = t->spare;
	if (tx) {
		t->spare = tx->next;
	} else {
		tx = calloc(1, sizeof *tx);
		if (!tx)
			return NULL;
		tx->x.done = done;
		tx->x.front = tx;
		tx->x.home = t->front->mail;
		hlv_arena_init(&tx->x.arena, ARENA_LIMIT);
	}
	tx->conn = c;
	tx->n = n;
	c->inflight++;
	c->inflight_n += n;
	t->front->inflight++;
	hlv_exchange_begin(&tx->x);
	return &tx->x;
}

void conn_early_error(struct conn *c, const struct hlv_envelope *env, const char *text)
{
	struct hlv_tcp *t = c->tcp;
	if (HLV_SCRATCH - t->tx_n < HLV_UDP_PACKET && !conn_flush(c))
		return;
	struct hlv_writer w = hlv_writer(t->tx + t->tx_n, HLV_SCRATCH - t->tx_n);
	hlv_native_early_error(env, HLV_RC_PROTOCOL_ERROR, text, t->now, &w);
	t->tx_n += hlv_written(&w).n;
	conn_finish(c);
	hlv_count(&t->front->stats.tcp_malformed);
}
