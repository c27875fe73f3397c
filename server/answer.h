/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers to questions: pure functions of a request and a snapshot (protocol.md 11.2, 11.3). No
 * clock, no randomness, no log: the same input gives the same output, so the fuzzer, the
 * simulator and every front end get the answer from here.
 */
#pragma once
#include "server/context.h"

/* Fill `rs` and return its code. `rs` borrows from the view, the arena and the request.
 *
 * A resolution that met values which only an administrator may read, and did not ask for the public
 * ones alone, returns HLV_RC_AUTHENTICATION_NEEDED (11.3, 6): plan_request() answers it, once it is
 * known who asks. For those who cannot do that, rs->rc is then a refusal. */
enum hlv_rc answer_resolution(const struct answer_context *, const struct hlv_request *,
			      struct hlv_response *rs);
enum hlv_rc answer_site_info(const struct answer_context *, const struct hlv_request *,
			     struct hlv_response *rs);

/* --- for whoever answers administrators (server/plan.h) --- */

/* Which values of a record a question is answered with. */
enum answer_reach {
	REACH_PUBLIC,
	REACH_ADMIN, /* and those which an administrator may read */
	REACH_ALL,   /* and those which nobody may (11.3, 6) */
};
/* The record that is asked for; false: rs says why there is none, or what its state lets be seen. */
bool answer_find(const struct answer_context *, const struct hlv_request *, struct hlv_record *,
		 struct hlv_response *rs);
/* Of that record. Values out of reach are left out, or refused, as the question wants it. */
enum hlv_rc answer_values(const struct answer_context *, const struct hlv_request *,
			  const struct hlv_record *, enum answer_reach,
			  struct hlv_response *rs);
/* A record that is here, as everybody is answered. */
enum hlv_rc answer_record(const struct answer_context *, const struct hlv_request *,
			  const struct hlv_record *, struct hlv_response *rs);
/* Is there more to this question than the public sees? A connection that is logged in asks for
 * public values alone and is yet to be given all that it may read (industrial.md 5.3): of its
 * questions, only these need plan_request(). */
bool answer_hides(const struct answer_context *, const struct hlv_request *);
/* Not ours, or not there (11.2). */
enum hlv_rc answer_elsewhere(enum verdict, const struct hlv_list *sites,
			     struct hlv_response *rs);
