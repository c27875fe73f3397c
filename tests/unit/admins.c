/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/admins.h"

#include <stdlib.h>

#include "proto/sec/key.h"

enum { THEN_S = 1000000000, ROOM = 1 << 16 };

void admins_open(struct admins *w)
{
	static const uint8_t random[16] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0,
					   0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0};
	*w = (struct admins){.place = {.servers = 1}};
	hlv_require(store_mem_open(&w->store) == HLV_OK);
	hlv_require(w->store->ops->view_open(w->store, &w->view) == HLV_OK);
	hlv_arena_init(&w->arena, 4 << 20);
	w->answer = (struct answer_context){.store = w->store,
					    .view = w->view,
					    .place = &w->place,
					    .memo = &w->memo,
					    .arena = &w->arena};
	w->server_admins[0] = (struct hlv_ref){hlv_text("0.NA/ROOT"), 1};
	w->server_admins[1] = (struct hlv_ref){hlv_text("88.118/GROUPS"), 200};
	w->home_admin = (struct hlv_ref){hlv_text("0.NA/ROOT"), 2};
	w->rules = (struct plan_rules){.lists = {.server_admins = w->server_admins,
						 .nserver_admins = 2,
						 .home_only_admins = &w->home_admin,
						 .nhome_only_admins = 1},
				       .list_handles = true,
				       .prefix_admins = true};
	w->context = (struct plan_context){.answer = &w->answer,
					   .rules = &w->rules,
					   .random = random,
					   .now = {.wall_ms = 1700000000123}};
}

void admins_close(struct admins *w)
{
	admins_end(w);
	hlv_arena_fini(&w->arena);
	w->store->ops->close(w->store);
}

static void commit(struct admins *w, const struct store_put *put)
{
	struct store_txn txn = {.puts = put, .nputs = 1, .time_ms = 1};
	hlv_require(!w->reading);
	hlv_require(w->store->ops->commit(w->store, &txn, 1) == HLV_OK && txn.err == HLV_OK);
}

void admins_home(struct admins *w, const char *prefix_handle)
{
	struct store_key key;
	uint8_t value[STORE_PREFIX_SIZE];
	store_key(hlv_text(prefix_handle), &key);
	store_prefix_encode(store_key_bytes(&key), 1, value);
	struct store_put put = {SPACE_PREFIX, store_key_bytes(&key),
				hlv_bytes(value, sizeof value)};
	commit(w, &put);
}

/* --- values as text --- */

static bool is_type(struct hlv_bytes type, const char *name)
{
	return hlv_eq(type, hlv_text(name));
}

static uint32_t put_refs(struct hlv_writer *out, const char *p, const char *end)
{
	uint32_t n = 0;
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;
		struct hlv_ref ref = hlv_ref_parse(hlv_bytes(p, (size_t)(stop - p)));
		hlv_ref_encode(out, &ref);
		n++;
		p = comma ? comma + 1 : end;
	}
	return n;
}

static void put_public_key(struct hlv_writer *out)
{
	struct hlv_key *key;
	hlv_require(hlv_key_generate(HLV_KEY_ED25519, &key) == HLV_OK);
	hlv_require(hlv_pubkey_encode(out, key) == HLV_OK);
	hlv_key_free(key);
}

static void put_data(struct hlv_writer *out, struct hlv_bytes type, const char *p,
		     const char *end)
{
	if (is_type(type, "HS_ADMIN")) {
		char *comma;
		hlv_put_u16(out, (uint16_t)strtoul(p, &comma, 16));
		put_refs(out, comma + 1, end);
		return;
	}
	if (is_type(type, "HS_VLIST")) {
		size_t at = hlv_put_hole32(out);
		hlv_fill_u32(out, at, put_refs(out, p, end));
		return;
	}
	if (is_type(type, "HS_PUBKEY") &&
	    hlv_eq(hlv_bytes(p, (size_t)(end - p)), hlv_text("good"))) {
		put_public_key(out);
		return;
	}
	hlv_put(out, hlv_bytes(p, (size_t)(end - p)));
}

