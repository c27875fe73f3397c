/* SPDX-License-Identifier: Apache-2.0
 *
 * GS1 Digital Link: /01/09506000134352/10/ABC/21/77 and the other primary keys, as a GS1-conformant
 * resolver answers them (rest-clients.md 7; standard 1.2.0). Where the records of GS1 keys are says the
 * option schemes. A key that has no record, or none of the links that are wanted, is looked up without
 * its last qualifier.
 */
#include "proto/net/json.h"
#include "proto/web/gs1_links.h"
#include "proto/web/options.h"
#include "proto/wire/scheme.h"

static const char LINKSET[] = "application/linkset+json";

struct resolving {
	struct http_call *call;
	struct hlv_bytes full;	  /* the canonical key that was asked for */
	struct hlv_bytes key, id; /* that is being looked up: it, or one above it */
	struct hlv_bytes type;	  /* of the link; empty: the default */
	bool linkset;		  /* all links are wanted */
	bool seen;		  /* a record was there, on some level */
	/* Of a linkset: what was found so far, from the lowest level with links on. */
	struct gs1_links links;
	struct hlv_bytes anchor;
};

static void ask(struct resolving *r);

/* --- headers --- */

/* The Digital Link of a key on this host; canonical text has its escapes in it. */
static void put_anchor(const struct http_call *call, struct hlv_buf *b, struct hlv_bytes key)
{
	(void)web_put_origin(call, b);
	hlv_buf_str(b, "/");
	web_put_encoded(b, key, "-._~/!$'()*+,;:@&=%");
}

/* G4, G10. */
static void say_links(struct http_call *call, struct hlv_bytes key)
{
	struct hlv_buf b = {0};
	hlv_buf_str(&b, "<");
	put_anchor(call, &b, key);
	hlv_buf_str(&b,
		    "?linkType=linkset>; rel=\"linkset\"; type=\"application/linkset+json\"; "
		    "title=\"All links\", "
		    "<https://ref.gs1.org/standards/resolver/linkset-context>; "
		    "rel=\"http://www.w3.org/ns/json-ld#context\"; "
		    "type=\"application/ld+json\"");
	http_header(call, "Link", hlv_buf_bytes(&b));
	http_header(call, "Vary", hlv_text("Accept, Accept-Language"));
	hlv_buf_free(&b);
}

static void refuse(struct http_call *call, unsigned status, uint32_t rc, const char *why)
{
	struct hlv_buf page = {0};
	if (web_accepts(call, "Accept", hlv_text("text/html"), WEB_EXACT) == 0) {
		web_error(call, status, rc, why);
		return;
	}
	hlv_buf_str(&page, "/p");
	hlv_buf_put(&page, call->rq.path);
	web_page(call, status, status == 404 ? "Not found" : "No GS1 Digital Link",
		 hlv_text(why), hlv_buf_bytes(&page), "Look it up in other ways");
	hlv_buf_free(&page);
}

/* --- answers --- */

static void give_linkset(struct resolving *r, const struct gs1_links *links,
			 const struct gs1_link *const *only, size_t n, unsigned status)
{
	struct http_call *call = r->call;
	struct hlv_buf anchor = {0};
	bool json = web_accepts(call, "Accept", hlv_text(LINKSET), WEB_EXACT) == 0 &&
		    web_accepts(call, "Accept", hlv_text("application/json"), WEB_EXACT) > 0;
	say_links(call, r->full);
	put_anchor(call, &anchor, r->anchor);
	hlv_buf_clear(&call->out);
	gs1_links_put(&call->out, links, hlv_buf_bytes(&anchor), only, n);
	hlv_buf_free(&anchor);
	http_cache(call, gs1_links_age(links));
	http_reply(call, status, json ? WEB_JSON : LINKSET);
}

/* Query keys that are for us and not for the target. */
static bool is_ours(struct hlv_bytes pair)
{
	static const char *const ours[] = {"linkType", "context"};
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		struct hlv_bytes name = hlv_text(ours[i]);
		if (hlv_starts_with(pair, name) && (pair.n == name.n || pair.p[name.n] == '='))
			return true;
	}
	return false;
}

