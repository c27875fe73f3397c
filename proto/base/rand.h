/* SPDX-License-Identifier: Apache-2.0
 *
 * Randomness as a value: seeded from the operating system in main(), from a number in tests, so
 * that the same seed gives the same run. Not for keys and nonces: those come from OpenSSL.
 */
#pragma once
#include <stdint.h>

struct hlv_rand {
	uint64_t s[2]; /* xoroshiro128+; never both zero */
};

void hlv_rand_seed(struct hlv_rand *r, uint64_t seed);
uint64_t hlv_rand_u64(struct hlv_rand *r);
/* Uniform in 0 .. n-1; n > 0. */
uint64_t hlv_rand_below(struct hlv_rand *r, uint64_t n);
