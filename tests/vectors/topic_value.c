/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in values: values themselves, administrators, lists, sites, and the two files
 * that a resolver starts from.
 */
#include "proto/wire/admin.h"
#include "tests/vectors/check.h"

bool topic_handle_values(const struct vector *v)
{
	struct hlv_reader r = hlv_reader(v->hex);
	struct hlv_value value;
	enum hlv_err err = hlv_value_decode(&r, &value);
	if (err != HLV_OK || !hlv_finished(&r))
		return vector_differs(v, "%s", hlv_strerror(HLV_E_MALFORMED));
	if (!check_value(v, &value, v->decoded))
		return false;
	struct hlv_writer w = message_writer(v);
	hlv_value_encode(&w, &value);
	return check_written(v, "encoded value", &w, v->hex) && check_value_json(v);
}

static bool check_perms_text(const struct vector *v, uint16_t perms, struct hlv_bytes want)
{
	char text[13];
	uint16_t back;
	hlv_admin_perms_print(perms, text);
	if (!vector_bytes(v, "permissions as text", hlv_text(text), want))
		return false;
	return hlv_admin_perms_parse(want, &back) == HLV_OK &&
	       vector_u64(v, "permissions from text", back, perms);
}

bool topic_admin_records(const struct vector *v)
{
	struct hlv_admin a;
	enum hlv_err err = hlv_admin_decode(v->hex, &a);
	if (js_has(v->decoded, "error"))
		return vector_bool(v, "refused", err != HLV_OK, true);
	if (err != HLV_OK)
		return vector_differs(v, "%s", hlv_strerror(err));
	if (js_has(v->decoded, "json") &&
	    !check_perms_text(v, a.perms, js_text(v->decoded, "json.permissions")))
		return false;
	struct hlv_writer w = message_writer(v);
	hlv_admin_encode(&w, &a);
	return vector_u64(v, "permissions", a.perms, js_u64(v->decoded, "permissions")) &&
	       vector_bytes(v, "administrator", a.who.handle, js_text(v->decoded, "handle")) &&
	       vector_u64(v, "index", a.who.index, js_u64(v->decoded, "index")) &&
	       vector_bool(v, "legacy tail", a.legacy_tail,
			   js_bool(v->decoded, "legacy_byte_length")) &&
	       check_written(v, "encoded administrator", &w, v->hex) &&
	       (!js_has(v->decoded, "json") || check_admin_json(v));
}

bool topic_vlists(const struct vector *v)
{
	struct hlv_list refs;
	enum hlv_err err = hlv_vlist_decode(v->hex, &refs);
	if (js_has(v->decoded, "error"))
		return vector_bool(v, "refused", err != HLV_OK, true);
	if (err != HLV_OK)
		return vector_differs(v, "%s", hlv_strerror(err));
	struct hlv_writer w = message_writer(v);
	hlv_list_encode(&w, &refs);
	return check_refs(v, &refs, js_get(v->decoded, "references")) &&
	       check_written(v, "encoded list", &w, v->hex) && check_vlist_json(v);
}

bool topic_site_info(const struct vector *v)
{
	struct hlv_site s;
	if (js_has(v->decoded, "error"))
		return vector_bool(v, "refused", hlv_site_decode(v->hex, &s) != HLV_OK, true);
	return check_site(v, v->hex, v->decoded) && check_site_json(v);
}

/* protocol.md 17: int4 length of the rest, then a value list. */
static bool check_root_info(const struct vector *v)
{
	struct hlv_reader r = hlv_reader(v->hex);
	struct hlv_reader rest = hlv_get_sub(&r);
	struct hlv_list values;
	enum hlv_err err = hlv_values_decode(&rest, &values);
	if (err != HLV_OK || !hlv_finished(&rest) || !hlv_finished(&r))
		return vector_differs(v, "root_info: %s", hlv_strerror(err));
	struct hlv_writer w = message_writer(v);
	size_t at = hlv_put_hole32(&w);
	hlv_list_encode(&w, &values);
	hlv_fill32(&w, at);
	return check_values(v, &values, js_get(v->decoded, "values")) &&
	       check_written(v, "encoded root_info", &w, v->hex);
}

