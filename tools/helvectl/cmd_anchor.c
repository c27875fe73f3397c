/* SPDX-License-Identifier: Apache-2.0
 *
 * anchor: whom a resolver believes. The file is read and written whole; a resolver that runs on it
 * writes it too, so it is stopped meanwhile.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/net/file.h"
#include "proto/net/json.h"
#include "proto/wire/site.h"
#include "resolver/anchor.h"
#include "tools/helvectl/init.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/node.h"

struct anchoring {
	struct ctl *ctl;
	char file[PATH_MAX];
	const char *prefix, *subject;
	bool pending, forget;
	struct anchors a;
	size_t added;
};

/* anchors.json of a resolver's directory, or of its data directory. */
static void default_file(struct anchoring *g)
{
	if (access(ctl_path(g->ctl, "data", g->file), F_OK) == 0)
		ctl_path(g->ctl, "data/anchors.json", g->file);
	else
		ctl_path(g->ctl, "anchors.json", g->file);
}

static bool read_anchors(struct anchoring *g)
{
	struct hlv_buf text = {0};
	char why[CTL_WHY] = "", what[ANCHOR_WHY] = "";
	enum hlv_err err = hlv_file_read(g->file, ANCHOR_FILE_MAX, &text, why);
	bool none = err == HLV_E_NOT_FOUND;
	if (err == HLV_OK)
		err = anchors_parse(hlv_buf_bytes(&text), &g->a, what);
	if (err != HLV_OK && !none)
		ctl_fail(g->ctl, "%s%s%s", *what ? g->file : why, *what ? ": " : "", what);
	hlv_buf_free(&text);
	return err == HLV_OK || none;
}

static int write_anchors(struct anchoring *g)
{
	struct hlv_buf text = {0};
	char why[CTL_WHY] = "";
	anchors_print(&text, &g->a);
	enum hlv_err err = hlv_file_write(g->file, 0644, hlv_buf_bytes(&text), why);
	hlv_buf_free(&text);
	return err == HLV_OK ? CTL_DONE : ctl_fail(g->ctl, "%s", why);
}

/* --- list --- */

static void list_text(const struct anchors *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct anchor *x = &a->list[i];
		char when[32] = "";
		time_t at = (time_t)(x->since_ms / 1000);
		struct tm tm;
		strftime(when, sizeof when, "%Y-%m-%d", gmtime_r(&at, &tm));
		printf("%zu  %-8s %-10s %-16s for %s, since %s%s\n", i + 1,
		       anchor_state_name(x->state), hlv_key_name(x->key), x->subject,
		       x->prefix[0] ? x->prefix : "everything", when,
		       x->by_hand ? ", by hand" : "");
	}
	if (a->insecure)
		puts("insecure: runs without any anchor too");
}

static int list(struct anchoring *g)
{
	struct hlv_buf b = {0};
	if (!g->ctl->json) {
		list_text(&g->a);
		return CTL_DONE;
	}
	anchors_print(&b, &g->a);
	fputs(b.p ? b.p : "", stdout);
	hlv_buf_free(&b);
	return CTL_DONE;
}

/* --- add --- */

/* Whoever adds by hand a key that waits to be believed has checked it: it waits no more. */
static bool promote(struct anchoring *g, struct hlv_bytes octets)
{
	struct hlv_key *key = NULL;
	bool found = false;
	if (g->pending || hlv_pubkey_decode(octets, &key) != HLV_OK)
		return false;
	for (size_t i = 0; i < g->a.n && !found; i++) {
		struct anchor *a = &g->a.list[i];
		if ((a->state != ANCHOR_SEEN && a->state != ANCHOR_PENDING) ||
		    strcmp(a->prefix, g->prefix ? g->prefix : "") != 0 ||
		    !hlv_key_same_public(a->key, key))
			continue;
		a->state = ANCHOR_VALID;
		a->since_ms = ctl_now_ms();
		g->added++;
		found = true;
	}
	hlv_key_free(key);
	return found;
}

