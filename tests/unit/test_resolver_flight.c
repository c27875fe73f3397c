/* SPDX-License-Identifier: Apache-2.0
 *
 * One question in flight: what is sent to whom when, and which of the octets that come are taken.
 * Time passes as the test says.
 */
#include "tests/unit/flight_world.h"

static void test_answer(void **state)
{
	(void)state;
	struct world w = {0};
	begin(&w, BOTH, 1);
	check_u64("waits", step(&w), FLIGHT_WAIT);
	check_u64("sockets", w.nsocks, 1);
	check_u64("way", w.socks[0].way, FLIGHT_UDP);
	assert_true(w.ids[0] < 0x80000000);
	pass(&w, 10);
	struct hlv_bytes good = reply(&w, 0, GOOD, 20);
	feed(&w, 0, good);
	check_answer(&w, "answer", 0, good);
	check_u64("packets left", w.budget.packets, BUDGET_PACKETS - 1);
	check_u64("octets left", w.budget.octets, BUDGET_OCTETS - good.n);
	check_u64("known", selector_wait_ms(w.selector, &BOTH[0].udp), 50);
	check_nothing_under_way(&w);
	end(&w);
}

/* R4: what does not match is waited out; a good one still wins. */
static void test_mismatches(void **state)
{
	static const enum spoil SPOILS[] = {WRONG_ID, WRONG_NAME, WRONG_OP, WRONG_DIGEST,
					    A_REQUEST};
	(void)state;
	for (size_t i = 0; i < COUNT(SPOILS); i++) {
		struct world w = {0};
		begin(&w, BOTH, 1);
		step(&w);
		feed(&w, 0, reply(&w, 0, SPOILS[i], 20));
		feed(&w, 0, reply(&w, 0, SPOILS[i], 20));
		if (step(&w) != FLIGHT_WAIT || w.nclosed)
			fail_msg("spoil %d was not waited out", SPOILS[i]);
		check_u64("counted", flight_mismatches(w.f), 2);
		struct hlv_bytes good = reply(&w, 0, GOOD, 20);
		feed(&w, 0, good);
		check_answer(&w, "after two", 0, good);
		end(&w);

		/* Three: by TCP, and what comes by UDP is of no use any more. */
		w = (struct world){0};
		begin(&w, BOTH, 1);
		step(&w);
		for (int k = 0; k < 3; k++)
			feed(&w, 0, reply(&w, 0, SPOILS[i], 20));
		check_u64("by TCP", step(&w), FLIGHT_WAIT);
		check_u64("sockets", w.nsocks, 2);
		check_u64("way", w.socks[1].way, FLIGHT_TCP);
		assert_true(w.closed[0]);
		assert_int_not_equal(w.ids[0], w.ids[1]);
		feed(&w, 0, reply(&w, 0, GOOD, 20));
		check_u64("UDP is over", step(&w), FLIGHT_WAIT);
		good = reply(&w, 1, GOOD, 20);
		feed(&w, 1, good);
		check_answer(&w, "by TCP", 1, good);
		end(&w);
	}
}

static void test_no_digest_is_let_pass(void **state)
{
	(void)state;
	struct world w = {0};
	begin(&w, BOTH, 1);
	step(&w);
	struct hlv_bytes good = reply(&w, 0, NO_DIGEST, 20);
	feed(&w, 0, good);
	check_answer(&w, "no digest", 0, good);
	end(&w);
}

