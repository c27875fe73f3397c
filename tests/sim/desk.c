/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/cache.h"
#include "tests/sim/world.h"

#include "resolver/emit.h"

enum {
	SLACK_S = 8, /* a walk's own time, and roundings to seconds */
	STALE_TTL_S = EMIT_STALE_TTL_S,
};

/* --- the truth --- */

static uint64_t bucket(const char *id)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *id; id++)
		h = (h ^ hlv_upper((uint8_t)*id)) * UINT64_C(0x100000001b3);
	return h;
}

struct truth *truth_of(struct world *w, const char *id)
{
	struct truth **at = &w->truths[bucket(id) % (sizeof w->truths / sizeof *w->truths)];
	for (; *at; at = &(*at)->next)
		if (hlv_eq_fold(hlv_text((*at)->id), hlv_text(id)))
			return *at;
	struct truth *t = calloc(1, sizeof *t);
	hlv_require(t != NULL && strlen(id) < WORLD_NAME);
	snprintf(t->id, sizeof t->id, "%s", id);
	t->facts[0] = (struct fact){.rc = HLV_RC_NOT_FOUND};
	t->n = 1;
	return *at = t;
}

void truth_set(struct world *w, const char *id, uint32_t rc, uint32_t generation,
	       uint32_t ttl_s)
{
	struct truth *t = truth_of(w, id);
	if (t->n == sizeof t->facts / sizeof *t->facts)
		memmove(t->facts, t->facts + 1, --t->n * sizeof *t->facts);
	t->facts[t->n++] = (struct fact){w->now.mono_ns, rc, generation, ttl_s};
}

void truth_put(struct world *w, struct node_sim *n, const char *id, uint32_t generation,
	       uint32_t ttl_s)
{
	char text[WORLD_NAME + 16];
	int length = snprintf(text, sizeof text, "g%u %s", generation, id);
	struct value_sim v[] = {
		{1, "GEN", hlv_bytes(text, (size_t)length), ttl_s},
		{2, "URL", hlv_text("https://example.cn/thing"), ttl_s},
	};
	node_put(w, n, id, v, 2);
	truth_set(w, id, HLV_RC_SUCCESS, generation, ttl_s);
}

void truth_remove(struct world *w, struct node_sim *n, const char *id)
{
	node_remove(w, n, id);
	truth_set(w, id, HLV_RC_NOT_FOUND, 0, 0);
}

/* --- an answer --- */

static struct hlv_list values_of(const struct ask_sim *a)
{
	return (struct hlv_list){a->n_values, hlv_buf_bytes(&a->values)};
}

struct hlv_bytes ask_value(const struct ask_sim *a, const char *type)
{
	struct hlv_list list = values_of(a);
	struct hlv_reader r = hlv_reader(list.raw);
	for (uint32_t i = 0; i < list.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) == HLV_OK && hlv_eq_fold(v.type, hlv_text(type)))
			return v.data;
	}
	return hlv_bytes(NULL, 0);
}

/* What an answer says of its name, in terms of the truth: code and generation. */
static bool says(const struct ask_sim *a, const struct fact *f)
{
	char text[WORLD_NAME + 16];
	if (!a->shown || a->rc != f->rc)
		return false;
	if (f->rc != HLV_RC_SUCCESS)
		return true;
	int n = snprintf(text, sizeof text, "g%u %s", f->generation, a->id);
	return hlv_eq_fold(ask_value(a, "GEN"), hlv_bytes(text, (size_t)n));
}

/* How long after a fact has ended it may still be told, s. */
static uint64_t life_of(const struct world *w, const struct ask_sim *a, const struct fact *f)
{
	uint64_t life = f->rc == HLV_RC_SUCCESS ? f->ttl_s : w->o.negative_max_s;
	if (life < w->o.ttl_min_s)
		life = w->o.ttl_min_s;
	if (f->rc == HLV_RC_SUCCESS && life > w->o.ttl_max_s)
		life = w->o.ttl_max_s;
	return life + SLACK_S + (a->stale ? w->o.stale_s : 0);
}

static bool is_excused(const struct world *w, const struct ask_sim *a, const struct truth *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct fact *f = &t->facts[i];
		hlv_mono_ns ended = i + 1 < t->n ? t->facts[i + 1].from : UINT64_MAX;
		if (says(a, f) &&
		    (ended >= a->asked || a->done - ended <= life_of(w, a, f) * SECOND))
			return true;
	}
	return false;
}

void desk_check(struct world *w, const struct ask_sim *a)
{
	const struct truth *t = truth_of(w, a->id);
	if (!a->shown) {
		if (a->rc == HLV_RC_SUCCESS || a->rc == HLV_RC_NOT_FOUND ||
		    a->rc == HLV_RC_VALUES_NOT_FOUND)
			world_wrong(w, "%s: code %u without a proof", a->id, a->rc);
		return;
	}
	if (a->proof != PROOF_SECURE && a->proof != PROOF_INSECURE)
		world_wrong(w, "%s: shown, and %s", a->id, proof_name(a->proof));
	if (t->signed_tree && a->proof != PROOF_SECURE)
		world_wrong(w, "%s: shown as %s under a rule", a->id, proof_name(a->proof));
	if (t->anything || (t->unchecked && a->proof != PROOF_SECURE))
		return;
	if (!is_excused(w, a, t)) {
		struct hlv_bytes gen = ask_value(a, "GEN");
		const struct fact *now = &t->facts[t->n - 1];
		world_wrong(w, "%s: said %u \"%.*s\" (%s%s, life %u), is %u g%u since %.3f",
			    a->id, a->rc, (int)gen.n, gen.n ? (const char *)gen.p : "",
			    proof_name(a->proof), a->stale ? ", stale" : "", a->life_s, now->rc,
			    now->generation, (double)now->from / (double)SECOND - 1000.0);
	}
}

