/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept was judged by the rules of its day. When a prefix comes under a rule that asks for more
 * (must-sign, or an anchor of its own), what is remembered of it and of all below goes, so that
 * nothing is shown that today's rules would call bogus (threats.md 7, R7). Which rules the cache was
 * last swept for stands in data-dir/rules, since the cache outlives the process too.
 */
#pragma once
#include "proto/base/buf.h"
#include "resolver/cache.h"

/* On the thread that owns `anchors`. Returns how many findings went. They went from memory: until the
 * cache has been saved they are on the disk, and back after a power cut. So the file says no more than
 * what held before too, and `rules_now` is what stricter_write() shall make of it once the cache is saved. */
size_t stricter_apply(const char *data_dir, const struct validate_rules *rules,
		      const struct anchors *anchors, struct cache *cache,
		      struct hlv_buf *rules_now);
/* Logs when it does not succeed; then the cache is swept again after the next start. */
void stricter_write(const char *data_dir, struct hlv_bytes rules_now);
