/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/siphash.h"

static uint64_t left(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t little(const uint8_t *p, size_t n)
{
	uint64_t word = 0;
	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

static void rounds(uint64_t v[4], unsigned n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = left(v[1], 13) ^ v[0];
		v[3] = left(v[3], 16) ^ v[2];
		v[0] = left(v[0], 32) + v[3];
		v[2] += v[1];
		v[3] = left(v[3], 21) ^ v[0];
		v[1] = left(v[1], 17) ^ v[2];
		v[2] = left(v[2], 32);
	}
}

static void compress(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
}

uint64_t hlv_siphash(const uint64_t secret[2], struct hlv_bytes b)
{
	uint64_t v[4] = {secret[0] ^ UINT64_C(0x736F6D6570736575),
			 secret[1] ^ UINT64_C(0x646F72616E646F6D),
			 secret[0] ^ UINT64_C(0x6C7967656E657261),
			 secret[1] ^ UINT64_C(0x7465646279746573)};
	size_t i = 0;
	for (; b.n - i >= 8; i += 8)
		compress(v, little(b.p + i, 8));
	uint64_t last = (uint64_t)b.n << 56;
	if (b.n > i)
		last |= little(b.p + i, b.n - i);
	compress(v, last);
	v[2] ^= 0xFF;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