static int add_key(struct anchoring *g, struct hlv_bytes key, const char *subject)
{
	enum hlv_err err = anchors_add(
		&g->a, g->subject ? g->subject : subject, g->prefix ? g->prefix : "", key,
		g->pending ? ANCHOR_PENDING : ANCHOR_VALID, ctl_now_ms());
	switch ((int)err) {
	case HLV_OK:
		g->a.list[g->a.n - 1].by_hand = g->pending;
		g->added++;
		return CTL_DONE;
	case HLV_E_EXISTS:
		if (promote(g, key))
			return CTL_DONE;
		return ctl_fail(g->ctl, "this key is an anchor already, or was revoked: see "
					"helvectl anchor list");
	case HLV_E_LIMIT:
		return ctl_fail(g->ctl, "there are %d anchors already", ANCHORS_MAX);
	default:
		return ctl_fail_err(g->ctl, "the key", err);
	}
}

static int add_key_file(struct anchoring *g, const char *file, const char *subject)
{
	struct hlv_buf public = {0};
	struct hlv_key *key = keys_read(g->ctl, file, NULL);
	int code = CTL_FAILED;
	if (key && keys_encode_public(key, &public) == HLV_OK)
		code = add_key(g, hlv_buf_bytes(&public), subject);
	hlv_key_free(key);
	hlv_buf_free(&public);
	return code;
}

static bool is_believed(const struct anchoring *g, struct hlv_bytes octets)
{
	struct hlv_key *key = NULL;
	bool found = false;
	if (hlv_pubkey_decode(octets, &key) != HLV_OK)
		return false;
	for (size_t i = 0; i < g->a.n && !found; i++)
		found = anchor_is_believed(&g->a.list[i]) &&
			strcmp(g->a.list[i].prefix, g->prefix ? g->prefix : "") == 0 &&
			hlv_key_same_public(g->a.list[i].key, key);
	hlv_key_free(key);
	return found;
}

/* The servers of a site sign messages; whoever has the site's directory has the key that signs
 * records too. */
static int add_site(struct anchoring *g, const char *path, struct hlv_bytes octets)
{
	struct hlv_site site;
	char file[PATH_MAX];
	if (hlv_site_decode(octets, &site) != HLV_OK)
		return ctl_fail(g->ctl, "%s: no site record", path);
	struct hlv_reader r = hlv_reader(site.servers.raw);
	for (uint32_t i = 0; i < site.servers.n; i++) {
		struct hlv_site_server server;
		hlv_site_next_server(&r, &server);
		if (server.key.n == 0)
			continue;
		if (!is_believed(g, server.key) &&
		    add_key(g, server.key, "301:0.0/0.0") != CTL_DONE)
			return CTL_FAILED;
	}
	snprintf(file, sizeof file, "%s/keys/admpub.bin", path);
	if (access(file, R_OK) == 0)
		return add_key_file(g, file, "300:0.0/0.0");
	return g->added > 0 ? CTL_DONE
			    : ctl_fail(g->ctl, "%s: no server in it has a key", path);
}

static bool is_site(const char *path)
{
	struct hlv_buf text = {0};
	struct stat st;
	char why[CTL_WHY];
	struct hlv_site site;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	bool found = hlv_file_read(path, NODE_SITE_MAX, &text, why) == HLV_OK &&
		     (hlv_site_decode(hlv_buf_bytes(&text), &site) == HLV_OK ||
		      memmem(text.p, text.n, "\"servers\"", 9) != NULL);
	hlv_buf_free(&text);
	return found;
}

static int add(struct anchoring *g, const char *path)
{
	struct hlv_buf site = {0};
	if (g->prefix && *g->prefix && !g->subject)
		return ctl_usage(g->ctl,
				 "an anchor for a prefix needs --subject, as 300:0.NA/%s: who "
				 "signs with it",
				 g->prefix);
	int code = CTL_FAILED;
	if (!is_site(path))
		code = add_key_file(g, path, "0.0/0.0");
	else if (node_read_site(g->ctl, path, &site))
		code = add_site(g, path, hlv_buf_bytes(&site));
	hlv_buf_free(&site);
	return code == CTL_DONE ? write_anchors(g) : code;
}

