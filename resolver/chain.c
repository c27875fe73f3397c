/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/chain.h"

#include "proto/net/chain.h"
#include "resolver/match.h"
#include "resolver/walk_inner.h"

/* An identifier of a thousand labels is no reason for a thousand look-ups. */
enum { DEEPEST = 16 };

struct chain {
	const struct walk_rules *rules;
	struct cache *cache;
	struct hlv_arena *arena;
	struct hlv_now now;
	struct hlv_buf *json;
	struct hlv_bytes above; /* the prefix of the step before */
	bool any;
	/* of the look-up in hand */
	struct hlv_bytes prefix;
	bool derived; /* sites for what is derived from the prefix */
	bool found;
};

static const char *signature_of(enum proof proof)
{
	return proof == PROOF_SECURE ? "verified" : "unsigned";
}

static uint32_t left_of(const struct finding *f, struct hlv_now now)
{
	uint64_t until_ms = f->fetched_ms + f->life_s * 1000ULL;
	return until_ms > now.wall_ms ? (uint32_t)((until_ms - now.wall_ms) / 1000) : 0;
}

static void put_step(struct chain *c, struct hlv_chain_step *step)
{
	hlv_chain_put(c->json, step, !c->any);
	c->any = true;
	c->above = step->prefix;
}

/* --- a zone that the cache knows --- */

struct service_look {
	struct chain *c;
	struct hlv_chain_step *step;
};

static bool see_service(void *ctx, const struct cache_entry *e)
{
	struct service_look *l = ctx;
	struct hlv_list services;
	if (zone_sites(&e->proven.finding.values, false, l->c->arena, &l->step->sites,
		       &services) != HLV_OK)
		l->step->sites = (struct hlv_list){0};
	if (e->proven.proof != PROOF_SECURE)
		l->step->signature = signature_of(e->proven.proof);
	return true;
}

/* The sites are those of the first service handle. */
static void follow_service(struct chain *c, const struct hlv_list *services,
			   struct hlv_chain_step *step)
{
	uint8_t room[MEMORY_KEY_MAX];
	struct hlv_reader r = hlv_reader(services->raw);
	struct service_look look = {c, step};
	step->service = hlv_get_lp32(&r);
	if (step->service.n > 0 && step->service.n <= HLV_IDENTIFIER_MAX)
		cache_peek(c->cache, MEMORY_RECORD, memory_key(step->service, room),
			   see_service, &look);
}

static bool see_zone(void *ctx, const struct cache_entry *e)
{
	struct chain *c = ctx;
	struct hlv_list sites, services;
	const struct finding *f = &e->proven.finding;
	if (f->rc != HLV_RC_SUCCESS ||
	    zone_sites(&f->values, c->derived, c->arena, &sites, &services) != HLV_OK ||
	    sites.n + services.n == 0)
		return true;
	struct hlv_chain_step step = {.prefix = c->prefix,
				      .sites = sites,
				      .signature = signature_of(e->proven.proof),
				      .by = c->above,
				      .left_s = left_of(f, c->now)};
	if (sites.n == 0)
		follow_service(c, &services, &step);
	put_step(c, &step);
	c->found = true;
	return true;
}

static void begin_handle(struct hlv_writer *w, struct hlv_bytes prefix)
{
	hlv_put(w, hlv_text("0.NA/"));
	hlv_name_put_upper(w, prefix);
}

/* Where a prefix's items are, or with `derived` what is below it. */
static bool put_zone(struct chain *c, struct hlv_bytes prefix, enum memory_kind kind,
		     bool derived)
{
	uint8_t room[MEMORY_KEY_MAX];
	struct hlv_writer handle = hlv_writer(room, sizeof room);
	begin_handle(&handle, prefix);
	c->prefix = prefix;
	c->derived = derived;
	c->found = false;
	if (!handle.bad)
		cache_peek(c->cache, kind, hlv_written(&handle), see_zone, c);
	return c->found;
}

/* What was referred on the way to the cut `below`, as it seems for this prefix. */
static void put_way(struct chain *c, struct hlv_bytes prefix, struct hlv_bytes below)
{
	uint8_t room[MEMORY_KEY_MAX], key[MEMORY_KEY_MAX];
	struct hlv_writer handle = hlv_writer(room, sizeof room),
			  w = hlv_writer(key, sizeof key);
	begin_handle(&handle, below);
	memory_put_way(&w, hlv_written(&handle), prefix_labels(prefix));
	c->prefix = prefix;
	c->derived = true;
	if (!handle.bad && !w.bad)
		cache_peek(c->cache, MEMORY_WAY, hlv_written(&w), see_zone, c);
}

/* --- where it begins --- */

static const struct walk_start *start_of(const struct walk_rules *rules,
					 struct hlv_bytes prefix)
{
	const struct walk_start *best = NULL;
	for (size_t i = 0; i < rules->nstarts; i++) {
		const struct walk_start *s = &rules->starts[i];
		if (prefix_is_under(prefix, s->zone.prefix) &&
		    (!best || s->zone.prefix.n > best->zone.prefix.n))
			best = s;
	}
	return best;
}

/* Returns at which label the way goes on. */
static unsigned put_start(struct chain *c, struct hlv_bytes prefix, bool anchored)
{
	const struct walk_start *s = start_of(c->rules, prefix);
	struct hlv_chain_step step = {
		.prefix = hlv_text("0.NA"),
		.signature = anchored ? "verified" : "unsigned",
		.by = hlv_text(anchored ? "trust anchor" : "configuration"),
		.left_s = UINT32_MAX};
	if (s) {
		step.sites = s->zone.sites;
		step.prefix = s->zone.prefix.n ? s->zone.prefix : hlv_text(".");
		step.signature = signature_of(s->zone.proof);
		step.by = hlv_text("configuration");
	} else {
		step.sites = c->rules->root.sites;
	}
	put_step(c, &step);
	return s && s->zone.prefix.n ? prefix_labels(s->zone.prefix) + 1 : 1;
}

void chain_put(const struct walk_rules *rules, struct cache *cache, bool anchored,
	       struct hlv_bytes id, struct hlv_now now, struct hlv_arena *a,
	       struct hlv_buf *json)
{
	struct chain c = {.rules = rules, .cache = cache, .arena = a, .now = now, .json = json};
	struct hlv_bytes prefix = prefix_governing(id);
	bool item = !hlv_name_is_prefix_handle(id);
	unsigned labels = prefix.n ? prefix_labels(prefix) : 0;
	hlv_buf_str(json, "\"steps\":[");
	for (unsigned k = put_start(&c, prefix, anchored); k <= labels; k++) {
		if (k > DEEPEST)
			k = labels;
		struct hlv_bytes head = prefix_head(prefix, k);
		if (k == labels && item && put_zone(&c, head, MEMORY_RECORD, false))
			break;
		if (!put_zone(&c, head, MEMORY_CUT, true) &&
		    !put_zone(&c, head, MEMORY_RECORD, true))
			put_way(&c, head, prefix_head(prefix, item ? labels - 1 : labels));
	}
	hlv_buf_str(json, "]");
}
