/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/engine_inner.h"

#include "proto/base/siphash.h"

/* Prefixes whose servers kept somebody waiting for a stale answer a moment ago: whoever asks for another
 * identifier under them, while the line is cut, gets his old answer at once and does not find out anew
 * (threats.md 7 "Serve stale"). One place for each hash; the loser of a place waits once more. */

static uint64_t hash_of(const struct engine *e, struct hlv_bytes key)
{
	return hlv_siphash(e->secret, hlv_name_split(key).prefix);
}

static struct quiet *place(struct engine *e, uint64_t hash)
{
	return &e->quiet[hash % QUIET_MAX];
}

bool quiet_is(struct engine *e, struct hlv_bytes key)
{
	uint64_t hash = hash_of(e, key);
	const struct quiet *q = place(e, hash);
	return q->until_ns > e->now.mono_ns && q->hash == hash;
}

void quiet_note(struct engine *e, struct hlv_bytes key)
{
	uint64_t hash = hash_of(e, key);
	*place(e, hash) = (struct quiet){hash, e->now.mono_ns + ENGINE_HOLD_S * ENGINE_S};
}

void quiet_clear(struct engine *e, struct hlv_bytes key)
{
	uint64_t hash = hash_of(e, key);
	struct quiet *q = place(e, hash);
	if (q->hash == hash)
		*q = (struct quiet){0};
}