bool desk_is_right(struct world *w, const struct ask_sim *a)
{
	const struct truth *t = truth_of(w, a->id);
	return a->answered && !a->stale && says(a, &t->facts[t->n - 1]);
}

/* --- asking --- */

static void take(struct ask_sim *a, const struct proven *p)
{
	a->shown = true;
	a->proof = p->proof;
	a->rc = p->finding.rc;
	a->n_values = p->finding.values.n;
	a->life_s = p->finding.life_s;
	a->fetched_ms = p->finding.fetched_ms;
	hlv_buf_put(&a->values, p->finding.values.raw);
}

static void finish(struct world *w, struct ask_sim *a)
{
	a->answered = true;
	a->open = false;
	a->done = w->now.mono_ns;
	a->opens = w->opens - a->opens;
	w->open--;
	w->answers++;
	world_note(w, a->stale ? "stale" : "answer", a->rc, a->done - a->asked,
		   hlv_buf_bytes(&a->values));
	if (w->verbose)
		printf("%30s %s: %u %s %s %s\n", "", a->id, a->rc,
		       a->shown ? proof_name(a->proof) : "-", a->from_cache ? "(cache)" : "",
		       a->why);
	desk_check(w, a);
	if (a->then)
		a->then(w, a);
}

void desk_answered(struct world *w, struct engine_waiter *waiter)
{
	struct ask_sim *a = (struct ask_sim *)waiter;
	if (!a->open) {
		world_wrong(w, "%s: answered twice", a->id);
		return;
	}
	a->rc = waiter->rc;
	a->stale = waiter->stale;
	snprintf(a->why, sizeof a->why, "%s", waiter->why);
	if (waiter->proven_is_set)
		take(a, &waiter->proven);
	finish(w, a);
}

/* As a worker of the daemon does it: what is fresh in the cache, or stale and held, is answered
 * there; all else is the engine's. */
static bool from_cache(struct world *w, struct ask_sim *a)
{
	uint8_t room[MEMORY_KEY_MAX];
	struct hlv_arena arena;
	struct cache_hit hit;
	hlv_arena_init(&arena, 1 << 20);
	enum cache_age age = cache_get(w->cache, MEMORY_RECORD, memory_key(a->waiter.id, room),
				       w->now, &arena, &hit);
	bool answered = age == CACHE_FRESH || (age == CACHE_STALE && hit.held);
	if (answered) {
		a->from_cache = true;
		a->stale = age == CACHE_STALE;
		take(a, &hit.proven);
		if (age == CACHE_FRESH && hit.prefetch)
			engine_refresh(w->engine, a->waiter.id, w->now);
		finish(w, a);
	}
	hlv_arena_fini(&arena);
	return answered;
}

struct ask_sim *desk_ask(struct world *w, const char *id, unsigned client, bool authoritative)
{
	struct ask_sim *a = calloc(1, sizeof *a);
	hlv_require(a != NULL && strlen(id) < WORLD_NAME);
	if (w->nasks == WORLD_ASKS)
		desk_forget(w);
	hlv_require(w->nasks < WORLD_ASKS);
	w->asks[w->nasks++] = a;
	snprintf(a->id, sizeof a->id, "%s", id);
	uint8_t address[16] = {
		[12] = 192, [13] = 168, [14] = (uint8_t)(client >> 8), [15] = (uint8_t)client};
	a->waiter.id = hlv_text(a->id);
	hlv_addr_from_site(address, 40000, &a->waiter.client);
	a->waiter.authoritative = authoritative;
	a->asked = w->now.mono_ns;
	a->opens = w->opens;
	a->open = true;
	w->open++;
	world_note(w, "ask", client, authoritative, hlv_text(id));
	if (authoritative || !from_cache(w, a))
		engine_ask(w->engine, &a->waiter, w->now);
	world_pump(w);
	return a;
}

void desk_forget(struct world *w)
{
	size_t kept = 0;
	for (size_t i = 0; i < w->nasks; i++) {
		struct ask_sim *a = w->asks[i];
		if (a->open) {
			w->asks[kept++] = a;
			continue;
		}
		hlv_buf_free(&a->values);
		free(a);
	}
	w->nasks = kept;
}

void desk_free(struct world *w)
{
	for (size_t i = 0; i < w->nasks; i++)
		w->asks[i]->open = false;
	desk_forget(w);
	for (size_t i = 0; i < sizeof w->truths / sizeof *w->truths; i++)
		while (w->truths[i]) {
			struct truth *t = w->truths[i];
			w->truths[i] = t->next;
			free(t);
		}
}
