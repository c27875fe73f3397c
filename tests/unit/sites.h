/* SPDX-License-Identifier: Apache-2.0
 *
 * Site records and lists of values, made for tests of the resolver.
 */
#pragma once
#include "proto/net/addr.h"
#include "proto/wire/codes.h"
#include "proto/wire/site.h"
#include "proto/wire/value.h"
#include "tests/unit/unit.h"

enum { SITE_BOTH = 0, SITE_UDP_ONLY = 1, SITE_TCP_ONLY = 2 };

struct site_server {
	const char *address; /* "192.0.2.1:2641"; the port is of UDP and TCP */
	int by;		     /* SITE_* */
	struct hlv_bytes key;
};
struct site_form {
	const struct site_server *servers;
	size_t n;
	uint8_t flags, hash_option;
	const char *const (*attributes)[2]; /* ends with NULL names */
	uint16_t serial;
};

static inline struct hlv_list site_interfaces(struct hlv_arena *a, uint16_t port, int by)
{
	struct hlv_writer w = hlv_writer(hlv_alloc(a, 16), 16);
	struct hlv_list list = {0};
	for (uint8_t protocol = HLV_IF_UDP; protocol <= HLV_IF_TCP; protocol++) {
		if (by == (protocol == HLV_IF_UDP ? SITE_TCP_ONLY : SITE_UDP_ONLY))
			continue;
		hlv_site_put_interface(
			&w, &(struct hlv_site_interface){HLV_IF_QUERY, protocol, port});
		list.n++;
	}
	list.raw = hlv_written(&w);
	return list;
}

static inline struct hlv_bytes make_site(struct hlv_arena *a, const struct site_form *form)
{
	enum { ROOM = 70000 };
	struct hlv_site site = {.format = 1,
				.major = 2,
				.minor = 11,
				.serial = form->serial,
				.flags = form->flags,
				.hash_option = form->hash_option};
	struct hlv_writer w = hlv_writer(hlv_alloc(a, ROOM), ROOM);
	for (size_t i = 0; i < form->n; i++) {
		const struct site_server *s = &form->servers[i];
		struct hlv_site_server server = {.id = (uint32_t)i + 1, .key = s->key};
		struct hlv_addr addr;
		assert_int_equal(hlv_addr_parse(s->address, HLV_PORT, &addr), HLV_OK);
		hlv_addr_to_site(&addr, server.address);
		server.interfaces = site_interfaces(a, hlv_addr_port(&addr), s->by);
		hlv_site_put_server(&w, &server);
	}
	site.servers = (struct hlv_list){(uint32_t)form->n, hlv_written(&w)};
	struct hlv_writer t = hlv_writer(hlv_alloc(a, 4096), 4096);
	for (size_t i = 0; form->attributes && form->attributes[i][0]; i++) {
		hlv_site_put_attribute(
			&t, &(struct hlv_site_attribute){hlv_text(form->attributes[i][0]),
							 hlv_text(form->attributes[i][1])});
		site.attributes.n++;
	}
	site.attributes.raw = hlv_written(&t);
	struct hlv_writer out = hlv_writer(hlv_alloc(a, ROOM), ROOM);
	hlv_site_encode(&out, &site);
	assert_false(out.bad || w.bad || t.bad);
	return hlv_written(&out);
}

/* One server, everything else as usual. */
static inline struct hlv_bytes make_plain_site(struct hlv_arena *a, const char *address,
					       struct hlv_bytes key)
{
	struct site_server server = {.address = address, .key = key};
	struct site_form form = {.servers = &server,
				 .n = 1,
				 .flags = HLV_SITE_PRIMARY,
				 .hash_option = HLV_HASH_ALL,
				 .serial = 1};
	return make_site(a, &form);
}

struct value_form {
	uint32_t index;
	const char *type;
	struct hlv_bytes data;
	uint32_t ttl_s;	  /* 0: 86,400 */
	uint32_t mtime_s; /* 0: 1 */
	uint8_t perms;	  /* 0: 1110 */
};

#define VALUE(i, t, d)                                                                         \
	{                                                                                      \
		.index = (i), .type = (t), .data = (d)                                         \
	}

/* `n` values, or until one without a type. */
static inline struct hlv_list make_values(struct hlv_arena *a, const struct value_form *forms,
					  size_t n)
{
	size_t room = 64;
	for (size_t i = 0; i < n; i++)
		room += 128 + forms[i].data.n;
	struct hlv_writer w = hlv_writer(hlv_alloc(a, room), room);
	struct hlv_list list = {0};
	for (size_t i = 0; i < n && forms[i].type; i++) {
		struct hlv_value v = {
			.index = forms[i].index,
			.mtime_s = forms[i].mtime_s ? forms[i].mtime_s : 1,
			.ttl_s = forms[i].ttl_s ? forms[i].ttl_s : HLV_TTL_DEFAULT_S,
			.perms = forms[i].perms ? forms[i].perms : HLV_PERM_DEFAULT,
			.type = hlv_text(forms[i].type),
			.data = forms[i].data,
		};
		hlv_value_encode(&w, &v);
		list.n++;
	}
	assert_false(w.bad);
	list.raw = hlv_written(&w);
	return list;
}

/* A list of arrays with one element. */
static inline struct hlv_list one_array(struct hlv_arena *a, struct hlv_bytes octets)
{
	struct hlv_writer w = hlv_writer(hlv_alloc(a, octets.n + 4), octets.n + 4);
	hlv_put_lp32(&w, octets);
	return (struct hlv_list){1, hlv_written(&w)};
}
