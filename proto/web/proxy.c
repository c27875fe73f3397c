/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /IDENTIFIER: what a browser does with an identifier in the address bar (protocol.md 15.5,
 * rest-clients.md 6). It is sent to the record's first URL, or to one of its locations; without any,
 * or with ?noredirect, to the page that shows the record. Programs that ask for JSON get that.
 */
#include "proto/web/loc.h"
#include "proto/web/options.h"
#include "proto/web/redirect.h"
#include "proto/wire/scheme.h"

enum {
	HOPS_MAX = 20, /* of aliases */
	LOCATT_MAX = 8,
	STEM_SEGMENTS_MAX = 8,
};

struct proxying {
	struct http_call *call;
	const struct hlv_exchange *x; /* the answer that is looked at */
	struct hlv_bytes asked;	      /* as it stands in the path, decoded */
	struct hlv_bytes
		id; /* of the record that is being asked for: an alias's target, later */
	unsigned hops;
	uint32_t flags; /* HLV_F_* */
	/* The least of all aliases on the way; UINT32_MAX: none so far. */
	uint32_t max_age;
};

/* What a redirect needs: the values of these types alone. */
static const char *const wanted[] = {"HS_ALIAS", "10320/loc", "URL"};
enum { ALIAS, LOC, URL, WANTED };

static void ask(struct proxying *p);

/* --- pages --- */

static void show_record(struct proxying *p)
{
	struct hlv_buf page = {0};
	web_put_page_of(&page, p->asked);
	http_header(p->call, "Vary", hlv_text("Accept"));
	http_header(p->call, "Cache-Control", hlv_text("no-cache"));
	web_redirect(p->call, 302, hlv_buf_bytes(&page), UINT32_MAX);
	hlv_buf_free(&page);
}

/* One long segment of base64url: nobody writes prefixes so. */
static bool may_be_compressed(struct hlv_bytes id)
{
	bool lower = false, upper = false;
	for (size_t i = 0; i < id.n; i++) {
		uint8_t c = id.p[i], u = hlv_upper(c);
		bool letter = u >= 'A' && u <= 'Z';
		if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
		lower = lower || (letter && c != u);
		upper = upper || (letter && c == u);
	}
	return id.n >= 10 && lower && upper;
}

static void not_found(struct proxying *p)
{
	struct http_call *call = p->call;
	struct hlv_buf text = {0}, href = {0};
	const char *link = "Look it up in other ways";
	hlv_buf_str(&text, "There is no identifier ");
	hlv_buf_put(&text, p->id);
	hlv_buf_str(&text, ".");
	if (p->hops > 0) {
		hlv_buf_str(&text, " It is what ");
		hlv_buf_put(&text, p->asked);
		hlv_buf_str(&text, " stands for.");
	}
	if (may_be_compressed(p->id))
		hlv_buf_str(&text, " Compressed GS1 Digital Links are not read.");
	struct hlv_bytes shown = p->asked;
	if (shown.n > 1 && shown.p[shown.n - 1] == '/') {
		hlv_buf_str(&text, " The slash at its end may be one too many.");
		shown = hlv_head(shown, shown.n - 1);
		link = "Try without the slash";
	}
	web_put_page_of(&href, shown);
	web_page(call, 404, "Not found", hlv_buf_bytes(&text), hlv_buf_bytes(&href), link);
	hlv_buf_free(&text);
	hlv_buf_free(&href);
}

static void not_here(struct proxying *p)
{
	web_page(p->call, 404, "Not here",
		 hlv_text(may_be_compressed(p->id)
				  ? "Compressed GS1 Digital Links are not read."
				  : "This server does not hold that prefix, and a resolver is "
				    "needed to find it."),
		 hlv_bytes(NULL, 0), NULL);
}

