/* SPDX-License-Identifier: Apache-2.0
 *
 * One number for all that a registry holds: the sum, mod 2^256, of a SHA-256 for each record and
 * homed prefix (threats.md D5). A change moves it without looking at anything else, whoever can
 * read everything can work it out anew, and two registries with the same sum hold the same.
 */
#pragma once
#include "proto/sec/digest.h"
#include "server/store.h"

enum { SUM_SIZE = STORE_STATE_HASH };
struct sum {
	uint8_t octets[SUM_SIZE]; /* big-endian */
};

/* SHA-256 over u8 space, u16 octets of the key, key, stored value. */
enum hlv_err HLV_MUST_USE sum_term(struct hlv_hasher *hasher, enum store_space space,
				   struct hlv_bytes key, struct hlv_bytes value,
				   struct sum *term);
void sum_add(struct sum *sum, const struct sum *term);
void sum_take(struct sum *sum, const struct sum *term);
static inline struct hlv_bytes sum_bytes(const struct sum *sum)
{
	return hlv_bytes(sum->octets, SUM_SIZE);
}
