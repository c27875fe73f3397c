/* SPDX-License-Identifier: Apache-2.0
 *
 * What must outlive the process: the cache, so that a power cut while the WAN is down does not empty
 * the factory. LMDB in a directory of its own; keep.c is its door. Every stored finding carries a CRC;
 * what fails it is left out and counted. The cache can be had again from upstream: a file that is not
 * LMDB's, is cut short, or has a single damaged place is set aside and a new one begun, with what could
 * be read.
 */
#pragma once
#include "proto/base/writer.h"
#include "resolver/cache.h"

struct keep;
enum { KEEP_WHY = 256 };

/* `dir` is made when it is not there; `map_size` 0: a GiB, and it grows. HLV_E_BUSY: another helver
 * uses it. `why`: KEEP_WHY octets; a line also with HLV_OK when something was set aside. */
enum hlv_err HLV_MUST_USE keep_open(const char *dir, uint64_t map_size, struct keep **out,
				    char *why);
void keep_close(struct keep *k);

/* Everything that is stored and not past its stale time, into the cache, as far as it has room: the
 * most used first, as in eviction. From then on the cache notes what changes. */
enum hlv_err HLV_MUST_USE keep_load(struct keep *k, struct cache *c, struct hlv_now now,
				    size_t *loaded, size_t *damaged);
/* What was put since the last time, durably, in transactions of some MiB; entries that are gone
 * from the cache by then are removed. Called every few seconds by a thread that may wait, and at the
 * end. HLV_E_FULL, HLV_E_IO: what could not be stored is tried again the next time. */
enum hlv_err HLV_MUST_USE keep_save(struct keep *k, struct cache *c, struct hlv_now now,
				    size_t *saved);

/* Where the last HLV_E_* of keep_save() came from, for people. */
const char *keep_why(const struct keep *k);

/* One finding as octets: also the form of helvectl cache dump and load. Decoding checks it as if it
 * came from a stranger, and makes its proven finding by prove(): what stands in it about its proof
 * is to be believed as far as whoever gave the octets. Borrows. */
enum { FINDING_FIXED = 4 + 8 + 5 * 4 + 4 + 4 };
void finding_encode(struct hlv_writer *w, const struct cache_entry *e);
enum hlv_err HLV_MUST_USE finding_decode(struct hlv_bytes octets, struct cache_entry *e);
