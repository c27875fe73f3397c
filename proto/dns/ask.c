/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/ask.h"

#include <stdlib.h>

#include "proto/base/siphash.h"
#include "proto/wire/name.h"

enum { IDENTIFIER_MAX = 2048, RDATA_MAX = UINT16_MAX, RDATA_SMALL = 512, FEW = 8 };

/* --- what is known --- */

/* Room for one more: few questions need more than a few, and none more than `max`. */
static void *grow(struct hlv_dns_ask *a, void *list, size_t n, size_t *cap, size_t max,
		  size_t size)
{
	if (n < *cap)
		return list;
	if (n >= max)
		return NULL;
	size_t want = *cap > 0 ? 2 * *cap : FEW;
	uint8_t *more = hlv_alloc_raw(a->arena, (want < max ? want : max) * size);
	if (more && n > 0)
		memcpy(more, list, n * size);
	if (more)
		*cap = want < max ? want : max;
	return more;
}

static struct hlv_dns_node *add_node(struct hlv_dns_ask *a)
{
	struct hlv_dns_node **nodes = grow(a, a->nodes, a->nnodes, &a->nodes_cap,
					   HLV_DNS_NODES_MAX, sizeof(struct hlv_dns_node *));
	struct hlv_dns_node *node = hlv_alloc_raw(a->arena, sizeof *node);
	if (!nodes || !node)
		return NULL;
	a->nodes = nodes;
	return nodes[a->nnodes++] = node;
}

static struct hlv_dns_node *new_node(struct hlv_dns_ask *a, const struct hlv_dns_zone *zone,
				     struct hlv_bytes name)
{
	struct hlv_dns_node *node = add_node(a);
	if (!node)
		return NULL;
	*node = (struct hlv_dns_node){.zone = zone, .name = name, .state = HLV_DNS_WANTED};
	uint8_t room[IDENTIFIER_MAX];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	if (zone->kind != HLV_DNS_NAMES && hlv_dname_eq(name, zone->apex)) {
		node->state = HLV_DNS_FOUND;
		hlv_dns_view_apex(a, node);
		hlv_dns_add_keys(a, node);
	} else if (!hlv_dns_identifier(zone, name, &w)) {
		node->state = HLV_DNS_ABSENT;
	} else {
		node->identifier = hlv_arena_copy(a->arena, hlv_written(&w));
	}
	return node;
}

/* A question is gone through from its beginning each time that something more is known, and so in the
 * same order: what is looked for is most often the one behind the last. The names of a question and of
 * what it leads to stay where they are, too. */
static struct hlv_dns_node *known(struct hlv_dns_ask *a, const struct hlv_dns_zone *zone,
				  struct hlv_bytes name)
{
	for (size_t i = 0, at = a->looked; i < a->nnodes; i++, at++) {
		at = at < a->nnodes ? at : 0;
		struct hlv_dns_node *node = a->nodes[at];
		if (node->zone != zone || node->name.n != name.n)
			continue;
		if (node->name.p != name.p && !hlv_dname_eq(node->name, name))
			continue;
		a->looked = at + 1;
		return node;
	}
	return NULL;
}

const struct hlv_dns_node *hlv_dns_look(struct hlv_dns_ask *a, const struct hlv_dns_zone *zone,
					struct hlv_bytes name)
{
	struct hlv_dns_node *node = known(a, zone, name);
	if (node)
		return node->state == HLV_DNS_WANTED ? NULL : node;
	node = new_node(a, zone, name);
	if (!node) { /* a question that wants so much gets no answer */
		a->failed = true;
		return NULL;
	}
	if (node->state != HLV_DNS_WANTED)
		return node;
	a->want = node;
	return NULL;
}

/* By the library, which costs more than all else of an answer. */
static void parse(struct hlv_dns_ask *a, struct hlv_dns_value *v)
{
	uint8_t small[RDATA_SMALL], *large = NULL;
	struct hlv_writer w = hlv_writer(small, sizeof small);
	if (v->text.n > sizeof small / 2) {
		large = malloc(RDATA_MAX);
		w = hlv_writer(large, large ? RDATA_MAX : 0);
	}
	if (hlv_dns_rdata_parse(v->type, v->text, &w)) {
		v->rdata = hlv_arena_copy(a->arena, hlv_written(&w));
		v->bad = false;
		if (a->memo)
			hlv_dns_memo_put(a->memo, v->type, v->text, v->rdata);
	}
	free(large);
}

