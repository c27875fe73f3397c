/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting live records by prefix: one tally for a group of transactions, so that a counter that
 * ten thousand records move is read and written once. The registry keeps each counter in META
 * under "count" + the key of the prefix handle, eight octets, and the sum of all under "count".
 */
#pragma once
#include "proto/base/arena.h"
#include "server/store.h"

struct counter {
	struct counter *next;  /* in its bucket */
	struct hlv_bytes name; /* META name */
	int64_t moved;
};

enum { COUNTER_BUCKETS = 1024, COUNTER_NAME_MAX = 5 + STORE_KEY_MAX };

struct counters {
	struct hlv_arena arena;
	struct counter *buckets[COUNTER_BUCKETS];
	struct counter *recent; /* records come in key order: mostly the same prefix again */
	struct hlv_bytes recent_prefix;
	int64_t all;
};

void counters_init(struct counters *c);
void counters_fini(struct counters *c);
/* `identifier` lives as long as the tally. HLV_E_NOMEM. */
enum hlv_err HLV_MUST_USE counters_move(struct counters *c, struct hlv_bytes identifier,
					int by);
/* The counter of that META name; NULL when nothing moved it. */
struct counter *counters_find(struct counters *c, struct hlv_bytes name);

/* The META name of the counter of a prefix ("88.118.8"); of all, when empty. */
struct hlv_bytes counter_name(struct hlv_bytes prefix, uint8_t out[COUNTER_NAME_MAX]);
