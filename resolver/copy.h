/* SPDX-License-Identifier: Apache-2.0
 *
 * Hyper-local copies (after RFC 8806): a prefix mirrored from its node by dump and journal, so that the
 * enterprise's own identifiers resolve with every line cut. A thread of its own pulls over TLS from
 * a node whose key is known (site file), with HELVE_CONTROL (docs/protocol.md); readers look into the
 * newest committed state in LMDB. A copy answers for all of its prefix, "not found" included, until it
 * is older than `copy-max-age`.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/sec/key.h"
#include "resolver/proven.h"

struct copies;
enum { COPY_WHY = 256 };

struct copy_source {
	const char *prefix; /* "88.118.8" */
	const char *site;   /* file: site.json or its binary form */
};
struct copies_options {
	const char *dir; /* data-dir/copies */
	const struct copy_source *sources;
	size_t n;
	struct hlv_key *key;  /* private, borrowed: as whom ... */
	const char *identity; /* ... "300:0.NA/88.118.8.9" we log in */
	uint32_t interval_s, max_age_s;
};

enum hlv_err HLV_MUST_USE copies_start(const struct copies_options *o, struct copies **out,
				       char *why);
void copies_stop(struct copies *c);

/* For one thread's reads: a snapshot for each batch. */
struct copies_view;
struct copies_view *copies_view_new(struct copies *c); /* NULL: no memory */
void copies_view_free(struct copies_view *v);
void copies_view_begin(struct copies_view *v, struct hlv_now now);
void copies_view_end(struct copies_view *v);
/* Is `key` (memory_key()) of a copied prefix whose copy is young enough? Then *out, which borrows from
 * the view, is what it says. */
bool copies_find(struct copies_view *v, struct hlv_bytes key, struct proven *out);

struct copy_state {
	char prefix[256];
	uint64_t seq, records,
		synced_ms;  /* wall clock of the last agreement with the node; 0: none */
	char why[COPY_WHY]; /* what went wrong last; empty: nothing */
};
/* Any thread; returns how many were filled in. */
size_t copies_states(struct copies *c, struct copy_state *out, size_t max);
