/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/loc.h"

#include "tests/unit/unit.h"

static const char two[] = "<locations><location href='h:a' weight='3'/>"
			  "<location href='h:b'/></locations>";

static void test_read(void **state)
{
	(void)state;
	static const struct {
		const char *xml;
		enum hlv_err err;
		size_t n;
	} rows[] = {
		{"<locations/>", HLV_OK, 0},
		{two, HLV_OK, 2},
		{"<?xml version='1.0'?><locations chooseby='x'><location/><location href='h'/>"
		 "<other><location href='i'/></other></locations>",
		 HLV_OK, 1},
		{"", HLV_E_MALFORMED, 0},
		{"<location href='h'/>", HLV_E_MALFORMED, 0},
		{"<locations>", HLV_E_MALFORMED, 0},
		{"<locations><location href='a' href='b'/></locations>", HLV_E_MALFORMED, 0},
		{"<locations><location href='&amp;&#65;'/></locations>", HLV_OK, 1},
		{"<locations><location href='&x;'/></locations>", HLV_E_MALFORMED, 0},
		{"<!DOCTYPE locations><locations/>", HLV_E_MALFORMED, 0},
		{"<!DOCTYPE l [<!ENTITY x 'y'>]><locations><location href='&x;'/></locations>",
		 HLV_E_MALFORMED, 0},
		{"<locations><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></locations>",
		 HLV_E_MALFORMED, 0},
		{"<locations><location a='' b='' c='' d='' e='' f='' g='' h='' i='' j='' k='' "
		 "l='' "
		 "m='' n='' o='' p='' q=''/></locations>",
		 HLV_E_MALFORMED, 0},
		{"<locations>\xFF</locations>", HLV_E_MALFORMED, 0},
	};
	struct hlv_arena a;
	struct loc loc;
	hlv_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		check_err(rows[i].xml, loc_read(hlv_text(rows[i].xml), &a, &loc), rows[i].err);
		if (rows[i].err == HLV_OK)
			check_u64(rows[i].xml, loc.n, rows[i].n);
		hlv_arena_reset(&a);
	}
	hlv_arena_fini(&a);
}

static void test_limits(void **state)
{
	(void)state;
	struct hlv_buf xml = {0};
	struct hlv_arena a;
	struct loc loc;
	hlv_buf_str(&xml, "<locations>");
	for (size_t i = 0; i < LOC_PLACES_MAX + 1; i++)
		hlv_buf_str(&xml, "<location href='h'/>");
	hlv_buf_str(&xml, "</locations>");
	hlv_arena_init(&a, 1 << 20);
	check_err("places", loc_read(hlv_buf_bytes(&xml), &a, &loc), HLV_E_MALFORMED);
	while (xml.n <= LOC_OCTETS_MAX)
		hlv_buf_str(&xml, "          ");
	check_err("octets", loc_read(hlv_buf_bytes(&xml), &a, &loc), HLV_E_MALFORMED);
	hlv_arena_fini(&a);
	/* However little memory: an error, and nothing lost. */
	for (size_t limit = 0; limit < 140000; limit += 1000) {
		hlv_arena_init(&a, limit);
		enum hlv_err err = loc_read(hlv_text(two), &a, &loc);
		if (err != HLV_OK && err != HLV_E_NOMEM)
			fail_msg("%zu: %s", limit, hlv_strerror(err));
		hlv_arena_fini(&a);
	}
	hlv_buf_free(&xml);
}

static void test_choose(void **state)
{
	(void)state;
#define L(atts) "<location href='h:" atts "/>"
	static const struct {
		const char *chooseby, *places, *locatt, *country, *want;
		bool conneg;
	} rows[] = {
		{"", L("a'") L("b' weight='0'"), NULL, "", "h:a", false},
		{"", L("a'") L("b' weight='0' x='1'"), "x:1", "", "h:b", false},
		{"", L("a'") L("b' weight='0' x='1'"), "x:2", "", "h:a", false},
		{"country", L("a'") L("b' weight='0' x='1'"), "x:1", "", "h:a", false},
		{"", L("a' country='us'") L("b' country='cn'"), NULL, "CN", "h:b", false},
		{"", L("a' country='us'") L("b'"), NULL, "cn", "h:b", false},
		{"", L("a' weight='0'") L("b' weight='0'"), NULL, "", "h:a", false},
		{"", L("a' weight='0.9'") L("b' weight='1'"), NULL, "", "h:b", false},
		{"", L("a' weight='-1'"), NULL, "", "h:a", false},
		{"", L("a'") L("b' http_role='conneg'"), NULL, "", "h:a", false},
		{"", L("a'") L("b' http_role='conneg'"), NULL, "", "h:b", true},
		{"", L("a'"), NULL, "", "h:a", true},
		{"", L("b' http_role='conneg'"), NULL, "", NULL, false},
		{"", "", NULL, "", NULL, true},
		{"weighted,locatt", L("a'") L("b' weight='0' x='1'"), "x:1", "", "h:a", false},
	};
	struct hlv_rand rand;
	struct hlv_arena a;
	hlv_rand_seed(&rand, 1);
	hlv_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char xml[512];
		struct loc loc;
		struct hlv_bytes locatt = hlv_text(rows[i].locatt ? rows[i].locatt : "");
		struct loc_wish wish = {.locatt = &locatt,
					.nlocatt = rows[i].locatt ? 1 : 0,
					.country = hlv_text(rows[i].country),
					.conneg = rows[i].conneg,
					.rand = &rand};
		snprintf(xml, sizeof xml, "<locations chooseby='%s'>%s</locations>",
			 rows[i].chooseby, rows[i].places);
		check_err(xml, loc_read(hlv_text(xml), &a, &loc), HLV_OK);
		for (size_t k = 0; k < 20; k++) {
			const struct loc_place *place = loc_choose(&loc, &wish);
			if (!place && rows[i].want)
				fail_msg("%s: none", xml);
			if (place)
				check_text(xml, place->href, rows[i].want ? rows[i].want : "");
		}
		hlv_arena_reset(&a);
	}
	hlv_arena_fini(&a);
}

/* 3 to 1, within what chance allows: the seed is given, so it is always the same. */
static void test_weights(void **state)
{
	(void)state;
	struct hlv_rand rand;
	struct hlv_arena a;
	struct loc loc;
	size_t first = 0;
	struct loc_wish wish = {.rand = &rand};
	hlv_rand_seed(&rand, 7);
	hlv_arena_init(&a, 1 << 20);
	check_err("two", loc_read(hlv_text(two), &a, &loc), HLV_OK);
	for (size_t i = 0; i < 4000; i++)
		first += loc_choose(&loc, &wish) == &loc.places[0];
	assert_in_range(first, 2900, 3100);
	hlv_arena_fini(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_weights),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
