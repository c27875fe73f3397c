/* SPDX-License-Identifier: Apache-2.0
 *
 * The authoritative service of one worker: a store's snapshot for each batch, the site that it
 * answers for, and the key that it signs with.
 */
#pragma once
#include "proto/net/conf.h"
#include "proto/net/service.h"
#include "proto/sec/key.h"
#include "server/store.h"

/* What a node is: read by main, borrowed by all workers, replaced as a whole by a reload. */
struct node {
	struct hlv_bytes site; /* site record octets */
	uint16_t serial;
	bool primary;
	uint32_t servers, own; /* of the site, and our position in it */
	uint8_t hash_option;
	struct hlv_key *key;	 /* private; NULL: answers are not signed */
	struct hlv_tls *tls;	 /* NULL: no TLS */
	struct hlv_bytes parent; /* site record of the node above; empty: none */
};

/* Who finds out, for some, what is not here (recurse.h). Zero: nobody, for nobody. */
struct recursing {
	void *ctx;
	/* The exchange was kept; it goes home with its answer. */
	void (*submit)(void *ctx, struct hlv_exchange *);
	const struct hlv_nets *sources; /* for whom */
};

struct server;
struct registrar;

/* NULL without memory. Store, node and registrar are borrowed; without a registrar (NULL) nothing
 * is administered. */
struct server *server_new(struct store *store, const struct node *node,
			  struct registrar *registrar);
/* The face that the front ends see. */
struct hlv_service *server_service(struct server *s);
/* On the worker's own thread: another node from now on. */
enum hlv_err HLV_MUST_USE server_set_node(struct server *s, const struct node *node);
void server_set_recursing(struct server *s, const struct recursing *recursing);
/* Borrowed; NULL: no rules. */
struct hlv_schemes;
void server_set_schemes(struct server *s, const struct hlv_schemes *schemes);
void server_free(struct server *s);

/* On its worker: "steps":[...] of the way to an identifier as far as this node knows it: itself, and
 * where it sends people. `x` is the answer to a question for it. */
void server_put_chain(struct hlv_service *service, const struct hlv_exchange *x,
		      struct hlv_bytes id, struct hlv_buf *json);
