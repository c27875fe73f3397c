/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

enum {
	EVIL_NODES_MAX = 12,
	EVIL_QUESTIONS = 3,
	HONEST_NAMES = 4, /* of one enterprise */
	HONEST_TOPS = 2,
	HONEST_SECONDS = 3,	/* below each top */
	HONEST_ENTERPRISES = 4, /* below each second */
};

/* --- trees that mean harm --- */

static const enum lie evil[] = {
	LIE_CHAIN,   LIE_SERVICE,    LIE_CHAIN, LIE_SERVICE,	 LIE_HUGE,    LIE_SIDEWAYS,
	LIE_SELF,    LIE_UPWARD,     LIE_LAME,	LIE_SILENT,	 LIE_STUB,    LIE_BUSY,
	LIE_ERROR,   LIE_ALIAS_LOOP, LIE_BIG,	LIE_BAD_ADDRESS, LIE_ENDLESS, LIE_WRONG_ID,
	LIE_GARBAGE, LIE_FORGED,     LIE_SHORT,
};

/* The prefix is served by whoever these services name, which live in any of the zones: nothing can be
 * asked before something else is found, perhaps in a circle. */
static void tangle(struct world *w, struct town *t, struct zone_sim *z)
{
	enum { SERVICES = 8 };
	char handle[WORLD_NAME + 8], services[SERVICES][WORLD_NAME + 8];
	struct value_sim v[2 * SERVICES];
	for (uint32_t i = 0; i < SERVICES; i++) {
		const struct zone_sim *other = t->zones[1 + hlv_rand_below(&w->rand, t->n - 1)];
		snprintf(services[i], sizeof services[i], "%s/S%u", other->prefix, i);
		struct hlv_bytes name = hlv_text(services[i]);
		v[2 * i] = (struct value_sim){i + 1, "HS_SERV", name, 300};
		v[2 * i + 1] = (struct value_sim){i + 101, "HS_SERV.PREFIX", name, 300};
	}
	snprintf(handle, sizeof handle, "0.NA/%s", z->prefix);
	node_put(w, z->parent->nodes[0], handle, v, 2 + 2 * hlv_rand_below(&w->rand, SERVICES));
}

/* A root that is honest, and below it an owner with many nodes who does what he can; he has his keys,
 * so that signatures do not stop him. */
static void plant(struct world *w, struct town *t)
{
	struct zone_spec spec = {.servers = 1 + hlv_rand_below(&w->rand, 3), .keyed = true};
	town_zone(t, "", &spec);
	char prefix[WORLD_NAME] = "88";
	size_t depth = 1 + hlv_rand_below(&w->rand, 6);
	for (size_t i = 0; i < depth && w->nnodes < EVIL_NODES_MAX; i++) {
		spec = (struct zone_spec){.servers = 1 + hlv_rand_below(&w->rand, 4),
					  .mirrors = hlv_rand_below(&w->rand, 3),
					  .keyed = true,
					  .ttl_s = 300,
					  .by_service = hlv_rand_below(&w->rand, 3) == 0};
		town_zone(t, prefix, &spec);
		size_t n = strlen(prefix);
		snprintf(prefix + n, sizeof prefix - n, ".%zu", i);
	}
	for (size_t i = 1; i < t->n; i++)
		if (hlv_rand_below(&w->rand, 3) == 0)
			tangle(w, t, t->zones[i]);
	for (size_t i = t->zones[0]->nnodes; i < w->nnodes; i++) {
		struct node_sim *n = w->nodes[i];
		if (hlv_rand_below(&w->rand, 4) == 0)
			continue;
		n->lie = evil[hlv_rand_below(&w->rand, sizeof evil / sizeof *evil)];
		n->lie_signed = true;
		n->lie_to = w->nodes[hlv_rand_below(&w->rand, w->nnodes)];
		n->stubs = hlv_rand_below(&w->rand, 3) == 0;
		n->line.loss = hlv_rand_below(&w->rand, 4) == 0 ? 300 : 0;
		n->line.stream = (enum stream_mode)hlv_rand_below(&w->rand, 4);
	}
}

static uint64_t evil_tree(uint64_t seed, bool verbose, char wrong[512])
{
	struct world *w = world_new(&(struct world_options){.seed = seed,
							    .stale_s = 3600,
							    .ttl_max_s = 86400,
							    .negative_max_s = 300,
							    .cache_octets = 1 << 20,
							    .follow_aliases = true,
							    .insecure = seed % 2});
	struct town t = {.w = w};
	uint64_t most = 0;
	w->verbose = verbose;
	plant(w, &t);
	world_start(w, false);
	for (unsigned i = 0; i < EVIL_QUESTIONS && !w->wrong[0]; i++) {
		char id[WORLD_NAME];
		const struct zone_sim *z = t.zones[t.n - 1];
		snprintf(id, sizeof id, "%s/Q%u", z->prefix, i);
		truth_of(w, id)->anything = true;
		struct ask_sim *a = desk_ask(w, id, 1, false);
		world_settle(w, 20 * SECOND);
		if (!a->answered)
			world_wrong(w, "%s: no answer", id);
		if (a->opens > BUDGET_PACKETS)
			world_wrong(w, "%s: %llu packets", id, (unsigned long long)a->opens);
		if (a->opens > most)
			most = a->opens;
		world_advance(w, 2 * SECOND);
	}
	world_end(w, wrong);
	town_free(&t);
	return most;
}

