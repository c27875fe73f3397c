/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions answered from a small registry in memory; answers are read by ldns, which did not make
 * them.
 */
#include "proto/dns/ask.h"

#include <ldns/ldns.h>

#include "tests/unit/unit.h"

enum { ANSWER_MAX = 4096 };

static const struct row {
	const char *identifier, *type, *data;
	uint32_t ttl_s;
} registry[] = {
	{"1/z", "DNS.SOA", "ns1.example. admin.example. 1 7200 3600 1209600 300", 3600},
	{"1/z", "DNS.NS", "ns1.example.", 3600},
	{"1/z", "DNS.NS", "ns.z.example.", 3600},
	{"1/z", "DNS.MX", "10 mail.z.example.", 600},
	{"1/z", "URL", "http://no.record/", 600},
	{"1/z/ns", "DNS.A", "192.0.2.53", 600},
	{"1/z/mail", "DNS.A", "192.0.2.25", 600},
	{"1/z/mail", "DNS.AAAA", "2001:db8::25", 500},
	{"1/z/www", "DNS.A", "192.0.2.2", 600},
	{"1/z/www", "dns.type1", "192.0.2.1", 60},
	{"1/z/www", "DNS.A", "192.0.2.2", 600},
	{"1/z/www", "DNS.A", "not an address", 600},
	{"1/z/empty", NULL, NULL, 0},
	{"1/z/alias", "DNS.CNAME", "www.z.example.", 600},
	{"1/z/away", "DNS.CNAME", "www.elsewhere.example.", 600},
	{"1/z/loop", "DNS.CNAME", "loop2.z.example.", 600},
	{"1/z/loop2", "DNS.CNAME", "loop.z.example.", 600},
	{"1/z/sub", "DNS.NS", "ns.sub.z.example.", 600},
	{"1/z/sub", "DNS.NS", "ns.far.example.", 600},
	{"1/z/sub/ns", "DNS.A", "192.0.2.99", 600},
	{"1/z/sub/www", "DNS.A", "192.0.2.98", 600},
	{"1/z/wild/*", "DNS.TXT", "caught", 600},
	{"1/z/wild/real", "DNS.A", "192.0.2.7", 600},
	{"1/z/old", "DNS.DNAME", "z.example.", 600},
	{"1/z/mb", "DNS.MB", "a.example.", 600},
	{"1/z/mb", "DNS.MR", "b.example.", 600},
	{"1/z/broken", "?", NULL, 0},
	{"88.1/A.B", "URL", "https://example.cn/ab", 86400},
	{"88.1/A.B", "brand", "Helve", 86400},
	{"88.1/A.B", "HS_ADMIN", "x", 86400},
	{"1.2.156", "URL.RINF", "http://example.cn/oid", 86400},
	{"01/0950", "URL", "http://example.cn/gtin", 86400},
};

static char *const zone_rows[] = {
	(char *)(uintptr_t) "z.example. 1/z",
	(char *)(uintptr_t) "id.example identifiers 88.1 ns1.example. ns2.example.",
	(char *)(uintptr_t) "oid.example. oid",
	(char *)(uintptr_t) "gtin.example. gs1 01",
};

struct world {
	struct hlv_arena arena;
	struct hlv_dns_zones zones;
	struct hlv_dnssec *dnssec;
	struct hlv_dns_ask ask;
	uint16_t size, edns_flags; /* size 0: no EDNS */
	unsigned asked;
	uint8_t octets[ANSWER_MAX];
};

static void look_up(struct hlv_dns_ask *a, struct hlv_bytes id)
{
	uint8_t room[ANSWER_MAX];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	struct hlv_list list = {0};
	bool found = false, failed = false;
	for (size_t i = 0; i < COUNT(registry); i++) {
		const struct row *row = &registry[i];
		if (!hlv_eq_fold(id, hlv_text(row->identifier)))
			continue;
		found = true;
		failed |= row->type && *row->type == '?';
		if (!row->type || failed)
			continue;
		struct hlv_value v = {.index = ++list.n,
				      .ttl_s = row->ttl_s,
				      .perms = HLV_PERM_DEFAULT,
				      .type = hlv_text(row->type),
				      .data = hlv_text(row->data)};
		hlv_value_encode(&w, &v);
	}
	list.raw = hlv_written(&w);
	hlv_dns_ask_feed(a,
			 failed	 ? HLV_DNS_FAILED
			 : found ? HLV_DNS_FOUND
				 : HLV_DNS_ABSENT,
			 &list);
}

