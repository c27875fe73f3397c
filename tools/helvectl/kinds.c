/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/kinds.h"

#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

#include "proto/base/base64.h"
#include "proto/base/buf.h"
#include "proto/net/file.h"
#include "proto/net/json.h"
#include "proto/wire/admin.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"

enum { PERM_BITS = 12 };

static enum hlv_err wrong(char why[KINDS_WHY], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static enum hlv_err wrong(char why[KINDS_WHY], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(why, KINDS_WHY, format, args);
	va_end(args);
	return HLV_E_MALFORMED;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct hlv_bytes kinds_trim(struct hlv_bytes text)
{
	while (text.n > 0 && is_blank(text.p[0]))
		text = hlv_skip(text, 1);
	while (text.n > 0 && is_blank(text.p[text.n - 1]))
		text.n--;
	return text;
}

struct hlv_bytes kinds_word(struct hlv_bytes *rest)
{
	while (rest->n > 0 && is_blank(rest->p[0]))
		*rest = hlv_skip(*rest, 1);
	size_t n = 0;
	while (n < rest->n && !is_blank(rest->p[n]))
		n++;
	struct hlv_bytes word = hlv_head(*rest, n);
	*rest = hlv_skip(*rest, n);
	return word;
}

bool kinds_parse_number(struct hlv_bytes text, int64_t min, int64_t max, int64_t *out)
{
	bool negative = text.n > 0 && text.p[0] == '-';
	int64_t n = 0;
	struct hlv_bytes digits = hlv_skip(text, negative);
	if (digits.n == 0 || digits.n > 12)
		return false;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
		n = n * 10 + (digits.p[i] - '0');
	}
	*out = negative ? -n : n;
	return *out >= min && *out <= max;
}

enum hlv_err kinds_parse_perms(struct hlv_bytes text, uint8_t *perms)
{
	*perms = 0;
	if (text.n != 4)
		return HLV_E_MALFORMED;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '0' && text.p[i] != '1')
			return HLV_E_MALFORMED;
		*perms = (uint8_t)(*perms << 1 | (text.p[i] == '1'));
	}
	return HLV_OK;
}

static enum hlv_err parse_ref(struct hlv_bytes text, struct hlv_ref *ref, char why[KINDS_WHY])
{
	*ref = hlv_ref_parse(text);
	if (ref->handle.n == text.n || ref->handle.n == 0)
		return wrong(why, "expected INDEX:HANDLE, not \"%.*s\"",
			     (int)(text.n < 80 ? text.n : 80),
			     text.n ? (const char *)text.p : "");
	return HLV_OK;
}

static enum hlv_err parse_admin(struct hlv_bytes text, struct hlv_writer *w,
				char why[KINDS_WHY])
{
	struct hlv_admin admin = {0};
	struct hlv_ref ref;
	HLV_TRY(parse_ref(text, &ref, why));
	if (ref.handle.n < PERM_BITS + 2 || ref.handle.p[PERM_BITS] != ':')
		return wrong(why,
			     "error in admin permission string: expected INDEX:%d flags:HANDLE",
			     PERM_BITS);
	for (size_t i = 0; i < PERM_BITS; i++) {
		if (ref.handle.p[i] != '0' && ref.handle.p[i] != '1')
			return wrong(why, "error in admin permission string: flags are 0 or 1");
		if (ref.handle.p[i] == '1')
			admin.perms |= (uint16_t)(1U << i);
	}
	admin.who = (struct hlv_ref){hlv_skip(ref.handle, PERM_BITS + 1), ref.index};
	hlv_admin_encode(w, &admin);
	return HLV_OK;
}

static enum hlv_err parse_list(struct hlv_bytes text, struct hlv_writer *w, char why[KINDS_WHY])
{
	uint32_t n = 0;
	size_t hole = hlv_put_hole32(w);
	while (text.n > 0) {
		const uint8_t *end = memchr(text.p, ';', text.n);
		size_t length = end ? (size_t)(end - text.p) : text.n;
		struct hlv_bytes one = kinds_trim(hlv_head(text, length));
		struct hlv_ref ref;
		text = hlv_skip(text, length + 1);
		if (one.n == 0)
			continue;
		HLV_TRY(parse_ref(one, &ref, why));
		hlv_ref_encode(w, &ref);
		n++;
	}
	hlv_fill_u32(w, hole, n);
	return HLV_OK;
}

/* Site records and keys may stand in files as JSON; in the registry they are octets. */
static enum hlv_err from_json(struct hlv_bytes file, struct hlv_bytes type,
			      struct hlv_writer *w, bool *taken, char why[KINDS_WHY])
{
	struct hlv_json_error error = {0};
	struct hlv_bytes text = kinds_trim(file);
	bool site = hlv_type_is(type, "HS_SITE") || hlv_type_is(type, "HS_NA_DELEGATE");
	*taken = text.n > 0 && text.p[0] == '{' && (site || hlv_type_is(type, "HS_PUBKEY"));
	if (!*taken)
		return HLV_OK;
	enum hlv_err err = site ? hlv_json_parse_site(text, w, &error)
				: hlv_json_parse_key(text, w, &error);
	return err == HLV_OK ? HLV_OK : wrong(why, "%s", error.text);
}

