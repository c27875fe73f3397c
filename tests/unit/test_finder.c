/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/finder.h"

#include <ldns/ldns.h>

#include "tests/unit/unit.h"

/* A small DNS: "test." is signed and the anchor; "id.test." and "n3.test." are signed below it,
 * "open.test." is delegated without keys. It answers with the records of a name, or with all that its
 * zone denies by. */

enum { NOW_S = 1800000000, ZONES = 5, ASKED_MAX = 128 };

struct dns_zone {
	const char *apex, *text;
	bool is_signed, nsec3;
	ldns_rdf *name;
	ldns_rr_list *records;
	ldns_rr *ds;
};

static struct dns_zone zones[ZONES] = {
	{.apex = "test.",
	 .text = "test. 300 IN SOA ns.test. h.test. 1 300 300 3600 300\n"
		 "test. 300 IN NS ns.test.\n"
		 "open.test. 300 IN NS ns.open.test.\n",
	 .is_signed = true},
	{.apex = "id.test.",
	 .text = "id.test. 300 IN SOA ns.id.test. h.id.test. 1 300 300 3600 300\n"
		 "id.test. 300 IN NS ns.id.test.\n"
		 "_hdl._udp.id.test. 300 IN SRV 10 0 2641 a.id.test.\n"
		 "_hdl._udp.id.test. 300 IN SRV 20 0 2642 b.id.test.\n"
		 "_hdl._tcp.id.test. 120 IN SRV 10 0 2641 a.id.test.\n"
		 "a.id.test. 300 IN A 192.0.2.1\n"
		 "a.id.test. 300 IN AAAA 2001:db8::1\n"
		 "b.id.test. 300 IN A 192.0.2.2\n"
		 "_hdl._udp.out.id.test. 30 IN SRV 1 0 2641 r.open.test.\n"
		 "_hdl._udp.none.id.test. 300 IN SRV 1 0 2641 .\n"
		 "_hdl._udp.lost.id.test. 300 IN SRV 1 0 2641 gone.id.test.\n"
		 "*.wild.id.test. 300 IN SRV 1 0 2641 a.id.test.\n"
		 "naptr.id.test. 300 IN NAPTR 20 1 \"A\" \"hdl:tcp\" \"\" b.id.test.\n"
		 "naptr.id.test. 300 IN NAPTR 10 1 \"s\" \"HDL:udp\" \"\" "
		 "_hdl._udp.out.id.test.\n"
		 "naptr.id.test. 300 IN NAPTR 1 1 \"U\" \"hdl:udp\" \"!a!b!\" .\n",
	 .is_signed = true},
	{.apex = "n3.test.",
	 .text = "n3.test. 300 IN SOA ns.n3.test. h.n3.test. 1 300 300 3600 300\n"
		 "n3.test. 300 IN NS ns.n3.test.\n"
		 "_hdl._udp.n3.test. 300 IN SRV 10 0 2641 a.n3.test.\n"
		 "a.n3.test. 300 IN A 192.0.2.3\n"
		 "bare.n3.test. 300 IN NS ns.bare.n3.test.\n",
	 .is_signed = true,
	 .nsec3 = true},
	{.apex = "open.test.",
	 .text = "open.test. 300 IN SOA ns.open.test. h.open.test. 1 300 300 3600 300\n"
		 "_hdl._udp.open.test. 999999 IN SRV 1 0 2641 r.open.test.\n"
		 "r.open.test. 999999 IN A 192.0.2.4\n"},
	{.apex = "bare.n3.test.",
	 .text = "bare.n3.test. 300 IN SOA ns.bare.n3.test. h.n3.test. 1 300 300 3600 300\n"
		 "_hdl._udp.bare.n3.test. 300 IN SRV 1 0 2641 r.open.test.\n"},
};

