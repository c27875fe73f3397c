/* SPDX-License-Identifier: Apache-2.0 */
#include "server/change.h"
#include "server/history.h"

enum { VERSIONS_MAX = 1000 };

static struct change begin(const struct plan_context *c, const struct principal *who,
			   const struct hlv_request *rq, struct plan *plan,
			   struct hlv_response *rs)
{
	*plan = (struct plan){0};
	*rs = (struct hlv_response){0};
	return (struct change){
		.c = c, .a = c->answer, .who = who, .rq = rq, .plan = plan, .rs = rs};
}

/* Is it ours, was it ever, and who asks? */
static bool find(struct change *ch, struct hlv_bytes id)
{
	return change_set_id(ch, id) && change_locate(ch) && change_is_known(ch) &&
	       (ch->rec.seq > 0 || change_refuse(ch, HLV_RC_NOT_FOUND, NULL));
}

/* Of a record that is gone its last administrators, or whoever may register it anew. */
static bool may_look_back(struct change *ch)
{
	static const uint16_t perms = HLV_ADMIN_MODIFY_VALUE | HLV_ADMIN_READ_VALUE;
	struct hlv_list admins;
	uint16_t perm;
	enum authz_verdict verdict = change_ask(ch, perms, &ch->rec.values);
	if (verdict == AUTHZ_NO && !ch->exists) {
		if (!change_creators(ch, &perm, &admins))
			return false;
		verdict = change_ask(ch, perm, &admins);
	}
	return verdict == AUTHZ_NO ? change_may_not(ch, perms) : verdict == AUTHZ_YES;
}

enum plan_verdict plan_history(const struct plan_context *c, const struct principal *who,
			       const struct hlv_request *rq, struct hlv_bytes id,
			       struct plan *plan, struct hlv_response *rs)
{
	struct change ch = begin(c, who, rq, plan, rs);
	if (find(&ch, id) && may_look_back(&ch))
		change_nothing(&ch);
	return ch.verdict;
}

/* --- undo --- */

/* What the record is to be again. */
struct former {
	bool deleted;
	struct hlv_list values;
};

static bool not_kept(struct change *ch)
{
	return change_refuse(ch, HLV_RC_NOT_FOUND,
			     "That version is not kept: there was none, or undo-days are over");
}

/* State and locks are not a matter of the record's administrators (industrial.md 4): a change of them
 * alone is none of theirs to undo. */
static bool was_of_state(const struct hlv_record *now, const struct hlv_record *then)
{
	return !((now->flags | then->flags) & HLV_RECORD_DELETED) &&
	       (now->state != then->state || now->locks != then->locks ||
		!hlv_eq(now->reason, then->reason)) &&
	       hlv_eq(now->values.raw, then->values.raw);
}

/* The version before the newest. */
static bool version_before(struct change *ch, const struct history *h, struct former *f)
{
	if (h->n > 1) {
		const struct hlv_record *rec = &h->versions[1].rec;
		if (was_of_state(&ch->rec, rec))
			return change_refuse(ch, HLV_RC_INSUFFICIENT_PERMISSIONS,
					     "The last change was of its state or locks: "
					     "that is undone on the node");
		*f = (struct former){rec->flags & HLV_RECORD_DELETED, rec->values};
		return true;
	}
	/* A tombstone has the values that were there; and before the first version there was
	 * nothing. */
	*f = (struct former){ch->exists, ch->rec.values};
	return !ch->exists || h->whole || not_kept(ch);
}

static bool find_former(struct change *ch, const struct plan_undo *u, struct former *f)
{
	struct history h;
	enum hlv_err err = history_read(ch->a->store, ch->a->view, &ch->key, VERSIONS_MAX,
					ch->a->arena, &h);
	if (err != HLV_OK)
		return change_failed(ch, err);
	if (u->newest && u->newest != ch->rec.seq)
		return change_refuse(ch, HLV_RC_EXISTS, "It was changed again since");
	if (u->seq == 0)
		return version_before(ch, &h, f);
	for (size_t i = 0; i < h.n; i++) {
		const struct history_version *v = &h.versions[i];
		if (v->seq != u->seq)
			continue;
		*f = (struct former){v->rec.flags & HLV_RECORD_DELETED, v->rec.values};
		return true;
	}
	return not_kept(ch);
}

/* It takes the rights, and passes the checks, of the change by which somebody would do the same. */
static bool bring_back(struct change *ch, const struct former *f)
{
	if (f->deleted)
		return ch->exists ? change_delete(ch) : change_nothing(ch);
	return ch->exists ? change_replace(ch, &f->values) : change_create(ch, &f->values);
}

enum plan_verdict plan_undo(const struct plan_context *c, const struct principal *who,
			    const struct hlv_request *rq, const struct plan_undo *u,
			    struct plan *plan, struct hlv_response *rs)
{
	struct change ch = begin(c, who, rq, plan, rs);
	struct former f;
	if (find(&ch, u->id) && may_look_back(&ch) && find_former(&ch, u, &f))
		bring_back(&ch, &f);
	plan->answer_flags = 0;
	return ch.verdict;
}