static void failed(struct proxying *p, const struct hlv_response *rs)
{
	struct hlv_bytes text = rs->kind == HLV_BODY_ERROR ? rs->text : (struct hlv_bytes){0};
	if (text.n == 0)
		text = hlv_text("The identifier cannot be resolved now.");
	switch (rs->rc) {
	case HLV_RC_NOT_FOUND:
		not_found(p);
		return;
	case HLV_RC_SUCCESS:
	case HLV_RC_VALUES_NOT_FOUND:
		show_record(p);
		return;
	case HLV_RC_INVALID_HANDLE:
		web_page(p->call, 400, "No identifier", text, hlv_bytes(NULL, 0), NULL);
		return;
	case HLV_RC_NOT_RESPONSIBLE:
	case HLV_RC_SERVICE_REFERRAL:
	case HLV_RC_PREFIX_REFERRAL:
		not_here(p);
		return;
	default: {
		unsigned status = web_status(p->call, rs->rc, true);
		web_page(p->call, status, "Failed", text, hlv_bytes(NULL, 0), NULL);
	}
	}
}

/* --- where to --- */

/* `text` behind the target: not as a part of its host. */
static void put_appended(struct hlv_buf *b, struct hlv_bytes target, struct hlv_bytes text)
{
	struct hlv_bytes rest = hlv_skip(target, 8); /* behind "http://" and a letter */
	bool has_path = memchr(rest.p, '/', rest.n) || memchr(rest.p, '?', rest.n) ||
			memchr(rest.p, '#', rest.n);
	hlv_buf_put(b, target);
	if (text.n > 0 && !has_path && !strchr("/?#", text.p[0]))
		hlv_buf_str(b, "/");
	hlv_buf_put(b, text);
}

static void go(struct proxying *p, struct hlv_bytes target, const struct hlv_value *v)
{
	struct hlv_buf to = {0};
	struct hlv_bytes text = {0};
	uint32_t age = web_max_age(p->x, v);
	if (!web_is_target(target)) {
		show_record(p);
		return;
	}
	(void)http_query(p->call, "urlappend", 0, &text);
	put_appended(&to, target, text);
	http_header(p->call, "Vary", hlv_text("Accept"));
	if (web_is_target(hlv_buf_bytes(&to)))
		web_redirect(p->call, 302, hlv_buf_bytes(&to),
			     age < p->max_age ? age : p->max_age);
	else
		web_page(p->call, 400, "No address",
			 hlv_text("What urlappend adds cannot stand in an address."),
			 hlv_bytes(NULL, 0), NULL);
	hlv_buf_free(&to);
}

static bool go_location(struct proxying *p, const struct hlv_value *v)
{
	struct http_call *call = p->call;
	struct hlv_bytes locatt[LOCATT_MAX];
	struct hlv_rand rand;
	struct loc loc;
	struct loc_wish wish = {
		.locatt = locatt, .rand = &rand, .conneg = !web_wants_page(call)};
	if (loc_read(v->data, &call->arena, &loc) != HLV_OK)
		return false;
	while (wish.nlocatt < LOCATT_MAX &&
	       http_query(call, "locatt", wish.nlocatt, &locatt[wish.nlocatt]))
		wish.nlocatt++;
	hlv_rand_seed(&rand, call->now.mono_ns ^ (uintptr_t)call);
	const struct loc_place *place = loc_choose(&loc, &wish);
	if (!place || !web_is_target(place->href))
		return false;
	go(p, place->href, v);
	return true;
}

static void follow(struct proxying *p, const struct hlv_value *v)
{
	uint32_t age = web_max_age(p->x, v);
	if (++p->hops > HOPS_MAX) {
		web_page(p->call, 500, "Too many aliases",
			 hlv_text("More than 20 aliases lead on from each other."),
			 hlv_bytes(NULL, 0), NULL);
		return;
	}
	p->max_age = age < p->max_age ? age : p->max_age;
	p->id = hlv_arena_copy(&p->call->arena, v->data);
	ask(p);
}

/* The first value of each type, by index. */
static void first_of(const struct hlv_list *values, struct hlv_value found[WANTED],
		     bool has[WANTED])
{
	struct hlv_reader r = hlv_reader(values->raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&r, &v) == HLV_OK; i++)
		for (size_t k = 0; k < WANTED; k++)
			if (!has[k] && v.data.n > 0 &&
			    hlv_eq_fold(v.type, hlv_text(wanted[k]))) {
				has[k] = true;
				found[k] = v;
			}
}

