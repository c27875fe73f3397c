/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/reader.h"
#include "proto/base/writer.h"
#include "server/history.h"
#include "server/journal.h"

/* A slice is one transaction and its view is short (threats.md D8). */
enum { TRIM_PUTS = 1000, TRIM_LOOKED_AT = 20000 };

struct trimming {
	struct hlv_arena *a;
	uint64_t before_ms;
	struct store_put *puts;
	size_t n, room;
	uint64_t gone;	       /* done up to here */
	struct hlv_bytes from; /* in the load behind it: where to go on; empty: its beginning */
	/* The load that the walk came to. */
	uint64_t load_seq;
	struct hlv_bytes load_first, load_last;
	size_t looked_at;
	bool done;
	enum hlv_err err;
};

/* One is left for META. Few transactions have more puts than a slice. */
static bool make_room(struct trimming *t, size_t n)
{
	if (t->n + n < t->room)
		return true;
	size_t room = t->n + n + TRIM_PUTS;
	struct store_put *puts = hlv_alloc(t->a, room * sizeof *puts);
	if (!puts)
		return false;
	if (t->n)
		memcpy(puts, t->puts, t->n * sizeof *puts);
	t->puts = puts;
	t->room = room;
	return true;
}

static bool remove_key(struct trimming *t, struct hlv_bytes key)
{
	key = hlv_arena_copy(t->a, key);
	if (t->a->bad || !make_room(t, 1)) {
		t->err = HLV_E_NOMEM;
		return false;
	}
	t->puts[t->n++] = (struct store_put){.space = SPACE_HISTORY, .key = key};
	return true;
}

static bool remove_puts(struct trimming *t, struct journal_entry *entry)
{
	struct store_put put;
	uint8_t octets[HISTORY_KEY_MAX];
	while (journal_next(entry, &put))
		if (put.space == SPACE_RECORD &&
		    !remove_key(t, history_key(put.key, entry->seq, octets)))
			return false;
	t->gone = entry->seq;
	return true;
}

static bool on_journal(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct trimming *t = ctx;
	struct journal_entry entry;
	t->err = journal_decode(stored, key, &entry);
	if (t->err != HLV_OK)
		return false;
	if (entry.time_ms >= t->before_ms)
		return false;
	t->done = false;
	if (t->n && t->n + entry.n > TRIM_PUTS)
		return false;
	if (entry.kind == JOURNAL_PUTS) {
		bool go_on = remove_puts(t, &entry);
		t->done = go_on;
		return go_on;
	}
	t->load_seq = entry.seq;
	t->load_first = entry.first;
	t->load_last = entry.last;
	return false;
}

static bool on_history(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct trimming *t = ctx;
	struct hlv_bytes record_key;
	uint64_t seq;
	(void)stored;
	if (!history_split(key, &record_key, &seq)) {
		t->err = HLV_E_CORRUPT;
		return false;
	}
	if (hlv_compare(record_key, t->load_last) > 0)
		return false;
	if (t->n == TRIM_PUTS || t->looked_at++ == TRIM_LOOKED_AT) {
		t->from = hlv_arena_copy(t->a, key);
		t->err = t->a->bad ? HLV_E_NOMEM : HLV_OK;
		return false;
	}
	return seq != t->load_seq || remove_key(t, key);
}

/* A load names its records by their range alone. */
static enum hlv_err trim_load(struct store *store, struct store_view *view, struct trimming *t)
{
	uint8_t octets[HISTORY_KEY_MAX];
	struct hlv_bytes from = t->from;
	if (t->load_first.n > STORE_KEY_MAX)
		return HLV_E_CORRUPT;
	if (from.n == 0)
		from = history_key(t->load_first, 0, octets);
	t->from = (struct hlv_bytes){0};
	HLV_TRY(store->ops->scan(view, SPACE_HISTORY, from, on_history, t));
	if (t->err == HLV_OK && t->from.n == 0)
		t->gone = t->load_seq;
	return t->err;
}

static enum hlv_err put_place(struct trimming *t)
{
	size_t n = 8 + t->from.n;
	uint8_t *value = hlv_alloc_raw(t->a, n);
	if (!value || !make_room(t, 1))
		return HLV_E_NOMEM;
	hlv_store_u64(value, t->gone);
	if (t->from.n)
		memcpy(value + 8, t->from.p, t->from.n);
	t->puts[t->n++] =
		(struct store_put){SPACE_META, hlv_text("history"), hlv_bytes(value, n)};
	return HLV_OK;
}

static enum hlv_err begin(struct store *store, struct store_view *view, struct trimming *t)
{
	struct hlv_bytes value;
	enum hlv_err err = store_meta_get(store, view, "history", &value);
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	HLV_TRY(err);
	if (value.n < 8)
		return HLV_E_CORRUPT;
	t->gone = hlv_load_u64(value.p);
	t->from = hlv_arena_copy(t->a, hlv_skip(value, 8));
	return t->a->bad ? HLV_E_NOMEM : HLV_OK;
}

enum hlv_err history_trim(struct store *store, struct store_view *view, uint64_t before_ms,
			  struct hlv_arena *a, struct store_txn *txn, bool *done)
{
	struct trimming t = {.a = a, .before_ms = before_ms, .done = true};
	uint8_t octets[JOURNAL_KEY_SIZE];
	*txn = (struct store_txn){0};
	HLV_TRY(begin(store, view, &t));
	uint64_t before = t.gone;
	struct hlv_bytes from_before = t.from;
	HLV_TRY(store->ops->scan(view, SPACE_JOURNAL, journal_key(t.gone + 1, octets),
				 on_journal, &t));
	HLV_TRY(t.err);
	if (t.load_seq)
		HLV_TRY(trim_load(store, view, &t));
	*done = t.done;
	if (t.gone == before && hlv_eq(t.from, from_before))
		return HLV_OK;
	HLV_TRY(put_place(&t));
	*txn = (struct store_txn){.puts = t.puts, .nputs = t.n};
	return HLV_OK;
}
