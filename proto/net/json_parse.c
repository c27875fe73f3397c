/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/json.h"

#include <arpa/inet.h>

#include "proto/base/base64.h"
#include "proto/net/json_scan.h"
#include "proto/net/json_tree.h"
#include "proto/sec/key.h"
#include "proto/wire/admin.h"

enum { ARENA_LIMIT = 16 * 1024 * 1024, KEY_PART_MAX = 4096 };

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

/* Keys that the kinds of JWK consist of; the octets go into the arena. */
static enum hlv_err get_part(struct parse *p, const struct hlv_json_node *jwk, const char *name,
			     struct hlv_key_parts *parts)
{
	struct hlv_bytes text;
	HLV_TRY(hlv_json_get_string(&p->json, jwk, name, &text));
	uint8_t *octets = hlv_alloc_raw(p->json.a, KEY_PART_MAX);
	struct hlv_writer w = hlv_writer(octets, octets ? KEY_PART_MAX : 0);
	if (!hlv_base64_parse(text, &w) || w.bad)
		return wrong(p, name, "expected base64url of at most %d octets", KEY_PART_MAX);
	struct hlv_key_part *part = &parts->part[parts->n++];
	snprintf(part->name, sizeof part->name, "%s", name);
	part->octets = hlv_written(&w);
	return HLV_OK;
}

static const struct jwk_kind {
	const char *kty;
	const char *parts[5];
	bool curve;
} jwk_kinds[] = {
	{"RSA", {"n", "e"}, false},	{"DSA", {"y", "p", "q", "g"}, false},
	{"DH", {"y", "p", "g"}, false}, {"EC", {"x", "y"}, true},
	{"OKP", {"x"}, true},		{"SM2", {"d"}, false},
};

static enum hlv_err put_jwk(struct parse *p, const struct hlv_json_node *jwk,
			    struct hlv_writer *w)
{
	struct hlv_bytes kty, crv = {0};
	struct hlv_key_parts parts = {0};
	HLV_TRY(hlv_json_get_string(&p->json, jwk, "kty", &kty));
	const struct jwk_kind *kind = NULL;
	for (size_t i = 0; i < sizeof jwk_kinds / sizeof jwk_kinds[0]; i++)
		if (hlv_eq(kty, hlv_text(jwk_kinds[i].kty)))
			kind = &jwk_kinds[i];
	if (!kind)
		return wrong(p, "kty", "expected RSA, DSA, DH, EC, OKP or SM2");
	if (kind->curve)
		HLV_TRY(hlv_json_get_string(&p->json, jwk, "crv", &crv));
	parts.kty = kind->kty;
	parts.crv = kind->curve ? (const char *)crv.p : NULL;
	for (size_t i = 0; kind->parts[i]; i++)
		HLV_TRY(get_part(p, jwk, kind->parts[i], &parts));
	struct hlv_key *key = NULL;
	enum hlv_err err = hlv_key_from_parts(&parts, &key);
	if (err != HLV_OK)
		return wrong(p, "key", "%s", hlv_strerror(err));
	err = hlv_pubkey_encode(w, key);
	hlv_key_free(key);
	return err == HLV_OK || w->bad ? HLV_OK : wrong(p, "key", "%s", hlv_strerror(err));
}

static enum hlv_err put_key(struct parse *p, const struct hlv_json_node *value,
			    struct hlv_writer *w)
{
	if (!is_object(value))
		return wrong(p, "data", "expected a key as JWK");
	return put_jwk(p, value, w);
}

static enum hlv_err put_site(struct parse *p, const struct hlv_json_node *value,
			     struct hlv_writer *w);

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

/* --- sites --- */