/* What goes wrong on the way. */
enum trick {
	NO_TRICK,
	CHANGE_PORT,  /* of SRV, signatures as they were */
	DROP_RRSIG,   /* of what is not DNSKEY */
	DROP_DS,      /* no DS and no proof */
	DROP_NSEC,    /* no proof of anything */
	FORGE_KEY,    /* DNSKEY of another zone */
	EMPTY_KEY,    /* a DNSKEY record that ends before its first field */
	WRONG_ID,     /* somebody else's answer */
	SERVFAIL,     /* to everything */
	SILENCE,      /* to everything */
	SILENT_HOSTS, /* addresses of b.id.test. */
};

static enum trick trick;
static struct hlv_strings anchors;
static char anchor_text[512], *anchor_list[1] = {anchor_text};
static unsigned asked;

/* Zones live as long as the program. */
static void *kept[32];
static size_t nkept;

static void *keep(void *p)
{
	assert_true(nkept < COUNT(kept));
	return kept[nkept++] = p;
}

/* --- zones --- */

static ldns_rdf *name_of(const char *text)
{
	ldns_rdf *name;
	assert_int_equal(ldns_str2rdf_dname(&name, text), LDNS_STATUS_OK);
	return name;
}

static void make_zone(struct dns_zone *z)
{
	FILE *f = fmemopen((void *)(uintptr_t)z->text, strlen(z->text), "r");
	ldns_zone *plain = NULL;
	z->name = keep(name_of(z->apex));
	assert_int_equal(ldns_zone_new_frm_fp(&plain, f, z->name, 300, LDNS_RR_CLASS_IN),
			 LDNS_STATUS_OK);
	keep(plain);
	fclose(f);
	/* What is delegated below, with keys. */
	for (size_t i = 0; i < ZONES; i++)
		if (zones[i].ds && ldns_dname_is_subdomain(zones[i].name, z->name))
			ldns_zone_push_rr(plain, ldns_rr_clone(zones[i].ds));
	if (!z->is_signed) {
		z->records = ldns_zone_rrs(plain);
		ldns_rr_list_push_rr(z->records, ldns_zone_soa(plain));
		return;
	}
	ldns_key *key = ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, 256);
	ldns_key_set_pubkey_owner(key, ldns_rdf_clone(z->name));
	ldns_key_set_flags(key, LDNS_KEY_ZONE_KEY | LDNS_KEY_SEP_KEY);
	ldns_key_set_inception(key, NOW_S - 1000);
	ldns_key_set_expiration(key, NOW_S + 1000);
	ldns_rr *rr = ldns_key2rr(key);
	ldns_key_set_keytag(key, ldns_calc_keytag(rr));
	ldns_rr_set_ttl(rr, 300);
	ldns_zone_push_rr(plain, rr);
	z->ds = ldns_key_rr2ds(rr, LDNS_SHA256);
	ldns_key_list *keys = keep(ldns_key_list_new());
	ldns_key_list_push_key(keys, key);
	ldns_zone *made = z->nsec3 ? ldns_zone_sign_nsec3(plain, keys, 1, 0, 5, 0, NULL)
				   : ldns_zone_sign(plain, keys);
	assert_non_null(keep(made));
	z->records = ldns_zone_rrs(made);
	ldns_rr_list_push_rr(z->records, ldns_zone_soa(made));
}

static int make_all(void **state)
{
	(void)state;
	for (size_t i = ZONES; i-- > 0;)
		make_zone(&zones[i]);
	char *text = ldns_rr2str(zones[0].ds);
	text[strcspn(text, "\n;")] = '\0';
	snprintf(anchor_text, sizeof anchor_text, "%s", text);
	free(text);
	return 0;
}

/* --- answers --- */

static struct dns_zone *zone_for(const ldns_rdf *name, ldns_rr_type type)
{
	struct dns_zone *best = NULL;
	for (size_t i = 0; i < ZONES; i++) {
		struct dns_zone *z = &zones[i];
		bool apex = ldns_dname_compare(z->name, name) == 0;
		bool has = type == LDNS_RR_TYPE_DS
				   ? ldns_dname_is_subdomain(name, z->name) && !apex
				   : apex || ldns_dname_is_subdomain(name, z->name);
		if (has && (!best || ldns_dname_label_count(z->name) >
					     ldns_dname_label_count(best->name)))
			best = z;
	}
	return best;
}

