/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/udp.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/net/front_native.h"
#include "proto/net/log.h"
#include "proto/net/rate.h"
#include "proto/net/udp_join.h"

enum {
	BATCH = 32,
	BATCHES_PER_WAKEUP = 4, /* then back to the loop, so that streams are not starved */
	RX_SIZE = 2048,		/* more than any datagram we answer */
	TX_SLOTS = 2 * BATCH,
	ARENA_LIMIT = 4 << 20,
	AMPLIFICATION = 8, /* octets for each octet that a stranger sent */
};

static const hlv_mono_ns LOG_EVERY_NS = 10000000000U;

/* Our own address that a question came to; its answer has to come from there. */
union local {
	struct in_pktinfo v4;
	struct in6_pktinfo v6;
};

struct udp_exchange {
	struct hlv_exchange x;
	struct hlv_udp *udp;
	union local local;	   /* if udp->any */
	struct udp_exchange *next; /* while free */
};

union control {
	struct cmsghdr aligned;
	uint8_t room[CMSG_SPACE(sizeof(union local))];
};

struct hlv_udp {
	struct hlv_front *front;
	struct event *event;
	int fd;
	bool any;      /* listens on all addresses of the machine */
	bool in_batch; /* `now` is the time */
	struct hlv_now now;
	struct udp_exchange *spare;
	struct hlv_udp_join *join;
	struct hlv_rate *rate;
	hlv_mono_ns complained_ns; /* when a limit was last logged */

	struct mmsghdr rx[BATCH];
	struct iovec rx_iov[BATCH];
	struct hlv_addr rx_addr[BATCH];
	uint8_t rx_buf[BATCH][RX_SIZE];
	union control rx_control[BATCH];

	unsigned queued; /* packets in tx */
	struct mmsghdr tx[TX_SLOTS];
	struct iovec tx_iov[TX_SLOTS];
	struct hlv_addr tx_addr[TX_SLOTS];
	uint8_t tx_buf[TX_SLOTS][HLV_UDP_PACKET];
	union control tx_control[TX_SLOTS];
};

static void flush(struct hlv_udp *u)
{
	unsigned sent = 0;
	while (sent < u->queued) {
		int n = sendmmsg(u->fd, u->tx + sent, u->queued - sent, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		/* A full socket buffer or an unreachable peer: that packet is lost, as
		 * datagrams may be; the rest goes on. */
		sent += n > 0 ? (unsigned)n : 1;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
	}
	u->queued = 0;
}

/* The next free place in the send queue. */
static uint8_t *slot(struct hlv_udp *u)
{
	if (u->queued == TX_SLOTS)
		flush(u);
	return u->tx_buf[u->queued];
}

static void put_local(struct msghdr *h, union control *control, bool v4,
		      const union local *local)
{
	size_t n = v4 ? sizeof local->v4 : sizeof local->v6;
	h->msg_control = control;
	h->msg_controllen = CMSG_SPACE(n);
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(n),
			      .cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6,
			      .cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO};
	memcpy(CMSG_DATA(c), local, n);
}

static void take_local(struct msghdr *h, union local *local)
{
	*local = (union local){0};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&local->v4, CMSG_DATA(c), sizeof local->v4);
			local->v4.ipi_ifindex = 0; /* the way back is the routes' choice */
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&local->v6, CMSG_DATA(c), sizeof local->v6);
			if (!IN6_IS_ADDR_LINKLOCAL(&local->v6.ipi6_addr))
				local->v6.ipi6_ifindex = 0;
		}
	}
}

