/* SPDX-License-Identifier: Apache-2.0
 *
 * A DNS question of any octets, and a registry that says anything. The input: u8 how it is asked (1:
 * from a signed zone, 2: by TCP), u16 length and the question, then for each identifier that is asked for
 * u8 state, u8 count, and values (u8 type, u8 length and text). What comes out is read by ldns, has the
 * question's id, is no longer than allowed and the same again from the finished answers; answers and
 * scraps are not answered.
 */
#include <ldns/ldns.h>

#include "proto/dns/ask.h"
#include "proto/dns/cookie.h"
#include "proto/dns/finished.h"
#include "tests/fuzz/fuzz.h"

enum { SIGNED = 1, STREAM = 2, ASKED_MAX = 1000, LIST_MAX = 8192, FINISHED = 1 << 16 };

static const uint64_t secret[] = {1, 2};
static struct hlv_dns_zones zones;
static struct hlv_dnssec *dnssec;
static struct hlv_dns_finished *finished;
static struct hlv_dns_memo *memo;

static void prepare(void)
{
	static char rows[][48] = {"z.example 1/z", "sub.z.example 1/sub",
				  "id.example identifiers 88.1 ns.z.example", "oid.example oid",
				  "gs1.example gs1 01"};
	char *list[] = {rows[0], rows[1], rows[2], rows[3], rows[4]}, why[256];
	struct hlv_key *key;
	hlv_require(hlv_dns_zones_parse(list, 5, &zones, why) == HLV_OK);
	hlv_require(hlv_key_generate(HLV_KEY_P256, &key) == HLV_OK);
	dnssec = hlv_dnssec_new(key, 1 << 16, secret);
	finished = hlv_dns_finished_new(FINISHED, secret);
	memo = hlv_dns_memo_new(secret);
	hlv_require(dnssec && finished && memo);
}

/* What is read without the library is what the library reads. */
static void check_plain(uint16_t type, struct hlv_bytes text)
{
	static uint8_t octets[UINT16_MAX];
	uint8_t room[HLV_DNS_UDP_PLAIN];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	struct hlv_writer plain = hlv_writer(room, sizeof room);
	if (!type || !hlv_dns_rdata_plain(type, text, &plain))
		return;
	hlv_require(hlv_dns_rdata_parse(type, text, &w));
	hlv_require(hlv_eq(hlv_written(&w), hlv_written(&plain)));
}

static void put_value(struct hlv_reader *in, struct hlv_writer *w, uint32_t index)
{
	static const char *const types[] = {
#define X(name, number) "DNS." #name,
		HLV_DNS_TYPES(X)
#undef X
			"DNS.TYPE64",
		"DNS.TYPE65",
		"DNS.TYPE1",
		"URL",
		"URL.CINF",
		"DESC",
		"HS_ADMIN"};
	uint8_t type = hlv_get_u8(in);
	struct hlv_bytes text = hlv_take(in, hlv_get_u8(in));
	struct hlv_value v = {.index = index,
			      .ttl_kind = type & 0x80 ? HLV_TTL_ABSOLUTE : HLV_TTL_RELATIVE,
			      .ttl_s = 1700000000 + type,
			      .perms = HLV_PERM_DEFAULT,
			      .type = hlv_text(types[type % (sizeof types / sizeof *types)]),
			      .data = text};
	hlv_value_encode(w, &v);
	check_plain(hlv_dns_type_of(v.type), text);
}

/* The apexes are there, so that the rest matters. */
static void put_apex(struct hlv_writer *w, struct hlv_list *list)
{
	struct hlv_value v = {.index = 1000,
			      .ttl_s = 3600,
			      .perms = HLV_PERM_DEFAULT,
			      .type = hlv_text("DNS.SOA"),
			      .data = hlv_text("ns.z.example. a.z.example. 1 2 3 4 5")};
	hlv_value_encode(w, &v);
	list->n++;
}

static void feed(struct hlv_dns_ask *a, const struct hlv_dns_node *node, struct hlv_reader *in)
{
	static uint8_t room[LIST_MAX];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	struct hlv_list list = {0};
	uint8_t state = hlv_get_u8(in);
	uint8_t n = state & 3 ? hlv_get_u8(in) & 7 : 0;
	bool apex = hlv_dname_eq(node->name, node->zone->apex);
	if (apex)
		put_apex(&w, &list);
	for (uint8_t i = 0; i < n && !in->bad; i++)
		put_value(in, &w, ++list.n);
	list.raw = hlv_written(&w);
	hlv_dns_ask_feed(a,
			 apex || state & 3 ? HLV_DNS_FOUND
			 : state & 4	   ? HLV_DNS_FAILED
					   : HLV_DNS_ABSENT,
			 &list);
}

