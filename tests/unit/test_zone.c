/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/zone.h"

#include <arpa/inet.h>

#include "proto/sec/digest.h"
#include "tests/unit/sites.h"

static struct hlv_arena arena;

static struct hlv_addr addr(const char *text)
{
	struct hlv_addr a;
	if (hlv_addr_parse(text, HLV_PORT, &a) != HLV_OK)
		fail_msg("'%s' is no address", text);
	return a;
}

/* --- addresses: threats.md 4, SSRF --- */

/* Who lets it through: nobody but a list, a loopback root, a private one, everybody; not even a
 * list. */
enum { N = 0, L = 1, P = 2, ALL = 7, LIST = 8, NEVER = 16 };

struct address_row {
	const char *v4;
	int want;
};

/* Forty addresses ... */
static const struct address_row v4_rows[] = {
	{"0.0.0.0", NEVER},	    {"0.0.0.1", NEVER},	       {"0.255.255.255", NEVER},
	{"1.0.0.0", ALL},	    {"9.255.255.255", ALL},    {"10.0.0.0", P},
	{"10.255.255.255", P},	    {"11.0.0.0", ALL},	       {"100.63.255.255", ALL},
	{"100.64.0.0", P},	    {"100.127.255.255", P},    {"100.128.0.0", ALL},
	{"126.255.255.255", ALL},   {"127.0.0.0", L},	       {"127.0.0.1", L},
	{"127.255.255.255", L},	    {"128.0.0.0", ALL},	       {"169.253.255.255", ALL},
	{"169.254.0.0", LIST},	    {"169.254.169.254", LIST}, {"169.255.0.0", ALL},
	{"172.15.255.255", ALL},    {"172.16.0.0", P},	       {"172.31.255.255", P},
	{"172.32.0.0", ALL},	    {"192.0.0.1", LIST},       {"192.0.1.0", ALL},
	{"192.88.99.1", LIST},	    {"192.167.255.255", ALL},  {"192.168.0.0", P},
	{"192.168.255.255", P},	    {"192.169.0.0", ALL},      {"198.17.255.255", ALL},
	{"198.18.0.0", P},	    {"198.19.255.255", P},     {"198.20.0.0", ALL},
	{"223.255.255.255", ALL},   {"224.0.0.1", NEVER},      {"240.0.0.1", NEVER},
	{"255.255.255.255", NEVER},
};

/* ... times the ways in which IPv6 carries them: where the four octets stand in it. */
struct carrier {
	const char *name;
	const char *v6; /* the four octets zero */
	size_t at;
	uint8_t mask;
	bool tunnel; /* leads to public addresses only */
};
static const struct carrier carriers[] = {
	{"mapped", "::ffff:0.0.0.0", 12, 0, false},
	{"compatible", "::", 12, 0, false},
	{"6to4", "2002::1", 2, 0, true},
	{"nat64", "64:ff9b::", 12, 0, true},
	{"translated", "::ffff:0:0.0.0.0", 12, 0, true},
	{"teredo", "2001:0:808:808::", 12, 0xFF, true},
	{"isatap", "2001:db8:1::5efe:0.0.0.0", 12, 0, true},
};

static struct hlv_addr carried(const struct carrier *c, const char *v4)
{
	struct hlv_addr a = {.len = sizeof a.sa.v6};
	uint8_t octets[4];
	assert_int_equal(inet_pton(AF_INET, v4, octets), 1);
	a.sa.v6.sin6_family = AF_INET6;
	a.sa.v6.sin6_port = htons(HLV_PORT);
	assert_int_equal(inet_pton(AF_INET6, c->v6, &a.sa.v6.sin6_addr), 1);
	for (size_t i = 0; i < 4; i++)
		a.sa.v6.sin6_addr.s6_addr[c->at + i] = octets[i] ^ c->mask;
	return a;
}

static void check_address(const char *name, const char *text, const struct hlv_addr *a,
			  int want)
{
	struct hlv_net any[2] = {{{0}, {0}}};
	struct hlv_nets list = {any, 1};
	const struct zone_rules rules[] = {
		{0}, {.loopback = true}, {.private_nets = true}, {.allowed = &list}};
	bool expected[] = {want == ALL, want == ALL || want == L, want == ALL || want == P,
			   want != NEVER};
	for (size_t i = 0; i < COUNT(rules); i++)
		if (zone_address_allowed(&rules[i], a) != expected[i])
			fail_msg("%s %s, rules %zu: not %d", name, text, i, expected[i]);
}

