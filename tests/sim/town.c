/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/town.h"

struct zone_sim *town_find(struct town *t, const char *prefix)
{
	for (size_t i = 0; i < t->n; i++)
		if (hlv_eq_fold(hlv_text(t->zones[i]->prefix), hlv_text(prefix)))
			return t->zones[i];
	return NULL;
}

/* "88.118" is above "88.118.8". */
static bool is_above(const char *prefix, const char *id)
{
	size_t n = strlen(prefix);
	return n == 0 ||
	       (strlen(id) >= n && hlv_eq_fold(hlv_bytes(prefix, n), hlv_bytes(id, n)) &&
		(id[n] == '.' || id[n] == '/' || id[n] == 0));
}

static struct zone_sim *nearest(struct town *t, const char *id, bool strictly)
{
	struct zone_sim *best = NULL;
	for (size_t i = 0; i < t->n; i++) {
		struct zone_sim *z = t->zones[i];
		if (is_above(z->prefix, id) && !(strictly && strcmp(z->prefix, id) == 0) &&
		    (!best || strlen(z->prefix) > strlen(best->prefix)))
			best = z;
	}
	return best;
}

struct zone_sim *town_zone_of(struct town *t, const char *id)
{
	if (hlv_eq_fold(hlv_head(hlv_text(id), 5), hlv_text("0.NA/")))
		return nearest(t, id + 5, true);
	return nearest(t, id, false);
}

const char *town_role(const char *prefix, char room[64])
{
	snprintf(room, 64, "%.30s", *prefix ? prefix : "root");
	return room;
}

static void set_root(struct town *t, struct zone_sim *z, bool keyed)
{
	struct world *w = t->w;
	uint8_t *room = hlv_alloc(&w->arena, 16384);
	struct hlv_writer out = hlv_writer(room, 16384);
	for (size_t i = 0; i < z->nsites; i++)
		hlv_put_lp32(&out, z->sites[i]);
	w->rules.root.sites = (struct hlv_list){(uint32_t)z->nsites, hlv_written(&out)};
	zone_class(&w->rules.root.sites, &w->rules.addresses);
	if (keyed && w->anchors.n == 0 && !w->anchors.insecure)
		hlv_require(anchors_add(&w->anchors, "300:0.0/0.0", "", pubkey_of_role("root"),
					ANCHOR_VALID, w->now.wall_ms) == HLV_OK);
}

static void add_site(struct town *t, struct zone_sim *z, const struct zone_spec *spec, size_t n,
		     bool primary)
{
	char role[64], name[32];
	size_t first = z->nnodes;
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof name, "%.20s#%zu", *z->prefix ? z->prefix : "root",
			 z->nnodes + 1);
		struct node_sim *node =
			node_new(t->w, name, spec->keyed ? town_role(z->prefix, role) : NULL,
				 z->nnodes ? z->nodes[0] : NULL);
		node->tls = spec->tls;
		z->nodes[z->nnodes++] = node;
	}
	struct hlv_bytes site =
		node_site(t->w, z->nodes + first, n, spec->hash_option, primary);
	if (spec->keyless_site)
		site = site_octets(&t->w->arena,
				   &(struct site_spec){.nodes = z->nodes + first,
						       .n = n,
						       .hash_option = spec->hash_option,
						       .primary = primary,
						       .keyless = true});
	z->sites[z->nsites++] = site;
}

void town_publish(struct town *t, struct zone_sim *z)
{
	char handle[WORLD_NAME + 8], service[WORLD_NAME + 8];
	struct value_sim v[2 * ZONE_SITES + 2];
	size_t n = 0;
	struct zone_sim *above = z->parent ? z->parent : z;
	snprintf(handle, sizeof handle, "0.NA/%s", *z->prefix ? z->prefix : "0.NA");
	if (z->gone) {
		node_remove(t->w, above->nodes[0], handle);
		return;
	}
	if (z->by_service) {
		snprintf(service, sizeof service, "%s/SERVICE-%s",
			 z->parent && *z->parent->prefix ? z->parent->prefix : "0.SERV",
			 z->prefix);
		for (size_t i = 0; i < z->nsites; i++)
			v[n++] = (struct value_sim){(uint32_t)i + 1, "HS_SITE", z->sites[i],
						    z->ttl_s};
		node_put(t->w, above->nodes[0], service, v, n);
		v[0] = (struct value_sim){1, "HS_SERV", hlv_text(service), z->ttl_s};
		n = 1;
		if (z->has_children)
			v[n++] = (struct value_sim){2, "HS_SERV.PREFIX", hlv_text(service),
						    z->ttl_s};
		node_put(t->w, above->nodes[0], handle, v, n);
		return;
	}
	for (size_t i = 0; i < z->nsites; i++) {
		if (!z->only_derived)
			v[n++] = (struct value_sim){(uint32_t)i + 1, "HS_SITE", z->sites[i],
						    z->ttl_s};
		if (z->has_children && z->parent)
			v[n++] = (struct value_sim){(uint32_t)i + 11, "HS_SITE.PREFIX",
						    z->sites[i], z->ttl_s};
	}
	node_put(t->w, above->nodes[0], handle, v, n);
}

struct zone_sim *town_zone(struct town *t, const char *prefix, const struct zone_spec *spec)
{
	struct zone_sim *z = calloc(1, sizeof *z);
	hlv_require(z != NULL && t->n < TOWN_ZONES);
	snprintf(z->prefix, sizeof z->prefix, "%s", prefix);
	z->parent = *prefix ? nearest(t, prefix, true) : NULL;
	z->ttl_s = spec->ttl_s ? spec->ttl_s : HLV_TTL_DEFAULT_S;
	z->by_service = spec->by_service;
	if (spec->shared && z->parent) {
		memcpy(z->nodes, z->parent->nodes, sizeof z->nodes);
		memcpy(z->sites, z->parent->sites, sizeof z->sites);
		z->nnodes = z->parent->nnodes;
		z->nsites = z->parent->nsites;
	} else {
		add_site(t, z, spec, spec->servers ? spec->servers : 1, true);
		if (spec->mirrors)
			add_site(t, z, spec, spec->mirrors, false);
	}
	t->zones[t->n++] = z;
	node_home(t->w, z->nodes[0], *prefix ? prefix : "0.NA");
	if (!z->parent) {
		node_home(t->w, z->nodes[0], "0.SERV");
		node_home(t->w, z->nodes[0], "0.0");
		set_root(t, z, spec->keyed);
	} else if (!z->parent->has_children) {
		z->parent->has_children = true;
		if (z->parent->parent)
			town_publish(t, z->parent);
	}
	town_publish(t, z);
	return z;
}

void town_free(struct town *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->zones[i]);
	t->n = 0;
}
