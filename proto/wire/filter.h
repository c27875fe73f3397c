/* SPDX-License-Identifier: Apache-2.0
 *
 * Which values of a record a resolution asks for (protocol.md 11.3, 2): those with one of its
 * indexes or of one of its types, all of them when it names neither. For every server that answers
 * with values.
 */
#pragma once
#include "proto/wire/message.h"

static inline bool hlv_filter_is_empty(const struct hlv_request *rq)
{
	return rq->indexes.n == 0 && rq->types.n == 0;
}
/* Each of them is looked at for each value: 65,536 of nothing would cost a second. What is so long
 * is refused as a protocol error. */
static inline bool hlv_filter_is_too_long(const struct hlv_request *rq)
{
	return (size_t)rq->indexes.n + rq->types.n > HLV_VALUES_MAX;
}
bool hlv_filter_takes(const struct hlv_request *rq, const struct hlv_value *v);

/* Does the national SDK ask where a prefix is served (site_sdk.h)? That is a name without a slash
 * and exactly the type HS_SITE. */
bool hlv_filter_wants_site(const struct hlv_request *rq);
