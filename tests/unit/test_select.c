/* SPDX-License-Identifier: Apache-2.0
 *
 * Which server is asked next, in a simulated minute or two: questions at an even pace, each asks as a
 * flight does: the first of the order, another beside it after the wait.
 */
#include "tests/unit/unit.h"

#include "resolver/select.h"

static const uint64_t MS = 1000000, S = 1000000000;
enum { EVENTS = 400000, SECONDS = 200 };

static struct zone_server server_at(uint32_t host)
{
	uint8_t octets[16] = {[12] = 192, [13] = 0, [14] = 2};
	octets[14] = (uint8_t)(host >> 8);
	octets[15] = (uint8_t)host;
	struct zone_server z = {0};
	hlv_addr_from_site(octets, 2641, &z.udp);
	return z;
}

static struct hlv_now at_ns(uint64_t ns)
{
	return (struct hlv_now){.mono_ns = ns, .wall_ms = ns / MS};
}

/* What happens when: a heap by time. */
struct event {
	uint64_t ns;
	enum { QUESTION, ANSWER, SILENCE } what;
	size_t question, server;
	uint64_t begun_ns;
};
struct question {
	uint64_t asked_ns, done_ns; /* 0: still open */
	uint8_t order[ZONE_TRIED_MAX];
	size_t norder, next, tries;
	unsigned answered[ZONE_TRIED_MAX]; /* tries there that ended */
};
struct world {
	struct selector *s;
	struct hlv_rand rand;
	struct zone_server servers[ZONE_TRIED_MAX];
	size_t nservers;
	uint64_t rtt_ns[ZONE_TRIED_MAX];
	uint64_t down_from[ZONE_TRIED_MAX], down_until[ZONE_TRIED_MAX];
	struct event *heap;
	size_t nheap;
	struct question *questions;
	size_t nquestions;
	uint32_t packets[ZONE_TRIED_MAX][SECONDS];
	size_t tries_max;
};

static void push(struct world *w, struct event e)
{
	assert_true(w->nheap < EVENTS);
	size_t i = w->nheap++;
	for (; i > 0 && w->heap[(i - 1) / 2].ns > e.ns; i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = e;
}

static struct event pop(struct world *w)
{
	struct event top = w->heap[0], last = w->heap[--w->nheap];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < w->nheap; i = child) {
		if (child + 1 < w->nheap && w->heap[child + 1].ns < w->heap[child].ns)
			child++;
		if (w->heap[child].ns >= last.ns)
			break;
		w->heap[i] = w->heap[child];
	}
	w->heap[i] = last;
	return top;
}

static bool is_up(const struct world *w, size_t server, uint64_t ns)
{
	return ns < w->down_from[server] || ns >= w->down_until[server];
}

/* The next server of the order, beginning again with the first: a retry then. */
static void ask_next(struct world *w, size_t number, uint64_t ns)
{
	struct question *q = &w->questions[number];
	for (size_t looks = 0; looks < q->norder && q->tries < w->tries_max; looks++) {
		size_t server = q->order[q->next % q->norder];
		enum select_try what = q->next++ < q->norder ? SELECT_FIRST : SELECT_RETRY;
		const struct hlv_addr *a = selector_address(&w->servers[server]);
		uint64_t wait_ns = selector_wait_ms(w->s, a) * MS;
		if (selector_is_dead(w->s, a))
			wait_ns = 0;
		if (selector_begin(w->s, a, what, at_ns(ns)) != SELECT_GO)
			continue;
		q->tries++;
		w->packets[server][ns / S]++;
		push(w, (struct event){ns + wait_ns, SILENCE, number, server, ns});
		if (is_up(w, server, ns))
			push(w, (struct event){ns + w->rtt_ns[server], ANSWER, number, server,
					       ns});
		return;
	}
}

static void run(struct world *w)
{
	while (w->nheap > 0) {
		struct event e = pop(w);
		struct question *q = &w->questions[e.question];
		const struct hlv_addr *a = selector_address(&w->servers[e.server]);
		switch (e.what) {
		case QUESTION:
			q->norder = selector_order(w->s, w->servers, w->nservers, &w->rand,
						   at_ns(e.ns), q->order);
			ask_next(w, e.question, e.ns);
			break;
		case ANSWER:
			q->answered[e.server]++;
			selector_answered(w->s, a, e.ns - e.begun_ns, at_ns(e.ns));
			if (!q->done_ns)
				q->done_ns = e.ns;
			break;
		case SILENCE:
			if (q->answered[e.server])
				break;
			selector_silent(w->s, a, e.begun_ns, at_ns(e.ns));
			if (!is_up(w, e.server, e.begun_ns))
				selector_ended(w->s, a);
			if (!q->done_ns)
				ask_next(w, e.question, e.ns);
			break;
		}
	}
}