/* Parts of one answer in any order, doubled, with strangers between them. */
static void test_parts(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 50; seed++) {
		struct world w = {0};
		struct hlv_rand rand;
		begin(&w, BOTH, 1);
		step(&w);
		hlv_rand_seed(&rand, seed);
		struct hlv_bytes good = reply(&w, 0, GOOD, 3000);
		uint32_t n = hlv_packet_count((uint32_t)good.n - HLV_ENVELOPE_SIZE);
		uint8_t order[32];
		for (uint32_t i = 0; i < n; i++) {
			uint64_t at = hlv_rand_below(&rand, i + 1);
			order[i] = order[at];
			order[at] = (uint8_t)i;
		}
		for (uint32_t i = 0; i < n; i++) {
			uint8_t packet[HLV_UDP_PACKET];
			size_t len = hlv_packet_cut(good, order[i], packet);
			check_u64("waits", step(&w), FLIGHT_WAIT);
			feed(&w, 0, hlv_bytes(packet, len));
			if (i + 1 < n)
				feed(&w, 0, hlv_bytes(packet, len));
			if (i == 1) {
				packet[8] ^= 0x40; /* another's id */
				feed(&w, 0, hlv_bytes(packet, len));
			}
		}
		hlv_store_u32((uint8_t *)(uintptr_t)good.p + 12, 0);
		check_answer(&w, "joined", 0, good);
		end(&w);
	}
}

static void test_stub_goes_by_tcp(void **state)
{
	(void)state;
	struct world w = {0};
	begin(&w, BOTH, 1);
	step(&w);
	uint8_t stub[44];
	memcpy(stub, reply(&w, 0, GOOD, 3000).p, sizeof stub);
	stub[2] |= HLV_E_TRUNCATED;
	feed(&w, 0, hlv_bytes(stub, sizeof stub));
	step(&w);
	check_u64("sockets", w.nsocks, 2);
	check_u64("way", w.socks[1].way, FLIGHT_TCP);
	/* Octet by octet. */
	struct hlv_bytes good = reply(&w, 1, GOOD, 3000);
	for (size_t i = 0; i < good.n; i++) {
		check_u64("waits", step(&w), FLIGHT_WAIT);
		feed(&w, 1, hlv_bytes(good.p + i, 1));
	}
	check_answer(&w, "octet by octet", 1, good);
	end(&w);
}

static void test_tls_where_published(void **state)
{
	(void)state;
	struct world w = {0};
	struct zone_server z = BOTH[0];
	z.tls = true;
	z.key = hlv_text("a key");
	make_request(&w, 520); /* too long for a datagram */
	begin(&w, &z, 1);
	step(&w);
	check_u64("sockets", w.nsocks, 1);
	check_u64("way", w.socks[0].way, FLIGHT_TLS);
	check_text("key", w.socks[0].key, "a key");
	struct hlv_bytes good = reply(&w, 0, GOOD, 3000);
	feed(&w, 0, good);
	check_answer(&w, "TLS", 0, good);
	end(&w);
}

/* A stream may bring something else first, but not forever. */
static void test_stream_mismatches(void **state)
{
	(void)state;
	struct world w = {0};
	w.ask.stream = true;
	begin(&w, BOTH, 2);
	step(&w);
	check_u64("way", w.socks[0].way, FLIGHT_TCP);
	feed(&w, 0, reply(&w, 0, WRONG_ID, 30));
	feed(&w, 0, reply(&w, 0, WRONG_DIGEST, 30));
	check_u64("waits", step(&w), FLIGHT_WAIT);
	feed(&w, 0, reply(&w, 0, WRONG_NAME, 30));
	step(&w);
	check_u64("the next server", w.nsocks, 2);
	assert_true(w.closed[0]);
	struct hlv_bytes good = reply(&w, 1, GOOD, 30);
	feed(&w, 1, good);
	check_answer(&w, "the next server", 1, good);
	end(&w);
}

