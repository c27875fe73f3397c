/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

enum {
	ZONES_MAX = 9,
	NAMES_MAX = 24,
	SAFETY_S = 240,
	QUESTIONS = 22,
	PEACE_S = 1300, /* the longest of all lives, failures and probes, and a bit */
	STALE_S = 3600,
	PATIENCE_S = 6, /* within which each question is answered, always */
};

/* How the world of a seed is disposed. */
enum trust_mode {
	TRUST_SIGNED,	/* an anchor for everything, all zones have keys */
	TRUST_UNSIGNED, /* no anchor, no keys */
	TRUST_MIXED,	/* no anchor; zones have keys, nothing must be signed */
	TRUST_MODES,
};

struct run {
	struct world *w;
	struct town town;
	enum trust_mode trust;
	struct {
		char id[WORLD_NAME];
		struct zone_sim *zone;
		uint32_t generation;
		bool exists, volatile_;
	} names[NAMES_MAX];
	size_t nnames;
	bool spoofs, lies;
	uint64_t late;
};

static struct run *run; /* of the seed at hand: events have no room for it */

static uint64_t draw(uint64_t n)
{
	return hlv_rand_below(&run->w->rand, n);
}

static bool chance(unsigned percent)
{
	return draw(100) < percent;
}

static uint32_t draw_ttl(void)
{
	static const uint32_t lives[] = {5, 20, 60, 300};
	return lives[draw(4)];
}

/* --- the service --- */

static void add_zone(const char *prefix)
{
	struct zone_spec spec = {
		.servers = chance(60) ? 1 : 1 + draw(4),
		.mirrors = chance(30) ? 1 + draw(2) : 0,
		.keyed =
			run->trust == TRUST_SIGNED || (run->trust == TRUST_MIXED && chance(60)),
		.tls = chance(20),
		.shared = *prefix && chance(10),
		.hash_option = (uint8_t)draw(3),
		.ttl_s = draw_ttl() + 10,
		.by_service = *prefix && chance(10),
	};
	town_zone(&run->town, prefix, &spec);
}

static void add_name(struct zone_sim *z, unsigned number)
{
	if (run->nnames == NAMES_MAX || !z->parent)
		return;
	size_t i = run->nnames++;
	snprintf(run->names[i].id, WORLD_NAME, "%s/%s%u", z->prefix,
		 chance(50) ? "thing" : "JX", number);
	run->names[i].zone = z;
	struct truth *t = truth_of(run->w, run->names[i].id);
	t->signed_tree = run->trust == TRUST_SIGNED;
	run->names[i].volatile_ = chance(50);
	if (chance(85)) {
		run->names[i].exists = true;
		truth_put(run->w, z->nodes[0], run->names[i].id, ++run->names[i].generation,
			  draw_ttl());
	}
}

static void build(void)
{
	add_zone("");
	size_t zones = 3 + draw(ZONES_MAX - 3);
	add_zone("88");
	for (size_t i = 2; i < zones; i++) {
		char prefix[WORLD_NAME];
		struct zone_sim *above = run->town.zones[1 + draw(run->town.n - 1)];
		if (strlen(above->prefix) > 24)
			continue;
		snprintf(prefix, sizeof prefix, "%s.%u", above->prefix, (unsigned)(100 + i));
		add_zone(prefix);
	}
	for (unsigned i = 0; i < NAMES_MAX; i++)
		add_name(run->town.zones[1 + draw(run->town.n - 1)], i);
	for (size_t i = 0; i < run->w->nnodes; i++) {
		struct node_sim *n = run->w->nodes[i];
		n->line.delay_ms = 1 + (uint32_t)draw(60);
		n->line.jitter_ms = (uint32_t)draw(40);
		n->stubs = chance(30);
	}
}

/* --- the trouble --- */

static void inject(struct world *w, uint64_t sock, uint64_t unused, struct hlv_bytes datagram)
{
	(void)unused;
	net_inject(w, sock, datagram);
}

/* Off the line: sees that a question went out, not what is in it, and knows neither port nor id. To
 * make more of it, ours sees everything but the id. */
