/* SPDX-License-Identifier: Apache-2.0
 *
 * The 24-octet header of every message (protocol.md 3, RFC 3652 2.2.2).
 */
#pragma once
#include "proto/base/err.h"
#include "proto/base/reader.h"
#include "proto/base/writer.h"

struct hlv_header {
	uint32_t op;	       /* enum hlv_op, or a number that we do not know */
	uint32_t rc;	       /* as on the wire; 0 in requests */
	uint32_t flags;	       /* HLV_F_* */
	uint16_t site_serial;  /* 0xFFFF: unknown */
	uint8_t recursion;     /* servers that have forwarded this */
	uint32_t expiration_s; /* seconds since 1970 */
	uint32_t body_len;     /* octets */
};

enum hlv_err HLV_MUST_USE hlv_header_decode(struct hlv_reader *r, struct hlv_header *h);
void hlv_header_encode(struct hlv_writer *w, const struct hlv_header *h);
