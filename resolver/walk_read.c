/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "proto/wire/record.h"
#include "resolver/walk_inner.h"

/* One answer while it is read. */
struct heard {
	struct hlv_message m;
	struct hlv_response rs;
	size_t server; /* position in the frame's */
	struct judgement j;
	struct hlv_now now;
};

static void tell(struct walk *w, const struct frame *f, const struct zone_server *server,
		 const struct hlv_response *rs, enum proof proof, const char *why,
		 enum hlv_err err)
{
	w->step++;
	if (!w->on_event)
		return;
	struct walk_event e = {.step = w->step,
			       .depth = (unsigned)w->nframes - 1,
			       .asked = f->id,
			       .zone = w->ask.zone,
			       .rc = rs ? rs->rc : 0,
			       .rs = rs,
			       .proof = proof,
			       .why = why,
			       .err = err};
	if (server)
		e.server = server->udp.len ? server->udp : server->tcp;
	w->on_event(w->event_ctx, &e);
}

/* --- servers that are no help --- */

void walk_drop_server(struct frame *f, size_t server)
{
	f->nservers--;
	memmove(&f->servers[server], &f->servers[server + 1],
		(f->nservers - server) * sizeof *f->servers);
}

/* Not this one: the next, if there is one. */
static void set_aside(struct walk *w, struct frame *f, const struct heard *h, const char *why,
		      enum hlv_err err)
{
	bool bogus = h->j.proof == PROOF_BOGUS;
	tell(w, f, &f->servers[h->server], err == HLV_OK ? &h->rs : NULL, h->j.proof, why, err);
	if (bogus)
		f->bogus++;
	else
		f->lame++;
	snprintf(f->why, sizeof f->why, "%s", why);
	walk_drop_server(f, h->server);
}

static void lame(struct walk *w, struct frame *f, struct heard *h, const char *why)
{
	h->j.proof = PROOF_UNKNOWN;
	set_aside(w, f, h, why, HLV_OK);
}

static void lame_code(struct walk *w, struct frame *f, struct heard *h)
{
	char why[VALIDATE_WHY];
	const char *text = hlv_rc_text(h->rs.rc);
	struct hlv_bytes said = hlv_head(h->rs.text, 60);
	bool readable = said.n > 0 && hlv_is_text(said);
	snprintf(why, sizeof why, "it says %u, %s%s%.*s", h->rs.rc, text ? text : "unknown",
		 readable ? ": " : "", readable ? (int)said.n : 0,
		 readable ? (const char *)said.p : "");
	lame(w, f, h, why);
}

/* --- values --- */

/* What is public of it, ascending, in the arena. No value that is not comes further than here, and
 * two under one index are nobody's record. */
static bool pick_public(struct walk *w, const struct hlv_list *from, struct hlv_list *out)
{
	struct hlv_writer some = hlv_writer(hlv_alloc_raw(&w->arena, from->raw.n), from->raw.n);
	struct hlv_writer sorted =
		hlv_writer(hlv_alloc_raw(&w->arena, from->raw.n), from->raw.n);
	struct hlv_reader r = hlv_reader(from->raw);
	uint8_t flags;
	*out = (struct hlv_list){0};
	if (w->arena.bad)
		return false;
	for (uint32_t i = 0; i < from->n; i++) {
		struct hlv_value v;
		size_t at = r.pos;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return false;
		if (!hlv_value_is_public(&v))
			continue;
		hlv_put(&some, hlv_since(&r, at));
		out->n++;
	}
	out->raw = hlv_written(&some);
	if (hlv_values_sort(out, &sorted, &flags) != HLV_OK)
		return false;
	out->raw = hlv_written(&sorted);
	return true;
}

/* --- a record, or that there is none --- */

/* threats.md 7, "Signed replay": older than what was seen before is believed when two say so. */
static bool needs_second(struct walk *w, struct frame *f, struct heard *h,
			 const struct finding *said)
{
	uint32_t newest = w->memory->newest ? w->memory->newest(w->memory->ctx, f->id) : 0;
	if (said->rc != HLV_RC_SUCCESS || said->newest_s >= newest)
		return false;
	if (f->suspicious) {
		if (hlv_eq(said->values.raw, f->said.finding.values.raw))
			return false;
		lame(w, f, h, "an old record, and not the one that another server gave");
		return true;
	}
	tell(w, f, &f->servers[h->server], &h->rs, h->j.proof,
	     "older than what was seen before: somebody else is asked", HLV_OK);
	f->suspicious = f->stream = true;
	f->said.finding = *said;
	bool others = false;
	for (size_t i = 0; i < f->nservers; i++)
		others |= i != h->server && f->servers[i].tcp.len;
	if (others)
		walk_drop_server(f, h->server);
	return true;
}

