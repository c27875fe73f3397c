/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/log_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "proto/wire/name.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* --- values --- */

/* The octets of the character that begins at `p`, or 0: not UTF-8. */
static size_t character(struct hlv_bytes b)
{
	size_t n = b.p[0] < 0x80 ? 1 : b.p[0] < 0xE0 ? 2 : b.p[0] < 0xF0 ? 3 : 4;
	return n <= b.n && hlv_utf8_valid(hlv_bytes(b.p, n)) ? n : 0;
}

/* Characters that move the cursor, start a line or turn the direction of writing: whoever reads the
 * log must see what stands in it. */
static bool is_trick(const uint8_t *p, size_t n)
{
	if (n == 1)
		return p[0] < 0x20 || p[0] == 0x7F;
	if (n == 2)
		return p[0] == 0xC2 && p[1] < 0xA0;
	if (n != 3 || p[0] != 0xE2)
		return false;
	return (p[1] == 0x80 &&
		(p[2] == 0x8E || p[2] == 0x8F || (p[2] >= 0xA8 && p[2] <= 0xAE))) ||
	       (p[1] == 0x81 && p[2] >= 0xA0 && p[2] <= 0xAF);
}

static size_t most(const struct hlv_log_field *f)
{
	return f->name.n ? HLV_LOG_VALUE : HLV_LOG_MESSAGE;
}

static void append(struct hlv_log_line *line, struct hlv_log_field *f, struct hlv_bytes b)
{
	while (b.n > 0) {
		size_t n = character(b);
		bool bad = n == 0 || is_trick(b.p, n);
		size_t wide = bad ? 1 : n;
		if (f->n + wide > most(f) || line->used + wide > sizeof line->room)
			return;
		if (bad)
			line->room[line->used] = '?';
		else
			memcpy(line->room + line->used, b.p, n);
		line->used += wide;
		f->n += wide;
		b = hlv_skip(b, n ? n : 1);
	}
}

/* --- the format --- */

struct walk {
	struct hlv_log_line *line;
	struct hlv_log_field *field; /* in hand; NULL: none yet */
	bool open;		     /* between its quotes */
};

static size_t key_length(const char *p)
{
	size_t n = 0;
	while ((p[n] >= 'a' && p[n] <= 'z') || p[n] == '_' ||
	       (n > 0 && p[n] >= '0' && p[n] <= '9'))
		n++;
	return n > 0 && p[n] == '=' ? n : 0;
}

static void begin(struct walk *w, struct hlv_bytes name)
{
	struct hlv_log_line *line = w->line;
	/* The blank before a key is none of the value before. */
	if (w->field && w->field->n > 0 && line->room[line->used - 1] == ' ') {
		line->used--;
		w->field->n--;
	}
	if (line->nfields == HLV_LOG_FIELDS)
		return;
	w->field = &line->fields[line->nfields++];
	*w->field = (struct hlv_log_field){.name = name, .at = line->used};
}

static struct hlv_log_field *in_hand(struct walk *w)
{
	if (!w->field)
		begin(w, (struct hlv_bytes){0});
	return w->field;
}

static void put_literal(struct walk *w, struct hlv_bytes b)
{
	struct hlv_log_field *f = in_hand(w);
	f->number = false;
	append(w->line, f, b);
}

static void put_number(struct walk *w, const char *text)
{
	struct hlv_log_field *f = in_hand(w);
	f->number = f->n == 0 && !f->quoted && f->name.n > 0;
	append(w->line, f, hlv_text(text));
}

struct conversion {
	int precision; /* -1: none */
	char length, what;
};

static int64_t take_signed(char length, va_list *args)
{
	switch (length) {
	case 'q':
		return va_arg(*args, long long);
	case 'l':
	case 'z':
	case 'j':
		return va_arg(*args, long);
	}
	return va_arg(*args, int);
}

static uint64_t take_unsigned(char length, va_list *args)
{
	switch (length) {
	case 'q':
		return va_arg(*args, unsigned long long);
	case 'l':
	case 'z':
	case 'j':
		return va_arg(*args, unsigned long);
	}
	return va_arg(*args, unsigned);
}

static void put_string(struct walk *w, int precision, const char *s)
{
	struct hlv_log_field *f = in_hand(w);
	if (s || precision == 0)
		append(w->line, f,
		       precision < 0 ? hlv_text(s)
				     : hlv_bytes(s, s ? strnlen(s, (size_t)precision) : 0));
	f->number = false;
}

