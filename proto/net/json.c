/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/json_tree.h"

#include <cjson/cJSON.h>
#include <stdarg.h>

#include "proto/net/json_scan.h"

/* cJSON in an arena: a parse cannot take more than its arena's limit, and nothing is freed node
 * by node. Outside a parse the library works as always. */
static _Thread_local struct hlv_arena *heap;

static void *take_node(size_t n)
{
	return heap ? hlv_alloc_raw(heap, n) : malloc(n);
}

static void give_node(void *p)
{
	if (!heap)
		free(p);
}

__attribute__((constructor)) static void use_arena(void)
{
	cJSON_Hooks hooks = {take_node, give_node};
	cJSON_InitHooks(&hooks);
}

static const cJSON *item_of(const struct hlv_json_node *node)
{
	return (const void *)node;
}

static const struct hlv_json_node *node_of(const cJSON *item)
{
	return (const void *)item;
}

enum hlv_err hlv_json_wrong(struct hlv_json *j, const char *field, const char *format, ...)
{
	char what[160];
	va_list args;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	return hlv_json_fail(j->error, HLV_E_MALFORMED, 0, "%s%s: %s", j->path, field, what);
}

/* A key twice means one thing to one reader and another to the next (threats.md 4). The depth
 * is bounded by the scan. */
static enum hlv_err check_members(struct hlv_json *j, const cJSON *item)
{
	const cJSON *seen[HLV_JSON_MEMBERS];
	size_t n = 0;
	for (const cJSON *m = item->child; m; m = m->next) {
		HLV_TRY(check_members(j, m));
		if (!cJSON_IsObject(item))
			continue;
		if (n == HLV_JSON_MEMBERS)
			return hlv_json_wrong(j, "JSON", "an object with over %d members",
					      HLV_JSON_MEMBERS);
		for (size_t i = 0; i < n; i++)
			if (strcmp(seen[i]->string, m->string) == 0)
				return hlv_json_wrong(j, "JSON",
						      "\"%.40s\" stands twice in one object",
						      m->string);
		seen[n++] = m;
	}
	return HLV_OK;
}

static bool only_blanks(struct hlv_bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!strchr(" \t\r\n", text.p[i]))
			return false;
	return true;
}

enum hlv_err hlv_json_read(struct hlv_json *j, struct hlv_bytes text, struct hlv_arena *a,
			   struct hlv_json_error *error)
{
	static const uint8_t mark[3] = {0xEF, 0xBB, 0xBF};
	if (hlv_starts_with(text, hlv_bytes(mark, sizeof mark)))
		text = hlv_skip(text, sizeof mark);
	*error = (struct hlv_json_error){0};
	*j = (struct hlv_json){.a = a, .error = error, .text = text};
	HLV_TRY(hlv_json_scan(text, error));
	const char *end = NULL;
	heap = a;
	cJSON *root = cJSON_ParseWithLengthOpts((const char *)text.p, text.n, &end, false);
	heap = NULL;
	if (a->bad)
		return hlv_json_fail(error, HLV_E_NOMEM, 0, "JSON: too large for the memory");
	size_t at = end ? (size_t)(end - (const char *)text.p) : 0;
	/* The library reads the first 63 octets of a number and leaves the rest behind it. */
	if (!root || !only_blanks(hlv_skip(text, at)))
		return hlv_json_fail(error, HLV_E_MALFORMED, at, "JSON: syntax error");
	j->root = (void *)root;
	return check_members(j, root);
}

enum hlv_json_kind hlv_json_kind(const struct hlv_json_node *node)
{
	const cJSON *item = item_of(node);
	if (!item)
		return HLV_JSON_ABSENT;
	if (cJSON_IsString(item))
		return HLV_JSON_STRING;
	if (cJSON_IsNumber(item))
		return HLV_JSON_NUMBER;
	if (cJSON_IsObject(item))
		return HLV_JSON_OBJECT;
	if (cJSON_IsArray(item))
		return HLV_JSON_ARRAY;
	return cJSON_IsBool(item) ? HLV_JSON_BOOL : HLV_JSON_NULL;
}

const struct hlv_json_node *hlv_json_member(const struct hlv_json_node *object,
					    const char *name)
{
	return node_of(cJSON_GetObjectItemCaseSensitive(item_of(object), name));
}

const struct hlv_json_node *hlv_json_first(const struct hlv_json_node *node)
{
	return node ? node_of(item_of(node)->child) : NULL;
}

const struct hlv_json_node *hlv_json_next(const struct hlv_json_node *node)
{
	return node_of(item_of(node)->next);
}

uint32_t hlv_json_length(const struct hlv_json_node *node)
{
	return (uint32_t)cJSON_GetArraySize(item_of(node));
}

struct hlv_bytes hlv_json_name(const struct hlv_json_node *member)
{
	const char *name = item_of(member)->string;
	return hlv_text(name ? name : "");
}

struct hlv_bytes hlv_json_text(const struct hlv_json_node *node)
{
	if (hlv_json_kind(node) != HLV_JSON_STRING)
		return (struct hlv_bytes){0};
	return hlv_text(item_of(node)->valuestring);
}