static void spoof(struct world *w, const struct sock_sim *s)
{
	if (s->way != FLIGHT_UDP || !chance(40))
		return;
	uint64_t sock = s->id;
	struct hlv_bytes asked = hlv_bytes(s->octets, s->n);
	uint32_t id = hlv_load_u32(s->octets + 8);
	for (size_t i = 1 + draw(4); i > 0 && net_find(w, sock); i--) {
		struct hlv_arena a;
		uint32_t guess = (uint32_t)draw(UINT64_C(1) << 31);
		hlv_arena_init(&a, 1 << 20);
		struct hlv_bytes forged = liar_forge(w, asked, guess, &a);
		w->spoofed++;
		if (guess != id)
			world_at(w, w->now.mono_ns + draw(20) * MS, inject, sock, 0, forged);
		hlv_arena_fini(&a);
	}
}

/* A liar's own zone, and what is below it, can be checked by signatures alone; and a prefix whose
 * referral went through it. */
static void taint(struct zone_sim *z)
{
	for (size_t i = 0; i < run->nnames; i++) {
		size_t n = strlen(z->prefix);
		const char *id = run->names[i].id;
		if (strncmp(id, z->prefix, n) == 0 && (!n || id[n] == '.' || id[n] == '/'))
			truth_of(run->w, id)->unchecked = true;
	}
}

static struct zone_sim *zone_of_node(const struct node_sim *n)
{
	for (size_t i = 0; i < run->town.n; i++)
		for (size_t j = 0; j < run->town.zones[i]->nnodes; j++)
			if (run->town.zones[i]->nodes[j] == n)
				return run->town.zones[i];
	return NULL;
}

static void make_liar(void)
{
	struct node_sim *n = run->w->nodes[draw(run->w->nnodes)];
	struct zone_sim *z = zone_of_node(n);
	n->lie = (enum lie)(1 + draw(LIES_N - 1));
	/* Its own key in a liar's hand is the owner lying: only about what is his. */
	n->lie_signed = false;
	n->lie_to = run->w->nodes[draw(run->w->nnodes)];
	if (run->trust != TRUST_SIGNED && z)
		taint(z);
	/* A zone that is served on the same nodes. */
	for (size_t i = 0; i < run->town.n && run->trust != TRUST_SIGNED; i++)
		if (run->town.zones[i]->nodes[0] == n)
			taint(run->town.zones[i]);
}

static void trouble(struct world *w, uint64_t kind, uint64_t b, struct hlv_bytes octets)
{
	(void)b, (void)octets;
	struct node_sim *n = w->nodes[draw(w->nnodes)];
	switch (kind % 8) {
	case 0:
		n->line.cut = !n->line.cut;
		break;
	case 1:
		n->down = !n->down;
		break;
	case 2:
		n->line.loss = (uint32_t)draw(400);
		n->line.dup = (uint32_t)draw(200);
		break;
	case 3:
		n->line.stream = (enum stream_mode)draw(4);
		break;
	case 4:
		if (run->lies)
			make_liar();
		break;
	case 5:
		n->lie = LIE_TRUTH;
		break;
	case 6:
		if (chance(30))
			world_start(w, chance(70));
		break;
	case 7:
		if (chance(20))
			world_jump(w, (int64_t)draw(20000) - 10000);
		break;
	}
}

static void change(struct world *w, uint64_t a, uint64_t b, struct hlv_bytes octets)
{
	(void)a, (void)b, (void)octets;
	size_t i = draw(run->nnames);
	if (!run->names[i].volatile_)
		return;
	struct node_sim *n = run->names[i].zone->nodes[0];
	run->names[i].exists = !run->names[i].exists || chance(70);
	if (run->names[i].exists)
		truth_put(w, n, run->names[i].id, ++run->names[i].generation, draw_ttl());
	else
		truth_remove(w, n, run->names[i].id);
}

static void in_time(struct world *w, struct ask_sim *a)
{
	if (a->done - a->asked > PATIENCE_S * SECOND)
		world_wrong(w, "%s: answered after %.1f s", a->id,
			    (double)(a->done - a->asked) / (double)SECOND);
}

static void question(struct world *w, uint64_t a, uint64_t b, struct hlv_bytes octets)
{
	(void)a, (void)b, (void)octets;
	/* A few names are popular, and some are asked for by several at once. */
	size_t i = chance(50) ? draw(4) % run->nnames : draw(run->nnames);
	for (size_t n = chance(20) ? 1 + draw(3) : 1; n > 0; n--) {
		struct ask_sim *q = desk_ask(w, run->names[i].id, (unsigned)draw(4), chance(5));
		if (q->open)
			q->then = in_time;
		else
			in_time(w, q);
	}
}

