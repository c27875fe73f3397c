/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pending.h"

#include "tests/unit/unit.h"

static const uint8_t nonce[PENDING_NONCE] = "0123456789abcdef";
static const uint8_t digest[32] = "of the request";

struct asker {
	const char *from;
	enum hlv_transport transport;
	bool verified, trusted;
};

/* An exchange of that asker; only what the table looks at. */
static struct hlv_exchange exchange(const struct asker *a, uint32_t session_id,
				    uint32_t request_id, uint64_t second)
{
	struct hlv_exchange x = {0};
	assert_int_equal(hlv_addr_parse(a->from, 1000, &x.peer.addr), HLV_OK);
	if (a->transport == HLV_T_LOCAL)
		x.peer.addr.len = 0;
	x.peer.transport = a->transport;
	x.peer.verified = a->verified;
	x.peer.trusted = a->trusted;
	x.now.mono_ns = (1000 + second) * UINT64_C(1000000000);
	x.rq.m.env.session_id = session_id;
	x.rq.m.env.request_id = request_id;
	return x;
}

static struct pending_offer offer(uint32_t id, const char *message)
{
	return (struct pending_offer){
		.id = id,
		.version = HLV_V(2, 11),
		.digest = {HLV_DIGEST_SHA256, hlv_bytes(digest, sizeof digest)},
		.nonce = nonce,
		.message = hlv_text(message),
	};
}

/* As clients come: by TCP from an address that is real, by UDP from one that may be forged. */
#define TCP(from)                                                                              \
	{                                                                                      \
		from, HLV_T_TCP, true, false                                                   \
	}
#define UDP(from)                                                                              \
	{                                                                                      \
		from, HLV_T_UDP, false, false                                                  \
	}
static const struct asker tcp = TCP("192.0.2.1");
static const struct asker udp = UDP("192.0.2.1");

/* Each with a request id of its own, equal to the challenge's. */
static bool put(struct pending_table *t, const struct asker *a, uint32_t id, uint64_t second)
{
	struct hlv_exchange x = exchange(a, 0, id, second);
	struct pending_offer o = offer(id, "request");
	return pending_put(t, &x, &o) != NULL;
}

static const struct pending *take(struct pending_table *t, const struct asker *a, uint32_t id,
				  uint64_t second)
{
	struct hlv_exchange x = exchange(a, id, 99, second);
	return pending_take(t, &x);
}

static void test_what_was_put_is_taken(void **state)
{
	(void)state;
	struct pending_table *t = pending_new(1);
	struct hlv_exchange x = exchange(&tcp, 0, 7, 0);
	x.peer.conn = 12;
	char message[] = "the request";
	struct pending_offer o = offer(41, message);
	assert_non_null(pending_put(t, &x, &o));
	memset(message, 'x', sizeof message); /* copied */
	check_u64("there", pending_has(t, 41), true);
	const struct pending *p = take(t, &tcp, 41, 1);
	assert_non_null(p);
	check_u64("id", p->id, 41);
	check_u64("version", (uint64_t)p->version, HLV_V(2, 11));
	check_u64("connection", p->conn, 12);
	check_u64("digest's kind", p->digest_kind, HLV_DIGEST_SHA256);
	check_bytes("nonce", hlv_bytes(p->nonce, sizeof p->nonce), hlv_bytes(nonce, 16));
	check_bytes("digest", hlv_bytes(p->digest, p->digest_n), hlv_bytes(digest, 32));
	check_text("message", p->message, "the request");
	check_u64("gone", pending_has(t, 41), false);
	check_u64("none left", pending_count(t), 0);
	assert_null(take(t, &tcp, 41, 1)); /* single use */
	pending_free(t);
}

