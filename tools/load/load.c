/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/load.h"

#include <stdlib.h>

#include "proto/net/client.h"

enum {
	SECOND_NS = 1000000000,
	SPIN_NS = 200000, /* go on looking so long after something moved */
	SLEEP_NS = 1000000,
	ROOM_MIN = 1 << 16,
};

static uint32_t ring_room(const struct load_options *o)
{
	/* In an open loop as many can be under way as are sent while one is waited for; in a
	 * closed one a lost question holds its place while the others are asked and answered.
	 */
	double per_second = o->rate > 0 ? o->rate : 1000000;
	double room = per_second * o->timeout_ms / 1000 * 1.25 + o->window + ROOM_MIN;
	return room < 1 << 24 ? (uint32_t)room : 1 << 24;
}

static void init_create(struct load *l)
{
	struct hlv_now now = hlv_clock();
	l->create = (struct create_form){.prefix = l->o->create,
					 .run = now.wall_ms,
					 .bulk = l->o->bulk,
					 .now_s = hlv_now_s(now),
					 .id = l->o->id};
}

enum hlv_err load_init(struct load *l, const struct load_options *o, char *why)
{
	*l = (struct load){.o = o};
	uint32_t flags = HLV_F_RECURSE | HLV_F_CACHE_CERTIFY | HLV_F_PUBLIC_ONLY;
	if (o->certified)
		flags |= HLV_F_CERTIFIED | HLV_F_REQUEST_DIGEST;
	if (o->transport != HLV_T_UDP && !o->reconnect)
		flags |= HLV_F_KEEP_ALIVE;
	question_form_init(&l->form, flags, o->version, hlv_now_s(hlv_clock()));
	l->form.certified = o->certified;
	l->form.check = o->check;
	uint32_t base = 0;
	if (o->create)
		init_create(l);
	else
		HLV_TRY(names_load(o->names, o->seed, (size_t)o->first, &l->names, why));
	snprintf(why, 256, "out of memory");
	l->lanes = calloc(o->sockets, sizeof *l->lanes);
	if (!l->lanes)
		return HLV_E_NOMEM;
	HLV_TRY(hlv_client_request_id(&base));
	if (!flight_init(&l->flight, ring_room(o), o->sockets, base))
		return HLV_E_NOMEM;
	return HLV_OK;
}

void load_begin(struct load *l)
{
	l->start_ns = l->now_ns = l->last_ns = l->moved_ns = hlv_clock().mono_ns;
	l->stop_ns = l->start_ns + (uint64_t)(l->o->seconds * SECOND_NS);
}

void load_fini(struct load *l)
{
	flight_fini(&l->flight);
	free(l->lanes);
	names_free(&l->names);
}

static bool sending(const struct load *l)
{
	bool enough = l->o->count > 0 && l->sent >= l->o->count;
	return l->now_ns < l->stop_ns && !enough && !*l->interrupted;
}

bool load_turn(struct load *l)
{
	l->now_ns = hlv_clock().mono_ns;
	uint64_t patience = l->o->timeout_ms * UINT64_C(1000000);
	flight_expire(&l->flight, l->now_ns - patience);
	return sending(l) || (l->flight.open > 0 && !*l->interrupted);
}

static uint64_t due_at(const struct load *l, uint64_t k)
{
	return l->start_ns + (uint64_t)((double)k * SECOND_NS / l->o->rate);
}

uint32_t load_due(const struct load *l, uint16_t lane, uint32_t most)
{
	if (!sending(l))
		return 0;
	uint64_t due;
	if (l->o->rate > 0) {
		double elapsed = (double)(l->now_ns - l->start_ns) / SECOND_NS;
		uint64_t by_now = (uint64_t)(elapsed * l->o->rate) + 1;
		due = by_now > l->sent ? by_now - l->sent : 0;
	} else {
		uint32_t share = l->o->window / l->o->sockets;
		share += lane < l->o->window % l->o->sockets;
		uint32_t busy = l->flight.busy[lane];
		due = share > busy ? share - busy : 0;
	}
	if (l->o->count > 0 && due > l->o->count - l->sent)
		due = l->o->count - l->sent;
	return due < most ? (uint32_t)due : most;
}

size_t load_ask_max(const struct load *l)
{
	return l->o->create ? create_max(&l->create) : QUESTION_MAX;
}

size_t load_ask(struct load *l, uint16_t lane, uint8_t *out)
{
	uint32_t id;
	struct shot *shot = flight_begin(&l->flight, lane, &id);
	shot->sent_ns = l->now_ns;
	shot->due_ns = l->o->rate > 0 ? due_at(l, l->sent) : l->now_ns;
	if (l->o->create) {
		l->moved_ns = l->now_ns;
		uint64_t job = (uint64_t)l->lanes[lane].dialled << 16 | lane;
		return create_build(&l->create, id, l->sent++, job, l->lanes[lane].sent++, out);
	}
	shot->name = (uint32_t)l->next_name;
	if (++l->next_name == l->names.n)
		l->next_name = 0;
	l->sent++;
	l->moved_ns = l->now_ns;
	return question_build(&l->form, id, names_get(&l->names, shot->name), out);
}

void load_unask(struct load *l)
{
	flight_undo(&l->flight);
	l->sent--;
	l->next_name = (l->next_name ? l->next_name : l->names.n) - 1;
}

/* Long answers come by UDP in several packets, in any order; true when this was the last. */
static bool is_last(struct shot *shot, struct hlv_bytes packet)
{
	if (packet.n > HLV_UDP_PACKET && shot->missing == 0)
		return true; /* a whole message of a stream */
	if (shot->missing == 0)
		shot->missing = (uint16_t)hlv_packet_count(hlv_load_u32(packet.p + 16));
	return --shot->missing == 0;
}

static enum verdict judge_create(struct load *l, struct hlv_bytes answer)
{
	uint32_t rc = hlv_load_u32(answer.p + HLV_ENVELOPE_SIZE + 4);
	if (rc != HLV_RC_SUCCESS) {
		l->refusal = rc;
		return VERDICT_OTHER_CODE;
	}
	l->acknowledged += create_count(&l->create, answer);
	return VERDICT_OK;
}

void load_answer(struct load *l, struct hlv_bytes packet)
{
	struct shot *shot = flight_find(&l->flight, hlv_load_u32(packet.p + 8));
	if (!shot) {
		l->verdicts[VERDICT_STRAY]++;
		return;
	}
	l->moved_ns = l->now_ns;
	enum verdict verdict = VERDICT_OK;
	bool first = hlv_load_u32(packet.p + 12) == 0;
	if (first && l->o->create)
		verdict = judge_create(l, packet);
	else if (first)
		verdict = question_judge(&l->form, packet, names_get(&l->names, shot->name));
	bool last = is_last(shot, packet);
	/* What is wrong with an answer is known by its first packet; the others are strays
	 * then. */
	if (verdict == VERDICT_OK && !last)
		return;
	l->verdicts[verdict]++;
	if (verdict == VERDICT_OK) {
		histogram_add(&l->latency, l->now_ns - shot->due_ns);
		l->last_ns = l->now_ns;
	}
	flight_end(&l->flight, shot);
}

uint64_t load_idle_ns(const struct load *l)
{
	if (l->now_ns - l->moved_ns < SPIN_NS)
		return 0;
	if (l->o->rate <= 0 || !sending(l))
		return SLEEP_NS;
	uint64_t next = due_at(l, l->sent);
	if (next <= l->now_ns + SPIN_NS)
		return 0;
	return next - l->now_ns - SPIN_NS < SLEEP_NS ? next - l->now_ns - SPIN_NS : SLEEP_NS;
}
