/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS on the port of TCP, told by the first octet: a worker that echoes and says who asked, our own
 * client, and a peer of which this test plays each octet.
 */
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

enum { IN_TIME = 20000 };

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
static void submit(struct hlv_service *service, struct hlv_exchange *x)
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

static void ignore_begin(struct hlv_service *service, struct hlv_now now)
{
	(void)service;
	(void)now;
}

static void ignore_end(struct hlv_service *service)
{
	(void)service;
}

enum tls_use { WITH_TLS, WITHOUT_TLS };
enum trust { TRUSTED, STRANGERS };

static void start(enum hlv_key_kind kind, enum tls_use use, enum trust trust)
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

static void stop(void)
{
	hlv_worker_stop(world.worker);
	hlv_verified_free(world.verified);
	hlv_tls_free(world.tls);
	hlv_key_free(world.key);
}

static size_t put_question(uint8_t *out, size_t cap, uint32_t id, struct hlv_bytes handle)
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

static uint32_t check_answer(struct hlv_bytes message, const char *text)
{
	struct hlv_message m;
	struct hlv_response rs;
	assert_int_equal(hlv_message_decode(message, &m), HLV_OK);
	assert_int_equal(hlv_response_decode(&m, &rs), HLV_OK);
	if (text)
		check_text("answer", rs.text, text);
	return m.env.request_id;
}

static void ask(struct hlv_link *l, const char *row, const char *text)
{
	uint8_t q[256];
	struct hlv_buf rs = {0};
	size_t n = put_question(q, sizeof q, 7, hlv_text("0.NA/1"));
	check_err(row, hlv_link_ask(l, hlv_bytes(q, n), &rs, IN_TIME), HLV_OK);
	assert_int_equal(check_answer(hlv_buf_bytes(&rs), text), 7);
	hlv_buf_free(&rs);
}

static struct hlv_link *open_link(const char *row, const struct hlv_link_to *to)
{
	char why[256] = "";
	struct hlv_link *l = NULL;
	enum hlv_err err = hlv_link_open(to, &l, why);
	if (err != HLV_OK)
		fail_msg("%s: %s", row, why);
	return l;
}

/* The worker serves both kinds of clients still. */
static void check_alive(void)
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

static void pins_the_key(void **state)
{
	(void)state;
	struct {
		const char *name;
		enum hlv_key_kind kind;
		enum hlv_err pinned; /* what a client says that knows the server's key */
	} rows[] = {
		{"P-256", HLV_KEY_P256, HLV_OK},
		{"Ed25519", HLV_KEY_ED25519, HLV_OK},
		{"RSA", HLV_KEY_RSA, HLV_OK},
		{"SM2 is no key for TLS", HLV_KEY_SM2, HLV_E_KEY},
	};
	struct hlv_key *other;
	check_err("key", hlv_key_generate(HLV_KEY_P256, &other), HLV_OK);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[256] = "";
		struct hlv_link *l = NULL;
		start(rows[i].kind, WITH_TLS, TRUSTED);
		struct hlv_link_to to = {
			.transport = HLV_T_TLS, .addr = world.addr, .server_key = world.key};
		check_err(rows[i].name, hlv_link_open(&to, &l, why), rows[i].pinned);
		if (l)
			ask(l, rows[i].name, "2 [] 0 0.NA/1");
		hlv_link_close(l);
		l = NULL;
		to.server_key = other;
		check_err(rows[i].name, hlv_link_open(&to, &l, why), HLV_E_KEY);
		assert_true(strlen(why) > 0);
		to.server_key = NULL;
		check_err(rows[i].name, hlv_link_open(&to, &l, why), HLV_E_USAGE);
		check_alive();
		stop();
	}
	hlv_key_free(other);
}

