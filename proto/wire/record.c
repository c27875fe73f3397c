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

/* Nothing in it may be unknown: a later version's state is not for guessing at. */
static enum hlv_err decode_state(struct hlv_bytes extension, struct hlv_record *rec)
{
	struct hlv_reader r = hlv_reader(extension);
	if (!(rec->flags & HLV_RECORD_HAS_STATE))
		return HLV_E_NEWER;
	rec->state = hlv_get_u8(&r);
	uint8_t zero = hlv_get_u8(&r);
	rec->locks = hlv_get_u16(&r);
	rec->state_since_ms = hlv_get_u64(&r);
	rec->reason = hlv_get_lp32(&r);
	if (r.bad)
		return HLV_E_CORRUPT;
	if (!hlv_finished(&r) || zero != 0 || rec->state > HLV_STATE_REVOKED ||
	    rec->locks & ~HLV_LOCKS_ALL || rec->reason.n > HLV_REASON_MAX)
		return HLV_E_NEWER;
	/* Would be served with a second look for ever. */
	return rec->state == HLV_STATE_ACTIVE && rec->locks == 0 ? HLV_E_CORRUPT : HLV_OK;
}

static void encode_state(struct hlv_writer *w, const struct hlv_record *rec)
{
	hlv_put_u8(w, rec->state);
	hlv_put_u8(w, 0);
	hlv_put_u16(w, rec->locks);
	hlv_put_u64(w, rec->state_since_ms);
	hlv_put_lp32(w, rec->reason);
	if (rec->state > HLV_STATE_REVOKED || rec->locks & ~HLV_LOCKS_ALL ||
	    rec->reason.n > HLV_REASON_MAX)
		w->bad = true;
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
	struct hlv_bytes extension = hlv_take(&r, hlv_load_u32(head.p + EXTENSION_AT));
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
	rec->state = HLV_STATE_ACTIVE;
	rec->locks = 0;
	rec->state_since_ms = 0;
	rec->reason = (struct hlv_bytes){0};
	if (extension.n > 0)
		return decode_state(extension, rec);
	return rec->flags & HLV_RECORD_HAS_STATE ? HLV_E_CORRUPT : HLV_OK;
}

void hlv_record_encode(struct hlv_writer *w, struct hlv_bytes key, const struct hlv_record *rec)
{
	size_t from = w->n;
	bool has_state = rec->state != HLV_STATE_ACTIVE || rec->locks != 0;
	unsigned flags = rec->flags & ~(unsigned)HLV_RECORD_HAS_STATE;
	hlv_put_u8(w, HLV_RECORD_FORMAT);
	hlv_put_u8(w, (uint8_t)(has_state ? flags | HLV_RECORD_HAS_STATE : flags));
	hlv_put_u16(w, (uint16_t)rec->name.n);
	hlv_put_u32(w, 0);
	hlv_put_u64(w, rec->seq);
	hlv_put_u64(w, rec->time_ms);
	size_t extension_at = hlv_put_hole32(w);
	if (has_state) {
		encode_state(w, rec);
		hlv_fill32(w, extension_at);
	}
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

struct hlv_bytes hlv_record_name(struct hlv_bytes stored)
{
	struct hlv_reader r = hlv_reader(stored);
	struct hlv_bytes head = hlv_take(&r, HLV_RECORD_HEADER);
	if (head.n == 0)
		return head;
	hlv_take(&r, hlv_load_u32(head.p + EXTENSION_AT));
	return hlv_take(&r, (size_t)head.p[2] << 8 | head.p[3]);
}

uint64_t hlv_record_seq(struct hlv_bytes stored)
{
	return stored.n < HLV_RECORD_HEADER ? 0 : hlv_load_u64(stored.p + SEQ_AT);
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
		if (!hlv_value_is_public(&v))
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
