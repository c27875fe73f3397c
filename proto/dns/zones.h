/* SPDX-License-Identifier: Apache-2.0
 *
 * Which domain names are which identifiers (protocol.md 16; industrial.md 2.3 for the views). A row
 * of the option dns-zones is "zone identifier" for a zone whose records are DNS.* values below the
 * identifier, or "zone KIND ... " for a view of identifiers that are no names:
 *
 *   "hdl.example.cn. 20.500.12345/dns"	 a.b.hdl.example.cn. is 20.500.12345/dns/b/a
 *   "id.example.cn. identifiers 88.118.8"	 b.a.id.example.cn. is 88.118.8/a.b
 *   "oid.example.cn. oid"			 7.156.2.1.oid.example.cn. is 1.2.156.7 (as ORS)
 *   "gs1.example.cn. gs1 01"		 2.5.3.4...6.0.gs1.example.cn. is 01/06...4352 (as ONS)
 *
 * Behind a view's words stand the names of its servers, for the NS and SOA records that no
 * identifier has.
 */
#pragma once
#include "proto/dns/dname.h"

enum hlv_dns_kind {
	HLV_DNS_NAMES,	     /* identifiers that hold DNS.* values */
	HLV_DNS_IDENTIFIERS, /* views: of prefix/suffix, labels joined by dots, reversed ... */
	HLV_DNS_OIDS,	     /* ... of arcs ... */
	HLV_DNS_GS1S,	     /* ... of the digits of one GS1 key */
};

enum { HLV_DNS_SERVERS_MAX = 4, HLV_DNS_PREFIX_MAX = 255 };

struct hlv_dns_zone {
	enum hlv_dns_kind kind;
	struct hlv_bytes apex;	 /* in lower case */
	struct hlv_bytes prefix; /* or the whole identifier; or the GS1 key's AI */
	struct hlv_bytes servers[HLV_DNS_SERVERS_MAX];
	size_t nservers;
};

struct hlv_dns_zones {
	struct hlv_dns_zone *list;
	size_t n;
	struct hlv_arena *arena; /* all of it */
};

/* `why`: 256 octets, one line. */
enum hlv_err HLV_MUST_USE hlv_dns_zones_parse(char *const *rows, size_t n,
					      struct hlv_dns_zones *zones, char *why);
void hlv_dns_zones_fini(struct hlv_dns_zones *zones);

/* The longest zone that `name` is in; NULL: none. */
const struct hlv_dns_zone *hlv_dns_zone_of(const struct hlv_dns_zones *zones,
					   struct hlv_bytes name);
/* The identifier that `name`, which is in `zone`, stands for. False: none can exist there, because an
 * escape is wrong, or a label is no part of such an identifier. */
bool hlv_dns_identifier(const struct hlv_dns_zone *zone, struct hlv_bytes name,
			struct hlv_writer *w);
