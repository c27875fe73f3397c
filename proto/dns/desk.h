/* SPDX-License-Identifier: Apache-2.0
 *
 * Where one listener's questions are answered: each becomes questions to the worker's service, one
 * after the other, and then octets. Between front_udp.c and front_tcp.c, who know sockets, and ask.h,
 * which knows DNS.
 */
#pragma once
#include "proto/dns/ask.h"
#include "proto/dns/finished.h"
#include "proto/dns/front.h"
#include "proto/net/ask.h"
#include "proto/net/packets.h"

struct hlv_dns_desk;

/* A question that has to be thought about. */
struct hlv_dns_job {
	struct hlv_mail mail; /* first */
	struct hlv_dns_desk *desk;
	struct hlv_dns_ask ask;
	struct hlv_arena arena;
	struct hlv_peer peer;
	bool driven, answered;
	uint32_t octets; /* of the question */
	struct hlv_dns_job *next;
	union { /* the listener's own */
		union hlv_local local;
		struct conn *conn;
	};
};

struct hlv_dns_desk {
	struct hlv_front *front;
	const struct hlv_dns_shared *shared;
	struct hlv_dnssec *dnssec;
	struct hlv_dns_memo *memo;
	struct hlv_dns_finished *finished; /* NULL: none are kept */
	struct hlv_dns_job *spare;
	size_t away; /* jobs */
	/* job->ask is ready to be encoded; then hlv_dns_desk_end(). */
	void (*done)(struct hlv_dns_job *);
	void *ctx;
};

bool hlv_dns_desk_open(struct hlv_dns_desk *d, struct hlv_front *front,
		       const struct hlv_dns_shared *shared);
void hlv_dns_desk_close(struct hlv_dns_desk *d);

/* NULL: too many are under way, or there is no memory. */
struct hlv_dns_job *hlv_dns_desk_take(struct hlv_dns_desk *d, struct hlv_bytes in,
				      const struct hlv_peer *peer, struct hlv_now now);
/* done() comes, perhaps at once. */
void hlv_dns_desk_begin(struct hlv_dns_job *job);
void hlv_dns_desk_end(struct hlv_dns_job *job);

/* For metrics: an answer that went out. */
void hlv_dns_desk_count(struct hlv_dns_desk *d, const uint8_t *answer);
/* The state of what is answered from; see struct hlv_dns_moment. In a batch. */
uint64_t hlv_dns_desk_state(const struct hlv_dns_desk *d);
