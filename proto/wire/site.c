/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/site.h"

enum { ATTRIBUTE_MIN = 8, SERVER_MIN = 4 + 16 + 4 + 4, INTERFACE_SIZE = 6, FORMAT = 1 };

void hlv_site_next_attribute(struct hlv_reader *r, struct hlv_site_attribute *a)
{
	a->name = hlv_get_lp32(r);
	a->value = hlv_get_lp32(r);
}

void hlv_site_next_interface(struct hlv_reader *r, struct hlv_site_interface *i)
{
	i->kind = hlv_get_u8(r);
	i->protocol = hlv_get_u8(r);
	i->port = hlv_get_u32(r);
}

void hlv_site_next_server(struct hlv_reader *r, struct hlv_site_server *s)
{
	s->id = hlv_get_u32(r);
	struct hlv_bytes address = hlv_take(r, sizeof s->address);
	memset(s->address, 0, sizeof s->address);
	if (address.n)
		memcpy(s->address, address.p, sizeof s->address);
	s->key = hlv_get_lp32(r);
	s->interfaces.n = hlv_get_count(r, INTERFACE_SIZE);
	s->interfaces.raw = hlv_take(r, (size_t)s->interfaces.n * INTERFACE_SIZE);
}

static struct hlv_list get_attributes(struct hlv_reader *r)
{
	struct hlv_list list = {.n = hlv_get_count(r, ATTRIBUTE_MIN)};
	size_t from = r->pos;
	struct hlv_site_attribute a;
	for (uint32_t i = 0; i < list.n && !r->bad; i++)
		hlv_site_next_attribute(r, &a);
	list.raw = hlv_since(r, from);
	return list;
}

static struct hlv_list get_servers(struct hlv_reader *r)
{
	struct hlv_list list = {.n = hlv_get_count(r, SERVER_MIN)};
	size_t from = r->pos;
	struct hlv_site_server s;
	for (uint32_t i = 0; i < list.n && !r->bad; i++)
		hlv_site_next_server(r, &s);
	list.raw = hlv_since(r, from);
	return list;
}

enum hlv_err hlv_site_decode(struct hlv_bytes data, struct hlv_site *s)
{
	struct hlv_reader r = hlv_reader(data);
	s->format = hlv_get_u16(&r);
	s->major = hlv_get_u8(&r);
	s->minor = hlv_get_u8(&r);
	s->serial = hlv_get_u16(&r);
	s->flags = hlv_get_u8(&r);
	s->hash_option = hlv_get_u8(&r);
	s->hash_filter = hlv_get_lp32(&r);
	s->attributes = get_attributes(&r);
	s->servers = get_servers(&r);
	if (!hlv_finished(&r))
		return HLV_E_MALFORMED;
	/* OURS: the reference does not look at the format version. */
	return s->format > FORMAT ? HLV_E_UNSUPPORTED : HLV_OK;
}

void hlv_site_put_attribute(struct hlv_writer *w, const struct hlv_site_attribute *a)
{
	hlv_put_lp32(w, a->name);
	hlv_put_lp32(w, a->value);
}

void hlv_site_put_interface(struct hlv_writer *w, const struct hlv_site_interface *i)
{
	hlv_put_u8(w, i->kind);
	hlv_put_u8(w, i->protocol);
	hlv_put_u32(w, i->port);
}

void hlv_site_put_server(struct hlv_writer *w, const struct hlv_site_server *s)
{
	hlv_put_u32(w, s->id);
	hlv_put(w, hlv_bytes(s->address, sizeof s->address));
	hlv_put_lp32(w, s->key);
	hlv_list_encode(w, &s->interfaces);
}

void hlv_site_encode(struct hlv_writer *w, const struct hlv_site *s)
{
	hlv_put_u16(w, s->format);
	hlv_put_u8(w, s->major);
	hlv_put_u8(w, s->minor);
	hlv_put_u16(w, s->serial);
	hlv_put_u8(w, s->flags);
	hlv_put_u8(w, s->hash_option);
	hlv_put_lp32(w, s->hash_filter);
	hlv_list_encode(w, &s->attributes);
	hlv_list_encode(w, &s->servers);
}

bool hlv_site_is_ipv4(const uint8_t address[16])
{
	static const uint8_t zeros[12];
	static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
	return memcmp(address, zeros, 12) == 0 || memcmp(address, mapped, 12) == 0;
}
