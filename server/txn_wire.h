/* SPDX-License-Identifier: Apache-2.0
 *
 * Store transactions on the control socket: what HELVE_COMMIT carries there and back. A tool that
 * plans a change on its own view of the registry sends it as checks and puts, and the server
 * commits it among its own. Who it was is not in here: the socket tells that (SO_PEERCRED).
 *
 * Request:  u32 n, n times { u8 flags (1: bulk), u64 time ms, u32 n checks, u32 n puts,
 *           checks { u8 space, u64 seq, u16 length and key },
 *           puts { u8 space, u16 length and key, u32 length and value } }
 * Answer:   u32 n, n times { u32 error as numbered below, u64 seq }
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/writer.h"
#include "server/store.h"

/* X(error, number on the wire): numbers are never given anew. What is not in the list goes as
 * input/output error: the other side must take it for a group of unknown fate. */
#define TXN_WIRE_ERRORS(X)                                                                     \
	X(HLV_OK, 0)                                                                           \
	X(HLV_E_CONFLICT, 1)                                                                   \
	X(HLV_E_MALFORMED, 2)                                                                  \
	X(HLV_E_CORRUPT, 3)                                                                    \
	X(HLV_E_NEWER, 4)                                                                      \
	X(HLV_E_FULL, 5)                                                                       \
	X(HLV_E_IO, 6)                                                                         \
	X(HLV_E_NOMEM, 7)                                                                      \
	X(HLV_E_LIMIT, 8)                                                                      \
	X(HLV_E_PERMISSION, 9)                                                                 \
	X(HLV_E_BUSY, 10)                                                                      \
	X(HLV_E_UNSUPPORTED, 11)
uint32_t txn_wire_from_err(enum hlv_err err);
enum hlv_err txn_wire_to_err(uint32_t number);

enum {
	TXN_WIRE_HEAD = 4,	     /* in front of the first transaction, of both messages */
	TXN_WIRE_ANSWER = 4 + 8,     /* octets of one transaction in the answer */
	TXN_WIRE_MAX = 262144 - 256, /* octets of a request's body: one message (codes.h) */
};

/* One transaction behind those that `w` holds; the count in front is the caller's. The writer is
 * bad when it does not fit. */
void txn_wire_put(struct hlv_writer *w, const struct store_txn *txn);

/* Every count is checked against what is left; the arrays are in the arena, keys and values
 * borrow from `octets`. Each transaction gets `actor`. HLV_E_MALFORMED, HLV_E_NOMEM. */
enum hlv_err HLV_MUST_USE txn_wire_decode(struct hlv_bytes octets,
					  const struct store_actor *actor, struct hlv_arena *a,
					  struct store_txn **txns, size_t *n);

/* What became of each, from their err and seq; `group` when the whole group came to nothing. */
void txn_wire_put_answer(struct hlv_writer *w, const struct store_txn *txns, size_t n,
			 enum hlv_err group);
/* Into the err and seq of the `n` transactions that were sent. */
enum hlv_err HLV_MUST_USE txn_wire_get_answer(struct hlv_bytes octets, struct store_txn *txns,
					      size_t n);
