/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of message.h share, and nobody else: message.c has what both directions have,
 * message_request.c and message_response.c one each.
 */
#pragma once
#include "proto/wire/message.h"

/* A count and as many length-prefixed arrays. */
struct hlv_list message_get_arrays(struct hlv_reader *r);
/* A request's digest, in the form of its version. */
struct hlv_digest message_get_digest(struct hlv_reader *r);
void message_put_digest(struct hlv_writer *w, const struct hlv_digest *d);

/* Where a message of ours has its two lengths. */
struct frame {
	size_t at;
};

static inline struct frame frame_begin(struct hlv_writer *w, const struct hlv_envelope *env,
				       const struct hlv_header *hdr)
{
	struct frame f = {.at = w->n};
	hlv_envelope_encode(w, env);
	hlv_header_encode(w, hdr);
	return f;
}

static inline void frame_end(struct hlv_writer *w, struct frame f, bool credential)
{
	size_t body = w->n - f.at - HLV_ENVELOPE_SIZE - HLV_HEADER_SIZE;
	hlv_fill_u32(w, f.at + HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE - 4, (uint32_t)body);
	if (credential)
		hlv_put_u32(w, 0);
	hlv_fill_u32(w, f.at + HLV_ENVELOPE_SIZE - 4,
		     (uint32_t)(w->n - f.at - HLV_ENVELOPE_SIZE));
}
