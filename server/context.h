/* SPDX-License-Identifier: Apache-2.0
 *
 * What every handler is given, and the one way to refuse.
 */
#pragma once
#include "proto/wire/site.h"
#include "server/delegate.h"

/* What is answered from. */
struct answer_context {
	struct store *store;
	struct store_view *view;
	const struct site_place *place;
	struct homed_memo *memo; /* of this view's snapshot */
	struct hlv_bytes site;	 /* our own site record */
	struct hlv_arena *arena;
};

/* A refusal with a text for people (static), or NULL. Returns `rc`. */
enum hlv_rc answer_error(struct hlv_response *rs, enum hlv_rc rc, const char *text);
