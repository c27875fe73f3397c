/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node is, read from its directory: its site record and its private key.
 */
#pragma once
#include "server/options.h"
#include "server/service.h"

/* `why`: 512 octets, one line. */
enum hlv_err HLV_MUST_USE node_load(const struct server_options *o, struct node **node,
				    char *why);
void node_free(struct node *node);
