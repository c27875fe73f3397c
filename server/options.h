/* SPDX-License-Identifier: Apache-2.0
 *
 * helved's configuration: one row for each option (options.c), read into this struct.
 */
#pragma once
#include "proto/dns/options.h"
#include "proto/net/conf.h"
#include "proto/net/front.h"
#include "proto/net/schemes.h"
#include "proto/web/options.h"

struct server_options {
	char *data_dir;
	struct hlv_addrs listen, http;
	uint32_t workers;
	char *control;
	char *site, *key, *key_passphrase_file;
	uint32_t server_number;
	char *user;
	char *log_level, *log_format;
	uint64_t map_size;
	struct hlv_refs server_admins, home_only_admins, backup_admins, replication_admins;
	bool allow_legacy, list_handles, prefix_admins;
	uint32_t undo_days;
	struct hlv_strings index_types;
	char *parent, *root;
	struct hlv_nets allow_recursion;
	bool tls;
	char *tls_certificate;
	struct web_options web;
	struct hlv_strings schemes;
	struct hlv_schemes scheme_rules; /* made of them */
	struct dns_options dns;
	struct hlv_limits limits;
};

extern const struct hlv_option server_option_rows[];
extern const size_t server_option_count;
