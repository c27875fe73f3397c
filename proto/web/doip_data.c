/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/doip: objects of the enterprise dialect as records. A record follows a template (values 1000
 * and 1001); its items are values from index 2000, each with the item's name as its type.
 */
#include "proto/web/doip.h"

enum {
	VALUE_OVERHEAD = 128,
	HEAD_ROOM = 1024 + 2 * HLV_IDENTIFIER_MAX,
	PAGE_USUAL = 100,
	PAGE_MAX = 1000,
};

/* --- a record as an object --- */

/* {"id":..,"type":..,"attributes":{"content":{..}}} of a record, a template's too. */
static void put_object(struct doip_task *t, struct hlv_bytes id, const struct hlv_list *values)
{
	struct hlv_buf *b = &t->call->out;
	struct hlv_bytes type = doip_value(values, DOIP_TEMPLATE_ID);
	const char *comma = "";
	hlv_buf_str(b, "{\"id\":");
	hlv_json_put_str(b, id);
	hlv_buf_str(b, ",\"type\":");
	if (type.n)
		hlv_json_put_str(b, type);
	else
		hlv_buf_str(b, "null");
	hlv_buf_str(b, ",\"attributes\":{\"content\":{");
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		bool shown = type.n ? v.index >= DOIP_INDEX_MIN
				    : !hlv_starts_with(v.type, hlv_text("HS_"));
		if (!shown)
			continue;
		hlv_buf_str(b, comma);
		hlv_json_put_str(b, v.type);
		hlv_buf_str(b, ":");
		hlv_json_put_str(b, v.data);
		comma = ",";
	}
	hlv_buf_str(b, "}}}");
}

/* --- templates --- */

static void template_came(struct doip_task *t, struct hlv_exchange *x)
{
	char why[DOIP_WHY] = "";
	struct hlv_json j = {.error = &t->error};
	struct hlv_bytes text = {0}, state;
	if (x->rs.rc == HLV_RC_SUCCESS && x->rs.kind == HLV_BODY_RECORD) {
		state = doip_value(&x->rs.values, DOIP_STATE);
		text = hlv_arena_copy(&t->call->arena,
				      doip_value(&x->rs.values, DOIP_DEFINITION));
	}
	if (text.n == 0) {
		doip_say(t, DOIP_NO_TEMPLATE, "There is no such template here");
		return;
	}
	if (!hlv_eq(state, hlv_text("published"))) {
		doip_say(t, DOIP_NOT_PUBLISHED, "The template is not published");
		return;
	}
	if (hlv_json_read(&j, text, &t->call->arena, &t->error) != HLV_OK ||
	    doip_template_read(&j, j.root, &t->template, why) != DOIP_OK) {
		doip_say(t, DOIP_NO_TEMPLATE, "The template's definition cannot be read");
		return;
	}
	t->with_template(t);
}

/* t->template of t->type, and then `with`; else the end (600, 604). */
static void load_template(struct doip_task *t, void (*with)(struct doip_task *))
{
	struct hlv_request rq = {.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_PUBLIC_ONLY},
				 .handle = t->type};
	t->with_template = with;
	if (t->type.n == 0)
		doip_say(t, DOIP_NO_TEMPLATE, "type: by which template?");
	else
		doip_ask(t, &rq, DOIP_READS, template_came);
}

/* {"type":..,"attributes":{"content":{..}}} */
static bool read_content(struct doip_task *t)
{
	const struct hlv_json_node *attributes = hlv_json_member(t->json.root, "attributes");
	t->content = hlv_json_member(attributes, "content");
	t->type = hlv_json_text(hlv_json_member(t->json.root, "type"));
	if (hlv_json_kind(t->content) == HLV_JSON_OBJECT)
		return true;
	doip_say(t, DOIP_BAD_PARAMETER, "attributes.content: expected an object");
	return false;
}

/* The items of the content behind t->values; what they take at most is what the body has. */
static void put_items(struct doip_task *t, struct hlv_writer *w)
{
	const struct hlv_json_node *m;
	for (m = hlv_json_first(t->content); m; m = hlv_json_next(m)) {
		const struct doip_item *item =
			doip_template_item(&t->template, hlv_json_name(m));
		struct hlv_bytes text;
		if (item && hlv_json_spelling(&t->json, m, &text))
			doip_put_value(t, w, item->index, (const char *)item->name.p, text,
				       HLV_PERM_DEFAULT);
	}
}

static struct hlv_writer room_for(struct doip_task *t)
{
	size_t n = HEAD_ROOM + t->call->rq.body.n +
		   (size_t)hlv_json_length(t->content) * VALUE_OVERHEAD;
	uint8_t *p = hlv_alloc_raw(&t->call->arena, n);
	return hlv_writer(p, p ? n : 0);
}

