/* SPDX-License-Identifier: Apache-2.0
 *
 * site: the node's own site record (site.json, site.bin): who its servers are, which of them has an
 * identifier, whether it is a primary. A site of several servers shares one record; the records of
 * prefixes here that show it follow.
 */
#include <stdlib.h>

#include "proto/net/addr.h"
#include "proto/net/file.h"
#include "proto/net/json.h"
#include "proto/sec/digest.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/scan.h"
#include "tools/helvectl/site_place.h"

enum { TRIES = 8, CONFIG_MAX = 1 << 20, REPLACED_MAX = 1024 };

struct site_verb {
	struct ctl *ctl;
	struct hlv_buf old; /* site.bin's octets */
	struct site_edit edit;
	/* what is to be put in, as long as it is borrowed */
	struct hlv_buf other;
	struct site_edit from;
};

static void end_verb(struct site_verb *v)
{
	hlv_buf_free(&v->old);
	hlv_buf_free(&v->other);
	free(v);
}

static struct site_verb *begin_verb(struct ctl *ctl)
{
	char path[PATH_MAX], why[CTL_WHY] = "";
	struct site_verb *v = calloc(1, sizeof *v);
	if (!v) {
		ctl_fail_err(ctl, "site", HLV_E_NOMEM);
		return NULL;
	}
	v->ctl = ctl;
	enum hlv_err err =
		hlv_file_read(ctl_path(ctl, "site.bin", path), NODE_SITE_MAX, &v->old, why);
	if (err == HLV_OK)
		err = site_edit_begin(&v->edit, hlv_buf_bytes(&v->old));
	if (err == HLV_OK)
		return v;
	ctl_fail(ctl, "%s", *why ? why : "site.bin: no site record that can be changed");
	end_verb(v);
	return NULL;
}

/* --- the registry follows --- */

/* Prefixes here whose records show the record that is replaced. */
struct showing {
	struct hlv_bytes old;
	char (*names)[NODE_NAME_MAX];
	size_t n;
};

static bool shows(const struct hlv_list *values, struct hlv_bytes site)
{
	struct hlv_reader r = hlv_reader(values->raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < values->n; i++)
		if (hlv_value_decode(&r, &v) == HLV_OK && hlv_eq(v.data, site))
			return true;
	return false;
}

static bool note_showing(void *ctx, const struct hlv_record *rec)
{
	struct showing *s = ctx;
	if (shows(&rec->values, s->old) && s->n < REPLACED_MAX && rec->name.n < NODE_NAME_MAX)
		snprintf(s->names[s->n++], NODE_NAME_MAX, "%.*s", (int)rec->name.n,
			 (const char *)rec->name.p);
	return true;
}

static enum hlv_err replace_once(struct registry *r, const char *name, struct hlv_bytes old,
				 struct hlv_bytes new)
{
	struct hlv_record rec;
	struct node_values values;
	uint64_t now_ms = ctl_now_ms();
	HLV_TRY(registry_get(r, hlv_text(name), &rec));
	struct hlv_reader reader = hlv_reader(rec.values.raw);
	node_values_begin(&values);
	for (uint32_t i = 0; i < rec.values.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&reader, &v) != HLV_OK)
			continue;
		if (hlv_eq(v.data, old)) {
			v.data = new;
			v.mtime_s = (uint32_t)(now_ms / 1000);
		}
		node_values_copy(&values, &v);
	}
	enum hlv_err err = registry_put(r, hlv_text(name), node_values_list(&values), now_ms);
	if (err == HLV_OK)
		err = registry_flush(r);
	hlv_buf_free(&values.buf);
	return err;
}

static int replace(struct ctl *ctl, const struct showing *s, struct hlv_bytes new)
{
	struct registry *r = s->n ? node_open_registry(ctl) : NULL;
	enum hlv_err err = HLV_OK;
	if (s->n == 0)
		return CTL_DONE;
	if (!r)
		return CTL_FAILED;
	for (size_t i = 0; i < s->n && err == HLV_OK; i++) {
		err = HLV_E_CONFLICT;
		for (int t = 0; t < TRIES && err == HLV_E_CONFLICT; t++)
			err = replace_once(r, s->names[i], s->old, new);
		if (err != HLV_OK)
			ctl_fail_err(ctl, s->names[i], err);
	}
	registry_free(r);
	return err == HLV_OK ? CTL_DONE : CTL_FAILED;
}

