/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/cookie.h"
#include "proto/dns/finished.h"

#include "tests/unit/unit.h"

/* The secret of RFC 9018's examples, as SipHash takes it: two words, low octets first. */
static const uint64_t secret[2] = {UINT64_C(0x3FA4B2A6E573E9E5), UINT64_C(0xCFBF379E84DCE748)};

/* RFC 9018 A.1: what two servers with one secret have to agree on. */
static void test_published(void **state)
{
	(void)state;
	static const struct {
		const char *name, *cookie, *address;
		uint32_t at_s;
	} rows[] = {
		{"A.1", "2464c4abcf10c957 010000005cf79f11 1f8130c3eee29480", "198.51.100.100",
		 1559731985},
	};
	struct hlv_arena a;
	hlv_arena_init(&a, 4096);
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t made[HLV_DNS_COOKIE];
		struct hlv_addr addr;
		struct hlv_bytes want = hex(&a, rows[i].cookie);
		check_err(rows[i].name, hlv_addr_parse(rows[i].address, 53, &addr), HLV_OK);
		hlv_dns_cookie_make(secret, want.p, &addr, rows[i].at_s, made);
		check_bytes(rows[i].name, hlv_bytes(made, sizeof made), want);
	}
	hlv_arena_fini(&a);
}

static void test_whose(void **state)
{
	(void)state;
	struct hlv_addr here, there, six;
	uint8_t made[HLV_DNS_COOKIE];
	const uint32_t now_s = 1700000000;
	assert_int_equal(hlv_addr_parse("192.0.2.1", 53, &here), HLV_OK);
	assert_int_equal(hlv_addr_parse("192.0.2.2", 53, &there), HLV_OK);
	assert_int_equal(hlv_addr_parse("[2001:db8::1]", 53, &six), HLV_OK);
	hlv_dns_cookie_make(secret, (const uint8_t *)"8 octets", &here, now_s, made);
	struct hlv_bytes cookie = hlv_bytes(made, sizeof made);
	assert_true(hlv_dns_cookie_is_ours(secret, cookie, &here, now_s));
	assert_true(hlv_dns_cookie_is_ours(secret, cookie, &here, now_s + 3600));
	assert_true(hlv_dns_cookie_is_ours(secret, cookie, &here, now_s - 300));
	assert_false(hlv_dns_cookie_is_ours(secret, cookie, &here, now_s + 3601));
	assert_false(hlv_dns_cookie_is_ours(secret, cookie, &here, now_s - 301));
	assert_false(hlv_dns_cookie_is_ours(secret, cookie, &there, now_s));
	assert_false(hlv_dns_cookie_is_ours(secret, cookie, &six, now_s));
	assert_false(hlv_dns_cookie_is_ours((uint64_t[2]){1, 2}, cookie, &here, now_s));
	assert_false(hlv_dns_cookie_is_ours(secret, hlv_head(cookie, 23), &here, now_s));
	for (size_t i = 0; i < sizeof made; i++) {
		if (i >= 9 && i < 12)
			continue; /* reserved: covered by the hash, below */
		made[i] ^= 1;
		assert_false(hlv_dns_cookie_is_ours(secret, cookie, &here, now_s));
		made[i] ^= 1;
	}
	made[10] ^= 1;
	assert_false(hlv_dns_cookie_is_ours(secret, cookie, &here, now_s));
}

/* A finished answer is somebody's only while everything that it depends on is the same. */
static void test_finished(void **state)
{
	(void)state;
	uint8_t octets[64] = {0x12, 0x34, 0x85, 0x00, 0, 1, 0, 1}, out[HLV_DNS_UDP_MAX];
	static const uint8_t asked[] = "\3www\7example\0\0\1\0";
	struct hlv_dns_query q = {.id = 0xABCD, .question = hlv_bytes(asked, 17)};
	struct hlv_dns_moment m = {
		.state = 7, .now = {.wall_ms = 1000000}, .limit = HLV_DNS_UDP_PLAIN};
	memcpy(octets + HLV_DNS_HEADER, asked, 17);
	struct hlv_dns_finished *f = hlv_dns_finished_new(1 << 16, secret);
	assert_non_null(f);
	assert_int_equal(hlv_dns_finished_get(f, &q, &m, out), 0);
	hlv_dns_finished_put(f, &(struct hlv_dns_ask){.q = q}, &m,
			     hlv_bytes(octets, sizeof octets), 2000);
	assert_int_equal(hlv_dns_finished_get(f, &q, &m, out), sizeof octets);
	assert_int_equal(out[0] << 8 | out[1], 0xABCD);
	assert_int_equal(out[2] & 1, 0); /* RD is the asker's */
	q.flags = HLV_DNS_RD;
	assert_int_equal(hlv_dns_finished_get(f, &q, &m, out), sizeof octets);
	assert_int_equal(out[2] & 1, 1);

	struct hlv_dns_query other = q;
	other.edns = true;
	assert_int_equal(hlv_dns_finished_get(f, &other, &m, out), 0);
	other.edns_flags = HLV_DNS_DO;
	assert_int_equal(hlv_dns_finished_get(f, &other, &m, out), 0);
	struct hlv_dns_moment changed = m;
	changed.state = 8;
	assert_int_equal(hlv_dns_finished_get(f, &q, &changed, out), 0);
	changed = m;
	changed.now.wall_ms = 2000000;
	assert_int_equal(hlv_dns_finished_get(f, &q, &changed, out), 0);
	changed = m;
	changed.limit = HLV_DNS_UDP_BODY;
	assert_int_equal(hlv_dns_finished_get(f, &q, &changed, out), 0);

	/* A registry that does not tell its state is believed for two seconds. */
	m.state = 0;
	hlv_dns_finished_put(f, &(struct hlv_dns_ask){.q = q}, &m,
			     hlv_bytes(octets, sizeof octets), UINT32_MAX);
	m.now.wall_ms += 1000;
	assert_int_equal(hlv_dns_finished_get(f, &q, &m, out), sizeof octets);
	m.now.wall_ms += 1000;
	assert_int_equal(hlv_dns_finished_get(f, &q, &m, out), 0);
	hlv_dns_finished_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_whose),
		cmocka_unit_test(test_finished),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
