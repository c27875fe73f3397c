/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/chain.h"

#include "proto/net/addr.h"
#include "proto/net/json.h"
#include "proto/wire/site.h"

enum { SITES_MAX = 8, SERVERS_MAX = 16 };

/* The kind of an encoded public key, by the name that it begins with: it is not worth decoding. */
static const char *kind_of(struct hlv_bytes key)
{
	static const struct {
		const char *name, *kind;
	} kinds[] = {{"RSA_PUB_KEY", "rsa"},
		     {"EC_PUB_KEY", "p256"},
		     {"ED25519_PUB_KEY", "ed25519"},
		     {"SM2_PUB_KEY", "sm2"},
		     {"DSA_PUB_KEY", "dsa"}};
	struct hlv_reader r = hlv_reader(key);
	struct hlv_bytes name = hlv_get_lp32(&r);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!r.bad && hlv_eq(name, hlv_text(kinds[i].name)))
			return kinds[i].kind;
	return NULL;
}

/* What people call a site. */
static struct hlv_bytes name_of(const struct hlv_site *site)
{
	struct hlv_reader r = hlv_reader(site->attributes.raw);
	for (uint32_t i = 0; i < site->attributes.n; i++) {
		struct hlv_site_attribute a;
		hlv_site_next_attribute(&r, &a);
		if (hlv_eq(a.name, hlv_text("desc")) && a.value.n > 0)
			return hlv_head(a.value, 256);
	}
	return (struct hlv_bytes){0};
}

/* By which port it takes questions; 0: not at all. */
static uint16_t port_of(const struct hlv_site_server *server)
{
	struct hlv_reader r = hlv_reader(server->interfaces.raw);
	uint16_t port = 0;
	for (uint32_t i = 0; i < server->interfaces.n; i++) {
		struct hlv_site_interface f;
		hlv_site_next_interface(&r, &f);
		bool native = f.protocol == HLV_IF_UDP || f.protocol == HLV_IF_TCP;
		if (f.kind & HLV_IF_QUERY && native && f.port <= UINT16_MAX && port == 0)
			port = (uint16_t)f.port;
	}
	return port;
}

struct seen {
	struct hlv_bytes name;
	const char *kind;
	uint32_t servers;
	char first[HLV_ADDR_TEXT];
};

static void see_servers(const struct hlv_site *site, struct hlv_buf *list, struct seen *seen)
{
	struct hlv_reader r = hlv_reader(site->servers.raw);
	for (uint32_t i = 0; i < site->servers.n && seen->servers < SERVERS_MAX; i++) {
		struct hlv_site_server server;
		struct hlv_addr a;
		char text[HLV_ADDR_TEXT];
		hlv_site_next_server(&r, &server);
		hlv_addr_from_site(server.address, port_of(&server), &a);
		hlv_addr_print(&a, text);
		hlv_buf_printf(list, "%s\"%s\"", seen->servers ? "," : "", text);
		if (seen->servers++ == 0)
			memcpy(seen->first, text, sizeof text);
		if (!seen->kind)
			seen->kind = kind_of(server.key);
	}
}

void hlv_chain_put(struct hlv_buf *json, const struct hlv_chain_step *step, bool first)
{
	struct hlv_buf list = {0};
	struct seen seen = {0};
	struct hlv_reader r = hlv_reader(step->sites.raw);
	for (uint32_t i = 0; i < step->sites.n && i < SITES_MAX; i++) {
		struct hlv_site site;
		if (hlv_site_decode(hlv_get_lp32(&r), &site) != HLV_OK)
			continue;
		if (seen.name.n == 0)
			seen.name = name_of(&site);
		see_servers(&site, &list, &seen);
	}
	hlv_buf_str(json, first ? "{\"prefix\":" : ",{\"prefix\":");
	hlv_json_put_str(json, step->prefix);
	hlv_buf_str(json, ",\"site\":");
	hlv_json_put_str(json, seen.name.n ? seen.name : hlv_text(seen.first));
	hlv_buf_str(json, ",\"servers\":[");
	hlv_buf_put(json, hlv_buf_bytes(&list));
	hlv_buf_free(&list);
	hlv_buf_printf(json, "],\"signature\":\"%s\",\"by\":", step->signature);
	hlv_json_put_str(json, step->by);
	hlv_buf_str(json, ",\"key\":");
	if (seen.kind)
		hlv_buf_printf(json, "\"%s\"", seen.kind);
	else
		hlv_buf_str(json, "null");
	if (step->service.n > 0) {
		hlv_buf_str(json, ",\"service\":");
		hlv_json_put_str(json, step->service);
	}
	if (step->left_s != UINT32_MAX)
		hlv_buf_printf(json, ",\"ttl\":%u", step->left_s);
	hlv_buf_str(json, "}");
}
