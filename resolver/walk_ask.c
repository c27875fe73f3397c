/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/walk_inner.h"

#include <stdio.h>

enum { EXPIRATION_STEP_S = 600 };

/* The serial of the sites that are asked, when they agree: one message serves all (protocol.md 3). */
static uint16_t serial_of(const struct zone *z)
{
	struct hlv_reader r = hlv_reader(z->sites.raw);
	uint32_t serial = UINT32_MAX;
	for (uint32_t i = 0; i < z->sites.n; i++) {
		struct hlv_site site;
		if (hlv_site_decode(hlv_get_lp32(&r), &site) != HLV_OK)
			continue;
		if (serial != UINT32_MAX && serial != site.serial)
			return UINT16_MAX;
		serial = site.serial;
	}
	return (uint16_t)serial;
}

/* Rounded up: walks that ask the same in the same ten minutes ask it with the same octets, and share
 * the answer. */
static uint32_t expiration(struct hlv_now now)
{
	uint32_t s = hlv_now_s(now);
	return s - s % EXPIRATION_STEP_S + EXPIRATION_STEP_S + HLV_EXPIRATION_S;
}

static bool encode(struct walk *w, struct frame *f, bool primaries, struct hlv_now now)
{
	struct hlv_request rq = {.m.hdr.op = HLV_OP_RESOLUTION, .handle = f->id};
	struct hlv_writer out = hlv_writer(w->request, sizeof w->request);
	if (f->what == FOR_ANSWER && w->q->request)
		rq = *w->q->request;
	rq.m.env = (struct hlv_envelope){.major = HLV_OUR_VERSION / 256,
					 .minor = HLV_OUR_VERSION % 256,
					 .suggest_major = HLV_OUR_VERSION / 256,
					 .suggest_minor = HLV_OUR_VERSION % 256};
	uint32_t op = rq.m.hdr.op;
	rq.m.hdr = (struct hlv_header){
		.op = op,
		.flags = HLV_F_CERTIFIED | HLV_F_REQUEST_DIGEST | HLV_F_PUBLIC_ONLY |
			 HLV_F_CACHE_CERTIFY | (primaries ? HLV_F_AUTHORITATIVE : 0) |
			 (f->zone.is_forwarder ? HLV_F_RECURSE : 0),
		.site_serial = serial_of(&f->zone),
		.recursion = (uint8_t)(w->q->recursion + 1),
		.expiration_s = expiration(now),
	};
	hlv_request_encode(&out, &rq);
	struct hlv_message sent;
	if (out.bad || hlv_message_decode(hlv_written(&out), &sent) != HLV_OK)
		return false;
	w->ask.message = hlv_written(&out);
	w->ask.covered = sent.covered;
	w->ask.op = op;
	return true;
}

/* Everybody has been asked. */
static void exhausted(struct walk *w, struct frame *f, struct hlv_now now)
{
	struct outcome out = {.rc = HLV_RC_ERROR, .proof = PROOF_UNKNOWN};
	struct hlv_bytes zone = f->zone.is_root		? hlv_text("the root")
				: f->zone.prefix.n == 0 ? hlv_text("the forwarder")
							: hlv_head(f->zone.prefix, 48);
	int n = (int)zone.n;
	const char *name = zone.n ? (const char *)zone.p : "";
	if (f->bogus > 0 && f->lame == 0) {
		out.proof = PROOF_BOGUS;
		memcpy(out.why, f->why, sizeof out.why);
	} else if (f->bogus + f->lame > 0) {
		snprintf(out.why, sizeof out.why, "no server of %.*s helps: %.90s", n, name,
			 f->why);
	} else {
		snprintf(out.why, sizeof out.why, "%.*s has no server that may be asked", n,
			 name);
	}
	walk_dead_end(w, f, &out, now);
}

void walk_prepare(struct walk *w, struct frame *f, struct hlv_now now)
{
	bool primaries = f->primaries || (walk_is_answer(f) && w->q->authoritative);
	if (!f->have_servers) {
		f->nservers = zone_servers(&f->zone, &w->rules->addresses, f->id, primaries,
					   f->servers);
		f->have_servers = true;
		f->bogus = f->lame = 0;
		f->why[0] = '\0';
		if (f->nservers > 0 && !budget_take(&w->budget.steps, 1)) {
			walk_give_up(w, false, now, "too many sites refer to one another");
			return;
		}
	}
	w->ask.nservers = 0;
	for (size_t i = 0; i < f->nservers; i++) {
		if (f->stream && f->servers[i].tcp.len == 0)
			continue;
		w->ask_at[w->ask.nservers] = i;
		w->ask.servers[w->ask.nservers++] = f->servers[i];
	}
	if (w->ask.nservers == 0) {
		exhausted(w, f, now);
		return;
	}
	if (w->budget.packets == 0 || w->budget.octets == 0) {
		walk_give_up(w, false, now, "this question has cost too much");
		return;
	}
	if (!encode(w, f, primaries, now)) {
		walk_fail(w, PROOF_UNKNOWN, HLV_RC_ERROR, now, "the question is too long");
		return;
	}
	w->ask.id = f->id;
	w->ask.zone = f->zone.prefix;
	w->ask.stream = f->stream;
	f->state = FRAME_ASKED;
}
