/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "resolver/walk_inner.h"

/* --- lives --- */

uint32_t walk_negative_life(const struct walk *w, enum proof proof)
{
	uint32_t most_s = w->rules->negative_max_s;
	return proof != PROOF_SECURE && most_s > NEGATIVE_UNSIGNED_S ? NEGATIVE_UNSIGNED_S
								     : most_s;
}

uint32_t walk_delegation_life(const struct walk *w, const struct zone *z, uint32_t life_s,
			      struct hlv_now now)
{
	uint64_t left_s = z->until_ms > now.wall_ms ? (z->until_ms - now.wall_ms) / 1000 : 0;
	if (life_s > DELEGATION_MAX_S)
		life_s = DELEGATION_MAX_S;
	if (w->rules->ttl_max_s && life_s > w->rules->ttl_max_s)
		life_s = w->rules->ttl_max_s;
	return z->until_ms && left_s < life_s ? (uint32_t)left_s : life_s;
}

static void clamp_life(const struct walk *w, const struct frame *f, enum proof proof,
		       struct finding *said, struct hlv_now now)
{
	const struct walk_rules *rules = w->rules;
	if (said->rc != HLV_RC_SUCCESS)
		said->life_s = walk_negative_life(w, proof);
	else if (!f->is_prefix && said->life_s < rules->ttl_min_s)
		said->life_s = rules->ttl_min_s;
	if (f->is_prefix)
		said->life_s = walk_delegation_life(w, &f->zone, said->life_s, now);
	else if (rules->ttl_max_s && said->life_s > rules->ttl_max_s)
		said->life_s = rules->ttl_max_s;
}

/* --- memory --- */

static void keep(struct walk *w, enum memory_kind kind, struct hlv_bytes key, enum proof proof,
		 const struct finding *finding)
{
	struct proven p;
	if (w->memory->keep && prove(proof, finding, &p))
		w->memory->keep(w->memory->ctx, kind, key, &p);
}

static void keep_way(struct walk *w, struct hlv_bytes cut_name, unsigned labels,
		     const struct cut *cut)
{
	uint8_t room[MEMORY_KEY_MAX];
	struct hlv_writer name = hlv_writer(room, sizeof room);
	memory_put_way(&name, cut_name, labels);
	if (!name.bad)
		keep(w, MEMORY_WAY, hlv_written(&name), cut->proof, &cut->finding);
}

/* See walk.h: what is on the way to n labels speaks for n-1 of them at the most. */
void walk_keep_cuts(struct walk *w, struct frame *f)
{
	struct hlv_bytes above = prefix_head(f->prefix, f->labels - 1);
	struct hlv_bytes name = hlv_head(f->id, 5 + above.n);
	if (f->ncuts == 0 || f->labels < 2)
		return;
	const struct cut *last = &f->cuts[f->ncuts - 1];
	keep(w, MEMORY_CUT, name, last->proof, &last->finding);
	for (size_t k = 1; k < f->ncuts; k++) {
		size_t below = f->ncuts - k + 1;
		if (below < f->labels)
			keep_way(w, name, f->labels - (unsigned)below, &f->cuts[k - 1]);
	}
	f->ncuts = 0;
}

static bool serves_derived(struct walk *w, const struct finding *said)
{
	struct hlv_list sites, services;
	return said->rc == HLV_RC_SUCCESS &&
	       zone_sites(&said->values, true, &w->arena, &sites, &services) == HLV_OK &&
	       (sites.n > 0 || services.n > 0);
}

static void keep_record(struct walk *w, struct frame *f)
{
	const struct outcome *said = &f->said;
	if (said->unkept)
		return;
	keep(w, MEMORY_RECORD, f->id, said->proof, &said->finding);
	if (f->is_prefix && !f->at_root && !f->zone.is_forwarder &&
	    serves_derived(w, &said->finding))
		keep(w, MEMORY_CUT, f->id, said->proof, &said->finding);
}

/* --- aliases --- */

static struct hlv_bytes alias_of(const struct walk *w, const struct frame *f)
{
	struct hlv_reader r = hlv_reader(f->said.finding.values.raw);
	struct hlv_value v;
	if (!w->rules->follow_aliases || !walk_is_answer(f) || f->is_prefix)
		return (struct hlv_bytes){0};
	for (uint32_t i = 0; i < f->said.finding.values.n; i++) {
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		if (hlv_eq_fold(v.type, hlv_text("HS_ALIAS")) && v.data.n > 0)
			return v.data;
	}
	return (struct hlv_bytes){0};
}

/* R5: from the root of its own name. */
static void follow_alias(struct walk *w, struct frame *f, struct hlv_bytes target,
			 struct hlv_now now)
{
	const char *why;
	uint8_t room[MEMORY_KEY_MAX];
	if (w->rules->bars && w->rules->bars(w->rules->bars_ctx, memory_key(target, room))) {
		walk_fail(w, PROOF_UNKNOWN, HLV_RC_INSUFFICIENT_PERMISSIONS, now,
			  "alias: its target is blocked by the resolver's administrator");
		return;
	}
	if (!budget_take(&w->budget.aliases, 1)) {
		walk_fail(w, PROOF_UNKNOWN, HLV_RC_ERROR, now, "more than %d aliases in a row",
			  BUDGET_ALIASES);
		return;
	}
	f->state = FRAME_ALIAS;
	if (!walk_push(w, FOR_ALIAS, target, &why))
		walk_fail(w, PROOF_UNKNOWN, HLV_RC_ERROR, now, "alias: %s", why);
}