static bool is_good(struct doip_task *t, bool whole)
{
	char why[DOIP_WHY];
	enum doip_code code =
		doip_template_check(&t->json, &t->template, t->content, whole, why);
	if (code == DOIP_OK)
		return true;
	doip_say(t, code, why);
	return false;
}

/* --- Retrieve --- */

static void retrieved(struct doip_task *t, struct hlv_exchange *x)
{
	if (x->rs.rc != HLV_RC_SUCCESS || x->rs.kind != HLV_BODY_RECORD) {
		doip_refuse(t, x);
		return;
	}
	(void)doip_data(t);
	if (hlv_eq(doip_value(&x->rs.values, DOIP_TEMPLATE_ID), hlv_text(DOIP_META)))
		doip_put_template(t, t->target, &x->rs.values);
	else
		put_object(t, t->target, &x->rs.values);
	doip_send(t);
}

static void retrieve(struct doip_task *t)
{
	struct hlv_request rq = {.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_PUBLIC_ONLY},
				 .handle = t->target};
	doip_ask(t, &rq, DOIP_READS, retrieved);
}

/* --- Create --- */

static void put_made(struct doip_task *t)
{
	(void)doip_data(t);
	put_object(t, t->target, &t->values);
	doip_send(t);
}

/* It exists. By this very request, of which the answer was lost? */
static void compared(struct doip_task *t, struct hlv_exchange *x)
{
	bool same = x->rs.rc == HLV_RC_SUCCESS && x->rs.kind == HLV_BODY_RECORD &&
		    hlv_eq(doip_value(&x->rs.values, DOIP_REQUEST_ID), t->request_id);
	if (!same) {
		doip_say(t, DOIP_EXISTS, "This identifier exists already");
		return;
	}
	(void)doip_data(t);
	put_object(t, t->target, &x->rs.values);
	doip_send(t);
}

static void created(struct doip_task *t, struct hlv_exchange *x)
{
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_AUTHORITATIVE},
		.handle = t->target};
	if (x->rs.rc == HLV_RC_SUCCESS)
		put_made(t);
	else if (x->rs.rc == HLV_RC_EXISTS && t->request_id.n)
		doip_ask(t, &rq, DOIP_READS, compared);
	else
		doip_refuse(t, x);
}

static void create_by_template(struct doip_task *t)
{
	struct hlv_writer w = room_for(t);
	struct hlv_request rq = {.m.hdr.op = HLV_OP_CREATE_HANDLE, .handle = t->target};
	if (!is_good(t, true))
		return;
	doip_put_head(t, &w, t->type, t->template.version);
	if (t->request_id.n)
		doip_put_value(t, &w, DOIP_REQUEST_ID, "REQUEST_ID", t->request_id,
			       HLV_PERM_ADMIN_READ | HLV_PERM_ADMIN_WRITE);
	put_items(t, &w);
	if (w.bad) {
		doip_say(t, DOIP_FAILED, "The object is too large");
		return;
	}
	rq.values = t->values;
	doip_ask(t, &rq, DOIP_WRITES, created);
}

static void create(struct doip_task *t)
{
	if (doip_needs_login(t) && read_content(t))
		load_template(t, create_by_template);
}

/* --- Update, and Update.Non.Overlay --- */

static void updated(struct doip_task *t, struct hlv_exchange *x)
{
	if (x->rs.rc != HLV_RC_SUCCESS) {
		doip_refuse(t, x);
		return;
	}
	retrieve(t);
}

/* What an overlay leaves out goes. Behind the new values, so that a failure in between leaves too much
 * rather than too little; the same request again ends it. */
static void take_away(struct doip_task *t, struct hlv_exchange *x)
{
	struct hlv_request rq = {
		.m.hdr.op = HLV_OP_REMOVE_VALUE, .handle = t->target, .indexes = t->removed};
	if (x->rs.rc != HLV_RC_SUCCESS || t->removed.n == 0)
		updated(t, x);
	else
		doip_ask(t, &rq, DOIP_WRITES, updated);
}

static void update_by_template(struct doip_task *t)
{
	struct hlv_writer w = room_for(t);
	struct hlv_request rq = {.m.hdr = {.op = HLV_OP_ADD_VALUE, .flags = HLV_F_OVERWRITE},
				 .handle = t->target};
	if (!is_good(t, !t->merges))
		return;
	t->values = (struct hlv_list){0};
	doip_put_value(t, &w, DOIP_VERSION, "TEMPLATE", t->template.version, HLV_PERM_DEFAULT);
	put_items(t, &w);
	if (w.bad) {
		doip_say(t, DOIP_FAILED, "The object is too large");
		return;
	}
	rq.values = t->values;
	doip_ask(t, &rq, DOIP_WRITES, take_away);
}