static void check(const struct hlv_dns_ask *a, struct hlv_bytes answer, size_t limit)
{
	ldns_pkt *pkt = NULL;
	hlv_require(answer.n >= HLV_DNS_HEADER && answer.n <= limit);
	hlv_require(ldns_wire2pkt(&pkt, answer.p, answer.n) == LDNS_STATUS_OK);
	hlv_require(ldns_pkt_id(pkt) == a->q.id && ldns_pkt_qr(pkt));
	if (ldns_pkt_tc(pkt))
		hlv_require(ldns_pkt_ancount(pkt) + ldns_pkt_nscount(pkt) == 0);
	ldns_pkt_free(pkt);
}

static bool holds(void *ctx, struct hlv_bytes sources)
{
	const struct hlv_dns_ask *a = ctx;
	struct hlv_reader r = hlv_reader(sources);
	struct hlv_dns_source source;
	size_t i = 0;
	for (; hlv_dns_source_next(&r, &source); i++) {
		while (i < a->nnodes && a->nodes[i]->identifier.n == 0)
			i++;
		hlv_require(i < a->nnodes && source.said == a->nodes[i]->said);
		hlv_require(hlv_eq(source.identifier, a->nodes[i]->identifier));
		hlv_require(&zones.list[source.zone] == a->nodes[i]->zone);
	}
	while (i < a->nnodes && a->nodes[i]->identifier.n == 0)
		i++;
	hlv_require(!r.bad && i == a->nnodes);
	return true;
}

/* Also when the registry has moved on, but what the answer was made of has not. */
static void check_finished(struct hlv_dns_ask *a, struct hlv_bytes answer, size_t limit)
{
	static uint64_t state; /* what is there is another world's with each input */
	struct hlv_dns_moment m = {.state = ++state, .now = a->now, .limit = limit, .ctx = a};
	uint8_t again[HLV_DNS_UDP_MAX];
	hlv_dns_finished_put(finished, a, &m, answer, UINT32_MAX);
	for (int i = 0; i < 2; i++, m.state = ++state) {
		size_t n = hlv_dns_finished_get(finished, &a->q, &m, again);
		if (n == 0) /* not kept; what another world's left is not asked about */
			break;
		hlv_require(hlv_eq(hlv_bytes(again, n), answer));
		m.holds = holds;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t octets[UINT16_MAX];
	if (!dnssec)
		prepare();
	struct hlv_arena *arena = fuzz_arena();
	struct hlv_reader in = hlv_reader(hlv_bytes(data, size));
	uint8_t how = hlv_get_u8(&in);
	struct hlv_bytes question = fuzz_copy(arena, hlv_take(&in, hlv_get_u16(&in)));
	struct hlv_dns_ask a = {.zones = &zones,
				.dnssec = how & SIGNED ? dnssec : NULL,
				.memo = memo,
				.secret = secret,
				.arena = arena,
				.now = {.wall_ms = UINT64_C(1700000000000)}};
	if (!hlv_dns_query_read(question, &a.q)) {
		hlv_require(question.n < HLV_DNS_HEADER || question.p[2] & 0x80);
		return 0;
	}
	size_t limit = how & STREAM			 ? HLV_DNS_MAX
		       : a.q.udp_size < HLV_DNS_UDP_BODY ? a.q.udp_size
							 : HLV_DNS_UDP_BODY;
	unsigned asked = 0;
	hlv_dns_ask_begin(&a);
	for (const struct hlv_dns_node *node; (node = hlv_dns_ask_next(&a));) {
		hlv_require(node->identifier.n > 0 && asked++ < ASKED_MAX);
		feed(&a, node, &in);
	}
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	struct hlv_dns_form form = {.limit = limit};
	hlv_dns_ask_encode(&a, &form, &w);
	hlv_require(!w.bad);
	check(&a, hlv_written(&w), limit);
	if (a.q.rcode == HLV_DNS_NOERROR && !(how & STREAM))
		check_finished(&a, hlv_written(&w), limit);
	return 0;
}
