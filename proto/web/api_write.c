/* SPDX-License-Identifier: Apache-2.0
 *
 * PUT and DELETE of /api/handles/ID (protocol.md 15.3, rest-clients.md 2): identifiers made, replaced
 * and removed, and single values of them.
 */
#include "proto/net/json.h"
#include "proto/web/login.h"
#include "proto/web/params.h"
#include "proto/wire/name.h"

enum { VALUES_ROOM = HLV_MESSAGE_MAX };

struct writing {
	struct http_call *call;
	struct hlv_request rq;
};

/* 201 when something was made, 200 when something was replaced. */
static unsigned status_of(const struct http_call *call, const struct hlv_exchange *x)
{
	uint32_t op = x->rq.m.hdr.op;
	bool makes = op == HLV_OP_CREATE_HANDLE || op == HLV_OP_ADD_VALUE;
	return web_write_status(call, makes, x->answer_flags & HLV_F_OVERWRITE, x->rs.rc);
}

unsigned web_write_status(const struct http_call *call, bool makes, bool overwritten,
			  uint32_t rc)
{
	if (rc == HLV_RC_SUCCESS && makes && !overwritten)
		return 201;
	return web_status(call, rc, false);
}

static void written(struct hlv_exchange *x, void *ctx)
{
	struct writing *a = ctx;
	struct http_call *call = a->call;
	if (web_refused(call, x))
		return;
	/* A minted name is the server's. */
	bool minted = a->rq.m.hdr.flags & HLV_F_MINT_SUFFIX && x->rs.rc == HLV_RC_SUCCESS &&
		      x->rs.kind == HLV_BODY_HANDLE && x->rs.handle.n;
	/* Values that are not there are none to show: only questions have a list of them. */
	struct hlv_response rs = x->rs;
	if (rs.rc == HLV_RC_VALUES_NOT_FOUND)
		rs = (struct hlv_response){.rc = rs.rc, .kind = HLV_BODY_EMPTY};
	web_put_answer(&call->out, &rs, minted ? x->rs.handle : a->rq.handle);
	web_answer(call, status_of(call, x));
}

void web_write(struct http_call *call, const struct hlv_request *rq)
{
	struct writing *a = hlv_alloc(&call->arena, sizeof *a);
	if (!a) {
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return;
	}
	*a = (struct writing){call, *rq};
	hlv_ask(call->front, &call->peer, call->now, &a->rq, written, a);
}

/* R11: changes are honoured over TLS alone; before anything else is looked at. False: answered. */
static bool may_write(struct http_call *call, struct hlv_bytes handle)
{
	if (web_may_log_in(call))
		return true;
	hlv_buf_printf(&call->out, "{\"responseCode\":%u", HLV_RC_AUTHENTICATION_NEEDED);
	if (handle.n) {
		hlv_buf_str(&call->out, ",\"handle\":");
		hlv_json_put_str(&call->out, handle);
	}
	hlv_buf_str(&call->out, "}");
	web_answer(call, 403);
	return false;
}

/* RFC 9110 13.1: a condition that is passed over in silence is a change that somebody did not want. */
static bool is_unconditional(struct http_call *call)
{
	static const char *const conditions[] = {"If-Match", "If-None-Match",
						 "If-Unmodified-Since"};
	for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
		if (http_header_of(call, conditions[i]).p) {
			web_error(call, 501, HLV_RC_NOT_SUPPORTED,
				  "Changes take no If-Match and no If-None-Match: see "
				  "overwrite=false");
			return false;
		}
	return true;
}

/* A change of the identifier behind `path` may come: by TLS, with a login. False: answered. */
static bool begin_write(struct http_call *call, const char *path, struct hlv_bytes *handle)
{
	return web_path_handle(call, path, handle) && may_write(call, *handle) &&
	       is_unconditional(call) && web_login(call);
}

static bool refuse(struct http_call *call, const char *text)
{
	web_error(call, 400, HLV_RC_PROTOCOL_ERROR, text);
	return false;
}

/* The values of the body, whose handle, if it names one, must be that of the path. */
static bool read_values(struct http_call *call, struct hlv_request *rq)
{
	struct hlv_json_error error = {.text = ""};
	struct hlv_bytes handle = {0};
	size_t room = call->rq.body.n * 2 + 4096;
	room = room < VALUES_ROOM ? room : VALUES_ROOM;
	uint8_t *p = hlv_alloc_raw(&call->arena, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	if (!web_body_is(call, "application/json"))
		return refuse(call, "Unsupported media type: application/json is wanted");
	if (hlv_json_parse_record(call->rq.body, hlv_now_s(call->now), &call->arena, &handle,
				  &w, &error) != HLV_OK ||
	    w.bad) {
		char *why = hlv_arena_str(&call->arena, hlv_text(error.text));
		return refuse(call, why && *why ? why : "Invalid JSON in PUT request");
	}
	if (handle.n && !hlv_name_eq_full(handle, rq->handle))
		return refuse(call, "Mismatched handle in PUT request");
	struct hlv_reader r = hlv_reader(hlv_written(&w));
	if (hlv_values_decode(&r, &rq->values) != HLV_OK)
		return refuse(call, "Invalid values in PUT request");
	return true;
}

static bool has_index(const struct hlv_list *indexes, uint32_t index)
{
	struct hlv_reader r = hlv_reader(indexes->raw);
	for (uint32_t i = 0; i < indexes->n; i++)
		if (hlv_next_index(&r) == index)
			return true;
	return false;
}

/* ?index= names exactly the values that the body holds. */
static bool indexes_fit(struct http_call *call, const struct hlv_list *indexes,
			const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	bool fit = indexes->n == values->n;
	for (uint32_t i = 0; i < values->n && fit; i++) {
		struct hlv_value v;
		fit = hlv_value_decode(&r, &v) == HLV_OK && has_index(indexes, v.index);
	}
	return fit || refuse(call, "Mismatched indexes in PUT request");
}

void web_put_handle(struct http_call *call)
{
	struct hlv_request rq = {.m.hdr.op = HLV_OP_CREATE_HANDLE};
	struct hlv_bytes text;
	struct hlv_list indexes = {0};
	if (!begin_write(call, "/api/handles/", &rq.handle))
		return;
	bool by_index = http_query(call, "index", 0, &text);
	bool various = by_index && hlv_eq_fold(text, hlv_text("various"));
	if (by_index && !various && !web_param_indexes(call, &indexes))
		return;
	if (!read_values(call, &rq) ||
	    (by_index && !various && !indexes_fit(call, &indexes, &rq.values)))
		return;
	rq.m.hdr.op = by_index ? HLV_OP_ADD_VALUE : HLV_OP_CREATE_HANDLE;
	if (web_param_strict(call, "overwrite", true))
		rq.m.hdr.flags |= HLV_F_OVERWRITE;
	if (!by_index && web_param_strict(call, "mintNewSuffix", false))
		rq.m.hdr.flags |= HLV_F_MINT_SUFFIX;
	web_write(call, &rq);
}

void web_delete_handle(struct http_call *call)
{
	struct hlv_request rq = {.m.hdr.op = HLV_OP_DELETE_HANDLE};
	struct hlv_bytes text;
	if (!begin_write(call, "/api/handles/", &rq.handle))
		return;
	if (http_query(call, "index", 0, &text)) {
		rq.m.hdr.op = HLV_OP_REMOVE_VALUE;
		if (!web_param_indexes(call, &rq.indexes))
			return;
	}
	web_write(call, &rq);
}
