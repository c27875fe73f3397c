/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/loc.h"

#include <expat.h>

enum { DEPTH_MAX = 8 };

/* --- reading --- */

struct parsing {
	XML_Parser parser;
	struct hlv_arena *arena;
	struct loc *out;
	unsigned depth;
	bool wrong;
};

static void stop(struct parsing *p)
{
	p->wrong = true;
	XML_StopParser(p->parser, XML_FALSE);
}

static struct hlv_bytes copied(struct parsing *p, const char *text)
{
	return hlv_arena_copy(p->arena, hlv_text(text));
}

/* Digits; anything else is the default. */
static uint32_t weight_of(struct hlv_bytes text)
{
	uint32_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '.' && i > 0)
			break; /* "0.5" counts as 0: it is rounded down */
		if (text.p[i] < '0' || text.p[i] > '9' || n > 1000000)
			return 1;
		n = n * 10 + (uint32_t)(text.p[i] - '0');
	}
	return text.n ? n : 1;
}

/* Its value; empty without one. */
static struct hlv_bytes attribute(const struct loc_place *place, const char *name)
{
	for (size_t i = 0; i < place->nattributes; i++)
		if (hlv_eq(place->attributes[i].name, hlv_text(name)))
			return place->attributes[i].value;
	return (struct hlv_bytes){0};
}

static void add_place(struct parsing *p, const char **atts)
{
	struct loc_place *place = &p->out->places[p->out->n];
	if (p->out->n == LOC_PLACES_MAX) {
		stop(p);
		return;
	}
	*place = (struct loc_place){.weight = 1};
	for (; *atts; atts += 2) {
		struct loc_attribute att = {copied(p, atts[0]), copied(p, atts[1])};
		if (place->nattributes == LOC_ATTRIBUTES_MAX || p->arena->bad) {
			stop(p);
			return;
		}
		place->attributes[place->nattributes++] = att;
	}
	place->href = attribute(place, "href");
	place->weight = weight_of(attribute(place, "weight"));
	if (place->href.n > 0)
		p->out->n++;
}

static void begin(void *ctx, const char *name, const char **atts)
{
	struct parsing *p = ctx;
	if (p->depth == 0) {
		if (strcmp(name, "locations") != 0) {
			stop(p);
			return;
		}
		for (; *atts; atts += 2)
			if (strcmp(atts[0], "chooseby") == 0)
				p->out->chooseby = copied(p, atts[1]);
	} else if (p->depth == 1 && strcmp(name, "location") == 0) {
		add_place(p, atts);
	}
	if (++p->depth > DEPTH_MAX)
		stop(p);
}

static void end(void *ctx, const char *name)
{
	struct parsing *p = ctx;
	(void)name;
	p->depth--;
}

static void doctype(void *ctx, const char *name, const char *system, const char *public,
		    int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	stop(ctx);
}

enum hlv_err loc_read(struct hlv_bytes xml, struct hlv_arena *a, struct loc *out)
{
	*out = (struct loc){0};
	if (xml.n == 0 || xml.n > LOC_OCTETS_MAX)
		return HLV_E_MALFORMED;
	struct parsing p = {.arena = a, .out = out};
	out->places = hlv_alloc_raw(a, LOC_PLACES_MAX * sizeof *out->places);
	p.parser = out->places ? XML_ParserCreate("UTF-8") : NULL;
	if (!p.parser)
		return HLV_E_NOMEM;
	XML_SetUserData(p.parser, &p);
	XML_SetElementHandler(p.parser, begin, end);
	XML_SetStartDoctypeDeclHandler(p.parser, doctype);
	bool fine = XML_Parse(p.parser, (const char *)xml.p, (int)xml.n, XML_TRUE) ==
			    XML_STATUS_OK &&
		    !p.wrong;
	XML_ParserFree(p.parser);
	if (a->bad)
		return HLV_E_NOMEM;
	return fine ? HLV_OK : HLV_E_MALFORMED;
}

/* --- choosing --- */