/* Where the next site of `prefix` is expected: the vector lists the later entry first. */
static const cJSON *next_site(const cJSON *decoded, struct hlv_bytes prefix, size_t *used)
{
	size_t i = 0;
	const cJSON *sites;
	cJSON_ArrayForEach (sites, decoded) {
		int left = cJSON_GetArraySize(sites) - (int)used[i];
		if (hlv_eq(hlv_text(sites->string), prefix) && left > 0) {
			used[i]++;
			return cJSON_GetArrayItem(sites, left - 1);
		}
		i++;
	}
	return NULL;
}

/* One entry: array list of prefix handles, then a site record as an array. */
static bool check_local_entry(const struct vector *v, struct hlv_reader *r, size_t *used,
			      struct hlv_writer *w)
{
	struct hlv_bytes prefixes[4];
	uint32_t n = hlv_get_count(r, 4);
	if (n > 4)
		return vector_differs(v, "more prefixes than expected");
	hlv_put_u32(w, n);
	for (uint32_t i = 0; i < n; i++) {
		prefixes[i] = hlv_get_lp32(r);
		hlv_put_lp32(w, prefixes[i]);
	}
	struct hlv_bytes site = hlv_get_lp32(r);
	hlv_put_lp32(w, site);
	for (uint32_t i = 0; i < n; i++) {
		const cJSON *want = next_site(v->decoded, prefixes[i], used);
		if (!want)
			return vector_differs(v, "a prefix that is not expected");
		if (!check_site(v, site, want))
			return false;
	}
	return true;
}

/* protocol.md 17: int4 length of all (itself included), int4 count, the entries. */
static bool check_local_info(const struct vector *v)
{
	struct hlv_reader r = hlv_reader(v->hex);
	struct hlv_writer w = message_writer(v);
	size_t used[8] = {0};
	if (!vector_u64(v, "total length", hlv_get_u32(&r), v->hex.n))
		return false;
	hlv_put_u32(&w, (uint32_t)v->hex.n);
	uint32_t n = hlv_get_count(&r, 8);
	hlv_put_u32(&w, n);
	for (uint32_t i = 0; i < n; i++)
		if (!check_local_entry(v, &r, used, &w))
			return false;
	return vector_bool(v, "read to the end", hlv_finished(&r), true) &&
	       check_written(v, "encoded local_info", &w, v->hex);
}

bool topic_config_files(const struct vector *v)
{
	return strcmp(v->name, "root_info") == 0 ? check_root_info(v) : check_local_info(v);
}

bool topic_type_matching(const struct vector *v)
{
	bool want = js_bool(v->decoded, "matches");
	if (js_has(v->decoded, "requested_type"))
		return vector_bool(v, "asked",
				   hlv_type_asked(js_text(v->decoded, "value_type"),
						  js_text(v->decoded, "requested_type")),
				   want);
	return vector_bool(
		v, "is", hlv_type_is(js_text(v->decoded, "type"), js_str(v->decoded, "wanted")),
		want);
}

bool topic_ttl_expiry(const struct vector *v)
{
	struct hlv_reader r = hlv_reader(v->hex);
	struct hlv_value value;
	if (hlv_value_decode(&r, &value) != HLV_OK)
		return vector_differs(v, "the value is malformed");
	bool expired = hlv_value_expired(&value, (uint32_t)js_u64(v->decoded, "retrieved_at"),
					 (uint32_t)js_u64(v->decoded, "now"));
	return vector_u64(v, "ttl type", value.ttl_kind, js_u64(v->decoded, "ttl_type")) &&
	       vector_u64(v, "ttl", value.ttl_s, (uint32_t)js_u64(v->decoded, "ttl")) &&
	       vector_bool(v, "expired", expired, js_bool(v->decoded, "expired"));
}
