/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/json.h"

#include <time.h>

#include "proto/base/base64.h"
#include "proto/sec/key.h"
#include "proto/wire/admin.h"
#include "proto/wire/name.h"

enum { KEY_ARENA = 1 << 16, KEY_MAX = 8192 };

/* Octets of the well-formed UTF-8 character at the head of `b`, 0 when there is none. */
static size_t character(struct hlv_bytes b)
{
	uint8_t c = b.p[0];
	size_t n = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
	if (n == 0 || n > b.n || !hlv_utf8_valid(hlv_head(b, n)))
		return 0;
	return n;
}

static void put_escaped(struct hlv_buf *b, uint8_t c)
{
	switch (c) {
	case '"':
		hlv_buf_str(b, "\\\"");
		return;
	case '\\':
		hlv_buf_str(b, "\\\\");
		return;
	case '\n':
		hlv_buf_str(b, "\\n");
		return;
	case '\r':
		hlv_buf_str(b, "\\r");
		return;
	case '\t':
		hlv_buf_str(b, "\\t");
		return;
	}
	hlv_buf_printf(b, "\\u%04x", c);
}

/* U+2028 and U+2029 end a line in a script, and answers may be called as scripts (R5). */
static bool is_line_separator(struct hlv_bytes b)
{
	return b.n >= 3 && b.p[0] == 0xE2 && b.p[1] == 0x80 && (b.p[2] & 0xFE) == 0xA8;
}

void hlv_json_put_str(struct hlv_buf *b, struct hlv_bytes text)
{
	bool valid = hlv_utf8_valid(text);
	size_t from = 0;
	hlv_buf_str(b, "\"");
	for (size_t i = 0; i < text.n;) {
		struct hlv_bytes rest = hlv_skip(text, i);
		uint8_t c = rest.p[0];
		size_t n = c < 0x80 ? 1 : valid ? 1 : character(rest);
		bool separator = c == 0xE2 && is_line_separator(rest);
		if (n > 0 && !separator && c >= 0x20 && c != '"' && c != '\\') {
			i += n;
			continue;
		}
		hlv_buf_put(b, hlv_bytes(text.p + from, i - from));
		if (separator)
			hlv_buf_str(b, rest.p[2] == 0xA8 ? "\\u2028" : "\\u2029");
		else if (n == 0)
			hlv_buf_str(b, "\xEF\xBF\xBD");
		else
			put_escaped(b, c);
		i += separator ? 3 : 1;
		from = i;
	}
	hlv_buf_put(b, hlv_skip(text, from));
	hlv_buf_str(b, "\"");
}

static void put_ref(struct hlv_buf *b, const struct hlv_ref *ref)
{
	hlv_buf_str(b, "{\"handle\":");
	hlv_json_put_str(b, ref->handle);
	hlv_buf_printf(b, ",\"index\":%d}", (int)ref->index);
}

void hlv_json_put_refs(struct hlv_buf *b, const struct hlv_list *refs)
{
	struct hlv_reader r = hlv_reader(refs->raw);
	hlv_buf_str(b, "[");
	for (uint32_t i = 0; i < refs->n; i++) {
		struct hlv_ref ref;
		hlv_ref_decode(&r, &ref);
		if (i > 0)
			hlv_buf_str(b, ",");
		put_ref(b, &ref);
	}
	hlv_buf_str(b, "]");
}

/* Are all the handles text, so that they come back as they were? */
static bool refs_are_text(const struct hlv_list *refs)
{
	struct hlv_reader r = hlv_reader(refs->raw);
	for (uint32_t i = 0; i < refs->n; i++) {
		struct hlv_ref ref;
		hlv_ref_decode(&r, &ref);
		if (!hlv_utf8_valid(ref.handle) ||
		    (ref.handle.n > 0 && memchr(ref.handle.p, 0, ref.handle.n)))
			return false;
	}
	return true;
}

/* --- keys --- */

/* The order in which the reference writes a key's members. */
static const char *const part_order[] = {"n", "e", "x", "y", "p", "q", "g", "d"};