struct chosen {
	const struct loc *loc;
	bool in[LOC_PLACES_MAX];
};

typedef bool fits(const struct loc_place *place, const struct loc_wish *wish);

static bool fits_locatt(const struct loc_place *place, const struct loc_wish *wish)
{
	for (size_t i = 0; i < wish->nlocatt; i++) {
		struct hlv_bytes text = wish->locatt[i];
		for (size_t k = 0; k < place->nattributes; k++) {
			const struct loc_attribute *att = &place->attributes[k];
			if (text.n == att->name.n + 1 + att->value.n &&
			    hlv_starts_with(text, att->name) && text.p[att->name.n] == ':' &&
			    hlv_eq(hlv_skip(text, att->name.n + 1), att->value))
				return true;
		}
	}
	return false;
}

static bool fits_country(const struct loc_place *place, const struct loc_wish *wish)
{
	struct hlv_bytes country = attribute(place, "country");
	return country.n > 0 && wish->country.n > 0 && hlv_eq_fold(country, wish->country);
}

static bool is_for_everybody(const struct loc_place *place, const struct loc_wish *wish)
{
	(void)wish;
	return attribute(place, "country").n == 0;
}

static bool fits_conneg(const struct loc_place *place, const struct loc_wish *wish)
{
	bool is_conneg = hlv_eq(attribute(place, "http_role"), hlv_text("conneg"));
	return is_conneg == wish->conneg;
}

/* Keep those that fit; false, and all stay, when none does. */
static bool keep(struct chosen *c, fits *fit, const struct loc_wish *wish)
{
	bool any = false;
	for (size_t i = 0; i < c->loc->n; i++)
		any = any || (c->in[i] && fit(&c->loc->places[i], wish));
	for (size_t i = 0; any && i < c->loc->n; i++)
		c->in[i] = c->in[i] && fit(&c->loc->places[i], wish);
	return any;
}

static const struct loc_place *by_chance(const struct chosen *c, struct hlv_rand *rand)
{
	const struct loc_place *first = NULL;
	uint64_t sum = 0;
	for (size_t i = 0; i < c->loc->n; i++) {
		if (!c->in[i])
			continue;
		sum += c->loc->places[i].weight;
		first = first ? first : &c->loc->places[i];
	}
	if (sum == 0)
		return first;
	uint64_t draw = hlv_rand_below(rand, sum);
	for (size_t i = 0; i < c->loc->n; i++) {
		if (!c->in[i])
			continue;
		if (draw < c->loc->places[i].weight)
			return &c->loc->places[i];
		draw -= c->loc->places[i].weight;
	}
	return first;
}

static bool next_method(struct hlv_bytes *list, struct hlv_bytes *method)
{
	while (list->n && (list->p[0] == ',' || list->p[0] == ' '))
		*list = hlv_skip(*list, 1);
	size_t n = 0;
	while (n < list->n && list->p[n] != ',' && list->p[n] != ' ')
		n++;
	*method = hlv_head(*list, n);
	*list = hlv_skip(*list, n);
	return n > 0;
}

const struct loc_place *loc_choose(const struct loc *loc, const struct loc_wish *wish)
{
	struct chosen c = {.loc = loc};
	struct hlv_bytes methods = loc->chooseby, method;
	if (methods.n == 0)
		methods = hlv_text("locatt,country,weighted");
	for (size_t i = 0; i < loc->n; i++)
		c.in[i] = true;
	/* Places for machines are none for people, and the other way round where there is one. */
	if (!keep(&c, fits_conneg, wish) && !wish->conneg)
		return NULL;
	while (next_method(&methods, &method)) {
		if (hlv_eq(method, hlv_text("locatt")) && wish->nlocatt > 0)
			(void)keep(&c, fits_locatt, wish);
		else if (hlv_eq(method, hlv_text("country")) && !keep(&c, fits_country, wish))
			(void)keep(&c, is_for_everybody, wish);
		else if (hlv_eq(method, hlv_text("weighted")))
			break;
	}
	return by_chance(&c, wish->rand);
}
