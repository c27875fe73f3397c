/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/gs1.h"

#include <stdarg.h>

/* What a value may hold behind its digits. */
enum charset { NOTHING, DIGITS, CSET82, CSET39, CSET82_CHECKED };

/* A primary key: so many digits, of which the first `checked` end in a check digit, then up to `tail`
 * of `set`. `company`: where its GS1 company prefix begins. Qualifiers in their order; what stands
 * behind a bar excludes those before it. */
struct hlv_gs1_ai {
	const char *ai;
	uint8_t digits, checked, company, tail;
	enum charset set;
	const char *qualifiers;
};

static const struct hlv_gs1_ai primaries[] = {
	{"01", 14, 14, 1, 0, NOTHING, "22 10 21|235"},
	{"00", 18, 18, 1, 0, NOTHING, ""},
	{"253", 13, 13, 0, 17, CSET82, ""},
	{"255", 13, 13, 0, 12, DIGITS, ""},
	{"401", 0, 0, 0, 30, CSET82, ""},
	{"402", 17, 17, 0, 0, NOTHING, ""},
	{"414", 13, 13, 0, 0, NOTHING, "254|7040"},
	{"415", 13, 13, 0, 0, NOTHING, "8020"},
	{"417", 13, 13, 0, 0, NOTHING, "7040"},
	{"8003", 14, 14, 1, 16, CSET82, ""},
	{"8004", 0, 0, 0, 30, CSET82, "7040"},
	{"8006", 18, 14, 1, 0, NOTHING, "22 10 21"},
	{"8010", 0, 0, 0, 30, CSET39, "8011"},
	{"8013", 0, 0, 0, 25, CSET82_CHECKED, ""},
	{"8017", 18, 18, 0, 0, NOTHING, "8019"},
	{"8018", 18, 18, 0, 0, NOTHING, "8019"},
};

static const struct {
	const char *ai;
	uint8_t min, max;
	enum charset set;
} qualifiers[] = {
	{"22", 1, 20, CSET82},	 {"10", 1, 20, CSET82},	  {"21", 1, 20, CSET82},
	{"235", 1, 28, CSET82},	 {"254", 1, 20, CSET82},  {"7040", 4, 4, CSET82},
	{"8020", 1, 25, CSET82}, {"8011", 1, 12, DIGITS}, {"8019", 1, 10, DIGITS},
};

enum { KEY_DIGITS = 4 /* of a company prefix, at least: in keys without a check digit */ };

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static size_t leading_digits(struct hlv_bytes b)
{
	size_t n = 0;
	while (n < b.n && is_digit(b.p[n]))
		n++;
	return n;
}

char hlv_gs1_check_digit(const uint8_t *digits, size_t n)
{
	unsigned sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (unsigned)(digits[i] - '0') * ((n - i) % 2 ? 3 : 1);
	return (char)('0' + (10 - sum % 10) % 10);
}

static const struct hlv_gs1_ai *primary_of(struct hlv_bytes ai)
{
	for (size_t i = 0; i < sizeof primaries / sizeof *primaries; i++)
		if (hlv_eq(ai, hlv_text(primaries[i].ai)))
			return &primaries[i];
	return NULL;
}

bool hlv_gs1_is_primary(struct hlv_bytes ai)
{
	return primary_of(ai) != NULL;
}

bool hlv_gs1_begins(struct hlv_bytes path)
{
	const uint8_t *slash = path.n ? memchr(path.p, '/', path.n) : NULL;
	if (!slash)
		return false;
	size_t at = (size_t)(slash - path.p);
	const struct hlv_gs1_ai *ai = primary_of(hlv_head(path, at));
	if (!ai)
		return false;
	struct hlv_bytes value = hlv_skip(path, at + 1);
	slash = value.n ? memchr(value.p, '/', value.n) : NULL;
	value = hlv_head(value, slash ? (size_t)(slash - value.p) : value.n);
	size_t digits = ai->digits ? ai->digits : KEY_DIGITS;
	size_t most = ai->digits + ai->tail, escapes = 0;
	for (size_t i = 0; i < value.n; i++)
		escapes += value.p[i] == '%'; /* "%2F" is one character */
	if (value.n > most + 2 * escapes || leading_digits(hlv_head(value, digits)) < digits)
		return false;
	return ai->checked == 0 ||
	       hlv_gs1_check_digit(value.p, ai->checked - 1U) == (char)value.p[ai->checked - 1];
}

