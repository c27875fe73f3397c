/* SPDX-License-Identifier: Apache-2.0
 *
 * Which values of a record a resolution asks for (protocol.md 11.3, 2): those with one of its
 * indexes or of one of its types, all of them when it names neither. For every server that answers
 * with values.
 *
 * Almost all questions name none, one or two, and those are compared with each value. A long list is
 * sorted first, so that the longest question for the longest record costs hundreds of times less than
 * the product of the two; by heap, since whoever asks chooses the order.
 */
#pragma once
#include "proto/wire/message.h"

static inline bool hlv_filter_is_empty(const struct hlv_request *rq)
{
	return rq->indexes.n == 0 && rq->types.n == 0;
}
/* No record has so many. What is so long is refused as a protocol error. */
static inline bool hlv_filter_is_too_long(const struct hlv_request *rq)
{
	return (size_t)rq->indexes.n + rq->types.n > HLV_VALUES_MAX;
}

/* A question's list, made ready for a record. Some 8 KiB, of which a short list touches nothing: not to
 * be zeroed. */
struct hlv_filter {
	const struct hlv_request *rq;
	bool sorted; /* if not, the rest is not set */
	/* `room` has the indexes, ascending; the types, by where they begin in rq->types.raw; and
	 * likewise the families ("X."), of which none is within another. */
	uint32_t nindexes, ntypes, nfamilies;
	uint32_t room[HLV_VALUES_MAX];
};

void hlv_filter_sort(struct hlv_filter *f);
/* For `nvalues` values. A list is sorted when that is less work than to compare it with each of them:
 * sorting compares each of its members some twenty times. */
static inline void hlv_filter_init(struct hlv_filter *f, const struct hlv_request *rq,
				   uint32_t nvalues)
{
	enum { FEW = 8, FEW_VALUES = 24 };
	size_t n = (size_t)rq->indexes.n + rq->types.n;
	f->rq = rq;
	f->sorted = n > FEW && n <= HLV_VALUES_MAX && nvalues > FEW_VALUES;
	if (f->sorted)
		hlv_filter_sort(f);
}
bool hlv_filter_finds(const struct hlv_filter *f, const struct hlv_value *v);
bool hlv_filter_compares(const struct hlv_request *rq, const struct hlv_value *v);
static inline bool hlv_filter_takes(const struct hlv_filter *f, const struct hlv_value *v)
{
	return f->sorted ? hlv_filter_finds(f, v) : hlv_filter_compares(f->rq, v);
}

/* Does the national SDK ask where a prefix is served (site_sdk.h)? That is a name without a slash
 * and exactly the type HS_SITE. */
bool hlv_filter_wants_site(const struct hlv_request *rq);
