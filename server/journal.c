/* SPDX-License-Identifier: Apache-2.0 */
#include "server/journal.h"

#include "proto/base/crc32c.h"

enum { FORMAT = 1, CRC_AT = 4, TIME_AT = 8, HEADER = 20, PUT_MIN = 1 + 4 + 4 };

struct hlv_bytes journal_key(uint64_t seq, uint8_t out[JOURNAL_KEY_SIZE])
{
	hlv_store_u64(out, seq);
	return hlv_bytes(out, JOURNAL_KEY_SIZE);
}

static uint32_t checksum(struct hlv_bytes key, struct hlv_bytes stored)
{
	static const uint8_t zeros[4];
	uint32_t crc = hlv_crc32c(0, key);
	crc = hlv_crc32c(crc, hlv_head(stored, CRC_AT));
	crc = hlv_crc32c(crc, hlv_bytes(zeros, sizeof zeros));
	return hlv_crc32c(crc, hlv_skip(stored, TIME_AT));
}

static uint32_t put_puts(struct hlv_writer *w, const struct store_txn *txn)
{
	uint32_t n = 0;
	for (size_t i = 0; i < txn->nputs; i++) {
		const struct store_put *put = &txn->puts[i];
		if (!journal_has(put->space))
			continue;
		n++;
		hlv_put_u8(w, (uint8_t)put->space);
		hlv_put_lp32(w, put->key);
		hlv_put_lp32(w, put->value);
		if (put->space == SPACE_RECORD && !w->bad)
			hlv_record_stamp(w->p + w->n - put->value.n, put->value.n, put->key,
					 txn->seq, txn->time_ms);
	}
	return n;
}

static uint32_t put_range(struct hlv_writer *w, const struct store_txn *txn)
{
	uint32_t n = 0;
	struct hlv_bytes first = {0}, last = {0};
	for (size_t i = 0; i < txn->nputs; i++) {
		if (txn->puts[i].space != SPACE_RECORD)
			continue;
		if (n++ == 0)
			first = txn->puts[i].key;
		last = txn->puts[i].key;
	}
	hlv_put_lp32(w, first);
	hlv_put_lp32(w, last);
	return n;
}

/* An upper bound; the writer tells what was really needed. */
static size_t room_for(const struct store_txn *txn)
{
	if (txn->bulk)
		return HEADER + 2 * (4 + (size_t)STORE_KEY_MAX);
	size_t n = HEADER;
	for (size_t i = 0; i < txn->nputs; i++)
		if (journal_has(txn->puts[i].space))
			n += PUT_MIN + txn->puts[i].key.n + txn->puts[i].value.n;
	return n;
}

void journal_encode(struct hlv_buf *buf, const struct store_txn *txn)
{
	size_t room = room_for(txn), from = buf->n;
	uint8_t *p = hlv_buf_room(buf, room);
	if (!p)
		return;
	struct hlv_writer w = hlv_writer(p, room);
	hlv_put_u8(&w, FORMAT);
	hlv_put_u8(&w, txn->bulk ? JOURNAL_RANGE : JOURNAL_PUTS);
	hlv_put_u16(&w, 0);
	hlv_put_u32(&w, 0);
	hlv_put_u64(&w, txn->time_ms);
	size_t count_at = hlv_put_hole32(&w);
	uint32_t n = txn->bulk ? put_range(&w, txn) : put_puts(&w, txn);
	hlv_fill_u32(&w, count_at, n);
	if (w.bad) {
		buf->bad = true;
		return;
	}
	uint8_t key[JOURNAL_KEY_SIZE];
	hlv_fill_u32(&w, CRC_AT, checksum(journal_key(txn->seq, key), hlv_written(&w)));
	buf->n = from + w.n;
}

static void get_put(struct hlv_reader *r, struct store_put *put)
{
	uint8_t space = hlv_get_u8(r);
	if (!journal_has(space))
		hlv_spoil(r);
	put->space = space;
	put->key = hlv_get_lp32(r);
	put->value = hlv_get_lp32(r);
	if (put->key.n == 0 || put->key.n > STORE_KEY_MAX ||
	    (space == SPACE_RECORD && put->value.n < HLV_RECORD_HEADER))
		hlv_spoil(r);
}

static void get_body(struct hlv_reader *r, struct journal_entry *e)
{
	struct store_put put;
	switch (e->kind) {
	case JOURNAL_PUTS:
		if (e->n > hlv_left(r) / PUT_MIN)
			hlv_spoil(r);
		e->puts = hlv_reader(hlv_bytes(r->in.p + r->pos, hlv_left(r)));
		for (uint32_t i = 0; i < e->n && !r->bad; i++)
			get_put(r, &put);
		return;
	case JOURNAL_RANGE:
		e->first = hlv_get_lp32(r);
		e->last = hlv_get_lp32(r);
		if (e->n == 0 || e->first.n == 0 || e->last.n == 0)
			hlv_spoil(r);
		return;
	}
	hlv_spoil(r);
}

enum hlv_err journal_decode(struct hlv_bytes stored, struct hlv_bytes key,
			    struct journal_entry *e)
{
	*e = (struct journal_entry){0};
	struct hlv_reader r = hlv_reader(stored), k = hlv_reader(key);
	uint8_t format = hlv_get_u8(&r);
	e->kind = hlv_get_u8(&r);
	hlv_get_u16(&r);
	uint32_t crc = hlv_get_u32(&r);
	e->time_ms = hlv_get_u64(&r);
	e->n = hlv_get_u32(&r);
	e->seq = hlv_get_u64(&k);
	if (r.bad || !hlv_finished(&k))
		return HLV_E_CORRUPT;
	if (format > FORMAT)
		return HLV_E_NEWER;
	if (checksum(key, stored) != crc)
		return HLV_E_CORRUPT;
	get_body(&r, e);
	return hlv_finished(&r) ? HLV_OK : HLV_E_CORRUPT;
}

bool journal_next(struct journal_entry *e, struct store_put *put)
{
	if (e->kind != JOURNAL_PUTS || hlv_left(&e->puts) == 0)
		return false;
	get_put(&e->puts, put);
	return !e->puts.bad;
}