/* 0.NA/P of whatever is served here, and service handles, show it; whoever shows it is shown. */
static int follow(struct ctl *ctl, struct hlv_bytes old, struct hlv_bytes new)
{
	struct showing s = {.old = old, .names = calloc(REPLACED_MAX, NODE_NAME_MAX)};
	int code = CTL_FAILED;
	if (!s.names)
		return ctl_fail_err(ctl, "site", HLV_E_NOMEM);
	if (ctl_open_to_read(ctl)) {
		enum hlv_err err =
			scan_records(ctl->store, ctl->view, hlv_text("0.NA"), note_showing, &s);
		if (err == HLV_OK)
			err = scan_records(ctl->store, ctl->view, hlv_text("0.0"), note_showing,
					   &s);
		ctl->store->ops->view_end(ctl->view);
		code = err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, "site", err);
		ctl_close(ctl);
	}
	if (code == CTL_DONE)
		code = replace(ctl, &s, new);
	free(s.names);
	return code;
}

/* --- the files --- */

static bool write_file(struct ctl *ctl, const char *name, struct hlv_bytes octets)
{
	char path[PATH_MAX], why[CTL_WHY] = "";
	if (hlv_file_write(ctl_path(ctl, name, path), 0644, octets, why) == HLV_OK)
		return true;
	ctl_fail(ctl, "%s", why);
	return false;
}

/* site.bin last: it is what the server reads. */
static int write_site(struct ctl *ctl, struct hlv_bytes octets)
{
	struct hlv_buf json = {0};
	int code = CTL_FAILED;
	if (hlv_json_put_site(&json, octets) == HLV_OK) {
		hlv_buf_str(&json, "\n");
		if (write_file(ctl, "site.json", hlv_buf_bytes(&json)) &&
		    write_file(ctl, "site.bin", octets))
			code = CTL_DONE;
	} else {
		ctl_fail(ctl, "this site cannot be written as JSON");
	}
	hlv_buf_free(&json);
	return code;
}

static int put_site(struct site_verb *v, struct hlv_bytes octets)
{
	struct hlv_site site;
	int code = write_site(v->ctl, octets);
	if (code == CTL_DONE)
		code = follow(v->ctl, hlv_buf_bytes(&v->old), octets);
	if (code == CTL_DONE && hlv_site_decode(octets, &site) == HLV_OK)
		printf(v->ctl->json ? "{\"serial\":%u,\"servers\":%u}\n"
				    : "serial %u, %u servers: helvectl reload here, helvectl "
				      "delegate above\n",
		       site.serial, site.servers.n);
	return code;
}

static int save(struct site_verb *v)
{
	uint8_t octets[NODE_SITE_MAX];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	site_edit_encode(&v->edit, &w);
	if (w.bad)
		return ctl_fail(v->ctl, "the site record becomes too long");
	return put_site(v, hlv_written(&w));
}

/* --- add-server, rm-server, join --- */

static int read_other(struct site_verb *v, const char *path)
{
	if (!node_read_site(v->ctl, path, &v->other))
		return CTL_FAILED;
	if (site_edit_begin(&v->from, hlv_buf_bytes(&v->other)) != HLV_OK)
		return ctl_fail(v->ctl, "%s: too many servers", path);
	return CTL_DONE;
}

static int add_servers(struct site_verb *v, const char *path)
{
	int code = read_other(v, path);
	if (code != CTL_DONE)
		return code;
	for (size_t i = 0; i < v->from.nservers; i++) {
		enum hlv_err err = site_edit_add_server(&v->edit, &v->from.servers[i]);
		if (err == HLV_E_EXISTS)
			return ctl_fail(v->ctl,
					"%s: a server with this key, or at this address, is "
					"there already",
					path);
		if (err != HLV_OK)
			return ctl_fail(v->ctl, "more than %d servers", HLV_SITE_SERVERS_MAX);
	}
	return save(v);
}

static int remove_server(struct site_verb *v, const char *number)
{
	char *end;
	unsigned long n = strtoul(number, &end, 10);
	if (*end || n < 1 || n > v->edit.nservers)
		return ctl_usage(v->ctl, "server '%s': expected 1 to %zu", number,
				 v->edit.nservers);
	if (v->edit.nservers == 1)
		return ctl_fail(v->ctl, "a site has one server at least");
	site_edit_remove_server(&v->edit, n - 1);
	return save(v);
}