static void put_parts(struct hlv_buf *b, const struct hlv_key_parts *parts)
{
	hlv_buf_printf(b, "{\"kty\":\"%s\"", parts->kty);
	if (parts->crv)
		hlv_buf_printf(b, ",\"crv\":\"%s\"", parts->crv);
	for (size_t i = 0; i < sizeof part_order / sizeof part_order[0]; i++) {
		for (size_t k = 0; k < parts->n; k++) {
			if (strcmp(parts->part[k].name, part_order[i]) != 0)
				continue;
			hlv_buf_printf(b, ",\"%s\":\"", part_order[i]);
			hlv_base64_put(b, parts->part[k].octets, HLV_BASE64_URL);
			hlv_buf_str(b, "\"");
		}
	}
	hlv_buf_str(b, "}");
}

static enum hlv_err put_decoded_key(struct hlv_buf *b, const struct hlv_key *key)
{
	struct hlv_arena a;
	hlv_arena_init(&a, KEY_ARENA);
	struct hlv_key_parts parts = {0};
	enum hlv_err err = hlv_key_to_parts(key, &a, &parts);
	if (err == HLV_OK)
		put_parts(b, &parts);
	hlv_arena_fini(&a);
	return err;
}

enum hlv_err hlv_json_put_key(struct hlv_buf *b, struct hlv_bytes data)
{
	struct hlv_key *key = NULL;
	HLV_TRY(hlv_pubkey_decode(data, &key));
	enum hlv_err err = put_decoded_key(b, key);
	hlv_key_free(key);
	return err;
}

/* Does the key's encoding give back exactly `data`? PEM text and keys without the reference's
 * trailing array do not, and are shown as what they are. */
static bool key_is_canonical(struct hlv_bytes data)
{
	struct hlv_key *key = NULL;
	uint8_t again[KEY_MAX];
	struct hlv_writer w = hlv_writer(again, sizeof again);
	if (hlv_pubkey_decode(data, &key) != HLV_OK)
		return false;
	bool same = hlv_pubkey_encode(&w, key) == HLV_OK && hlv_eq(hlv_written(&w), data);
	hlv_key_free(key);
	return same;
}

static void put_base64(struct hlv_buf *b, struct hlv_bytes data)
{
	hlv_buf_str(b, "{\"format\":\"base64\",\"value\":\"");
	hlv_base64_put(b, data, HLV_BASE64);
	hlv_buf_str(b, "\"}");
}

static bool put_key_data(struct hlv_buf *b, struct hlv_bytes data)
{
	if (!key_is_canonical(data))
		return false;
	size_t before = b->n;
	hlv_buf_str(b, "{\"format\":\"key\",\"value\":");
	if (hlv_json_put_key(b, data) != HLV_OK) {
		b->n = before;
		return false;
	}
	hlv_buf_str(b, "}");
	return true;
}

/* --- sites --- */

static const char *const protocols[] = {"UDP", "TCP", "HTTP", "HTTPS"};
enum { PROTOCOLS = sizeof protocols / sizeof protocols[0] };

static const char *truth(bool b)
{
	return b ? "true" : "false";
}

/* Where the longest run of at least two zero groups begins (RFC 5952 4.2); 8: nowhere. */
static size_t longest_zeros(const uint16_t groups[8], size_t *length)
{
	size_t best = 8;
	*length = 1;
	for (size_t i = 0; i < 8; i++) {
		size_t n = 0;
		while (i + n < 8 && groups[i + n] == 0)
			n++;
		if (n > *length) {
			best = i;
			*length = n;
		}
	}
	return best;
}

