/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/select.h"

#include <stdlib.h>

#include "proto/base/siphash.h"

enum { NONE = -1, EVICT_LOOKS = 16, SPOKE_S = 5, RANK_SHIFT = 56 };
static const uint64_t MS = 1000000, S = 1000000000;

struct server {
	struct hlv_addr addr;
	int32_t chain;	      /* the next in its bucket */
	int32_t newer, older; /* by use */
	uint32_t inflight, silent;
	bool measured;
	uint64_t srtt_ns, rttvar_ns;
	hlv_mono_ns tried_ns, silent_ns, answered_ns; /* the last of each */
	hlv_mono_ns probe_ns;			      /* dead: when to look again ... */
	uint32_t probe_s;			      /* ... and how long after that */
	hlv_mono_ns window_ns;
	uint32_t earned; /* retries, in parts of SELECT_RETRY_SHARE */
};

struct selector {
	size_t cap, n;
	uint64_t secret[2];
	uint32_t mask;
	int32_t newest, oldest;
	int32_t *buckets;
	struct server *servers;
	struct hlv_rand rand;
};

struct selector *selector_new(size_t servers, uint64_t seed)
{
	struct selector *s = calloc(1, sizeof *s);
	size_t nbuckets = 16;
	while (nbuckets < servers)
		nbuckets *= 2;
	if (!s)
		return NULL;
	s->servers = calloc(servers, sizeof *s->servers);
	s->buckets = malloc(nbuckets * sizeof *s->buckets);
	if (!s->servers || !s->buckets) {
		selector_free(s);
		return NULL;
	}
	for (size_t i = 0; i < nbuckets; i++)
		s->buckets[i] = NONE;
	s->cap = servers;
	s->mask = (uint32_t)(nbuckets - 1);
	s->newest = s->oldest = NONE;
	hlv_rand_seed(&s->rand, seed);
	s->secret[0] = hlv_rand_u64(&s->rand);
	s->secret[1] = hlv_rand_u64(&s->rand);
	return s;
}

void selector_free(struct selector *s)
{
	if (!s)
		return;
	free(s->servers);
	free(s->buckets);
	free(s);
}

static int32_t *bucket_of(const struct selector *s, const struct hlv_addr *a)
{
	uint8_t octets[18];
	uint16_t port = hlv_addr_port(a);
	hlv_addr_to_site(a, octets);
	octets[16] = (uint8_t)(port >> 8);
	octets[17] = (uint8_t)port;
	uint64_t hash = hlv_siphash(s->secret, hlv_bytes(octets, sizeof octets));
	return &s->buckets[hash & s->mask];
}

static struct server *find(const struct selector *s, const struct hlv_addr *a)
{
	for (int32_t i = *bucket_of(s, a); i != NONE; i = s->servers[i].chain)
		if (hlv_addr_eq(&s->servers[i].addr, a))
			return &s->servers[i];
	return NULL;
}

static int32_t position(const struct selector *s, const struct server *e)
{
	return (int32_t)(e - s->servers);
}

static void unlink_use(struct selector *s, struct server *e)
{
	*(e->newer == NONE ? &s->newest : &s->servers[e->newer].older) = e->older;
	*(e->older == NONE ? &s->oldest : &s->servers[e->older].newer) = e->newer;
}

static void link_newest(struct selector *s, struct server *e)
{
	int32_t i = position(s, e);
	e->newer = NONE;
	e->older = s->newest;
	*(s->newest == NONE ? &s->oldest : &s->servers[s->newest].newer) = i;
	s->newest = i;
}

static void unlink_chain(struct selector *s, struct server *e)
{
	int32_t *at = bucket_of(s, &e->addr);
	while (*at != position(s, e))
		at = &s->servers[*at].chain;
	*at = e->chain;
}

/* The longest unused one; one that is being asked only when there is no other near. */
static struct server *evict(struct selector *s)
{
	int32_t i = s->oldest;
	for (int looks = 0; looks < EVICT_LOOKS && i != NONE; looks++, i = s->servers[i].newer)
		if (s->servers[i].inflight == 0)
			break;
	struct server *e = &s->servers[i != NONE ? i : s->oldest];
	unlink_use(s, e);
	unlink_chain(s, e);
	return e;
}

