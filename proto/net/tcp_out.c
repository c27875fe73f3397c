/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "proto/net/tcp_conn.h"

enum { AWAY_LIMIT = 4 << 20 }; /* octets of its questions that are not answered */

size_t conn_unread(const struct conn *c)
{
	return c->out_n - c->out_at;
}

bool conn_is_full(const struct conn *c)
{
	/* Logins too many are forgotten when no exchange looks at them any more. */
	return c->busy || conn_unread(c) > HLV_TCP_OUT || c->inflight >= HLV_TCP_INFLIGHT ||
	       c->inflight_n > AWAY_LIMIT || c->nlogins > HLV_TCP_LOGINS;
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

void conn_put(struct conn *c, struct hlv_bytes octets)
{
	struct hlv_tcp *t = c->tcp;
	while (octets.n > 0) {
		if (t->tx_n == HLV_SCRATCH && !conn_flush(c))
			return;
		size_t n = HLV_SCRATCH - t->tx_n;
		n = n < octets.n ? n : octets.n;
		memcpy(t->tx + t->tx_n, octets.p, n);
		t->tx_n += n;
		octets = hlv_skip(octets, n);
	}
}