/* --- values --- */

static bool is_cset82(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '%' && c <= '?') ||
	       c == '!' || c == '"' || c == '_';
}

static bool is_of(enum charset set, uint8_t c)
{
	switch (set) {
	case NOTHING:
		return false;
	case DIGITS:
		return is_digit(c);
	case CSET39:
		return is_digit(c) || (c >= 'A' && c <= 'Z') || c == '#' || c == '-' ||
		       c == '/';
	case CSET82:
	case CSET82_CHECKED:
		break;
	}
	return is_cset82(c);
}

static bool is_all_of(enum charset set, struct hlv_bytes value)
{
	for (size_t i = 0; i < value.n; i++)
		if (!is_of(set, value.p[i]))
			return false;
	return true;
}

__attribute__((format(printf, 2, 3))) static enum hlv_err wrong(char why[HLV_SCHEME_WHY],
								const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(why, HLV_SCHEME_WHY, format, args);
	va_end(args);
	return HLV_E_MALFORMED;
}

/* Global model numbers end in two check characters (GS1 General Specifications 7.9.5): weights are
 * primes from the right, the sum modulo 1021 is written in base 32. */
static void model_check(struct hlv_bytes body, char pair[2])
{
	static const char letters[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
	static const char values[] = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
				     "abcdefghijklmnopqrstuvwxyz";
	static const uint8_t primes[] = {2,  3,	 5,  7,	 11, 13, 17, 19, 23, 29, 31, 37,
					 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83};
	unsigned sum = 0;
	for (size_t i = 0; i < body.n; i++) {
		unsigned value = (unsigned)(strchr(values, body.p[i]) - values);
		sum += value * primes[body.n - 1 - i];
	}
	sum %= 1021;
	pair[0] = letters[sum >> 5];
	pair[1] = letters[sum & 31];
}

/* Of texts in error lines: what may be shown. */
static int shown(struct hlv_bytes b)
{
	return b.n < 8 && leading_digits(b) == b.n ? (int)b.n : 0;
}

static enum hlv_err check_digits(const struct hlv_gs1_ai *ai, const uint8_t *digits,
				 char why[HLV_SCHEME_WHY])
{
	if (ai->checked == 0)
		return HLV_OK;
	char right = hlv_gs1_check_digit(digits, ai->checked - 1U);
	if (right != (char)digits[ai->checked - 1])
		return wrong(why, "(%s): check digit is %c, not %c", ai->ai, right,
			     digits[ai->checked - 1]);
	if (strcmp(ai->ai, "8003") == 0 && digits[0] != '0')
		return wrong(why, "(8003): the first digit is 0");
	return HLV_OK;
}

static enum hlv_err check_model(const struct hlv_gs1_ai *ai, struct hlv_bytes value,
				char why[HLV_SCHEME_WHY])
{
	char pair[2];
	if (ai->set != CSET82_CHECKED)
		return HLV_OK;
	if (value.n < KEY_DIGITS + 3)
		return wrong(why, "(%s): too short", ai->ai);
	model_check(hlv_head(value, value.n - 2), pair);
	if (memcmp(pair, value.p + value.n - 2, 2) != 0)
		return wrong(why, "(%s): check characters are %.2s", ai->ai, pair);
	return HLV_OK;
}

/* The primary key's value: GTINs of 8, 12 and 13 digits get zeros in front. */
static enum hlv_err take_primary(const struct hlv_gs1_ai *ai, struct hlv_bytes value,
				 struct hlv_gs1 *out, char why[HLV_SCHEME_WHY])
{
	size_t digits = leading_digits(value), pad = 0;
	if (strcmp(ai->ai, "01") == 0 && (value.n == 8 || value.n == 12 || value.n == 13))
		pad = 14 - value.n;
	if (digits + pad < ai->digits || value.n + pad > (size_t)ai->digits + ai->tail) {
		if (ai->tail == 0)
			return wrong(why, "(%s): %d digits, not \"%.*s\" of %zu octets", ai->ai,
				     ai->digits, shown(value), (const char *)value.p, value.n);
		return wrong(why, "(%s): %d digits and up to %d more characters", ai->ai,
			     ai->digits, ai->tail);
	}
	if (ai->digits == 0 && digits < KEY_DIGITS)
		return wrong(why, "(%s): begins with a GS1 company prefix, at least %d digits",
			     ai->ai, KEY_DIGITS);
	struct hlv_bytes tail = hlv_skip(value, ai->digits - pad);
	if (!is_all_of(ai->set, tail))
		return wrong(why, "(%s): holds what the GS1 character set has not", ai->ai);
	memset(out->primary, '0', pad);
	memcpy(out->primary + pad, value.p, value.n);
	out->nprimary = value.n + pad;
	out->ai = ai;
	HLV_TRY(check_model(ai, value, why));
	return check_digits(ai, out->primary, why);
}

/* Where in the order of its primary key's qualifiers; -1: it is none. `group` counts bars. */
static int rank(const struct hlv_gs1_ai *ai, struct hlv_bytes qualifier, int *group)
{
	int at = 0;
	*group = 0;
	for (const char *q = ai->qualifiers; *q; at++) {
		size_t n = strcspn(q, " |");
		if (hlv_eq(hlv_bytes(q, n), qualifier))
			return at;
		*group += q[n] == '|';
		q += n + (q[n] != '\0');
	}
	return -1;
}

static enum hlv_err check_qualifier(const struct hlv_gs1_pair *pair, char why[HLV_SCHEME_WHY])
{
	for (size_t i = 0; i < sizeof qualifiers / sizeof *qualifiers; i++) {
		if (!hlv_eq(pair->ai, hlv_text(qualifiers[i].ai)))
			continue;
		const char *ai = qualifiers[i].ai;
		if (pair->value.n < qualifiers[i].min || pair->value.n > qualifiers[i].max)
			return wrong(why, "(%s): %d to %d characters, not %zu", ai,
				     qualifiers[i].min, qualifiers[i].max, pair->value.n);
		if (!is_all_of(qualifiers[i].set, pair->value))
			return wrong(why, "(%s): holds what %s", ai,
				     qualifiers[i].set == DIGITS
					     ? "is no digit"
					     : "the GS1 character set has not");
		if (strcmp(ai, "8011") == 0 && pair->value.n > 1 && pair->value.p[0] == '0')
			return wrong(why, "(8011): leading zero");
		if (strcmp(ai, "7040") == 0 && !is_digit(pair->value.p[0]))
			return wrong(why, "(7040): begins with a digit");
		break;
	}
	return HLV_OK;
}

/* Into its place among those that are there. */
static enum hlv_err take_qualifier(const struct hlv_gs1_pair *pair, int at, int group,
				   struct hlv_gs1 *out, char why[HLV_SCHEME_WHY])
{
	HLV_TRY(check_qualifier(pair, why));
	size_t to = out->nqualifiers;
	for (size_t i = out->nqualifiers; i > 0; i--) {
		const struct hlv_gs1_pair *q = &out->qualifiers[i - 1];
		int other_group, other = rank(out->ai, q->ai, &other_group);
		if (other == at)
			return wrong(why, "(%.*s) stands twice", (int)pair->ai.n, pair->ai.p);
		if (other_group != group)
			return wrong(why, "(%.*s) and (%.*s) exclude each other", (int)q->ai.n,
				     q->ai.p, (int)pair->ai.n, pair->ai.p);
		if (other > at)
			to = i - 1;
	}
	out->reordered = out->reordered || to < out->nqualifiers;
	for (size_t i = out->nqualifiers; i > to; i--)
		out->qualifiers[i] = out->qualifiers[i - 1];
	out->qualifiers[to] = *pair;
	out->nqualifiers++;
	return HLV_OK;
}

enum hlv_err hlv_gs1_assemble(const struct hlv_gs1_pair *pairs, size_t n, bool *attributes,
			      struct hlv_gs1 *out, char why[HLV_SCHEME_WHY])
{
	size_t key = n;
	*out = (struct hlv_gs1){0};
	for (size_t i = n; i > 0; i--)
		if (hlv_gs1_is_primary(pairs[i - 1].ai))
			key = i - 1;
	if (key == n)
		return wrong(why, "no GS1 key: (01) or another AI that identifies something");
	HLV_TRY(take_primary(primary_of(pairs[key].ai), pairs[key].value, out, why));
	out->reordered = key > 0 && !attributes;
	for (size_t i = 0; i < n; i++) {
		int group, at = rank(out->ai, pairs[i].ai, &group);
		if (i == key)
			continue;
		if (at >= 0)
			HLV_TRY(take_qualifier(&pairs[i], at, group, out, why));
		else if (!attributes)
			return wrong(why, "\"%.*s\" is no qualifier of (%s)",
				     shown(pairs[i].ai), (const char *)pairs[i].ai.p,
				     out->ai->ai);
		else
			*attributes = true;
	}
	if (strcmp(out->ai->ai, "415") == 0 && out->nqualifiers == 0)
		return wrong(why, "(415) needs its reference number (8020)");
	return HLV_OK;
}

/* --- canonical text --- */

static void put_field(struct hlv_writer *w, struct hlv_bytes value)
{
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '/')
			hlv_put(w, hlv_text("%2F"));
		else if (value.p[i] == '%')
			hlv_put(w, hlv_text("%25"));
		else
			hlv_put_u8(w, value.p[i]);
	}
}