/* Let every number know how it is spelled: the library keeps a double, and a code of eighteen
 * digits must not come out as another one. Items stand in the order of the text. */
static void lend_spelling(struct hlv_json *j, cJSON *item, struct hlv_reader *numbers)
{
	struct hlv_bytes spelled;
	if (cJSON_IsNumber(item) && hlv_json_next_number(numbers, &spelled))
		item->valuestring = hlv_arena_str(j->a, spelled);
	for (cJSON *m = item->child; m; m = m->next)
		lend_spelling(j, m, numbers);
}

bool hlv_json_spelling(struct hlv_json *j, const struct hlv_json_node *node,
		       struct hlv_bytes *text)
{
	const cJSON *item = item_of(node);
	if (cJSON_IsBool(item)) {
		*text = hlv_text(cJSON_IsTrue(item) ? "true" : "false");
		return true;
	}
	if (cJSON_IsNumber(item) && !j->spelled) {
		struct hlv_reader numbers = hlv_reader(j->text);
		lend_spelling(j, (void *)j->root, &numbers);
		j->spelled = true;
	}
	if ((!cJSON_IsString(item) && !cJSON_IsNumber(item)) || !item->valuestring)
		return false;
	*text = hlv_text(item->valuestring);
	return true;
}

/* What is not nothing is yes: as the reference takes a truth value. */
bool hlv_json_is_true(const struct hlv_json_node *node)
{
	const cJSON *item = item_of(node);
	if (cJSON_IsString(item))
		return item->valuestring[0] != '\0' && strcmp(item->valuestring, "0") != 0 &&
		       strcmp(item->valuestring, "false") != 0;
	return cJSON_IsTrue(item) || (cJSON_IsNumber(item) && item->valuedouble != 0);
}

static bool parse_digits(const char *s, int64_t *out)
{
	bool negative = *s == '-';
	int64_t n = 0;
	s += negative;
	size_t digits = 0;
	for (; *s >= '0' && *s <= '9' && digits < 12; s++, digits++)
		n = n * 10 + (*s - '0');
	*out = negative ? -n : n;
	return *s == '\0' && digits > 0;
}

bool hlv_json_integer(const struct hlv_json_node *node, int64_t *out)
{
	const cJSON *item = item_of(node);
	if (cJSON_IsString(item))
		return parse_digits(item->valuestring, out);
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= -1e12 && item->valuedouble <= 1e12))
		return false;
	*out = (int64_t)item->valuedouble;
	return (double)*out == item->valuedouble;
}

enum hlv_err hlv_json_get_integer(struct hlv_json *j, const struct hlv_json_node *object,
				  const char *name, int64_t min, int64_t max, int64_t *out)
{
	const struct hlv_json_node *item = hlv_json_member(object, name);
	if (!item)
		return hlv_json_wrong(j, name, "missing, expected a whole number");
	if (!hlv_json_integer(item, out) || *out < min || *out > max)
		return hlv_json_wrong(j, name, "expected a whole number from %lld to %lld",
				      (long long)min, (long long)max);
	return HLV_OK;
}

enum hlv_err hlv_json_get_integer_or(struct hlv_json *j, const struct hlv_json_node *object,
				     const char *name, int64_t min, int64_t max, int64_t *out)
{
	if (!hlv_json_member(object, name))
		return HLV_OK;
	return hlv_json_get_integer(j, object, name, min, max, out);
}

enum hlv_err hlv_json_get_string(struct hlv_json *j, const struct hlv_json_node *object,
				 const char *name, struct hlv_bytes *out)
{
	const struct hlv_json_node *item = hlv_json_member(object, name);
	if (!item)
		return hlv_json_wrong(j, name, "missing, expected a string");
	if (hlv_json_kind(item) != HLV_JSON_STRING)
		return hlv_json_wrong(j, name, "expected a string");
	*out = hlv_json_text(item);
	return HLV_OK;
}

enum hlv_err hlv_json_get_string_or(struct hlv_json *j, const struct hlv_json_node *object,
				    const char *name, struct hlv_bytes *out)
{
	if (!hlv_json_member(object, name))
		return HLV_OK;
	return hlv_json_get_string(j, object, name, out);
}

enum hlv_err hlv_json_get_bool_or(struct hlv_json *j, const struct hlv_json_node *object,
				  const char *name, bool *out)
{
	const struct hlv_json_node *item = hlv_json_member(object, name);
	if (item && hlv_json_kind(item) != HLV_JSON_BOOL)
		return hlv_json_wrong(j, name, "expected true or false");
	if (item)
		*out = hlv_json_is_true(item);
	return HLV_OK;
}

enum hlv_err hlv_json_get_array(struct hlv_json *j, const struct hlv_json_node *object,
				const char *name, const struct hlv_json_node **out)
{
	*out = hlv_json_member(object, name);
	if (hlv_json_kind(*out) != HLV_JSON_ARRAY)
		return hlv_json_wrong(j, name, "expected an array");
	return HLV_OK;
}
