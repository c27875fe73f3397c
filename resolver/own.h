/* SPDX-License-Identifier: Apache-2.0
 *
 * Who this helver is: the key that signs its answers and the site record that it shows (protocol.md
 * 11.4). Both are made at the first start and kept in data-dir; the record follows what is listened
 * to, and its serial rises when it changes.
 */
#pragma once
#include "proto/sec/key.h"
#include "resolver/options.h"

struct hlv_tls;

struct own {
	struct hlv_key *key;
	struct hlv_tls *tls;
	struct hlv_buf site;
	uint16_t serial;
};

/* After the listeners are bound. `why`: 512 octets. On failure too own_fini() is to be called. */
enum hlv_err HLV_MUST_USE own_load(const struct resolver_options *o, struct own *own,
				   char *why);
void own_fini(struct own *own);
