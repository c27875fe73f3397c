/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/zone.h"

#include <stdio.h>

#include "proto/sec/digest.h"

/* --- addresses --- */

/* From harmless to never. */
enum reach {
	REACH_PUBLIC,
	REACH_PRIVATE,
	REACH_LOOPBACK,
	REACH_LISTED, /* link-local, reserved, tunnels to anything but public: if listed alone */
	REACH_NEVER,
};

struct v4_row {
	uint32_t net;
	uint8_t bits;
	enum reach reach;
};

/* IANA's special-purpose registry (RFC 6890), as far as somebody could be harmed by it. */
static const struct v4_row v4_rows[] = {
	{0x00000000, 8, REACH_NEVER},	 /* this network; 0.0.0.0 is often this machine */
	{0x0A000000, 8, REACH_PRIVATE},	 /* RFC 1918 */
	{0x64400000, 10, REACH_PRIVATE}, /* carriers' NAT */
	{0x7F000000, 8, REACH_LOOPBACK},
	{0xA9FE0000, 16, REACH_LISTED}, /* link-local: clouds' metadata services */
	{0xAC100000, 12, REACH_PRIVATE},
	{0xC0000000, 24, REACH_LISTED},	 /* protocol assignments */
	{0xC0586300, 24, REACH_LISTED},	 /* 6to4 relays */
	{0xC0A80000, 16, REACH_PRIVATE}, /* RFC 1918 */
	{0xC6120000, 15, REACH_PRIVATE}, /* benchmarks */
	{0xE0000000, 4, REACH_NEVER},	 /* multicast */
	{0xF0000000, 4, REACH_NEVER},	 /* reserved, broadcast */
};

static enum reach reach_v4(uint32_t a)
{
	for (size_t i = 0; i < sizeof v4_rows / sizeof *v4_rows; i++)
		if ((a ^ v4_rows[i].net) >> (32 - v4_rows[i].bits) == 0)
			return v4_rows[i].reach;
	return REACH_PUBLIC;
}

struct v6_row {
	uint8_t net[14];
	uint8_t bits;
	/* Where an IPv4 address stands in it, and what its octets are XORed with; 0: none. */
	uint8_t carries;
	uint8_t mask;
	enum reach reach; /* of one that carries none */
};

static const struct v6_row v6_rows[] = {
	{{0x00, 0x64, 0xFF, 0x9B}, 96, 12, 0, REACH_PUBLIC},	  /* NAT64 */
	{{0x00, 0x64, 0xFF, 0x9B, 0, 1}, 48, 0, 0, REACH_LISTED}, /* NAT64, local use */
	{{0x01, 0x00}, 64, 0, 0, REACH_NEVER},			  /* discarded */
	{{0x20, 0x02}, 16, 2, 0, REACH_PUBLIC},			  /* 6to4 */
	{{0x20, 0x01, 0, 0}, 32, 12, 0xFF, REACH_PUBLIC},	  /* Teredo: the client ... */
	{{0xFC}, 7, 0, 0, REACH_PRIVATE},			  /* unique local */
	{{0xFE, 0x80}, 10, 0, 0, REACH_LISTED},			  /* link-local */
	{{0xFE, 0xC0}, 10, 0, 0, REACH_PRIVATE},		  /* site-local, of old */
	{{0xFF}, 8, 0, 0, REACH_NEVER},				  /* multicast */
};

