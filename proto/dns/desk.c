/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/desk.h"

#include <stdlib.h>

#include "proto/wire/codes.h"

enum {
	JOBS_MAX = 4096, /* of one listener; more are not answered: their askers ask again */
	ARENA_LIMIT = 2 << 20,
	ARENA_KEEP = 64 << 10,
};

bool hlv_dns_desk_open(struct hlv_dns_desk *d, struct hlv_front *front,
		       const struct hlv_dns_shared *shared)
{
	d->front = front;
	d->shared = shared;
	d->memo = hlv_dns_memo_new(shared->secret);
	if (shared->key)
		d->dnssec = hlv_dnssec_new(shared->key);
	return d->memo && (d->dnssec || !shared->key);
}

void hlv_dns_desk_close(struct hlv_dns_desk *d)
{
	while (d->spare) {
		struct hlv_dns_job *job = d->spare;
		d->spare = job->next;
		hlv_arena_fini(&job->arena);
		free(job);
	}
	hlv_dnssec_free(d->dnssec);
	hlv_dns_memo_free(d->memo);
	hlv_dns_finished_free(d->finished);
}

struct hlv_dns_job *hlv_dns_desk_take(struct hlv_dns_desk *d, struct hlv_bytes in,
				      const struct hlv_peer *peer, struct hlv_now now)
{
	struct hlv_dns_job *job = d->spare;
	if (d->away >= JOBS_MAX)
		return NULL;
	if (job) {
		d->spare = job->next;
	} else {
		job = calloc(1, sizeof *job);
		if (!job)
			return NULL;
		hlv_arena_init(&job->arena, ARENA_LIMIT);
		job->desk = d;
	}
	d->away++;
	d->front->inflight++;
	job->driven = false;
	job->peer = *peer;
	job->octets = (uint32_t)in.n;
	job->ask = (struct hlv_dns_ask){.zones = &d->shared->zones,
					.dnssec = d->dnssec,
					.memo = d->memo,
					.arena = &job->arena,
					.now = now};
	/* The datagram may be gone before the answer is there. */
	struct hlv_bytes kept = hlv_arena_copy(&job->arena, in);
	if (job->arena.bad || !hlv_dns_query_read(kept, &job->ask.q)) {
		hlv_dns_desk_end(job);
		return NULL;
	}
	return job;
}

void hlv_dns_desk_end(struct hlv_dns_job *job)
{
	struct hlv_dns_desk *d = job->desk;
	if (job->arena.used > ARENA_KEEP)
		hlv_arena_fini(&job->arena);
	else
		hlv_arena_reset(&job->arena);
	d->away--;
	d->front->inflight--;
	job->next = d->spare;
	d->spare = job;
}

static void drive(struct hlv_dns_job *job);

/* What the registry says of the identifier that was wanted. */
static void answered(struct hlv_exchange *x, void *ctx)
{
	struct hlv_dns_job *job = ctx;
	enum hlv_dns_state state = HLV_DNS_FAILED;
	struct hlv_list none = {0};
	const struct hlv_list *values = &none;
	if (x->rs.rc == HLV_RC_SUCCESS && x->rs.kind == HLV_BODY_RECORD) {
		state = HLV_DNS_FOUND;
		values = &x->rs.values;
	} else if (x->rs.rc == HLV_RC_VALUES_NOT_FOUND) {
		state = HLV_DNS_FOUND;
	} else if (x->rs.rc == HLV_RC_NOT_FOUND || x->rs.rc == HLV_RC_INVALID_HANDLE) {
		state = HLV_DNS_ABSENT; /* or nothing that could be there: half of a GTIN */
	}
	/* What others said is true for a while; what our registry says, as long as it is so. */
	job->ask.fleeting |= !x->authoritative;
	job->ask.left_s = x->left_s;
	hlv_dns_ask_feed(&job->ask, state, values);
	if (x->more)
		hlv_ask_drop(x);
	job->answered = true;
	if (!job->driven)
		drive(job);
}

static void ask_registry(struct hlv_dns_job *job, const struct hlv_dns_node *node)
{
	static const uint8_t family[] = {0, 0, 0, 4, 'D', 'N', 'S', '.'};
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_RESOLUTION,
			  .flags = HLV_F_PUBLIC_ONLY | HLV_F_RECURSE,
			  .site_serial = UINT16_MAX},
		.handle = node->identifier,
	};
	if (node->zone->kind == HLV_DNS_NAMES)
		rq.types = (struct hlv_list){1, hlv_bytes(family, sizeof family)};
	hlv_ask(job->desk->front, &job->peer, job->ask.now, &rq, answered, job);
}

/* Ask until nothing is missing, or until an answer has to be waited for. */
static void drive(struct hlv_dns_job *job)
{
	const struct hlv_dns_node *node;
	job->driven = true;
	while ((node = hlv_dns_ask_next(&job->ask))) {
		job->answered = false;
		ask_registry(job, node);
		if (!job->answered) {
			job->driven = false;
			return;
		}
	}
	job->desk->done(job);
}

void hlv_dns_desk_begin(struct hlv_dns_job *job)
{
	hlv_dns_ask_begin(&job->ask);
	drive(job);
}

uint64_t hlv_dns_desk_state(const struct hlv_dns_desk *d)
{
	struct hlv_service *service = d->front->service;
	return service->state ? service->state(service) : 0;
}

void hlv_dns_desk_count(struct hlv_dns_desk *d, const uint8_t *answer)
{
	uint32_t rc = HLV_RC_SUCCESS;
	switch (answer[3] & 0xF) {
	case HLV_DNS_NOERROR:
		break;
	case HLV_DNS_NXDOMAIN:
		rc = HLV_RC_NOT_FOUND;
		break;
	case HLV_DNS_REFUSED:
		rc = HLV_RC_NOT_RESPONSIBLE;
		break;
	case HLV_DNS_SERVFAIL:
		rc = HLV_RC_ERROR;
		break;
	default:
		rc = HLV_RC_PROTOCOL_ERROR;
		break;
	}
	hlv_meter_count(&d->front->meter, HLV_WAY_DNS, HLV_OP_RESOLUTION, rc);
	hlv_count(&d->front->stats.dns_answers);
}
