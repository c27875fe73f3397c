/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/keep_world.h"

static void test_kept(void **state)
{
	(void)state;
	struct keep *k;
	struct cache *c = reopen(&k, 0, 0, 0);
	put(c, "1/a", "a");
	put_as(c, MEMORY_CUT, "0.NA/1", "cut", 0, HLV_RC_SUCCESS, 0);
	put_as(c, MEMORY_RECORD, "1/gone", "", 0, HLV_RC_NOT_FOUND, 0);
	put_as(c, MEMORY_RECORD, "1/bare", "", 0, HLV_RC_VALUES_NOT_FOUND, 0);
	check_save(k, c, 4);
	check_save(k, c, 0);
	put(c, "1/b", "b");
	put(c, "1/a", "other");
	put(c, "1/a", "another");
	check_save(k, c, 2);
	end(c, k);
	c = reopen(&k, 1, 5, 0);
	assert_true(has(c, "1/a", "another"));
	assert_true(has(c, "1/b", "b"));
	assert_int_equal(cache_newest(c, hlv_text("1/a")), 77);
	struct hlv_arena a;
	struct cache_hit hit;
	hlv_arena_init(&a, 4096);
	assert_int_equal(cache_get(c, MEMORY_RECORD, hlv_text("1/gone"), at(1), &a, &hit),
			 CACHE_FRESH);
	assert_int_equal(hit.proven.finding.rc, HLV_RC_NOT_FOUND);
	assert_int_equal(hit.left_s, 999); /* of wall-clock time */
	assert_int_equal(cache_get(c, MEMORY_RECORD, hlv_text("1/bare"), at(1000), &a, &hit),
			 CACHE_STALE);
	assert_int_equal(cache_get(c, MEMORY_CUT, hlv_text("0.NA/1"), at(1), &a, &hit),
			 CACHE_FRESH);
	hlv_arena_fini(&a);
	check_save(k, c, 0); /* what came from there needs not go there */
	end(c, k);
}

static void test_removed(void **state)
{
	(void)state;
	struct keep *k;
	struct cache *c = reopen(&k, 0, 0, 0);
	for (unsigned i = 0; i < 100; i++)
		put_number(c, i, 0);
	check_save(k, c, 100);
	assert_int_equal(cache_flush(c, "1/5*"), 11);
	put_number(c, 55, 0); /* gone and come again */
	check_save(k, c, 1);
	end(c, k);
	c = reopen(&k, 1, 90, 0);
	assert_true(has_number(c, 55));
	assert_false(has_number(c, 5));
	cache_flush(c, "");
	check_save(k, c, 0);
	end(c, k);
	c = reopen(&k, 1, 0, 0);
	end(c, k);
}

/* More goes than can be noted one by one. */
static void test_removed_many(void **state)
{
	(void)state;
	enum { N = 6000 };
	struct cache *c = new_cache(1 << 20);
	struct cache_stats stats;
	struct keep *k = open_keep(0);
	size_t loaded, damaged;
	check_err("load", keep_load(k, c, at(0), &loaded, &damaged), HLV_OK);
	for (unsigned i = 0; i < N; i++)
		put_number(c, i, 0);
	cache_stats(c, &stats);
	assert_in_range(stats.entries, 4 * 600, N);
	check_save(k, c, stats.entries);
	assert_int_equal(cache_flush(c, ""), stats.entries);
	put_number(c, 1, 0);
	check_save(k, c, 1);
	end(c, k);
	c = reopen(&k, 1, 1, 0);
	assert_true(has_number(c, 1));
	end(c, k);
}

static void test_too_old(void **state)
{
	(void)state;
	struct keep *k;
	struct cache *c = reopen(&k, 0, 0, 0);
	put(c, "1/a", "a");
	put_as(c, MEMORY_RECORD, "1/b", "b", 0, HLV_RC_SUCCESS, 100);
	check_save(k, c, 2);
	end(c, k);
	c = reopen(&k, 1000 + 3 * DAY_S + 50, 1, 0);
	check_save(k, c, 0);
	end(c, k);
	c = reopen(&k, 0, 1, 0); /* it was removed */
	end(c, k);
}

static void test_one_at_a_time(void **state)
{
	(void)state;
	char why[KEEP_WHY] = "";
	struct keep *k = open_keep(0), *other;
	check_err("second", keep_open(dir, 0, &other, why), HLV_E_BUSY);
	assert_non_null(strstr(why, "in use"));
	keep_close(k);
	k = open_keep(0);
	keep_close(k);
}

/* --- the form --- */

static void test_form(void **state)
{
	(void)state;
	/* version kind proof rc | fetched | life newest validated hits 0 | key | values */
	static const char good[] =
		"01 00 03 01  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		"  00000003 312F61  00000001"
		"  00000001 00000000 00 00015180 0E 00000003 55524C 00000001 78 00000000";
	static const struct {
		const char *name, *octets;
		enum hlv_err err;
	} rows[] = {
		{"nothing", "", HLV_E_MALFORMED},
		{"later version",
		 "02 00 03 64  0000018BCFE56800  000003E8 0 000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_NEWER},
		{"unknown proof",
		 "01 00 00 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"bogus",
		 "01 00 01 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"proof beyond",
		 "01 00 04 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"kind beyond",
		 "01 03 03 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"no such code",
		 "01 00 03 02  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"not found with values",
		 "01 00 03 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000001"
		 "00000001 00000000 00 00015180 0E 00000003 55524C 00000001 78 00000000",
		 HLV_E_MALFORMED},
		{"for ever",
		 "01 00 03 64  FFFFFFFFFFFFFFFF  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"something reserved",
		 "01 00 03 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000001"
		 "00000003 312F61  00000000",
		 HLV_E_MALFORMED},
		{"one octet more",
		 "01 00 03 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000 00",
		 HLV_E_MALFORMED},
		{"a count that cannot be",
		 "01 00 03 01  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000009",
		 HLV_E_MALFORMED},
		{"insecure nothing",
		 "01 00 02 64  0000018BCFE56800  000003E8 0000004D 0000004E 00000005 00000000"
		 "00000003 312F61  00000000",
		 HLV_OK},
		{"secure", good, HLV_OK},
	};
	struct hlv_arena a;
	hlv_arena_init(&a, 1 << 20);
	struct cache_entry e;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_err(rows[i].name, finding_decode(hex(&a, rows[i].octets), &e),
			  rows[i].err);
	assert_int_equal(e.kind, MEMORY_RECORD);
	assert_int_equal(e.hits, 5);
	assert_int_equal(e.validated_s, 78);
	assert_int_equal(e.proven.proof, PROOF_SECURE);
	assert_int_equal(e.proven.finding.life_s, 1000);
	assert_int_equal(e.proven.finding.newest_s, 77);
	struct hlv_bytes octets = hex(&a, good);
	uint8_t room[200];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	finding_encode(&w, &e);
	check_bytes("again", hlv_written(&w), octets);
	for (size_t n = 0; n < octets.n; n++)
		assert_int_not_equal(
			finding_decode(hlv_arena_copy(&a, hlv_head(octets, n)), &e), HLV_OK);
	hlv_arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(test_kept),    IN_DIR(test_removed),	  IN_DIR(test_removed_many),
		IN_DIR(test_too_old), IN_DIR(test_one_at_a_time), IN_DIR(test_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
