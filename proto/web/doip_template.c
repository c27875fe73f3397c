/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/doip_template.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/wire/name.h"

enum { SHOWN = 64, NAME_MAX_OCTETS = 128, LENGTH_MAX = 1000000 };

static enum doip_code wrong(enum doip_code code, char *why, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static enum doip_code wrong(enum doip_code code, char *why, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(why, DOIP_WHY, format, args);
	va_end(args);
	return code;
}

static const char *shown(struct hlv_bytes text, char room[SHOWN])
{
	struct hlv_bytes head = hlv_head(text, SHOWN - 1);
	if (!hlv_is_text(head)) /* cut within a character, perhaps */
		head.n = 0;
	snprintf(room, SHOWN, "%.*s", (int)head.n, head.n ? (const char *)head.p : "");
	return room;
}

static size_t characters(struct hlv_bytes text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += (text.p[i] & 0xC0) != 0x80;
	return n;
}

/* --- numbers, as decimal digits: 38 of them fit no machine word --- */

struct decimal {
	bool minus;
	struct hlv_bytes whole, part; /* without leading, and without trailing zeros */
};

static size_t digits(struct hlv_bytes text)
{
	size_t n = 0;
	while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
		n++;
	return n;
}

static bool read_decimal(struct hlv_bytes text, struct decimal *out)
{
	*out = (struct decimal){0};
	if (text.n && (text.p[0] == '-' || text.p[0] == '+')) {
		out->minus = text.p[0] == '-';
		text = hlv_skip(text, 1);
	}
	out->whole = hlv_head(text, digits(text));
	text = hlv_skip(text, out->whole.n);
	if (out->whole.n == 0)
		return false;
	if (text.n) {
		if (text.p[0] != '.')
			return false;
		text = hlv_skip(text, 1);
		out->part = text;
		if (text.n == 0 || digits(text) != text.n)
			return false;
	}
	while (out->whole.n > 0 && out->whole.p[0] == '0')
		out->whole = hlv_skip(out->whole, 1);
	while (out->part.n > 0 && out->part.p[out->part.n - 1] == '0')
		out->part.n--;
	if (out->whole.n == 0 && out->part.n == 0)
		out->minus = false;
	return true;
}

static int compare(const struct decimal *a, const struct decimal *b)
{
	int order;
	if (a->minus != b->minus)
		return a->minus ? -1 : 1;
	if (a->whole.n != b->whole.n)
		order = a->whole.n < b->whole.n ? -1 : 1;
	else
		order = hlv_compare(a->whole, b->whole);
	if (order == 0)
		order = hlv_compare(a->part, b->part);
	return a->minus ? -order : order;
}

static enum doip_code check_number(const struct doip_item *item, struct hlv_bytes text,
				   char *why)
{
	struct decimal x, bound;
	char name[SHOWN];
	shown(item->name, name);
	if (!read_decimal(text, &x))
		return wrong(DOIP_BAD_ITEM, why, "%s: not a number", name);
	size_t n = x.whole.n + x.part.n;
	if (n > DOIP_DIGITS_MAX)
		return wrong(DOIP_BAD_ITEM, why, "%s: more than %d digits", name,
			     DOIP_DIGITS_MAX);
	if (item->accuracy >= 0 && x.part.n > (size_t)item->accuracy)
		return wrong(DOIP_BAD_ITEM, why, "%s: more than %d digits behind the point",
			     name, (int)item->accuracy);
	if (item->has_low && read_decimal(item->low, &bound) && compare(&x, &bound) < 0)
		return wrong(DOIP_BAD_ITEM, why, "%s: less than %.40s", name,
			     (const char *)item->low.p);
	if (item->has_high && read_decimal(item->high, &bound) && compare(&x, &bound) > 0)
		return wrong(DOIP_BAD_ITEM, why, "%s: more than %.40s", name,
			     (const char *)item->high.p);
	return DOIP_OK;
}

/* --- dates --- */

struct date {
	unsigned year, month, day, hour, minute, second;
};

static unsigned *part_of(struct date *d, char letter)
{
	switch (letter) {
	case 'y':
		return &d->year;
	case 'M':
		return &d->month;
	case 'd':
		return &d->day;
	case 'H':
		return &d->hour;
	case 'm':
		return &d->minute;
	case 's':
		return &d->second;
	}
	return NULL;
}

static bool is_real(const struct date *d)
{
	static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = d->year % 4 == 0 && (d->year % 100 != 0 || d->year % 400 == 0);
	return d->month >= 1 && d->month <= 12 && d->day >= 1 && d->day <= days[d->month - 1] &&
	       (d->month != 2 || d->day < 29 || leap) && d->hour < 24 && d->minute < 60 &&
	       d->second < 60;
}

/* Letters of the format stand for digits, all else for itself. */
static bool fits_format(struct hlv_bytes text, struct hlv_bytes format)
{
	struct date d = {.year = 2000, .month = 1, .day = 1};
	if (text.n != format.n)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		unsigned *part = part_of(&d, (char)format.p[i]);
		if (!part) {
			if (text.p[i] != format.p[i])
				return false;
			continue;
		}
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		bool first = i == 0 || format.p[i - 1] != format.p[i];
		*part = (first ? 0 : *part * 10) + (unsigned)(text.p[i] - '0');
	}
	return is_real(&d);
}

