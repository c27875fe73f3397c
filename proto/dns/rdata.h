/* SPDX-License-Identifier: Apache-2.0
 *
 * Types and data of resource records: which value types mean which record (protocol.md 16), master
 * file text into RDATA, and where names stand in it. The text is read by ldns, for which this is
 * the one door on the way of a question; everything else needs no library.
 */
#pragma once
#include "proto/dns/dname.h"

/* Types whose text we read. What has a name is asked for, and stored, as DNS.NAME too. Left out on
 * purpose: what only travels (OPT, TSIG, AXFR ...), what a signer makes (RRSIG, NSEC, NSEC3), and
 * IPSECKEY and CERT: ldns 1.8.3 loses memory with each text of them that is wrong. */
#define HLV_DNS_TYPES(X)                                                                       \
	X(A, 1)                                                                                \
	X(NS, 2)                                                                               \
	X(MD, 3)                                                                               \
	X(MF, 4)                                                                               \
	X(CNAME, 5)                                                                            \
	X(SOA, 6)                                                                              \
	X(MB, 7)                                                                               \
	X(MG, 8)                                                                               \
	X(MR, 9)                                                                               \
	X(PTR, 12)                                                                             \
	X(HINFO, 13)                                                                           \
	X(MINFO, 14)                                                                           \
	X(MX, 15)                                                                              \
	X(TXT, 16)                                                                             \
	X(RP, 17)                                                                              \
	X(AFSDB, 18)                                                                           \
	X(X25, 19)                                                                             \
	X(ISDN, 20)                                                                            \
	X(RT, 21)                                                                              \
	X(KEY, 25)                                                                             \
	X(PX, 26)                                                                              \
	X(AAAA, 28)                                                                            \
	X(LOC, 29)                                                                             \
	X(SRV, 33)                                                                             \
	X(NAPTR, 35)                                                                           \
	X(KX, 36)                                                                              \
	X(DNAME, 39)                                                                           \
	X(APL, 42)                                                                             \
	X(DS, 43)                                                                              \
	X(SSHFP, 44)                                                                           \
	X(DNSKEY, 48)                                                                          \
	X(DHCID, 49)                                                                           \
	X(TLSA, 52)                                                                            \
	X(SMIMEA, 53)                                                                          \
	X(CDS, 59)                                                                             \
	X(CDNSKEY, 60)                                                                         \
	X(OPENPGPKEY, 61)                                                                      \
	X(CSYNC, 62)                                                                           \
	X(SPF, 99)                                                                             \
	X(EUI48, 108)                                                                          \
	X(EUI64, 109)                                                                          \
	X(URI, 256)                                                                            \
	X(CAA, 257)

enum hlv_dns_type {
#define X(name, number) HLV_DNS_##name = number,
	HLV_DNS_TYPES(X)
#undef X
		HLV_DNS_OPT = 41,
	HLV_DNS_RRSIG = 46,
	HLV_DNS_NSEC = 47,
	/* Only as DNS.TYPE64, DNS.TYPE65: the reference knows no names for them. */
	HLV_DNS_SVCB = 64,
	HLV_DNS_HTTPS = 65,
	HLV_DNS_NXNAME = 128, /* RFC 9824 */
	HLV_DNS_IXFR = 251,
	HLV_DNS_AXFR = 252,
	HLV_DNS_MAILB = 253,
	HLV_DNS_MAILA = 254,
	HLV_DNS_ANY = 255,
};

/* The record that a value of this type is: "DNS.A", "dns.type1"; 0: none. */
uint16_t hlv_dns_type_of(struct hlv_bytes value_type);
/* Does a record of `type` answer a question for `asked` (253 and 254 have members)? */
bool hlv_dns_type_answers(uint16_t type, uint16_t asked);
/* "A", "TYPE65534": for people. Returns `out`. */
enum { HLV_DNS_TYPE_TEXT = 16 };
char *hlv_dns_type_print(uint16_t type, char out[HLV_DNS_TYPE_TEXT]);

/* RDATA of master-file text, names relative to the root, without a library where that can be done: of
 * addresses, one word, numbers and names, as nearly all are. False: it has to be parsed, and there may
 * be something in `w`. */
bool hlv_dns_rdata_plain(uint16_t type, struct hlv_bytes text, struct hlv_writer *w);
/* Of any text; of a plain one it is the same. False: no record of this type. */
bool hlv_dns_rdata_parse(uint16_t type, struct hlv_bytes text, struct hlv_writer *w);

/* Pieces of RDATA, for compression, canonical form and targets. */
enum hlv_rdata_piece { HLV_RDATA_OCTETS, HLV_RDATA_NAME };
/* The next piece of `rdata` of a type; `at` counts from 0. False at the end. */
struct hlv_rdata_walk {
	const char *shape;
	struct hlv_reader r;
};
struct hlv_rdata_walk hlv_rdata_walk(uint16_t type, struct hlv_bytes rdata);
bool hlv_rdata_next(struct hlv_rdata_walk *walk, enum hlv_rdata_piece *kind,
		    struct hlv_bytes *piece);
/* May names in it be compressed (RFC 3597 4)? */
bool hlv_rdata_compresses(uint16_t type);
/* The name whose addresses the asker will want next: of NS, MX, SRV; empty: none. */
struct hlv_bytes hlv_rdata_target(uint16_t type, struct hlv_bytes rdata);
