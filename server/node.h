/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node is, read from its directory: its site record, its private key, and the site record of
 * the node above it.
 */
#pragma once
#include "server/options.h"
#include "server/registrar.h"
#include "server/service.h"

/* `why`: 512 octets, one line. */
enum hlv_err HLV_MUST_USE node_load(const struct server_options *o, struct node **node,
				    char *why);
void node_free(struct node *node);

/* Who may do what, from the configuration and the node; borrows from both. */
void node_rules(const struct server_options *o, const struct node *node,
		struct registrar_rules *rules);
/* DIR/NAME beside the data directory, or what the configuration says; `out`: PATH_MAX octets. */
void node_path(const struct server_options *o, const char *given, const char *name, char *out);
