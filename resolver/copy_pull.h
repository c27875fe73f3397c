/* SPDX-License-Identifier: Apache-2.0
 *
 * Bringing one copy up to date: what changed since the last time, or all of it anew, from each server
 * of a site, over TLS from the holder of the key that the site record names. For a thread that may
 * wait. The verbs are docs/protocol.md's, the pages server/copy.h's.
 */
#pragma once
#include <stdatomic.h>

#include "proto/net/talk.h"
#include "proto/sec/registry_key.h"
#include "resolver/copy_store.h"

enum { COPY_PREFIX_MAX = 400 };

struct copy_server {
	struct hlv_link_to to;
	struct hlv_key *key;
};

struct copy_pull {
	struct copy_store *store;
	char prefix[COPY_PREFIX_MAX + 1]; /* in upper case */
	uint8_t items[HLV_REGISTRY_KEY_MAX], items_end[HLV_REGISTRY_KEY_MAX];
	uint8_t own[HLV_REGISTRY_KEY_MAX]; /* key of the prefix's record */
	size_t nitems, nown;
	struct copy_server servers[COPY_SERVERS_MAX];
	size_t nservers;
	const struct hlv_prove_identity *id;
	const _Atomic bool *stopping;
	uint64_t dumps; /* made so far */
	bool anew;	/* what is kept is damaged: do not build on it */
	char why[HLV_TALK_WHY];
};

/* The key range of `prefix`. HLV_E_LIMIT: it is none that can be copied. */
enum hlv_err HLV_MUST_USE copy_pull_prefix(struct copy_pull *p, struct hlv_bytes prefix);
/* The servers of a site record, their TCP interfaces and keys. `p->why` gets a line. */
enum hlv_err HLV_MUST_USE copy_pull_site(struct copy_pull *p, struct hlv_bytes site);
void copy_pull_fini(struct copy_pull *p);

/* *mark is what the store has then, also after a failure (generation 0: nothing). On failure p->why
 * says why; what was committed before stays. */
enum hlv_err HLV_MUST_USE copy_pull(struct copy_pull *p, struct hlv_now now,
				    struct copy_mark *mark);
