/* SPDX-License-Identifier: Apache-2.0
 *
 * What the administrator's files say about identifiers: a table from a name to its answer, and to
 * whether it is blocked. A name is an identifier, the same one in all spellings that are one to a
 * registry, or one of the patterns of cache_pattern_matches(), in any case: "88.118/" and "88.118.*" are found by hashing, whatever their number, others
 * one by one. A prefix stands for its own record (0.NA/88.118) as well. Filled once, then only
 * read, by any thread.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "resolver/proven.h"

struct names;
/* NULL without memory. */
struct names *names_new(void);
void names_free(struct names *n);

enum { NAMES_WHY = 512 };
/* One a line; blanks around it, empty lines and what follows a '#' at the beginning do not count. */
enum hlv_err HLV_MUST_USE names_read_blocked(struct names *n, const char *path, char *why);
/* JSON Lines of records, as helvectl load reads them; the last one of a name counts. */
enum hlv_err HLV_MUST_USE names_read_answers(struct names *n, const char *path, uint64_t now_ms,
					     char *why);

bool names_is_empty(const struct names *n);
bool names_blocks(const struct names *n, struct hlv_bytes key);
/* Its values; false: nothing is said about it. Borrows. */
bool names_answers(const struct names *n, struct hlv_bytes key, struct hlv_list *values);
