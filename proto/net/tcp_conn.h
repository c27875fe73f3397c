/* SPDX-License-Identifier: Apache-2.0
 *
 * One TCP connection, and what the connections of one listener share. Between tcp.c, which accepts
 * and ends them, tcp_conn.c, which reads, and tcp_answer.c, which answers and writes; nobody else's
 * business.
 *
 * The answers of one event, or of neighbours in one delivery of mail, are gathered in the
 * listener's buffer for the connection in hand and go out together when it is put down.
 */
#pragma once
#include "proto/net/tcp.h"

struct event;

enum {
	HLV_TCP_RX = 64 << 10,	 /* octets read at once */
	HLV_TCP_SOURCES = 65536, /* counters of connections by source */
	HLV_TCP_INFLIGHT = 64,	 /* exchanges of one connection that are away */
};

enum conn_state {
	CONN_OPEN,
	CONN_LAST,   /* no more is read: close when all is written */
	CONN_LINGER, /* all written and shut down; wait for the peer's end */
	CONN_DEAD,   /* an answer is lost, or the peer: nothing more can be said */
	CONN_GONE,   /* closed; waits for its exchanges that are away */
};

struct conn {
	struct conn *prev, *next; /* by last activity, oldest first */
	struct hlv_tcp *tcp;
	struct event *event;
	int fd;
	enum conn_state state;
	enum hlv_transport transport;
	uint32_t uid;		/* HLV_T_LOCAL */
	struct hlv_tls_io *tls; /* HLV_T_TLS */
	bool begun;		/* the first octets have come */
	bool shaking;		/* in the handshake of TLS */
	bool shake_write;	/* which waits until it can send */
	bool trusted;
	bool sdk;	/* chooses its session ids itself */
	bool keep;	/* more than one message is to be expected */
	bool behind;	/* whole messages wait in `in` until there is room for their answers */
	bool paused;	/* its deadline does not count: we are to answer, or the peer to read */
	short watching; /* EV_READ, EV_WRITE */
	uint32_t requests;
	uint32_t inflight; /* exchanges that are not answered to their end */
	size_t inflight_n; /* octets of their questions */
	uint64_t id;
	hlv_mono_ns born_ns, deadline_ns;
	struct hlv_addr addr;
	uint8_t *in; /* a message that has come in part, or NULL */
	size_t in_n, in_cap;
	uint8_t *out; /* what the peer has not taken yet, or NULL */
	size_t out_at, out_n;
	struct tcp_exchange *waiting; /* for room for their next message, first come first */
	struct hlv_login *logins;     /* newest first; grows only, while exchanges are away */
	uint32_t nlogins;
};

struct tcp_exchange {
	struct hlv_exchange x;
	struct conn *conn;
	size_t n;		   /* octets of the question */
	struct tcp_exchange *next; /* while free, and while waiting */
};

struct hlv_tcp {
	struct hlv_front *front;
	struct event *accept, *resume, *tick;
	int fd, spare_fd;
	bool local; /* the control socket */
	struct hlv_now now;
	struct tcp_exchange *spare;
	struct conn list; /* ring head */
	uint32_t n;
	uint8_t *rx;	   /* HLV_TCP_RX */
	struct conn *hand; /* the connection in hand, or NULL */
	bool in_event;	   /* of the connection in hand: it is put down at the event's end */
	uint8_t *tx;	   /* HLV_SCRATCH: its answers */
	size_t tx_n;
	uint64_t secret;	   /* of by_source's hash */
	uint32_t shaking;	   /* connections in their handshakes */
	struct hlv_rate *tls_rate; /* handshakes by source; NULL before the first */
	uint16_t by_source[HLV_TCP_SOURCES];
};

/* Watch a connection whose fields are set, and answer what comes. False without memory. */
bool conn_start(struct conn *c);
/* Close it and forget it; its memory stays until its exchanges are home. */
void conn_end(struct conn *c);
void conn_set_deadline(struct conn *c, uint32_t seconds);
/* The deadline of a connection that waits for the peer's next message. */
void conn_rest(struct conn *c);
/* No message after this one is taken. */
void conn_finish(struct conn *c);
/* What waits no longer for anybody is dropped; then as conn_finish(). */
void conn_stop(struct conn *c);
/* How many connections this source has. */
uint16_t *conn_source(struct hlv_tcp *t, const struct hlv_addr *a);

/* tcp_tls.c */

/* Do these first octets begin a handshake that we take part in? */
bool conn_is_tls(const struct conn *c, uint8_t first);
/* The first octets of a handshake; and its going on. False: the connection is dead. */
bool conn_start_tls(struct conn *c, struct hlv_bytes first);
bool conn_shake(struct conn *c);
/* As recv(2) and send(2), past TLS or through it. */
ssize_t conn_recv(struct conn *c, void *p, size_t n);
ssize_t conn_send(struct conn *c, const void *p, size_t n);
/* Octets wait for conn_recv() of which no event will tell. */
bool conn_has_more(const struct conn *c);
/* Nothing more is sent. */
void conn_shut(struct conn *c);

/* Send the answers of the connection in hand, and end it or watch it for what it waits for. */
void conn_put_down(struct hlv_tcp *t);

/* tcp_answer.c */

/* An exchange for a question of `n` octets. NULL without memory. */
struct hlv_exchange *conn_exchange(struct conn *c, size_t n);
/* It gets no answer. */
void conn_exchange_drop(struct hlv_exchange *x);
/* An answer to what is no message, then the end. */
void conn_early_error(struct conn *c, const struct hlv_envelope *env, const char *text);
/* Octets that the peer has not taken yet. */
size_t conn_unread(const struct conn *c);
/* No more questions now: their answers would have no place. */
bool conn_is_full(const struct conn *c);
/* Send what was gathered for the connection in hand. False: it is dead, and stays so. */
bool conn_flush(struct conn *c);
/* Send what the peer has not taken yet. False: it is gone. */
bool conn_drain(struct conn *c);
/* The next message of the exchange that waits longest, if there is room. */
void conn_resume(struct conn *c);
/* Exchanges that wait for room end. True if there were any. */
bool conn_drop_waiting(struct conn *c);
/* The rest of conn_end(): the last exchange is home. */
void conn_free(struct conn *c);
