/* SPDX-License-Identifier: Apache-2.0
 *
 * Bare prefixes as the national SDK asks for them: hlv_filter_wants_site(). It is answered with sites
 * that are ready to be used (proto/wire/site_sdk.h), also where the record has service handles only.
 */
#pragma once
#include "server/context.h"

enum hlv_rc bare_answer(const struct answer_context *c, const struct hlv_request *rq,
			const struct hlv_record *rec, struct hlv_response *rs);
