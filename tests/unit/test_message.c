/* SPDX-License-Identifier: Apache-2.0
 *
 * What the golden vectors leave open: limits, what stands behind a body, foreign habits.
 */
#include "proto/wire/message.h"

#include "tests/unit/in_arena.h"

/* A message of operation `op`, code `rc` and version 2.`minor` around `body`; `tail` is what
 * stands behind the body. */
static struct hlv_bytes message_of(uint8_t minor, uint32_t op, uint32_t rc, uint32_t flags,
				   struct hlv_bytes body, struct hlv_bytes tail)
{
	size_t cap = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE + body.n + tail.n;
	struct hlv_writer w = hlv_writer(hlv_alloc(&arena, cap), cap);
	struct hlv_envelope env = {
		.major = 2, .minor = minor, .length = (uint32_t)(cap - HLV_ENVELOPE_SIZE)};
	struct hlv_header hdr = {
		.op = op, .rc = rc, .flags = flags, .body_len = (uint32_t)body.n};
	hlv_envelope_encode(&w, &env);
	hlv_header_encode(&w, &hdr);
	hlv_put(&w, body);
	hlv_put(&w, tail);
	return hlv_written(&w);
}

static void test_frame(void **state)
{
	(void)state;
	static const struct {
		const char *name, *tail;
		int body_off, length_off; /* added to the two length fields */
		uint8_t flags;
		enum hlv_err want;
	} rows[] = {
		{"no credential", "00000000", 0, 0, 0, HLV_OK},
		{"no length of one", "", 0, 0, 0, HLV_OK},
		{"a credential", "00000002 aabb", 0, 0, 0, HLV_OK},
		{"octets behind it", "00000002 aabb ccdd", 0, 0, 0, HLV_OK},
		{"compressed is ignored", "00000000", 0, 0, HLV_E_COMPRESSED, HLV_OK},
		{"truncated is ignored", "00000000", 0, 0, HLV_E_TRUNCATED, HLV_OK},
		{"encrypted", "00000000", 0, 0, HLV_E_ENCRYPTED, HLV_E_UNSUPPORTED},
		{"half a length", "0000", 0, 0, 0, HLV_E_MALFORMED},
		{"credential cut", "00000003 aabb", 0, 0, 0, HLV_E_MALFORMED},
		{"credential negative", "ffffffff aabb", 0, 0, 0, HLV_E_MALFORMED},
		{"body one too long", "", 1, 0, 0, HLV_E_MALFORMED},
		{"body huge", "", 0x7FFFFF00, 0, 0, HLV_E_MALFORMED},
		{"length one more", "00000000", 0, 1, 0, HLV_E_MALFORMED},
		{"length one less", "00000000", 0, -1, 0, HLV_E_MALFORMED},
		{"length over the limit", "00000000", 0, HLV_MESSAGE_MAX, 0, HLV_E_LIMIT},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes in =
			message_of(11, HLV_OP_GET_SITE_INFO, 0, 0, hex(&arena, "00000001 61"),
				   hex(&arena, rows[i].tail));
		uint8_t *p = hlv_alloc(&arena, in.n);
		memcpy(p, in.p, in.n);
		p[2] |= rows[i].flags;
		hlv_store_u32(p + 16,
			      (uint32_t)((int)(in.n - HLV_ENVELOPE_SIZE) + rows[i].length_off));
		hlv_store_u32(p + 40, (uint32_t)(5 + rows[i].body_off));
		struct hlv_message m;
		check_err(rows[i].name, hlv_message_decode(hlv_bytes(p, in.n), &m),
			  rows[i].want);
		hlv_arena_reset(&arena);
	}
}

