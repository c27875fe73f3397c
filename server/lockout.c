/* SPDX-License-Identifier: Apache-2.0 */
#include "server/lockout.h"

#include "proto/sec/key.h"
#include "proto/wire/admin.h"
#include "proto/wire/name.h"
#include "server/authz.h"

static const uint16_t RIGHTS =
	HLV_ADMIN_ADD_ADMIN | HLV_ADMIN_MODIFY_ADMIN | HLV_ADMIN_REMOVE_ADMIN;

/* One search for an administrator, in the registry as it was or as it would be. */
struct search {
	struct lockout *l;
	const struct hlv_list *changed; /* what the changed record has then */
	unsigned left;			/* values that may still be followed */
	enum hlv_err err;
	/* The records between the prefix and the key that was found; no key: the changed one. */
	struct store_check path[LOCKOUT_DEPTH_MAX + 1];
	size_t depth;
};

static bool fail(struct search *s, enum hlv_err err)
{
	if (s->err == HLV_OK)
		s->err = err;
	return false;
}

/* What `key` holds then, and as what it was seen. A record that is not there holds nothing. */
static bool look_up(struct search *s, const struct store_key *key, struct hlv_list *values,
		    struct store_check *seen)
{
	const struct answer_context *c = s->l->from;
	struct hlv_record rec;
	*values = (struct hlv_list){0};
	*seen = (struct store_check){0};
	if (hlv_eq(store_key_bytes(key), store_key_bytes(s->l->key))) {
		*values = *s->changed;
		return true;
	}
	enum hlv_err err = store_get_record(c->store, c->view, key, &rec);
	if (err == HLV_E_NOT_FOUND)
		return true;
	if (err != HLV_OK)
		return fail(s, err);
	*values = rec.values;
	return authz_check_of(c->arena, key, rec.seq, seen) || fail(s, HLV_E_NOMEM);
}

static bool is_key(const struct hlv_value *v)
{
	if (hlv_eq_fold(v->type, hlv_text("HS_SECKEY")))
		return v->data.n > 0;
	struct hlv_key *key;
	if (!hlv_eq_fold(v->type, hlv_text("HS_PUBKEY")) ||
	    hlv_pubkey_decode(v->data, &key) != HLV_OK)
		return false;
	bool usable = hlv_key_kind(key) != HLV_KEY_DH;
	hlv_key_free(key);
	return usable;
}

static bool has_key(const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) == HLV_OK && is_key(&v))
			return true;
	}
	return false;
}

/* Does the reference end in a key? Groups in groups are bounded in depth, and all that is followed
 * in number, so circles end. */
static bool leads_to_key(struct search *s, const struct hlv_ref *ref, size_t depth)
{
	struct store_key key;
	struct hlv_list values, members;
	struct hlv_value v;
	if (ref->handle.n == 0 || ref->handle.n > HLV_IDENTIFIER_MAX || s->left == 0)
		return false;
	s->left--;
	store_key(ref->handle, &key);
	if (!look_up(s, &key, &values, &s->path[depth]))
		return false;
	s->depth = depth + 1;
	if (ref->index == 0)
		return has_key(&values);
	if (!authz_value_at(&values, ref->index, &v))
		return false;
	if (is_key(&v))
		return true;
	if (!hlv_type_is(v.type, "HS_VLIST") || hlv_vlist_decode(v.data, &members) != HLV_OK ||
	    depth == LOCKOUT_DEPTH_MAX)
		return false;
	struct hlv_reader r = hlv_reader(members.raw);
	for (uint32_t i = 0; i < members.n && s->err == HLV_OK; i++) {
		struct hlv_ref member;
		hlv_ref_decode(&r, &member);
		if (leads_to_key(s, &member, depth + 1))
			return true;
	}
	return false;
}

static bool has_administrator(struct search *s, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n && s->err == HLV_OK; i++) {
		struct hlv_value v;
		struct hlv_admin admin;
		if (hlv_value_decode(&r, &v) == HLV_OK && hlv_type_is(v.type, "HS_ADMIN") &&
		    hlv_admin_decode(v.data, &admin) == HLV_OK &&
		    (admin.perms & RIGHTS) == RIGHTS && leads_to_key(s, &admin.who, 0))
			return true;
	}
	return false;
}

static void remember(struct lockout *l, const struct store_check *check)
{
	hlv_require(l->nrests_on < sizeof l->rests_on / sizeof *l->rests_on);
	if (check->key.n)
		l->rests_on[l->nrests_on++] = *check;
}

/* One prefix: had it an administrator, and has it one still? */
static enum hlv_err check_prefix(struct lockout *l, struct hlv_bytes handle)
{
	struct store_key key;
	struct hlv_list values;
	struct store_check seen;
	struct search s = {.l = l, .changed = l->before, .left = LOCKOUT_REFS_MAX};
	store_key(handle, &key);
	if (!look_up(&s, &key, &values, &seen) || !has_administrator(&s, &values))
		return s.err;
	s = (struct search){.l = l, .changed = l->after, .left = LOCKOUT_REFS_MAX};
	if (!look_up(&s, &key, &values, &seen))
		return s.err;
	bool keeps = has_administrator(&s, &values);
	if (s.err != HLV_OK)
		return s.err;
	if (!keeps) {
		l->prefix = hlv_arena_copy(l->from->arena, handle);
		return l->prefix.n ? HLV_E_CONFLICT : HLV_E_NOMEM;
	}
	remember(l, &seen);
	for (size_t i = 0; i < s.depth; i++)
		remember(l, &s.path[i]);
	return HLV_OK;
}

/* Could administrators rest on this value? Most records have none such, and are done with here. */
static bool matters(const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) == HLV_OK &&
		    (hlv_type_is(v.type, "HS_ADMIN") || hlv_type_is(v.type, "HS_VLIST") ||
		     hlv_eq_fold(v.type, hlv_text("HS_PUBKEY")) ||
		     hlv_eq_fold(v.type, hlv_text("HS_SECKEY"))))
			return true;
	}
	return false;
}

enum hlv_err lockout_check(struct lockout *l)
{
	uint8_t room[HLV_IDENTIFIER_MAX + 8];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	l->nrests_on = 0;
	if (!matters(l->before))
		return HLV_OK;
	if (hlv_name_is_prefix_handle(l->id))
		HLV_TRY(check_prefix(l, l->id));
	if (hlv_name_is_derived_prefix(l->id))
		return check_prefix(l, hlv_name_parent_prefix(l->id));
	hlv_name_put_prefix_handle(&w, l->id);
	return check_prefix(l, hlv_written(&w));
}
