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
	bool newest_first, stored; /* stored: with the octets, for whoever checks the chain */
	size_t limit;
};
enum hlv_err HLV_MUST_USE look_audit(const struct answer_context *c,
				     const struct look_audit *wish, struct hlv_buf *out);

/* {"handle":..,"versions":[...],"whole":..,"next":SEQ|null}, newest first, before the version `before`
 * (0: from the newest). Secret keys are left out. */
struct look_history {
	uint64_t before;
	size_t limit;
	bool stored; /* "record" as look_put_stored() has it, in place of "values" */
};
enum hlv_err HLV_MUST_USE look_history(const struct answer_context *c, struct hlv_bytes id,
				       const struct look_history *wish, struct hlv_buf *out);
/* The record as the registry stores it, state and all, in base64 and quotes, for helvectl from afar:
 * without secret keys and what nobody may read by the network. null: it would fill an answer. */
void look_put_stored(struct hlv_buf *out, struct hlv_bytes key, const struct hlv_record *rec);

/* {"prefixes":[...],"indexTypes":[...]}: those that are homed here, and the types that can be searched
 * for. */
void look_node(const struct answer_context *c, struct hlv_response *rs);
