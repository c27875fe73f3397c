/* SPDX-License-Identifier: Apache-2.0
 *
 * One DNS question as it came: header, question, EDNS with its cookie (RFC 1035 4.1, 6891, 7873).
 * Fixed size, no memory, every octet read by the cursor; what cannot be answered with more than a
 * code has that code in `rcode`.
 */
#pragma once
#include "proto/dns/dname.h"

enum hlv_dns_rcode {
	HLV_DNS_NOERROR = 0,
	HLV_DNS_FORMERR = 1,
	HLV_DNS_SERVFAIL = 2,
	HLV_DNS_NXDOMAIN = 3,
	HLV_DNS_NOTIMP = 4,
	HLV_DNS_REFUSED = 5,
	HLV_DNS_YXDOMAIN = 6,
	HLV_DNS_BADVERS = 16,
};

enum {
	HLV_DNS_HEADER = 12,
	HLV_DNS_UDP_PLAIN = 512,		 /* without EDNS */
	HLV_DNS_UDP_MAX = 1232,			 /* never cut on the way */
	HLV_DNS_UDP_BODY = HLV_DNS_UDP_MAX - 28, /* of it without a cookie */
	HLV_DNS_MAX = UINT16_MAX,		 /* by TCP */
	HLV_DNS_CLASS_IN = 1,
	HLV_DNS_CLASS_ANY = 255,
	HLV_DNS_COOKIE_CLIENT = 8,
	HLV_DNS_COOKIE_SERVER = 16, /* ours */
	/* Flags of the header's second word. */
	HLV_DNS_QR = 0x8000,
	HLV_DNS_AA = 0x0400,
	HLV_DNS_TC = 0x0200,
	HLV_DNS_RD = 0x0100,
	HLV_DNS_CD = 0x0010,
	/* Of EDNS. */
	HLV_DNS_DO = 0x8000,
	HLV_DNS_CO = 0x4000, /* RFC 9824: compact answers may say NXDOMAIN */
};

struct hlv_dns_query {
	uint16_t id, flags;
	enum hlv_dns_rcode rcode; /* not NOERROR: answer with that alone */
	/* Name, type and class, as they came; empty in what is malformed, and where a cookie is all that
	 * is wanted (RFC 7873 5.4). */
	struct hlv_bytes question;
	struct hlv_bytes name; /* borrowed, in the asker's spelling */
	uint16_t type, class;
	bool edns;
	uint16_t edns_flags, udp_size;
	struct hlv_bytes cookie; /* 8, or 16 .. 40 octets; empty: none */
};

/* False: not to be answered by anybody (too short, or itself an answer). */
bool hlv_dns_query_read(struct hlv_bytes in, struct hlv_dns_query *q);
