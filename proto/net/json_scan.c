/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/json_scan.h"

#include <stdarg.h>

#include "proto/wire/name.h"

enum hlv_err hlv_json_fail(struct hlv_json_error *error, enum hlv_err err, size_t offset,
			   const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	error->offset = offset;
	return err;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_delimiter(uint8_t c)
{
	return is_space(c) || c == ',' || c == ':' || c == '"' || c == '{' || c == '}' ||
	       c == '[' || c == ']';
}

static size_t skip_digits(struct hlv_bytes b, size_t i)
{
	while (i < b.n && is_digit(b.p[i]))
		i++;
	return i;
}

/* RFC 8259 6: no plus sign, no leading zeros, digits on both sides of the point. */
static bool is_number(struct hlv_bytes b)
{
	size_t i = b.n > 0 && b.p[0] == '-';
	size_t from = i;
	i = skip_digits(b, i);
	if (i == from || (b.p[from] == '0' && i > from + 1))
		return false;
	if (i < b.n && b.p[i] == '.') {
		from = ++i;
		i = skip_digits(b, i);
		if (i == from)
			return false;
	}
	if (i < b.n && (b.p[i] == 'e' || b.p[i] == 'E')) {
		i++;
		if (i < b.n && (b.p[i] == '+' || b.p[i] == '-'))
			i++;
		from = i;
		i = skip_digits(b, i);
		if (i == from)
			return false;
	}
	return i == b.n;
}

/* Past the closing quote of the string that begins at `i`; 0 when there is none. */
static size_t string_end(struct hlv_bytes text, size_t i)
{
	for (i++; i < text.n; i++) {
		if (text.p[i] == '"')
			return i + 1;
		if (text.p[i] == '\\')
			i++;
	}
	return 0;
}

static size_t word_end(struct hlv_bytes text, size_t i)
{
	while (i < text.n && !is_delimiter(text.p[i]))
		i++;
	return i;
}

struct scan {
	struct hlv_bytes text;
	size_t pos;
	unsigned depth, tokens;
	bool ended; /* the one value at the top is complete */
	struct hlv_json_error *error;
};

static enum hlv_err bad(struct scan *s, size_t at, const char *what)
{
	return hlv_json_fail(s->error, HLV_E_MALFORMED, at, "JSON: %s", what);
}

static enum hlv_err scan_string(struct scan *s)
{
	size_t from = s->pos;
	size_t end = string_end(s->text, from);
	if (end == 0)
		return bad(s, from, "a string has no closing quote");
	for (size_t i = from + 1; i < end - 1; i++) {
		uint8_t c = s->text.p[i];
		if (c < 0x20)
			return bad(s, i, "a control character in a string must be escaped");
		if (c != '\\')
			continue;
		i++;
		if (hlv_starts_with(hlv_skip(s->text, i), hlv_text("u0000")))
			return bad(s, i, "NUL in a string: write such data as base64");
	}
	s->pos = end;
	return HLV_OK;
}

static enum hlv_err scan_word(struct scan *s)
{
	size_t from = s->pos;
	s->pos = word_end(s->text, from);
	struct hlv_bytes word = hlv_bytes(s->text.p + from, s->pos - from);
	if (hlv_eq(word, hlv_text("true")) || hlv_eq(word, hlv_text("false")) ||
	    hlv_eq(word, hlv_text("null")) || is_number(word))
		return HLV_OK;
	return bad(s, from, "neither a value nor a number");
}

static enum hlv_err scan_token(struct scan *s)
{
	uint8_t c = s->text.p[s->pos];
	if (s->ended)
		return bad(s, s->pos, "text behind the end of the value");
	if (++s->tokens > HLV_JSON_TOKENS)
		return hlv_json_fail(s->error, HLV_E_LIMIT, s->pos, "JSON: over %d tokens",
				     HLV_JSON_TOKENS);
	if (c == '{' || c == '[') {
		s->pos++;
		if (++s->depth > HLV_JSON_DEPTH)
			return hlv_json_fail(s->error, HLV_E_LIMIT, s->pos,
					     "JSON: nested deeper than %d", HLV_JSON_DEPTH);
		return HLV_OK;
	}
	if (c == '}' || c == ']') {
		if (s->depth == 0)
			return bad(s, s->pos, "a closing bracket too many");
		s->pos++;
		s->depth--;
	} else if (c == '"') {
		HLV_TRY(scan_string(s));
	} else {
		HLV_TRY(scan_word(s));
	}
	s->ended = s->depth == 0;
	return HLV_OK;
}

enum hlv_err hlv_json_scan(struct hlv_bytes text, struct hlv_json_error *error)
{
	struct scan s = {.text = text, .error = error};
	if (text.n > HLV_JSON_MAX)
		return hlv_json_fail(error, HLV_E_LIMIT, 0, "JSON: over %d octets",
				     HLV_JSON_MAX);
	while (s.pos < text.n) {
		uint8_t c = text.p[s.pos];
		if (is_space(c) || ((c == ',' || c == ':') && s.depth > 0)) {
			s.pos++;
			continue;
		}
		HLV_TRY(scan_token(&s));
	}
	if (!s.ended)
		return bad(&s, text.n, text.n == 0 ? "nothing there" : "ends in the middle");
	if (!hlv_utf8_valid(text))
		return bad(&s, 0, "not UTF-8");
	return HLV_OK;
}

bool hlv_json_next_number(struct hlv_reader *r, struct hlv_bytes *number)
{
	while (r->pos < r->in.n) {
		uint8_t c = r->in.p[r->pos];
		if (c == '"') {
			r->pos = string_end(r->in, r->pos);
		} else if (c == '-' || is_digit(c)) {
			size_t from = r->pos;
			r->pos = word_end(r->in, from);
			*number = hlv_bytes(r->in.p + from, r->pos - from);
			return true;
		} else {
			r->pos++;
		}
	}
	return false;
}
