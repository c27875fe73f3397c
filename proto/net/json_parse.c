/* SPDX-License-Identifier: Apache-2.0
 *
 * Records, values and their data. Sites and keys in them: json_parse_site.c.
 */
#include "proto/net/json.h"

#include "proto/base/base64.h"
#include "proto/net/json_scan.h"
#include "proto/net/json_tree.h"
#include "proto/wire/admin.h"

struct parse {
	struct hlv_json json;
	uint32_t now_s;
};

#define wrong(p, ...) hlv_json_wrong(&(p)->json, __VA_ARGS__)

static bool is_object(const struct hlv_json_node *n)
{
	return hlv_json_kind(n) == HLV_JSON_OBJECT;
}

static bool is_array(const struct hlv_json_node *n)
{
	return hlv_json_kind(n) == HLV_JSON_ARRAY;
}

static bool is_string(const struct hlv_json_node *n)
{
	return hlv_json_kind(n) == HLV_JSON_STRING;
}

static bool is_number(const struct hlv_json_node *n)
{
	return hlv_json_kind(n) == HLV_JSON_NUMBER;
}

/* Days since 1970 of a date in the Gregorian calendar. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = y / 400, yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* "2023-11-14T22:13:20Z", perhaps with a fraction; seconds from -2^31 to 2^32-1, as 32 bits. */
static bool parse_time(const char *s, uint32_t *out)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";
	int64_t part[6] = {0};
	size_t k = 0;
	for (size_t i = 0; shape[i]; i++) {
		bool digit = s[i] >= '0' && s[i] <= '9';
		if (shape[i] == 'd' ? !digit : s[i] != shape[i])
			return false;
		if (digit)
			part[k] = part[k] * 10 + (s[i] - '0');
		else
			k++;
	}
	s += sizeof shape - 1;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9';)
			s++;
	if (strcmp(s, "Z") != 0 || part[0] < 1900 || part[1] < 1 || part[1] > 12 ||
	    part[2] < 1 || part[2] > 31 || part[3] > 23 || part[4] > 59 || part[5] > 60)
		return false;
	int64_t t = days_of(part[0], part[1], part[2]) * 86400 + part[3] * 3600 + part[4] * 60 +
		    part[5];
	*out = (uint32_t)t;
	return t >= INT32_MIN && t <= UINT32_MAX;
}

static bool put_unhexed(struct hlv_writer *w, struct hlv_bytes text)
{
	struct hlv_buf octets = {0};
	bool ok = hlv_buf_unhex(&octets, text);
	if (ok)
		hlv_put(w, hlv_buf_bytes(&octets));
	hlv_buf_free(&octets);
	return ok;
}

/* --- data by format (R8, R10) --- */

/* "011111110011", last character = bit 0; "*" and true: all; a number: the bits; an array: its
 * first element is bit 0. */
static enum hlv_err parse_admin_perms(struct parse *p, const struct hlv_json_node *item,
				      uint16_t *perms)
{
	int64_t bits = 0;
	*perms = 0;
	if (!item)
		return HLV_OK;
	if (is_array(item)) {
		int i = 0;
		for (const struct hlv_json_node *e = hlv_json_first(item); e && i < 12;
		     e = hlv_json_next(e), i++)
			bits |= (int64_t)hlv_json_is_true(e) << i;
	} else if (is_number(item)) {
		if (!hlv_json_integer(item, &bits) || bits < 0 || bits > HLV_ADMIN_ALL)
			return wrong(p, "data.permissions", "expected 0 to 4095");
	} else if (hlv_json_kind(item) == HLV_JSON_BOOL ||
		   hlv_eq(hlv_json_text(item), hlv_text("*"))) {
		bits = HLV_ADMIN_ALL;
	} else if (!is_string(item) ||
		   hlv_admin_perms_parse(hlv_json_text(item), perms) != HLV_OK) {
		return wrong(p, "data.permissions",
			     "expected 12 characters of 0 and 1, or \"*\"");
	} else {
		return HLV_OK;
	}
	*perms = (uint16_t)bits;
	return HLV_OK;
}

