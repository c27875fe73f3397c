/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that writes to disk what the recursor's knows, so that no answer ever waits for a disk:
 * the cache every few seconds, the anchors when they have changed, again and again until it works.
 */
#pragma once
#include "resolver/keep.h"

struct keeper;
/* `keep` NULL: no cache is saved. NULL when the system has no more. */
struct keeper *keeper_start(struct keep *keep, struct cache *cache, const char *anchors_path);
/* Any thread. What the anchors' file shall hold from now on; copied. */
void keeper_put_anchors(struct keeper *k, struct hlv_bytes text);
/* Any thread. When the cache was saved once more, as it is now, `data_dir` shall hold these rules
 * (stricter.h). Both are copied. */
void keeper_put_rules(struct keeper *k, const char *data_dir, struct hlv_bytes text);
/* Any thread: how often the cache was saved. */
uint64_t keeper_saves(const struct keeper *k);
/* Saves once more. NULL is fine. */
void keeper_stop(struct keeper *k);
