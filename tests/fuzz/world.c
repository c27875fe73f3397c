/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/world.h"

#include "proto/wire/admin.h"
#include "proto/wire/codes.h"
#include "tests/fuzz/fuzz.h"

enum { ROOM = 4096, TIME_S = 1700000000 };

static struct hlv_arena arena; /* as long as the process */

static struct hlv_bytes site_octets(void)
{
	struct hlv_writer w = hlv_writer(hlv_alloc(&arena, ROOM), ROOM);
	struct hlv_writer interfaces = hlv_writer(hlv_alloc(&arena, ROOM), ROOM);
	struct hlv_writer servers = hlv_writer(hlv_alloc(&arena, ROOM), ROOM);
	hlv_site_put_interface(&interfaces,
			       &(struct hlv_site_interface){.kind = HLV_IF_ADMIN | HLV_IF_QUERY,
							    .protocol = HLV_IF_TCP,
							    .port = HLV_PORT});
	hlv_site_put_server(&servers, &(struct hlv_site_server){
					      .id = 1,
					      .address = {[12] = 127, [15] = 1},
					      .interfaces = {1, hlv_written(&interfaces)}});
	struct hlv_site site = {.format = 1,
				.major = 2,
				.minor = 11,
				.serial = 1,
				.flags = HLV_SITE_PRIMARY,
				.hash_option = HLV_HASH_ALL,
				.servers = {1, hlv_written(&servers)}};
	hlv_site_encode(&w, &site);
	return hlv_written(&w);
}

static void put_value(struct hlv_writer *w, struct hlv_list *list, const char *type,
		      struct hlv_bytes data, uint8_t perms)
{
	struct hlv_value v = {.index = ++list->n,
			      .mtime_s = TIME_S,
			      .ttl_s = HLV_TTL_DEFAULT_S,
			      .perms = perms,
			      .type = hlv_text(type),
			      .data = data};
	hlv_value_encode(w, &v);
	list->raw = hlv_written(w);
}

/* `what`: one letter a value. u URL, p private, n readable by nobody, s site, d site for
 * derived prefixes, a administrator. */
static struct hlv_list values(const char *what)
{
	struct hlv_writer *w = hlv_alloc(&arena, sizeof(*w));
	*w = hlv_writer(hlv_alloc(&arena, ROOM), ROOM);
	struct hlv_list list = {0};
	for (; *what; what++) {
		switch (*what) {
		case 'u':
			put_value(w, &list, "URL", hlv_text("https://x"), HLV_PERM_DEFAULT);
			break;
		case 'p':
			put_value(w, &list, "PRIVATE", hlv_text("p"), HLV_PERM_ADMIN_READ);
			break;
		case 'n':
			put_value(w, &list, "NOREAD", hlv_text("n"), 0);
			break;
		case 's':
			put_value(w, &list, "HS_SITE", site_octets(), HLV_PERM_DEFAULT);
			break;
		case 'd':
			put_value(w, &list, "HS_SITE.PREFIX", site_octets(), HLV_PERM_DEFAULT);
			break;
		}
	}
	return list;
}

static struct hlv_bytes key_of(const char *id)
{
	struct store_key key;
	store_key(hlv_text(id), &key);
	return hlv_arena_copy(&arena, store_key_bytes(&key));
}

static struct store_put record(const char *id, const char *what)
{
	struct hlv_record rec = {.name = hlv_text(id), .values = values(what)};
	if (!strpbrk(what, "pn"))
		rec.flags = HLV_RECORD_ALL_PUBLIC;
	if (!*what)
		rec.flags = HLV_RECORD_DELETED;
	struct hlv_bytes key = key_of(id);
	struct hlv_writer w = hlv_writer(hlv_alloc(&arena, ROOM), ROOM);
	hlv_record_encode(&w, key, &rec);
	return (struct store_put){SPACE_RECORD, key, hlv_written(&w)};
}

static struct store_put homed(const char *id)
{
	struct hlv_bytes key = key_of(id);
	uint8_t *value = hlv_alloc(&arena, STORE_PREFIX_SIZE);
	store_prefix_encode(key, TIME_S * UINT64_C(1000), value);
	return (struct store_put){SPACE_PREFIX, key, hlv_bytes(value, STORE_PREFIX_SIZE)};
}

static struct store *fill(void)
{
	const struct store_put puts[] = {
		homed("0.NA/20.500.12345"),
		homed("0.NA/20.500"),
		record("0.NA/20.500.12345", "us"),
		record("0.NA/20.500.777", "d"),
		record("0.NA/20.500", "s"),
		record("0.NA/88.118", "s"),
		record("20.500.12345/TARGET", "upun"),
		record("20.500.12345/TEST", "uuu"),
		record("20.500.12345/PRIVONLY", "p"),
		record("20.500.12345/NOREAD", "un"),
		record("20.500.12345/GONE", ""),
	};
	struct store_txn txn = {.puts = puts,
				.nputs = sizeof(puts) / sizeof(puts[0]),
				.time_ms = TIME_S * UINT64_C(1000)};
	struct store *store;
	hlv_require(store_mem_open(&store) == HLV_OK);
	hlv_require(store->ops->commit(store, &txn, 1) == HLV_OK && txn.err == HLV_OK);
	return store;
}

struct hlv_service *fuzz_service(void)
{
	static struct server *server;
	static struct node node;
	if (server)
		return server_service(server);
	hlv_arena_init(&arena, 1 << 20);
	node = (struct node){.site = site_octets(),
			     .serial = 1,
			     .primary = true,
			     .servers = 1,
			     .hash_option = HLV_HASH_ALL};
	server = server_new(fill(), &node, NULL);
	hlv_require(server);
	return server_service(server);
}