void hlv_gs1_put(struct hlv_writer *w, const struct hlv_gs1 *key)
{
	hlv_put(w, hlv_text(key->ai->ai));
	hlv_put_u8(w, '/');
	put_field(w, hlv_bytes(key->primary, key->nprimary));
	for (size_t i = 0; i < key->nqualifiers; i++) {
		hlv_put_u8(w, '/');
		hlv_put(w, key->qualifiers[i].ai);
		hlv_put_u8(w, '/');
		put_field(w, key->qualifiers[i].value);
	}
}

struct hlv_bytes hlv_gs1_company(const struct hlv_gs1 *key)
{
	struct hlv_bytes value = hlv_bytes(key->primary, key->nprimary);
	return hlv_skip(hlv_head(value, leading_digits(value)), key->ai->company);
}

/* All in front of the last slash; empty without one. */
static struct hlv_bytes before_slash(struct hlv_bytes b)
{
	while (b.n > 0 && b.p[b.n - 1] != '/')
		b.n--;
	return hlv_head(b, b.n ? b.n - 1 : 0);
}

struct hlv_bytes hlv_gs1_up(struct hlv_bytes canonical)
{
	struct hlv_bytes up = before_slash(before_slash(canonical));
	return up.n && memchr(up.p, '/', up.n) ? up : (struct hlv_bytes){0};
}

