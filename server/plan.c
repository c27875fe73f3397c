/* SPDX-License-Identifier: Apache-2.0 */
#include "server/plan.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/answer.h"
#include "server/change.h"
#include "server/lockout.h"

enum {
	TEXT_MAX = 256,	  /* octets of a refusal */
	NAME_SHOWN = 100, /* octets of an identifier in it: longer ones are not named */
	AROUND_MAX = 80, /* octets around name and values in an unsigned answer, and a digest */
};

/* --- refusals --- */

bool change_refuse(struct change *ch, enum hlv_rc rc, const char *text)
{
	answer_error(ch->rs, rc, text);
	ch->verdict = PLAN_REFUSED;
	return false;
}

bool change_refusef(struct change *ch, enum hlv_rc rc, const char *format, ...)
{
	char *text = hlv_alloc(ch->a->arena, TEXT_MAX);
	if (!text)
		return change_failed(ch, HLV_E_NOMEM);
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, TEXT_MAX, format, ap);
	va_end(ap);
	return change_refuse(ch, rc, text);
}

bool change_failed(struct change *ch, enum hlv_err err)
{
	if (err == HLV_E_NOMEM)
		return change_refuse(ch, HLV_RC_ERROR, "Request takes too much memory");
	return change_refuse(ch, HLV_RC_ERROR, "The registry cannot read this record");
}

/* "add value, add admin" */
static void print_perms(uint16_t perms, char *out, size_t cap)
{
	static const struct {
		uint16_t mask;
		const char *text;
	} names[] = {
#define X(name, mask, text) {mask, text},
		HLV_ADMIN_PERMS(X)
#undef X
	};
	size_t n = 0;
	out[0] = '\0';
	for (size_t i = 0; i < sizeof names / sizeof *names && n < cap; i++)
		if (perms & names[i].mask)
			n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? ", " : "",
					      names[i].text);
}

bool change_may_not(struct change *ch, uint16_t perms)
{
	char text[TEXT_MAX];
	print_perms(perms, text, sizeof text);
	return change_refusef(ch, HLV_RC_INVALID_ADMIN,
			      "This identity is given no such right: %s", text);
}

/* --- what decides --- */

bool change_rests_on(struct change *ch, const struct store_check *check)
{
	if (ch->nchecks == ch->checks_cap) {
		size_t cap = ch->checks_cap ? 2 * ch->checks_cap : 8;
		struct store_check *more = hlv_alloc(ch->a->arena, cap * sizeof *more);
		if (!more)
			return change_failed(ch, HLV_E_NOMEM);
		if (ch->nchecks)
			memcpy(more, ch->checks, ch->nchecks * sizeof *more);
		ch->checks = more;
		ch->checks_cap = cap;
	}
	ch->checks[ch->nchecks++] = *check;
	return true;
}

static bool rests_on_record(struct change *ch, const struct store_key *key, uint64_t seq)
{
	struct store_check check;
	if (!authz_check_of(ch->a->arena, key, seq, &check))
		return change_failed(ch, HLV_E_NOMEM);
	return change_rests_on(ch, &check);
}

/* --- steps --- */

/* Tombstones too: what was there decides about what comes. */
static bool read_record(struct change *ch)
{
	struct hlv_bytes stored, key = store_key_bytes(&ch->key);
	ch->rec = (struct hlv_record){0};
	enum hlv_err err = ch->a->store->ops->get(ch->a->view, SPACE_RECORD, key, &stored);
	if (err == HLV_OK)
		err = hlv_record_decode(stored, key, &ch->rec);
	if (err != HLV_OK && err != HLV_E_NOT_FOUND)
		return change_failed(ch, err);
	ch->exists = err == HLV_OK && !(ch->rec.flags & HLV_RECORD_DELETED) &&
		     ch->rec.state != HLV_STATE_REVOKED;
	return rests_on_record(ch, &ch->key, ch->rec.seq);
}

