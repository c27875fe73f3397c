/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "proto/net/front_native.h"
#include "proto/net/tcp_conn.h"

enum {
	UNVERIFIED_MESSAGE = 65536, /* octets of a stranger's message */
	SDK_FIRST_SESSION = 10001,  /* the national SDK numbers its sessions from here */
	ARENA_LIMIT = 4 << 20,
};

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
		if (c->nlogins < HLV_TCP_LOGINS && !is_listed(c->logins, l)) {
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
	size_t n = tx->n;
	hlv_exchange_end(&tx->x);
	tx->next = t->spare;
	t->spare = tx;
	if (conn_release(c, n) && c->inflight == 0 && c->nlogins > 1)
		clean_logins(c);
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

static void wait_for_room(struct tcp_exchange *tx)
{
	tx->conn->wants_room = true;
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
	(void)conn_take_in_hand(c);
	encode_answer(c, x);
	if (!x->more)
		hlv_front_answered(t->front, conn_way(c), x,
				   t->front->in_batch ? 0 : t->now.mono_ns);
	if (x->rq.m.hdr.flags & HLV_F_KEEP_ALIVE)
		c->keep = true; /* of an encrypted message, known only now */
	if (x->more && t->front->stopping)
		c->state = CONN_DEAD;
	if (x->more)
		wait_for_room(tx);
	else
		release(tx);
	conn_said(c);
}

/* The next message of the exchange that waits longest. */
static void resume(struct conn *c)
{
	struct tcp_exchange *tx = c->waiting;
	struct hlv_service *service = c->tcp->front->service;
	c->waiting = tx->next;
	c->wants_room = c->waiting;
	tx->x.more = false;
	tx->x.now = c->tcp->now;
	service->resume(service, &tx->x);
}

static bool drop(struct conn *c)
{
	bool any = c->waiting;
	c->wants_room = false;
	while (c->waiting) {
		struct tcp_exchange *tx = c->waiting;
		c->waiting = tx->next;
		release(tx);
	}
	return any;
}

static struct hlv_exchange *take_exchange(struct conn *c, size_t n)
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
	conn_hold(c, n);
	hlv_exchange_begin(&tx->x);
	return &tx->x;
}

static void early_error(struct conn *c, const struct hlv_envelope *env, const char *text)
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

static void learn(struct conn *c, const struct hlv_envelope *env, uint32_t flags)
{
	/* industrial.md 5.1: the national SDK speaks 2.10 and chooses session ids from 10001. */
	bool sdk = env->session_id >= SDK_FIRST_SESSION && env->session_id <= INT32_MAX &&
		   env->major == 2 && env->minor == 10;
	c->sdk = c->sdk || sdk;
	c->keep = c->keep || c->sdk || c->requests > 0 || flags & HLV_F_KEEP_ALIVE;
	c->requests++;
}

static void handle(struct conn *c, struct hlv_bytes message)
{
	struct hlv_tcp *t = c->tcp;
	struct hlv_exchange *x = take_exchange(c, message.n);
	if (!x) {
		conn_finish(c);
		return;
	}
	x->now = t->now;
	x->peer = conn_peer(c);
	enum hlv_native_verdict verdict = hlv_native_decode(message, x);
	learn(c, &x->rq.m.env, x->rq.m.hdr.flags);
	hlv_count(&t->front->stats.tcp_queries);
	switch (verdict) {
	case HLV_NATIVE_SUBMIT:
		t->front->service->submit(t->front->service, x);
		break;
	case HLV_NATIVE_REPLY:
		x->done(x);
		break;
	case HLV_NATIVE_DROP: {
		struct hlv_envelope env = x->rq.m.env;
		release(x->front);
		early_error(c, &env, "Not a request");
		break;
	}
	}
	if (c->requests >= t->front->limits->tcp_requests && !t->local)
		conn_finish(c);
}

/* Answer every whole message in `b`, or as many as the peer has room for; returns how many
 * octets they were. */
static size_t take(struct conn *c, struct hlv_bytes b)
{
	size_t used = 0;
	while (c->state == CONN_OPEN && b.n - used >= HLV_ENVELOPE_SIZE) {
		struct hlv_reader r = hlv_reader(hlv_skip(b, used));
		struct hlv_envelope env;
		enum hlv_err err = hlv_envelope_decode(&r, &env);
		if (err || env.length < HLV_HEADER_SIZE ||
		    (!c->trusted && !c->logins && env.length > UNVERIFIED_MESSAGE)) {
			early_error(c, &env, "Invalid message length");
			break;
		}
		size_t n = HLV_ENVELOPE_SIZE + (size_t)env.length;
		if (n > b.n - used)
			break;
		handle(c, hlv_bytes(b.p + used, n));
		used += n;
		c->behind = conn_is_full(c);
		if (c->behind)
			break;
	}
	if (used > 0 && !c->tcp->local)
		hlv_verified_put(c->tcp->front->verified, &c->addr, c->tcp->now);
	return used;
}

/* Closed inside a message. */
static void cut(struct conn *c, struct hlv_bytes rest)
{
	struct hlv_reader r = hlv_reader(rest);
	struct hlv_envelope env;
	bool known = hlv_envelope_decode(&r, &env) == HLV_OK;
	early_error(c, known ? &env : NULL, "Connection closed inside a message");
}

static void end(struct conn *c)
{
	while (c->logins) {
		struct hlv_login *l = c->logins;
		c->logins = l->next;
		free(l);
	}
}

static void close_listener(struct hlv_tcp *t)
{
	while (t->spare) {
		struct tcp_exchange *tx = t->spare;
		t->spare = tx->next;
		hlv_arena_fini(&tx->x.arena);
		free(tx);
	}
}

const struct conn_speech conn_native = {
	.in_max = HLV_SCRATCH,
	.take = take,
	.cut = cut,
	.room = resume,
	.drop = drop,
	.end = end,
	.close = close_listener,
};
