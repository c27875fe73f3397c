/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/tcp.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/net/local.h"
#include "proto/net/rate.h"
#include "proto/net/tcp_conn.h"

enum { ACCEPTS_PER_WAKEUP = 64 };
static const hlv_mono_ns SECOND_NS = 1000000000U;

/* False when there is none to evict. */
static bool evict_idle(struct hlv_tcp *t)
{
	/* Oldest first: the longest idle; one that waits for us or is trusted only when there is
	 * no other. */
	struct conn *victim = t->list.next;
	for (struct conn *c = t->list.next; c != &t->list; c = c->next) {
		if (c->trusted || (c->inflight > 0 && !c->awaits))
			continue;
		victim = c;
		break;
	}
	if (victim == &t->list)
		return false;
	hlv_count(&t->front->stats.tcp_evicted);
	conn_end(victim);
	return true;
}

/* May this source have one more connection, and is there a place for it? */
static bool admit(struct hlv_tcp *t, const struct hlv_addr *addr, bool trusted)
{
	const struct hlv_limits *l = t->front->limits;
	uint16_t count = t->local ? 0 : *conn_source(t, addr);
	if (count == UINT16_MAX || (!trusted && count >= l->tcp_per_source))
		return false;
	/* A sixteenth of the places is kept for trusted networks. */
	if (t->n >= l->tcp_connections - (trusted ? 0 : l->tcp_connections / 16))
		evict_idle(t);
	return true;
}

static struct conn *make_conn(struct hlv_tcp *t, int fd, const struct hlv_addr *addr)
{
	bool trusted = t->local || hlv_nets_have(&t->front->limits->trusted, addr);
	struct conn *c = admit(t, addr, trusted) ? calloc(1, sizeof *c) : NULL;
	if (!c)
		return NULL;
	c->tcp = t;
	c->fd = fd;
	c->addr = *addr;
	c->trusted = trusted;
	c->transport = HLV_T_TCP;
	if (t->local) {
		c->transport = HLV_T_LOCAL;
		c->uid = hlv_local_uid(fd);
		c->keep = true;
	}
	c->id = (uint64_t)t->front->number << 48 | ++t->front->conns;
	c->born_ns = t->now.mono_ns;
	conn_rest(c);
	return c;
}

static void adopt(struct hlv_tcp *t, int fd, const struct hlv_addr *addr)
{
	struct conn *c = make_conn(t, fd, addr);
	if (!c || !conn_start(c)) {
		free(c);
		close(fd);
		hlv_count(&t->front->stats.tcp_refused);
		return;
	}
	t->n++;
	if (!t->local) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		(*conn_source(t, addr))++;
	}
	hlv_count(&t->front->stats.tcp_accepted);
}

/* Out of descriptors, and none of them is ours to close: take one connection with the spare one
 * and drop it, so that the peer knows; then rest a moment instead of spinning. */
