/* SPDX-License-Identifier: Apache-2.0
 *
 * Cold walks of one engine thread, in memory: what the engine itself costs, without sockets and without
 * the nodes that answer. Time is the thread's own; only the calls into the engine are counted.
 *
 *   walks [rsa|p256|ed25519|none] [rounds] [cold|burst|known]
 */
#include <time.h>

#include "resolver/engine.h"
#include "tests/unit/tree.h"

enum { BATCH = 64, HELD = 4096, NAMES = 256 };
static const uint64_t MS = 1000000;

struct held {
	uint64_t sock;
	struct hlv_bytes octets;
	bool stream;
};
struct bench {
	struct tree tree;
	struct cache *cache;
	struct engine *engine;
	struct hlv_now now;
	struct held held[HELD];
	size_t nheld;
	struct engine_waiter waiters[BATCH];
	char ids[BATCH][32];
	uint64_t spent_ns;
	unsigned packets, answered, secure, largest;
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

/* All that the engine wants; what it sends is answered, and the answers are kept for later. */
static void run(struct bench *b)
{
	for (;;) {
		struct engine_order o;
		uint64_t from_ns = cpu_ns();
		engine_next(b->engine, b->now, &o);
		b->spent_ns += cpu_ns() - from_ns;
		if (o.what == ENGINE_WAIT)
			return;
		if (o.what == ENGINE_ANSWER) {
			b->answered++;
			b->secure += o.waiter->proven_is_set &&
				     o.waiter->proven.proof == PROOF_SECURE;
		}
		if (o.what != ENGINE_OPEN)
			continue;
		struct held *h = &b->held[b->nheld++];
		assert_true(b->nheld < HELD);
		b->packets++;
		b->tree.now = b->now;
		h->sock = o.sock;
		h->stream = o.way != FLIGHT_UDP;
		h->octets = tree_answer(&b->tree, &o.addr, h->stream, o.octets);
	}
}

static void feed(struct bench *b, uint64_t sock, struct hlv_bytes octets)
{
	uint64_t from_ns = cpu_ns();
	engine_feed(b->engine, sock, octets, b->now);
	b->spent_ns += cpu_ns() - from_ns;
}

/* What was held back arrives, in packets as it would. */
static void arrive(struct bench *b)
{
	struct held held[HELD];
	size_t n = b->nheld;
	memcpy(held, b->held, n * sizeof *held);
	b->nheld = 0;
	b->now.mono_ns += MS;
	b->now.wall_ms++;
	for (size_t i = 0; i < n; i++) {
		const struct held *h = &held[i];
		uint32_t parts = hlv_packet_count((uint32_t)h->octets.n - HLV_ENVELOPE_SIZE);
		if (h->octets.n > b->largest)
			b->largest = (unsigned)h->octets.n;
		if (h->stream)
			feed(b, h->sock, h->octets);
		for (uint32_t k = 0; !h->stream && k < parts; k++) {
			uint8_t packet[HLV_UDP_PACKET];
			size_t len = hlv_packet_cut(h->octets, k, packet);
			feed(b, h->sock, hlv_bytes(packet, len));
		}
		run(b);
	}
}

static void ask(struct bench *b, unsigned n, unsigned first)
{
	for (unsigned i = 0; i < n; i++) {
		struct engine_waiter *w = &b->waiters[i];
		snprintf(b->ids[i], sizeof b->ids[i], "88.118.8/n%u", (first + i) % NAMES);
		*w = (struct engine_waiter){.id = hlv_text(b->ids[i])};
		uint64_t from_ns = cpu_ns();
		engine_ask(b->engine, w, b->now);
		b->spent_ns += cpu_ns() - from_ns;
		run(b);
	}
	while (b->nheld > 0)
		arrive(b);
}

static void begin(struct bench *b, const char *kind)
{
	memset(b, 0, sizeof *b);
	tree_init_kind(&b->tree, strcmp(kind, "none") != 0,
		       strcmp(kind, "rsa") == 0	      ? HLV_KEY_RSA
		       : strcmp(kind, "ed25519") == 0 ? HLV_KEY_ED25519
						      : HLV_KEY_P256);
	tree_four_tiers(&b->tree);
	for (unsigned i = 0; i < NAMES; i++) {
		char id[32];
		snprintf(id, sizeof id, "88.118.8/n%u", i);
		tree_value(tree_record(&b->tree, "192.0.2.4:2641", id), 1, "URL",
			   hlv_text("https://example.org/item"));
	}
	b->now = b->tree.now;
	b->cache = cache_new(&(struct cache_options){.octets = 256 << 20, .stale_s = 86400});
	b->engine = engine_new(&(struct engine_options){.rules = &b->tree.rules,
							.anchors = &b->tree.anchors,
							.cache = b->cache,
							.seed = 1},
			       b->now);
	assert_true(b->cache && b->engine);
}

static void end(struct bench *b)
{
	engine_stop(b->engine, b->now);
	run(b);
	engine_free(b->engine);
	cache_free(b->cache);
	tree_fini(&b->tree);
}

static void show(const struct bench *b, const char *kind, const char *what, unsigned walks)
{
	printf("%-8s %-14s walks=%u us=%.1f walks_per_s=%.0f packets_per_walk=%.2f secure=%u "
	       "largest=%u\n",
	       kind, what, walks, (double)b->spent_ns / 1e3 / walks,
	       1e9 * walks / (double)b->spent_ns, (double)b->packets / walks, b->secure,
	       b->largest);
}

/* Nothing is known: four tiers for each. */
static void cold(struct bench *b, const char *kind, unsigned rounds)
{
	begin(b, kind);
	for (unsigned i = 0; i < rounds; i++) {
		cache_flush(b->cache, "");
		ask(b, 1, i);
	}
	show(b, kind, "cold", rounds);
	end(b);
}

/* Sixty-four at a time, of a prefix that nobody knows yet. */
static void burst(struct bench *b, const char *kind, unsigned rounds)
{
	unsigned batches = rounds / BATCH + 1;
	begin(b, kind);
	for (unsigned i = 0; i < batches; i++) {
		cache_flush(b->cache, "");
		ask(b, BATCH, i * BATCH);
	}
	show(b, kind, "cold burst", batches * BATCH);
	end(b);
}

/* The prefix is known: one question each. */
static void known(struct bench *b, const char *kind, unsigned rounds)
{
	begin(b, kind);
	ask(b, 1, 0);
	b->spent_ns = b->packets = 0;
	uint64_t before = engine_stats(b->engine)->secure;
	for (unsigned i = 0; i < rounds; i++) {
		char id[32];
		snprintf(id, sizeof id, "88.118.8/n%u", i % NAMES);
		uint64_t from_ns = cpu_ns();
		engine_refresh(b->engine, hlv_text(id), b->now);
		b->spent_ns += cpu_ns() - from_ns;
		run(b);
		while (b->nheld > 0)
			arrive(b);
	}
	b->secure = (unsigned)(engine_stats(b->engine)->secure - before);
	show(b, kind, "known prefix", rounds);
	end(b);
}

int main(int argc, char **argv)
{
	static struct bench b;
	const char *kind = argc > 1 ? argv[1] : "p256", *scene = argc > 3 ? argv[3] : "";
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 500;
	if (!*scene || strcmp(scene, "cold") == 0)
		cold(&b, kind, rounds);
	if (!*scene || strcmp(scene, "burst") == 0)
		burst(&b, kind, rounds);
	if (!*scene || strcmp(scene, "known") == 0)
		known(&b, kind, rounds);
	return 0;
}
