/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of type 10320/loc: several places for one identifier, and how one is chosen (protocol.md 15.5).
 * XML by expat; loc.c is its only door. Entities and document types are refused: such values are read
 * from strangers' records.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/rand.h"

enum {
	LOC_OCTETS_MAX = 64 << 10,
	LOC_PLACES_MAX = 256,
	LOC_ATTRIBUTES_MAX = 16,
};

struct loc_attribute {
	struct hlv_bytes name, value;
};

struct loc_place {
	struct hlv_bytes href;
	struct loc_attribute attributes[LOC_ATTRIBUTES_MAX];
	size_t nattributes;
	uint32_t weight; /* default 1; 0: never by chance */
};

struct loc {
	struct hlv_bytes chooseby; /* of the element; empty: the default */
	struct loc_place *places;
	size_t n;
};

/* Everything is in the arena. HLV_E_MALFORMED: no <locations>, not well formed, or over a limit. */
enum hlv_err HLV_MUST_USE loc_read(struct hlv_bytes xml, struct hlv_arena *a, struct loc *out);

/* What the asker brings along. */
struct loc_wish {
	const struct hlv_bytes *locatt; /* "key:value" each */
	size_t nlocatt;
	struct hlv_bytes country; /* two letters; empty: unknown */
	bool conneg;		  /* wants something else than a page for people */
	struct hlv_rand *rand;
};
/* Each method of chooseby keeps those that it fits, or all when it fits none. NULL: there is no place
 * for this asker. */
const struct loc_place *loc_choose(const struct loc *loc, const struct loc_wish *wish);
