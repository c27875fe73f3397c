/* SPDX-License-Identifier: Apache-2.0
 *
 * One question and its answer, octets and meaning of both kept together, and the check of the
 * answer's signature.
 */
#pragma once
#include "proto/wire/message.h"
#include "tools/dig/options.h"

struct dig_reply {
	struct hlv_buf raw;   /* what came */
	struct hlv_message m; /* its first message; borrows from raw */
	struct hlv_response rs;
	enum hlv_err understood; /* HLV_OK, or why `rs` (or even `m`) is not to be used */
	struct hlv_client_report report;
	struct hlv_bytes asked; /* header + body of the request: what digests cover */
	uint8_t request[HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE + HLV_IDENTIFIER_MAX + 8192];
};

/* Ask about o->id. Failures of the transport come back; what came may still be nonsense. */
enum hlv_err HLV_MUST_USE dig_ask(const struct dig_options *o, struct dig_reply *reply);
/* Ask the same server for its site record, signed, by the way that brought `like`. */
enum hlv_err HLV_MUST_USE dig_ask_site(const struct dig_options *o,
				       const struct dig_reply *like, struct dig_reply *reply);
void dig_reply_free(struct dig_reply *reply);

/* Is the answer to this request, fresh, and signed by a key that we believe? `text` (256
 * octets) gets "RSA-2048 key of the asked server", or why not. */
bool dig_verify(const struct dig_options *o, const struct dig_reply *reply, char *text);

/* A site record out of a file, JSON or binary; `room` is twice DIG_SITE_MAX. False: `text` (256
 * octets) says why. */
enum { DIG_SITE_MAX = 256 << 10 };
bool dig_read_site(const char *path, uint8_t *room, struct hlv_bytes *record, char *text);
