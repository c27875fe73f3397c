/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/source_input.h"

#include <stdarg.h>

#include "proto/net/json.h"
#include "proto/net/json_tree.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"

enum {
	ANSWER_ROOM =
		4096, /* what else is in the message that answers: name, digest, signature */
	LIST_MAX = HLV_MESSAGE_MAX - ANSWER_ROOM,
	LIST_SPARE = 64, /* the encoded list is shorter than its text but for this */
};

enum hlv_err source_reject(struct source_record *out, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(out->reason, sizeof out->reason, format, args);
	va_end(args);
	return HLV_E_MALFORMED;
}

static enum hlv_err check_name(struct source_record *out)
{
	struct hlv_bytes id = out->handle;
	if (id.n == 0)
		return source_reject(out, "handle: missing");
	if (id.n > HLV_IDENTIFIER_MAX)
		return source_reject(out, "handle: longer than %d octets", HLV_IDENTIFIER_MAX);
	if (!hlv_utf8_valid(id))
		return source_reject(out, "handle: not UTF-8");
	for (size_t i = 0; i < id.n; i++)
		if ((id.p[i] < 0x20 && id.p[i] != '\t') || id.p[i] == 0x7F)
			return source_reject(out, "handle: control character 0x%02X", id.p[i]);
	if (!hlv_name_split(id).slash)
		return source_reject(out,
				     "handle: no slash; a prefix's own record is 0.NA/%.*s",
				     (int)(id.n < 64 ? id.n : 64), (const char *)id.p);
	return HLV_OK;
}

static int by_index(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static enum hlv_err check_indexes(struct source_record *out, const struct hlv_list *list)
{
	uint32_t seen[HLV_VALUES_MAX];
	struct hlv_reader r = hlv_reader(list->raw);
	for (uint32_t i = 0; i < list->n; i++) {
		struct hlv_value v;
		HLV_TRY(hlv_value_decode(&r, &v));
		if (v.index == 0 || v.index > INT32_MAX)
			return source_reject(out, "index %d: must be from 1 to %d",
					     (int)v.index, INT32_MAX);
		seen[i] = v.index;
	}
	qsort(seen, list->n, sizeof seen[0], by_index);
	for (uint32_t i = 1; i < list->n; i++)
		if (seen[i] == seen[i - 1])
			return source_reject(out, "index %u: stands twice", seen[i]);
	return HLV_OK;
}

enum hlv_err source_check(struct source_record *out)
{
	HLV_TRY(check_name(out));
	if (out->homed && !hlv_name_is_prefix_handle(out->handle))
		return source_reject(out, "homed: only a prefix (0.NA/...) can be homed");
	if (out->list.n == 0)
		return out->homed ? HLV_OK : source_reject(out, "values: missing");
	if (out->list.n > LIST_MAX)
		return source_reject(out,
				     "values: %zu octets in all, at most %d can be answered",
				     out->list.n, LIST_MAX);
	struct hlv_reader r = hlv_reader(out->list);
	struct hlv_list list;
	enum hlv_err err = hlv_values_decode(&r, &list);
	if (err == HLV_E_LIMIT)
		return source_reject(out, "values: more than %d", HLV_VALUES_MAX);
	if (err != HLV_OK || !hlv_finished(&r))
		return source_reject(out, "values: malformed");
	return check_indexes(out, &list);
}

/* A dump marks the prefixes that are homed: {"handle":"0.NA/...",...,"homed":true}. Rare, so
 * that only a line with the word in it is read twice. */
static bool is_marked_homed(struct hlv_bytes text, struct hlv_arena *a, bool *alone)
{
	static const char word[] = "\"homed\"";
	struct hlv_json json;
	struct hlv_json_error error;
	if (!memmem(text.p, text.n, word, sizeof word - 1) ||
	    hlv_json_read(&json, text, a, &error) != HLV_OK ||
	    hlv_json_kind(json.root) != HLV_JSON_OBJECT)
		return false;
	*alone = !hlv_json_member(json.root, "values") && !hlv_json_member(json.root, "raw");
	const struct hlv_json_node *homed = hlv_json_member(json.root, "homed");
	return homed && hlv_json_is_true(homed);
}

static enum hlv_err parse_homed_alone(struct hlv_bytes text, struct hlv_arena *a,
				      struct source_record *out)
{
	struct hlv_json json;
	struct hlv_json_error error;
	if (hlv_json_read(&json, text, a, &error) != HLV_OK ||
	    hlv_json_get_string(&json, json.root, "handle", &out->handle) != HLV_OK)
		return source_reject(out, "%s", error.text);
	return source_check(out);
}

enum hlv_err source_jsonl_line(struct hlv_bytes text, uint32_t now_s, struct hlv_arena *a,
			       struct source_record *out)
{
	struct hlv_json_error error = {0};
	bool alone = false;
	*out = (struct source_record){0};
	out->homed = is_marked_homed(text, a, &alone);
	if (out->homed && alone)
		return parse_homed_alone(text, a, out);
	uint8_t *list = hlv_alloc_raw(a, text.n + LIST_SPARE);
	struct hlv_writer w = hlv_writer(list, list ? text.n + LIST_SPARE : 0);
	if (hlv_json_parse_record(text, now_s, a, &out->handle, &w, &error) != HLV_OK) {
		if (error.offset == 0)
			return source_reject(out, "%s", error.text);
		return source_reject(out, "%s (octet %zu)", error.text, error.offset);
	}
	out->list = hlv_written(&w);
	return source_check(out);
}
