/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts that were read as RDATA lately, and what they are: a zone's SOA is asked for by every question
 * about what is not there, and reading text costs more than all else. Of fixed size, a worker's own.
 */
#pragma once
#include "proto/base/bytes.h"

struct hlv_dns_memo;

/* `secret` keys the places. NULL without memory. */
struct hlv_dns_memo *hlv_dns_memo_new(const uint64_t secret[2]);
void hlv_dns_memo_free(struct hlv_dns_memo *m);

/* RDATA of a record of `type`, until the next call; empty: not known. */
struct hlv_bytes hlv_dns_memo_get(struct hlv_dns_memo *m, uint16_t type, struct hlv_bytes text);
void hlv_dns_memo_put(struct hlv_dns_memo *m, uint16_t type, struct hlv_bytes text,
		      struct hlv_bytes rdata);