static struct server *get(struct selector *s, const struct hlv_addr *a)
{
	struct server *e = find(s, a);
	if (e) {
		unlink_use(s, e);
		link_newest(s, e);
		return e;
	}
	e = s->n < s->cap ? &s->servers[s->n++] : evict(s);
	int32_t *bucket = bucket_of(s, a);
	*e = (struct server){.addr = *a, .chain = *bucket};
	*bucket = position(s, e);
	link_newest(s, e);
	return e;
}

static bool is_dead(const struct server *e)
{
	return e && e->silent >= SELECT_DEAD_AFTER;
}

bool selector_is_dead(const struct selector *s, const struct hlv_addr *a)
{
	return is_dead(find(s, a));
}

/* RFC 6298 2, doubled for each time-out in a row (5.5). */
static uint32_t wait_of(const struct server *e)
{
	uint64_t ms = SELECT_WAIT_UNKNOWN_MS;
	if (e && e->measured)
		ms = (e->srtt_ns + 4 * e->rttvar_ns) / MS;
	if (ms < SELECT_WAIT_MIN_MS)
		ms = SELECT_WAIT_MIN_MS;
	for (uint32_t i = 0; e && i < e->silent && ms < SELECT_WAIT_MAX_MS; i++)
		ms *= 2;
	return ms < SELECT_WAIT_MAX_MS ? (uint32_t)ms : SELECT_WAIT_MAX_MS;
}

uint32_t selector_wait_ms(const struct selector *s, const struct hlv_addr *a)
{
	return wait_of(find(s, a));
}

const struct hlv_addr *selector_address(const struct zone_server *server)
{
	return server->udp.len ? &server->udp : &server->tcp;
}

/* The less the better. Servers that are about equally far share the questions; one that kept silent
 * stands behind all that did not. */
static uint64_t score_of(const struct server *e, struct hlv_rand *rand)
{
	uint64_t ns = e && e->measured ? e->srtt_ns : SELECT_WAIT_UNKNOWN_MS * MS;
	ns += hlv_rand_below(rand, ns / 2 + MS);
	if (e && e->silent)
		ns += (uint64_t)e->silent * SELECT_WAIT_MAX_MS * MS;
	if (e && e->inflight >= SELECT_INFLIGHT_MAX)
		ns += S;
	return ns;
}

static void to_front(uint8_t *order, size_t at)
{
	uint8_t chosen = order[at];
	memmove(order + 1, order, at);
	order[0] = chosen;
}

/* How many stand first by rank, which alone may take the place of one another. */
static size_t first_rank(const struct zone_server *servers, const uint8_t *order, size_t n)
{
	size_t same = 1;
	while (same < n && servers[order[same]].rank == servers[order[0]].rank)
		same++;
	return same;
}

size_t selector_order(struct selector *s, const struct zone_server *servers, size_t n,
		      struct hlv_rand *rand, struct hlv_now now, uint8_t *order)
{
	uint64_t scores[ZONE_TRIED_MAX];
	size_t alive = 0, rested = 0, probe = n;
	hlv_mono_ns rested_ns = UINT64_MAX;
	for (size_t i = 0; i < n && i < ZONE_TRIED_MAX; i++) {
		const struct server *e = find(s, selector_address(&servers[i]));
		if (is_dead(e)) {
			if (e->probe_ns <= now.mono_ns)
				probe = i;
			if (e->tried_ns < rested_ns) {
				rested_ns = e->tried_ns;
				rested = i;
			}
			continue;
		}
		uint64_t score = score_of(e, rand) | (uint64_t)servers[i].rank << RANK_SHIFT;
		size_t at = alive++;
		for (; at > 0 && scores[at - 1] > score; at--) {
			scores[at] = scores[at - 1];
			order[at] = order[at - 1];
		}
		scores[at] = score;
		order[at] = (uint8_t)i;
	}
	if (alive == 0) {
		order[0] = (uint8_t)rested;
		return n > 0;
	}
	if (probe < n) {
		order[alive] = (uint8_t)probe;
		to_front(order, alive);
		return alive + 1;
	}
	size_t near = first_rank(servers, order, alive);
	if (near > 1 && hlv_rand_below(rand, SELECT_EXPLORE) == 0)
		to_front(order, 1 + hlv_rand_below(rand, near - 1));
	return alive;
}

static void earn(struct server *e, uint32_t parts)
{
	const uint32_t most = SELECT_RETRY_SAVED * SELECT_RETRY_SHARE;
	e->earned = e->earned + parts < most ? e->earned + parts : most;
}

