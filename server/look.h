/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of what a registry holds, as JSON, for HELVE_CONTROL's verbs "list" and "audit" and for those
 * who go on from them (docs/protocol.md): what stands under a prefix, and who did what. Each page is
 * from a snapshot of its own, and its work is bounded: it may be empty and still have a next one.
 */
#pragma once
#include "proto/base/buf.h"
#include "server/answer.h"

enum {
	LOOK_LIMIT_MAX = 1000,	     /* rows of a page */
	LOOK_OCTETS_MAX = 192 << 10, /* of a page: an answer fits into a message */
	LOOK_CURSOR_MAX = 2 * STORE_KEY_MAX,
};

/* A cursor is the key of the last row, in hex: opaque, and good for any snapshot. */
void look_put_cursor(struct hlv_buf *b, struct hlv_bytes key);
bool look_read_cursor(struct hlv_bytes text, struct store_key *key);

/* {"prefix":..,"identifiers":[...],"next":"..."|null,"total":N}: those whose keys begin with `under`,
 * behind `after` (n == 0: from the first). */
enum hlv_err HLV_MUST_USE look_list(const struct answer_context *c, struct hlv_bytes prefix,
				    const struct store_key *under,
				    const struct store_key *after, size_t limit,
				    struct hlv_buf *out);

/* {"entries":[...],"next":SEQ|null}: the entries behind `after`, oldest first; or, with newest_first,
 * those before `before` (0: from the newest). */
struct look_audit {
	uint64_t after, before;
	bool newest_first;
	size_t limit;
};
enum hlv_err HLV_MUST_USE look_audit(const struct answer_context *c,
				     const struct look_audit *wish, struct hlv_buf *out);

/* {"handle":..,"versions":[...],"whole":..,"next":SEQ|null}, newest first, before the version `before`
 * (0: from the newest). Secret keys are left out. */
enum hlv_err HLV_MUST_USE look_history(const struct answer_context *c, struct hlv_bytes id,
				       uint64_t before, size_t limit, struct hlv_buf *out);

/* {"prefixes":[...],"indexTypes":[...]}: those that are homed here, and the types that can be searched
 * for. */
void look_node(const struct answer_context *c, struct hlv_response *rs);
