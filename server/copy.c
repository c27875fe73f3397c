/* SPDX-License-Identifier: Apache-2.0 */
#include "server/copy.h"

#include "proto/sec/digest.h"
#include "server/answer.h"
#include "server/journal.h"

enum {
	PUTS_MAX = 64, /* of one journal entry that are told one by one */
	EPOCH = 16,
	SMALL = 64, /* octets of a page without entries */
};

/* Keys of one prefix. */
struct range {
	struct store_key items; /* what the keys of its identifiers begin with */
	struct store_key own;	/* of its own record */
};

static enum hlv_err range_of(const struct answer_context *c, struct hlv_bytes prefix,
			     struct range *range)
{
	uint8_t room[COPY_PREFIX_MAX + 8];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	bool homed;
	if (prefix.n == 0 || prefix.n > COPY_PREFIX_MAX || memchr(prefix.p, '/', prefix.n))
		return HLV_E_LIMIT;
	hlv_put(&w, prefix);
	hlv_put_u8(&w, '/');
	store_key(hlv_written(&w), &range->items);
	store_key(prefix, &range->own);
	HLV_TRY(store_is_homed(c->store, c->view, prefix, &homed));
	return homed ? HLV_OK : HLV_E_NOT_FOUND;
}

static bool is_item(const struct range *range, struct hlv_bytes key)
{
	return hlv_starts_with(key, store_key_bytes(&range->items));
}

static bool is_own(const struct range *range, struct hlv_bytes key)
{
	return hlv_eq(key, store_key_bytes(&range->own));
}

/* --- entries --- */

static void put_key(struct hlv_writer *w, enum copy_entry kind, struct hlv_bytes key)
{
	hlv_put_u8(w, (uint8_t)kind);
	hlv_put_lp32(w, key);
}

/* Is it another server's of our site (6.5)? Whoever copies asks that one. */
static bool is_anothers(const struct answer_context *c, struct hlv_bytes name)
{
	uint32_t hash;
	return c->place->servers > 1 &&
	       (hlv_site_hash(name, c->place->hash_option, &hash) != HLV_OK ||
		hash % c->place->servers != c->place->own);
}

/* What everybody is answered who asks for this record: by the code that answers him. */
static enum hlv_err put_record(const struct answer_context *c, struct hlv_writer *w,
			       struct hlv_bytes key, const struct hlv_record *rec)
{
	struct hlv_request rq = {.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_PUBLIC_ONLY},
				 .handle = rec->name};
	struct hlv_response rs = {0};
	enum hlv_rc rc =
		is_anothers(c, rec->name) ? HLV_RC_NOT_FOUND : answer_record(c, &rq, rec, &rs);
	if (c->arena->bad)
		return HLV_E_NOMEM;
	if (rc == HLV_RC_NOT_FOUND) {
		put_key(w, COPY_GONE, key);
		return HLV_OK;
	}
	if (rc != HLV_RC_SUCCESS && rc != HLV_RC_VALUES_NOT_FOUND)
		return HLV_E_CORRUPT;
	size_t at = w->n;
	put_key(w, COPY_RECORD, key);
	hlv_put_u32(w, rc);
	hlv_put_u32(w, rs.values.n);
	hlv_put_lp32(w, rs.values.raw);
	/* Longer than a message: its answer is for those who get it piece by piece. */
	if (w->bad && at < SMALL) {
		w->bad = false;
		w->n = at;
		put_key(w, COPY_ELSEWHERE, key);
	}
	return HLV_OK;
}

static enum hlv_err put_current(const struct answer_context *c, struct hlv_writer *w,
				struct hlv_bytes key)
{
	struct hlv_bytes stored;
	struct hlv_record rec;
	enum hlv_err err = c->store->ops->get(c->view, SPACE_RECORD, key, &stored);
	if (err == HLV_OK)
		err = hlv_record_decode(stored, key, &rec);
	if (err == HLV_E_NOT_FOUND || (err == HLV_OK && rec.flags & HLV_RECORD_DELETED)) {
		put_key(w, COPY_GONE, key);
		return HLV_OK;
	}
	return err == HLV_OK ? put_record(c, w, key, &rec) : err;
}

static enum hlv_err page_begin(const struct answer_context *c, size_t room,
			       struct hlv_writer *w)
{
	uint8_t *p = hlv_alloc_raw(c->arena, room);
	*w = hlv_writer(p, p ? room : 0);
	hlv_put_u8(w, COPY_FORMAT);
	return p ? HLV_OK : HLV_E_NOMEM;
}

/* --- begin --- */

static enum hlv_err epoch_of(const struct answer_context *c, struct hlv_bytes *epoch)
{
	HLV_TRY(store_meta_get(c->store, c->view, "epoch", epoch));
	return epoch->n == EPOCH ? HLV_OK : HLV_E_CORRUPT;
}

