/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/arena.h"
#include "proto/wire/codes.h"
#include "server/index.h"

enum { SLICE_PUTS = 4000, SLICE_RECORDS = 20000, ARENA_LIMIT = 64 << 20 };

/* A transaction in the making. */
struct slice {
	struct hlv_arena *a;
	const struct index_rules *rules;
	struct store_put puts[SLICE_PUTS + HLV_VALUES_MAX];
	size_t n, looked_at;
	struct store_key from; /* where the next one begins */
	bool more;
	enum hlv_err err;
};

static bool add(struct slice *s, struct hlv_bytes key, struct hlv_bytes value)
{
	struct store_put put = {SPACE_INDEX, hlv_arena_copy(s->a, key),
				hlv_arena_copy(s->a, value)};
	if (s->a->bad) {
		s->err = HLV_E_NOMEM;
		return false;
	}
	s->puts[s->n++] = put;
	return true;
}

static bool drop_one(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct slice *s = ctx;
	(void)stored;
	s->more = s->n == SLICE_PUTS;
	return !s->more && add(s, key, (struct hlv_bytes){0});
}

static bool enter_values(struct slice *s, struct hlv_bytes key, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		uint8_t room[INDEX_KEY_MAX], entry[INDEX_ENTRY_MAX];
		struct hlv_bytes at;
		if (!index_has_value(s->rules, &v))
			continue;
		s->err = index_key(&v, key, room, &at);
		if (s->err != HLV_OK || !add(s, at, index_entry(at, key, entry)))
			return false;
	}
	return true;
}

static bool enter_one(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct slice *s = ctx;
	struct hlv_record rec;
	s->more = s->n >= SLICE_PUTS || s->looked_at++ == SLICE_RECORDS;
	if (s->more) {
		memcpy(s->from.octets, key.p, key.n);
		s->from.n = (uint16_t)key.n;
		return false;
	}
	s->err = hlv_record_decode(stored, key, &rec);
	if (s->err != HLV_OK || rec.flags & HLV_RECORD_DELETED)
		return s->err == HLV_OK;
	return enter_values(s, key, &rec.values);
}

static enum hlv_err commit(struct store *store, const struct store_put *puts, size_t n)
{
	struct store_txn txn = {.puts = puts, .nputs = n};
	HLV_TRY(store->ops->commit(store, &txn, 1));
	return txn.err;
}

/* Slice by slice, each from a view of its own. */
static enum hlv_err walk(struct store *store, struct store_view *view, struct slice *s,
			 enum store_space space, store_scan_fn *visit, uint64_t *n)
{
	s->from.n = 0;
	do {
		s->n = s->looked_at = 0;
		s->more = false;
		s->err = HLV_OK;
		hlv_arena_reset(s->a);
		HLV_TRY(store->ops->view_begin(view));
		enum hlv_err err =
			store->ops->scan(view, space, store_key_bytes(&s->from), visit, s);
		store->ops->view_end(view);
		HLV_TRY(err);
		HLV_TRY(s->err);
		if (s->n > 0)
			HLV_TRY(commit(store, s->puts, s->n));
		*n += s->n;
	} while (s->more);
	return HLV_OK;
}

/* No octets: there is none. */
static enum hlv_err put_rules(struct store *store, struct hlv_bytes value)
{
	struct store_put put = {SPACE_META, hlv_text("index"), value};
	return commit(store, &put, 1);
}

static enum hlv_err rebuild(struct store *store, struct store_view *view, struct slice *s,
			    struct hlv_bytes text, uint64_t *built)
{
	uint8_t value[1 + INDEX_TEXT_MAX] = {0};
	struct index_rules rules;
	uint64_t dropped = 0;
	if (text.n >= INDEX_TEXT_MAX)
		return HLV_E_LIMIT;
	if (text.n)
		memcpy(value + 1, text.p, text.n);
	HLV_TRY(index_rules_read(hlv_bytes(value, 1 + text.n), &rules));
	s->rules = &rules;
	/* Until it is complete nobody searches, and what is changed meanwhile is in it. */
	HLV_TRY(put_rules(store, hlv_bytes(value, 1 + text.n)));
	HLV_TRY(walk(store, view, s, SPACE_INDEX, drop_one, &dropped));
	if (text.n == 0)
		return put_rules(store, (struct hlv_bytes){0});
	HLV_TRY(walk(store, view, s, SPACE_RECORD, enter_one, built));
	value[0] = 1;
	return put_rules(store, hlv_bytes(value, 1 + text.n));
}

enum hlv_err index_build(struct store *store, struct store_view *view, struct hlv_bytes text,
			 bool *changed, uint64_t *built)
{
	struct index_rules rules = {0};
	struct hlv_arena arena;
	*changed = false;
	*built = 0;
	HLV_TRY(store->ops->view_begin(view));
	enum hlv_err err = index_rules_get(store, view, &rules);
	store->ops->view_end(view);
	if (err == HLV_OK && hlv_eq(hlv_bytes(rules.text, rules.ntext), text) &&
	    (rules.complete || text.n == 0))
		return HLV_OK;
	if (err != HLV_OK && err != HLV_E_CORRUPT)
		return err;
	*changed = true;
	hlv_arena_init(&arena, ARENA_LIMIT);
	struct slice *s = hlv_alloc(&arena, sizeof *s);
	struct hlv_arena own;
	hlv_arena_init(&own, ARENA_LIMIT);
	err = HLV_E_NOMEM;
	if (s) {
		s->a = &own;
		err = rebuild(store, view, s, text, built);
	}
	hlv_arena_fini(&own);
	hlv_arena_fini(&arena);
	return err;
}