/* What only the server itself can have said and is no use: the next one at once. */
static void test_useless(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct world w = {0};
		w.ask.stream = kind > 0;
		begin(&w, BOTH, 2);
		step(&w);
		struct hlv_bytes bad = reply(&w, 0, kind < 2 ? BROKEN : GOOD, 20);
		uint8_t *p = (uint8_t *)(uintptr_t)bad.p;
		if (kind == 2) /* an announced length that no message has */
			hlv_store_u32(p + 16, HLV_MESSAGE_MAX + 1);
		if (kind == 3) { /* protocol.md 2.1 rule 6 */
			hlv_store_u32(p + 8, UINT32_MAX);
			hlv_store_u32(p + HLV_ENVELOPE_SIZE, HLV_OP_RESERVED);
			hlv_store_u32(p + HLV_ENVELOPE_SIZE + 4, HLV_RC_PROTOCOL_ERROR);
		}
		feed(&w, 0, bad);
		step(&w);
		if (w.nsocks != 2 || !w.closed[0])
			fail_msg("kind %d: no other server was asked", kind);
		struct hlv_bytes good = reply(&w, 1, GOOD, 20);
		feed(&w, 1, good);
		check_answer(&w, "the other", 1, good);
		end(&w);
	}
}

/* Nobody answers the first; the second is asked beside it, and either may win. */
static void test_beside(void **state)
{
	(void)state;
	for (size_t winner = 0; winner < 2; winner++) {
		struct world w = {0};
		begin(&w, BOTH, 2);
		step(&w);
		check_u64("early", pass(&w, 299), FLIGHT_WAIT);
		check_u64("one", w.nsocks, 1);
		pass(&w, 1);
		check_u64("two", w.nsocks, 2);
		assert_false(hlv_addr_eq(&w.socks[0].addr, &w.socks[1].addr));
		pass(&w, 5);
		struct hlv_bytes good = reply(&w, winner, GOOD, 20);
		feed(&w, winner, good);
		check_answer(&w, "either", winner, good);
		check_nothing_under_way(&w);
		/* A late one changes nothing. */
		feed(&w, 1 - winner, reply(&w, 1 - winner, GOOD, 21));
		check_u64("still", step(&w), FLIGHT_ANSWERED);
		end(&w);
	}
}

/* One server, silent: by UDP again under another id, one open at a time, then by TCP; then it ends. */
static void test_silence(void **state)
{
	(void)state;
	struct world w = {0};
	begin(&w, BOTH, 1);
	step(&w);
	size_t udp = 0, tcp = 0;
	for (int i = 0; w.last == FLIGHT_WAIT; i++) {
		size_t open_udp = 0;
		assert_true(i < 50);
		pass_on(&w);
		for (size_t k = 0; k < w.nsocks; k++)
			open_udp += w.socks[k].way == FLIGHT_UDP && !w.closed[k];
		assert_true(open_udp <= 1);
	}
	for (size_t k = 0; k < w.nsocks; k++) {
		*(w.socks[k].way == FLIGHT_UDP ? &udp : &tcp) += 1;
		assert_true(w.closed[k]);
		for (size_t j = 0; j < k; j++)
			assert_int_not_equal(w.ids[k], w.ids[j]);
	}
	check_u64("failed", w.last, FLIGHT_FAILED);
	check_u64("why", flight_error(w.f), HLV_E_TIMEOUT);
	assert_true(udp >= 4 && udp <= 7);
	check_u64("by TCP", tcp, 1);
	assert_true(w.now.mono_ns <= w.budget.until_ns);
	check_nothing_under_way(&w);
	end(&w);
}

/* A slow server's answer to the try that is still open counts. */
static void test_late(void **state)
{
	(void)state;
	struct world w = {0};
	begin(&w, BOTH, 1);
	step(&w);
	while (w.socks[w.nsocks - 1].way == FLIGHT_UDP)
		pass_on(&w);
	size_t last_udp = w.nsocks - 2;
	assert_false(w.closed[last_udp]);
	struct hlv_bytes good = reply(&w, last_udp, GOOD, 20);
	feed(&w, last_udp, good);
	check_answer(&w, "late", last_udp, good);
	end(&w);
}

