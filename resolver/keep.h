/* SPDX-License-Identifier: Apache-2.0
 *
 * What must outlive the process: the cache, so that a power cut while the WAN is down does not empty
 * the factory, and local copies of prefixes (copy.h). LMDB in data-dir; this and keep_lmdb.c are its
 * door in this room. Every stored finding carries a CRC; what fails it is left out and counted.
 */
#pragma once
#include "resolver/cache.h"

struct keep;
enum { KEEP_WHY = 256 };

/* HLV_E_BUSY: another helver uses it. `why`: KEEP_WHY octets. */
enum hlv_err HLV_MUST_USE keep_open(const char *dir, uint64_t map_size, struct keep **out,
				    char *why);
void keep_close(struct keep *k);

/* Everything that is stored and not past its stale time, into the cache. */
enum hlv_err HLV_MUST_USE keep_load(struct keep *k, struct cache *c, struct hlv_now now,
				    size_t *loaded, size_t *damaged);
/* What was put since the last time, in one durable transaction; entries that are gone from the
 * cache by then are removed. Called every few seconds by a thread that may wait, and at the end. */
enum hlv_err HLV_MUST_USE keep_save(struct keep *k, struct cache *c, struct hlv_now now,
				    size_t *saved);

/* One finding as octets: also the form of helvectl cache dump and load. */
void finding_encode(struct hlv_writer *w, const struct cache_entry *e);
enum hlv_err HLV_MUST_USE finding_decode(struct hlv_bytes octets, struct cache_entry *e);