static enum hlv_err parse_ref(struct parse *p, const struct hlv_json_node *item,
			      struct hlv_ref *ref)
{
	int64_t index;
	if (!is_object(item))
		return wrong(p, "data", "expected {\"handle\":...,\"index\":...}");
	HLV_TRY(hlv_json_get_string(&p->json, item, "handle", &ref->handle));
	HLV_TRY(hlv_json_get_integer(&p->json, item, "index", INT32_MIN, INT32_MAX, &index));
	ref->index = (uint32_t)index;
	return HLV_OK;
}

static enum hlv_err put_admin(struct parse *p, const struct hlv_json_node *value,
			      struct hlv_writer *w)
{
	struct hlv_admin admin = {0};
	HLV_TRY(parse_ref(p, value, &admin.who));
	HLV_TRY(parse_admin_perms(p, hlv_json_member(value, "permissions"), &admin.perms));
	HLV_TRY(hlv_json_get_bool_or(&p->json, value, "legacyByteLength", &admin.legacy_tail));
	hlv_admin_encode(w, &admin);
	return HLV_OK;
}

static enum hlv_err put_refs(struct parse *p, const char *field,
			     const struct hlv_json_node *array, struct hlv_writer *w)
{
	if (!is_array(array))
		return wrong(p, field, "expected an array of {\"handle\":...,\"index\":...}");
	hlv_put_u32(w, hlv_json_length(array));
	for (const struct hlv_json_node *e = hlv_json_first(array); e; e = hlv_json_next(e)) {
		struct hlv_ref ref;
		HLV_TRY(parse_ref(p, e, &ref));
		hlv_ref_encode(w, &ref);
	}
	return HLV_OK;
}

static enum hlv_err put_vlist(struct parse *p, const struct hlv_json_node *value,
			      struct hlv_writer *w)
{
	return put_refs(p, "data", value, w);
}

static enum hlv_err put_key(struct parse *p, const struct hlv_json_node *value,
			    struct hlv_writer *w)
{
	return hlv_json_get_key(&p->json, value, w);
}

static enum hlv_err put_site(struct parse *p, const struct hlv_json_node *value,
			     struct hlv_writer *w)
{
	return hlv_json_get_site(&p->json, value, w);
}

static enum hlv_err put_primitive(struct parse *p, const struct hlv_json_node *item,
				  struct hlv_writer *w)
{
	struct hlv_bytes text;
	if (!hlv_json_spelling(&p->json, item, &text))
		return wrong(p, "data", "expected a string");
	hlv_put(w, text);
	return HLV_OK;
}

static enum hlv_err put_base64(struct parse *p, const struct hlv_json_node *value,
			       struct hlv_writer *w)
{
	if (!is_string(value) || !hlv_base64_parse(hlv_json_text(value), w))
		return wrong(p, "data", "not base64");
	return HLV_OK;
}

static enum hlv_err put_hex(struct parse *p, const struct hlv_json_node *value,
			    struct hlv_writer *w)
{
	if (!is_string(value) || !put_unhexed(w, hlv_json_text(value)))
		return wrong(p, "data", "not hex");
	return HLV_OK;
}

static const struct format {
	const char *name;
	enum hlv_err (*put)(struct parse *p, const struct hlv_json_node *value,
			    struct hlv_writer *w);
} formats[] = {
	{"string", put_primitive}, {"base64", put_base64}, {"hex", put_hex},
	{"admin", put_admin},	   {"vlist", put_vlist},   {"site", put_site},
	{"key", put_key},
};

