/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/emit.h"

#include "proto/wire/filter.h"
#include "proto/wire/site_sdk.h"

enum { TTL_AT = 9 /* in a value: behind index, time and the TTL's kind */ };

/* industrial.md 5.1: a reply without TRUSTED_QUERY means that nothing is said about trust. */
static void begin(struct hlv_exchange *x, const struct emit_rules *rules, bool secure)
{
	x->site_serial = rules->site_serial;
	if (rules->trusted != TRUSTED_OFF && x->rq.m.hdr.flags & TRUSTED_QUERY)
		x->answer_flags |= TRUSTED_QUERY | (secure ? TRUSTED_RESULT : 0);
}

static void refuse(struct hlv_exchange *x, uint32_t rc, const char *why)
{
	x->rs = (struct hlv_response){
		.rc = rc,
		.kind = HLV_BODY_ERROR,
		.text = why ? hlv_text(why) : (struct hlv_bytes){0},
	};
}

static void give(struct hlv_exchange *x, struct hlv_list values)
{
	/* The identifier is echoed in the asker's spelling, octet by octet. */
	x->rs = (struct hlv_response){.rc = HLV_RC_SUCCESS,
				      .kind = HLV_BODY_RECORD,
				      .handle = hlv_request_echo(&x->rq),
				      .values = values};
}

/* How values are chosen and changed on their way out. */
struct picker {
	const struct hlv_filter *filter;
	bool all;	  /* without a filter */
	bool as_they_are; /* TTLs are left alone */
	bool stale;	  /* each TTL becomes left_s */
	uint32_t left_s, until_s;
	/* out */
	struct hlv_writer w;
	uint32_t n;
	bool is_signed;
};

static void lower_ttl(const struct picker *p, const struct hlv_value *v, uint8_t *value)
{
	uint32_t most = v->ttl_kind == HLV_TTL_ABSOLUTE ? p->until_s : p->left_s;
	if (p->stale || v->ttl_s > most)
		hlv_store_u32(value + TTL_AT, most);
}

/* What most ask for: everything, of a record without private or signed values. One copy, and TTLs
 * lowered where they stand. False, and nothing is picked, when it is not so. */
static bool pick_all(struct picker *p, const struct hlv_list *values)
{
	hlv_put(&p->w, values->raw);
	struct hlv_reader r = hlv_reader(hlv_written(&p->w));
	for (; p->n < values->n; p->n++) {
		struct hlv_value v;
		size_t at = r.pos;
		if (hlv_value_decode(&r, &v) != HLV_OK || !hlv_value_is_public(&v) ||
		    hlv_type_is(v.type, "HS_SIGNATURE")) {
			p->w.n = p->n = 0;
			return false;
		}
		lower_ttl(p, &v, p->w.p + at);
	}
	return true;
}

/* One pass: choose, copy, and lower the TTLs. */
static void pick(struct picker *p, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		size_t at = r.pos, to = p->w.n;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return;
		p->is_signed = p->is_signed || hlv_type_is(v.type, "HS_SIGNATURE");
		if (!(p->all || hlv_filter_takes(p->filter, &v)) || !hlv_value_is_public(&v))
			continue;
		hlv_put(&p->w, hlv_since(&r, at));
		p->n++;
		if (!p->as_they_are)
			lower_ttl(p, &v, p->w.p + to);
	}
}

/* The SDK's question for a prefix's sites. */
static void pick_sites(struct picker *p, const struct hlv_list *values)
{
	p->n = hlv_sdk_put_sites(&p->w, values);
	struct hlv_reader r = hlv_reader(hlv_written(&p->w));
	for (uint32_t i = 0; i < p->n; i++) {
		struct hlv_value v;
		size_t at = r.pos;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return;
		lower_ttl(p, &v, p->w.p + at);
	}
}