void trees_run(uint64_t from, uint64_t n, bool verbose, struct sim_tally *t)
{
	uint64_t most = 0, sum = 0;
	char wrong[512];
	for (uint64_t i = from; i < from + n; i++) {
		uint64_t packets = evil_tree(i, verbose, wrong);
		sum += packets;
		most = packets > most ? packets : most;
		if (wrong[0])
			printf("tree %llu: %s\n", (unsigned long long)i, wrong);
		*(wrong[0] ? &t->failed : &t->passed) += 1;
	}
	printf("trees: %llu that mean harm, packets for the worst question of each: %.1f on "
	       "average, %llu at most\n",
	       (unsigned long long)n, n ? (double)sum / (double)n : 0,
	       (unsigned long long)most);
}

/* --- honest trees --- */

static void honest_tree(struct world *w, struct town *t)
{
	struct zone_spec spec = {.servers = 1 + hlv_rand_below(&w->rand, 2), .keyed = true};
	char prefix[WORLD_NAME], id[WORLD_NAME];
	town_zone(t, "", &spec);
	for (unsigned top = 0; top < HONEST_TOPS; top++) {
		snprintf(prefix, sizeof prefix, "%u", 86 + top);
		town_zone(t, prefix, &spec);
		for (unsigned second = 0; second < HONEST_SECONDS; second++) {
			snprintf(prefix, sizeof prefix, "%u.%u", 86 + top, 100 + second);
			town_zone(t, prefix, &spec);
			for (unsigned e = 0; e < HONEST_ENTERPRISES; e++) {
				snprintf(prefix, sizeof prefix, "%u.%u.%u", 86 + top,
					 100 + second, e);
				struct zone_sim *z = town_zone(t, prefix, &spec);
				for (unsigned i = 0; i < HONEST_NAMES; i++) {
					snprintf(id, sizeof id, "%s/N%u", prefix, i);
					truth_put(w, z->nodes[0], id, 1, 86400);
					truth_of(w, id)->signed_tree = true;
				}
			}
		}
	}
}

/* Each name once, in random order; upstream packets of it all. */
static uint64_t ask_all(struct world *w)
{
	enum { ALL = HONEST_TOPS * HONEST_SECONDS * HONEST_ENTERPRISES * HONEST_NAMES };
	unsigned order[ALL];
	uint64_t before = w->opens;
	for (unsigned i = 0; i < ALL; i++)
		order[i] = i;
	for (unsigned i = ALL; i > 1; i--) {
		unsigned j = (unsigned)hlv_rand_below(&w->rand, i), x = order[i - 1];
		order[i - 1] = order[j];
		order[j] = x;
	}
	for (unsigned i = 0; i < ALL && !w->wrong[0]; i++) {
		char id[WORLD_NAME];
		unsigned x = order[i], n = x % HONEST_NAMES, e = x / HONEST_NAMES;
		unsigned second = e / HONEST_ENTERPRISES;
		snprintf(id, sizeof id, "%u.%u.%u/N%u", 86 + second / HONEST_SECONDS,
			 100 + second % HONEST_SECONDS, e % HONEST_ENTERPRISES, n);
		struct ask_sim *a = desk_ask(w, id, 1, false);
		world_settle(w, 10 * SECOND);
		if (!desk_is_right(w, a))
			world_wrong(w, "%s: %u %s", id, a->rc, a->why);
		if (a->opens > BUDGET_PACKETS)
			world_wrong(w, "%s: %llu packets", id, (unsigned long long)a->opens);
	}
	return w->opens - before;
}

void trees_honest(uint64_t from, uint64_t n, struct sim_tally *t)
{
	double cold = 0, warm = 0;
	uint64_t asked = HONEST_TOPS * HONEST_SECONDS * HONEST_ENTERPRISES * HONEST_NAMES;
	for (uint64_t i = from; i < from + n; i++) {
		struct world *w = world_new(&(struct world_options){.seed = i,
								    .stale_s = 3600,
								    .ttl_max_s = 86400,
								    .negative_max_s = 300,
								    .cache_octets = 8 << 20});
		struct town town = {.w = w};
		char wrong[512];
		honest_tree(w, &town);
		world_start(w, false);
		cold += (double)ask_all(w) / (double)asked;
		warm += (double)ask_all(w) / (double)asked;
		bool well = world_end(w, wrong);
		if (!well)
			printf("honest tree %llu: %s\n", (unsigned long long)i, wrong);
		*(well ? &t->passed : &t->failed) += 1;
		town_free(&town);
	}
	cold /= (double)n;
	warm /= (double)n;
	bool aims = cold <= 3 && warm <= 1;
	*(aims ? &t->passed : &t->failed) += 1;
	printf("trees: %llu honest ones of four levels, packets a question: %.2f cold (aim 3), "
	       "%.2f warm (aim 1)%s\n",
	       (unsigned long long)n, cold, warm, aims ? "" : ": MISSED");
}