bool change_locate(struct change *ch)
{
	const struct answer_context *a = ch->a;
	enum verdict verdict;
	struct hlv_list sites = {0};
	struct hlv_record rec;
	bool found;
	/* 11.2: older administrators do not know what to do with a referral. */
	enum referring referring = REFER;
	if (ch->rq->m.hdr.flags & HLV_F_NO_REFERRAL)
		referring = REFER_NOT;
	else if (hlv_envelope_suggested(&ch->rq->m.env) < HLV_V(2, 10))
		referring = REFER_SILENTLY;
	store_key(ch->id, &ch->key);
	enum hlv_err err = delegate_find(a->store, a->view, a->place, a->memo, ch->id, &ch->key,
					 referring, a->arena, &verdict, &sites, &rec, &found);
	if (err != HLV_OK)
		return change_failed(ch, err);
	if (verdict == VERDICT_OURS)
		return read_record(ch);
	answer_elsewhere(verdict, &sites, ch->rs);
	ch->verdict = PLAN_REFUSED;
	return false;
}

bool change_must_exist(struct change *ch)
{
	return ch->exists || change_refuse(ch, HLV_RC_NOT_FOUND, NULL);
}

bool change_is_known(struct change *ch)
{
	if (ch->who->how != ACTOR_PUBLIC)
		return true;
	ch->verdict = PLAN_CHALLENGE;
	return false;
}

/* Take over what authz found out. */
static enum authz_verdict take(struct change *ch, const struct authz *z,
			       enum authz_verdict verdict)
{
	switch (verdict) {
	case AUTHZ_YES:
		for (size_t i = 0; i < z->nrests_on; i++)
			if (!change_rests_on(ch, &z->rests_on[i]))
				return AUTHZ_ERROR;
		break;
	case AUTHZ_FETCH:
		ch->plan->wanted = z->wanted;
		ch->verdict = PLAN_FETCH;
		break;
	case AUTHZ_ERROR:
		change_failed(ch, ch->a->arena->bad ? HLV_E_NOMEM : HLV_E_CORRUPT);
		break;
	case AUTHZ_NO:
		break;
	}
	return verdict;
}

static struct authz authz_of(const struct change *ch)
{
	return (struct authz){.from = ch->a,
			      .lists = &ch->c->rules->lists,
			      .fetched = ch->c->fetched,
			      .nfetched = ch->c->nfetched};
}

enum authz_verdict change_ask(struct change *ch, uint16_t perms, const struct hlv_list *values)
{
	/* Who can write to the registry's file may do what he likes to it. */
	if (ch->who->how == ACTOR_LOCAL)
		return AUTHZ_YES;
	struct authz z = authz_of(ch);
	return take(ch, &z, authz_check(&z, &ch->who->who, perms, values));
}

bool change_may(struct change *ch, uint16_t perms, const struct hlv_list *values)
{
	if (perms == 0)
		return true;
	enum authz_verdict verdict = change_ask(ch, perms, values);
	if (verdict == AUTHZ_NO)
		return change_may_not(ch, perms);
	return verdict == AUTHZ_YES;
}

bool change_is_server_admin(struct change *ch)
{
	const struct authz_lists *lists = &ch->c->rules->lists;
	if (ch->who->how == ACTOR_LOCAL)
		return true;
	struct authz z = authz_of(ch);
	enum authz_verdict verdict =
		authz_is_listed(&z, &ch->who->who, lists->server_admins, lists->nserver_admins);
	if (verdict == AUTHZ_NO)
		verdict = authz_is_listed(&z, &ch->who->who, lists->home_only_admins,
					  lists->nhome_only_admins);
	verdict = take(ch, &z, verdict);
	if (verdict == AUTHZ_NO)
		change_refuse(ch, HLV_RC_INVALID_ADMIN,
			      "This identity is no administrator of the server");
	return verdict == AUTHZ_YES;
}