static enum hlv_err put_interface(struct parse *p, const struct hlv_json_node *item,
				  struct hlv_writer *w)
{
	static const char *const names[] = {"UDP", "TCP", "HTTP", "HTTPS"};
	struct hlv_site_interface f = {0};
	struct hlv_bytes protocol;
	bool query = false, admin = false;
	int64_t port;
	HLV_TRY(hlv_json_get_bool_or(&p->json, item, "query", &query));
	HLV_TRY(hlv_json_get_bool_or(&p->json, item, "admin", &admin));
	HLV_TRY(hlv_json_get_string(&p->json, item, "protocol", &protocol));
	HLV_TRY(hlv_json_get_integer(&p->json, item, "port", INT32_MIN, INT32_MAX, &port));
	f.kind = (uint8_t)((query ? HLV_IF_QUERY : 0) | (admin ? HLV_IF_ADMIN : 0));
	f.port = (uint32_t)port;
	f.protocol = UINT8_MAX;
	for (uint8_t i = 0; i < 4; i++)
		if (hlv_eq_fold(protocol, hlv_text(names[i])))
			f.protocol = i;
	if (f.protocol == UINT8_MAX)
		return wrong(p, "protocol", "expected UDP, TCP, HTTP or HTTPS");
	hlv_site_put_interface(w, &f);
	return HLV_OK;
}

/* Literal addresses only: a name in a site record is an attribute (6.4). */
static enum hlv_err put_address(struct parse *p, const struct hlv_json_node *server,
				struct hlv_writer *w)
{
	struct hlv_bytes text;
	uint8_t octets[16] = {0};
	HLV_TRY(hlv_json_get_string(&p->json, server, "address", &text));
	if (inet_pton(AF_INET, (const char *)text.p, octets + 12) != 1 &&
	    inet_pton(AF_INET6, (const char *)text.p, octets) != 1)
		return wrong(p, "address", "expected an IPv4 or IPv6 address");
	hlv_put(w, hlv_bytes(octets, sizeof octets));
	return HLV_OK;
}

static enum hlv_err put_server(struct parse *p, const struct hlv_json_node *item,
			       struct hlv_writer *w)
{
	int64_t id;
	const struct hlv_json_node *interfaces;
	HLV_TRY(hlv_json_get_integer(&p->json, item, "serverId", INT32_MIN, INT32_MAX, &id));
	hlv_put_u32(w, (uint32_t)id);
	HLV_TRY(put_address(p, item, w));
	size_t hole = hlv_put_hole32(w);
	if (hlv_json_member(item, "publicKey"))
		HLV_TRY(put_data(p, hlv_json_member(item, "publicKey"), w));
	hlv_fill32(w, hole);
	HLV_TRY(hlv_json_get_array(&p->json, item, "interfaces", &interfaces));
	hlv_put_u32(w, hlv_json_length(interfaces));
	for (const struct hlv_json_node *e = hlv_json_first(interfaces); e;
	     e = hlv_json_next(e))
		HLV_TRY(put_interface(p, e, w));
	return HLV_OK;
}

static enum hlv_err put_attributes(struct parse *p, const struct hlv_json_node *site,
				   struct hlv_writer *w)
{
	if (!hlv_json_member(site, "attributes")) {
		hlv_put_u32(w, 0);
		return HLV_OK;
	}
	const struct hlv_json_node *attributes;
	HLV_TRY(hlv_json_get_array(&p->json, site, "attributes", &attributes));
	hlv_put_u32(w, hlv_json_length(attributes));
	for (const struct hlv_json_node *e = hlv_json_first(attributes); e;
	     e = hlv_json_next(e)) {
		struct hlv_site_attribute attribute;
		HLV_TRY(hlv_json_get_string(&p->json, e, "name", &attribute.name));
		HLV_TRY(hlv_json_get_string(&p->json, e, "value", &attribute.value));
		hlv_site_put_attribute(w, &attribute);
	}
	return HLV_OK;
}

