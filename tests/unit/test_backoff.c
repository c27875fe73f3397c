/* SPDX-License-Identifier: Apache-2.0 */
#include "server/backoff.h"

#include "proto/wire/name.h"
#include "tests/unit/unit.h"

static struct hlv_now at_ms(uint64_t ms)
{
	return (struct hlv_now){.mono_ns = (1000000 + ms) * 1000000};
}

static struct hlv_addr address(const char *text)
{
	struct hlv_addr a = {0};
	if (*text)
		assert_int_equal(hlv_addr_parse(text, 1, &a), HLV_OK);
	return a;
}

static uint32_t wait_of(const struct backoff *b, const char *who, const char *from, uint64_t ms)
{
	struct hlv_ref ref = hlv_ref_parse(hlv_text(who));
	struct hlv_addr a = address(from);
	return backoff_wait_ms(b, &ref, &a, at_ms(ms));
}

static void fail_at(struct backoff *b, const char *who, const char *from, uint64_t ms)
{
	struct hlv_ref ref = hlv_ref_parse(hlv_text(who));
	struct hlv_addr a = address(from);
	backoff_failed(b, &ref, &a, at_ms(ms));
}

static void test_doubles(void **state)
{
	(void)state;
	static const uint32_t waits[] = {500,	1000,  2000,  4000,  8000,
					 16000, 32000, 60000, 60000, 60000};
	struct backoff *b = backoff_new(1);
	uint64_t ms = 0;
	check_u64("nothing yet", wait_of(b, "300:0.NA/1", "192.0.2.1", 0), 0);
	for (size_t i = 0; i < COUNT(waits); i++) {
		fail_at(b, "300:0.NA/1", "192.0.2.1", ms);
		check_u64("at once", wait_of(b, "300:0.NA/1", "192.0.2.1", ms), waits[i]);
		check_u64("a ms before",
			  wait_of(b, "300:0.NA/1", "192.0.2.1", ms + waits[i] - 1), 1);
		ms += waits[i];
		check_u64("over", wait_of(b, "300:0.NA/1", "192.0.2.1", ms), 0);
	}
	backoff_free(b);
}

/* Who shares the wait, and who does not. */
static void test_whose(void **state)
{
	(void)state;
	static const struct {
		const char *name, *failed_who, *failed_from, *who, *from;
		bool waits;
	} rows[] = {
		{"same", "300:0.NA/a", "192.0.2.1", "300:0.NA/a", "192.0.2.1", true},
		{"same /24", "300:0.NA/a", "192.0.2.1", "300:0.NA/a", "192.0.2.254", true},
		{"another port", "300:0.NA/a", "192.0.2.1:1", "300:0.NA/a", "192.0.2.1:2",
		 true},
		{"case of the prefix", "300:0.NA/a", "192.0.2.1", "300:0.na/A", "192.0.2.1",
		 true},
		{"same /48", "300:0.NA/a", "[2001:db8:1:2::3]", "300:0.NA/a",
		 "[2001:db8:1:f::]", true},
		{"IPv4 in IPv6", "300:0.NA/a", "192.0.2.1", "300:0.NA/a", "[::ffff:192.0.2.7]",
		 true},
		{"another /24", "300:0.NA/a", "192.0.2.1", "300:0.NA/a", "192.0.3.1", false},
		{"another /48", "300:0.NA/a", "[2001:db8:1::]", "300:0.NA/a", "[2001:db8:2::]",
		 false},
		{"another index", "300:0.NA/a", "192.0.2.1", "301:0.NA/a", "192.0.2.1", false},
		{"another handle", "300:0.NA/a", "192.0.2.1", "300:0.NA/b", "192.0.2.1", false},
		{"case of the suffix", "300:a/b", "192.0.2.1", "300:a/B", "192.0.2.1", false},
		{"control socket", "300:0.NA/a", "192.0.2.1", "300:0.NA/a", "", false},
		{"control socket's own", "300:0.NA/a", "", "300:0.NA/a", "", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct backoff *b = backoff_new(i);
		fail_at(b, rows[i].failed_who, rows[i].failed_from, 0);
		check_u64(rows[i].name, wait_of(b, rows[i].who, rows[i].from, 0) != 0,
			  rows[i].waits);
		backoff_free(b);
	}
}

static void test_forgets(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint64_t quiet_ms; /* after the second wait of 1 s */
		uint32_t next_ms;
	} rows[] = {
		{"at once", 0, 2000},
		{"9 minutes", 540000, 2000},
		{"a ms before", BACKOFF_FORGET_MS - 1, 2000},
		{"10 minutes", BACKOFF_FORGET_MS, 500},
		{"a day", 86400000, 500},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct backoff *b = backoff_new(i);
		fail_at(b, "300:0.NA/1", "192.0.2.1", 0);
		fail_at(b, "300:0.NA/1", "192.0.2.1", 500);
		uint64_t ms = 1500 + rows[i].quiet_ms;
		fail_at(b, "300:0.NA/1", "192.0.2.1", ms);
		check_u64(rows[i].name, wait_of(b, "300:0.NA/1", "192.0.2.1", ms),
			  rows[i].next_ms);
		backoff_free(b);
	}
}

