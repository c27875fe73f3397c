/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/scheme_inner.h"

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_letter(uint8_t c)
{
	return hlv_upper(c) >= 'A' && hlv_upper(c) <= 'Z';
}

static size_t digits_in(struct hlv_bytes b)
{
	size_t n = 0;
	while (n < b.n && is_digit(b.p[n]))
		n++;
	return n;
}

static size_t until(struct hlv_bytes b, const char *any)
{
	size_t n = 0;
	while (n < b.n && (b.p[n] == 0 || !strchr(any, b.p[n])))
		n++;
	return n;
}

/* --- OID --- */

/* Arcs are numbers of any length (industrial.md 2.3), so they are compared as texts. */
static enum hlv_err check_arc(struct scheming *s, struct hlv_bytes arc, size_t at, bool low)
{
	if (arc.n == 0)
		return scheme_wrong(s, "OID: arc %zu is empty", at);
	if (digits_in(arc) < arc.n)
		return scheme_wrong(s,
				    "OID: arc %zu is not a decimal number: the dotted form "
				    "is needed, 1.2.156.3001",
				    at);
	if (arc.n > 1 && arc.p[0] == '0')
		return scheme_wrong(s, "OID: leading zero in arc %zu", at);
	if (at == 1 && (arc.n > 1 || arc.p[0] > '2'))
		return scheme_wrong(s, "OID: the first arc is 0, 1 or 2");
	if (at == 2 && low && (arc.n > 2 || (arc.n == 2 && arc.p[0] > '3')))
		return scheme_wrong(s, "OID: the second arc is at most 39 behind 0 and 1");
	return HLV_OK;
}

enum hlv_err scheme_oid(struct scheming *s, struct hlv_bytes text)
{
	struct hlv_bytes rest = text;
	size_t at = 0;
	s->out->scheme = HLV_SCHEME_OID;
	do {
		struct hlv_bytes arc = hlv_head(rest, until(rest, "."));
		HLV_TRY(check_arc(s, arc, ++at, text.p[0] < '2'));
		if (arc.n == rest.n)
			break;
		rest = hlv_skip(rest, arc.n + 1);
	} while (true);
	if (at < 2)
		return scheme_wrong(s, "OID: at least two arcs");
	s->out->key = text;
	return scheme_put(s, text);
}

/* --- DID --- */

/* did:bid: [4 lower-case letters or digits ":"] key type, encoding, 22 to 42 characters; or the four
 * alone, which name a chain (industrial.md 2.6). */
static enum hlv_err check_bid(struct scheming *s, struct hlv_bytes id)
{
	size_t n = 0;
	while (n < id.n && n < 4 && (is_lower(id.p[n]) || is_digit(id.p[n])))
		n++;
	if (n == 4 && id.n == 4)
		return HLV_OK;
	if (n == 4 && id.p[4] == ':')
		id = hlv_skip(id, 5);
	if (id.n < 2 || !strchr("ezs", id.p[0]) || !strchr("fst", id.p[1]))
		return scheme_wrong(s,
				    "did:bid: begins with the kind of its key (e, z or s) and "
				    "its encoding (f, s or t)");
	if (id.n < 24 || id.n > 44)
		return scheme_wrong(s, "did:bid: 22 to 42 characters behind \"%.2s\", not %zu",
				    (const char *)id.p, id.n - 2);
	return HLV_OK;
}

/* did:cn spells a handle prefix: 2 digits "." 3-5 digits "." 1-128 digits. */
static enum hlv_err read_cn(struct scheming *s, struct hlv_bytes id)
{
	static const struct {
		size_t min, max;
	} labels[] = {{2, 2}, {3, 5}, {1, 128}};
	struct hlv_bytes rest = id;
	for (size_t i = 0; i < 3; i++) {
		struct hlv_bytes label = hlv_head(rest, until(rest, "."));
		if (label.n < labels[i].min || label.n > labels[i].max ||
		    digits_in(label) < label.n || (i == 2 && label.n < rest.n))
			return scheme_wrong(s, "did:cn: a prefix of three labels of digits, "
					       "such as did:cn:88.118.8");
		rest = hlv_skip(rest, label.n + 1);
	}
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(s->arena, 5 + id.n), 5 + id.n);
	if (!w.p)
		return HLV_E_NOMEM;
	hlv_put(&w, hlv_text("0.NA/"));
	hlv_put(&w, id);
	s->out->scheme = HLV_SCHEME_HANDLE;
	s->out->key = s->out->id = hlv_written(&w);
	return HLV_OK;
}

