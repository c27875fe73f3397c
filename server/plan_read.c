/* SPDX-License-Identifier: Apache-2.0 */
#include "server/answer.h"
#include "server/change.h"

static bool read_values(struct change *ch, const struct hlv_record *rec,
			enum answer_reach reach)
{
	enum hlv_rc rc = answer_values(ch->a, ch->rq, rec, reach, ch->rs);
	ch->verdict = rc == HLV_RC_SUCCESS ? PLAN_ANSWER : PLAN_REFUSED;
	return true;
}

/* industrial.md 5.3: the national SDK asks for public values alone even when it has logged in. Who
 * may read more is given it; who may not is given the public answer, which stands in rs. */
static bool read_logged_in(struct change *ch)
{
	struct hlv_record rec;
	if (!answer_hides(ch->a, ch->rq) || !answer_find(ch->a, ch->rq, &rec, ch->rs))
		return true;
	if (change_ask(ch, HLV_ADMIN_READ_VALUE, &rec.values) != AUTHZ_YES)
		return true;
	return read_values(ch, &rec, REACH_ADMIN);
}

/* 11.3, 6: whoever may read values with authorisation is given all that match. */
static bool read_private(struct change *ch)
{
	struct hlv_record rec;
	return change_is_known(ch) && answer_find(ch->a, ch->rq, &rec, ch->rs) &&
	       change_may(ch, HLV_ADMIN_READ_VALUE, &rec.values) &&
	       read_values(ch, &rec, REACH_ALL);
}

bool plan_read(struct change *ch)
{
	enum hlv_rc rc = answer_resolution(ch->a, ch->rq, ch->rs);
	ch->verdict = rc == HLV_RC_SUCCESS ? PLAN_ANSWER : PLAN_REFUSED;
	if (ch->rq->m.hdr.flags & HLV_F_PUBLIC_ONLY)
		return ch->who->how != ACTOR_LOGIN || read_logged_in(ch);
	/* In a session the login comes before the first look at the record. */
	if (rc == HLV_RC_AUTHENTICATION_NEEDED ||
	    (rc == HLV_RC_INSUFFICIENT_PERMISSIONS && ch->who->how == ACTOR_SESSION))
		return read_private(ch);
	return true;
}
