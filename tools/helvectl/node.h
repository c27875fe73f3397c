/* SPDX-License-Identifier: Apache-2.0
 *
 * Small things of a node that several verbs need: names of prefixes, site records in files,
 * keys in files, value lists under construction.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/sec/key.h"
#include "proto/wire/name.h"
#include "tools/helvectl/ctl.h"
#include "tools/helvectl/registry.h"

/* "88.118", "0.NA/88.118" -> "0.NA/88.118"; false (and a line) when it is no prefix. `out`
 * holds NODE_NAME_MAX octets. */
enum { NODE_NAME_MAX = 2100, NODE_SITE_MAX = 65536 };
bool node_prefix_handle(const struct ctl *ctl, const char *prefix, char out[NODE_NAME_MAX]);

/* A site record from site.json, site.bin, or a node's directory. A line is told on failure. */
bool node_read_site(const struct ctl *ctl, const char *path, struct hlv_buf *site);

/* Values under construction: the count stands in front. */
struct node_values {
	struct hlv_buf buf;
	uint32_t n;
};
void node_values_begin(struct node_values *v);
void node_values_add(struct node_values *v, uint32_t index, const char *type, uint8_t perms,
		     struct hlv_bytes data, uint32_t now_s);
void node_values_copy(struct node_values *v, const struct hlv_value *value);
struct hlv_bytes node_values_list(struct node_values *v);

/* For verbs that change the registry: opened, the changes, closed by ctl_close(). NULL: told.
 */
struct registry *node_open_registry(struct ctl *ctl);
