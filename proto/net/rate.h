/* SPDX-License-Identifier: Apache-2.0
 *
 * Response rate limiting for UDP (threats.md 1): token buckets for each source address and for
 * the networks around it, kinds of answers counted apart, so that forged questions cannot turn us
 * against whom they name. A table of fixed size for each worker: no packet allocates anything,
 * and an attacker with many addresses only overwrites the oldest buckets.
 */
#pragma once
#include "proto/base/now.h"
#include "proto/net/addr.h"

struct hlv_rate;

enum hlv_rate_kind { HLV_RATE_ANSWER, HLV_RATE_NOT_FOUND, HLV_RATE_REFERRAL, HLV_RATE_ERROR };

enum hlv_rate_verdict {
	HLV_RATE_PASS,
	HLV_RATE_STUB, /* every second one above the limit: an honest asker comes by TCP */
	HLV_RATE_DROP,
};

/* `secret` keys the hash. NULL without memory. */
struct hlv_rate *hlv_rate_new(uint64_t secret);
void hlv_rate_free(struct hlv_rate *r);
/* Count one answer to `a`; `per_s` answers a second are allowed to one address, with a burst of
 * two and a half times that; 0: no limit. */
enum hlv_rate_verdict hlv_rate_take(struct hlv_rate *r, const struct hlv_addr *a,
				    enum hlv_rate_kind kind, uint32_t per_s,
				    struct hlv_now now);
