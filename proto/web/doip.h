/* SPDX-License-Identifier: Apache-2.0
 *
 * The enterprise dialect (industrial.md 9.1): DOIP over HTTP, {"code":..,"message":..,"data":..}. What
 * its files share: a task is one call with the questions that it takes, one after the other. Everything
 * is asked as native operations, so rights, journal and audit are everybody's.
 */
#pragma once
#include "proto/net/json_tree.h"
#include "proto/web/doip_template.h"
#include "proto/web/web.h"

enum doip_index {
	DOIP_ADMIN = 100,
	DOIP_TEMPLATE_ID = 1000, /* industrial.md 3 */
	DOIP_VERSION = 1001,
	DOIP_REQUEST_ID = 1002, /* of the request that made it; not public */
	DOIP_STATE = 1100,	/* of a template: draft, published, withdrawn */
	DOIP_DEFINITION = 1101, /* of a template: JSON */
};

#define DOIP_META "0.TYPE/DO.DOIPMETA" /* the type of templates themselves */

enum doip_way { DOIP_READS, DOIP_WRITES, DOIP_DELETES };

struct doip_task {
	struct http_call *call;
	struct hlv_json json; /* the body; root NULL: there is none */
	struct hlv_json_error error;
	struct hlv_bytes target, op, type, request_id;
	const struct hlv_json_node *content;
	bool known; /* somebody has shown a token ... */
	struct hlv_ref who;
	struct hlv_claim claim;
	enum doip_way way; /* of the question under way: what a refusal means */
	void (*then)(struct doip_task *, struct hlv_exchange *);
	struct doip_template template;
	void (*with_template)(struct doip_task *);
	struct hlv_list values;	 /* to be written */
	struct hlv_list removed; /* indexes: int4 each */
	bool merges;		 /* Update.Non.Overlay */
};

/* When challenges were given out, all workers' (web->issued). It forgets when it is crowded: then a
 * challenge counts as one of now, which it nearly always is. */
struct doip_issued *doip_issued_new(void); /* NULL: no memory */
void doip_issued_free(struct doip_issued *issued);

/* Reads body, query and token. NULL: it was answered. */
struct doip_task *doip_begin(struct http_call *call);
/* False: nobody is logged in, and that was answered. */
bool doip_needs_login(struct doip_task *t);
/* The end: without data, or with what was put into call->out behind doip_data(). */
void doip_say(struct doip_task *t, unsigned code, const char *message);
struct hlv_buf *doip_data(struct doip_task *t);
void doip_send(struct doip_task *t);
/* One question; `then` has the answer. */
void doip_ask(struct doip_task *t, const struct hlv_request *rq, enum doip_way way,
	      void (*then)(struct doip_task *, struct hlv_exchange *));
/* The end, for any answer but success. */
void doip_refuse(struct doip_task *t, const struct hlv_exchange *x);

/* A member of the body, else of the query; empty: neither. Numbers as they are spelled. */
struct hlv_bytes doip_field(struct doip_task *t, const char *name);
/* The text of the value at that index, and of that type; empty: none. */
struct hlv_bytes doip_value(const struct hlv_list *values, uint32_t index);
/* A value behind those of t->values; `room` from doip_room(). */
void doip_put_value(struct doip_task *t, struct hlv_writer *w, uint32_t index, const char *type,
		    struct hlv_bytes data, uint8_t perms);
/* Administrator, template and version, as each record of this dialect has them. */
void doip_put_head(struct doip_task *t, struct hlv_writer *w, struct hlv_bytes template_id,
		   struct hlv_bytes version);
/* {"id":..,"type":..,"attributes":{"content":{..}}} of a template's record. */
void doip_put_template(struct doip_task *t, struct hlv_bytes id, const struct hlv_list *values);
