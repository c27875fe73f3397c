/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/packets.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	BATCH = HLV_PACKETS_BATCH,
	BATCHES_PER_WAKEUP = 4, /* then back to the loop, so that streams are not starved */
	RX_SIZE = 2048,		/* more than any datagram we answer */
	TX_SLOTS = 2 * BATCH,
};

union control {
	struct cmsghdr aligned;
	uint8_t room[CMSG_SPACE(sizeof(union hlv_local))];
};

struct hlv_packets {
	struct hlv_packets_user user;
	void *ctx;
	struct event *event;
	int fd;
	bool any; /* listens on all addresses of the machine */

	struct mmsghdr rx[BATCH];
	struct iovec rx_iov[BATCH];
	struct hlv_addr rx_addr[BATCH];
	uint8_t rx_buf[BATCH][RX_SIZE];
	union control rx_control[BATCH];

	unsigned queued; /* packets in tx */
	size_t tx_size;
	struct mmsghdr tx[TX_SLOTS];
	struct iovec tx_iov[TX_SLOTS];
	struct hlv_addr tx_addr[TX_SLOTS];
	union control tx_control[TX_SLOTS];
	uint8_t tx_buf[]; /* TX_SLOTS times tx_size */
};

void hlv_packets_flush(struct hlv_packets *p)
{
	unsigned sent = 0;
	while (sent < p->queued) {
		int n = sendmmsg(p->fd, p->tx + sent, p->queued - sent, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		/* A full socket buffer or an unreachable peer: that packet is lost, as
		 * datagrams may be; the rest goes on. */
		sent += n > 0 ? (unsigned)n : 1;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
	}
	p->queued = 0;
}

uint8_t *hlv_packets_slot(struct hlv_packets *p)
{
	if (p->queued == TX_SLOTS)
		hlv_packets_flush(p);
	return p->tx_buf + p->queued * p->tx_size;
}

static void put_local(struct msghdr *h, union control *control, bool v4,
		      const union hlv_local *local)
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

static void take_local(struct msghdr *h, union hlv_local *local)
{
	*local = (union hlv_local){0};
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

void hlv_packets_queue(struct hlv_packets *p, const struct hlv_addr *to,
		       const union hlv_local *local, size_t n)
{
	unsigned i = p->queued++;
	p->tx_addr[i] = *to;
	p->tx_iov[i].iov_len = n;
	p->tx[i].msg_hdr.msg_namelen = to->len;
	if (p->any)
		put_local(&p->tx[i].msg_hdr, &p->tx_control[i], to->sa.any.sa_family == AF_INET,
			  local);
}

static void give(struct hlv_packets *p, size_t i)
{
	struct msghdr *h = &p->rx[i].msg_hdr;
	union hlv_local local = {0};
	p->rx_addr[i].len = h->msg_namelen;
	/* Port 0 cannot be answered; a cut datagram is longer than any of ours. */
	if (hlv_addr_port(&p->rx_addr[i]) != 0 && !(h->msg_flags & MSG_TRUNC)) {
		if (p->any)
			take_local(h, &local);
		p->user.take(p->ctx, hlv_bytes(p->rx_buf[i], p->rx[i].msg_len), &p->rx_addr[i],
			     &local);
	} else {
		p->user.drop(p->ctx);
	}
	h->msg_namelen = sizeof p->rx_addr[i].sa;
	h->msg_controllen = p->any ? sizeof p->rx_control[i] : 0;
}

/* One batch: the unit of time and of consistency. Returns how many came. */
static int batch(struct hlv_packets *p)
{
	struct hlv_bytes packets[BATCH];
	int n = recvmmsg(p->fd, p->rx, BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return 0;
	for (size_t i = 0; i < (size_t)n; i++)
		packets[i] = hlv_bytes(p->rx_buf[i], p->rx[i].msg_len);
	p->user.begin(p->ctx, packets, (size_t)n);
	for (size_t i = 0; i < (size_t)n; i++)
		give(p, i);
	p->user.end(p->ctx);
	hlv_packets_flush(p);
	p->user.sent(p->ctx);
	return n;
}

static void readable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < BATCHES_PER_WAKEUP; i++)
		if (batch(ctx) < BATCH)
			return;
}

static void point_headers(struct hlv_packets *p)
{
	for (size_t i = 0; i < BATCH; i++) {
		p->rx_iov[i] = (struct iovec){p->rx_buf[i], RX_SIZE};
		p->rx[i].msg_hdr = (struct msghdr){.msg_name = &p->rx_addr[i].sa,
						   .msg_namelen = sizeof p->rx_addr[i].sa,
						   .msg_iov = &p->rx_iov[i],
						   .msg_iovlen = 1};
		if (p->any) {
			p->rx[i].msg_hdr.msg_control = &p->rx_control[i];
			p->rx[i].msg_hdr.msg_controllen = sizeof p->rx_control[i];
		}
	}
	for (size_t i = 0; i < TX_SLOTS; i++) {
		p->tx_iov[i].iov_base = p->tx_buf + i * p->tx_size;
		p->tx[i].msg_hdr = (struct msghdr){.msg_name = &p->tx_addr[i].sa,
						   .msg_iov = &p->tx_iov[i],
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

struct hlv_packets *hlv_packets_open(struct event_base *base, int fd, size_t size,
				     const struct hlv_packets_user *user, void *ctx)
{
	struct hlv_packets *p = calloc(1, sizeof *p + TX_SLOTS * size);
	if (!p) {
		close(fd);
		return NULL;
	}
	p->user = *user;
	p->ctx = ctx;
	p->fd = fd;
	p->tx_size = size;
	p->any = ask_for_local(fd);
	point_headers(p);
	p->event = event_new(base, fd, EV_READ | EV_PERSIST, readable, p);
	if (!p->event || event_add(p->event, NULL) != 0) {
		hlv_packets_close(p);
		return NULL;
	}
	return p;
}

void hlv_packets_stop(struct hlv_packets *p)
{
	event_del(p->event);
}

void hlv_packets_close(struct hlv_packets *p)
{
	if (!p)
		return;
	if (p->event)
		event_free(p->event);
	close(p->fd);
	free(p);
}
