/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/open/meta/: templates as records (industrial.md 3, 9.1): what they are (1000), version (1001),
 * state (1100: draft, published, withdrawn; in this order and never back) and definition (1101).
 */
#include "proto/web/doip.h"

enum { HEAD_ROOM = 1024 + 2 * HLV_IDENTIFIER_MAX, DEFINITION_MAX = 64 << 10 };

/* --- JSON, as it was read --- */

static void put_node(struct hlv_buf *b, struct hlv_json *j, const struct hlv_json_node *node)
{
	struct hlv_bytes text = {0};
	enum hlv_json_kind kind = hlv_json_kind(node);
	switch (kind) {
	case HLV_JSON_OBJECT:
	case HLV_JSON_ARRAY:
		hlv_buf_str(b, kind == HLV_JSON_OBJECT ? "{" : "[");
		for (const struct hlv_json_node *m = hlv_json_first(node); m;
		     m = hlv_json_next(m)) {
			if (m != hlv_json_first(node))
				hlv_buf_str(b, ",");
			if (kind == HLV_JSON_OBJECT) {
				hlv_json_put_str(b, hlv_json_name(m));
				hlv_buf_str(b, ":");
			}
			put_node(b, j, m); /* as deep as the parser lets it be */
		}
		hlv_buf_str(b, kind == HLV_JSON_OBJECT ? "}" : "]");
		return;
	case HLV_JSON_STRING:
		hlv_json_put_str(b, hlv_json_text(node));
		return;
	case HLV_JSON_NUMBER:
		(void)hlv_json_spelling(j, node, &text);
		hlv_buf_put(b, text);
		return;
	case HLV_JSON_BOOL:
		hlv_buf_str(b, hlv_json_is_true(node) ? "true" : "false");
		return;
	case HLV_JSON_NULL:
	case HLV_JSON_ABSENT:
		break;
	}
	hlv_buf_str(b, "null");
}

/* What stands in the record was written by somebody, perhaps not through us: only JSON goes out. */
void doip_put_template(struct doip_task *t, struct hlv_bytes id, const struct hlv_list *values)
{
	struct hlv_buf *b = &t->call->out;
	struct hlv_json j = {0};
	struct hlv_bytes state = doip_value(values, DOIP_STATE);
	hlv_buf_str(b, "{\"id\":");
	hlv_json_put_str(b, id);
	hlv_buf_str(b, ",\"metaHandle\":");
	hlv_json_put_str(b, id);
	hlv_buf_str(b, ",\"type\":\"" DOIP_META "\",\"state\":");
	hlv_json_put_str(b, state);
	hlv_buf_str(b, ",\"version\":");
	hlv_json_put_str(b, doip_value(values, DOIP_VERSION));
	hlv_buf_str(b, ",\"attributes\":{\"content\":");
	if (hlv_json_read(&j, doip_value(values, DOIP_DEFINITION), &t->call->arena,
			  &t->error) == HLV_OK)
		put_node(b, &j, j.root);
	else
		hlv_buf_str(b, "null");
	hlv_buf_str(b, "}}");
}

/* --- create --- */

static void meta_created(struct doip_task *t, struct hlv_exchange *x)
{
	if (x->rs.rc != HLV_RC_SUCCESS) {
		doip_refuse(t, x);
		return;
	}
	(void)doip_data(t);
	doip_put_template(t, t->target, &t->values);
	doip_send(t);
}

/* The content as it is sent beside metaHandle, or as objects have it. */
static const struct hlv_json_node *content_of(const struct doip_task *t)
{
	const struct hlv_json_node *in =
		hlv_json_member(hlv_json_member(t->json.root, "attributes"), "content");
	return in ? in : t->json.root;
}

/* The parts of a definition, and no more. */
static void put_definition(struct doip_task *t, struct hlv_buf *b)
{
	static const char *const parts[] = {"basicInfo", "itemInfos", "required", "uniqueness"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const struct hlv_json_node *part = hlv_json_member(t->content, parts[i]);
		hlv_buf_printf(b, "%s\"%s\":", i ? "," : "{", parts[i]);
		if (part)
			put_node(b, &t->json, part);
		else
			hlv_buf_str(b, "[]");
	}
	hlv_buf_str(b, "}");
}

