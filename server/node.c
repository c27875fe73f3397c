/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node.h"

#include <limits.h>
#include <stdlib.h>

#include <unistd.h>

#include "proto/net/file.h"
#include "proto/net/site_file.h"
#include "proto/sec/tls.h"
#include "proto/wire/site.h"

enum { WHY = 512, SITE_MAX = 65536, KEY_MAX = 16384, CHAIN_MAX = 256 << 10 };

void node_path(const struct server_options *o, const char *given, const char *name, char *out)
{
	if (*given)
		snprintf(out, PATH_MAX, "%s", given);
	else
		snprintf(out, PATH_MAX, "%s/../%s", o->data_dir, name);
}

/* The octets of a buffer that was filled for good: node_free() gives them back. */
static void free_octets(struct hlv_bytes octets)
{
	void *p;
	memcpy(&p, &octets.p, sizeof p);
	free(p);
}

/* The attributes as they are, and behind the words of "helve", which may be there ("tls"), ours. */
static uint32_t put_attributes(const struct hlv_site *site, struct hlv_writer *w)
{
	static const char offered[] = "commit bulk control";
	char words[256];
	struct hlv_site_attribute a,
		offer = {.name = hlv_text("helve"), .value = hlv_text(offered)};
	struct hlv_reader r = hlv_reader(site->attributes.raw);
	uint32_t n = 0;
	for (uint32_t i = 0; i < site->attributes.n; i++) {
		hlv_site_next_attribute(&r, &a);
		if (!hlv_eq(a.name, offer.name) ||
		    a.value.n > sizeof words - sizeof offered - 1) {
			hlv_site_put_attribute(w, &a);
			n++;
			continue;
		}
		snprintf(words, sizeof words, "%.*s %s", (int)a.value.n,
			 (const char *)a.value.p, offered);
		offer.value = hlv_text(words);
	}
	hlv_site_put_attribute(w, &offer);
	return n + 1;
}

/* Our site record says what else we understand, so that nobody has to try (docs/protocol.md). */
static enum hlv_err offer_extensions(struct hlv_bytes *record)
{
	struct hlv_site site;
	HLV_TRY(hlv_site_decode(*record, &site));
	size_t room = record->n + 64;
	uint8_t *list = malloc(room), *out = malloc(room);
	struct hlv_writer a = hlv_writer(list, list ? room : 0);
	struct hlv_writer w = hlv_writer(out, out ? room : 0);
	uint32_t n = put_attributes(&site, &a);
	site.attributes = (struct hlv_list){n, hlv_written(&a)};
	hlv_site_encode(&w, &site);
	free(list);
	if (a.bad || w.bad) {
		free(out);
		return HLV_E_NOMEM;
	}
	free_octets(*record);
	*record = hlv_written(&w);
	return HLV_OK;
}

static enum hlv_err load_site(const struct server_options *o, struct node *node, char *why)
{
	char path[PATH_MAX];
	struct hlv_buf buf = {0};
	node_path(o, o->site, "site.bin", path);
	enum hlv_err err = hlv_file_read(path, SITE_MAX, &buf, why);
	if (err != HLV_OK) {
		hlv_buf_free(&buf);
		return err;
	}
	node->site = hlv_buf_bytes(&buf); /* owned from here on: node_free() */
	struct hlv_site site;
	err = hlv_site_decode(node->site, &site);
	if (err == HLV_OK && o->server_number > site.servers.n)
		err = HLV_E_USAGE;
	if (err != HLV_OK) {
		snprintf(why, WHY, "%s: %s", path,
			 err == HLV_E_USAGE ? "has fewer servers than server-number says"
					    : "is no site record: make it with helvectl");
		return err;
	}
	node->serial = site.serial;
	node->primary = site.flags & HLV_SITE_PRIMARY;
	node->servers = site.servers.n;
	node->own = o->server_number - 1;
	node->hash_option = site.hash_option;
	return offer_extensions(&node->site);
}

/* siteinfo.json or its binary form: what helvectl init --parent has left there. */
static enum hlv_err load_parent(const struct server_options *o, struct node *node, char *why)
{
	char path[PATH_MAX];
	struct hlv_buf site = {0};
	node_path(o, o->parent, "parent.json", path);
	if (!*o->parent && access(path, F_OK) != 0)
		return HLV_OK;
	enum hlv_err err = hlv_site_file_read(path, &site, why);
	node->parent = hlv_buf_bytes(&site); /* node_free() */
	return err;
}

