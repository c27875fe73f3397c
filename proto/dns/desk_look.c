/* SPDX-License-Identifier: Apache-2.0
 *
 * What the registry says, for one desk: asked through the same exchange as everybody's. Every question
 * about a zone wants to know its apex, so that is remembered for as long as the registry's state is the
 * same.
 */
#include <stdlib.h>

#include "proto/dns/desk.h"
#include "proto/wire/codes.h"

enum { APEX_MAX = 16 << 10 /* octets of its values; a larger one is asked for each time */ };

struct hlv_dns_apex {
	uint64_t state; /* of the registry, when it said so; 0: nothing is known */
	uint64_t said;
	enum hlv_dns_state found;
	struct hlv_list values; /* in `room` */
	uint8_t *room;
	size_t cap;
};

/* Somebody wants to know whether the registry still says what it said. */
struct hlv_dns_probe {
	struct hlv_dns_desk *desk;
	const struct hlv_dns_zone *zone;
	struct hlv_bytes identifier;
	uint64_t said; /* 0: not for as long as the state is the same */
	bool answered;
	bool left; /* nobody waits any more: it is the answer's to free */
};

struct word {
	enum hlv_dns_state state;
	bool lasting; /* what others said is true for a while; what ours says, as long as it is so */
	uint32_t left_s;	/* as the exchange's */
	struct hlv_list values; /* borrowed from the exchange */
};

static struct word word_of(const struct hlv_exchange *x)
{
	struct word word = {.state = HLV_DNS_FAILED,
			    .lasting = x->authoritative && x->left_s == 0,
			    .left_s = x->left_s};
	if (x->rs.rc == HLV_RC_SUCCESS && x->rs.kind == HLV_BODY_RECORD) {
		word.state = HLV_DNS_FOUND;
		word.values = x->rs.values;
	} else if (x->rs.rc == HLV_RC_VALUES_NOT_FOUND) {
		word.state = HLV_DNS_FOUND;
	} else if (x->rs.rc == HLV_RC_NOT_FOUND || x->rs.rc == HLV_RC_INVALID_HANDLE) {
		word.state =
			HLV_DNS_ABSENT; /* or nothing that could be there: half of a GTIN */
	}
	return word;
}

/* --- apexes --- */

bool hlv_dns_desk_open_apexes(struct hlv_dns_desk *d)
{
	d->apexes = calloc(d->shared->zones.n + 1, sizeof *d->apexes);
	return d->apexes;
}

void hlv_dns_desk_close_apexes(struct hlv_dns_desk *d)
{
	for (size_t i = 0; d->apexes && i < d->shared->zones.n; i++)
		free(d->apexes[i].room);
	free(d->apexes);
	free(d->probe);
}

/* NULL: the identifier is not that of the zone's apex. */
static struct hlv_dns_apex *apex_at(const struct hlv_dns_desk *d,
				    const struct hlv_dns_zone *zone,
				    struct hlv_bytes identifier)
{
	/* All others of the zone are longer. */
	if (zone->kind != HLV_DNS_NAMES || identifier.n != zone->prefix.n)
		return NULL;
	return &d->apexes[zone - d->shared->zones.list];
}

static void remember(const struct hlv_dns_desk *d, const struct hlv_dns_zone *zone,
		     struct hlv_bytes identifier, const struct word *word)
{
	struct hlv_dns_apex *apex = apex_at(d, zone, identifier);
	size_t n = word->values.raw.n;
	/* Of what failed, whoever is asked for in another way may hear more. */
	if (!apex || d->state == 0 || !word->lasting || word->state == HLV_DNS_FAILED ||
	    n > APEX_MAX)
		return;
	if (n > apex->cap) {
		uint8_t *room = realloc(apex->room, n);
		if (!room)
			return;
		apex->room = room;
		apex->cap = n;
	}
	if (n > 0)
		memcpy(apex->room, word->values.raw.p, n);
	apex->values = (struct hlv_list){word->values.n, hlv_bytes(apex->room, n)};
	apex->found = word->state;
	apex->said = hlv_dns_said(d->shared->secret, word->state, &word->values);
	apex->state = d->state;
}

