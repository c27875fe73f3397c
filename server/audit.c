/* SPDX-License-Identifier: Apache-2.0 */
#include "server/audit.h"

#include <inttypes.h>

#include "proto/base/reader.h"
#include "proto/base/writer.h"

enum { FORMAT = 1, FIXED = 68 + 4 + 4 + 4, CHANGE_FIXED = 1 + 4 + 4 + 8 + 2 * AUDIT_HASH };

struct hlv_bytes audit_key(uint64_t seq, uint8_t out[AUDIT_KEY_SIZE])
{
	hlv_store_u64(out, seq);
	return hlv_bytes(out, AUDIT_KEY_SIZE);
}

/* --- entries --- */

static void put_body(struct hlv_writer *w, const struct audit_entry *e)
{
	switch (e->kind) {
	case AUDIT_CHANGE:
		hlv_put_u8(w, (uint8_t)e->space);
		hlv_put_lp32(w, e->name);
		break;
	case AUDIT_RANGE:
		hlv_put_u8(w, (uint8_t)e->space);
		hlv_put_lp32(w, e->name);
		hlv_put_lp32(w, e->last);
		hlv_put_u64(w, e->count);
		break;
	case AUDIT_CHECKPOINT:
		hlv_put_lp32(w, e->signature);
		hlv_put_lp32(w, e->key);
		return;
	}
	hlv_put(w, hlv_bytes(e->before, AUDIT_HASH));
	hlv_put(w, hlv_bytes(e->after, AUDIT_HASH));
}

void audit_encode(struct hlv_buf *buf, const struct audit_entry *e)
{
	const struct store_actor *who = &e->actor;
	/* An upper bound; the writer tells what was really needed. */
	size_t room = FIXED + CHANGE_FIXED + who->who.handle.n + who->source.n + e->name.n +
		      e->last.n + e->signature.n + e->key.n;
	size_t from = buf->n;
	uint8_t *p = hlv_buf_room(buf, room);
	if (!p)
		return;
	struct hlv_writer w = hlv_writer(p, room);
	hlv_put_u8(&w, FORMAT);
	hlv_put_u8(&w, (uint8_t)e->kind);
	hlv_put_u8(&w, (uint8_t)who->how);
	hlv_put_u8(&w, who->transport);
	hlv_put_u32(&w, who->op);
	hlv_put_u32(&w, who->request_id);
	hlv_put_u64(&w, e->seq);
	hlv_put_u64(&w, e->journal_seq);
	hlv_put_u64(&w, e->time_ns);
	hlv_put(&w, hlv_bytes(e->prev, AUDIT_HASH));
	hlv_put_lp32(&w, who->who.handle);
	hlv_put_u32(&w, who->who.index);
	hlv_put_lp32(&w, who->source);
	put_body(&w, e);
	buf->bad = buf->bad || w.bad;
	buf->n = from + w.n;
}

static void get_hash(struct hlv_reader *r, uint8_t out[AUDIT_HASH])
{
	struct hlv_bytes hash = hlv_take(r, AUDIT_HASH);
	if (hash.n)
		memcpy(out, hash.p, AUDIT_HASH);
}

static void get_body(struct hlv_reader *r, struct audit_entry *e)
{
	switch (e->kind) {
	case AUDIT_CHANGE:
		e->space = hlv_get_u8(r);
		e->name = hlv_get_lp32(r);
		if (e->space != SPACE_RECORD && e->space != SPACE_PREFIX)
			hlv_spoil(r);
		break;
	case AUDIT_RANGE:
		e->space = hlv_get_u8(r);
		e->name = hlv_get_lp32(r);
		e->last = hlv_get_lp32(r);
		e->count = hlv_get_u64(r);
		if (e->space != SPACE_RECORD)
			hlv_spoil(r);
		break;
	case AUDIT_CHECKPOINT:
		e->signature = hlv_get_lp32(r);
		e->key = hlv_get_lp32(r);
		return;
	default: /* off the disk */
		hlv_spoil(r);
		return;
	}
	get_hash(r, e->before);
	get_hash(r, e->after);
}

