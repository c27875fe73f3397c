/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/udp.h"

#include <stdlib.h>
#include <unistd.h>

#include "proto/net/front_native.h"
#include "proto/net/log.h"
#include "proto/net/packets.h"
#include "proto/net/rate.h"
#include "proto/net/udp_join.h"

enum {
	ARENA_LIMIT = 4 << 20,
	AMPLIFICATION = 8, /* octets for each octet that a stranger sent */
};

static const hlv_mono_ns LOG_EVERY_NS = 10000000000U;

struct udp_exchange {
	struct hlv_exchange x;
	struct hlv_udp *udp;
	union hlv_local local;
	struct udp_exchange *next; /* while free */
};

struct hlv_udp {
	struct hlv_front *front;
	struct hlv_packets *packets;
	struct hlv_bytes packets_in[HLV_PACKETS_BATCH]; /* of the batch */
	size_t npackets;
	bool in_batch; /* `now` is the time */
	struct hlv_now now;
	struct udp_exchange *spare;
	struct hlv_udp_join *join;
	struct hlv_rate *rate;
	hlv_mono_ns complained_ns; /* when a limit was last logged */
};

static void queue(struct hlv_udp *u, const struct hlv_exchange *x, size_t n)
{
	const struct udp_exchange *ux = x->front;
	hlv_packets_queue(u->packets, &x->peer.addr, &ux->local, n);
	hlv_count(&u->front->stats.udp_packets_out);
}

/* Not even one packet goes to whom we do not know when it is far longer than the question. */
static bool is_amplified(const struct hlv_exchange *x, size_t n)
{
	size_t asked = HLV_ENVELOPE_SIZE + (size_t)x->rq.m.env.length;
	return !x->peer.verified && n > asked * AMPLIFICATION;
}

/* The header alone of the message in `w`, with a length that no datagram has: who takes it for
 * whole would take it for broken. */
static void put_stub(struct hlv_udp *u, struct hlv_exchange *x, struct hlv_writer *w)
{
	if (w->n - HLV_ENVELOPE_SIZE <= HLV_UDP_PAYLOAD)
		hlv_fill_u32(w, HLV_ENVELOPE_SIZE - 4, HLV_UDP_PAYLOAD + 1);
	hlv_native_stub(hlv_written(w), hlv_packets_slot(u->packets));
	queue(u, x, HLV_STUB_SIZE);
	hlv_count(&u->front->stats.udp_stubs);
}

/* An answer that does not fit into one packet, or not surely. */
static void send_long(struct hlv_udp *u, struct hlv_exchange *x)
{
	struct hlv_writer w = hlv_writer(u->front->scratch, HLV_SCRATCH);
	if (hlv_native_encode(x, u->front->service, &w) != HLV_OK)
		return; /* over the protocol's own limit: TCP will say so; or not protected */
	struct hlv_bytes message = hlv_written(&w);
	bool one = message.n <= HLV_UDP_PACKET;
	bool allowed = x->peer.verified && message.n <= u->front->limits->udp_answer_max;
	/* Messages that follow one another need a stream. */
	if (x->more || (one ? is_amplified(x, message.n) : !allowed)) {
		put_stub(u, x, &w);
		return;
	}
	uint32_t packets = hlv_packet_count((uint32_t)message.n - HLV_ENVELOPE_SIZE);
	for (uint32_t i = 0; i < packets; i++)
		queue(u, x, hlv_packet_cut(message, i, hlv_packets_slot(u->packets)));
}

static enum hlv_rate_kind kind_of(uint32_t rc)
{
	switch (rc) {
	case HLV_RC_SUCCESS:
		return HLV_RATE_ANSWER;
	case HLV_RC_NOT_FOUND:
	case HLV_RC_VALUES_NOT_FOUND:
		return HLV_RATE_NOT_FOUND;
	case HLV_RC_SERVICE_REFERRAL:
	case HLV_RC_PREFIX_REFERRAL:
		return HLV_RATE_REFERRAL;
	}
	return HLV_RATE_ERROR;
}