static void test_addresses(void **state)
{
	(void)state;
	assert_int_equal(COUNT(v4_rows), 40);
	for (size_t i = 0; i < COUNT(v4_rows); i++) {
		const struct address_row *row = &v4_rows[i];
		struct hlv_addr a = addr(row->v4);
		check_address("plain", row->v4, &a, row->want);
		for (size_t k = 0; k < COUNT(carriers); k++) {
			int want = row->want;
			/* ::0 and ::1 are IPv6's own. */
			if (strcmp(carriers[k].name, "compatible") == 0 &&
			    strcmp(row->v4, "0.0.0.1") == 0)
				want = L;
			if (carriers[k].tunnel && want != ALL && want != NEVER)
				want = LIST;
			a = carried(&carriers[k], row->v4);
			check_address(carriers[k].name, row->v4, &a, want);
		}
	}
}

static void test_ipv6(void **state)
{
	(void)state;
	static const struct address_row rows[] = {
		{"[2400:3200::1]:2641", ALL}, {"[::1]:2641", L},
		{"[::]:2641", NEVER},	      {"[fe80::1]:2641", LIST},
		{"[febf::1]:2641", LIST},     {"[fec0::1]:2641", P},
		{"[fc00::1]:2641", P},	      {"[fd12:3456::1]:2641", P},
		{"[ff02::1]:2641", NEVER},    {"[ff0e::1]:2641", NEVER},
		{"[100::1]:2641", NEVER},     {"[64:ff9b:1::a00:1]:2641", LIST},
		{"[fe00::1]:2641", ALL},      {"[2400:3200::1]:0", NEVER},
		{"192.0.2.1:0", NEVER},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_addr a = addr(rows[i].v4);
		check_address("ipv6", rows[i].v4, &a, rows[i].want);
	}
}

static void test_listed(void **state)
{
	(void)state;
	/* 10.1.0.0/16 alone. */
	static const uint8_t address[16] = {[10] = 0xFF, [11] = 0xFF, [12] = 10, [13] = 1};
	static const uint8_t mask[16] = {255, 255, 255, 255, 255, 255, 255,
					 255, 255, 255, 255, 255, 255, 255};
	struct hlv_net net;
	memcpy(net.address, address, sizeof address);
	memcpy(net.mask, mask, sizeof mask);
	struct hlv_nets list = {&net, 1};
	struct zone_rules rules = {.allowed = &list};
	struct hlv_addr in = addr("10.1.2.3:2641"), out = addr("10.2.2.3:2641");
	assert_true(zone_address_allowed(&rules, &in));
	assert_false(zone_address_allowed(&rules, &out));
	struct hlv_addr mapped = carried(&carriers[0], "10.1.2.3");
	assert_true(zone_address_allowed(&rules, &mapped));
}