bool change_creators(struct change *ch, uint16_t *perm, struct hlv_list *values)
{
	uint8_t room[HLV_IDENTIFIER_MAX + 8];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	struct store_key key;
	struct hlv_record rec;
	*values = (struct hlv_list){0};
	if (hlv_name_is_derived_prefix(ch->id)) {
		*perm = HLV_ADMIN_ADD_PREFIX;
		store_key(hlv_name_parent_prefix(ch->id), &key);
	} else {
		*perm = HLV_ADMIN_ADD_HANDLE;
		hlv_name_put_prefix_handle(&w, ch->id);
		store_key(hlv_written(&w), &key);
	}
	if (!ch->c->rules->prefix_admins)
		return true;
	enum hlv_err err = store_get_record(ch->a->store, ch->a->view, &key, &rec);
	if (err == HLV_E_NOT_FOUND)
		return true;
	if (err != HLV_OK)
		return change_failed(ch, err);
	*values = rec.values;
	return rests_on_record(ch, &key, rec.seq);
}

/* --- endings --- */

bool change_nothing(struct change *ch)
{
	enum hlv_body_kind kind = hlv_body_kind(ch->rq->m.hdr.op, HLV_RC_SUCCESS);
	*ch->rs = (struct hlv_response){.rc = HLV_RC_SUCCESS, .kind = kind};
	if (kind == HLV_BODY_HANDLE) {
		ch->rs->has_handle = true;
		ch->rs->handle = ch->echo;
	}
	ch->verdict = PLAN_ANSWER;
	return true;
}

bool change_commit(struct change *ch, const struct store_put *put)
{
	struct plan *p = ch->plan;
	if (!change_nothing(ch))
		return false;
	p->puts[0] = *put;
	p->txn = (struct store_txn){
		.actor = {.how = ch->who->how,
			  .who = ch->who->who,
			  .op = ch->rq->m.hdr.op,
			  .request_id = ch->rq->m.env.request_id},
		.checks = ch->checks,
		.nchecks = ch->nchecks,
		.puts = p->puts,
		.nputs = 1,
		.time_ms = ch->c->now.wall_ms,
	};
	ch->verdict = PLAN_COMMIT;
	return true;
}

/* threats.md 3: what is left must be able to go on. */
static bool leaves_administrator(struct change *ch, const struct hlv_record *rec)
{
	static const struct hlv_list none = {0};
	struct lockout l = {.from = ch->a,
			    .key = &ch->key,
			    .id = ch->id,
			    .before = ch->exists ? &ch->rec.values : &none,
			    .after = rec->flags & HLV_RECORD_DELETED ? &none : &rec->values};
	if (ch->c->force)
		return true;
	enum hlv_err err = lockout_check(&l);
	if (err != HLV_OK && err != HLV_E_CONFLICT)
		return change_failed(ch, err);
	for (size_t i = 0; i < l.nrests_on; i++)
		if (!change_rests_on(ch, &l.rests_on[i]))
			return false;
	if (err == HLV_OK)
		return true;
	if (l.prefix.n > NAME_SHOWN)
		l.prefix = hlv_text("this prefix");
	return change_refusef(ch, HLV_RC_INSUFFICIENT_PERMISSIONS,
			      "This would lock out the last administrator of %.*s "
			      "whose key is here",
			      (int)l.prefix.n, (const char *)l.prefix.p);
}

/* industrial.md 4: state and locks hold for everybody. Whoever may changes them first, and that is
 * another operation. */
static bool is_unlocked(struct change *ch, const struct hlv_record *rec)
{
	static const uint16_t transfer =
		HLV_ADMIN_ADD_ADMIN | HLV_ADMIN_MODIFY_ADMIN | HLV_ADMIN_REMOVE_ADMIN;
	unsigned locks = HLV_LOCK_CLIENT_UPDATE | HLV_LOCK_SERVER_UPDATE;
	if (!ch->exists)
		return true;
	if (ch->rec.state == HLV_STATE_FROZEN)
		return change_refuse(ch, HLV_RC_INSUFFICIENT_PERMISSIONS,
				     "This identifier is frozen: its values cannot be changed");
	if (rec->flags & HLV_RECORD_DELETED)
		locks = HLV_LOCK_CLIENT_DELETE | HLV_LOCK_SERVER_DELETE;
	else if (ch->rights & transfer)
		locks |= HLV_LOCK_CLIENT_TRANSFER | HLV_LOCK_SERVER_TRANSFER;
	locks &= ch->rec.locks;
	/* The lowest of them is named. */
	return locks == 0 ||
	       change_refusef(ch, HLV_RC_INSUFFICIENT_PERMISSIONS,
			      "This identifier is locked: %s", hlv_lock_name(locks & -locks));
}

