/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/base64.h"
#include "proto/sec/digest.h"
#include "proto/sec/sign.h"
#include "server/dispatch.h"
#include "tests/sim/world.h"

enum {
	ROOM = 512 << 10,
	ROLES_MAX = 256,
	NETWORK = 20, /* nodes are at 20.0.x.y: addresses of no special class */
};

/* --- keys --- */

static struct {
	char name[32];
	struct hlv_key *key;
	uint8_t octets[128];
	size_t n;
} roles[ROLES_MAX];
static size_t nroles;

/* An Ed25519 key whose private half follows from the name: signatures too are the same each time.
 * PKCS#8: a fixed beginning, then the 32 octets. */
static struct hlv_key *make_key(const char *role)
{
	static const uint8_t head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
				       0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
	uint8_t der[sizeof head + HLV_HASH_MAX];
	memcpy(der, head, sizeof head);
	hlv_require(hlv_hash(HLV_SHA256, hlv_text(role), der + sizeof head) == HLV_OK);
	struct hlv_buf pem = {0};
	hlv_buf_str(&pem, "-----BEGIN PRIVATE KEY-----\n");
	hlv_base64_put(&pem, hlv_bytes(der, sizeof der), HLV_BASE64);
	hlv_buf_str(&pem, "\n-----END PRIVATE KEY-----\n");
	struct hlv_key *key = NULL;
	hlv_require(hlv_privkey_decode(hlv_buf_bytes(&pem), &key) == HLV_OK);
	hlv_buf_free(&pem);
	return key;
}

static size_t role_of(const char *role)
{
	for (size_t i = 0; i < nroles; i++)
		if (strcmp(roles[i].name, role) == 0)
			return i;
	hlv_require(nroles < ROLES_MAX);
	snprintf(roles[nroles].name, sizeof roles[nroles].name, "%s", role);
	roles[nroles].key = make_key(role);
	struct hlv_writer w = hlv_writer(roles[nroles].octets, sizeof roles[nroles].octets);
	hlv_require(hlv_pubkey_encode(&w, roles[nroles].key) == HLV_OK);
	roles[nroles].n = w.n;
	return nroles++;
}

const struct hlv_key *key_of_role(const char *role)
{
	return roles[role_of(role)].key;
}

struct hlv_bytes pubkey_of_role(const char *role)
{
	size_t i = role_of(role);
	return hlv_bytes(roles[i].octets, roles[i].n);
}

/* --- a node --- */

struct node_sim *node_new(struct world *w, const char *name, const char *key,
			  struct node_sim *like)
{
	hlv_require(w->nnodes < WORLD_NODES);
	struct node_sim *n = calloc(1, sizeof *n);
	hlv_require(n != NULL);
	n->number = (unsigned)w->nnodes;
	snprintf(n->name, sizeof n->name, "%s", name);
	uint8_t address[16] = {[12] = NETWORK,
			       [14] = (uint8_t)(n->number / 250),
			       [15] = (uint8_t)(1 + n->number % 250)};
	hlv_addr_from_site(address, WORLD_PORT, &n->addr);
	n->owns_store = !like;
	if (like)
		n->store = like->store;
	else
		hlv_require(store_mem_open(&n->store) == HLV_OK);
	hlv_require(n->store->ops->view_open(n->store, &n->view) == HLV_OK);
	if (key) {
		n->key = key_of_role(key);
		n->pubkey = pubkey_of_role(key);
	}
	n->serial = 1;
	n->servers = 1;
	n->primary = true;
	n->hash_option = HLV_HASH_ALL;
	n->line = (struct line){.delay_ms = 10, .jitter_ms = 2};
	w->nodes[w->nnodes++] = n;
	return n;
}

void node_free(struct node_sim *n)
{
	if (n->owns_store)
		n->store->ops->close(n->store);
	hlv_buf_free(&n->first);
	free(n);
}

struct node_sim *node_find(struct world *w, const char *name)
{
	for (size_t i = 0; i < w->nnodes; i++)
		if (strcmp(w->nodes[i]->name, name) == 0)
			return w->nodes[i];
	return NULL;
}

struct node_sim *node_at(struct world *w, const struct hlv_addr *a)
{
	uint8_t octets[16];
	hlv_addr_to_site(a, octets);
	size_t number = (size_t)octets[14] * 250 + octets[15] - 1;
	if (octets[12] != NETWORK || octets[13] != 0 || octets[15] == 0 ||
	    number >= w->nnodes || hlv_addr_port(a) != WORLD_PORT)
		return NULL;
	return w->nodes[number];
}

