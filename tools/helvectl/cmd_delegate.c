/* SPDX-License-Identifier: Apache-2.0
 *
 * delegate: a prefix is served elsewhere, and its record here says where.
 */
#include <stdlib.h>

#include "tools/helvectl/delegation.h"
#include "tools/helvectl/remote.h"

enum { TRIES = 8 }; /* when others change the same meanwhile */

struct delegating {
	struct ctl *ctl;
	char name[NODE_NAME_MAX]; /* 0.NA/P */
	struct delegation d;
	struct hlv_buf sites[DELEGATION_MAX];
	const char *only;
};

/* --- beside the node --- */

/* The record with the wish in it; without any values left there is no use for it. */
static enum hlv_err once(struct delegating *g, struct registry *r)
{
	struct hlv_record rec = {0};
	struct node_values values = {0};
	struct hlv_bytes name = hlv_text(g->name);
	uint64_t now_ms = ctl_now_ms();
	enum hlv_err err = registry_get(r, name, &rec);
	if (err != HLV_OK && (err != HLV_E_NOT_FOUND || g->d.remove))
		return err;
	delegation_apply(&g->d, &rec.values, (uint32_t)(now_ms / 1000), &values);
	if (values.n == 0 && g->d.remove)
		err = registry_remove(r, name, now_ms);
	else
		err = registry_put(r, name, node_values_list(&values), now_ms);
	if (err == HLV_OK)
		err = registry_flush(r);
	hlv_buf_free(&values.buf);
	return err;
}

/* Who holds identifiers of a prefix that others are sent elsewhere for should know it. */
static void warn_if_homed(struct delegating *g)
{
	struct ctl *ctl = g->ctl;
	bool homed = false;
	if (g->d.remove || !(g->d.role & ROLE_ITEMS))
		return;
	if (ctl->store->ops->view_begin(ctl->view) != HLV_OK)
		return;
	if (store_is_homed(ctl->store, ctl->view, hlv_text(g->name), &homed) == HLV_OK && homed)
		fprintf(stderr,
			"helvectl delegate: warning: %s is homed here, so its identifiers are "
			"still answered here: helvectl unhome %s when they are elsewhere\n",
			g->name, g->name + strlen("0.NA/"));
	ctl->store->ops->view_end(ctl->view);
}

static int here(struct delegating *g)
{
	struct ctl *ctl = g->ctl;
	struct registry *r = node_open_registry(ctl);
	if (!r)
		return CTL_FAILED;
	enum hlv_err err = HLV_E_CONFLICT;
	for (int i = 0; i < TRIES && err == HLV_E_CONFLICT; i++)
		err = once(g, r);
	registry_free(r);
	if (err == HLV_E_NOT_FOUND)
		return ctl_fail(ctl, "%s: there is no such record here", g->name);
	if (err != HLV_OK)
		return ctl_fail_err(ctl, g->name, err);
	warn_if_homed(g);
	return CTL_DONE;
}

/* --- the verb --- */

static int add_site(struct delegating *g, const char *path)
{
	if (g->d.nsites == DELEGATION_MAX)
		return ctl_fail(g->ctl, "more than %d sites", DELEGATION_MAX);
	struct hlv_buf *buf = &g->sites[g->d.nsites];
	if (!node_read_site(g->ctl, path, buf))
		return CTL_FAILED;
	g->d.sites[g->d.nsites++] = hlv_buf_bytes(buf);
	return CTL_DONE;
}

static int add_service(struct delegating *g, const char *handle)
{
	struct hlv_bytes id = hlv_text(handle);
	if (g->d.nservices == DELEGATION_MAX)
		return ctl_fail(g->ctl, "more than %d services", DELEGATION_MAX);
	if (!hlv_name_is_registrable(id) || !memchr(id.p, '/', id.n))
		return ctl_usage(g->ctl,
				 "service '%s': expected an identifier whose record holds "
				 "HS_SITE, as 0.SERV/88",
				 handle);
	g->d.services[g->d.nservices++] = handle;
	return CTL_DONE;
}

static int set_role(struct delegating *g, const char *role)
{
	if (strcmp(role, "items") == 0)
		g->d.role = ROLE_ITEMS;
	else if (strcmp(role, "prefixes") == 0)
		g->d.role = ROLE_PREFIXES;
	else
		return ctl_usage(g->ctl, "only '%s': expected items or prefixes", role);
	return CTL_DONE;
}

static int take_option(struct delegating *g, int option)
{
	switch (option) {
	case 't':
		return add_site(g, optarg);
	case 's':
		return add_service(g, optarg);
	case 'o':
		return set_role(g, optarg);
	case 'r':
		g->d.remove = true;
		return CTL_DONE;
	}
	return CTL_USAGE;
}

static int parse(struct delegating *g, int argc, char **argv)
{
	static const struct option options[] = {{"to", required_argument, NULL, 't'},
						{"service", required_argument, NULL, 's'},
						{"only", required_argument, NULL, 'o'},
						{"remove", no_argument, NULL, 'r'},
						{0}};
	int c, code = CTL_DONE;
	ctl_options_begin();
	while (code == CTL_DONE && (c = ctl_option(g->ctl, argc, argv, options)) != -1)
		code = take_option(g, c);
	if (code != CTL_DONE)
		return code;
	bool where = g->d.nsites + g->d.nservices > 0;
	if (where && g->d.remove)
		return ctl_usage(g->ctl, "--remove, or --to and --service: not both");
	if (optind + 1 != argc || (!where && !g->d.remove))
		return ctl_usage(g->ctl, "which prefix, and to which site?");
	return node_prefix_handle(g->ctl, argv[optind], g->name) ? CTL_DONE : CTL_USAGE;
}

int cmd_delegate(struct ctl *ctl, int argc, char **argv)
{
	struct delegating *g = calloc(1, sizeof *g);
	if (!g)
		return ctl_fail_err(ctl, "delegate", HLV_E_NOMEM);
	g->ctl = ctl;
	g->d.role = ROLE_BOTH;
	int code = parse(g, argc, argv);
	if (code == CTL_DONE)
		code = ctl->remote ? remote_delegate(ctl, g->name, &g->d) : here(g);
	for (size_t i = 0; i < DELEGATION_MAX; i++)
		hlv_buf_free(&g->sites[i]);
	free(g);
	return code;
}