static void convert(struct walk *w, const struct conversion *c, va_list *args)
{
	char text[64];
	switch (c->what) {
	case 's':
		put_string(w, c->precision, va_arg(*args, const char *));
		return;
	case 'c':
		text[0] = (char)va_arg(*args, int);
		put_literal(w, hlv_bytes(text, 1));
		return;
	case 'd':
	case 'i':
		snprintf(text, sizeof text, "%" PRId64, take_signed(c->length, args));
		break;
	case 'u':
		snprintf(text, sizeof text, "%" PRIu64, take_unsigned(c->length, args));
		break;
	case 'x':
		snprintf(text, sizeof text, "%" PRIx64, take_unsigned(c->length, args));
		put_literal(w, hlv_text(text));
		return;
	case 'f':
		snprintf(text, sizeof text, "%.*f", c->precision < 0 ? 6 : c->precision,
			 va_arg(*args, double));
		break;
	default:
		return;
	}
	put_number(w, text);
}

/* From behind the '%'; returns what follows. */
static const char *read_conversion(struct walk *w, const char *p, va_list *args)
{
	struct conversion c = {.precision = -1};
	if (*p == '%') {
		put_literal(w, hlv_text("%"));
		return p + 1;
	}
	p += strspn(p, "-+ #0123456789");
	if (*p == '.') {
		c.precision = 0;
		if (*++p == '*') {
			c.precision = va_arg(*args, int);
			p++;
		}
		for (; *p >= '0' && *p <= '9'; p++)
			c.precision = c.precision * 10 + (*p - '0');
	}
	for (; *p && strchr("hlzj", *p); p++)
		c.length = c.length == 'l' && *p == 'l' ? 'q' : *p == 'h' ? c.length : *p;
	c.what = *p;
	convert(w, &c, args);
	return *p ? p + 1 : p;
}

void hlv_log_read(struct hlv_log_line *line, const char *format, va_list args)
{
	struct walk w = {.line = line};
	va_list rest;
	va_copy(rest, args);
	line->nfields = line->used = 0;
	const char *p = format;
	while (*p) {
		bool word = p == format || p[-1] == ' ';
		size_t key = word && !w.open ? key_length(p) : 0;
		if (key > 0) {
			begin(&w, hlv_bytes(p, key));
			p += key + 1;
			w.open = w.field->quoted = *p == '"';
			p += w.open;
		} else if (w.open && *p == '"') {
			w.open = false;
			p++;
		} else if (*p == '%') {
			p = read_conversion(&w, p + 1, &rest);
		} else if (!w.open && *p == ' ' && key_length(p + 1) > 0) {
			p++; /* between two of them */
		} else {
			put_literal(&w, hlv_bytes(p, 1));
			p++;
		}
	}
	va_end(rest);
}

/* --- the forms --- */

static void put_str(struct hlv_writer *w, const char *s)
{
	hlv_put(w, hlv_text(s));
}

static struct hlv_bytes value(const struct hlv_log_line *line, const struct hlv_log_field *f)
{
	return hlv_bytes(line->room + f->at, f->n);
}

static void put_time(struct hlv_writer *w, uint64_t wall_ms, bool milliseconds)
{
	time_t s = (time_t)(wall_ms / 1000);
	char text[32];
	struct tm tm;
	gmtime_r(&s, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	put_str(w, text);
	if (milliseconds) {
		snprintf(text, sizeof text, ".%03u", (unsigned)(wall_ms % 1000));
		put_str(w, text);
	}
	put_str(w, "Z");
}

/* A quote in a value would end it for whoever reads the line. */
static void put_unquoted(struct hlv_writer *w, struct hlv_bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		hlv_put_u8(w, b.p[i] == '"' ? '\'' : b.p[i]);
}

static void put_fields(struct hlv_writer *w, const struct hlv_log_line *line)
{
	for (size_t i = 0; i < line->nfields; i++) {
		const struct hlv_log_field *f = &line->fields[i];
		put_str(w, i ? " " : "");
		hlv_put(w, f->name);
		put_str(w, f->name.n ? "=" : "");
		if (f->quoted) {
			put_str(w, "\"");
			put_unquoted(w, value(line, f));
			put_str(w, "\"");
		} else {
			hlv_put(w, value(line, f));
		}
	}
}

void hlv_log_put_text(struct hlv_writer *w, const struct hlv_log_line *line)
{
	put_time(w, line->wall_ms, false);
	put_str(w, " ");
	put_str(w, level_names[line->level]);
	put_str(w, " ");
	put_str(w, line->event);
	put_str(w, " ");
	put_fields(w, line);
	put_str(w, "\n");
}

/* What is in a line is free of control characters already. */
static void put_json_str(struct hlv_writer *w, struct hlv_bytes b)
{
	put_str(w, "\"");
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] == '"' || b.p[i] == '\\')
			hlv_put_u8(w, '\\');
		hlv_put_u8(w, b.p[i]);
	}
	put_str(w, "\"");
}