/* --- its registry --- */

static void commit(struct world *w, struct node_sim *n, const struct store_put *put)
{
	struct store_txn txn = {.puts = put, .nputs = 1, .time_ms = w->now.wall_ms};
	hlv_require(n->store->ops->commit(n->store, &txn, 1) == HLV_OK && txn.err == HLV_OK);
}

static void prefix_key(const char *prefix, struct store_key *key)
{
	char handle[WORLD_NAME + 8];
	snprintf(handle, sizeof handle, "0.NA/%s", prefix);
	store_key(hlv_text(handle), key);
}

void node_home(struct world *w, struct node_sim *n, const char *prefix)
{
	struct store_key key;
	uint8_t value[STORE_PREFIX_SIZE];
	prefix_key(prefix, &key);
	store_prefix_encode(store_key_bytes(&key), w->now.wall_ms, value);
	commit(w, n,
	       &(struct store_put){SPACE_PREFIX, store_key_bytes(&key),
				   hlv_bytes(value, sizeof value)});
}

void node_unhome(struct world *w, struct node_sim *n, const char *prefix)
{
	struct store_key key;
	prefix_key(prefix, &key);
	commit(w, n, &(struct store_put){.space = SPACE_PREFIX, .key = store_key_bytes(&key)});
}

static void put_record(struct world *w, struct node_sim *n, const char *id,
		       const struct value_sim *v, size_t nvalues, uint8_t flags)
{
	static uint8_t room[3 * ROOM]; /* one thread */
	struct hlv_writer out = hlv_writer(room, ROOM);
	for (size_t i = 0; i < nvalues; i++)
		hlv_value_encode(&out, &(struct hlv_value){.index = v[i].index,
							   .mtime_s = hlv_now_s(w->now),
							   .ttl_s = v[i].ttl_s,
							   .perms = HLV_PERM_DEFAULT,
							   .type = hlv_text(v[i].type),
							   .data = v[i].data});
	hlv_require(!out.bad);
	struct hlv_list list = {.n = (uint32_t)nvalues, .raw = hlv_written(&out)};
	struct hlv_writer sorted = hlv_writer(room + ROOM, ROOM);
	uint8_t publicity = 0;
	hlv_require(hlv_values_sort(&list, &sorted, &publicity) == HLV_OK);
	struct store_key key;
	store_key(hlv_text(id), &key);
	struct hlv_record rec = {
		.flags = (uint8_t)(flags | publicity),
		.name = hlv_text(id),
		.values = {.n = (uint32_t)nvalues, .raw = hlv_written(&sorted)}};
	struct hlv_writer stored = hlv_writer(room + 2 * ROOM, ROOM);
	hlv_record_encode(&stored, store_key_bytes(&key), &rec);
	hlv_require(!stored.bad);
	commit(w, n,
	       &(struct store_put){SPACE_RECORD, store_key_bytes(&key), hlv_written(&stored)});
}

void node_put(struct world *w, struct node_sim *n, const char *id, const struct value_sim *v,
	      size_t nvalues)
{
	put_record(w, n, id, v, nvalues, 0);
}

void node_remove(struct world *w, struct node_sim *n, const char *id)
{
	put_record(w, n, id, NULL, 0, HLV_RECORD_DELETED);
}

/* --- its site --- */

static void put_server(struct hlv_writer *servers, const struct site_spec *spec, size_t i,
		       size_t copy)
{
	const struct node_sim *n = spec->nodes[i];
	uint8_t faces[2 * 6];
	struct hlv_writer f = hlv_writer(faces, sizeof faces);
	uint32_t port = WORLD_PORT + (uint32_t)copy;
	hlv_site_put_interface(&f, &(struct hlv_site_interface){3, HLV_IF_UDP, port});
	hlv_site_put_interface(&f, &(struct hlv_site_interface){3, HLV_IF_TCP, port});
	struct hlv_site_server s = {.id = (uint32_t)(i + 1),
				    .key = spec->keyless ? hlv_bytes(NULL, 0) : n->pubkey,
				    .interfaces = {2, hlv_written(&f)}};
	if (spec->addresses)
		memcpy(s.address, spec->addresses[i], sizeof s.address);
	else
		hlv_addr_to_site(&n->addr, s.address);
	hlv_site_put_server(servers, &s);
}

