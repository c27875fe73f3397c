/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool parse_port(const char *text, uint16_t *port)
{
	unsigned n = 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (unsigned)(*text - '0');
		if (n > UINT16_MAX)
			return false;
	}
	*port = (uint16_t)n;
	return true;
}

static bool set_host(const char *host, uint16_t port, struct hlv_addr *a)
{
	*a = (struct hlv_addr){0};
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &a->sa.v4.sin_addr) == 1) {
		a->sa.v4.sin_family = AF_INET;
		a->sa.v4.sin_port = htons(port);
		a->len = sizeof a->sa.v4;
		return true;
	}
	if (inet_pton(AF_INET6, host, &a->sa.v6.sin6_addr) == 1) {
		a->sa.v6.sin6_family = AF_INET6;
		a->sa.v6.sin6_port = htons(port);
		a->len = sizeof a->sa.v6;
		return true;
	}
	return false;
}

enum hlv_err hlv_addr_parse(const char *text, uint16_t port, struct hlv_addr *a)
{
	char host[HLV_ADDR_TEXT];
	size_t n = strlen(text);
	if (n == 0 || n >= sizeof host)
		return HLV_E_USAGE;
	memcpy(host, text, n + 1);

	char *start = host, *after = NULL;
	char *colon = strchr(host, ':');
	if (host[0] == '[') {
		start = host + 1;
		after = strchr(host, ']');
		if (!after)
			return HLV_E_USAGE;
		*after++ = '\0';
		if (!strchr(start, ':'))
			return HLV_E_USAGE; /* brackets are for IPv6 */
	} else if (colon && !strchr(colon + 1, ':')) {
		after = colon;
	}
	if (after && *after) {
		if (*after != ':' || !parse_port(after + 1, &port))
			return HLV_E_USAGE;
		*after = '\0';
	}
	/* ":2641" is a port of this machine. */
	return set_host(*start ? start : "localhost", port, a) ? HLV_OK : HLV_E_USAGE;
}

char *hlv_addr_print(const struct hlv_addr *a, char *out)
{
	char host[INET6_ADDRSTRLEN] = "-";
	if (a->len && a->sa.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->sa.v4.sin_addr, host, sizeof host);
		snprintf(out, HLV_ADDR_TEXT, "%s:%u", host, hlv_addr_port(a));
	} else if (a->len) {
		inet_ntop(AF_INET6, &a->sa.v6.sin6_addr, host, sizeof host);
		snprintf(out, HLV_ADDR_TEXT, "[%s]:%u", host, hlv_addr_port(a));
	} else {
		snprintf(out, HLV_ADDR_TEXT, "-");
	}
	return out;
}

uint16_t hlv_addr_port(const struct hlv_addr *a)
{
	return ntohs(a->sa.any.sa_family == AF_INET6 ? a->sa.v6.sin6_port : a->sa.v4.sin_port);
}

bool hlv_addr_is_loopback(const struct hlv_addr *a)
{
	const struct in6_addr *v6 = &a->sa.v6.sin6_addr;
	if (a->sa.any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(v6) ||
		       (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
	return ntohl(a->sa.v4.sin_addr.s_addr) >> 24 == 127;
}

bool hlv_addr_eq(const struct hlv_addr *a, const struct hlv_addr *b)
{
	if (a->sa.any.sa_family != b->sa.any.sa_family || hlv_addr_port(a) != hlv_addr_port(b))
		return false;
	if (a->sa.any.sa_family == AF_INET)
		return a->sa.v4.sin_addr.s_addr == b->sa.v4.sin_addr.s_addr;
	return memcmp(&a->sa.v6.sin6_addr, &b->sa.v6.sin6_addr, 16) == 0;
}

void hlv_addr_to_site(const struct hlv_addr *a, uint8_t out[16])
{
	memset(out, 0, 16);
	if (a->sa.any.sa_family == AF_INET)
		memcpy(out + 12, &a->sa.v4.sin_addr, 4);
	else
		memcpy(out, &a->sa.v6.sin6_addr, 16);
}

void hlv_addr_from_site(const uint8_t address[16], uint16_t port, struct hlv_addr *a)
{
	static const uint8_t zeros[12], mapped[12] = {[10] = 0xFF, [11] = 0xFF};
	static const uint8_t one[4] = {0, 0, 0, 1};
	*a = (struct hlv_addr){0};
	/* ::1 is twelve zeros and 0.0.0.1: nobody's IPv4 address, everybody's loopback. */
	bool v4 = (memcmp(address, zeros, 12) == 0 && memcmp(address + 12, one, 4) != 0) ||
		  memcmp(address, mapped, 12) == 0;
	if (v4) {
		a->sa.v4.sin_family = AF_INET;
		a->sa.v4.sin_port = htons(port);
		memcpy(&a->sa.v4.sin_addr, address + 12, 4);
		a->len = sizeof a->sa.v4;
		return;
	}
	a->sa.v6.sin6_family = AF_INET6;
	a->sa.v6.sin6_port = htons(port);
	memcpy(&a->sa.v6.sin6_addr, address, 16);
	a->len = sizeof a->sa.v6;
}

hlv_mono_ns hlv_clock_mono(void)
{
	struct timespec mono;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (uint64_t)mono.tv_sec * 1000000000U + (uint64_t)mono.tv_nsec;
}

struct hlv_now hlv_clock(void)
{
	struct timespec mono, wall;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (struct hlv_now){
		.mono_ns = (uint64_t)mono.tv_sec * 1000000000U + (uint64_t)mono.tv_nsec,
		.wall_ms = (uint64_t)wall.tv_sec * 1000U + (uint64_t)wall.tv_nsec / 1000000U,
	};
}
