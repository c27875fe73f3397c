/* SPDX-License-Identifier: Apache-2.0 */
#include "server/answer.h"

#include "proto/wire/filter.h"
#include "server/bare.h"

static enum hlv_rc store_failed(struct hlv_response *rs, enum hlv_err err)
{
	if (err == HLV_E_NOMEM)
		return answer_error(rs, HLV_RC_ERROR, "Answer takes too much memory");
	return answer_error(rs, HLV_RC_ERROR, "The registry cannot read this record");
}

/* What a walk over the matching values found out. */
struct matches {
	struct hlv_list list; /* those that are answered */
	uint32_t n;	      /* all that match the filter */
	bool hidden;	      /* one of them may not be read */
	bool unreadable;      /* the first such is not even for administrators */
};

/* Secret keys leave by no interface, for nobody (threats.md 4): whoever has them can change
 * everything that their owner can. */
static bool is_reached(const struct hlv_value *v, enum answer_reach reach)
{
	if (hlv_type_is(v->type, "HS_SECKEY"))
		return false;
	switch (reach) {
	case REACH_PUBLIC:
		break;
	case REACH_ADMIN:
		return v->perms & (HLV_PERM_PUBLIC_READ | HLV_PERM_ADMIN_READ);
	case REACH_ALL:
		return true;
	}
	return v->perms & HLV_PERM_PUBLIC_READ;
}

/* 11.3: filter by index and type, then keep what may be read. */
static enum hlv_err match(const struct hlv_request *rq, const struct hlv_list *values,
			  enum answer_reach reach, struct hlv_arena *a, struct matches *m)
{
	struct hlv_filter filter;
	*m = (struct matches){0};
	hlv_filter_init(&filter, rq, values->n);
	uint8_t *room = hlv_alloc_raw(a, values->raw.n);
	if (!room)
		return HLV_E_NOMEM;
	struct hlv_writer w = hlv_writer(room, values->raw.n);
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		size_t at = r.pos;
		HLV_TRY(hlv_value_decode(&r, &v));
		if (!hlv_filter_takes(&filter, &v))
			continue;
		m->n++;
		if (is_reached(&v, reach)) {
			hlv_put(&w, hlv_since(&r, at));
			m->list.n++;
			continue;
		}
		if (!m->hidden)
			m->unreadable = !(v.perms & HLV_PERM_ADMIN_READ);
		m->hidden = true;
	}
	m->list.raw = hlv_written(&w);
	return HLV_OK;
}

static enum hlv_rc give(const struct hlv_request *rq, const struct hlv_list *values,
			struct hlv_response *rs)
{
	/* The identifier is echoed in the asker's spelling, octet by octet. */
	*rs = (struct hlv_response){.rc = HLV_RC_SUCCESS,
				    .kind = HLV_BODY_RECORD,
				    .handle = hlv_request_echo(rq),
				    .values = *values};
	return HLV_RC_SUCCESS;
}

enum hlv_rc answer_values(const struct answer_context *c, const struct hlv_request *rq,
			  const struct hlv_record *rec, enum answer_reach reach,
			  struct hlv_response *rs)
{
	bool filtered = !hlv_filter_is_empty(rq);
	/* A record without values has none to give: 200, with or without a filter. */
	if (!filtered && rec->flags & HLV_RECORD_ALL_PUBLIC && rec->values.n > 0)
		return give(rq, &rec->values, rs);
	if (hlv_filter_is_too_long(rq))
		return answer_error(rs, HLV_RC_PROTOCOL_ERROR,
				    "More indexes and types than a record has values");
	struct matches m;
	enum hlv_err err = match(rq, &rec->values, reach, c->arena, &m);
	if (err != HLV_OK)
		return store_failed(rs, err);
	if (m.n == 0)
		return answer_error(rs, HLV_RC_VALUES_NOT_FOUND, NULL);
	bool public_only = rq->m.hdr.flags & HLV_F_PUBLIC_ONLY || reach == REACH_ALL;
	if (m.hidden && !public_only && m.unreadable)
		return answer_error(rs, HLV_RC_INSUFFICIENT_PERMISSIONS,
				    "A value is readable by nobody");
	if (m.hidden && !public_only) {
		answer_error(rs, HLV_RC_UNABLE_TO_AUTHENTICATE,
			     "Reading restricted values needs a login");
		return HLV_RC_AUTHENTICATION_NEEDED;
	}
	if (m.list.n == 0)
		return answer_error(rs, HLV_RC_VALUES_NOT_FOUND, NULL);
	return give(rq, &m.list, rs);
}

enum hlv_rc answer_elsewhere(enum verdict verdict, const struct hlv_list *sites,
			     struct hlv_response *rs)
{
	switch (verdict) {
	case VERDICT_OURS:
		return answer_error(rs, HLV_RC_NOT_FOUND, NULL);
	case VERDICT_WRONG_SERVER:
		return answer_error(rs, HLV_RC_NOT_RESPONSIBLE,
				    "Request was hashed incorrectly");
	case VERDICT_NOT_HERE:
		return answer_error(rs, HLV_RC_NOT_RESPONSIBLE,
				    "That prefix doesn't live here");
	case VERDICT_SERVICE_REFERRAL:
	case VERDICT_PREFIX_REFERRAL:
		break;
	}
	/* 4.3, 11.2: an empty handle, then the sites. */
	*rs = (struct hlv_response){.rc = verdict == VERDICT_PREFIX_REFERRAL
						  ? HLV_RC_PREFIX_REFERRAL
						  : HLV_RC_SERVICE_REFERRAL,
				    .kind = HLV_BODY_REFERRAL,
				    .has_handle = true,
				    .values = *sites};
	return (enum hlv_rc)rs->rc;
}