/* --- revoke, remove --- */

static int pick(struct anchoring *g, const char *text, struct anchor **found)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (*end != '\0' || n < 1 || n > g->a.n)
		return ctl_fail(g->ctl,
				"%s: there are anchors 1 to %zu: see helvectl anchor list",
				text, g->a.n);
	*found = &g->a.list[n - 1];
	return CTL_DONE;
}

static int revoke_one(struct anchoring *g, const char *text)
{
	struct anchor *x = NULL;
	int code = pick(g, text, &x);
	if (code != CTL_DONE)
		return code;
	x->state = ANCHOR_REVOKED;
	x->since_ms = ctl_now_ms();
	return write_anchors(g);
}

static int remove_one(struct anchoring *g, const char *text)
{
	struct anchor *x = NULL;
	int code = pick(g, text, &x);
	if (code != CTL_DONE)
		return code;
	if (x->state == ANCHOR_REVOKED && !g->forget)
		return ctl_fail(g->ctl,
				"%s is revoked, and stays so that it is never believed again; "
				"--forget takes it out all the same",
				text);
	hlv_key_free(x->key);
	*x = (struct anchor){.state = ANCHOR_FORGOTTEN};
	return write_anchors(g);
}

/* --- the verb --- */

int anchor_begin(struct ctl *ctl, const char *root)
{
	char file[PATH_MAX];
	snprintf(file, sizeof file, "%s/keys/admpub.bin", root);
	if (access(file, R_OK) != 0)
		return CTL_DONE;
	struct anchoring *g = calloc(1, sizeof *g);
	if (!g)
		return ctl_fail_err(ctl, "anchor", HLV_E_NOMEM);
	g->ctl = ctl;
	default_file(g);
	int code = add(g, root);
	anchors_fini(&g->a);
	free(g);
	return code;
}

static int parse(struct anchoring *g, int argc, char **argv)
{
	static const struct option options[] = {{"file", required_argument, NULL, 'f'},
						{"prefix", required_argument, NULL, 'p'},
						{"subject", required_argument, NULL, 's'},
						{"pending", no_argument, NULL, 'w'},
						{"forget", no_argument, NULL, 'x'},
						{0}};
	int c;
	ctl_options_begin();
	while ((c = ctl_option(g->ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return CTL_USAGE;
		if (c == 'f')
			snprintf(g->file, sizeof g->file, "%s", optarg);
		if (c == 'p')
			g->prefix = optarg;
		if (c == 's')
			g->subject = optarg;
		g->pending = g->pending || c == 'w';
		g->forget = g->forget || c == 'x';
	}
	return CTL_DONE;
}

static int run(struct anchoring *g, const char *verb, const char *arg)
{
	if (strcmp(verb, "list") == 0 && !arg)
		return list(g);
	if (strcmp(verb, "add") == 0 && arg)
		return add(g, arg);
	if (strcmp(verb, "revoke") == 0 && arg)
		return revoke_one(g, arg);
	if (strcmp(verb, "remove") == 0 && arg)
		return remove_one(g, arg);
	return ctl_usage(g->ctl, "list, add FILE|SITE|DIR, revoke N or remove N?");
}

int cmd_anchor(struct ctl *ctl, int argc, char **argv)
{
	struct anchoring *g = calloc(1, sizeof *g);
	if (!g)
		return ctl_fail_err(ctl, "anchor", HLV_E_NOMEM);
	g->ctl = ctl;
	default_file(g);
	int code = parse(g, argc, argv);
	const char *verb = optind < argc ? argv[optind] : "list";
	const char *arg = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (code == CTL_DONE && optind + 2 < argc)
		code = ctl_usage(ctl, "what is '%s'?", argv[optind + 2]);
	if (code == CTL_DONE && !read_anchors(g))
		code = CTL_FAILED;
	if (code == CTL_DONE)
		code = run(g, verb, arg);
	anchors_fini(&g->a);
	free(g);
	return code;
}
