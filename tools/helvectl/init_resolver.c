/* SPDX-License-Identifier: Apache-2.0
 *
 * init --resolver: a directory for helver. It knows the root, has a key to sign with, and asks
 * whatever the root leads to; everything else is in helver -s.
 */
#include <stdlib.h>
#include <unistd.h>

#include "proto/net/json.h"
#include "tools/helvectl/init.h"

static bool write_config(struct ctl *ctl, const struct init_resolver *in, const char *dir)
{
	struct hlv_buf b = {0};
	hlv_buf_str(&b, "# Resolver, made by helvectl init --resolver.\n"
			"# helver -s prints every option with its default.\n"
			"data-dir: ");
	init_put_path(&b, dir, "data");
	hlv_buf_str(&b, "root: ");
	init_put_path(&b, dir, "root.json");
	if (in->nlisten > 0) {
		hlv_buf_str(&b, "listen: ");
		init_put_addresses(&b, in->listen, in->nlisten);
	}
	if (in->nhttp > 0) {
		hlv_buf_str(&b, "http: ");
		init_put_addresses(&b, in->http, in->nhttp);
	}
	bool ok = init_write_file(ctl, "helver.yaml", 0644, hlv_buf_bytes(&b));
	hlv_buf_free(&b);
	return ok;
}

static bool make(struct ctl *ctl, const struct init_resolver *in, char *dir)
{
	char path[PATH_MAX];
	struct hlv_buf public = {0};
	static const char *const taken[] = {"helver.yaml", "helved.yaml"};
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		if (access(ctl_path(ctl, taken[i], path), F_OK) != 0)
			continue;
		ctl_fail(ctl, "%s: is there already: choose another directory with -d", path);
		return false;
	}
	bool ok = init_make_dir(ctl, "", 0755) && init_make_dir(ctl, "data", 0750) &&
		  init_make_dir(ctl, "data/keys", 0700);
	if (ok && !realpath(ctl->dir, dir))
		ok = ctl_fail(ctl, "%s: cannot be resolved", ctl->dir) == CTL_DONE;
	ok = ok && init_save_site(ctl, in->root, "root.json") &&
	     init_make_keys(ctl, in->kind, "data/keys/privkey.bin", "data/keys/pubkey.bin",
			    &public) &&
	     write_config(ctl, in, dir) && anchor_begin(ctl, in->root) == CTL_DONE;
	hlv_buf_free(&public);
	return ok;
}

int init_resolver(struct ctl *ctl, const struct init_resolver *in)
{
	char dir[PATH_MAX];
	if (!make(ctl, in, dir))
		return CTL_FAILED;
	struct hlv_buf b = {0};
	if (ctl->json) {
		hlv_buf_str(&b, "{\"dir\":");
		hlv_json_put_str(&b, hlv_text(dir));
		hlv_buf_str(&b, "}");
	} else {
		hlv_buf_printf(&b, "resolver in %s; start it: helver -c %s/helver.yaml", dir,
			       dir);
	}
	puts(b.p ? b.p : "");
	hlv_buf_free(&b);
	return CTL_DONE;
}
