/* SPDX-License-Identifier: Apache-2.0
 *
 * Handshakes that are broken off, slow, or too many: who makes them gets nothing, and nobody else waits
 * (threats.md 2).
 */
#include "tests/unit/tls_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outlives_bad_handshakes),
		cmocka_unit_test(takes_single_octets),
		cmocka_unit_test(limits_handshakes),
		cmocka_unit_test(limits_handshakes_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