static bool make_cds(struct hlv_dns_ask *a, struct hlv_dns_value *v)
{
	uint8_t ds[HLV_DS_SIZE];
	if (hlv_dnssec_ds(a->dnssec, v->text, ds) != HLV_OK)
		return false;
	v->rdata = hlv_arena_copy(a->arena, hlv_bytes(ds, sizeof ds));
	v->bad = false;
	return true;
}

static bool is_ready(struct hlv_dns_ask *a, struct hlv_dns_value *v)
{
	if (v->ready)
		return !v->bad;
	v->ready = true;
	v->bad = true;
	if (v->is_cds)
		return make_cds(a, v);
	uint8_t room[RDATA_SMALL];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	if (hlv_dns_rdata_plain(v->type, v->text, &w))
		v->rdata = hlv_written(&w);
	else if (a->memo)
		v->rdata = hlv_dns_memo_get(a->memo, v->type, v->text);
	if (v->rdata.n == 0) {
		parse(a, v);
		return !v->bad;
	}
	v->rdata = hlv_arena_copy(a->arena, v->rdata);
	v->bad = false;
	return true;
}

bool hlv_dns_has(struct hlv_dns_ask *a, const struct hlv_dns_node *node, uint16_t type)
{
	for (size_t i = 0; i < node->n; i++)
		if (node->values[i].type == type && is_ready(a, &node->values[i]))
			return true;
	return false;
}

static int by_octets(const void *a, const void *b)
{
	return hlv_compare(*(const struct hlv_bytes *)a, *(const struct hlv_bytes *)b);
}

bool hlv_dns_set(struct hlv_dns_ask *a, const struct hlv_dns_node *node, struct hlv_bytes owner,
		 uint16_t type, struct hlv_rrset *set)
{
	size_t n = 0;
	for (size_t i = 0; i < node->n; i++)
		n += node->values[i].type == type;
	*set = (struct hlv_rrset){.owner = owner, .type = type, .ttl_s = UINT32_MAX};
	if (n == 0)
		return false;
	set->rdata = hlv_alloc_raw(a->arena, n * sizeof *set->rdata);
	for (size_t i = 0; set->rdata && i < node->n; i++) {
		struct hlv_dns_value *v = &node->values[i];
		if (v->type != type || !is_ready(a, v))
			continue;
		set->rdata[set->n++] = v->rdata;
		if (v->ttl_s < set->ttl_s)
			set->ttl_s = v->ttl_s;
	}
	if (set->n > 1) {
		qsort(set->rdata, set->n, sizeof *set->rdata, by_octets);
		size_t kept = 1;
		for (size_t i = 1; i < set->n; i++)
			if (!hlv_eq(set->rdata[i], set->rdata[kept - 1]))
				set->rdata[kept++] = set->rdata[i];
		set->n = kept;
	}
	return set->n > 0;
}

void hlv_dns_place(struct hlv_dns_ask *a, enum hlv_dns_section section,
		   const struct hlv_dns_zone *zone, const struct hlv_rrset *set)
{
	for (size_t i = 0; i < a->nsets; i++)
		if (a->sets[i].set.type == set->type &&
		    hlv_dname_eq(a->sets[i].set.owner, set->owner))
			return;
	struct hlv_dns_placed *sets = grow(a, a->sets, a->nsets, &a->sets_cap, HLV_DNS_SETS_MAX,
					   sizeof(struct hlv_dns_placed));
	if (!sets) {
		a->failed = true;
		return;
	}
	a->sets = sets;
	sets[a->nsets++] =
		(struct hlv_dns_placed){.section = section, .zone = zone, .set = *set};
}

bool hlv_dns_is_signed(const struct hlv_dns_ask *a)
{
	return a->dnssec && a->q.edns_flags & HLV_DNS_DO;
}

/* --- one name --- */

/* How a name is gone about; RETRY: something has to be asked for first. */
enum step { STEP_RETRY, STEP_DONE, STEP_ON };

struct place {
	const struct hlv_dns_zone *zone;
	struct hlv_bytes name; /* in hand */
	unsigned depth;	       /* its labels below the apex */
	unsigned above; /* of these, as many less are the nearest name above it that exists */
};

/* The addresses of a target that is in a zone of ours. */
static enum step add_addresses(struct hlv_dns_ask *a, struct hlv_bytes target, bool glue)
{
	static const uint16_t types[] = {HLV_DNS_A, HLV_DNS_AAAA};
	const struct hlv_dns_zone *zone = hlv_dns_zone_of(a->zones, target);
	if (!zone || zone->kind != HLV_DNS_NAMES)
		return STEP_DONE;
	const struct hlv_dns_node *node = hlv_dns_look(a, zone, target);
	if (!node)
		return STEP_RETRY;
	for (size_t i = 0; node->state == HLV_DNS_FOUND && i < 2; i++) {
		struct hlv_rrset set;
		size_t had = a->nsets;
		if (!hlv_dns_set(a, node, target, types[i], &set))
			continue;
		hlv_dns_place(a, HLV_DNS_ADDITIONAL, glue ? NULL : zone, &set);
		if (a->nsets > had)
			a->sets[had].glue = glue;
	}
	return STEP_DONE;
}

