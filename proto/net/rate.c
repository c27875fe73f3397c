/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/rate.h"

#include <stdlib.h>
#include <string.h>

enum {
	WAYS = 4,
	SETS = 1 << 17,	  /* 8 MiB in all */
	COST = 1000,	  /* tokens of one answer; a millisecond brings `per_s` of them */
	BURST_HALVES = 5, /* in half seconds of the rate */
};

struct bucket {
	uint32_t tag;	/* 0: unused */
	uint32_t at_ms; /* when it was last filled */
	uint32_t tokens;
	uint32_t refused; /* in a row */
};

struct hlv_rate {
	uint64_t secret;
	struct bucket sets[SETS][WAYS];
};

/* The networks that share a fate with one address, and how many times its rate they get. */
struct level {
	uint8_t octets, mask; /* whole octets, and the bits of the next that count */
	uint16_t times;
};
static const struct level v4_levels[] = {{4, 0, 1}, {3, 0, 32}, {2, 0xF0, 256}};
static const struct level v6_levels[] = {{16, 0, 1}, {8, 0, 2}, {7, 0, 3}, {6, 0, 4}};

struct hlv_rate *hlv_rate_new(uint64_t secret)
{
	struct hlv_rate *r = calloc(1, sizeof *r);
	if (r)
		r->secret = secret;
	return r;
}

void hlv_rate_free(struct hlv_rate *r)
{
	free(r);
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xD6E8FEB86659FD93U;
	h ^= h >> 32;
	h *= 0xD6E8FEB86659FD93U;
	return h ^ h >> 32;
}

static uint64_t hash(const struct hlv_rate *r, const uint8_t *address, const struct level *l,
		     unsigned salt)
{
	uint8_t net[16] = {0};
	uint64_t words[2];
	memcpy(net, address, l->octets);
	if (l->mask)
		net[l->octets] = address[l->octets] & l->mask;
	memcpy(words, net, sizeof words);
	return mix(mix(words[0] ^ r->secret) + words[1] + salt * 0x9E3779B97F4A7C15U);
}

/* The bucket of this hash: its own, or the oldest of its set, filled. */
static struct bucket *find(struct hlv_rate *r, uint64_t h, uint32_t full, uint32_t now_ms)
{
	struct bucket *set = r->sets[h % SETS], *oldest = set;
	uint32_t tag = (uint32_t)(h >> 32) | 1;
	for (int i = 0; i < WAYS; i++) {
		if (set[i].tag == tag)
			return &set[i];
		if (set[i].tag == 0 || now_ms - set[i].at_ms > now_ms - oldest->at_ms)
			oldest = &set[i];
		if (oldest->tag == 0)
			break;
	}
	*oldest = (struct bucket){.tag = tag, .at_ms = now_ms, .tokens = full};
	return oldest;
}

/* Fill by the time that has passed, then take one answer's tokens. */
static bool take(struct bucket *b, uint32_t per_s, uint32_t full, uint32_t now_ms)
{
	uint64_t tokens = b->tokens + (uint64_t)(now_ms - b->at_ms) * per_s;
	b->at_ms = now_ms;
	b->tokens = tokens < full ? (uint32_t)tokens : full;
	if (b->tokens < COST) {
		b->refused++;
		return false;
	}
	b->tokens -= COST;
	b->refused = 0;
	return true;
}

enum hlv_rate_verdict hlv_rate_take(struct hlv_rate *r, const struct hlv_addr *a,
				    enum hlv_rate_kind kind, uint32_t per_s, struct hlv_now now)
{
	if (per_s == 0)
		return HLV_RATE_PASS;
	bool v4 = a->sa.any.sa_family == AF_INET;
	const struct level *levels = v4 ? v4_levels : v6_levels;
	unsigned n = v4 ? sizeof v4_levels / sizeof *levels : sizeof v6_levels / sizeof *levels;
	const uint8_t *address =
		v4 ? (const uint8_t *)&a->sa.v4.sin_addr : (const uint8_t *)&a->sa.v6.sin6_addr;
	uint32_t now_ms = (uint32_t)(now.mono_ns / 1000000U);
	for (unsigned i = 0; i < n; i++) {
		uint32_t rate = per_s * levels[i].times;
		uint32_t full = (uint32_t)((uint64_t)rate * BURST_HALVES * COST / 2);
		unsigned salt = (unsigned)kind * 8 + i + (v4 ? 0U : 4U);
		struct bucket *b = find(r, hash(r, address, &levels[i], salt), full, now_ms);
		/* What one address may not have costs its neighbours nothing: they share a
		 * network with it, not its flood. */
		if (!take(b, rate, full, now_ms))
			return b->refused % 2 == 0 ? HLV_RATE_STUB : HLV_RATE_DROP;
	}
	return HLV_RATE_PASS;
}