static void resolved(struct hlv_exchange *x, void *ctx)
{
	struct proxying *p = ctx;
	struct hlv_value found[WANTED];
	bool has[WANTED] = {false};
	p->x = x;
	if (x->rs.rc != HLV_RC_SUCCESS || x->rs.kind != HLV_BODY_RECORD) {
		failed(p, &x->rs);
		return;
	}
	first_of(&x->rs.values, found, has);
	if (has[ALIAS] && !http_query_flag(p->call, "ignore_aliases"))
		follow(p, &found[ALIAS]);
	else if (has[LOC] && go_location(p, &found[LOC]))
		return;
	else if (has[URL])
		go(p, found[URL].data, &found[URL]);
	else
		show_record(p);
}

static void ask(struct proxying *p)
{
	uint8_t room[64];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	for (size_t i = 0; i < WANTED; i++)
		hlv_put_lp32(&w, hlv_text(wanted[i]));
	struct hlv_request rq = {.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = p->flags},
				 .handle = p->id,
				 .types = {.n = WANTED, .raw = hlv_written(&w)}};
	hlv_ask(p->call->front, &p->call->peer, p->call->now, &rq, resolved, p);
}

/* --- the request --- */

static bool wants_json(const struct http_call *call)
{
	return web_accepts(call, "Accept", hlv_text("application/json"), WEB_EXACT) > 0 &&
	       web_accepts(call, "Accept", hlv_text("text/html"), WEB_EXACT) == 0;
}

/* The same answer as under /api/handles/, with its parameters. */
static void give_json(struct http_call *call)
{
	struct hlv_buf path = {0};
	http_header(call, "Vary", hlv_text("Accept"));
	hlv_buf_str(&path, "/api/handles");
	hlv_buf_put(&path, call->rq.path);
	call->rq.path = hlv_arena_copy(&call->arena, hlv_buf_bytes(&path));
	hlv_buf_free(&path);
	if (call->arena.bad)
		web_error(call, 500, HLV_RC_ERROR, "Out of memory");
	else
		web_handles(call);
}

/* industrial.md 2.5: a Digital Link may stand behind a stem, /some/stem/01/09506000134352. A handle's
 * prefix begins with a digit, and what is put in front of one ends in a colon: no stem does. */
static bool is_behind_stem(struct http_call *call)
{
	struct hlv_bytes path = call->rq.path;
	struct hlv_named named;
	char why[HLV_SCHEME_WHY];
	if (path.n < 2 || (path.p[1] >= '0' && path.p[1] <= '9'))
		return false;
	for (size_t i = 1, n = 0; i < path.n && n < STEM_SEGMENTS_MAX; i++) {
		struct hlv_bytes rest = hlv_skip(path, i);
		if (rest.p[0] == ':' || rest.p[0] == '%')
			return false;
		if (rest.p[0] != '/')
			continue;
		n++;
		if (hlv_scheme_read_link(call->front->web->schemes, rest, &call->arena, &named,
					 why) != HLV_OK)
			continue;
		call->rq.path = rest;
		return true;
	}
	return false;
}

void web_proxy(struct http_call *call)
{
	struct proxying *p = hlv_alloc(&call->arena, sizeof *p);
	struct hlv_bytes ignored;
	if (is_behind_stem(call)) {
		web_gs1(call);
		return;
	}
	if (wants_json(call)) {
		give_json(call);
		return;
	}
	if (!p || !http_decode(call, web_rest(call, "/"), &ignored)) {
		web_page(call, 400, "No identifier", hlv_text("The address cannot be read."),
			 hlv_bytes(NULL, 0), NULL);
		return;
	}
	*p = (struct proxying){.call = call,
			       .asked = ignored,
			       .id = ignored,
			       .max_age = UINT32_MAX,
			       .flags = HLV_F_PUBLIC_ONLY};
	if (http_query_flag(call, "auth"))
		p->flags |= HLV_F_AUTHORITATIVE;
	if (http_query_flag(call, "cert"))
		p->flags |= HLV_F_CERTIFIED;
	/* Filters are for looking at a record, and so is ?noredirect. */
	if (http_query_flag(call, "noredirect") || http_query(call, "type", 0, &ignored) ||
	    http_query(call, "index", 0, &ignored) || http_query(call, "action", 0, &ignored))
		show_record(p);
	else
		ask(p);
}
