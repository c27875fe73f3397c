/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of the configuration (proto/net/conf.h) for DNS, struct dns_options: the same in both
 * daemons. AT(field) is the field's offset in the daemon's own options.
 */
#pragma once
#include "proto/net/conf.h"

struct dns_options {
	struct hlv_addrs listen;
	struct hlv_strings zones;
	char *key;
	uint64_t cache_octets;
};

/* clang-format off */
#define DNS_OPTION_ROWS(AT) \
	{"dns", HLV_OPT_ADDRS, AT(listen), "[ ]", 53, 0, NULL, \
	 "Addresses for DNS, UDP and TCP (docs/dns.md); changes need a restart, as of dns-*"}, \
	{"dns-zones", HLV_OPT_STRINGS, AT(zones), "[ ]", 0, 0, NULL, \
	 "Zones, and where their records are: \"hdl.example.cn 20.500.12345/dns\", or a view: " \
	 "\"id.example.cn identifiers 88.118.8 ns1.example.cn\""}, \
	{"dns-key", HLV_OPT_STRING, AT(key), "", 0, 0, NULL, \
	 "Private P-256 key that signs the zones (DNSSEC); their DS records are logged at start"}, \
	{"dns-cache", HLV_OPT_SIZE, AT(cache_octets), "32MiB", 1 << 16, (uint64_t)1 << 34, NULL, \
	 "Memory of each worker for finished DNS answers; signatures take about a third more"}
/* clang-format on */
