/* SPDX-License-Identifier: Apache-2.0 */
#include "server/history.h"

#include "proto/base/reader.h"
#include "proto/base/writer.h"
#include "server/journal.h"

struct hlv_bytes history_key(struct hlv_bytes record_key, uint64_t seq,
			     uint8_t out[HISTORY_KEY_MAX])
{
	memcpy(out, record_key.p, record_key.n);
	hlv_store_u64(out + record_key.n, seq);
	return hlv_bytes(out, record_key.n + 8);
}

bool history_split(struct hlv_bytes key, struct hlv_bytes *record_key, uint64_t *seq)
{
	if (key.n <= 8 + 1 || key.n > HISTORY_KEY_MAX)
		return false;
	*record_key = hlv_head(key, key.n - 8);
	*seq = hlv_load_u64(key.p + key.n - 8);
	return true;
}

enum hlv_err history_gone(struct store *store, struct store_view *view, uint64_t *seq)
{
	struct hlv_bytes value;
	enum hlv_err err = store_meta_get(store, view, "history", &value);
	*seq = 0;
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	if (err != HLV_OK || value.n < 8)
		return err == HLV_OK ? HLV_E_CORRUPT : err;
	*seq = hlv_load_u64(value.p);
	return HLV_OK;
}

/* --- walking the versions of one record, oldest first --- */

typedef bool version_fn(void *ctx, const struct history_version *version);

struct walk {
	struct hlv_bytes key;
	version_fn *visit; /* NULL: count them */
	void *ctx;
	size_t n;
	bool stopped;
	enum hlv_err err;
};

static enum hlv_err open_version(struct hlv_bytes stored, struct hlv_bytes key, uint64_t until,
				 struct history_version *v)
{
	*v = (struct history_version){.until_seq = until, .stored = stored};
	HLV_TRY(hlv_record_decode(stored, key, &v->rec));
	v->seq = v->rec.seq;
	v->time_ms = v->rec.time_ms;
	return HLV_OK;
}

/* Places are far below 2^56, so the octet behind the key is zero, which no identifier has: the
 * versions of one record stand together, before those of identifiers that begin with it. */
static bool on_entry(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct walk *w = ctx;
	struct hlv_bytes own;
	uint64_t seq;
	struct history_version v;
	if (!hlv_starts_with(key, w->key) || !history_split(key, &own, &seq))
		return false;
	if (own.n != w->key.n)
		return true;
	w->n++;
	if (!w->visit)
		return true;
	w->err = open_version(stored, own, seq, &v);
	if (w->err == HLV_OK)
		w->stopped = !w->visit(w->ctx, &v);
	return w->err == HLV_OK && !w->stopped;
}

/* Also counts them, the newest too, in w->n. HLV_E_NOT_FOUND: there is no such record. */
static enum hlv_err walk_versions(struct store *store, struct store_view *view, struct walk *w)
{
	uint8_t octets[HISTORY_KEY_MAX];
	struct hlv_bytes stored;
	struct history_version v;
	HLV_TRY(store->ops->get(view, SPACE_RECORD, w->key, &stored));
	HLV_TRY(store->ops->scan(view, SPACE_HISTORY, history_key(w->key, 0, octets), on_entry,
				 w));
	HLV_TRY(w->err);
	w->n++;
	if (w->stopped || !w->visit)
		return HLV_OK;
	HLV_TRY(open_version(stored, w->key, 0, &v));
	w->visit(w->ctx, &v);
	return HLV_OK;
}

struct collecting {
	struct history *h;
	size_t skip;
};

static bool collect(void *ctx, const struct history_version *v)
{
	struct collecting *c = ctx;
	if (c->skip > 0) {
		c->skip--;
		return true;
	}
	if (c->h->n == 0)
		return false;		/* cannot be: counted in the same view */
	c->h->versions[--c->h->n] = *v; /* from the end: newest first */
	return true;
}

