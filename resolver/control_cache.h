/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache's verbs on the control socket (docs/protocol.md, HELVE_CONTROL): the verb as it came, its
 * arguments as JSON, and the answer as JSON.
 *
 *   cache stats  {}                          {"entries":N,"octets":N,...,"max":N}
 *   cache show   {"pattern":P,"place":C}     {"entries":[{"id":..},..],"place":C}
 *   cache dump   {"pattern":P,"place":C}     the same, each with "finding": its octets, base64
 *   cache load   {"entries":["base64",..]}   {"read":N,"refused":N,"taken":N}; refused: unreadable, or
 *                                            unsigned where a rule asks for a signature
 *   cache flush  {"pattern":P}               {"flushed":N}
 *
 * With "place" in an answer there is more (also when it holds no entry): ask again with it. Each
 * entry is one line of the answer. "omitted": entries too large for any answer.
 */
#pragma once
#include "proto/net/json_tree.h"
#include "resolver/cache.h"

enum { CONTROL_CACHE_OCTETS = 100000, CONTROL_CACHE_WHY = 240 };

/* Is it one of ours? */
bool control_cache_has(struct hlv_bytes verb);
/* May what is known of `key` with this proof be shown, by the rules of now (threats.md 7, R7)? A dump may
 * come from a resolver that has others. */
struct control_rules {
	bool (*fits)(void *ctx, struct hlv_bytes key, enum proof proof);
	void *ctx;
};
/* `args` NULL: none. HLV_E_USAGE with a line in `why` (CONTROL_CACHE_WHY octets) for what makes no
 * sense; HLV_E_UNSUPPORTED: no such verb; HLV_E_NOMEM. Waits for nothing but the cache's locks; may take some tens of milliseconds. */
enum hlv_err HLV_MUST_USE control_cache(struct cache *c, const struct control_rules *rules,
					struct hlv_bytes verb, const struct hlv_json_node *args,
					struct hlv_now now, struct hlv_buf *out, char *why);
