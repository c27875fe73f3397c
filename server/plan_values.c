/* SPDX-License-Identifier: Apache-2.0 */
#include "server/change.h"

#include <stdlib.h>

enum { MTIME_AT = 4 /* in an encoded value */, UUID_TEXT = 36 };

/* --- the values of the request --- */

/* The first index that stands twice among the request's values. */
static uint32_t given_twice(const struct change *ch)
{
	const struct hlv_list *list = &ch->rq->values;
	struct hlv_reader r = hlv_reader(list->raw);
	for (uint32_t i = 0; i < list->n; i++) {
		struct hlv_value v, other;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		struct hlv_reader later = r;
		for (uint32_t k = i + 1; k < list->n; k++)
			if (hlv_value_decode(&later, &other) == HLV_OK &&
			    other.index == v.index)
				return v.index;
	}
	return 0;
}

static bool given_failed(struct change *ch, enum hlv_err err)
{
	if (err == HLV_E_EXISTS)
		return change_refusef(ch, HLV_RC_VALUE_EXISTS, "Index conflict for %u",
				      given_twice(ch));
	if (err == HLV_E_LIMIT && ch->rq->values.n <= HLV_VALUES_MAX)
		return change_refuse(ch, HLV_RC_INVALID_VALUE,
				     "Value indexes must be positive");
	if (err == HLV_E_LIMIT)
		return change_refusef(ch, HLV_RC_INVALID_VALUE,
				      "Indexes are 1 to 2147483647, and %d values at the most",
				      HLV_VALUES_MAX);
	return change_failed(ch, err);
}

/* The request's values as they are to be stored: ascending, of now. */
static enum hlv_err sort_given(struct change *ch, struct hlv_list *given, uint8_t *flags)
{
	const struct hlv_list *list = &ch->rq->values;
	uint8_t *room = hlv_alloc_raw(ch->a->arena, list->raw.n);
	if (!room)
		return HLV_E_NOMEM;
	struct hlv_writer w = hlv_writer(room, list->raw.n);
	HLV_TRY(hlv_values_sort(list, &w, flags));
	*given = (struct hlv_list){list->n, hlv_written(&w)};
	struct hlv_reader r = hlv_reader(given->raw);
	for (uint32_t i = 0; i < given->n; i++) {
		struct hlv_value v;
		hlv_store_u32(room + r.pos + MTIME_AT, hlv_now_s(ch->c->now));
		HLV_TRY(hlv_value_decode(&r, &v));
	}
	return HLV_OK;
}

/* --- what a change takes --- */

static bool is_admin(const struct hlv_value *v)
{
	return hlv_type_is(v->type, "HS_ADMIN");
}

/* 11.4, the difference table. NULL: no such value. */
static uint16_t rights_for(const struct hlv_value *old, const struct hlv_value *new)
{
	if (!old)
		return is_admin(new) ? HLV_ADMIN_ADD_ADMIN : HLV_ADMIN_ADD_VALUE;
	if (!new)
		return is_admin(old) ? HLV_ADMIN_REMOVE_ADMIN : HLV_ADMIN_REMOVE_VALUE;
	if (is_admin(old))
		return is_admin(new) ? HLV_ADMIN_MODIFY_ADMIN
				     : HLV_ADMIN_REMOVE_ADMIN | HLV_ADMIN_MODIFY_VALUE;
	if (is_admin(new))
		return HLV_ADMIN_MODIFY_VALUE | HLV_ADMIN_ADD_ADMIN;
	return old->perms & HLV_PERM_PUBLIC_WRITE ? 0 : HLV_ADMIN_MODIFY_VALUE;
}

/* --- old and given values put together --- */

struct cursor {
	struct hlv_reader r;
	uint32_t left;
	struct hlv_value v;
	struct hlv_bytes raw;
	bool end;
};

