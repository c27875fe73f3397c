/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/cookie.h"

#include "proto/base/siphash.h"

enum {
	VERSION = 1,
	HEAD = 8, /* version, three of nothing, time */
	HASH = 8,
	AGE_MAX_S = 3600,
	AHEAD_MAX_S = 300, /* of another server's clock */
	AT_TIME = HLV_DNS_COOKIE_CLIENT + 4,
	AT_HASH = HLV_DNS_COOKIE_CLIENT + HEAD,
};

/* RFC 9018 4.4: over the client's part, ours before the hash, and the address. */
static void put_hash(const uint64_t secret[2], const uint8_t *cookie, const struct hlv_addr *a,
		     uint8_t out[HASH])
{
	uint8_t in[AT_HASH + 16];
	struct hlv_writer w = hlv_writer(in, sizeof in);
	hlv_put(&w, hlv_bytes(cookie, AT_HASH));
	if (a->sa.any.sa_family == AF_INET)
		hlv_put(&w, hlv_bytes(&a->sa.v4.sin_addr, 4));
	else
		hlv_put(&w, hlv_bytes(&a->sa.v6.sin6_addr, 16));
	uint64_t hash = hlv_siphash(secret, hlv_written(&w));
	for (size_t i = 0; i < HASH; i++)
		out[i] = (uint8_t)(hash >> 8 * i);
}

void hlv_dns_cookie_make(const uint64_t secret[2], const uint8_t client[HLV_DNS_COOKIE_CLIENT],
			 const struct hlv_addr *a, uint32_t now_s, uint8_t out[HLV_DNS_COOKIE])
{
	struct hlv_writer w = hlv_writer(out, HLV_DNS_COOKIE);
	hlv_put(&w, hlv_bytes(client, HLV_DNS_COOKIE_CLIENT));
	hlv_put_u32(&w, (uint32_t)VERSION << 24);
	hlv_put_u32(&w, now_s);
	put_hash(secret, out, a, out + AT_HASH);
}

bool hlv_dns_cookie_is_ours(const uint64_t secret[2], struct hlv_bytes cookie,
			    const struct hlv_addr *a, uint32_t now_s)
{
	uint8_t hash[HASH], differ = 0;
	if (cookie.n != HLV_DNS_COOKIE || cookie.p[HLV_DNS_COOKIE_CLIENT] != VERSION)
		return false;
	/* RFC 9018 4.3: serial arithmetic. */
	int32_t age = (int32_t)(now_s - hlv_load_u32(cookie.p + AT_TIME));
	if (age > AGE_MAX_S || age < -AHEAD_MAX_S)
		return false;
	put_hash(secret, cookie.p, a, hash);
	for (size_t i = 0; i < HASH; i++)
		differ |= hash[i] ^ cookie.p[AT_HASH + i];
	return differ == 0;
}
