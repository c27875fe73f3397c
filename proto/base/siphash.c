/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/siphash.h"

static inline uint64_t left(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

/* Eight octets, least first: one load where the machine is so. */
static inline uint64_t little8(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* The last `n` < 8 octets of `b`. */
static inline uint64_t little(struct hlv_bytes b, size_t n)
{
	if (n == 0)
		return 0;
	if (b.n >= 8) /* eight octets that end with them */
		return little8(b.p + b.n - 8) >> (64 - 8 * n);
	uint64_t word = 0;
	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)b.p[i] << (8 * i);
	return word;
}

/* Inlined with a constant `n`, so that all four words stay in registers. */
static inline __attribute__((always_inline)) void rounds(uint64_t v[4], unsigned n)
{
#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++) {
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

/* `each` rounds for a word, `last` at the end; constants where it is inlined. */
static inline __attribute__((always_inline)) uint64_t
siphash(const uint64_t secret[2], struct hlv_bytes b, unsigned each, unsigned last)
{
	uint64_t v[4] = {secret[0] ^ UINT64_C(0x736F6D6570736575),
			 secret[1] ^ UINT64_C(0x646F72616E646F6D),
			 secret[0] ^ UINT64_C(0x6C7967656E657261),
			 secret[1] ^ UINT64_C(0x7465646279746573)};
	size_t i = 0;
	for (; b.n - i >= 8; i += 8) {
		uint64_t word = little8(b.p + i);
		v[3] ^= word;
		rounds(v, each);
		v[0] ^= word;
	}
	uint64_t word = (uint64_t)b.n << 56 | little(b, b.n - i);
	v[3] ^= word;
	rounds(v, each);
	v[0] ^= word;
	v[2] ^= 0xFF;
	rounds(v, last);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hlv_siphash(const uint64_t secret[2], struct hlv_bytes b)
{
	return siphash(secret, b, 2, 4);
}

uint64_t hlv_siphash_1_3(const uint64_t secret[2], struct hlv_bytes b)
{
	return siphash(secret, b, 1, 3);
}