struct hlv_bytes site_octets(struct hlv_arena *a, const struct site_spec *spec)
{
	size_t repeat = spec->repeat ? spec->repeat : 1,
	       cap = 256 * (spec->n * repeat + 2) + spec->fat;
	struct hlv_writer servers = hlv_writer(hlv_alloc(a, cap), cap);
	struct hlv_writer out = hlv_writer(hlv_alloc(a, cap), cap);
	struct hlv_writer attributes = hlv_writer(hlv_alloc(a, 64 + spec->fat), 64 + spec->fat);
	struct hlv_bytes nothing = hlv_bytes(hlv_alloc(a, spec->fat), spec->fat);
	hlv_require(!a->bad);
	for (size_t copy = 0; copy < repeat; copy++)
		for (size_t i = 0; i < spec->n; i++)
			put_server(&servers, spec, i, copy);
	if (spec->tls)
		hlv_site_put_attribute(
			&attributes,
			&(struct hlv_site_attribute){hlv_text("helve"), hlv_text("tls")});
	if (spec->fat)
		hlv_site_put_attribute(&attributes,
				       &(struct hlv_site_attribute){hlv_text("desc"), nothing});
	uint32_t nattributes = (spec->tls ? 1U : 0U) + (spec->fat ? 1U : 0U);
	struct hlv_site site = {
		.format = 1,
		.major = 2,
		.minor = 11,
		.serial = spec->serial ? spec->serial : 1,
		.flags = spec->primary ? HLV_SITE_PRIMARY : 0,
		.hash_option = spec->hash_option,
		.attributes = {nattributes, hlv_written(&attributes)},
		.servers = {(uint32_t)(spec->n * repeat), hlv_written(&servers)}};
	hlv_site_encode(&out, &site);
	hlv_require(!out.bad);
	return hlv_written(&out);
}

struct hlv_bytes node_site(struct world *w, struct node_sim *const *nodes, size_t n,
			   uint8_t hash_option, bool primary)
{
	struct hlv_bytes site = site_octets(&w->arena, &(struct site_spec){
							       .nodes = nodes,
							       .n = n,
							       .hash_option = hash_option,
							       .primary = primary,
							       .tls = nodes[0]->tls,
							       .serial = nodes[0]->serial,
						       });
	for (size_t i = 0; i < n; i++) {
		nodes[i]->site = site;
		nodes[i]->servers = (uint32_t)n;
		nodes[i]->own = (uint32_t)i;
		nodes[i]->hash_option = hash_option;
		nodes[i]->primary = primary;
	}
	return site;
}

/* --- its answers: what server/service.c does, on one exchange --- */

struct reply {
	struct hlv_service service;
	const struct hlv_key *key;
	struct hlv_writer w;
};

static enum hlv_err seal(struct hlv_service *service, struct hlv_exchange *x,
			 struct hlv_writer *w, size_t at)
{
	const struct reply *r = (const struct reply *)service;
	if (r->key && x->rq.m.hdr.flags & HLV_F_CERTIFIED)
		return hlv_message_sign(w, at, r->key, 0);
	return HLV_OK;
}

struct hlv_bytes node_answer(struct world *w, struct node_sim *n, struct hlv_bytes message,
			     bool stream, struct hlv_arena *a)
{
	struct hlv_exchange *x = hlv_alloc(a, sizeof *x);
	static uint8_t room[ROOM]; /* one thread */
	hlv_require(x != NULL);
	hlv_arena_init(&x->arena, 1 << 20);
	x->now = w->now;
	x->peer = (struct hlv_peer){.transport = stream ? HLV_T_TCP : HLV_T_UDP,
				    .interface_kind = HLV_IF_ADMIN | HLV_IF_QUERY,
				    .verified = true};
	x->site_serial = n->serial;
	x->authoritative = n->primary;
	struct reply reply = {
		.service = {.seal = seal}, .key = n->key, .w = hlv_writer(room, ROOM)};
	struct site_place place = {n->hash_option, n->servers, n->own};
	struct homed_memo memo = {0};
	struct answer_context c = {n->store, n->view, &place, &memo, n->site, &x->arena};
	enum hlv_native_verdict verdict = hlv_native_decode(message, x);
	hlv_require(n->store->ops->view_begin(n->view) == HLV_OK);
	if (verdict == HLV_NATIVE_SUBMIT)
		dispatch(&c, x);
	if (verdict != HLV_NATIVE_DROP)
		hlv_require(hlv_native_encode(x, &reply.service, &reply.w) == HLV_OK);
	n->store->ops->view_end(n->view);
	hlv_arena_fini(&x->arena);
	return hlv_arena_copy(a, hlv_written(&reply.w));
}
