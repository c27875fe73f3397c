/* SPDX-License-Identifier: Apache-2.0 */
#include "server/search.h"

#include "proto/net/json.h"
#include "proto/wire/name.h"
#include "server/index.h"

struct searching {
	const struct answer_context *c;
	const struct search *s;
	const struct search_where *lead;
	struct hlv_bytes range; /* what the keys of the lead's entries begin with */
	struct store_key under; /* what the records' keys begin with; n == 0: anything */
	struct store_key last;	/* of the index: where this page has come to */
	size_t n, skipped, visits;
	struct hlv_buf *out;
	bool more;
	enum hlv_err err;
};

/* --- patterns --- */

static struct hlv_bytes literal(struct hlv_bytes pattern)
{
	const uint8_t *star = pattern.n ? memchr(pattern.p, '*', pattern.n) : NULL;
	return star ? hlv_head(pattern, (size_t)(star - pattern.p)) : pattern;
}

/* Behind each '*' the shortest that fits: it need never be taken back but for the last one. */
bool search_matches(struct hlv_bytes pattern, struct hlv_bytes text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.n && hlv_upper(pattern.p[p]) == hlv_upper(text.p[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

static bool fits(const struct search_where *w, const struct hlv_value *v)
{
	return v->data.n <= INDEX_DATA_MAX && hlv_value_is_public(v) &&
	       hlv_eq_fold(v->type, w->type) && search_matches(w->pattern, v->data);
}

/* --- records --- */

static bool has(const struct hlv_list *values, const struct search_where *w)
{
	struct hlv_reader r = hlv_reader(values->raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&r, &v) == HLV_OK; i++)
		if (fits(w, &v))
			return true;
	return false;
}

/* A record that fits by several of its values is found by the first of their entries. */
static bool is_first(const struct searching *g, const struct hlv_list *values,
		     struct hlv_bytes record_key, struct hlv_bytes entry)
{
	struct hlv_reader r = hlv_reader(values->raw);
	struct hlv_value v;
	bool found = false;
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		uint8_t room[INDEX_KEY_MAX];
		struct hlv_bytes key;
		if (!fits(g->lead, &v) || index_key(&v, record_key, room, &key) != HLV_OK)
			continue;
		int order = hlv_compare(key, entry);
		if (order < 0)
			return false;
		found = found || order == 0;
	}
	return found;
}

static bool is_found(struct searching *g, struct hlv_bytes record_key, struct hlv_bytes entry,
		     struct hlv_record *rec)
{
	struct hlv_bytes stored;
	g->err = g->c->store->ops->get(g->c->view, SPACE_RECORD, record_key, &stored);
	if (g->err == HLV_OK)
		g->err = hlv_record_decode(stored, record_key, rec);
	if (g->err == HLV_E_NOT_FOUND)
		g->err = HLV_E_CORRUPT; /* the index is kept with the records */
	if (g->err != HLV_OK || rec->flags & HLV_RECORD_DELETED ||
	    rec->state == HLV_STATE_REVOKED || !is_first(g, &rec->values, record_key, entry))
		return false;
	for (size_t i = 0; i < g->s->n; i++)
		if (!has(&rec->values, &g->s->where[i]))
			return false;
	return true;
}

static bool visit(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct searching *g = ctx;
	struct hlv_bytes record_key;
	struct hlv_record rec;
	if (!hlv_starts_with(key, g->range))
		return false;
	if (hlv_eq(key, store_key_bytes(&g->s->after)))
		return true;
	g->more = g->n == g->s->limit || g->visits++ == SEARCH_VISITS ||
		  g->out->n > LOOK_OCTETS_MAX;
	if (g->more)
		return false;
	memcpy(g->last.octets, key.p, key.n);
	g->last.n = (uint16_t)key.n;
	g->err = index_entry_open(stored, key, &record_key);
	if (g->err != HLV_OK)
		return false;
	if (!hlv_starts_with(record_key, store_key_bytes(&g->under)) ||
	    !is_found(g, record_key, key, &rec))
		return g->err == HLV_OK;
	if (g->skipped < g->s->skip) {
		g->skipped++;
		return true;
	}
	hlv_buf_str(g->out, g->n++ ? "," : "");
	hlv_json_put_str(g->out, rec.name);
	return true;
}

/* --- a search --- */

static enum hlv_err choose(struct searching *g)
{
	struct index_rules rules;
	HLV_TRY(index_rules_get(g->c->store, g->c->view, &rules));
	bool building = false;
	for (size_t i = 0; i < g->s->n; i++) {
		const struct search_where *w = &g->s->where[i];
		if (w->pattern.n > SEARCH_PATTERN_MAX || w->type.n > INDEX_TYPE_MAX)
			return HLV_E_LIMIT;
		if (!index_is_ready(&rules, w->type)) {
			building = building || index_has_type(&rules, w->type);
			continue;
		}
		if (!g->lead || literal(w->pattern).n > literal(g->lead->pattern).n)
			g->lead = w;
	}
	if (g->lead)
		return HLV_OK;
	return building ? HLV_E_BUSY : HLV_E_UNSUPPORTED;
}

static void set_under(struct searching *g)
{
	uint8_t room[HLV_IDENTIFIER_MAX + 8];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	hlv_put(&w, g->s->prefix);
	hlv_put_u8(&w, '/');
	if (g->s->prefix.n && !w.bad)
		store_key(hlv_written(&w), &g->under);
}

enum hlv_err search_run(const struct answer_context *c, const struct search *s,
			struct hlv_buf *out)
{
	struct searching g = {.c = c, .s = s, .out = out};
	uint8_t room[INDEX_KEY_MAX];
	HLV_TRY(choose(&g));
	set_under(&g);
	HLV_TRY(index_prefix(g.lead->type, literal(g.lead->pattern), room, &g.range));
	struct hlv_bytes from = g.range, after = store_key_bytes(&s->after);
	if (after.n && hlv_compare(after, from) > 0)
		from = after;
	hlv_buf_str(out, "{\"identifiers\":[");
	HLV_TRY(c->store->ops->scan(c->view, SPACE_INDEX, from, visit, &g));
	HLV_TRY(g.err);
	hlv_buf_str(out, g.more ? "],\"next\":\"" : "],\"next\":null}");
	if (g.more) {
		look_put_cursor(out, store_key_bytes(&g.last));
		hlv_buf_str(out, "\"}");
	}
	return out->bad ? HLV_E_NOMEM : HLV_OK;
}
