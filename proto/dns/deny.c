/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of what is not there. In a signed zone that is proven by one NSEC made for the name
 * asked about, which covers nothing beside it (RFC 4470; RFC 9824): nobody can walk the zone, and no
 * order of all names is needed, which the registry has not.
 */
#include "proto/dns/ask.h"

#include <stdlib.h>

enum { BITMAP_MAX = 2 + 32 + 2 + 32, KEY_TTL_S = 3600 };

/* RFC 4034 4.1.2, for types below 512, which all of ours are. */
static void put_bitmap(struct hlv_writer *w, const uint8_t bits[64])
{
	for (uint8_t window = 0; window < 2; window++) {
		const uint8_t *b = bits + window * 32U;
		uint8_t n = 32;
		while (n > 0 && b[n - 1] == 0)
			n--;
		if (n == 0)
			continue;
		hlv_put_u8(w, window);
		hlv_put_u8(w, n);
		hlv_put(w, hlv_bytes(b, n));
	}
}

static void set_bit(uint8_t bits[64], uint16_t type)
{
	if (type < 512)
		bits[type / 8] |= (uint8_t)(0x80 >> type % 8);
}

/* The name behind `name` in canonical order: \000.name, or if that is too long, the first label one
 * more (RFC 4470 3.1.2, shortened). */
static void put_next(struct hlv_writer *w, struct hlv_bytes name)
{
	if (hlv_dname_under(hlv_bytes("", 1), name, w) == HLV_OK)
		return;
	uint8_t *p = hlv_put_room(w, name.n);
	if (!p)
		return;
	memcpy(p, name.p, name.n);
	for (uint8_t i = p[0]; i > 0; i--) {
		if (p[i] == 0xFF)
			continue;
		/* Upper case sorts as lower. */
		p[i] = p[i] == 'A' - 1 ? '[' : (uint8_t)(p[i] + 1);
		return;
	}
}

void hlv_dns_place_nsec(struct hlv_dns_ask *a, const struct hlv_dns_zone *zone,
			struct hlv_bytes name, const struct hlv_dns_node *node, bool cut,
			enum hlv_dns_section section)
{
	uint8_t bits[64] = {0}, room[HLV_DNAME_MAX + BITMAP_MAX];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	set_bit(bits, HLV_DNS_RRSIG);
	set_bit(bits, HLV_DNS_NSEC);
	if (!node)
		set_bit(bits, HLV_DNS_NXNAME);
	for (size_t i = 0; node && i < node->n; i++) {
		uint16_t type = node->values[i].type;
		/* RFC 4035 2.3: at a cut, what the parent has there. */
		if ((!cut || type == HLV_DNS_NS || type == HLV_DNS_DS) &&
		    hlv_dns_has(a, node, type))
			set_bit(bits, type);
	}
	put_next(&w, name);
	put_bitmap(&w, bits);
	struct hlv_rrset set = {.owner = name,
				.type = HLV_DNS_NSEC,
				.ttl_s = 0,
				.n = 1,
				.rdata = hlv_alloc(a->arena, sizeof *set.rdata)};
	struct hlv_rrset soa;
	const struct hlv_dns_node *apex = hlv_dns_look(a, zone, zone->apex);
	if (!set.rdata || !apex)
		return;
	/* RFC 9077: no longer than what SOA says of what is not there. */
	if (hlv_dns_set(a, apex, zone->apex, HLV_DNS_SOA, &soa) && soa.rdata[0].n > 4) {
		uint32_t least = hlv_load_u32(soa.rdata[0].p + soa.rdata[0].n - 4);
		set.ttl_s = least < soa.ttl_s ? least : soa.ttl_s;
	}
	set.rdata[0] = hlv_arena_copy(a->arena, hlv_written(&w));
	hlv_dns_place(a, section, zone, &set);
}

void hlv_dns_deny(struct hlv_dns_ask *a, const struct hlv_dns_zone *zone, struct hlv_bytes name,
		  const struct hlv_dns_node *node)
{
	struct hlv_rrset soa;
	const struct hlv_dns_node *apex = hlv_dns_look(a, zone, zone->apex);
	/* In the trees of arcs and digits there is something below nearly everything: a name
	 * without a record there is none that does not exist (RFC 8020). */
	bool exists = node || zone->kind == HLV_DNS_OIDS || zone->kind == HLV_DNS_GS1S;
	if (!exists && (!hlv_dns_is_signed(a) || a->q.edns_flags & HLV_DNS_CO))
		a->rcode = HLV_DNS_NXDOMAIN;
	if (apex && hlv_dns_set(a, apex, zone->apex, HLV_DNS_SOA, &soa)) {
		uint32_t least = soa.rdata[0].n > 4
					 ? hlv_load_u32(soa.rdata[0].p + soa.rdata[0].n - 4)
					 : 0;
		soa.n = 1;
		if (least < soa.ttl_s) /* RFC 2308 3 */
			soa.ttl_s = least;
		hlv_dns_place(a, HLV_DNS_AUTHORITY, zone, &soa);
	}
	if (!hlv_dns_is_signed(a))
		return;
	/* A cut is denied something only when its DS is asked for: what else is there is the child's. */
	bool cut = node && a->q.type == HLV_DNS_DS && !hlv_dname_eq(name, zone->apex) &&
		   hlv_dns_has(a, node, HLV_DNS_NS);
	struct hlv_dns_node empty = {.zone = zone};
	hlv_dns_place_nsec(a, zone, name,
			   node	    ? node
			   : exists ? &empty
				    : NULL,
			   cut, HLV_DNS_AUTHORITY);
}

void hlv_dns_add_keys(struct hlv_dns_ask *a, struct hlv_dns_node *node)
{
	static const uint16_t types[HLV_DNS_KEYS] = {HLV_DNS_DNSKEY, HLV_DNS_CDS,
						     HLV_DNS_CDNSKEY};
	if (!a->dnssec || node->state != HLV_DNS_FOUND || !node->values ||
	    !hlv_dname_eq(node->name, node->zone->apex))
		return;
	for (size_t i = 0; i < HLV_DNS_KEYS; i++) {
		struct hlv_dns_value *v = &node->values[node->n++];
		*v = (struct hlv_dns_value){.type = types[i], .ttl_s = KEY_TTL_S};
		v->is_cds = types[i] == HLV_DNS_CDS;
		v->ready = !v->is_cds;
		if (v->is_cds)
			v->text = node->zone->apex;
		else
			v->rdata = hlv_dnssec_dnskey(a->dnssec);
	}
}
