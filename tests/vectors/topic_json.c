/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON renderings: of values, administrators and sites beside their octets, and of what the
 * REST API takes and gives.
 */
#include "proto/net/json.h"
#include "proto/web/web.h"
#include "proto/wire/admin.h"
#include "tests/vectors/check.h"

enum { PARSE_ARENA = 16 * 1024 * 1024 };

/* The same members in the same order with the same values. */
static bool check_json(const struct vector *v, const char *what, struct hlv_bytes got,
		       const cJSON *want)
{
	cJSON *tree = cJSON_ParseWithLength((const char *)got.p, got.n);
	char *ours = cJSON_PrintUnformatted(tree);
	char *theirs = cJSON_PrintUnformatted(want);
	bool same = tree && ours && theirs && strcmp(ours, theirs) == 0;
	if (!same)
		vector_differs(v, "%s: %.*s", what, (int)got.n,
			       got.n ? (const char *)got.p : "");
	cJSON_free(ours);
	cJSON_free(theirs);
	cJSON_Delete(tree);
	return same;
}

/* A tree as text, in the vector's arena. */
static struct hlv_bytes text_of(const struct vector *v, const cJSON *tree)
{
	char *text = cJSON_PrintUnformatted(tree);
	struct hlv_bytes copy = hlv_arena_copy(v->arena, hlv_text(text ? text : ""));
	cJSON_free(text);
	return copy;
}

static enum hlv_err parse(const struct vector *v, struct hlv_bytes text, struct hlv_writer *w,
			  struct hlv_json_error *error)
{
	struct hlv_arena a;
	hlv_arena_init(&a, PARSE_ARENA);
	struct hlv_bytes handle;
	*w = message_writer(v);
	enum hlv_err err = hlv_json_parse_record(text, 0, &a, &handle, w, error);
	hlv_arena_fini(&a);
	return err;
}

/* `json` must become the one value `want`. */
static bool check_parsed(const struct vector *v, struct hlv_bytes json, struct hlv_bytes want)
{
	struct hlv_writer w;
	struct hlv_json_error error;
	if (parse(v, json, &w, &error) != HLV_OK)
		return vector_differs(v, "not parsed: %s", error.text);
	return vector_bytes(v, "value from JSON", hlv_skip(hlv_written(&w), 4), want);
}

static bool check_printed(const struct vector *v, struct hlv_bytes value, const cJSON *want)
{
	struct hlv_reader r = hlv_reader(value);
	struct hlv_value decoded;
	if (hlv_value_decode(&r, &decoded) != HLV_OK)
		return vector_differs(v, "malformed value");
	struct hlv_buf text = {0};
	hlv_json_put_value(&text, &decoded);
	bool same = check_json(v, "value as JSON", hlv_buf_bytes(&text), want);
	hlv_buf_free(&text);
	return same;
}

bool check_value_json(const struct vector *v)
{
	const cJSON *json = js_get(v->decoded, "json");
	if (!check_printed(v, v->hex, json))
		return false;
	/* An unknown kind of TTL is shown as a date and comes back as one. */
	return js_u64(v->decoded, "ttl_type") > 1 || check_parsed(v, text_of(v, json), v->hex);
}

/* Data of a type through a value, both directions. */
static bool check_data_json(const struct vector *v, const char *type, const char *format,
			    const cJSON *json)
{
	struct hlv_value value = {.index = 1,
				  .ttl_s = HLV_TTL_DEFAULT_S,
				  .perms = HLV_PERM_DEFAULT,
				  .type = hlv_text(type),
				  .data = v->hex};
	struct hlv_writer w = message_writer(v);
	hlv_value_encode(&w, &value);
	struct hlv_buf want = {0};
	hlv_buf_printf(&want,
		       "{\"index\":1,\"type\":\"%s\",\"data\":{\"format\":\"%s\",\"value\":",
		       type, format);
	hlv_buf_put(&want, text_of(v, json));
	hlv_buf_str(&want, "},\"ttl\":86400}");
	cJSON *tree = cJSON_ParseWithLength(want.p, want.n);
	bool same = check_printed(v, hlv_written(&w), tree) &&
		    check_parsed(v, hlv_buf_bytes(&want), hlv_written(&w));
	cJSON_Delete(tree);
	hlv_buf_free(&want);
	return same;
}

bool check_admin_json(const struct vector *v)
{
	return check_data_json(v, "HS_ADMIN", "admin", js_get(v->decoded, "json"));
}

bool check_vlist_json(const struct vector *v)
{
	return check_data_json(v, "HS_VLIST", "vlist", js_get(v->decoded, "references"));
}

bool check_site_json(const struct vector *v)
{
	const cJSON *json = js_get(v->decoded, "json");
	if (!check_data_json(v, "HS_SITE", "site", json))
		return false;
	struct hlv_buf text = {0};
	struct hlv_writer w = message_writer(v);
	struct hlv_json_error error;
	bool same = hlv_json_put_site(&text, v->hex) == HLV_OK &&
		    check_json(v, "siteinfo.json", hlv_buf_bytes(&text), json) &&
		    hlv_json_parse_site(hlv_buf_bytes(&text), &w, &error) == HLV_OK &&
		    vector_bytes(v, "site from JSON", hlv_written(&w), v->hex);
	hlv_buf_free(&text);
	return same || vector_differs(v, "site as JSON");
}

