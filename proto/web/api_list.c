/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of identifiers and of homed prefixes, and homing (protocol.md 15.3, rest-clients.md 2). A list
 * is whole before it is sent, since its length stands in front of it: what is too long for that is
 * refused, and /api/v1/identifiers is for those who want all of it.
 */
#include "proto/net/json.h"
#include "proto/net/json_tree.h"
#include "proto/web/login.h"
#include "proto/web/params.h"
#include "proto/wire/name.h"

enum { LIST_OCTETS_MAX = 16 << 20 };

struct listing {
	struct http_call *call;
	struct hlv_bytes asked; /* as the asker wrote the prefix */
	struct hlv_request rq;
	const char *member; /* "handles", "prefixes" */
	bool paged;
	int64_t page, size;
	uint64_t n, shown;
	struct hlv_buf names;
};

static void put_count(struct listing *l)
{
	struct hlv_buf *b = &l->call->out;
	hlv_buf_str(b, "{\"responseCode\":1");
	if (l->asked.n) {
		hlv_buf_str(b, ",\"prefix\":");
		hlv_json_put_str(b, l->asked);
	}
	hlv_buf_printf(b, ",\"totalCount\":\"%llu\"", (unsigned long long)l->n);
	if (l->paged)
		hlv_buf_printf(b, ",\"page\":%lld,\"pageSize\":%lld", (long long)l->page,
			       (long long)l->size);
	hlv_buf_printf(b, ",\"%s\":[", l->member);
	hlv_buf_put(b, hlv_buf_bytes(&l->names));
	hlv_buf_str(b, "]}");
	l->call->out.bad |= l->names.bad;
}

static void add_names(struct listing *l, const struct hlv_list *names)
{
	struct hlv_reader r = hlv_reader(names->raw);
	uint64_t from = l->paged ? (uint64_t)l->page * (uint64_t)l->size : 0;
	for (uint32_t i = 0; i < names->n; i++) {
		struct hlv_bytes name = hlv_next_array(&r);
		uint64_t at = l->n++;
		if (l->paged && (at < from || at - from >= (uint64_t)l->size))
			continue;
		if (l->shown++)
			hlv_buf_str(&l->names, ",");
		hlv_json_put_str(&l->names, name);
	}
}

static void listed(struct hlv_exchange *x, void *ctx)
{
	struct listing *l = ctx;
	struct http_call *call = l->call;
	if (l->n == 0 && web_refused(call, x)) {
		hlv_buf_free(&l->names);
		if (x->more)
			hlv_ask_drop(x);
		return;
	}
	bool good = x->rs.rc == HLV_RC_SUCCESS;
	if (good)
		add_names(l, &x->rs.handles);
	bool fits = l->names.n <= LIST_OCTETS_MAX && !l->names.bad;
	if (good && x->more && fits && !call->gone) {
		hlv_ask_more(x);
		return;
	}
	if (x->more)
		hlv_ask_drop(x);
	if (good && fits)
		put_count(l);
	hlv_buf_free(&l->names);
	if (good && fits) {
		web_answer(call, 200);
	} else if (good) {
		web_error(call, 503, HLV_RC_BUSY,
			  "The list is too long for one answer: ask for pages, or use "
			  "/api/v1/identifiers");
	} else {
		web_put_answer(&call->out, &x->rs, l->asked);
		web_answer(call, web_status(call, x->rs.rc, false));
	}
}

static struct listing *begin(struct http_call *call, uint32_t op, const char *member)
{
	struct listing *l = hlv_alloc(&call->arena, sizeof *l);
	if (!l) {
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return NULL;
	}
	*l = (struct listing){.call = call, .rq.m.hdr.op = op, .member = member};
	return l;
}

/* A page needs both numbers, and a negative one means all, as in the reference. */
static bool read_page(struct http_call *call, struct listing *l)
{
	bool page, size;
	if (!web_param_number(call, "page", &page, &l->page) ||
	    !web_param_number(call, "pageSize", &size, &l->size))
		return false;
	l->paged = page && size && l->page >= 0 && l->size >= 0;
	return true;
}

/* "P" or "0.NA/P" as the prefix identifier that the protocol wants. */
static bool name_prefix(struct http_call *call, struct hlv_bytes prefix, struct hlv_bytes *out)
{
	uint8_t *p = hlv_alloc_raw(&call->arena, prefix.n + 5);
	struct hlv_writer w = hlv_writer(p, p ? prefix.n + 5 : 0);
	if (!hlv_name_is_prefix_handle(prefix))
		hlv_put(&w, hlv_text("0.NA/"));
	hlv_put(&w, prefix);
	*out = hlv_written(&w);
	return !w.bad;
}

void web_list(struct http_call *call, struct hlv_bytes prefix)
{
	struct listing *l = begin(call, HLV_OP_LIST_HANDLES, "handles");
	if (!l || !read_page(call, l) || !web_login(call))
		return;
	l->asked = prefix;
	if (prefix.n == 0)
		web_error(call, 400, HLV_RC_NOT_RESPONSIBLE, "That prefix doesn't live here");
	else if (!name_prefix(call, prefix, &l->rq.handle))
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
	else
		hlv_ask(call->front, &call->peer, call->now, &l->rq, listed, l);
}

void web_get_prefixes(struct http_call *call)
{
	struct listing *l = begin(call, HLV_OP_LIST_HOMED_NAS, "prefixes");
	if (!l || !read_page(call, l) || !web_login(call))
		return;
	l->rq.handle = hlv_text("0.NA/0.NA");
	hlv_ask(call->front, &call->peer, call->now, &l->rq, listed, l);
}

/* The prefix of a path, a query, or {"prefix":"..."}. False: answered. */
static bool find_prefix(struct http_call *call, struct hlv_bytes *prefix)
{
	struct hlv_bytes text = web_rest(call, "/api/prefixes/");
	if (text.n == 0 && !web_params(call))
		return false;
	bool found = text.n > 0 ? http_decode(call, text, prefix)
				: http_query(call, "prefix", 0, prefix);
	if (found && prefix->n > 0)
		return true;
	web_error(call, 400, HLV_RC_PROTOCOL_ERROR, "No prefix is named");
	return false;
}

static void change_prefix(struct http_call *call, uint32_t op)
{
	struct hlv_request rq = {.m.hdr.op = op};
	struct hlv_bytes prefix;
	if (!web_may_log_in(call))
		web_error(call, 403, HLV_RC_AUTHENTICATION_NEEDED, "Prefixes change over TLS");
	else if (!find_prefix(call, &prefix) || !web_login(call))
		return;
	else if (!name_prefix(call, prefix, &rq.handle))
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
	else
		web_write(call, &rq);
}

void web_home_prefix(struct http_call *call)
{
	/* A page elsewhere can send this body without asking; a login it must bring itself. */
	change_prefix(call, HLV_OP_HOME_NA);
}

void web_unhome_prefix(struct http_call *call)
{
	change_prefix(call, HLV_OP_UNHOME_NA);
}