/* --- element strings --- */

size_t hlv_gs1_ai_digits(struct hlv_bytes text)
{
	/* By the first two digits. */
	static const char two[] = "00 01 02 03 10 11 12 13 15 16 17 20 21 22 30 37 "
				  "90 91 92 93 94 95 96 97 98 99 ";
	static const char three[] = "23 24 25 40 41 42 71 ";
	static const char four[] = "31 32 33 34 35 36 39 43 70 72 80 81 82 ";
	char head[4] = "xx ";
	if (leading_digits(hlv_head(text, 2)) < 2)
		return 0;
	memcpy(head, text.p, 2);
	size_t n = strstr(two, head) ? 2 : strstr(three, head) ? 3 : strstr(four, head) ? 4 : 0;
	return leading_digits(hlv_head(text, n)) == n ? n : 0;
}

size_t hlv_gs1_fixed_octets(struct hlv_bytes ai)
{
	static const struct {
		const char *first, *last; /* of the first two digits */
		uint8_t whole;		  /* octets of AI and value together */
	} rows[] = {
		{"00", "00", 20}, {"01", "03", 16}, {"04", "04", 18}, {"11", "19", 8},
		{"20", "20", 4},  {"31", "36", 10}, {"41", "41", 16},
	};
	for (size_t i = 0; ai.n >= 2 && i < sizeof rows / sizeof *rows; i++)
		if (memcmp(ai.p, rows[i].first, 2) >= 0 && memcmp(ai.p, rows[i].last, 2) <= 0)
			return rows[i].whole - ai.n;
	return 0;
}
