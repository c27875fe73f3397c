/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers to questions: pure functions of a request and a snapshot (protocol.md 11.2, 11.3). No
 * clock, no randomness, no log: the same input gives the same output, so the fuzzer, the
 * simulator and every front end get the answer from here.
 */
#pragma once
#include "proto/wire/site.h"
#include "server/delegate.h"

/* What is answered from. */
struct answer_context {
	struct store *store;
	struct store_view *view;
	const struct site_place *place;
	struct homed_memo *memo;     /* of this view's snapshot */
	struct hlv_bytes site;       /* our own site record */
	struct hlv_arena *arena;
};

/* Fill `rs` and return its code. `rs` borrows from the view, the arena and the request. */
enum hlv_rc answer_resolution(const struct answer_context *, const struct hlv_request *,
			      struct hlv_response *rs);
enum hlv_rc answer_site_info(const struct answer_context *, const struct hlv_request *,
			     struct hlv_response *rs);

/* A refusal with a text for people (static). */
enum hlv_rc answer_error(struct hlv_response *rs, enum hlv_rc rc, const char *text);