static void register_template(struct doip_task *t, struct hlv_bytes definition)
{
	size_t room = HEAD_ROOM + definition.n;
	uint8_t *p = hlv_alloc_raw(&t->call->arena, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	struct hlv_request rq = {.m.hdr.op = HLV_OP_CREATE_HANDLE, .handle = t->target};
	doip_put_head(t, &w, hlv_text(DOIP_META), t->template.version);
	doip_put_value(t, &w, DOIP_STATE, "TEMPLATE_STATE", hlv_text("draft"),
		       HLV_PERM_DEFAULT);
	doip_put_value(t, &w, DOIP_DEFINITION, "TEMPLATE_DEF", definition, HLV_PERM_DEFAULT);
	rq.values = t->values;
	if (w.bad)
		doip_say(t, DOIP_FAILED, "Out of memory");
	else
		doip_ask(t, &rq, DOIP_WRITES, meta_created);
}

void web_doip_meta_create(struct http_call *call)
{
	char why[DOIP_WHY];
	struct hlv_buf text = {0};
	struct doip_task *t = doip_begin(call);
	if (!t || !doip_needs_login(t))
		return;
	t->target = doip_field(t, "metaHandle");
	if (t->target.n == 0)
		t->target = doip_field(t, "targetId");
	t->content = content_of(t);
	if (t->target.n == 0 || t->target.n > HLV_IDENTIFIER_MAX) {
		doip_say(t, DOIP_MALFORMED_ID, "metaHandle: expected an identifier");
		return;
	}
	enum doip_code code = doip_template_read(&t->json, t->content, &t->template, why);
	if (code != DOIP_OK) {
		doip_say(t, code, why);
		return;
	}
	put_definition(t, &text);
	struct hlv_bytes definition = hlv_arena_copy(&call->arena, hlv_buf_bytes(&text));
	bool bad = text.bad || call->arena.bad;
	hlv_buf_free(&text);
	if (bad || definition.n > DEFINITION_MAX)
		doip_say(t, bad ? DOIP_FAILED : DOIP_FORM_ITEMS, "The template is too large");
	else
		register_template(t, definition);
}

/* --- info --- */

static bool is_template(const struct hlv_exchange *x)
{
	return x->rs.rc == HLV_RC_SUCCESS && x->rs.kind == HLV_BODY_RECORD &&
	       hlv_eq(doip_value(&x->rs.values, DOIP_TEMPLATE_ID), hlv_text(DOIP_META));
}

static void info_came(struct doip_task *t, struct hlv_exchange *x)
{
	if (!is_template(x)) {
		doip_say(t, DOIP_NO_TEMPLATE, "There is no such template here");
		return;
	}
	(void)doip_data(t);
	doip_put_template(t, t->target, &x->rs.values);
	doip_send(t);
}

static void ask_template(struct doip_task *t,
			 void (*then)(struct doip_task *, struct hlv_exchange *))
{
	struct hlv_request rq = {.m.hdr = {.op = HLV_OP_RESOLUTION,
					   .flags = HLV_F_PUBLIC_ONLY | HLV_F_AUTHORITATIVE},
				 .handle = t->target};
	if (t->target.n == 0 || t->target.n > HLV_IDENTIFIER_MAX)
		doip_say(t, DOIP_MALFORMED_ID, "metaHandle: expected an identifier");
	else
		doip_ask(t, &rq, DOIP_READS, then);
}

void web_doip_meta_info(struct http_call *call)
{
	struct doip_task *t = doip_begin(call);
	if (!t)
		return;
	t->target = doip_field(t, "metaHandle");
	ask_template(t, info_came);
}

/* --- publish, withdraw --- */

static void state_set(struct doip_task *t, struct hlv_exchange *x)
{
	if (x->rs.rc == HLV_RC_SUCCESS) {
		hlv_buf_str(doip_data(t), "null");
		doip_send(t);
	} else if (x->rs.rc == HLV_RC_INVALID_ADMIN ||
		   x->rs.rc == HLV_RC_INSUFFICIENT_PERMISSIONS) {
		doip_say(t, DOIP_NO_TEMPLATE_RIGHT, "Not an administrator of this template");
	} else {
		doip_refuse(t, x);
	}
}

static void set_state(struct doip_task *t, struct hlv_exchange *x)
{
	bool publishes = hlv_eq(t->op, hlv_text("publish"));
	struct hlv_bytes from = hlv_text(publishes ? "draft" : "published");
	struct hlv_bytes to = hlv_text(publishes ? "published" : "withdrawn");
	uint8_t *p = hlv_alloc_raw(&t->call->arena, HEAD_ROOM);
	struct hlv_writer w = hlv_writer(p, p ? HEAD_ROOM : 0);
	struct hlv_request rq = {.m.hdr.op = HLV_OP_MODIFY_VALUE, .handle = t->target};
	if (!is_template(x)) {
		doip_say(t, DOIP_NO_TEMPLATE, "There is no such template here");
		return;
	}
	struct hlv_bytes state = doip_value(&x->rs.values, DOIP_STATE);
	if (!hlv_eq(state, from) && !hlv_eq(state, to)) {
		doip_say(t, DOIP_UPDATE_ERROR,
			 publishes ? "A withdrawn template is not published again"
				   : "The template is not published");
		return;
	}
	/* The same again is no error. */
	t->values = (struct hlv_list){0};
	doip_put_value(t, &w, DOIP_STATE, "TEMPLATE_STATE", to, HLV_PERM_DEFAULT);
	rq.values = t->values;
	doip_ask(t, &rq, DOIP_WRITES, state_set);
}

void web_doip_meta_publish(struct http_call *call)
{
	struct doip_task *t = doip_begin(call);
	if (!t || !doip_needs_login(t))
		return;
	t->target = doip_field(t, "metaHandle");
	t->op = doip_field(t, "operation");
	if (hlv_eq(t->op, hlv_text("publish")) || hlv_eq(t->op, hlv_text("withdraw")))
		ask_template(t, set_state);
	else
		doip_say(t, DOIP_BAD_PARAMETER, "operation: expected publish or withdraw");
}
