/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of the configuration (proto/net/conf.h) for HTTP, struct web_options: the same in both
 * daemons. AT(field) is the field's offset in the daemon's own options.
 */
#pragma once
#include "proto/net/conf.h"
#include "proto/sec/key.h"

struct hlv_schemes;

struct web_options {
	const struct hlv_schemes
		*schemes;     /* the daemon's option, as rules; set by its main.c */
	char *cleartext_auth; /* "never", "loopback" */
	uint32_t token_life_s;
	/* The node's own, which signs what it says of itself; NULL: none. No row's: whoever reads
	 * the options sets it. */
	const struct hlv_key *key;
	struct hlv_strings hosts;
	char *origin; /* "" or "https://host[:port]" */
	uint32_t requests, min_rate;
	struct hlv_nets metrics_net;
};

/* clang-format off */
#define WEB_OPTION_ROWS(AT) \
	{"metrics-net", HLV_OPT_NETS, AT(metrics_net), \
	 "[ 127.0.0.0/8, \"::1/128\", 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, " \
	 "\"fc00::/7\", \"fe80::/10\" ]", \
	 0, 0, NULL, "Networks that may read /metrics and /api/v1/stats by HTTP"}, \
	{"http-allow-cleartext-auth", HLV_OPT_CHOICE, AT(cleartext_auth), "never", 0, 0, \
	 "never loopback", \
	 "Whether logins and changes are taken without TLS from this machine (for tests)"}, \
	{"http-token-life", HLV_OPT_UINT, AT(token_life_s), "86400", 60, 31536000, NULL, \
	 "Seconds that a bearer token is good for"}, \
	{"http-hosts", HLV_OPT_STRINGS, AT(hosts), "[ ]", 0, 0, NULL, \
	 "Host names that are answered, without ports; none: any name"}, \
	{"http-origin", HLV_OPT_STRING, AT(origin), "", 0, 0, NULL, \
	 "How the world calls this server when a proxy stands before it, as https://id.example.cn"}, \
	{"http-requests", HLV_OPT_UINT, AT(requests), "1000", 1, UINT32_MAX, NULL, \
	 "Requests of one HTTP connection, then it is closed"}, \
	{"http-min-rate", HLV_OPT_UINT, AT(min_rate), "4096", 1, UINT32_MAX, NULL, \
	 "Octets a second that a body must bring on average, after tcp-message-timeout"}
/* clang-format on */

/* What no row says of itself. HLV_E_MALFORMED: one line in `why` (HLV_DAEMON_WHY). */
enum hlv_err HLV_MUST_USE web_check(const struct web_options *o, char *why);
