/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/walk_inner.h"

/* --- what is known --- */

static bool is_remembered(struct walk *w, enum memory_kind kind, struct hlv_bytes key,
			  struct proven *p)
{
	const struct validate_rules *rules = &w->rules->validate;
	if (!w->memory->find || !w->memory->find(w->memory->ctx, kind, key, &w->arena, p) ||
	    w->arena.bad)
		return false;
	/* The rules may have changed since. */
	return validate_fits(rules, key, p->proof);
}

static struct outcome from_memory(const struct proven *p)
{
	return (struct outcome){.proof = p->proof,
				.finding = p->finding,
				.remembered = true,
				.anchor = VALIDATE_NO_ANCHOR};
}

static bool is_old(const struct finding *f, struct hlv_now now)
{
	return now.wall_ms >= f->fetched_ms + ASK_AGAIN_S * 1000ULL;
}

static uint64_t until_of(const struct finding *f)
{
	return f->fetched_ms + f->life_s * 1000ULL;
}

/* --- where to begin --- */

static const struct walk_start *nearest_start(const struct walk *w, const struct frame *f)
{
	const struct walk_start *best = NULL;
	for (size_t i = 0; i < w->rules->nstarts; i++) {
		const struct walk_start *s = &w->rules->starts[i];
		if (prefix_is_under(f->prefix, s->zone.prefix) &&
		    (!best || s->zone.prefix.n > best->zone.prefix.n))
			best = s;
	}
	return best;
}

static void use_zone(struct frame *f, const struct zone *zone)
{
	f->zone = *zone;
	f->have_servers = false;
	f->state = FRAME_ASK;
}

static void use_start_or_root(struct walk *w, struct frame *f)
{
	const struct walk_start *s = f->at_root ? NULL : nearest_start(w, f);
	use_zone(f, s ? &s->zone : &w->rules->root);
}

/* The nearest zone that is known to serve what is derived from one of our ancestors, if it is nearer
 * than the configured start. */
static void begin_prefix(struct walk *w, struct frame *f, struct hlv_now now)
{
	const struct walk_start *s = nearest_start(w, f);
	unsigned known = s ? prefix_labels(s->zone.prefix) : 0;
	struct hlv_bytes handle = f->id;
	for (;;) {
		struct proven p;
		handle = hlv_name_parent_prefix(handle);
		struct hlv_bytes prefix = hlv_skip(handle, 5);
		if (handle.n == 0 || prefix_labels(prefix) <= known)
			break;
		if (!is_remembered(w, MEMORY_CUT, handle, &p))
			continue;
		struct zone zone = {
			.prefix = prefix, .proof = p.proof, .until_ms = until_of(&p.finding)};
		if (walk_gather(w, f, &p.finding.values, true, &zone, FROM_CUT)) {
			f->by_cut = true;
			f->old_cut = is_old(&p.finding, now);
			return;
		}
	}
	use_start_or_root(w, f);
}

static void need_prefix(struct walk *w, struct frame *f, struct hlv_now now)
{
	uint8_t room[MEMORY_KEY_MAX + 8];
	struct hlv_writer id = hlv_writer(room, sizeof room);
	const char *why;
	hlv_name_put_prefix_handle(&id, f->id);
	bool again = f->again, anew = f->asked_anew;
	f->state = FRAME_PREFIX;
	if (!walk_push(w, FOR_PREFIX, hlv_written(&id), &why)) {
		walk_fail(w, PROOF_UNKNOWN, HLV_RC_ERROR, now, "%s", why);
		return;
	}
	walk_top(w)->primaries = again;
	walk_top(w)->anew = anew;
}

