/* SPDX-License-Identifier: Apache-2.0 */
#include "server/trail.h"

#include "proto/wire/record.h"

enum { NS_PER_MS = 1000000 };

static enum hlv_err get_meta(struct commit_engine *e, const char *name, struct hlv_bytes *value)
{
	struct hlv_bytes stored;
	HLV_TRY(e->get(e, SPACE_META, hlv_text(name), &stored));
	return meta_open(stored, hlv_text(name), value);
}

static enum hlv_err begin(struct trail *t)
{
	struct hlv_bytes value;
	HLV_TRY(hlv_hasher_new(HLV_SHA256, &t->hasher));
	HLV_TRY(hlv_hasher_new(HLV_SHA256, &t->replaced));
	HLV_TRY(hlv_hasher_new(HLV_SHA256, &t->put));
	enum hlv_err err = get_meta(t->e, "audit", &value);
	if (err == HLV_OK)
		err = audit_head_decode(value, &t->head);
	if (err != HLV_OK && err != HLV_E_NOT_FOUND)
		return err;
	err = get_meta(t->e, "state", &value);
	if (err != HLV_OK || value.n != SUM_SIZE)
		return err == HLV_OK || err == HLV_E_NOT_FOUND ? HLV_E_CORRUPT : err;
	memcpy(t->sum.octets, value.p, SUM_SIZE);
	t->sum_before = t->sum;
	t->seq_before = t->head.seq;
	return HLV_OK;
}

enum hlv_err trail_begin(struct trail *t, struct commit_engine *e)
{
	*t = (struct trail){.e = e};
	return begin(t);
}

void trail_fini(struct trail *t)
{
	hlv_hasher_free(t->hasher);
	hlv_hasher_free(t->replaced);
	hlv_hasher_free(t->put);
	hlv_buf_free(&t->entry);
}

enum hlv_err trail_check(const struct trail *t, const struct store_put *put)
{
	struct audit_head head;
	struct hlv_bytes signature, key;
	HLV_TRY(audit_checkpoint_read(put, &head, &signature, &key));
	bool same = head.seq == t->head.seq && memcmp(head.hash, t->head.hash, AUDIT_HASH) == 0;
	return same ? HLV_OK : HLV_E_CONFLICT;
}

enum hlv_err trail_txn_begin(struct trail *t, const struct store_txn *txn)
{
	if (!txn->bulk)
		return HLV_OK;
	t->nput = t->nreplaced = 0;
	hlv_hasher_begin(t->replaced);
	hlv_hasher_begin(t->put);
	return HLV_OK;
}

/* Place, time, actor and predecessor are the same for all kinds. */
static enum hlv_err append(struct trail *t, const struct store_txn *txn, struct audit_entry *e)
{
	uint8_t key[AUDIT_KEY_SIZE], hash[HLV_HASH_MAX], *place;
	e->seq = t->head.seq + 1;
	e->journal_seq = txn->seq;
	e->time_ns = txn->time_ms * NS_PER_MS;
	e->actor = txn->actor;
	memcpy(e->prev, t->head.hash, AUDIT_HASH);
	hlv_buf_clear(&t->entry);
	audit_encode(&t->entry, e);
	if (t->entry.bad)
		return HLV_E_NOMEM;
	hlv_hasher_begin(t->hasher);
	hlv_hasher_add(t->hasher, hlv_buf_bytes(&t->entry));
	HLV_TRY(hlv_hasher_end(t->hasher, hash));
	HLV_TRY(t->e->reserve(t->e, SPACE_AUDIT, audit_key(e->seq, key), t->entry.n, &place));
	memcpy(place, t->entry.p, t->entry.n);
	t->head.seq = e->seq;
	memcpy(t->head.hash, hash, AUDIT_HASH);
	return HLV_OK;
}

static void add_to_range(struct trail *t, const struct trail_change *c,
			 const struct sum *before, const struct sum *after)
{
	if (t->nput++ == 0)
		t->first = c->put->key;
	t->last = c->put->key;
	hlv_hasher_add(t->put, sum_bytes(after));
	if (c->before.n == 0)
		return;
	t->nreplaced++;
	hlv_hasher_add(t->replaced, sum_bytes(before));
}

enum hlv_err trail_change(struct trail *t, const struct store_txn *txn,
			  const struct trail_change *c)
{
	enum store_space space = c->put->space;
	struct sum before = {0}, after = {0};
	if (c->before.n) {
		HLV_TRY(sum_term(t->hasher, space, c->put->key, c->before, &before));
		sum_take(&t->sum, &before);
	}
	if (c->after.n) {
		HLV_TRY(sum_term(t->hasher, space, c->put->key, c->after, &after));
		sum_add(&t->sum, &after);
	}
	if (txn->bulk) {
		add_to_range(t, c, &before, &after);
		return HLV_OK;
	}
	struct audit_entry e = {.kind = AUDIT_CHANGE, .space = space};
	e.name = space == SPACE_RECORD ? hlv_record_name(c->put->value)
				       : hlv_skip(c->put->key, 1); /* without the scheme */
	memcpy(e.before, before.octets, AUDIT_HASH);
	memcpy(e.after, after.octets, AUDIT_HASH);
	return append(t, txn, &e);
}

enum hlv_err trail_checkpoint(struct trail *t, const struct store_txn *txn,
			      const struct store_put *put)
{
	struct audit_entry e = {.kind = AUDIT_CHECKPOINT};
	struct audit_head head;
	HLV_TRY(audit_checkpoint_read(put, &head, &e.signature, &e.key));
	return append(t, txn, &e);
}

enum hlv_err trail_txn_end(struct trail *t, const struct store_txn *txn)
{
	uint8_t hash[HLV_HASH_MAX];
	if (!txn->bulk || t->nput == 0)
		return HLV_OK;
	struct audit_entry e = {.kind = AUDIT_RANGE,
				.space = SPACE_RECORD,
				.name = t->first,
				.last = t->last,
				.count = t->nput};
	HLV_TRY(hlv_hasher_end(t->put, hash));
	memcpy(e.after, hash, AUDIT_HASH);
	HLV_TRY(hlv_hasher_end(t->replaced, hash));
	if (t->nreplaced)
		memcpy(e.before, hash, AUDIT_HASH);
	return append(t, txn, &e);
}

enum hlv_err trail_end(struct trail *t)
{
	uint8_t head[AUDIT_HEAD_SIZE];
	if (memcmp(t->sum.octets, t->sum_before.octets, SUM_SIZE) != 0)
		HLV_TRY(meta_put(t->e, hlv_text("state"), sum_bytes(&t->sum)));
	if (t->head.seq == t->seq_before)
		return HLV_OK;
	audit_head_encode(&t->head, head);
	return meta_put(t->e, hlv_text("audit"), hlv_bytes(head, sizeof head));
}
