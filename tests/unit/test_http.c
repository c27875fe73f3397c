/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP on real sockets, with handlers that answer now, later, in pieces, or while another connection
 * is at its work; and peers that go away at any of these moments. Without a service: the routes are
 * this file's own. Run with a sanitizer it also finds what lives too long or too short.
 */
#include "tests/unit/http_world.h"

/* --- order --- */

static void test_pipelined(void **state)
{
	(void)state;
	say(0, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPUT /2 HTTP/1.1\r\nHost: "
	       "a\r\nContent-Length: 2\r\n\r\n"
	       "xyGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
	check_heard(0, "[/1=][/2=xy][/3=]");
}

static void test_later_ones_wait(void **state)
{
	(void)state;
	say(0, "GET /keep HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	check_heard(0, "");
	get(1, "/answer");
	check_heard(1, "[done]");
	check_heard(0, "[late][/2=]");
}

static void test_answered_from_outside_any_event(void **state)
{
	(void)state;
	get(0, "/keep");
	answer_kept(NULL);
	turn();
	check_heard(0, "[late]");
	get(0, "/2");
	check_heard(0, "[/2=]");
}

static void test_head_has_no_body(void **state)
{
	(void)state;
	say(0, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_non_null(memmem(t.said[0].p, t.said[0].n, "Content-Length: 3\r\n", 19));
	assert_memory_equal(t.said[0].p + t.said[0].n - 4, "\r\n\r\n", 4);
	hlv_buf_clear(&t.said[0]);
	say(0, "HEAD /begin HTTP/1.1\r\nHost: a\r\n\r\n");
	http_put(t.kept[0], hlv_text("more"));
	http_end(t.kept[0]);
	turn();
	assert_memory_equal(t.said[0].p + t.said[0].n - 4, "\r\n\r\n", 4);
	assert_null(memmem(t.said[0].p, t.said[0].n, "begun", 5));
}

static bool was_said(const char *text)
{
	return memmem(t.said[0].p, t.said[0].n, text, strlen(text));
}

static void test_busy_is_not_for_long(void **state)
{
	(void)state;
	say(0, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_false(was_said("Retry-After"));
	say(0, "GET /busy HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(was_said("\r\nRetry-After: 2\r\n"));
	hlv_buf_clear(&t.said[0]);
	say(0, "GET /busy?seven77 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(was_said("\r\nRetry-After: 7\r\n"));
}

static void test_old_peers(void **state)
{
	(void)state;
	say(0, "GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n");
	check_heard(0, "[/1=]!");
	say(1, "GET /big HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_null(memmem(t.said[1].p, t.said[1].n, "chunked", 7));
	assert_true(t.closed[1]);
	assert_true(t.said[1].n > BIG);
}

/* --- the peer goes away --- */

static void test_gone_before_the_answer(void **state)
{
	(void)state;
	get(0, "/keep");
	go_away(0);
	turn();
	get(1, "/answer");
	check_heard(1, "[done]");
}

static void test_evicted_before_the_answer(void **state)
{
	(void)state;
	get(0, "/keep");
	conn_end(t.kept[0]->conn);
	assert_true(t.kept[0]->gone);
	answer_kept(NULL);
}

static void test_gone_while_the_answer_is_mail(void **state)
{
	(void)state;
	get(0, "/keep");
	struct conn *c = t.kept[0]->conn;
	say_only(1, "GET /answer HTTP/1.1\r\nHost: a\r\n\r\n");
	/* The call is answered in the other's event, and before its mail is opened its connection ends. */
	event_del(mail_event);
	turn();
	conn_end(c);
	event_add(mail_event, NULL);
	turn();
	check_heard(0, "!");
}

static void test_gone_in_a_streamed_answer(void **state)
{
	(void)state;
	say_only(0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	turn_deaf(0);
	assert_true(t.left > 0);
	go_away(0);
	turn();
	assert_int_equal(t.left, 0);
}

static void test_gone_while_streaming_in_mail(void **state)
{
	(void)state;
	get(0, "/begin");
	struct http_call *call = t.kept[0];
	conn_end(call->conn);
	assert_true(call->gone);
	assert_int_equal(t.rooms, 0); /* nobody waited for any */
	assert_true(http_put(call, hlv_text("more")));
	http_end(call);
}

static void test_gone_in_a_body(void **state)
{
	(void)state;
	say(0, "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	shutdown(t.peer[0], SHUT_WR);
	turn();
	check_heard(0, "!");
	say(1, "PUT /feed HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	go_away(1);
	turn();
	assert_int_equal(t.lasts, 1);
	assert_true(t.given_up);
}

static void test_answers_before_half_a_body_are_said(void **state)
{
	(void)state;
	say_only(0, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPUT /x HTTP/1.1\r\nHost: "
		    "a\r\nContent-Length: 9\r\n\r\n");
	shutdown(t.peer[0], SHUT_WR);
	turn();
	check_heard(0, "[/1=]!");
}

static void test_gone_while_held(void **state)
{
	(void)state;
	say(0, "PUT /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	assert_int_equal(t.nkept, 1);
	conn_end(t.kept[0]->conn);
	assert_int_equal(t.lasts, 0); /* not while it is held */
	feed_more(NULL);
	assert_int_equal(t.lasts, 0); /* nor in http_feed_more() */
	turn();
	assert_int_equal(t.lasts, 1);
	assert_true(t.given_up);
}

/* --- bodies --- */

static void test_fed(void **state)
{
	(void)state;
	say(0,
	    "PUT /feed HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
	say(0, "1\r\nc\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(t.lasts, 1);
	assert_false(t.given_up);
	assert_string_equal(t.fed.p, "abc");
	check_heard(0, "[fed][/2=]");
	get(0, "/feed");
	assert_int_equal(t.lasts, 2);
	check_heard(0, "[fed]");
}

static void test_held(void **state)
{
	(void)state;
	say(0, "PUT /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
	say(0, "def");
	assert_string_equal(t.fed.p, "abc"); /* more is not even read */
	get(1, "/more");		     /* in another connection's event */
	check_heard(1, "[done]");
	assert_string_equal(t.fed.p, "abcdef");
	assert_int_equal(t.lasts, 1);
	check_heard(0, "[fed]");
}

static void test_held_and_fed_from_outside(void **state)
{
	(void)state;
	say(0, "PUT /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	feed_more(NULL);
	say(0, "def");
	feed_more(NULL);
	say(0, "ghi");
	assert_int_equal(t.lasts, 1);
	check_heard(0, "[fed]");
}

static void test_broken_body(void **state)
{
	(void)state;
	say(0, "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"
	       "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	check_heard(0, "[400]!");
	say(1, "PUT /feed HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naX");
	check_heard(1, "!");
	assert_int_equal(t.lasts, 1);
	assert_true(t.given_up);
}

static void test_body_that_nobody_reads(void **state)
{
	(void)state;
	say(0, "PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabcdefghiGET /2 "
	       "HTTP/1.1\r\n"
	       "Host: a\r\n\r\n");
	check_heard(0, "[/early=]!");
	say(1, "PUT /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	answer_kept(NULL);
	turn();
	check_heard(1, "[late]!");
}

static void test_too_long(void **state)
{
	(void)state;
	say(0, "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 262145\r\n\r\nGET / "
	       "HTTP/1.1\r\nHost: a\r\n\r\n");
	check_heard(0, "[413]!");
}

static void test_expectations(void **state)
{
	(void)state;
	say(0,
	    "PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
	assert_string_equal(t.said[0].p, "HTTP/1.1 100 Continue\r\n\r\n");
	hlv_buf_clear(&t.said[0]);
	say(0, "y");
	check_heard(0, "[/x=y]");
	say(0, "PUT /x HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\n");
	check_heard(0, "[417]!");
}

/* --- the end --- */

static void test_back_pressure(void **state)
{
	(void)state;
	say_only(0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	turn_deaf(0);
	assert_true(t.left > 0);
	assert_true(conn_unread(t.tcp->list.next) <= HLV_TCP_OUT + 3 * HTTP_PIECE);
	turn();
	assert_int_equal(t.left, 0);
	assert_true(t.rooms > 0);
	assert_true(t.said[0].n > BIG);
}

/* What cannot be said because another connection is in hand does not grow without end either. */
static void test_back_pressure_as_mail(void **state)
{
	(void)state;
	get(0, "/begin");
	struct http_call *call = t.kept[0];
	t.tcp->in_event = true;
	size_t n = 0;
	while (http_put(call, hlv_text("0123456789abcdef")))
		n += 16;
	assert_true(n <= HLV_TCP_OUT + HTTP_PIECE);
	t.tcp->in_event = false;
	turn();
	assert_int_equal(t.rooms, 1);
	http_end(call);
	turn();
	assert_true(t.said[0].n > n);
}

static void stop(void)
{
	t.front.stopping = true;
	hlv_tcp_stop(t.tcp);
}

static void test_stop(void **state)
{
	(void)state;
	get(0, "/keep");
	say(1, "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	say(2, "PUT /feed HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	stop();
	turn();
	assert_true(t.closed[1] && t.closed[2]);
	assert_true(t.given_up);
	assert_int_equal(t.front.inflight, 1); /* the kept one, which is still answered */
	answer_kept(NULL);
	turn();
	check_heard(0, "[late]!");
	assert_int_equal(t.front.inflight, 0);
}

static void test_stop_in_a_streamed_answer(void **state)
{
	(void)state;
	say_only(0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	turn_deaf(0);
	get(1, "/begin");
	stop();
	assert_int_equal(t.left, 0);
	assert_true(t.kept[0]->gone);
	http_end(t.kept[0]);
	assert_int_equal(t.front.inflight, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_pipelined),
		T(test_later_ones_wait),
		T(test_answered_from_outside_any_event),
		T(test_head_has_no_body),
		T(test_busy_is_not_for_long),
		T(test_old_peers),
		T(test_gone_before_the_answer),
		T(test_evicted_before_the_answer),
		T(test_gone_while_the_answer_is_mail),
		T(test_gone_in_a_streamed_answer),
		T(test_gone_while_streaming_in_mail),
		T(test_gone_in_a_body),
		T(test_answers_before_half_a_body_are_said),
		T(test_gone_while_held),
		T(test_fed),
		T(test_held),
		T(test_held_and_fed_from_outside),
		T(test_broken_body),
		T(test_body_that_nobody_reads),
		T(test_too_long),
		T(test_expectations),
		T(test_back_pressure),
		T(test_back_pressure_as_mail),
		T(test_stop),
		T(test_stop_in_a_streamed_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