static bool covers(const ldns_rr *rr, ldns_rr_type type)
{
	return ldns_rr_get_type(rr) == type ||
	       (ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG &&
		ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(rr)) == type);
}

static bool is_dropped(const ldns_rr *rr)
{
	if (trick == DROP_RRSIG && ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG)
		return ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(rr)) == LDNS_RR_TYPE_SRV;
	return false;
}

static void push(ldns_pkt *p, ldns_pkt_section section, const ldns_rr *rr)
{
	ldns_rr *copy = ldns_rr_clone(rr);
	if (trick == CHANGE_PORT && ldns_rr_get_type(copy) == LDNS_RR_TYPE_SRV)
		ldns_rdf_deep_free(ldns_rr_set_rdf(
			copy, ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, 1), 2));
	while (trick == EMPTY_KEY && ldns_rr_get_type(copy) == LDNS_RR_TYPE_DNSKEY &&
	       ldns_rr_rd_count(copy) > 0)
		ldns_rdf_deep_free(ldns_rr_pop_rdf(copy));
	ldns_pkt_push_rr(p, section, copy);
}

/* What a wild card says about any name below it: signed, and yet no proof. */
static void expand(ldns_pkt *p, const ldns_rr_list *all, const ldns_rdf *name,
		   ldns_rr_type type)
{
	ldns_rdf *card = name_of("*.wild.id.test."), *below = name_of("wild.id.test.");
	bool fits = ldns_pkt_ancount(p) == 0 && ldns_dname_is_subdomain(name, below);
	for (size_t i = 0; fits && i < ldns_rr_list_rr_count(all); i++) {
		ldns_rr *rr = ldns_rr_list_rr(all, i);
		if (ldns_dname_compare(ldns_rr_owner(rr), card) != 0 || !covers(rr, type))
			continue;
		ldns_rr *copy = ldns_rr_clone(rr);
		ldns_rdf_deep_free(ldns_rr_owner(copy));
		ldns_rr_set_owner(copy, ldns_rdf_clone(name));
		ldns_pkt_push_rr(p, LDNS_SECTION_ANSWER, copy);
	}
	ldns_rdf_deep_free(card);
	ldns_rdf_deep_free(below);
}

static void fill(ldns_pkt *p, const ldns_rdf *name, ldns_rr_type type)
{
	struct dns_zone *z = zone_for(name, type);
	bool forged = trick == FORGE_KEY && type == LDNS_RR_TYPE_DNSKEY && z == &zones[1];
	const ldns_rr_list *all = forged ? zones[2].records : z->records;
	for (size_t i = 0; i < ldns_rr_list_rr_count(all); i++) {
		ldns_rr *rr = ldns_rr_list_rr(all, i);
		if (ldns_dname_compare(ldns_rr_owner(rr), name) == 0 && covers(rr, type) &&
		    !is_dropped(rr) && !(trick == DROP_DS && type == LDNS_RR_TYPE_DS))
			push(p, LDNS_SECTION_ANSWER, rr);
	}
	expand(p, all, name, type);
	for (size_t i = 0;
	     ldns_pkt_ancount(p) == 0 && trick != DROP_NSEC &&
	     !(trick == DROP_DS && type == LDNS_RR_TYPE_DS) && i < ldns_rr_list_rr_count(all);
	     i++) {
		ldns_rr *rr = ldns_rr_list_rr(all, i);
		if (covers(rr, LDNS_RR_TYPE_NSEC) || covers(rr, LDNS_RR_TYPE_NSEC3))
			push(p, LDNS_SECTION_AUTHORITY, rr);
	}
}

