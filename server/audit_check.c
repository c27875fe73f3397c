/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/reader.h"
#include "proto/base/writer.h"
#include "proto/wire/codes.h"
#include "server/audit.h"

enum { TELL_EVERY = 4096 };

/* --- checkpoints --- */

/* Signed: these words, so that it is a signature over nothing else, then the head. */
static size_t signed_spans(const uint8_t head[AUDIT_HEAD_SIZE], struct hlv_bytes spans[2])
{
	spans[0] = hlv_text("helve audit head 1\n");
	spans[1] = hlv_bytes(head, AUDIT_HEAD_SIZE);
	return 2;
}

enum hlv_err audit_checkpoint_make(const struct hlv_key *key, const struct audit_head *head,
				   struct audit_checkpoint *c)
{
	uint8_t octets[AUDIT_HEAD_SIZE], signature[HLV_SIGNATURE_MAX];
	struct hlv_bytes spans[2];
	struct hlv_bytes algorithm = hlv_text(hlv_signature_algorithm(key, HLV_OUR_VERSION));
	struct hlv_writer s = hlv_writer(signature, sizeof signature);
	struct hlv_writer w = hlv_writer(c->value, sizeof c->value);
	audit_head_encode(head, octets);
	size_t n = signed_spans(octets, spans);
	HLV_TRY(hlv_sign(key, algorithm, (struct hlv_bytes){0}, spans, n, &s));
	hlv_put(&w, hlv_bytes(head->hash, AUDIT_HASH));
	hlv_put_lp32(&w, hlv_written(&s));
	size_t at = hlv_put_hole32(&w);
	HLV_TRY(hlv_pubkey_encode(&w, key));
	hlv_fill32(&w, at);
	if (w.bad)
		return HLV_E_LIMIT;
	c->put = (struct store_put){SPACE_AUDIT, audit_key(head->seq + 1, c->key),
				    hlv_written(&w)};
	c->txn = (struct store_txn){.puts = &c->put, .nputs = 1};
	return HLV_OK;
}

enum hlv_err audit_checkpoint_read(const struct store_put *put, struct audit_head *head,
				   struct hlv_bytes *signature, struct hlv_bytes *key)
{
	struct hlv_reader k = hlv_reader(put->key), r = hlv_reader(put->value);
	uint64_t seq = hlv_get_u64(&k);
	struct hlv_bytes hash = hlv_take(&r, AUDIT_HASH);
	*signature = hlv_get_lp32(&r);
	*key = hlv_get_lp32(&r);
	if (seq == 0 || !hlv_finished(&k) || !hlv_finished(&r) || signature->n == 0 ||
	    key->n == 0 || put->value.n > AUDIT_CHECKPOINT_MAX)
		return HLV_E_MALFORMED;
	head->seq = seq - 1;
	memcpy(head->hash, hash.p, AUDIT_HASH);
	return HLV_OK;
}

/* --- checking --- */

enum hlv_err audit_check_init(struct audit_check *c)
{
	return hlv_hasher_new(HLV_SHA256, &c->hasher);
}

void audit_check_fini(struct audit_check *c)
{
	hlv_hasher_free(c->hasher);
	hlv_key_free(c->key);
	hlv_buf_free(&c->key_octets);
	c->hasher = NULL;
	c->key = NULL;
}

/* Always HLV_E_CORRUPT. */
static enum hlv_err bad(struct audit_check *c, uint64_t seq, const char *why)
{
	c->bad_seq = seq;
	snprintf(c->why, sizeof c->why, "%s", why);
	return HLV_E_CORRUPT;
}

static enum hlv_err take_key(struct audit_check *c, struct hlv_bytes octets)
{
	if (c->key && hlv_eq(hlv_buf_bytes(&c->key_octets), octets))
		return HLV_OK;
	hlv_key_free(c->key);
	c->key = NULL;
	HLV_TRY(hlv_pubkey_decode(octets, &c->key));
	hlv_buf_clear(&c->key_octets);
	hlv_buf_put(&c->key_octets, octets);
	return c->key_octets.bad ? HLV_E_NOMEM : hlv_hash(HLV_SHA256, octets, c->signer);
}

static bool is_expected(const struct audit_check *c)
{
	for (size_t i = 0; i < c->nkeys; i++)
		if (hlv_key_same_public(c->keys[i], c->key))
			return true;
	return c->nkeys == 0;
}

/* c->at is the head that it signs. */
static enum hlv_err check_checkpoint(struct audit_check *c, const struct audit_entry *e)
{
	uint8_t octets[AUDIT_HEAD_SIZE];
	struct hlv_bytes spans[2];
	enum hlv_err err = take_key(c, e->key);
	if (err == HLV_E_NOMEM)
		return err;
	if (err != HLV_OK)
		return bad(c, e->seq, "checkpoint with an unusable key");
	if (!is_expected(c))
		return bad(c, e->seq, "checkpoint by another key");
	audit_head_encode(&c->at, octets);
	size_t n = signed_spans(octets, spans);
	if (hlv_verify(c->key, hlv_text(hlv_signature_algorithm(c->key, HLV_OUR_VERSION)),
		       (struct hlv_bytes){0}, spans, n, e->signature) != HLV_OK)
		return bad(c, e->seq, "checkpoint whose signature does not fit the trail");
	c->checkpoints++;
	c->signed_seq = c->at.seq;
	return HLV_OK;
}

