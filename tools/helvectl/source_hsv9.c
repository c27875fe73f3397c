/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference server's JSON export: one object
 * {"homedPrefixes":[...],"handleRecords":{"NAME":
 * {"handle","values"},...}}, as large as the registry. It is cut, not parsed: brackets and
 * strings are followed octet by octet, and only one record at a time is held and handed to the
 * parser. So a record that is wrong costs itself alone.
 */
#include "proto/net/json.h"
#include "proto/net/json_scan.h"
#include "proto/net/json_tree.h"
#include "tools/helvectl/source_input.h"

enum place { AT_START, IN_DUMP, IN_PREFIXES, IN_RECORDS, AT_END };

static int next_solid(struct source *s)
{
	int c;
	do
		c = source_getc(s);
	while (c == ' ' || c == '\t' || c == '\r' || c == '\n');
	return c;
}

static void keep(struct hlv_buf *b, int c)
{
	char octet = (char)c;
	if (b->n <= HLV_JSON_MAX)
		hlv_buf_put(b, hlv_bytes(&octet, 1));
}

/* The rest of a string behind its opening quote `c`. */
static bool cut_string(struct source *s, struct hlv_buf *b)
{
	bool escaped = false;
	for (int c = source_getc(s); c != EOF; c = source_getc(s)) {
		keep(b, c);
		if (!escaped && c == '"')
			return true;
		escaped = !escaped && c == '\\';
	}
	return false;
}

/* One whole value that begins with `c`, into `b`. */
static bool cut_value(struct source *s, int c, struct hlv_buf *b)
{
	unsigned depth = 0;
	hlv_buf_clear(b);
	for (; c != EOF; c = source_getc(s)) {
		if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
			source_ungetc(s, c); /* behind a number or a word */
			return b->n > 0;
		}
		keep(b, c);
		if (c == '"' && !cut_string(s, b))
			return false;
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		if (depth == 0 && (c == '"' || c == '}' || c == ']'))
			return true;
	}
	return false;
}

/* `"KEY" :` into `b`, quotes included. */
static bool cut_key(struct source *s, int c, struct hlv_buf *b)
{
	return c == '"' && cut_value(s, c, b) && next_solid(s) == ':';
}

static struct hlv_bytes unquote(struct hlv_arena *a, const struct hlv_buf *quoted)
{
	struct hlv_json json;
	struct hlv_json_error error;
	if (hlv_json_read(&json, hlv_buf_bytes(quoted), a, &error) != HLV_OK)
		return (struct hlv_bytes){0};
	return hlv_json_text(json.root);
}

/* Behind an element: a comma and the next one, or the closing bracket. */
static int next_element(struct source *s, int closing)
{
	int c = next_solid(s);
	if (c == ',')
		c = next_solid(s);
	return c == closing ? 0 : c;
}

static enum source_result next_prefix(struct source *s, struct hlv_arena *a,
				      struct source_record *out)
{
	int c = next_element(s, ']');
	if (c == 0) {
		s->u.hsv9.place = IN_DUMP;
		return SOURCE_END;
	}
	out->line = s->line;
	if (c == EOF || !cut_value(s, c, &s->text))
		return source_broken(out, "homedPrefixes: ends in the middle");
	out->handle = unquote(a, &s->text);
	out->homed = true;
	return source_check(out) == HLV_OK ? SOURCE_RECORD : SOURCE_REJECTED;
}

static enum source_result parse_record(struct source *s, struct hlv_arena *a,
				       struct source_record *out)
{
	struct hlv_bytes name = unquote(a, &s->cell);
	uint64_t line = out->line;
	/* The export leaves out a timestamp that is zero: one that is not there is zero, not
	 * now. */
	enum hlv_err err = source_jsonl_line(hlv_buf_bytes(&s->text), 0, a, out);
	out->line = line;
	if (err == HLV_OK && !hlv_eq(name, out->handle))
		err = source_reject(out,
				    "handle: differs from the name that the record is under");
	if (err != HLV_OK)
		out->handle = name;
	return err == HLV_OK ? SOURCE_RECORD : SOURCE_REJECTED;
}

static enum source_result next_record(struct source *s, struct hlv_arena *a,
				      struct source_record *out)
{
	int c = next_element(s, '}');
	if (c == 0) {
		s->u.hsv9.place = IN_DUMP;
		return SOURCE_END;
	}
	out->line = s->line;
	if (!cut_key(s, c, &s->cell) || !cut_value(s, next_solid(s), &s->text))
		return source_broken(out, "handleRecords: ends in the middle, or is no JSON");
	return parse_record(s, a, out);
}

/* The next of the dump's own members: its two lists are gone into, others are passed over. */
static enum source_result next_member(struct source *s, struct source_record *out)
{
	int c = next_element(s, '}');
	if (c == 0) {
		s->u.hsv9.place = AT_END;
		return s->u.hsv9.is_dump ? SOURCE_END
					 : source_broken(out, "no HSv9 dump: no handleRecords");
	}
	out->line = s->line;
	if (!cut_key(s, c, &s->cell))
		return source_broken(out, "ends in the middle, or is no JSON");
	c = next_solid(s);
	if (c == '[' && hlv_eq(hlv_buf_bytes(&s->cell), hlv_text("\"homedPrefixes\"")))
		s->u.hsv9.place = IN_PREFIXES;
	else if (c == '{' && hlv_eq(hlv_buf_bytes(&s->cell), hlv_text("\"handleRecords\"")))
		s->u.hsv9.place = IN_RECORDS;
	else if (c == EOF || !cut_value(s, c, &s->text))
		return source_broken(out, "ends in the middle, or is no JSON");
	s->u.hsv9.is_dump |= s->u.hsv9.place != IN_DUMP;
	return SOURCE_END;
}

/* Each step gives something or moves to another place (SOURCE_END). */
enum source_result source_hsv9_next(struct source *s, uint32_t now_s, struct hlv_arena *a,
				    struct source_record *out)
{
	enum source_result result = SOURCE_END;
	(void)now_s;
	while (result == SOURCE_END) {
		out->line = s->line;
		switch ((enum place)s->u.hsv9.place) {
		case AT_START:
			if (next_solid(s) != '{')
				return source_broken(out,
						     "no HSv9 dump: does not begin with {");
			s->u.hsv9.place = IN_DUMP;
			break;
		case IN_DUMP:
			result = next_member(s, out);
			break;
		case IN_PREFIXES:
			result = next_prefix(s, a, out);
			break;
		case IN_RECORDS:
			result = next_record(s, a, out);
			break;
		case AT_END:
			return next_solid(s) == EOF ? SOURCE_END
						    : source_broken(out, "text behind the end");
		}
	}
	return result;
}
