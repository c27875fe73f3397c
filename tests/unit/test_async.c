/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that take a while: a worker on loopback with a service that gives its exchanges away to
 * a second thread, which posts them home late and in another order. No test waits for time to
 * pass; what must have happened is read from the sockets or asked of the threads.
 */
#include "tests/unit/async_world.h"

static void answers_later(void **state)
{
	(void)state;
	start();
	int fd = open_client(SOCK_STREAM);
	ask(fd, 1, "h-first");
	wait_seen(1);
	assert_int_equal(helper.last_conn >> 48, 3); /* the worker's number */
	ask(fd, 2, "n-second");
	ask(fd, 3, "a-third");
	struct answer a[2];
	assert_true(get_answer(fd, &a[0]) && get_answer(fd, &a[1]));
	assert_int_equal(a[0].id, 2);
	assert_int_equal(a[1].id, 3);
	let_go();
	expect(fd, 1, "h-first");
	close(fd);
	stop();
}

static void answers_datagrams_later(void **state)
{
	(void)state;
	start();
	int fd[3];
	const char *texts[] = {"h-one", "h-two", "h-three"};
	for (uint32_t i = 0; i < COUNT(fd); i++) {
		fd[i] = open_client(SOCK_DGRAM);
		ask(fd[i], 10 + i, texts[i]);
	}
	wait_seen(COUNT(fd));
	assert_int_equal(helper.last_conn, 0);
	let_go();
	for (uint32_t i = 0; i < COUNT(fd); i++) {
		expect_datagram(fd[i], 10 + i, texts[i]);
		close(fd[i]);
	}
	stop();
}

/* Many messages need a stream: by UDP the answer is the stub that says so. */
static void sends_a_stub_for_many(void **state)
{
	(void)state;
	start();
	int fd = open_client(SOCK_DGRAM);
	uint8_t buf[2048];
	ask(fd, 9, "many");
	ssize_t n = recv(fd, buf, sizeof buf, 0);
	assert_int_equal(n, HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE);
	close(fd);
	stop();
	assert_int_equal(helper.resumed, 0);
}

/* A peer that says it has no more questions still waits for its answers. */
static void answers_a_half_closed_peer(void **state)
{
	(void)state;
	start();
	int fd = open_client(SOCK_STREAM);
	ask(fd, 1, "h-one");
	ask(fd, 2, "a-two");
	shutdown(fd, SHUT_WR);
	expect(fd, 2, "a-two");
	check_alive();
	let_go();
	expect(fd, 1, "h-one");
	expect_end(fd);
	stop();
}

/* Peers that are gone before their answers come home; the worker frees what they had. */
static void outlives_peers(void **state)
{
	(void)state;
	start();
	for (uint32_t i = 0; i < 20; i++) {
		int fd = open_client(SOCK_STREAM);
		ask(fd, 1, "h-one");
		ask(fd, 2, "h-two");
		wait_seen(2 * i + 2);
		/* Half of them with a reset. */
		struct linger hard = {.l_onoff = 1};
		if (i % 2)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
		close(fd);
	}
	check_alive();
	let_go();
	check_alive();
	stop();
}

static void stops_reading_at_the_limit(void **state)
{
	(void)state;
	enum { ALL = 200, LIMIT = 64 };
	start();
	int fd = open_client(SOCK_STREAM);
	for (uint32_t i = 0; i < ALL; i++)
		ask(fd, i, i % 3 ? "h-held" : "a-passed");
	/* Those that are answered make room for others. */
	bool got[ALL] = {false};
	wait_held(LIMIT);
	check_alive();
	assert_int_equal(wait_held(LIMIT), LIMIT);
	let_go();
	for (uint32_t i = 0; i < ALL; i++) {
		struct answer a;
		assert_true(get_answer(fd, &a));
		assert_true(a.id < ALL && !got[a.id]);
		assert_string_equal(a.text, a.id % 3 ? "h-held" : "a-passed");
		got[a.id] = true;
	}
	close(fd);
	stop();
}

static void sends_many_messages(void **state)
{
	(void)state;
	start();
	int fd = open_client(SOCK_STREAM);
	ask(fd, 1, "many");
	wait_seen(1);
	/* A question in between is not kept waiting by the peer's slow reading of the first. */
	ask(fd, 2, "n-between");
	uint32_t parts = 0, others = 0;
	while (parts < PARTS || others < 1) {
		struct answer a;
		assert_true(get_answer(fd, &a));
		if (a.id == 2) {
			assert_string_equal(a.text, "n-between");
			others++;
			continue;
		}
		assert_int_equal(a.text_n, PART_SIZE);
		assert_int_equal(a.text[0], 'a' + (int)(parts % 26));
		parts++;
		assert_int_equal((a.flags & HLV_F_CONTINUOUS) != 0, parts < PARTS);
	}
	close(fd);
	stop();
	assert_int_equal(helper.resumed, PARTS - 1);
}

