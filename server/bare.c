/* SPDX-License-Identifier: Apache-2.0 */
#include "server/bare.h"

enum { SERVICES_MAX = 8 /* HS_SERV values that are followed */ };

bool bare_wants_site(const struct hlv_request *rq)
{
	if (rq->handle.n == 0 || memchr(rq->handle.p, '/', rq->handle.n) || rq->indexes.n > 0 ||
	    rq->types.n != 1)
		return false;
	struct hlv_reader r = hlv_reader(rq->types.raw);
	return hlv_eq_fold(hlv_next_array(&r), hlv_text("HS_SITE"));
}

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

/* Sites gathered for the answer. */
struct gathered {
	struct hlv_writer w;
	uint32_t n;
};

static void add_site(struct gathered *g, const struct hlv_value *v)
{
	size_t from = g->w.n;
	hlv_value_encode(&g->w, v);
	if (g->w.bad)
		return;
	/* index, time, TTL, permissions, type: then the length and the data. */
	size_t data = from + 14 + 4 + v->type.n + 4;
	map_addresses(g->w.p + data, v->data.n);
	g->n++;
}

/* Usable sites first: the SDK looks at one only. */
static enum hlv_err add_sites(struct gathered *g, const struct hlv_list *values)
{
	for (int tcp = 1; tcp >= 0; tcp--) {
		struct hlv_reader r = hlv_reader(values->raw);
		for (uint32_t i = 0; i < values->n; i++) {
			struct hlv_value v;
			HLV_TRY(hlv_value_decode(&r, &v));
			if (is_public(&v, "HS_SITE") && has_tcp(v.data) == (tcp == 1))
				add_site(g, &v);
		}
	}
	return HLV_OK;
}

/* No HS_SITE: the service handles that we hold ourselves are resolved for the asker. */
static enum hlv_err add_services(const struct answer_context *c, struct gathered *g,
				 const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	unsigned followed = 0;
	for (uint32_t i = 0; i < values->n && followed < SERVICES_MAX; i++) {
		struct hlv_value v;
		HLV_TRY(hlv_value_decode(&r, &v));
		if (!is_public(&v, "HS_SERV"))
			continue;
		followed++;
		struct store_key key;
		struct hlv_record rec;
		store_key(v.data, &key);
		enum hlv_err err = store_get_record(c->store, c->view, &key, &rec);
		if (err == HLV_OK)
			err = add_sites(g, &rec.values);
		if (err != HLV_OK && err != HLV_E_NOT_FOUND)
			return err;
	}
	return HLV_OK;
}

enum hlv_rc bare_answer(const struct answer_context *c, const struct hlv_request *rq,
			const struct hlv_record *rec, struct hlv_response *rs)
{
	uint8_t *room = hlv_alloc_raw(c->arena, HLV_MESSAGE_MAX);
	if (!room)
		return answer_error(rs, HLV_RC_ERROR, "Answer takes too much memory");
	struct gathered g = {.w = hlv_writer(room, HLV_MESSAGE_MAX)};
	enum hlv_err err = add_sites(&g, &rec->values);
	if (err == HLV_OK && g.n == 0)
		err = add_services(c, &g, &rec->values);
	if (err != HLV_OK || g.w.bad)
		return answer_error(rs, HLV_RC_ERROR, "The registry cannot read this record");
	if (g.n == 0)
		return answer_error(rs, HLV_RC_VALUES_NOT_FOUND, NULL);
	*rs = (struct hlv_response){.rc = HLV_RC_SUCCESS,
				    .kind = HLV_BODY_RECORD,
				    .handle = rq->handle,
				    .values = {.n = g.n, .raw = hlv_written(&g.w)}};
	return HLV_RC_SUCCESS;
}