static size_t question(uint8_t *out, size_t cap, const char *name, uint16_t type,
		       const struct world *w)
{
	struct hlv_writer q = hlv_writer(out, cap);
	hlv_put(&q, hlv_bytes("\x12\x34\x01\x00\0\1\0\0\0\0", 10));
	hlv_put_u16(&q, w->size > 0);
	assert_int_equal(hlv_dname_parse(hlv_text(name), &q), HLV_OK);
	hlv_put_u16(&q, type);
	hlv_put_u16(&q, 1);
	if (w->size > 0) {
		hlv_put(&q, hlv_bytes("\0\0\x29", 3));
		hlv_put_u16(&q, w->size);
		hlv_put_u16(&q, 0);
		hlv_put_u16(&q, w->edns_flags);
		hlv_put_u16(&q, 0);
	}
	return q.n;
}

static ldns_pkt *ask_limited(struct world *w, const char *name, uint16_t type, size_t limit)
{
	uint8_t octets[512];
	struct hlv_bytes in = hlv_bytes(octets, question(octets, sizeof octets, name, type, w));
	hlv_arena_reset(&w->arena);
	w->ask = (struct hlv_dns_ask){.zones = &w->zones,
				      .dnssec = w->dnssec,
				      .arena = &w->arena,
				      .now = {.wall_ms = UINT64_C(1700000000000)}};
	assert_true(hlv_dns_query_read(in, &w->ask.q));
	hlv_dns_ask_begin(&w->ask);
	const struct hlv_dns_node *node;
	for (w->asked = 0; (node = hlv_dns_ask_next(&w->ask)); w->asked++)
		look_up(&w->ask, node->identifier);
	struct hlv_writer out = hlv_writer(w->octets, sizeof w->octets);
	struct hlv_dns_form form = {.limit = limit};
	hlv_dns_ask_encode(&w->ask, &form, &out);
	assert_false(out.bad);
	assert_true(out.n <= limit);
	ldns_pkt *pkt;
	if (ldns_wire2pkt(&pkt, w->octets, out.n) != LDNS_STATUS_OK)
		fail_msg("%s: ldns cannot read the answer", name);
	assert_int_equal(ldns_pkt_id(pkt), 0x1234);
	assert_true(ldns_pkt_qr(pkt) && ldns_pkt_rd(pkt) && !ldns_pkt_ra(pkt));
	return pkt;
}

static ldns_pkt *ask(struct world *w, const char *name, uint16_t type)
{
	return ask_limited(w, name, type, ANSWER_MAX);
}

/* "rcode aa|-; answer | authority | additional", records without owner but where it differs from the
 * question's name. */
static void put_list(struct hlv_buf *b, const ldns_rr_list *list)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
		char *text = ldns_rr2str(ldns_rr_list_rr(list, i));
		for (char *p = text; *p; p++)
			if (*p == '\t' || *p == '\n')
				*p = ' ';
		hlv_buf_printf(b, "%s%.*s", i ? "; " : "", (int)strlen(text) - 1, text);
		free(text);
	}
}

static void check_answer(struct world *w, const char *name, uint16_t type, const char *want)
{
	ldns_pkt *pkt = ask(w, name, type);
	struct hlv_buf b = {0};
	hlv_buf_printf(&b, "%d%s%s: ", ldns_pkt_get_rcode(pkt), ldns_pkt_aa(pkt) ? " aa" : "",
		       ldns_pkt_tc(pkt) ? " tc" : "");
	put_list(&b, ldns_pkt_answer(pkt));
	hlv_buf_str(&b, " | ");
	put_list(&b, ldns_pkt_authority(pkt));
	hlv_buf_str(&b, " | ");
	put_list(&b, ldns_pkt_additional(pkt));
	check_text(name, hlv_buf_bytes(&b), want);
	hlv_buf_free(&b);
	ldns_pkt_free(pkt);
}

#define SOA "z.example. 300 IN SOA ns1.example. admin.example. 1 7200 3600 1209600 300"
#define VIEW_SOA(zone, ns) zone " 300 IN SOA " ns " hostmaster." zone " 1 3600 900 1209600 300"

