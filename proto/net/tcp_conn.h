/* SPDX-License-Identifier: Apache-2.0
 *
 * One TCP connection, and what the connections of one listener share. Between tcp.c, which accepts
 * and ends them, and tcp_conn.c, which reads, answers and writes; nobody else's business.
 */
#pragma once
#include "proto/net/tcp.h"

struct event;

enum {
	HLV_TCP_RX = 64 << 10,	 /* octets read at once */
	HLV_TCP_SOURCES = 65536, /* counters of connections by source */
};

enum conn_state {
	CONN_OPEN,
	CONN_LAST,   /* no more is read: close when all is written */
	CONN_LINGER, /* all written and shut down; wait for the peer's end */
	CONN_DEAD,   /* an answer is lost, or the peer: nothing more can be said */
};

struct conn {
	struct conn *prev, *next; /* by last activity, oldest first */
	struct hlv_tcp *tcp;
	struct event *event;
	int fd;
	enum conn_state state;
	bool trusted;
	bool sdk;    /* chooses its session ids itself */
	bool keep;   /* more than one message is to be expected */
	bool behind; /* whole messages wait in `in` until the peer reads */
	uint32_t requests;
	hlv_mono_ns born_ns, deadline_ns;
	struct hlv_addr addr;
	uint8_t *in; /* a message that has come in part, or NULL */
	size_t in_n, in_cap;
	uint8_t *out; /* what the peer has not taken yet, or NULL */
	size_t out_at, out_n;
};

struct tcp_exchange {
	struct hlv_exchange x;
	struct conn *conn;
	struct tcp_exchange *next; /* while free */
};

struct hlv_tcp {
	struct hlv_front *front;
	struct event *accept, *resume, *tick;
	int fd, spare_fd;
	struct hlv_now now;
	struct tcp_exchange *spare;
	struct conn list; /* ring head */
	uint32_t n;
	uint8_t *rx; /* HLV_TCP_RX */
	uint8_t *tx; /* HLV_SCRATCH: answers of the event in hand */
	size_t tx_n;
	uint64_t secret; /* of by_source's hash */
	uint16_t by_source[HLV_TCP_SOURCES];
};

/* Watch a connection whose fields are set, and answer what comes. False without memory. */
bool conn_start(struct conn *c);
/* Close it and forget it. */
void conn_free(struct conn *c);
void conn_set_deadline(struct conn *c, uint32_t seconds);
/* How many connections this source has. */
uint16_t *conn_source(struct hlv_tcp *t, const struct hlv_addr *a);
