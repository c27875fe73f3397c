/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored findings, and lines of a dump, from any octets: what is taken encodes to the same octets,
 * is one of the findings that may be shown, and is in the cache what it was, if it is put there at
 * all; patterns that are its name, its prefix or everything match it.
 */
#include "resolver/keep.h"
#include "tests/fuzz/fuzz.h"

static bool is_same(const struct proven *a, const struct proven *b)
{
	return a->proof == b->proof && a->finding.rc == b->finding.rc &&
	       a->finding.fetched_ms == b->finding.fetched_ms &&
	       a->finding.life_s == b->finding.life_s &&
	       a->finding.newest_s == b->finding.newest_s &&
	       a->finding.values.n == b->finding.values.n &&
	       hlv_eq(a->finding.values.raw, b->finding.values.raw);
}

static void check_cached(const struct cache_entry *e, struct hlv_arena *a)
{
	struct hlv_now now = {.mono_ns = 1, .wall_ms = e->proven.finding.fetched_ms};
	struct cache *c = cache_new(&(struct cache_options){
		.octets = 1 << 20, .stale_s = 1, .prefetch_hits = 1, .secret = 7});
	struct cache_hit hit;
	hlv_require(c);
	cache_put(c, e->kind, e->key, &e->proven, now);
	enum cache_age age = cache_get(c, e->kind, e->key, now, a, &hit);
	if (age != CACHE_NONE)
		hlv_require(is_same(&hit.proven, &e->proven));
	hlv_require(age != CACHE_FRESH || hit.left_s == e->proven.finding.life_s);
	struct cache_stats s;
	cache_stats(c, &s);
	hlv_require(s.entries == (age != CACHE_NONE));
	hlv_require(cache_flush(c, "") == s.entries);
	cache_free(c);
}

static void check_patterns(struct hlv_bytes key)
{
	char name[MEMORY_KEY_MAX + 2];
	hlv_require(cache_pattern_matches("", key) && cache_pattern_matches("*", key));
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] == 0 || key.p[i] == '*' || key.p[i] == '?')
			return;
	if (key.n == 0 || key.p[key.n - 1] == '/')
		return;
	snprintf(name, sizeof name, "%.*s", (int)key.n, (const char *)key.p);
	hlv_require(cache_pattern_matches(name, key));
	name[key.n - 1] = '?';
	hlv_require(cache_pattern_matches(name, key));
	/* "a.*" is a prefix with all below, not a pattern. */
	name[key.n - 1] = '*';
	if (key.n < 2 || name[key.n - 2] != '.')
		hlv_require(cache_pattern_matches(name, key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hlv_arena *a = fuzz_arena();
	struct hlv_bytes in = fuzz_copy(a, hlv_bytes(data, n));
	struct cache_entry e;
	if (finding_decode(in, &e) != HLV_OK)
		return 0;
	hlv_require(e.proven.proof == PROOF_SECURE || e.proven.proof == PROOF_INSECURE);
	uint8_t *room = hlv_alloc(a, n);
	struct hlv_writer w = hlv_writer(room, n);
	hlv_require(room);
	finding_encode(&w, &e);
	hlv_require(!w.bad && hlv_eq(hlv_written(&w), in));
	check_cached(&e, a);
	check_patterns(e.key);
	return 0;
}
