/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed answers, and a cache from the octets to be signed to the signature (decisions.md 7): an
 * RSA signature costs as much as a hundred answers. It helps where equal answers are equal
 * octets: retries, peers below 2.6 whose signatures do not cover the request id, and askers that
 * use an id again; docs/performance.md has what it is worth. One cache for each worker.
 */
#pragma once
#include "proto/base/writer.h"
#include "proto/sec/sign.h"

struct hlv_sign_cache;

/* NULL without memory. The key is borrowed. */
struct hlv_sign_cache *hlv_sign_cache_new(const struct hlv_key *key);
void hlv_sign_cache_free(struct hlv_sign_cache *cache);
/* Replace the "no credential" at the end of the message that begins at w->p + at. On failure the
 * message stays as it was, unsigned (protocol.md 5.1). */
void hlv_sign_cached(struct hlv_sign_cache *cache, struct hlv_writer *w, size_t at);
