/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/digest.h"

#include "tests/unit/in_arena.h"

/* RFC 1321, FIPS 180-4 and GB/T 32905: of "abc". */
static const struct {
	enum hlv_hash hash;
	const char *name, *abc;
} hashes[] = {
	{HLV_MD5, "MD5", "900150983cd24fb0d6963f7d28e17f72"},
	{HLV_SHA1, "SHA-1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
	{HLV_SHA256, "SHA-256",
	 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{HLV_SM3, "SM3", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
};

static void digests(void **state)
{
	(void)state;
	struct hlv_bytes spans[] = {hlv_text("a"), {0}, hlv_text("bc")};
	for (size_t i = 0; i < COUNT(hashes); i++) {
		uint8_t out[HLV_HASH_MAX];
		size_t n = hlv_hash_size(hashes[i].hash);
		struct hlv_bytes want = hex(&arena, hashes[i].abc);
		check_err(hashes[i].name, hlv_hash(hashes[i].hash, hlv_text("abc"), out),
			  HLV_OK);
		check_bytes(hashes[i].name, hlv_bytes(out, n), want);
		check_err(hashes[i].name, hlv_hash_spans(hashes[i].hash, spans, 3, out),
			  HLV_OK);
		check_bytes(hashes[i].name, hlv_bytes(out, n), want);
	}
}

static void hasher_is_used_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hashes); i++) {
		struct hlv_hasher *h;
		uint8_t out[HLV_HASH_MAX], once[HLV_HASH_MAX];
		size_t n = hlv_hash_size(hashes[i].hash);
		check_err(hashes[i].name, hlv_hasher_new(hashes[i].hash, &h), HLV_OK);
		check_err("no octets", hlv_hash(hashes[i].hash, (struct hlv_bytes){0}, once),
			  HLV_OK);
		for (int round = 0; round < 3; round++) {
			hlv_hasher_begin(h);
			hlv_hasher_add(h, hlv_text("given up"));
			hlv_hasher_begin(h);
			hlv_hasher_add(h, hlv_text("a"));
			hlv_hasher_add(h, (struct hlv_bytes){0});
			hlv_hasher_add(h, hlv_text("bc"));
			check_err(hashes[i].name, hlv_hasher_end(h, out), HLV_OK);
			check_bytes(hashes[i].name, hlv_bytes(out, n),
				    hex(&arena, hashes[i].abc));
			hlv_hasher_begin(h);
			check_err("no octets", hlv_hasher_end(h, out), HLV_OK);
			check_bytes("no octets", hlv_bytes(out, n), hlv_bytes(once, n));
		}
		hlv_hasher_free(h);
	}
	hlv_hasher_free(NULL);
}

static void request_digest_follows_the_version(void **state)
{
	(void)state;
	static const struct {
		int version;
		uint8_t kind;
		size_t n;
	} rows[] = {
		{HLV_V(2, 0), HLV_DIGEST_MD5_OLD, 16}, {HLV_V(2, 1), HLV_DIGEST_SHA1, 20},
		{HLV_V(2, 6), HLV_DIGEST_SHA1, 20},    {HLV_V(2, 7), HLV_DIGEST_SHA256, 32},
		{HLV_V(2, 11), HLV_DIGEST_SHA256, 32}, {HLV_V(3, 0), HLV_DIGEST_SHA256, 32},
	};
	struct hlv_bytes asked = hlv_text("what was asked");
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t out[HLV_HASH_MAX];
		struct hlv_digest d;
		check_err("digest", hlv_request_digest(asked, rows[i].version, out, &d),
			  HLV_OK);
		check_u64("kind", d.kind, rows[i].kind);
		check_u64("octets", d.octets.n, rows[i].n);
		assert_true(hlv_request_digest_fits(asked, &d));
		assert_false(hlv_request_digest_fits(hlv_text("what was answered"), &d));
		assert_false(hlv_request_digest_fits(hlv_text(""), &d));
		for (size_t at = 0; at < d.octets.n; at++) {
			out[at] ^= 0x10;
			assert_false(hlv_request_digest_fits(asked, &d));
			out[at] ^= 0x10;
		}
		struct hlv_digest bad = d;
		bad.octets.n--;
		assert_false(hlv_request_digest_fits(asked, &bad));
		bad.octets.n = 0;
		assert_false(hlv_request_digest_fits(asked, &bad));
		for (unsigned kind = 4; kind < 256; kind++) {
			bad = d;
			bad.kind = (uint8_t)kind;
			assert_false(hlv_request_digest_fits(asked, &bad));
		}
	}
}

static void server_choice(void **state)
{
	(void)state;
	static const struct {
		const char *name, *id;
		uint8_t option;
		enum hlv_err err;
		uint32_t hash;
	} rows[] = {
		/* The MD5 of this one ends in 80000000; found by search. */
		{"-2^31", "88/0012050264627", HLV_HASH_ALL, HLV_OK, 0},
		{"by prefix", "10.1000/182", HLV_HASH_PREFIX, HLV_OK, 2091615925},
		{"by prefix, folded", "10.1000/abc", HLV_HASH_PREFIX, HLV_OK, 2091615925},
		{"by suffix", "10.1000/ABC", HLV_HASH_SUFFIX, HLV_OK, 891676978},
		{"by suffix, folded", "10.1000/aBc", HLV_HASH_SUFFIX, HLV_OK, 891676978},
		{"by all", "10.1000/ABC", HLV_HASH_ALL, HLV_OK, 205920229},
		{"by all, folded", "10.1000/abc", HLV_HASH_ALL, HLV_OK, 205920229},
		{"option 3", "10.1000/ABC", 3, HLV_E_UNSUPPORTED, 0},
		{"option 255", "10.1000/ABC", 255, HLV_E_UNSUPPORTED, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t hash = 0;
		check_err(rows[i].name,
			  hlv_site_hash(hlv_text(rows[i].id), rows[i].option, &hash),
			  rows[i].err);
		check_u64(rows[i].name, hash, rows[i].hash);
	}
}

/* Folding goes in pieces: an identifier longer than one must not depend on where it is cut. */
static void long_identifiers(void **state)
{
	(void)state;
	static uint8_t id[2048], upper[2048];
	for (size_t n = 250; n < sizeof id; n = n < 520 ? n + 1 : n * 2) {
		uint32_t a, b, own;
		uint8_t md5[HLV_HASH_MAX];
		for (size_t i = 0; i < n; i++) {
			id[i] = (uint8_t)('a' + i % 26);
			upper[i] = (uint8_t)('A' + i % 26);
		}
		check_err("long", hlv_site_hash(hlv_bytes(id, n), HLV_HASH_ALL, &a), HLV_OK);
		check_err("long", hlv_site_hash(hlv_bytes(upper, n), HLV_HASH_ALL, &b), HLV_OK);
		check_err("long", hlv_hash(HLV_MD5, hlv_bytes(upper, n), md5), HLV_OK);
		own = hlv_load_u32(md5 + 12);
		check_u64("folded", a, b);
		check_u64("by hand", a, own >> 31 ? 0U - own : own);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests),
		cmocka_unit_test(hasher_is_used_again),
		cmocka_unit_test(request_digest_follows_the_version),
		cmocka_unit_test(server_choice),
		cmocka_unit_test(long_identifiers),
	};
	return run_in_arena(tests);
}