/* As the reference prints: dotted behind twelve zero octets only, else groups. */
static void put_address(struct hlv_buf *b, const uint8_t address[16])
{
	static const uint8_t zeros[12];
	const uint8_t *v4 = address + 12;
	if (memcmp(address, zeros, sizeof zeros) == 0) {
		hlv_buf_printf(b, "%u.%u.%u.%u", v4[0], v4[1], v4[2], v4[3]);
		return;
	}
	uint16_t groups[8];
	for (size_t i = 0; i < 8; i++)
		groups[i] = (uint16_t)(address[2 * i] << 8 | address[2 * i + 1]);
	size_t length;
	size_t gap = longest_zeros(groups, &length);
	for (size_t i = 0; i < 8; i++) {
		if (i == gap) {
			hlv_buf_str(b, "::");
			i += length - 1;
			continue;
		}
		hlv_buf_printf(b, "%s%x", i == 0 || (gap < 8 && i == gap + length) ? "" : ":",
			       groups[i]);
	}
}

static bool put_interfaces(struct hlv_buf *b, const struct hlv_list *list)
{
	struct hlv_reader r = hlv_reader(list->raw);
	for (uint32_t i = 0; i < list->n; i++) {
		struct hlv_site_interface f;
		hlv_site_next_interface(&r, &f);
		if (f.kind > (HLV_IF_ADMIN | HLV_IF_QUERY) || f.protocol >= PROTOCOLS)
			return false;
		hlv_buf_printf(
			b, "%s{\"query\":%s,\"admin\":%s,\"protocol\":\"%s\",\"port\":%d}",
			i > 0 ? "," : "", truth(f.kind & HLV_IF_QUERY),
			truth(f.kind & HLV_IF_ADMIN), protocols[f.protocol], (int)f.port);
	}
	return true;
}

static bool put_servers(struct hlv_buf *b, const struct hlv_list *list)
{
	struct hlv_reader r = hlv_reader(list->raw);
	for (uint32_t i = 0; i < list->n; i++) {
		struct hlv_site_server s;
		hlv_site_next_server(&r, &s);
		hlv_buf_printf(b, "%s{\"serverId\":%d,\"address\":\"", i > 0 ? "," : "",
			       (int)s.id);
		put_address(b, s.address);
		hlv_buf_str(b, "\",\"publicKey\":");
		if (s.key.n == 0 || !put_key_data(b, s.key))
			put_base64(b, s.key);
		hlv_buf_str(b, ",\"interfaces\":[");
		if (!put_interfaces(b, &s.interfaces))
			return false;
		hlv_buf_str(b, "]}");
	}
	return true;
}

static bool put_attributes(struct hlv_buf *b, const struct hlv_list *list)
{
	struct hlv_reader r = hlv_reader(list->raw);
	for (uint32_t i = 0; i < list->n; i++) {
		struct hlv_site_attribute attr;
		hlv_site_next_attribute(&r, &attr);
		/* Text comes back as it was; a site with other octets stays base64. */
		if ((attr.name.n && !hlv_is_text(attr.name)) ||
		    (attr.value.n && !hlv_is_text(attr.value)))
			return false;
		hlv_buf_str(b, i > 0 ? ",{\"name\":" : "{\"name\":");
		hlv_json_put_str(b, attr.name);
		hlv_buf_str(b, ",\"value\":");
		hlv_json_put_str(b, attr.value);
		hlv_buf_str(b, "}");
	}
	return true;
}

static bool put_site(struct hlv_buf *b, const struct hlv_site *s)
{
	if (s->flags & ~(HLV_SITE_PRIMARY | HLV_SITE_MULTI_PRIMARY) ||
	    s->hash_option > HLV_HASH_ALL || !hlv_is_text(s->hash_filter))
		return false;
	hlv_buf_printf(b,
		       "{\"version\":%u,\"protocolVersion\":\"%u.%u\",\"serialNumber\":%d,"
		       "\"primarySite\":%s,\"multiPrimary\":%s",
		       s->format, s->major, s->minor, (int16_t)s->serial,
		       truth(s->flags & HLV_SITE_PRIMARY),
		       truth(s->flags & HLV_SITE_MULTI_PRIMARY));
	if (s->hash_option != HLV_HASH_ALL)
		hlv_buf_printf(b, ",\"hashOption\":%u", s->hash_option);
	if (s->hash_filter.n > 0) {
		hlv_buf_str(b, ",\"hashFilter\":");
		hlv_json_put_str(b, s->hash_filter);
	}
	hlv_buf_str(b, ",\"attributes\":[");
	if (!put_attributes(b, &s->attributes))
		return false;
	hlv_buf_str(b, "],\"servers\":[");
	if (!put_servers(b, &s->servers))
		return false;
	hlv_buf_str(b, "]}");
	return true;
}

