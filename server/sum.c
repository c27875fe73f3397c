/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sum.h"

#include "proto/base/reader.h"
#include "proto/base/writer.h"

enum hlv_err sum_term(struct hlv_hasher *hasher, enum store_space space, struct hlv_bytes key,
		      struct hlv_bytes value, struct sum *term)
{
	uint8_t head[] = {(uint8_t)space, (uint8_t)(key.n >> 8), (uint8_t)key.n};
	hlv_hasher_begin(hasher);
	hlv_hasher_add(hasher, hlv_bytes(head, sizeof head));
	hlv_hasher_add(hasher, key);
	hlv_hasher_add(hasher, value);
	return hlv_hasher_end(hasher, term->octets);
}

void sum_add(struct sum *sum, const struct sum *term)
{
	uint64_t carry = 0;
	for (int at = SUM_SIZE - 4; at >= 0; at -= 4) {
		carry += hlv_load_u32(sum->octets + at);
		carry += hlv_load_u32(term->octets + at);
		hlv_store_u32(sum->octets + at, (uint32_t)carry);
		carry >>= 32;
	}
}

void sum_take(struct sum *sum, const struct sum *term)
{
	uint64_t borrow = 0;
	for (int at = SUM_SIZE - 4; at >= 0; at -= 4) {
		uint64_t had = hlv_load_u32(sum->octets + at);
		uint64_t less = hlv_load_u32(term->octets + at) + borrow;
		hlv_store_u32(sum->octets + at, (uint32_t)(had - less));
		borrow = had < less;
	}
}