static void show(struct hlv_exchange *x, const struct finding *f, uint32_t left_s)
{
	if (hlv_filter_is_too_long(&x->rq)) {
		refuse(x, HLV_RC_PROTOCOL_ERROR,
		       "More indexes and types than a record has values");
		return;
	}
	uint8_t *room = hlv_alloc_raw(&x->arena, f->values.raw.n);
	if (!room) {
		refuse(x, HLV_RC_ERROR, "Answer takes too much memory");
		return;
	}
	uint32_t now_s = hlv_now_s(x->now);
	bool stale = left_s == EMIT_STALE;
	if (stale)
		left_s = EMIT_STALE_TTL_S;
	if (left_s < UINT32_MAX)
		x->left_s = left_s ? left_s : 1;
	struct hlv_filter filter;
	hlv_filter_init(&filter, &x->rq, f->values.n);
	struct picker p = {.filter = &filter,
			   .all = hlv_filter_is_empty(&x->rq),
			   .stale = stale,
			   .left_s = left_s,
			   .until_s = left_s < UINT32_MAX - now_s ? now_s + left_s : UINT32_MAX,
			   .w = hlv_writer(room, f->values.raw.n)};
	if (hlv_filter_wants_site(&x->rq))
		pick_sites(&p, &f->values);
	else if (!p.all || !pick_all(&p, &f->values))
		pick(&p, &f->values);
	if (p.is_signed) { /* seldom, and known only now */
		p.as_they_are = true;
		p.w.n = p.n = 0;
		pick(&p, &f->values);
	}
	if (p.n == 0)
		refuse(x, HLV_RC_VALUES_NOT_FOUND, NULL);
	else
		give(x, (struct hlv_list){p.n, hlv_written(&p.w)});
}

void emit(struct hlv_exchange *x, const struct emit_rules *rules, const struct proven *p,
	  uint32_t left_s)
{
	x->proof = (uint8_t)p->proof;
	begin(x, rules, p->proof == PROOF_SECURE);
	if (p->proof != PROOF_SECURE && p->proof != PROOF_INSECURE)
		refuse(x, HLV_RC_ERROR, "The answer is not proven");
	else if ((rules->trusted == TRUSTED_ENFORCE || rules->secure_only) &&
		 p->proof != PROOF_SECURE)
		refuse(x, HLV_RC_ERROR,
		       "The answer is not signed, and this resolver gives signed ones only");
	else if (p->finding.rc != HLV_RC_SUCCESS)
		refuse(x, p->finding.rc, NULL);
	else
		show(x, &p->finding, left_s);
}

void emit_refusal(struct hlv_exchange *x, const struct emit_rules *rules, uint32_t rc,
		  const char *why)
{
	bool claims =
		rc == HLV_RC_SUCCESS || rc == HLV_RC_NOT_FOUND || rc == HLV_RC_VALUES_NOT_FOUND;
	begin(x, rules, false);
	refuse(x, claims ? HLV_RC_ERROR : rc,
	       hlv_arena_str(&x->arena, hlv_text(why ? why : "")));
}

bool emit_is_heartbeat(const struct hlv_exchange *x)
{
	return x->rq.handle.n == 1 && x->rq.handle.p[0] == '0';
}

void emit_heartbeat(struct hlv_exchange *x, const struct emit_rules *rules)
{
	begin(x, rules, false);
	refuse(x, HLV_RC_NOT_FOUND, NULL);
}

static bool has_site(const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return false;
		if (hlv_eq_fold(v.type, hlv_text("HS_SITE")) && hlv_value_is_public(&v))
			return true;
	}
	return false;
}

struct hlv_bytes emit_service(const struct hlv_exchange *x, const struct proven *p,
			      uint32_t nth)
{
	if (!hlv_filter_wants_site(&x->rq) || p->finding.rc != HLV_RC_SUCCESS ||
	    has_site(&p->finding.values))
		return (struct hlv_bytes){0};
	return hlv_sdk_service(&p->finding.values, nth);
}