static enum hlv_err parse_file(struct hlv_bytes name, struct hlv_bytes type, const char *beside,
			       struct hlv_writer *w, char why[KINDS_WHY])
{
	char path[PATH_MAX], trouble[256];
	struct hlv_buf file = {0};
	bool taken = false;
	int slash =
		beside && strrchr(beside, '/') ? (int)(strrchr(beside, '/') - beside + 1) : 0;
	snprintf(path, sizeof path, "%.*s%.*s", name.p[0] == '/' ? 0 : slash,
		 beside ? beside : "", (int)name.n, (const char *)name.p);
	if (access(path, F_OK) != 0)
		snprintf(path, sizeof path, "%.*s", (int)name.n, (const char *)name.p);
	enum hlv_err err = hlv_file_read(path, HLV_MESSAGE_MAX, &file, trouble);
	if (err == HLV_OK)
		err = from_json(hlv_buf_bytes(&file), type, w, &taken, why);
	else
		wrong(why, "%.230s", trouble);
	if (err == HLV_OK && !taken)
		hlv_put(w, hlv_buf_bytes(&file));
	hlv_buf_free(&file);
	return err;
}

enum hlv_err kinds_parse(struct hlv_bytes kind, struct hlv_bytes text, struct hlv_bytes type,
			 const char *beside, struct hlv_arena *a, struct hlv_bytes *data,
			 char why[KINDS_WHY])
{
	text = kinds_trim(text);
	*data = text;
	if (hlv_eq_fold(kind, hlv_text("UTF8")))
		return hlv_utf8_valid(text) ? HLV_OK : wrong(why, "data is not UTF-8");
	bool file = hlv_eq_fold(kind, hlv_text("FILE"));
	/* A reference in a list takes eight octets more than its text of at least three. */
	size_t room = file ? HLV_MESSAGE_MAX : text.n * 4 + 8;
	uint8_t *octets = hlv_alloc_raw(a, room);
	struct hlv_writer w = hlv_writer(octets, octets ? room : 0);
	enum hlv_err err;
	if (hlv_eq_fold(kind, hlv_text("ADMIN")))
		err = parse_admin(text, &w, why);
	else if (hlv_eq_fold(kind, hlv_text("LIST")))
		err = parse_list(text, &w, why);
	else if (hlv_eq_fold(kind, hlv_text("BASE64")))
		err = hlv_base64_parse(text, &w) ? HLV_OK : wrong(why, "data is not base64");
	else if (file && text.n > 0)
		err = parse_file(text, type, beside, &w, why);
	else
		return wrong(why,
			     "unknown kind of data \"%.*s\": expected UTF8, ADMIN, LIST, FILE "
			     "or BASE64",
			     (int)(kind.n < 20 ? kind.n : 20),
			     kind.n ? (const char *)kind.p : "");
	HLV_TRY(err);
	*data = hlv_written(&w);
	return w.bad ? wrong(why, "data is over %zu octets", room) : HLV_OK;
}

static bool print_admin(struct hlv_buf *b, const struct hlv_value *v)
{
	struct hlv_admin admin;
	if (!hlv_type_is(v->type, "HS_ADMIN") || hlv_admin_decode(v->data, &admin) != HLV_OK ||
	    admin.legacy_tail || admin.perms > HLV_ADMIN_ALL ||
	    !hlv_is_text(admin.who.handle) || admin.who.index > INT32_MAX ||
	    kinds_trim(admin.who.handle).n != admin.who.handle.n || admin.who.handle.n == 0)
		return false;
	hlv_buf_printf(b, "ADMIN %u:", admin.who.index);
	for (size_t i = 0; i < PERM_BITS; i++)
		hlv_buf_str(b, admin.perms >> i & 1 ? "1" : "0");
	hlv_buf_str(b, ":");
	hlv_buf_put(b, admin.who.handle);
	return !memchr(admin.who.handle.p, '\n', admin.who.handle.n);
}

bool kinds_print(struct hlv_buf *b, const struct hlv_value *v)
{
	size_t before = b->n;
	if (print_admin(b, v))
		return true;
	b->n = before;
	bool line = hlv_is_text(v->data) && kinds_trim(v->data).n == v->data.n &&
		    (v->data.n == 0 || (!memchr(v->data.p, '\n', v->data.n) &&
					!memchr(v->data.p, '\r', v->data.n)));
	hlv_buf_str(b, line ? "UTF8 " : "BASE64 ");
	if (line)
		hlv_buf_put(b, v->data);
	else
		hlv_base64_put(b, v->data, HLV_BASE64);
	return !b->bad;
}