static void asks_once(void **state)
{
	(void)state;
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	struct hlv_client c;
	struct hlv_client_report report;
	struct hlv_buf rs = {0};
	uint8_t q[256];
	size_t n = put_question(q, sizeof q, 9, hlv_text("x"));
	hlv_client_init(&c, &world.addr);
	c.transport = HLV_T_TLS;
	check_err("no key", hlv_client_ask(&c, hlv_bytes(q, n), &rs, &report), HLV_E_USAGE);
	c.server_key = world.key;
	check_err("key", hlv_client_ask(&c, hlv_bytes(q, n), &rs, &report), HLV_OK);
	assert_int_equal(check_answer(hlv_buf_bytes(&rs), "2 [] 0 x"), 9);
	assert_int_equal(report.transport, HLV_T_TLS);
	hlv_buf_free(&rs);
	stop();
}

static void needs_a_server_that_speaks_it(void **state)
{
	(void)state;
	char why[256] = "";
	struct hlv_link *l = NULL;
	start(HLV_KEY_P256, WITHOUT_TLS, TRUSTED);
	struct hlv_link_to to = {
		.transport = HLV_T_TLS, .addr = world.addr, .any_server = true};
	check_err("plain", hlv_link_open(&to, &l, why), HLV_E_CRYPTO);
	stop();
	check_err("nobody", hlv_link_open(&to, &l, why), HLV_E_IO);
	assert_null(l);
}

static void tells_who_asks(void **state)
{
	(void)state;
	struct {
		enum hlv_key_kind kind;
		const char *name, *answer;
	} rows[] = {
		{HLV_KEY_P256, "300:0.NA/20.500.1", "2 [300:0.NA/20.500.1] 91 0.NA/1"},
		{HLV_KEY_ED25519, "1:\xE5\x8D\x81", "2 [1:\xE5\x8D\x81] 44 0.NA/1"},
		{HLV_KEY_RSA, "2:x", "2 [2:x] 294 0.NA/1"},
	};
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_key *own;
		check_err("key", hlv_key_generate(rows[i].kind, &own), HLV_OK);
		struct hlv_link_to to = {.transport = HLV_T_TLS,
					 .addr = world.addr,
					 .server_key = world.key,
					 .own_key = own,
					 .own_name = rows[i].name};
		struct hlv_link *l = open_link(rows[i].name, &to);
		ask(l, rows[i].name, rows[i].answer);
		ask(l, rows[i].name, rows[i].answer);
		hlv_link_close(l);
		hlv_key_free(own);
	}
	check_alive();
	stop();
}

/* Both directions full, messages over many records. */
static void sends_ahead(void **state)
{
	(void)state;
	enum { MANY = 3000, LONG = 2000 };
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	struct hlv_link_to to = {
		.transport = HLV_T_TLS, .addr = world.addr, .any_server = true};
	struct hlv_link *l = open_link("ahead", &to);
	uint8_t *handle = malloc(LONG), q[LONG + 256];
	assert_non_null(handle);
	memset(handle, 'x', LONG);
	for (uint32_t i = 0; i < MANY; i++) {
		size_t n = put_question(q, sizeof q, i, hlv_bytes(handle, LONG));
		check_err("send", hlv_link_send(l, hlv_bytes(q, n), IN_TIME), HLV_OK);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		struct hlv_buf b = {0};
		check_err("receive", hlv_link_receive(l, &b, IN_TIME), HLV_OK);
		assert_int_equal(check_answer(hlv_buf_bytes(&b), NULL), i);
		hlv_buf_free(&b);
	}
	free(handle);
	hlv_link_close(l);
	stop();
}

/* A record longer than the room that is left for the message: the rest waits inside of TLS, where
 * no event tells of it. */