enum hlv_err copy_begin(const struct answer_context *c, struct hlv_bytes prefix,
			struct hlv_bytes *page)
{
	struct range range;
	struct hlv_writer w;
	struct hlv_bytes epoch;
	uint64_t seq, n;
	HLV_TRY(range_of(c, prefix, &range));
	HLV_TRY(epoch_of(c, &epoch));
	HLV_TRY(store_last_seq(c->store, c->view, &seq));
	HLV_TRY(store_count(c->store, c->view, prefix, &n));
	HLV_TRY(page_begin(c, SMALL, &w));
	hlv_put(&w, epoch);
	hlv_put_u64(&w, seq);
	hlv_put_u64(&w, n);
	*page = hlv_written(&w);
	return HLV_OK;
}

/* --- scan --- */

struct scan {
	const struct answer_context *c;
	const struct range *range;
	struct hlv_bytes to;
	struct hlv_writer w;
	unsigned visits;
	struct store_key next; /* n == 0: the end */
	enum hlv_err err;
};

/* The page is full: it ends in front of this key. */
static bool stop_at(struct scan *s, struct hlv_bytes key, size_t at)
{
	s->w.n = at;
	s->w.bad = false;
	memcpy(s->next.octets, key.p, key.n);
	s->next.n = (uint16_t)key.n;
	return false;
}

static bool visit(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct scan *s = ctx;
	struct hlv_record rec;
	size_t at = s->w.n;
	if (!is_item(s->range, key) || (s->to.n > 0 && hlv_compare(key, s->to) > 0))
		return false;
	if (at > COPY_PAGE || s->visits++ == COPY_VISITS)
		return stop_at(s, key, at);
	s->err = hlv_record_decode(stored, key, &rec);
	if (s->err == HLV_OK && !(rec.flags & HLV_RECORD_DELETED))
		s->err = put_record(s->c, &s->w, key, &rec);
	if (s->err == HLV_OK && s->w.bad)
		return stop_at(s, key, at);
	return s->err == HLV_OK;
}

enum hlv_err copy_scan(const struct answer_context *c, struct hlv_bytes prefix,
		       struct hlv_bytes from, struct hlv_bytes to, struct hlv_bytes *page)
{
	struct range range;
	struct scan s = {.c = c, .range = &range, .to = to};
	struct hlv_writer head;
	HLV_TRY(range_of(c, prefix, &range));
	HLV_TRY(page_begin(c, COPY_ROOM, &head));
	/* The key to go on from is known last and stands first: room for the longest. */
	size_t at = 1 + 4 + STORE_KEY_MAX;
	s.w = hlv_writer(head.p + at, COPY_ROOM - at);
	struct hlv_bytes first = store_key_bytes(&range.items);
	if (from.n == 0)
		HLV_TRY(put_current(c, &s.w, store_key_bytes(&range.own)));
	else if (hlv_compare(from, first) > 0)
		first = from;
	HLV_TRY(c->store->ops->scan(c->view, SPACE_RECORD, first, visit, &s));
	HLV_TRY(s.err);
	hlv_put_lp32(&head, store_key_bytes(&s.next));
	memmove(head.p + head.n, s.w.p, s.w.n);
	*page = hlv_bytes(head.p, head.n + s.w.n);
	return HLV_OK;
}

/* --- journal --- */

/* One change, as far as it is about the prefix. Keys are copied: they outlive the scan's step. */
struct change {
	struct change *next;
	uint64_t seq;
	struct hlv_bytes first, last; /* in order; of all its keys */
	bool own;		      /* the prefix's record is among them */
	bool range;		      /* told as a whole */
	size_t n;
	struct hlv_bytes keys[];
};

struct changes {
	const struct answer_context *c;
	const struct range *range;
	struct change *first, **end;
	uint64_t since, seq; /* the last one that was looked at */
	unsigned visits;
	bool gap, more;
	enum hlv_err err;
};

static void widen(struct change *ch, struct hlv_bytes key)
{
	if (ch->first.n == 0 || hlv_compare(key, ch->first) < 0)
		ch->first = key;
	if (ch->last.n == 0 || hlv_compare(key, ch->last) > 0)
		ch->last = key;
}

/* A bulk load's keys, cut to ours. */
static void take_range(struct changes *s, struct change *ch, struct journal_entry *e)
{
	const struct range *r = s->range;
	struct hlv_bytes own = store_key_bytes(&r->own), items = store_key_bytes(&r->items);
	ch->own = hlv_compare(e->first, own) <= 0 && hlv_compare(own, e->last) <= 0;
	ch->range = !(hlv_compare(e->last, items) < 0 ||
		      (hlv_compare(e->first, items) > 0 && !is_item(r, e->first)));
	if (!ch->range)
		return;
	ch->first = hlv_compare(e->first, items) < 0 ? items : e->first;
	ch->last = e->last; /* a scan ends where the prefix does */
}