static void next(struct cursor *c)
{
	size_t from = c->r.pos;
	c->end = c->left == 0 || hlv_value_decode(&c->r, &c->v) != HLV_OK;
	if (c->end)
		return;
	c->left--;
	c->raw = hlv_since(&c->r, from);
}

static struct cursor first(const struct hlv_list *list)
{
	struct cursor c = {.r = hlv_reader(list->raw), .left = list->n};
	next(&c);
	return c;
}

enum merge_kind {
	MERGE_ADD,     /* what is not given stays */
	MERGE_MODIFY,  /* the same; and what is given is new, even if it says the same */
	MERGE_REPLACE, /* what is not given goes */
};

struct merge {
	enum merge_kind kind;
	struct hlv_writer w;
	struct hlv_list values; /* what comes out, ascending */
	uint8_t flags;
	uint16_t rights; /* that it takes */
	uint16_t same;	 /* that it would take to change what stays the same */
	uint32_t shared; /* indexes that both have ... */
	uint32_t clash;	 /* ... and the lowest of them */
	bool changed;
};

static void keep(struct merge *m, const struct cursor *c)
{
	hlv_put(&m->w, c->raw);
	m->values.n++;
	if (!hlv_value_is_public(&c->v))
		m->flags = 0;
}

/* Equal but for the timestamp. */
static bool is_same(const struct cursor *a, const struct cursor *b)
{
	return hlv_eq(hlv_skip(a->raw, MTIME_AT + 4), hlv_skip(b->raw, MTIME_AT + 4));
}

static void merge_both(struct merge *m, const struct cursor *old, const struct cursor *new)
{
	if (m->shared++ == 0)
		m->clash = old->v.index;
	if (m->kind != MERGE_MODIFY && is_same(old, new)) {
		m->same |= rights_for(&old->v, &new->v);
		keep(m, old);
		return;
	}
	m->rights |= rights_for(&old->v, &new->v);
	m->changed = true;
	keep(m, new);
}

static void merge_old(struct merge *m, const struct cursor *old)
{
	if (m->kind != MERGE_REPLACE) {
		keep(m, old);
		return;
	}
	m->rights |= rights_for(&old->v, NULL);
	m->changed = true;
}

static void merge_new(struct merge *m, const struct cursor *new)
{
	m->rights |= rights_for(NULL, &new->v);
	m->changed = true;
	keep(m, new);
}

static bool merge(struct change *ch, const struct hlv_list *given, enum merge_kind kind,
		  struct merge *m)
{
	size_t cap = ch->rec.values.raw.n + given->raw.n;
	uint8_t *room = hlv_alloc_raw(ch->a->arena, cap);
	if (!room)
		return change_failed(ch, HLV_E_NOMEM);
	*m = (struct merge){
		.kind = kind, .w = hlv_writer(room, cap), .flags = HLV_RECORD_ALL_PUBLIC};
	struct cursor old = first(&ch->rec.values), new = first(given);
	while (!old.end || !new.end) {
		if (new.end || (!old.end && old.v.index < new.v.index)) {
			merge_old(m, &old);
			next(&old);
			continue;
		}
		if (old.end || new.v.index < old.v.index) {
			merge_new(m, &new);
			next(&new);
			continue;
		}
		merge_both(m, &old, &new);
		next(&old);
		next(&new);
	}
	m->values.raw = hlv_written(&m->w);
	return true;
}

static bool put_values(struct change *ch, const struct merge *m)
{
	struct hlv_record rec = ch->rec;
	rec.flags = m->flags;
	rec.values = m->values;
	ch->rights = m->rights;
	return change_put(ch, &rec);
}

/* --- create --- */

static bool is_name(struct change *ch, struct hlv_bytes id)
{
	return hlv_name_is_registrable(id) ||
	       change_refuse(ch, HLV_RC_INVALID_HANDLE,
			     "An identifier is UTF-8 without control characters, "
			     "1 to 2048 octets");
}

