/* SPDX-License-Identifier: Apache-2.0
 *
 * Where questions are asked: sites out of HS_SITE values, and which of their servers are responsible
 * for an identifier (protocol.md 6.4, 6.5, 12.4). Addresses that nobody may send us to are left out
 * (threats.md 4 SSRF, 7 R7), what is too much is not read (R8). Pure.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/net/conf.h"
#include "proto/wire/site.h"
#include "resolver/proven.h"

enum {
	ZONE_SERVERS_MAX = 64, /* read of all sites */
	ZONE_TRIED_MAX = 8,    /* tried on one level */
	ZONE_SITE_MAX = 16384, /* octets of a site record */
	ZONE_SITES_MAX = 16,
};

/* Which addresses may be asked. */
struct zone_rules {
	bool loopback,
		private_nets; /* decisions.md 17: when the root's own are of that class */
	const struct hlv_nets *allowed; /* listed ones, whatever their class; NULL: none */
	/* Our own listeners: never, and by address and port, since other nodes of this machine
	 * are no danger; "0.0.0.0:2641" is each address of this machine that we can tell: loopback.
	 * NULL: none. */
	const struct hlv_addrs *own;
};

/* One prefix's service. Borrows. */
struct zone {
	struct hlv_bytes prefix; /* what it is asked as authority for; empty: the root */
	struct hlv_list sites;	 /* arrays: site records */
	const uint8_t *ranks;	 /* of each site: the lower the sooner; NULL: all are alike */
	enum proof proof;	 /* how we know: PROOF_SECURE, PROOF_INSECURE */
	bool is_root;
	bool is_forwarder; /* configured: asked to recurse, for whatever is under `prefix` */
	uint64_t until_ms; /* wall clock: what the parent said is good until then */
};

/* A server that is responsible for the identifier at hand. */
struct zone_server {
	struct hlv_addr udp, tcp; /* len 0: does not take questions so */
	bool tls; /* its TCP port takes TLS too: the site has the attribute "helve"
				     with the word "tls" */
	bool primary;
	uint8_t rank;	      /* of its site */
	struct hlv_bytes key; /* encoded; empty: none is named */
};

/* Is this an address that a record may send us to? An IPv6 address that carries an IPv4 one (mapped,
 * compatible, 6to4, NAT64, Teredo) is no better than the one that it carries; multicast and
 * unspecified ones are never asked, listed or not. */
bool zone_address_allowed(const struct zone_rules *rules, const struct hlv_addr *a);

/* The sites among `values` (HS_SITE and HS_SITE.6, or with `prefixes` HS_SITE.PREFIX and
 * HS_NA_DELEGATE, protocol.md 12.3) as arrays in the arena; broken and too large ones are left out.
 * *services: handles of HS_SERV (HS_SERV.PREFIX) values, as arrays. HLV_E_NOMEM. */
enum hlv_err HLV_MUST_USE zone_sites(const struct hlv_list *values, bool prefixes,
				     struct hlv_arena *a, struct hlv_list *sites,
				     struct hlv_list *services);

/* The responsible server of each site, deduplicated by address, at most ZONE_TRIED_MAX; with
 * `primaries` of primary sites alone. A one-server site's further addresses (attribute alt_addr) count
 * as servers of their own; in a larger site nothing says whose they are (protocol.md 6.4), so
 * they are not used. Sites that would take us beyond ZONE_SERVERS_MAX are not read. Returns how
 * many. */
size_t zone_servers(const struct zone *z, const struct zone_rules *rules, struct hlv_bytes id,
		    bool primaries, struct zone_server out[ZONE_TRIED_MAX]);
/* Are the addresses of the root's own site loopback or private? Fills those two of *rules. */
void zone_class(const struct hlv_list *sites, struct zone_rules *rules);
