/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker whose service gives its exchanges away to another thread, which does with each what the
 * identifier wishes, and clients on real sockets that ask it.
 */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/net/loop.h"
#include "tests/unit/unit.h"

enum { PARTS = 40, PART_SIZE = 100000, HELD_MAX = 4096 };

/* What a question asks the service to do: the first letter of its identifier. */
enum wish {
	WISH_NOW = 'n',	  /* answer inside submit() */
	WISH_AWAY = 'a',  /* the helper answers it at once */
	WISH_HOLD = 'h',  /* the helper keeps it until the test lets all of them go */
	WISH_MANY = 'm',  /* PARTS messages, each made by the helper */
	WISH_LOGIN = 'l', /* log in under the identifier's rest */
	WISH_BARE = 'b',  /* an answer that cannot be protected */
};

/* The other thread and what it holds. */
static struct {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below; nothing else is taken while it is held */
	pthread_cond_t changed;
	struct hlv_exchange *todo[HELD_MAX], *held[HELD_MAX];
	size_t ntodo, nheld;
	uint64_t seen, last_conn;
	uint32_t resumed;
	bool let_go, quit;
} helper;

static struct {
	struct hlv_service service;
	struct hlv_limits limits;
	struct hlv_verified *verified;
	struct hlv_worker *worker;
	struct hlv_addr addr;
	bool in_batch;
} server;

static inline char wish_of(const struct hlv_exchange *x)
{
	return x->rq.handle.n ? (char)x->rq.handle.p[0] : 0;
}

/* Echo: the identifier comes back as the error's text, so that each answer is told apart. */
static inline void make_answer(struct hlv_exchange *x)
{
	x->rs = (struct hlv_response){.rc = HLV_RC_NOT_FOUND, .text = x->rq.handle};
	if (wish_of(x) == WISH_LOGIN) {
		const struct hlv_login *before = hlv_exchange_login(x);
		if (before)
			x->rs.text = before->who.handle;
		struct hlv_ref who = {hlv_skip(x->rq.handle, 1), 1};
		x->login = hlv_login_new(x->rq.m.env.session_id, &who);
		assert_non_null(x->login);
	}
	if (wish_of(x) != WISH_MANY)
		return;
	uint32_t *part = x->service_state;
	if (!part)
		part = x->service_state = hlv_alloc(&x->arena, sizeof *part + PART_SIZE);
	assert_non_null(part);
	memset(part + 1, 'a' + (int)(*part % 26), PART_SIZE);
	x->rs.text = hlv_bytes((uint8_t *)(part + 1), PART_SIZE);
	x->more = ++*part < PARTS;
}

static inline void give_back(struct hlv_exchange **list, size_t n)
{
	/* The last first: nothing may depend on the order. */
	while (n-- > 0) {
		make_answer(list[n]);
		hlv_exchange_return(list[n]);
	}
}

static inline void *help(void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&helper.lock);
	for (;;) {
		struct hlv_exchange *list[HELD_MAX];
		size_t n = 0;
		if (helper.let_go) {
			memcpy(list, helper.held, helper.nheld * sizeof *list);
			n = helper.nheld;
			helper.nheld = 0;
		}
		for (size_t i = 0; i < helper.ntodo; i++) {
			struct hlv_exchange *x = helper.todo[i];
			if (wish_of(x) == WISH_HOLD && !helper.let_go)
				helper.held[helper.nheld++] = x;
			else
				list[n++] = x;
		}
		helper.ntodo = 0;
		pthread_cond_broadcast(&helper.changed);
		if (n > 0) {
			pthread_mutex_unlock(&helper.lock);
			give_back(list, n);
			pthread_mutex_lock(&helper.lock);
			continue;
		}
		if (helper.quit)
			break;
		pthread_cond_wait(&helper.changed, &helper.lock);
	}
	pthread_mutex_unlock(&helper.lock);
	return NULL;
}