static void test_own(void **state)
{
	(void)state;
	struct hlv_addr list[] = {addr("127.0.0.1:2641"), addr("0.0.0.0:3641"),
				  addr("192.0.2.7:2641")};
	struct hlv_addrs own = {list, COUNT(list)};
	struct zone_rules rules = {.loopback = true, .own = &own};
	static const struct {
		const char *address;
		bool want;
	} rows[] = {
		{"127.0.0.1:2641", false}, {"127.0.0.1:2642", true},
		{"127.0.0.9:3641", false}, {"[::1]:3641", false},
		{"192.0.2.7:2641", false}, {"192.0.2.7:2642", true},
		{"192.0.2.8:3641", true},  {"[::ffff:127.0.0.1]:2641", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_addr a = addr(rows[i].address);
		if (zone_address_allowed(&rules, &a) != rows[i].want)
			fail_msg("%s: not %d", rows[i].address, rows[i].want);
	}
}

/* --- sites out of values --- */

static void test_sites(void **state)
{
	(void)state;
	struct hlv_bytes good = make_plain_site(&arena, "192.0.2.1:2641", hlv_text(""));
	struct hlv_bytes long_key = hlv_bytes(hlv_alloc(&arena, 20000), 20000);
	struct hlv_bytes large = make_plain_site(&arena, "192.0.2.1:2641", long_key);
	struct site_form none_form = {.hash_option = 2};
	struct hlv_bytes none = make_site(&arena, &none_form);
	struct value_form forms[] = {
		VALUE(1, "URL", good),
		VALUE(2, "hs_site", good),
		VALUE(3, "HS_SITE.6", good),
		VALUE(4, "HS_SITE.PREFIX", good),
		VALUE(5, "HS_NA_DELEGATE", good),
		VALUE(6, "HS_SITE.X", good),
		VALUE(7, "HS_SITE", large),
		VALUE(8, "HS_SITE", hlv_text("x")),
		VALUE(9, "HS_SITE", none),
		VALUE(10, "HS_SERV", hlv_text("88/s")),
		VALUE(11, "HS_SERV.PREFIX", hlv_text("88/p")),
		VALUE(12, "HS_SERV", hlv_text("")),
	};
	struct hlv_list values = make_values(&arena, forms, COUNT(forms)), sites, services;
	for (int prefixes = 0; prefixes < 2; prefixes++) {
		assert_int_equal(zone_sites(&values, prefixes, &arena, &sites, &services),
				 HLV_OK);
		assert_int_equal(sites.n, 2);
		assert_int_equal(services.n, 1);
		struct hlv_reader r = hlv_reader(services.raw);
		check_text("service", hlv_get_lp32(&r), prefixes ? "88/p" : "88/s");
	}
	/* R8: so many sites, no more. */
	struct value_form many[ZONE_SITES_MAX + 5];
	for (uint32_t i = 0; i < COUNT(many); i++)
		many[i] = (struct value_form)VALUE(i + 1, "HS_SITE", good);
	values = make_values(&arena, many, COUNT(many));
	assert_int_equal(zone_sites(&values, false, &arena, &sites, &services), HLV_OK);
	assert_int_equal(sites.n, ZONE_SITES_MAX);
	/* Memory ends: it says so. */
	struct hlv_arena small;
	hlv_arena_init(&small, 16);
	check_err("no memory", zone_sites(&values, false, &small, &sites, &services),
		  HLV_E_NOMEM);
	hlv_arena_fini(&small);
}

/* --- servers --- */

static size_t ask(const struct hlv_bytes *records, size_t n, const char *id, bool primaries,
		  struct zone_server out[ZONE_TRIED_MAX])
{
	size_t room = 0;
	for (size_t i = 0; i < n; i++)
		room += records[i].n + 4;
	struct hlv_writer w = hlv_writer(hlv_alloc(&arena, room), room);
	for (size_t i = 0; i < n; i++)
		hlv_put_lp32(&w, records[i]);
	struct zone z = {.sites = {(uint32_t)n, hlv_written(&w)}};
	struct zone_rules rules = {.loopback = true};
	return zone_servers(&z, &rules, hlv_text(id), primaries, out);
}

static void check_server(const char *row, const struct hlv_addr *a, const char *want)
{
	char text[HLV_ADDR_TEXT];
	if (strcmp(hlv_addr_print(a, text), want) != 0)
		fail_msg("%s: %s, expected %s", row, text, want);
}

/* Of a site of many servers the one that the hash says (6.5); hash options; the numbers themselves
 * are those of tests/vectors/hashing.json. */
static void test_hash(void **state)
{
	(void)state;
	static const char *const ids[] = {"88.118.8/JX1", "88.118.8/JX2", "88.118.8/JX3",
					  "0.NA/88.118",  "88/a",	  "88/A",
					  "88",		  "10320/x"};
	char addresses[8][HLV_ADDR_TEXT];
	struct site_server servers[8] = {0};
	for (unsigned i = 0; i < 8; i++) {
		snprintf(addresses[i], sizeof addresses[i], "192.0.2.%u:2641", i + 1);
		servers[i].address = addresses[i];
	}
	for (uint8_t option = 0; option < 3; option++) {
		for (size_t n = 1; n <= 8; n++) {
			struct site_form form = {
				.servers = servers, .n = n, .hash_option = option};
			struct hlv_bytes record = make_site(&arena, &form);
			for (size_t i = 0; i < COUNT(ids); i++) {
				struct zone_server out[ZONE_TRIED_MAX];
				uint32_t hash;
				assert_int_equal(ask(&record, 1, ids[i], false, out), 1);
				assert_int_equal(hlv_site_hash(hlv_text(ids[i]), option, &hash),
						 HLV_OK);
				check_server(ids[i], &out[0].udp, addresses[hash % n]);
				check_server(ids[i], &out[0].tcp, addresses[hash % n]);
			}
			hlv_arena_reset(&arena);
		}
	}
	/* An option that does not exist: such a site is nobody's. */
	struct site_form form = {.servers = servers, .n = 2, .hash_option = 3};
	struct hlv_bytes record = make_site(&arena, &form);
	struct zone_server out[ZONE_TRIED_MAX];
	assert_int_equal(ask(&record, 1, "88/a", false, out), 0);
}

static void test_several_sites(void **state)
{
	(void)state;
	struct hlv_bytes key = hlv_text("key");
	struct site_server mirror = {"192.0.2.2:2642", SITE_TCP_ONLY, key};
	struct site_form mirror_form = {.servers = &mirror, .n = 1};
	static const char *const tls[][2] = {{"helve", "commit tls"}, {NULL, NULL}};
	static const char *const no_tls[][2] = {{"helve", "commit tlsx"}, {NULL, NULL}};
	struct site_server both = {"192.0.2.3:2641", SITE_BOTH, key};
	struct site_form tls_form = {.servers = &both, .n = 1, .attributes = tls};
	struct site_server fourth = {"192.0.2.4:2641", SITE_UDP_ONLY, key};
	struct site_form no_tls_form = {.servers = &fourth, .n = 1, .attributes = no_tls};
	struct hlv_bytes records[] = {
		make_plain_site(&arena, "192.0.2.1:2641", key),
		make_site(&arena, &mirror_form),
		make_plain_site(&arena, "192.0.2.1:2641", key), /* the same once more */
		hlv_text("broken"),
		make_plain_site(&arena, "169.254.169.254:80", key), /* R7 */
		make_site(&arena, &tls_form),
		make_site(&arena, &no_tls_form),
	};
	struct zone_server out[ZONE_TRIED_MAX];
	assert_int_equal(ask(records, COUNT(records), "88/a", false, out), 4);
	check_server("first", &out[0].udp, "192.0.2.1:2641");
	assert_true(out[0].primary && !out[0].tls);
	check_server("mirror", &out[1].tcp, "192.0.2.2:2642");
	assert_true(out[1].udp.len == 0 && !out[1].primary);
	assert_true(hlv_eq(out[1].key, key));
	assert_true(out[2].tls);
	assert_true(!out[3].tls && out[3].tcp.len == 0);
	assert_int_equal(ask(records, COUNT(records), "88/a", true, out), 1);
}

static void test_limits(void **state)
{
	(void)state;
	struct hlv_bytes records[40];
	struct zone_server out[ZONE_TRIED_MAX];
	for (unsigned i = 0; i < COUNT(records); i++) {
		char text[HLV_ADDR_TEXT];
		snprintf(text, sizeof text, "192.0.2.%u:2641", i + 1);
		records[i] = make_plain_site(&arena, text, hlv_text(""));
	}
	/* R8: eight on one level. */
	assert_int_equal(ask(records, COUNT(records), "88/a", false, out), ZONE_TRIED_MAX);
	/* R8: 64 servers are read. 60 and 10 are too many, so the second site is left out, and the
	 * third, with four, fits again. */
	struct site_server servers[65];
	for (size_t i = 0; i < COUNT(servers); i++)
		servers[i] = (struct site_server){.address = "127.0.0.1:1"};
	struct site_form form = {.servers = servers, .n = 60};
	struct hlv_bytes sixty = make_site(&arena, &form);
	for (size_t i = 0; i < COUNT(servers); i++)
		servers[i].address = "127.0.0.1:2";
	form.n = 10;
	struct hlv_bytes ten = make_site(&arena, &form);
	for (size_t i = 0; i < COUNT(servers); i++)
		servers[i].address = "127.0.0.1:3";
	form.n = 4;
	struct hlv_bytes rest[] = {sixty, ten, make_site(&arena, &form)};
	assert_int_equal(ask(rest, 3, "88/a", false, out), 2);
	check_server("third site", &out[1].udp, "127.0.0.1:3");
	form.n = 65;
	struct hlv_bytes too_many = make_site(&arena, &form);
	assert_int_equal(ask(&too_many, 1, "88/a", false, out), 0);
}

static void test_alternatives(void **state)
{
	(void)state;
	static const char *const attributes[][2] = {
		{"alt_addr", "192.0.2.2"},	{"alt_addr.2", "2400::1"},
		{"alt_addr.3", "10.0.0.1"},	{"alt_addr.4", "no address"},
		{"alt_addresses", "192.0.2.9"}, {NULL, NULL}};
	struct site_server servers[] = {{.address = "192.0.2.1:2700"},
					{.address = "192.0.2.1:2701"}};
	struct site_form form = {.servers = servers, .n = 1, .attributes = attributes};
	struct hlv_bytes record = make_site(&arena, &form);
	struct zone_server out[ZONE_TRIED_MAX];
	assert_int_equal(ask(&record, 1, "88/a", false, out), 3);
	check_server("alt_addr", &out[1].udp, "192.0.2.2:2700");
	check_server("alt_addr.2", &out[2].tcp, "[2400::1]:2700");
	/* Of two servers, whose would it be? */
	form.n = 2;
	record = make_site(&arena, &form);
	assert_int_equal(ask(&record, 1, "88/a", false, out), 1);
	check_server("two servers", &out[0].udp,
		     hlv_addr_port(&out[0].udp) == 2700 ? "192.0.2.1:2700" : "192.0.2.1:2701");
}

/* Interfaces that are no use: for administration, out of service, HTTP, ports that are none. */
static void test_interfaces(void **state)
{
	(void)state;
	uint8_t octets[128];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	const struct hlv_site_interface list[] = {
		{HLV_IF_ADMIN, HLV_IF_UDP, 1},
		{0, HLV_IF_UDP, 2},
		{3, HLV_IF_HTTP, 3},
		{3, HLV_IF_UDP, 0},
		{3, HLV_IF_UDP, 65536 + 4},
		{3, HLV_IF_UDP, 5},
		{2, HLV_IF_UDP, 6},
		{1, HLV_IF_TCP, 7},
	};
	for (size_t i = 0; i < COUNT(list); i++)
		hlv_site_put_interface(&w, &list[i]);
	struct hlv_site_server server = {.id = 1,
					 .address = {[12] = 192, [14] = 2, [15] = 1},
					 .interfaces = {COUNT(list), hlv_written(&w)}};
	struct hlv_writer s = hlv_writer(hlv_alloc(&arena, 512), 512);
	hlv_site_put_server(&s, &server);
	struct hlv_site site = {.format = 1, .servers = {1, hlv_written(&s)}};
	struct hlv_writer record = hlv_writer(hlv_alloc(&arena, 512), 512);
	hlv_site_encode(&record, &site);
	struct hlv_bytes octets_of = hlv_written(&record);
	struct zone_server out[ZONE_TRIED_MAX];
	assert_int_equal(ask(&octets_of, 1, "88/a", false, out), 1);
	check_server("first of use", &out[0].udp, "192.0.2.1:5");
	assert_int_equal(out[0].tcp.len, 0);
}

static void test_class(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		bool loopback, private_nets;
	} rows[] = {{"127.0.0.1:1", true, false},
		    {"[::1]:1", true, false},
		    {"10.0.0.1:1", false, true},
		    {"[fd00::1]:1", false, true},
		    {"192.0.2.1:1", false, false}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_bytes record =
			make_plain_site(&arena, rows[i].address, hlv_text(""));
		struct hlv_list sites = one_array(&arena, record);
		struct zone_rules rules;
		memset(&rules, 0, sizeof rules);
		zone_class(&sites, &rules);
		if (rules.loopback != rows[i].loopback ||
		    rules.private_nets != rows[i].private_nets)
			fail_msg("%s", rows[i].address);
	}
}

static int teardown(void **state)
{
	(void)state;
	hlv_arena_reset(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_addresses, teardown),
		cmocka_unit_test_teardown(test_ipv6, teardown),
		cmocka_unit_test_teardown(test_listed, teardown),
		cmocka_unit_test_teardown(test_own, teardown),
		cmocka_unit_test_teardown(test_sites, teardown),
		cmocka_unit_test_teardown(test_hash, teardown),
		cmocka_unit_test_teardown(test_several_sites, teardown),
		cmocka_unit_test_teardown(test_limits, teardown),
		cmocka_unit_test_teardown(test_alternatives, teardown),
		cmocka_unit_test_teardown(test_interfaces, teardown),
		cmocka_unit_test_teardown(test_class, teardown),
	};
	hlv_arena_init(&arena, 64 << 20);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	hlv_arena_fini(&arena);
	return failed;
}
