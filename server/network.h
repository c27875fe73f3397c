/* SPDX-License-Identifier: Apache-2.0
 *
 * Where somebody speaks from, as the tables of challenges, sessions and wrong answers compare it:
 * the address or the first bits of it. An IPv4 address inside IPv6 (::ffff:a.b.c.d) is IPv4. A
 * local socket has no network; `family` is 0 then.
 */
#pragma once
#include "proto/net/addr.h"

/* Without padding, so that it may be compared and hashed as octets. */
struct network {
	uint8_t family; /* 4, 6, or 0 */
	uint8_t octets[16];
};

/* The first `v4` or `v6` octets of the address count. */
struct network network_of(const struct hlv_addr *a, size_t v4, size_t v6);
bool network_eq(const struct network *a, const struct network *b);