static void test_answers(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *name;
		uint16_t type;
		const char *want;
	} rows[] = {
		{"www.z.example.", HLV_DNS_A,
		 "0 aa: www.z.example. 60 IN A 192.0.2.1; www.z.example. 60 IN A 192.0.2.2 |  "
		 "| "},
		{"WWW.z.example.", HLV_DNS_AAAA, "0 aa:  | " SOA " | "},
		{"no.z.example.", HLV_DNS_A, "3 aa:  | " SOA " | "},
		{"empty.z.example.", HLV_DNS_A, "0 aa:  | " SOA " | "},
		{"hx--a-2.z.example.", HLV_DNS_A, "3 aa:  | " SOA " | "},
		{"z.example.", HLV_DNS_MX,
		 "0 aa: z.example. 600 IN MX 10 mail.z.example. |  | mail.z.example. 600 IN A "
		 "192.0.2.25; mail.z.example. 500 IN AAAA 2001:db8::25"},
		{"z.example.", HLV_DNS_NS,
		 "0 aa: z.example. 3600 IN NS ns.z.example.; z.example. 3600 IN NS "
		 "ns1.example. |  "
		 "| ns.z.example. 600 IN A 192.0.2.53"},
		{"alias.z.example.", HLV_DNS_A,
		 "0 aa: alias.z.example. 600 IN CNAME www.z.example.; www.z.example. 60 IN A "
		 "192.0.2.1; www.z.example. 60 IN A 192.0.2.2 |  | "},
		{"alias.z.example.", HLV_DNS_CNAME,
		 "0 aa: alias.z.example. 600 IN CNAME www.z.example. |  | "},
		{"alias.z.example.", HLV_DNS_MX,
		 "0 aa: alias.z.example. 600 IN CNAME www.z.example. | " SOA " | "},
		{"away.z.example.", HLV_DNS_A,
		 "0 aa: away.z.example. 600 IN CNAME www.elsewhere.example. |  | "},
		{"loop.z.example.", HLV_DNS_A,
		 "0 aa: loop.z.example. 600 IN CNAME loop2.z.example.; loop2.z.example. 600 IN "
		 "CNAME loop.z.example. |  | "},
		{"sub.z.example.", HLV_DNS_A,
		 "0:  | sub.z.example. 600 IN NS ns.far.example.; sub.z.example. 600 IN NS "
		 "ns.sub.z.example. | ns.sub.z.example. 600 IN A 192.0.2.99"},
		{"a.www.sub.z.example.", HLV_DNS_A,
		 "0:  | sub.z.example. 600 IN NS ns.far.example.; sub.z.example. 600 IN NS "
		 "ns.sub.z.example. | ns.sub.z.example. 600 IN A 192.0.2.99"},
		{"sub.z.example.", HLV_DNS_DS, "0 aa:  | " SOA " | "},
		{"x.wild.z.example.", HLV_DNS_TXT,
		 "0 aa: x.wild.z.example. 600 IN TXT \"caught\" |  | "},
		{"y.x.wild.z.example.", HLV_DNS_TXT,
		 "0 aa: y.x.wild.z.example. 600 IN TXT \"caught\" |  | "},
		{"x.wild.z.example.", HLV_DNS_A, "0 aa:  | " SOA " | "},
		{"real.wild.z.example.", HLV_DNS_TXT, "0 aa:  | " SOA " | "},
		{"below.real.wild.z.example.", HLV_DNS_TXT, "3 aa:  | " SOA " | "},
		{"www.old.z.example.", HLV_DNS_A,
		 "0 aa: old.z.example. 600 IN DNAME z.example.; www.old.z.example. 600 IN "
		 "CNAME "
		 "www.z.example.; www.z.example. 60 IN A 192.0.2.1; www.z.example. 60 IN A "
		 "192.0.2.2 |  | "},
		{"mb.z.example.", HLV_DNS_MAILB,
		 "0 aa: mb.z.example. 600 IN MB a.example.; mb.z.example. 600 IN MR b.example. "
		 "|  "
		 "| "},
		{"mail.z.example.", HLV_DNS_ANY,
		 "0 aa: mail.z.example. 600 IN A 192.0.2.25; mail.z.example. 500 IN AAAA "
		 "2001:db8::25 |  | "},
		{"broken.z.example.", HLV_DNS_A, "2:  |  | "},
		{"elsewhere.example.", HLV_DNS_A, "5:  |  | "},
		{"z.example.", HLV_DNS_AXFR, "5:  |  | "},
		{"b.a.id.example.", HLV_DNS_URI,
		 "0 aa: b.a.id.example. 86400 IN URI 10 1 \"https://example.cn/ab\" |  | "},
		{"B.A.id.example.", HLV_DNS_NAPTR,
		 "0 aa: B.A.id.example. 86400 IN NAPTR 10 10 \"u\" \"https+I2L\" "
		 "\"!^.*$!https://example.cn/ab!\" . |  | "},
		{"b.a.id.example.", HLV_DNS_TXT,
		 "0 aa: b.a.id.example. 86400 IN TXT \"brand=Helve\" |  | "},
		{"b.id.example.", HLV_DNS_TXT,
		 "3 aa:  | " VIEW_SOA("id.example.", "ns1.example.") " | "},
		{"id.example.", HLV_DNS_NS,
		 "0 aa: id.example. 3600 IN NS ns1.example.; id.example. 3600 IN NS "
		 "ns2.example. "
		 "|  | "},
		{"156.2.1.oid.example.", HLV_DNS_NAPTR,
		 "0 aa: 156.2.1.oid.example. 86400 IN NAPTR 10 10 \"u\" \"RINF\" "
		 "\"!^.*$!http://example.cn/oid!\" . |  | "},
		{"2.1.oid.example.", HLV_DNS_NAPTR,
		 "0 aa:  | " VIEW_SOA("oid.example.", "oid.example.") " | "},
		{"0.5.9.0.gtin.example.", HLV_DNS_URI,
		 "0 aa: 0.5.9.0.gtin.example. 86400 IN URI 10 1 \"http://example.cn/gtin\" |  "
		 "| "},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		check_answer(w, rows[i].name, rows[i].type, rows[i].want);
}