bool check_key_json(const struct vector *v)
{
	const cJSON *jwk = js_get(v->decoded, "jwk_public");
	struct hlv_buf text = {0};
	struct hlv_writer w = message_writer(v);
	struct hlv_json_error error;
	bool same = hlv_json_put_key(&text, v->hex) == HLV_OK &&
		    check_json(v, "JWK", hlv_buf_bytes(&text), jwk) &&
		    hlv_json_parse_key(hlv_buf_bytes(&text), &w, &error) == HLV_OK &&
		    vector_bytes(v, "key from JWK", hlv_written(&w), v->hex);
	hlv_buf_free(&text);
	return same || vector_differs(v, "key as JWK");
}

static bool contains(struct hlv_bytes text, const struct hlv_buf *part)
{
	return memmem(text.p, text.n, part->p, part->n) != NULL;
}

/* The octets of an answer hold our rendering of its values, octet for octet. */
static bool check_answer_values(const struct vector *v)
{
	struct hlv_writer w;
	struct hlv_json_error error;
	if (parse(v, text_of(v, js_get(v->decoded, "json.values")), &w, &error) != HLV_OK)
		return vector_differs(v, "values not parsed: %s", error.text);
	struct hlv_reader r = hlv_reader(hlv_written(&w));
	struct hlv_list values;
	if (hlv_values_decode(&r, &values) != HLV_OK)
		return vector_differs(v, "values from JSON are malformed");
	struct hlv_buf text = {0};
	hlv_json_put_values(&text, &values);
	bool same = contains(v->hex, &text) || vector_differs(v, "not in it: %s", text.p);
	hlv_buf_free(&text);
	return same;
}

static bool check_answer_site(const struct vector *v)
{
	struct hlv_writer w = message_writer(v);
	struct hlv_json_error error;
	struct hlv_buf text = {0};
	if (hlv_json_parse_site(text_of(v, js_get(v->decoded, "json.site")), &w, &error) !=
	    HLV_OK)
		return vector_differs(v, "site not parsed: %s", error.text);
	bool same =
		hlv_json_put_site(&text, hlv_written(&w)) == HLV_OK && contains(v->hex, &text);
	hlv_buf_free(&text);
	return same || vector_differs(v, "site is rendered otherwise");
}

/* Member for member, strings are written as the reference writes them. */
static bool check_answer_strings(const struct vector *v)
{
	const cJSON *m;
	bool same = true;
	cJSON_ArrayForEach (m, js_get(v->decoded, "json")) {
		if (!cJSON_IsString(m))
			continue;
		struct hlv_buf text = {0};
		hlv_buf_printf(&text, "\"%s\":", m->string);
		hlv_json_put_str(&text, hlv_text(m->valuestring));
		same = same &&
		       (contains(v->hex, &text) || vector_differs(v, "not in it: %s", text.p));
		hlv_buf_free(&text);
	}
	return same;
}

static bool check_refused(const struct vector *v)
{
	struct hlv_writer w;
	struct hlv_json_error error = {0};
	if (parse(v, v->hex, &w, &error) == HLV_OK)
		return vector_differs(v, "accepted");
	return error.text[0] != '\0' || vector_differs(v, "refused without a reason");
}

/* The status of HTTP for a code, of a question or a change; that it was made, or overwritten. */
static bool check_status(const struct vector *v)
{
	static struct http_call call = {.peer.transport = HLV_T_TLS};
	uint32_t rc = (uint32_t)js_u64(v->decoded, "response_code");
	uint64_t op = js_u64(v->decoded, "op_code");
	bool read = op == HLV_OP_RESOLUTION;
	bool makes = op == HLV_OP_CREATE_HANDLE || op == HLV_OP_ADD_VALUE;
	uint64_t made =
		read ? web_status(&call, rc, true) : web_write_status(&call, makes, false, rc);
	uint64_t replaced =
		read ? web_status(&call, rc, true) : web_write_status(&call, makes, true, rc);
	if (made != js_u64(v->decoded, "http_status") ||
	    replaced != js_u64(v->decoded, "http_status_if_overwritten"))
		return vector_differs(v, "statuses %u and %u", (unsigned)made,
				      (unsigned)replaced);
	return true;
}

bool topic_json_api(const struct vector *v)
{
	if (js_has(v->decoded, "http_status_if_overwritten"))
		return check_status(v);
	if (js_has(v->decoded, "error"))
		return check_refused(v);
	if (js_has(v->decoded, "json_in"))
		return check_parsed(v, text_of(v, js_get(v->decoded, "json_in")), v->hex) &&
		       check_printed(v, v->hex, js_get(v->decoded, "json_out"));
	if (js_has(v->decoded, "json.values") && !check_answer_values(v))
		return false;
	if (js_has(v->decoded, "json.site") && !check_answer_site(v))
		return false;
	return !js_has(v->decoded, "json") || check_answer_strings(v);
}