static enum step add_targets(struct hlv_dns_ask *a, const struct hlv_rrset *set, bool glue)
{
	for (size_t i = 0; i < set->n && i < HLV_DNS_GLUE_MAX; i++) {
		struct hlv_bytes target = hlv_rdata_target(set->type, set->rdata[i]);
		if (target.n > 0 && add_addresses(a, target, glue) == STEP_RETRY)
			return STEP_RETRY;
	}
	return STEP_DONE;
}

static enum step refer(struct hlv_dns_ask *a, const struct place *at,
		       const struct hlv_dns_node *cut)
{
	struct hlv_rrset set;
	if (!hlv_dns_set(a, cut, cut->name, HLV_DNS_NS, &set))
		return STEP_DONE;
	a->referral = true;
	hlv_dns_place(a, HLV_DNS_AUTHORITY, NULL, &set);
	struct hlv_rrset ds;
	if (hlv_dns_is_signed(a)) {
		if (hlv_dns_set(a, cut, cut->name, HLV_DNS_DS, &ds))
			hlv_dns_place(a, HLV_DNS_AUTHORITY, at->zone, &ds);
		else
			hlv_dns_place_nsec(a, at->zone, cut->name, cut, true,
					   HLV_DNS_AUTHORITY);
	}
	return add_targets(a, &set, true);
}

/* RFC 6672 2.2: what is above is exchanged, if it still fits. ON: at->name is another. */
static enum step follow_dname(struct hlv_dns_ask *a, struct place *at,
			      const struct hlv_dns_node *node, unsigned above)
{
	struct hlv_rrset set, cname;
	if (!hlv_dns_set(a, node, node->name, HLV_DNS_DNAME, &set))
		return STEP_DONE;
	hlv_dns_place(a, HLV_DNS_ANSWER, at->zone, &set);
	struct hlv_bytes target = set.rdata[0];
	size_t head = at->name.n - hlv_dname_up(at->name, above).n;
	if (head + target.n > HLV_DNAME_MAX) {
		a->rcode = HLV_DNS_YXDOMAIN;
		return STEP_DONE;
	}
	uint8_t room[HLV_DNAME_MAX];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	hlv_put(&w, hlv_head(at->name, head));
	hlv_put(&w, target);
	cname = (struct hlv_rrset){.owner = at->name,
				   .type = HLV_DNS_CNAME,
				   .ttl_s = set.ttl_s,
				   .n = 1,
				   .rdata = hlv_alloc(a->arena, sizeof *cname.rdata)};
	if (!cname.rdata)
		return STEP_DONE;
	cname.rdata[0] = hlv_arena_copy(a->arena, hlv_written(&w));
	hlv_dns_place(a, HLV_DNS_ANSWER, NULL, &cname);
	at->name = cname.rdata[0];
	return a->arena->bad ? STEP_DONE : STEP_ON;
}

static enum step give_all(struct hlv_dns_ask *a, const struct place *at,
			  const struct hlv_dns_node *node, bool *any)
{
	for (size_t i = 0; i < node->n; i++) {
		struct hlv_rrset set;
		uint16_t type = node->values[i].type;
		if (!hlv_dns_type_answers(type, a->q.type) ||
		    !hlv_dns_set(a, node, at->name, type, &set))
			continue;
		*any = true;
		hlv_dns_place(a, HLV_DNS_ANSWER, at->zone, &set);
		if (a->q.type != HLV_DNS_ANY && add_targets(a, &set, false) == STEP_RETRY)
			return STEP_RETRY;
	}
	return STEP_DONE;
}

/* The node whose records are answered is found. ON: at->name is where to go on. */
static enum step give(struct hlv_dns_ask *a, struct place *at, const struct hlv_dns_node *node)
{
	struct hlv_rrset set;
	bool any = false;
	if (a->q.type != HLV_DNS_CNAME && a->q.type != HLV_DNS_ANY &&
	    a->q.type != HLV_DNS_NSEC && hlv_dns_set(a, node, at->name, HLV_DNS_CNAME, &set)) {
		set.n = 1; /* RFC 2181 10.1: there is one */
		hlv_dns_place(a, HLV_DNS_ANSWER, at->zone, &set);
		at->name = set.rdata[0];
		return STEP_ON;
	}
	if (hlv_dns_is_signed(a) && a->q.type == HLV_DNS_NSEC) {
		hlv_dns_place_nsec(a, at->zone, at->name, node, false, HLV_DNS_ANSWER);
		return STEP_DONE;
	}
	if (give_all(a, at, node, &any) == STEP_RETRY)
		return STEP_RETRY;
	if (!any)
		hlv_dns_deny(a, at->zone, at->name, node);
	return STEP_DONE;
}