static void test_success_ends_it(void **state)
{
	(void)state;
	struct backoff *b = backoff_new(1);
	struct hlv_ref who = hlv_ref_parse(hlv_text("300:0.NA/1"));
	struct hlv_addr there = address("192.0.2.1"), elsewhere = address("192.0.3.1");
	fail_at(b, "300:0.NA/1", "192.0.2.1", 0);
	backoff_succeeded(b, &who, &elsewhere);
	check_u64("success elsewhere", wait_of(b, "300:0.NA/1", "192.0.2.1", 0), 500);
	backoff_succeeded(b, &who, &there);
	check_u64("success there", wait_of(b, "300:0.NA/1", "192.0.2.1", 0), 0);
	fail_at(b, "300:0.NA/1", "192.0.2.1", 0);
	check_u64("from the beginning", wait_of(b, "300:0.NA/1", "192.0.2.1", 0), 500);
	backoff_free(b);
}

/* threats.md 3: 10,000 wrong answers from one network; the administrator elsewhere gets in. */
static void test_no_lock_out(void **state)
{
	(void)state;
	struct backoff *b = backoff_new(1);
	for (uint64_t i = 0; i < 10000; i++) {
		char from[32];
		snprintf(from, sizeof from, "192.0.2.%u", (unsigned)(i % 256));
		fail_at(b, "300:0.NA/1", from, i);
	}
	check_u64("there", wait_of(b, "300:0.NA/1", "192.0.2.77", 10000), 60000 - 1);
	check_u64("elsewhere", wait_of(b, "300:0.NA/1", "198.51.100.1", 10000), 0);
	check_u64("others there", wait_of(b, "300:0.NA/2", "192.0.2.77", 10000), 0);
	backoff_free(b);
}

/* More networks than there is room for: nothing grows, and new ones still count. */
static void test_squeezed_out(void **state)
{
	(void)state;
	struct backoff *b = backoff_new(1);
	char from[32];
	for (uint32_t i = 0; i < 300000; i++) {
		snprintf(from, sizeof from, "%u.%u.%u.1", 10 + (i >> 16), i >> 8 & 255,
			 i & 255);
		fail_at(b, "300:0.NA/1", from, i);
		if (wait_of(b, "300:0.NA/1", from, i) != BACKOFF_FIRST_MS)
			fail_msg("%s is not slowed down", from);
	}
	backoff_free(b);
	backoff_free(NULL);
}

/* No codec lets such a name through; it must not lead out of the buffer either. */
static void test_long_name(void **state)
{
	(void)state;
	uint8_t name[5000];
	memset(name, 'a', sizeof name);
	struct hlv_ref who = {hlv_bytes(name, sizeof name), 300};
	struct hlv_addr a = address("192.0.2.1");
	struct backoff *b = backoff_new(1);
	backoff_failed(b, &who, &a, at_ms(0));
	check_u64("slowed down", backoff_wait_ms(b, &who, &a, at_ms(0)), 500);
	backoff_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubles),	    cmocka_unit_test(test_whose),
		cmocka_unit_test(test_forgets),	    cmocka_unit_test(test_success_ends_it),
		cmocka_unit_test(test_no_lock_out), cmocka_unit_test(test_squeezed_out),
		cmocka_unit_test(test_long_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