enum hlv_err history_read(struct store *store, struct store_view *view,
			  const struct store_key *key, size_t max, struct hlv_arena *a,
			  struct history *h)
{
	struct walk w = {.key = store_key_bytes(key)};
	uint64_t gone;
	*h = (struct history){0};
	HLV_TRY(walk_versions(store, view, &w));
	HLV_TRY(history_gone(store, view, &gone));
	size_t n = w.n < max ? w.n : max;
	struct collecting c = {.h = h, .skip = w.n - n};
	h->cut = c.skip > 0;
	h->versions = hlv_alloc(a, n * sizeof *h->versions);
	if (!h->versions)
		return HLV_E_NOMEM;
	h->n = n;
	w = (struct walk){.key = w.key, .visit = collect, .ctx = &c};
	HLV_TRY(walk_versions(store, view, &w));
	h->n = n;
	h->whole = n > 0 && !h->cut && h->versions[n - 1].seq > gone;
	return HLV_OK;
}

struct seeking {
	uint64_t time_ms, oldest;
	struct history_version *found;
	bool any;
};

static bool seek(void *ctx, const struct history_version *v)
{
	struct seeking *s = ctx;
	if (s->oldest == 0)
		s->oldest = v->seq;
	if (v->time_ms > s->time_ms)
		return false;
	*s->found = *v;
	s->any = true;
	return true;
}

enum hlv_err history_at(struct store *store, struct store_view *view,
			const struct store_key *key, uint64_t time_ms,
			struct history_version *version)
{
	struct seeking s = {.time_ms = time_ms, .found = version};
	struct walk w = {.key = store_key_bytes(key), .visit = seek, .ctx = &s};
	uint64_t gone;
	HLV_TRY(walk_versions(store, view, &w));
	HLV_TRY(history_gone(store, view, &gone));
	if (s.any)
		return HLV_OK;
	return s.oldest > gone ? HLV_E_NOT_FOUND : HLV_E_UNSUPPORTED;
}

/* --- undo --- */

enum { UNDO_PUTS = 1000, UNDO_LOOKED_AT = 50000 };

struct undoing {
	struct store *store;
	struct store_view *view;
	struct hlv_arena *a;
	uint64_t gone;
	struct store_put *puts;
	struct store_check *checks;
	size_t n;
};

static enum hlv_err begin_undo(struct undoing *u, size_t room)
{
	HLV_TRY(history_gone(u->store, u->view, &u->gone));
	u->puts = hlv_alloc(u->a, room * sizeof *u->puts);
	u->checks = hlv_alloc(u->a, room * sizeof *u->checks);
	return u->a->bad ? HLV_E_NOMEM : HLV_OK;
}

static struct store_txn undo_txn(const struct undoing *u)
{
	return (struct store_txn){
		.checks = u->checks, .nchecks = u->n, .puts = u->puts, .nputs = u->n};
}

/* What stood before `stored`, as a copy: commit stamps it anew. */
static enum hlv_err former(struct undoing *u, struct hlv_bytes key, struct hlv_bytes stored,
			   const struct hlv_record *rec, struct hlv_bytes *out)
{
	uint8_t octets[HISTORY_KEY_MAX];
	struct hlv_bytes old;
	enum hlv_err err = u->store->ops->get(u->view, SPACE_HISTORY,
					      history_key(key, rec->seq, octets), &old);
	if (err != HLV_OK && err != HLV_E_NOT_FOUND)
		return err;
	bool none = err == HLV_E_NOT_FOUND, deleted = rec->flags & HLV_RECORD_DELETED;
	/* A tombstone has the values that were there; a live record that was not the first one
	 * does not tell. */
	if (none && !deleted && rec->seq <= u->gone)
		return HLV_E_UNSUPPORTED;
	if (!none) {
		struct hlv_record check;
		HLV_TRY(hlv_record_decode(old, key, &check));
	}
	struct hlv_bytes from = none ? stored : old;
	uint8_t *copy = hlv_alloc_raw(u->a, from.n);
	if (!copy)
		return HLV_E_NOMEM;
	memcpy(copy, from.p, from.n);
	if (none)
		copy[1] ^= HLV_RECORD_DELETED;
	*out = hlv_bytes(copy, from.n);
	return HLV_OK;
}

static enum hlv_err undo_record(struct undoing *u, struct hlv_bytes key,
				struct hlv_bytes stored, const struct hlv_record *rec)
{
	struct hlv_bytes value;
	HLV_TRY(former(u, key, stored, rec, &value));
	key = hlv_arena_copy(u->a, key);
	if (u->a->bad)
		return HLV_E_NOMEM;
	u->puts[u->n] = (struct store_put){SPACE_RECORD, key, value};
	u->checks[u->n++] = (struct store_check){SPACE_RECORD, key, rec->seq};
	return HLV_OK;
}