static void test_requests(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t op;
		const char *body;
		enum hlv_err want;
	} rows[] = {
		{"resolution", 1, "00000001 61 00000000 00000000", HLV_OK},
		{"resolution with token", 1, "00000001 61 00000000 00000000 00000002 aabb",
		 HLV_OK},
		{"resolution with rubbish", 1, "00000001 61 00000000 00000000 ffffffff aa",
		 HLV_OK},
		{"login", 2001, "00000001 61 0000012c", HLV_OK},
		{"setup of an unknown mode", 400, "0009 00000000 00000000 00000000", HLV_OK},
		{"octets behind a handle", 101, "00000001 61 ffff", HLV_OK},
		{"operation 0", 0, "", HLV_E_UNSUPPORTED},
		{"operation 3", 3, "", HLV_E_UNSUPPORTED},
		{"operation 106", 106, "00000001 61", HLV_E_UNSUPPORTED},
		{"operation -1", 0xFFFFFFFF, "", HLV_E_UNSUPPORTED},
		{"resolution without lists", 1, "00000001 61", HLV_E_MALFORMED},
		{"indexes that are not there", 1, "00000001 61 00000001 00000000",
		 HLV_E_MALFORMED},
		{"indexes huge", 1, "00000001 61 40000001 00000000 00000000", HLV_E_MALFORMED},
		{"types negative", 1, "00000001 61 00000000 ffffffff", HLV_E_MALFORMED},
		{"type cut", 1, "00000001 61 00000000 00000001 00000004 55524c",
		 HLV_E_MALFORMED},
		{"values missing", 100, "00000001 61", HLV_E_MALFORMED},
		{"values negative", 100, "00000001 61 ffffffff", HLV_E_MALFORMED},
		{"no handle", 2, "", HLV_E_MALFORMED},
		{"handle negative", 2, "ffffffff", HLV_E_MALFORMED},
		{"removal without indexes", 103, "00000001 61", HLV_E_MALFORMED},
		{"answer cut", 200, "00000001 61 00000001 61 0000012c", HLV_E_MALFORMED},
		{"verify of digest kind 4", 201, "00000000 00000000 00000000 04 aabb 00000000",
		 HLV_E_MALFORMED},
		{"verify, SHA-1 cut", 201, "00000000 00000000 00000000 02 aabb",
		 HLV_E_MALFORMED},
		{"setup cut", 400, "0004 00000000 00000000 00000000", HLV_E_MALFORMED},
		{"setup by handle cut", 400, "0003 00000000 00000000 00000000 00000001 61",
		 HLV_E_MALFORMED},
		{"key cut", 402, "00000002 aa", HLV_E_MALFORMED},
		{"log of all sources cut", 1001, "01 00000002 7b", HLV_E_MALFORMED},
		{"log cut", 1001, "00 0000000000000001 0000000000000002 02 00000003",
		 HLV_E_MALFORMED},
		{"dump cut", 1002, "02 00000003 000000", HLV_E_MALFORMED},
		{"dump resumed, cut", 1002, "02 00000003 00000001 00000001 61",
		 HLV_E_MALFORMED},
		{"login cut", 2001, "00000001 61", HLV_E_MALFORMED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes in = message_of(
			11, rows[i].op, 0, 0, hex(&arena, rows[i].body), (struct hlv_bytes){0});
		struct hlv_message m;
		struct hlv_request rq;
		check_err(rows[i].name, hlv_message_decode(in, &m), HLV_OK);
		check_err(rows[i].name, hlv_request_decode(&m, &rq), rows[i].want);
		hlv_arena_reset(&arena);
	}
}

