/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/desk.h"

#include <stdlib.h>

enum {
	JOBS_MAX = 4096, /* of one listener; more are not answered: their askers ask again */
	ARENA_LIMIT = 2 << 20,
	ARENA_KEEP = 64 << 10,
	SIGNATURES_MIN = 4 << 20, /* octets */
};

/* Octets for signatures: one is made in the time of ten answers, and is a twelfth as large as a finished
 * one, so there are more of them. By TCP comes what is rare. */
static size_t signatures_of(const struct hlv_dns_desk *d)
{
	size_t share = d->finished ? (size_t)(d->shared->cache_octets / 3) : 0;
	return share > SIGNATURES_MIN ? share : SIGNATURES_MIN;
}

bool hlv_dns_desk_open(struct hlv_dns_desk *d, struct hlv_front *front,
		       const struct hlv_dns_shared *shared)
{
	d->front = front;
	d->shared = shared;
	d->memo = hlv_dns_memo_new(shared->secret);
	if (shared->key)
		d->dnssec = hlv_dnssec_new(shared->key, signatures_of(d), shared->secret);
	return hlv_dns_desk_open_apexes(d) && d->memo && (d->dnssec || !shared->key);
}

void hlv_dns_desk_close(struct hlv_dns_desk *d)
{
	while (d->spare) {
		struct hlv_dns_job *job = d->spare;
		d->spare = job->next;
		hlv_arena_fini(&job->arena);
		free(job);
	}
	if (d->shared)
		hlv_dns_desk_close_apexes(d);
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
	job->driven = job->waited = false;
	job->peer = *peer;
	job->octets = (uint32_t)in.n;
	job->ask = (struct hlv_dns_ask){.zones = &d->shared->zones,
					.dnssec = d->dnssec,
					.memo = d->memo,
					.secret = d->shared->secret,
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

/* Ask until nothing is missing, or until an answer has to be waited for. */
static void drive(struct hlv_dns_job *job)
{
	const struct hlv_dns_node *node;
	job->driven = true;
	while ((node = hlv_dns_ask_next(&job->ask))) {
		job->answered = false;
		hlv_dns_desk_look(job, node);
		if (!job->answered) {
			job->driven = false;
			job->waited = true;
			return;
		}
	}
	job->desk->done(job);
}

void hlv_dns_desk_fed(struct hlv_dns_job *job)
{
	job->answered = true;
	if (!job->driven)
		drive(job);
}

void hlv_dns_desk_begin(struct hlv_dns_job *job)
{
	hlv_dns_ask_begin(&job->ask);
	drive(job);
}

size_t hlv_dns_desk_finished(struct hlv_dns_asker *who, const struct hlv_dns_query *q,
			     size_t limit, uint8_t *out)
{
	struct hlv_dns_desk *d = who->desk;
	struct hlv_dns_moment m = {.state = d->state,
				   .now = who->now,
				   .limit = limit,
				   .holds = hlv_dns_desk_holds,
				   .ctx = who};
	return hlv_dns_finished_get(d->finished, q, &m, out);
}

void hlv_dns_desk_keep(struct hlv_dns_desk *d, const struct hlv_dns_ask *a, size_t limit,
		       struct hlv_bytes answer)
{
	struct hlv_dns_moment m = {.state = d->state, .now = a->now, .limit = limit};
	if (a->rcode == HLV_DNS_SERVFAIL || a->q.rcode != HLV_DNS_NOERROR ||
	    a->q.question.n == 0 || (d->state != 0 && a->fleeting))
		return;
	hlv_dns_finished_put(d->finished, a, &m, answer, hlv_dnssec_fresh_until_s(a->now));
}

uint64_t hlv_dns_desk_state(const struct hlv_dns_desk *d)
{
	struct hlv_service *service = d->front->service;
	return service->state ? service->state(service) : 0;
}
