/* SPDX-License-Identifier: Apache-2.0 */
#include "server/look.h"

#include <inttypes.h>

#include "proto/base/base64.h"
#include "proto/net/json.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"
#include "server/audit.h"
#include "server/history.h"
#include "server/index.h"

enum {
	VISITS_MAX = 10000, /* tombstones, or entries of one transaction, that a page passes */
	VERSIONS_MAX = 10000,  /* of one record */
	STORED_MAX = 90 << 10, /* octets of a record: two of them fit into an answer */
};

/* --- cursors --- */

void look_put_cursor(struct hlv_buf *b, struct hlv_bytes key)
{
	hlv_buf_hex(b, key);
}

bool look_read_cursor(struct hlv_bytes text, struct store_key *key)
{
	struct hlv_buf octets = {0};
	key->n = 0;
	if (text.n == 0)
		return true;
	bool good = text.n <= LOOK_CURSOR_MAX && hlv_buf_unhex(&octets, text) && octets.n > 1;
	if (good) {
		memcpy(key->octets, octets.p, octets.n);
		key->n = (uint16_t)octets.n;
	}
	hlv_buf_free(&octets);
	return good;
}

/* --- list --- */

struct listing {
	struct hlv_bytes under, after;
	size_t limit, n, visits;
	struct hlv_buf *out;
	struct store_key last;
	bool more;
	enum hlv_err err;
};

static bool list_one(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct listing *l = ctx;
	struct hlv_record rec;
	if (!hlv_starts_with(key, l->under))
		return false;
	if (hlv_eq(key, l->after))
		return true;
	l->more = l->n == l->limit || l->visits++ == VISITS_MAX || l->out->n > LOOK_OCTETS_MAX;
	if (l->more)
		return false;
	l->err = hlv_record_decode(stored, key, &rec);
	if (l->err != HLV_OK)
		return false;
	memcpy(l->last.octets, key.p, key.n);
	l->last.n = (uint16_t)key.n;
	if (rec.flags & HLV_RECORD_DELETED)
		return true;
	hlv_buf_str(l->out, l->n++ ? "," : "");
	hlv_json_put_str(l->out, rec.name);
	return true;
}

enum hlv_err look_list(const struct answer_context *c, struct hlv_bytes prefix,
		       const struct store_key *under, const struct store_key *after,
		       size_t limit, struct hlv_buf *out)
{
	struct listing l = {.under = store_key_bytes(under),
			    .after = store_key_bytes(after),
			    .limit = limit,
			    .out = out};
	uint64_t total;
	HLV_TRY(store_count(c->store, c->view, prefix, &total));
	hlv_buf_str(out, "{\"prefix\":");
	hlv_json_put_str(out, prefix);
	hlv_buf_str(out, ",\"identifiers\":[");
	struct hlv_bytes from = l.under;
	if (l.after.n && hlv_compare(l.after, l.under) > 0)
		from = l.after;
	HLV_TRY(c->store->ops->scan(c->view, SPACE_RECORD, from, list_one, &l));
	HLV_TRY(l.err);
	hlv_buf_str(out, l.more ? "],\"next\":\"" : "],\"next\":null");
	if (l.more) {
		look_put_cursor(out, store_key_bytes(&l.last));
		hlv_buf_str(out, "\"");
	}
	hlv_buf_printf(out, ",\"total\":%" PRIu64 "}", total);
	return out->bad ? HLV_E_NOMEM : HLV_OK;
}

/* --- audit --- */

static void put_who(struct hlv_buf *b, const struct store_actor *actor)
{
	struct hlv_buf text = {0};
	if (actor->how == ACTOR_LOCAL)
		hlv_buf_printf(&text, "uid %u", actor->who.index);
	else if (actor->how == ACTOR_PUBLIC)
		hlv_buf_str(&text, "anybody");
	else
		hlv_buf_printf(&text, "%u:%.*s", actor->who.index, (int)actor->who.handle.n,
			       (const char *)actor->who.handle.p);
	hlv_json_put_str(b, hlv_buf_bytes(&text));
	hlv_buf_free(&text);
}