static enum hlv_rate_verdict limit(struct hlv_udp *u, const struct hlv_exchange *x)
{
	const struct hlv_limits *l = u->front->limits;
	uint32_t per_s = l->rate;
	if (x->peer.verified)
		per_s = x->peer.trusted ? l->rate_trusted : l->rate_verified;
	if (per_s == 0)
		return HLV_RATE_PASS;
	enum hlv_rate_verdict verdict =
		hlv_rate_take(u->rate, &x->peer.addr, kind_of(x->rs.rc), per_s, u->now);
	if (verdict == HLV_RATE_PASS)
		return verdict;
	hlv_count(&u->front->stats.udp_limited);
	if (u->now.mono_ns - u->complained_ns > LOG_EVERY_NS) {
		char text[HLV_ADDR_TEXT];
		hlv_warn("udp.limited", "source=%s per_s=%u",
			 hlv_addr_print(&x->peer.addr, text), per_s);
		u->complained_ns = u->now.mono_ns;
	}
	return verdict;
}

/* Above the rate limit, now and then: the header alone. What it says of a protected answer is
 * protected too. */
static void send_stub(struct hlv_udp *u, struct hlv_exchange *x)
{
	struct hlv_writer w = hlv_writer(u->front->scratch, HLV_SCRATCH);
	struct hlv_service *service = x->protection ? u->front->service : NULL;
	if (hlv_native_encode(x, service, &w) == HLV_OK)
		put_stub(u, x, &w);
}

static void send_answer(struct hlv_udp *u, struct hlv_exchange *x)
{
	switch (limit(u, x)) {
	case HLV_RATE_PASS:
		break;
	case HLV_RATE_STUB:
		send_stub(u, x);
		return;
	case HLV_RATE_DROP:
		return;
	}
	if (x->stream_only) {
		send_stub(u, x);
		return;
	}
	hlv_count(&u->front->stats.udp_answers);
	/* A signature rarely leaves it one packet: do not make the answer twice to find out. */
	if (x->rq.m.hdr.flags & HLV_F_CERTIFIED || x->protection || x->more) {
		send_long(u, x);
		return;
	}
	struct hlv_writer w = hlv_writer(hlv_packets_slot(u->packets), HLV_UDP_PACKET);
	enum hlv_err err = hlv_native_encode(x, u->front->service, &w);
	if (err == HLV_OK && !is_amplified(x, w.n))
		queue(u, x, w.n);
	else if (err == HLV_OK || err == HLV_E_LIMIT)
		send_long(u, x);
}

static void release(struct udp_exchange *ux)
{
	struct hlv_udp *u = ux->udp;
	hlv_exchange_end(&ux->x);
	ux->next = u->spare;
	u->spare = ux;
	u->front->inflight--;
}

static void done(struct hlv_exchange *x)
{
	struct udp_exchange *ux = x->front;
	struct hlv_udp *u = ux->udp;
	if (!u->in_batch)
		u->now = hlv_clock();
	send_answer(u, x);
	hlv_front_answered(u->front, HLV_WAY_UDP, x, u->in_batch ? 0 : u->now.mono_ns);
	release(ux);
	if (!u->in_batch && !u->front->in_mail)
		hlv_packets_flush(u->packets);
}

static struct hlv_exchange *take_exchange(struct hlv_udp *u)
{
	struct udp_exchange *ux = u->spare;
	if (ux) {
		u->spare = ux->next;
	} else {
		ux = calloc(1, sizeof *ux);
		if (!ux)
			return NULL;
		ux->udp = u;
		ux->x.done = done;
		ux->x.front = ux;
		ux->x.home = u->front->mail;
		hlv_arena_init(&ux->x.arena, ARENA_LIMIT);
	}
	u->front->inflight++;
	hlv_exchange_begin(&ux->x);
	return &ux->x;
}