/* Who gets nothing; and does it cost the right one his challenge? */
static void test_refused_answers(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct asker put, take;
		uint32_t id; /* 41 was given */
		uint64_t second;
		bool taken, still_there;
	} rows[] = {
		{"same", TCP("192.0.2.1"), TCP("192.0.2.1"), 41, 29, true, false},
		{"another port", TCP("192.0.2.1:7"), TCP("192.0.2.1:9"), 41, 1, true, false},
		{"challenge by UDP, answer by TCP", UDP("192.0.2.1"), TCP("192.0.2.1"), 41, 1,
		 true, false},
		{"too late", TCP("192.0.2.1"), TCP("192.0.2.1"), 41, 30, false, false},
		{"much too late", TCP("192.0.2.1"), TCP("192.0.2.1"), 41, 3000, false, false},
		{"another address", TCP("192.0.2.1"), TCP("192.0.2.2"), 41, 1, false, true},
		{"other half of a /64", TCP("[2001:db8::1]"), TCP("[2001:db8::2]"), 41, 1,
		 false, true},
		{"same IPv6", TCP("[2001:db8::1]"), TCP("[2001:db8::1]"), 41, 1, true, false},
		{"IPv4 in IPv6", TCP("192.0.2.1"), TCP("[::ffff:192.0.2.1]"), 41, 1, true,
		 false},
		{"control socket",
		 TCP("192.0.2.1"),
		 {"192.0.2.1", HLV_T_LOCAL, true, false},
		 41,
		 1,
		 false,
		 true},
		{"another id", TCP("192.0.2.1"), TCP("192.0.2.1"), 42, 1, false, true},
		{"no id", TCP("192.0.2.1"), TCP("192.0.2.1"), 0, 1, false, true},
		{"negative id", TCP("192.0.2.1"), TCP("192.0.2.1"), 41U | 1U << 31, 1, false,
		 true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pending_table *t = pending_new(i);
		assert_true(put(t, &rows[i].put, 41, 0));
		bool taken = take(t, &rows[i].take, rows[i].id, rows[i].second) != NULL;
		check_u64(rows[i].name, taken, rows[i].taken);
		check_u64(rows[i].name, pending_has(t, 41), rows[i].still_there);
		check_u64(rows[i].name, pending_count(t), rows[i].still_there);
		pending_free(t);
	}
}

static void test_another_user_of_the_control_socket(void **state)
{
	(void)state;
	static const struct asker local = {"127.0.0.1", HLV_T_LOCAL, true, false};
	struct pending_table *t = pending_new(1);
	assert_true(put(t, &local, 41, 0)); /* as uid 0 */
	struct hlv_exchange x = exchange(&local, 41, 1, 0);
	x.peer.uid = 1000;
	assert_null(pending_take(t, &x));
	x.peer.uid = 0;
	assert_non_null(pending_take(t, &x));
	pending_free(t);
}

static void test_refused_offers(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t id;
		bool in_session;
	} rows[] = {
		{"no id", 0, false},
		{"negative id", 1U << 31, false},
		{"id of another challenge", 41, false},
		{"a session with the id of a challenge", 41, true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pending_table *t = pending_new(i);
		assert_true(put(t, &tcp, 41, 0));
		struct hlv_exchange x = exchange(&tcp, 0, 5, 0);
		struct pending_offer o = offer(rows[i].id, "request");
		o.in_session = rows[i].in_session;
		check_u64(rows[i].name, pending_put(t, &x, &o) != NULL, false);
		check_u64(rows[i].name, pending_count(t), 1);
		check_u64(rows[i].name, pending_has(t, 41), true);
		pending_free(t);
	}
}

/* 8.3: a repeated request gets the same challenge again; whatever differs, another. */
static void test_repeated_request(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct asker from;
		uint32_t request_id;
		uint8_t digest_0;
		int version;
		uint64_t second;
		bool same;
	} rows[] = {
		{"the same", UDP("192.0.2.1"), 7, 'o', HLV_V(2, 11), 1, true},
		{"from another port", UDP("192.0.2.1:5"), 7, 'o', HLV_V(2, 11), 1, true},
		{"another request id", UDP("192.0.2.1"), 8, 'o', HLV_V(2, 11), 1, false},
		{"another digest", UDP("192.0.2.1"), 7, 'p', HLV_V(2, 11), 1, false},
		{"another version", UDP("192.0.2.1"), 7, 'o', HLV_V(2, 6), 1, false},
		{"another source", UDP("192.0.2.2"), 7, 'o', HLV_V(2, 11), 1, false},
		{"by TCP", TCP("192.0.2.1"), 7, 'o', HLV_V(2, 11), 1, false},
		{"later", UDP("192.0.2.1"), 7, 'o', HLV_V(2, 11), 31, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pending_table *t = pending_new(i);
		struct hlv_exchange x = exchange(&udp, 0, 7, 0);
		struct pending_offer o = offer(41, "request");
		assert_non_null(pending_put(t, &x, &o));
		uint8_t other[32];
		memcpy(other, digest, 32);
		other[0] = rows[i].digest_0;
		x = exchange(&rows[i].from, 0, rows[i].request_id, rows[i].second);
		o.id = 42;
		o.version = rows[i].version;
		o.digest.octets = hlv_bytes(other, 32);
		const struct pending *p = pending_put(t, &x, &o);
		assert_non_null(p);
		check_u64(rows[i].name, p->id, rows[i].same ? 41 : 42);
		check_u64(rows[i].name, pending_count(t), rows[i].same ? 1 : 2);
		pending_free(t);
	}
}