static enum doip_code check_date(const struct doip_item *item, struct hlv_bytes text, char *why)
{
	char name[SHOWN], format[SHOWN];
	if (fits_format(text, item->date_format))
		return DOIP_OK;
	return wrong(DOIP_BAD_ITEM, why, "%s: no date as %s", shown(item->name, name),
		     shown(item->date_format, format));
}

/* --- values --- */

static enum doip_code check_text(const struct doip_item *item, struct hlv_bytes text, char *why)
{
	char name[SHOWN];
	if (!item->words)
		return DOIP_OK;
	for (const struct hlv_json_node *w = hlv_json_first(item->words); w;
	     w = hlv_json_next(w))
		if (hlv_eq(hlv_json_text(w), text))
			return DOIP_OK;
	return wrong(DOIP_BAD_ITEM, why, "%s: none of the values that charRange lists",
		     shown(item->name, name));
}

enum doip_code doip_item_check(const struct doip_item *item, struct hlv_bytes text, char *why)
{
	char name[SHOWN];
	int64_t n = (int64_t)characters(text);
	if (!hlv_is_text(text))
		return wrong(DOIP_BAD_ITEM, why, "%s: not UTF-8", shown(item->name, name));
	if (n < item->min_length || n > item->max_length)
		return wrong(DOIP_BAD_ITEM, why,
			     "%s: %lld characters, %lld to %lld are allowed",
			     shown(item->name, name), (long long)n, (long long)item->min_length,
			     (long long)item->max_length);
	switch (item->type) {
	case DOIP_TEXT:
		return check_text(item, text, why);
	case DOIP_NUMBER:
		return check_number(item, text, why);
	case DOIP_DATE:
		return check_date(item, text, why);
	}
	return DOIP_BAD_ITEM;
}

const struct doip_item *doip_template_item(const struct doip_template *t, struct hlv_bytes name)
{
	for (size_t i = 0; i < t->n; i++)
		if (hlv_eq(t->items[i].name, name))
			return &t->items[i];
	return NULL;
}

enum doip_code doip_template_check(struct hlv_json *j, const struct doip_template *t,
				   const struct hlv_json_node *content, bool whole, char *why)
{
	char name[SHOWN];
	for (const struct hlv_json_node *m = hlv_json_first(content); m; m = hlv_json_next(m)) {
		const struct doip_item *item = doip_template_item(t, hlv_json_name(m));
		struct hlv_bytes text;
		shown(hlv_json_name(m), name);
		if (!item)
			return wrong(DOIP_NO_SUCH_ITEM, why, "%s: no item of the template",
				     name);
		if (item->disabled)
			return wrong(DOIP_ITEM_DISABLED, why, "%s: the item is disabled", name);
		enum hlv_json_kind kind = hlv_json_kind(m);
		if ((kind != HLV_JSON_STRING && kind != HLV_JSON_NUMBER) ||
		    !hlv_json_spelling(j, m, &text))
			return wrong(DOIP_BAD_ITEM, why, "%s: expected a text or a number",
				     name);
		enum doip_code code = doip_item_check(item, text, why);
		if (code != DOIP_OK)
			return code;
	}
	for (size_t i = 0; whole && i < t->n; i++) {
		const struct doip_item *item = &t->items[i];
		if (item->required && !item->disabled &&
		    !hlv_json_member(content, (const char *)item->name.p))
			return wrong(DOIP_BAD_ITEM, why, "%s: required, and missing",
				     shown(item->name, name));
	}
	return DOIP_OK;
}

