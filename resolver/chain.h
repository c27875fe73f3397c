/* SPDX-License-Identifier: Apache-2.0
 *
 * The way from the root to an identifier's record, out of what the cache remembers of it: nobody is
 * asked, so explaining an answer costs no more than a few look-ups, whoever wants it. After a question
 * that was walked just now, it is all there.
 */
#pragma once
#include "resolver/cache.h"

/* `"steps":[...]`: root or configured start first, the responsible site last. `anchored`: is any anchor
 * believed? */
void chain_put(const struct walk_rules *rules, struct cache *cache, bool anchored,
	       struct hlv_bytes id, struct hlv_now now, struct hlv_arena *a,
	       struct hlv_buf *json);
