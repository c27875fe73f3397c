/* SPDX-License-Identifier: Apache-2.0
 *
 * Bearer tokens (rest-clients.md 3): who it is, how and by what he has proven it and until when, under a
 * MAC of this process. Nothing is kept for them, so they cannot be called back one by one: they live for
 * the option http-token-life, and end with the process, or with the key that proved them (which is for
 * the service to see).
 */
#pragma once
#include "proto/web/web.h"

struct web_token {
	struct hlv_ref who;
	enum web_how how;
	uint64_t expires_s; /* since 1970 */
	struct hlv_proven proven;
};

/* Its text, at the end of `out` (b->bad without memory). */
void web_token_put(struct hlv_buf *out, const struct web *web, const struct web_token *token);
/* False: none of ours, or over. The handle is in the arena. */
bool web_token_open(const struct web *web, struct hlv_bytes text, struct hlv_now now,
		    struct hlv_arena *a, struct web_token *token);
