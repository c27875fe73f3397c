/* SPDX-License-Identifier: Apache-2.0
 *
 * Between http.c, which receives requests, and http_answer.c, which answers them; nobody else's
 * business.
 *
 * One call at a time belongs to a connection, from its head on until its answer is said. It may be
 * answered while another connection is at its work: then it waits for its turn as mail (call->posted),
 * and lives until that is open, whatever else happens.
 */
#pragma once
#include "proto/net/tcp_conn.h"
#include "proto/web/gzip.h"
#include "proto/web/http_parse.h"
#include "proto/web/web.h"

/* What the connections of one listener share. */
struct http_listener {
	const struct web *web;
	struct http_call *spare;
	size_t nspare;
	struct web_gzip *gzip; /* for whole bodies; NULL before the first */
	uint32_t date_s;
	char date[32];
};

/* A connection's: c->own. */
struct http_talk {
	struct http_call *call; /* being received or answered; NULL: the next head is awaited */
	struct http_scan scan;	/* of the head that comes */
	struct http_body body;
	bool receiving; /* the call's body */
	bool gathering; /* it, for a handler that has not been called yet */
	/* How fast it comes: so many octets since then. */
	hlv_mono_ns since_ns;
	uint64_t come_n;
};

/* The end of a call whose answer is said, or will never be. The next request's turn. */
void http_retire(struct http_call *call);
/* Whether the next octets are for us to answer or for the peer to send. */
void http_set_turn(struct conn *c);
/* More of the body is wanted, or nobody is there to send it. */
void http_feed_on(struct http_call *call);
/* http_fields.c. A whole body is there: is it known already, or to be packed? A streamed one begins; and
 * the headers that every answer has. */
void http_finish_body(struct http_call *call);
void http_begin_gzip(struct http_call *call);
void http_say_fields(struct http_call *call);
/* http_answer.c: `name`, the number, and the line's end. */
void http_say_number(struct http_call *call, const char *name, size_t number);
