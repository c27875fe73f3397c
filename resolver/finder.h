/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks DNS where the root is: the only door to ldns of this room. SRV at _hdl._udp.DOMAIN and
 * _hdl._tcp.DOMAIN (RFC 2782); where there is neither, NAPTR at DOMAIN with the services hdl:udp and
 * hdl:tcp, flag S or A (RFC 3958); then the targets' addresses. What lies below an anchor is
 * validated (RFC 4035): secure, proven to be unsigned, or refused. Of aliases and wild cards
 * nothing is believed. Nothing here knows sockets or clocks: octets are asked for by a
 * function of the caller, who may wait. The answer is a place and no more: who may speak as the root is
 * proven by the anchors of the root itself.
 */
#pragma once
#include "proto/base/rand.h"
#include "proto/net/conf.h"
#include "resolver/places.h"

enum {
	FINDER_WHY = 256,
	FINDER_ASKS_MAX = 64, /* questions of one look */
	FINDER_TTL_MIN_S = 60,
	FINDER_TTL_MAX_S = 86400,
};

struct finder {
	const char *domain;
	const struct hlv_strings *anchors; /* DS or DNSKEY records as text */
	/* Put this question to a DNS server and append what it says (finder_fits()). */
	enum hlv_err (*ask)(void *ctx, struct hlv_bytes query, struct hlv_buf *answer);
	void *ctx;
	struct hlv_rand *rand; /* for weights */
};

enum finder_outcome {
	FINDER_FOUND,
	FINDER_NOTHING, /* the names do not exist, or cannot be used */
	FINDER_SILENT,	/* nobody answered, or an error */
	FINDER_BOGUS,
};

/* Can these be used at all? HLV_E_USAGE; `why`: FINDER_WHY octets. */
enum hlv_err HLV_MUST_USE finder_check(const char *domain, const struct hlv_strings *anchors,
				       char *why);
/* `out` counts for FINDER_FOUND alone, `why` (one line) for all others. */
enum finder_outcome finder_look(const struct finder *f, struct hlv_now now, struct places *out,
				char *why);
/* Is that an answer to this question? Anybody can send octets to a port of ours. */
bool finder_fits(struct hlv_bytes query, struct hlv_bytes answer);
/* The nameservers of a resolv.conf; how many. */
size_t finder_system(const char *path, struct hlv_addr *out, size_t max);