static void believe(struct walk *w, struct frame *f, struct heard *h,
		    const struct finding *finding)
{
	f->said = (struct outcome){.proof = h->j.proof,
				   .finding = *finding,
				   .at_root = f->zone.is_root,
				   .anchor = h->j.anchor};
	f->said_by = h->server;
	tell(w, f, &f->servers[h->server], &h->rs, h->j.proof, h->j.why, HLV_OK);
	struct hlv_ref must_by = h->j.must_by.handle.n
					 ? h->j.must_by
					 : validate_signer(&w->rules->validate, f->id);
	walk_answered(w, f, &must_by, h->now);
}

/* What the caller put in place of the record is handed back as it came. */
static void hand_back(struct walk *w, struct frame *f, struct heard *h)
{
	struct hlv_response *raw = hlv_alloc(&w->arena, sizeof *raw);
	if (!raw)
		return;
	*raw = h->rs;
	w->result.raw = raw;
	f->said = (struct outcome){.proof = h->j.proof,
				   .finding = {.rc = h->rs.rc,
					       .values = h->rs.values,
					       .fetched_ms = h->now.wall_ms},
				   .at_root = f->zone.is_root,
				   .anchor = h->j.anchor};
	tell(w, f, &f->servers[h->server], &h->rs, h->j.proof, h->j.why, HLV_OK);
	walk_pop(w, &f->said, h->now);
}

static void read_record(struct walk *w, struct frame *f, struct heard *h)
{
	struct finding finding = {.rc = h->rs.rc};
	if (f->what == FOR_ANSWER && w->q->request) {
		hand_back(w, f, h);
		return;
	}
	if (h->rs.rc == HLV_RC_SUCCESS) {
		/* R1: values for what was asked, and for nothing else. */
		if (h->rs.kind != HLV_BODY_RECORD || !hlv_name_eq_full(h->rs.handle, f->id)) {
			lame(w, f, h, "it answers for another identifier");
			return;
		}
		if (!pick_public(w, &h->rs.values, &finding.values)) {
			lame(w, f, h, "its values are not a record");
			return;
		}
		if (finding.values.n == 0)
			finding.rc = HLV_RC_VALUES_NOT_FOUND;
	}
	/* R7: a signer signs values. That there are none has to be said by a signed message, like any
	 * other denial. */
	if (finding.rc != HLV_RC_SUCCESS && walk_lacks_proof(w, f, h->j.proof)) {
		h->j.proof = PROOF_BOGUS;
		set_aside(w, f, h, "that it has no values is not signed", HLV_OK);
		return;
	}
	finding_ages(&finding, h->now);
	if (!needs_second(w, f, h, &finding))
		believe(w, f, h, &finding);
}

/* --- referrals --- */

/* Where does it lead? NULL: to be followed; else what is wrong with it. */
static const char *astray(const struct frame *f, uint32_t rc)
{
	if (f->zone.is_forwarder)
		return "a forwarder that refers to others";
	if (rc == HLV_RC_PREFIX_REFERRAL && !f->is_prefix)
		return "a prefix referral for what is no prefix";
	/* R1: strictly downwards. A prefix is held by its parent, so the last zone to be asked for
	 * it has one label less; an item's last zone is its own prefix. */
	unsigned last = f->is_prefix ? f->labels - 1 : f->labels;
	if (f->labels == 0 || prefix_labels(f->zone.prefix) >= last ||
	    !prefix_is_under(f->prefix, f->zone.prefix) || f->ncuts == CUTS_MAX)
		return "a referral that does not lead downwards";
	return NULL;
}

static bool gather_referral(struct walk *w, struct frame *f, const struct heard *h,
			    const struct hlv_list *values, const struct zone *zone)
{
	bool prefixes = h->rs.rc == HLV_RC_PREFIX_REFERRAL;
	if (walk_gather(w, f, values, prefixes, zone, FROM_REFERRAL))
		return true;
	/* 12.3: if there are none of these, HS_SITE. */
	if (prefixes && walk_gather(w, f, values, false, zone, FROM_REFERRAL))
		return true;
	if (h->rs.handle.n == 0)
		return false;
	f->zone = *zone;
	f->nservices = f->next_service = 0;
	walk_add_service(f, hlv_arena_copy(&w->arena, h->rs.handle));
	f->from = FROM_REFERRAL;
	f->state = FRAME_SITES;
	return true;
}