/* What must not be left out makes TC; what can be, is. */
static void test_sizes(void **state)
{
	struct world *w = *state;
	ldns_pkt *pkt = ask_limited(w, "z.example.", HLV_DNS_MX, 60);
	assert_false(ldns_pkt_tc(pkt));
	assert_int_equal(ldns_pkt_ancount(pkt), 1);
	assert_int_equal(ldns_pkt_arcount(pkt), 0);
	ldns_pkt_free(pkt);
	pkt = ask_limited(w, "sub.z.example.", HLV_DNS_A, 80);
	assert_true(ldns_pkt_tc(pkt));
	assert_int_equal(ldns_pkt_nscount(pkt), 0);
	ldns_pkt_free(pkt);
	pkt = ask_limited(w, "www.z.example.", HLV_DNS_A, 50);
	assert_true(ldns_pkt_tc(pkt));
	assert_int_equal(ldns_pkt_ancount(pkt), 0);
	ldns_pkt_free(pkt);
}

/* However deep the name, the registry is asked a bounded number of times. */
static void test_bounds(void **state)
{
	struct world *w = *state;
	char name[300];
	size_t at = 0;
	for (int i = 0; i < 115; i++)
		at += (size_t)snprintf(name + at, sizeof name - at, "a.");
	snprintf(name + at, sizeof name - at, "z.example.");
	ldns_pkt *pkt = ask(w, name, HLV_DNS_A);
	assert_int_equal(ldns_pkt_get_rcode(pkt), LDNS_RCODE_NXDOMAIN);
	assert_true(w->asked <= HLV_DNS_NODES_MAX);
	ldns_pkt_free(pkt);
}

/* Each signature is verified by ldns with the key that the apex has. */
static void check_signed(const ldns_rr_list *section, ldns_rr_list *keys, const char *name)
{
	size_t n = ldns_rr_list_rr_count(section);
	for (size_t i = 0; i < n; i++) {
		ldns_rr *rr = ldns_rr_list_rr(section, i);
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG ||
		    ldns_rr_get_type(rr) == LDNS_RR_TYPE_OPT)
			continue;
		ldns_rr_list *set = ldns_rr_list_new(), *sigs = ldns_rr_list_new();
		for (size_t j = 0; j < n; j++) {
			ldns_rr *other = ldns_rr_list_rr(section, j);
			if (ldns_dname_compare(ldns_rr_owner(rr), ldns_rr_owner(other)) != 0)
				continue;
			if (ldns_rr_get_type(other) == ldns_rr_get_type(rr))
				ldns_rr_list_push_rr(set, other);
			else if (ldns_rr_get_type(other) == LDNS_RR_TYPE_RRSIG &&
				 ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(other)) ==
					 ldns_rr_get_type(rr))
				ldns_rr_list_push_rr(sigs, other);
		}
		ldns_status s = ldns_verify_time(set, sigs, keys, 1700000000, NULL);
		if (s != LDNS_STATUS_OK)
			fail_msg("%s: %s", name, ldns_get_errorstr_by_id(s));
		ldns_rr_list_free(set);
		ldns_rr_list_free(sigs);
	}
}