static bool in_v6(const uint8_t a[16], const struct v6_row *row)
{
	size_t whole = row->bits / 8;
	unsigned rest = row->bits % 8;
	if (memcmp(a, row->net, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ row->net[whole]) >> (8 - rest) == 0;
}

/* A tunnel may lead to public addresses and nowhere else, loopback roots or not. */
static enum reach through_tunnel(enum reach reach)
{
	return reach == REACH_PUBLIC || reach == REACH_NEVER ? reach : REACH_LISTED;
}

static enum reach reach_v6(const uint8_t a[16])
{
	static const uint8_t zeros[16], mapped[12] = {[10] = 0xFF, [11] = 0xFF};
	static const uint8_t translated[12] = {[8] = 0xFF, [9] = 0xFF}; /* SIIT, RFC 2765 */
	static const uint8_t isatap[4] = {0, 0, 0x5E, 0xFE};
	if (memcmp(a, zeros, 16) == 0)
		return REACH_NEVER;
	if (memcmp(a, zeros, 15) == 0 && a[15] == 1)
		return REACH_LOOPBACK;
	if (memcmp(a, zeros, 12) == 0 || memcmp(a, mapped, 12) == 0)
		return reach_v4(hlv_load_u32(a + 12));
	if (memcmp(a, translated, 12) == 0 ||
	    ((a[8] & ~0x02) == 0 && memcmp(a + 9, isatap + 1, 3) == 0))
		return through_tunnel(reach_v4(hlv_load_u32(a + 12)));
	for (size_t i = 0; i < sizeof v6_rows / sizeof *v6_rows; i++) {
		const struct v6_row *row = &v6_rows[i];
		if (!in_v6(a, row))
			continue;
		if (row->carries == 0)
			return row->reach;
		uint32_t mask = row->mask * 0x01010101U;
		return through_tunnel(reach_v4(hlv_load_u32(a + row->carries) ^ mask));
	}
	return REACH_PUBLIC;
}

static enum reach reach_of(const struct hlv_addr *a)
{
	if (a->len == 0)
		return REACH_NEVER;
	if (a->sa.any.sa_family == AF_INET)
		return reach_v4(ntohl(a->sa.v4.sin_addr.s_addr));
	return reach_v6(a->sa.v6.sin6_addr.s6_addr);
}

/* Mapped and plain IPv4 are the same place. */
static struct hlv_addr plain(const struct hlv_addr *a)
{
	uint8_t octets[16];
	struct hlv_addr out;
	hlv_addr_to_site(a, octets);
	hlv_addr_from_site(octets, hlv_addr_port(a), &out);
	return out;
}

static bool is_unspecified(const struct hlv_addr *a)
{
	if (a->sa.any.sa_family == AF_INET)
		return a->sa.v4.sin_addr.s_addr == 0;
	return IN6_IS_ADDR_UNSPECIFIED(&a->sa.v6.sin6_addr);
}

static bool is_own(const struct hlv_addrs *own, const struct hlv_addr *a)
{
	struct hlv_addr there = plain(a);
	for (size_t i = 0; own && i < own->n; i++) {
		struct hlv_addr here = plain(&own->list[i]);
		if (hlv_addr_eq(&here, &there))
			return true;
		if (is_unspecified(&own->list[i]) &&
		    hlv_addr_port(&here) == hlv_addr_port(&there) &&
		    reach_of(&there) == REACH_LOOPBACK)
			return true;
	}
	return false;
}

bool zone_address_allowed(const struct zone_rules *rules, const struct hlv_addr *a)
{
	enum reach reach = reach_of(a);
	if (reach == REACH_NEVER || hlv_addr_port(a) == 0 || is_own(rules->own, a))
		return false;
	if (rules->allowed && hlv_nets_have(rules->allowed, a))
		return true;
	switch (reach) {
	case REACH_PUBLIC:
		return true;
	case REACH_PRIVATE:
		return rules->private_nets;
	case REACH_LOOPBACK:
		return rules->loopback;
	case REACH_LISTED:
	case REACH_NEVER:
		break;
	}
	return false;
}

/* --- sites out of values --- */

static bool is_one_of(struct hlv_bytes type, const char *const types[2])
{
	return hlv_eq_fold(type, hlv_text(types[0])) ||
	       (types[1] && hlv_eq_fold(type, hlv_text(types[1])));
}

static bool is_usable(struct hlv_bytes data)
{
	struct hlv_site site;
	return data.n <= ZONE_SITE_MAX && hlv_site_decode(data, &site) == HLV_OK &&
	       site.servers.n > 0 && site.servers.n <= ZONE_SERVERS_MAX;
}

static void put_array(struct hlv_writer *w, struct hlv_list *list, struct hlv_bytes octets)
{
	hlv_put_lp32(w, octets);
	list->n++;
}

enum hlv_err zone_sites(const struct hlv_list *values, bool prefixes, struct hlv_arena *a,
			struct hlv_list *sites, struct hlv_list *services)
{
	static const char *const site_types[2][2] = {{"HS_SITE", "HS_SITE.6"},
						     {"HS_SITE.PREFIX", "HS_NA_DELEGATE"}};
	static const char *const service_types[2][2] = {{"HS_SERV"}, {"HS_SERV.PREFIX"}};
	uint8_t *room[2] = {hlv_alloc_raw(a, values->raw.n), hlv_alloc_raw(a, values->raw.n)};
	*sites = *services = (struct hlv_list){0};
	if (!room[0] || !room[1])
		return HLV_E_NOMEM;
	struct hlv_writer w = hlv_writer(room[0], values->raw.n);
	struct hlv_writer s = hlv_writer(room[1], values->raw.n);
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		if (is_one_of(v.type, site_types[prefixes])) {
			if (sites->n < ZONE_SITES_MAX && is_usable(v.data))
				put_array(&w, sites, v.data);
		} else if (is_one_of(v.type, service_types[prefixes])) {
			if (services->n < ZONE_SITES_MAX && v.data.n > 0 &&
			    v.data.n <= HLV_IDENTIFIER_MAX)
				put_array(&s, services, v.data);
		}
	}
	sites->raw = hlv_written(&w);
	services->raw = hlv_written(&s);
	return HLV_OK;
}

