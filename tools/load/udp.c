/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/load/load.h"

enum {
	BATCH = 64,
	PACKET = 2048,
	SOCKET_BUFFER = 8 << 20, /* what the kernel allows of it */
	FRAME_HEAD = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE,
};

struct batch {
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	uint8_t octets[BATCH][PACKET];
};

/* Datagrams of one size go through the kernel's output path as one (UDP_SEGMENT): it sends 0.6
 * M datagrams a second from one core otherwise, which leaves too little for receiving. */
union segment {
	struct cmsghdr align;
	char octets[CMSG_SPACE(sizeof(uint16_t))];
};

struct udp_load {
	struct load *l;
	struct pollfd *fds;
	struct batch out, in;
	struct iovec grouped[BATCH];
	union segment segments[BATCH];
	bool plain;    /* the kernel cannot segment */
	uint16_t turn; /* the lane that sends first, in an open loop */
};

static void batch_init(struct batch *b)
{
	for (size_t i = 0; i < BATCH; i++) {
		b->iovs[i] = (struct iovec){b->octets[i], PACKET};
		b->msgs[i].msg_hdr = (struct msghdr){.msg_iov = &b->iovs[i], .msg_iovlen = 1};
	}
}

static enum hlv_err open_lane(struct udp_load *u, uint16_t lane)
{
	const struct hlv_addr *to = &u->l->o->server;
	int fd = socket(to->sa.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	u->fds[lane] = (struct pollfd){.fd = fd, .events = POLLIN};
	int size = SOCKET_BUFFER;
	if (fd < 0 || connect(fd, &to->sa.any, to->len) < 0) {
		u->l->os_error = errno;
		return HLV_E_IO;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	return HLV_OK;
}

static void put_segment(struct msghdr *m, union segment *segment, size_t size)
{
	uint16_t octets = (uint16_t)size;
	*m = (struct msghdr){.msg_iov = m->msg_iov, .msg_iovlen = m->msg_iovlen};
	if (m->msg_iovlen == 1)
		return;
	m->msg_control = segment->octets;
	m->msg_controllen = sizeof segment->octets;
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof octets);
	memcpy(CMSG_DATA(c), &octets, sizeof octets);
}

/* Gather the first `n` datagrams by size, in order of the first of each; returns the messages.
 */
static unsigned group(struct udp_load *u, uint32_t n)
{
	unsigned messages = 0;
	size_t filled = 0;
	bool taken[BATCH] = {false};
	for (uint32_t i = 0; i < n; i++) {
		if (taken[i])
			continue;
		size_t size = u->out.iovs[i].iov_len;
		struct msghdr *m = &u->out.msgs[messages].msg_hdr;
		m->msg_iov = &u->grouped[filled];
		m->msg_iovlen = 0;
		for (uint32_t k = i; k < n; k++) {
			if (u->out.iovs[k].iov_len != size || (u->plain && k > i))
				continue;
			taken[k] = true;
			u->grouped[filled++] = u->out.iovs[k];
			m->msg_iovlen++;
		}
		put_segment(m, &u->segments[messages++], size);
	}
	return messages;
}

/* Take back what the kernel did not take, and ask for it again later. */
static void send_failed(struct udp_load *u, int err, uint32_t n)
{
	if (err == EIO || err == EINVAL || err == EOPNOTSUPP)
		u->plain = true;
	else if (err != EAGAIN && err != EINTR)
		u->l->os_error = err; /* a refusal is the echo of an earlier datagram */
	for (uint32_t i = 0; i < n; i++)
		load_unask(u->l);
}

static void send_batch(struct udp_load *u, uint16_t lane)
{
	uint32_t n = load_due(u->l, lane, BATCH);
	if (n == 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		u->out.iovs[i].iov_len = load_ask(u->l, lane, u->out.octets[i]);
	unsigned messages = group(u, n);
	int sent = sendmmsg(u->fds[lane].fd, u->out.msgs, messages, 0);
	if (sent < 0)
		send_failed(u, errno, n);
	/* Messages behind a failed one are rare (a full queue): they count as lost. */
}

static void receive_batch(struct udp_load *u, uint16_t lane)
{
	struct load *l = u->l;
	int n = recvmmsg(u->fds[lane].fd, u->in.msgs, BATCH, 0, NULL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		l->os_error = errno;
	if (n <= 0)
		return;
	l->now_ns = hlv_clock().mono_ns;
	for (int i = 0; i < n; i++) {
		struct hlv_bytes packet = hlv_bytes(u->in.octets[i], u->in.msgs[i].msg_len);
		/* Later packets of a long answer may be as short as one octet behind the
		 * envelope. */
		if (packet.n > HLV_ENVELOPE_SIZE &&
		    (packet.n >= FRAME_HEAD || packet.p[15] > 0))
			load_answer(l, packet);
		else
			l->verdicts[VERDICT_STRAY]++;
	}
}

static void idle(struct udp_load *u)
{
	uint64_t ns = load_idle_ns(u->l);
	struct timespec ts = {.tv_nsec = (long)ns};
	if (ns > 0)
		(void)ppoll(u->fds, u->l->o->sockets, &ts, NULL);
	else if (u->l->moved_ns != u->l->now_ns)
		sched_yield();
}

static void loop(struct udp_load *u)
{
	struct load *l = u->l;
	uint16_t lanes = (uint16_t)l->o->sockets;
	while (load_turn(l)) {
		/* In an open loop the first lane would take all that is due. */
		for (uint16_t i = 0; i < lanes; i++)
			send_batch(u, (uint16_t)((u->turn + i) % lanes));
		u->turn = (uint16_t)((u->turn + 1) % lanes);
		for (uint16_t i = 0; i < lanes; i++)
			if (l->flight.busy[i] > 0)
				receive_batch(u, i);
		idle(u);
	}
}

enum hlv_err load_udp(struct load *l)
{
	struct udp_load *u = calloc(1, sizeof *u);
	struct pollfd *fds = calloc(l->o->sockets, sizeof *fds);
	enum hlv_err err = u && fds ? HLV_OK : HLV_E_NOMEM;
	uint16_t lanes = 0;
	if (err == HLV_OK) {
		u->l = l;
		u->fds = fds;
		batch_init(&u->out);
		batch_init(&u->in);
	}
	while (err == HLV_OK && lanes < l->o->sockets)
		err = open_lane(u, lanes++);
	if (err == HLV_OK)
		loop(u);
	for (uint16_t i = 0; i < lanes; i++)
		if (fds[i].fd >= 0)
			close(fds[i].fd);
	free(fds);
	free(u);
	return err;
}
