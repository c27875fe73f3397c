/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/filter.h"

bool hlv_filter_takes(const struct hlv_request *rq, const struct hlv_value *v)
{
	if (hlv_filter_is_empty(rq))
		return true;
	struct hlv_reader r = hlv_reader(rq->indexes.raw);
	for (uint32_t i = 0; i < rq->indexes.n; i++)
		if (hlv_next_index(&r) == v->index)
			return true;
	r = hlv_reader(rq->types.raw);
	for (uint32_t i = 0; i < rq->types.n; i++)
		if (hlv_type_asked(v->type, hlv_next_array(&r)))
			return true;
	return false;
}

bool hlv_filter_wants_site(const struct hlv_request *rq)
{
	if (rq->types.n != 1 || rq->indexes.n > 0 || rq->handle.n == 0 ||
	    memchr(rq->handle.p, '/', rq->handle.n))
		return false;
	struct hlv_reader r = hlv_reader(rq->types.raw);
	return hlv_eq_fold(hlv_next_array(&r), hlv_text("HS_SITE"));
}
