/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "proto/base/hex.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"
#include "proto/wire/scheme_inner.h"

enum { TEXT_MAX = 4 * HLV_IDENTIFIER_MAX /* percent-encoded, in a URL */ };

enum hlv_err scheme_wrong(struct scheming *s, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(s->why, HLV_SCHEME_WHY, format, args);
	va_end(args);
	return HLV_E_MALFORMED;
}

/* --- rules --- */

static const struct {
	const char *word, *name;
	int scheme;
	char separator; /* where a part of the scheme ends; 0: anywhere */
} words[] = {
	{"gs1", "GS1", HLV_SCHEME_GS1, 0},
	{"oid", "OID", HLV_SCHEME_OID, '.'},
	{"did", "DID", HLV_SCHEME_DID, ':'},
	{"ecode", "Ecode", HLV_SCHEME_ECODE, '.'},
	{"host", "host", 0, 0},
};
enum { WORDS = sizeof words / sizeof *words };

static struct hlv_bytes next_word(struct hlv_bytes *row)
{
	size_t n = 0;
	*row = scheme_trim(*row);
	while (n < row->n && row->p[n] != ' ' && row->p[n] != '\t')
		n++;
	struct hlv_bytes word = hlv_head(*row, n);
	*row = hlv_skip(*row, n);
	return word;
}

static bool copy(struct hlv_bytes b, char out[HLV_SCHEME_FIELD_MAX + 1])
{
	if (b.n > HLV_SCHEME_FIELD_MAX || !hlv_is_text(b))
		return false;
	if (b.n)
		memcpy(out, b.p, b.n);
	out[b.n] = '\0';
	return true;
}

enum hlv_err hlv_schemes_add(struct hlv_schemes *s, struct hlv_bytes row,
			     char why[HLV_SCHEME_WHY])
{
	struct scheming says = {.why = why};
	struct hlv_scheme_rule *r = &s->rules[s->n];
	struct hlv_bytes what = next_word(&row), to = next_word(&row);
	const uint8_t *colon = what.n ? memchr(what.p, ':', what.n) : NULL;
	struct hlv_bytes word = hlv_head(what, colon ? (size_t)(colon - what.p) : what.n);
	struct hlv_bytes which = hlv_skip(what, word.n + 1);
	size_t i = 0;
	if (s->n == HLV_SCHEME_RULES_MAX)
		return scheme_wrong(&says, "more than %d rows", HLV_SCHEME_RULES_MAX);
	while (i < WORDS && !hlv_eq(word, hlv_text(words[i].word)))
		i++;
	if (i == WORDS)
		return scheme_wrong(&says, "a row begins with gs1, oid, did, ecode or host");
	r->scheme = words[i].scheme;
	if (to.n == 0 || scheme_trim(row).n > 0 || (colon && which.n == 0) ||
	    (r->scheme == 0 && colon))
		return scheme_wrong(&says, "a row is \"%s%s\"", words[i].word,
				    r->scheme ? " PREFIX\" or with a part, \"gs1:9506000 PREFIX"
					      : " NAME");
	if (!copy(which, r->which) || !copy(to, r->prefix) || memchr(to.p, '/', to.n))
		return scheme_wrong(&says,
				    "a prefix, or a name, without a slash and of up to %d "
				    "octets",
				    HLV_SCHEME_FIELD_MAX);
	for (size_t k = 0; k < s->n; k++)
		if (s->rules[k].scheme == r->scheme && r->scheme &&
		    strcmp(s->rules[k].which, r->which) == 0)
			return scheme_wrong(&says, "two rows for the same");
	s->n++;
	return HLV_OK;
}

static bool is_under(struct hlv_bytes subject, const char *which, char separator)
{
	struct hlv_bytes w = hlv_text(which);
	return hlv_starts_with(subject, w) && (separator == 0 || w.n == 0 || w.n == subject.n ||
					       subject.p[w.n] == (uint8_t)separator);
}

/* The longest `which` wins. */
static const char *prefix_for(const struct hlv_schemes *s, int scheme, struct hlv_bytes subject)
{
	const struct hlv_scheme_rule *best = NULL;
	char separator = 0;
	for (size_t i = 0; i < WORDS; i++)
		if (words[i].scheme == scheme)
			separator = words[i].separator;
	for (size_t i = 0; s && i < s->n; i++) {
		const struct hlv_scheme_rule *r = &s->rules[i];
		if (r->scheme == scheme && is_under(subject, r->which, separator) &&
		    (!best || strlen(r->which) > strlen(best->which)))
			best = r;
	}
	return best ? best->prefix : NULL;
}

