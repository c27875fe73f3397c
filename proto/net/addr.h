/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket addresses: "127.0.0.1:2641", "[::1]:2641" as text, and as what the sockets want.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "proto/base/err.h"
#include "proto/base/now.h"

struct hlv_addr {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa;
	socklen_t len; /* 0: none */
};

enum { HLV_ADDR_TEXT = 64 };

/* "A", "A:P", "[A]:P", ":P", "localhost"; names other than localhost are HLV_E_USAGE. The port
 * is `port` when the text has none. */
enum hlv_err HLV_MUST_USE hlv_addr_parse(const char *text, uint16_t port, struct hlv_addr *a);
/* "127.0.0.1:2641", "[::1]:2641" into `out` (HLV_ADDR_TEXT octets); returns `out`. */
char *hlv_addr_print(const struct hlv_addr *a, char *out);
uint16_t hlv_addr_port(const struct hlv_addr *a);
bool hlv_addr_is_loopback(const struct hlv_addr *a);
bool hlv_addr_eq(const struct hlv_addr *a, const struct hlv_addr *b);
/* Address octets as a site record has them (IPv4 behind 12 zeros), and back. */
void hlv_addr_to_site(const struct hlv_addr *a, uint8_t out[16]);
void hlv_addr_from_site(const uint8_t address[16], uint16_t port, struct hlv_addr *a);

/* The clocks, read here and nowhere below. */
struct hlv_now hlv_clock(void);
/* Its monotonic half alone. */
hlv_mono_ns hlv_clock_mono(void);