/* A TCP connection that opens and then says nothing, or half of it, or ends. */
static void test_half_open(void **state)
{
	(void)state;
	struct world w = {0};
	w.ask.stream = true;
	begin(&w, BOTH, 3);
	step(&w);
	feed(&w, 0, hlv_head(reply(&w, 0, GOOD, 1000), 600));
	pass_on(&w);
	check_u64("another beside it", w.nsocks, 2);
	flight_gone(w.f, w.socks[1].sock, HLV_E_IO, w.now);
	step(&w);
	check_u64("another at once", w.nsocks, 3);
	/* The slow one gets there after all. */
	struct hlv_bytes good = reply(&w, 0, GOOD, 1000);
	feed(&w, 0, hlv_skip(good, 600));
	w.closed[1] = true; /* it had gone */
	check_answer(&w, "slow", 0, good);
	check_nothing_under_way(&w);
	end(&w);
}

static void test_refused(void **state)
{
	(void)state;
	struct world w = {0};
	begin(&w, BOTH, 1);
	step(&w);
	flight_gone(w.f, w.socks[0].sock, HLV_E_IO, w.now);
	step(&w);
	check_u64("by TCP at once", w.nsocks, 2);
	flight_gone(w.f, w.socks[1].sock, HLV_E_IO, w.now);
	check_u64("failed", step(&w), FLIGHT_FAILED);
	check_u64("why", flight_error(w.f), HLV_E_IO);
	check_u64("nothing to close", w.nclosed, 0);
	check_nothing_under_way(&w);
	end(&w);
}

static void count_silent(void *ctx, const struct selector_entry *e)
{
	*(uint32_t *)ctx += e->silent;
}

/* We have no descriptor to spare, for longer than any server may be silent: it costs the server
 * nothing, nor the walk, and when there is one again the question is asked. */
static void test_no_socket(void **state)
{
	(void)state;
	for (int stream = 0; stream < 2; stream++) {
		struct world w = {.ask.stream = stream};
		uint32_t silent = 0;
		begin(&w, BOTH, 1);
		uint32_t packets = w.budget.packets;
		for (int i = 0; i < 20; i++) {
			step(&w);
			flight_gone(w.f, 0, HLV_E_LIMIT, w.now);
			check_u64("not at once", step(&w), FLIGHT_WAIT);
			check_u64("tries", w.nsocks, (uint32_t)i + 1);
			check_nothing_under_way(&w);
			w.now.mono_ns = flight_deadline(w.f);
		}
		selector_each(w.selector, count_silent, &silent);
		check_u64("silent", silent, 0);
		check_u64("packets", w.budget.packets, packets);
		step(&w);
		flight_feed(w.f, 0, reply(&w, w.nsocks - 1, GOOD, 0), w.now);
		check_u64("answered", step(&w), FLIGHT_ANSWERED);
		end(&w);
	}
}

static void test_budget(void **state)
{
	(void)state;
	struct world w = {0};
	begin(&w, BOTH, 3);
	w.budget.packets = 2;
	step(&w);
	while (w.last == FLIGHT_WAIT)
		pass_on(&w);
	check_u64("sent", w.nsocks, 2);
	check_u64("why", flight_error(w.f), HLV_E_LIMIT);
	end(&w);

	w = (struct world){0};
	begin(&w, BOTH, 1);
	w.budget.octets = 100;
	step(&w);
	feed(&w, 0, reply(&w, 0, GOOD, 200));
	check_u64("octets", step(&w), FLIGHT_FAILED);
	check_u64("why", flight_error(w.f), HLV_E_LIMIT);
	end(&w);

	w = (struct world){0};
	begin(&w, BOTH, 3);
	w.budget.until_ns = w.now.mono_ns + 400 * MS;
	step(&w);
	while (w.last == FLIGHT_WAIT)
		pass_on(&w);
	check_u64("time", w.now.mono_ns, w.budget.until_ns);
	check_u64("why", flight_error(w.f), HLV_E_TIMEOUT);
	end(&w);
}