static enum hlv_err join(struct hlv_arena *a, const char *prefix, struct hlv_bytes key,
			 struct hlv_bytes *id)
{
	size_t room = strlen(prefix) + 1 + key.n;
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(a, room), room);
	if (!w.p)
		return HLV_E_NOMEM;
	hlv_put(&w, hlv_text(prefix));
	hlv_put_u8(&w, '/');
	hlv_put(&w, key);
	*id = hlv_written(&w);
	return HLV_OK;
}

enum hlv_err scheme_put(struct scheming *s, struct hlv_bytes subject)
{
	const char *prefix = prefix_for(s->rules, (int)s->out->scheme, subject);
	if (prefix && strlen(prefix) + 1 + s->out->key.n > HLV_IDENTIFIER_MAX)
		return scheme_wrong(s, "longer than %d octets", HLV_IDENTIFIER_MAX);
	if (!hlv_name_is_registrable(s->out->key))
		return scheme_wrong(s, "neither control characters nor what is no UTF-8");
	if (prefix)
		return join(s->arena, prefix, s->out->key, &s->out->id);
	for (size_t i = 0; i < WORDS; i++)
		if (words[i].scheme == (int)s->out->scheme)
			(void)scheme_wrong(s,
					   "%s identifiers: no row of the option schemes says "
					   "where they are",
					   words[i].name);
	return HLV_E_NOT_FOUND;
}

/* --- handles --- */

static enum hlv_err read_handle(struct scheming *s, struct hlv_bytes text)
{
	struct hlv_name name = hlv_name_split(text);
	if (!hlv_utf8_valid(text))
		return scheme_wrong(s, "not UTF-8");
	if (text.n + (name.slash ? 0 : 5) > HLV_IDENTIFIER_MAX)
		return scheme_wrong(s, "longer than %d octets", HLV_IDENTIFIER_MAX);
	if (!hlv_name_is_registrable(text))
		return scheme_wrong(s, "control characters in an identifier");
	if (name.slash && name.prefix.n == 0)
		return scheme_wrong(s, "nothing stands in front of the slash: PREFIX/NAME");
	size_t room = 5 + text.n;
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(s->arena, 2 * room), 2 * room);
	if (!w.p)
		return HLV_E_NOMEM;
	if (!name.slash)
		hlv_put(&w, hlv_text("0.NA/"));
	hlv_put(&w, text);
	s->out->id = hlv_written(&w);
	w = hlv_writer(w.p + w.n, room);
	hlv_name_put_folded(&w, s->out->id);
	s->out->key = hlv_written(&w);
	s->out->scheme = HLV_SCHEME_HANDLE;
	return HLV_OK;
}

/* "VAA" + a handle under 86 or 88 (industrial.md 2.2). */
static enum hlv_err read_vaa(struct scheming *s, struct hlv_bytes text)
{
	text = hlv_skip(text, 3);
	if (!hlv_starts_with(text, hlv_text("86.")) && !hlv_starts_with(text, hlv_text("88.")))
		return scheme_wrong(s, "VAA: a prefix under 86 or 88 follows");
	return read_handle(s, text);
}

static bool is_vaa(struct hlv_bytes text)
{
	return scheme_has_word(text, "VAA") && text.n > 3 && text.p[3] >= '0' &&
	       text.p[3] <= '9';
}

/* --- which scheme --- */

static bool is_dotted(struct hlv_bytes text)
{
	bool dot = false;
	for (size_t i = 0; i < text.n; i++) {
		dot = dot || text.p[i] == '.';
		if (text.p[i] != '.' && (text.p[i] < '0' || text.p[i] > '9'))
			return false;
	}
	return dot;
}

static bool are_digits(struct hlv_bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
	return text.n > 0;
}

static bool has_rule(const struct scheming *s, int scheme)
{
	for (size_t i = 0; s->rules && i < s->rules->n; i++)
		if (s->rules->rules[i].scheme == scheme)
			return true;
	return false;
}

