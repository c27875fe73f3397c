/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/rdata.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>
#include <stdio.h>

enum {
	TEXT_MAX = 16 << 10, /* of one value; more is no record that anybody answers */
	FAMILY = 4,	     /* "DNS." */
};

static const struct {
	const char *name;
	uint16_t number;
} types[] = {
#define X(name, number) {#name, number},
	HLV_DNS_TYPES(X)
#undef X
};

static const uint16_t mailb[] = {HLV_DNS_MB, HLV_DNS_MG, HLV_DNS_MR};
static const uint16_t maila[] = {HLV_DNS_MD, HLV_DNS_MF};

static const char *name_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].number == type)
			return types[i].name;
	return NULL;
}

static bool is_known(uint16_t type)
{
	return name_of(type) || type == HLV_DNS_SVCB || type == HLV_DNS_HTTPS;
}

/* "65" of "TYPE65". */
static uint16_t number_of(struct hlv_bytes digits)
{
	uint32_t n = 0;
	if (digits.n == 0 || digits.n > 5)
		return 0;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return 0;
		n = n * 10 + digits.p[i] - '0';
	}
	return n <= UINT16_MAX && is_known((uint16_t)n) ? (uint16_t)n : 0;
}

uint16_t hlv_dns_type_of(struct hlv_bytes value_type)
{
	if (!hlv_eq_fold(hlv_head(value_type, FAMILY), hlv_text("DNS.")))
		return 0;
	struct hlv_bytes name = hlv_skip(value_type, FAMILY);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (hlv_eq_fold(name, hlv_text(types[i].name)))
			return types[i].number;
	if (name.n > 4 && hlv_eq_fold(hlv_head(name, 4), hlv_text("TYPE")))
		return number_of(hlv_skip(name, 4));
	return 0;
}

static const uint16_t *members(uint16_t asked, size_t *n)
{
	*n = asked == HLV_DNS_MAILB ? 3 : asked == HLV_DNS_MAILA ? 2 : 0;
	return asked == HLV_DNS_MAILB ? mailb : maila;
}

bool hlv_dns_type_answers(uint16_t type, uint16_t asked)
{
	size_t n;
	const uint16_t *list = members(asked, &n);
	for (size_t i = 0; i < n; i++)
		if (list[i] == type)
			return true;
	return type == asked || asked == HLV_DNS_ANY;
}

char *hlv_dns_type_print(uint16_t type, char out[HLV_DNS_TYPE_TEXT])
{
	static const struct {
		uint16_t number;
		const char *name;
	} others[] = {{HLV_DNS_OPT, "OPT"},	{HLV_DNS_RRSIG, "RRSIG"},
		      {HLV_DNS_NSEC, "NSEC"},	{HLV_DNS_SVCB, "SVCB"},
		      {HLV_DNS_HTTPS, "HTTPS"}, {HLV_DNS_IXFR, "IXFR"},
		      {HLV_DNS_AXFR, "AXFR"},	{HLV_DNS_MAILB, "MAILB"},
		      {HLV_DNS_MAILA, "MAILA"}, {HLV_DNS_ANY, "ANY"}};
	const char *name = name_of(type);
	for (size_t i = 0; !name && i < sizeof others / sizeof *others; i++)
		if (others[i].number == type)
			name = others[i].name;
	if (name)
		snprintf(out, HLV_DNS_TYPE_TEXT, "%s", name);
	else
		snprintf(out, HLV_DNS_TYPE_TEXT, "TYPE%u", type);
	return out;
}

/* n: a name, 1, 2: octets, s: a character string; then the rest. */
static const char *shape_of(uint16_t type)
{
	switch (type) {
	case HLV_DNS_NS:
	case HLV_DNS_MD:
	case HLV_DNS_MF:
	case HLV_DNS_CNAME:
	case HLV_DNS_MB:
	case HLV_DNS_MG:
	case HLV_DNS_MR:
	case HLV_DNS_PTR:
	case HLV_DNS_DNAME:
		return "n";
	case HLV_DNS_SOA:
	case HLV_DNS_MINFO:
	case HLV_DNS_RP:
		return "nn";
	case HLV_DNS_MX:
	case HLV_DNS_AFSDB:
	case HLV_DNS_RT:
	case HLV_DNS_KX:
		return "2n";
	case HLV_DNS_PX:
		return "2nn";
	case HLV_DNS_SRV:
		return "222n";
	case HLV_DNS_NAPTR:
		return "22sssn";
	}
	return "";
}