/* --- the template itself --- */

/* "0,100", "[0,100]", "0~100" or [0,100]; either side may be empty. */
static bool read_range(struct hlv_json *j, const struct hlv_json_node *node,
		       struct doip_item *item)
{
	struct hlv_bytes text = {0}, sides[2] = {{0}};
	struct decimal d;
	if (hlv_json_kind(node) == HLV_JSON_ARRAY) {
		const struct hlv_json_node *m = hlv_json_first(node);
		for (size_t i = 0; i < 2 && m; i++, m = hlv_json_next(m))
			(void)hlv_json_spelling(j, m, &sides[i]);
		if (hlv_json_length(node) != 2)
			return false;
	} else if (hlv_json_kind(node) == HLV_JSON_STRING) {
		text = hlv_json_text(node);
		if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
			text = hlv_bytes(text.p + 1, text.n - 2);
		const uint8_t *mid = text.n ? memchr(text.p, ',', text.n) : NULL;
		mid = mid || !text.n ? mid : memchr(text.p, '~', text.n);
		if (text.n && !mid)
			return false;
		sides[0] = mid ? hlv_head(text, (size_t)(mid - text.p)) : text;
		sides[1] = mid ? hlv_skip(text, sides[0].n + 1) : text;
	}
	item->has_low = sides[0].n > 0;
	item->has_high = sides[1].n > 0;
	/* Printed in complaints. */
	item->low = hlv_text(item->has_low ? hlv_arena_str(j->a, sides[0]) ?: "" : "");
	item->high = hlv_text(item->has_high ? hlv_arena_str(j->a, sides[1]) ?: "" : "");
	return (!item->has_low || read_decimal(item->low, &d)) &&
	       (!item->has_high || read_decimal(item->high, &d));
}

static enum doip_code read_schema(struct hlv_json *j, const struct hlv_json_node *schema,
				  struct doip_item *item, char *why)
{
	char name[SHOWN];
	int64_t type = DOIP_TEXT;
	struct hlv_bytes format = {0};
	const struct hlv_json_node *words = hlv_json_member(schema, "charRange");
	shown(item->name, name);
	item->max_length = DOIP_TEXT_MAX;
	item->accuracy = -1;
	if (hlv_json_get_integer_or(j, schema, "dataType", 1, 3, &type) != HLV_OK ||
	    hlv_json_get_integer_or(j, schema, "minLength", 0, LENGTH_MAX, &item->min_length) !=
		    HLV_OK ||
	    hlv_json_get_integer_or(j, schema, "maxLength", 1, DOIP_TEXT_MAX,
				    &item->max_length) != HLV_OK ||
	    hlv_json_get_integer_or(j, schema, "accuracy", 0, DOIP_DIGITS_MAX,
				    &item->accuracy) != HLV_OK ||
	    hlv_json_get_string_or(j, schema, "dateFormat", &format) != HLV_OK)
		return wrong(DOIP_FORM_SCHEMA, why, "%s: %.160s", name, j->error->text);
	item->type = (enum doip_type)type;
	item->date_format = format.n ? format : hlv_text("yyyy-MM-dd");
	if (item->date_format.n >= SHOWN)
		return wrong(DOIP_FORM_SCHEMA, why, "%s: dateFormat is too long", name);
	if (item->min_length > item->max_length)
		return wrong(DOIP_FORM_SCHEMA, why, "%s: minLength is above maxLength", name);
	if (!read_range(j, hlv_json_member(schema, "numberRange"), item))
		return wrong(DOIP_FORM_SCHEMA, why, "%s: numberRange: expected \"LOW,HIGH\"",
			     name);
	if (hlv_json_kind(words) == HLV_JSON_ARRAY && hlv_json_length(words) > 0)
		item->words = words;
	else if (words && hlv_json_kind(words) != HLV_JSON_NULL &&
		 hlv_json_kind(words) != HLV_JSON_ARRAY && hlv_json_text(words).n > 0)
		return wrong(DOIP_FORM_SCHEMA, why, "%s: charRange: expected a list of texts",
			     name);
	return DOIP_OK;
}

