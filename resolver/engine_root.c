/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/engine_inner.h"

#include <stdlib.h>

/* protocol.md 12.6: the root's own site, and the keys of the anchors' subject, are looked after. Only
 * what was validated is believed, and the anchors themselves decide what becomes of their keys. */

enum {
	ROOT_SITES_MAX = 64 << 10, /* octets */
	FIRST_LOOK_MS = 5000,	   /* after the start, spread */
	FAILED_LOOK_S = 600,
};

/* --- rules --- */

struct rules *rules_now(struct engine *e)
{
	e->rules->users++;
	return e->rules;
}

/* What is found by rules that are no more is for who asked by them, and for nobody else. */
bool rules_hold(const struct engine *e, const struct rules *r)
{
	return r->given == e->rules->given;
}

bool engine_fits(const struct engine *e, struct hlv_bytes key, enum proof proof)
{
	return validate_fits(&e->rules->own.validate, key, proof);
}

static bool find_kept(void *ctx, enum memory_kind kind, struct hlv_bytes key,
		      struct hlv_arena *a, struct proven *out)
{
	struct rules *r = ctx;
	struct walk_memory m = cache_walk_memory(&r->engine->cache_memory);
	return m.find(m.ctx, kind, key, a, out);
}

static void keep(void *ctx, enum memory_kind kind, struct hlv_bytes key, const struct proven *p)
{
	struct rules *r = ctx;
	struct walk_memory m = cache_walk_memory(&r->engine->cache_memory);
	if (rules_hold(r->engine, r))
		m.keep(m.ctx, kind, key, p);
}

static uint32_t newest(void *ctx, struct hlv_bytes key)
{
	struct rules *r = ctx;
	struct walk_memory m = cache_walk_memory(&r->engine->cache_memory);
	return m.newest(m.ctx, key);
}

static void drop(struct engine *e, struct rules *r)
{
	struct rules **at = &e->rules;
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	hlv_arena_fini(&r->arena);
	free(r);
}

void rules_leave(struct engine *e, struct rules *r)
{
	if (--r->users == 0 && r != e->rules)
		drop(e, r);
}

/* What was found first, then what the rules name: if DNS is lost for long, or lies, they are tried. */
static void put_found(const struct engine *e, struct rules *r)
{
	struct zone *root = &r->own.root;
	const struct hlv_list *first = &e->found.sites, *then = &r->given->root.sites;
	size_t room = first->raw.n + then->raw.n, n = first->n + then->n;
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(&r->arena, room), room);
	uint8_t *ranks = hlv_alloc_raw(&r->arena, n);
	if (r->arena.bad)
		return;
	hlv_put(&w, first->raw);
	hlv_put(&w, then->raw);
	memset(ranks, UINT8_MAX, n);
	memcpy(ranks, e->found.ranks, first->n);
	root->sites = (struct hlv_list){(uint32_t)n, hlv_written(&w)};
	root->ranks = ranks;
	r->own.addresses.loopback |= e->found.loopback;
	r->own.addresses.private_nets |= e->found.private_nets;
}

/* These from now on; false without memory. */
static bool replace(struct engine *e, const struct walk_rules *given, const struct zone *root)
{
	struct rules *r = calloc(1, sizeof *r), *before = e->rules;
	if (!r)
		return false;
	hlv_arena_init(&r->arena, ROOT_SITES_MAX);
	r->engine = e;
	r->memory = (struct walk_memory){r, find_kept, keep, newest};
	r->given = given;
	r->own = *given;
	r->own.validate.keys = e->keys;
	if (e->found.sites.n > 0)
		put_found(e, r);
	else if (root) {
		r->own.root = *root;
		r->own.root.sites.raw = hlv_arena_copy(&r->arena, root->sites.raw);
		r->own.root.prefix = (struct hlv_bytes){0};
	}
	if (r->arena.bad) {
		hlv_arena_fini(&r->arena);
		free(r);
		return false;
	}
	r->next = before;
	e->rules = r;
	if (before && before->users == 0)
		drop(e, before);
	return true;
}

void engine_set_rules(struct engine *e, const struct walk_rules *rules)
{
	if (e->rules && e->rules->given == rules)
		return;
	failures_clear(e); /* what the former rules refuted, these may not */
	/* Without memory the old ones stay, and engine_uses() says so. */
	if (replace(e, rules, NULL) && e->o.refresh_root && e->rules->next)
		timer_set(&e->timers, &e->root_timer,
			  e->now.mono_ns + FIRST_LOOK_MS * ENGINE_MS);
}

