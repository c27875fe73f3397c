/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/gs1_links.h"

#include "proto/net/json_tree.h"

static const char VOCABULARY[] = "https://ref.gs1.org/voc/";

/* --- reading --- */

struct hlv_bytes gs1_link_type(struct hlv_bytes text)
{
	static const char *const heads[] = {"gs1:", "https://ref.gs1.org/voc/",
					    "https://gs1.org/voc/", "https://www.gs1.org/voc/",
					    "http://gs1.org/voc/"};
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		struct hlv_bytes head = hlv_text(heads[i]);
		if (text.n > head.n && hlv_eq_fold(hlv_head(text, head.n), head))
			return hlv_skip(text, head.n);
	}
	return hlv_bytes(NULL, 0);
}

/* A string, or a list of strings. */
static void read_texts(const struct hlv_json_node *node, struct gs1_texts *out)
{
	if (hlv_json_kind(node) == HLV_JSON_STRING) {
		out->list[out->n++] = hlv_json_text(node);
		return;
	}
	if (hlv_json_kind(node) != HLV_JSON_ARRAY)
		return;
	for (node = hlv_json_first(node); node && out->n < GS1_TEXTS_MAX;
	     node = hlv_json_next(node))
		if (hlv_json_kind(node) == HLV_JSON_STRING)
			out->list[out->n++] = hlv_json_text(node);
}

static bool read_link(struct http_call *call, struct hlv_bytes data, struct gs1_link *link)
{
	struct hlv_json_error error;
	struct hlv_json json;
	if (data.n > 0 && data.p[0] != '{') {
		link->href = data;
		return web_is_target(data);
	}
	if (hlv_json_read(&json, data, &call->arena, &error) != HLV_OK)
		return false;
	const struct hlv_json_node *root = json.root;
	link->href = hlv_json_text(hlv_json_member(root, "href"));
	link->title = hlv_json_text(hlv_json_member(root, "title"));
	link->media = hlv_json_text(hlv_json_member(root, "type"));
	read_texts(hlv_json_member(root, "hreflang"), &link->languages);
	read_texts(hlv_json_member(root, "context"), &link->contexts);
	return web_is_target(link->href);
}

static bool is_type(const struct gs1_link *link, const char *type)
{
	return hlv_eq(link->type, hlv_text(type));
}

/* Exactly one default. */
static void settle_default(struct gs1_links *links, const struct gs1_link *url)
{
	size_t n = 0;
	for (size_t i = 0; i < links->n; i++)
		if (is_type(&links->list[i], "defaultLink") && n++ > 0)
			links->list[i].type = hlv_text("defaultLinkMulti");
	if (n == 0 && url->href.n > 0 && links->n < GS1_LINKS_MAX)
		links->list[links->n++] = *url;
}

enum hlv_err gs1_links_read(struct http_call *call, const struct hlv_exchange *x,
			    struct gs1_links *out)
{
	const struct hlv_list *values = &x->rs.values;
	struct gs1_link url = {.type = hlv_text("defaultLink")};
	struct hlv_bytes raw = hlv_arena_copy(&call->arena, values->raw);
	*out = (struct gs1_links){0};
	size_t room = values->n < GS1_LINKS_MAX ? values->n + 1 : GS1_LINKS_MAX;
	out->list = hlv_alloc(&call->arena, room * sizeof *out->list);
	if (call->arena.bad)
		return HLV_E_NOMEM;
	struct hlv_reader r = hlv_reader(raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		struct gs1_link link = {.type = gs1_link_type(v.type),
					.max_age = web_max_age(x, &v)};
		if (hlv_eq_fold(v.type, hlv_text("URL")) && url.href.n == 0 &&
		    web_is_target(v.data)) {
			url.href = v.data;
			url.max_age = link.max_age;
		} else if (hlv_eq_fold(v.type, hlv_text("gs1:itemDescription"))) {
			out->description = v.data;
		} else if (link.type.n > 0 && out->n < room && read_link(call, v.data, &link)) {
			out->list[out->n++] = link;
		}
	}
	settle_default(out, &url);
	return call->arena.bad ? HLV_E_NOMEM : HLV_OK;
}

static bool has_type(const struct gs1_links *links, size_t n, struct hlv_bytes type)
{
	bool alternative = hlv_eq(type, hlv_text("defaultLinkMulti"));
	for (size_t i = 0; i < n; i++)
		if (hlv_eq(links->list[i].type, type) ||
		    (alternative && is_type(&links->list[i], "defaultLink")))
			return true;
	return false;
}

void gs1_links_inherit(struct http_call *call, struct gs1_links *links,
		       const struct gs1_links *above)
{
	size_t own = links->n;
	struct gs1_link *list = hlv_alloc(&call->arena, (own + above->n + 1) * sizeof *list);
	if (!list)
		return;
	if (own > 0)
		memcpy(list, links->list, own * sizeof *list);
	links->list = list;
	for (size_t i = 0; i < above->n && links->n < GS1_LINKS_MAX; i++)
		if (!has_type(links, own, above->list[i].type))
			list[links->n++] = above->list[i];
	if (links->description.n == 0)
		links->description = above->description;
}

/* --- choosing --- */

static unsigned language_fit(struct http_call *call, const struct gs1_link *link)
{
	unsigned best = 0;
	if (link->languages.n == 0)
		return 1; /* as good as any, and better than one that is not understood */
	for (size_t i = 0; i < link->languages.n; i++) {
		unsigned q = web_accepts(call, "Accept-Language", link->languages.list[i],
					 WEB_ANY_RANGE);
		best = q > best ? q : best;
	}
	return best;
}