static void takes_records_in_parts(void **state)
{
	(void)state;
	enum { LONG = 2000 };
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	struct hlv_link_to to = {
		.transport = HLV_T_TLS, .addr = world.addr, .any_server = true};
	uint8_t handle[LONG], q[LONG + 256];
	memset(handle, 'x', LONG);
	for (size_t cut = 1; cut < LONG; cut += 333) {
		struct hlv_link *l = open_link("parts", &to);
		struct hlv_buf b = {0};
		size_t n = put_question(q, sizeof q, 3, hlv_bytes(handle, LONG));
		check_err("begin", hlv_link_send(l, hlv_bytes(q, cut), IN_TIME), HLV_OK);
		check_err("rest", hlv_link_send(l, hlv_bytes(q + cut, n - cut), IN_TIME),
			  HLV_OK);
		check_err("receive", hlv_link_receive(l, &b, IN_TIME), HLV_OK);
		assert_int_equal(check_answer(hlv_buf_bytes(&b), NULL), 3);
		hlv_buf_free(&b);
		hlv_link_close(l);
	}
	stop();
}

static int connect_plain(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &world.addr.sa.any, world.addr.len), 0);
	return fd;
}

/* What our client says first. */
static size_t client_hello(uint8_t *out, size_t cap)
{
	char why[256] = "";
	int pair[2];
	struct hlv_tls *tls;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	check_err(why, hlv_tls_client_new(NULL, NULL, &tls, why), HLV_OK);
	struct hlv_tls_io *io = hlv_tls_connect(tls, pair[0]);
	assert_int_equal(hlv_tls_handshake(io), HLV_TLS_WANTS_READ);
	ssize_t n = recv(pair[1], out, cap, 0);
	assert_true(n > 100);
	hlv_tls_io_free(io);
	hlv_tls_free(tls);
	close(pair[0]);
	close(pair[1]);
	return (size_t)n;
}