void walk_begin(struct walk *w, struct frame *f, struct hlv_now now)
{
	struct proven p;
	bool anew = walk_is_answer(f) && (w->q->authoritative || w->q->refresh);
	bool other = f->what == FOR_ANSWER && w->q->request;
	if (!anew && !other && !f->primaries && !f->anew &&
	    is_remembered(w, MEMORY_RECORD, f->id, &p)) {
		struct outcome out = from_memory(&p);
		walk_pop(w, &out, now);
		return;
	}
	const struct walk_start *s = nearest_start(w, f);
	bool pinned = s && !f->is_prefix && s->zone.prefix.n == f->prefix.n;
	if (s && (s->zone.is_forwarder || pinned))
		use_zone(f, &s->zone);
	else if (f->at_root)
		use_zone(f, &w->rules->root);
	else if (f->is_prefix)
		begin_prefix(w, f, now);
	else
		need_prefix(w, f, now);
}

/* --- sites, and service handles that have more of them --- */

void walk_add_service(struct frame *f, struct hlv_bytes handle)
{
	for (size_t i = 0; i < f->nservices; i++)
		if (hlv_name_eq_prefix(f->services[i], handle))
			return;
	if (f->nservices < SERVICES_MAX)
		f->services[f->nservices++] = handle;
}

static void add_services(struct frame *f, const struct hlv_list *services)
{
	struct hlv_reader r = hlv_reader(services->raw);
	for (uint32_t i = 0; i < services->n; i++)
		walk_add_service(f, hlv_get_lp32(&r));
}

static void add_sites(struct walk *w, struct frame *f, const struct hlv_list *sites)
{
	size_t n = f->zone.sites.raw.n + sites->raw.n;
	struct hlv_writer both = hlv_writer(hlv_alloc_raw(&w->arena, n), n);
	if (w->arena.bad)
		return;
	hlv_put(&both, f->zone.sites.raw);
	hlv_put(&both, sites->raw);
	f->zone.sites.raw = hlv_written(&both);
	f->zone.sites.n += sites->n;
}

bool walk_gather(struct walk *w, struct frame *f, const struct hlv_list *values, bool prefixes,
		 const struct zone *zone, enum sites_from from)
{
	struct hlv_list sites, services;
	if (zone_sites(values, prefixes, &w->arena, &sites, &services) != HLV_OK ||
	    (sites.n == 0 && services.n == 0))
		return false;
	f->zone = *zone;
	f->zone.sites = sites;
	f->nservices = f->next_service = 0;
	add_services(f, &services);
	f->from = from;
	f->state = FRAME_SITES;
	return true;
}

/* 12.2: once more, from a primary; then there is none. */
static void without_service(struct walk *w, struct frame *f, struct hlv_now now)
{
	if (!f->again) {
		f->again = true;
		need_prefix(w, f, now);
		return;
	}
	walk_fail(w, PROOF_UNKNOWN, HLV_RC_ERROR, now,
		  "service not found: the record of %.*s "
		  "names no site that could be asked",
		  (int)hlv_head(f->prefix, 64).n, f->prefix.n ? (const char *)f->prefix.p : "");
}

static void nobody_to_ask(struct walk *w, struct frame *f, struct hlv_now now)
{
	switch (f->from) {
	case FROM_PREFIX:
		without_service(w, f, now);
		break;
	case FROM_CUT:
		use_start_or_root(w, f);
		break;
	case FROM_REFERRAL:
		walk_fail(w, PROOF_UNKNOWN, HLV_RC_ERROR, now,
			  "a referral names service handles that lead nowhere");
		break;
	}
}

void walk_collect(struct walk *w, struct frame *f, struct hlv_now now)
{
	const char *why;
	while (f->next_service < f->nservices) {
		struct hlv_bytes handle = f->services[f->next_service++];
		if (hlv_eq_fold(handle, hlv_text("0.NA/0.NA"))) {
			add_sites(w, f, &w->rules->root.sites);
			if (w->rules->root.proof < f->zone.proof)
				f->zone.proof = w->rules->root.proof;
		} else if (walk_push(w, FOR_SERVICE, handle, &why)) {
			return; /* else it is left out */
		}
	}
	if (f->zone.sites.n == 0) {
		nobody_to_ask(w, f, now);
		return;
	}
	f->have_servers = false;
	f->state = FRAME_ASK;
}