/* Count a try, if it may be made. */
static bool spend(struct server *e, enum select_try what, struct hlv_now now)
{
	const uint32_t free = SELECT_RETRY_FREE * SELECT_RETRY_SHARE;
	if (e->window_ns == 0 || now.mono_ns - e->window_ns >= SELECT_WINDOW_S * S) {
		e->window_ns = now.mono_ns;
		if (e->earned < free)
			e->earned = free;
	}
	switch (what) {
	case SELECT_FIRST:
		earn(e, 1);
		return true;
	case SELECT_RETRY:
		break;
	}
	if (e->earned < SELECT_RETRY_SHARE)
		return false;
	e->earned -= SELECT_RETRY_SHARE;
	return true;
}

/* Up to a quarter sooner or later, so that probes of many resolvers do not meet. */
static hlv_mono_ns spread(struct selector *s, uint64_t seconds)
{
	return seconds * S * 3 / 4 + hlv_rand_below(&s->rand, seconds * S / 2);
}

enum select_verdict selector_begin(struct selector *s, const struct hlv_addr *a,
				   enum select_try what, struct hlv_now now)
{
	struct server *e = get(s, a);
	if (e->inflight >= SELECT_INFLIGHT_MAX)
		return SELECT_FULL;
	if (is_dead(e) && now.mono_ns - e->tried_ns < SELECT_PROBE_MIN_S * S)
		return now.mono_ns - e->answered_ns < SPOKE_S * S ? SELECT_REST : SELECT_DEAD;
	if (!spend(e, what, now))
		return SELECT_NO_RETRY;
	e->inflight++;
	e->tried_ns = now.mono_ns;
	if (is_dead(e))
		e->probe_ns = now.mono_ns + spread(s, e->probe_s);
	return SELECT_GO;
}

void selector_ended(struct selector *s, const struct hlv_addr *a)
{
	struct server *e = find(s, a);
	if (e && e->inflight > 0)
		e->inflight--;
}

void selector_outrun(struct selector *s, const struct hlv_addr *a)
{
	struct server *e = find(s, a);
	if (e && is_dead(e))
		e->tried_ns = 0;
}

void selector_answered(struct selector *s, const struct hlv_addr *a, hlv_mono_ns took_ns,
		       struct hlv_now now)
{
	struct server *e = get(s, a);
	if (e->inflight > 0)
		e->inflight--;
	e->silent = 0;
	e->silent_ns = 0;
	e->answered_ns = now.mono_ns;
	e->probe_s = 0;
	earn(e, SELECT_RETRY_SHARE);
	if (took_ns == 0)
		return;
	if (!e->measured) { /* RFC 6298 2.2 */
		e->measured = true;
		e->srtt_ns = took_ns;
		e->rttvar_ns = took_ns / 2;
		return;
	}
	uint64_t off = took_ns > e->srtt_ns ? took_ns - e->srtt_ns : e->srtt_ns - took_ns;
	e->rttvar_ns = (3 * e->rttvar_ns + off) / 4; /* 2.3: beta 1/4, alpha 1/8 */
	e->srtt_ns = (7 * e->srtt_ns + took_ns) / 8;
}

void selector_silent(struct selector *s, const struct hlv_addr *a, hlv_mono_ns begun_ns,
		     struct hlv_now now)
{
	struct server *e = get(s, a);
	if (begun_ns < e->silent_ns)
		return;
	e->silent_ns = now.mono_ns;
	if (e->silent < UINT32_MAX)
		e->silent++;
	if (!is_dead(e))
		return;
	e->probe_s = e->probe_s == 0 ? SELECT_PROBE_MIN_S : e->probe_s * 2;
	if (e->probe_s > SELECT_PROBE_MAX_S)
		e->probe_s = SELECT_PROBE_MAX_S;
	e->probe_ns = now.mono_ns + spread(s, e->probe_s);
}

void selector_each(const struct selector *s,
		   void (*fn)(void *ctx, const struct selector_entry *), void *ctx)
{
	for (int32_t i = s->newest; i != NONE; i = s->servers[i].older) {
		const struct server *e = &s->servers[i];
		struct selector_entry entry = {.addr = e->addr,
					       .srtt_ms = (uint32_t)(e->srtt_ns / MS),
					       .silent = e->silent,
					       .inflight = e->inflight,
					       .dead = is_dead(e)};
		fn(ctx, &entry);
	}
}