static void take(void *ctx, struct hlv_bytes in, const struct hlv_addr *from,
		 const union hlv_local *local)
{
	struct hlv_udp *u = ctx;
	struct hlv_exchange *x = take_exchange(u);
	if (!x)
		return;
	((struct udp_exchange *)x->front)->local = *local;
	x->now = u->now;
	bool trusted = hlv_nets_have(&u->front->limits->trusted, from);
	x->peer = (struct hlv_peer){
		.addr = *from,
		.transport = HLV_T_UDP,
		.interface_kind = HLV_IF_ADMIN | HLV_IF_QUERY,
		.trusted = trusted,
		.verified = trusted || hlv_verified_has(u->front->verified, from, u->now),
	};
	if (hlv_udp_is_part(in)) {
		in = hlv_udp_join(u->join, in, &x->peer, u->now);
		if (in.n)
			hlv_count(&u->front->stats.udp_joined);
	}
	enum hlv_native_verdict verdict = HLV_NATIVE_DROP;
	if (in.n >= HLV_STUB_SIZE)
		verdict = hlv_native_decode(in, x);
	switch (verdict) {
	case HLV_NATIVE_SUBMIT:
		hlv_count(&u->front->stats.udp_queries);
		u->front->service->submit(u->front->service, x);
		return;
	case HLV_NATIVE_REPLY:
		hlv_count(&u->front->stats.udp_queries);
		done(x);
		return;
	case HLV_NATIVE_DROP:
		break;
	}
	hlv_count(&u->front->stats.udp_dropped);
	release(x->front);
}

static void drop(void *ctx)
{
	struct hlv_udp *u = ctx;
	hlv_count(&u->front->stats.udp_dropped);
}

/* A batch is the unit of time and of consistency. */
static void begin(void *ctx, const struct hlv_bytes *packets, size_t n)
{
	struct hlv_udp *u = ctx;
	struct hlv_service *service = u->front->service;
	u->now = hlv_clock();
	u->in_batch = true;
	u->npackets = n;
	memcpy(u->packets_in, packets, n * sizeof *packets);
	hlv_front_batch_begin(u->front, u->now);
	if (service->ahead)
		service->ahead(service, packets, n);
}

static void end(void *ctx)
{
	struct hlv_udp *u = ctx;
	hlv_front_batch_end(u->front);
	u->in_batch = false;
}

/* All of a slow batch were slow, as far as is known; its datagrams are still there. */
static void note_slow(struct hlv_udp *u, uint64_t took_ns)
{
	enum { AT_OP = HLV_ENVELOPE_SIZE, AT_BODY = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE };
	for (size_t i = 0; i < u->npackets; i++) {
		struct hlv_bytes in = u->packets_in[i];
		if (in.n <= AT_BODY)
			continue;
		struct hlv_reader body = hlv_reader(hlv_skip(in, AT_BODY));
		struct hlv_bytes id = hlv_head(hlv_get_lp32(&body), HLV_SLOW_ID);
		struct hlv_slow slow = {.wall_ms = u->now.wall_ms,
					.took_us = took_ns / 1000,
					.way = HLV_WAY_UDP,
					.op = hlv_load_u32(in.p + AT_OP),
					.batch = (uint32_t)u->npackets,
					.id_n = (uint8_t)id.n};
		if (id.n)
			memcpy(slow.id, id.p, id.n);
		hlv_slow_note(&u->front->tap, &slow);
	}
}

static void sent(void *ctx)
{
	struct hlv_udp *u = ctx;
	uint64_t slow_ns = hlv_front_measure(u->front, u->now);
	if (slow_ns)
		note_slow(u, slow_ns);
}

struct hlv_udp *hlv_udp_open(struct hlv_front *front, int fd)
{
	static const struct hlv_packets_user user = {begin, take, drop, end, sent};
	struct hlv_udp *u = calloc(1, sizeof *u);
	if (!u) {
		close(fd);
		return NULL;
	}
	u->front = front;
	uint64_t secret;
	u->join = hlv_udp_join_new();
	if (getentropy(&secret, sizeof secret) == 0)
		u->rate = hlv_rate_new(secret);
	u->packets = hlv_packets_open(front->base, fd, HLV_UDP_PACKET, &user, u);
	if (!u->join || !u->rate || !u->packets) {
		hlv_udp_close(u);
		return NULL;
	}
	return u;
}

void hlv_udp_stop(struct hlv_udp *u)
{
	hlv_packets_stop(u->packets);
}

void hlv_udp_mail_end(struct hlv_udp *u)
{
	hlv_packets_flush(u->packets);
}

void hlv_udp_close(struct hlv_udp *u)
{
	if (!u)
		return;
	hlv_packets_close(u->packets);
	while (u->spare) {
		struct udp_exchange *ux = u->spare;
		u->spare = ux->next;
		hlv_arena_fini(&ux->x.arena);
		free(ux);
	}
	hlv_udp_join_free(u->join);
	hlv_rate_free(u->rate);
	free(u);
}