enum hlv_err hlv_json_put_site(struct hlv_buf *b, struct hlv_bytes data)
{
	struct hlv_site s;
	HLV_TRY(hlv_site_decode(data, &s));
	size_t before = b->n;
	if (put_site(b, &s))
		return b->bad ? HLV_E_NOMEM : HLV_OK;
	b->n = before;
	return HLV_E_UNSUPPORTED;
}

/* --- data by type (protocol.md 15.2) --- */

static bool put_admin_data(struct hlv_buf *b, struct hlv_bytes data)
{
	struct hlv_admin admin;
	if (hlv_admin_decode(data, &admin) != HLV_OK || admin.perms > HLV_ADMIN_ALL ||
	    !hlv_utf8_valid(admin.who.handle) ||
	    (admin.who.handle.n > 0 && memchr(admin.who.handle.p, 0, admin.who.handle.n)))
		return false;
	char perms[13];
	hlv_admin_perms_print(admin.perms, perms);
	hlv_buf_str(b, "{\"format\":\"admin\",\"value\":{\"handle\":");
	hlv_json_put_str(b, admin.who.handle);
	hlv_buf_printf(b, ",\"index\":%d,\"permissions\":\"%s\"%s}}", (int)admin.who.index,
		       perms, admin.legacy_tail ? ",\"legacyByteLength\":true" : "");
	return true;
}

static bool put_vlist_data(struct hlv_buf *b, struct hlv_bytes data)
{
	struct hlv_list refs;
	if (hlv_vlist_decode(data, &refs) != HLV_OK || !refs_are_text(&refs))
		return false;
	hlv_buf_str(b, "{\"format\":\"vlist\",\"value\":");
	hlv_json_put_refs(b, &refs);
	hlv_buf_str(b, "}");
	return true;
}

static bool put_site_data(struct hlv_buf *b, struct hlv_bytes data)
{
	size_t before = b->n;
	hlv_buf_str(b, "{\"format\":\"site\",\"value\":");
	if (hlv_json_put_site(b, data) != HLV_OK) {
		b->n = before;
		return false;
	}
	hlv_buf_str(b, "}");
	return true;
}

static void put_plain_data(struct hlv_buf *b, struct hlv_bytes data)
{
	if (!hlv_is_text(data)) {
		put_base64(b, data);
		return;
	}
	hlv_buf_str(b, "{\"format\":\"string\",\"value\":");
	hlv_json_put_str(b, data);
	hlv_buf_str(b, "}");
}

struct form {
	const char *type;
	/* False: it is none; its octets are shown as those of any other type. */
	bool (*put)(struct hlv_buf *b, struct hlv_bytes data);
};

static const struct form forms[] = {
	{"HS_ADMIN", put_admin_data}, {"HS_VLIST", put_vlist_data},
	{"HS_SITE", put_site_data},   {"HS_NA_DELEGATE", put_site_data},
	{"HS_PUBKEY", put_key_data},
};

void hlv_json_put_data(struct hlv_buf *b, const struct hlv_value *v)
{
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
		if (hlv_type_is(v->type, forms[i].type) && forms[i].put(b, v->data))
			return;
	put_plain_data(b, v->data);
}

/* --- values and records --- */

/* `n` in decimal; dumps are made of numbers, and printf takes longer than all the rest. */
static void put_int(struct hlv_buf *b, int32_t n)
{
	char digits[12];
	size_t at = sizeof digits;
	uint32_t left = n < 0 ? 0U - (uint32_t)n : (uint32_t)n;
	do
		digits[--at] = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	if (n < 0)
		digits[--at] = '-';
	hlv_buf_put(b, hlv_bytes(digits + at, sizeof digits - at));
}