bool change_put(struct change *ch, const struct hlv_record *rec)
{
	struct hlv_arena *arena = ch->a->arena;
	if (!is_unlocked(ch, rec))
		return false;
	if (rec->values.n > HLV_VALUES_MAX)
		return change_refusef(ch, HLV_RC_INVALID_VALUE,
				      "A record has %d values at the most", HLV_VALUES_MAX);
	if (rec->values.raw.n > HLV_MESSAGE_MAX - AROUND_MAX - rec->name.n)
		return change_refusef(ch, HLV_RC_INVALID_VALUE,
				      "The record would not fit into a message of %d octets",
				      HLV_MESSAGE_MAX);
	if (!leaves_administrator(ch, rec))
		return false;
	size_t room =
		HLV_RECORD_HEADER + HLV_RECORD_STATE_MAX + rec->name.n + 4 + rec->values.raw.n;
	uint8_t *p = hlv_alloc_raw(arena, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	struct hlv_bytes key = hlv_arena_copy(arena, store_key_bytes(&ch->key));
	hlv_record_encode(&w, key, rec);
	if (w.bad || arena->bad)
		return change_failed(ch, HLV_E_NOMEM);
	struct store_put put = {SPACE_RECORD, key, hlv_written(&w)};
	return change_commit(ch, &put);
}

/* --- delete --- */

bool change_delete(struct change *ch)
{
	if (!change_may(ch, HLV_ADMIN_DELETE_HANDLE, &ch->rec.values))
		return false;
	/* A tombstone keeps what was there, for the undo. */
	struct hlv_record rec = ch->rec;
	rec.flags |= HLV_RECORD_DELETED;
	return change_put(ch, &rec);
}

static bool plan_delete(struct change *ch)
{
	return change_locate(ch) && change_is_known(ch) && change_must_exist(ch) &&
	       change_delete(ch);
}

/* --- all of them --- */

static const struct {
	enum hlv_op op;
	bool (*plan)(struct change *);
} operations[] = {
	{HLV_OP_RESOLUTION, plan_read},
	{HLV_OP_CREATE_HANDLE, plan_create},
	{HLV_OP_DELETE_HANDLE, plan_delete},
	{HLV_OP_ADD_VALUE, plan_add},
	{HLV_OP_REMOVE_VALUE, plan_remove},
	{HLV_OP_MODIFY_VALUE, plan_modify},
	{HLV_OP_LIST_HANDLES, plan_list_handles},
	{HLV_OP_HOME_NA, plan_home},
	{HLV_OP_UNHOME_NA, plan_home},
	{HLV_OP_LIST_HOMED_NAS, plan_list_homed},
};

bool change_set_id(struct change *ch, struct hlv_bytes id)
{
	ch->id = ch->echo = id;
	if (ch->id.n && memchr(ch->id.p, '/', ch->id.n))
		return true;
	size_t room = ch->id.n + 8;
	uint8_t *p = hlv_alloc_raw(ch->a->arena, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	hlv_name_put_resolvable(&w, ch->id);
	ch->id = hlv_written(&w);
	return !w.bad || change_failed(ch, HLV_E_NOMEM);
}

enum plan_verdict plan_request(const struct plan_context *c, const struct principal *who,
			       const struct hlv_request *rq, struct plan *plan,
			       struct hlv_response *rs)
{
	struct change ch = {
		.c = c, .a = c->answer, .who = who, .rq = rq, .plan = plan, .rs = rs};
	*plan = (struct plan){0};
	*rs = (struct hlv_response){0};
	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
		if ((uint32_t)operations[i].op != rq->m.hdr.op)
			continue;
		if (change_set_id(&ch, rq->handle))
			operations[i].plan(&ch);
		return ch.verdict;
	}
	change_refuse(&ch, HLV_RC_NOT_SUPPORTED, "Unknown operation");
	return ch.verdict;
}