static enum hlv_err ask(void *ctx, struct hlv_bytes query, struct hlv_buf *answer)
{
	ldns_pkt *q, *p = ldns_pkt_new();
	uint8_t *octets;
	size_t n;
	(void)ctx;
	assert_true(asked++ < ASKED_MAX);
	assert_int_equal(ldns_wire2pkt(&q, query.p, query.n), LDNS_STATUS_OK);
	ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(q), 0);
	bool silent = trick == SILENCE;
	if (trick == SILENT_HOSTS) {
		ldns_rdf *b = name_of("b.id.test.");
		silent = ldns_dname_compare(ldns_rr_owner(question), b) == 0;
		ldns_rdf_deep_free(b);
	}
	ldns_pkt_set_id(p, (uint16_t)(ldns_pkt_id(q) + (trick == WRONG_ID)));
	ldns_pkt_set_qr(p, true);
	if (trick == SERVFAIL)
		ldns_pkt_set_rcode(p, LDNS_RCODE_SERVFAIL);
	ldns_pkt_push_rr(p, LDNS_SECTION_QUESTION, ldns_rr_clone(question));
	if (trick != SERVFAIL)
		fill(p, ldns_rr_owner(question), ldns_rr_get_type(question));
	assert_int_equal(ldns_pkt2wire(&octets, p, &n), LDNS_STATUS_OK);
	hlv_buf_put(answer, hlv_bytes(octets, n));
	free(octets);
	ldns_pkt_free(p);
	ldns_pkt_free(q);
	return silent ? HLV_E_TIMEOUT : HLV_OK;
}

/* --- looks --- */

static enum finder_outcome look(const char *domain, bool anchored, uint64_t now_s,
				struct places *out, char *why)
{
	struct hlv_rand rand;
	hlv_rand_seed(&rand, 7);
	anchors = (struct hlv_strings){anchor_list, anchored};
	struct finder f = {.domain = domain, .anchors = &anchors, .ask = ask, .rand = &rand};
	asked = 0;
	return finder_look(&f, (struct hlv_now){.wall_ms = now_s * 1000}, out, why);
}

static void places_text(const struct places *p, struct hlv_buf *b)
{
	for (size_t i = 0; i < p->n; i++) {
		char text[HLV_ADDR_TEXT];
		hlv_buf_printf(b, "%s%u %s %u", i ? ", " : "", (unsigned)p->list[i].rank,
			       hlv_addr_print(&p->list[i].at, text), (unsigned)p->list[i].tcp);
	}
}

#define ID_PLACES "0 192.0.2.1:2641 2641, 0 [2001:db8::1]:2641 2641, 1 192.0.2.2:2642 0"
#define OPEN_PLACE "0 192.0.2.4:2641 0"