/* Lines of helved.yaml without the option, then the option. */
static bool set_number(struct ctl *ctl, int number)
{
	static const char option[] = "server-number:";
	char path[PATH_MAX], why[CTL_WHY] = "";
	struct hlv_buf file = {0}, out = {0};
	if (hlv_file_read(ctl_path(ctl, "helved.yaml", path), CONFIG_MAX, &file, why) !=
	    HLV_OK) {
		ctl_fail(ctl, "%s", why);
		return false;
	}
	for (const char *p = file.n ? file.p : ""; *p;) {
		size_t n = strcspn(p, "\n");
		if (strncmp(p, option, sizeof option - 1) != 0) {
			hlv_buf_put(&out, hlv_bytes(p, n));
			hlv_buf_str(&out, "\n");
		}
		p += n + (p[n] == '\n');
	}
	hlv_buf_printf(&out, "%s %d\n", option, number);
	bool ok = write_file(ctl, "helved.yaml", hlv_buf_bytes(&out));
	hlv_buf_free(&file);
	hlv_buf_free(&out);
	return ok;
}

/* The record that another server of the site made: ours must be one of its servers. */
static int join(struct site_verb *v, const char *path)
{
	char own[PATH_MAX], why[CTL_WHY] = "";
	struct hlv_buf file = {0};
	struct hlv_key *key = NULL;
	int code = read_other(v, path), at = -1;
	if (code != CTL_DONE)
		return code;
	if (hlv_file_read(ctl_path(v->ctl, "keys/pubkey.bin", own), KEYS_MAX, &file, why) !=
		    HLV_OK ||
	    hlv_pubkey_decode(hlv_buf_bytes(&file), &key) != HLV_OK)
		code = ctl_fail(v->ctl, "%s", *why ? why : "keys/pubkey.bin: no public key");
	else
		at = site_edit_find_key(&v->from, key);
	hlv_key_free(key);
	hlv_buf_free(&file);
	if (code != CTL_DONE)
		return code;
	if (at < 0)
		return ctl_fail(v->ctl,
				"%s: shows no server with the key in keys/pubkey.bin: first "
				"helvectl site add-server there",
				path);
	if (!set_number(v->ctl, at + 1))
		return CTL_FAILED;
	return put_site(v, hlv_buf_bytes(&v->other));
}

/* --- set --- */

static int set_hash(struct site_verb *v, const char *text)
{
	static const char *const names[] = {"prefix", "suffix", "all"};
	for (uint8_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(text, names[i]) == 0) {
			v->edit.site.hash_option = i;
			return CTL_DONE;
		}
	}
	return ctl_usage(v->ctl, "hash '%s': expected prefix, suffix or all", text);
}

static int yes_or_no(struct site_verb *v, const char *text, bool *yes)
{
	*yes = strcmp(text, "yes") == 0;
	if (*yes || strcmp(text, "no") == 0)
		return CTL_DONE;
	return ctl_usage(v->ctl, "'%s': expected yes or no", text);
}

static int set_attribute(struct site_verb *v, const char *name, const char *value)
{
	if (site_edit_set_attribute(&v->edit, hlv_text(name), hlv_text(value)) == HLV_OK)
		return CTL_DONE;
	return ctl_fail(v->ctl, "more than %d attributes", SITE_ATTRIBUTES_MAX);
}

static int set_one(struct site_verb *v, int option, const char *text)
{
	bool yes;
	int code = CTL_DONE;
	struct hlv_addr address;
	switch (option) {
	case 'x':
		return set_hash(v, text);
	case 'p':
		code = yes_or_no(v, text, &yes);
		if (code == CTL_DONE)
			v->edit.site.flags =
				yes ? v->edit.site.flags | HLV_SITE_PRIMARY
				    : v->edit.site.flags & (uint8_t)~HLV_SITE_PRIMARY;
		return code;
	case 't':
		code = yes_or_no(v, text, &yes);
		return code == CTL_DONE ? set_attribute(v, "helve", yes ? "tls" : "") : code;
	case 'd':
		return set_attribute(v, "desc", text);
	case 'a':
		if (*text && hlv_addr_parse(text, HLV_PORT, &address) != HLV_OK)
			return ctl_usage(v->ctl, "alt-addr '%s': expected an address", text);
		return set_attribute(v, "alt_addr", text);
	}
	return CTL_USAGE;
}