/* Indexes of the items that the content does not name. */
static bool find_removed(struct doip_task *t, const struct hlv_list *values)
{
	uint8_t *p = hlv_alloc_raw(&t->call->arena, 4 * (size_t)values->n);
	struct hlv_writer w = hlv_writer(p, p ? 4 * (size_t)values->n : 0);
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n && !t->merges; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return false;
		char *name = hlv_arena_str(&t->call->arena, v.type);
		if (v.index < DOIP_INDEX_MIN || (name && hlv_json_member(t->content, name)))
			continue;
		hlv_put_u32(&w, v.index);
		t->removed.n++;
	}
	t->removed.raw = hlv_written(&w);
	return !w.bad && !t->call->arena.bad;
}

static void update_known(struct doip_task *t, struct hlv_exchange *x)
{
	if (x->rs.rc != HLV_RC_SUCCESS || x->rs.kind != HLV_BODY_RECORD) {
		doip_refuse(t, x);
		return;
	}
	struct hlv_bytes follows = doip_value(&x->rs.values, DOIP_TEMPLATE_ID);
	if (follows.n == 0 || hlv_eq(follows, hlv_text(DOIP_META))) {
		doip_say(t, DOIP_NO_TEMPLATE, "The record follows no template");
		return;
	}
	if (t->type.n && !hlv_eq_fold(t->type, follows)) {
		doip_say(t, DOIP_VERSION_MISMATCH, "The record follows another template");
		return;
	}
	t->type = hlv_arena_copy(&t->call->arena, follows);
	if (!find_removed(t, &x->rs.values))
		doip_say(t, DOIP_FAILED, "Out of memory");
	else
		load_template(t, update_by_template);
}

static void update(struct doip_task *t)
{
	struct hlv_request rq = {.m.hdr = {.op = HLV_OP_RESOLUTION,
					   .flags = HLV_F_PUBLIC_ONLY | HLV_F_AUTHORITATIVE},
				 .handle = t->target};
	if (doip_needs_login(t) && read_content(t))
		doip_ask(t, &rq, DOIP_READS, update_known);
}

static void merge(struct doip_task *t)
{
	t->merges = true;
	update(t);
}

/* --- Delete --- */

static void deleted(struct doip_task *t, struct hlv_exchange *x)
{
	if (x->rs.rc != HLV_RC_SUCCESS) {
		doip_refuse(t, x);
		return;
	}
	hlv_buf_str(doip_data(t), "null");
	doip_send(t);
}

static void delete (struct doip_task *t)
{
	struct hlv_request rq = {.m.hdr.op = HLV_OP_DELETE_HANDLE, .handle = t->target};
	if (doip_needs_login(t))
		doip_ask(t, &rq, DOIP_DELETES, deleted);
}

/* --- what the node is --- */

static void hello(struct doip_task *t)
{
	struct hlv_buf *b = doip_data(t);
	hlv_buf_str(b, "{\"id\":");
	hlv_json_put_str(b, t->target.n ? t->target : hlv_text("0.DOIP/DOIPServiceInfo"));
	hlv_buf_printf(b,
		       ",\"type\":\"0.TYPE/DOIPServiceInfo\",\"attributes\":{\"content\":{"
		       "\"protocol\":\"HTTP\",\"protocolVersion\":\"2.0\",\"software\":\"%s "
		       "%s\"}}}",
		       t->call->web->daemon, HELVE_VERSION);
	doip_send(t);
}

static void list_operations(struct doip_task *t);

/* --- Search --- */

static void search_came(struct doip_task *t, struct hlv_exchange *x)
{
	struct hlv_json j = {.error = &t->error};
	struct hlv_bytes page = hlv_arena_copy(&t->call->arena, x->rs.octets);
	if (x->rs.rc != HLV_RC_SUCCESS) {
		doip_refuse(t, x);
		return;
	}
	if (hlv_json_read(&j, page, &t->call->arena, &t->error) != HLV_OK) {
		doip_say(t, DOIP_FAILED, "The page cannot be read");
		return;
	}
	const struct hlv_json_node *list = hlv_json_member(j.root, "identifiers");
	struct hlv_bytes next = hlv_json_text(hlv_json_member(j.root, "next"));
	struct hlv_buf *b = doip_data(t);
	hlv_buf_printf(b, "{\"size\":%u,\"results\":[", hlv_json_length(list));
	for (const struct hlv_json_node *m = hlv_json_first(list); m; m = hlv_json_next(m)) {
		if (m != hlv_json_first(list))
			hlv_buf_str(b, ",");
		hlv_json_put_str(b, hlv_json_text(m));
	}
	hlv_buf_str(b, "],\"next\":");
	if (next.n)
		hlv_json_put_str(b, next);
	else
		hlv_buf_str(b, "null");
	hlv_buf_str(b, "}");
	doip_send(t);
}