enum hlv_err audit_decode(struct hlv_bytes stored, struct audit_entry *e)
{
	*e = (struct audit_entry){0};
	struct hlv_reader r = hlv_reader(stored);
	uint8_t format = hlv_get_u8(&r);
	e->kind = hlv_get_u8(&r);
	e->actor.how = hlv_get_u8(&r);
	e->actor.transport = hlv_get_u8(&r);
	e->actor.op = hlv_get_u32(&r);
	e->actor.request_id = hlv_get_u32(&r);
	e->seq = hlv_get_u64(&r);
	e->journal_seq = hlv_get_u64(&r);
	e->time_ns = hlv_get_u64(&r);
	get_hash(&r, e->prev);
	e->actor.who.handle = hlv_get_lp32(&r);
	e->actor.who.index = hlv_get_u32(&r);
	e->actor.source = hlv_get_lp32(&r);
	if (!r.bad && format > FORMAT)
		return HLV_E_NEWER;
	if (e->actor.how > ACTOR_PUBLIC || format != FORMAT)
		hlv_spoil(&r);
	get_body(&r, e);
	return hlv_finished(&r) ? HLV_OK : HLV_E_CORRUPT;
}

/* --- heads --- */

void audit_head_encode(const struct audit_head *head, uint8_t out[AUDIT_HEAD_SIZE])
{
	hlv_store_u64(out, head->seq);
	memcpy(out + 8, head->hash, AUDIT_HASH);
}

enum hlv_err audit_head_decode(struct hlv_bytes value, struct audit_head *head)
{
	if (value.n != AUDIT_HEAD_SIZE)
		return HLV_E_CORRUPT;
	head->seq = hlv_load_u64(value.p);
	memcpy(head->hash, value.p + 8, AUDIT_HASH);
	return HLV_OK;
}

void audit_head_print(const struct audit_head *head, char out[AUDIT_HEAD_TEXT])
{
	int at = snprintf(out, AUDIT_HEAD_TEXT, "%" PRIu64 ":", head->seq);
	for (size_t i = 0; i < AUDIT_HASH; i++)
		at += snprintf(out + at, AUDIT_HEAD_TEXT - (size_t)at, "%02x", head->hash[i]);
}

static bool parse_digits(struct hlv_bytes text, uint64_t *n)
{
	*n = 0;
	if (text.n == 0 || text.n > 19)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		*n = *n * 10 + (uint64_t)(text.p[i] - '0');
	}
	return true;
}

enum hlv_err audit_head_parse(struct hlv_bytes text, struct audit_head *head)
{
	struct hlv_buf hash = {0};
	const uint8_t *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
	size_t n = colon ? (size_t)(colon - text.p) : 0;
	bool ok = parse_digits(hlv_head(text, n), &head->seq) &&
		  hlv_buf_unhex(&hash, hlv_skip(text, n + 1)) && hash.n == AUDIT_HASH;
	if (ok)
		memcpy(head->hash, hash.p, AUDIT_HASH);
	hlv_buf_free(&hash);
	return ok ? HLV_OK : HLV_E_MALFORMED;
}

enum hlv_err audit_head_get(struct store *store, struct store_view *view,
			    struct audit_head *head)
{
	struct hlv_bytes value;
	*head = (struct audit_head){0};
	enum hlv_err err = store_meta_get(store, view, "audit", &value);
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	return err == HLV_OK ? audit_head_decode(value, head) : err;
}

enum hlv_err audit_get(struct store *store, struct store_view *view, uint64_t seq,
		       struct audit_entry *entry)
{
	uint8_t key[AUDIT_KEY_SIZE];
	struct hlv_bytes stored;
	HLV_TRY(store->ops->get(view, SPACE_AUDIT, audit_key(seq, key), &stored));
	HLV_TRY(audit_decode(stored, entry));
	return entry->seq == seq ? HLV_OK : HLV_E_CORRUPT;
}