static const struct look_row {
	const char *name, *domain;
	bool unanchored;
	enum trick trick;
	int64_t later_s;
	enum finder_outcome want;
	const char *places; /* found */
	bool insecure;
	uint32_t ttl_s;
	const char *why; /* not found */
} look_rows[] = {
	{"secure", "id.test", .places = ID_PLACES, .ttl_s = 120},
	{"written with a dot", "ID.test.", .places = ID_PLACES, .ttl_s = 120},
	{"secure by NSEC3", "n3.test", .places = "0 192.0.2.3:2641 0", .ttl_s = 300},
	{"no anchor", "id.test", .unanchored = true, .places = ID_PLACES, .insecure = true,
	 .ttl_s = 120},
	{"delegated without keys", "open.test", .places = OPEN_PLACE, .insecure = true,
	 .ttl_s = FINDER_TTL_MAX_S},
	{"the same, by NSEC3", "bare.n3.test", .places = OPEN_PLACE, .insecure = true,
	 .ttl_s = 300},
	{"leads to what is not signed", "out.id.test", .places = OPEN_PLACE, .insecure = true,
	 .ttl_s = FINDER_TTL_MIN_S},
	{"NAPTR", "naptr.id.test", .places = "0 192.0.2.4:2641 0, 1 192.0.2.2:2641 2641",
	 .insecure = true, .ttl_s = FINDER_TTL_MIN_S},
	{"one host is silent", "id.test", .trick = SILENT_HOSTS,
	 .places = "0 192.0.2.1:2641 2641, 0 [2001:db8::1]:2641 2641", .ttl_s = 120},
	{"changed", "id.test", .trick = CHANGE_PORT, .want = FINDER_BOGUS,
	 .why = "_hdl._udp.id.test. are not signed"},
	{"changed, and nobody minds", "open.test", .trick = CHANGE_PORT,
	 .places = "0 192.0.2.4:1 0", .insecure = true, .ttl_s = FINDER_TTL_MAX_S},
	{"signatures taken away", "id.test", .trick = DROP_RRSIG, .want = FINDER_BOGUS,
	 .why = "not signed"},
	{"signed by another's keys", "id.test", .trick = FORGE_KEY, .want = FINDER_BOGUS,
	 .why = "the keys of id.test."},
	{"the parent's word taken away", "id.test", .trick = DROP_DS, .want = FINDER_BOGUS,
	 .why = "nothing proves"},
	{"made to look unsigned", "open.test", .trick = DROP_NSEC, .want = FINDER_BOGUS,
	 .why = "nothing proves"},
	{"over", "id.test", .later_s = 1001, .want = FINDER_BOGUS, .why = "dns-anchor"},
	{"not yet", "id.test", .later_s = -1001, .want = FINDER_BOGUS, .why = "dns-anchor"},
	{"a wild card", "x.wild.id.test", .want = FINDER_BOGUS, .why = "not signed"},
	{"no such name", "nobody.id.test", .want = FINDER_NOTHING, .why = "neither SRV"},
	{"no such service", "none.id.test", .want = FINDER_NOTHING, .why = "neither SRV"},
	{"a host without address", "lost.id.test", .want = FINDER_NOTHING,
	 .why = "have no addresses"},
	{"a key that is cut off", "id.test", .trick = EMPTY_KEY, .want = FINDER_SILENT,
	 .why = "cannot be read"},
	{"an answer to something else", "id.test", .trick = WRONG_ID, .want = FINDER_SILENT,
	 .why = "another question"},
	{"an error", "id.test", .trick = SERVFAIL, .want = FINDER_SILENT, .why = "answers 2"},
	{"silence", "id.test", .trick = SILENCE, .want = FINDER_SILENT, .why = "no reply"},
};

static void test_looks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(look_rows); i++) {
		const struct look_row *row = &look_rows[i];
		struct places p;
		struct hlv_buf text = {0};
		char why[FINDER_WHY];
		trick = row->trick;
		enum finder_outcome got = look(row->domain, !row->unanchored,
					       (uint64_t)(NOW_S + row->later_s), &p, why);
		if (got != row->want)
			fail_msg("%s: outcome %d, expected %d: %s", row->name, (int)got,
				 (int)row->want, why);
		if (got != FINDER_FOUND) {
			if (!strstr(why, row->why))
				fail_msg("%s: \"%s\", expected \"%s\"", row->name, why,
					 row->why);
			continue;
		}
		places_text(&p, &text);
		if (strcmp(text.p, row->places) != 0)
			fail_msg("%s: %s, expected %s", row->name, text.p, row->places);
		check_u64(row->name, p.secure, !row->insecure);
		check_u64(row->name, p.ttl_s, row->ttl_s);
		hlv_buf_free(&text);
	}
}

