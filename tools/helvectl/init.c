/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/init.h"

#include <errno.h>
#include <sys/stat.h>

#include "proto/net/file.h"
#include "proto/net/json.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/node.h"

bool init_make_dir(const struct ctl *ctl, const char *name, mode_t mode)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, *name ? "%s/%s" : "%s", ctl->dir, name);
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return true;
	ctl_fail(ctl, "%s: %s", path, strerror(errno));
	return false;
}

bool init_write_file(const struct ctl *ctl, const char *name, unsigned mode,
		     struct hlv_bytes data)
{
	char path[PATH_MAX], why[CTL_WHY] = "";
	if (hlv_file_write(ctl_path(ctl, name, path), mode, data, why) == HLV_OK)
		return true;
	ctl_fail(ctl, "%s", why);
	return false;
}

bool init_make_keys(const struct ctl *ctl, enum hlv_key_kind kind, const char *private_name,
		    const char *public_name, struct hlv_buf *public)
{
	struct hlv_key *key = NULL;
	char path[PATH_MAX];
	enum hlv_err err = hlv_key_generate(kind, &key);
	if (err == HLV_OK)
		err = keys_encode_public(key, public);
	bool ok = err == HLV_OK &&
		  keys_write_private(ctl, ctl_path(ctl, private_name, path), key,
				     (struct hlv_bytes){0}) &&
		  init_write_file(ctl, public_name, 0644, hlv_buf_bytes(public));
	if (err != HLV_OK)
		ctl_fail_err(ctl, private_name, err);
	hlv_key_free(key);
	return ok;
}

bool init_save_site(const struct ctl *ctl, const char *from, const char *name)
{
	struct hlv_buf site = {0}, json = {0};
	bool ok = node_read_site(ctl, from, &site);
	if (ok) {
		ok = hlv_json_put_site(&json, hlv_buf_bytes(&site)) == HLV_OK;
		hlv_buf_str(&json, "\n");
		ok = ok && init_write_file(ctl, name, 0644, hlv_buf_bytes(&json));
	}
	hlv_buf_free(&site);
	hlv_buf_free(&json);
	return ok;
}

void init_put_addresses(struct hlv_buf *b, const struct hlv_addr *list, size_t n)
{
	hlv_buf_str(b, "[ ");
	for (size_t i = 0; i < n; i++) {
		char text[HLV_ADDR_TEXT];
		hlv_buf_printf(b, "%s\"%s\"", i > 0 ? ", " : "",
			       hlv_addr_print(&list[i], text));
	}
	hlv_buf_str(b, n > 0 ? " ]\n" : "]\n");
}

/* Paths may hold anything; in YAML's single quotes only the quote itself needs care. */
void init_put_path(struct hlv_buf *b, const char *dir, const char *name)
{
	hlv_buf_str(b, "'");
	for (; *dir; dir++)
		hlv_buf_printf(b, *dir == '\'' ? "''" : "%c", *dir);
	hlv_buf_printf(b, "/%s'\n", name);
}
