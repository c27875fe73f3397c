/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker: one thread with its own event loop, its own sockets and its own service. Workers share
 * nothing but what architecture.md lists; what crosses between threads is given away by mail.
 */
#pragma once
#include "proto/net/front.h"
#include "proto/net/mailbox.h"

/* Sockets of one address for one worker, bound before privileges are dropped. */
struct hlv_sockets {
	int udp, tcp;
};
/* SO_REUSEPORT; a port of 0 is chosen and written into *a. `why`: 256 octets. */
enum hlv_err HLV_MUST_USE hlv_sockets_bind(struct hlv_addr *a, const char *option,
					   struct hlv_sockets *s, char *why);

/* A listening stream socket that speaks something else than native messages. */
struct hlv_stream {
	int fd;
	const struct conn_speech *speech;      /* tcp_conn.h */
	void *shared;			       /* for the speech: the same for all workers */
	int udp;			       /* beside it, if there are ... */
	const struct hlv_datagrams *datagrams; /* ... (packets.h) or NULL */
};

struct hlv_worker;
struct hlv_worker_options {
	struct hlv_service *service;
	const struct hlv_limits *limits;
	const struct web_options *web; /* or NULL */
	struct hlv_verified *verified;
	const struct hlv_sockets *sockets; /* taken over */
	size_t n;
	const struct hlv_stream *streams; /* taken over */
	size_t nstreams;
	const struct hlv_tls *tls; /* TLS on the TCP ports (hlv_tls_server_new()); NULL: none */
	int control;	 /* the control socket (hlv_local_bind()), taken over; 0: not here */
	unsigned number; /* in the thread's name */
	struct hlv_query_log *query_log; /* NULL: none, ever */
};
/* A listening TCP socket alone. */
enum hlv_err HLV_MUST_USE hlv_stream_bind(struct hlv_addr *a, const char *option, int *fd,
					  char *why);
/* Starts the thread. NULL when the system has no more. */
struct hlv_worker *hlv_worker_start(const struct hlv_worker_options *o);
/* Ask it to read no more and to end when its exchanges that are away are home, wherefore those who
 * have them must still be at work; wait; free. */
void hlv_worker_stop(struct hlv_worker *w);
/* Run `fn(ctx)` on the worker's thread, between two batches, and wait until it has. */
void hlv_worker_call(struct hlv_worker *w, void (*fn)(struct hlv_front *, void *), void *ctx);
/* Its slow queries of late, newest first; any thread. */
size_t hlv_worker_slow(struct hlv_worker *w, struct hlv_slow out[HLV_SLOW_KEPT]);
const struct hlv_stats *hlv_worker_stats(const struct hlv_worker *w);
/* For its counters, from any thread. */
const struct hlv_front *hlv_worker_front(const struct hlv_worker *w);