static enum hlv_err put_protocol_version(struct parse *p, const struct hlv_json_node *site,
					 struct hlv_writer *w)
{
	const struct hlv_json_node *item = hlv_json_member(site, "protocolVersion");
	unsigned major = 2, minor = 11;
	char rest;
	if (item && (!is_string(item) ||
		     sscanf((const char *)hlv_json_text(item).p, "%3u.%3u%c", &major, &minor,
			    &rest) != 2 ||
		     major > 255 || minor > 255))
		return wrong(p, "protocolVersion", "expected \"2.11\" or the like");
	hlv_put_u8(w, (uint8_t)major);
	hlv_put_u8(w, (uint8_t)minor);
	return HLV_OK;
}

static enum hlv_err put_site_head(struct parse *p, const struct hlv_json_node *site,
				  struct hlv_writer *w)
{
	int64_t version = 1, serial = 1, hash = HLV_HASH_ALL;
	bool primary = false, multi = false;
	HLV_TRY(hlv_json_get_integer_or(&p->json, site, "version", 0, 1, &version));
	HLV_TRY(hlv_json_get_integer_or(&p->json, site, "serialNumber", INT16_MIN, UINT16_MAX,
					&serial));
	HLV_TRY(hlv_json_get_integer_or(&p->json, site, "hashOption", HLV_HASH_PREFIX,
					HLV_HASH_ALL, &hash));
	HLV_TRY(hlv_json_get_bool_or(&p->json, site, "primarySite", &primary));
	HLV_TRY(hlv_json_get_bool_or(&p->json, site, "multiPrimary", &multi));
	hlv_put_u16(w, (uint16_t)version);
	HLV_TRY(put_protocol_version(p, site, w));
	hlv_put_u16(w, (uint16_t)serial);
	hlv_put_u8(w, (uint8_t)((primary ? HLV_SITE_PRIMARY : 0) |
				(multi ? HLV_SITE_MULTI_PRIMARY : 0)));
	hlv_put_u8(w, (uint8_t)hash);
	struct hlv_bytes filter = {0};
	HLV_TRY(hlv_json_get_string_or(&p->json, site, "hashFilter", &filter));
	hlv_put_lp32(w, filter);
	return HLV_OK;
}

static enum hlv_err put_site(struct parse *p, const struct hlv_json_node *site,
			     struct hlv_writer *w)
{
	const struct hlv_json_node *servers;
	if (!is_object(site))
		return wrong(p, "site", "expected an object");
	HLV_TRY(put_site_head(p, site, w));
	HLV_TRY(put_attributes(p, site, w));
	HLV_TRY(hlv_json_get_array(&p->json, site, "servers", &servers));
	hlv_put_u32(w, hlv_json_length(servers));
	for (const struct hlv_json_node *e = hlv_json_first(servers); e; e = hlv_json_next(e))
		HLV_TRY(put_server(p, e, w));
	return HLV_OK;
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

static enum hlv_err parse_into(struct hlv_bytes text, struct hlv_writer *w,
			       struct hlv_json_error *error,
			       enum hlv_err (*put)(struct parse *, const struct hlv_json_node *,
						   struct hlv_writer *))
{
	struct hlv_arena a;
	hlv_arena_init(&a, ARENA_LIMIT);
	struct parse p = {0};
	enum hlv_err err = hlv_json_read(&p.json, text, &a, error);
	if (err == HLV_OK)
		err = put(&p, p.json.root, w);
	if (err == HLV_OK && w->bad)
		err = hlv_json_fail(error, HLV_E_LIMIT, 0, "over %zu octets", w->cap);
	hlv_arena_fini(&a);
	return err;
}

enum hlv_err hlv_json_parse_site(struct hlv_bytes text, struct hlv_writer *site,
				 struct hlv_json_error *error)
{
	return parse_into(text, site, error, put_site);
}

enum hlv_err hlv_json_parse_key(struct hlv_bytes text, struct hlv_writer *data,
				struct hlv_json_error *error)
{
	return parse_into(text, data, error, put_key);
}

enum hlv_err hlv_json_get_key(struct hlv_json *j, const struct hlv_json_node *jwk,
			      struct hlv_writer *data)
{
	struct parse p = {.json = *j};
	return put_key(&p, jwk, data);
}