static enum hlv_err put_data(struct parse *p, const struct hlv_json_node *data,
			     struct hlv_writer *w)
{
	if (!data)
		return wrong(p, "data", "missing");
	if (!is_object(data))
		return put_primitive(p, data, w);
	struct hlv_bytes name;
	HLV_TRY(hlv_json_get_string(&p->json, data, "format", &name));
	const struct hlv_json_node *value = hlv_json_member(data, "value");
	if (!value)
		return wrong(p, "data.value", "missing");
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
		if (hlv_eq(name, hlv_text(formats[i].name)))
			return formats[i].put(p, value, w);
	return wrong(p, "data.format",
		     "expected string, base64, hex, admin, vlist, site or key, not \"%.20s\"",
		     (const char *)name.p);
}

enum hlv_err hlv_json_get_data(struct hlv_json *j, const struct hlv_json_node *data,
			       struct hlv_writer *w)
{
	struct parse p = {.json = *j};
	return put_data(&p, data, w);
}

/* --- values and records --- */

/* "1110": admin read, admin write, public read, public write; "*": all. Four characters are
 * taken as they stand; of more or fewer the reference's reading is followed (15.2): from the
 * right, and only the characters that have another one in front. */
static enum hlv_err parse_perms(struct parse *p, const struct hlv_json_node *item,
				uint8_t *perms)
{
	*perms = HLV_PERM_DEFAULT;
	if (!item)
		return HLV_OK;
	if (!is_string(item))
		return wrong(p, "permissions", "expected four characters of 0 and 1, or \"*\"");
	struct hlv_bytes text = hlv_json_text(item);
	if (hlv_eq(text, hlv_text("*"))) {
		*perms = 0x0F;
		return HLV_OK;
	}
	for (size_t i = 0; i < text.n; i++) {
		size_t bit = text.n - 1 - i;
		if (text.p[i] != '0' && text.p[i] != '1')
			return wrong(p, "permissions", "expected four characters of 0 and 1");
		if (bit > 3 || (text.n != 4 && bit + 1 >= text.n))
			continue;
		*perms =
			(uint8_t)((*perms & ~(1U << bit)) | (text.p[i] == '1' ? 1U << bit : 0));
	}
	return HLV_OK;
}

static enum hlv_err parse_ttl(struct parse *p, const struct hlv_json_node *item,
			      struct hlv_value *v)
{
	int64_t ttl = HLV_TTL_DEFAULT_S;
	v->ttl_kind = HLV_TTL_RELATIVE;
	if (item && is_string(item) &&
	    parse_time((const char *)hlv_json_text(item).p, &v->ttl_s)) {
		v->ttl_kind = HLV_TTL_ABSOLUTE;
		return HLV_OK;
	}
	if (item && (!hlv_json_integer(item, &ttl) || ttl < INT32_MIN || ttl > INT32_MAX))
		return wrong(p, "ttl", "expected seconds or \"YYYY-MM-DDThh:mm:ssZ\"");
	v->ttl_s = (uint32_t)ttl;
	return HLV_OK;
}

static enum hlv_err parse_timestamp(struct parse *p, const struct hlv_json_node *item,
				    struct hlv_value *v)
{
	v->mtime_s = p->now_s;
	if (item &&
	    (!is_string(item) || !parse_time((const char *)hlv_json_text(item).p, &v->mtime_s)))
		return wrong(p, "timestamp", "expected \"YYYY-MM-DDThh:mm:ssZ\"");
	return HLV_OK;
}

