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

struct hlv_dns_apex;
struct hlv_dns_desk;
struct hlv_dns_probe;

/* A question that has to be thought about. */
struct hlv_dns_job {
	struct hlv_mail mail; /* first */
	struct hlv_dns_desk *desk;
	struct hlv_dns_ask ask;
	struct hlv_arena arena;
	struct hlv_peer peer;
	bool driven, answered, waited;
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
	struct hlv_dns_apex *apexes;	   /* one for each zone */
	struct hlv_dns_probe *probe;	   /* desk_look.c's */
	uint64_t state;			   /* of the registry, in this batch; 0: not known */
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

struct hlv_dns_asker {
	struct hlv_dns_desk *desk;
	const struct hlv_peer *peer;
	struct hlv_now now;
};
/* The finished answer to `q`, if there is one that holds. In a batch, of which desk->state is. Returns its
 * octets, which fit into the limit; 0: it has to be made. */
size_t hlv_dns_desk_finished(struct hlv_dns_asker *who, const struct hlv_dns_query *q,
			     size_t limit, uint8_t *out);
/* Keep what was made in this batch, if it may be kept. */
void hlv_dns_desk_keep(struct hlv_dns_desk *d, const struct hlv_dns_ask *a, size_t limit,
		       struct hlv_bytes answer);

/* An answer that went out: for metrics, query log and slow queries. */
struct hlv_dns_told {
	const struct hlv_dns_query *q;
	const struct hlv_addr *to;
	struct hlv_now began;
	unsigned rcode;
	bool waited; /* it was not made in the batch that the question came with */
};
void hlv_dns_desk_tell(struct hlv_dns_desk *d, const struct hlv_dns_told *told);
void hlv_dns_desk_tell_job(struct hlv_dns_job *job);
/* All of a slow batch were slow, as far as is known. */
void hlv_dns_desk_note_slow(struct hlv_dns_desk *d, const struct hlv_bytes *packets, size_t n,
			    struct hlv_now began, uint64_t took_ns);
/* The state of what is answered from; see struct hlv_dns_moment. In a batch. */
uint64_t hlv_dns_desk_state(const struct hlv_dns_desk *d);

/* --- between the desk's files --- */

bool hlv_dns_desk_open_apexes(struct hlv_dns_desk *d);
void hlv_dns_desk_close_apexes(struct hlv_dns_desk *d);
/* job->ask is fed with what the registry says of the node, perhaps at once; then hlv_dns_desk_fed(). */
void hlv_dns_desk_look(struct hlv_dns_job *job, const struct hlv_dns_node *node);
void hlv_dns_desk_fed(struct hlv_dns_job *job);
/* For struct hlv_dns_moment; `ctx` is an asker. */
bool hlv_dns_desk_holds(void *ctx, struct hlv_bytes sources);
