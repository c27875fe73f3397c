/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifiers and the small functions over them.
 */
#include "proto/wire/name.h"

#include "tests/vectors/check.h"

static bool check_put(const struct vector *v, const char *field,
		      void (*put)(struct hlv_writer *w, struct hlv_bytes id))
{
	struct hlv_writer w = message_writer(v);
	put(&w, v->hex);
	return check_written(v, field, &w, js_text(v->decoded, field));
}

/* The parent borrows the spelling of the identifier; the reference folds it. */
static bool check_parent(const struct vector *v)
{
	struct hlv_bytes want = js_text(v->decoded, "parent_prefix_handle");
	struct hlv_bytes got = hlv_name_parent_prefix(v->hex);
	return hlv_name_eq_full(got, want) || vector_bytes(v, "parent", got, want);
}

static bool check_id_parts(const struct vector *v)
{
	struct hlv_name name = hlv_name_split(v->hex);
	if (js_has(v->decoded, "parent_prefix_handle") && !check_parent(v))
		return false;
	return vector_bytes(v, "text", v->hex, js_text(v->decoded, "text")) &&
	       vector_bool(v, "slash", name.slash, js_bool(v->decoded, "has_slash")) &&
	       vector_bytes(v, "prefix", name.prefix, js_text(v->decoded, "prefix")) &&
	       vector_bytes(v, "suffix", name.suffix, js_text(v->decoded, "suffix")) &&
	       vector_bool(v, "derived", hlv_name_is_derived_prefix(v->hex),
			   js_bool(v->decoded, "is_derived_prefix_handle")) &&
	       vector_bool(v, "UTF-8", hlv_utf8_valid(v->hex),
			   js_bool(v->decoded, "valid_utf8")) &&
	       vector_bool(v, "text", hlv_is_text(v->hex),
			   !js_bool(v->decoded, "looks_like_binary")) &&
	       check_put(v, "zero_na_handle", hlv_name_put_prefix_handle) &&
	       check_put(v, "upper_case", hlv_name_put_upper) &&
	       check_put(v, "upper_case_prefix", hlv_name_put_upper_prefix) &&
	       check_put(v, "slashless_to_zero_na", hlv_name_put_resolvable);
}

static bool check_long(const struct vector *v)
{
	struct hlv_reader r = hlv_reader(v->hex);
	uint64_t n = hlv_get_u64(&r);
	struct hlv_writer w = message_writer(v);
	hlv_put_u64(&w, n);
	return vector_u64(v, "value", n, js_u64(v->decoded, "value")) &&
	       check_written(v, "written", &w, v->hex);
}

static bool check_int2(const struct vector *v)
{
	struct hlv_reader r = hlv_reader(v->hex);
	uint16_t n = hlv_get_u16(&r);
	struct hlv_writer w = message_writer(v);
	hlv_put_u16(&w, n);
	return vector_u64(v, "value", n, (uint16_t)js_u64(v->decoded, "reference_reads")) &&
	       check_written(v, "written", &w, v->hex);
}

static bool check_equal(const struct vector *v)
{
	struct hlv_bytes a = js_text(v->decoded, "a"), b = js_text(v->decoded, "b");
	return vector_bool(v, "full fold", hlv_name_eq_full(a, b),
			   js_bool(v->decoded, "equals_ci")) &&
	       vector_bool(v, "prefix fold", hlv_name_eq_prefix(a, b),
			   js_bool(v->decoded, "equals_prefix_ci"));
}

static bool check_ref(const struct vector *v)
{
	struct hlv_ref ref = hlv_ref_parse(v->hex);
	return vector_bytes(v, "handle", ref.handle, js_text(v->decoded, "handle")) &&
	       vector_u64(v, "index", ref.index, js_u64(v->decoded, "index"));
}

static bool check_matched(const struct vector *v)
{
	struct hlv_ref listed = hlv_ref_parse(js_text(v->decoded, "a"));
	struct hlv_ref who = hlv_ref_parse(js_text(v->decoded, "b"));
	return vector_bool(v, "matches", hlv_ref_matches(&listed, &who),
			   js_bool(v->decoded, "matches"));
}

static bool check_utf8(const struct vector *v)
{
	return vector_bool(v, "UTF-8", hlv_utf8_valid(v->hex), js_bool(v->decoded, "valid")) &&
	       vector_bool(v, "text", hlv_is_text(v->hex),
			   !js_bool(v->decoded, "looks_like_binary"));
}

bool topic_identifiers(const struct vector *v)
{
	static const struct {
		const char *head;
		bool (*check)(const struct vector *v);
	} kinds[] = {
		{"long_", check_long},	 {"int2_", check_int2},	 {"id_", check_id_parts},
		{"equal_", check_equal}, {"valref_", check_ref}, {"matched_", check_matched},
		{"utf8_", check_utf8},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (hlv_starts_with(hlv_text(v->name), hlv_text(kinds[i].head)))
			return kinds[i].check(v);
	return vector_differs(v, "a kind of entry without a check");
}