enum hlv_err engine_set_root(struct engine *e, const struct engine_root *root)
{
	struct hlv_arena before = e->found_arena;
	struct engine_root was = e->found;
	hlv_arena_init(&e->found_arena, ROOT_SITES_MAX);
	e->found = *root;
	e->found.sites.raw = hlv_arena_copy(&e->found_arena, root->sites.raw);
	e->found.ranks =
		hlv_arena_copy(&e->found_arena, hlv_bytes(root->ranks, root->sites.n)).p;
	if (e->found_arena.bad || !replace(e, e->rules->given, NULL)) {
		hlv_arena_fini(&e->found_arena);
		e->found_arena = before;
		e->found = was;
		return HLV_E_NOMEM;
	}
	hlv_arena_fini(&before);
	if (was.sites.n == 0 && e->o.refresh_root) /* perhaps there was nobody to look at */
		timer_set(&e->timers, &e->root_timer,
			  e->now.mono_ns + FIRST_LOOK_MS * ENGINE_MS);
	failures_clear(e); /* who did not find the root may have found it now */
	return HLV_OK;
}

bool engine_uses(const struct engine *e, const struct walk_rules *rules)
{
	for (const struct rules *r = e->rules; r; r = r->next)
		if (r->given == rules && (r == e->rules || r->users > 0))
			return true;
	return false;
}

/* --- the root's site --- */

static uint16_t serial_of(const struct hlv_list *sites)
{
	struct hlv_reader r = hlv_reader(sites->raw);
	struct hlv_site site;
	if (sites->n == 0 || hlv_site_decode(hlv_get_lp32(&r), &site) != HLV_OK)
		return 0;
	return site.serial;
}

/* A newer one that can be asked? Serials go round. */
static bool is_better(const struct walk_rules *rules, const struct zone *root)
{
	struct zone_server servers[ZONE_TRIED_MAX];
	int16_t ahead = (int16_t)(serial_of(&root->sites) - serial_of(&rules->root.sites));
	return root->sites.n > 0 && ahead > 0 &&
	       zone_servers(root, &rules->addresses, hlv_text("0.NA/0.NA"), false, servers) > 0;
}

static void site_came(struct engine *e, const struct walk_result *r)
{
	struct zone root = e->rules->own.root;
	struct hlv_list services;
	if (e->found.sites.n > 0 || r->finding.rc != HLV_RC_SUCCESS ||
	    zone_sites(&r->finding.values, false, &e->arena, &root.sites, &services) != HLV_OK)
		return;
	if (is_better(&e->rules->own, &root))
		(void)replace(e, e->rules->given, &root);
}

/* --- when --- */

static void look_again(struct engine *e, uint64_t wall_ms)
{
	uint64_t in_ms = wall_ms > e->now.wall_ms ? wall_ms - e->now.wall_ms : 0;
	timer_set(&e->timers, &e->root_timer,
		  e->now.mono_ns + in_ms * ENGINE_MS +
			  hlv_rand_below(&e->rand, FIRST_LOOK_MS * ENGINE_MS));
}

void root_begin(struct engine *e)
{
	e->root_timer.kind = TIMER_ROOT;
	if (e->o.refresh_root)
		look_again(e, 0);
}

void root_due(struct engine *e)
{
	e->anchors_changed |= anchors_tick(e->o.anchors, e->now.wall_ms);
	look_again(e, anchors_next_ms(e->o.anchors, e->now.wall_ms));
	engine_fetch(e, hlv_text("0.NA/0.NA"), FOR_ROOT_SITE);
	engine_fetch(e, hlv_text("0.0/0.0"), FOR_ANCHORS);
}

void root_came(struct engine *e, struct slot *s, const struct walk_result *r)
{
	if (r->proof == PROOF_UNKNOWN && r->timed_out) {
		look_again(e, e->now.wall_ms + FAILED_LOOK_S * 1000ULL);
		return;
	}
	if (r->proof != PROOF_SECURE || !r->at_root)
		return;
	if (s->why == FOR_ROOT_SITE)
		site_came(e, r);
	else if (r->finding.rc == HLV_RC_SUCCESS)
		e->anchors_changed |= anchors_observe(e->o.anchors, r->anchor,
						      &r->finding.values, e->now.wall_ms);
}