static void world_init(struct world *w, size_t servers, uint64_t rtt_ms)
{
	*w = (struct world){.nservers = servers, .tries_max = 8};
	w->s = selector_new(16, 7);
	w->heap = calloc(EVENTS, sizeof *w->heap);
	w->questions = calloc(EVENTS, sizeof *w->questions);
	assert_true(w->s && w->heap && w->questions);
	hlv_rand_seed(&w->rand, 1);
	for (size_t i = 0; i < servers; i++) {
		w->servers[i] = server_at((uint32_t)i + 1);
		w->rtt_ns[i] = rtt_ms * MS + i * MS / 10;
	}
}

static void world_fini(struct world *w)
{
	selector_free(w->s);
	free(w->heap);
	free(w->questions);
}

static void ask_evenly(struct world *w, unsigned per_second, unsigned from_s, unsigned until_s)
{
	for (uint64_t i = 0; i < (uint64_t)per_second * (until_s - from_s); i++) {
		uint64_t ns = from_s * S + i * S / per_second;
		w->questions[w->nquestions].asked_ns = ns;
		push(w, (struct event){ns, QUESTION, w->nquestions++, 0, 0});
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Of 1000, the 990th. */
static uint64_t p99(struct world *w)
{
	uint64_t *took = calloc(w->nquestions, sizeof *took);
	for (size_t i = 0; i < w->nquestions; i++) {
		assert_true(w->questions[i].done_ns > 0);
		took[i] = w->questions[i].done_ns - w->questions[i].asked_ns;
	}
	qsort(took, w->nquestions, sizeof *took, by_size);
	uint64_t found = took[w->nquestions * 99 / 100];
	free(took);
	return found;
}

static void test_one_dead_of_three(void **state)
{
	(void)state;
	struct world w;
	world_init(&w, 3, 10);
	ask_evenly(&w, 100, 1, 61);
	run(&w);
	uint64_t healthy = p99(&w);
	world_fini(&w);

	/* From the start, and in the middle of it. */
	for (uint64_t from_s = 0; from_s <= 20; from_s += 20) {
		world_init(&w, 3, 10);
		w.down_from[1] = from_s * S;
		w.down_until[1] = UINT64_MAX;
		ask_evenly(&w, 100, 1, 61);
		run(&w);
		uint64_t hurt = p99(&w);
		if (hurt >= 2 * healthy)
			fail_msg("dead from %llu s: p99 %llu us, healthy %llu us",
				 (unsigned long long)from_s, (unsigned long long)hurt / 1000,
				 (unsigned long long)healthy / 1000);
		world_fini(&w);
	}
}

/* threats.md 7 "Retry storm". */
static void test_down_and_back(void **state)
{
	(void)state;
	struct world w;
	world_init(&w, 1, 10);
	w.tries_max = 3;
	w.down_from[0] = 30 * S;
	w.down_until[0] = 90 * S;
	ask_evenly(&w, 200, 1, 150);
	run(&w);
	uint32_t most = 0, during = 0;
	for (size_t second = 2; second < 150; second++) {
		if (w.packets[0][second] > most)
			most = w.packets[0][second];
		if (second >= 35 && second < 90)
			during += w.packets[0][second];
	}
	if (most > 300)
		fail_msg("%u packets in one second, 200 are usual", most);
	if (during > 55)
		fail_msg("%u packets in 55 seconds to a dead server", during);
	/* And soon after it is back all is as before. */
	check_u64("the second after", w.packets[0][92], 200);
	world_fini(&w);
}

static void test_retries_are_a_tenth(void **state)
{
	(void)state;
	struct selector *s = selector_new(4, 1);
	struct zone_server z = server_at(1);
	unsigned first = 0, retries = 0;
	for (unsigned i = 0; i < 2000; i++) {
		struct hlv_now now = at_ns(20 * S + i * MS); /* two seconds: one window */
		first += selector_begin(s, &z.udp, SELECT_FIRST, now) == SELECT_GO;
		selector_ended(s, &z.udp);
		enum select_verdict v = selector_begin(s, &z.udp, SELECT_RETRY, now);
		retries += v == SELECT_GO;
		assert_true(v == SELECT_GO || v == SELECT_NO_RETRY);
		if (v == SELECT_GO)
			selector_ended(s, &z.udp);
	}
	check_u64("first tries", first, 2000);
	check_u64("retries", retries, 2000 / SELECT_RETRY_SHARE + SELECT_RETRY_FREE);
	check_u64("none is left", selector_begin(s, &z.udp, SELECT_RETRY, at_ns(22 * S)),
		  SELECT_NO_RETRY);
	/* Each answer earns one: the line loses, the server is not down. */
	selector_answered(s, &z.udp, MS, at_ns(22 * S));
	check_u64("earned", selector_begin(s, &z.udp, SELECT_RETRY, at_ns(22 * S)), SELECT_GO);
	check_u64("spent", selector_begin(s, &z.udp, SELECT_RETRY, at_ns(22 * S)),
		  SELECT_NO_RETRY);
	/* The next window begins with a few. */
	check_u64("next window", selector_begin(s, &z.udp, SELECT_RETRY, at_ns(31 * S)),
		  SELECT_GO);
	/* Answers earn no more than that beforehand. */
	for (unsigned i = 0; i < 10 * SELECT_RETRY_SAVED; i++)
		selector_answered(s, &z.udp, MS, at_ns(31 * S));
	for (retries = 0; selector_begin(s, &z.udp, SELECT_RETRY, at_ns(31 * S)) == SELECT_GO;)
		retries++;
	check_u64("saved", retries, SELECT_RETRY_SAVED);
	selector_free(s);
}

static void test_under_way(void **state)
{
	(void)state;
	struct selector *s = selector_new(4, 1);
	struct zone_server z = server_at(1);
	for (unsigned i = 0; i < SELECT_INFLIGHT_MAX; i++)
		check_u64("room", selector_begin(s, &z.udp, SELECT_FIRST, at_ns(S)), SELECT_GO);
	check_u64("full", selector_begin(s, &z.udp, SELECT_FIRST, at_ns(S)), SELECT_FULL);
	selector_ended(s, &z.udp);
	check_u64("one ended", selector_begin(s, &z.udp, SELECT_FIRST, at_ns(S)), SELECT_GO);
	selector_answered(s, &z.udp, MS, at_ns(S));
	check_u64("one answered", selector_begin(s, &z.udp, SELECT_FIRST, at_ns(S)), SELECT_GO);
	selector_free(s);
}

static void test_waits(void **state)
{
	(void)state;
	struct selector *s = selector_new(4, 1);
	struct zone_server z = server_at(1);
	check_u64("unknown", selector_wait_ms(s, &z.udp), 300);
	selector_answered(s, &z.udp, 1 * MS, at_ns(S));
	check_u64("near", selector_wait_ms(s, &z.udp), 50);
	selector_answered(s, &z.udp, 3000 * MS, at_ns(S));
	check_u64("far", selector_wait_ms(s, &z.udp), 1000);
	for (int i = 0; i < 200; i++)
		selector_answered(s, &z.udp, 80 * MS, at_ns(S));
	uint32_t settled = selector_wait_ms(s, &z.udp);
	if (settled < 80 || settled > 84)
		fail_msg("80 ms for long: waits %u ms", settled);
	selector_silent(s, &z.udp, 2 * S, at_ns(2 * S));
	check_u64("silent once", selector_wait_ms(s, &z.udp), 2 * settled);
	selector_answered(s, &z.udp, 80 * MS, at_ns(S));
	assert_true(selector_wait_ms(s, &z.udp) <= 84);
	selector_free(s);
}

/* Tries side by side are one time-out; one answer wipes all. */
static void test_dead(void **state)
{
	(void)state;
	struct selector *s = selector_new(4, 1);
	struct zone_server z = server_at(1);
	for (int i = 0; i < 50; i++)
		selector_silent(s, &z.udp, 1 * S, at_ns(2 * S + (uint64_t)i));
	assert_false(selector_is_dead(s, &z.udp));
	selector_silent(s, &z.udp, 3 * S, at_ns(4 * S));
	selector_silent(s, &z.udp, 5 * S, at_ns(6 * S));
	assert_false(selector_is_dead(s, &z.udp));
	selector_silent(s, &z.udp, 7 * S, at_ns(8 * S));
	assert_true(selector_is_dead(s, &z.udp));
	check_u64("probe", selector_begin(s, &z.udp, SELECT_FIRST, at_ns(9 * S)), SELECT_GO);
	check_u64("a second one", selector_begin(s, &z.udp, SELECT_FIRST, at_ns(9 * S + MS)),
		  SELECT_DEAD);
	selector_answered(s, &z.udp, MS, at_ns(9 * S + 2 * MS));
	assert_false(selector_is_dead(s, &z.udp));
	selector_free(s);
}

/* Equals share, and one in twenty looks elsewhere. */
static void test_order(void **state)
{
	(void)state;
	struct selector *s = selector_new(8, 1);
	struct hlv_rand rand;
	hlv_rand_seed(&rand, 3);
	struct zone_server z[3] = {server_at(1), server_at(2), server_at(3)};
	unsigned first[3] = {0};
	uint8_t order[ZONE_TRIED_MAX];
	for (int i = 0; i < 3; i++)
		selector_answered(s, &z[i].udp, 10 * MS + (uint64_t)i * MS / 10, at_ns(S));
	for (int i = 0; i < 3000; i++) {
		check_u64("all", selector_order(s, z, 3, &rand, at_ns(S), order), 3);
		first[order[0]]++;
	}
	for (int i = 0; i < 3; i++)
		if (first[i] < 700)
			fail_msg("of 3000 equals %d was asked %u times", i, first[i]);
	for (int k = 0; k < 100; k++) {
		selector_answered(s, &z[1].udp, 100 * MS, at_ns(S));
		selector_answered(s, &z[2].udp, 200 * MS, at_ns(S));
	}
	memset(first, 0, sizeof first);
	for (int i = 0; i < 10000; i++) {
		selector_order(s, z, 3, &rand, at_ns(S), order);
		first[order[0]]++;
	}
	unsigned elsewhere = first[1] + first[2];
	if (elsewhere < 400 || elsewhere > 600 || first[1] < 150 || first[2] < 150)
		fail_msg("of 10000 went elsewhere: %u and %u", first[1], first[2]);
	selector_free(s);
}

static void test_all_dead(void **state)
{
	(void)state;
	struct selector *s = selector_new(8, 1);
	struct hlv_rand rand;
	hlv_rand_seed(&rand, 3);
	struct zone_server z[2] = {server_at(1), server_at(2)};
	uint8_t order[ZONE_TRIED_MAX];
	for (uint64_t i = 0; i < SELECT_DEAD_AFTER; i++) {
		selector_silent(s, &z[0].udp, i * S, at_ns(i * S));
		selector_silent(s, &z[1].udp, i * S, at_ns(i * S));
	}
	(void)selector_begin(s, &z[0].udp, SELECT_FIRST, at_ns(100 * S));
	check_u64("one", selector_order(s, z, 2, &rand, at_ns(100 * S), order), 1);
	check_u64("the rested one", order[0], 1);
	check_u64("none", selector_order(s, z, 0, &rand, at_ns(100 * S), order), 0);
	selector_free(s);
}

/* More addresses than there is room for: the longest unused go, those asked now stay. */
static void test_room(void **state)
{
	(void)state;
	struct selector *s = selector_new(8, 1);
	struct zone_server busy = server_at(1), hot = server_at(2);
	(void)selector_begin(s, &busy.udp, SELECT_FIRST, at_ns(S));
	selector_answered(s, &hot.udp, 700 * MS, at_ns(S));
	for (uint32_t i = 10; i < 10000; i++) {
		struct zone_server z = server_at(i);
		selector_answered(s, &z.udp, 20 * MS, at_ns(S));
		selector_answered(s, &hot.udp, 700 * MS, at_ns(S));
	}
	assert_true(selector_wait_ms(s, &hot.udp) > 600);
	for (unsigned i = 1; i < SELECT_INFLIGHT_MAX; i++)
		check_u64("busy", selector_begin(s, &busy.udp, SELECT_FIRST, at_ns(S)),
			  SELECT_GO);
	check_u64("remembered", selector_begin(s, &busy.udp, SELECT_FIRST, at_ns(S)),
		  SELECT_FULL);
	selector_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_dead_of_three),
		cmocka_unit_test(test_down_and_back),
		cmocka_unit_test(test_retries_are_a_tenth),
		cmocka_unit_test(test_under_way),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_all_dead),
		cmocka_unit_test(test_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
