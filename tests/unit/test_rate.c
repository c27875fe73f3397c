/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/rate.h"

#include "tests/unit/unit.h"

enum { PER_S = 50, BURST = 125 };

static struct hlv_addr address(const char *text)
{
	struct hlv_addr a;
	assert_int_equal(hlv_addr_parse(text, 1, &a), HLV_OK);
	return a;
}

static struct hlv_now at_ms(uint64_t ms)
{
	return (struct hlv_now){.mono_ns = (1000000 + ms) * 1000000};
}

/* How many of `n` answers at one moment pass. */
static unsigned passed(struct hlv_rate *r, const char *from, enum hlv_rate_kind kind,
		       unsigned n, uint64_t ms)
{
	struct hlv_addr a = address(from);
	unsigned pass = 0;
	for (unsigned i = 0; i < n; i++)
		pass += hlv_rate_take(r, &a, kind, PER_S, at_ms(ms)) == HLV_RATE_PASS;
	return pass;
}

static void test_burst_then_rate(void **state)
{
	(void)state;
	struct hlv_rate *r = hlv_rate_new(1);
	check_u64("burst", passed(r, "192.0.2.1", HLV_RATE_ANSWER, 1000, 0), BURST);
	check_u64("nothing left", passed(r, "192.0.2.1", HLV_RATE_ANSWER, 1000, 0), 0);
	check_u64("a second later", passed(r, "192.0.2.1", HLV_RATE_ANSWER, 1000, 1000), PER_S);
	check_u64("an hour later", passed(r, "192.0.2.1", HLV_RATE_ANSWER, 1000, 3600000),
		  BURST);
	hlv_rate_free(r);
}

static void test_others_unharmed(void **state)
{
	(void)state;
	struct hlv_rate *r = hlv_rate_new(2);
	passed(r, "192.0.2.1", HLV_RATE_ANSWER, 100000, 0); /* far beyond the /24's share */
	check_u64("other kind", passed(r, "192.0.2.1", HLV_RATE_NOT_FOUND, 1000, 0), BURST);
	check_u64("neighbour", passed(r, "192.0.2.2", HLV_RATE_ANSWER, 1000, 0), BURST);
	check_u64("IPv6", passed(r, "2001:db8::1", HLV_RATE_ANSWER, 1000, 0), BURST);
	hlv_rate_free(r);
}

/* A flood that names every address of one /24 is stopped by the /24's own bucket. */
static void test_network_bucket(void **state)
{
	(void)state;
	struct hlv_rate *r = hlv_rate_new(3);
	unsigned pass = 0;
	for (unsigned i = 1; i < 255; i++) {
		char text[32];
		snprintf(text, sizeof text, "198.51.100.%u", i);
		pass += passed(r, text, HLV_RATE_ANSWER, BURST, 0);
	}
	check_u64("of 31,750", pass, BURST * 32);
	check_u64("another network", passed(r, "198.51.101.1", HLV_RATE_ANSWER, 200, 0), BURST);
	hlv_rate_free(r);
}

static void test_every_second_refusal_is_a_stub(void **state)
{
	(void)state;
	struct hlv_rate *r = hlv_rate_new(4);
	struct hlv_addr a = address("192.0.2.1");
	passed(r, "192.0.2.1", HLV_RATE_ERROR, BURST, 0);
	unsigned stubs = 0, drops = 0;
	for (int i = 0; i < 100; i++) {
		enum hlv_rate_verdict v = hlv_rate_take(r, &a, HLV_RATE_ERROR, PER_S, at_ms(0));
		stubs += v == HLV_RATE_STUB;
		drops += v == HLV_RATE_DROP;
	}
	check_u64("stubs", stubs, 50);
	check_u64("drops", drops, 50);
	hlv_rate_free(r);
}

/* Two and a half seconds' worth, also where that is no whole number. */
static void test_small_rates(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t per_s;
		unsigned burst;
	} rows[] = {{"1", 1, 2}, {"2", 2, 5}, {"3", 3, 7}, {"4000", 4000, 10000}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct hlv_rate *r = hlv_rate_new(6);
		struct hlv_addr a = address("192.0.2.1");
		unsigned pass[3] = {0};
		for (unsigned s = 0; s < 3; s++)
			for (unsigned n = 0; n < 20000; n++)
				pass[s] += hlv_rate_take(r, &a, HLV_RATE_ANSWER, rows[i].per_s,
							 at_ms(s * 1000)) == HLV_RATE_PASS;
		hlv_rate_free(r);
		check_u64(rows[i].name, pass[0], rows[i].burst);
		/* And two seconds more; half an answer is not given. */
		check_u64(rows[i].name, pass[0] + pass[1] + pass[2], rows[i].per_s * 9 / 2);
	}
}

static void test_no_limit(void **state)
{
	(void)state;
	struct hlv_rate *r = hlv_rate_new(5);
	struct hlv_addr a = address("192.0.2.1");
	for (int i = 0; i < 100000; i++)
		assert_int_equal(hlv_rate_take(r, &a, HLV_RATE_ANSWER, 0, at_ms(0)),
				 HLV_RATE_PASS);
	hlv_rate_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_rate),
		cmocka_unit_test(test_others_unharmed),
		cmocka_unit_test(test_network_bucket),
		cmocka_unit_test(test_every_second_refusal_is_a_stub),
		cmocka_unit_test(test_small_rates),
		cmocka_unit_test(test_no_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