static void out_of_descriptors(struct hlv_tcp *t)
{
	close(t->spare_fd);
	int fd = accept4(t->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	t->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	hlv_count(&t->front->stats.tcp_refused);
	event_del(t->accept);
	event_add(t->resume, &(struct timeval){.tv_usec = 100000});
}

static void resume_accept(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct hlv_tcp *t = ctx;
	event_add(t->accept, NULL);
}

static void acceptable(evutil_socket_t fd, short what, void *ctx)
{
	(void)what;
	struct hlv_tcp *t = ctx;
	t->now = hlv_clock();
	for (int i = 0; i < ACCEPTS_PER_WAKEUP; i++) {
		struct hlv_addr addr = {.len = t->local ? 0 : sizeof addr.sa};
		int new_fd = accept4(fd, t->local ? NULL : &addr.sa.any,
				     t->local ? NULL : &addr.len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (new_fd >= 0) {
			adopt(t, new_fd, &addr);
			continue;
		}
		int err = errno;
		if (err == EINTR || err == ECONNABORTED)
			continue;
		bool out = err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS;
		/* Idle connections do not shut out new ones, whichever limit comes first. */
		if (out && evict_idle(t))
			continue;
		if (out)
			out_of_descriptors(t);
		return;
	}
}

/* What has come and was not read yet, because we were busy elsewhere, is no delay of the peer's. It is
 * read before the next tick; a deadline that this does not move is then kept. */
static bool is_unheard(struct conn *c)
{
	uint8_t octet;
	if (c->state != CONN_OPEN || c->out || c->spared_ns == c->deadline_ns ||
	    recv(c->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
		return false;
	c->spared_ns = c->deadline_ns;
	return true;
}

/* Is the peer behind its deadline? */
static bool is_late(struct conn *c, hlv_mono_ns now_ns)
{
	/* Nobody is late while it is for us to answer. */
	bool ours = (c->inflight > 0 || c->behind) && !c->out && !c->awaits;
	return !ours && now_ns >= c->deadline_ns && !is_unheard(c);
}

/* Once a second: deadlines. Absolute ones, which no octet moves but those that end what they
 * bound. */
static void tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct hlv_tcp *t = ctx;
	t->now = hlv_clock();
	hlv_mono_ns life = t->front->limits->tcp_life_s * SECOND_NS;
	/* What is under way may come to its end, but not for ever: a peer that takes an octet now
	 * and then, or always has half a message with us, is gone a stall later. */
	hlv_mono_ns last = life + t->front->limits->tcp_stall_s * SECOND_NS;
	for (struct conn *c = t->list.next, *next; c != &t->list; c = next) {
		next = c->next;
		hlv_mono_ns age = t->now.mono_ns - c->born_ns;
		bool old = age > (c->in || c->out || c->inflight > 0 ? last : life);
		if (t->local)
			old = false;
		if (!old && !is_late(c, t->now.mono_ns))
			continue;
		hlv_count(&t->front->stats.tcp_timeouts);
		conn_end(c);
	}
}

static bool is_local(int fd)
{
	int domain = 0;
	socklen_t n = sizeof domain;
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX;
}

struct hlv_tcp *hlv_tcp_open(struct hlv_front *front, int fd, const struct conn_speech *speech,
			     void *shared)
{
	struct hlv_tcp *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->front = front;
	t->speech = speech;
	t->fd = fd;
	t->local = is_local(fd);
	t->list.prev = t->list.next = &t->list;
	t->rx = malloc(HLV_TCP_RX);
	t->tx = malloc(HLV_SCRATCH);
	t->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	t->accept = event_new(front->base, fd, EV_READ | EV_PERSIST, acceptable, t);
	t->resume = event_new(front->base, -1, 0, resume_accept, t);
	t->tick = event_new(front->base, -1, EV_PERSIST, tick, t);
	t->opened = !speech->open || speech->open(t, shared);
	if (!t->opened || !t->rx || !t->tx || !t->accept || !t->resume || !t->tick ||
	    getentropy(&t->secret, sizeof t->secret) != 0 || event_add(t->accept, NULL) != 0 ||
	    event_add(t->tick, &(struct timeval){.tv_sec = 1}) != 0) {
		hlv_tcp_close(t);
		return NULL;
	}
	return t;
}

void hlv_tcp_stop(struct hlv_tcp *t)
{
	conn_put_down(t);
	event_del(t->accept);
	event_del(t->resume);
	for (struct conn *c = t->list.next, *next; c != &t->list; c = next) {
		next = c->next;
		conn_stop(c);
	}
}

void hlv_tcp_mail_end(struct hlv_tcp *t)
{
	conn_put_down(t);
}

void hlv_tcp_close(struct hlv_tcp *t)
{
	if (!t)
		return;
	while (t->list.next != &t->list)
		conn_end(t->list.next);
	struct event *events[] = {t->accept, t->resume, t->tick};
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (events[i])
			event_free(events[i]);
	if (t->opened && t->speech->close)
		t->speech->close(t);
	close(t->fd);
	close(t->spare_fd);
	hlv_rate_free(t->tls_rate);
	free(t->rx);
	free(t->tx);
	free(t);
}