/* Nothing is there: is there a wild card (RFC 4592)? At the closest name above that exists, or at one
 * between, which exists because of its wild card. */
static enum step find_wild(struct hlv_dns_ask *a, const struct place *at,
			   const struct hlv_dns_node **found)
{
	*found = NULL;
	for (unsigned i = 1; i <= at->above; i++) {
		uint8_t room[HLV_DNAME_MAX];
		struct hlv_writer w = hlv_writer(room, sizeof room);
		if (hlv_dname_under(hlv_text("*"), hlv_dname_up(at->name, i), &w) != HLV_OK)
			continue;
		const struct hlv_dns_node *wild = known(a, at->zone, hlv_written(&w));
		if (!wild)
			wild = hlv_dns_look(a, at->zone,
					    hlv_arena_copy(a->arena, hlv_written(&w)));
		if (!wild || wild->state == HLV_DNS_WANTED)
			return STEP_RETRY;
		if (wild->state != HLV_DNS_ABSENT) {
			*found = wild;
			return STEP_DONE;
		}
	}
	return STEP_DONE;
}

/* From below the apex down to the name. ON: no cut ended it; a DNAME may have led elsewhere. */
static enum step descend(struct hlv_dns_ask *a, struct place *at,
			 const struct hlv_dns_node *apex)
{
	at->above = at->depth;
	if (at->depth > 0 && hlv_dns_has(a, apex, HLV_DNS_DNAME)) /* RFC 6672 2.3 */
		return follow_dname(a, at, apex, at->depth);
	for (unsigned i = at->depth; i-- > 0;) {
		struct hlv_bytes name = hlv_dname_up(at->name, i);
		const struct hlv_dns_node *node = hlv_dns_look(a, at->zone, name);
		if (!node)
			return STEP_RETRY;
		if (node->state == HLV_DNS_FAILED) {
			a->failed = true;
			return STEP_DONE;
		}
		if (node->state != HLV_DNS_FOUND)
			continue;
		at->above = i;
		if (hlv_dns_has(a, node, HLV_DNS_NS) && (i > 0 || a->q.type != HLV_DNS_DS))
			return refer(a, at, node);
		if (i > 0 && hlv_dns_has(a, node, HLV_DNS_DNAME))
			return follow_dname(a, at, node, i);
	}
	return STEP_ON;
}

static enum step answer_name(struct hlv_dns_ask *a, struct place *at)
{
	const struct hlv_dns_node *apex = hlv_dns_look(a, at->zone, at->zone->apex);
	if (!apex)
		return STEP_RETRY;
	a->failed |= apex->state != HLV_DNS_FOUND;
	if (a->failed)
		return STEP_DONE;
	a->authoritative &= hlv_dns_has(a, apex, HLV_DNS_SOA);
	if (at->depth > HLV_DNS_DEPTH_MAX) {
		hlv_dns_deny(a, at->zone, at->name, NULL);
		return STEP_DONE;
	}
	const struct hlv_bytes asked = at->name;
	if (at->zone->kind == HLV_DNS_NAMES) {
		enum step step = descend(a, at, apex);
		if (step != STEP_ON || at->name.p != asked.p)
			return step;
	}
	const struct hlv_dns_node *node = hlv_dns_look(a, at->zone, at->name);
	if (!node)
		return STEP_RETRY;
	if (node->state == HLV_DNS_ABSENT && at->zone->kind == HLV_DNS_NAMES &&
	    find_wild(a, at, &node) == STEP_RETRY)
		return STEP_RETRY;
	if (node && node->state == HLV_DNS_FAILED)
		a->failed = true;
	else if (node && node->state == HLV_DNS_FOUND)
		return give(a, at, node);
	else
		hlv_dns_deny(a, at->zone, at->name, NULL);
	return STEP_DONE;
}

/* A DS at the apex is the parent's, where that is ours too. */
static const struct hlv_dns_zone *zone_for(const struct hlv_dns_ask *a, struct hlv_bytes name)
{
	const struct hlv_dns_zone *zone = hlv_dns_zone_of(a->zones, name);
	if (!zone || a->q.type != HLV_DNS_DS || !hlv_dname_eq(zone->apex, name) || name.n <= 1)
		return zone;
	const struct hlv_dns_zone *parent = hlv_dns_zone_of(a->zones, hlv_dname_up(name, 1));
	return parent ? parent : zone;
}

static enum step answer(struct hlv_dns_ask *a)
{
	struct place at = {.name = a->q.name};
	for (unsigned hop = 0; hop <= HLV_DNS_HOPS_MAX; hop++) {
		at.zone = zone_for(a, at.name);
		if (!at.zone) {
			if (hop == 0)
				a->rcode = HLV_DNS_REFUSED;
			return STEP_DONE;
		}
		if (hop == 0)
			/* For all classes together nobody has authority. */
			a->authoritative = a->q.class == HLV_DNS_CLASS_IN;
		at.depth = hlv_dname_labels(at.name) - hlv_dname_labels(at.zone->apex);
		enum step step = answer_name(a, &at);
		if (step != STEP_ON)
			return step;
	}
	return STEP_DONE; /* a chain without end: what was found of it */
}

/* --- from outside --- */

void hlv_dns_ask_begin(struct hlv_dns_ask *a)
{
	a->nodes = NULL;
	a->sets = NULL;
	a->nnodes = a->nsets = a->nodes_cap = a->sets_cap = 0;
	a->want = NULL;
	a->failed = a->fleeting = false;
}

const struct hlv_dns_node *hlv_dns_ask_next(struct hlv_dns_ask *a)
{
	a->want = NULL;
	a->nsets = a->looked = 0;
	a->rcode = a->q.rcode;
	a->authoritative = a->referral = false;
	if (a->rcode == HLV_DNS_NOERROR && !a->failed && a->q.question.n > 0)
		answer(a);
	if (a->arena->bad || a->failed) {
		a->rcode = HLV_DNS_SERVFAIL;
		a->authoritative = false;
		a->want = NULL;
		a->nsets = 0;
		a->fleeting = true;
	}
	return a->want;
}

uint32_t hlv_dns_ttl(struct hlv_dns_ask *a, const struct hlv_value *v)
{
	uint32_t life_s = hlv_value_life(v, hlv_now_s(a->now));
	if (v->ttl_kind == HLV_TTL_ABSOLUTE)
		a->fleeting = true;
	if (a->left_s && a->left_s < life_s)
		life_s = a->left_s;
	return life_s <= INT32_MAX ? life_s : INT32_MAX; /* RFC 2181 8 */
}

static bool is_our_own(const struct hlv_dns_ask *a, const struct hlv_dns_node *node,
		       uint16_t type)
{
	return a->dnssec && hlv_dname_eq(node->name, node->zone->apex) &&
	       (type == HLV_DNS_DNSKEY || type == HLV_DNS_CDS || type == HLV_DNS_CDNSKEY);
}

static void take_names(struct hlv_dns_ask *a, struct hlv_dns_node *node,
		       const struct hlv_list *values)
{
	node->values =
		hlv_alloc_raw(a->arena, (values->n + HLV_DNS_KEYS) * sizeof *node->values);
	struct hlv_reader r = hlv_reader(hlv_arena_copy(a->arena, values->raw));
	for (uint32_t i = 0; node->values && i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		uint16_t type = hlv_dns_type_of(v.type);
		if (type && !is_our_own(a, node, type))
			node->values[node->n++] = (struct hlv_dns_value){
				.type = type, .ttl_s = hlv_dns_ttl(a, &v), .text = v.data};
	}
}

uint64_t hlv_dns_said(const uint64_t secret[2], enum hlv_dns_state state,
		      const struct hlv_list *values)
{
	if (state != HLV_DNS_FOUND || values->n == 0)
		return (uint64_t)state + 1;
	return hlv_siphash_1_3(secret, values->raw) | UINT64_C(1) << 63;
}

void hlv_dns_ask_feed(struct hlv_dns_ask *a, enum hlv_dns_state state,
		      const struct hlv_list *values)
{
	struct hlv_dns_node *node = a->want;
	node->state = state;
	if (a->secret)
		node->said = hlv_dns_said(a->secret, state, values);
	/* It may be better at once, or for another asker. */
	a->fleeting |= state == HLV_DNS_FAILED;
	if (state == HLV_DNS_FOUND && node->zone->kind == HLV_DNS_NAMES)
		take_names(a, node, values);
	else if (state == HLV_DNS_FOUND)
		hlv_dns_view_values(a, node, values);
	hlv_dns_add_keys(a, node);
}
