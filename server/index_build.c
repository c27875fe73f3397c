/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/codes.h"
#include "server/index.h"

/* A slice takes some ten milliseconds: others' changes wait no longer. */
enum { SLICE_PUTS = 1000, SLICE_RECORDS = 5000, ARENA_LIMIT = 64 << 20, PROGRESS_HEAD = 17 };

static const char RULES[] = "index", PROGRESS[] = "index-build";

/* --- how far it came --- */

enum hlv_err index_progress_get(struct store *store, struct store_view *view,
				struct index_progress *p)
{
	struct hlv_bytes value;
	HLV_TRY(store_meta_get(store, view, PROGRESS, &value));
	struct hlv_reader r = hlv_reader(value);
	p->phase = hlv_get_u8(&r) == INDEX_ENTER ? INDEX_ENTER : INDEX_SWEEP;
	p->looked_at = hlv_get_u64(&r);
	p->entered = hlv_get_u64(&r);
	struct hlv_bytes key = hlv_skip(value, PROGRESS_HEAD);
	if (r.bad || key.n > STORE_KEY_MAX)
		return HLV_E_CORRUPT;
	p->from.n = (uint16_t)key.n;
	if (key.n)
		memcpy(p->from.octets, key.p, key.n);
	return HLV_OK;
}

static struct hlv_bytes progress_octets(const struct index_progress *p, struct hlv_arena *a)
{
	size_t n = PROGRESS_HEAD + p->from.n;
	uint8_t *room = hlv_alloc_raw(a, n);
	struct hlv_writer w = hlv_writer(room, room ? n : 0);
	hlv_put_u8(&w, (uint8_t)p->phase);
	hlv_put_u64(&w, p->looked_at);
	hlv_put_u64(&w, p->entered);
	hlv_put(&w, store_key_bytes(&p->from));
	return hlv_written(&w);
}

/* --- which types --- */

static bool knows(const struct index_rules *rules, struct hlv_bytes type, bool ready)
{
	for (size_t i = 0; i < rules->ntypes; i++)
		if (hlv_eq(rules->types[i], type))
			return !ready || !rules->building[i];
	return false;
}

