/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rig.h"

static const uint64_t MS = 1000000;
enum {
	AGAIN_MAX = 30000
}; /* rounds without any time between them: more than there are events */

static void push(struct rig *r, struct rig_event e)
{
	assert_true(r->nevents < RIG_EVENTS);
	size_t i = r->nevents++;
	for (; i > 0 && r->events[(i - 1) / 2].at_ns > e.at_ns; i = (i - 1) / 2)
		r->events[i] = r->events[(i - 1) / 2];
	r->events[i] = e;
}

static struct rig_event pop(struct rig *r)
{
	struct rig_event top = r->events[0], last = r->events[--r->nevents];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < r->nevents; i = child) {
		if (child + 1 < r->nevents &&
		    r->events[child + 1].at_ns < r->events[child].at_ns)
			child++;
		if (r->events[child].at_ns >= last.at_ns)
			break;
		r->events[i] = r->events[child];
	}
	r->events[i] = last;
	return top;
}

void rig_init(struct rig *r, bool with_keys, bool refresh_root)
{
	memset(r, 0, sizeof *r);
	tree_init(&r->tree, with_keys);
	tree_four_tiers(&r->tree);
	r->now = r->tree.now;
	r->rtt_ns = 10 * MS;
	r->events = calloc(RIG_EVENTS, sizeof *r->events);
	r->waiters = calloc(RIG_WAITERS, sizeof *r->waiters);
	r->cache = cache_new(&(struct cache_options){
		.octets = 64 << 20, .stale_s = 7 * 86400, .prefetch_hits = 2, .secret = 1});
	r->engine = engine_new(&(struct engine_options){.rules = &r->tree.rules,
							.anchors = &r->tree.anchors,
							.cache = r->cache,
							.seed = 42,
							.refresh_root = refresh_root},
			       r->now);
	assert_true(r->events && r->waiters && r->cache && r->engine);
	hlv_rand_seed(&r->rand, 1);
}

/* What was sent comes back after a while, in packets. */
static void carry(struct rig *r, const struct engine_order *o)
{
	r->packets++;
	r->open++;
	r->tree.now = r->now;
	struct hlv_bytes said =
		tree_answer(&r->tree, &o->addr, o->way != FLIGHT_UDP, o->octets);
	struct rig_event e = {.at_ns = r->now.mono_ns + r->rtt_ns, .sock = o->sock};
	bool lost = hlv_rand_below(&r->rand, 100) < r->loss;
	if (r->cut || said.n == 0 || (lost && o->way == FLIGHT_UDP))
		return;
	if (o->way != FLIGHT_UDP) {
		e.at_ns += r->rtt_ns + lost * 1000 * MS; /* the kernel sends again */
		e.octets = said;
		push(r, e);
		return;
	}
	for (uint32_t i = 0; i < hlv_packet_count((uint32_t)said.n - HLV_ENVELOPE_SIZE); i++) {
		uint8_t packet[HLV_UDP_PACKET];
		size_t n = hlv_packet_cut(said, i, packet);
		e.octets = hlv_arena_copy(&r->tree.arena, hlv_bytes(packet, n));
		push(r, e);
	}
}

static void told(struct rig *r, struct engine_waiter *w)
{
	struct rig_waiter *x = (struct rig_waiter *)(void *)w;
	if (x->answers++)
		fail_msg("%s was answered twice", x->id);
	x->told_ns = r->now.mono_ns;
	x->proven = w->proven_is_set;
	x->stale = w->stale;
	x->proof = w->proven.proof;
	x->rc = w->proven_is_set ? w->proven.finding.rc : w->rc;
	x->left_s = w->left_s;
	snprintf(x->text, sizeof x->text, "%.60s", w->why);
	struct hlv_reader reader = hlv_reader(w->proven.finding.values.raw);
	struct hlv_value v;
	if (w->proven_is_set && w->proven.finding.values.n > 0 &&
	    hlv_value_decode(&reader, &v) == HLV_OK)
		snprintf(x->text, sizeof x->text, "%.*s", (int)v.data.n,
			 v.data.n ? (const char *)v.data.p : "");
	assert_true(w->proven_is_set || w->rc > HLV_RC_SUCCESS);
	assert_true(!w->stale || w->proven_is_set);
}

static void run(struct rig *r)
{
	for (int i = 0; i < 200000; i++) {
		struct engine_order o;
		engine_next(r->engine, r->now, &o);
		switch (o.what) {
		case ENGINE_OPEN:
			carry(r, &o);
			break;
		case ENGINE_CLOSE:
			r->open--;
			break;
		case ENGINE_ANSWER:
			told(r, o.waiter);
			break;
		case ENGINE_ANCHORS:
			r->anchors_written++;
			break;
		case ENGINE_WAIT:
			return;
		}
	}
	fail_msg("it never waits");
}

static void set_time(struct rig *r, uint64_t ns)
{
	r->now.wall_ms += ns / MS - r->now.mono_ns / MS;
	r->now.mono_ns = ns;
}

void rig_pass(struct rig *r, uint64_t ms)
{
	uint64_t end_ns = r->now.mono_ns + ms * MS;
	run(r);
	for (unsigned again = 0;;) {
		uint64_t next = engine_deadline(r->engine);
		bool event = r->nevents > 0 && r->events[0].at_ns <= next;
		if (event)
			next = r->events[0].at_ns;
		if (next > end_ns)
			break;
		again = next > r->now.mono_ns ? 0 : again + 1;
		if (again > AGAIN_MAX)
			fail_msg("it wants to be woken again and again");
		if (next > r->now.mono_ns)
			set_time(r, next);
		if (event) {
			struct rig_event e = pop(r);
			engine_feed(r->engine, e.sock, e.octets, r->now);
		} else {
			engine_timeout(r->engine, r->now);
		}
		run(r);
	}
	set_time(r, end_ns);
}

struct rig_waiter *rig_ask_as(struct rig *r, const char *id, const char *client,
			      bool authoritative, uint8_t recursion)
{
	assert_true(r->nwaiters < RIG_WAITERS);
	struct rig_waiter *x = &r->waiters[r->nwaiters++];
	snprintf(x->id, sizeof x->id, "%s", id);
	x->w.id = hlv_text(x->id);
	x->w.authoritative = authoritative;
	x->w.recursion = recursion;
	if (client)
		assert_int_equal(hlv_addr_parse(client, 5000, &x->w.client), HLV_OK);
	x->asked_ns = r->now.mono_ns;
	engine_ask(r->engine, &x->w, r->now);
	run(r);
	return x;
}

struct rig_waiter *rig_ask(struct rig *r, const char *id, const char *client)
{
	return rig_ask_as(r, id, client, false, 0);
}

struct rig_waiter *rig_told(struct rig *r, const char *id)
{
	struct rig_waiter *x = rig_ask(r, id, NULL);
	for (int i = 0; i < 6000 && !x->answers; i++)
		rig_pass(r, 1);
	if (!x->answers)
		fail_msg("%s is not answered", id);
	return x;
}

void rig_fini(struct rig *r)
{
	engine_stop(r->engine, r->now);
	run(r);
	for (size_t i = 0; i < r->nwaiters; i++)
		if (r->waiters[i].answers != 1)
			fail_msg("%s was answered %u times", r->waiters[i].id,
				 r->waiters[i].answers);
	check_u64("open sockets", r->open, 0);
	engine_free(r->engine);
	cache_free(r->cache);
	tree_fini(&r->tree);
	free(r->events);
	free(r->waiters);
}
