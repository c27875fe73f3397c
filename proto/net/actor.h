/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread that owns some state and is spoken to by mail alone. It opens what mail there is, then
 * works a round: so whatever came while the last round worked is one batch of the next.
 */
#pragma once
#include <stdbool.h>

#include "proto/base/now.h"
#include "proto/net/mailbox.h"

struct hlv_actor;

/* After the mail that was there has been opened (`ctx` is what it is opened with), and at least
 * once a second. Return true to be called again at once, even without mail. */
typedef bool hlv_actor_round(void *ctx, struct hlv_now now);

/* `name`: of the thread, at most 15 octets. NULL when the system has no more. */
struct hlv_actor *hlv_actor_start(const char *name, hlv_actor_round *round, void *ctx);
struct hlv_mailbox *hlv_actor_mailbox(struct hlv_actor *a);
/* Run `fn(ctx, arg)` on its thread, between two rounds, and wait until it has. */
void hlv_actor_call(struct hlv_actor *a, void (*fn)(void *ctx, void *arg), void *arg);
/* Open what mail is left, work one last round, end, free. Nobody may post any more. */
void hlv_actor_stop(struct hlv_actor *a);
