/* SPDX-License-Identifier: Apache-2.0
 *
 * Who has a value like this? Identifiers by types and patterns of their public values, through the
 * index (index.h). Patterns are compared without the case of ASCII letters; '*' stands for any octets.
 * The criterion that begins with the most octets leads, by the index; the others, and what the index
 * cannot tell, are looked up in the records. Work is bounded: a page may end early, and has a next one.
 */
#pragma once
#include "server/look.h"

enum {
	SEARCH_WHERE_MAX = 8,
	SEARCH_PATTERN_MAX = 256,
	SEARCH_VISITS = 20000, /* entries of the index that one page looks at */
};

struct search_where {
	struct hlv_bytes type, pattern;
};

struct search {
	struct search_where where[SEARCH_WHERE_MAX];
	size_t n;
	struct hlv_bytes prefix; /* only under this one; empty: all */
	struct store_key after;	 /* a key of the index; n == 0: from the first */
	size_t limit, skip;
};

bool search_matches(struct hlv_bytes pattern, struct hlv_bytes text);

/* {"identifiers":[...],"next":"..."|null}. HLV_E_UNSUPPORTED: none of the types is in the index.
 * HLV_E_BUSY: none yet, one is being built. HLV_E_LIMIT: a pattern is too long. */
enum hlv_err HLV_MUST_USE search_run(const struct answer_context *c, const struct search *s,
				     struct hlv_buf *out);
