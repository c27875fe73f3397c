/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/net/rate.h"
#include "proto/net/tcp_conn.h"
#include "proto/sec/tls.h"

/* A handshake costs us more than its peer, so there are bounds to how long, how many at once, and
 * how many of one source in a second (threats.md 2). */
enum {
	HANDSHAKES = 256, /* of one listener */
	HANDSHAKES_PER_S = 20,
	/* RFC 8446 5.1: a handshake record. The first octet of a native message is its major
	 * version, of which none is ever that high. */
	RECORD_HANDSHAKE = 0x16,
};

bool conn_is_tls(const struct conn *c, uint8_t first)
{
	return first == RECORD_HANDSHAKE && c->tcp->front->tls && !c->tcp->local;
}

/* May this source have one more handshake now? */
static bool admit(struct conn *c)
{
	struct hlv_tcp *t = c->tcp;
	if (t->shaking >= HANDSHAKES)
		return false;
	if (c->trusted)
		return true;
	if (!t->tls_rate)
		t->tls_rate = hlv_rate_new(t->secret);
	return t->tls_rate && hlv_rate_take(t->tls_rate, &c->addr, HLV_RATE_ANSWER,
					    HANDSHAKES_PER_S, t->now) == HLV_RATE_PASS;
}

bool conn_shake(struct conn *c)
{
	struct hlv_tcp *t = c->tcp;
	enum hlv_tls_state state = hlv_tls_handshake(c->tls);
	c->shake_write = state == HLV_TLS_WANTS_WRITE;
	switch (state) {
	case HLV_TLS_WANTS_READ:
	case HLV_TLS_WANTS_WRITE:
		return true;
	case HLV_TLS_FAILED:
		hlv_count(&t->front->stats.tls_failed);
		return false;
	case HLV_TLS_DONE:
		break;
	}
	c->shaking = false;
	t->shaking--;
	hlv_count(&t->front->stats.tls_accepted);
	conn_rest(c);
	return true;
}

bool conn_start_tls(struct conn *c, struct hlv_bytes first)
{
	struct hlv_tcp *t = c->tcp;
	c->tls = admit(c) ? hlv_tls_accept(t->front->tls, c->fd, first) : NULL;
	if (!c->tls) {
		hlv_count(&t->front->stats.tls_refused);
		return false;
	}
	c->transport = HLV_T_TLS;
	c->shaking = true;
	t->shaking++;
	conn_set_deadline(c, t->front->limits->tcp_first_s);
	return conn_shake(c);
}

ssize_t conn_recv(struct conn *c, void *p, size_t n)
{
	if (c->tls)
		return hlv_tls_recv(c->tls, p, n);
	return recv(c->fd, p, n, MSG_DONTWAIT);
}

ssize_t conn_send(struct conn *c, const void *p, size_t n)
{
	if (c->tls)
		return hlv_tls_send(c->tls, p, n);
	return send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool conn_has_more(const struct conn *c)
{
	return c->tls && !c->shaking &&
	       (hlv_tls_pending(c->tls) || hlv_tls_recv_wants_write(c->tls));
}

void conn_shut(struct conn *c)
{
	if (c->tls)
		hlv_tls_shutdown(c->tls);
	shutdown(c->fd, SHUT_WR);
}
