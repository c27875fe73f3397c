/* SPDX-License-Identifier: Apache-2.0 */
#include "server/options.h"

#define AT(field) offsetof(struct server_options, field)
#define LIMIT(field) offsetof(struct server_options, limits.field)

static const uint64_t TIB = UINT64_C(1) << 40, MIB = 1 << 20;

const struct hlv_option server_option_rows[] = {
	{"data-dir", HLV_OPT_STRING, AT(data_dir), NULL, 0, 0, NULL,
	 "Directory of the registry (made by helvectl init)"},
	{"listen", HLV_OPT_ADDRS, AT(listen), "[ \"127.0.0.1:2641\", \"[::1]:2641\" ]",
	 HLV_PORT, 0, NULL, "Addresses for the native protocol, UDP and TCP"},
	{"http", HLV_OPT_ADDRS, AT(http), "[ ]", 8000, 0, NULL,
	 "Addresses for HTTP; kept for the HTTP front end, which is not built yet"},
	{"dns", HLV_OPT_ADDRS, AT(dns), "[ ]", 53, 0, NULL,
	 "Addresses for DNS; kept for the DNS front end, which is not built yet"},
	{"workers", HLV_OPT_UINT, AT(workers), "0", 0, 256, NULL,
	 "Threads that answer; 0: one for each core"},
	{"control", HLV_OPT_STRING, AT(control), "", 0, 0, NULL,
	 "Control socket; kept for live administration"},
	{"site", HLV_OPT_STRING, AT(site), "", 0, 0, NULL,
	 "Site record of this node; default: site.bin beside data-dir"},
	{"key", HLV_OPT_STRING, AT(key), "", 0, 0, NULL,
	 "Private key that signs answers; default: keys/privkey.bin beside data-dir"},
	{"key-passphrase-file", HLV_OPT_STRING, AT(key_passphrase_file), "", 0, 0, NULL,
	 "File whose first line opens an encrypted key"},
	{"server-number", HLV_OPT_UINT, AT(server_number), "1", 1, 64, NULL,
	 "Which of the site's servers this is, counted from 1"},
	{"user", HLV_OPT_STRING, AT(user), "", 0, 0, NULL,
	 "Account to change to after sockets, keys and registry are open"},
	{"log-level", HLV_OPT_CHOICE, AT(log_level), "info", 0, 0, "error warn info debug",
	 "What is logged to standard error"},
	{"map-size", HLV_OPT_SIZE, AT(map_size), "64GiB", 16 * MIB, 64 * TIB, NULL,
	 "Address space kept for the registry; grows by itself"},
	{"trusted-net", HLV_OPT_NETS, LIMIT(trusted), "[ 127.0.0.0/8, \"::1/128\" ]", 0, 0,
	 NULL,
	 "Networks whose source addresses are believed: long answers by UDP, no limit per "
	 "source"},
	{"udp-answer-max", HLV_OPT_UINT, LIMIT(udp_answer_max), "16384", 512, 65536, NULL,
	 "Octets of an answer by UDP to a believed source; longer ones go by TCP"},
	{"rate-limit", HLV_OPT_UINT, LIMIT(rate), "50", 0, 4000, NULL,
	 "Answers a second by UDP to one unverified address, and of each kind; 0: no limit"},
	{"rate-limit-verified", HLV_OPT_UINT, LIMIT(rate_verified), "2000", 0, 4000, NULL,
	 "The same to an address that has completed a TCP exchange in the last ten minutes"},
	{"rate-limit-trusted", HLV_OPT_UINT, LIMIT(rate_trusted), "0", 0, 4000, NULL,
	 "The same to an address of trusted-net"},
	{"tcp-connections", HLV_OPT_UINT, LIMIT(tcp_connections), "4096", 16, 1000000, NULL,
	 "Connections of one worker; when full the longest idle one makes room"},
	{"tcp-per-source", HLV_OPT_UINT, LIMIT(tcp_per_source), "64", 1, 60000, NULL,
	 "Connections of one source address (IPv6: /64) that is not trusted, for each worker"},
	{"tcp-requests", HLV_OPT_UINT, LIMIT(tcp_requests), "1000000", 1, UINT32_MAX, NULL,
	 "Requests of one connection, then it is closed"},
	{"tcp-first-timeout", HLV_OPT_UINT, LIMIT(tcp_first_s), "5", 1, 3600, NULL,
	 "Seconds until the first message of a connection"},
	{"tcp-message-timeout", HLV_OPT_UINT, LIMIT(tcp_message_s), "10", 1, 3600, NULL,
	 "Seconds from a message's first octet to its last"},
	{"tcp-idle-timeout", HLV_OPT_UINT, LIMIT(tcp_idle_s), "30", 1, 3600, NULL,
	 "Seconds that a kept connection may rest; 5 when four fifths of all are taken"},
	{"tcp-sdk-idle-timeout", HLV_OPT_UINT, LIMIT(tcp_sdk_idle_s), "630", 1, 7200, NULL,
	 "The same for the national SDK's pools, which rest up to 600 s"},
	{"tcp-stall-timeout", HLV_OPT_UINT, LIMIT(tcp_stall_s), "10", 1, 3600, NULL,
	 "Seconds that a peer may leave answers unread"},
	{"tcp-life", HLV_OPT_UINT, LIMIT(tcp_life_s), "3600", 10, 86400, NULL,
	 "Seconds that a connection may live"},
};

const size_t server_option_count = sizeof server_option_rows / sizeof *server_option_rows;