static enum hlv_err read_passphrase(const struct server_options *o, struct hlv_buf *out,
				    char *why)
{
	if (!*o->key_passphrase_file)
		return HLV_OK;
	HLV_TRY(hlv_file_read_secret(o->key_passphrase_file, KEY_MAX, out, why));
	while (out->n > 0 && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == '\r'))
		out->n--;
	return HLV_OK;
}

static enum hlv_err open_key(const char *path, struct hlv_bytes file,
			     struct hlv_bytes passphrase, struct node *node, char *why)
{
	uint8_t plain[KEY_MAX];
	struct hlv_writer w = hlv_writer(plain, sizeof plain);
	enum hlv_err err = hlv_keyfile_open(file, passphrase, &w);
	if (err == HLV_OK)
		err = hlv_privkey_decode(hlv_written(&w), &node->key);
	explicit_bzero(plain, sizeof plain);
	if (err == HLV_E_PASSPHRASE)
		snprintf(why, WHY, "%s: wrong or missing passphrase: see key-passphrase-file",
			 path);
	else if (err != HLV_OK)
		snprintf(why, WHY, "%s: %s: make one with helvectl key new", path,
			 hlv_strerror(err));
	return err;
}

static enum hlv_err load_key(const struct server_options *o, struct node *node, char *why)
{
	char path[PATH_MAX];
	struct hlv_buf file = {0}, passphrase = {0};
	node_path(o, o->key, "keys/privkey.bin", path);
	enum hlv_err err = hlv_file_read_secret(path, KEY_MAX, &file, why);
	if (err == HLV_OK)
		err = read_passphrase(o, &passphrase, why);
	if (err == HLV_OK)
		err = open_key(path, hlv_buf_bytes(&file), hlv_buf_bytes(&passphrase), node,
			       why);
	if (file.p)
		explicit_bzero(file.p, file.cap);
	if (passphrase.p)
		explicit_bzero(passphrase.p, passphrase.cap);
	hlv_buf_free(&file);
	hlv_buf_free(&passphrase);
	return err;
}

static enum hlv_err load_tls(const struct server_options *o, struct node *node, char *why)
{
	struct hlv_buf chain = {0};
	char reason[WHY];
	if (!o->tls)
		return HLV_OK;
	if (*o->tls_certificate)
		HLV_TRY(hlv_file_read(o->tls_certificate, CHAIN_MAX, &chain, why));
	enum hlv_err err =
		hlv_tls_server_new(node->key, hlv_buf_bytes(&chain), &node->tls, reason);
	hlv_buf_free(&chain);
	if (err != HLV_OK)
		snprintf(why, WHY, "tls-certificate: %s", reason);
	return err;
}

enum hlv_err node_load(const struct server_options *o, struct node **out, char *why)
{
	struct node *node = calloc(1, sizeof *node);
	if (!node)
		return HLV_E_NOMEM;
	enum hlv_err err = load_site(o, node, why);
	if (err == HLV_OK)
		err = load_key(o, node, why);
	if (err == HLV_OK)
		err = load_parent(o, node, why);
	if (err == HLV_OK)
		err = load_tls(o, node, why);
	if (err != HLV_OK) {
		node_free(node);
		return err;
	}
	*out = node;
	return HLV_OK;
}

void node_rules(const struct server_options *o, const struct node *node,
		struct registrar_rules *rules)
{
	*rules = (struct registrar_rules){
		.plan = {.lists = {.server_admins = o->server_admins.list,
				   .nserver_admins = o->server_admins.n,
				   .home_only_admins = o->home_only_admins.list,
				   .nhome_only_admins = o->home_only_admins.n,
				   .backup_admins = o->backup_admins.list,
				   .nbackup_admins = o->backup_admins.n,
				   .replication_admins = o->replication_admins.list,
				   .nreplication_admins = o->replication_admins.n},
			 .list_handles = o->list_handles,
			 .prefix_admins = o->prefix_admins},
		.authn = {.allow_legacy = o->allow_legacy,
			  .own_uid = getuid(),
			  .schemes = &o->scheme_rules},
		.undo_days = o->undo_days,
		.index_types = &o->index_types,
		.parent = node->parent,
		.data_dir = o->data_dir,
	};
}

void node_free(struct node *node)
{
	if (!node)
		return;
	free_octets(node->site);
	free_octets(node->parent);
	hlv_tls_free(node->tls);
	hlv_key_free(node->key);
	free(node);
}
