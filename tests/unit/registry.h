/* SPDX-License-Identifier: Apache-2.0
 *
 * A small registry in memory, made of rows, and questions to it as a client would put them: for
 * tests and fuzz targets of everything between the octets and the store.
 */
#pragma once
#include "proto/net/service.h"
#include "server/service.h"

struct registry {
	struct store *store;
	struct node node;
	struct server *server;
	uint8_t site[256];
	size_t arena_limit; /* octets that one question may take */
	bool in_batch;	    /* set it, and all questions see one snapshot until the end */
	bool began;	    /* its own affair */
};

/* An empty registry whose site has `servers` servers, of which this is number `own`. */
void registry_open(struct registry *r, uint32_t servers, uint32_t own);
void registry_close(struct registry *r);
void registry_home(struct registry *r, const char *prefix_handle);

/* One value of a record. Data of site types is `data` as a port: a site with one server there. */
struct registry_value {
	uint32_t index;
	uint8_t perms;
	const char *type, *data;
};
void registry_put(struct registry *r, const char *id, const struct registry_value *values,
		  size_t n);

/* The life-cycle state of a record that is there (proto/wire/state.h). */
void registry_set_state(struct registry *r, const char *id, uint8_t to);

/* A tombstone. */
void registry_remove(struct registry *r, const char *id);

/* The rows that most tests use: 0.NA/88.118 and 0.NA/88.118.8 homed, and records that show every
 * rule; see registry.c. */
void registry_fill(struct registry *r);

/* Put one encoded request through the front end and the service; the encoded answer into `out`.
 * Empty when it is not to be answered. */
struct hlv_bytes registry_ask(struct registry *r, struct hlv_bytes request, uint8_t *out,
			      size_t cap);
