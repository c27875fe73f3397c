/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/site_sdk.h"

static bool is_public(const struct hlv_value *v, const char *type)
{
	return v->perms & HLV_PERM_PUBLIC_READ && hlv_eq_fold(v->type, hlv_text(type));
}

static bool has_tcp(const struct hlv_bytes data)
{
	struct hlv_site site;
	if (hlv_site_decode(data, &site) != HLV_OK || site.servers.n == 0)
		return false;
	struct hlv_reader r = hlv_reader(site.servers.raw);
	struct hlv_site_server server;
	hlv_site_next_server(&r, &server);
	r = hlv_reader(server.interfaces.raw);
	for (uint32_t i = 0; i < server.interfaces.n; i++) {
		struct hlv_site_interface f;
		hlv_site_next_interface(&r, &f);
		if (f.protocol == HLV_IF_TCP && f.kind & HLV_IF_QUERY)
			return true;
	}
	return false;
}

/* The site with IPv4 addresses in mapped form. Same length, so the value is patched in place. */
static void map_addresses(uint8_t *data, size_t n)
{
	struct hlv_site site;
	if (hlv_site_decode(hlv_bytes(data, n), &site) != HLV_OK || site.servers.n == 0)
		return;
	size_t at = (size_t)(site.servers.raw.p - data);
	struct hlv_reader r = hlv_reader(site.servers.raw);
	for (uint32_t i = 0; i < site.servers.n; i++) {
		uint8_t *address = data + at + r.pos + 4; /* behind the server id */
		struct hlv_site_server server;
		hlv_site_next_server(&r, &server);
		static const uint8_t loopback6[16] = {[15] = 1};
		bool v6 = memcmp(server.address, loopback6, 16) == 0;
		if (hlv_site_is_ipv4(server.address) && !v6)
			address[10] = address[11] = 0xFF;
	}
}

static uint32_t put_site(struct hlv_writer *w, const struct hlv_value *v)
{
	size_t from = w->n;
	hlv_value_encode(w, v);
	if (w->bad)
		return 0;
	/* index, time, TTL, permissions, type: then the length and the data. */
	size_t data = from + 14 + 4 + v->type.n + 4;
	map_addresses(w->p + data, v->data.n);
	return 1;
}

uint32_t hlv_sdk_put_sites(struct hlv_writer *w, const struct hlv_list *values)
{
	uint32_t n = 0;
	for (int tcp = 1; tcp >= 0; tcp--) {
		struct hlv_reader r = hlv_reader(values->raw);
		for (uint32_t i = 0; i < values->n; i++) {
			struct hlv_value v;
			if (hlv_value_decode(&r, &v) != HLV_OK)
				break;
			if (is_public(&v, "HS_SITE") && has_tcp(v.data) == (tcp == 1))
				n += put_site(w, &v);
		}
	}
	return n;
}

struct hlv_bytes hlv_sdk_service(const struct hlv_list *values, uint32_t nth)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		if (is_public(&v, "HS_SERV") && nth-- == 0)
			return v.data;
	}
	return (struct hlv_bytes){0};
}