static void put_op(struct hlv_buf *b, const struct store_actor *actor)
{
	const char *name = actor->op ? hlv_op_name(actor->op) : NULL;
	hlv_json_put_str(b, hlv_text(name ? name : "-"));
}

/* A key is its scheme's octet and the folded name; long ones end in a hash. */
static struct hlv_bytes name_of(struct hlv_bytes key)
{
	return hlv_skip(key, 1);
}

/* All but the brace at its end. */
static void put_entry(struct hlv_buf *b, const struct audit_entry *e)
{
	hlv_buf_printf(b, "{\"seq\":%" PRIu64 ",\"time\":", e->seq);
	hlv_json_put_time(b, (uint32_t)(e->time_ns / 1000000000U));
	hlv_buf_str(b, ",\"who\":");
	put_who(b, &e->actor);
	hlv_buf_str(b, ",\"source\":");
	hlv_json_put_str(b, e->actor.source);
	hlv_buf_str(b, ",\"op\":");
	put_op(b, &e->actor);
	hlv_buf_printf(b, ",\"change\":%" PRIu64, e->journal_seq);
	switch (e->kind) {
	case AUDIT_CHANGE:
		hlv_buf_str(b, ",\"kind\":\"change\",\"handle\":");
		hlv_json_put_str(b, e->name);
		break;
	case AUDIT_RANGE:
		hlv_buf_printf(
			b, ",\"kind\":\"range\",\"count\":%" PRIu64 ",\"handle\":", e->count);
		hlv_json_put_str(b, name_of(e->name));
		hlv_buf_str(b, ",\"last\":");
		hlv_json_put_str(b, name_of(e->last));
		break;
	case AUDIT_CHECKPOINT:
		hlv_buf_str(b, ",\"kind\":\"checkpoint\",\"handle\":\"\"");
		break;
	}
}

static enum hlv_err put_entry_at(const struct answer_context *c, uint64_t seq, bool stored,
				 bool further, struct hlv_buf *out)
{
	struct audit_entry e;
	uint8_t key[AUDIT_KEY_SIZE];
	struct hlv_bytes octets;
	HLV_TRY(audit_get(c->store, c->view, seq, &e));
	hlv_buf_str(out, further ? "," : "");
	put_entry(out, &e);
	if (stored) {
		HLV_TRY(c->store->ops->get(c->view, SPACE_AUDIT, audit_key(seq, key), &octets));
		hlv_buf_str(out, ",\"stored\":\"");
		hlv_base64_put(out, octets, HLV_BASE64);
		hlv_buf_str(out, "\"");
	}
	hlv_buf_str(out, "}");
	return HLV_OK;
}

/* The trail has no gaps: entries are read by their places. */
enum hlv_err look_audit(const struct answer_context *c, const struct look_audit *wish,
			struct hlv_buf *out)
{
	struct audit_head head;
	enum hlv_err err = audit_head_get(c->store, c->view, &head);
	if (err == HLV_E_NOT_FOUND)
		head.seq = 0;
	else
		HLV_TRY(err);
	bool down = wish->newest_first;
	uint64_t at = down ? head.seq : wish->after + 1;
	if (down && wish->before && wish->before <= head.seq)
		at = wish->before - 1;
	size_t n = 0;
	hlv_buf_str(out, "{\"entries\":[");
	while (at >= 1 && at <= head.seq && n < wish->limit && out->n < LOOK_OCTETS_MAX) {
		HLV_TRY(put_entry_at(c, at, wish->stored, n++ > 0, out));
		at = down ? at - 1 : at + 1;
	}
	hlv_buf_str(out, "],\"next\":");
	if (at >= 1 && at <= head.seq)
		hlv_buf_printf(out, "%" PRIu64, down ? at + 1 : at - 1);
	else
		hlv_buf_str(out, "null");
	hlv_buf_str(out, "}");
	return out->bad ? HLV_E_NOMEM : HLV_OK;
}

/* --- history --- */

struct looking {
	const struct answer_context *c;
	struct store_key key;
	uint64_t newest; /* place in the audit trail */
	size_t visits;
};

