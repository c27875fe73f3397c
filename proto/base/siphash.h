/* SPDX-License-Identifier: Apache-2.0
 *
 * SipHash-2-4 (Aumasson, Bernstein 2012): a short keyed hash for tables whose keys come from
 * peers. Who does not know the secret cannot choose keys that meet in one bucket.
 */
#pragma once
#include "proto/base/bytes.h"

uint64_t hlv_siphash(const uint64_t secret[2], struct hlv_bytes b);
/* SipHash-1-3: half the rounds. For tables whose hashes nobody but the table sees; what goes out
 * of the process (tags, tickets) is made by the one above. */
uint64_t hlv_siphash_1_3(const uint64_t secret[2], struct hlv_bytes b);
