/* SPDX-License-Identifier: Apache-2.0
 *
 * home, unhome, delegate: who serves a prefix.
 */
#include "tools/helvectl/node.h"
#include "tools/helvectl/remote.h"
#include "tools/helvectl/source.h"

static const struct option no_options[] = {{0}};

enum what { HOME, UNHOME };
enum { TRIES = 8 }; /* when others change the same meanwhile */

static int change(struct ctl *ctl, int argc, char **argv, enum what what)
{
	char name[NODE_NAME_MAX];
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind + 1 != argc)
		return ctl_usage(ctl, "which prefix?");
	if (!node_prefix_handle(ctl, argv[optind], name))
		return CTL_USAGE;
	if (ctl->remote)
		return remote_home(ctl, name, what == HOME ? HLV_OP_HOME_NA : HLV_OP_UNHOME_NA);
	struct registry *r = node_open_registry(ctl);
	enum hlv_err err = HLV_E_CONFLICT;
	if (!r)
		return CTL_FAILED;
	for (int i = 0; i < TRIES && err == HLV_E_CONFLICT; i++) {
		err = what == HOME ? registry_home(r, hlv_text(name), ctl_now_ms())
				   : registry_unhome(r, hlv_text(name), ctl_now_ms());
		if (err == HLV_OK)
			err = registry_flush(r);
	}
	registry_free(r);
	if (err == HLV_E_EXISTS) /* as it is to be */
		return CTL_DONE;
	if (err == HLV_E_NOT_FOUND)
		return ctl_fail(ctl, "%s: not homed here: helvectl status shows what is", name);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, name, err);
}

int cmd_home(struct ctl *ctl, int argc, char **argv)
{
	return change(ctl, argc, argv, HOME);
}

int cmd_unhome(struct ctl *ctl, int argc, char **argv)
{
	return change(ctl, argc, argv, UNHOME);
}

/* A site's two types: identifiers under the prefix, and the prefixes that are derived from it
 * (protocol.md 6.2). Whoever serves the one answers for the other. */
static const char *const site_types[] = {"HS_SITE", "HS_SITE.PREFIX"};
enum { SITE_TYPES = sizeof site_types / sizeof site_types[0] };

static bool is_site(struct hlv_bytes type)
{
	return hlv_eq_fold(type, hlv_text(site_types[0])) ||
	       hlv_eq_fold(type, hlv_text(site_types[1]));
}

/* The record of the prefix with `site` as its only site; other values stay. */
static void make_record(struct node_values *values, const struct hlv_record *old,
			struct hlv_bytes site, uint32_t now_s)
{
	struct hlv_reader r = hlv_reader(old->values.raw);
	uint32_t next = 1, at[SITE_TYPES];
	size_t n = 0;
	node_values_begin(values);
	for (uint32_t i = 0; i < old->values.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK || is_site(v.type))
			continue;
		/* Values stand in ascending order: gaps in front of this one are free. */
		while (n < SITE_TYPES && next < v.index)
			at[n++] = next++;
		next = v.index + 1;
		node_values_copy(values, &v);
	}
	while (n < SITE_TYPES)
		at[n++] = next++;
	for (n = 0; n < SITE_TYPES; n++)
		node_values_add(values, at[n], site_types[n], HLV_PERM_DEFAULT, site, now_s);
}

static enum hlv_err delegate_once(struct registry *r, const char *name, struct hlv_bytes site)
{
	struct hlv_record rec = {0};
	struct node_values values = {0};
	enum hlv_err err = registry_get(r, hlv_text(name), &rec);
	if (err != HLV_OK && err != HLV_E_NOT_FOUND)
		return err;
	make_record(&values, &rec, site, (uint32_t)(ctl_now_ms() / 1000));
	err = registry_put(r, hlv_text(name), node_values_list(&values), ctl_now_ms());
	if (err == HLV_OK)
		err = registry_flush(r);
	hlv_buf_free(&values.buf);
	return err;
}

static int delegate(struct ctl *ctl, const char *name, struct hlv_bytes site)
{
	struct registry *r = node_open_registry(ctl);
	if (!r)
		return CTL_FAILED;
	enum hlv_err err = HLV_E_CONFLICT;
	for (int i = 0; i < TRIES && err == HLV_E_CONFLICT; i++)
		err = delegate_once(r, name, site);
	registry_free(r);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, name, err);
}

int cmd_delegate(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"to", required_argument, NULL, 't'}, {0}};
	const char *to = NULL;
	char name[NODE_NAME_MAX];
	int c;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return CTL_USAGE;
		to = optarg;
	}
	if (optind + 1 != argc || !to)
		return ctl_usage(ctl, "which prefix, and to which site?");
	if (!node_prefix_handle(ctl, argv[optind], name))
		return CTL_USAGE;
	struct hlv_buf site = {0};
	int code = CTL_FAILED;
	if (node_read_site(ctl, to, &site))
		code = delegate(ctl, name, hlv_buf_bytes(&site));
	hlv_buf_free(&site);
	return code;
}
