/* SPDX-License-Identifier: Apache-2.0 */
#include "server/recurse.h"

#include <stdlib.h>
#include <sys/random.h>

#include "proto/net/log.h"
#include "resolver/anchor.h"
#include "resolver/recursor.h"

enum {
	CACHE_OCTETS = 16 << 20,
	STALE_S = 86400,
	TTL_MAX_S = 86400,
	NEGATIVE_MAX_S = 300,
};

struct recursion {
	struct hlv_arena arena; /* the root's site */
	struct walk_rules rules;
	struct emit_rules emit;
	struct cache *cache;
	struct recursor *recursor;
};

/* The administrator gave us the root's record: its servers' keys are what everything is proven by. */
static enum hlv_err make_anchors(struct hlv_bytes root, struct anchors **out)
{
	size_t unusable;
	struct anchors *a = calloc(1, sizeof *a);
	*out = a;
	if (!a)
		return HLV_E_NOMEM;
	HLV_TRY(anchors_add_site(a, root, hlv_clock().wall_ms, &unusable));
	if (unusable > 0)
		hlv_warn("recursion.anchor", "unusable_keys=%zu", unusable);
	/* A root without keys: its administrator's choice, and nothing can be proven. */
	a->insecure = a->n == 0;
	return HLV_OK;
}

static enum hlv_err make_rules(struct recursion *r, const struct anchors *anchors,
			       struct hlv_bytes root)
{
	uint8_t *list = hlv_alloc_raw(&r->arena, root.n + 4);
	if (!list)
		return HLV_E_NOMEM;
	struct hlv_writer w = hlv_writer(list, root.n + 4);
	hlv_put_lp32(&w, root);
	r->rules = (struct walk_rules){
		.root = {.sites = {1, hlv_written(&w)},
			 .proof = anchors->insecure ? PROOF_INSECURE : PROOF_SECURE,
			 .is_root = true,
			 .until_ms = UINT64_MAX},
		.validate = {.anchors = anchors, .unsigned_policy = UNSIGNED_LOG},
		.ttl_max_s = TTL_MAX_S,
		.negative_max_s = NEGATIVE_MAX_S,
	};
	/* decisions.md 17: loopback and private addresses if the root's own are such. */
	zone_class(&r->rules.root.sites, &r->rules.addresses);
	return HLV_OK;
}

static enum hlv_err start(struct recursion *r, const struct recursion_options *o)
{
	struct anchors *anchors;
	struct cache_options c = {.octets = CACHE_OCTETS, .stale_s = STALE_S};
	enum hlv_err err = make_anchors(o->root, &anchors);
	if (err == HLV_OK)
		err = make_rules(r, anchors, o->root);
	if (err == HLV_OK && getrandom(&c.secret, sizeof c.secret, 0) != sizeof c.secret)
		err = HLV_E_IO;
	if (err == HLV_OK) {
		r->cache = cache_new(&c);
		struct recursor_options ro = {.rules = &r->rules,
					      .anchors = anchors,
					      .cache = r->cache,
					      .sockets = o->sockets,
					      .stale_s = STALE_S};
		r->recursor = r->cache ? recursor_start(&ro) : NULL;
		err = r->recursor ? HLV_OK : HLV_E_NOMEM;
	}
	if (err != HLV_OK && anchors) {
		anchors_fini(anchors);
		free(anchors);
	}
	return err;
}

enum hlv_err recursion_start(const struct recursion_options *o, struct recursion **out,
			     char *why)
{
	struct recursion *r = calloc(1, sizeof *r);
	*out = NULL;
	if (!r)
		return HLV_E_NOMEM;
	hlv_arena_init(&r->arena, 1 << 20);
	r->emit = (struct emit_rules){.site_serial = o->site_serial};
	enum hlv_err err = start(r, o);
	if (err != HLV_OK) {
		snprintf(why, RECURSION_WHY, "allow-recursion: the root's site record: %s",
			 hlv_strerror(err));
		recursion_stop(r);
		return err;
	}
	*out = r;
	return HLV_OK;
}

static void submit(void *ctx, struct hlv_exchange *x)
{
	struct recursion *r = ctx;
	recursor_submit(r->recursor, x, &r->emit);
}

struct recursing recursion_for(struct recursion *r, const struct hlv_nets *sources)
{
	return (struct recursing){r, submit, sources};
}

void recursion_hurry(struct recursion *r)
{
	if (r)
		recursor_hurry(r->recursor);
}

void recursion_stop(struct recursion *r)
{
	if (!r)
		return;
	if (r->recursor)
		recursor_stop(r->recursor);
	cache_free(r->cache);
	hlv_arena_fini(&r->arena);
	free(r);
}