/* A member of that name is there already. */
static bool is_taken(const struct hlv_log_line *line, size_t i)
{
	static const char *const own[] = {"time", "level", "event", "pid", "message"};
	for (size_t k = 0; k < sizeof own / sizeof *own; k++)
		if (hlv_eq(line->fields[i].name, hlv_text(own[k])))
			return true;
	for (size_t k = 0; k < i; k++)
		if (hlv_eq(line->fields[i].name, line->fields[k].name))
			return true;
	return false;
}

void hlv_log_put_json(struct hlv_writer *w, const struct hlv_log_line *line)
{
	char pid[32];
	put_str(w, "{\"time\":\"");
	put_time(w, line->wall_ms, true);
	put_str(w, "\",\"level\":\"");
	put_str(w, level_names[line->level]);
	put_str(w, "\",\"event\":");
	put_json_str(w, hlv_text(line->event));
	snprintf(pid, sizeof pid, ",\"pid\":%d", line->pid);
	put_str(w, pid);
	for (size_t i = 0; i < line->nfields; i++) {
		const struct hlv_log_field *f = &line->fields[i];
		put_str(w, ",\"");
		hlv_put(w, f->name.n ? f->name : hlv_text("message"));
		put_str(w, f->name.n && is_taken(line, i) ? "_\":" : "\":");
		if (f->number)
			hlv_put(w, value(line, f));
		else
			put_json_str(w, value(line, f));
	}
	put_str(w, "}\n");
}

/* NAME=value, or for what is long NAME, its length in eight octets (little-endian) and the value. */
static void put_journal_field(struct hlv_writer *w, struct hlv_bytes b)
{
	enum { SHORT = 128 };
	if (b.n <= SHORT) {
		put_str(w, "=");
	} else {
		put_str(w, "\n");
		for (unsigned i = 0; i < 8; i++)
			hlv_put_u8(w, (uint8_t)((uint64_t)b.n >> 8 * i));
	}
	hlv_put(w, b);
	put_str(w, "\n");
}

static void put_journal_name(struct hlv_writer *w, struct hlv_bytes name)
{
	put_str(w, "HELVE_");
	for (size_t i = 0; i < name.n; i++)
		hlv_put_u8(w, (uint8_t)(name.p[i] >= 'a' && name.p[i] <= 'z' ? name.p[i] - 32
									     : name.p[i]));
}

void hlv_log_put_journal(struct hlv_writer *w, const struct hlv_log_line *line)
{
	static const char *const priorities[] = {"3", "4", "6", "7"}; /* syslog(3) */
	char message[HLV_LOG_OUT];
	struct hlv_writer m = hlv_writer(message, sizeof message);
	put_str(&m, line->event);
	put_str(&m, " ");
	put_fields(&m, line);
	put_str(w, "PRIORITY");
	put_journal_field(w, hlv_text(priorities[line->level]));
	put_str(w, "SYSLOG_IDENTIFIER");
	put_journal_field(w, hlv_text(line->program));
	put_str(w, "MESSAGE");
	put_journal_field(w, hlv_written(&m));
	put_str(w, "HELVE_EVENT");
	put_journal_field(w, hlv_text(line->event));
	for (size_t i = 0; i < line->nfields; i++) {
		if (line->fields[i].name.n == 0 ||
		    hlv_eq(line->fields[i].name, hlv_text("event")))
			continue;
		put_journal_name(w, line->fields[i].name);
		put_journal_field(w, value(line, &line->fields[i]));
	}
}
