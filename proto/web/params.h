/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of a call, and the dress of its answer (rest-clients.md R3-R6, R13): what a POST
 * brings in its body counts as if it stood in the query.
 */
#pragma once
#include "proto/web/web.h"

/* The body of a POST, a form or an object of scalars and lists, joins call->rq.query. False: it
 * cannot be read, and that was answered. */
bool web_params(struct http_call *call);
/* The first value as a whole number; `*there` tells whether there is one. False: it is none, and that
 * was answered. */
bool web_param_number(struct http_call *call, const char *key, bool *there, int64_t *out);
/* All values of `index` as int4 list, of `type` as arrays, in the arena. False: answered. */
bool web_param_indexes(struct http_call *call, struct hlv_list *out);
bool web_param_types(struct http_call *call, struct hlv_list *out);
/* overwrite, mintNewSuffix: only "true" is; `absent` when it is not there. */
bool web_param_strict(struct http_call *call, const char *key, bool absent);

/* call->out as the parameters pretty and callback want it; returns its content type. */
const char *web_dress(struct http_call *call);
/* Is the body of this media type (parameters aside)? */
bool web_body_is(const struct http_call *call, const char *type);
