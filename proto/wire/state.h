/* SPDX-License-Identifier: Apache-2.0
 *
 * The life-cycle of an identifier and its locks, as a stored record carries them (industrial.md 4):
 * their numbers and their names. What a state forbids is decided where changes are planned.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/err.h"

/* X(name, number, text) */
#define HLV_STATES(X)                                                                          \
	X(HLV_STATE_ACTIVE, 0, "active")	 /* resolves */                                \
	X(HLV_STATE_RESERVED, 1, "reserved")	 /* the name is taken, nothing is there */     \
	X(HLV_STATE_REGISTERED, 2, "registered") /* not resolved yet */                        \
	X(HLV_STATE_FROZEN, 3, "frozen")	 /* resolves to its state only */              \
	X(HLV_STATE_REVOKED, 4, "revoked")	 /* gone, and never given again */

/* X(name, mask, text): what is prohibited, and whose prohibition it is. */
#define HLV_LOCKS(X)                                                                           \
	X(HLV_LOCK_CLIENT_DELETE, 0x01, "client-delete")                                       \
	X(HLV_LOCK_CLIENT_UPDATE, 0x02, "client-update")                                       \
	X(HLV_LOCK_CLIENT_TRANSFER, 0x04, "client-transfer")                                   \
	X(HLV_LOCK_SERVER_DELETE, 0x08, "server-delete")                                       \
	X(HLV_LOCK_SERVER_UPDATE, 0x10, "server-update")                                       \
	X(HLV_LOCK_SERVER_TRANSFER, 0x20, "server-transfer")

enum hlv_state {
#define X(name, number, text) name = (number),
	HLV_STATES(X)
#undef X
};

enum hlv_lock {
#define X(name, mask, text) name = (mask),
	HLV_LOCKS(X)
#undef X
};
enum { HLV_LOCKS_ALL = 0x3F };

/* NULL for a number that is none. */
const char *hlv_state_name(unsigned state);
/* HLV_E_UNSUPPORTED for a text that is no name. */
enum hlv_err HLV_MUST_USE hlv_state_parse(struct hlv_bytes text, uint8_t *state);

/* Of one lock; NULL for a mask that is none. */
const char *hlv_lock_name(unsigned lock);
/* "client-delete,server-update" to masks and back; an empty text is no lock. */
enum hlv_err HLV_MUST_USE hlv_locks_parse(struct hlv_bytes text, uint16_t *locks);
void hlv_locks_print(struct hlv_buf *out, uint16_t locks);