static const struct hlv_dns_apex *recall(const struct hlv_dns_desk *d,
					 const struct hlv_dns_zone *zone,
					 struct hlv_bytes identifier)
{
	const struct hlv_dns_apex *apex = d->state ? apex_at(d, zone, identifier) : NULL;
	return apex && apex->state == d->state ? apex : NULL;
}

/* --- asking --- */

static void ask(struct hlv_dns_desk *d, const struct hlv_dns_asker *who, uint32_t flags,
		const struct hlv_dns_zone *zone, struct hlv_bytes identifier,
		hlv_answered *answered, void *ctx)
{
	static const uint8_t family[] = {0, 0, 0, 4, 'D', 'N', 'S', '.'};
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_RESOLUTION,
			  .flags = HLV_F_PUBLIC_ONLY | flags,
			  .site_serial = UINT16_MAX},
		.handle = identifier,
	};
	if (zone->kind == HLV_DNS_NAMES)
		rq.types = (struct hlv_list){1, hlv_bytes(family, sizeof family)};
	hlv_ask(d->front, who->peer, who->now, &rq, answered, ctx);
}

static void job_answered(struct hlv_exchange *x, void *ctx)
{
	struct hlv_dns_job *job = ctx;
	const struct hlv_dns_node *node = job->ask.want;
	struct word word = word_of(x);
	remember(job->desk, node->zone, node->identifier, &word);
	job->ask.fleeting |= !word.lasting;
	job->ask.left_s = word.left_s;
	hlv_dns_ask_feed(&job->ask, word.state, &word.values);
	if (x->more)
		hlv_ask_drop(x);
	hlv_dns_desk_fed(job);
}

void hlv_dns_desk_look(struct hlv_dns_job *job, const struct hlv_dns_node *node)
{
	struct hlv_dns_asker who = {job->desk, &job->peer, job->ask.now};
	const struct hlv_dns_apex *apex = recall(job->desk, node->zone, node->identifier);
	if (!apex) {
		ask(job->desk, &who, HLV_F_RECURSE, node->zone, node->identifier, job_answered,
		    job);
		return;
	}
	job->ask.left_s = 0;
	hlv_dns_ask_feed(&job->ask, apex->found, &apex->values);
	hlv_dns_desk_fed(job);
}

/* --- what is kept --- */

static void probe_answered(struct hlv_exchange *x, void *ctx)
{
	struct hlv_dns_probe *p = ctx;
	struct word word = word_of(x);
	if (p->left) {
		free(p);
	} else {
		remember(p->desk, p->zone, p->identifier, &word);
		p->said = 0;
		if (word.lasting)
			p->said =
				hlv_dns_said(p->desk->shared->secret, word.state, &word.values);
		p->answered = true;
	}
	if (x->more)
		hlv_ask_drop(x);
}

/* Nobody is asked on the way: what depends on others is not kept. */
static bool says(const struct hlv_dns_asker *who, const struct hlv_dns_zone *zone,
		 const struct hlv_dns_source *source)
{
	struct hlv_dns_desk *d = who->desk;
	const struct hlv_dns_apex *apex = recall(d, zone, source->identifier);
	if (apex)
		return apex->said == source->said;
	if (!d->probe)
		d->probe = malloc(sizeof *d->probe);
	struct hlv_dns_probe *p = d->probe;
	if (!p)
		return false;
	*p = (struct hlv_dns_probe){.desk = d, .zone = zone, .identifier = source->identifier};
	ask(d, who, 0, zone, source->identifier, probe_answered, p);
	if (p->answered)
		return p->said == source->said;
	p->left = true;
	d->probe = NULL;
	return false;
}

bool hlv_dns_desk_holds(void *ctx, struct hlv_bytes sources)
{
	const struct hlv_dns_asker *who = ctx;
	const struct hlv_dns_zones *zones = &who->desk->shared->zones;
	struct hlv_reader r = hlv_reader(sources);
	struct hlv_dns_source source;
	while (hlv_dns_source_next(&r, &source))
		if (!says(who, &zones->list[source.zone], &source))
			return false;
	return !r.bad;
}