/* --- the responsible servers --- */

struct gather {
	const struct zone_rules *rules;
	struct zone_server *out;
	size_t n;
	uint8_t rank; /* of the site at hand */
};

static bool same_place(const struct hlv_addr *a, const struct hlv_addr *b)
{
	return a->len && b->len && hlv_addr_eq(a, b);
}

static bool is_there(const struct gather *g, const struct zone_server *s)
{
	for (size_t i = 0; i < g->n; i++)
		if (same_place(&g->out[i].udp, &s->udp) || same_place(&g->out[i].tcp, &s->tcp))
			return true;
	return false;
}

/* The server at one of its addresses: where it takes questions by which protocol. */
static void add(struct gather *g, const struct hlv_site_server *server,
		const uint8_t address[16], bool tls, bool primary)
{
	struct zone_server s = {
		.tls = tls, .primary = primary, .rank = g->rank, .key = server->key};
	struct hlv_reader r = hlv_reader(server->interfaces.raw);
	for (uint32_t i = 0; i < server->interfaces.n; i++) {
		struct hlv_site_interface f;
		struct hlv_addr a;
		hlv_site_next_interface(&r, &f);
		if (!(f.kind & HLV_IF_QUERY) || f.port > UINT16_MAX || f.protocol > HLV_IF_TCP)
			continue;
		hlv_addr_from_site(address, (uint16_t)f.port, &a);
		struct hlv_addr *to = f.protocol == HLV_IF_TCP ? &s.tcp : &s.udp;
		/* R7: a bad address takes itself out, and nothing else. */
		if (to->len == 0 && zone_address_allowed(g->rules, &a))
			*to = a;
	}
	s.tls = s.tls && s.tcp.len;
	if (g->n < ZONE_TRIED_MAX && (s.udp.len || s.tcp.len) && !is_there(g, &s))
		g->out[g->n++] = s;
}

static bool has_word(struct hlv_bytes text, const char *word)
{
	struct hlv_bytes w = hlv_text(word);
	for (size_t i = 0; i + w.n <= text.n; i++) {
		bool begins = i == 0 || text.p[i - 1] == ' ';
		bool ends = i + w.n == text.n || text.p[i + w.n] == ' ';
		if (begins && ends && hlv_eq(hlv_bytes(text.p + i, w.n), w))
			return true;
	}
	return false;
}