enum hlv_err history_undo_newest(struct store *store, struct store_view *view,
				 const struct store_key *key, struct hlv_arena *a,
				 struct store_txn *txn)
{
	struct undoing u = {.store = store, .view = view, .a = a};
	struct hlv_bytes stored, k = store_key_bytes(key);
	struct hlv_record rec;
	HLV_TRY(store->ops->get(view, SPACE_RECORD, k, &stored));
	HLV_TRY(hlv_record_decode(stored, k, &rec));
	HLV_TRY(begin_undo(&u, 1));
	HLV_TRY(undo_record(&u, k, stored, &rec));
	*txn = undo_txn(&u);
	return HLV_OK;
}

static enum hlv_err undo_puts(struct undoing *u, struct journal_entry *entry)
{
	struct store_put put;
	HLV_TRY(begin_undo(u, entry->n));
	while (journal_next(entry, &put)) {
		struct hlv_bytes stored;
		struct hlv_record rec;
		if (put.space != SPACE_RECORD)
			return HLV_E_UNSUPPORTED;
		HLV_TRY(u->store->ops->get(u->view, SPACE_RECORD, put.key, &stored));
		HLV_TRY(hlv_record_decode(stored, put.key, &rec));
		if (rec.seq != entry->seq)
			return HLV_E_CONFLICT;
		HLV_TRY(undo_record(u, put.key, stored, &rec));
	}
	return HLV_OK;
}

struct undoing_range {
	struct undoing *u;
	const struct journal_entry *entry;
	struct history_undo *out;
	size_t looked_at;
	enum hlv_err err;
};

static bool undo_one_of_range(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct undoing_range *r = ctx;
	struct hlv_record rec;
	if (hlv_compare(key, r->entry->last) > 0 || key.n > STORE_KEY_MAX)
		return false;
	if (r->u->n == UNDO_PUTS || r->looked_at++ == UNDO_LOOKED_AT) {
		memcpy(r->out->from.octets, key.p, key.n);
		r->out->from.n = (uint16_t)key.n;
		r->out->done = false;
		return false;
	}
	if (hlv_record_seq(stored) != r->entry->seq)
		return true;
	r->err = hlv_record_decode(stored, key, &rec);
	if (r->err == HLV_OK)
		r->err = undo_record(r->u, key, stored, &rec);
	return r->err == HLV_OK;
}

static enum hlv_err undo_range(struct undoing *u, const struct journal_entry *entry,
			       struct history_undo *out)
{
	struct undoing_range r = {.u = u, .entry = entry, .out = out};
	struct hlv_bytes from = out->from.n ? store_key_bytes(&out->from) : entry->first;
	struct store_key first = {.n = (uint16_t)from.n};
	memcpy(first.octets, from.p, from.n); /* out->from is written on the way */
	HLV_TRY(begin_undo(u, UNDO_PUTS));
	HLV_TRY(u->store->ops->scan(u->view, SPACE_RECORD, store_key_bytes(&first),
				    undo_one_of_range, &r));
	return r.err;
}

enum hlv_err history_undo_change(struct store *store, struct store_view *view,
				 struct hlv_arena *a, struct history_undo *out)
{
	struct undoing u = {.store = store, .view = view, .a = a};
	struct journal_entry entry;
	struct hlv_bytes stored;
	uint8_t octets[JOURNAL_KEY_SIZE];
	struct hlv_bytes key = journal_key(out->seq, octets);
	HLV_TRY(store->ops->get(view, SPACE_JOURNAL, key, &stored));
	HLV_TRY(journal_decode(stored, key, &entry));
	out->done = true;
	bool range = entry.kind == JOURNAL_RANGE;
	if (range && (entry.first.n > STORE_KEY_MAX || entry.last.n > STORE_KEY_MAX))
		return HLV_E_CORRUPT;
	HLV_TRY(range ? undo_range(&u, &entry, out) : undo_puts(&u, &entry));
	out->txn = undo_txn(&u);
	out->txn.bulk = range;
	return HLV_OK;
}
