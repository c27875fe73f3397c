/* SPDX-License-Identifier: Apache-2.0 */
#include "server/options.h"

#include "proto/net/limits.h"

#define AT(field) offsetof(struct server_options, field)
#define WEB(field) offsetof(struct server_options, web.field)
#define DNS(field) offsetof(struct server_options, dns.field)
#define LIMIT(field) offsetof(struct server_options, limits.field)

static const uint64_t TIB = UINT64_C(1) << 40, MIB = 1 << 20;

const struct hlv_option server_option_rows[] = {
	{"data-dir", HLV_OPT_STRING, AT(data_dir), NULL, 0, 0, NULL,
	 "Directory of the registry (made by helvectl init)"},
	{"listen", HLV_OPT_ADDRS, AT(listen), "[ \"127.0.0.1:2641\", \"[::1]:2641\" ]",
	 HLV_PORT, 0, NULL, "Addresses for the native protocol, UDP and TCP"},
	{"http", HLV_OPT_ADDRS, AT(http), "[ ]", 8000, 0, NULL,
	 "Addresses for HTTP and HTTPS, told apart by the first octet"},
	{"workers", HLV_OPT_UINT, AT(workers), "0", 0, 256, NULL,
	 "Threads that answer; 0: one for each core"},
	{"control", HLV_OPT_STRING, AT(control), "", 0, 0, NULL,
	 "Control socket for helvectl; default: helved.sock beside data-dir"},
	{"site", HLV_OPT_STRING, AT(site), "", 0, 0, NULL,
	 "Site record of this node; default: site.bin beside data-dir"},
	{"key", HLV_OPT_STRING, AT(key), "", 0, 0, NULL,
	 "Private key that signs answers; default: keys/privkey.bin beside data-dir"},
	{"key-passphrase-file", HLV_OPT_STRING, AT(key_passphrase_file), "", 0, 0, NULL,
	 "File whose first line opens an encrypted key"},
	{"tls", HLV_OPT_BOOL, AT(tls), "true", 0, 0, NULL,
	 "TLS on the TCP ports, told from the native protocol by the first octet"},
	{"tls-certificate", HLV_OPT_STRING, AT(tls_certificate), "", 0, 0, NULL,
	 "Certificates for the node's key, in PEM; default: one that the key signs itself"},
	{"server-number", HLV_OPT_UINT, AT(server_number), "1", 1, 64, NULL,
	 "Which of the site's servers this is, counted from 1"},
	{"user", HLV_OPT_STRING, AT(user), "", 0, 0, NULL,
	 "Account to change to after sockets, keys and registry are open"},
	{"log-level", HLV_OPT_CHOICE, AT(log_level), "info", 0, 0, "error warn info debug",
	 "What is logged to standard error"},
	{"log-format", HLV_OPT_CHOICE, AT(log_format), "text", 0, 0, "text json journald",
	 "How: lines of text, an object a line, or systemd's journal with a field for each "
	 "key"},
	{"map-size", HLV_OPT_SIZE, AT(map_size), "64GiB", 16 * MIB, 64 * TIB, NULL,
	 "Address space kept for the registry; grows by itself"},
	{"server-admins", HLV_OPT_REFS, AT(server_admins), "[ ]", 0, 0, NULL,
	 "Identities that may do everything here, home prefixes and run the node"},
	{"home-only-admins", HLV_OPT_REFS, AT(home_only_admins), "[ ]", 0, 0, NULL,
	 "Identities that may home and unhome prefixes"},
	{"backup-admins", HLV_OPT_REFS, AT(backup_admins), "[ ]", 0, 0, NULL,
	 "Identities that may ask for a checkpoint (operation 1003)"},
	{"replication-admins", HLV_OPT_REFS, AT(replication_admins), "[ ]", 0, 0, NULL,
	 "Identities that may keep copies of the prefixes here (helver's option copy)"},
	{"prefix-admins", HLV_OPT_BOOL, AT(prefix_admins), "true", 0, 0, NULL,
	 "Administrators of a prefix may create identifiers under it"},
	{"list-handles", HLV_OPT_BOOL, AT(list_handles), "true", 0, 0, NULL,
	 "Whether administrators may list the identifiers of a prefix"},
	{"allow-legacy", HLV_OPT_BOOL, AT(allow_legacy), "false", 0, 0, NULL,
	 "Accept the MD5 and SHA-1 proofs of clients older than protocol 2.7"},
	{"undo-days", HLV_OPT_UINT, AT(undo_days), "7", 0, 36500, NULL,
	 "Days that deleted and changed records can be brought back"},
	{"index-types", HLV_OPT_STRINGS, AT(index_types), "[ ]", 0, 0, NULL,
	 "Types whose values can be searched for, like URL or gs1:*; types that "
	 "come are entered while the node answers, also after a reload"},
	{"parent", HLV_OPT_STRING, AT(parent), "", 0, 0, NULL,
	 "Site record of the node above, asked for identities that live elsewhere; default: "
	 "parent.json beside data-dir"},
	{"allow-recursion", HLV_OPT_NETS, AT(allow_recursion), "[ ]", 0, 0, NULL,
	 "Networks for which identifiers that are not here are looked up elsewhere"},
	{"root", HLV_OPT_STRING, AT(root), "", 0, 0, NULL,
	 "Site record where such a look-up begins; default: the parent's, without one our own"},
	WEB_OPTION_ROWS(WEB),
	{"schemes", HLV_OPT_STRINGS, AT(schemes), "[ ]", 0, 0, NULL, HLV_SCHEMES_HELP},
	DNS_OPTION_ROWS(DNS),
	HLV_LIMIT_ROWS(LIMIT, "[ 127.0.0.0/8, \"::1/128\" ]")};

const size_t server_option_count = sizeof server_option_rows / sizeof *server_option_rows;