static void put_value(struct hlv_writer *w, const char *p, const char *end)
{
	static uint8_t data[ROOM];
	struct hlv_writer out = hlv_writer(data, sizeof data);
	char *rest;
	struct hlv_value v = {.index = (uint32_t)strtoul(p, &rest, 10),
			      .mtime_s = THEN_S,
			      .ttl_s = HLV_TTL_DEFAULT_S,
			      .perms = HLV_PERM_DEFAULT};
	if (*rest == '/')
		v.perms = (uint8_t)strtoul(rest + 1, &rest, 16);
	const char *type = rest + 1;
	v.type = hlv_bytes(type, strcspn(type, " "));
	put_data(&out, v.type, type + v.type.n + 1, end);
	v.data = hlv_written(&out);
	hlv_value_encode(w, &v);
}

struct hlv_list admins_values(struct hlv_arena *a, const char *values)
{
	struct hlv_list list = {0};
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(a, ROOM), ROOM);
	for (const char *p = values; p && *p;) {
		const char *bar = strstr(p, " | ");
		put_value(&w, p, bar ? bar : p + strlen(p));
		list.n++;
		p = bar ? bar + 3 : NULL;
	}
	hlv_require(!w.bad);
	list.raw = hlv_written(&w);
	return list;
}

void admins_describe(const struct hlv_list *values, char *out, size_t cap)
{
	struct hlv_reader r = hlv_reader(values->raw);
	size_t at = (size_t)snprintf(out, cap, "%s", values->n ? "" : "(none)");
	for (uint32_t i = 0; i < values->n && at < cap; i++) {
		struct hlv_value v;
		hlv_require(hlv_value_decode(&r, &v) == HLV_OK);
		at += (size_t)snprintf(out + at, cap - at, "%s%u:%.*s", i ? " " : "", v.index,
				       (int)v.type.n, (const char *)v.type.p);
		if (at < cap && hlv_is_text(v.data))
			at += (size_t)snprintf(out + at, cap - at, "=%.*s", (int)v.data.n,
					       (const char *)v.data.p);
		if (at < cap && v.mtime_s != THEN_S)
			at += (size_t)snprintf(out + at, cap - at, "!");
	}
}

struct hlv_list admins_indexes(struct hlv_arena *a, const char *text)
{
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(a, 256), 256);
	struct hlv_list list = {0};
	char *rest;
	for (const char *p = text; p && *p; p = rest) {
		hlv_put_u32(&w, (uint32_t)strtoul(p, &rest, 10));
		list.n++;
	}
	list.raw = hlv_written(&w);
	return list;
}

/* --- records --- */

void admins_put_state(struct admins *w, const char *id, const char *values, uint8_t flags,
		      enum hlv_state state, uint16_t locks)
{
	struct hlv_arena a;
	struct store_key key;
	hlv_arena_init(&a, 1 << 20);
	struct hlv_record rec = {.name = hlv_text(id), .state = (uint8_t)state, .locks = locks};
	rec.values = admins_values(&a, values);
	struct hlv_writer sorted = hlv_writer(hlv_alloc_raw(&a, ROOM), ROOM);
	struct hlv_list given = rec.values;
	hlv_require(hlv_values_sort(&given, &sorted, &rec.flags) == HLV_OK);
	rec.values.raw = hlv_written(&sorted);
	rec.flags |= flags;
	store_key(rec.name, &key);
	struct hlv_writer stored = hlv_writer(hlv_alloc_raw(&a, ROOM), ROOM);
	hlv_record_encode(&stored, store_key_bytes(&key), &rec);
	struct store_put put = {SPACE_RECORD, store_key_bytes(&key), hlv_written(&stored)};
	commit(w, &put);
	hlv_arena_fini(&a);
}

void admins_put(struct admins *w, const char *id, const char *values)
{
	admins_put_state(w, id, values, 0, HLV_STATE_ACTIVE, 0);
}