/* 11.4: the given name and a UUID of version 4 behind it. */
static bool mint(struct change *ch)
{
	struct hlv_bytes given = ch->id;
	if (given.n > HLV_IDENTIFIER_MAX - UUID_TEXT)
		return is_name(ch, (struct hlv_bytes){0});
	uint8_t *p = hlv_alloc_raw(ch->a->arena, given.n + UUID_TEXT);
	if (!p)
		return change_failed(ch, HLV_E_NOMEM);
	struct hlv_writer w = hlv_writer(p, given.n + UUID_TEXT);
	hlv_put(&w, given);
	for (size_t i = 0; i < 16; i++) {
		uint8_t octet = ch->c->random[i];
		if (i == 4 || i == 6 || i == 8 || i == 10)
			hlv_put_u8(&w, '-');
		if (i == 6)
			octet = (octet & 0x0F) | 0x40;
		if (i == 8)
			octet = (octet & 0x3F) | 0x80;
		hlv_put_u8(&w, (uint8_t) "0123456789abcdef"[octet >> 4]);
		hlv_put_u8(&w, (uint8_t) "0123456789abcdef"[octet & 15]);
	}
	ch->id = ch->echo = hlv_written(&w);
	ch->plan->answer_flags |= HLV_F_MINT_SUFFIX;
	return true;
}

static bool is_free(struct change *ch)
{
	bool overwrite = ch->rq->m.hdr.flags & HLV_F_OVERWRITE;
	if (ch->rec.state == HLV_STATE_REVOKED)
		return change_refuse(ch, HLV_RC_EXISTS,
				     "This identifier was revoked and may not be used again");
	return !ch->exists || overwrite || change_refuse(ch, HLV_RC_EXISTS, NULL);
}

static bool create_new(struct change *ch, const struct hlv_list *given, uint8_t flags)
{
	uint16_t perm;
	struct hlv_list admins;
	if (!change_creators(ch, &perm, &admins) || !change_may(ch, perm, &admins))
		return false;
	struct hlv_record rec = {.flags = flags, .name = ch->id, .values = *given};
	return change_put(ch, &rec);
}

/* What the difference takes; and when there is none, the right to make one all the same: who may change
 * nothing does not learn that he has guessed what is there. */
static uint16_t rights_of(const struct merge *m)
{
	return m->changed ? m->rights : m->same;
}

/* 11.4: the cheapest that fits of (a) what the difference takes, unless an administrator is added;
 * (b) the right to add administrators; (c) deleting this record and creating it anew. */
static bool may_overwrite(struct change *ch, const struct merge *m)
{
	const struct hlv_list *own = &ch->rec.values;
	uint16_t rights = rights_of(m);
	uint16_t perm;
	struct hlv_list admins;
	enum authz_verdict verdict = AUTHZ_NO;
	if (rights == 0)
		return true;
	if (!(rights & HLV_ADMIN_ADD_ADMIN))
		verdict = change_ask(ch, rights, own);
	if (verdict == AUTHZ_NO)
		verdict = change_ask(ch, HLV_ADMIN_ADD_ADMIN, own);
	if (verdict != AUTHZ_NO)
		return verdict == AUTHZ_YES;
	/* Who repeats what he created deletes nothing. */
	verdict = m->changed ? change_ask(ch, HLV_ADMIN_DELETE_HANDLE, own) : AUTHZ_YES;
	if (verdict == AUTHZ_YES) {
		if (!change_creators(ch, &perm, &admins))
			return false;
		verdict = change_ask(ch, perm, &admins);
	}
	return verdict == AUTHZ_NO ? change_may_not(ch, rights) : verdict == AUTHZ_YES;
}

bool change_replace(struct change *ch, const struct hlv_list *given)
{
	struct merge m;
	if (!merge(ch, given, MERGE_REPLACE, &m) || !may_overwrite(ch, &m))
		return false;
	ch->plan->answer_flags |= HLV_F_OVERWRITE;
	return m.changed ? put_values(ch, &m) : change_nothing(ch);
}

