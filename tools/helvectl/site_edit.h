/* SPDX-License-Identifier: Apache-2.0
 *
 * A site record taken apart so that it can be changed: servers, attributes, hash option. Every
 * change raises the serial, by which others see that theirs is old. Pure.
 */
#pragma once
#include "proto/sec/key.h"
#include "proto/wire/site.h"
#include "tools/helvectl/node.h"

enum { SITE_ATTRIBUTES_MAX = 64 };

struct site_edit {
	struct hlv_site site; /* its lists are replaced by the two below when it is encoded */
	struct hlv_site_server servers[HLV_SITE_SERVERS_MAX];
	size_t nservers;
	struct hlv_site_attribute attributes[SITE_ATTRIBUTES_MAX];
	size_t nattributes;
};

/* Borrows from `octets`. HLV_E_LIMIT: more servers or attributes than fit. */
enum hlv_err HLV_MUST_USE site_edit_begin(struct site_edit *e, struct hlv_bytes octets);
/* With the next serial. */
void site_edit_encode(const struct site_edit *e, struct hlv_writer *w);

/* Behind those that are there, under an id of its own. HLV_E_EXISTS: one with this key, or this
 * address and port, is there. */
enum hlv_err HLV_MUST_USE site_edit_add_server(struct site_edit *e,
					       const struct hlv_site_server *server);
void site_edit_remove_server(struct site_edit *e, size_t position);
/* No octets: the attribute goes. */
enum hlv_err HLV_MUST_USE site_edit_set_attribute(struct site_edit *e, struct hlv_bytes name,
						  struct hlv_bytes value);
/* The position of the server that shows this public key; -1: none does. */
int site_edit_find_key(const struct site_edit *e, const struct hlv_key *key);
