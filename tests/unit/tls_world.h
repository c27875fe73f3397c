/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker that speaks TLS, or not, and clients of ours that pin its key, or another one; its service tells
 * what it sees of who asks.
 */
#pragma once
#include <dirent.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/net/link.h"
#include "proto/net/loop.h"
#include "proto/sec/tls.h"
#include "tests/unit/unit.h"

enum { IN_TIME = 60000 };

static struct {
	struct hlv_service service;
	struct hlv_limits limits;
	struct hlv_net everywhere;
	struct hlv_verified *verified;
	struct hlv_key *key;
	struct hlv_tls *tls;
	struct hlv_worker *worker;
	struct hlv_addr addr;
} world;

/* Transport, the certificate's name, how long its key is, and the identifier. */
static inline void submit(struct hlv_service *service, struct hlv_exchange *x)
{
	(void)service;
	size_t cap = 5000 + x->rq.handle.n;
	char *text = hlv_alloc(&x->arena, cap);
	assert_non_null(text);
	const struct hlv_peer *p = &x->peer;
	int n = snprintf(text, cap, "%d [%.*s] %zu %.*s", p->transport, (int)p->cert_name.n,
			 p->cert_name.n ? (const char *)p->cert_name.p : "", p->cert_key.n,
			 (int)x->rq.handle.n,
			 x->rq.handle.n ? (const char *)x->rq.handle.p : "");
	x->rs = (struct hlv_response){.rc = HLV_RC_NOT_FOUND,
				      .text = hlv_bytes(text, (size_t)n)};
	x->done(x);
}

static inline void ignore_begin(struct hlv_service *service, struct hlv_now now)
{
	(void)service;
	(void)now;
}

static inline void ignore_end(struct hlv_service *service)
{
	(void)service;
}

enum tls_use { WITH_TLS, WITHOUT_TLS };
enum trust { TRUSTED, STRANGERS };

static inline void start(enum hlv_key_kind kind, enum tls_use use, enum trust trust)
{
	char why[256] = "";
	struct hlv_sockets sockets;
	world.service = (struct hlv_service){
		.submit = submit, .batch_begin = ignore_begin, .batch_end = ignore_end};
	world.limits = (struct hlv_limits){.tcp_connections = 1000,
					   .tcp_per_source = 1000,
					   .tcp_requests = 100000,
					   .tcp_first_s = 60,
					   .tcp_message_s = 60,
					   .tcp_idle_s = 60,
					   .tcp_stall_s = 60,
					   .tcp_life_s = 600};
	if (trust == TRUSTED)
		world.limits.trusted = (struct hlv_nets){&world.everywhere, 1};
	check_err("key", hlv_key_generate(kind, &world.key), HLV_OK);
	world.tls = NULL;
	if (use == WITH_TLS)
		check_err(why, hlv_tls_server_new(world.key, hlv_text(""), &world.tls, why),
			  HLV_OK);
	assert_int_equal(hlv_addr_parse("127.0.0.1:0", 0, &world.addr), HLV_OK);
	check_err(why, hlv_sockets_bind(&world.addr, "listen", &sockets, why), HLV_OK);
	world.verified = hlv_verified_new(1);
	struct hlv_worker_options o = {.service = &world.service,
				       .limits = &world.limits,
				       .verified = world.verified,
				       .sockets = &sockets,
				       .n = 1,
				       .tls = world.tls};
	world.worker = hlv_worker_start(&o);
	assert_non_null(world.worker);
}

static inline void stop(void)
{
	hlv_worker_stop(world.worker);
	hlv_verified_free(world.verified);
	hlv_tls_free(world.tls);
	hlv_key_free(world.key);
}

static inline size_t put_question(uint8_t *out, size_t cap, uint32_t id,
				  struct hlv_bytes handle)
{
	struct hlv_request rq = {
		.m.env = {.major = 2, .minor = 11, .request_id = id},
		.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_KEEP_ALIVE},
		.handle = handle,
	};
	struct hlv_writer w = hlv_writer(out, cap);
	hlv_request_encode(&w, &rq);
	assert_false(w.bad);
	return w.n;
}

static inline uint32_t check_answer(struct hlv_bytes message, const char *text)
{
	struct hlv_message m;
	struct hlv_response rs;
	assert_int_equal(hlv_message_decode(message, &m), HLV_OK);
	assert_int_equal(hlv_response_decode(&m, &rs), HLV_OK);
	if (text)
		check_text("answer", rs.text, text);
	return m.env.request_id;
}

static inline void ask(struct hlv_link *l, const char *row, const char *text)
{
	uint8_t q[256];
	struct hlv_buf rs = {0};
	size_t n = put_question(q, sizeof q, 7, hlv_text("0.NA/1"));
	check_err(row, hlv_link_ask(l, hlv_bytes(q, n), &rs, IN_TIME), HLV_OK);
	assert_int_equal(check_answer(hlv_buf_bytes(&rs), text), 7);
	hlv_buf_free(&rs);
}

static inline struct hlv_link *open_link(const char *row, const struct hlv_link_to *to)
{
	char why[256] = "";
	struct hlv_link *l = NULL;
	enum hlv_err err = hlv_link_open(to, &l, why);
	if (err != HLV_OK)
		fail_msg("%s: %s", row, why);
	return l;
}

/* The worker serves both kinds of clients still. */
static inline void check_alive(void)
{
	struct hlv_link_to to = {
		.transport = HLV_T_TLS, .addr = world.addr, .any_server = true};
	struct hlv_link *l = open_link("alive", &to);
	ask(l, "alive", "2 [] 0 0.NA/1");
	hlv_link_close(l);
	to.transport = HLV_T_TCP;
	l = open_link("alive", &to);
	ask(l, "alive", "1 [] 0 0.NA/1");
	hlv_link_close(l);
}

static inline int connect_plain(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &world.addr.sa.any, world.addr.len), 0);
	return fd;
}
