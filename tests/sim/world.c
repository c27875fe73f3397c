/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

#include <stdarg.h>

#include "resolver/keep.h"

enum {
	EPOCH_S = 1760000000, /* wall clock at the beginning */
	ROUNDS_MAX = 100000,  /* orders without the clock moving */
};

void world_wrong(struct world *w, const char *format, ...)
{
	if (w->wrong[0])
		return;
	va_list args;
	va_start(args, format);
	int n = snprintf(w->wrong, sizeof w->wrong,
			 "%.3f s: ", (double)(w->now.mono_ns) / (double)SECOND - 1000.0);
	vsnprintf(w->wrong + n, sizeof w->wrong - (size_t)n, format, args);
	va_end(args);
}

static void mix(struct world *w, struct hlv_bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		w->trace = (w->trace ^ b.p[i]) * UINT64_C(0x100000001b3);
}

void world_note(struct world *w, const char *what, uint64_t a, uint64_t b,
		struct hlv_bytes octets)
{
	uint64_t numbers[3] = {w->now.mono_ns, a, b};
	mix(w, hlv_bytes(numbers, sizeof numbers));
	mix(w, hlv_text(what));
	mix(w, octets);
	if (w->verbose)
		printf("%9.3f %-10s %llu %llu (%zu)\n",
		       (double)w->now.mono_ns / (double)SECOND - 1000.0, what,
		       (unsigned long long)a, (unsigned long long)b, octets.n);
}

/* --- events: a heap by time, then by the order in which they were made --- */

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void swap(struct event *a, struct event *b)
{
	struct event t = *a;
	*a = *b;
	*b = t;
}

void world_at(struct world *w, hlv_mono_ns at, event_fn *fn, uint64_t a, uint64_t b,
	      struct hlv_bytes octets)
{
	if (w->nheap == w->capheap) {
		w->capheap = w->capheap ? 2 * w->capheap : 256;
		w->heap = realloc(w->heap, w->capheap * sizeof *w->heap);
		hlv_require(w->heap != NULL);
	}
	struct event e = {.at = at > w->now.mono_ns ? at : w->now.mono_ns,
			  .seq = w->seq++,
			  .a = a,
			  .b = b,
			  .fn = fn,
			  .n = octets.n};
	if (octets.n) {
		e.octets = malloc(octets.n);
		hlv_require(e.octets != NULL);
		memcpy(e.octets, octets.p, octets.n);
	}
	size_t i = w->nheap++;
	w->heap[i] = e;
	for (; i > 0 && is_before(&w->heap[i], &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&w->heap[i], &w->heap[(i - 1) / 2]);
}

static struct event take_first(struct world *w)
{
	struct event first = w->heap[0];
	w->heap[0] = w->heap[--w->nheap];
	for (size_t i = 0;;) {
		size_t least = i;
		for (size_t c = 2 * i + 1; c <= 2 * i + 2; c++)
			if (c < w->nheap && is_before(&w->heap[c], &w->heap[least]))
				least = c;
		if (least == i)
			return first;
		swap(&w->heap[i], &w->heap[least]);
		i = least;
	}
}

/* --- the resolver's orders --- */

static void write_anchors(struct world *w)
{
	hlv_buf_clear(&w->anchors_file);
	anchors_print(&w->anchors_file, &w->anchors);
	w->anchors_written++;
	world_note(w, "anchors", w->anchors_written, 0, hlv_bytes(NULL, 0));
}

void world_pump(struct world *w)
{
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		struct engine_order o = {0};
		engine_next(w->engine, w->now, &o);
		switch (o.what) {
		case ENGINE_OPEN:
			net_open(w, &o);
			break;
		case ENGINE_CLOSE:
			net_close(w, o.sock);
			break;
		case ENGINE_ANSWER:
			desk_answered(w, o.waiter);
			break;
		case ENGINE_ANCHORS:
			write_anchors(w);
			break;
		case ENGINE_WAIT:
			return;
		}
	}
	world_wrong(w, "the engine wants something without end");
}

static void set_time(struct world *w, hlv_mono_ns to)
{
	uint64_t before = w->now.mono_ns / MS;
	w->now.mono_ns = to;
	w->now.wall_ms += to / MS - before;
}

/* One step: the next event or deadline that is not after `until`. */
static bool step(struct world *w, hlv_mono_ns until, unsigned *stuck)
{
	world_pump(w);
	hlv_mono_ns due = w->engine ? engine_deadline(w->engine) : UINT64_MAX;
	hlv_mono_ns event = w->nheap ? w->heap[0].at : UINT64_MAX;
	hlv_mono_ns next = due < event ? due : event;
	if (next > until || w->wrong[0])
		return false;
	if (next > w->now.mono_ns) {
		set_time(w, next);
		*stuck = 0;
	} else if (++*stuck > ROUNDS_MAX) {
		world_wrong(w, "a deadline that does not go away");
		return false;
	}
	if (due <= w->now.mono_ns) {
		engine_timeout(w->engine, w->now);
		return true;
	}
	struct event e = take_first(w);
	e.fn(w, e.a, e.b, hlv_bytes(e.octets, e.n));
	free(e.octets);
	return true;
}

void world_run(struct world *w, hlv_mono_ns until)
{
	unsigned stuck = 0;
	while (step(w, until, &stuck))
		;
	if (until > w->now.mono_ns && !w->wrong[0])
		set_time(w, until);
}

void world_advance(struct world *w, uint64_t ns)
{
	world_run(w, w->now.mono_ns + ns);
}

