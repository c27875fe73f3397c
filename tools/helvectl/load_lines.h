/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of lines, read at any place of it: whole lines for a chunk, and a look here and there at whether
 * they are in order. What a line says is load_parse.h's and source.h's.
 */
#pragma once
#include "proto/base/buf.h"
#include "server/store.h"

enum { LOAD_LINES_CHUNK = 4 << 20 }; /* octets; no line is longer */

/* Up to `most` octets from `offset`, cut behind the last line end; *used of the file. A line that is
 * longer than a chunk gets a larger one; one that is longer than any may be is given as far as it goes,
 * for the parser to refuse, and the rest of it is passed over. */
enum hlv_err HLV_MUST_USE load_lines_get(int fd, uint64_t offset, size_t most,
					 struct hlv_buf *text, uint64_t *used);

/* Are the keys of the lines at every `step` octets above each other, and above *last, which becomes the
 * last of them? A guess, and true of a file that cannot be read. */
bool load_lines_in_order(const char *file, uint64_t size, uint64_t step,
			 struct store_key *last);