static enum hlv_err put_value(struct parse *p, const struct hlv_json_node *item,
			      struct hlv_writer *w)
{
	struct hlv_value v = {0};
	int64_t index;
	if (!is_object(item))
		return wrong(p, "value", "expected an object");
	HLV_TRY(hlv_json_get_integer(&p->json, item, "index", INT32_MIN, INT32_MAX, &index));
	v.index = (uint32_t)index;
	HLV_TRY(hlv_json_get_string(&p->json, item, "type", &v.type));
	HLV_TRY(parse_perms(p, hlv_json_member(item, "permissions"), &v.perms));
	HLV_TRY(parse_ttl(p, hlv_json_member(item, "ttl"), &v));
	HLV_TRY(parse_timestamp(p, hlv_json_member(item, "timestamp"), &v));
	hlv_put_u32(w, v.index);
	hlv_put_u32(w, v.mtime_s);
	hlv_put_u8(w, v.ttl_kind);
	hlv_put_u32(w, v.ttl_s);
	hlv_put_u8(w, v.perms);
	hlv_put_lp32(w, v.type);
	size_t hole = hlv_put_hole32(w);
	HLV_TRY(put_data(p, hlv_json_member(item, "data"), w));
	hlv_fill32(w, hole);
	if (hlv_json_member(item, "references"))
		return put_refs(p, "references", hlv_json_member(item, "references"), w);
	hlv_put_u32(w, 0);
	return HLV_OK;
}

static enum hlv_err put_values(struct parse *p, const struct hlv_json_node *array,
			       struct hlv_writer *w)
{
	if (!is_array(array))
		return wrong(p, "values", "expected an array of values");
	int i = 0;
	hlv_put_u32(w, hlv_json_length(array));
	for (const struct hlv_json_node *e = hlv_json_first(array); e;
	     e = hlv_json_next(e), i++) {
		snprintf(p->json.path, sizeof p->json.path, "values[%d].", i);
		HLV_TRY(put_value(p, e, w));
	}
	p->json.path[0] = '\0';
	return HLV_OK;
}

/* The exact form of a dump: a count and the encoded values. Checked as if a peer had sent it.
 */
static enum hlv_err put_raw(struct parse *p, const struct hlv_json_node *record,
			    struct hlv_writer *w)
{
	struct hlv_bytes text;
	int64_t count;
	size_t from = w->n;
	HLV_TRY(hlv_json_get_string(&p->json, record, "raw", &text));
	HLV_TRY(hlv_json_get_integer(&p->json, record, "count", 0, UINT16_MAX, &count));
	hlv_put_u32(w, (uint32_t)count);
	if (!hlv_base64_parse(text, w))
		return wrong(p, "raw", "not base64");
	if (w->bad)
		return HLV_OK;
	struct hlv_reader r = hlv_reader(hlv_bytes(w->p + from, w->n - from));
	struct hlv_list list;
	if (hlv_values_decode(&r, &list) != HLV_OK || !hlv_finished(&r))
		return wrong(p, "raw", "not a list of %lld values", (long long)count);
	return HLV_OK;
}

static enum hlv_err put_list(struct parse *p, struct hlv_bytes *handle, struct hlv_writer *w)
{
	const struct hlv_json_node *root = p->json.root;
	if (is_array(root))
		return put_values(p, root, w);
	if (!is_object(root))
		return wrong(p, "record", "expected an object");
	HLV_TRY(hlv_json_get_string_or(&p->json, root, "handle", handle));
	if (hlv_json_member(root, "values"))
		return put_values(p, hlv_json_member(root, "values"), w);
	if (hlv_json_member(root, "raw"))
		return put_raw(p, root, w);
	if (!hlv_json_member(root, "index"))
		return wrong(p, "values", "missing, expected an array of values");
	hlv_put_u32(w, 1);
	return put_value(p, root, w);
}

enum hlv_err hlv_json_parse_record(struct hlv_bytes text, uint32_t now_s, struct hlv_arena *a,
				   struct hlv_bytes *handle, struct hlv_writer *values,
				   struct hlv_json_error *error)
{
	struct parse p = {.now_s = now_s};
	*handle = (struct hlv_bytes){0};
	HLV_TRY(hlv_json_read(&p.json, text, a, error));
	HLV_TRY(put_list(&p, handle, values));
	if (values->bad)
		return hlv_json_fail(error, HLV_E_LIMIT, 0, "values: over %zu octets in all",
				     values->cap);
	return HLV_OK;
}