static void put_pair(struct hlv_buf *b, bool first, struct hlv_bytes item,
		     struct hlv_bytes pattern)
{
	hlv_buf_str(b, first ? "{\"type\":" : ",{\"type\":");
	hlv_json_put_str(b, item);
	hlv_buf_str(b, ",\"pattern\":");
	hlv_json_put_str(b, pattern);
	hlv_buf_str(b, "}");
}

/* {"item":"pattern",..}, or ITEM:PATTERN as a text. False: neither. */
static bool put_query(struct doip_task *t, struct hlv_buf *b)
{
	const struct hlv_json_node *query = hlv_json_member(t->json.root, "query");
	struct hlv_bytes text = doip_field(t, "query"), pattern;
	if (hlv_json_kind(query) == HLV_JSON_OBJECT) {
		const struct hlv_json_node *m = hlv_json_first(query);
		for (; m; m = hlv_json_next(m)) {
			if (!hlv_json_spelling(&t->json, m, &pattern))
				return false;
			put_pair(b, m == hlv_json_first(query), hlv_json_name(m), pattern);
		}
		return hlv_json_length(query) > 0;
	}
	const uint8_t *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
	if (!colon)
		return false;
	struct hlv_bytes item = hlv_head(text, (size_t)(colon - text.p));
	put_pair(b, true, item, hlv_skip(text, item.n + 1));
	return true;
}

/* Digits, or what is usual. */
static unsigned page_size(struct doip_task *t)
{
	struct hlv_bytes text = doip_field(t, "pageSize");
	unsigned n = 0;
	for (size_t i = 0; i < text.n && n <= PAGE_MAX; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return PAGE_USUAL;
		n = n * 10 + (unsigned)(text.p[i] - '0');
	}
	return n == 0 ? PAGE_USUAL : n < PAGE_MAX ? n : PAGE_MAX;
}

/* Under the target's prefix, if there is one. */
static void search(struct doip_task *t)
{
	struct hlv_buf args = {0};
	struct hlv_bytes prefix = t->target, after = doip_field(t, "after");
	const uint8_t *slash = prefix.n ? memchr(prefix.p, '/', prefix.n) : NULL;
	if (slash)
		prefix = hlv_head(prefix, (size_t)(slash - prefix.p));
	hlv_buf_printf(&args, "{\"limit\":%u", page_size(t));
	if (prefix.n) {
		hlv_buf_str(&args, ",\"prefix\":");
		hlv_json_put_str(&args, prefix);
	}
	if (after.n) {
		hlv_buf_str(&args, ",\"after\":");
		hlv_json_put_str(&args, after);
	}
	hlv_buf_str(&args, ",\"where\":[");
	bool good = put_query(t, &args);
	hlv_buf_str(&args, "]}");
	struct hlv_request rq = {.m.hdr.op = HLV_OP_HELVE_CONTROL,
				 .handle = hlv_text("search"),
				 .octets = hlv_buf_bytes(&args)};
	if (!good || args.bad)
		doip_say(t, DOIP_BAD_PARAMETER,
			 "query: expected {\"item\":\"pattern\"} or item:pattern");
	else
		doip_ask(t, &rq, DOIP_READS, search_came);
	hlv_buf_free(&args);
}

/* --- the operations --- */

static const struct {
	const char *name;
	void (*run)(struct doip_task *);
	bool targeted;
} operations[] = {
	{"0.DOIP/Op.Hello", hello, false},
	{"0.DOIP/Op.ListOperations", list_operations, false},
	{"0.DOIP/Op.Retrieve", retrieve, true},
	{"0.DOIP/Op.Create", create, true},
	{"0.DOIP/Op.Update", update, true},
	{"0.DOIP.EXTEND/Op.Update.Non.Overlay", merge, true},
	{"0.DOIP/Op.Delete", delete, true},
	{"0.DOIP/Op.Search", search, false},
};

static void list_operations(struct doip_task *t)
{
	struct hlv_buf *b = doip_data(t);
	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
		hlv_buf_printf(b, "%s\"%s\"", i ? "," : "[", operations[i].name);
	hlv_buf_str(b, "]");
	doip_send(t);
}

void web_doip(struct http_call *call)
{
	struct doip_task *t = doip_begin(call);
	if (!t)
		return;
	t->op = doip_field(t, "operationId");
	t->target = doip_field(t, "targetId");
	t->request_id = doip_field(t, "requestId");
	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
		if (!hlv_eq(t->op, hlv_text(operations[i].name)))
			continue;
		if (operations[i].targeted &&
		    (t->target.n == 0 || t->target.n > HLV_IDENTIFIER_MAX))
			doip_say(t, DOIP_MALFORMED_ID, "targetId: expected an identifier");
		else
			operations[i].run(t);
		return;
	}
	doip_say(t, DOIP_NO_SUCH_OPERATION,
		 t->op.n ? "No such operation" : "operationId is missing");
}
