/* SPDX-License-Identifier: Apache-2.0
 *
 * Records for identifiers that are no domain names (industrial.md 2.3): a URL becomes URI (RFC 7553)
 * and NAPTR (RFC 3403), as ONS and ORS clients ask for; other values that are text become TXT; and
 * DNS.* values stay what they are.
 */
#include <stdio.h>

#include "proto/dns/ask.h"
#include "proto/wire/name.h"

enum {
	STRING_MAX = 255,
	URL_MAX = 2048,
	TXT_MAX = 1024, /* of data; longer values are no business of DNS */
	TXTS_MAX = 64,
	URLS_MAX = 16,
	APEX_TTL_S = 3600,
	PER_VALUE = 2, /* records that one value makes */
};

static void add(struct hlv_dns_ask *a, struct hlv_dns_node *node, uint16_t type, uint32_t ttl_s,
		const struct hlv_writer *w)
{
	if (w->bad)
		return;
	node->values[node->n++] = (struct hlv_dns_value){
		.type = type,
		.ready = true,
		.ttl_s = ttl_s,
		.rdata = hlv_arena_copy(a->arena, hlv_written(w)),
	};
}

static void put_string(struct hlv_writer *w, struct hlv_bytes text)
{
	if (text.n > STRING_MAX) {
		w->bad = true;
		return;
	}
	hlv_put_u8(w, (uint8_t)text.n);
	hlv_put(w, text);
}

/* A link of the GS1 resolver (docs/schemes.md). */
static bool is_gs1(const struct hlv_value *v)
{
	return hlv_starts_with(v->type, hlv_text("gs1:"));
}

/* What a resolution of this kind is called: the link's type, the value's subtype ("URL.CINF" for ORS, the service's own
 * URL for ONS), or what a plain URL is: a locator (RFC 2483 I2L), in ORS the child's information. */
static struct hlv_bytes service_of(const struct hlv_dns_zone *zone, const struct hlv_value *v)
{
	if (is_gs1(v))
		return v->type;
	if (v->type.n > 4)
		return hlv_skip(v->type, 4);
	if (zone->kind == HLV_DNS_OIDS)
		return hlv_text("CINF");
	return hlv_starts_with(v->data, hlv_text("https:")) ? hlv_text("https+I2L")
							    : hlv_text("http+I2L");
}

static bool is_plain_url(struct hlv_bytes url)
{
	if (url.n == 0 || url.n > URL_MAX)
		return false;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] >= 0x7F)
			return false;
	return true;
}

static void add_url(struct hlv_dns_ask *a, struct hlv_dns_node *node, const struct hlv_value *v,
		    uint16_t rank, uint32_t ttl_s)
{
	uint8_t room[URL_MAX + 8];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	if (!is_plain_url(v->data))
		return;
	hlv_put_u16(&w, rank); /* priority, weight */
	hlv_put_u16(&w, 1);
	hlv_put(&w, v->data);
	add(a, node, HLV_DNS_URI, ttl_s, &w);
	/* The expression's own characters have no place in its replacement. */
	if (memchr(v->data.p, '!', v->data.n) || memchr(v->data.p, '\\', v->data.n))
		return;
	char expression[URL_MAX + 16];
	int n = snprintf(expression, sizeof expression, "!^.*$!%.*s!", (int)v->data.n,
			 (const char *)v->data.p);
	w = hlv_writer(room, sizeof room);
	hlv_put_u16(&w, rank); /* order, preference */
	hlv_put_u16(&w, 10);
	put_string(&w, hlv_text("u"));
	put_string(&w, service_of(node->zone, v));
	put_string(&w, hlv_bytes(expression, (size_t)n));
	hlv_put_u8(&w, 0); /* no further domain */
	add(a, node, HLV_DNS_NAPTR, ttl_s, &w);
}

/* TYPE=data, in strings of 255. */
static void add_text(struct hlv_dns_ask *a, struct hlv_dns_node *node,
		     const struct hlv_value *v, uint32_t ttl_s)
{
	uint8_t text[STRING_MAX + 1 + TXT_MAX], room[2 * sizeof text];
	struct hlv_writer t = hlv_writer(text, sizeof text), w = hlv_writer(room, sizeof room);
	if (v->type.n > STRING_MAX || v->data.n > TXT_MAX || !hlv_is_text(v->data))
		return;
	hlv_put(&t, v->type);
	hlv_put_u8(&t, '=');
	hlv_put(&t, v->data);
	for (struct hlv_bytes left = hlv_written(&t); left.n > 0;
	     left = hlv_skip(left, STRING_MAX))
		put_string(&w, hlv_head(left, STRING_MAX));
	add(a, node, HLV_DNS_TXT, ttl_s, &w);
}

void hlv_dns_view_values(struct hlv_dns_ask *a, struct hlv_dns_node *node,
			 const struct hlv_list *values)
{
	uint16_t urls = 0, texts = 0;
	node->values = hlv_alloc_raw(a->arena, (PER_VALUE * (size_t)values->n + HLV_DNS_KEYS) *
						       sizeof *node->values);
	struct hlv_reader r = hlv_reader(hlv_arena_copy(a->arena, values->raw));
	for (uint32_t i = 0; node->values && i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return;
		uint16_t type = hlv_dns_type_of(v.type);
		uint32_t ttl_s = hlv_dns_ttl(a, &v);
		if (type)
			node->values[node->n++] = (struct hlv_dns_value){
				.type = type, .ttl_s = ttl_s, .text = v.data};
		else if ((hlv_type_is(v.type, "URL") || is_gs1(&v)) && urls < URLS_MAX)
			add_url(a, node, &v, (uint16_t)(10 * ++urls), ttl_s);
		else if (!hlv_type_asked(v.type, hlv_text("DNS.")) &&
			 !hlv_starts_with(v.type, hlv_text("HS_")) && texts++ < TXTS_MAX)
			add_text(a, node, &v, ttl_s);
	}
}

void hlv_dns_view_apex(struct hlv_dns_ask *a, struct hlv_dns_node *node)
{
	static const uint32_t numbers[] = {1, 3600, 900, 1209600, 300};
	const struct hlv_dns_zone *zone = node->zone;
	uint8_t room[3 * HLV_DNAME_MAX];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	node->values = hlv_alloc_raw(a->arena, (HLV_DNS_SERVERS_MAX + 1 + HLV_DNS_KEYS) *
						       sizeof *node->values);
	if (!node->values)
		return;
	hlv_put(&w, zone->nservers > 0 ? zone->servers[0] : zone->apex);
	if (hlv_dname_under(hlv_text("hostmaster"), zone->apex, &w) != HLV_OK)
		hlv_put_u8(&w, 0);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		hlv_put_u32(&w, numbers[i]);
	add(a, node, HLV_DNS_SOA, APEX_TTL_S, &w);
	for (size_t i = 0; i < zone->nservers; i++) {
		w = hlv_writer(room, sizeof room);
		hlv_put(&w, zone->servers[i]);
		add(a, node, HLV_DNS_NS, APEX_TTL_S, &w);
	}
}