static void put_pair(char *at, int n)
{
	at[0] = (char)('0' + n / 10);
	at[1] = (char)('0' + n % 10);
}

void hlv_json_put_time(struct hlv_buf *b, uint32_t seconds)
{
	time_t t = (int32_t)seconds;
	struct tm tm = {0};
	char text[] = "\"YYYY-MM-DDThh:mm:ssZ\"";
	gmtime_r(&t, &tm);
	put_pair(text + 1, (tm.tm_year + 1900) / 100);
	put_pair(text + 3, tm.tm_year % 100);
	put_pair(text + 6, tm.tm_mon + 1);
	put_pair(text + 9, tm.tm_mday);
	put_pair(text + 12, tm.tm_hour);
	put_pair(text + 15, tm.tm_min);
	put_pair(text + 18, tm.tm_sec);
	hlv_buf_put(b, hlv_bytes(text, sizeof text - 1));
}

static void put_perms(struct hlv_buf *b, uint8_t perms)
{
	char text[] = ",\"permissions\":\"0000\"";
	if (perms == HLV_PERM_DEFAULT)
		return;
	for (size_t i = 0; i < 4; i++)
		if (perms >> i & 1)
			text[sizeof text - 3 - i] = '1';
	hlv_buf_str(b, text);
}

enum zero_time { ZERO_TIME_OMITTED, ZERO_TIME_SHOWN };

static void put_value(struct hlv_buf *b, const struct hlv_value *v, enum zero_time zero)
{
	hlv_buf_str(b, "{\"index\":");
	put_int(b, (int32_t)v->index);
	hlv_buf_str(b, ",\"type\":");
	hlv_json_put_str(b, v->type);
	hlv_buf_str(b, ",\"data\":");
	hlv_json_put_data(b, v);
	put_perms(b, v->perms);
	hlv_buf_str(b, ",\"ttl\":");
	if (v->ttl_kind == HLV_TTL_RELATIVE)
		put_int(b, (int32_t)v->ttl_s);
	else
		hlv_json_put_time(b, v->ttl_s);
	if (v->mtime_s != 0 || zero == ZERO_TIME_SHOWN) {
		hlv_buf_str(b, ",\"timestamp\":");
		hlv_json_put_time(b, v->mtime_s);
	}
	if (v->refs.n > 0) {
		hlv_buf_str(b, ",\"references\":");
		hlv_json_put_refs(b, &v->refs);
	}
	hlv_buf_str(b, "}");
}

void hlv_json_put_value(struct hlv_buf *b, const struct hlv_value *v)
{
	put_value(b, v, ZERO_TIME_OMITTED);
}

static void put_values(struct hlv_buf *b, const struct hlv_list *values, enum zero_time zero)
{
	struct hlv_reader r = hlv_reader(values->raw);
	hlv_buf_str(b, "[");
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		if (i > 0)
			hlv_buf_str(b, ",");
		put_value(b, &v, zero);
	}
	hlv_buf_str(b, "]");
}

void hlv_json_put_values(struct hlv_buf *b, const struct hlv_list *values)
{
	put_values(b, values, ZERO_TIME_OMITTED);
}

bool hlv_json_holds(const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK || v.ttl_kind > HLV_TTL_ABSOLUTE ||
		    v.perms > 15 || !hlv_is_text(v.type) || !refs_are_text(&v.refs))
			return false;
	}
	return true;
}

void hlv_json_put_record_exact(struct hlv_buf *b, struct hlv_bytes handle,
			       const struct hlv_list *values)
{
	hlv_buf_str(b, "{\"handle\":");
	hlv_json_put_str(b, handle);
	if (hlv_json_holds(values)) {
		hlv_buf_str(b, ",\"values\":");
		put_values(b, values, ZERO_TIME_SHOWN);
	} else {
		hlv_buf_printf(b, ",\"count\":%u,\"raw\":\"", values->n);
		hlv_base64_put(b, values->raw, HLV_BASE64);
		hlv_buf_str(b, "\"");
	}
	hlv_buf_str(b, "}");
}