static bool is_about(const struct looking *l, const struct audit_entry *e)
{
	struct store_key named;
	struct hlv_bytes key = store_key_bytes(&l->key);
	if (e->space != SPACE_RECORD)
		return false;
	if (e->kind == AUDIT_RANGE)
		return hlv_compare(e->name, key) <= 0 && hlv_compare(key, e->last) <= 0;
	if (e->kind != AUDIT_CHANGE)
		return false;
	store_key(e->name, &named);
	return hlv_eq(store_key_bytes(&named), key);
}

/* Who made the change `seq` of this record: entries stand in the order of the journal. */
static enum hlv_err find_entry(struct looking *l, uint64_t seq, struct audit_entry *e)
{
	uint64_t low = 1, high = l->newest + 1;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		HLV_TRY(audit_get(l->c->store, l->c->view, mid, e));
		if (e->journal_seq < seq)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low <= l->newest && l->visits < VISITS_MAX; low++, l->visits++) {
		HLV_TRY(audit_get(l->c->store, l->c->view, low, e));
		if (e->journal_seq != seq)
			break;
		if (is_about(l, e))
			return HLV_OK;
	}
	return HLV_E_NOT_FOUND;
}

static enum hlv_err put_who_did(struct looking *l, uint64_t seq, struct hlv_buf *out)
{
	struct audit_entry e;
	enum hlv_err err = find_entry(l, seq, &e);
	if (err == HLV_E_NOT_FOUND) {
		hlv_buf_str(out, ",\"who\":null,\"op\":null");
		return HLV_OK;
	}
	HLV_TRY(err);
	hlv_buf_str(out, ",\"who\":");
	put_who(out, &e.actor);
	hlv_buf_str(out, ",\"op\":");
	put_op(out, &e.actor);
	return HLV_OK;
}

/* Not what nobody may read by the network, and no secrets. */
static bool is_shown(const struct hlv_value *v)
{
	return !hlv_type_is(v->type, "HS_SECKEY") && v->perms & HLV_PERM_ADMIN_READ;
}

static void put_values(struct hlv_buf *out, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	struct hlv_value v;
	bool any = false;
	hlv_buf_str(out, "[");
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		if (!is_shown(&v))
			continue;
		hlv_buf_str(out, any ? "," : "");
		hlv_json_put_value(out, &v);
		any = true;
	}
	hlv_buf_str(out, "]");
}

void look_put_stored(struct hlv_buf *out, struct hlv_bytes key, const struct hlv_record *rec)
{
	struct hlv_buf values = {0}, room = {0};
	struct hlv_record shown = *rec;
	struct hlv_reader r = hlv_reader(rec->values.raw);
	shown.values = (struct hlv_list){0};
	for (uint32_t i = 0; i < rec->values.n; i++) {
		struct hlv_value v;
		size_t from = r.pos;
		if (hlv_value_decode(&r, &v) != HLV_OK || !is_shown(&v))
			continue;
		hlv_buf_put(&values, hlv_since(&r, from));
		shown.values.n++;
	}
	shown.values.raw = hlv_buf_bytes(&values);
	size_t n = HLV_RECORD_HEADER + HLV_RECORD_STATE_MAX + rec->name.n + 4 + values.n;
	uint8_t *p = n <= STORED_MAX ? hlv_buf_room(&room, n) : NULL;
	struct hlv_writer w = hlv_writer(p, p ? n : 0);
	hlv_record_encode(&w, key, &shown);
	if (w.bad) {
		hlv_buf_str(out, "null");
	} else {
		hlv_buf_str(out, "\"");
		hlv_base64_put(out, hlv_written(&w), HLV_BASE64);
		hlv_buf_str(out, "\"");
	}
	hlv_buf_free(&room);
	hlv_buf_free(&values);
}

