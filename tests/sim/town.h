/* SPDX-License-Identifier: Apache-2.0
 *
 * Zones as they are delegated, one below the other: who serves a prefix, from how many servers and
 * sites, under which key, and what the parent says of it. What simulator and scenarios build their
 * worlds from.
 */
#pragma once
#include "tests/sim/world.h"

enum { ZONE_NODES = 16, ZONE_SITES = 4, TOWN_ZONES = 48 };

struct zone_sim {
	char prefix[WORLD_NAME]; /* empty: the root */
	struct zone_sim *parent;
	struct node_sim *nodes[ZONE_NODES];
	size_t nnodes;
	struct hlv_bytes sites[ZONE_SITES]; /* as the parent names them */
	size_t nsites;
	uint32_t ttl_s;	   /* of the parent's record */
	bool by_service;   /* the parent names a service handle in place of sites */
	bool only_derived; /* HS_SITE.PREFIX and no HS_SITE */
	bool has_children;
	bool gone; /* the parent says nothing of it any more */
	char must_by[WORLD_NAME];
};

struct town {
	struct world *w;
	struct zone_sim *zones[TOWN_ZONES];
	size_t n;
};

struct zone_spec {
	size_t servers, mirrors;	       /* of the first site; of a second one, 0: none */
	bool keyed, keyless_site, tls, shared; /* shared: on the parent's nodes */
	uint8_t hash_option;
	uint32_t ttl_s;
	bool by_service;
};

/* The first is the root (prefix ""): its site goes into the rules, its key, if it has one, becomes an
 * anchor for everything. */
struct zone_sim *town_zone(struct town *t, const char *prefix, const struct zone_spec *spec);
struct zone_sim *town_find(struct town *t, const char *prefix);
/* The zone that an identifier's item lives in: the longest prefix that is a label's end. */
struct zone_sim *town_zone_of(struct town *t, const char *id);
/* Write into the parent's registry what it has to say of this zone. */
void town_publish(struct town *t, struct zone_sim *z);
/* The role of a zone's key. */
const char *town_role(const char *prefix, char room[64]);
void town_free(struct town *t);
