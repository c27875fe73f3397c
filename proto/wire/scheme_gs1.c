/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/hex.h"
#include "proto/wire/name.h"
#include "proto/wire/scheme_inner.h"

enum { FNC1 = 0x1D };

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool are_digits(struct hlv_bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (!is_digit(b.p[i]))
			return false;
	return true;
}

/* --- a list of pairs, as an identifier --- */

struct pairs {
	struct hlv_gs1_pair list[HLV_GS1_PAIRS_MAX];
	size_t n;
};

static enum hlv_err add(struct scheming *s, struct pairs *p, struct hlv_bytes ai,
			struct hlv_bytes value)
{
	if (p->n == HLV_GS1_PAIRS_MAX)
		return scheme_wrong(s, "more than %d application identifiers",
				    HLV_GS1_PAIRS_MAX);
	if (value.n == 0)
		return scheme_wrong(s, "(%.*s) has no value", (int)ai.n, ai.p);
	p->list[p->n++] = (struct hlv_gs1_pair){ai, value};
	return HLV_OK;
}

enum hlv_err scheme_gs1(struct scheming *s, const struct hlv_gs1_pair *pairs, size_t n,
			bool others)
{
	struct hlv_gs1 key;
	HLV_TRY(hlv_gs1_assemble(pairs, n, others ? &s->out->attributes : NULL, &key, s->why));
	size_t room = 3 * (HLV_GS1_QUALIFIERS_MAX + 1) * (HLV_GS1_VALUE_MAX + 6);
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(s->arena, room), room);
	if (!w.p)
		return HLV_E_NOMEM;
	hlv_gs1_put(&w, &key);
	s->out->scheme = HLV_SCHEME_GS1;
	s->out->key = hlv_written(&w);
	s->out->reordered = key.reordered;
	return scheme_put(s, hlv_gs1_company(&key));
}

/* --- element strings --- */

/* "]d2", "]Q3", "]C1", "]e0", "]J1": what scanners put in front. */
static struct hlv_bytes without_symbology(struct hlv_bytes text)
{
	static const char *const ids[] = {"]C1", "]e0", "]d2", "]Q3", "]J1"};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (hlv_starts_with(text, hlv_text(ids[i])))
			return hlv_skip(text, 3);
	return text;
}

bool scheme_is_elements(struct hlv_bytes text)
{
	if (text.n == 0)
		return false;
	if (text.p[0] == '(' || memchr(text.p, FNC1, text.n) ||
	    without_symbology(text).n < text.n)
		return true;
	/* Without any mark: a GTIN or an SSCC with its AI, and perhaps more. */
	struct hlv_bytes ai = hlv_head(text, 2), value;
	size_t n = hlv_eq(ai, hlv_text("01")) ? 14 : hlv_eq(ai, hlv_text("00")) ? 18 : 0;
	value = hlv_head(hlv_skip(text, 2), n);
	return n > 0 && value.n == n && are_digits(value) &&
	       hlv_gs1_check_digit(value.p, n - 1) == (char)value.p[n - 1];
}

/* Octets of "(nnnn)" at the beginning; 0: something else. */
static size_t bracketed(struct hlv_bytes text)
{
	size_t n = 1;
	if (text.n == 0 || text.p[0] != '(')
		return 0;
	while (n < text.n && n < 6 && is_digit(text.p[n]))
		n++;
	return n >= 3 && n < text.n && text.p[n] == ')' ? n + 1 : 0;
}

static enum hlv_err read_bracketed(struct scheming *s, struct hlv_bytes text, struct pairs *p)
{
	while (text.n > 0) {
		size_t head = bracketed(text), n = 0;
		if (head == 0)
			return scheme_wrong(s, "an application identifier in brackets, such as "
					       "(01), was expected");
		struct hlv_bytes ai = hlv_head(hlv_skip(text, 1), head - 2);
		text = hlv_skip(text, head);
		while (n < text.n && bracketed(hlv_skip(text, n)) == 0)
			n++;
		HLV_TRY(add(s, p, ai, scheme_trim(hlv_head(text, n))));
		text = hlv_skip(text, n);
	}
	return HLV_OK;
}

/* Values of AIs with a fixed length follow each other; the others end at FNC1. */
static enum hlv_err read_concatenated(struct scheming *s, struct hlv_bytes text,
				      struct pairs *p)
{
	while (text.n > 0) {
		if (text.p[0] == FNC1) {
			text = hlv_skip(text, 1);
			continue;
		}
		size_t n = hlv_gs1_ai_digits(text);
		if (n == 0)
			return scheme_wrong(s, "no application identifier where one begins: is "
					       "an FNC1 missing?");
		struct hlv_bytes ai = hlv_head(text, n);
		text = hlv_skip(text, n);
		n = hlv_gs1_fixed_octets(ai);
		const uint8_t *end = text.n ? memchr(text.p, FNC1, text.n) : NULL;
		size_t left = end ? (size_t)(end - text.p) : text.n;
		if (n > left)
			return scheme_wrong(s, "(%.*s) ends too early", (int)ai.n, ai.p);
		n = n ? n : left;
		HLV_TRY(add(s, p, ai, hlv_head(text, n)));
		text = hlv_skip(text, n);
	}
	return HLV_OK;
}