static int set(struct site_verb *v, int argc, char **argv)
{
	static const struct option options[] = {{"hash", required_argument, NULL, 'x'},
						{"primary", required_argument, NULL, 'p'},
						{"tls", required_argument, NULL, 't'},
						{"desc", required_argument, NULL, 'd'},
						{"alt-addr", required_argument, NULL, 'a'},
						{0}};
	int c, code = CTL_DONE;
	bool any = false;
	ctl_options_begin();
	while (code == CTL_DONE && (c = ctl_option(v->ctl, argc, argv, options)) != -1) {
		code = set_one(v, c, optarg);
		any = true;
	}
	if (code != CTL_DONE)
		return code;
	if (optind < argc || !any)
		return ctl_usage(v->ctl, "what is to be set?");
	return save(v);
}

/* --- show, server-of --- */

static int show(struct site_verb *v)
{
	static const char *const hashes[] = {"prefix", "suffix", "whole identifier"};
	const struct site_edit *e = &v->edit;
	if (v->ctl->json) {
		struct hlv_buf b = {0};
		enum hlv_err err = hlv_json_put_site(&b, hlv_buf_bytes(&v->old));
		if (err == HLV_OK)
			puts(b.p);
		hlv_buf_free(&b);
		return err == HLV_OK ? CTL_DONE : ctl_fail_err(v->ctl, "site.bin", err);
	}
	printf("serial   %u\nkind     %s\nhash     %s\n", e->site.serial,
	       e->site.flags & HLV_SITE_PRIMARY ? "primary" : "mirror",
	       e->site.hash_option < 3 ? hashes[e->site.hash_option] : "unknown");
	for (size_t i = 0; i < e->nattributes; i++)
		printf("%-8.*s %.*s\n", (int)e->attributes[i].name.n,
		       (const char *)e->attributes[i].name.p, (int)e->attributes[i].value.n,
		       (const char *)e->attributes[i].value.p);
	for (size_t i = 0; i < e->nservers; i++) {
		struct hlv_reader r = hlv_reader(e->servers[i].interfaces.raw);
		struct hlv_site_interface interface = {0};
		struct hlv_addr addr;
		char text[HLV_ADDR_TEXT];
		if (e->servers[i].interfaces.n > 0)
			hlv_site_next_interface(&r, &interface);
		hlv_addr_from_site(e->servers[i].address, (uint16_t)interface.port, &addr);
		printf("server %zu %s%s\n", i + 1, hlv_addr_print(&addr, text),
		       e->servers[i].key.n ? "" : ", without a key");
	}
	return CTL_DONE;
}

static int server_of(struct site_verb *v, const char *id)
{
	uint32_t hash;
	enum hlv_err err = hlv_site_hash(hlv_text(id), v->edit.site.hash_option, &hash);
	if (err != HLV_OK)
		return ctl_fail_err(v->ctl, id, err);
	printf(v->ctl->json ? "{\"server\":%zu}\n" : "%zu\n", hash % v->edit.nservers + 1);
	return CTL_DONE;
}

/* --- the verb --- */

static int run(struct site_verb *v, int argc, char **argv)
{
	static const struct option no_options[] = {{0}};
	const char *what = argc > 0 ? argv[0] : "show";
	if (strcmp(what, "set") == 0)
		return set(v, argc, argv);
	ctl_options_begin();
	if (ctl_option(v->ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	int left = argc - optind;
	if (strcmp(what, "show") == 0 && left <= 0)
		return show(v);
	if (strcmp(what, "prune") == 0 && left <= 0)
		return site_prune(v->ctl, &v->edit);
	if (left != 1)
		return ctl_usage(v->ctl,
				 "show, add-server, rm-server, join, set, server-of or prune?");
	const char *arg = argv[optind];
	if (strcmp(what, "add-server") == 0)
		return add_servers(v, arg);
	if (strcmp(what, "rm-server") == 0)
		return remove_server(v, arg);
	if (strcmp(what, "join") == 0)
		return join(v, arg);
	if (strcmp(what, "server-of") == 0)
		return server_of(v, arg);
	return ctl_usage(v->ctl, "there is no 'site %s'", what);
}

int cmd_site(struct ctl *ctl, int argc, char **argv)
{
	/* --json may stand in front of the word. */
	if (argc > 1 && strcmp(argv[1], "--json") == 0) {
		ctl->json = true;
		argc--;
		argv++;
	}
	struct site_verb *v = begin_verb(ctl);
	if (!v)
		return CTL_FAILED;
	int code = run(v, argc - 1, argv + 1);
	end_verb(v);
	return code;
}