bool plan_create(struct change *ch)
{
	struct hlv_list given;
	uint8_t flags;
	if (ch->rq->m.hdr.flags & HLV_F_MINT_SUFFIX && !mint(ch))
		return false;
	if (!change_locate(ch) || !is_name(ch, ch->echo) || !is_name(ch, ch->id))
		return false;
	enum hlv_err err = sort_given(ch, &given, &flags);
	if (err != HLV_OK)
		return given_failed(ch, err);
	if (!is_free(ch) || !change_is_known(ch))
		return false;
	return ch->exists ? change_replace(ch, &given) : create_new(ch, &given, flags);
}

static bool is_public(const struct hlv_list *values)
{
	for (struct cursor c = first(values); !c.end; next(&c))
		if (!hlv_value_is_public(&c.v))
			return false;
	return true;
}

bool change_create(struct change *ch, const struct hlv_list *values)
{
	return is_free(ch) &&
	       create_new(ch, values, is_public(values) ? HLV_RECORD_ALL_PUBLIC : 0);
}

/* --- add --- */

static uint16_t rights_to_add(const struct hlv_list *given)
{
	uint16_t rights = 0;
	for (struct cursor c = first(given); !c.end; next(&c))
		rights |= rights_for(NULL, &c.v);
	return rights;
}

bool plan_add(struct change *ch)
{
	bool over = ch->rq->m.hdr.flags & HLV_F_OVERWRITE;
	struct hlv_list given;
	struct merge m;
	uint8_t flags;
	if (!change_locate(ch))
		return false;
	if (ch->rq->values.n == 0)
		return change_refuse(ch, HLV_RC_INVALID_VALUE, "No values are given");
	enum hlv_err err = sort_given(ch, &given, &flags);
	if (err != HLV_OK)
		return given_failed(ch, err);
	if (!change_is_known(ch) || !change_must_exist(ch) ||
	    !merge(ch, &given, MERGE_ADD, &m) ||
	    !change_may(ch, over ? rights_of(&m) : rights_to_add(&given), &ch->rec.values))
		return false;
	if (m.shared && !over)
		return change_refusef(ch, HLV_RC_VALUE_EXISTS, "Index conflict for %u",
				      m.clash);
	if (m.shared)
		ch->plan->answer_flags |= HLV_F_OVERWRITE;
	return m.changed ? put_values(ch, &m) : change_nothing(ch);
}

/* --- remove --- */

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* The request's indexes, ascending, each once. */
static uint32_t *sort_indexes(struct change *ch, uint32_t *n)
{
	const struct hlv_list *list = &ch->rq->indexes;
	uint32_t *indexes = hlv_alloc(ch->a->arena, list->n * sizeof *indexes);
	if (!indexes)
		return NULL;
	struct hlv_reader r = hlv_reader(list->raw);
	for (uint32_t i = 0; i < list->n; i++)
		indexes[i] = hlv_next_index(&r);
	qsort(indexes, list->n, sizeof *indexes, by_number);
	*n = 0;
	for (uint32_t i = 0; i < list->n; i++)
		if (i == 0 || indexes[i] != indexes[i - 1])
			indexes[(*n)++] = indexes[i];
	return indexes;
}

/* The record without them. m->clash is the first that is not there, and takes the right as well:
 * a stranger does not learn which are. */