void walk_alias_came(struct walk *w, struct frame *f, const struct outcome *out,
		     struct hlv_now now)
{
	if (out->proof < PROOF_INSECURE) {
		walk_pop(w, out, now);
		return;
	}
	/* R7: nor does a name that must be signed become an answer that is not. */
	if (walk_lacks_proof(w, f, out->proof)) {
		walk_fail(w, PROOF_BOGUS, HLV_RC_ERROR, now, "alias: its target is not signed");
		return;
	}
	/* What the name stands for; for as long and as surely as both are. */
	struct finding *own = &f->said.finding;
	uint64_t until_ms = out->finding.fetched_ms + out->finding.life_s * 1000ULL;
	uint64_t left_s = until_ms > now.wall_ms ? (until_ms - now.wall_ms) / 1000 : 0;
	own->rc = out->finding.rc;
	own->values = out->finding.values;
	if (left_s < own->life_s)
		own->life_s = (uint32_t)left_s;
	if (out->proof < f->said.proof)
		f->said.proof = out->proof;
	f->said.at_root = false;
	f->said.unkept |= out->unkept;
	keep_record(w, f);
	walk_pop(w, &f->said, now);
}

/* --- record signatures --- */

static void complete(struct walk *w, struct frame *f, struct hlv_now now)
{
	struct hlv_bytes target = {0};
	clamp_life(w, f, f->said.proof, &f->said.finding, now);
	if (f->said.finding.rc == HLV_RC_SUCCESS)
		target = alias_of(w, f);
	if (target.n > 0) {
		follow_alias(w, f, target, now);
		return;
	}
	keep_record(w, f);
	walk_pop(w, &f->said, now);
}

/* What he gave was not signed by whom it must be. There may be somebody who does not lie. */
static void ask_another(struct frame *f, enum proof proof, const char *why)
{
	*(proof == PROOF_BOGUS ? &f->bogus : &f->lame) += 1;
	snprintf(f->why, sizeof f->why, "%s", why);
	walk_drop_server(f, f->said_by);
	f->trust = NULL;
	f->own_fed = 0;
	f->trust_missed = false;
	f->state = FRAME_ASK;
}

static void judged(struct walk *w, struct frame *f, struct hlv_now now)
{
	const struct judgement *j = &f->trust->judgement;
	enum proof proof = j->proof;
	/* A holder that could not be asked has not said that there is no certificate. */
	if (proof == PROOF_BOGUS && f->trust_missed)
		proof = PROOF_UNKNOWN;
	if (w->budget.signatures == 0 && proof < PROOF_INSECURE) {
		walk_give_up(w, false, now, "too many signatures to check");
	} else if (proof < PROOF_INSECURE) {
		ask_another(f, proof, j->why);
	} else {
		f->said.proof = proof;
		/* No longer than the signatures are good. */
		int64_t left_s = f->trust->until_s - (int64_t)(now.wall_ms / 1000);
		if (left_s >= 0 && left_s < (int64_t)f->said.finding.life_s)
			f->said.finding.life_s = (uint32_t)left_s;
		complete(w, f, now);
	}
}

static void go_on(struct walk *w, struct frame *f, enum trust_want want, struct hlv_now now)
{
	while (want == TRUST_WANTS_RECORD) {
		uint8_t room[MEMORY_KEY_MAX];
		const char *why;
		struct hlv_bytes key = memory_key(f->trust->wanted, room);
		if (hlv_eq(key, f->id) && f->own_fed++ < TRUST_LINKS_MAX) {
			want = trust_feed(f->trust, &f->said.finding.values, now);
			continue;
		}
		f->state = FRAME_TRUST;
		if (walk_push(w, FOR_HOLDER, f->trust->wanted, &why))
			return;
		f->trust_missed = true;
		want = trust_feed(f->trust, NULL, now);
	}
	judged(w, f, now);
}

void walk_holder_came(struct walk *w, struct frame *f, const struct outcome *out,
		      struct hlv_now now)
{
	/* Certificates are signed themselves: how their record was proven does not matter, if only
	 * it was not refuted. */
	bool there = out->proof >= PROOF_INSECURE && out->finding.rc == HLV_RC_SUCCESS;
	f->trust_missed |= out->proof < PROOF_INSECURE;
	go_on(w, f, trust_feed(f->trust, there ? &out->finding.values : NULL, now), now);
}

void walk_answered(struct walk *w, struct frame *f, const struct hlv_ref *must_by,
		   struct hlv_now now)
{
	bool wanted = must_by->handle.n > 0 && f->said.finding.rc == HLV_RC_SUCCESS;
	if (wanted && walk_in_holder(w)) {
		/* While certificates are fetched, no further ones are: they would never end. */
		f->said.unkept = true;
		wanted = false;
	}
	if (!wanted) {
		complete(w, f, now);
		return;
	}
	f->trust = hlv_alloc(&w->arena, sizeof *f->trust);
	if (!f->trust)
		return; /* walk_next() sees that memory is gone */
	f->trust->rules = &w->rules->validate;
	f->trust->arena = &w->arena;
	f->trust->budget = &w->budget;
	f->trust->id = f->id;
	f->trust->values = f->said.finding.values;
	f->trust->must_by = *must_by;
	go_on(w, f, trust_begin(f->trust, now), now);
}
