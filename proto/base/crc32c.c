/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/crc32c.h"

static const uint32_t POLY = 0x82F63B78; /* reflected */

static uint32_t by_bits(uint32_t crc, struct hlv_bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		crc ^= b.p[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (POLY & (0U - (crc & 1)));
	}
	return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t by_sse42(uint32_t crc, struct hlv_bytes b)
{
	uint64_t c = crc;
	size_t i = 0;
#pragma GCC unroll 8
	for (; i + 8 <= b.n; i += 8) {
		uint64_t word;
		memcpy(&word, b.p + i, sizeof word);
		c = _mm_crc32_u64(c, word);
	}
	if (b.n - i >= 4) {
		uint32_t half;
		memcpy(&half, b.p + i, sizeof half);
		c = _mm_crc32_u32((uint32_t)c, half);
		i += 4;
	}
	for (; i < b.n; i++)
		c = _mm_crc32_u8((uint32_t)c, b.p[i]);
	return (uint32_t)c;
}

uint32_t hlv_crc32c(uint32_t crc, struct hlv_bytes b)
{
	if (__builtin_cpu_supports("sse4.2"))
		return ~by_sse42(~crc, b);
	return ~by_bits(~crc, b);
}
#else
uint32_t hlv_crc32c(uint32_t crc, struct hlv_bytes b)
{
	return ~by_bits(~crc, b);
}
#endif