static enum doip_code read_item(struct hlv_json *j, const struct hlv_json_node *node,
				struct doip_template *t, char *why)
{
	char name[SHOWN];
	struct doip_item *item = &t->items[t->n];
	const struct hlv_json_node *basic = hlv_json_member(node, "itemBasicInfo");
	int64_t index = (int64_t)(DOIP_INDEX_MIN + t->n), state = 1;
	*item = (struct doip_item){.name = hlv_json_text(hlv_json_member(basic, "enName"))};
	if (item->name.n == 0 || item->name.n > NAME_MAX_OCTETS)
		return wrong(DOIP_FORM_ITEMS, why,
			     "itemInfos[%zu]: enName is missing or too long", t->n);
	shown(item->name, name);
	if (hlv_starts_with(item->name, hlv_text("HS_")))
		return wrong(DOIP_FORM_ITEMS, why, "%s: names of the system are not for items",
			     name);
	if (doip_template_item(t, item->name))
		return wrong(DOIP_FORM_ITEMS, why, "%s: stands twice", name);
	if (hlv_json_get_integer_or(j, basic, "itemIndex", DOIP_INDEX_MIN, INT32_MAX, &index) !=
		    HLV_OK ||
	    hlv_json_get_integer_or(j, basic, "state", 0, 1, &state) != HLV_OK)
		return wrong(DOIP_FORM_INDEX, why, "%s: %.160s", name, j->error->text);
	for (size_t i = 0; i < t->n; i++)
		if (t->items[i].index == (uint32_t)index)
			return wrong(DOIP_FORM_INDEX, why, "%s: index %u stands twice", name,
				     (unsigned)index);
	item->index = (uint32_t)index;
	item->disabled = state == 0;
	enum doip_code code =
		read_schema(j, hlv_json_member(node, "itemSchemaInfo"), item, why);
	t->n += code == DOIP_OK;
	return code;
}

static enum doip_code read_lists(const struct hlv_json_node *content, struct doip_template *t,
				 char *why)
{
	char name[SHOWN];
	const struct hlv_json_node *m = hlv_json_first(hlv_json_member(content, "required"));
	for (; m; m = hlv_json_next(m)) {
		struct hlv_bytes wanted = hlv_json_text(m);
		size_t i = 0;
		while (i < t->n && !hlv_eq(t->items[i].name, wanted))
			i++;
		if (i == t->n)
			return wrong(DOIP_FORM_LISTS, why, "required: '%s' is no item",
				     shown(wanted, name));
		t->items[i].required = true;
	}
	/* A promise that nobody here can keep is refused rather than forgotten. */
	if (hlv_json_length(hlv_json_member(content, "uniqueness")) > 0)
		return wrong(DOIP_FORM_LISTS, why,
			     "uniqueness: this node does not compare records with each other");
	return DOIP_OK;
}

enum doip_code doip_template_read(struct hlv_json *j, const struct hlv_json_node *content,
				  struct doip_template *out, char *why)
{
	const struct hlv_json_node *basic = hlv_json_member(content, "basicInfo");
	const struct hlv_json_node *items = hlv_json_member(content, "itemInfos");
	uint32_t n = hlv_json_length(items);
	*out = (struct doip_template){0};
	if (hlv_json_kind(basic) != HLV_JSON_OBJECT)
		return wrong(DOIP_FORM_BASIC, why, "basicInfo: expected an object");
	const struct hlv_json_node *version = hlv_json_member(basic, "version");
	if (!version || !hlv_json_spelling(j, version, &out->version) || out->version.n == 0)
		out->version = hlv_text("1");
	if (out->version.n > NAME_MAX_OCTETS)
		return wrong(DOIP_FORM_BASIC, why, "version: too long");
	if (hlv_json_kind(items) != HLV_JSON_ARRAY || n == 0 || n > DOIP_ITEMS_MAX)
		return wrong(DOIP_FORM_ITEMS, why, "itemInfos: expected 1 to %d items",
			     DOIP_ITEMS_MAX);
	out->items = hlv_alloc(j->a, n * sizeof *out->items);
	if (!out->items)
		return wrong(DOIP_FAILED, why, "out of memory");
	for (const struct hlv_json_node *m = hlv_json_first(items); m; m = hlv_json_next(m)) {
		enum doip_code code = read_item(j, m, out, why);
		if (code != DOIP_OK)
			return code;
	}
	return read_lists(content, out, why);
}
