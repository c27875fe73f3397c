/* SPDX-License-Identifier: Apache-2.0
 *
 * One TCP connection, and what the connections of one listener share. Between tcp.c, which accepts
 * and ends them, tcp_conn.c, which reads, tcp_out.c, which writes, and those who know what the octets
 * mean: tcp_native.c, proto/web/http.c, proto/dns; nobody else's business.
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
	HLV_TCP_OUT = 256 << 10, /* unread answers of one peer; then we stop reading */
	HLV_TCP_LOGINS = 8,
};

struct conn;

/* What the octets of a listener's connections mean. All of it runs on the listener's worker. */
struct conn_speech {
	size_t in_max; /* octets that may wait for the end of what they begin */
	/* Answer every whole message in `b`, or as many as there is room for (then c->behind is
	 * set); returns how many octets they were. What is not taken comes again, with more behind it.
	 * After the last message that is wanted: conn_finish(c). */
	size_t (*take)(struct conn *c, struct hlv_bytes b);
	/* The peer ended before it ended what `rest` begins, or what c->awaits is set for. */
	void (*cut)(struct conn *c, struct hlv_bytes rest);
	/* c->wants_room, and there is room again for what is to be said. */
	void (*room)(struct conn *c);
	/* The end is near: give up what waits for room. True: an answer stays without its end. */
	bool (*drop)(struct conn *c);
	/* Nothing is away any more, and c is about to be freed: what is c->own? May be NULL. */
	void (*end)(struct conn *c);
	/* For each listener: t->own; false without memory. May be NULL, both. */
	bool (*open)(struct hlv_tcp *t, void *shared);
	void (*close)(struct hlv_tcp *t);
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
	bool sdk;    /* chooses its session ids itself */
	bool keep;   /* more than one message is to be expected */
	bool busy;   /* with one question: no other before its answer */
	bool behind; /* whole messages wait in `in` until there is room for their answers */
	bool paused; /* its deadline does not count: we are to answer, or the peer to read */
	bool wants_room; /* speech->room() is called when there is some */
	bool awaits;	 /* what is held waits for the peer, by a deadline of the speech's */
	short watching;	 /* EV_READ, EV_WRITE */
	uint32_t requests;
	uint32_t inflight; /* exchanges that are not answered to their end */
	size_t inflight_n; /* octets of their questions */
	uint64_t id;
	hlv_mono_ns born_ns, deadline_ns;
	hlv_mono_ns spared_ns; /* the deadline that it was allowed to miss once */
	struct hlv_addr addr;
	uint8_t *in; /* a message that has come in part, or NULL */
	size_t in_n, in_cap;
	uint8_t *out; /* what the peer has not taken yet, or NULL */
	size_t out_at, out_n;
	void *own;		      /* the speech's */
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
	const struct conn_speech *speech;
	void *own;   /* the speech's */
	bool opened; /* by the speech */
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
enum hlv_way conn_way(const struct conn *c);
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

/* tcp_out.c */

/* More for the connection in hand, in order. Nothing is lost while it is alive. */
void conn_put(struct conn *c, struct hlv_bytes octets);
/* Octets that the peer has not taken yet. */
size_t conn_unread(const struct conn *c);
/* No more questions now: their answers would have no place. */
bool conn_is_full(const struct conn *c);
/* Send what was gathered for the connection in hand. False: it is dead, and stays so. */
bool conn_flush(struct conn *c);
/* Send what the peer has not taken yet. False: it is gone. */
bool conn_drain(struct conn *c);

/* An exchange of the connection is away, for a question of `n` octets: its memory stays. */
void conn_hold(struct conn *c, size_t n);
/* It is home. False: the connection was waiting for it alone, and is no more. */
bool conn_release(struct conn *c, size_t n);
/* Something is to be said on `c` now. False: another connection is at its work, so come back by
 * mail. Behind that, conn_said(), which sends it unless more is about to follow. */
bool conn_take_in_hand(struct conn *c);
void conn_said(struct conn *c);
/* Who is at the other end. */
struct hlv_peer conn_peer(const struct conn *c);