static size_t count_descriptors(void)
{
	size_t n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (d && readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Until the server has closed. */
static void drain(int fd)
{
	uint8_t buf[4096];
	while (recv(fd, buf, sizeof buf, 0) > 0)
		continue;
	close(fd);
}

/* threats.md 2: an end at any octet of a handshake, and octets that are none. */
static void outlives_bad_handshakes(void **state)
{
	(void)state;
	uint8_t hello[4096], bad[4096];
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	check_alive();
	size_t n = client_hello(hello, sizeof hello), open = count_descriptors();
	for (size_t i = 1; i <= n; i++) {
		int fd = connect_plain();
		assert_int_equal(send(fd, hello, i, MSG_NOSIGNAL), i);
		shutdown(fd, SHUT_WR);
		drain(fd);
	}
	for (size_t i = 1; i < n; i++) {
		memcpy(bad, hello, n);
		bad[i] ^= (uint8_t)(i % 255 + 1);
		int fd = connect_plain();
		assert_int_equal(send(fd, bad, n, MSG_NOSIGNAL), n);
		shutdown(fd, SHUT_WR);
		drain(fd);
	}
	memset(bad, 0x16, sizeof bad);
	for (size_t i = 0; i < 100; i++) {
		int fd = connect_plain();
		assert_int_equal(send(fd, bad, 1 + i * 40, MSG_NOSIGNAL), 1 + i * 40);
		shutdown(fd, SHUT_WR);
		drain(fd);
	}
	check_alive();
	assert_true(count_descriptors() <= open + 2); /* a connection that is closing */
	stop();
}

/* One of `fd` that is readable. */
static void wait_readable(int a, int b)
{
	struct pollfd p[] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
	assert_true(poll(p, 2, IN_TIME) > 0);
}

/* An octet at a time from one to the other, not more than surely have room there. */
static void pass_octets(int from, int to)
{
	uint8_t octet;
	for (int i = 0; i < 64 && recv(from, &octet, 1, MSG_DONTWAIT) == 1; i++)
		(void)send(to, &octet, 1, MSG_NOSIGNAL);
}

/* Each octet in a segment of its own, and each of the question's in a record of its own. */
static void takes_single_octets(void **state)
{
	(void)state;
	char why[256] = "";
	struct hlv_tls *tls;
	int pair[2];
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	check_err(why, hlv_tls_client_new(NULL, NULL, &tls, why), HLV_OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	int fd = connect_plain();
	struct hlv_tls_io *io = hlv_tls_connect(tls, pair[0]);
	while (hlv_tls_handshake(io) != HLV_TLS_DONE) {
		pass_octets(pair[1], fd);
		wait_readable(fd, pair[1]);
		pass_octets(fd, pair[1]);
	}
	assert_true(hlv_tls_peer_is(io, world.key));
	uint8_t q[256], a[512];
	size_t n = put_question(q, sizeof q, 5, hlv_text("0.NA/1")), got = 0;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(hlv_tls_send(io, q + i, 1), 1);
	hlv_tls_shutdown(io); /* no more questions; the answer still comes */
	for (;;) {
		pass_octets(pair[1], fd);
		ssize_t r = hlv_tls_recv(io, a + got, sizeof a - got);
		if (r == 0)
			break;
		if (r > 0) {
			got += (size_t)r;
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		wait_readable(fd, pair[1]);
		pass_octets(fd, pair[1]);
	}
	assert_int_equal(check_answer(hlv_bytes(a, got), "2 [] 0 0.NA/1"), 5);
	hlv_tls_io_free(io);
	hlv_tls_free(tls);
	close(pair[0]);
	close(pair[1]);
	close(fd);
	stop();
}

/* A client of the library itself, which blocks. */
static SSL *connect_raw(SSL_CTX *ctx, int *fd)
{
	*fd = connect_plain();
	SSL *ssl = SSL_new(ctx);
	assert_non_null(ssl);
	SSL_set_fd(ssl, *fd);
	return ssl;
}

static void speaks_what_is_safe(void **state)
{
	(void)state;
	struct {
		const char *name;
		int version;
		const char *ciphers;
		bool ok;
	} rows[] = {
		{"1.3", TLS1_3_VERSION, NULL, true},
		{"1.2", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", true},
		{"1.2 ChaCha", TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", true},
		{"1.1", TLS1_1_VERSION, "ALL:@SECLEVEL=0", false},
		{"CBC", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", false},
		{"key transport", TLS1_2_VERSION, "AES128-GCM-SHA256", false},
		{"nobody's key", TLS1_2_VERSION, "AECDH-AES128-SHA:@SECLEVEL=0", false},
	};
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	for (size_t i = 0; i < COUNT(rows); i++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
		assert_int_equal(SSL_CTX_set_min_proto_version(ctx, rows[i].version), 1);
		assert_int_equal(SSL_CTX_set_max_proto_version(ctx, rows[i].version), 1);
		if (rows[i].ciphers)
			assert_int_equal(SSL_CTX_set_cipher_list(ctx, rows[i].ciphers), 1);
		int fd;
		SSL *ssl = connect_raw(ctx, &fd);
		check_u64(rows[i].name, SSL_connect(ssl) == 1, rows[i].ok);
		if (rows[i].ok && rows[i].version == TLS1_2_VERSION) {
			/* Asking for another handshake brings none. */
			SSL_renegotiate(ssl);
			assert_int_not_equal(SSL_do_handshake(ssl), 1);
		}
		SSL_free(ssl);
		SSL_CTX_free(ctx);
		close(fd);
	}
	check_alive();
	stop();
}

/* Plain questions are answered all the while. */
static void ask_until_refused(uint64_t n)
{
	struct hlv_link_to to = {.transport = HLV_T_TCP, .addr = world.addr};
	struct hlv_link *l = open_link("plain", &to);
	const struct hlv_stats *stats = hlv_worker_stats(world.worker);
	for (int i = 0; i < 10000 && (i == 0 || stats->tls_refused < n); i++)
		ask(l, "plain", "1 [] 0 0.NA/1");
	hlv_link_close(l);
}

/* Strangers get so many handshakes a second, and plain questions all the same. */
static void limits_handshakes(void **state)
{
	(void)state;
	enum { MANY = 400 };
	int fd[MANY];
	uint8_t hello[4096];
	start(HLV_KEY_P256, WITH_TLS, STRANGERS);
	size_t n = client_hello(hello, sizeof hello);
	for (size_t i = 0; i < MANY; i++) {
		fd[i] = connect_plain();
		assert_int_equal(send(fd[i], hello, n - 1, MSG_NOSIGNAL), n - 1);
	}
	ask_until_refused(1);
	for (size_t i = 0; i < MANY; i++)
		close(fd[i]);
	assert_true(hlv_worker_stats(world.worker)->tls_refused > 0);
	stop();
}

/* At most so many at once, whoever they are. */
static void limits_handshakes_at_once(void **state)
{
	(void)state;
	enum { LIMIT = 256, MANY = LIMIT + 10 };
	int fd[MANY];
	uint8_t hello[4096];
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	size_t n = client_hello(hello, sizeof hello);
	for (size_t i = 0; i < MANY; i++) {
		fd[i] = connect_plain();
		assert_int_equal(send(fd[i], hello, n - 1, MSG_NOSIGNAL), n - 1);
	}
	ask_until_refused(MANY - LIMIT);
	for (size_t i = 0; i < MANY; i++)
		close(fd[i]);
	assert_int_equal(hlv_worker_stats(world.worker)->tls_refused, MANY - LIMIT);
	stop();
}

/* A certificate in PEM for `key`. */
static struct hlv_bytes certificate(struct hlv_arena *a, const struct hlv_key *key)
{
	EVP_PKEY *pkey = hlv_key_pkey(key);
	X509 *x = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	assert_int_equal(X509_set_pubkey(x, pkey), 1);
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_X509(bio, x), 1);
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	struct hlv_bytes pem = hlv_arena_copy(a, hlv_bytes(p, (size_t)n));
	BIO_free(bio);
	X509_free(x);
	return pem;
}

static void takes_a_certificate(void **state)
{
	(void)state;
	struct hlv_arena a;
	struct hlv_key *key, *other;
	hlv_arena_init(&a, 65536);
	check_err("key", hlv_key_generate(HLV_KEY_P256, &key), HLV_OK);
	check_err("key", hlv_key_generate(HLV_KEY_P256, &other), HLV_OK);
	struct hlv_bytes pem = certificate(&a, key);
	struct {
		const char *name;
		const struct hlv_key *key;
		struct hlv_bytes chain;
		enum hlv_err err;
	} rows[] = {
		{"its own", key, pem, HLV_OK},
		{"another's", other, pem, HLV_E_CRYPTO},
		{"no PEM", key, hlv_text("nothing"), HLV_E_MALFORMED},
		{"half", key, hlv_head(pem, pem.n / 2), HLV_E_MALFORMED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[256] = "";
		struct hlv_tls *tls = NULL;
		check_err(rows[i].name,
			  hlv_tls_server_new(rows[i].key, rows[i].chain, &tls, why),
			  rows[i].err);
		check_u64(rows[i].name, strlen(why) > 0, rows[i].err != HLV_OK);
		hlv_tls_free(tls);
	}
	hlv_key_free(key);
	hlv_key_free(other);
	hlv_arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pins_the_key),
		cmocka_unit_test(asks_once),
		cmocka_unit_test(needs_a_server_that_speaks_it),
		cmocka_unit_test(tells_who_asks),
		cmocka_unit_test(sends_ahead),
		cmocka_unit_test(takes_records_in_parts),
		cmocka_unit_test(outlives_bad_handshakes),
		cmocka_unit_test(takes_single_octets),
		cmocka_unit_test(speaks_what_is_safe),
		cmocka_unit_test(limits_handshakes),
		cmocka_unit_test(limits_handshakes_at_once),
		cmocka_unit_test(takes_a_certificate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
