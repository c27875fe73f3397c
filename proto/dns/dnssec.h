/* SPDX-License-Identifier: Apache-2.0
 *
 * DNSSEC with one key for all zones (a combined signing key, ECDSA P-256, RFC 6605): signatures made
 * when they are asked for, and kept. They live for days and are all made over the same days, so that
 * equal records give equal octets to be signed; the cache is keyed by those.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/now.h"
#include "proto/dns/rdata.h"
#include "proto/sec/key.h"

/* Records of one owner and type, RFC 2181 5: one TTL, none twice. */
struct hlv_rrset {
	struct hlv_bytes owner;
	uint16_t type;
	uint32_t ttl_s;
	size_t n;
	struct hlv_bytes *rdata;
};

enum {
	HLV_DNSSEC_DAY_S = 86400,
	HLV_DNSSEC_LIFE_DAYS = 8, /* from the day before */
	HLV_DNSSEC_ALGORITHM = 13,
	HLV_DNSKEY_SIZE = 4 + 64,
	HLV_DS_SIZE = 4 + 32,
};

/* One worker's, which keeps as many signatures as fit into so many octets. `key` is borrowed, private,
 * P-256; `secret` keys the places. NULL without memory, or when the key is of another kind. */
struct hlv_dnssec;
struct hlv_dnssec *hlv_dnssec_new(const struct hlv_key *key, size_t octets,
				  const uint64_t secret[2]);
void hlv_dnssec_free(struct hlv_dnssec *d);

struct hlv_bytes hlv_dnssec_dnskey(const struct hlv_dnssec *d); /* RDATA */
/* RDATA of DS, and of CDS, for this zone: SHA-256. */
enum hlv_err HLV_MUST_USE hlv_dnssec_ds(const struct hlv_dnssec *d, struct hlv_bytes apex,
					uint8_t out[HLV_DS_SIZE]);
/* RDATA of the RRSIG over `set`, in the arena; empty on failure. */
struct hlv_bytes hlv_dnssec_sign(struct hlv_dnssec *d, struct hlv_bytes apex,
				 const struct hlv_rrset *set, struct hlv_now now,
				 struct hlv_arena *arena);
/* The end of the time, in seconds since 1970, in which signatures are the same. */
uint32_t hlv_dnssec_fresh_until_s(struct hlv_now now);
