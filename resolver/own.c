/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/own.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/net/file.h"
#include "proto/net/prove.h"
#include "proto/sec/tls.h"
#include "proto/wire/site.h"

enum { WHY = 512, KEY_ROOM = 16384, SITE_ROOM = 16384, INTERFACES_MAX = 128 };

/* --- the key --- */

static enum hlv_err write_key(const struct own *own, const char *dir, char *why)
{
	char path[PATH_MAX];
	uint8_t plain[KEY_ROOM], file[KEY_ROOM], public[KEY_ROOM];
	struct hlv_writer p = hlv_writer(plain, sizeof plain),
			  f = hlv_writer(file, sizeof file),
			  w = hlv_writer(public, sizeof public);
	enum hlv_err err = hlv_privkey_encode(&p, own->key);
	if (err == HLV_OK)
		err = hlv_keyfile_seal(HLV_KEYFILE_PLAIN, hlv_written(&p),
				       (struct hlv_bytes){0}, NULL, &f);
	if (err == HLV_OK)
		err = hlv_pubkey_encode(&w, own->key);
	if (err == HLV_OK && mkdir(dir, 0700) != 0 && errno != EEXIST) {
		snprintf(why, WHY, "%s: %s", dir, strerror(errno));
		err = HLV_E_IO;
	}
	snprintf(path, sizeof path, "%s/pubkey.bin", dir);
	if (err == HLV_OK)
		err = hlv_file_write(path, 0644, hlv_written(&w), why);
	snprintf(path, sizeof path, "%s/privkey.bin", dir);
	if (err == HLV_OK)
		err = hlv_file_write(path, 0600, hlv_written(&f), why);
	explicit_bzero(plain, sizeof plain);
	explicit_bzero(file, sizeof file);
	return err;
}

static enum hlv_err load_key(const struct resolver_options *o, struct own *own, char *why)
{
	char dir[PATH_MAX - 32], path[PATH_MAX];
	struct hlv_prove_identity id = {0};
	snprintf(dir, sizeof dir, "%s/keys", o->data_dir);
	snprintf(path, sizeof path, "%s/privkey.bin", dir);
	enum hlv_err err;
	if (access(path, F_OK) == 0) {
		err = hlv_prove_read_key(&id, path, why);
		own->key = id.key;
	} else {
		err = hlv_key_generate(HLV_KEY_RSA, &own->key);
		if (err == HLV_OK)
			err = write_key(own, dir, why);
	}
	if (err == HLV_OK)
		err = hlv_tls_server_new(own->key, (struct hlv_bytes){0}, &own->tls, why);
	return err;
}

/* --- the site record --- */

static bool is_any(const struct hlv_addr *a)
{
	static const uint8_t zeros[16];
	uint8_t address[16];
	hlv_addr_to_site(a, address);
	return memcmp(address, zeros, sizeof zeros) == 0;
}

/* One server has one address, and several would share the identifiers between them (protocol.md
 * 6.5): the first that is a real one. */
static const struct hlv_addr *public_address(const struct hlv_addrs *listen)
{
	for (size_t i = 0; i < listen->n; i++)
		if (!is_any(&listen->list[i]))
			return &listen->list[i];
	return NULL;
}

static struct hlv_list put_interfaces(const struct hlv_addrs *listen, const uint8_t address[16],
				      struct hlv_writer *w)
{
	static const uint8_t protocols[] = {HLV_IF_TCP, HLV_IF_UDP};
	uint32_t n = 0;
	for (size_t i = 0; i < listen->n && n < INTERFACES_MAX; i++) {
		const struct hlv_addr *a = &listen->list[i];
		uint8_t own[16];
		hlv_addr_to_site(a, own);
		if (memcmp(own, address, sizeof own) != 0 && !is_any(a))
			continue;
		for (size_t k = 0; k < sizeof protocols; k++, n++)
			hlv_site_put_interface(
				w, &(struct hlv_site_interface){HLV_IF_QUERY, protocols[k],
								hlv_addr_port(a)});
	}
	return (struct hlv_list){n, hlv_written(w)};
}

static void make_site(const struct resolver_options *o, const struct own *own, uint16_t serial,
		      struct hlv_writer *w)
{
	uint8_t interfaces[6 * (INTERFACES_MAX + 2)], attributes[128], key[KEY_ROOM / 8],
		servers[SITE_ROOM / 2];
	struct hlv_writer i = hlv_writer(interfaces, sizeof interfaces),
			  a = hlv_writer(attributes, sizeof attributes),
			  k = hlv_writer(key, sizeof key),
			  s = hlv_writer(servers, sizeof servers);
	const struct hlv_addr *address = public_address(&o->listen);
	struct hlv_site_server server = {.id = 1};
	if (address)
		hlv_addr_to_site(address, server.address);
	w->bad = hlv_pubkey_encode(&k, own->key) != HLV_OK;
	server.key = hlv_written(&k);
	server.interfaces = put_interfaces(&o->listen, server.address, &i);
	hlv_site_put_server(&s, &server);
	hlv_site_put_attribute(
		&a, &(struct hlv_site_attribute){hlv_text("desc"), hlv_text("resolver")});
	hlv_site_put_attribute(
		&a, &(struct hlv_site_attribute){hlv_text("helve"), hlv_text("control tls")});
	hlv_site_encode(w, &(struct hlv_site){.format = 1,
					      .major = HLV_OUR_VERSION / 256,
					      .minor = HLV_OUR_VERSION % 256,
					      .serial = serial,
					      .hash_option = HLV_HASH_ALL,
					      .attributes = {2, hlv_written(&a)},
					      .servers = {1, hlv_written(&s)}});
	w->bad = w->bad || i.bad || a.bad || k.bad || s.bad;
}

/* The record that was shown last, with its serial; the same one again keeps it. */
static enum hlv_err load_site(const struct resolver_options *o, struct own *own, char *why)
{
	char path[PATH_MAX];
	uint8_t octets[SITE_ROOM];
	struct hlv_buf former = {0};
	struct hlv_site site = {0};
	snprintf(path, sizeof path, "%s/site.bin", o->data_dir);
	if (hlv_file_read(path, SITE_ROOM, &former, why) == HLV_OK &&
	    hlv_site_decode(hlv_buf_bytes(&former), &site) == HLV_OK)
		own->serial = site.serial;
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	make_site(o, own, own->serial, &w);
	bool same = hlv_eq(hlv_written(&w), hlv_buf_bytes(&former)) && own->serial > 0;
	hlv_buf_free(&former);
	enum hlv_err err = HLV_OK;
	if (!same && !w.bad) {
		/* 65535 means "unknown" (protocol.md 3). */
		own->serial = own->serial < UINT16_MAX - 1 ? (uint16_t)(own->serial + 1) : 1;
		w = hlv_writer(octets, sizeof octets);
		make_site(o, own, own->serial, &w);
		err = hlv_file_write(path, 0644, hlv_written(&w), why);
	}
	hlv_buf_put(&own->site, hlv_written(&w));
	if (err == HLV_OK && (w.bad || own->site.bad))
		err = HLV_E_LIMIT;
	return err;
}

enum hlv_err own_load(const struct resolver_options *o, struct own *own, char *why)
{
	*why = '\0';
	HLV_TRY(load_key(o, own, why));
	return load_site(o, own, why);
}

void own_fini(struct own *own)
{
	hlv_key_free(own->key);
	hlv_tls_free(own->tls);
	hlv_buf_free(&own->site);
	*own = (struct own){0};
}