/* In a session: the session's id, one at a time (8.3). */
static void test_session_has_one(void **state)
{
	(void)state;
	struct pending_table *t = pending_new(1);
	struct pending_offer o = offer(77, "first");
	o.in_session = true;
	struct hlv_exchange x = exchange(&tcp, 77, 1, 0);
	assert_non_null(pending_put(t, &x, &o));
	x = exchange(&tcp, 77, 2, 0);
	o.message = hlv_text("second");
	assert_non_null(pending_put(t, &x, &o));
	check_u64("one", pending_count(t), 1);
	x = exchange(&tcp, 77, 2, 0); /* the second once more */
	o.message = hlv_text("ignored");
	assert_non_null(pending_put(t, &x, &o));
	const struct pending *p = take(t, &tcp, 77, 0);
	assert_non_null(p);
	check_text("the newer one", p->message, "second");
	assert_true(p->in_session);
	pending_free(t);
}

/* A source at its limit loses its own oldest, and no other loses anything. */
static void test_limit_of_a_source(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct asker from, mate; /* counted with it */
		uint32_t most;
	} rows[] = {
		{"UDP", UDP("192.0.2.1"), UDP("192.0.2.1:9"), PENDING_PER_UDP_SOURCE},
		{"known by UDP",
		 {"192.0.2.1", HLV_T_UDP, true, false},
		 {"192.0.2.1", HLV_T_UDP, true, false},
		 PENDING_PER_UDP_SOURCE},
		{"trusted by UDP",
		 {"192.0.2.1", HLV_T_UDP, true, true},
		 {"192.0.2.1", HLV_T_UDP, true, true},
		 PENDING_PER_UDP_SOURCE * 8},
		{"TCP",
		 TCP("192.0.2.1"),
		 {"192.0.2.1", HLV_T_TLS, true, false},
		 PENDING_PER_STREAM_SOURCE},
		{"trusted by TLS",
		 {"192.0.2.1", HLV_T_TLS, true, true},
		 {"192.0.2.1", HLV_T_TLS, true, true},
		 PENDING_PER_STREAM_SOURCE * 8},
		{"IPv6", UDP("[2001:db8::1]"), UDP("[2001:db8::2]"), PENDING_PER_UDP_SOURCE},
	};
	static const struct asker others[] = {UDP("192.0.2.2"), TCP("192.0.2.2"),
					      UDP("[2001:db8:0:1::1]")};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pending_table *t = pending_new(i);
		for (uint32_t k = 0; k < COUNT(others); k++)
			assert_true(put(t, &others[k], 1 + k, 0));
		for (uint32_t k = 0; k < rows[i].most; k++)
			assert_true(put(t, &rows[i].from, 100 + k, 0));
		check_u64(rows[i].name, pending_count(t), rows[i].most + COUNT(others));
		assert_true(put(t, &rows[i].mate, 50, 0));
		check_u64(rows[i].name, pending_count(t), rows[i].most + COUNT(others));
		check_u64(rows[i].name, pending_has(t, 100), false);
		check_u64(rows[i].name, pending_has(t, 101), true);
		for (uint32_t k = 0; k < COUNT(others); k++)
			check_u64(rows[i].name, pending_has(t, 1 + k), true);
		pending_free(t);
	}
}

/* Packets in somebody's name do not reach what he got by TCP. */
static void test_forged_packets(void **state)
{
	(void)state;
	struct pending_table *t = pending_new(1);
	assert_true(put(t, &tcp, 1, 0));
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(put(t, &udp, 100 + i, 0));
	check_u64("all", pending_count(t), 1 + PENDING_PER_UDP_SOURCE);
	assert_non_null(take(t, &tcp, 1, 1));
	pending_free(t);
}

