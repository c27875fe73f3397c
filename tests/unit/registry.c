/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/registry.h"

#include <stdlib.h>

#include "proto/net/front_native.h"

enum {
	PUBLIC = HLV_PERM_DEFAULT,
	SECRET = HLV_PERM_ADMIN_READ,
	NOBODY = 0,
	TIME_S = 1700000000
};

/* A site record with servers at ports `port`, `port` + 1, ... of 127.0.0.1. */
static struct hlv_bytes make_site(uint32_t port, uint32_t servers, uint8_t *room, size_t cap)
{
	uint8_t list[1024];
	struct hlv_writer s = hlv_writer(list, sizeof list);
	for (uint32_t i = 0; i < servers; i++) {
		uint8_t faces[12];
		struct hlv_writer f = hlv_writer(faces, sizeof faces);
		hlv_site_put_interface(&f,
				       &(struct hlv_site_interface){3, HLV_IF_UDP, port + i});
		hlv_site_put_interface(&f,
				       &(struct hlv_site_interface){3, HLV_IF_TCP, port + i});
		struct hlv_site_server server = {
			.id = i + 1, .interfaces = {.n = 2, .raw = hlv_written(&f)}};
		memcpy(server.address + 12, "\x7f\0\0\x01", 4);
		hlv_site_put_server(&s, &server);
	}
	struct hlv_site site = {.format = 1,
				.major = 2,
				.minor = 11,
				.serial = 7,
				.flags = HLV_SITE_PRIMARY,
				.hash_option = HLV_HASH_ALL,
				.servers = {.n = servers, .raw = hlv_written(&s)}};
	struct hlv_writer w = hlv_writer(room, cap);
	hlv_site_encode(&w, &site);
	hlv_require(!w.bad);
	return hlv_written(&w);
}

static void commit(struct registry *r, const struct store_put *put)
{
	struct store_txn txn = {.puts = put, .nputs = 1, .time_ms = 1};
	hlv_require(r->store->ops->commit(r->store, &txn, 1) == HLV_OK && txn.err == HLV_OK);
}

void registry_open(struct registry *r, uint32_t servers, uint32_t own)
{
	*r = (struct registry){.arena_limit = 4 << 20};
	hlv_require(store_mem_open(&r->store) == HLV_OK);
	r->node = (struct node){.site = make_site(2641, servers, r->site, sizeof r->site),
				.serial = 7,
				.primary = true,
				.servers = servers,
				.own = own,
				.hash_option = HLV_HASH_ALL};
	r->server = server_new(r->store, &r->node, NULL);
	hlv_require(r->server != NULL);
}

void registry_close(struct registry *r)
{
	if (r->began)
		server_service(r->server)->batch_end(server_service(r->server));
	server_free(r->server);
	r->store->ops->close(r->store);
}

void registry_home(struct registry *r, const char *prefix_handle)
{
	struct store_key key;
	uint8_t value[STORE_PREFIX_SIZE];
	store_key(hlv_text(prefix_handle), &key);
	store_prefix_encode(store_key_bytes(&key), 1, value);
	struct store_put put = {SPACE_PREFIX, store_key_bytes(&key),
				hlv_bytes(value, sizeof value)};
	commit(r, &put);
}

void registry_set_state(struct registry *r, const char *id, uint8_t to)
{
	struct store_key key;
	struct store_view *view;
	struct hlv_record rec;
	uint8_t room[131072];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	store_key(hlv_text(id), &key);
	hlv_require(r->store->ops->view_open(r->store, &view) == HLV_OK);
	hlv_require(r->store->ops->view_begin(view) == HLV_OK);
	hlv_require(store_get_record(r->store, view, &key, &rec) == HLV_OK);
	rec.state = to;
	rec.state_since_ms = 1;
	hlv_record_encode(&w, store_key_bytes(&key), &rec);
	r->store->ops->view_end(view);
	hlv_require(!w.bad);
	struct store_put put = {SPACE_RECORD, store_key_bytes(&key), hlv_written(&w)};
	commit(r, &put);
}

void registry_remove(struct registry *r, const char *id)
{
	struct store_key key;
	uint8_t room[256];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	store_key(hlv_text(id), &key);
	struct hlv_record rec = {.flags = HLV_RECORD_DELETED, .name = hlv_text(id)};
	hlv_record_encode(&w, store_key_bytes(&key), &rec);
	hlv_require(!w.bad);
	struct store_put put = {SPACE_RECORD, store_key_bytes(&key), hlv_written(&w)};
	commit(r, &put);
}

static bool is_site(const char *type)
{
	return strncmp(type, "HS_SITE", 7) == 0 || strcmp(type, "HS_NA_DELEGATE") == 0;
}