static inline void give_away(struct hlv_exchange *x)
{
	pthread_mutex_lock(&helper.lock);
	assert_true(helper.ntodo < HELD_MAX);
	helper.todo[helper.ntodo++] = x;
	helper.seen++;
	helper.last_conn = x->peer.conn;
	pthread_cond_broadcast(&helper.changed);
	pthread_mutex_unlock(&helper.lock);
}

static inline void submit(struct hlv_service *service, struct hlv_exchange *x)
{
	(void)service;
	assert_true(server.in_batch);
	assert_null(x->service_state);
	assert_false(x->more);
	if (wish_of(x) == WISH_NOW || wish_of(x) == WISH_BARE) {
		make_answer(x);
		x->done(x);
		return;
	}
	assert_int_equal(hlv_exchange_keep(x), HLV_OK);
	give_away(x);
}

static inline void resume(struct hlv_service *service, struct hlv_exchange *x)
{
	(void)service;
	assert_true(server.in_batch);
	pthread_mutex_lock(&helper.lock);
	helper.resumed++;
	pthread_mutex_unlock(&helper.lock);
	give_away(x);
}

static inline void batch_begin(struct hlv_service *service, struct hlv_now now)
{
	(void)service;
	(void)now;
	server.in_batch = true;
}

static inline void batch_end(struct hlv_service *service)
{
	(void)service;
	server.in_batch = false;
}

static inline enum hlv_err seal(struct hlv_service *service, struct hlv_exchange *x,
				struct hlv_writer *w, size_t at)
{
	(void)service;
	(void)w;
	(void)at;
	return wish_of(x) == WISH_BARE ? HLV_E_CRYPTO : HLV_OK;
}

static inline void start(void)
{
	char why[256];
	struct hlv_sockets sockets;
	memset(&helper, 0, sizeof helper);
	pthread_mutex_init(&helper.lock, NULL);
	pthread_cond_init(&helper.changed, NULL);
	server.service =
		(struct hlv_service){submit, resume, batch_begin, batch_end, seal, NULL, NULL};
	server.limits = (struct hlv_limits){.udp_answer_max = 65536,
					    .rate = 0,
					    .tcp_connections = 64,
					    .tcp_per_source = 64,
					    .tcp_requests = 100000,
					    .tcp_first_s = 60,
					    .tcp_message_s = 60,
					    .tcp_idle_s = 60,
					    .tcp_sdk_idle_s = 60,
					    .tcp_stall_s = 60,
					    .tcp_life_s = 600};
	assert_int_equal(hlv_addr_parse("127.0.0.1:0", 0, &server.addr), HLV_OK);
	check_err(why, hlv_sockets_bind(&server.addr, "listen", &sockets, why), HLV_OK);
	server.verified = hlv_verified_new(1);
	struct hlv_worker_options o = {.service = &server.service,
				       .limits = &server.limits,
				       .verified = server.verified,
				       .sockets = &sockets,
				       .n = 1,
				       .number = 3};
	assert_int_equal(pthread_create(&helper.thread, NULL, help, NULL), 0);
	server.worker = hlv_worker_start(&o);
	assert_non_null(server.worker);
}

static inline void let_go(void)
{
	pthread_mutex_lock(&helper.lock);
	helper.let_go = true;
	pthread_cond_broadcast(&helper.changed);
	pthread_mutex_unlock(&helper.lock);
}

static inline void end_helper(void)
{
	pthread_mutex_lock(&helper.lock);
	helper.quit = true;
	pthread_cond_broadcast(&helper.changed);
	pthread_mutex_unlock(&helper.lock);
	pthread_join(helper.thread, NULL);
	assert_int_equal(helper.nheld, 0);
}

static inline void stop(void)
{
	let_go();
	hlv_worker_stop(server.worker);
	end_helper();
	hlv_verified_free(server.verified);
}

