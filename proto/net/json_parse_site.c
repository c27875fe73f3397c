/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in values as JSON of its own: sites (siteinfo.json) and keys (JWK).
 */
#include "proto/net/json.h"

#include <arpa/inet.h>

#include "proto/base/base64.h"
#include "proto/net/json_scan.h"
#include "proto/net/json_tree.h"
#include "proto/sec/key.h"

enum { ARENA_LIMIT = 16 * 1024 * 1024, KEY_PART_MAX = 4096 };

#define wrong(j, ...) hlv_json_wrong(j, __VA_ARGS__)

static bool is_object(const struct hlv_json_node *n)
{
	return hlv_json_kind(n) == HLV_JSON_OBJECT;
}

/* --- keys --- */

/* Keys that the kinds of JWK consist of; the octets go into the arena. */
static enum hlv_err get_part(struct hlv_json *j, const struct hlv_json_node *jwk,
			     const char *name, struct hlv_key_parts *parts)
{
	struct hlv_bytes text;
	HLV_TRY(hlv_json_get_string(j, jwk, name, &text));
	uint8_t *octets = hlv_alloc_raw(j->a, KEY_PART_MAX);
	struct hlv_writer w = hlv_writer(octets, octets ? KEY_PART_MAX : 0);
	if (!hlv_base64_parse(text, &w) || w.bad)
		return wrong(j, name, "expected base64url of at most %d octets", KEY_PART_MAX);
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

static enum hlv_err put_jwk(struct hlv_json *j, const struct hlv_json_node *jwk,
			    struct hlv_writer *w)
{
	struct hlv_bytes kty, crv = {0};
	struct hlv_key_parts parts = {0};
	HLV_TRY(hlv_json_get_string(j, jwk, "kty", &kty));
	const struct jwk_kind *kind = NULL;
	for (size_t i = 0; i < sizeof jwk_kinds / sizeof jwk_kinds[0]; i++)
		if (hlv_eq(kty, hlv_text(jwk_kinds[i].kty)))
			kind = &jwk_kinds[i];
	if (!kind)
		return wrong(j, "kty", "expected RSA, DSA, DH, EC, OKP or SM2");
	if (kind->curve)
		HLV_TRY(hlv_json_get_string(j, jwk, "crv", &crv));
	parts.kty = kind->kty;
	parts.crv = kind->curve ? (const char *)crv.p : NULL;
	for (size_t i = 0; kind->parts[i]; i++)
		HLV_TRY(get_part(j, jwk, kind->parts[i], &parts));
	struct hlv_key *key = NULL;
	enum hlv_err err = hlv_key_from_parts(&parts, &key);
	if (err != HLV_OK)
		return wrong(j, "key", "%s", hlv_strerror(err));
	err = hlv_pubkey_encode(w, key);
	hlv_key_free(key);
	return err == HLV_OK || w->bad ? HLV_OK : wrong(j, "key", "%s", hlv_strerror(err));
}

enum hlv_err hlv_json_get_key(struct hlv_json *j, const struct hlv_json_node *jwk,
			      struct hlv_writer *data)
{
	if (!is_object(jwk))
		return wrong(j, "data", "expected a key as JWK");
	return put_jwk(j, jwk, data);
}

/* --- sites --- */

static enum hlv_err put_interface(struct hlv_json *j, const struct hlv_json_node *item,
				  struct hlv_writer *w)
{
	static const char *const names[] = {"UDP", "TCP", "HTTP", "HTTPS"};
	struct hlv_site_interface f = {0};
	struct hlv_bytes protocol;
	bool query = false, admin = false;
	int64_t port;
	HLV_TRY(hlv_json_get_bool_or(j, item, "query", &query));
	HLV_TRY(hlv_json_get_bool_or(j, item, "admin", &admin));
	HLV_TRY(hlv_json_get_string(j, item, "protocol", &protocol));
	HLV_TRY(hlv_json_get_integer(j, item, "port", INT32_MIN, INT32_MAX, &port));
	f.kind = (uint8_t)((query ? HLV_IF_QUERY : 0) | (admin ? HLV_IF_ADMIN : 0));
	f.port = (uint32_t)port;
	f.protocol = UINT8_MAX;
	for (uint8_t i = 0; i < 4; i++)
		if (hlv_eq_fold(protocol, hlv_text(names[i])))
			f.protocol = i;
	if (f.protocol == UINT8_MAX)
		return wrong(j, "protocol", "expected UDP, TCP, HTTP or HTTPS");
	hlv_site_put_interface(w, &f);
	return HLV_OK;
}

/* Literal addresses only: a name in a site record is an attribute (6.4). */
static enum hlv_err put_address(struct hlv_json *j, const struct hlv_json_node *server,
				struct hlv_writer *w)
{
	struct hlv_bytes text;
	uint8_t octets[16] = {0};
	HLV_TRY(hlv_json_get_string(j, server, "address", &text));
	if (inet_pton(AF_INET, (const char *)text.p, octets + 12) != 1 &&
	    inet_pton(AF_INET6, (const char *)text.p, octets) != 1)
		return wrong(j, "address", "expected an IPv4 or IPv6 address");
	hlv_put(w, hlv_bytes(octets, sizeof octets));
	return HLV_OK;
}

static enum hlv_err put_server(struct hlv_json *j, const struct hlv_json_node *item,
			       struct hlv_writer *w)
{
	int64_t id;
	const struct hlv_json_node *interfaces;
	HLV_TRY(hlv_json_get_integer(j, item, "serverId", INT32_MIN, INT32_MAX, &id));
	hlv_put_u32(w, (uint32_t)id);
	HLV_TRY(put_address(j, item, w));
	size_t hole = hlv_put_hole32(w);
	if (hlv_json_member(item, "publicKey"))
		HLV_TRY(hlv_json_get_data(j, hlv_json_member(item, "publicKey"), w));
	hlv_fill32(w, hole);
	HLV_TRY(hlv_json_get_array(j, item, "interfaces", &interfaces));
	hlv_put_u32(w, hlv_json_length(interfaces));
	for (const struct hlv_json_node *e = hlv_json_first(interfaces); e;
	     e = hlv_json_next(e))
		HLV_TRY(put_interface(j, e, w));
	return HLV_OK;
}

static enum hlv_err put_attributes(struct hlv_json *j, const struct hlv_json_node *site,
				   struct hlv_writer *w)
{
	if (!hlv_json_member(site, "attributes")) {
		hlv_put_u32(w, 0);
		return HLV_OK;
	}
	const struct hlv_json_node *attributes;
	HLV_TRY(hlv_json_get_array(j, site, "attributes", &attributes));
	hlv_put_u32(w, hlv_json_length(attributes));
	for (const struct hlv_json_node *e = hlv_json_first(attributes); e;
	     e = hlv_json_next(e)) {
		struct hlv_site_attribute attribute;
		HLV_TRY(hlv_json_get_string(j, e, "name", &attribute.name));
		HLV_TRY(hlv_json_get_string(j, e, "value", &attribute.value));
		hlv_site_put_attribute(w, &attribute);
	}
	return HLV_OK;
}

static enum hlv_err put_protocol_version(struct hlv_json *j, const struct hlv_json_node *site,
					 struct hlv_writer *w)
{
	const struct hlv_json_node *item = hlv_json_member(site, "protocolVersion");
	unsigned major = 2, minor = 11;
	char rest;
	if (item && (hlv_json_kind(item) != HLV_JSON_STRING ||
		     sscanf((const char *)hlv_json_text(item).p, "%3u.%3u%c", &major, &minor,
			    &rest) != 2 ||
		     major > 255 || minor > 255))
		return wrong(j, "protocolVersion", "expected \"2.11\" or the like");
	hlv_put_u8(w, (uint8_t)major);
	hlv_put_u8(w, (uint8_t)minor);
	return HLV_OK;
}

static enum hlv_err put_site_head(struct hlv_json *j, const struct hlv_json_node *site,
				  struct hlv_writer *w)
{
	int64_t version = 1, serial = 1, hash = HLV_HASH_ALL;
	bool primary = false, multi = false;
	HLV_TRY(hlv_json_get_integer_or(j, site, "version", 0, 1, &version));
	HLV_TRY(hlv_json_get_integer_or(j, site, "serialNumber", INT16_MIN, UINT16_MAX,
					&serial));
	HLV_TRY(hlv_json_get_integer_or(j, site, "hashOption", HLV_HASH_PREFIX, HLV_HASH_ALL,
					&hash));
	HLV_TRY(hlv_json_get_bool_or(j, site, "primarySite", &primary));
	HLV_TRY(hlv_json_get_bool_or(j, site, "multiPrimary", &multi));
	hlv_put_u16(w, (uint16_t)version);
	HLV_TRY(put_protocol_version(j, site, w));
	hlv_put_u16(w, (uint16_t)serial);
	hlv_put_u8(w, (uint8_t)((primary ? HLV_SITE_PRIMARY : 0) |
				(multi ? HLV_SITE_MULTI_PRIMARY : 0)));
	hlv_put_u8(w, (uint8_t)hash);
	struct hlv_bytes filter = {0};
	HLV_TRY(hlv_json_get_string_or(j, site, "hashFilter", &filter));
	hlv_put_lp32(w, filter);
	return HLV_OK;
}

enum hlv_err hlv_json_get_site(struct hlv_json *j, const struct hlv_json_node *site,
			       struct hlv_writer *w)
{
	const struct hlv_json_node *servers;
	if (!is_object(site))
		return wrong(j, "site", "expected an object");
	HLV_TRY(put_site_head(j, site, w));
	HLV_TRY(put_attributes(j, site, w));
	HLV_TRY(hlv_json_get_array(j, site, "servers", &servers));
	hlv_put_u32(w, hlv_json_length(servers));
	for (const struct hlv_json_node *e = hlv_json_first(servers); e; e = hlv_json_next(e))
		HLV_TRY(put_server(j, e, w));
	return HLV_OK;
}

/* --- as a text of their own --- */

static enum hlv_err
parse_into(struct hlv_bytes text, struct hlv_writer *w, struct hlv_json_error *error,
	   enum hlv_err (*put)(struct hlv_json *, const struct hlv_json_node *,
			       struct hlv_writer *))
{
	struct hlv_arena a;
	hlv_arena_init(&a, ARENA_LIMIT);
	struct hlv_json j = {0};
	enum hlv_err err = hlv_json_read(&j, text, &a, error);
	if (err == HLV_OK)
		err = put(&j, j.root, w);
	if (err == HLV_OK && w->bad)
		err = hlv_json_fail(error, HLV_E_LIMIT, 0, "over %zu octets", w->cap);
	hlv_arena_fini(&a);
	return err;
}

enum hlv_err hlv_json_parse_site(struct hlv_bytes text, struct hlv_writer *site,
				 struct hlv_json_error *error)
{
	return parse_into(text, site, error, hlv_json_get_site);
}

enum hlv_err hlv_json_parse_key(struct hlv_bytes text, struct hlv_writer *data,
				struct hlv_json_error *error)
{
	return parse_into(text, data, error, hlv_json_get_key);
}
