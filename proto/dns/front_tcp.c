/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS by TCP (RFC 7766): two octets of length, then the message, as many on a connection as the limits
 * allow, answered as they are ready. Deadlines, back pressure and counts by source are the stream's.
 */
#include <stdlib.h>

#include "proto/dns/cookie.h"
#include "proto/dns/desk.h"
#include "proto/net/tcp_conn.h"

enum { LENGTH = 2, MESSAGE_MAX = 4096 /* octets of a question: none is so long */ };

static void say(struct hlv_dns_job *job)
{
	struct conn *c = job->conn;
	struct hlv_front *front = c->tcp->front;
	uint8_t head[LENGTH], cookie[HLV_DNS_COOKIE];
	struct hlv_writer w = hlv_writer(front->scratch, HLV_SCRATCH);
	struct hlv_dns_form form = {.limit = HLV_DNS_MAX - HLV_DNS_COOKIE_OPTION};
	hlv_dns_ask_encode(&job->ask, &form, &w);
	if (job->ask.q.cookie.n > 0) {
		hlv_dns_cookie_make(job->desk->shared->secret, job->ask.q.cookie.p, &c->addr,
				    hlv_now_s(job->ask.now), cookie);
		hlv_dns_put_cookie(&w, hlv_bytes(cookie, sizeof cookie));
	}
	struct hlv_bytes answer = hlv_written(&w);
	if (answer.n == 0) {
		conn_finish(c);
		return;
	}
	head[0] = (uint8_t)(answer.n >> 8);
	head[1] = (uint8_t)answer.n;
	conn_put(c, hlv_bytes(head, sizeof head));
	conn_put(c, answer);
	hlv_dns_desk_tell_job(job);
}

static void done(struct hlv_dns_job *job);

static void come_back(struct hlv_mail *mail, void *receiver)
{
	(void)receiver;
	done((struct hlv_dns_job *)(void *)mail); /* its first member */
}

static void done(struct hlv_dns_job *job)
{
	struct conn *c = job->conn;
	if (c->state == CONN_GONE) {
		uint32_t octets = job->octets;
		hlv_dns_desk_end(job);
		(void)conn_release(c, octets);
		return;
	}
	if (!conn_take_in_hand(c)) {
		job->mail.open = come_back;
		hlv_mailbox_post(c->tcp->front->mail, &job->mail);
		return;
	}
	say(job);
	uint32_t octets = job->octets;
	hlv_dns_desk_end(job);
	(void)conn_release(c, octets);
	conn_said(c);
}

static void handle(struct conn *c, struct hlv_bytes message)
{
	struct hlv_tcp *t = c->tcp;
	struct hlv_peer peer = conn_peer(c);
	peer.via = HLV_VIA_DNS;
	peer.interface_kind = HLV_IF_QUERY;
	peer.verified = true;
	hlv_count(&t->front->stats.dns_queries);
	struct hlv_dns_job *job = hlv_dns_desk_take(t->own, message, &peer, t->now);
	if (!job) { /* no question, or too many of them */
		hlv_count(&t->front->stats.dns_dropped);
		conn_finish(c);
		return;
	}
	c->keep = true;
	c->requests++;
	job->conn = c;
	conn_hold(c, job->octets);
	hlv_dns_desk_begin(job);
	if (c->requests >= t->front->limits->tcp_requests)
		conn_finish(c);
}

static size_t take(struct conn *c, struct hlv_bytes b)
{
	size_t used = 0;
	while (c->state == CONN_OPEN && b.n - used >= LENGTH) {
		const uint8_t *p = b.p + used;
		size_t n = (size_t)(p[0] << 8 | p[1]);
		if (n < HLV_DNS_HEADER || n > MESSAGE_MAX) {
			hlv_count(&c->tcp->front->stats.dns_dropped);
			conn_finish(c);
			break;
		}
		if (n > b.n - used - LENGTH)
			break;
		handle(c, hlv_bytes(p + LENGTH, n));
		used += LENGTH + n;
		c->behind = conn_is_full(c);
		if (c->behind)
			break;
	}
	if (used > 0)
		hlv_verified_put(c->tcp->front->verified, &c->addr, c->tcp->now);
	return used;
}

static void cut(struct conn *c, struct hlv_bytes rest)
{
	(void)c;
	(void)rest;
}

static void room(struct conn *c)
{
	c->wants_room = false;
}

static bool drop(struct conn *c)
{
	(void)c;
	return false;
}

static bool open_listener(struct hlv_tcp *t, void *shared)
{
	struct hlv_dns_desk *d = calloc(1, sizeof *d);
	if (!d)
		return false;
	d->done = done;
	if (hlv_dns_desk_open(d, t->front, shared)) {
		t->own = d;
		return true;
	}
	hlv_dns_desk_close(d);
	free(d);
	return false;
}

static void close_listener(struct hlv_tcp *t)
{
	hlv_dns_desk_close(t->own);
	free(t->own);
}

const struct conn_speech hlv_dns_speech = {
	.in_max = LENGTH + MESSAGE_MAX,
	.take = take,
	.cut = cut,
	.room = room,
	.drop = drop,
	.open = open_listener,
	.close = close_listener,
};
