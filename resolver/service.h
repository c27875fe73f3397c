/* SPDX-License-Identifier: Apache-2.0
 *
 * helver's service of one worker: policy, local copies, cache; what none of them knows goes to the
 * recursor. Never blocks, takes no lock but a cache shard's.
 */
#pragma once
#include "proto/net/schemes.h"
#include "resolver/policy.h"
#include "resolver/recursor.h"

struct control;
struct hlv_key;

struct resolver_shared { /* by all workers; replaced by resolver_set() */
	const struct policy *policy;
	const struct hlv_schemes *schemes; /* NULL: no rules */
	struct cache *cache;
	struct copies *copies; /* NULL: none */
	struct recursor *recursor;
	struct hlv_bytes site;	   /* our own site record (GET_SITE_INFO) */
	const struct hlv_key *key; /* signs answers for those who ask for it */
	struct control *control;   /* NULL: there is no control socket */
};

struct resolver;
struct resolver *resolver_new(const struct resolver_shared *shared); /* NULL: no memory */
struct hlv_service *resolver_service(struct resolver *r);
/* On the worker's thread; key and copies must be the same. */
void resolver_set(struct resolver *r, const struct resolver_shared *shared);
void resolver_free(struct resolver *r);

/* On its worker: "steps":[...] of the way to an identifier (chain.h). */
void resolver_put_chain(struct hlv_service *service, struct hlv_bytes id, struct hlv_now now,
			struct hlv_arena *a, struct hlv_buf *json);
