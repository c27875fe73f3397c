/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as people and batch files write them: a kind (UTF8, ADMIN, LIST, FILE, BASE64) and one
 * line of data.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/wire/value.h"

enum { KINDS_WHY = 240 };

/* ADMIN: "INDEX:PPPPPPPPPPPP:HANDLE", the twelve flags with add-handle first (rest-clients.md
 * R10: the batch order, JSON has it reversed). LIST: "INDEX:HANDLE;INDEX:HANDLE;". FILE: the
 * octets of a file, beside the batch file or in the working directory; a site record or a key
 * may stand there as JSON. `data` is in the arena or in `text`. */
enum hlv_err HLV_MUST_USE kinds_parse(struct hlv_bytes kind, struct hlv_bytes text,
				      struct hlv_bytes type, const char *beside,
				      struct hlv_arena *a, struct hlv_bytes *data,
				      char why[KINDS_WHY]);
/* Data that goes into a value line, in the simplest kind that gives the same octets back; false
 * when none does. */
struct hlv_buf;
bool kinds_print(struct hlv_buf *b, const struct hlv_value *v);

/* "1110"; exactly four characters. */
enum hlv_err HLV_MUST_USE kinds_parse_perms(struct hlv_bytes text, uint8_t *perms);
/* A whole number; false for anything else. */
bool kinds_parse_number(struct hlv_bytes text, int64_t min, int64_t max, int64_t *out);
/* The next word of `*rest`, parted by blanks; empty at the end. */
struct hlv_bytes kinds_word(struct hlv_bytes *rest);
struct hlv_bytes kinds_trim(struct hlv_bytes text);
