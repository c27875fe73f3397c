/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/outbound.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "proto/sec/tls.h"

enum {
	READ_SIZE = 64 << 10,
	READS_MAX = 16, /* of one socket, then the others have their turn */
	BUCKETS = 4096,
	PORT_MIN = 1024,
	PORT_TRIES = 32,
	RANDOM_MAX = 128,
};

/* Where a stream stands. */
enum stage { STAGE_CONNECTING, STAGE_SHAKING, STAGE_SENDING, STAGE_READING };

struct sock {
	struct sock *next; /* of its bucket */
	struct hlv_outbound *o;
	uint64_t number;
	enum hlv_out_way way;
	enum stage stage;
	int fd;
	struct event *event;
	short waits; /* for which events */
	struct hlv_tls_io *tls;
	struct hlv_key *key; /* the server's; NULL: any */
	size_t n, sent;
	uint8_t octets[]; /* to be sent */
};

struct hlv_outbound {
	struct hlv_outbound_owner owner;
	void *ctx;
	struct hlv_mailbox box;
	struct event_base *base;
	struct event *mail, *timer;
	hlv_mono_ns wake_ns;
	pthread_t thread;
	struct hlv_tls *tls;
	struct sock *bucket[BUCKETS];
	size_t open, most;
	uint16_t random[RANDOM_MAX];
	size_t nrandom; /* unused ones */
	bool stopping;
	uint8_t scratch[READ_SIZE];
};

/* None to be had: too many are open, here or in the whole system. */
static enum hlv_err why_no_socket(void)
{
	return errno == EMFILE || errno == ENFILE ? HLV_E_LIMIT : HLV_E_IO;
}

/* --- the table --- */

static struct sock **place_of(struct hlv_outbound *o, uint64_t number)
{
	struct sock **at = &o->bucket[number % BUCKETS];
	while (*at && (*at)->number != number)
		at = &(*at)->next;
	return at;
}

static void free_sock(struct sock *s)
{
	if (s->event)
		event_free(s->event);
	if (s->tls) {
		hlv_tls_shutdown(s->tls);
		hlv_tls_io_free(s->tls);
	}
	hlv_key_free(s->key);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

static void drop(struct sock *s)
{
	struct hlv_outbound *o = s->o;
	*place_of(o, s->number) = s->next;
	o->open--;
	free_sock(s);
}

static void lose(struct sock *s, enum hlv_err err)
{
	struct hlv_outbound *o = s->o;
	uint64_t number = s->number;
	drop(s);
	o->owner.gone(o->ctx, number, err, hlv_clock());
}

/* --- ports --- */

/* From the system's generator: what a server sees of our ports must not tell it the next ones. */
static bool random_port(struct hlv_outbound *o, uint16_t *port)
{
	do {
		if (o->nrandom == 0) {
			if (getrandom(o->random, sizeof o->random, 0) !=
			    (ssize_t)sizeof o->random)
				return false;
			o->nrandom = RANDOM_MAX;
		}
		*port = o->random[--o->nrandom];
	} while (*port < PORT_MIN);
	return true;
}

static bool bind_random(struct hlv_outbound *o, int fd, int family)
{
	for (int i = 0; i < PORT_TRIES; i++) {
		struct hlv_addr a = {0};
		uint16_t port;
		if (!random_port(o, &port))
			return false;
		a.sa.any.sa_family = (sa_family_t)family;
		if (family == AF_INET6)
			a.sa.v6.sin6_port = htons(port);
		else
			a.sa.v4.sin_port = htons(port);
		socklen_t len = family == AF_INET6 ? sizeof a.sa.v6 : sizeof a.sa.v4;
		if (bind(fd, &a.sa.any, len) == 0)
			return true;
		if (errno != EADDRINUSE && errno != EACCES)
			return false;
	}
	return false;
}

/* --- one socket's life --- */

static void on_event(evutil_socket_t fd, short what, void *ctx);

static bool await(struct sock *s, short what)
{
	if (s->event && s->waits == what)
		return true;
	if (s->event)
		event_free(s->event);
	s->waits = what;
	s->event = event_new(s->o->base, s->fd, (short)(what | EV_PERSIST), on_event, s);
	return s->event && event_add(s->event, NULL) == 0;
}

/* HLV_OK: it goes on, or waits. */
static enum hlv_err shake(struct sock *s)
{
	switch (hlv_tls_handshake(s->tls)) {
	case HLV_TLS_WANTS_READ:
		return await(s, EV_READ) ? HLV_OK : HLV_E_NOMEM;
	case HLV_TLS_WANTS_WRITE:
		return await(s, EV_WRITE) ? HLV_OK : HLV_E_NOMEM;
	case HLV_TLS_FAILED:
		return HLV_E_CRYPTO;
	case HLV_TLS_DONE:
		break;
	}
	/* Before a single octet of the question: whoever this is must be the one. */
	if (s->key && !hlv_tls_peer_is(s->tls, s->key))
		return HLV_E_KEY;
	s->stage = STAGE_SENDING;
	return HLV_OK;
}

static enum hlv_err send_rest(struct sock *s)
{
	while (s->sent < s->n) {
		const uint8_t *p = s->octets + s->sent;
		size_t left = s->n - s->sent;
		ssize_t n = s->tls ? hlv_tls_send(s->tls, p, left)
				   : send(s->fd, p, left, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return await(s, EV_WRITE) ? HLV_OK : HLV_E_NOMEM;
		if (n < 0 && errno != EINTR)
			return HLV_E_IO;
		s->sent += n > 0 ? (size_t)n : 0;
	}
	s->stage = STAGE_READING;
	return await(s, EV_READ) ? HLV_OK : HLV_E_NOMEM;
}

static enum hlv_err connected(struct sock *s)
{
	int error = 0;
	socklen_t n = sizeof error;
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0)
		return HLV_E_IO;
	s->stage = STAGE_SENDING;
	if (s->way != HLV_OUT_TLS)
		return HLV_OK;
	s->stage = STAGE_SHAKING;
	s->tls = hlv_tls_connect(s->o->tls, s->fd);
	return s->tls ? HLV_OK : HLV_E_NOMEM;
}

static enum hlv_err read_some(struct sock *s)
{
	struct hlv_outbound *o = s->o;
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = s->tls ? hlv_tls_recv(s->tls, o->scratch, READ_SIZE)
				   : recv(s->fd, o->scratch, READ_SIZE, MSG_DONTWAIT);
		int error = errno;
		if (n < 0 && error == EINTR)
			continue;
		if (n < 0 && error == EAGAIN) {
			bool write = s->tls && hlv_tls_recv_wants_write(s->tls);
			return await(s, write ? EV_WRITE : EV_READ) ? HLV_OK : HLV_E_NOMEM;
		}
		if (n < 0 || (n == 0 && s->way != HLV_OUT_UDP))
			return HLV_E_IO;
		o->owner.octets(o->ctx, s->number, hlv_bytes(o->scratch, (size_t)n),
				hlv_clock());
	}
	/* What TLS has read ahead makes no event: look again as soon as we may write, that is at
	 * once. */
	if (s->tls && hlv_tls_pending(s->tls))
		return await(s, EV_WRITE) ? HLV_OK : HLV_E_NOMEM;
	return await(s, EV_READ) ? HLV_OK : HLV_E_NOMEM;
}

