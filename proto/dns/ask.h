/* SPDX-License-Identifier: Apache-2.0
 *
 * One DNS question on its way to its answer, without sockets, clocks or threads: it says which
 * identifier it wants to know next, is fed what the registry says, and begins again from what it
 * knows until nothing is missing. So the same code answers in helved, where the registry is at hand,
 * and in helver, which may have to ask around.
 *
 *	hlv_dns_ask_begin();  while (hlv_dns_ask_next()) hlv_dns_ask_feed();  hlv_dns_ask_encode();
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/now.h"
#include "proto/dns/dnssec.h"
#include "proto/dns/memo.h"
#include "proto/dns/query.h"
#include "proto/dns/zones.h"
#include "proto/wire/value.h"

enum {
	HLV_DNS_NODES_MAX = 192, /* identifiers looked at for one question */
	HLV_DNS_SETS_MAX = 192,	 /* record sets in one answer */
	HLV_DNS_HOPS_MAX = 8,	 /* CNAME and DNAME in a row */
	HLV_DNS_DEPTH_MAX = 40,	 /* labels below a zone's apex; deeper names do not exist */
	HLV_DNS_GLUE_MAX = 13,	 /* targets whose addresses are added */
};

enum hlv_dns_section { HLV_DNS_ANSWER, HLV_DNS_AUTHORITY, HLV_DNS_ADDITIONAL };

/* One value that is a record; read when it is needed. */
struct hlv_dns_value {
	uint16_t type;
	bool ready, bad;
	bool is_cds; /* of the zone in `text`, made when somebody wants it */
	uint32_t ttl_s;
	struct hlv_bytes text, rdata;
};

enum hlv_dns_state { HLV_DNS_WANTED, HLV_DNS_FOUND, HLV_DNS_ABSENT, HLV_DNS_FAILED };

/* A domain name, and what the registry says of its identifier. */
struct hlv_dns_node {
	const struct hlv_dns_zone *zone;
	struct hlv_bytes name, identifier;
	enum hlv_dns_state state;
	uint64_t said; /* hlv_dns_said() of what the registry said; 0: it was not asked */
	struct hlv_dns_value *values;
	size_t n;
};

struct hlv_dns_placed {
	enum hlv_dns_section section;
	bool glue;			 /* the answer is of no use without it */
	const struct hlv_dns_zone *zone; /* whose keys sign it; NULL: nobody's */
	struct hlv_rrset set;
};

struct hlv_dns_ask {
	const struct hlv_dns_zones *zones;
	struct hlv_dnssec *dnssec; /* NULL: nothing is signed */
	struct hlv_dns_memo *memo; /* NULL: each text is read */
	const uint64_t *secret; /* two words, for hlv_dns_said(); NULL: nobody wants to know */
	struct hlv_arena *arena;
	struct hlv_now now;
	struct hlv_dns_query q;	     /* borrows from the datagram */
	struct hlv_dns_node **nodes; /* in the order in which they were asked for */
	size_t nnodes, nodes_cap;
	size_t looked; /* at which of them last */
	struct hlv_dns_node *want;
	struct hlv_dns_placed *sets;
	size_t nsets, sets_cap;
	unsigned rcode;
	bool authoritative, referral, failed;
	uint32_t left_s; /* of the answer that is fed: as hlv_exchange's */
	bool fleeting;	 /* holds what this second alone is true */
};

/* `q` was read without a code; its octets stay until the end. */
void hlv_dns_ask_begin(struct hlv_dns_ask *a);
/* The identifier that is to be looked up, all its public values or (a zone of names) those of the
 * family "DNS."; NULL: the answer is ready. */
const struct hlv_dns_node *hlv_dns_ask_next(struct hlv_dns_ask *a);
/* What the registry says of it; `values` are copied. */
void hlv_dns_ask_feed(struct hlv_dns_ask *a, enum hlv_dns_state state,
		      const struct hlv_list *values);
/* A digest of what the registry says, never 0. Who does not know the secret cannot have it say two
 * things that are one. An answer is made of its question and of what was said of its nodes, one after
 * the other, and of nothing else, if it is not fleeting. */
uint64_t hlv_dns_said(const uint64_t secret[2], enum hlv_dns_state state,
		      const struct hlv_list *values);

struct hlv_dns_form {
	size_t limit; /* octets of the answer */
	bool cut;     /* TC and nothing else: come by TCP */
};
/* The whole answer; also for a question with a code of its own, that was never begun. Never longer than
 * the limit, which is at least HLV_DNS_UDP_PLAIN. */
void hlv_dns_ask_encode(struct hlv_dns_ask *a, const struct hlv_dns_form *form,
			struct hlv_writer *w);
/* Into the OPT at the end of an answer to a question with a cookie: client's and server's part. */
enum { HLV_DNS_COOKIE_OPTION = 4 + HLV_DNS_COOKIE_CLIENT + HLV_DNS_COOKIE_SERVER };
void hlv_dns_put_cookie(struct hlv_writer *w, struct hlv_bytes cookie);

/* --- between the files that answer --- */

/* What is known of a name in `zone`; NULL: it has to be asked for first. */
const struct hlv_dns_node *hlv_dns_look(struct hlv_dns_ask *a, const struct hlv_dns_zone *zone,
					struct hlv_bytes name);
bool hlv_dns_has(struct hlv_dns_ask *a, const struct hlv_dns_node *node, uint16_t type);
/* The records of one type at a node, as `owner`'s; false: none. */
bool hlv_dns_set(struct hlv_dns_ask *a, const struct hlv_dns_node *node, struct hlv_bytes owner,
		 uint16_t type, struct hlv_rrset *set);
void hlv_dns_place(struct hlv_dns_ask *a, enum hlv_dns_section section,
		   const struct hlv_dns_zone *zone, const struct hlv_rrset *set);
/* What proves that there is nothing (more): SOA, and in a signed zone NSEC. `node` NULL: the name does
 * not exist. */
void hlv_dns_deny(struct hlv_dns_ask *a, const struct hlv_dns_zone *zone, struct hlv_bytes name,
		  const struct hlv_dns_node *node);
/* An NSEC at `name`, which has what `node` has (NULL: it does not exist). */
void hlv_dns_place_nsec(struct hlv_dns_ask *a, const struct hlv_dns_zone *zone,
			struct hlv_bytes name, const struct hlv_dns_node *node, bool cut,
			enum hlv_dns_section section);
/* Seconds that a value may be kept. */
uint32_t hlv_dns_ttl(struct hlv_dns_ask *a, const struct hlv_value *v);
bool hlv_dns_is_signed(const struct hlv_dns_ask *a); /* and the asker wants to see it */
/* DNSKEY, CDS and CDNSKEY at the apex of a signed zone, for which node->values has room. */
enum { HLV_DNS_KEYS = 3 };
void hlv_dns_add_keys(struct hlv_dns_ask *a, struct hlv_dns_node *node);
/* The records that the values of an identifier which is no domain name make. */
void hlv_dns_view_values(struct hlv_dns_ask *a, struct hlv_dns_node *node,
			 const struct hlv_list *values);
/* SOA and NS of a view. */
void hlv_dns_view_apex(struct hlv_dns_ask *a, struct hlv_dns_node *node);