void world_settle(struct world *w, uint64_t ns)
{
	hlv_mono_ns until = w->now.mono_ns + ns;
	unsigned stuck = 0;
	world_pump(w);
	while (w->open > 0 && step(w, until, &stuck))
		world_pump(w);
}

void world_jump(struct world *w, int64_t wall_ms)
{
	w->now.wall_ms = (uint64_t)((int64_t)w->now.wall_ms + wall_ms);
	world_note(w, "jump", (uint64_t)wall_ms, 0, hlv_bytes(NULL, 0));
}

/* --- from birth to death --- */

struct world *world_new(const struct world_options *o)
{
	struct world *w = calloc(1, sizeof *w);
	hlv_require(w != NULL);
	w->o = *o;
	w->trace = UINT64_C(0xcbf29ce484222325);
	w->now =
		(struct hlv_now){.mono_ns = 1000 * SECOND, .wall_ms = EPOCH_S * UINT64_C(1000)};
	hlv_rand_seed(&w->rand, o->seed);
	hlv_arena_init(&w->arena, 64 << 20);
	w->anchors.insecure = o->insecure;
	w->rules = (struct walk_rules){
		.root = {.is_root = true, .proof = PROOF_SECURE, .until_ms = UINT64_MAX},
		.starts = w->starts,
		.validate = {.anchors = &w->anchors,
			     .must_sign = w->must,
			     .unsigned_policy = o->unsigned_policy},
		.ttl_min_s = o->ttl_min_s,
		.ttl_max_s = o->ttl_max_s,
		.negative_max_s = o->negative_max_s,
		.follow_aliases = o->follow_aliases,
	};
	return w;
}

/* The cache as octets, and from octets: what a restart leaves of it. */
struct kept {
	struct hlv_buf octets;
	size_t n;
};

static bool keep_one(void *ctx, const struct cache_entry *entry)
{
	struct kept *k = ctx;
	size_t cap = 512 << 10;
	uint8_t *room = malloc(cap), length[4];
	hlv_require(room != NULL);
	struct hlv_writer out = hlv_writer(room, cap);
	finding_encode(&out, entry);
	hlv_require(!out.bad);
	hlv_store_u32(length, (uint32_t)out.n);
	hlv_buf_put(&k->octets, hlv_bytes(length, sizeof length));
	hlv_buf_put(&k->octets, hlv_written(&out));
	k->n++;
	free(room);
	return true;
}

static void restore(struct world *w, const struct kept *k)
{
	struct hlv_reader r = hlv_reader(hlv_buf_bytes(&k->octets));
	for (size_t i = 0; i < k->n; i++) {
		struct cache_entry e;
		if (finding_decode(hlv_get_lp32(&r), &e) != HLV_OK)
			world_wrong(w, "a kept finding cannot be read");
		else
			cache_put(w->cache, e.kind, e.key, &e.proven, w->now);
	}
}

void world_stop(struct world *w)
{
	if (!w->engine)
		return;
	engine_stop(w->engine, w->now);
	world_pump(w);
	engine_free(w->engine);
	w->engine = NULL;
	net_free(w);
}

/* Anchors outlive the process in their file alone. */
static void read_anchors(struct world *w)
{
	char why[256];
	if (w->anchors_file.n == 0)
		return;
	anchors_fini(&w->anchors);
	w->anchors = (struct anchors){0};
	if (anchors_parse(hlv_buf_bytes(&w->anchors_file), &w->anchors, why) != HLV_OK)
		world_wrong(w, "anchors cannot be read back: %s", why);
}

void world_reload(struct world *w)
{
	struct walk_rules *copy = hlv_alloc(&w->arena, sizeof *copy);
	hlv_require(copy != NULL);
	*copy = w->rules;
	engine_set_rules(w->engine, copy);
}

void world_start(struct world *w, bool keep)
{
	struct kept kept = {0};
	if (w->cache && keep)
		cache_each(w->cache, keep_one, &kept);
	world_stop(w);
	cache_free(w->cache);
	read_anchors(w);
	w->cache = cache_new(&(struct cache_options){
		.octets = w->o.cache_octets,
		.stale_s = w->o.stale_s,
		.prefetch_hits = w->o.prefetch_hits,
		.secret = hlv_rand_u64(&w->rand),
	});
	hlv_require(w->cache != NULL);
	restore(w, &kept);
	hlv_buf_free(&kept.octets);
	w->engine = engine_new(&(struct engine_options){.rules = &w->rules,
							.anchors = &w->anchors,
							.cache = w->cache,
							.stale_s = w->o.stale_s,
							.seed = hlv_rand_u64(&w->rand),
							.refresh_root = w->o.refresh_root},
			       w->now);
	hlv_require(w->engine != NULL);
}

static void free_world(struct world *w)
{
	cache_free(w->cache);
	desk_free(w);
	for (size_t i = 0; i < w->nheap; i++)
		free(w->heap[i].octets);
	free(w->heap);
	/* Those that share a registry end before its owner. */
	for (size_t i = w->nnodes; i > 0; i--)
		node_free(w->nodes[i - 1]);
	anchors_fini(&w->anchors);
	hlv_buf_free(&w->anchors_file);
	hlv_arena_fini(&w->arena);
	free(w);
}

bool world_end(struct world *w, char wrong[512])
{
	world_stop(w);
	if (w->open > 0)
		world_wrong(w, "%zu questions were never answered", w->open);
	bool well = !w->wrong[0];
	snprintf(wrong, 512, "%s", w->wrong);
	free_world(w);
	return well;
}
