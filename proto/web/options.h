/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of the configuration (proto/net/conf.h) for HTTP, struct web_options: the same in both
 * daemons. AT(field) is the field's offset in the daemon's own options.
 */
#pragma once
#include "proto/net/conf.h"
#include "proto/sec/key.h"

struct web_options {
	char *cleartext_auth; /* "never", "loopback" */
	uint32_t token_life_s;
	/* The node's own, which signs what it says of itself; NULL: none. No row's: whoever reads
	 * the options sets it. */
	const struct hlv_key *key;
};

/* clang-format off */
#define WEB_OPTION_ROWS(AT) \
	{"http-allow-cleartext-auth", HLV_OPT_CHOICE, AT(cleartext_auth), "never", 0, 0, \
	 "never loopback", \
	 "Whether logins and changes are taken without TLS from this machine (for tests)"}, \
	{"http-token-life", HLV_OPT_UINT, AT(token_life_s), "86400", 60, 31536000, NULL, \
	 "Seconds that a bearer token is good for"}
/* clang-format on */
