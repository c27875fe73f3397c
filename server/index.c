/* SPDX-License-Identifier: Apache-2.0 */
#include "server/index.h"

#include "proto/base/crc32c.h"
#include "proto/sec/digest.h"

enum { CRC_SIZE = 4 };

/* --- rules --- */

enum hlv_err index_rules_read(struct hlv_bytes value, struct index_rules *rules)
{
	rules->ntypes = rules->ntext = 0;
	if (value.n < 1 || value.n > INDEX_TEXT_MAX)
		return HLV_E_CORRUPT;
	rules->complete = true;
	rules->ntext = value.n - 1;
	if (rules->ntext)
		memcpy(rules->text, value.p + 1, rules->ntext);
	struct hlv_bytes rest = hlv_bytes(rules->text, rules->ntext);
	while (rest.n) {
		if (rest.p[0] != '\n' || rules->ntypes == INDEX_TYPES_MAX)
			return HLV_E_CORRUPT;
		rest = hlv_skip(rest, 1);
		bool building = value.p[0] == 0;
		if (rest.n && rest.p[0] == '\t') {
			building = true;
			rest = hlv_skip(rest, 1);
		}
		const uint8_t *end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
		struct hlv_bytes type = end ? hlv_head(rest, (size_t)(end - rest.p)) : rest;
		if (type.n == 0)
			return HLV_E_CORRUPT;
		rules->building[rules->ntypes] = building;
		rules->complete = rules->complete && !building;
		rules->types[rules->ntypes++] = type;
		rest = hlv_skip(rest, type.n);
	}
	return HLV_OK;
}

enum hlv_err index_rules_get(struct store *store, struct store_view *view,
			     struct index_rules *rules)
{
	struct hlv_bytes value;
	rules->ntypes = rules->ntext = 0;
	rules->complete = true;
	enum hlv_err err = store_meta_get(store, view, "index", &value);
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	return err == HLV_OK ? index_rules_read(value, rules) : err;
}

/* `t` may end in '*'. */
static bool covers(struct hlv_bytes t, struct hlv_bytes type)
{
	return hlv_eq_fold(t, type) ||
	       (t.p[t.n - 1] == '*' &&
		hlv_eq_fold(hlv_head(t, t.n - 1), hlv_head(type, t.n - 1)));
}

bool index_has_type(const struct index_rules *rules, struct hlv_bytes type)
{
	for (size_t i = 0; i < rules->ntypes; i++)
		if (covers(rules->types[i], type))
			return true;
	return false;
}

bool index_is_ready(const struct index_rules *rules, struct hlv_bytes type)
{
	for (size_t i = 0; i < rules->ntypes; i++)
		if (!rules->building[i] && covers(rules->types[i], type))
			return true;
	return false;
}

bool index_has_value(const struct index_rules *rules, const struct hlv_value *v)
{
	return v->data.n <= INDEX_DATA_MAX && v->type.n <= INDEX_TYPE_MAX &&
	       hlv_value_is_public(v) && index_has_type(rules, v->type);
}

/* The values of a stored record as far as they are in the index: none of a tombstone. False: it cannot
 * be read. */
static bool index_values(struct hlv_bytes stored, struct hlv_list *values)
{
	*values = (struct hlv_list){0};
	if (stored.n == 0)
		return true;
	struct hlv_bytes name = hlv_record_name(stored);
	if (name.n == 0)
		return false;
	if (stored.p[1] & HLV_RECORD_DELETED)
		return true;
	struct hlv_reader r =
		hlv_reader(hlv_skip(stored, (size_t)(name.p - stored.p) + name.n));
	return hlv_values_decode(&r, values) == HLV_OK;
}

/* --- keys and entries --- */

enum hlv_err index_prefix(struct hlv_bytes type, struct hlv_bytes beginning,
			  uint8_t out[INDEX_KEY_MAX], struct hlv_bytes *key)
{
	uint8_t folded[INDEX_TYPE_MAX], digest[HLV_HASH_MAX];
	type = hlv_head(type, INDEX_TYPE_MAX);
	for (size_t i = 0; i < type.n; i++)
		folded[i] = hlv_upper(type.p[i]);
	HLV_TRY(hlv_hash(HLV_SHA256, hlv_bytes(folded, type.n), digest));
	memcpy(out, digest, INDEX_TYPE_HASH);
	size_t n = INDEX_TYPE_HASH;
	beginning = hlv_head(beginning, INDEX_VALUE);
	for (size_t i = 0; i < beginning.n; i++)
		out[n++] = hlv_upper(beginning.p[i]);
	*key = hlv_bytes(out, n);
	return HLV_OK;
}

