/* SPDX-License-Identifier: Apache-2.0
 *
 * A conversation with a server as somebody: requests over one connection, challenges answered as
 * they come, or a login once for all of them. For tools, which may wait.
 */
#pragma once
#include "proto/net/link.h"
#include "tools/admin/prove.h"

struct admin;

enum { ADMIN_WHY = 256, ADMIN_PATIENCE_MS = 60000 };

/* `id` is borrowed; NULL: nobody. `why` (ADMIN_WHY octets) gets a line on failure, here and below.
 */
enum hlv_err HLV_MUST_USE admin_open(const struct hlv_link_to *to,
				     const struct prove_identity *id, struct admin **out,
				     char *why);
void admin_close(struct admin *a);

/* Fill in what every request of ours has: version, id, expiration, session. */
enum hlv_err HLV_MUST_USE admin_prepare(struct admin *a, struct hlv_request *rq);
/* Send `rq` (op, flags beyond the usual ones, handle and so on are the caller's) and get its
 * answer, proving ourselves when the server asks for it. `rs` borrows until the next call. Any
 * response code is HLV_OK. */
enum hlv_err HLV_MUST_USE admin_ask(struct admin *a, struct hlv_request *rq,
				    struct hlv_response *rs, char *why);
/* The next message of the same answer (a list's pages); false when there is none. */
bool admin_more(struct admin *a, struct hlv_response *rs);

/* The identity belongs to the connection from here on (2001, industrial.md 5.4), without a
 * challenge for each request. HLV_E_UNSUPPORTED where there is no such thing; HLV_E_PERMISSION. */
enum hlv_err HLV_MUST_USE admin_login(struct admin *a, char *why);

/* Does the server's site record offer this of our own operations: "bulk", "commit", "control"? */
enum hlv_err HLV_MUST_USE admin_offers(struct admin *a, const char *what, bool *offered,
				       char *why);

/* For several requests under way: the connection itself. */
struct hlv_link *admin_link(struct admin *a);

/* "identifier exists already (101): its text" into `out` (ADMIN_WHY octets); returns `out`. */
char *admin_refusal(const struct hlv_response *rs, char *out);
