/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept was judged by the rules of its day. When a prefix comes under a rule that asks for more
 * (must-sign, or an anchor of its own), what is remembered of it and of all below goes, so that
 * nothing is shown that today's rules would call bogus (threats.md 7, R7). Which rules the cache was
 * last swept for stands in data-dir/rules, since the cache outlives the process too.
 */
#pragma once
#include "resolver/cache.h"

/* On the thread that owns `anchors`. Returns how many findings went. */
size_t stricter_apply(const char *data_dir, const struct validate_rules *rules,
		      const struct anchors *anchors, struct cache *cache);
