/* SPDX-License-Identifier: Apache-2.0
 *
 * What the front ends of one worker share: its event loop, its service, its limits, its counters
 * and a buffer for a whole message. Made by loop.c, used by udp.c and tcp.c.
 */
#pragma once
#include <stdatomic.h>

#include "proto/net/conf.h"
#include "proto/net/meter.h"
#include "proto/net/query_log.h"
#include "proto/net/service.h"
#include "proto/net/verified.h"

struct event_base;
struct hlv_tls;
struct web_options;

/* What limits a worker's front ends; threats.md 1 and 2 say against what. Replaced as a whole by
 * a reload. */
struct hlv_limits {
	struct hlv_nets trusted;  /* sources that need not prove their address */
	uint32_t udp_answer_max;  /* octets of an answer by UDP to a verified source */
	uint32_t rate;		  /* answers a second by UDP to an unverified address */
	uint32_t rate_verified;	  /* to one that is known to be real, 0: no limit */
	uint32_t rate_trusted;	  /* to one of a trusted network, 0: no limit */
	uint32_t tcp_connections; /* of one worker */
	uint32_t tcp_per_source;  /* of one address; not for trusted ones */
	uint32_t tcp_requests;	  /* of one connection */
	uint32_t tcp_first_s;	  /* until the first octet */
	uint32_t tcp_message_s;	  /* from a message's first octet to its last */
	uint32_t tcp_idle_s;	  /* between messages of a connection that is kept */
	uint32_t tcp_sdk_idle_s;  /* the same for the national SDK's pools */
	uint32_t tcp_stall_s;	  /* until a peer reads what we wrote */
	uint32_t tcp_life_s;	  /* in all */
	char *query_log; /* "off", "stderr", a file; what main makes of it is in the taps */
	uint32_t query_log_sample; /* one in so many */
	uint32_t slow_query_ms;	   /* 0: none is */
};

/* Written by its worker alone, read relaxed by anybody. */
#define HLV_STATS(X)                                                                           \
	X(udp_queries)                                                                         \
	X(udp_answers)                                                                         \
	X(udp_packets_out)                                                                     \
	X(udp_stubs)                                                                           \
	X(udp_dropped)                                                                         \
	X(udp_limited)                                                                         \
	X(udp_joined)                                                                          \
	X(tcp_accepted)                                                                        \
	X(tcp_refused)                                                                         \
	X(tcp_evicted)                                                                         \
	X(tcp_timeouts)                                                                        \
	X(tcp_queries)                                                                         \
	X(tcp_malformed)                                                                       \
	X(tls_accepted)                                                                        \
	X(tls_failed)                                                                          \
	X(tls_refused)                                                                         \
	X(http_requests)                                                                       \
	X(http_refused)                                                                        \
	X(dns_queries)                                                                         \
	X(dns_answers)                                                                         \
	X(dns_dropped)                                                                         \
	X(dns_limited)

struct hlv_stats {
#define X(name) _Atomic uint64_t name;
	HLV_STATS(X)
#undef X
};

static inline void hlv_count(_Atomic uint64_t *counter)
{
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, n + 1, memory_order_relaxed);
}

/* What a worker's front ends share. */
struct hlv_front {
	struct event_base *base;
	struct hlv_service *service; /* the worker's own */
	const struct hlv_limits *limits;
	struct hlv_verified *verified; /* all workers' */
	const struct web_options *web; /* proto/web/options.h; NULL: no HTTP */
	const struct hlv_tls *tls;     /* TLS on the TCP ports; NULL: none */
	struct hlv_stats stats;
	struct hlv_meter meter;
	struct hlv_query_tap tap; /* of the query log */
	uint8_t *scratch;	  /* a whole message with its envelope fits */
	struct hlv_mailbox *mail; /* where exchanges come home; NULL: none is ever given away */
	unsigned number;	  /* of the worker */
	uint64_t conns;		  /* so far; with `number` it names them */
	bool in_batch;		  /* of the service: hlv_front_batch_begin() */
	bool in_mail;		  /* answers are gathered until all mail is open */
	struct hlv_asked *asked;  /* ask.h: free ones */
	size_t inflight;	  /* exchanges that are not answered to their end */
	bool stopping;		  /* nothing more is read, no answer of many messages goes on */
};
static inline bool hlv_is_slow(const struct hlv_limits *l, uint64_t took_ns)
{
	return l->slow_query_ms && took_ns >= l->slow_query_ms * UINT64_C(1000000);
}

/* x has its answer, which went that way. `now_ns` 0: in a batch, whose end hlv_front_measure() tells. */
static inline void hlv_front_answered(struct hlv_front *f, enum hlv_way way,
				      const struct hlv_exchange *x, hlv_mono_ns now_ns)
{
	enum hlv_took took = hlv_took_of(x->rq.m.hdr.op);
	if (way == HLV_WAY_DNS) /* an answer of DNS is made of several, and tells of itself */
		return;
	hlv_meter_count(&f->meter, way, x->rq.m.hdr.op, x->rs.rc);
	if (hlv_query_is_logged(&f->tap))
		hlv_query_note(&f->tap, f->limits->query_log_sample, way, x);
	if (now_ns == 0) {
		hlv_meter_wait(&f->meter, took);
		return;
	}
	hlv_histogram_add(&f->meter.took[took], now_ns - x->now.mono_ns, 1);
	if (hlv_is_slow(f->limits, now_ns - x->now.mono_ns))
		hlv_slow_note_exchange(&f->tap, way, x, now_ns - x->now.mono_ns);
}

/* The answers of the batch that began then are with the system. Returns how long it took, if that was
 * slow. */
static inline uint64_t hlv_front_measure(struct hlv_front *f, struct hlv_now began)
{
	hlv_mono_ns ended = hlv_clock_mono();
	hlv_meter_batch(&f->meter, began.mono_ns, ended, f->inflight);
	if (f->tap.page)
		hlv_query_push(&f->tap, ended);
	return hlv_is_slow(f->limits, ended - began.mono_ns) ? ended - began.mono_ns : 0;
}

/* One of `inflight` is answered to its end. The last of them ends a worker that stops. */
void hlv_front_home(struct hlv_front *f);

static inline void hlv_front_batch_begin(struct hlv_front *f, struct hlv_now now)
{
	f->in_batch = true;
	f->service->batch_begin(f->service, now);
}

static inline void hlv_front_batch_end(struct hlv_front *f)
{
	f->service->batch_end(f->service);
	f->in_batch = false;
}

enum { HLV_SCRATCH = HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX };
