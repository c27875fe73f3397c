/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/finder.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>

#include "resolver/finder_inner.h"

enum {
	TARGETS_MAX = 16,
	HEADER = 12, /* octets of a DNS message before its question */
	UDP_ROOM = 1232,
};

static const char *const owners[2] = {"_hdl._udp.", "_hdl._tcp."};
static const char *const services[2] = {"hdl:udp", "hdl:tcp"};

/* A host that the domain names. */
struct target {
	ldns_rdf *host;
	uint16_t priority, weight;
	uint16_t ports[2]; /* UDP, TCP */
};

struct targets {
	struct target list[TARGETS_MAX];
	size_t n;
};

void look_say(struct look *l, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(l->why, FINDER_WHY, format, args);
	va_end(args);
}

const char *look_name(const ldns_rdf *name, char out[256])
{
	char *text = ldns_rdf2str(name);
	snprintf(out, 256, "%s", text ? text : "?");
	free(text);
	return out;
}

/* --- questions --- */

bool finder_fits(struct hlv_bytes query, struct hlv_bytes answer)
{
	size_t end = HEADER;
	while (end < query.n && query.p[end] != 0)
		end += query.p[end] + 1U;
	end += 5; /* the root label, type, class */
	if (end > query.n || answer.n < end || !(answer.p[2] & 0x80) || answer.p[4] != 0 ||
	    answer.p[5] != 1)
		return false;
	return memcmp(query.p, answer.p, 2) == 0 &&
	       hlv_eq_fold(hlv_bytes(query.p + HEADER, end - HEADER),
			   hlv_bytes(answer.p + HEADER, end - HEADER));
}

/* The question as octets; NULL without memory. */
static uint8_t *encode(const struct look *l, const ldns_rdf *name, ldns_rr_type type, size_t *n)
{
	uint16_t id;
	uint8_t *octets = NULL;
	bool validates = ldns_rr_list_rr_count(l->anchors) > 0;
	ldns_pkt *p = ldns_pkt_query_new(ldns_rdf_clone(name), type, LDNS_RR_CLASS_IN,
					 (uint16_t)(LDNS_RD | (validates ? LDNS_CD : 0)));
	if (!p || getentropy(&id, sizeof id) != 0) {
		ldns_pkt_free(p);
		return NULL;
	}
	ldns_pkt_set_id(p, id);
	ldns_pkt_set_edns_udp_size(p, UDP_ROOM);
	ldns_pkt_set_edns_do(p, validates);
	if (ldns_pkt2wire(&octets, p, n) != LDNS_STATUS_OK)
		octets = NULL;
	ldns_pkt_free(p);
	return octets;
}

/* The library reads records that end early, with fewer fields, and stops the process when one that is not
 * there is asked for. */
static bool is_whole(const ldns_rr_list *records)
{
	for (size_t i = 0; records && i < ldns_rr_list_rr_count(records); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(records, i);
		const ldns_rr_descriptor *form =
			ldns_rr_descript((uint16_t)ldns_rr_get_type(rr));
		size_t n = ldns_rr_rd_count(rr);
		if (n < ldns_rr_descriptor_minimum(form) || !ldns_rr_owner(rr))
			return false;
		for (size_t k = 0; k < n; k++)
			if (!ldns_rr_rdf(rr, k) || !ldns_rdf_data(ldns_rr_rdf(rr, k)))
				return false;
	}
	return true;
}

static ldns_pkt *decode(struct look *l, struct hlv_bytes answer, const char *name)
{
	ldns_pkt *p = NULL;
	bool good = ldns_wire2pkt(&p, answer.p, answer.n) == LDNS_STATUS_OK;
	if (!good || !is_whole(ldns_pkt_answer(p)) || !is_whole(ldns_pkt_authority(p))) {
		look_say(l, "the answer about %s cannot be read", name);
		if (good)
			ldns_pkt_free(p);
		return NULL;
	}
	ldns_pkt_rcode code = ldns_pkt_get_rcode(p);
	if (code == LDNS_RCODE_NOERROR || code == LDNS_RCODE_NXDOMAIN)
		return p;
	look_say(l, "the DNS server answers %d about %s", (int)code, name);
	ldns_pkt_free(p);
	return NULL;
}

ldns_pkt *look_ask(struct look *l, const ldns_rdf *name, ldns_rr_type type)
{
	char text[256];
	struct hlv_buf answer = {0};
	ldns_pkt *p = NULL;
	size_t n;
	look_name(name, text);
	if (l->asked++ >= FINDER_ASKS_MAX) {
		look_say(l, "more than %d questions are needed", FINDER_ASKS_MAX);
		return NULL;
	}
	uint8_t *query = encode(l, name, type, &n);
	if (!query) {
		look_say(l, "%s", hlv_strerror(HLV_E_NOMEM));
		return NULL;
	}
	enum hlv_err err = l->f->ask(l->f->ctx, hlv_bytes(query, n), &answer);
	if (err != HLV_OK)
		look_say(l, "no answer about %s from DNS: %s", text, hlv_strerror(err));
	else if (!finder_fits(hlv_bytes(query, n), hlv_buf_bytes(&answer)))
		look_say(l, "the answer about %s is for another question", text);
	else
		p = decode(l, hlv_buf_bytes(&answer), text);
	free(query);
	hlv_buf_free(&answer);
	return p;
}

/* --- sets of records --- */

/* How a set that was used is known, for the whole of it. */
struct result {
	bool insecure;
	enum finder_outcome bad; /* FINDER_FOUND: none so far */
};

/* May this set be used? Counts its life. */
static bool use(struct look *l, struct result *r, const ldns_pkt *p, const ldns_rdf *name,
		ldns_rr_type type)
{
	const ldns_rr_list *all = ldns_pkt_answer(p);
	switch (look_judge(l, p, name, type)) {
	case STANDS_BOGUS:
		r->bad = FINDER_BOGUS;
		return false;
	case STANDS_SILENT:
		r->bad = FINDER_SILENT;
		return false;
	case STANDS_INSECURE:
		r->insecure = true;
		break;
	case STANDS_SECURE:
		break;
	}
	for (size_t i = 0; all && i < ldns_rr_list_rr_count(all); i++)
		if (ldns_rr_ttl(ldns_rr_list_rr(all, i)) < l->ttl_s)
			l->ttl_s = ldns_rr_ttl(ldns_rr_list_rr(all, i));
	return true;
}

static bool is_of(const ldns_rr *rr, const ldns_rdf *name, ldns_rr_type type, size_t fields)
{
	return ldns_rr_get_type(rr) == type && ldns_rr_rd_count(rr) == fields &&
	       ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
	       ldns_dname_compare(ldns_rr_owner(rr), name) == 0;
}

static size_t count(const ldns_pkt *p, const ldns_rdf *name, ldns_rr_type type, size_t fields)
{
	const ldns_rr_list *all = ldns_pkt_answer(p);
	size_t n = 0;
	for (size_t i = 0; all && i < ldns_rr_list_rr_count(all); i++)
		n += is_of(ldns_rr_list_rr(all, i), name, type, fields);
	return n;
}

/* Each record of the set, once it may be used; how many. */
static size_t each(struct look *l, struct result *r, const ldns_rdf *name, ldns_rr_type type,
		   size_t fields, void (*fn)(void *ctx, const ldns_rr *), void *ctx)
{
	ldns_pkt *p = r->bad == FINDER_FOUND ? look_ask(l, name, type) : NULL;
	size_t n = 0;
	if (!p) {
		if (r->bad == FINDER_FOUND)
			r->bad = FINDER_SILENT;
		return 0;
	}
	const ldns_rr_list *all = ldns_pkt_answer(p);
	if (count(p, name, type, fields) > 0 && use(l, r, p, name, type)) {
		for (size_t i = 0; i < ldns_rr_list_rr_count(all); i++) {
			if (!is_of(ldns_rr_list_rr(all, i), name, type, fields))
				continue;
			fn(ctx, ldns_rr_list_rr(all, i));
			n++;
		}
	}
	ldns_pkt_free(p);
	return n;
}

/* --- who is named --- */

struct naming {
	struct targets *targets;
	size_t way; /* 0: UDP, 1: TCP */
};

static void add_target(struct targets *t, size_t way, const ldns_rdf *host, uint16_t port,
		       uint16_t priority, uint16_t weight)
{
	if (ldns_dname_label_count(host) == 0 || port == 0)
		return; /* RFC 2782: "." says that there is no such service */
	for (size_t i = 0; i < t->n; i++) {
		struct target *x = &t->list[i];
		if (x->ports[way] == 0 && ldns_dname_compare(x->host, host) == 0) {
			x->ports[way] = port;
			return;
		}
	}
	if (t->n == TARGETS_MAX)
		return;
	struct target *x = &t->list[t->n];
	*x = (struct target){
		.host = ldns_rdf_clone(host), .priority = priority, .weight = weight};
	x->ports[way] = port;
	t->n += x->host != NULL;
}

static uint16_t number(const ldns_rr *rr, size_t field)
{
	return ldns_rdf2native_int16(ldns_rr_rdf(rr, field));
}

static void take_srv(void *ctx, const ldns_rr *rr)
{
	struct naming *n = ctx;
	add_target(n->targets, n->way, ldns_rr_rdf(rr, 3), number(rr, 2), number(rr, 0),
		   number(rr, 1));
}

static ldns_rdf *domain_name(const char *before, const char *domain)
{
	char text[512];
	ldns_rdf *name = NULL;
	snprintf(text, sizeof text, "%s%s", before, domain);
	if (ldns_str2rdf_dname(&name, text) != LDNS_STATUS_OK)
		return NULL;
	return name;
}

static void look_for_srv(struct look *l, struct result *r, struct targets *t)
{
	for (size_t way = 0; way < 2; way++) {
		ldns_rdf *name = domain_name(owners[way], l->f->domain);
		struct naming n = {t, way};
		if (name)
			(void)each(l, r, name, LDNS_RR_TYPE_SRV, 4, take_srv, &n);
		ldns_rdf_deep_free(name);
	}
}

/* --- NAPTR --- */

struct pointer {
	size_t way;
	uint16_t order, preference;
	char flag;
	ldns_rdf *to;
};

struct pointers {
	struct pointer list[TARGETS_MAX];
	size_t n;
};

/* A character string (RFC 1035 3.3) without its length. */
static struct hlv_bytes string_of(const ldns_rr *rr, size_t field)
{
	const ldns_rdf *rdf = ldns_rr_rdf(rr, field);
	struct hlv_bytes b = hlv_bytes(ldns_rdf_data(rdf), ldns_rdf_size(rdf));
	return hlv_skip(b, 1);
}

static void take_naptr(void *ctx, const ldns_rr *rr)
{
	struct pointers *p = ctx;
	struct hlv_bytes flags = string_of(rr, 2);
	for (size_t way = 0; way < 2 && p->n < TARGETS_MAX; way++) {
		char flag = flags.n == 1 ? (char)hlv_upper(flags.p[0]) : '\0';
		if (!hlv_eq_fold(string_of(rr, 3), hlv_text(services[way])) ||
		    string_of(rr, 4).n > 0 || (flag != 'S' && flag != 'A'))
			continue;
		struct pointer *x = &p->list[p->n];
		*x = (struct pointer){way, number(rr, 0), number(rr, 1), flag,
				      ldns_rdf_clone(ldns_rr_rdf(rr, 5))};
		p->n += x->to != NULL;
	}
}

/* RFC 3958 2.2.2: flag S leads to SRV records, flag A to a host, at the protocol's own port. */
static void look_for_naptr(struct look *l, struct result *r, struct targets *t)
{
	struct pointers p = {0};
	ldns_rdf *name = domain_name("", l->f->domain);
	if (name)
		(void)each(l, r, name, LDNS_RR_TYPE_NAPTR, 6, take_naptr, &p);
	ldns_rdf_deep_free(name);
	for (size_t i = 0; i < p.n; i++) {
		struct naming n = {t, p.list[i].way};
		/* Order before preference, both before what the SRV records say. */
		uint16_t rank = 0;
		for (size_t k = 0; k < p.n; k++)
			rank = (uint16_t)(rank +
					  (p.list[k].order < p.list[i].order ||
					   (p.list[k].order == p.list[i].order &&
					    p.list[k].preference < p.list[i].preference)));
		size_t before = t->n;
		if (p.list[i].flag == 'S')
			(void)each(l, r, p.list[i].to, LDNS_RR_TYPE_SRV, 4, take_srv, &n);
		else
			add_target(t, n.way, p.list[i].to, HLV_PORT, 0, 0);
		for (; before < t->n; before++)
			t->list[before].priority =
				(uint16_t)(rank * 4096U + t->list[before].priority % 4096U);
	}
	for (size_t i = 0; i < p.n; i++)
		ldns_rdf_deep_free(p.list[i].to);
}

/* --- in which order --- */

static void swap(struct target *a, struct target *b)
{
	struct target was = *a;
	*a = *b;
	*b = was;
}

/* RFC 2782 "Weight": of those with the lowest priority that are left, one by chance, as its weight says. */
static size_t draw(struct targets *t, size_t from, struct hlv_rand *rand)
{
	uint16_t lowest = UINT16_MAX;
	uint64_t sum = 0;
	size_t last = from;
	for (size_t i = from; i < t->n; i++)
		if (t->list[i].priority < lowest)
			lowest = t->list[i].priority;
	for (size_t i = from; i < t->n; i++)
		if (t->list[i].priority == lowest)
			sum += t->list[i].weight ? t->list[i].weight * 256ULL : 1;
	uint64_t chosen = hlv_rand_below(rand, sum ? sum : 1);
	for (size_t i = from; i < t->n; i++) {
		uint64_t weight = t->list[i].weight ? t->list[i].weight * 256ULL : 1;
		if (t->list[i].priority != lowest)
			continue;
		last = i;
		if (chosen < weight)
			break;
		chosen -= weight;
	}
	return last;
}

static void put_in_order(struct targets *t, struct hlv_rand *rand)
{
	for (size_t i = 0; i < t->n; i++)
		swap(&t->list[i], &t->list[draw(t, i, rand)]);
}

/* --- their addresses --- */

struct placing {
	struct places *places;
	const struct target *target;
	uint8_t rank;
};

static void take_address(void *ctx, const ldns_rr *rr)
{
	struct placing *g = ctx;
	const ldns_rdf *rdf = ldns_rr_rdf(rr, 0);
	size_t n = ldns_rdf_size(rdf);
	uint8_t octets[16] = {0};
	if (g->places->n == PLACES_MAX || (n != 4 && n != 16))
		return;
	memcpy(octets + 16 - n, ldns_rdf_data(rdf), n);
	struct place *p = &g->places->list[g->places->n++];
	*p = (struct place){
		.udp = g->target->ports[0], .tcp = g->target->ports[1], .rank = g->rank};
	hlv_addr_from_site(octets, p->udp ? p->udp : p->tcp, &p->at);
}

static void look_for_addresses(struct look *l, struct result *r, const struct targets *t,
			       struct places *out)
{
	for (size_t i = 0; i < t->n && i < PLACES_MAX && out->n < PLACES_MAX; i++) {
		struct placing g = {out, &t->list[i], (uint8_t)i};
		(void)each(l, r, g.target->host, LDNS_RR_TYPE_A, 1, take_address, &g);
		(void)each(l, r, g.target->host, LDNS_RR_TYPE_AAAA, 1, take_address, &g);
		/* A host that is not to be found takes itself out; one that is forged, all. */
		if (r->bad == FINDER_SILENT && (out->n > 0 || i + 1 < t->n))
			r->bad = FINDER_FOUND;
	}
}