static enum hlv_err put_version(struct looking *l, const struct history_version *v, bool stored,
				struct hlv_buf *out)
{
	hlv_buf_printf(out, "{\"seq\":%" PRIu64 ",\"time\":", v->seq);
	hlv_json_put_time(out, (uint32_t)(v->time_ms / 1000));
	HLV_TRY(put_who_did(l, v->seq, out));
	if (stored) {
		hlv_buf_str(out, ",\"record\":");
		look_put_stored(out, store_key_bytes(&l->key), &v->rec);
		hlv_buf_str(out, "}");
		return HLV_OK;
	}
	hlv_buf_str(out, ",\"values\":");
	if (v->rec.flags & HLV_RECORD_DELETED)
		hlv_buf_str(out, "null");
	else
		put_values(out, &v->rec.values);
	hlv_buf_str(out, "}");
	return HLV_OK;
}

static enum hlv_err put_versions(struct looking *l, const struct history *h,
				 const struct look_history *wish, struct hlv_buf *out)
{
	size_t i = 0, n = 0;
	while (i < h->n && wish->before && h->versions[i].seq >= wish->before)
		i++;
	for (; i < h->n && n < wish->limit && (n == 0 || out->n < LOOK_OCTETS_MAX / 2); i++) {
		hlv_buf_str(out, n++ ? "," : "");
		HLV_TRY(put_version(l, &h->versions[i], wish->stored, out));
	}
	hlv_buf_printf(out, "],\"whole\":%s,\"next\":", h->whole ? "true" : "false");
	if (i < h->n && i > 0)
		hlv_buf_printf(out, "%" PRIu64, h->versions[i - 1].seq);
	else
		hlv_buf_str(out, "null");
	return HLV_OK;
}

enum hlv_err look_history(const struct answer_context *c, struct hlv_bytes id,
			  const struct look_history *wish, struct hlv_buf *out)
{
	struct looking l = {.c = c};
	struct history h;
	struct audit_head head = {0};
	store_key(id, &l.key);
	HLV_TRY(history_read(c->store, c->view, &l.key, VERSIONS_MAX, c->arena, &h));
	enum hlv_err err = audit_head_get(c->store, c->view, &head);
	if (err != HLV_OK && err != HLV_E_NOT_FOUND)
		return err;
	l.newest = err == HLV_OK ? head.seq : 0;
	hlv_buf_str(out, "{\"handle\":");
	hlv_json_put_str(out, id);
	hlv_buf_str(out, ",\"versions\":[");
	HLV_TRY(put_versions(&l, &h, wish, out));
	hlv_buf_str(out, "}");
	return out->bad ? HLV_E_NOMEM : HLV_OK;
}

/* --- the node --- */

static bool put_prefix(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	struct hlv_buf *b = ctx;
	(void)value;
	struct hlv_bytes id = hlv_skip(key, 1);
	if (b->n > LOOK_OCTETS_MAX / 4)
		return false;
	hlv_buf_str(b, b->p[b->n - 1] == '[' ? "" : ",");
	hlv_json_put_str(b, hlv_name_split(id).suffix);
	return true;
}

void look_node(const struct answer_context *c, struct hlv_response *rs)
{
	struct hlv_buf b = {0};
	hlv_buf_str(&b, "{\"prefixes\":[");
	enum hlv_err err = b.bad ? HLV_E_NOMEM
				 : c->store->ops->scan(c->view, SPACE_PREFIX,
						       (struct hlv_bytes){0}, put_prefix, &b);
	hlv_buf_str(&b, "],\"indexTypes\":[");
	struct index_rules rules = {0};
	if (err == HLV_OK)
		err = index_rules_get(c->store, c->view, &rules);
	for (size_t i = 0; i < rules.ntypes; i++) {
		if (rules.building[i])
			continue;
		hlv_buf_str(&b, b.n && b.p[b.n - 1] == '[' ? "" : ",");
		hlv_json_put_str(&b, rules.types[i]);
	}
	hlv_buf_str(&b, "]}");
	*rs = (struct hlv_response){.rc = HLV_RC_SUCCESS,
				    .kind = HLV_BODY_OCTETS,
				    .octets = hlv_arena_copy(c->arena, hlv_buf_bytes(&b))};
	if (err != HLV_OK || b.bad || c->arena->bad)
		answer_error(rs, HLV_RC_ERROR, "The registry cannot be read");
	hlv_buf_free(&b);
}
