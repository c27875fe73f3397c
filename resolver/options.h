/* SPDX-License-Identifier: Apache-2.0
 *
 * helver's configuration: one row for each option (proto/net/conf.h).
 */
#pragma once
#include "proto/dns/options.h"
#include "proto/net/front.h"
#include "proto/net/schemes.h"
#include "proto/web/options.h"

struct resolver_options {
	char *data_dir;
	struct hlv_addrs listen, http;
	uint32_t workers;
	char *control, *user, *log_level, *log_format;
	char *root;		   /* site record of the root, site.json or binary */
	char *root_domain;	   /* whose DNS records say where the root is; empty: none */
	struct hlv_addrs root_dns; /* DNS servers that are asked; none: the system's */
	struct hlv_strings dns_anchor; /* DS or DNSKEY records */
	char *anchors;		       /* file; default: anchors.json in data-dir */
	bool insecure;		       /* run without any anchor */
	struct web_options web;
	struct dns_options dns;
	struct hlv_limits limits;
	/* who may ask, what is answered without asking anybody */
	struct hlv_nets allow_query;
	char *overrides; /* JSON Lines of records; empty: none */
	char *block;	 /* identifiers and prefixes, one a line; empty: none */
	char *block_answer;
	/* "88.118 192.0.2.1:2641 [site.json]", "88.118.8 site.json", "88.118.8 [300:0.NA/88.118.8]" */
	struct hlv_strings forward, stub, must_sign, copy;
	char *copy_identity, *copy_key;
	uint32_t copy_interval_s, copy_max_age_s;
	struct hlv_nets
		upstream_nets; /* addresses in records that may be asked, whatever class */
	char *unsigned_policy, *trusted;
	/* the cache */
	uint64_t cache_octets;
	uint32_t ttl_min_s, ttl_max_s, negative_ttl_max_s, stale_s, prefetch_hits;
	bool follow_aliases;
	struct hlv_strings schemes;
	struct hlv_schemes scheme_rules; /* made of them */
};

extern const struct hlv_option resolver_option_rows[];
extern const size_t resolver_option_count;
