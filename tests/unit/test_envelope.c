/* SPDX-License-Identifier: Apache-2.0
 *
 * Envelope and header, versions, and the cutting and joining of datagrams.
 */
#include "proto/wire/envelope.h"

#include "proto/base/rand.h"
#include "proto/wire/header.h"
#include "tests/unit/in_arena.h"

static void test_decode(void **state)
{
	(void)state;
	static const struct {
		const char *name, *in;
		enum hlv_err want;
	} rows[] = {
		{"plain", "020b020b 00000000 00000001 00000000 00000018", HLV_OK},
		{"nothing announced", "020b020b 00000000 00000001 00000000 00000000", HLV_OK},
		{"the most", "020b020b 00000000 00000001 00000000 00040000", HLV_OK},
		{"one more", "020b020b 00000000 00000001 00000000 00040001", HLV_E_LIMIT},
		{"negative", "020b020b 00000000 00000001 00000000 ffffffff", HLV_E_LIMIT},
		{"2^31", "020b020b 00000000 00000001 00000000 80000000", HLV_E_LIMIT},
		{"19 octets", "020b020b 00000000 00000001 00000000 000000", HLV_E_MALFORMED},
		{"one octet", "02", HLV_E_MALFORMED},
		{"none", "", HLV_E_MALFORMED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_reader r = hlv_reader(hex(&arena, rows[i].in));
		struct hlv_envelope e;
		check_err(rows[i].name, hlv_envelope_decode(&r, &e), rows[i].want);
		if (rows[i].want != HLV_E_MALFORMED)
			check_u64(rows[i].name, e.request_id, 1);
		hlv_arena_reset(&arena);
	}
}

/* What we answer to a message of `version` that suggests `suggest`. */
static void test_versions(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint8_t major, minor, suggest_major, suggest_minor;
		int message, answer;
	} rows[] = {
		{"ours", 2, 11, 2, 11, HLV_V(2, 11), HLV_V(2, 11)},
		{"older suggests newer", 2, 1, 2, 11, HLV_V(2, 1), HLV_V(2, 11)},
		{"suggests older", 2, 11, 2, 3, HLV_V(2, 11), HLV_V(2, 3)},
		{"suggests 3.0", 2, 11, 3, 0, HLV_V(2, 11), HLV_V(2, 11)},
		{"suggests nothing", 2, 1, 0, 0, HLV_V(2, 1), HLV_V(2, 1)},
		{"suggests minor alone", 2, 3, 0, 7, HLV_V(2, 3), HLV_V(2, 3)},
		{"misnumbered 5.1", 5, 1, 0, 0, HLV_V(2, 0), HLV_V(2, 0)},
		{"1.0", 1, 0, 0, 0, HLV_V(1, 0), HLV_V(2, 0)},
		{"0.0", 0, 0, 0, 0, HLV_V(0, 0), HLV_V(2, 0)},
		{"minor -1", 2, 255, 0, 0, HLV_V(2, -1), HLV_V(2, 0)},
		{"major -1", 255, 0, 0, 0, HLV_V(-1, 0), HLV_V(2, 0)},
		{"suggests 31.255", 2, 11, 31, 255, HLV_V(2, 11), HLV_V(2, 11)},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_envelope e = {
			.major = rows[i].major,
			.minor = rows[i].minor,
			.suggest_major = rows[i].suggest_major,
			.suggest_minor = rows[i].suggest_minor,
		};
		assert_int_equal(hlv_version(e.major, e.minor), rows[i].message);
		if (hlv_envelope_answer_version(&e) != rows[i].answer)
			fail_msg("%s: %d", rows[i].name, hlv_envelope_answer_version(&e));
	}
}

static void test_header(void **state)
{
	(void)state;
	struct hlv_bytes in =
		hex(&arena, "00000001 0000012d 19000000 ffff 0a 00 ffffffff 00000005");
	struct hlv_header h;
	struct hlv_reader r = hlv_reader(in);
	assert_int_equal(hlv_header_decode(&r, &h), HLV_OK);
	assert_int_equal(h.rc, 301);
	assert_int_equal(h.site_serial, 0xFFFF);
	assert_int_equal(h.recursion, 10);
	assert_int_equal(h.expiration_s, 0xFFFFFFFF);
	uint8_t room[HLV_HEADER_SIZE];
	struct hlv_writer w = hlv_writer(room, sizeof(room));
	hlv_header_encode(&w, &h);
	check_bytes("header", hlv_written(&w), in);
	for (size_t n = 0; n < in.n; n++) {
		r = hlv_reader(hlv_head(in, n));
		assert_int_equal(hlv_header_decode(&r, &h), HLV_E_MALFORMED);
	}
	hlv_arena_reset(&arena);
}