/* Another walk pays from now on, and its time counts. */
static void test_charge(void **state)
{
	(void)state;
	struct world w = {0};
	struct budget other;
	begin(&w, BOTH, 3);
	step(&w);
	other = w.budget;
	w.budget.until_ns = w.now.mono_ns + 100 * MS;
	flight_charge(w.f, &other);
	pass(&w, 300);
	check_u64("second", w.nsocks, 2);
	check_u64("whose", other.packets, w.budget.packets - 1);
	end(&w);
}

/* A dead server is probed, and nobody waits for it; all dead: no packet within a second of the last. */
static void test_dead(void **state)
{
	(void)state;
	struct world w = {0};
	begin(&w, BOTH, 2);
	for (uint64_t i = 0; i < 4; i++)
		selector_silent(w.selector, &BOTH[0].udp, i, (struct hlv_now){.mono_ns = i});
	w.now.mono_ns += 100000 * MS;
	budget_start(&w.budget, w.now);
	flight_free(w.f);
	w.f = flight_new(&w.ask, w.selector, &w.budget, 9, w.now);
	step(&w);
	check_u64("both at once", w.nsocks, 2);
	assert_true(hlv_addr_eq(&w.socks[0].addr, &BOTH[0].udp));
	flight_free(w.f);

	w.ask.nservers = 1;
	w.nsocks = w.nclosed = 0;
	w.f = flight_new(&w.ask, w.selector, &w.budget, 10, w.now);
	check_u64("rests", step(&w), FLIGHT_FAILED);
	check_u64("why", flight_error(w.f), HLV_E_TIMEOUT);
	check_u64("nothing sent", w.nsocks, 0);
	end(&w);
}

/* Too much under way there: it waits for its turn. */
static void test_full(void **state)
{
	(void)state;
	struct world w = {0};
	begin(&w, BOTH, 1);
	for (int i = 0; i < SELECT_INFLIGHT_MAX; i++)
		(void)selector_begin(w.selector, &BOTH[0].udp, SELECT_FIRST, w.now);
	check_u64("waits", step(&w), FLIGHT_WAIT);
	check_u64("nothing sent", w.nsocks, 0);
	pass(&w, 60);
	check_u64("still not", w.nsocks, 0);
	selector_ended(w.selector, &BOTH[0].udp);
	pass(&w, 60);
	check_u64("now", w.nsocks, 1);
	end(&w);
}

/* Whatever arrives: no crash, no answer that is not the answer, and an end. */
static void test_noise(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 2000; seed++) {
		struct world w = {0};
		struct hlv_rand rand;
		hlv_rand_seed(&rand, seed);
		w.ask.stream = seed % 2;
		begin(&w, BOTH, 1 + seed % 3);
		step(&w);
		for (int i = 0; i < 200 && w.last == FLIGHT_WAIT; i++) {
			size_t at = hlv_rand_below(&rand, w.nsocks);
			struct hlv_bytes octets =
				reply(&w, at, GOOD, hlv_rand_below(&rand, 900));
			uint8_t *p = (uint8_t *)(uintptr_t)octets.p;
			for (int k = 0; k < 3; k++)
				p[hlv_rand_below(&rand, k ? octets.n : 44)] ^=
					(uint8_t)(1 + hlv_rand_below(&rand, 255));
			feed(&w, at, hlv_head(octets, hlv_rand_below(&rand, octets.n + 1)));
			if (hlv_rand_below(&rand, 4) == 0)
				flight_gone(w.f, w.socks[at].sock, HLV_E_IO, w.now);
			if (step(&w) == FLIGHT_WAIT)
				pass_on(&w);
		}
		assert_int_not_equal(w.last, FLIGHT_WAIT);
		assert_true(w.now.mono_ns <= w.budget.until_ns);
		check_nothing_under_way(&w);
		end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_mismatches),
		cmocka_unit_test(test_no_digest_is_let_pass),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_stub_goes_by_tcp),
		cmocka_unit_test(test_tls_where_published),
		cmocka_unit_test(test_stream_mismatches),
		cmocka_unit_test(test_useless),
		cmocka_unit_test(test_beside),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_socket),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_charge),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
