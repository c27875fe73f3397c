/* SPDX-License-Identifier: Apache-2.0
 *
 * Octets that are written as two hexadecimal digits, in either case, and the text of URLs in which
 * they stand behind a percent sign. Whole strings of digits are a buffer's matter (buf.h).
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/err.h"

/* 0 to 15; -1: no digit. */
int hlv_hex_digit(uint8_t c);

/* 0 to 255, from the first two octets of `text`; -1: they are no digits, or there are not two. */
int hlv_hex_octet(struct hlv_bytes text);

enum hlv_percent {
	HLV_PERCENT_URL,  /* RFC 3986 2.1 */
	HLV_PERCENT_FORM, /* what HTML's forms send: there '+' is a blank */
};

/* "%41" -> "A", once, in the arena. HLV_E_MALFORMED: a percent sign without two digits. */
enum hlv_err HLV_MUST_USE hlv_percent_decode(struct hlv_bytes in, enum hlv_percent kind,
					     struct hlv_arena *a, struct hlv_bytes *out);
