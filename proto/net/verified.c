/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/verified.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 65536, LIFE_S = 600 };

struct hlv_verified {
	uint64_t secret;
	_Atomic uint64_t slot[SLOTS]; /* upper half: tag, lower half: monotonic second */
};

struct hlv_verified *hlv_verified_new(uint64_t secret)
{
	struct hlv_verified *v = calloc(1, sizeof *v);
	if (v)
		v->secret = secret;
	return v;
}

void hlv_verified_free(struct hlv_verified *v)
{
	free(v);
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xFF51AFD7ED558CCDU;
	h ^= h >> 33;
	h *= 0xC4CEB9FE1A85EC53U;
	return h ^ h >> 33;
}

/* IPv4 whole, IPv6 by /64: what one site is given. */
static uint64_t hash(const struct hlv_verified *v, const struct hlv_addr *a)
{
	uint64_t net = 0;
	if (a->sa.any.sa_family == AF_INET)
		net = a->sa.v4.sin_addr.s_addr;
	else
		memcpy(&net, &a->sa.v6.sin6_addr, sizeof net);
	return mix(mix(net ^ v->secret) + v->secret);
}

static uint32_t second(struct hlv_now now)
{
	return (uint32_t)(now.mono_ns / 1000000000U);
}

void hlv_verified_put(struct hlv_verified *v, const struct hlv_addr *a, struct hlv_now now)
{
	uint64_t h = hash(v, a);
	uint64_t word = (h >> 32) << 32 | second(now);
	atomic_store_explicit(&v->slot[h % SLOTS], word, memory_order_relaxed);
}

bool hlv_verified_has(const struct hlv_verified *v, const struct hlv_addr *a,
		      struct hlv_now now)
{
	uint64_t h = hash(v, a);
	uint64_t word = atomic_load_explicit(&v->slot[h % SLOTS], memory_order_relaxed);
	return word != 0 && word >> 32 == h >> 32 && second(now) - (uint32_t)word <= LIFE_S;
}