/* Into META's form, with the marks. */
static struct hlv_bytes rules_octets(const struct index_rules *rules, struct hlv_arena *a)
{
	size_t room = 1 + INDEX_TEXT_MAX + INDEX_TYPES_MAX;
	uint8_t *p = hlv_alloc_raw(a, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	hlv_put_u8(&w, rules->complete ? 1 : 2);
	for (size_t i = 0; i < rules->ntypes; i++) {
		hlv_put_u8(&w, '\n');
		if (rules->building[i])
			hlv_put_u8(&w, '\t');
		hlv_put(&w, rules->types[i]);
	}
	return hlv_written(&w);
}

static enum hlv_err read_wanted(struct hlv_bytes text, struct index_rules *rules)
{
	uint8_t value[1 + INDEX_TEXT_MAX] = {1};
	if (text.n + INDEX_TYPES_MAX >= INDEX_TEXT_MAX)
		return HLV_E_LIMIT;
	if (text.n)
		memcpy(value + 1, text.p, text.n);
	return index_rules_read(hlv_bytes(value, 1 + text.n), rules);
}

enum hlv_err index_want(struct store *store, struct store_view *view, struct hlv_bytes text,
			enum index_want want, struct hlv_arena *a, struct store_txn *txn)
{
	struct index_rules old = {0}, new = {0};
	struct index_progress p = {.phase = INDEX_ENTER}, left;
	*txn = (struct store_txn){0};
	enum hlv_err err = index_rules_get(store, view, &old);
	if (err != HLV_OK && err != HLV_E_CORRUPT)
		return err;
	bool unknown = err == HLV_E_CORRUPT || want == INDEX_ANEW;
	if (unknown)
		old.ntypes = 0;
	err = index_progress_get(store, view, &left);
	bool left_over = err != HLV_E_NOT_FOUND, same = !unknown;
	/* What an earlier list left to be swept still is, and that of an older version. */
	bool sweep = unknown || left_over || !old.complete;
	HLV_TRY(read_wanted(text, &new));
	for (size_t i = 0; i < new.ntypes; i++) {
		new.building[i] = !knows(&old, new.types[i], true);
		new.complete = new.complete && !new.building[i];
		same = same && knows(&old, new.types[i], false);
	}
	for (size_t i = 0; i < old.ntypes; i++)
		sweep = sweep || !knows(&new, old.types[i], false);
	if (same && old.ntypes == new.ntypes && (old.complete || left_over))
		return HLV_OK;
	if (sweep)
		p.phase = INDEX_SWEEP;
	struct store_put *puts = hlv_alloc(a, 2 * sizeof *puts);
	struct hlv_bytes rules = {0}, progress = progress_octets(&p, a);
	if (new.ntypes)
		rules = rules_octets(&new, a);
	if (a->bad)
		return HLV_E_NOMEM;
	puts[0] = (struct store_put){SPACE_META, hlv_text(RULES), rules};
	puts[1] = (struct store_put){SPACE_META, hlv_text(PROGRESS), progress};
	*txn = (struct store_txn){.puts = puts, .nputs = 2};
	return HLV_OK;
}

/* --- a slice --- */

struct slice {
	struct store *store;
	struct store_view *view;
	struct hlv_arena *a;
	struct index_rules rules, wanted; /* `wanted`: those that are being built */
	struct store_put puts[SLICE_PUTS + HLV_VALUES_MAX + 2];
	size_t n, looked_at;
	struct index_progress p;
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

/* The slice is full: the next one begins with `key`. */
static bool is_full(struct slice *s, struct hlv_bytes key, size_t looked_at_max)
{
	s->more = s->n >= SLICE_PUTS || s->looked_at == looked_at_max;
	if (s->more) {
		memcpy(s->p.from.octets, key.p, key.n);
		s->p.from.n = (uint16_t)key.n;
	} else {
		s->looked_at++;
	}
	return s->more;
}

/* Does a value of the record want this entry? */
static bool is_wanted(struct slice *s, struct hlv_bytes entry, struct hlv_bytes record_key)
{
	struct hlv_bytes stored;
	struct hlv_record rec;
	enum hlv_err err = s->store->ops->get(s->view, SPACE_RECORD, record_key, &stored);
	if (err == HLV_OK)
		err = hlv_record_decode(stored, record_key, &rec);
	if (err != HLV_OK && err != HLV_E_NOT_FOUND)
		s->err = err;
	if (err != HLV_OK || rec.flags & HLV_RECORD_DELETED)
		return false;
	struct hlv_reader r = hlv_reader(rec.values.raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < rec.values.n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		uint8_t room[INDEX_KEY_MAX];
		struct hlv_bytes key;
		if (index_has_value(&s->rules, &v) &&
		    index_key(&v, record_key, room, &key) == HLV_OK && hlv_eq(key, entry))
			return true;
	}
	return false;
}

static bool sweep_one(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct slice *s = ctx;
	struct hlv_bytes record_key;
	if (is_full(s, key, SLICE_RECORDS))
		return false;
	if (s->rules.ntypes > 0 && index_entry_open(stored, key, &record_key) == HLV_OK &&
	    is_wanted(s, key, record_key))
		return true;
	return s->err == HLV_OK && add(s, key, (struct hlv_bytes){0});
}

static bool enter_values(struct slice *s, struct hlv_bytes key, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		uint8_t room[INDEX_KEY_MAX], entry[INDEX_ENTRY_MAX];
		struct hlv_bytes at;
		if (!index_has_value(&s->wanted, &v))
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
	if (is_full(s, key, SLICE_RECORDS))
		return false;
	s->err = hlv_record_decode(stored, key, &rec);
	if (s->err != HLV_OK || rec.flags & HLV_RECORD_DELETED)
		return s->err == HLV_OK;
	return enter_values(s, key, &rec.values);
}

static bool put_meta(struct slice *s, const char *name, struct hlv_bytes value)
{
	s->puts[s->n++] = (struct store_put){SPACE_META, hlv_text(name), value};
	return !s->a->bad;
}

/* What stands in META behind this slice. */
static bool put_progress(struct slice *s)
{
	bool swept = !s->more && s->p.phase == INDEX_SWEEP;
	s->p.looked_at += s->looked_at;
	if (swept && !s->rules.complete) {
		s->p = (struct index_progress){.phase = INDEX_ENTER};
		return put_meta(s, PROGRESS, progress_octets(&s->p, s->a));
	}
	if (s->p.phase == INDEX_ENTER)
		s->p.entered += s->n;
	if (s->more)
		return put_meta(s, PROGRESS, progress_octets(&s->p, s->a));
	/* All of it. */
	s->rules.complete = true;
	memset(s->rules.building, 0, sizeof s->rules.building);
	return (s->rules.ntypes == 0 || put_meta(s, RULES, rules_octets(&s->rules, s->a))) &&
	       put_meta(s, PROGRESS, (struct hlv_bytes){0});
}

static void choose_wanted(struct slice *s)
{
	for (size_t i = 0; i < s->rules.ntypes; i++)
		if (s->rules.building[i])
			s->wanted.types[s->wanted.ntypes++] = s->rules.types[i];
}

static enum hlv_err run(struct slice *s)
{
	HLV_TRY(index_rules_get(s->store, s->view, &s->rules));
	if (s->rules.ntypes == 0)
		s->rules.complete = true;
	choose_wanted(s);
	bool sweep = s->p.phase == INDEX_SWEEP;
	HLV_TRY(s->store->ops->scan(s->view, sweep ? SPACE_INDEX : SPACE_RECORD,
				    store_key_bytes(&s->p.from), sweep ? sweep_one : enter_one,
				    s));
	HLV_TRY(s->err);
	return put_progress(s) ? HLV_OK : HLV_E_NOMEM;
}

enum hlv_err index_slice(struct store *store, struct store_view *view, struct hlv_arena *a,
			 struct store_txn *txn, uint64_t *entered)
{
	struct index_progress p;
	*txn = (struct store_txn){0};
	enum hlv_err err = index_progress_get(store, view, &p);
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	if (err == HLV_E_CORRUPT) /* from the beginning: nothing is entered twice */
		p = (struct index_progress){.phase = INDEX_SWEEP};
	else
		HLV_TRY(err);
	struct slice *s = hlv_alloc(a, sizeof *s);
	if (!s)
		return HLV_E_NOMEM;
	s->store = store;
	s->view = view;
	s->a = a;
	s->p = p;
	HLV_TRY(run(s));
	*entered = s->p.entered;
	*txn = (struct store_txn){.puts = s->puts, .nputs = s->n};
	return HLV_OK;
}

/* --- all of it --- */

enum hlv_err index_build(struct store *store, struct store_view *view, struct hlv_bytes text,
			 enum index_want want, bool *changed, uint64_t *built)
{
	struct hlv_arena a;
	struct store_txn txn;
	bool begun = false;
	*changed = false;
	*built = 0;
	hlv_arena_init(&a, ARENA_LIMIT);
	enum hlv_err err;
	do {
		hlv_arena_reset(&a);
		err = store->ops->view_begin(view);
		if (err != HLV_OK)
			break;
		if (!begun)
			err = index_want(store, view, text, want, &a, &txn);
		if (err == HLV_OK && (begun || txn.nputs == 0))
			err = index_slice(store, view, &a, &txn, built);
		begun = true;
		store->ops->view_end(view);
		if (err != HLV_OK || txn.nputs == 0)
			break;
		*changed = true;
		err = store->ops->commit(store, &txn, 1);
		if (err == HLV_OK)
			err = txn.err;
	} while (err == HLV_OK);
	hlv_arena_fini(&a);
	return err;
}
