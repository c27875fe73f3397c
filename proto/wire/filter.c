/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/filter.h"

/* --- a long list --- */

/* The type that begins there. */
static struct hlv_bytes type_at(const struct hlv_filter *f, uint32_t at)
{
	struct hlv_reader r = hlv_reader(hlv_skip(f->rq->types.raw, at));
	return hlv_next_array(&r);
}

/* Octets in upper case; what is longer comes behind what it begins with. */
static int order(struct hlv_bytes a, struct hlv_bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	for (size_t i = 0; i < n; i++) {
		int d = hlv_upper(a.p[i]) - hlv_upper(b.p[i]);
		if (d != 0)
			return d;
	}
	return (a.n > b.n) - (a.n < b.n);
}

typedef bool less_fn(const struct hlv_filter *f, uint32_t a, uint32_t b);

static bool is_lower(const struct hlv_filter *f, uint32_t a, uint32_t b)
{
	(void)f;
	return a < b;
}

static bool is_before(const struct hlv_filter *f, uint32_t a, uint32_t b)
{
	return order(type_at(f, a), type_at(f, b)) < 0;
}

static void sift(const struct hlv_filter *f, uint32_t *heap, uint32_t at, uint32_t n,
		 less_fn *less)
{
	uint32_t what = heap[at];
	for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && less(f, heap[child], heap[child + 1]))
			child++;
		if (!less(f, what, heap[child]))
			break;
		heap[at] = heap[child];
	}
	heap[at] = what;
}

static void sort(const struct hlv_filter *f, uint32_t *list, uint32_t n, less_fn *less)
{
	for (uint32_t i = n / 2; i-- > 0;)
		sift(f, list, i, n, less);
	for (uint32_t end = n; end > 1;) {
		uint32_t largest = list[0];
		list[0] = list[--end];
		list[end] = largest;
		sift(f, list, 0, end, less);
	}
}

/* What a family has within it follows it at once, and asks for nothing more. */
static uint32_t keep_widest(const struct hlv_filter *f, uint32_t *list, uint32_t n)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct hlv_bytes wider = kept ? type_at(f, list[kept - 1]) : hlv_text("");
		struct hlv_bytes own = type_at(f, list[i]);
		if (kept == 0 || !hlv_eq_fold(hlv_head(own, wider.n), wider))
			list[kept++] = list[i];
	}
	return kept;
}

/* Families stand at the end of the room, then move up to the types. */
static void split_types(struct hlv_filter *f)
{
	struct hlv_reader r = hlv_reader(f->rq->types.raw);
	uint32_t *types = f->room + f->nindexes, n = f->rq->types.n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (uint32_t)r.pos;
		struct hlv_bytes type = hlv_next_array(&r);
		if (type.n == 0 || (type.n == 1 && type.p[0] == '.'))
			continue; /* of nothing */
		if (type.p[type.n - 1] == '.')
			types[n - ++f->nfamilies] = at;
		else
			types[f->ntypes++] = at;
	}
	memmove(types + f->ntypes, types + n - f->nfamilies, f->nfamilies * sizeof *types);
}

void hlv_filter_sort(struct hlv_filter *f)
{
	const struct hlv_request *rq = f->rq;
	struct hlv_reader r = hlv_reader(rq->indexes.raw);
	f->nindexes = rq->indexes.n;
	f->ntypes = f->nfamilies = 0;
	for (uint32_t i = 0; i < f->nindexes; i++)
		f->room[i] = hlv_next_index(&r);
	split_types(f);
	uint32_t *types = f->room + f->nindexes, *families = types + f->ntypes;
	sort(f, f->room, f->nindexes, is_lower);
	sort(f, types, f->ntypes, is_before);
	sort(f, families, f->nfamilies, is_before);
	f->nfamilies = keep_widest(f, families, f->nfamilies);
}

static bool has_index(const struct hlv_filter *f, uint32_t index)
{
	uint32_t from = 0, to = f->nindexes;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		if (f->room[middle] == index)
			return true;
		if (f->room[middle] < index)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

/* The type with a dot behind it against a family; 0 when it begins with that: "X" and "X.Y" are both of
 * the family "X.". */
static int order_family(struct hlv_bytes type, struct hlv_bytes family)
{
	struct hlv_bytes head = hlv_head(type, family.n);
	int d = order(head, hlv_head(family, head.n));
	if (d != 0 || head.n == family.n)
		return d;
	d = '.' - hlv_upper(family.p[head.n]);
	if (d != 0)
		return d;
	return head.n + 1 == family.n ? 0 : -1;
}

static bool search(const struct hlv_filter *f, const uint32_t *sorted, uint32_t n,
		   struct hlv_bytes type, int compare(struct hlv_bytes, struct hlv_bytes))
{
	uint32_t from = 0, to = n;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		int d = compare(type, type_at(f, sorted[middle]));
		if (d == 0)
			return true;
		if (d > 0)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

static bool has_type(const struct hlv_filter *f, struct hlv_bytes type)
{
	return search(f, f->room + f->nindexes, f->ntypes, type, order);
}

/* None is within another, so whatever stands between a family and its member would be in it, too: the
 * search meets no other family that is before the member and behind its own. */
static bool has_family(const struct hlv_filter *f, struct hlv_bytes type)
{
	return search(f, f->room + f->nindexes + f->ntypes, f->nfamilies, type, order_family);
}

bool hlv_filter_finds(const struct hlv_filter *f, const struct hlv_value *v)
{
	return has_index(f, v->index) || has_type(f, v->type) || has_family(f, v->type);
}

/* --- a short one --- */

bool hlv_filter_compares(const struct hlv_request *rq, const struct hlv_value *v)
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