static enum hlv_err check_noted(struct audit_check *c)
{
	if (c->noted.seq != c->at.seq || c->at.seq == 0 ||
	    memcmp(c->noted.hash, c->at.hash, AUDIT_HASH) == 0)
		return HLV_OK;
	return bad(c, c->at.seq, "another hash than the head that was noted");
}

static enum hlv_err check_entry(struct audit_check *c, struct hlv_bytes key,
				struct hlv_bytes stored, struct audit_entry *e)
{
	struct hlv_reader k = hlv_reader(key);
	uint64_t want = c->at.seq + 1, seq = hlv_get_u64(&k);
	if (!hlv_finished(&k))
		return bad(c, want, "key that is no place");
	if (seq != want)
		return bad(c, want, "entry is missing");
	enum hlv_err err = audit_decode(stored, e);
	if (err == HLV_E_NEWER)
		return bad(c, seq, "entry of a newer version");
	if (err != HLV_OK)
		return bad(c, seq, "malformed entry");
	if (e->seq != seq)
		return bad(c, seq, "entry of another place");
	if (memcmp(e->prev, c->at.hash, AUDIT_HASH) != 0)
		return bad(c, seq > 1 ? seq - 1 : seq,
			   "entry does not have the hash that the next one names");
	return e->kind == AUDIT_CHECKPOINT ? check_checkpoint(c, e) : HLV_OK;
}

enum hlv_err audit_check_feed(struct audit_check *c, struct hlv_bytes key,
			      struct hlv_bytes stored)
{
	struct audit_entry e;
	uint8_t hash[HLV_HASH_MAX];
	HLV_TRY(check_entry(c, key, stored, &e));
	hlv_hasher_begin(c->hasher);
	hlv_hasher_add(c->hasher, stored);
	HLV_TRY(hlv_hasher_end(c->hasher, hash));
	c->at.seq = e.seq;
	memcpy(c->at.hash, hash, AUDIT_HASH);
	c->entries++;
	c->changes += e.kind == AUDIT_CHANGE;
	c->ranges += e.kind == AUDIT_RANGE;
	return check_noted(c);
}

enum hlv_err audit_check_end(struct audit_check *c, const struct audit_head *head)
{
	if (c->at.seq < c->noted.seq)
		return bad(c, c->at.seq + 1, "trail ends before the head that was noted");
	if (c->at.seq < head->seq)
		return bad(c, c->at.seq + 1, "trail ends before its head");
	if (c->at.seq > head->seq)
		return bad(c, head->seq + 1, "entries behind the trail's head");
	if (memcmp(c->at.hash, head->hash, AUDIT_HASH) != 0)
		return bad(c, c->at.seq, "another hash than the trail's head");
	return HLV_OK;
}

struct feeding {
	struct audit_check *c;
	audit_tell_fn *tell;
	void *ctx;
	enum hlv_err err;
	bool stopped;
};

static bool feed(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct feeding *f = ctx;
	f->err = audit_check_feed(f->c, key, stored);
	if (f->err == HLV_OK && f->c->entries % TELL_EVERY == 0)
		f->stopped = !f->tell(f->ctx, f->c);
	return f->err == HLV_OK && !f->stopped;
}

static enum hlv_err verify(struct store *store, struct store_view *view, struct feeding *f)
{
	struct audit_check *c = f->c;
	uint8_t key[AUDIT_KEY_SIZE];
	struct audit_head head;
	/* Whoever begins behind what was noted has nothing to hold against it. */
	if (c->entries == 0 && c->noted.seq && c->noted.seq < c->at.seq)
		return HLV_E_USAGE;
	HLV_TRY(check_noted(c));
	HLV_TRY(store->ops->scan(view, SPACE_AUDIT, audit_key(c->at.seq + 1, key), feed, f));
	if (f->err != HLV_OK || f->stopped)
		return f->err;
	if (audit_head_get(store, view, &head) != HLV_OK)
		return bad(c, c->at.seq, "the trail's head cannot be read");
	return audit_check_end(c, &head);
}

enum hlv_err audit_verify(struct store *store, struct store_view *view, struct audit_check *c,
			  audit_tell_fn *tell, void *ctx, bool *finished)
{
	struct feeding f = {.c = c, .tell = tell, .ctx = ctx};
	enum hlv_err err = verify(store, view, &f);
	*finished = !f.stopped;
	return err == HLV_E_CORRUPT && c->why[0] ? HLV_OK : err;
}