static bool without(struct change *ch, const uint32_t *indexes, uint32_t n, struct merge *m)
{
	size_t cap = ch->rec.values.raw.n;
	uint8_t *room = hlv_alloc_raw(ch->a->arena, cap);
	if (!room)
		return change_failed(ch, HLV_E_NOMEM);
	*m = (struct merge){.w = hlv_writer(room, cap), .flags = HLV_RECORD_ALL_PUBLIC};
	uint32_t at = 0;
	for (struct cursor c = first(&ch->rec.values); !c.end; next(&c)) {
		for (; at < n && indexes[at] < c.v.index; at++)
			if (m->shared++ == 0)
				m->clash = indexes[at];
		if (at == n || indexes[at] != c.v.index) {
			keep(m, &c);
			continue;
		}
		m->rights |= rights_for(&c.v, NULL);
		at++;
	}
	if (at < n && m->shared++ == 0)
		m->clash = indexes[at];
	if (m->shared)
		m->rights |= HLV_ADMIN_REMOVE_VALUE;
	m->values.raw = hlv_written(&m->w);
	return true;
}

bool plan_remove(struct change *ch)
{
	struct merge m = {0};
	uint32_t n;
	if (!change_locate(ch))
		return false;
	if (ch->rq->indexes.n == 0)
		return change_refuse(ch, HLV_RC_INVALID_VALUE, "No indexes are given");
	if (!change_is_known(ch) || !change_must_exist(ch))
		return false;
	uint32_t *indexes = sort_indexes(ch, &n);
	if (!indexes)
		return change_failed(ch, HLV_E_NOMEM);
	if (!without(ch, indexes, n, &m) || !change_may(ch, m.rights, &ch->rec.values))
		return false;
	if (m.shared)
		return change_refusef(ch, HLV_RC_VALUES_NOT_FOUND,
				      "There is no value %u: nothing was removed", m.clash);
	return put_values(ch, &m);
}

/* --- modify --- */

/* The old values, ascending, to be searched. */
static struct hlv_value *unpack(struct change *ch)
{
	uint32_t n = ch->rec.values.n, i = 0;
	struct hlv_value *old = hlv_alloc(ch->a->arena, n * sizeof *old);
	if (!old)
		return NULL;
	for (struct cursor c = first(&ch->rec.values); !c.end; next(&c))
		old[i++] = c.v;
	return old;
}

static int by_index(const void *a, const void *b)
{
	const struct hlv_value *x = a, *y = b;
	return (x->index > y->index) - (x->index < y->index);
}

/* In the order of the request: each is there, may be written at all, and takes which rights? */
static bool look_at_old(struct change *ch, uint16_t *rights)
{
	struct hlv_value *old = unpack(ch);
	*rights = 0;
	if (!old)
		return change_failed(ch, HLV_E_NOMEM);
	for (struct cursor c = first(&ch->rq->values); !c.end; next(&c)) {
		const struct hlv_value *was =
			bsearch(&c.v, old, ch->rec.values.n, sizeof *old, by_index);
		if (!was)
			return change_refusef(ch, HLV_RC_VALUES_NOT_FOUND,
					      "There is no value %u", c.v.index);
		if (!(was->perms & HLV_PERM_ADMIN_WRITE))
			return change_refusef(ch, HLV_RC_INSUFFICIENT_PERMISSIONS,
					      "Value %u is read only", c.v.index);
		*rights |= rights_for(was, &c.v);
	}
	return true;
}

bool plan_modify(struct change *ch)
{
	struct hlv_list given;
	struct merge m;
	uint16_t rights;
	uint8_t flags;
	if (!change_locate(ch) || !change_must_exist(ch))
		return false;
	if (ch->rq->values.n == 0)
		return change_refuse(ch, HLV_RC_INVALID_VALUE, "No values are given");
	/* No rights: all of them may be written by everybody, and none makes administrators. */
	if (!look_at_old(ch, &rights) || (rights && !change_is_known(ch)) ||
	    !change_may(ch, rights, &ch->rec.values))
		return false;
	enum hlv_err err = sort_given(ch, &given, &flags);
	if (err == HLV_E_EXISTS)
		return change_refuse(ch, HLV_RC_INVALID_VALUE, "An index is given twice");
	if (err != HLV_OK)
		return given_failed(ch, err);
	return merge(ch, &given, MERGE_MODIFY, &m) && put_values(ch, &m);
}