static void at_some_time(event_fn *fn, size_t n)
{
	for (; n > 0; n--)
		world_at(run->w, run->w->now.mono_ns + draw(SAFETY_S * 1000) * MS, fn, draw(64),
			 0, hlv_bytes(NULL, 0));
}

/* --- and peace --- */

static void heal(void)
{
	struct world *w = run->w;
	w->spoof = NULL;
	for (size_t i = 0; i < w->nnodes; i++) {
		struct node_sim *n = w->nodes[i];
		n->lie = LIE_TRUTH;
		n->down = false;
		n->line.cut = false;
		n->line.loss = n->line.dup = 0;
		n->line.stream = STREAM_OK;
	}
}

static void check_all(struct sim_tally *t)
{
	struct world *w = run->w;
	for (size_t i = 0; i < run->nnames && !w->wrong[0]; i++) {
		truth_of(w, run->names[i].id)->unchecked = false;
		struct ask_sim *a = desk_ask(w, run->names[i].id, 1, false);
		world_settle(w, PATIENCE_S * SECOND);
		/* What failed when it was asked last is answered stale at once, and looked for. */
		if (a->stale) {
			world_advance(w, PATIENCE_S * SECOND);
			a = desk_ask(w, run->names[i].id, 1, false);
			world_settle(w, PATIENCE_S * SECOND);
		}
		if (!a->answered)
			world_wrong(w, "%s: not answered in peace", a->id);
		else if (!desk_is_right(w, a))
			world_wrong(w, "%s: in peace, yet %u %s %s", a->id, a->rc,
				    a->stale ? "stale" : "", a->why);
		else if (a->opens > BUDGET_PACKETS)
			world_wrong(w, "%s: %llu packets in peace", a->id,
				    (unsigned long long)a->opens);
		t->right += desk_is_right(w, a);
		t->questions++;
	}
}

static void count(struct sim_tally *t)
{
	const struct world *w = run->w;
	for (size_t i = 0; i < w->nasks; i++) {
		t->questions++;
		t->shown += w->asks[i]->shown;
		t->stale += w->asks[i]->stale;
		t->refused += w->asks[i]->answered && !w->asks[i]->shown;
	}
}

static void live(struct sim_tally *t)
{
	struct world *w = run->w;
	build();
	world_start(w, false);
	run->lies = chance(60);
	if (chance(30))
		w->spoof = spoof;
	at_some_time(question, QUESTIONS);
	at_some_time(trouble, chance(80) ? 3 + draw(14) : 0);
	at_some_time(change, 8);
	world_advance(w, (SAFETY_S + PATIENCE_S + 1) * SECOND);
	if (w->open > 0)
		world_wrong(w, "%zu questions are still open", w->open);
	count(t);
	desk_forget(w);
	heal();
	world_advance(w, PEACE_S * SECOND);
	check_all(t);
	const struct engine_stats *s = engine_stats(w->engine);
	t->packets += w->opens;
	t->walks += s->walks;
}

bool seed_run(uint64_t seed, bool verbose, struct sim_tally *t, uint64_t *trace)
{
	struct hlv_rand r;
	struct run this = {0};
	char wrong[512];
	run = &this;
	hlv_rand_seed(&r, seed);
	this.trust = (enum trust_mode)hlv_rand_below(&r, TRUST_MODES);
	this.w = world_new(&(struct world_options){
		.seed = seed,
		.stale_s = hlv_rand_below(&r, 3) ? STALE_S : 0,
		.prefetch_hits = (uint32_t)hlv_rand_below(&r, 4),
		.ttl_min_s = (uint32_t)hlv_rand_below(&r, 3),
		.ttl_max_s = 600,
		.negative_max_s = 300,
		.cache_octets = 4 << 20,
		.follow_aliases = true,
		.insecure = this.trust != TRUST_SIGNED,
	});
	this.town.w = this.w;
	this.w->verbose = verbose;
	live(t);
	*trace = this.w->trace;
	bool well = world_end(this.w, wrong);
	town_free(&this.town);
	run = NULL;
	if (!well)
		printf("seed %llu: %s\n", (unsigned long long)seed, wrong);
	return well;
}
