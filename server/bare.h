/* SPDX-License-Identifier: Apache-2.0
 *
 * Bare prefixes as the national SDK asks for them (industrial.md 5.3): "88.118.8" with the type
 * HS_SITE. It takes the first HS_SITE value, connects to its first server with a TCP interface,
 * follows no referral and no HS_SERV, and wants IPv4 addresses as ::ffff:a.b.c.d. So the answer
 * holds sites that are ready to be used, the best one first.
 */
#pragma once
#include "server/context.h"

/* A name without a slash, and exactly the type HS_SITE asked for. */
bool bare_wants_site(const struct hlv_request *rq);
enum hlv_rc bare_answer(const struct answer_context *c, const struct hlv_request *rq,
			const struct hlv_record *rec, struct hlv_response *rs);
