/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS cookies (RFC 7873) in the form that servers share (RFC 9018): who brings back what we sent him is
 * where he says he is.
 */
#pragma once
#include "proto/base/writer.h"
#include "proto/dns/query.h"
#include "proto/net/addr.h"

enum { HLV_DNS_COOKIE = HLV_DNS_COOKIE_CLIENT + HLV_DNS_COOKIE_SERVER };

/* The client's part and ours. */
void hlv_dns_cookie_make(const uint64_t secret[2], const uint8_t client[HLV_DNS_COOKIE_CLIENT],
			 const struct hlv_addr *a, uint32_t now_s, uint8_t out[HLV_DNS_COOKIE]);
/* Did we make it, for this address, in the last hour? */
bool hlv_dns_cookie_is_ours(const uint64_t secret[2], struct hlv_bytes cookie,
			    const struct hlv_addr *a, uint32_t now_s);