void admins_record(struct admins *w, const char *id, char *out, size_t cap)
{
	struct store_key key;
	struct hlv_bytes stored;
	struct hlv_record rec;
	bool reading = w->reading;
	store_key(hlv_text(id), &key);
	admins_begin(w);
	enum hlv_err err =
		w->store->ops->get(w->view, SPACE_RECORD, store_key_bytes(&key), &stored);
	if (err == HLV_E_NOT_FOUND) {
		snprintf(out, cap, "(absent)");
	} else {
		hlv_require(hlv_record_decode(stored, store_key_bytes(&key), &rec) == HLV_OK);
		if (rec.flags & HLV_RECORD_DELETED)
			snprintf(out, cap, "(deleted)");
		else
			admins_describe(&rec.values, out, cap);
	}
	if (!reading)
		admins_end(w);
}

/* --- snapshots --- */

void admins_begin(struct admins *w)
{
	if (w->reading)
		return;
	hlv_require(w->store->ops->view_begin(w->view) == HLV_OK);
	w->memo = (struct homed_memo){0};
	w->reading = true;
}

void admins_end(struct admins *w)
{
	if (w->reading)
		w->store->ops->view_end(w->view);
	w->reading = false;
}

enum hlv_err admins_commit(struct admins *w, struct plan *plan)
{
	admins_end(w);
	enum hlv_err err = w->store->ops->commit(w->store, &plan->txn, 1);
	return err == HLV_OK ? plan->txn.err : err;
}

/* --- the registry that the tests share --- */

void admins_fill(struct admins *w)
{
	admins_open(w);
	admins_home(w, "0.NA/0.NA");
	admins_home(w, "0.NA/88.118");
	admins_put(w, "0.NA/88.118",
		   "100 HS_ADMIN fff,300:0.NA/88.118 | 101 HS_ADMIN 1,310:88.118/U"
		   " | 102 HS_ADMIN 4,311:88.118/U | 103 HS_ADMIN 800,312:88.118/U"
		   " | 300/0c HS_SECKEY k");
	admins_put(w, "0.NA/88.118.20", "1 HS_SITE x");
	admins_put(w, "0.NA/88.118.30", "1 HS_SITE.PREFIX x");
	admins_put(w, "88.118/ITEM",
		   "1 URL a | 2 EMAIL b | 3/0c PRIV c | 5/0f WIKI w | 6/0a FIXED f"
		   " | 100 HS_ADMIN fff,320:88.118/U | 101 HS_ADMIN 200,321:88.118/U"
		   " | 102 HS_ADMIN 2,322:88.118/U | 103 HS_ADMIN 40,323:88.118/U"
		   " | 104 HS_ADMIN 2,310:88.118/U | 105 HS_ADMIN 1,322:88.118/U");
	admins_put(w, "88.118/WIKI", "5/0f WIKI w");
	admins_put(w, "88.118/WIKI2", "5/0f WIKI w | 100 HS_ADMIN fff,320:88.118/U");
	admins_put(w, "88.118/LOCKED",
		   "3/0c PRIV c | 4/04 NOREAD n | 100 HS_ADMIN fff,320:88.118/U");
	admins_put_state(w, "88.118/GONE", "7 URL old", HLV_RECORD_DELETED, HLV_STATE_ACTIVE,
			 0);
	const char *url = "1/0f URL a";
	admins_put_state(w, "88.118/FROZEN", url, 0, HLV_STATE_FROZEN, 0);
	admins_put_state(w, "88.118/RESERVED", url, 0, HLV_STATE_RESERVED, 0);
	admins_put_state(w, "88.118/REGISTERED", url, 0, HLV_STATE_REGISTERED, 0);
	admins_put_state(w, "88.118/REVOKED", url, 0, HLV_STATE_REVOKED, 0);
	admins_put_state(w, "88.118/REVOKED2", url, HLV_RECORD_DELETED, HLV_STATE_REVOKED, 0);
	admins_put_state(w, "88.118/LOCKS", url, 0, HLV_STATE_ACTIVE,
			 HLV_LOCK_SERVER_DELETE | HLV_LOCK_CLIENT_TRANSFER);
	admins_put_state(w, "88.118/LOCKS2", url, 0, HLV_STATE_ACTIVE,
			 HLV_LOCK_CLIENT_UPDATE | HLV_LOCK_SERVER_UPDATE);
}