void registry_put(struct registry *r, const char *id, const struct registry_value *values,
		  size_t n)
{
	size_t cap = 262144;
	uint8_t *room = malloc(2 * cap), flags, site[256];
	hlv_require(room != NULL);
	struct hlv_writer w = hlv_writer(room, cap);
	for (size_t i = 0; i < n; i++) {
		const struct registry_value *v = &values[i];
		struct hlv_bytes data = hlv_text(v->data);
		if (is_site(v->type))
			data = make_site((uint32_t)strtoul(v->data, NULL, 10), 1, site,
					 sizeof site);
		hlv_value_encode(&w, &(struct hlv_value){.index = v->index,
							 .mtime_s = TIME_S,
							 .ttl_s = HLV_TTL_DEFAULT_S,
							 .perms = v->perms,
							 .type = hlv_text(v->type),
							 .data = data});
	}
	struct hlv_list list = {.n = (uint32_t)n, .raw = hlv_written(&w)};
	struct hlv_writer sorted = hlv_writer(room + cap, cap / 2);
	hlv_require(hlv_values_sort(&list, &sorted, &flags) == HLV_OK);
	struct store_key key;
	store_key(hlv_text(id), &key);
	struct hlv_record rec = {.flags = flags,
				 .name = hlv_text(id),
				 .values = {.n = (uint32_t)n, .raw = hlv_written(&sorted)}};
	struct hlv_writer stored = hlv_writer(room + cap + cap / 2, cap / 2);
	hlv_record_encode(&stored, store_key_bytes(&key), &rec);
	struct store_put put = {SPACE_RECORD, store_key_bytes(&key), hlv_written(&stored)};
	commit(r, &put);
	free(room);
}

#define PUT(id, ...)                                                                           \
	do {                                                                                   \
		const struct registry_value values[] = {__VA_ARGS__};                          \
		registry_put(r, id, values, sizeof values / sizeof *values);                   \
	} while (0)

void registry_fill(struct registry *r)
{
	registry_home(r, "0.NA/88.118");
	registry_home(r, "0.NA/88.118.8");
	PUT("0.NA/88.118", {1, PUBLIC, "HS_SITE", "2641"}, {3, PUBLIC, "DESC", "second level"});
	PUT("0.NA/88.118.8", {1, PUBLIC, "HS_SITE", "2641"},
	    {301, SECRET, "HS_SECKEY", "secret"});
	/* served elsewhere: by its own site, by a service, and with derived prefixes elsewhere */
	PUT("0.NA/88.118.20", {1, PUBLIC, "HS_SITE", "3001"}, {2, PUBLIC, "DESC", "elsewhere"});
	PUT("0.NA/88.118.21", {1, PUBLIC, "HS_SERV", "88.118/SERVICE"});
	PUT("0.NA/88.118.22", {1, PUBLIC, "HS_SITE", "3002"},
	    {2, PUBLIC, "HS_SITE.PREFIX", "3003"});
	PUT("0.NA/88.118.23", {1, SECRET, "HS_SITE", "3004"});
	PUT("88.118/SERVICE", {1, PUBLIC, "HS_SITE", "3005"}, {2, PUBLIC, "HS_SITE.6", "3006"});
	PUT("88.118.8/JX1", {1, PUBLIC, "URL", "https://example.cn/1"},
	    {2, PUBLIC, "URL.QR", "https://example.cn/q"}, {2000, PUBLIC, "name", "gear"});
	PUT("88.118.8/MIXED", {1, PUBLIC, "URL", "https://example.cn/2"},
	    {2, SECRET, "COST", "12"}, {3, NOBODY, "LOCKED", "x"});
	PUT("88.118.8/SECRET", {1, SECRET, "COST", "12"});
	PUT("88.118.8/LOCKED", {1, NOBODY, "LOCKED", "x"});
	registry_put(r, "88.118.8/EMPTY", NULL, 0);
}

struct answer {
	struct hlv_writer w;
	struct hlv_service *service;
};

static void take_answer(struct hlv_exchange *x)
{
	struct answer *a = x->front;
	hlv_native_encode(x, a->service, &a->w);
}

struct hlv_bytes registry_ask(struct registry *r, struct hlv_bytes request, uint8_t *out,
			      size_t cap)
{
	struct hlv_service *service = server_service(r->server);
	struct answer a = {.w = hlv_writer(out, cap), .service = service};
	struct hlv_exchange *x = calloc(1, sizeof *x);
	hlv_require(x != NULL);
	hlv_arena_init(&x->arena, r->arena_limit);
	x->now = (struct hlv_now){.wall_ms = TIME_S * 1000ULL};
	x->peer = (struct hlv_peer){
		.transport = HLV_T_TCP, .interface_kind = 3, .verified = true};
	x->done = take_answer;
	x->front = &a;
	if (!r->began)
		service->batch_begin(service, x->now);
	r->began = r->in_batch;
	switch (hlv_native_decode(request, x)) {
	case HLV_NATIVE_SUBMIT:
		service->submit(service, x);
		break;
	case HLV_NATIVE_REPLY:
		take_answer(x);
		break;
	case HLV_NATIVE_DROP:
		break;
	}
	if (!r->in_batch)
		service->batch_end(service);
	hlv_arena_fini(&x->arena);
	free(x);
	return hlv_written(&a.w);
}