enum hlv_err index_key(const struct hlv_value *v, struct hlv_bytes record_key,
		       uint8_t out[INDEX_KEY_MAX], struct hlv_bytes *key)
{
	uint8_t index[4], digest[HLV_HASH_MAX];
	HLV_TRY(index_prefix(v->type, v->data, out, key));
	hlv_store_u32(index, v->index);
	struct hlv_bytes spans[] = {hlv_bytes(index, sizeof index), record_key};
	HLV_TRY(hlv_hash_spans(HLV_SHA256, spans, 2, digest));
	size_t n = key->n;
	out[n++] = 0;
	memcpy(out + n, digest, 16);
	*key = hlv_bytes(out, n + 16);
	return HLV_OK;
}

struct hlv_bytes index_entry(struct hlv_bytes key, struct hlv_bytes record_key,
			     uint8_t out[INDEX_ENTRY_MAX])
{
	memcpy(out, record_key.p, record_key.n);
	hlv_store_u32(out + record_key.n, hlv_crc32c(hlv_crc32c(0, key), record_key));
	return hlv_bytes(out, record_key.n + CRC_SIZE);
}

enum hlv_err index_entry_open(struct hlv_bytes stored, struct hlv_bytes key,
			      struct hlv_bytes *record_key)
{
	if (stored.n <= CRC_SIZE || stored.n > INDEX_ENTRY_MAX)
		return HLV_E_CORRUPT;
	*record_key = hlv_head(stored, stored.n - CRC_SIZE);
	uint32_t crc = hlv_crc32c(hlv_crc32c(0, key), *record_key);
	return hlv_load_u32(stored.p + record_key->n) == crc ? HLV_OK : HLV_E_CORRUPT;
}

/* --- for commit --- */

/* One list of values, ascending. */
struct walk {
	struct hlv_reader r;
	uint32_t left;
	struct hlv_value v;
	bool end;
};

static void next(struct walk *w)
{
	w->end = w->left == 0 || hlv_value_decode(&w->r, &w->v) != HLV_OK;
	w->left -= !w->end;
}

static struct walk first(const struct hlv_list *list)
{
	struct walk w = {.r = hlv_reader(list->raw), .left = list->n};
	next(&w);
	return w;
}

static enum hlv_err leave(struct commit_engine *e, const struct index_rules *rules,
			  struct hlv_bytes record_key, const struct hlv_value *v)
{
	uint8_t room[INDEX_KEY_MAX];
	struct hlv_bytes key;
	if (!index_has_value(rules, v))
		return HLV_OK;
	HLV_TRY(index_key(v, record_key, room, &key));
	return e->remove(e, SPACE_INDEX, key);
}

static enum hlv_err enter(struct commit_engine *e, const struct index_rules *rules,
			  struct hlv_bytes record_key, const struct hlv_value *v)
{
	uint8_t room[INDEX_KEY_MAX], entry_room[INDEX_ENTRY_MAX], *place;
	struct hlv_bytes key;
	if (!index_has_value(rules, v))
		return HLV_OK;
	HLV_TRY(index_key(v, record_key, room, &key));
	struct hlv_bytes entry = index_entry(key, record_key, entry_room);
	HLV_TRY(e->reserve(e, SPACE_INDEX, key, entry.n, &place));
	memcpy(place, entry.p, entry.n);
	return HLV_OK;
}

static bool is_same(const struct hlv_value *a, const struct hlv_value *b)
{
	return a->perms == b->perms && hlv_eq(a->type, b->type) && hlv_eq(a->data, b->data);
}

enum hlv_err index_move(struct commit_engine *e, const struct index_rules *rules,
			struct hlv_bytes record_key, struct hlv_bytes before,
			struct hlv_bytes after)
{
	struct hlv_list old_values, new_values;
	if (!index_values(before, &old_values) || !index_values(after, &new_values))
		return HLV_E_CORRUPT;
	struct walk old = first(&old_values), new = first(&new_values);
	while (!old.end || !new.end) {
		bool has_old = !old.end && (new.end || old.v.index <= new.v.index);
		bool has_new = !new.end && (old.end || new.v.index <= old.v.index);
		if (!has_old || !has_new || !is_same(&old.v, &new.v)) {
			if (has_old)
				HLV_TRY(leave(e, rules, record_key, &old.v));
			if (has_new)
				HLV_TRY(enter(e, rules, record_key, &new.v));
		}
		if (has_old)
			next(&old);
		if (has_new)
			next(&new);
	}
	return HLV_OK;
}
