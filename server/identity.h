/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of an identity, as far as this node holds them (protocol.md 8.1, 8.2): private values
 * too, since they never leave.
 */
#pragma once
#include "server/store.h"

/* More keys than this are not tried (threats.md 3, signature-check exhaustion). */
enum { IDENTITY_KEYS_MAX = 4 };

struct identity {
	bool here; /* its prefix is homed here: what is not found does not exist */
	struct hlv_value keys[IDENTITY_KEYS_MAX]; /* ascending index; borrow from the view */
	size_t n;
};

/* None of a record that is frozen, revoked or not yet in force.
 * The values of `type` (HS_PUBKEY, HS_SECKEY) at who->index, or all of them when that is 0. */
enum hlv_err HLV_MUST_USE identity_find(struct store *, struct store_view *,
					const struct hlv_ref *who, const char *type,
					struct identity *found);
