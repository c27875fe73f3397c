/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/site_edit.h"

enum hlv_err site_edit_begin(struct site_edit *e, struct hlv_bytes octets)
{
	*e = (struct site_edit){0};
	HLV_TRY(hlv_site_decode(octets, &e->site));
	if (e->site.servers.n > HLV_SITE_SERVERS_MAX ||
	    e->site.attributes.n > SITE_ATTRIBUTES_MAX)
		return HLV_E_LIMIT;
	struct hlv_reader r = hlv_reader(e->site.servers.raw);
	for (uint32_t i = 0; i < e->site.servers.n; i++)
		hlv_site_next_server(&r, &e->servers[e->nservers++]);
	r = hlv_reader(e->site.attributes.raw);
	for (uint32_t i = 0; i < e->site.attributes.n; i++)
		hlv_site_next_attribute(&r, &e->attributes[e->nattributes++]);
	return HLV_OK;
}

void site_edit_encode(const struct site_edit *e, struct hlv_writer *w)
{
	uint8_t servers[NODE_SITE_MAX], attributes[NODE_SITE_MAX];
	struct hlv_writer s = hlv_writer(servers, sizeof servers);
	struct hlv_writer a = hlv_writer(attributes, sizeof attributes);
	struct hlv_site site = e->site;
	for (size_t i = 0; i < e->nservers; i++)
		hlv_site_put_server(&s, &e->servers[i]);
	for (size_t i = 0; i < e->nattributes; i++)
		hlv_site_put_attribute(&a, &e->attributes[i]);
	site.servers = (struct hlv_list){(uint32_t)e->nservers, hlv_written(&s)};
	site.attributes = (struct hlv_list){(uint32_t)e->nattributes, hlv_written(&a)};
	/* 0xFFFF means "unknown" on the wire (protocol.md 3). */
	site.serial = site.serial >= UINT16_MAX - 1 ? 1 : (uint16_t)(site.serial + 1);
	hlv_site_encode(w, &site);
	w->bad = w->bad || s.bad || a.bad;
}

static bool same_place(const struct hlv_site_server *a, const struct hlv_site_server *b)
{
	return memcmp(a->address, b->address, sizeof a->address) == 0 &&
	       hlv_eq(a->interfaces.raw, b->interfaces.raw);
}

enum hlv_err site_edit_add_server(struct site_edit *e, const struct hlv_site_server *server)
{
	uint32_t id = 1;
	if (e->nservers == HLV_SITE_SERVERS_MAX)
		return HLV_E_LIMIT;
	for (size_t i = 0; i < e->nservers; i++) {
		if (same_place(&e->servers[i], server) ||
		    (server->key.n > 0 && hlv_eq(e->servers[i].key, server->key)))
			return HLV_E_EXISTS;
		if (e->servers[i].id >= id)
			id = e->servers[i].id + 1;
	}
	e->servers[e->nservers] = *server;
	e->servers[e->nservers++].id = id;
	return HLV_OK;
}

void site_edit_remove_server(struct site_edit *e, size_t position)
{
	e->nservers--;
	memmove(&e->servers[position], &e->servers[position + 1],
		(e->nservers - position) * sizeof *e->servers);
}

enum hlv_err site_edit_set_attribute(struct site_edit *e, struct hlv_bytes name,
				     struct hlv_bytes value)
{
	size_t at = 0;
	while (at < e->nattributes && !hlv_eq(e->attributes[at].name, name))
		at++;
	if (at == SITE_ATTRIBUTES_MAX)
		return HLV_E_LIMIT;
	if (value.n > 0) {
		e->attributes[at] = (struct hlv_site_attribute){name, value};
		e->nattributes += at == e->nattributes;
	} else if (at < e->nattributes) {
		e->nattributes--;
		memmove(&e->attributes[at], &e->attributes[at + 1],
			(e->nattributes - at) * sizeof *e->attributes);
	}
	return HLV_OK;
}

int site_edit_find_key(const struct site_edit *e, const struct hlv_key *key)
{
	int found = -1;
	for (size_t i = 0; i < e->nservers && found < 0; i++) {
		struct hlv_key *own = NULL;
		if (e->servers[i].key.n &&
		    hlv_pubkey_decode(e->servers[i].key, &own) == HLV_OK &&
		    hlv_key_same_public(own, key))
			found = (int)i;
		hlv_key_free(own);
	}
	return found;
}