/* Without a slash and without a word in front (industrial.md 2.7). */
static enum hlv_err read_bare(struct scheming *s, struct hlv_bytes text)
{
	bool dotted = is_dotted(text);
	if (scheme_is_ecode(s, text))
		return scheme_ecode(s, text);
	if (dotted && text.p[0] <= '2' && text.n > 1 && text.p[1] == '.') {
		s->out->certain = has_rule(s, HLV_SCHEME_OID);
		return scheme_oid(s, text);
	}
	if (!dotted && scheme_is_gtin(text)) {
		s->out->certain = has_rule(s, HLV_SCHEME_GS1);
		return scheme_gtin(s, text);
	}
	/* "88", "88.118.8", "2027.GEAR" are prefixes. */
	if (!dotted && !memchr(text.p, '.', text.n) && !are_digits(text))
		return scheme_wrong(s, "no identifier that is known here: no URL, handle "
				       "(PREFIX/NAME), GS1 key, OID, Ecode or DID");
	return read_handle(s, text);
}

/* "hdl:", "doi:": what citations put in front of a handle. */
static bool strip_citation(struct hlv_bytes *text)
{
	static const char *const heads[] = {"hdl:", "doi:", "urn:hdl:"};
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		if (!scheme_has_word(*text, heads[i]))
			continue;
		*text = scheme_trim(hlv_skip(*text, strlen(heads[i])));
		return true;
	}
	return false;
}

/* A word in front says which scheme it is. *known: it did. */
static enum hlv_err read_worded(struct scheming *s, struct hlv_bytes text, bool *known)
{
	static const struct {
		const char *word;
		bool kept;
		enum hlv_err (*read)(struct scheming *, struct hlv_bytes);
	} heads[] = {
		{"did:", true, scheme_did},    {"urn:oid:", false, scheme_oid},
		{"oid:", false, scheme_oid},   {"ecode:", false, scheme_ecode},
		{"gtin:", false, scheme_gtin}, {"urn:epc:", false, scheme_epc},
	};
	*known = true;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		if (!scheme_has_word(text, heads[i].word))
			continue;
		struct hlv_bytes rest = hlv_skip(text, strlen(heads[i].word));
		if (rest.n == 0)
			return scheme_wrong(s, "nothing stands behind \"%s\"", heads[i].word);
		return heads[i].read(s, heads[i].kept ? text : rest);
	}
	if (scheme_has_word(text, "/ISO/") || scheme_has_word(text, "/ITU-T/") ||
	    scheme_has_word(text, "/Joint-ISO-ITU-T/"))
		return scheme_wrong(s, "an OID in words: the dotted form is needed, "
				       "1.2.156.3001");
	*known = false;
	return HLV_OK;
}

/* A text that is in no URL any more. */
static enum hlv_err read_text(struct scheming *s, struct hlv_bytes text)
{
	bool known;
	const char *wide = scheme_fullwidth(text);
	s->out->certain = true;
	if (wide)
		return scheme_wrong(s, "%s", wide);
	if (text.n == 0)
		return scheme_wrong(s, "an empty identifier");
	if (strip_citation(&text))
		return text.n ? read_handle(s, text)
			      : scheme_wrong(s, "nothing stands behind \"hdl:\"");
	enum hlv_err err = read_worded(s, text, &known);
	if (known)
		return err;
	if (scheme_is_elements(text))
		return scheme_elements(s, text);
	if (is_vaa(text))
		return read_vaa(s, text);
	s->out->certain = false;
	if (scheme_is_link(text, false)) {
		s->out->certain = has_rule(s, HLV_SCHEME_GS1);
		return scheme_link(s, text, false);
	}
	return memchr(text.p, '/', text.n) ? read_handle(s, text) : read_bare(s, text);
}

/* --- URLs --- */

static bool is_our_host(const struct scheming *s, struct hlv_bytes host)
{
	/* Who has resolved handles for everybody for thirty years. */
	static const char *const known[] = {"hdl.handle.net", "doi.org", "dx.doi.org",
					    "www.doi.org"};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (hlv_eq_fold(host, hlv_text(known[i])))
			return true;
	for (size_t i = 0; s->rules && i < s->rules->n; i++)
		if (s->rules->rules[i].scheme == 0 &&
		    hlv_eq_fold(host, hlv_text(s->rules->rules[i].prefix)))
			return true;
	return false;
}

