/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/siphash.h"

#include "tests/unit/unit.h"

/* The authors' own test vectors: key 00..0f, input 00, 01, 02 ... */
static void test_published(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t n;
		uint64_t hash;
	} rows[] = {
		{"nothing", 0, UINT64_C(0x726FDB47DD0E0E31)},
		{"1 octet", 1, UINT64_C(0x74F839C593DC67FD)},
		{"7 octets", 7, UINT64_C(0xAB0200F58B01D137)},
		{"8 octets", 8, UINT64_C(0x93F5F5799A932462)},
		{"15 octets", 15, UINT64_C(0xA129CA6149BE45E5)},
	};
	static const uint64_t key[2] = {UINT64_C(0x0706050403020100),
					UINT64_C(0x0F0E0D0C0B0A0908)};
	uint8_t in[15];
	for (uint8_t i = 0; i < sizeof in; i++)
		in[i] = i;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_u64(rows[i].name, hlv_siphash(key, hlv_bytes(in, rows[i].n)),
			  rows[i].hash);
}

static void test_secret_matters(void **state)
{
	(void)state;
	struct hlv_bytes in = hlv_text("20.500/x");
	uint64_t plain = hlv_siphash((uint64_t[2]){1, 2}, in);
	assert_true(plain != hlv_siphash((uint64_t[2]){1, 3}, in));
	assert_true(plain != hlv_siphash((uint64_t[2]){2, 2}, in));
	assert_true(plain != hlv_siphash((uint64_t[2]){1, 2}, hlv_text("20.500/X")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_secret_matters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
