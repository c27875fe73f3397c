/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard in front of the JSON parser: one pass over the text, without recursion and without
 * memory, that refuses what would be costly or read in two ways (threats.md 4: depth, number of
 * tokens, control characters, NUL, loose numbers, text behind the end). What passes it may
 * still be wrong JSON; the parser says so.
 */
#pragma once
#include "proto/net/json.h"

enum {
	HLV_JSON_DEPTH = 32,
	HLV_JSON_TOKENS = 65536,
	HLV_JSON_MEMBERS = 64,	       /* of one object */
	HLV_JSON_MAX = 2 * 1024 * 1024 /* octets of one text */
};

enum hlv_err HLV_MUST_USE hlv_json_scan(struct hlv_bytes text, struct hlv_json_error *error);

/* The next number of a text that passed, as it is spelled; false when there is none. `r` is
 * hlv_reader(text) at first. */
bool hlv_json_next_number(struct hlv_reader *r, struct hlv_bytes *number);

/* Write one line for people; returns `err`. */
enum hlv_err hlv_json_fail(struct hlv_json_error *error, enum hlv_err err, size_t offset,
			   const char *format, ...) __attribute__((format(printf, 4, 5)));