static void queue(struct hlv_udp *u, const struct hlv_exchange *x, size_t n)
{
	const struct hlv_addr *to = &x->peer.addr;
	const struct udp_exchange *ux = x->front;
	unsigned i = u->queued++;
	u->tx_addr[i] = *to;
	u->tx_iov[i].iov_len = n;
	u->tx[i].msg_hdr.msg_namelen = to->len;
	if (u->any)
		put_local(&u->tx[i].msg_hdr, &u->tx_control[i], to->sa.any.sa_family == AF_INET,
			  &ux->local);
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
	hlv_native_stub(hlv_written(w), slot(u));
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
		queue(u, x, hlv_packet_cut(message, i, slot(u)));
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
	struct hlv_writer w = hlv_writer(slot(u), HLV_UDP_PACKET);
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
		flush(u);
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

static void handle(struct hlv_udp *u, size_t i)
{
	struct hlv_bytes in = hlv_bytes(u->rx_buf[i], u->rx[i].msg_len);
	const struct hlv_addr *from = &u->rx_addr[i];
	struct hlv_exchange *x = take_exchange(u);
	if (!x)
		return;
	if (u->any)
		take_local(&u->rx[i].msg_hdr, &((struct udp_exchange *)x->front)->local);
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

static void look_ahead(struct hlv_udp *u, size_t n)
{
	struct hlv_bytes packets[BATCH];
	struct hlv_service *service = u->front->service;
	if (!service->ahead)
		return;
	for (size_t i = 0; i < n; i++)
		packets[i] = hlv_bytes(u->rx_buf[i], u->rx[i].msg_len);
	service->ahead(service, packets, n);
}

/* One batch: the unit of time and of consistency. Returns how many came. */
static int batch(struct hlv_udp *u)
{
	int n = recvmmsg(u->fd, u->rx, BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return 0;
	u->now = hlv_clock();
	u->in_batch = true;
	hlv_front_batch_begin(u->front, u->now);
	look_ahead(u, (size_t)n);
	for (size_t i = 0; i < (size_t)n; i++) {
		struct msghdr *h = &u->rx[i].msg_hdr;
		u->rx_addr[i].len = h->msg_namelen;
		/* Port 0 cannot be answered; a cut datagram is longer than any of ours. */
		if (hlv_addr_port(&u->rx_addr[i]) != 0 && !(h->msg_flags & MSG_TRUNC))
			handle(u, i);
		else
			hlv_count(&u->front->stats.udp_dropped);
		h->msg_namelen = sizeof u->rx_addr[i].sa;
		h->msg_controllen = u->any ? sizeof u->rx_control[i] : 0;
	}
	hlv_front_batch_end(u->front);
	u->in_batch = false;
	flush(u);
	hlv_front_measure(u->front, u->now);
	return n;
}

static void readable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct hlv_udp *u = ctx;
	for (int i = 0; i < BATCHES_PER_WAKEUP; i++)
		if (batch(u) < BATCH)
			return;
}

static void point_headers(struct hlv_udp *u)
{
	for (size_t i = 0; i < BATCH; i++) {
		u->rx_iov[i] = (struct iovec){u->rx_buf[i], RX_SIZE};
		u->rx[i].msg_hdr = (struct msghdr){.msg_name = &u->rx_addr[i].sa,
						   .msg_namelen = sizeof u->rx_addr[i].sa,
						   .msg_iov = &u->rx_iov[i],
						   .msg_iovlen = 1};
		if (u->any) {
			u->rx[i].msg_hdr.msg_control = &u->rx_control[i];
			u->rx[i].msg_hdr.msg_controllen = sizeof u->rx_control[i];
		}
	}
	for (size_t i = 0; i < TX_SLOTS; i++) {
		u->tx_iov[i].iov_base = u->tx_buf[i];
		u->tx[i].msg_hdr = (struct msghdr){.msg_name = &u->tx_addr[i].sa,
						   .msg_iov = &u->tx_iov[i],
						   .msg_iovlen = 1};
	}
}

/* Does it listen on all addresses? Then the system tells which one each question came to. */
static bool ask_for_local(int fd)
{
	struct hlv_addr a = {.len = sizeof a.sa};
	int on = 1;
	if (getsockname(fd, &a.sa.any, &a.len) != 0)
		return false;
	if (a.sa.any.sa_family == AF_INET)
		return a.sa.v4.sin_addr.s_addr == htonl(INADDR_ANY) &&
		       setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0;
	return IN6_IS_ADDR_UNSPECIFIED(&a.sa.v6.sin6_addr) &&
	       setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0;
}

struct hlv_udp *hlv_udp_open(struct hlv_front *front, int fd)
{
	struct hlv_udp *u = calloc(1, sizeof *u);
	if (!u)
		return NULL;
	u->front = front;
	u->fd = fd;
	u->any = ask_for_local(fd);
	uint64_t secret;
	u->join = hlv_udp_join_new();
	if (getentropy(&secret, sizeof secret) == 0)
		u->rate = hlv_rate_new(secret);
	point_headers(u);
	u->event = event_new(front->base, fd, EV_READ | EV_PERSIST, readable, u);
	if (!u->join || !u->rate || !u->event || event_add(u->event, NULL) != 0) {
		hlv_udp_close(u);
		return NULL;
	}
	return u;
}

void hlv_udp_stop(struct hlv_udp *u)
{
	event_del(u->event);
}

void hlv_udp_mail_end(struct hlv_udp *u)
{
	if (u->queued > 0)
		flush(u);
}

void hlv_udp_close(struct hlv_udp *u)
{
	if (!u)
		return;
	if (u->event)
		event_free(u->event);
	close(u->fd);
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
