/* SPDX-License-Identifier: Apache-2.0
 *
 * The octets of a request's head, and of its body, as strictly as threats.md 4 asks: what two
 * implementations could read in two ways is refused, and the connection with it. Pure; http_parser's
 * only door.
 */
#pragma once
#include "proto/web/http.h"

enum http_parsed {
	HTTP_MORE,    /* the head has not come whole */
	HTTP_PARSED,  /* *n octets were the head */
	HTTP_REFUSED, /* with *status: answer it and close */
};

/* How far a head has been looked at while it comes; zeroed for a new one. No octet is looked at twice,
 * and the first one that is wrong is told at once. */
struct http_scan {
	size_t at, from; /* `from`: where the present element begins */
	unsigned state, lines;
};

/* `in` begins where the head does, each time. What it gives borrows from it. */
enum http_parsed http_parse_head(struct http_scan *s, struct hlv_bytes in,
				 struct http_request *rq, size_t *n, unsigned *status);

/* A body that comes in pieces. */
struct http_body {
	uint64_t left; /* of the length, or of the chunk */
	int state;
	unsigned line; /* octets of a chunk's line so far */
};
void http_body_begin(struct http_body *b, const struct http_request *rq);
/* The next piece of the body in `in`; *n octets are used up by it (also when the piece is empty).
 * HTTP_MORE: there may be more; HTTP_PARSED: the body is at its end; HTTP_REFUSED: it is no body. */
enum http_parsed http_body_take(struct http_body *b, struct hlv_bytes in,
				struct hlv_bytes *piece, size_t *n);
