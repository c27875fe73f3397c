/* SPDX-License-Identifier: Apache-2.0
 *
 * Of doctor: are the records where the site's hash wants them, and are those to whom we delegate what
 * we say that they are?
 */
#include <stdlib.h>

#include "tools/helvectl/delegation.h"
#include "tools/helvectl/doctor.h"
#include "tools/helvectl/scan.h"
#include "tools/helvectl/site_place.h"

enum {
	LOOKED_AT = 1000000, /* records: more would take too long for a doctor */
	DELEGATIONS = 64,    /* sites that are asked */
	PREFIX = 128,	     /* octets of one that is shown */
};

/* --- placement --- */

struct placement {
	struct site_edit edit;
	size_t number;
	unsigned long long seen, strange;
};

static bool look(void *ctx, const struct hlv_record *rec)
{
	struct placement *p = ctx;
	p->seen++;
	p->strange += !site_place_is_ours(&p->edit, p->number, rec->name);
	return p->seen < LOOKED_AT;
}

static void count_strange(struct doctor *d, struct placement *p)
{
	struct ctl *ctl = d->ctl;
	if (!ctl->store || ctl->store->ops->view_begin(ctl->view) != HLV_OK)
		return;
	enum hlv_err err = scan_records(ctl->store, ctl->view, (struct hlv_bytes){0}, look, p);
	ctl->store->ops->view_end(ctl->view);
	if (err == HLV_OK && p->strange > 0)
		doctor_say(d, DOCTOR_WARNING, "placement",
			   "%llu of %llu records belong to other servers of the site and are "
			   "not answered here: when those have them, helvectl site prune",
			   p->strange, p->seen);
	else if (err == HLV_OK)
		doctor_say(d, DOCTOR_OK, "placement",
			   "server %zu of %zu, all of %llu records belong to it", p->number,
			   p->edit.nservers, p->seen);
}

void doctor_check_placement(struct doctor *d)
{
	struct placement *p = calloc(1, sizeof *p);
	if (!p || !d->has_site || d->site.servers.n < 2 ||
	    site_edit_begin(&p->edit, hlv_buf_bytes(&d->site_octets)) != HLV_OK) {
		free(p);
		return;
	}
	p->number = site_place_number(d->ctl);
	if (p->number < 1 || p->number > p->edit.nservers)
		doctor_say(d, DOCTOR_WRONG, "placement",
			   "server-number is %zu, and the site has %zu servers: helvectl site "
			   "join",
			   p->number, p->edit.nservers);
	else
		count_strange(d, p);
	free(p);
}

/* --- delegations --- */

struct delegated {
	char prefix[PREFIX];
	size_t at, n; /* of its site, in `octets` */
};
struct delegations {
	struct doctor *d;
	struct delegated list[DELEGATIONS];
	size_t n;
	struct hlv_buf octets;
	bool more;
};

/* Items and derived prefixes mostly have the same one. */
static bool is_listed(const struct delegations *s, const char *prefix, struct hlv_bytes site)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->list[i].prefix, prefix) == 0 &&
		    hlv_eq(hlv_bytes(s->octets.p + s->list[i].at, s->list[i].n), site))
			return true;
	return false;
}

static void add_site(struct delegations *s, struct hlv_bytes prefix, struct hlv_bytes site)
{
	char name[PREFIX];
	prefix = hlv_head(prefix, PREFIX - 1);
	snprintf(name, sizeof name, "%.*s", (int)prefix.n, (const char *)prefix.p);
	if (is_listed(s, name, site))
		return;
	s->more = s->n == DELEGATIONS;
	if (s->more)
		return;
	struct delegated *one = &s->list[s->n++];
	*one = (struct delegated){.at = s->octets.n, .n = site.n};
	memcpy(one->prefix, name, sizeof name);
	hlv_buf_put(&s->octets, site);
}

/* A prefix's record that sends others elsewhere: its site is not ours. */
static bool note(void *ctx, const struct hlv_record *rec)
{
	struct delegations *s = ctx;
	struct hlv_reader r = hlv_reader(rec->values.raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < rec->values.n; i++) {
		struct hlv_site site;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		if (delegation_type(v.type, ROLE_BOTH) &&
		    hlv_site_decode(v.data, &site) == HLV_OK &&
		    !(s->d->has_site && hlv_eq(site.servers.raw, s->d->site.servers.raw)))
			add_site(s, hlv_skip(rec->name, strlen("0.NA/")), v.data);
	}
	return !s->more && !s->octets.bad;
}

static void compare(struct doctor *d, const char *prefix, const char *at,
		    const struct hlv_site *ours, struct hlv_bytes shown)
{
	struct hlv_site theirs;
	if (hlv_site_decode(shown, &theirs) != HLV_OK)
		doctor_say(d, DOCTOR_WRONG, "delegated", "%s: %s shows no site record", prefix,
			   at);
	else if (!hlv_eq(ours->servers.raw, theirs.servers.raw))
		doctor_say(d, DOCTOR_WRONG, "delegated",
			   "%s: %s shows other servers or keys (serial %u) than the record "
			   "here (serial %u): if it is still theirs, helvectl delegate %s --to "
			   "its site.json",
			   prefix, at, theirs.serial, ours->serial, prefix);
	else if (ours->serial != theirs.serial)
		doctor_say(d, DOCTOR_WARNING, "delegated",
			   "%s: serial %u here, %u there: helvectl delegate %s --to its "
			   "site.json",
			   prefix, ours->serial, theirs.serial, prefix);
	else
		doctor_say(d, DOCTOR_OK, "delegated", "%s: %s shows this site record", prefix,
			   at);
}

static void check_delegation(struct doctor *d, const char *prefix, struct hlv_bytes octets)
{
	struct hlv_site site;
	struct hlv_addr addr;
	char at[HLV_ADDR_TEXT];
	struct doctor_reply reply = {0};
	struct hlv_request rq = {.m.hdr.op = HLV_OP_GET_SITE_INFO};
	if (hlv_site_decode(octets, &site) != HLV_OK || !doctor_address_of(&site, &addr)) {
		doctor_say(d, DOCTOR_WRONG, "delegated", "%s: its site names no server to ask",
			   prefix);
		return;
	}
	enum hlv_err err = doctor_ask(&addr, HLV_T_TCP, &rq, &reply);
	hlv_addr_print(&addr, at);
	if (err != HLV_OK)
		doctor_say(d, DOCTOR_WARNING, "delegated", "%s: %s: %s", prefix, at,
			   hlv_strerror(err));
	else
		compare(d, prefix, at, &site, reply.rs.octets);
	hlv_buf_free(&reply.raw);
}

void doctor_check_delegations(struct doctor *d)
{
	struct ctl *ctl = d->ctl;
	struct delegations *s = calloc(1, sizeof *s);
	if (!s || !ctl->store || ctl->store->ops->view_begin(ctl->view) != HLV_OK) {
		free(s);
		return;
	}
	s->d = d;
	enum hlv_err err = scan_records(ctl->store, ctl->view, hlv_text("0.NA"), note, s);
	ctl->store->ops->view_end(ctl->view);
	for (size_t i = 0; i < s->n && err == HLV_OK && !s->octets.bad; i++)
		check_delegation(d, s->list[i].prefix,
				 hlv_bytes(s->octets.p + s->list[i].at, s->list[i].n));
	if (s->more)
		doctor_say(d, DOCTOR_WARNING, "delegated", "only the first %d sites were asked",
			   DELEGATIONS);
	hlv_buf_free(&s->octets);
	free(s);
}
