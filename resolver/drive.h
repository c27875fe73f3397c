/* SPDX-License-Identifier: Apache-2.0
 *
 * A walk for programs that may wait: hdig +trace, and the thread of helved that looks for keys. Each
 * question goes out by hlv_client_ask(), one server after the other.
 */
#pragma once
#include "resolver/walk.h"

/* Until WALK_DONE or the budget's end; asks `stop(ctx)` (or NULL) before each question. */
void walk_drive(struct walk *w, bool (*stop)(void *ctx), void *ctx);
