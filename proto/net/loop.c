/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/net/ask.h"
#include "proto/net/packets.h"
#include "proto/net/tcp.h"
#include "proto/net/udp.h"

enum {
	SOCKET_BUFFER = 8 << 20,
	BACKLOG = 1024,
	ADDRS_MAX = 64,
	STREAMS_MAX = 2 * ADDRS_MAX,
	PORT_TRIES = 16
};

struct hlv_worker {
	struct hlv_front front;
	struct hlv_mailbox box;
	struct event *mail;
	struct event *tick; /* each second */
	struct hlv_udp *udp[ADDRS_MAX];
	struct hlv_tcp *tcp[ADDRS_MAX];
	size_t n;
	struct stream {
		struct hlv_tcp *tcp;
		const struct hlv_datagrams *datagrams; /* NULL: none beside it */
		void *udp;
	} streams[STREAMS_MAX];
	size_t nstreams;
	struct hlv_tcp *control; /* or NULL */
	pthread_t thread;
};

static int open_socket(const struct hlv_addr *a, int type)
{
	int fd = socket(a->sa.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	int on = 1, size = SOCKET_BUFFER;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (a->sa.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (type == SOCK_DGRAM) {
		/* Beyond the system's limit where we may, else up to it. */
		if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
		if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
			setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
		/* Datagrams of 512 octets are never cut on the way: say so, and believe no
		 * forged news of smaller paths; it also spares the kernel an id for each. */
		int probe = IP_PMTUDISC_PROBE;
		if (a->sa.any.sa_family == AF_INET)
			setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
	}
	if (bind(fd, &a->sa.any, a->len) == 0)
		return fd;
	int err = errno;
	close(fd);
	errno = err;
	return -1;
}

static bool bind_both(struct hlv_addr *a, struct hlv_sockets *s)
{
	*s = (struct hlv_sockets){.udp = -1, .tcp = open_socket(a, SOCK_STREAM)};
	if (s->tcp >= 0 && hlv_addr_port(a) == 0) {
		socklen_t len = sizeof a->sa;
		getsockname(s->tcp, &a->sa.any, &len);
	}
	if (s->tcp >= 0 && listen(s->tcp, BACKLOG) == 0)
		s->udp = open_socket(a, SOCK_DGRAM);
	if (s->udp >= 0)
		return true;
	int err = errno;
	if (s->tcp >= 0)
		close(s->tcp);
	errno = err;
	return false;
}

static enum hlv_err tell_bind(const struct hlv_addr *a, const char *option, char *why)
{
	char text[HLV_ADDR_TEXT];
	char check[64];
	snprintf(check, sizeof check, "check '%s'", option);
	const char *hint = errno == EADDRINUSE ? "is another server running there?"
			   : errno == EACCES   ? "ports below 1024 need privileges"
					       : check;
	snprintf(why, 256, "cannot listen on %s: %s: %s", hlv_addr_print(a, text),
		 strerror(errno), hint);
	return HLV_E_IO;
}

enum hlv_err hlv_stream_bind(struct hlv_addr *a, const char *option, int *fd, char *why)
{
	*fd = open_socket(a, SOCK_STREAM);
	if (*fd < 0)
		return tell_bind(a, option, why);
	if (hlv_addr_port(a) == 0) {
		socklen_t len = sizeof a->sa;
		getsockname(*fd, &a->sa.any, &len);
	}
	if (listen(*fd, BACKLOG) == 0)
		return HLV_OK;
	tell_bind(a, option, why);
	close(*fd);
	return HLV_E_IO;
}

enum hlv_err hlv_sockets_bind(struct hlv_addr *a, const char *option, struct hlv_sockets *s,
			      char *why)
{
	const struct hlv_addr wanted = *a;
	/* A port that the system chose for TCP may be somebody's for UDP: then another. */
	int tries = hlv_addr_port(a) == 0 ? PORT_TRIES : 1;
	for (int i = 0; i < tries; i++) {
		*a = wanted;
		if (bind_both(a, s))
			return HLV_OK;
		if (errno != EADDRINUSE)
			break;
	}
	return tell_bind(a, option, why);
}

void hlv_front_home(struct hlv_front *f)
{
	f->inflight--;
	/* Not every answer comes by mail: a resolver's come from the sockets of its own. */
	if (f->stopping && f->inflight == 0)
		event_base_loopbreak(f->base);
}

static void take_mail(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct hlv_worker *w = ctx;
	w->front.in_mail = true;
	hlv_mailbox_take(&w->box, w);
	w->front.in_mail = false;
	for (size_t i = 0; i < w->n; i++) {
		hlv_udp_mail_end(w->udp[i]);
		hlv_tcp_mail_end(w->tcp[i]);
	}
	for (size_t i = 0; i < w->nstreams; i++) {
		hlv_tcp_mail_end(w->streams[i].tcp);
		if (w->streams[i].datagrams)
			w->streams[i].datagrams->mail_end(w->streams[i].udp);
	}
	if (w->control)
		hlv_tcp_mail_end(w->control);
	/* Whoever has our exchanges answers them always: wait for the last. */
	if (w->front.stopping && w->front.inflight == 0)
		event_base_loopbreak(w->front.base);
}

/* The last lines of the query log, when nobody asks any more. */
static void each_second(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct hlv_worker *w = ctx;
	hlv_query_push(&w->front.tap, hlv_clock_mono());
}

static void *run(void *ctx)
{
	struct hlv_worker *w = ctx;
	event_base_dispatch(w->front.base);
	return NULL;
}

static void free_worker(struct hlv_worker *w)
{
	for (size_t i = 0; i < w->n; i++) {
		hlv_udp_close(w->udp[i]);
		hlv_tcp_close(w->tcp[i]);
	}
	for (size_t i = 0; i < w->nstreams; i++) {
		hlv_tcp_close(w->streams[i].tcp);
		if (w->streams[i].udp)
			w->streams[i].datagrams->close(w->streams[i].udp);
	}
	hlv_tcp_close(w->control);
	if (w->mail)
		event_free(w->mail);
	if (w->tick)
		event_free(w->tick);
	hlv_ask_free(&w->front);
	if (w->front.base)
		event_base_free(w->front.base);
	hlv_require(w->front.inflight == 0);
	hlv_query_tap_fini(&w->front.tap);
	free(w->front.scratch);
	hlv_mailbox_fini(&w->box);
	free(w);
}

static bool open_stream(struct hlv_worker *w, const struct hlv_stream *o)
{
	struct stream *s = &w->streams[w->nstreams++];
	s->tcp = hlv_tcp_open(&w->front, o->fd, o->speech, o->shared);
	s->datagrams = o->datagrams;
	if (s->datagrams)
		s->udp = s->datagrams->open(&w->front, o->udp, o->shared);
	return s->tcp && (s->udp || !s->datagrams);
}

static bool open_fronts(struct hlv_worker *w, const struct hlv_worker_options *o)
{
	for (size_t i = 0; i < o->n && i < ADDRS_MAX; i++) {
		w->n = i + 1;
		w->udp[i] = hlv_udp_open(&w->front, o->sockets[i].udp);
		w->tcp[i] = hlv_tcp_open(&w->front, o->sockets[i].tcp, &conn_native, NULL);
		if (!w->udp[i] || !w->tcp[i])
			return false;
	}
	for (size_t i = 0; i < o->nstreams && i < STREAMS_MAX; i++)
		if (!open_stream(w, &o->streams[i]))
			return false;
	if (o->control > 0)
		w->control = hlv_tcp_open(&w->front, o->control, &conn_native, NULL);
	return o->control <= 0 || w->control;
}

struct hlv_worker *hlv_worker_start(const struct hlv_worker_options *o)
{
	struct hlv_worker *w = calloc(1, sizeof *w);
	if (!w || hlv_mailbox_init(&w->box) != HLV_OK) {
		free(w);
		return NULL;
	}
	w->front.service = o->service;
	w->front.limits = o->limits;
	hlv_query_tap_init(&w->front.tap, o->query_log);
	w->front.web = o->web;
	w->front.verified = o->verified;
	w->front.tls = o->tls;
	w->front.mail = &w->box;
	w->front.number = o->number;
	w->front.scratch = malloc(HLV_SCRATCH);
	w->front.base = event_base_new();
	bool ok = w->front.scratch && w->front.base && open_fronts(w, o);
	if (ok) {
		w->mail =
			event_new(w->front.base, w->box.fd, EV_READ | EV_PERSIST, take_mail, w);
		w->tick = event_new(w->front.base, -1, EV_PERSIST, each_second, w);
		ok = w->mail && event_add(w->mail, NULL) == 0 && w->tick &&
		     event_add(w->tick, &(struct timeval){.tv_sec = 1}) == 0 &&
		     pthread_create(&w->thread, NULL, run, w) == 0;
	}
	if (!ok) {
		free_worker(w);
		return NULL;
	}
	char name[16];
	snprintf(name, sizeof name, "worker-%u", o->number);
	pthread_setname_np(w->thread, name);
	return w;
}

struct call {
	struct hlv_mail mail;
	void (*fn)(struct hlv_front *, void *);
	void *ctx;
	sem_t done;
};

static void open_call(struct hlv_mail *mail, void *receiver)
{
	struct call *call = (struct call *)(void *)mail; /* the mail is its first member */
	struct hlv_worker *w = receiver;
	call->fn(&w->front, call->ctx);
	sem_post(&call->done);
}

void hlv_worker_call(struct hlv_worker *w, void (*fn)(struct hlv_front *, void *), void *ctx)
{
	struct call call = {.mail = {.open = open_call}, .fn = fn, .ctx = ctx};
	sem_init(&call.done, 0, 0);
	hlv_mailbox_post(&w->box, &call.mail);
	while (sem_wait(&call.done) != 0)
		continue;
	sem_destroy(&call.done);
}

static void stop_fronts(struct hlv_mail *mail, void *receiver)
{
	(void)mail;
	struct hlv_worker *w = receiver;
	w->front.stopping = true;
	for (size_t i = 0; i < w->n; i++) {
		hlv_udp_stop(w->udp[i]);
		hlv_tcp_stop(w->tcp[i]);
	}
	for (size_t i = 0; i < w->nstreams; i++) {
		hlv_tcp_stop(w->streams[i].tcp);
		if (w->streams[i].datagrams)
			w->streams[i].datagrams->stop(w->streams[i].udp);
	}
	if (w->control)
		hlv_tcp_stop(w->control);
}

void hlv_worker_stop(struct hlv_worker *w)
{
	struct hlv_mail mail = {.open = stop_fronts};
	hlv_mailbox_post(&w->box, &mail);
	pthread_join(w->thread, NULL);
	free_worker(w);
}

const struct hlv_stats *hlv_worker_stats(const struct hlv_worker *w)
{
	return &w->front.stats;
}

const struct hlv_front *hlv_worker_front(const struct hlv_worker *w)
{
	return &w->front;
}

size_t hlv_worker_slow(struct hlv_worker *w, struct hlv_slow out[HLV_SLOW_KEPT])
{
	return hlv_slow_read(&w->front.tap, out);
}
