/* SPDX-License-Identifier: Apache-2.0 */
#include "server/authz.h"

/* A reference that may name the identity itself, or a group that it is in. */
struct step {
	struct step *next;
	const struct step *by; /* the group that named it; NULL: an HS_ADMIN value or a list */
	struct hlv_ref ref;
	bool local;		 /* its record was read here: */
	struct store_check seen; /* as this */
};

/* 11.5: the work list, in the order of finding; its members are also what was visited. */
struct walk {
	struct authz *a;
	const struct hlv_ref *who;
	struct step *first, *last;
	unsigned n;
	bool wants;
	enum authz_verdict verdict; /* AUTHZ_NO until something else is known */
};

bool authz_value_at(const struct hlv_list *values, uint32_t index, struct hlv_value *v)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		if (hlv_value_decode(&r, v) != HLV_OK || v->index > index)
			return false;
		if (v->index == index)
			return true;
	}
	return false;
}

bool authz_check_of(struct hlv_arena *arena, const struct store_key *key, uint64_t seq,
		    struct store_check *check)
{
	struct hlv_bytes kept = hlv_arena_copy(arena, store_key_bytes(key));
	*check = (struct store_check){SPACE_RECORD, kept, seq};
	return kept.n > 0;
}

static bool is_visited(const struct walk *w, const struct hlv_ref *ref)
{
	for (const struct step *s = w->first; s; s = s->next)
		if (s->ref.index == ref->index &&
		    hlv_name_eq_prefix(s->ref.handle, ref->handle))
			return true;
	return false;
}

/* The answer is yes, because of `by` and the groups above it. */
static void say_yes(struct walk *w, const struct step *by)
{
	struct authz *a = w->a;
	size_t n = 0;
	for (const struct step *s = by; s; s = s->by)
		n += s->local;
	a->rests_on = n ? hlv_alloc(a->from->arena, n * sizeof *a->rests_on) : NULL;
	a->nrests_on = 0;
	w->verdict = n && !a->rests_on ? AUTHZ_ERROR : AUTHZ_YES;
	if (w->verdict != AUTHZ_YES)
		return;
	for (const struct step *s = by; s; s = s->by)
		if (s->local)
			a->rests_on[a->nrests_on++] = s->seen;
}

/* Match, or remember as a possible group. False: the walk is over. */
static bool add(struct walk *w, const struct hlv_ref *ref, const struct step *by)
{
	if (hlv_ref_matches(ref, w->who)) {
		say_yes(w, by);
		return false;
	}
	/* Any value of a record may be meant by index 0: that names no group. */
	if (ref->index == 0 || is_visited(w, ref))
		return true;
	if (w->n == AUTHZ_REFS_MAX)
		return false;
	struct step *s = hlv_alloc(w->a->from->arena, sizeof *s);
	if (!s) {
		w->verdict = AUTHZ_ERROR;
		return false;
	}
	*s = (struct step){.by = by, .ref = *ref};
	if (w->last)
		w->last->next = s;
	else
		w->first = s;
	w->last = s;
	w->n++;
	return true;
}

/* The members of a group. */
static bool add_members(struct walk *w, const struct step *s, struct hlv_bytes type,
			struct hlv_bytes data)
{
	struct hlv_list members;
	if (!hlv_type_is(type, "HS_VLIST") || hlv_vlist_decode(data, &members) != HLV_OK)
		return true;
	struct hlv_reader r = hlv_reader(members.raw);
	for (uint32_t i = 0; i < members.n; i++) {
		struct hlv_ref ref;
		hlv_ref_decode(&r, &ref);
		if (!add(w, &ref, s))
			return false;
	}
	return true;
}

/* A value of a record that is ours: private ones too. */
static bool add_local(struct walk *w, struct step *s, const struct store_key *key,
		      const struct hlv_record *rec)
{
	struct hlv_value v;
	if (!authz_check_of(w->a->from->arena, key, rec->seq, &s->seen)) {
		w->verdict = AUTHZ_ERROR;
		return false;
	}
	s->local = true;
	return !authz_value_at(&rec->values, s->ref.index, &v) ||
	       add_members(w, s, v.type, v.data);
}

