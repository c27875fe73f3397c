/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagrams in batches, for every front end that speaks UDP: recvmmsg 32, sendmmsg, and answers that
 * leave from the address that their questions came to. What the octets mean is the user's.
 */
#pragma once
#include <netinet/in.h>

#include "proto/base/bytes.h"
#include "proto/net/addr.h"

struct event_base;
struct hlv_front;
struct hlv_packets;

/* A front end on UDP beside the native one: one of its listeners, on a worker. */
struct hlv_datagrams {
	/* Takes `fd`; `shared` is the same for all workers. NULL without memory. */
	void *(*open)(struct hlv_front *front, int fd, void *shared);
	void (*stop)(void *own);     /* nothing more is read */
	void (*mail_end)(void *own); /* what came home goes out */
	void (*close)(void *own);    /* nothing is away */
};

enum { HLV_PACKETS_BATCH = 32 };

/* Our own address that a question came to; its answer has to come from there. */
union hlv_local {
	struct in_pktinfo v4;
	struct in6_pktinfo v6;
};

struct hlv_packets_user {
	/* A batch came: all of its datagrams, nothing checked; they stay until end(). */
	void (*begin)(void *ctx, const struct hlv_bytes *packets, size_t n);
	/* One of them that can be answered; `i` counts those of the batch. */
	void (*take)(void *ctx, struct hlv_bytes packet, const struct hlv_addr *from,
		     const union hlv_local *local);
	/* One that cannot: cut, or from port 0. */
	void (*drop)(void *ctx);
	/* What was queued goes out behind it. */
	void (*end)(void *ctx);
	/* It is with the system. */
	void (*sent)(void *ctx);
};

/* Takes `fd`; packets that go out have `size` octets at the most. NULL without memory. */
struct hlv_packets *hlv_packets_open(struct event_base *base, int fd, size_t size,
				     const struct hlv_packets_user *user, void *ctx);
/* Nothing more is read. */
void hlv_packets_stop(struct hlv_packets *p);
void hlv_packets_close(struct hlv_packets *p);

/* Room for the next packet that goes out; it goes with the next queue(). */
uint8_t *hlv_packets_slot(struct hlv_packets *p);
void hlv_packets_queue(struct hlv_packets *p, const struct hlv_addr *to,
		       const union hlv_local *local, size_t n);
/* Outside of batches: what is queued goes out. */
void hlv_packets_flush(struct hlv_packets *p);