/* industrial.md 4: what is frozen says that it is, for a minute, and nothing else. */
static enum hlv_rc answer_frozen(const struct answer_context *c, const struct hlv_request *rq,
				 const struct hlv_record *rec, struct hlv_response *rs)
{
	enum { STATE_TTL_S = 60, STATE_ROOM = HLV_VALUE_MIN + 32 };
	struct hlv_filter filter;
	struct hlv_value v = {.index = 1,
			      .mtime_s = (uint32_t)(rec->state_since_ms / 1000),
			      .ttl_s = STATE_TTL_S,
			      .perms = HLV_PERM_DEFAULT,
			      .type = hlv_text("STATE"),
			      .data = hlv_text(hlv_state_name(rec->state))};
	hlv_filter_init(&filter, rq, 1);
	if (!hlv_filter_takes(&filter, &v))
		return answer_error(rs, HLV_RC_VALUES_NOT_FOUND, "This identifier is frozen");
	uint8_t *room = hlv_alloc_raw(c->arena, STATE_ROOM);
	struct hlv_writer w = hlv_writer(room, room ? STATE_ROOM : 0);
	hlv_value_encode(&w, &v);
	if (w.bad)
		return store_failed(rs, HLV_E_NOMEM);
	struct hlv_list one = {1, hlv_written(&w)};
	return give(rq, &one, rs);
}

/* Does the state let the record be seen? If not, rs has what is answered in its place. */
static bool is_visible(const struct answer_context *c, const struct hlv_request *rq,
		       const struct hlv_record *rec, struct hlv_response *rs)
{
	switch ((enum hlv_state)rec->state) {
	case HLV_STATE_ACTIVE:
		return true;
	case HLV_STATE_FROZEN:
		answer_frozen(c, rq, rec, rs);
		return false;
	case HLV_STATE_RESERVED:
	case HLV_STATE_REGISTERED:
	case HLV_STATE_REVOKED:
		break;
	}
	answer_error(rs, HLV_RC_NOT_FOUND, NULL);
	return false;
}

bool answer_find(const struct answer_context *c, const struct hlv_request *rq,
		 struct hlv_record *rec, struct hlv_response *rs)
{
	struct store_key key;
	store_key(rq->handle, &key);
	enum verdict verdict;
	struct hlv_list sites = {0};
	bool found;
	enum referring referring = rq->m.hdr.flags & HLV_F_NO_REFERRAL ? REFER_NOT : REFER;
	enum hlv_err err = delegate_find(c->store, c->view, c->place, c->memo, rq->handle, &key,
					 referring, c->arena, &verdict, &sites, rec, &found);
	if (err == HLV_OK && verdict == VERDICT_OURS && !found) {
		err = store_get_record(c->store, c->view, &key, rec);
		found = err == HLV_OK;
		if (err == HLV_E_NOT_FOUND)
			err = HLV_OK;
	}
	if (err != HLV_OK)
		store_failed(rs, err);
	else if (!found)
		answer_elsewhere(verdict, &sites, rs);
	return err == HLV_OK && found && is_visible(c, rq, rec, rs);
}

enum hlv_rc answer_record(const struct answer_context *c, const struct hlv_request *rq,
			  const struct hlv_record *rec, struct hlv_response *rs)
{
	if (!is_visible(c, rq, rec, rs))
		return (enum hlv_rc)rs->rc;
	return answer_values(c, rq, rec, REACH_PUBLIC, rs);
}

enum hlv_rc answer_resolution(const struct answer_context *c, const struct hlv_request *rq,
			      struct hlv_response *rs)
{
	/* 11.3, 1: the status record is for status administrators only. */
	if (hlv_eq_fold(rq->handle, hlv_text("0.SITE/status")))
		return answer_error(rs, HLV_RC_VALUES_NOT_FOUND, NULL);

	struct hlv_record rec;
	if (!answer_find(c, rq, &rec, rs))
		return (enum hlv_rc)rs->rc;
	if (hlv_filter_wants_site(rq))
		return bare_answer(c, rq, &rec, rs);
	return answer_values(c, rq, &rec, REACH_PUBLIC, rs);
}

bool answer_hides(const struct answer_context *c, const struct hlv_request *rq)
{
	struct hlv_record rec;
	struct hlv_response rs;
	struct matches m;
	if (hlv_filter_is_too_long(rq) || hlv_filter_wants_site(rq) ||
	    !answer_find(c, rq, &rec, &rs) || rec.flags & HLV_RECORD_ALL_PUBLIC)
		return false;
	return match(rq, &rec.values, REACH_PUBLIC, c->arena, &m) == HLV_OK && m.hidden;
}

enum hlv_rc answer_site_info(const struct answer_context *c, const struct hlv_request *rq,
			     struct hlv_response *rs)
{
	(void)rq;
	*rs = (struct hlv_response){
		.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_SITE, .octets = c->site};
	return HLV_RC_SUCCESS;
}