/* --- a look --- */

enum hlv_err finder_check(const char *domain, const struct hlv_strings *anchors, char *why)
{
	ldns_rdf *name = domain_name(owners[0], domain);
	ldns_rr_list *list = ldns_rr_list_new();
	bool good = name && strpbrk(domain, " \t\\") == NULL && strlen(domain) <= 240 &&
		    *domain != '\0';
	if (!good)
		snprintf(why, FINDER_WHY, "root-domain: '%.120s' is no domain name", domain);
	good = good && list && look_read_anchors(anchors, list, why);
	ldns_rdf_deep_free(name);
	ldns_rr_list_deep_free(list);
	return good ? HLV_OK : HLV_E_USAGE;
}

static uint32_t clamp_ttl(uint32_t ttl_s)
{
	if (ttl_s < FINDER_TTL_MIN_S)
		return FINDER_TTL_MIN_S;
	return ttl_s < FINDER_TTL_MAX_S ? ttl_s : FINDER_TTL_MAX_S;
}

static void look(struct look *l, struct result *r, struct targets *t, struct places *out)
{
	look_for_srv(l, r, t);
	if (t->n == 0 && r->bad == FINDER_FOUND)
		look_for_naptr(l, r, t);
	if (r->bad != FINDER_FOUND)
		return;
	if (t->n == 0) {
		look_say(l, "%s has neither SRV records at _hdl._udp and _hdl._tcp nor NAPTR",
			 l->f->domain);
		r->bad = FINDER_NOTHING;
		return;
	}
	put_in_order(t, l->f->rand);
	look_for_addresses(l, r, t, out);
	if (r->bad == FINDER_FOUND && out->n == 0) {
		look_say(l, "the servers that %s names have no addresses", l->f->domain);
		r->bad = FINDER_NOTHING;
	}
}

enum finder_outcome finder_look(const struct finder *f, struct hlv_now now, struct places *out,
				char *why)
{
	struct look *l = calloc(1, sizeof *l);
	struct targets t = {0};
	struct result r = {.bad = FINDER_FOUND};
	*out = (struct places){0};
	*why = '\0';
	if (!l)
		return FINDER_SILENT;
	*l = (struct look){.f = f,
			   .now_s = (int64_t)(now.wall_ms / 1000),
			   .ttl_s = UINT32_MAX,
			   .why = why,
			   .anchors = ldns_rr_list_new()};
	if (!l->anchors || !look_read_anchors(f->anchors, l->anchors, why))
		r.bad = FINDER_SILENT;
	else
		look(l, &r, &t, out);
	out->secure = !r.insecure;
	out->ttl_s = clamp_ttl(l->ttl_s);
	for (size_t i = 0; i < t.n; i++)
		ldns_rdf_deep_free(t.list[i].host);
	look_forget(l);
	free(l);
	return r.bad;
}

size_t finder_system(const char *path, struct hlv_addr *out, size_t max)
{
	size_t n = 0;
	ldns_resolver *r = NULL;
	if (ldns_resolver_new_frm_file(&r, path) != LDNS_STATUS_OK)
		return 0;
	for (size_t i = 0; i < ldns_resolver_nameserver_count(r) && n < max; i++) {
		const ldns_rdf *rdf = ldns_resolver_nameservers(r)[i];
		size_t len = ldns_rdf_size(rdf);
		uint8_t octets[16] = {0};
		if (len != 4 && len != 16)
			continue;
		memcpy(octets + 16 - len, ldns_rdf_data(rdf), len);
		hlv_addr_from_site(octets, LDNS_PORT, &out[n++]);
	}
	ldns_resolver_deep_free(r);
	return n;
}