enum hlv_err scheme_elements(struct scheming *s, struct hlv_bytes text)
{
	struct pairs p = {.n = 0};
	text = without_symbology(text);
	if (text.n && text.p[0] == '(')
		HLV_TRY(read_bracketed(s, text, &p));
	else
		HLV_TRY(read_concatenated(s, text, &p));
	return scheme_gs1(s, p.list, p.n, true);
}

/* --- Digital Link --- */

enum { SEGMENTS_MAX = 2 * HLV_GS1_PAIRS_MAX };

struct segments {
	struct hlv_bytes list[SEGMENTS_MAX];
	size_t n;
};

static bool split(struct hlv_bytes path, struct segments *out)
{
	out->n = 0;
	if (path.n && path.p[0] == '/')
		path = hlv_skip(path, 1);
	if (path.n && path.p[path.n - 1] == '/')
		path.n--; /* with and without it is the same */
	while (path.n > 0) {
		const uint8_t *slash = memchr(path.p, '/', path.n);
		struct hlv_bytes one =
			hlv_head(path, slash ? (size_t)(slash - path.p) : path.n);
		if (out->n == SEGMENTS_MAX)
			return false;
		out->list[out->n++] = one;
		path = hlv_skip(path, one.n + 1);
	}
	return true;
}

/* Where the key begins; out->n: nowhere. */
static size_t key_at(const struct segments *g, bool stem)
{
	size_t last = stem ? g->n : g->n ? 1 : 0;
	for (size_t i = 0; i < last; i++)
		if ((g->n - i) % 2 == 0 && hlv_gs1_is_primary(g->list[i]))
			return i;
	/* An odd one out: a Digital Link all the same, and a wrong one. */
	for (size_t i = 0; i + 1 < g->n && i < last; i++)
		if (hlv_gs1_is_primary(g->list[i]) && g->list[i + 1].n > 0 &&
		    is_digit(g->list[i + 1].p[0]))
			return i;
	return g->n;
}

bool scheme_is_link(struct hlv_bytes path, bool stem)
{
	struct segments g;
	return split(path, &g) && key_at(&g, stem) < g.n;
}

enum hlv_err scheme_link(struct scheming *s, struct hlv_bytes path, bool stem)
{
	struct segments g;
	struct pairs p = {.n = 0};
	if (!split(path, &g))
		return scheme_wrong(s, "more than %d segments in the path", SEGMENTS_MAX);
	for (size_t i = key_at(&g, stem); i < g.n; i += 2) {
		struct hlv_bytes value;
		if (!are_digits(g.list[i]) || g.list[i].n < 2 || g.list[i].n > 4)
			return scheme_wrong(s,
					    "a path segment that is no application identifier "
					    "stands where one should (compressed Digital Links "
					    "are not read)");
		if (i + 1 == g.n)
			return scheme_wrong(s, "(%.*s) has no value", (int)g.list[i].n,
					    g.list[i].p);
		if (hlv_percent_decode(g.list[i + 1], HLV_PERCENT_URL, s->arena, &value) !=
		    HLV_OK)
			return scheme_wrong(s, "a percent sign without two hexadecimal digits");
		HLV_TRY(add(s, &p, g.list[i], value));
	}
	return scheme_gs1(s, p.list, p.n, false);
}

enum hlv_err hlv_scheme_read_link(const struct hlv_schemes *rules, struct hlv_bytes path,
				  struct hlv_arena *a, struct hlv_named *out,
				  char why[HLV_SCHEME_WHY])
{
	struct scheming s = {rules, a, out, why};
	struct segments g;
	*out = (struct hlv_named){0};
	*why = '\0';
	/* Whatever follows a primary AI is meant as its value: no handle has such a prefix. */
	if (!split(path, &g) || g.n < 2 || !hlv_gs1_is_primary(g.list[0]))
		return HLV_E_NOT_FOUND;
	out->certain = true;
	return scheme_link(&s, path, false);
}

/* --- GTINs --- */

bool scheme_is_gtin(struct hlv_bytes text)
{
	return (text.n == 8 || (text.n >= 12 && text.n <= 14)) && are_digits(text);
}

enum hlv_err scheme_gtin(struct scheming *s, struct hlv_bytes digits)
{
	struct pairs p = {.n = 0};
	HLV_TRY(add(s, &p, hlv_text("01"), digits));
	return scheme_gs1(s, p.list, p.n, false);
}
