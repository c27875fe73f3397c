/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of the configuration (proto/net/conf.h) for HTTP, struct web_options: the same in both
 * daemons. AT(field) is the field's offset in the daemon's own options.
 */
#pragma once
#include "proto/net/conf.h"

struct web_options {
	char *cleartext_auth; /* "never", "loopback" */
};

/* clang-format off */
#define WEB_OPTION_ROWS(AT) \
	{"http-allow-cleartext-auth", HLV_OPT_CHOICE, AT(cleartext_auth), "never", 0, 0, \
	 "never loopback", \
	 "Whether logins and changes are taken without TLS from this machine (for tests)"}
/* clang-format on */