static struct asker numbered(char text[32], uint32_t i, enum hlv_transport transport)
{
	snprintf(text, 32, "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
	return (struct asker){text, transport, transport != HLV_T_UDP, false};
}

static void test_flood_of_addresses(void **state)
{
	(void)state;
	struct pending_table *t = pending_new(1);
	char text[32];
	assert_true(put(t, &tcp, 1, 0));
	for (uint32_t i = 0; i < 20000; i++) {
		struct asker a = numbered(text, i, HLV_T_UDP);
		assert_true(put(t, &a, 1000 + i, 0));
	}
	check_u64("a quarter", pending_count(t), 1 + PENDING_UNVERIFIED_MAX);
	check_u64("the last is there", pending_has(t, 20999), true);
	check_u64("the first is not", pending_has(t, 1000), false);
	check_u64("TCP's is", pending_has(t, 1), true);

	for (uint32_t i = 0; i < PENDING_MAX; i++) {
		struct asker a = numbered(text, i, HLV_T_TCP);
		assert_true(put(t, &a, 100000 + i, 0));
	}
	check_u64("full", pending_count(t), PENDING_MAX);
	check_u64("UDP's lost theirs first", pending_has(t, 20999), false);
	check_u64("then the oldest", pending_has(t, 1), false);
	check_u64("all of TCP's", pending_has(t, 100000), true);
	check_u64("no UDP while full", put(t, &udp, 5, 0), false);
	check_u64("TCP while full", put(t, &tcp, 6, 0), true);
	check_u64("still full", pending_count(t), PENDING_MAX);
	pending_free(t);
}

static bool put_octets(struct pending_table *t, const char *from, uint32_t id, size_t n)
{
	struct asker a = {from, HLV_T_TCP, true, false};
	struct hlv_exchange x = exchange(&a, 0, id, 0);
	struct pending_offer o = offer(id, "");
	uint8_t *message = calloc(1, n);
	o.message = hlv_bytes(message, n);
	bool kept = pending_put(t, &x, &o) != NULL;
	free(message);
	return kept;
}

/* threats.md 3: 4 MiB of kept requests, whatever the number of large ones. */
static void test_octets(void **state)
{
	(void)state;
	enum { LARGE = 250000 };
	struct pending_table *t = pending_new(1);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(put_octets(t, "192.0.2.1", 1 + i, LARGE));
	check_u64("of one source", pending_count(t), PENDING_SOURCE_OCTETS_MAX / LARGE);
	char text[32];
	for (uint32_t i = 0; i < 400; i++) {
		numbered(text, i, HLV_T_TCP);
		assert_true(put_octets(t, text, 1000 + i, LARGE));
	}
	check_u64("of all", pending_count(t), PENDING_OCTETS_MAX / LARGE);
	check_u64("more than there is room for",
		  put_octets(t, "192.0.2.9", 5, PENDING_OCTETS_MAX + 1), false);
	struct hlv_now later = {.mono_ns = UINT64_C(2000000000000)};
	pending_tick(t, later);
	check_u64("over", pending_count(t), 0);
	/* The room is accounted for when they go. */
	for (uint32_t i = 0; i < PENDING_OCTETS_MAX / LARGE; i++) {
		numbered(text, i, HLV_T_TCP);
		assert_true(put_octets(t, text, 2000 + i, LARGE));
	}
	check_u64("full again", pending_count(t), PENDING_OCTETS_MAX / LARGE);
	pending_free(t);
}

static void test_tick(void **state)
{
	(void)state;
	struct pending_table *t = pending_new(1);
	assert_true(put(t, &tcp, 1, 0));
	assert_true(put(t, &udp, 2, 10));
	assert_true(put(t, &tcp, 3, 20));
	static const struct {
		const char *name;
		uint64_t second;
		size_t left;
	} rows[] = {{"at 29 s", 29, 3}, {"at 30 s", 30, 2}, {"at 39 s", 39, 2},
		    {"at 40 s", 40, 1}, {"at 50 s", 50, 0}, {"at 51 s", 51, 0}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		pending_tick(t, exchange(&tcp, 0, 0, rows[i].second).now);
		check_u64(rows[i].name, pending_count(t), rows[i].left);
	}
	pending_free(t);
	pending_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_put_is_taken),
		cmocka_unit_test(test_refused_answers),
		cmocka_unit_test(test_another_user_of_the_control_socket),
		cmocka_unit_test(test_refused_offers),
		cmocka_unit_test(test_repeated_request),
		cmocka_unit_test(test_session_has_one),
		cmocka_unit_test(test_limit_of_a_source),
		cmocka_unit_test(test_forged_packets),
		cmocka_unit_test(test_flood_of_addresses),
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_tick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