/* The target with the asker's query behind its own, in front of its fragment (G8). */
static void put_target(const struct http_call *call, struct hlv_buf *b, struct hlv_bytes href)
{
	const uint8_t *hash = memchr(href.p, '#', href.n);
	struct hlv_bytes rest = call->rq.query;
	struct hlv_bytes head = hlv_head(href, hash ? (size_t)(hash - href.p) : href.n);
	char sign = memchr(head.p, '?', head.n) ? '&' : '?';
	hlv_buf_put(b, head);
	while (rest.n > 0) {
		const uint8_t *end = memchr(rest.p, '&', rest.n);
		struct hlv_bytes pair = hlv_head(rest, end ? (size_t)(end - rest.p) : rest.n);
		rest = hlv_skip(rest, pair.n + 1);
		if (pair.n == 0 || is_ours(pair))
			continue;
		hlv_buf_printf(b, "%c", sign);
		hlv_buf_put(b, pair);
		sign = '&';
	}
	hlv_buf_put(b, hlv_skip(href, head.n));
}

static void go(struct resolving *r, const struct gs1_link *link)
{
	struct hlv_buf to = {0};
	put_target(r->call, &to, link->href);
	if (web_is_target(hlv_buf_bytes(&to))) {
		say_links(r->call, r->full);
		web_redirect(r->call, 307, hlv_buf_bytes(&to), link->max_age);
	} else {
		refuse(r->call, 400, HLV_RC_PROTOCOL_ERROR,
		       "The query cannot stand in an address");
	}
	hlv_buf_free(&to);
}

/* Is there an answer on this level? Then it was given. */
static bool answer(struct resolving *r, const struct gs1_links *links)
{
	if (links->n == 0)
		return false;
	if (r->anchor.n == 0)
		r->anchor = r->key;
	if (r->linkset) { /* given at the top: a level has what is above it, too */
		gs1_links_inherit(r->call, &r->links, links);
		return false;
	}
	const struct gs1_link **best = hlv_alloc(&r->call->arena, links->n * sizeof(void *));
	if (!best)
		return false;
	size_t n = r->type.n ? gs1_links_choose(r->call, links, r->type, best)
			     : gs1_links_default(r->call, links, best);
	if (n > 1) {
		r->anchor = r->key;
		give_linkset(r, links, best, n, 300);
	}
	if (n == 1)
		go(r, best[0]);
	return n > 0;
}

/* Without the last qualifier; the identifier ends as the key does. */
static void go_up(struct resolving *r)
{
	struct hlv_bytes up = hlv_gs1_up(r->key);
	if (up.n == 0 && r->links.n > 0) {
		give_linkset(r, &r->links, NULL, 0, 200);
		return;
	}
	if (up.n == 0) {
		refuse(r->call, 404, HLV_RC_NOT_FOUND,
		       !r->seen	   ? "There is no such key here"
		       : r->type.n ? "There is no link of that type"
				   : "There is no link for this key");
		return;
	}
	r->id = hlv_head(r->id, r->id.n - (r->key.n - up.n));
	r->key = up;
	ask(r);
}

static void resolved(struct hlv_exchange *x, void *ctx)
{
	struct resolving *r = ctx;
	struct gs1_links links = {0};
	switch (x->rs.rc) {
	case HLV_RC_SUCCESS:
		r->seen = true;
		if (gs1_links_read(r->call, x, &links) != HLV_OK) {
			refuse(r->call, 500, HLV_RC_ERROR, "Out of memory");
			return;
		}
		if (answer(r, &links))
			return;
		break;
	case HLV_RC_VALUES_NOT_FOUND:
	case HLV_RC_NOT_FOUND:
		break;
	case HLV_RC_NOT_RESPONSIBLE:
	case HLV_RC_SERVICE_REFERRAL:
	case HLV_RC_PREFIX_REFERRAL:
		refuse(r->call, 404, x->rs.rc, "The prefix of this key is not served here");
		return;
	default:
		refuse(r->call, web_status(r->call, x->rs.rc, true), x->rs.rc,
		       "The key cannot be resolved now");
		return;
	}
	go_up(r);
}