static enum hlv_err advance(struct sock *s)
{
	if (s->stage == STAGE_CONNECTING)
		HLV_TRY(connected(s));
	if (s->stage == STAGE_SHAKING)
		HLV_TRY(shake(s));
	if (s->stage == STAGE_SHAKING)
		return HLV_OK;
	if (s->stage == STAGE_SENDING)
		return send_rest(s);
	return read_some(s);
}

static void round_now(struct hlv_outbound *o)
{
	if (!o->stopping)
		o->owner.round(o->ctx, hlv_clock());
}

static void on_event(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct sock *s = ctx;
	struct hlv_outbound *o = s->o;
	enum hlv_err err = advance(s);
	if (err != HLV_OK)
		lose(s, err);
	round_now(o);
}

static enum hlv_err open_udp(struct hlv_outbound *o, struct sock *s,
			     const struct hlv_addr *addr)
{
	if (!bind_random(o, s->fd, addr->sa.any.sa_family) ||
	    connect(s->fd, &addr->sa.any, addr->len) != 0)
		return HLV_E_IO;
	ssize_t n = send(s->fd, s->octets, s->n, MSG_NOSIGNAL | MSG_DONTWAIT);
	s->stage = STAGE_READING;
	if (n < 0 && errno != EAGAIN)
		return HLV_E_IO;
	return await(s, EV_READ) ? HLV_OK : HLV_E_NOMEM;
}

static enum hlv_err open_stream(struct sock *s, const struct hlv_addr *addr)
{
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	s->stage = STAGE_CONNECTING;
	if (connect(s->fd, &addr->sa.any, addr->len) != 0 && errno != EINPROGRESS)
		return HLV_E_IO;
	return await(s, EV_WRITE) ? HLV_OK : HLV_E_NOMEM;
}

