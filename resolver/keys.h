/* SPDX-License-Identifier: Apache-2.0
 *
 * What one thread need not do twice: reading a server's public key, and verifying the very same
 * message with it for each walk that waits for it. A table of fixed size; what it says is what the
 * doing would say. Reading a P-256 key costs half of a verification, for OpenSSL checks the point.
 */
#pragma once
#include "proto/sec/key.h"
#include "proto/wire/message.h"

struct keys;
/* `seed`: keys come from others; which share a place is secret. NULL: no memory. */
struct keys *keys_new(uint64_t seed);
void keys_free(struct keys *k);

/* The key that these octets encode (HS_PUBKEY, site record), if it is one and strong; good until the
 * next call. */
const struct hlv_key *keys_get(struct keys *k, struct hlv_bytes octets);

/* As hlv_message_verify(), remembering the last messages that were good. */
bool keys_verify(struct keys *k, const struct hlv_message *m, const struct hlv_key *key,
		 struct hlv_bytes octets);
