/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources whose address is known to be real, because they completed a TCP exchange in the last
 * ten minutes: only they get answers of several datagrams (threats.md 1). One table of fixed size
 * for all workers, since TCP and UDP of one client rarely meet on the same worker; entries are
 * single words written and read relaxed, and a lost one costs a client one TCP round trip.
 */
#pragma once
#include "proto/base/now.h"
#include "proto/net/addr.h"

struct hlv_verified;

/* `secret` keys the hash, so that nobody can aim at another's slot. NULL without memory. */
struct hlv_verified *hlv_verified_new(uint64_t secret);
void hlv_verified_free(struct hlv_verified *v);
void hlv_verified_put(struct hlv_verified *v, const struct hlv_addr *a, struct hlv_now now);
bool hlv_verified_has(const struct hlv_verified *v, const struct hlv_addr *a,
		      struct hlv_now now);
