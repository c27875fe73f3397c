/* SPDX-License-Identifier: Apache-2.0
 *
 * The identifiers that a load run asks for: read from a file with one a line, shuffled once by
 * a seed, and then laid out in that order, so that taking the next one walks through memory and
 * the generator does not pay a cache miss for each of ten million names.
 */
#pragma once
#include "proto/base/bytes.h"
#include "proto/base/err.h"

enum { NAMES_LENGTH_MAX = 440 }; /* octets: a question about it fits into one datagram */

struct names {
	uint8_t *octets; /* length (two octets), then the name, in the order of asking */
	size_t *at;	 /* where name i stands */
	size_t n;
};

/* Empty lines are skipped. `first` > 0 keeps only so many of the shuffled names: a hot set.
 * `why` (256 octets) gets one line on failure. */
enum hlv_err HLV_MUST_USE names_load(const char *path, uint64_t seed, size_t first,
				     struct names *names, char *why);
void names_free(struct names *names);

static inline struct hlv_bytes names_get(const struct names *names, size_t i)
{
	const uint8_t *p = names->octets + names->at[i];
	return hlv_bytes(p + 2, (size_t)(p[0] << 8 | p[1]));
}
