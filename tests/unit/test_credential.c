/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/credential.h"

#include "tests/unit/in_arena.h"

#define HEAD "00 00 0000 00000000 00000007 "
#define SIGNED "00000009 48535f5349474e4544 "

static void test_decode(void **state)
{
	(void)state;
	static const struct {
		const char *name, *in;
		bool ok, same; /* `same`: encoding gives it back */
	} rows[] = {
		{"signed", HEAD SIGNED "0000000c 00000002 4d44 00000002 aabb", true, true},
		{"empty signature", HEAD SIGNED "0000000a 00000002 4d44 00000000", true, true},
		{"wrong section length", HEAD SIGNED "00000000 00000002 4d44 00000000", true,
		 false},
		{"octets behind", HEAD SIGNED "0000000a 00000002 4d44 00000000 ff", true,
		 false},
		{"none", "", false, false},
		{"head alone", HEAD, false, false},
		{"type alone", HEAD SIGNED, false, false},
		{"type runs over", HEAD "00000010 48535f5349474e4544", false, false},
		{"signer negative", "00 00 0000 ffffffff 00000007", false, false},
		{"no signature", HEAD SIGNED "0000000a 00000002 4d44", false, false},
		{"signature cut", HEAD SIGNED "0000000c 00000002 4d44 00000002 aa", false,
		 false},
		{"signature huge", HEAD SIGNED "0000000c 00000002 4d44 80000000 aa", false,
		 false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes in = hex(&arena, rows[i].in);
		struct hlv_credential c;
		check_err(rows[i].name, hlv_credential_decode(in, &c),
			  rows[i].ok ? HLV_OK : HLV_E_MALFORMED);
		if (rows[i].same) {
			struct hlv_writer w = hlv_writer(hlv_alloc(&arena, in.n + 4), in.n + 4);
			hlv_credential_encode(&w, &c);
			check_bytes(rows[i].name, hlv_skip(hlv_written(&w), 4), in);
		}
		hlv_arena_reset(&arena);
	}
}

/* protocol.md 5.2, one row a line of its table and the versions around. */
static void test_covered(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint8_t major, minor;
		const char *want;
	} rows[] = {
		{"2.0", 2, 0, ""},
		{"2.5", 2, 5, ""},
		{"2.6", 2, 6, "0206 1122 55667788 000000000000"},
		{"2.7", 2, 7, "0207 11223344 99aabbcc 55667788"},
		{"2.8", 2, 8, "0208 020a 11223344 99aabbcc 55667788"},
		{"2.11", 2, 11, "020b 020a 11223344 99aabbcc 55667788"},
		{"3.0", 3, 0, "0300 020a 11223344 99aabbcc 55667788"},
		{"5.9, which is 2.0", 5, 9, ""},
		{"minor -1", 2, 255, ""},
		{"major -1", 255, 11, ""},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_envelope env = {
			.major = rows[i].major,
			.minor = rows[i].minor,
			.suggest_major = 2,
			.suggest_minor = 10,
			.flags = HLV_E_TRUNCATED,
			.session_id = 0x11223344,
			.request_id = 0x99AABBCC,
		};
		uint8_t out[HLV_COVERED_PREFIX_MAX];
		size_t n = hlv_covered_prefix(&env, 0x55667788, out);
		check_bytes(rows[i].name, hlv_bytes(out, n), hex(&arena, rows[i].want));
	}
	hlv_arena_reset(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_covered),
	};
	return run_in_arena(tests);
}