enum hlv_err scheme_did(struct scheming *s, struct hlv_bytes text)
{
	text = hlv_head(text, until(text, "#?/"));
	if (!hlv_starts_with(text, hlv_text("did:")))
		return scheme_wrong(s, "a DID begins with \"did:\" in lower case");
	struct hlv_bytes method = hlv_skip(text, 4);
	method = hlv_head(method, until(method, ":"));
	struct hlv_bytes id = hlv_skip(text, 4 + method.n + 1);
	for (size_t i = 0; i < method.n; i++)
		if (!is_lower(method.p[i]) && !is_digit(method.p[i]))
			return scheme_wrong(s, "DID: the method is of lower-case letters and "
					       "digits");
	if (method.n == 0 || id.n == 0)
		return scheme_wrong(s, "a DID is did:METHOD:IDENTIFIER");
	for (size_t i = 0; i < id.n; i++)
		if (!is_digit(id.p[i]) && !is_letter(id.p[i]) &&
		    (id.p[i] == 0 || !strchr("._-:%", id.p[i])))
			return scheme_wrong(s,
					    "DID: octet %zu behind the method may not stand "
					    "there",
					    i + 1);
	if (hlv_eq(method, hlv_text("cn")))
		return read_cn(s, id);
	if (hlv_eq(method, hlv_text("bid")))
		HLV_TRY(check_bid(s, id));
	s->out->scheme = HLV_SCHEME_DID;
	s->out->key = text;
	return scheme_put(s, hlv_skip(text, 4));
}

/* --- Ecode --- */

/* GB/T 31866, edition of 2015 (industrial.md 2.4). `most` 0: any text. */
static const struct {
	char version;
	uint8_t system, most;
} ecodes[] = {{'1', 4, 20}, {'2', 4, 28}, {'3', 5, 39}, {'4', 5, 0}};

struct ecode {
	struct hlv_bytes system, data;
	uint8_t most;
};

static bool split_ecode(struct hlv_bytes text, struct ecode *e)
{
	for (size_t i = 0; text.n && i < sizeof ecodes / sizeof *ecodes; i++) {
		if (text.p[0] != (uint8_t)ecodes[i].version)
			continue;
		size_t n = ecodes[i].system;
		bool dotted = text.n > 1 && text.p[1] == '.';
		e->system = hlv_head(hlv_skip(text, dotted ? 2 : 1), n);
		e->data = hlv_skip(text, (dotted ? 2 : 1) + n);
		e->most = ecodes[i].most;
		if (dotted) {
			if (e->data.n == 0 || e->data.p[0] != '.')
				return false;
			e->data = hlv_skip(e->data, 1);
		}
		return digits_in(e->system) == n && e->data.n > 0;
	}
	return false;
}

bool scheme_is_ecode(const struct scheming *s, struct hlv_bytes text)
{
	struct ecode e;
	char which[8];
	if (!s->rules || !split_ecode(text, &e))
		return false;
	snprintf(which, sizeof which, "%c.%.*s", text.p[0], (int)e.system.n, e.system.p);
	for (size_t i = 0; i < s->rules->n; i++)
		if (s->rules->rules[i].scheme == HLV_SCHEME_ECODE &&
		    strcmp(s->rules->rules[i].which, which) == 0)
			return true;
	return false;
}

enum hlv_err scheme_ecode(struct scheming *s, struct hlv_bytes text)
{
	struct ecode e;
	if (!split_ecode(text, &e))
		return scheme_wrong(s, "Ecode: a version (1 to 4), its numbering system (4 "
				       "digits, of versions 3 and 4 five), and the code");
	if (e.most && (e.data.n > e.most || digits_in(e.data) < e.data.n))
		return scheme_wrong(s, "Ecode: version %c has up to %d digits of code",
				    text.p[0], e.most);
	size_t room = text.n + 2;
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(s->arena, room), room);
	if (!w.p)
		return HLV_E_NOMEM;
	hlv_put_u8(&w, text.p[0]);
	hlv_put_u8(&w, '.');
	hlv_put(&w, e.system);
	hlv_put_u8(&w, '.');
	hlv_put(&w, e.data);
	s->out->scheme = HLV_SCHEME_ECODE;
	s->out->key = hlv_written(&w);
	return scheme_put(s, s->out->key);
}