/* --- without a library --- */

static bool put_address(uint16_t type, struct hlv_bytes text, struct hlv_writer *w)
{
	char digits[INET6_ADDRSTRLEN + 1];
	uint8_t address[16];
	bool v6 = type == HLV_DNS_AAAA;
	if (text.n == 0 || text.n >= sizeof digits || memchr(text.p, 0, text.n))
		return false;
	memcpy(digits, text.p, text.n);
	digits[text.n] = '\0';
	if (inet_pton(v6 ? AF_INET6 : AF_INET, digits, address) != 1)
		return false;
	hlv_put(w, hlv_bytes(address, v6 ? 16 : 4));
	return !w->bad;
}

/* One character string, of nothing that means something in a master file. */
static bool put_word(struct hlv_bytes text, struct hlv_writer *w)
{
	if (text.n == 0 || text.n > UINT8_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c <= ' ' || c >= 0x7F || c == '"' || c == '\\' || c == ';' || c == '(' ||
		    c == ')')
			return false;
	}
	hlv_put_u8(w, (uint8_t)text.n);
	hlv_put(w, text);
	return !w->bad;
}

static bool put_number(struct hlv_bytes word, struct hlv_writer *w)
{
	uint32_t n = 0;
	if (word.n == 0 || word.n > 5)
		return false;
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] < '0' || word.p[i] > '9')
			return false;
		n = n * 10 + word.p[i] - '0';
	}
	hlv_put_u16(w, (uint16_t)n);
	return n <= UINT16_MAX;
}

static bool put_plain_name(struct hlv_bytes word, struct hlv_writer *w)
{
	for (size_t i = 0; i < word.n; i++) {
		uint8_t c = hlv_upper(word.p[i]);
		if (c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') &&
		    (c < 'A' || c > 'Z'))
			return false;
	}
	return hlv_dname_parse(word, w) == HLV_OK;
}

/* Numbers and names, with one blank between. */
static bool put_words(const char *shape, struct hlv_bytes text, struct hlv_writer *w)
{
	for (; *shape; shape++) {
		const uint8_t *blank = text.n ? memchr(text.p, ' ', text.n) : NULL;
		struct hlv_bytes word =
			hlv_head(text, blank ? (size_t)(blank - text.p) : text.n);
		if (*shape == 'n' ? !put_plain_name(word, w) : !put_number(word, w))
			return false;
		if (!blank != !shape[1])
			return false;
		text = hlv_skip(text, word.n + (blank ? 1 : 0));
	}
	return true;
}

bool hlv_dns_rdata_plain(uint16_t type, struct hlv_bytes text, struct hlv_writer *w)
{
	const char *shape = shape_of(type);
	if (type == HLV_DNS_A || type == HLV_DNS_AAAA)
		return put_address(type, text, w);
	if (type == HLV_DNS_TXT || type == HLV_DNS_SPF)
		return put_word(text, w);
	if (*shape == '\0' || strspn(shape, "2n") != strlen(shape) || type == HLV_DNS_SOA)
		return false;
	return put_words(shape, text, w);
}

/* --- by ldns --- */

/* One line of a master file, and nothing that would end it or begin a comment. */
static bool is_one_line(struct hlv_bytes text)
{
	bool quoted = false;
	if (text.n == 0 || text.n > TEXT_MAX || hlv_starts_with(text, hlv_text("\\#")))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if ((c < ' ' && c != '\t') || (c == ';' && !quoted))
			return false;
		if (c == '\\' && ++i == text.n)
			return false;
		if (c == '"')
			quoted = !quoted;
	}
	return !quoted;
}

/* The reference takes the quotes of a character string for a part of it (vectors rr_6, rr_8); a blank
 * in one is written \032. Of the types that the reference knows, these have such strings. */
static bool keeps_quotes(uint16_t type)
{
	return type == HLV_DNS_TXT || type == HLV_DNS_SPF || type == HLV_DNS_NAPTR ||
	       type == HLV_DNS_HINFO || type == HLV_DNS_X25 || type == HLV_DNS_ISDN;
}