static bool is_alternative(struct hlv_bytes name)
{
	return hlv_eq(name, hlv_text("alt_addr")) ||
	       hlv_starts_with(name, hlv_text("alt_addr."));
}

static bool parse_address(struct hlv_bytes text, uint8_t address[16])
{
	char copy[HLV_ADDR_TEXT];
	struct hlv_addr a;
	if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n))
		return false;
	snprintf(copy, sizeof copy, "%.*s", (int)text.n, (const char *)text.p);
	if (hlv_addr_parse(copy, HLV_PORT, &a) != HLV_OK)
		return false;
	hlv_addr_to_site(&a, address);
	return true;
}

static void add_site(struct gather *g, const struct hlv_site *site, struct hlv_bytes id)
{
	uint32_t hash;
	if (hlv_site_hash(id, site->hash_option, &hash) != HLV_OK)
		return; /* an option that we do not know: nobody can say who is responsible */
	struct hlv_site_server server = {0};
	struct hlv_site_attribute attribute;
	struct hlv_reader r = hlv_reader(site->servers.raw);
	for (uint32_t i = 0; i <= hash % site->servers.n; i++)
		hlv_site_next_server(&r, &server);
	bool tls = false, primary = site->flags & HLV_SITE_PRIMARY;
	r = hlv_reader(site->attributes.raw);
	for (uint32_t i = 0; i < site->attributes.n; i++) {
		hlv_site_next_attribute(&r, &attribute);
		tls |= hlv_eq(attribute.name, hlv_text("helve")) &&
		       has_word(attribute.value, "tls");
	}
	add(g, &server, server.address, tls, primary);
	r = hlv_reader(site->attributes.raw);
	for (uint32_t i = 0; i < site->attributes.n && site->servers.n == 1; i++) {
		uint8_t address[16];
		hlv_site_next_attribute(&r, &attribute);
		if (is_alternative(attribute.name) && parse_address(attribute.value, address))
			add(g, &server, address, tls, primary);
	}
}

size_t zone_servers(const struct zone *z, const struct zone_rules *rules, struct hlv_bytes id,
		    bool primaries, struct zone_server out[ZONE_TRIED_MAX])
{
	struct gather g = {.rules = rules, .out = out};
	struct hlv_reader r = hlv_reader(z->sites.raw);
	uint32_t read = 0;
	for (uint32_t i = 0; i < z->sites.n; i++) {
		struct hlv_site site;
		struct hlv_bytes record = hlv_get_lp32(&r);
		if (hlv_site_decode(record, &site) != HLV_OK || site.servers.n == 0 ||
		    site.servers.n > ZONE_SERVERS_MAX - read)
			continue;
		read += site.servers.n;
		g.rank = z->ranks ? z->ranks[i] : 0;
		if (!primaries || (site.flags & HLV_SITE_PRIMARY))
			add_site(&g, &site, id);
	}
	return g.n;
}

void zone_class(const struct hlv_list *sites, struct zone_rules *rules)
{
	struct hlv_reader r = hlv_reader(sites->raw);
	rules->loopback = rules->private_nets = false;
	for (uint32_t i = 0; i < sites->n; i++) {
		struct hlv_site site;
		if (hlv_site_decode(hlv_get_lp32(&r), &site) != HLV_OK)
			continue;
		struct hlv_reader s = hlv_reader(site.servers.raw);
		for (uint32_t k = 0; k < site.servers.n; k++) {
			struct hlv_site_server server;
			struct hlv_addr a;
			hlv_site_next_server(&s, &server);
			hlv_addr_from_site(server.address, HLV_PORT, &a);
			rules->loopback |= reach_of(&a) == REACH_LOOPBACK;
			rules->private_nets |= reach_of(&a) == REACH_PRIVATE;
		}
	}
}