static void take_puts(struct changes *s, struct change *ch, struct journal_entry *e)
{
	struct store_put put;
	while (journal_next(e, &put)) {
		if (put.space != SPACE_RECORD)
			continue;
		ch->own = ch->own || is_own(s->range, put.key);
		if (!is_item(s->range, put.key))
			continue;
		widen(ch, put.key);
		if (ch->n < PUTS_MAX)
			ch->keys[ch->n++] = put.key;
		else
			ch->range = true;
	}
}

/* The view outlives the page, and keys of the journal with it: they need no copies. */
static bool add(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct changes *s = ctx;
	struct journal_entry e;
	s->err = journal_decode(stored, key, &e);
	if (s->err != HLV_OK)
		return false;
	s->gap = s->gap || (s->visits == 0 && e.seq != s->since + 1);
	s->more = s->visits++ == COPY_VISITS;
	if (s->gap || s->more)
		return false;
	s->seq = e.seq;
	size_t room = e.kind == JOURNAL_RANGE ? 0 : e.n < PUTS_MAX ? e.n : PUTS_MAX;
	struct change *ch = hlv_alloc(s->c->arena, sizeof *ch + room * sizeof *ch->keys);
	if (!ch) {
		/* As many as there is memory for, if any. */
		s->err = s->first ? HLV_OK : HLV_E_NOMEM;
		s->more = true;
		s->seq = e.seq - 1;
		s->c->arena->bad = false;
		return false;
	}
	ch->seq = e.seq;
	if (e.kind == JOURNAL_RANGE)
		take_range(s, ch, &e);
	else
		take_puts(s, ch, &e);
	if (ch->n == 0 && !ch->own && !ch->range)
		return true;
	*s->end = ch;
	s->end = &ch->next;
	return true;
}

static enum hlv_err put_change(struct changes *s, struct hlv_writer *w, const struct change *ch,
			       bool as_range)
{
	if (ch->own)
		HLV_TRY(put_current(s->c, w, store_key_bytes(&s->range->own)));
	if (as_range || ch->range) {
		put_key(w, COPY_RANGE, ch->first);
		hlv_put_lp32(w, ch->last);
		return HLV_OK;
	}
	for (size_t i = 0; i < ch->n; i++)
		HLV_TRY(put_current(s->c, w, ch->keys[i]));
	return HLV_OK;
}

/* Whole changes, as many as fit; one that alone is too much is told as a range. */
static enum hlv_err put_changes(struct changes *s, struct hlv_writer *w)
{
	size_t begin = w->n;
	for (const struct change *ch = s->first; ch; ch = ch->next) {
		size_t at = w->n;
		HLV_TRY(put_change(s, w, ch, false));
		if (!w->bad && w->n <= COPY_PAGE)
			continue;
		w->bad = false;
		w->n = at;
		if (at == begin) {
			HLV_TRY(put_change(s, w, ch, true));
			if (!ch->next)
				return HLV_OK;
			ch = ch->next;
		}
		s->seq = ch->seq - 1;
		s->more = true;
		return HLV_OK;
	}
	return HLV_OK;
}

static enum hlv_err read_changes(struct changes *s, uint64_t since)
{
	uint8_t key[JOURNAL_KEY_SIZE];
	uint64_t last;
	s->end = &s->first;
	s->since = s->seq = since;
	HLV_TRY(store_last_seq(s->c->store, s->c->view, &last));
	s->gap = since > last;
	if (since >= last)
		return HLV_OK;
	HLV_TRY(s->c->store->ops->scan(s->c->view, SPACE_JOURNAL, journal_key(since + 1, key),
				       add, s));
	s->gap = s->gap || s->visits == 0; /* trimmed to nothing */
	return s->err;
}

enum hlv_err copy_journal(const struct answer_context *c, struct hlv_bytes prefix,
			  struct hlv_bytes epoch, uint64_t since, struct hlv_bytes *page)
{
	struct range range;
	struct changes s = {.c = c, .range = &range};
	struct hlv_writer w;
	struct hlv_bytes ours;
	HLV_TRY(range_of(c, prefix, &range));
	HLV_TRY(epoch_of(c, &ours));
	HLV_TRY(page_begin(c, COPY_ROOM, &w));
	hlv_put_u8(&w, COPY_TOO_FAR);
	size_t seq_at = w.n;
	hlv_put_u64(&w, since);
	if (!hlv_eq(ours, epoch)) { /* another registry: nothing of what it knows need be so */
		*page = hlv_written(&w);
		return HLV_OK;
	}
	HLV_TRY(read_changes(&s, since));
	if (!s.gap) {
		HLV_TRY(put_changes(&s, &w));
		w.p[1] = s.more ? COPY_MORE : COPY_CAUGHT_UP;
		hlv_store_u64(w.p + seq_at, s.seq);
	}
	*page = hlv_written(&w);
	return HLV_OK;
}