static void ask(struct resolving *r)
{
	struct hlv_request rq = {.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_PUBLIC_ONLY},
				 .handle = r->id};
	hlv_ask(r->call->front, &r->call->peer, r->call->now, &rq, resolved, r);
}

/* --- the request --- */

/* False: it names a link type that cannot be one. */
static bool read_wish(struct resolving *r)
{
	struct http_call *call = r->call;
	struct hlv_bytes type;
	r->linkset =
		web_accepts(call, "Accept", hlv_text(LINKSET), WEB_EXACT) > 0 ||
		(web_accepts(call, "Accept", hlv_text("application/json"), WEB_EXACT) > 0 &&
		 web_accepts(call, "Accept", hlv_text("text/html"), WEB_EXACT) == 0);
	if (!http_query(call, "linkType", 0, &type))
		return true;
	if (hlv_eq(type, hlv_text("linkset")) || hlv_eq(type, hlv_text("all"))) {
		r->linkset = true;
		return true;
	}
	r->type = gs1_link_type(type);
	r->linkset = r->linkset && r->type.n == 0;
	if (hlv_eq(r->type, hlv_text("defaultLink")))
		r->type = hlv_bytes(NULL, 0);
	return r->type.n > 0 || hlv_eq(gs1_link_type(type), hlv_text("defaultLink"));
}

void web_gs1(struct http_call *call)
{
	const struct hlv_schemes *schemes = call->front->web->schemes;
	struct resolving *r = hlv_alloc(&call->arena, sizeof *r);
	struct hlv_named named;
	char why[HLV_SCHEME_WHY];
	if (!r) {
		refuse(call, 500, HLV_RC_ERROR, "Out of memory");
		return;
	}
	enum hlv_err err =
		hlv_scheme_read_link(schemes, call->rq.path, &call->arena, &named, why);
	if (err == HLV_E_NOT_FOUND) {
		refuse(call, 404, HLV_RC_NOT_FOUND, *why ? why : "Nothing is here");
		return;
	}
	/* In a Digital Link the order of qualifiers is fixed (G5); elsewhere it is mended. */
	if (err == HLV_E_MALFORMED || (err == HLV_OK && named.reordered)) {
		refuse(call, 400, HLV_RC_INVALID_HANDLE,
		       err == HLV_OK ? "The qualifiers are not in their order" : why);
		return;
	}
	if (err != HLV_OK) {
		refuse(call, 500, HLV_RC_ERROR, "Out of memory");
		return;
	}
	*r = (struct resolving){
		.call = call, .full = named.key, .key = named.key, .id = named.id};
	if (!read_wish(r))
		refuse(call, 404, HLV_RC_NOT_FOUND, "There is no link of that type");
	else
		ask(r);
}

/* G2: what this resolver is. */
void web_gs1_description(struct http_call *call)
{
	const struct hlv_schemes *schemes = call->front->web->schemes;
	struct hlv_buf root = {0}, *b = &call->out;
	bool any = false;
	for (size_t i = 0; schemes && i < schemes->n; i++)
		any = any || schemes->rules[i].scheme == HLV_SCHEME_GS1;
	if (!any) {
		refuse(call, 404, HLV_RC_NOT_FOUND,
		       "GS1 identifiers: no row of the option schemes says where they are");
		return;
	}
	(void)web_put_origin(call, &root);
	hlv_buf_str(b, "{\"name\":\"Helve GS1 Digital Link resolver\",\"resolverRoot\":");
	hlv_json_put_str(b, hlv_buf_bytes(&root));
	hlv_buf_str(b, ",\"supportedPrimaryKeys\":[\"all\"],"
		       "\"supportedLinkType\":[{\"namespace\":\"https://ref.gs1.org/voc/\","
		       "\"prefix\":\"gs1:\"}],"
		       "\"linkTypeDefaultCanBeLinkset\":false,"
		       "\"extensionProfile\":[],"
		       "\"supportedContextValuesEnumerated\":[\"any\"]}");
	hlv_buf_free(&root);
	http_cache(call, 3600);
	http_reply(call, 200, "application/json");
}
