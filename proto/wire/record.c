/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/record.h"

#include <stdlib.h>

#include "proto/base/crc32c.h"
#include "proto/wire/codes.h"

enum { CRC_AT = 4, SEQ_AT = 8, TIME_AT = 16, EXTENSION_AT = 24 };

static uint32_t checksum(struct hlv_bytes key, struct hlv_bytes stored)
{
	uint32_t crc = hlv_crc32c(0, key);
	crc = hlv_crc32c(crc, hlv_head(stored, CRC_AT));
	return hlv_crc32c(crc, hlv_skip(stored, SEQ_AT));
}

enum hlv_err hlv_record_decode(struct hlv_bytes stored, struct hlv_bytes key,
			       struct hlv_record *rec)
{
	struct hlv_reader r = hlv_reader(stored);
	struct hlv_bytes head = hlv_take(&r, HLV_RECORD_HEADER);
	if (head.n == 0)
		return HLV_E_CORRUPT;
	uint8_t format = head.p[0];
	uint32_t crc = hlv_load_u32(head.p + CRC_AT);
	rec->flags = head.p[1];
	rec->seq = hlv_load_u64(head.p + SEQ_AT);
	rec->time_ms = hlv_load_u64(head.p + TIME_AT);
	uint32_t extension = hlv_load_u32(head.p + EXTENSION_AT);
	rec->name = hlv_take(&r, (size_t)head.p[2] << 8 | head.p[3]);
	size_t from = r.pos;
	rec->values.n = hlv_get_u32(&r);
	rec->values.raw = hlv_take_rest(&r);
	rec->list = hlv_since(&r, from);
	if (r.bad)
		return HLV_E_CORRUPT;
	if (format > HLV_RECORD_FORMAT)
		return HLV_E_NEWER;
	if (format == 0 || checksum(key, stored) != crc)
		return HLV_E_CORRUPT;
	/* Who fills the extension puts octets where we look for the name. */
	return extension == 0 ? HLV_OK : HLV_E_NEWER;
}

void hlv_record_encode(struct hlv_writer *w, struct hlv_bytes key, const struct hlv_record *rec)
{
	size_t from = w->n;
	hlv_put_u8(w, HLV_RECORD_FORMAT);
	hlv_put_u8(w, rec->flags);
	hlv_put_u16(w, (uint16_t)rec->name.n);
	hlv_put_u32(w, 0);
	hlv_put_u64(w, rec->seq);
	hlv_put_u64(w, rec->time_ms);
	hlv_put_u32(w, 0);
	hlv_put(w, rec->name);
	hlv_list_encode(w, &rec->values);
	if (!w->bad)
		hlv_fill_u32(w, from + CRC_AT,
			     checksum(key, hlv_bytes(w->p + from, w->n - from)));
}

void hlv_record_stamp(uint8_t *stored, size_t n, struct hlv_bytes key, uint64_t seq,
		      uint64_t time_ms)
{
	hlv_require(n >= HLV_RECORD_HEADER);
	hlv_store_u64(stored + SEQ_AT, seq);
	hlv_store_u64(stored + TIME_AT, time_ms);
	hlv_store_u32(stored + CRC_AT, checksum(key, hlv_bytes(stored, n)));
}

struct place {
	uint32_t index;
	uint32_t n;
	const uint8_t *p;
};

static int by_index(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	return (x->index > y->index) - (x->index < y->index);
}

static enum hlv_err put_sorted(struct place *places, uint32_t n, struct hlv_writer *w)
{
	qsort(places, n, sizeof *places, by_index);
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0 && places[i].index == places[i - 1].index)
			return HLV_E_EXISTS;
		hlv_put(w, hlv_bytes(places[i].p, places[i].n));
	}
	return w->bad ? HLV_E_LIMIT : HLV_OK;
}

enum hlv_err hlv_values_sort(const struct hlv_list *list, struct hlv_writer *w, uint8_t *flags)
{
	if (list->n > HLV_VALUES_MAX)
		return HLV_E_LIMIT;
	struct place places[HLV_VALUES_MAX];
	struct hlv_reader r = hlv_reader(list->raw);
	*flags = HLV_RECORD_ALL_PUBLIC;
	bool sorted = true;
	for (uint32_t i = 0; i < list->n; i++) {
		struct hlv_value v;
		size_t from = r.pos;
		HLV_TRY(hlv_value_decode(&r, &v));
		if (v.index == 0 || v.index > INT32_MAX)
			return HLV_E_LIMIT;
		if (!(v.perms & HLV_PERM_PUBLIC_READ))
			*flags = 0;
		struct hlv_bytes at = hlv_since(&r, from);
		places[i] = (struct place){v.index, (uint32_t)at.n, at.p};
		sorted = sorted && (i == 0 || places[i - 1].index < v.index);
	}
	if (!sorted)
		return put_sorted(places, list->n, w);
	hlv_put(w, list->raw);
	return w->bad ? HLV_E_LIMIT : HLV_OK;
}