/* Until the helper has been given `n` exchanges in all. */
static inline void wait_seen(uint64_t n)
{
	pthread_mutex_lock(&helper.lock);
	while (helper.seen < n)
		pthread_cond_wait(&helper.changed, &helper.lock);
	pthread_mutex_unlock(&helper.lock);
}

static inline size_t wait_held(size_t n)
{
	pthread_mutex_lock(&helper.lock);
	while (helper.nheld < n)
		pthread_cond_wait(&helper.changed, &helper.lock);
	n = helper.nheld + helper.ntodo;
	pthread_mutex_unlock(&helper.lock);
	return n;
}

static inline int open_client(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &server.addr.sa.any, server.addr.len), 0);
	return fd;
}

static inline size_t put_question(uint8_t *out, size_t cap, uint32_t id, const char *text,
				  uint32_t session, uint32_t flags)
{
	struct hlv_request rq = {
		.m.env = {.major = 2, .minor = 11, .request_id = id, .session_id = session},
		.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = flags},
		.handle = hlv_text(text),
	};
	struct hlv_writer w = hlv_writer(out, cap);
	hlv_request_encode(&w, &rq);
	assert_false(w.bad);
	return w.n;
}

static inline void ask_as(int fd, uint32_t id, const char *text, uint32_t session)
{
	uint8_t buf[512];
	size_t n = put_question(buf, sizeof buf, id, text, session, HLV_F_KEEP_ALIVE);
	assert_int_equal(send(fd, buf, n, MSG_NOSIGNAL), n);
}

static inline void ask(int fd, uint32_t id, const char *text)
{
	ask_as(fd, id, text, 0);
}

static inline bool take(int fd, uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t got = recv(fd, p, n, 0);
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

struct answer {
	uint32_t id, flags;
	char text[128];
	size_t text_n;
};

static inline void look_at(struct hlv_bytes message, struct answer *a)
{
	struct hlv_message m;
	struct hlv_response rs;
	assert_int_equal(hlv_message_decode(message, &m), HLV_OK);
	assert_int_equal(hlv_response_decode(&m, &rs), HLV_OK);
	*a = (struct answer){m.env.request_id, m.hdr.flags, "", rs.text.n};
	size_t n = rs.text.n < sizeof a->text - 1 ? rs.text.n : sizeof a->text - 1;
	if (n)
		memcpy(a->text, rs.text.p, n);
}

/* False at the connection's end. */
static inline bool get_answer(int fd, struct answer *a)
{
	static uint8_t buf[HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX];
	struct hlv_envelope env;
	if (!take(fd, buf, HLV_ENVELOPE_SIZE))
		return false;
	struct hlv_reader r = hlv_reader(hlv_bytes(buf, HLV_ENVELOPE_SIZE));
	assert_int_equal(hlv_envelope_decode(&r, &env), HLV_OK);
	assert_true(take(fd, buf + HLV_ENVELOPE_SIZE, env.length));
	look_at(hlv_bytes(buf, HLV_ENVELOPE_SIZE + env.length), a);
	return true;
}

static inline void expect(int fd, uint32_t id, const char *text)
{
	struct answer a;
	assert_true(get_answer(fd, &a));
	assert_int_equal(a.id, id);
	assert_string_equal(a.text, text);
}

static inline void expect_datagram(int fd, uint32_t id, const char *text)
{
	struct answer a;
	uint8_t buf[2048];
	ssize_t n = recv(fd, buf, sizeof buf, 0);
	assert_true(n > 0);
	look_at(hlv_bytes(buf, (size_t)n), &a);
	assert_int_equal(a.id, id);
	assert_string_equal(a.text, text);
}

static inline void expect_end(int fd)
{
	uint8_t octet;
	assert_int_equal(recv(fd, &octet, 1, 0), 0);
	close(fd);
}

/* The worker is there and has done all that it was told before. */
static inline void check_alive(void)
{
	int fd = open_client(SOCK_STREAM);
	ask(fd, 7, "n-alive");
	expect(fd, 7, "n-alive");
	close(fd);
}