static unsigned media_fit(struct http_call *call, const struct gs1_link *link)
{
	return link->media.n ? web_accepts(call, "Accept", link->media, WEB_ANY_RANGE) : 1;
}

static unsigned context_fit(struct http_call *call, const struct gs1_link *link)
{
	struct hlv_bytes wish;
	if (!http_query(call, "context", 0, &wish) || link->contexts.n == 0)
		return 1;
	for (size_t i = 0; i < link->contexts.n; i++)
		if (hlv_eq_fold(link->contexts.list[i], wish))
			return 2;
	return 0;
}

/* Context before language before medium. */
static uint64_t fit_of(struct http_call *call, const struct gs1_link *link)
{
	return ((uint64_t)context_fit(call, link) << 32) +
	       ((uint64_t)language_fit(call, link) << 16) + media_fit(call, link);
}

static bool same_texts(const struct gs1_texts *a, const struct gs1_texts *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!hlv_eq_fold(a->list[i], b->list[i]))
			return false;
	return true;
}

static bool alike(const struct gs1_link *a, const struct gs1_link *b)
{
	return hlv_eq_fold(a->media, b->media) && same_texts(&a->languages, &b->languages) &&
	       same_texts(&a->contexts, &b->contexts);
}

size_t gs1_links_choose(struct http_call *call, const struct gs1_links *links,
			struct hlv_bytes type, const struct gs1_link **best)
{
	uint64_t most = 0;
	size_t n = 0;
	for (size_t i = 0; i < links->n; i++) {
		const struct gs1_link *link = &links->list[i];
		if (!hlv_eq(link->type, type))
			continue;
		uint64_t fit = fit_of(call, link);
		if (n > 0 && fit < most)
			continue;
		if (n == 0 || fit > most)
			n = 0;
		most = fit;
		/* As good as the first, and different from it: the first it is. */
		if (n == 0 || alike(best[0], link))
			best[n++] = link;
	}
	return n;
}

size_t gs1_links_default(struct http_call *call, const struct gs1_links *links,
			 const struct gs1_link **best)
{
	size_t n = gs1_links_choose(call, links, hlv_text("defaultLink"), best);
	const struct gs1_link *first = n ? best[0] : NULL;
	/* Alternatives must be better than it is. */
	size_t others = gs1_links_choose(call, links, hlv_text("defaultLinkMulti"), best);
	if (others > 0 && (!first || fit_of(call, best[0]) > fit_of(call, first)))
		return others;
	best[0] = first;
	return n;
}

/* --- the linkset --- */

uint32_t gs1_links_age(const struct gs1_links *links)
{
	uint32_t age = UINT32_MAX;
	for (size_t i = 0; i < links->n; i++)
		age = links->list[i].max_age < age ? links->list[i].max_age : age;
	return age;
}

static void put_member(struct hlv_buf *b, const char *name, struct hlv_bytes text)
{
	if (text.n == 0)
		return;
	hlv_buf_printf(b, ",\"%s\":", name);
	hlv_json_put_str(b, text);
}

static void put_texts(struct hlv_buf *b, const char *name, const struct gs1_texts *texts)
{
	if (texts->n == 0)
		return;
	hlv_buf_printf(b, ",\"%s\":[", name);
	for (size_t i = 0; i < texts->n; i++) {
		hlv_buf_str(b, i ? "," : "");
		hlv_json_put_str(b, texts->list[i]);
	}
	hlv_buf_str(b, "]");
}

static void put_link(struct hlv_buf *b, const struct gs1_link *link)
{
	hlv_buf_str(b, "{\"href\":");
	hlv_json_put_str(b, link->href);
	put_member(b, "title", link->title);
	put_member(b, "type", link->media);
	put_texts(b, "hreflang", &link->languages);
	put_texts(b, "context", &link->contexts);
	hlv_buf_str(b, "}");
}

static bool is_in(const struct gs1_link *link, const struct gs1_link *const *only, size_t n)
{
	for (size_t i = 0; only && i < n; i++)
		if (only[i] == link)
			return true;
	return !only;
}

void gs1_links_put(struct hlv_buf *b, const struct gs1_links *links, struct hlv_bytes anchor,
		   const struct gs1_link *const *only, size_t nonly)
{
	hlv_buf_str(b, "{\"linkset\":[{\"anchor\":");
	hlv_json_put_str(b, anchor);
	put_member(b, "itemDescription", links->description);
	for (size_t i = 0; i < links->n; i++) {
		const struct gs1_link *link = &links->list[i];
		bool told = false, first = true;
		for (size_t k = 0; k < i && !told; k++)
			told = is_in(&links->list[k], only, nonly) &&
			       hlv_eq(links->list[k].type, link->type);
		if (told || !is_in(link, only, nonly))
			continue;
		struct hlv_buf name = {0};
		hlv_buf_str(&name, VOCABULARY);
		hlv_buf_put(&name, link->type);
		hlv_buf_str(b, ",");
		hlv_json_put_str(b, hlv_buf_bytes(&name));
		hlv_buf_free(&name);
		hlv_buf_str(b, ":[");
		for (size_t k = i; k < links->n; k++) {
			if (!hlv_eq(links->list[k].type, link->type) ||
			    !is_in(&links->list[k], only, nonly))
				continue;
			hlv_buf_str(b, first ? "" : ",");
			first = false;
			put_link(b, &links->list[k]);
		}
		hlv_buf_str(b, "]");
	}
	hlv_buf_str(b, "}]}");
}