static void put_text(struct hlv_writer *w, uint16_t type, struct hlv_bytes text)
{
	bool quoted = false, keep = keeps_quotes(type);
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c == '\\')
			hlv_put_u8(w, text.p[i++]);
		if (c == '"' && keep) {
			hlv_put(w, hlv_text(quoted ? "\\\"\"" : "\"\\\""));
			quoted = !quoted;
		} else {
			hlv_put_u8(w, text.p[i]);
		}
	}
}

static bool put_rdata(const ldns_rr *rr, uint16_t type, struct hlv_writer *w)
{
	size_t from = w->n;
	if ((uint16_t)ldns_rr_get_type(rr) != type || ldns_rr_rd_count(rr) == 0)
		return false;
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *f = ldns_rr_rdf(rr, i);
		hlv_put(w, hlv_bytes(ldns_rdf_data(f), ldns_rdf_size(f)));
	}
	if (w->bad || w->n - from > UINT16_MAX)
		return false;
	/* What has not the shape of its type has names that walk beyond the end. */
	struct hlv_rdata_walk walk = hlv_rdata_walk(type, hlv_bytes(w->p + from, w->n - from));
	enum hlv_rdata_piece kind;
	struct hlv_bytes piece;
	while (hlv_rdata_next(&walk, &kind, &piece))
		continue;
	return !walk.r.bad;
}

bool hlv_dns_rdata_parse(uint16_t type, struct hlv_bytes text, struct hlv_writer *w)
{
	char line[2 * TEXT_MAX];
	struct hlv_writer l = hlv_writer(line, sizeof line);
	if (!is_known(type) || !is_one_line(text))
		return false;
	const char *name = name_of(type);
	hlv_put(&l, hlv_text(". 0 IN "));
	hlv_put(&l, hlv_text(name ? name : type == HLV_DNS_SVCB ? "SVCB" : "HTTPS"));
	hlv_put_u8(&l, ' ');
	put_text(&l, type, text);
	hlv_put_u8(&l, '\0');
	ldns_rr *rr = NULL;
	if (l.bad || ldns_rr_new_frm_str(&rr, line, 0, NULL, NULL) != LDNS_STATUS_OK)
		return false;
	bool ok = put_rdata(rr, type, w);
	ldns_rr_free(rr);
	return ok;
}

/* --- pieces --- */

struct hlv_rdata_walk hlv_rdata_walk(uint16_t type, struct hlv_bytes rdata)
{
	return (struct hlv_rdata_walk){.shape = shape_of(type), .r = hlv_reader(rdata)};
}

bool hlv_rdata_next(struct hlv_rdata_walk *walk, enum hlv_rdata_piece *kind,
		    struct hlv_bytes *piece)
{
	if (walk->r.bad || hlv_left(&walk->r) == 0) {
		walk->r.bad |= *walk->shape != '\0';
		return false;
	}
	*kind = *walk->shape == 'n' ? HLV_RDATA_NAME : HLV_RDATA_OCTETS;
	size_t from = walk->r.pos;
	switch (*walk->shape) {
	case 'n':
		hlv_dname_get(&walk->r);
		break;
	case '2':
		hlv_get_u16(&walk->r);
		break;
	case 's':
		hlv_take(&walk->r, hlv_get_u8(&walk->r));
		break;
	default:
		hlv_take(&walk->r, hlv_left(&walk->r));
		break;
	}
	if (*walk->shape)
		walk->shape++;
	*piece = hlv_since(&walk->r, from);
	return !walk->r.bad;
}

bool hlv_rdata_compresses(uint16_t type)
{
	return type == HLV_DNS_NS || type == HLV_DNS_CNAME || type == HLV_DNS_SOA ||
	       type == HLV_DNS_PTR || type == HLV_DNS_MX;
}

struct hlv_bytes hlv_rdata_target(uint16_t type, struct hlv_bytes rdata)
{
	if (type != HLV_DNS_NS && type != HLV_DNS_MX && type != HLV_DNS_SRV)
		return (struct hlv_bytes){0};
	struct hlv_rdata_walk walk = hlv_rdata_walk(type, rdata);
	enum hlv_rdata_piece kind;
	struct hlv_bytes piece;
	while (hlv_rdata_next(&walk, &kind, &piece))
		if (kind == HLV_RDATA_NAME)
			return piece;
	return (struct hlv_bytes){0};
}
