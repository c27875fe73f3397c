/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes to the registry by ordinary transactions, gathered into groups that are committed
 * with one fsync. What is read is what was committed or gathered: a change to an identifier
 * that waits in the group commits the group first. For many records in one go use load.h.
 */
#pragma once
#include "proto/base/arena.h"
#include "server/store.h"

struct registry;

/* Who we are, for the audit trail: the user that runs this tool. */
struct store_actor registry_actor(void);

/* Heap; one writer a process. The store's view is begun here, and ended during commits. */
struct registry *registry_new(struct store *store, struct store_view *view);
void registry_free(struct registry *r); /* what was not flushed is not written */

/* The live record of `id`; borrowed until the next change. HLV_E_NOT_FOUND. */
enum hlv_err HLV_MUST_USE registry_get(struct registry *r, struct hlv_bytes id,
				       struct hlv_record *rec);
/* `list`: values with their count, in any order. The record is replaced if it is there; nothing
 * is written when it stands there so already. `id` is the spelling that is kept. */
enum hlv_err HLV_MUST_USE registry_put(struct registry *r, struct hlv_bytes id,
				       struct hlv_bytes list, uint64_t time_ms);
/* Another life-cycle state, other locks (proto/wire/state.h): masks to set and to clear; nothing
 * is written when it is so already. HLV_E_NOT_FOUND. */
struct registry_state {
	bool has_state; /* else it stays */
	uint8_t state;
	uint16_t lock, unlock;
	struct hlv_bytes reason; /* none: the former one stays with the former state */
};
enum hlv_err HLV_MUST_USE registry_set_state(struct registry *r, struct hlv_bytes id,
					     const struct registry_state *to, uint64_t time_ms);
/* A tombstone; HLV_E_NOT_FOUND. */
enum hlv_err HLV_MUST_USE registry_remove(struct registry *r, struct hlv_bytes id,
					  uint64_t time_ms);
/* `prefix`: "88.118" or "0.NA/88.118". HLV_E_EXISTS, HLV_E_NOT_FOUND when it is so already. */
enum hlv_err HLV_MUST_USE registry_home(struct registry *r, struct hlv_bytes prefix,
					uint64_t time_ms);
enum hlv_err HLV_MUST_USE registry_unhome(struct registry *r, struct hlv_bytes prefix,
					  uint64_t time_ms);
/* Durable when it returns HLV_OK. */
enum hlv_err HLV_MUST_USE registry_flush(struct registry *r);
