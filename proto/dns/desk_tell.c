/* SPDX-License-Identifier: Apache-2.0
 *
 * What is told of an answer of DNS: one question is one, however many identifiers were looked up for it,
 * and also when its answer was finished long ago.
 */
#include <stdio.h>

#include "proto/dns/desk.h"
#include "proto/wire/codes.h"

enum { QUESTION_TEXT = HLV_DNAME_TEXT + HLV_DNS_TYPE_TEXT + 1 };

/* The protocol's word for it. */
static uint32_t rc_of(unsigned rcode)
{
	switch (rcode) {
	case HLV_DNS_NOERROR:
		return HLV_RC_SUCCESS;
	case HLV_DNS_NXDOMAIN:
	case HLV_DNS_YXDOMAIN:
		return HLV_RC_NOT_FOUND;
	case HLV_DNS_REFUSED:
		return HLV_RC_NOT_RESPONSIBLE;
	case HLV_DNS_SERVFAIL:
		return HLV_RC_ERROR;
	}
	return HLV_RC_PROTOCOL_ERROR;
}

/* "" where it could not be read. */
static char *name_text(const struct hlv_dns_query *q, char out[HLV_DNAME_TEXT])
{
	*out = '\0';
	return q->question.n > 0 ? hlv_dname_print(q->name, out) : out;
}

static void fill_slow(struct hlv_slow *slow, const struct hlv_dns_query *q)
{
	char text[QUESTION_TEXT], name[HLV_DNAME_TEXT], type[HLV_DNS_TYPE_TEXT];
	snprintf(text, sizeof text, "%s %s", name_text(q, name),
		 hlv_dns_type_print(q->type, type));
	struct hlv_bytes id = hlv_head(hlv_text(text), HLV_SLOW_ID);
	memcpy(slow->id, id.p, id.n);
	slow->id_n = (uint8_t)id.n;
	slow->way = HLV_WAY_DNS;
	slow->op = HLV_OP_RESOLUTION;
}

static void log_question(struct hlv_dns_desk *d, const struct hlv_dns_told *told)
{
	char name[HLV_DNAME_TEXT], type[HLV_DNS_TYPE_TEXT];
	struct hlv_query_dns line = {.source = told->to,
				     .began = told->began,
				     .name = name_text(told->q, name),
				     .type = hlv_dns_type_print(told->q->type, type),
				     .rcode = told->rcode,
				     .rc = rc_of(told->rcode)};
	hlv_query_note_dns(&d->front->tap, d->front->limits->query_log_sample, &line);
}

void hlv_dns_desk_tell(struct hlv_dns_desk *d, const struct hlv_dns_told *told)
{
	struct hlv_front *f = d->front;
	hlv_meter_count(&f->meter, HLV_WAY_DNS, HLV_OP_RESOLUTION, rc_of(told->rcode));
	hlv_count(&f->stats.dns_answers);
	if (hlv_query_is_logged(&f->tap))
		log_question(d, told);
	if (!told->waited) {
		hlv_meter_wait(&f->meter, HLV_TOOK_RESOLVE);
		return;
	}
	uint64_t took_ns = hlv_clock_mono() - told->began.mono_ns;
	hlv_histogram_add(&f->meter.took[HLV_TOOK_RESOLVE], took_ns, 1);
	if (!hlv_is_slow(f->limits, took_ns))
		return;
	struct hlv_slow slow = {.wall_ms = told->began.wall_ms,
				.took_us = took_ns / 1000,
				.rc = rc_of(told->rcode),
				.source = *told->to};
	fill_slow(&slow, told->q);
	hlv_slow_note(&f->tap, &slow);
}

void hlv_dns_desk_tell_job(struct hlv_dns_job *job)
{
	struct hlv_dns_told told = {.q = &job->ask.q,
				    .to = &job->peer.addr,
				    .began = job->ask.now,
				    .rcode = job->ask.rcode,
				    .waited = job->waited};
	hlv_dns_desk_tell(job->desk, &told);
}

void hlv_dns_desk_note_slow(struct hlv_dns_desk *d, const struct hlv_bytes *packets, size_t n,
			    struct hlv_now began, uint64_t took_ns)
{
	for (size_t i = 0; i < n; i++) {
		struct hlv_dns_query q;
		if (!hlv_dns_query_read(packets[i], &q))
			continue;
		struct hlv_slow slow = {.wall_ms = began.wall_ms,
					.took_us = took_ns / 1000,
					.batch = (uint32_t)n};
		fill_slow(&slow, &q);
		hlv_slow_note(&d->front->tap, &slow);
	}
}