enum hlv_err hlv_outbound_open(struct hlv_outbound *o, uint64_t sock, enum hlv_out_way way,
			       const struct hlv_addr *addr, struct hlv_bytes key,
			       struct hlv_bytes octets)
{
	if (o->open >= o->most)
		return HLV_E_LIMIT;
	struct sock *s = calloc(1, sizeof *s + octets.n);
	if (!s)
		return HLV_E_NOMEM;
	s->o = o;
	s->number = sock;
	s->way = way;
	s->n = octets.n;
	if (octets.n)
		memcpy(s->octets, octets.p, octets.n);
	int type = way == HLV_OUT_UDP ? SOCK_DGRAM : SOCK_STREAM;
	s->fd = socket(addr->sa.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	enum hlv_err err = s->fd >= 0 ? HLV_OK : why_no_socket();
	if (err == HLV_OK && way == HLV_OUT_TLS && key.n > 0)
		err = hlv_pubkey_decode(key, &s->key);
	if (err == HLV_OK)
		err = way == HLV_OUT_UDP ? open_udp(o, s, addr) : open_stream(s, addr);
	if (err != HLV_OK) {
		free_sock(s);
		return err;
	}
	struct sock **at = &o->bucket[sock % BUCKETS];
	s->next = *at;
	*at = s;
	o->open++;
	return HLV_OK;
}

void hlv_outbound_close(struct hlv_outbound *o, uint64_t sock)
{
	struct sock *s = *place_of(o, sock);
	if (s)
		drop(s);
}

/* --- the loop --- */

void hlv_outbound_wake(struct hlv_outbound *o, hlv_mono_ns at_ns)
{
	if (at_ns == o->wake_ns)
		return;
	o->wake_ns = at_ns;
	event_del(o->timer);
	if (at_ns == UINT64_MAX)
		return;
	hlv_mono_ns now_ns = hlv_clock().mono_ns;
	/* Rounded up, so that the time has come when it rings. */
	uint64_t us = at_ns > now_ns ? (at_ns - now_ns + 999) / 1000 : 0;
	struct timeval tv = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
	event_add(o->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct hlv_outbound *o = ctx;
	o->wake_ns = UINT64_MAX;
	round_now(o);
}

static void on_mail(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	struct hlv_outbound *o = ctx;
	hlv_mailbox_take(&o->box, o->ctx);
	round_now(o);
	if (o->stopping)
		event_base_loopbreak(o->base);
}

static void *run(void *ctx)
{
	struct hlv_outbound *o = ctx;
	event_base_dispatch(o->base);
	return NULL;
}

static void free_outbound(struct hlv_outbound *o)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (o->bucket[i])
			drop(o->bucket[i]);
	if (o->mail)
		event_free(o->mail);
	if (o->timer)
		event_free(o->timer);
	if (o->base)
		event_base_free(o->base);
	hlv_tls_free(o->tls);
	hlv_mailbox_fini(&o->box);
	free(o);
}

struct hlv_outbound *hlv_outbound_start(const char *name, size_t sockets,
					const struct hlv_outbound_owner *owner, void *ctx)
{
	char why[256];
	struct hlv_outbound *o = calloc(1, sizeof *o);
	if (!o || hlv_mailbox_init(&o->box) != HLV_OK) {
		free(o);
		return NULL;
	}
	o->owner = *owner;
	o->ctx = ctx;
	o->most = sockets;
	o->wake_ns = UINT64_MAX;
	/* Precise: the loop's timers else round to the coarse clock's 4 ms. */
	struct event_config *config = event_config_new();
	if (config) {
		event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
		o->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	bool ok = o->base && hlv_tls_client_new(NULL, NULL, &o->tls, why) == HLV_OK;
	if (ok) {
		o->mail = event_new(o->base, o->box.fd, EV_READ | EV_PERSIST, on_mail, o);
		o->timer = event_new(o->base, -1, 0, on_timer, o);
		ok = o->mail && o->timer && event_add(o->mail, NULL) == 0 &&
		     pthread_create(&o->thread, NULL, run, o) == 0;
	}
	if (!ok) {
		free_outbound(o);
		return NULL;
	}
	pthread_setname_np(o->thread, name);
	return o;
}

struct hlv_mailbox *hlv_outbound_mailbox(struct hlv_outbound *o)
{
	return &o->box;
}

struct call {
	struct hlv_mail mail;
	struct hlv_outbound *o;
	void (*fn)(void *ctx, void *arg);
	void *arg;
	sem_t done;
};

static void open_call(struct hlv_mail *mail, void *receiver)
{
	struct call *call = (struct call *)(void *)mail; /* its first member */
	call->fn(receiver, call->arg);
	round_now(call->o);
	sem_post(&call->done);
}

void hlv_outbound_call(struct hlv_outbound *o, void (*fn)(void *ctx, void *arg), void *arg)
{
	struct call call = {.mail = {.open = open_call}, .o = o, .fn = fn, .arg = arg};
	sem_init(&call.done, 0, 0);
	hlv_mailbox_post(&o->box, &call.mail);
	while (sem_wait(&call.done) != 0)
		continue;
	sem_destroy(&call.done);
}

static void set_stopping(struct hlv_mail *mail, void *receiver)
{
	(void)receiver;
	struct call *call = (struct call *)(void *)mail;
	call->o->stopping = true;
	sem_post(&call->done);
}

void hlv_outbound_stop(struct hlv_outbound *o)
{
	if (!o)
		return;
	struct call call = {.mail = {.open = set_stopping}, .o = o};
	sem_init(&call.done, 0, 0);
	hlv_mailbox_post(&o->box, &call.mail);
	while (sem_wait(&call.done) != 0)
		continue;
	sem_destroy(&call.done);
	pthread_join(o->thread, NULL);
	free_outbound(o);
}