/* A value that another node holds: as it was fetched, or else remembered as wanted. */
static bool add_remote(struct walk *w, const struct step *s)
{
	struct authz *a = w->a;
	for (size_t i = 0; i < a->nfetched; i++) {
		const struct authz_fetched *f = &a->fetched[i];
		if (f->ref.index != s->ref.index ||
		    !hlv_name_eq_prefix(f->ref.handle, s->ref.handle))
			continue;
		return !f->found || add_members(w, s, f->type, f->data);
	}
	if (a->nfetched >= AUTHZ_FETCH_MAX || w->wants)
		return true;
	a->wanted =
		(struct hlv_ref){hlv_arena_copy(a->from->arena, s->ref.handle), s->ref.index};
	w->wants = true;
	return true;
}

static bool visit(struct walk *w, struct step *s)
{
	const struct answer_context *c = w->a->from;
	struct store_key key;
	struct hlv_record rec;
	struct hlv_list sites = {0};
	enum verdict verdict;
	bool found;
	if (s->ref.handle.n == 0 || s->ref.handle.n > HLV_IDENTIFIER_MAX)
		return true;
	store_key(s->ref.handle, &key);
	enum hlv_err err =
		delegate_find(c->store, c->view, c->place, c->memo, s->ref.handle, &key,
			      REFER_NOT, c->arena, &verdict, &sites, &rec, &found);
	/* Records of prefixes are kept by all servers of a site, so that each knows who administers. */
	bool shared = err == HLV_OK && verdict == VERDICT_WRONG_SERVER &&
		      hlv_name_is_prefix_handle(s->ref.handle);
	if (err == HLV_OK && verdict != VERDICT_OURS && !shared)
		return add_remote(w, s);
	if (err == HLV_OK && !found)
		err = store_get_record(c->store, c->view, &key, &rec);
	if (err == HLV_E_NOT_FOUND)
		return !shared || add_remote(w, s);
	if (err == HLV_OK)
		return add_local(w, s, &key, &rec);
	w->verdict = AUTHZ_ERROR;
	return false;
}

static enum authz_verdict finish(struct walk *w)
{
	for (struct step *s = w->first; s; s = s->next)
		if (!visit(w, s))
			return w->verdict;
	if (w->a->from->arena->bad)
		return AUTHZ_ERROR;
	return w->wants ? AUTHZ_FETCH : AUTHZ_NO;
}

static bool add_list(struct walk *w, const struct hlv_ref *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!add(w, &list[i], NULL))
			return false;
	return true;
}

/* 19.16: the rights of two values are not added up. */
static bool add_admins(struct walk *w, uint16_t perms, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		struct hlv_admin admin;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		if (!hlv_type_is(v.type, "HS_ADMIN") ||
		    hlv_admin_decode(v.data, &admin) != HLV_OK ||
		    (admin.perms & perms) != perms)
			continue;
		if (!add(w, &admin.who, NULL))
			return false;
	}
	return true;
}

enum authz_verdict authz_check(struct authz *a, const struct hlv_ref *who, uint16_t perms,
			       const struct hlv_list *values)
{
	struct walk w = {.a = a, .who = who, .verdict = AUTHZ_NO};
	a->nrests_on = 0;
	if (!add_list(&w, a->lists->server_admins, a->lists->nserver_admins) ||
	    (perms && !add_admins(&w, perms, values)))
		return w.verdict;
	return finish(&w);
}

enum authz_verdict authz_is_listed(struct authz *a, const struct hlv_ref *who,
				   const struct hlv_ref *list, size_t n)
{
	struct walk w = {.a = a, .who = who, .verdict = AUTHZ_NO};
	a->nrests_on = 0;
	if (!add_list(&w, list, n))
		return w.verdict;
	return finish(&w);
}