/* Who does not read is not sent more and more, and who leaves ends what waits for him. */
static void waits_for_the_reader(void **state)
{
	(void)state;
	start();
	int fd[8];
	for (size_t i = 0; i < COUNT(fd); i++) {
		fd[i] = open_client(SOCK_STREAM);
		for (uint32_t k = 0; k < 60; k++)
			ask(fd[i], k, "many");
	}
	wait_seen(COUNT(fd) * 60);
	check_alive();
	for (size_t i = 0; i < COUNT(fd) / 2; i++)
		close(fd[i]);
	check_alive();
	stop(); /* the other half is there still, and owed a lot */
	assert_true(helper.resumed < COUNT(fd) * 60 * (PARTS - 1));
	for (size_t i = COUNT(fd) / 2; i < COUNT(fd); i++)
		close(fd[i]);
}

static void stops_with_exchanges_away(void **state)
{
	(void)state;
	start();
	int tcp = open_client(SOCK_STREAM), udp = open_client(SOCK_DGRAM);
	for (uint32_t i = 0; i < 10; i++) {
		ask(tcp, i, "h-held");
		ask(udp, i, "h-held");
	}
	wait_seen(20);
	stop();
	for (uint32_t i = 0; i < 10; i++) {
		struct answer a;
		assert_true(get_answer(tcp, &a));
		assert_string_equal(a.text, "h-held");
	}
	expect_end(tcp);
	uint8_t buf[512];
	for (uint32_t i = 0; i < 10; i++)
		assert_true(recv(udp, buf, sizeof buf, 0) > 0);
	close(udp);
}

/* threats.md 3: nothing of an answer that cannot be protected is said in clear. */
static void says_nothing_unprotected(void **state)
{
	(void)state;
	start();
	int tcp = open_client(SOCK_STREAM), udp = open_client(SOCK_DGRAM);
	ask(tcp, 1, "bare");
	expect_end(tcp);
	ask(udp, 2, "bare");
	ask(udp, 3, "n-next");
	expect_datagram(udp, 3, "n-next");
	close(udp);
	stop();
}

static void keeps_logins(void **state)
{
	(void)state;
	start();
	int fd = open_client(SOCK_STREAM);
	char text[32], former[32];
	/* A connection that nobody logged in on; then each login sees the one before it. */
	ask_as(fd, 1, "l-zero", 10001);
	expect(fd, 1, "l-zero");
	snprintf(former, sizeof former, "-zero");
	for (uint32_t i = 2; i < 40; i++) {
		snprintf(text, sizeof text, "l-%u", i);
		ask_as(fd, i, text, 10001);
		expect(fd, i, former);
		snprintf(former, sizeof former, "-%u", i);
	}
	/* The newest of a session takes the place of the one before it, and no other's. */
	ask_as(fd, 40, "l-quiet", 777);
	expect(fd, 40, "l-quiet");
	for (uint32_t i = 0; i < 10; i++) {
		ask_as(fd, 41, "l-39", 10001);
		expect(fd, 41, former);
	}
	ask_as(fd, 42, "l-quiet", 777);
	expect(fd, 42, "-quiet");
	/* Eight more sessions push them out. */
	for (uint32_t i = 0; i < 8; i++) {
		ask_as(fd, i, "l-other", 20001 + i);
		expect(fd, i, "l-other");
	}
	ask_as(fd, 50, "l-again", 20003);
	expect(fd, 50, "-other");
	ask_as(fd, 51, "l-late", 10001);
	expect(fd, 51, "l-late");
	/* Another connection knows nothing of them. */
	int other = open_client(SOCK_STREAM);
	ask_as(other, 52, "l-else", 20003);
	expect(other, 52, "l-else");
	/* All at once: each sees what was there when it came. */
	for (uint32_t i = 0; i < 200; i++)
		ask_as(fd, 100 + i, "l-crowd", 30000 + i % 20);
	for (uint32_t i = 0; i < 200; i++) {
		struct answer a;
		assert_true(get_answer(fd, &a));
		assert_true(strcmp(a.text, "l-crowd") == 0 || strcmp(a.text, "-crowd") == 0);
	}
	/* And a login that comes home to nobody. */
	ask_as(other, 53, "l-gone", 20003);
	close(other);
	close(fd);
	check_alive();
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_later),
		cmocka_unit_test(answers_datagrams_later),
		cmocka_unit_test(sends_a_stub_for_many),
		cmocka_unit_test(answers_a_half_closed_peer),
		cmocka_unit_test(outlives_peers),
		cmocka_unit_test(stops_reading_at_the_limit),
		cmocka_unit_test(sends_many_messages),
		cmocka_unit_test(waits_for_the_reader),
		cmocka_unit_test(stops_with_exchanges_away),
		cmocka_unit_test(says_nothing_unprotected),
		cmocka_unit_test(keeps_logins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
