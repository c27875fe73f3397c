/* SPDX-License-Identifier: Apache-2.0 */
#include "server/answer.h"

#include "server/bare.h"

static enum hlv_rc store_failed(struct hlv_response *rs, enum hlv_err err)
{
	if (err == HLV_E_NOMEM)
		return answer_error(rs, HLV_RC_ERROR, "Answer takes too much memory");
	return answer_error(rs, HLV_RC_ERROR, "The registry cannot read this record");
}

static bool asked_for(const struct hlv_request *rq, const struct hlv_value *v)
{
	if (rq->indexes.n == 0 && rq->types.n == 0)
		return true;
	struct hlv_reader r = hlv_reader(rq->indexes.raw);
	for (uint32_t i = 0; i < rq->indexes.n; i++)
		if (hlv_next_index(&r) == v->index)
			return true;
	r = hlv_reader(rq->types.raw);
	for (uint32_t i = 0; i < rq->types.n; i++)
		if (hlv_type_asked(v->type, hlv_next_array(&r)))
			return true;
	return false;
}

/* What a walk over the matching values found out. */
struct matches {
	struct hlv_list list; /* those that are answered */
	uint32_t n;	      /* all that match the filter */
	bool hidden;	      /* one of them is not publicly readable */
	bool unreadable;      /* the first such is not even for administrators */
};

/* 11.3: filter by index and type, then keep what is public. */
static enum hlv_err match(const struct hlv_request *rq, const struct hlv_list *values,
			  struct hlv_arena *a, struct matches *m)
{
	*m = (struct matches){0};
	uint8_t *room = hlv_alloc_raw(a, values->raw.n);
	if (!room)
		return HLV_E_NOMEM;
	struct hlv_writer w = hlv_writer(room, values->raw.n);
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		size_t at = r.pos;
		HLV_TRY(hlv_value_decode(&r, &v));
		if (!asked_for(rq, &v))
			continue;
		m->n++;
		if (v.perms & HLV_PERM_PUBLIC_READ) {
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
				    .handle = rq->handle,
				    .values = *values};
	return HLV_RC_SUCCESS;
}

static enum hlv_rc answer_record(const struct answer_context *c, const struct hlv_request *rq,
				 const struct hlv_record *rec, struct hlv_response *rs)
{
	bool filtered = rq->indexes.n > 0 || rq->types.n > 0;
	/* A record without values has none to give: 200, with or without a filter. */
	if (!filtered && rec->flags & HLV_RECORD_ALL_PUBLIC && rec->values.n > 0)
		return give(rq, &rec->values, rs);
	/* Each of them is looked at for each value: 65,536 of nothing would cost a second. */
	if (rq->indexes.n + rq->types.n > HLV_VALUES_MAX)
		return answer_error(rs, HLV_RC_PROTOCOL_ERROR,
				    "More indexes and types than a record has values");
	struct matches m;
	enum hlv_err err = match(rq, &rec->values, c->arena, &m);
	if (err != HLV_OK)
		return store_failed(rs, err);
	if (m.n == 0)
		return answer_error(rs, HLV_RC_VALUES_NOT_FOUND, NULL);
	bool public_only = rq->m.hdr.flags & HLV_F_PUBLIC_ONLY;
	if (m.hidden && !public_only && m.unreadable)
		return answer_error(rs, HLV_RC_INSUFFICIENT_PERMISSIONS,
				    "A value is readable by nobody");
	if (m.hidden && !public_only)
		return answer_error(
			rs, HLV_RC_UNABLE_TO_AUTHENTICATE,
			"Reading restricted values needs a login, which this server "
			"does not offer yet");
	if (m.list.n == 0)
		return answer_error(rs, HLV_RC_VALUES_NOT_FOUND, NULL);
	return give(rq, &m.list, rs);
}

static enum hlv_rc answer_verdict(enum verdict verdict, const struct hlv_list *values,
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
				    .values = *values};
	return (enum hlv_rc)rs->rc;
}

enum hlv_rc answer_resolution(const struct answer_context *c, const struct hlv_request *rq,
			      struct hlv_response *rs)
{
	/* 11.3, 1: the status record is for status administrators only. */
	if (hlv_eq_fold(rq->handle, hlv_text("0.SITE/status")))
		return answer_error(rs, HLV_RC_VALUES_NOT_FOUND, NULL);

	struct store_key key;
	store_key(rq->handle, &key);
	enum verdict verdict;
	struct hlv_list sites = {0};
	struct hlv_record rec;
	bool found;
	bool refer = !(rq->m.hdr.flags & HLV_F_NO_REFERRAL);
	enum hlv_err err = delegate_find(c->store, c->view, c->place, c->memo, rq->handle, &key,
					 refer, c->arena, &verdict, &sites, &rec, &found);
	if (err == HLV_OK && verdict == VERDICT_OURS && !found) {
		err = store_get_record(c->store, c->view, &key, &rec);
		found = err == HLV_OK;
		if (err == HLV_E_NOT_FOUND)
			err = HLV_OK;
	}
	if (err != HLV_OK)
		return store_failed(rs, err);
	if (!found)
		return answer_verdict(verdict, &sites, rs);
	if (bare_wants_site(rq))
		return bare_answer(c, rq, &rec, rs);
	return answer_record(c, rq, &rec, rs);
}

enum hlv_rc answer_site_info(const struct answer_context *c, const struct hlv_request *rq,
			     struct hlv_response *rs)
{
	(void)rq;
	*rs = (struct hlv_response){
		.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_SITE, .octets = c->site};
	return HLV_RC_SUCCESS;
}