static struct hlv_bytes message_of(size_t length)
{
	struct hlv_envelope e = {
		.major = 2, .minor = 11, .request_id = 7, .length = (uint32_t)length};
	uint8_t *p = hlv_alloc(&arena, HLV_ENVELOPE_SIZE + length);
	struct hlv_writer w = hlv_writer(p, HLV_ENVELOPE_SIZE + length);
	hlv_envelope_encode(&w, &e);
	for (size_t i = 0; i < length; i++)
		hlv_put_u8(&w, (uint8_t)(i * 31 + i / 256));
	return hlv_written(&w);
}

/* Any order, each packet twice: the message comes back once. */
static void test_cut_and_join(void **state)
{
	(void)state;
	static const size_t lengths[] = {0,   1,   24,	491,  492,
					 493, 984, 985, 5000, HLV_MESSAGE_MAX};
	struct hlv_rand rand;
	hlv_rand_seed(&rand, 7);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct hlv_bytes m = message_of(lengths[i]);
		uint32_t n = hlv_packet_count((uint32_t)lengths[i]), order[1200];
		for (uint32_t k = 0; k < 2 * n; k++)
			order[k] = k / 2;
		for (uint32_t k = 2 * n; k-- > 1;) {
			uint32_t other = (uint32_t)hlv_rand_below(&rand, k + 1), t = order[k];
			order[k] = order[other];
			order[other] = t;
		}
		struct hlv_joiner j;
		hlv_joiner_init(&j, hlv_alloc(&arena, m.n), m.n);
		unsigned times = 0;
		for (uint32_t k = 0; k < 2 * n; k++) {
			uint8_t packet[HLV_UDP_PACKET];
			bool done;
			size_t len = hlv_packet_cut(m, order[k], packet);
			assert_int_equal(packet[2] & HLV_E_TRUNCATED,
					 n > 1 ? HLV_E_TRUNCATED : 0);
			assert_int_equal(hlv_joiner_feed(&j, hlv_bytes(packet, len), &done),
					 HLV_OK);
			times += done;
		}
		check_u64("done once", times, 1);
		check_bytes("joined", hlv_bytes(j.buf, m.n), m);
		hlv_arena_reset(&arena);
	}
}

/* Two packets of a message of 500 octets; then one that does not belong. */
static void test_join_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t at;  /* octet of the second packet's envelope that is changed ... */
		uint8_t to; /* ... to this */
		size_t cut; /* octets taken away */
		enum hlv_err want;
	} rows[] = {
		{"other request id", 11, 8, 0, HLV_E_MALFORMED},
		{"other length", 19, 0xF5, 0, HLV_E_MALFORMED},
		{"packet number outside", 15, 2, 0, HLV_E_MALFORMED},
		{"packet number huge", 12, 0xFF, 0, HLV_E_MALFORMED},
		{"last as if first", 15, 0, 0, HLV_E_MALFORMED},
		{"one octet short", 0, 2, 1, HLV_E_MALFORMED},
		{"envelope alone", 0, 2, 8, HLV_E_MALFORMED},
		{"half an envelope", 0, 2, 18, HLV_E_MALFORMED},
		{"length over the maximum", 17, 0x08, 0, HLV_E_LIMIT},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes m = message_of(500);
		uint8_t first[HLV_UDP_PACKET], second[HLV_UDP_PACKET];
		size_t len1 = hlv_packet_cut(m, 0, first), len2 = hlv_packet_cut(m, 1, second);
		struct hlv_joiner j;
		bool done;
		hlv_joiner_init(&j, hlv_alloc(&arena, m.n), m.n);
		check_err("first", hlv_joiner_feed(&j, hlv_bytes(first, len1), &done), HLV_OK);
		uint8_t kept = second[rows[i].at];
		second[rows[i].at] = rows[i].to;
		struct hlv_bytes odd = hlv_bytes(second, len2 - rows[i].cut);
		check_err(rows[i].name, hlv_joiner_feed(&j, odd, &done), rows[i].want);
		assert_false(done);
		second[rows[i].at] = kept;
		check_err("second", hlv_joiner_feed(&j, hlv_bytes(second, len2), &done),
			  HLV_OK);
		check_u64(rows[i].name, done, true);
		check_bytes(rows[i].name, hlv_bytes(j.buf, m.n), m);
		hlv_arena_reset(&arena);
	}
}

static void test_join_is_bounded_by_its_buffer(void **state)
{
	(void)state;
	struct hlv_bytes m = message_of(500);
	for (size_t cap = 0; cap < m.n; cap++) {
		struct hlv_joiner j;
		uint8_t packet[HLV_UDP_PACKET];
		bool done;
		hlv_joiner_init(&j, hlv_alloc(&arena, cap), cap);
		size_t len = hlv_packet_cut(m, 0, packet);
		assert_int_equal(hlv_joiner_feed(&j, hlv_bytes(packet, len), &done),
				 HLV_E_LIMIT);
		assert_false(done);
	}
	hlv_arena_reset(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_cut_and_join),
		cmocka_unit_test(test_join_refuses),
		cmocka_unit_test(test_join_is_bounded_by_its_buffer),
	};
	return run_in_arena(tests);
}
