/* SPDX-License-Identifier: Apache-2.0
 *
 * A conversation with a server as somebody: requests over one connection, challenges answered as
 * they come, or a login once for all of them. For programs and threads that may wait.
 */
#pragma once
#include "proto/net/link.h"
#include "proto/net/prove.h"

struct hlv_talk;

enum { HLV_TALK_WHY = 256, HLV_TALK_PATIENCE_MS = 60000 };

/* `id` is borrowed; NULL: nobody. `why` (HLV_TALK_WHY octets) gets a line on failure, here and below.
 */
enum hlv_err HLV_MUST_USE hlv_talk_open(const struct hlv_link_to *to,
					const struct hlv_prove_identity *id,
					struct hlv_talk **out, char *why);
void hlv_talk_close(struct hlv_talk *a);
/* How long an answer is waited for; HLV_TALK_PATIENCE_MS until told otherwise. */
void hlv_talk_wait(struct hlv_talk *a, uint32_t ms);

/* Fill in what every request of ours has: version, id, expiration, session. */
enum hlv_err HLV_MUST_USE hlv_talk_prepare(struct hlv_talk *a, struct hlv_request *rq);
/* Send `rq` (op, flags beyond the usual ones, handle and so on are the caller's) and get its
 * answer, proving ourselves when the server asks for it. `rs` borrows until the next call. Any
 * response code is HLV_OK. */
enum hlv_err HLV_MUST_USE hlv_talk_ask(struct hlv_talk *a, struct hlv_request *rq,
				       struct hlv_response *rs, char *why);
/* The next message of the same answer (a list's pages); false when there is none. */
bool hlv_talk_more(struct hlv_talk *a, struct hlv_response *rs);

/* The identity belongs to the connection from here on (2001, industrial.md 5.4), without a
 * challenge for each request. HLV_E_UNSUPPORTED where there is no such thing; HLV_E_PERMISSION. */
enum hlv_err HLV_MUST_USE hlv_talk_login(struct hlv_talk *a, char *why);

/* Does the server's site record offer this of our own operations: "bulk", "commit", "control"? */
enum hlv_err HLV_MUST_USE hlv_talk_offers(struct hlv_talk *a, const char *what, bool *offered,
					  char *why);

/* For several requests under way: the connection itself. */
struct hlv_link *hlv_talk_link(struct hlv_talk *a);

/* "identifier exists already (101): its text" into `out` (HLV_TALK_WHY octets); returns `out`. */
char *hlv_talk_refusal(const struct hlv_response *rs, char *out);
