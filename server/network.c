/* SPDX-License-Identifier: Apache-2.0 */
#include "server/network.h"

#include <string.h>

struct network network_of(const struct hlv_addr *a, size_t v4, size_t v6)
{
	struct network net = {0};
	if (a->len == 0)
		return net;
	if (a->sa.any.sa_family == AF_INET) {
		net.family = 4;
		memcpy(net.octets, &a->sa.v4.sin_addr, v4);
	} else if (a->sa.any.sa_family == AF_INET6) {
		const struct in6_addr *in = &a->sa.v6.sin6_addr;
		bool mapped = IN6_IS_ADDR_V4MAPPED(in);
		net.family = mapped ? 4 : 6;
		memcpy(net.octets, in->s6_addr + (mapped ? 12 : 0), mapped ? v4 : v6);
	}
	return net;
}

bool network_eq(const struct network *a, const struct network *b)
{
	return a->family == b->family && memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}