static void read_referral(struct walk *w, struct frame *f, struct heard *h)
{
	struct finding said = {.rc = HLV_RC_SUCCESS};
	const char *wrong = astray(f, h->rs.rc);
	if (!wrong && !pick_public(w, &h->rs.values, &said.values))
		wrong = "its values are not a record";
	if (wrong) {
		lame(w, f, h, wrong);
		return;
	}
	finding_ages(&said, h->now);
	said.life_s = walk_delegation_life(w, &f->zone, said.life_s, h->now);
	struct zone zone = {
		.prefix = f->is_prefix
				  ? prefix_head(f->prefix, prefix_labels(f->zone.prefix) + 1)
				  : f->prefix,
		.proof = h->j.proof,
		.until_ms = said.fetched_ms + said.life_s * 1000ULL,
	};
	struct zone_server server = f->servers[h->server];
	if (!gather_referral(w, f, h, &said.values, &zone)) {
		lame(w, f, h, "a referral to nowhere");
		return;
	}
	tell(w, f, &server, &h->rs, h->j.proof, h->j.why, HLV_OK);
	if (h->rs.rc == HLV_RC_PREFIX_REFERRAL)
		f->cuts[f->ncuts++] = (struct cut){h->j.proof, said};
}

/* --- any answer --- */

static void judge(struct walk *w, struct frame *f, struct heard *h)
{
	const struct zone *z = &f->zone;
	struct speaker who = {.prefix = z->prefix,
			      .is_root = z->is_root,
			      .vouched = z->proof,
			      .key = f->servers[h->server].key};
	validate_message(&w->rules->validate, &who, &h->m, &h->rs, w->ask.covered, f->id,
			 &w->budget, h->now, &h->j);
	if (h->j.proof != PROOF_INSECURE || validate_allows(&w->rules->validate, h->j.proof))
		return;
	h->j.proof = PROOF_BOGUS;
	snprintf(h->j.why, sizeof h->j.why, "unsigned, and the configuration refuses that");
}

static void read_answer(struct walk *w, struct frame *f, struct heard *h)
{
	switch (h->rs.rc) {
	case HLV_RC_SUCCESS:
	case HLV_RC_NOT_FOUND:
	case HLV_RC_VALUES_NOT_FOUND:
	case HLV_RC_SERVICE_REFERRAL:
	case HLV_RC_PREFIX_REFERRAL:
		break;
	default:
		lame_code(w, f, h);
		return;
	}
	judge(w, f, h);
	if (h->j.proof == PROOF_UNKNOWN && w->budget.signatures == 0) {
		tell(w, f, &f->servers[h->server], &h->rs, h->j.proof, h->j.why, HLV_OK);
		walk_give_up(w, false, h->now, "too many signatures to check");
	} else if (h->j.proof < PROOF_INSECURE) {
		set_aside(w, f, h, h->j.why, HLV_OK);
	} else if (h->rs.rc == HLV_RC_SERVICE_REFERRAL || h->rs.rc == HLV_RC_PREFIX_REFERRAL) {
		read_referral(w, f, h);
	} else {
		read_record(w, f, h);
	}
}

void walk_feed(struct walk *w, struct hlv_bytes message, size_t server, struct hlv_now now)
{
	if (w->done || walk_top(w)->state != FRAME_ASKED || server >= w->ask.nservers)
		return;
	struct frame *f = walk_top(w);
	struct heard h = {.server = w->ask_at[server], .now = now};
	f->state = FRAME_ASK;
	/* What is handed back as it came must outlive the caller's buffer. */
	if (f->what == FOR_ANSWER && w->q->request)
		message = hlv_arena_copy(&w->arena, message);
	enum hlv_err err = hlv_message_decode(message, &h.m);
	if (err == HLV_OK)
		err = hlv_response_decode(&h.m, &h.rs);
	if (err != HLV_OK)
		set_aside(w, f, &h, "its answer cannot be read", err);
	else if (h.m.hdr.op != w->ask.op)
		lame(w, f, &h, "it answers another operation");
	else
		read_answer(w, f, &h);
}

void walk_failed(struct walk *w, enum hlv_err err, struct hlv_now now)
{
	if (w->done || walk_top(w)->state != FRAME_ASKED)
		return;
	struct frame *f = walk_top(w);
	f->state = FRAME_ASK;
	tell(w, f, NULL, NULL, PROOF_UNKNOWN, hlv_strerror(err), err);
	if (err == HLV_E_LIMIT) {
		walk_give_up(w, false, now, "this question has cost too much");
		return;
	}
	struct hlv_bytes zone = hlv_head(f->zone.prefix, 64);
	struct outcome out = {.rc = HLV_RC_ERROR, .timed_out = true};
	if (f->zone.is_root)
		snprintf(out.why, sizeof out.why, "no answer from the root");
	else
		snprintf(out.why, sizeof out.why, "no answer from the servers of %.*s",
			 (int)zone.n, zone.n ? (const char *)zone.p : "");
	walk_dead_end(w, f, &out, now);
}