static enum hlv_err read_encoded(struct scheming *s, struct hlv_bytes text)
{
	struct hlv_bytes plain;
	enum hlv_err err = hlv_percent_decode(text, HLV_PERCENT_URL, s->arena, &plain);
	if (err == HLV_E_MALFORMED)
		return scheme_wrong(s, "a percent sign without two hexadecimal digits");
	HLV_TRY(err);
	return read_text(s, scheme_trim(plain));
}

/* What stands in front of an identifier in a path. */
static struct hlv_bytes without_door(struct hlv_bytes path)
{
	static const char *const doors[] = {"/api/handles/", "/p/", "/"};
	for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
		if (hlv_starts_with(path, hlv_text(doors[i])))
			return hlv_skip(path, strlen(doors[i]));
	return path;
}

static bool has_dotted_prefix(struct hlv_bytes path)
{
	const uint8_t *slash = path.n ? memchr(path.p, '/', path.n) : NULL;
	return slash && memchr(path.p, '.', (size_t)(slash - path.p));
}

static enum hlv_err read_url(struct scheming *s, const struct scheme_url *url)
{
	bool ours = is_our_host(s, url->host);
	struct hlv_bytes path = without_door(url->path);
	s->out->certain = true;
	s->out->query = url->query;
	/* Digital Links may be of any host, behind any stem. */
	if (!(ours && has_dotted_prefix(path)) && scheme_is_link(url->path, true))
		return scheme_link(s, url->path, true);
	if (!ours)
		return scheme_wrong(s, "a URL of a host that is not configured here (a row "
				       "\"host NAME\" of the option schemes)");
	if (path.n == 0)
		path = scheme_url_id(url->query);
	return read_encoded(s, path);
}

enum hlv_err hlv_scheme_read(const struct hlv_schemes *rules, struct hlv_bytes text,
			     struct hlv_arena *a, struct hlv_named *out,
			     char why[HLV_SCHEME_WHY])
{
	struct scheming s = {rules, a, out, why};
	struct scheme_url url;
	*out = (struct hlv_named){0};
	*why = '\0';
	text = scheme_trim(text);
	if (text.n > TEXT_MAX)
		return scheme_wrong(&s, "longer than %d octets", HLV_IDENTIFIER_MAX);
	if (scheme_url_split(text, &url))
		return read_url(&s, &url);
	if (scheme_has_word(text, "info:hdl/") || scheme_has_word(text, "info:doi/"))
		return read_encoded(&s, hlv_skip(text, 9));
	if (hlv_starts_with(text, hlv_text("/api/handles/")))
		return read_encoded(&s, without_door(text));
	return read_text(&s, text);
}

/* --- for services --- */

static bool may_be_other(struct hlv_bytes text)
{
	const uint8_t *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
	struct hlv_bytes head = hlv_head(text, slash ? (size_t)(slash - text.p) : text.n);
	if (hlv_starts_with(text, hlv_text("/api/handles/")))
		return true;
	for (size_t i = 0; i < head.n; i++) {
		uint8_t c = head.p[i];
		if (c <= ' ' || c == ':' || c == '(' || c == ']' || c >= 0x80)
			return true;
	}
	if (slash)
		return hlv_gs1_is_primary(head) || is_vaa(head);
	return head.n > 0 && (is_dotted(head) || are_digits(head));
}

enum hlv_err hlv_scheme_look_up(const struct hlv_schemes *rules, struct hlv_bytes text,
				struct hlv_arena *a, struct hlv_bytes *id,
				char why[HLV_SCHEME_WHY])
{
	struct hlv_named named;
	*id = (struct hlv_bytes){0};
	if (!may_be_other(text))
		return HLV_OK;
	enum hlv_err err = hlv_scheme_read(rules, text, a, &named, why);
	if (err == HLV_E_NOMEM || (err == HLV_E_MALFORMED && named.certain))
		return err;
	/* A bare prefix is a question of its own for some clients (industrial.md 5.3). */
	bool bare = named.scheme == HLV_SCHEME_HANDLE && named.id.n == text.n + 5 &&
		    hlv_eq(hlv_skip(named.id, 5), text);
	if (err == HLV_OK && !bare && !hlv_eq(named.id, text))
		*id = named.id;
	return HLV_OK;
}