static void test_signed(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *name;
		uint16_t type;
		size_t answers, authorities;
		const char *nsec; /* its next name and types, or NULL */
	} rows[] = {
		{"z.example.", HLV_DNS_SOA, 2, 0, NULL},
		{"WWW.z.example.", HLV_DNS_A, 3, 0, NULL},
		{"alias.z.example.", HLV_DNS_A, 5, 0, NULL},
		{"x.wild.z.example.", HLV_DNS_TXT, 2, 0, NULL},
		{"z.example.", HLV_DNS_CDS, 2, 0, NULL},
		{"no.z.example.", HLV_DNS_A, 0, 4, "\\000.no.z.example. RRSIG NSEC TYPE128"},
		{"mail.z.example.", HLV_DNS_MX, 0, 4,
		 "\\000.mail.z.example. A AAAA RRSIG NSEC"},
		{"156.2.oid.example.", HLV_DNS_A, 0, 4, "\\000.156.2.oid.example. RRSIG NSEC"},
		{"id.example.", HLV_DNS_DNSKEY, 2, 0, NULL},
	};
	struct hlv_key *key;
	check_err("key", hlv_key_generate(HLV_KEY_P256, &key), HLV_OK);
	w->dnssec = hlv_dnssec_new(key, 1 << 16, (uint64_t[2]){1, 2});
	assert_non_null(w->dnssec);
	w->size = 4096;
	w->edns_flags = HLV_DNS_DO;
	static const char *const apexes[] = {"z.example.", "id.example.", "oid.example."};
	ldns_rr_list *keys = ldns_rr_list_new();
	for (size_t i = 0; i < COUNT(apexes); i++) {
		ldns_pkt *pkt = ask(w, apexes[i], HLV_DNS_DNSKEY);
		ldns_rr_list *list = ldns_rr_list_clone(ldns_pkt_answer(pkt));
		ldns_rr_list_cat(keys, list);
		ldns_rr_list_free(list);
		ldns_pkt_free(pkt);
	}
	for (size_t i = 0; i < COUNT(rows); i++) {
		ldns_pkt *pkt = ask(w, rows[i].name, rows[i].type);
		check_u64(rows[i].name, ldns_pkt_get_rcode(pkt), 0);
		check_u64(rows[i].name, ldns_pkt_ancount(pkt), rows[i].answers);
		check_u64(rows[i].name, ldns_pkt_nscount(pkt), rows[i].authorities);
		check_signed(ldns_pkt_answer(pkt), keys, rows[i].name);
		check_signed(ldns_pkt_authority(pkt), keys, rows[i].name);
		for (size_t j = 0; rows[i].nsec && j < ldns_pkt_nscount(pkt); j++) {
			ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_authority(pkt), j);
			if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_NSEC)
				continue;
			char *text = ldns_rr2str(rr);
			if (!strstr(text, rows[i].nsec))
				fail_msg("%s: %s", rows[i].name, text);
			free(text);
		}
		ldns_pkt_free(pkt);
	}
	/* Who understands compact answers is told that there is no such name. */
	w->edns_flags = HLV_DNS_DO | HLV_DNS_CO;
	ldns_pkt *pkt = ask(w, "no.z.example.", HLV_DNS_A);
	assert_int_equal(ldns_pkt_get_rcode(pkt), LDNS_RCODE_NXDOMAIN);
	ldns_pkt_free(pkt);
	ldns_rr_list_deep_free(keys);
	hlv_dnssec_free(w->dnssec);
	hlv_key_free(key);
}

/* A memory that ends early gives a clean failure, at each place. */
static void test_memory(void **state)
{
	struct world *w = *state;
	static const char *const names[] = {"alias.z.example.", "www.old.z.example.",
					    "x.wild.z.example.", "b.a.id.example."};
	for (size_t i = 0; i < COUNT(names); i++) {
		int rcode = -1;
		for (size_t limit = 0; rcode != 0; limit += 512) {
			hlv_arena_fini(&w->arena);
			hlv_arena_init(&w->arena, limit);
			ldns_pkt *pkt = ask(w, names[i], HLV_DNS_TXT);
			rcode = (int)ldns_pkt_get_rcode(pkt);
			assert_true(rcode == 0 || rcode == LDNS_RCODE_SERVFAIL);
			ldns_pkt_free(pkt);
		}
	}
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	char why[256];
	*state = w;
	if (!w)
		return -1;
	hlv_arena_init(&w->arena, 1 << 20);
	return hlv_dns_zones_parse(zone_rows, COUNT(zone_rows), &w->zones, why) != HLV_OK;
}

static int teardown(void **state)
{
	struct world *w = *state;
	hlv_dns_zones_fini(&w->zones);
	hlv_arena_fini(&w->arena);
	free(w);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers), TEST(test_sizes),  TEST(test_bounds),
		TEST(test_signed),  TEST(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