/* Wherever an identifier stands that will be looked up: 2,048 octets pass, 2,049 do not. */
static void test_long_identifiers(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t op;
		const char *before, *behind;
	} rows[] = {
		{"resolution", 1, "", "00000000 00000000"},
		{"site", 2, "", ""},
		{"create", 100, "", "00000000"},
		{"remove", 103, "", "00000000"},
		{"answer", 200, "00000000", "0000012c 00000000"},
		{"verify", 201, "",
		 "0000012c 00000000 01 00000000000000000000000000000000 00000000"},
		{"setup", 400, "0002 00000000", "0000012c"},
		{"setup by handle", 400, "0003 00000000 00000000 00000000", "0000012c"},
		{"dump", 1002, "02 00000003 00000001", "00000002"},
		{"login", 2001, "", "0000012c"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		for (uint32_t n = HLV_IDENTIFIER_MAX; n <= HLV_IDENTIFIER_MAX + 1; n++) {
			struct hlv_writer w = hlv_writer(hlv_alloc(&arena, 4096), 4096);
			hlv_put(&w, hex(&arena, rows[i].before));
			hlv_put_u32(&w, n);
			memset(hlv_put_room(&w, n), 'x', n);
			hlv_put(&w, hex(&arena, rows[i].behind));
			struct hlv_bytes in = message_of(11, rows[i].op, 0, 0, hlv_written(&w),
							 (struct hlv_bytes){0});
			struct hlv_message m;
			struct hlv_request rq;
			check_err(rows[i].name, hlv_message_decode(in, &m), HLV_OK);
			check_err(rows[i].name, hlv_request_decode(&m, &rq),
				  n > HLV_IDENTIFIER_MAX ? HLV_E_LIMIT : HLV_OK);
			hlv_arena_reset(&arena);
		}
}

static void test_responses(void **state)
{
	(void)state;
	static const uint32_t RD = 0x00800000;
	static const struct {
		const char *name;
		uint8_t minor;
		uint32_t op, rc, flags;
		const char *body;
		enum hlv_err want;
	} rows[] = {
		{"error", 11, 1, 100, 0, "00000001 78", HLV_OK},
		{"error without body", 11, 1, 100, 0, "", HLV_OK},
		{"error of the national system", 11, 1, 603, 0, "00000000", HLV_OK},
		{"error to operation 0", 11, 0, 4, 0, "00000000", HLV_OK},
		{"error to operation 200", 11, 200, 403, 0, "00000000", HLV_OK},
		{"referral by handle", 11, 1, 302, 0, "00000001 61", HLV_OK},
		{"referral by values", 11, 1, 303, 0, "00000000 00000000", HLV_OK},
		{"old challenge", 0, 1, 402, RD, "00000001 aa 00000001 bb", HLV_OK},
		{"digest kind 0", 11, 1, 100, RD, "00000001 aa 00000000", HLV_OK},
		{"RD means nothing in 2.0", 0, 1, 100, RD, "00000001 78", HLV_OK},
		{"success of login", 11, 2001, 1, 0, "", HLV_OK},
		{"code 0", 11, 1, 0, 0, "", HLV_E_UNSUPPORTED},
		{"code 8", 11, 1, 8, 0, "", HLV_E_UNSUPPORTED},
		{"code 999", 11, 1, 999, 0, "00000000", HLV_E_UNSUPPORTED},
		{"operation 3", 11, 3, 100, 0, "00000000", HLV_E_UNSUPPORTED},
		{"success of operation 0", 11, 0, 1, 0, "", HLV_E_UNSUPPORTED},
		{"success of operation 200", 11, 200, 1, 0, "", HLV_E_UNSUPPORTED},
		{"error text cut", 11, 1, 100, 0, "00000002 78", HLV_E_MALFORMED},
		{"record without values", 11, 1, 1, 0, "00000001 61", HLV_E_MALFORMED},
		{"record, values negative", 11, 1, 1, 0, "00000001 61 ffffffff",
		 HLV_E_MALFORMED},
		{"referral, values cut", 11, 1, 302, 0, "00000000 00000001", HLV_E_MALFORMED},
		{"challenge without nonce", 11, 1, 402, 0, "", HLV_E_MALFORMED},
		{"old challenge without digest", 0, 1, 402, 0, "00000001 aa", HLV_E_MALFORMED},
		{"digest kind 4", 11, 1, 100, RD, "04 00000000", HLV_E_MALFORMED},
		{"digest kind 255", 11, 1, 100, RD, "ff 00000000", HLV_E_MALFORMED},
		{"digest cut", 11, 1, 100, RD, "03 aabb", HLV_E_MALFORMED},
		{"digest missing", 11, 1, 100, RD, "", HLV_E_MALFORMED},
		{"list negative", 11, 105, 1, 0, "ffffffff", HLV_E_MALFORMED},
		{"list cut", 11, 105, 1, 0, "00000001 00000002 61", HLV_E_MALFORMED},
		{"setup cut", 11, 400, 1, 0, "0004 00000002 aa", HLV_E_MALFORMED},
		{"verdict missing", 11, 201, 1, 0, "", HLV_E_MALFORMED},
		{"number cut", 11, 1000, 1, 0, "00000000000000", HLV_E_MALFORMED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes in =
			message_of(rows[i].minor, rows[i].op, rows[i].rc, rows[i].flags,
				   hex(&arena, rows[i].body), (struct hlv_bytes){0});
		struct hlv_message m;
		struct hlv_response rs;
		check_err(rows[i].name, hlv_message_decode(in, &m), HLV_OK);
		check_err(rows[i].name, hlv_response_decode(&m, &rs), rows[i].want);
		hlv_arena_reset(&arena);
	}
}

/* Encoders at every capacity: whole, or nothing and no octet too far. */
static void test_encoders_stop_at_the_end(void **state)
{
	(void)state;
	struct hlv_response rs = {
		.rc = HLV_RC_AUTHENTICATION_NEEDED,
		.kind = HLV_BODY_CHALLENGE,
		.has_digest = true,
		.digest = {HLV_DIGEST_MD5, hlv_text("0123456789abcdef")},
		.octets = hlv_text("nonce"),
	};
	struct hlv_envelope env = {.major = 2, .minor = 11};
	struct hlv_header hdr = {.op = HLV_OP_RESOLUTION};
	size_t whole = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE + 1 + 16 + 4 + 5 + 4;
	for (size_t cap = 0; cap <= whole; cap++) {
		struct hlv_writer w = hlv_writer(hlv_alloc(&arena, cap), cap);
		hlv_response_encode(&w, &env, &hdr, &rs);
		check_u64("written", hlv_written(&w).n, cap < whole ? 0 : whole);
		hlv_arena_reset(&arena);
	}
}

static void test_digest_kinds(void **state)
{
	(void)state;
	assert_int_equal(hlv_digest_kind_for(HLV_V(2, 0)), HLV_DIGEST_MD5_OLD);
	assert_int_equal(hlv_digest_kind_for(HLV_V(2, 1)), HLV_DIGEST_SHA1);
	assert_int_equal(hlv_digest_kind_for(HLV_V(2, 6)), HLV_DIGEST_SHA1);
	assert_int_equal(hlv_digest_kind_for(HLV_V(2, 7)), HLV_DIGEST_SHA256);
	assert_int_equal(hlv_digest_kind_for(HLV_V(3, 0)), HLV_DIGEST_SHA256);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_long_identifiers),
		cmocka_unit_test(test_digest_kinds),
		cmocka_unit_test(test_encoders_stop_at_the_end),
	};
	return run_in_arena(tests);
}