void walk_service_came(struct walk *w, struct frame *f, const struct outcome *out,
		       struct hlv_now now)
{
	struct hlv_list sites, services;
	(void)now;
	if (out->proof < PROOF_INSECURE || out->finding.rc != HLV_RC_SUCCESS ||
	    zone_sites(&out->finding.values, false, &w->arena, &sites, &services) != HLV_OK)
		return;
	/* R5: no trust is inherited; what is proven less well does not join what is proven better. */
	if (out->proof < f->zone.proof && f->zone.sites.n > 0)
		return;
	add_services(f, &services);
	if (sites.n == 0)
		return;
	add_sites(w, f, &sites);
	uint64_t until_ms = until_of(&out->finding);
	if (out->proof < f->zone.proof)
		f->zone.proof = out->proof;
	if (f->zone.until_ms == 0 || until_ms < f->zone.until_ms)
		f->zone.until_ms = until_ms;
}

/* --- the prefix's record --- */

/* The parent has proven that there is no such prefix: so there is nothing under it. */
static void nothing_there(struct walk *w, struct frame *f, const struct outcome *out,
			  struct hlv_now now)
{
	uint32_t life_s = walk_negative_life(w, out->proof);
	uint64_t until_ms = until_of(&out->finding);
	uint64_t left_s = until_ms > now.wall_ms ? (until_ms - now.wall_ms) / 1000 : 0;
	f->said = *out;
	f->said.at_root = false;
	f->said.finding =
		(struct finding){.rc = HLV_RC_NOT_FOUND,
				 .fetched_ms = now.wall_ms,
				 .life_s = left_s < life_s ? (uint32_t)left_s : life_s};
	struct proven p;
	bool other = f->what == FOR_ANSWER && w->q->request;
	if (!other && !out->unkept && w->memory->keep &&
	    prove(out->proof, &f->said.finding, &p))
		w->memory->keep(w->memory->ctx, MEMORY_RECORD, f->id, &p);
	walk_pop(w, &f->said, now);
}

void walk_prefix_came(struct walk *w, struct frame *f, const struct outcome *out,
		      struct hlv_now now)
{
	if (out->proof < PROOF_INSECURE) {
		walk_pop(w, f->asked_anew ? &f->said : out, now);
		return;
	}
	f->known = out->remembered && is_old(&out->finding, now);
	if (out->finding.rc == HLV_RC_NOT_FOUND) {
		/* R7: what must be signed is not denied by what need not be. */
		if (walk_lacks_proof(w, f, out->proof))
			walk_fail(w, PROOF_BOGUS, HLV_RC_ERROR, now,
				  "that there is no %.*s is not signed",
				  (int)hlv_head(f->prefix, 64).n,
				  f->prefix.n ? (const char *)f->prefix.p : "");
		else
			nothing_there(w, f, out, now);
		return;
	}
	struct zone zone = {
		.prefix = f->prefix, .proof = out->proof, .until_ms = until_of(&out->finding)};
	if (!walk_gather(w, f, &out->finding.values, false, &zone, FROM_PREFIX))
		without_service(w, f, now);
	else if (f->asked_anew && hlv_eq(f->former.raw, out->finding.values.raw))
		walk_pop(w, &f->said, now); /* the parent says what it said before */
	else
		f->former = out->finding.values;
}

/* --- when nobody there helps --- */

void walk_dead_end(struct walk *w, struct frame *f, const struct outcome *out,
		   struct hlv_now now)
{
	/* Lame servers of a cut say that its place was guessed wrongly; silent ones and those with
	 * another key, that it may have moved. */
	bool lame = !out->timed_out && out->proof != PROOF_BOGUS;
	if (f->by_cut && (lame || f->old_cut)) {
		f->by_cut = f->suspicious = f->stream = false;
		f->ncuts = 0;
		use_start_or_root(w, f);
	} else if (f->known && !f->asked_anew) {
		/* A service that has moved, or has a new key: its parent knows. */
		f->said = *out;
		f->asked_anew = true;
		f->suspicious = f->stream = false;
		need_prefix(w, f, now);
	} else {
		walk_pop(w, out, now);
	}
}
