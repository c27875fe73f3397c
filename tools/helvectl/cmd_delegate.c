/* SPDX-License-Identifier: Apache-2.0
 *
 * delegate: a prefix is served elsewhere, and its record here says where.
 */
#include <stdlib.h>

#include "tools/helvectl/delegation.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/remote.h"
#include "tools/helvectl/statement.h"

enum { TRIES = 8 }; /* when others change the same meanwhile */

struct delegating {
	struct ctl *ctl;
	char name[NODE_NAME_MAX]; /* 0.NA/P */
	struct delegation d;
	struct hlv_buf sites[DELEGATION_MAX];
	const char *to, *child_key;
	bool no_sign;
	struct statement sign; /* no key: nothing is stated */
	struct hlv_buf key;    /* the child's, encoded */
};

/* --- beside the node --- */

/* The values that are wished for, with our statement about them. */
static enum hlv_err make_values(struct delegating *g, struct registry *r,
				const struct hlv_list *old, uint64_t now_ms,
				struct node_values *values)
{
	struct node_values bare = {0}, wished = {0};
	struct statement_cert cert = {g->name, hlv_buf_bytes(&g->key), STATEMENT_CERT_DAYS};
	enum hlv_err err = HLV_OK;
	statement_strip(g->name, old, &bare);
	struct hlv_list list = statement_list(&bare);
	delegation_apply(&g->d, &list, (uint32_t)(now_ms / 1000), &wished);
	if (g->sign.key)
		statement_find_signer(r, hlv_text(g->name), &g->sign);
	if (g->sign.iss[0] == '\0' || g->d.remove) {
		*values = wished;
	} else {
		list = statement_list(&wished);
		err = statement_apply(&g->sign, hlv_text(g->name), g->key.n > 0 ? &cert : NULL,
				      &list, now_ms, values);
		hlv_buf_free(&wished.buf);
	}
	hlv_buf_free(&bare.buf);
	return err;
}

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
	struct hlv_buf copy = {0}; /* looking for the signer reads other records */
	hlv_buf_put(&copy, rec.values.raw);
	struct hlv_list old = {rec.values.n, hlv_buf_bytes(&copy)};
	err = make_values(g, r, &old, now_ms, &values);
	if (err == HLV_OK && values.n == 0 && g->d.remove)
		err = registry_remove(r, name, now_ms);
	else if (err == HLV_OK)
		err = registry_put(r, name, node_values_list(&values), now_ms);
	if (err == HLV_OK)
		err = registry_flush(r);
	hlv_buf_free(&values.buf);
	hlv_buf_free(&copy);
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
	if (g->sign.key && g->sign.iss[0] == '\0' && !g->d.remove)
		fprintf(stderr,
			"helvectl delegate: warning: %s is not signed: no record here says "
			"whose key keys/admpriv.bin is; helvectl sign %s --as "
			"300:0.NA/PARENT\n",
			g->name, g->name);
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
	if (!g->to)
		g->to = path;
	g->d.sites[g->d.nsites++] = hlv_buf_bytes(buf);
	return CTL_DONE;
}

/* Whose key our statement is about, and with which it is signed. Neither is needed: a node whose
 * administrator keeps his key elsewhere signs there. */
static bool prepare(struct delegating *g)
{
	if (g->no_sign || g->d.remove)
		return true;
	if (!statement_key(g->ctl, NULL, NULL, true, &g->sign))
		return true;
	g->sign.days = STATEMENT_CERT_DAYS;
	if (!g->child_key) {
		if (g->to)
			statement_child_key(g->ctl, g->to, g->d.sites[0], &g->key);
		return true;
	}
	struct hlv_key *key = keys_read(g->ctl, g->child_key, NULL);
	bool ok = key && keys_encode_public(key, &g->key) == HLV_OK;
	hlv_key_free(key);
	return ok;
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
	case 'n':
		g->no_sign = true;
		return CTL_DONE;
	case 'k':
		g->child_key = optarg;
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
						{"no-sign", no_argument, NULL, 'n'},
						{"child-key", required_argument, NULL, 'k'},
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
	if (code == CTL_DONE && ctl->remote)
		code = remote_delegate(ctl, g->name, &g->d);
	else if (code == CTL_DONE)
		code = prepare(g) ? here(g) : CTL_FAILED;
	statement_fini(&g->sign);
	hlv_buf_free(&g->key);
	for (size_t i = 0; i < DELEGATION_MAX; i++)
		hlv_buf_free(&g->sites[i]);
	free(g);
	return code;
}
