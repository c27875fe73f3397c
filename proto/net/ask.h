/* SPDX-License-Identifier: Apache-2.0
 *
 * A question of a front end that speaks no native octets: it becomes the same exchange as everybody's,
 * so HTTP, DNS and the native protocol get one answer. Who asks is in the peer; the answer comes to a
 * function, on the worker's own thread.
 */
#pragma once
#include "proto/net/front.h"

/* Called once for each message of the answer, perhaps before hlv_ask() returns. x->rs may borrow from
 * the service's view: what is needed later is copied. While x->more is set the next message comes
 * after hlv_ask_more(x), or never after hlv_ask_drop(x); one of the two must be called, here or later.
 * Else x is gone when this returns. */
typedef void hlv_answered(struct hlv_exchange *x, void *ctx);

/* `rq`: op, flags (rq->m.hdr) and what the operation wants; ids and versions are filled in here.
 * Everything is copied, but what the peer points to (claim, certificate, logins) must live until the
 * last message. Without memory the answer is HLV_RC_ERROR. */
void hlv_ask(struct hlv_front *front, const struct hlv_peer *peer, struct hlv_now now,
	     const struct hlv_request *rq, hlv_answered *answered, void *ctx);
void hlv_ask_more(struct hlv_exchange *x);
void hlv_ask_drop(struct hlv_exchange *x);

/* A whole native message with its envelope, which came in another wrapping (protocol.md 15.1). False: it
 * is nothing that anybody answers (`answered` is not called). The answer is encoded by
 * hlv_native_encode() with front->service. */
bool HLV_MUST_USE hlv_ask_native(struct hlv_front *front, const struct hlv_peer *peer,
				 struct hlv_now now, struct hlv_bytes message,
				 hlv_answered *answered, void *ctx);

/* The worker's end. */
void hlv_ask_free(struct hlv_front *front);
