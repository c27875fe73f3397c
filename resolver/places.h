/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a domain says that the root is: addresses in the order in which to try them, and nothing
 * about keys. As sites for the walk, and as lines of a file for the next start. Pure.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "resolver/zone.h"

enum { PLACES_MAX = ZONE_TRIED_MAX };

struct place {
	struct hlv_addr at;
	uint16_t udp, tcp; /* ports; 0: not so */
	uint8_t rank;	   /* the lower the sooner; addresses of one name have the same */
};

struct places {
	struct place list[PLACES_MAX];
	size_t n;
	bool secure; /* proven by DNSSEC, each name of it */
	uint32_t ttl_s;
};

/* One site of one server for each, in the arena; `ranks` as struct zone has them. HLV_E_NOMEM. */
enum hlv_err HLV_MUST_USE places_sites(const struct places *p, struct hlv_arena *a,
				       struct hlv_list *sites, const uint8_t **ranks);
/* The same places, in whatever order? */
bool places_eq(const struct places *a, const struct places *b);
/* Lines of text, and back: HLV_E_MALFORMED, also when they are of another domain. */
void places_print(const struct places *p, const char *domain, struct hlv_buf *out);
enum hlv_err HLV_MUST_USE places_parse(struct hlv_bytes text, const char *domain,
				       struct places *out);
