/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node.h"

#include <limits.h>
#include <stdlib.h>

#include "proto/net/file.h"
#include "proto/wire/site.h"

enum { WHY = 512, SITE_MAX = 65536, KEY_MAX = 16384 };

/* A path from the configuration, or its place beside the data directory. */
static void place(const char *given, const char *data_dir, const char *beside,
		  char out[PATH_MAX])
{
	if (*given)
		snprintf(out, PATH_MAX, "%s", given);
	else
		snprintf(out, PATH_MAX, "%s/../%s", data_dir, beside);
}

static enum hlv_err load_site(const struct server_options *o, struct node *node, char *why)
{
	char path[PATH_MAX];
	struct hlv_buf buf = {0};
	place(o->site, o->data_dir, "site.bin", path);
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
	return HLV_OK;
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
	place(o->key, o->data_dir, "keys/privkey.bin", path);
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

enum hlv_err node_load(const struct server_options *o, struct node **out, char *why)
{
	struct node *node = calloc(1, sizeof *node);
	if (!node)
		return HLV_E_NOMEM;
	enum hlv_err err = load_site(o, node, why);
	if (err == HLV_OK)
		err = load_key(o, node, why);
	if (err != HLV_OK) {
		node_free(node);
		return err;
	}
	*out = node;
	return HLV_OK;
}

void node_free(struct node *node)
{
	if (!node)
		return;
	void *site;
	memcpy(&site, &node->site.p, sizeof site); /* the buffer that load_site() filled */
	free(site);
	hlv_key_free(node->key);
	free(node);
}
