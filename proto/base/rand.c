/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/rand.h"

/* splitmix64: spreads a small seed over the whole state. */
static uint64_t spread(uint64_t *x)
{
	uint64_t z = *x += 0x9E3779B97F4A7C15U;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
	z = (z ^ z >> 27) * 0x94D049BB133111EBU;
	return z ^ z >> 31;
}

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

void hlv_rand_seed(struct hlv_rand *r, uint64_t seed)
{
	r->s[0] = spread(&seed);
	r->s[1] = spread(&seed);
}

uint64_t hlv_rand_u64(struct hlv_rand *r)
{
	uint64_t a = r->s[0], b = r->s[1], out = a + b;
	b ^= a;
	r->s[0] = rotl(a, 24) ^ b ^ b << 16;
	r->s[1] = rotl(b, 37);
	return out;
}

uint64_t hlv_rand_below(struct hlv_rand *r, uint64_t n)
{
	/* Reject the tail that would favour small numbers. */
	uint64_t tail = (0 - n) % n, x;
	do
		x = hlv_rand_u64(r);
	while (x < tail);
	return x % n;
}
