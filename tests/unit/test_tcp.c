/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom the once-a-second look at the deadlines ends, on real sockets and with a speech of its own: a
 * message is a line, and is answered with itself.
 */
#include "proto/net/tcp.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/net/mailbox.h"
#include "proto/net/tcp_conn.h"
#include "tests/unit/unit.h"

enum { LINES_A_TURN = 2 };

static struct {
	struct hlv_front front;
	struct hlv_service service;
	struct hlv_limits limits;
	struct hlv_mailbox box;
	struct hlv_tcp *tcp;
	struct conn *conn;
	int peer;
	char said[256]; /* by the server; "!" at the end: it has closed */
} t;

static size_t take(struct conn *c, struct hlv_bytes b)
{
	size_t used = 0;
	for (int i = 0; used < b.n; i++) {
		const uint8_t *end = memchr(b.p + used, '\n', b.n - used);
		if (!end)
			break;
		if (i == LINES_A_TURN) {
			c->behind = true;
			break;
		}
		size_t n = (size_t)(end - b.p) + 1 - used;
		conn_put(c, hlv_bytes(b.p + used, n));
		c->requests++;
		c->keep = true;
		used += n;
	}
	return used;
}

static void cut(struct conn *c, struct hlv_bytes rest)
{
	(void)c;
	(void)rest;
}

static void room(struct conn *c)
{
	(void)c;
}

static bool drop(struct conn *c)
{
	(void)c;
	return false;
}

static const struct conn_speech lines = {
	.in_max = 4096, .take = take, .cut = cut, .room = room, .drop = drop};

static void nothing(struct hlv_service *service, struct hlv_now now)
{
	(void)service;
	(void)now;
}

static void no_end(struct hlv_service *service)
{
	(void)service;
}

/* The server's loop, until it has nothing more to do. */
static void turn(void)
{
	size_t n = strlen(t.said);
	for (int quiet = 0; quiet < 3; quiet++) {
		event_base_loop(t.front.base, EVLOOP_NONBLOCK);
		ssize_t got = recv(t.peer, t.said + n, sizeof t.said - 2 - n, MSG_DONTWAIT);
		if (got == 0) {
			t.said[n] = '!';
			return;
		}
		if (got > 0) {
			n += (size_t)got;
			quiet = 0;
		}
	}
}

static int set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof t);
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof addr;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	assert_int_equal(listen(fd, 4), 0);
	t.limits = (struct hlv_limits){.tcp_connections = 64,
				       .tcp_per_source = 64,
				       .tcp_requests = 1000,
				       .tcp_first_s = 600,
				       .tcp_message_s = 600,
				       .tcp_idle_s = 600,
				       .tcp_sdk_idle_s = 600,
				       .tcp_stall_s = 600,
				       .tcp_life_s = 6000};
	t.service = (struct hlv_service){.batch_begin = nothing, .batch_end = no_end};
	assert_int_equal(hlv_mailbox_init(&t.box), HLV_OK);
	t.front = (struct hlv_front){.base = event_base_new(),
				     .service = &t.service,
				     .limits = &t.limits,
				     .mail = &t.box};
	t.tcp = hlv_tcp_open(&t.front, fd, &lines, NULL);
	assert_non_null(t.tcp);
	t.peer = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(t.peer, (struct sockaddr *)&addr, sizeof addr), 0);
	/* A peer is connected before the server's kernel has heard of it. */
	struct pollfd come = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&come, 1, -1), 1);
	turn();
	t.conn = t.tcp->list.next;
	assert_ptr_not_equal(t.conn, &t.tcp->list);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(t.peer);
	hlv_tcp_close(t.tcp);
	event_base_free(t.front.base);
	hlv_mailbox_fini(&t.box);
	return 0;
}

/* And it is there. */
static void say(const char *text)
{
	int had, has = 0;
	assert_int_equal(ioctl(t.conn->fd, FIONREAD, &had), 0);
	assert_int_equal(send(t.peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	while (has < had + (int)strlen(text))
		assert_int_equal(ioctl(t.conn->fd, FIONREAD, &has), 0);
}

/* Its deadline is over, and that is looked at before anything else. */
static void be_late(void)
{
	t.conn->deadline_ns = 1;
	event_active(t.tcp->tick, EV_TIMEOUT, 0);
	turn();
}

static void test_silent(void **state)
{
	(void)state;
	be_late();
	assert_string_equal(t.said, "!");
}

/* Who has sent in time what we are late to read is answered. */
static void test_unheard(void **state)
{
	(void)state;
	say("one\n");
	be_late();
	assert_string_equal(t.said, "one\n");
	assert_true(t.conn->deadline_ns > 1);
	be_late();
	assert_string_equal(t.said, "one\n!");
}

/* Each deadline is another one: the peer is spared as often as we are late. */
static void test_unheard_again(void **state)
{
	(void)state;
	say("one\n");
	be_late();
	t.conn->deadline_ns = 0;
	say("two\n");
	event_active(t.tcp->tick, EV_TIMEOUT, 0);
	turn();
	assert_string_equal(t.said, "one\ntwo\n");
}

/* More messages at once than are answered at a turn. */
static void test_behind(void **state)
{
	(void)state;
	say("1\n2\n3\n4\n5\n");
	event_base_loop(t.front.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_true(t.conn->behind);
	be_late();
	assert_string_equal(t.said, "1\n2\n3\n4\n5\n");
}

/* Octets now and then move no deadline. */
static void test_dribbler(void **state)
{
	(void)state;
	say("on");
	turn();
	say("e");
	be_late();
	assert_string_equal(t.said, "");
	say(",");
	be_late();
	assert_string_equal(t.said, "!");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_silent), T(test_unheard),  T(test_unheard_again),
		T(test_behind), T(test_dribbler),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