static void test_check(void **state)
{
	static const struct {
		const char *domain, *anchor;
		bool good;
	} rows[] = {
		{"id.example.cn", NULL, true},
		{"id.example.cn.",
		 "example.cn. IN DS 1 13 2 "
		 "9614847ece39e1ff9009d2fd7d6c583aa8de04a83ea309e7983b8d0f7d736543",
		 true},
		{"", NULL, false},
		{"a..b", NULL, false},
		{"a b", NULL, false},
		{"id.example.cn", "example.cn. IN A 192.0.2.1", false},
		{"id.example.cn", "nonsense", false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[FINDER_WHY] = "", text[256] = "", *list[1] = {text};
		struct hlv_strings s = {list, rows[i].anchor != NULL};
		if (rows[i].anchor)
			snprintf(text, sizeof text, "%s", rows[i].anchor);
		bool good = finder_check(rows[i].domain, &s, why) == HLV_OK;
		if (good != rows[i].good || good != (*why == '\0'))
			fail_msg("row %zu: %d \"%s\"", i, good, why);
	}
}

/* --- weights: RFC 2782 --- */

static void test_weights(void **state)
{
	static struct dns_zone was;
	unsigned first[3] = {0};
	(void)state;
	was = zones[3];
	zones[3].text = "open.test. 300 IN SOA ns.open.test. h.open.test. 1 300 300 3600 300\n"
			"_hdl._udp.open.test. 300 IN SRV 1 90 1 a.open.test.\n"
			"_hdl._udp.open.test. 300 IN SRV 1 10 2 b.open.test.\n"
			"_hdl._udp.open.test. 300 IN SRV 2 99 3 c.open.test.\n"
			"a.open.test. 300 IN A 192.0.2.1\n"
			"b.open.test. 300 IN A 192.0.2.2\n"
			"c.open.test. 300 IN A 192.0.2.3\n";
	make_zone(&zones[3]);
	struct hlv_rand rand;
	hlv_rand_seed(&rand, 11);
	anchors.n = 0;
	trick = NO_TRICK;
	struct finder f = {
		.domain = "open.test", .anchors = &anchors, .ask = ask, .rand = &rand};
	for (int i = 0; i < 1000; i++) {
		struct places p;
		char why[FINDER_WHY];
		asked = 0;
		assert_int_equal(finder_look(&f, (struct hlv_now){.wall_ms = 1}, &p, why),
				 FINDER_FOUND);
		assert_int_equal(p.n, 3);
		assert_int_equal(p.list[2].udp, 3);
		first[p.list[0].udp - 1]++;
	}
	assert_in_range(first[0], 850, 950);
	assert_int_equal(first[0] + first[1], 1000);
	zones[3] = was;
}

/* --- as sites and as text --- */

static void test_kept(void **state)
{
	struct places p, back;
	struct hlv_arena a;
	struct hlv_list sites;
	const uint8_t *ranks;
	struct hlv_buf text = {0};
	char why[FINDER_WHY];
	(void)state;
	trick = NO_TRICK;
	assert_int_equal(look("id.test", true, NOW_S, &p, why), FINDER_FOUND);
	places_print(&p, "id.test", &text);
	check_err("read", places_parse(hlv_buf_bytes(&text), "ID.test", &back), HLV_OK);
	assert_true(places_eq(&p, &back));
	check_err("another's", places_parse(hlv_buf_bytes(&text), "id2.test", &back),
		  HLV_E_MALFORMED);
	for (size_t n = 0; n + 1 < text.n; n++) { /* cut short: never more than was there */
		enum hlv_err err = places_parse(hlv_bytes(text.p, n), "id.test", &back);
		assert_true(err != HLV_OK || back.n <= p.n);
	}
	hlv_buf_free(&text);
	hlv_arena_init(&a, 1 << 16);
	check_err("sites", places_sites(&p, &a, &sites, &ranks), HLV_OK);
	struct zone z = {.sites = sites, .ranks = ranks, .is_root = true};
	struct zone_server servers[ZONE_TRIED_MAX];
	struct zone_rules rules = {0};
	assert_int_equal(zone_servers(&z, &rules, hlv_text("0.NA/88"), false, servers), 3);
	assert_int_equal(servers[2].rank, 1);
	assert_int_equal(servers[2].tcp.len, 0);
	assert_int_equal(hlv_addr_port(&servers[2].udp), 2642);
	hlv_arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_kept),
	};
	return cmocka_run_group_tests(tests, make_all, NULL);
}
