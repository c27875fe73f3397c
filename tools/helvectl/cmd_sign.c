/* SPDX-License-Identifier: Apache-2.0
 *
 * sign, cert: signatures of records, made once at registration, and certificates for those who sign
 * below us.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/wire/codes.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/progress.h"
#include "tools/helvectl/scan.h"
#include "tools/helvectl/statement.h"

enum { TRIES = 8, DAYS_MAX = 36500 };

struct signing {
	struct ctl *ctl;
	const char *key_file, *passphrase_file, *as, *to;
	unsigned days; /* 0: by default */
	struct statement s;
	struct hlv_buf child;		   /* cert: his key */
	const struct statement_cert *cert; /* NULL: sign */
};

/* --- one record --- */

static enum hlv_err sign_once(struct signing *g, struct registry *r, struct hlv_bytes id)
{
	struct hlv_record rec = {0};
	struct node_values values = {0};
	struct hlv_buf copy = {0}; /* looking for the signer reads other records */
	uint64_t now_ms = ctl_now_ms();
	enum hlv_err err = registry_get(r, id, &rec);
	if (err != HLV_OK && (err != HLV_E_NOT_FOUND || !g->cert))
		return err;
	hlv_buf_put(&copy, rec.values.raw);
	size_t list_n = copy.n;
	hlv_buf_put(&copy, err == HLV_OK ? rec.name : id); /* as it was registered */
	struct hlv_list old = {rec.values.n, hlv_head(hlv_buf_bytes(&copy), list_n)};
	id = hlv_skip(hlv_buf_bytes(&copy), list_n);
	if (!g->as)
		statement_find_signer(r, id, &g->s);
	err = HLV_E_KEY;
	if (g->s.iss[0] != '\0')
		err = statement_apply(&g->s, id, g->cert, &old, now_ms, &values);
	if (err == HLV_OK)
		err = registry_put(r, id, node_values_list(&values), now_ms);
	hlv_buf_free(&values.buf);
	hlv_buf_free(&copy);
	return err;
}

static enum hlv_err sign_one(struct signing *g, struct registry *r, struct hlv_bytes id)
{
	enum hlv_err err = HLV_E_CONFLICT;
	for (int i = 0; i < TRIES && err == HLV_E_CONFLICT; i++) {
		err = sign_once(g, r, id);
		if (err == HLV_OK)
			err = registry_flush(r);
	}
	return err;
}

static int told(const struct signing *g, const char *id, enum hlv_err err)
{
	if (err == HLV_E_NOT_FOUND)
		return ctl_fail(g->ctl, "%s: not in this registry", id);
	if (err == HLV_E_KEY)
		return ctl_fail(g->ctl,
				"%s: no record here says whose key this is: name the identity "
				"with --as, as 300:0.NA/88",
				id);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(g->ctl, id, err);
}

/* --- all of a prefix --- */

static bool note_name(void *ctx, const struct hlv_record *rec)
{
	struct hlv_buf *names = ctx;
	uint8_t n[4];
	hlv_store_u32(n, (uint32_t)rec->name.n);
	hlv_buf_put(names, hlv_bytes(n, sizeof n));
	hlv_buf_put(names, rec->name);
	return !names->bad;
}

static int sign_names(struct signing *g, struct registry *r, const struct hlv_buf *names)
{
	struct progress p;
	struct hlv_reader names_left = hlv_reader(hlv_buf_bytes(names));
	enum hlv_err err = HLV_OK;
	uint64_t done = 0;
	progress_begin(&p);
	while (err == HLV_OK && hlv_left(&names_left) > 0) {
		struct hlv_bytes id = hlv_get_lp32(&names_left);
		err = sign_once(g, r, id);
		if (err == HLV_E_CONFLICT)
			err = sign_one(g, r, id);
		if (err == HLV_E_NOT_FOUND) /* deleted meanwhile */
			err = HLV_OK;
		if (err == HLV_OK)
			done++;
		if (done % 64 == 0)
			progress_show(&p, "records signed", done, names_left.pos, names->n);
	}
	if (err == HLV_OK)
		err = registry_flush(r);
	progress_end(&p);
	if (err != HLV_OK)
		return told(g, "records", err);
	printf("signed=%llu seconds=%.1f\n", (unsigned long long)done, progress_seconds(&p));
	return CTL_DONE;
}

static int sign_prefix(struct signing *g, const char *handle)
{
	struct ctl *ctl = g->ctl;
	struct hlv_buf names = {0};
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	enum hlv_err err = scan_records(ctl->store, ctl->view,
					hlv_text(handle + strlen("0.NA/")), note_name, &names);
	ctl_close(ctl);
	int code = CTL_FAILED;
	struct registry *r = NULL;
	if (err != HLV_OK || names.bad)
		code = ctl_fail_err(ctl, handle, err == HLV_OK ? HLV_E_NOMEM : err);
	else
		r = node_open_registry(ctl);
	if (r)
		code = sign_names(g, r, &names);
	registry_free(r);
	hlv_buf_free(&names);
	return code;
}

/* --- the verbs --- */

static int take_option(struct signing *g, int option)
{
	char *end;
	switch (option) {
	case 'k':
		g->key_file = optarg;
		return CTL_DONE;
	case 'f':
		g->passphrase_file = optarg;
		return CTL_DONE;
	case 'a':
		g->as = optarg;
		return CTL_DONE;
	case 't':
		g->to = optarg;
		return CTL_DONE;
	case 'd':
		g->days = (unsigned)strtoul(optarg, &end, 10);
		if (*optarg >= '0' && *optarg <= '9' && *end == '\0' && g->days > 0 &&
		    g->days <= DAYS_MAX)
			return CTL_DONE;
		return ctl_usage(g->ctl, "days '%s': expected 1 to %d", optarg, DAYS_MAX);
	default:
		return CTL_USAGE;
	}
}

static int begin(struct signing *g, unsigned days)
{
	if (!statement_key(g->ctl, g->key_file, g->passphrase_file, false, &g->s))
		return CTL_FAILED;
	g->s.days = g->days ? g->days : days;
	if (!g->as)
		return CTL_DONE;
	struct hlv_ref ref = hlv_ref_parse(hlv_text(g->as));
	if (ref.index == 0 || ref.handle.n == 0 || strlen(g->as) >= sizeof g->s.iss)
		return ctl_usage(g->ctl, "as '%s': expected INDEX:HANDLE, as 300:0.NA/88",
				 g->as);
	snprintf(g->s.iss, sizeof g->s.iss, "%s", g->as);
	return CTL_DONE;
}

static int run_one(struct signing *g, const char *id)
{
	struct registry *r = node_open_registry(g->ctl);
	if (!r)
		return CTL_FAILED;
	enum hlv_err err = sign_one(g, r, hlv_text(id));
	registry_free(r);
	return told(g, id, err);
}

int cmd_sign(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"prefix", required_argument, NULL, 'p'},
		{"key", required_argument, NULL, 'k'},
		{"passphrase-file", required_argument, NULL, 'f'},
		{"as", required_argument, NULL, 'a'},
		{"days", required_argument, NULL, 'd'},
		{0}};
	struct signing g = {.ctl = ctl};
	char prefix[NODE_NAME_MAX] = "";
	int c, code = CTL_DONE;
	ctl_options_begin();
	while (code == CTL_DONE && (c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c != 'p')
			code = take_option(&g, c);
		else if (!node_prefix_handle(ctl, optarg, prefix))
			code = CTL_USAGE;
	}
	if (code == CTL_DONE && (optind + 1 == argc) == (prefix[0] != '\0'))
		code = ctl_usage(ctl, "which identifier, or which --prefix?");
	if (code == CTL_DONE)
		code = begin(&g, STATEMENT_DAYS);
	if (code == CTL_DONE)
		code = prefix[0] ? sign_prefix(&g, prefix) : run_one(&g, argv[optind]);
	statement_fini(&g.s);
	return code;
}

/* The key of FILE, or of the administrator of the node in a directory. */
static bool read_child(struct signing *g)
{
	char file[PATH_MAX];
	struct stat st;
	bool folder = stat(g->to, &st) == 0 && S_ISDIR(st.st_mode);
	snprintf(file, sizeof file, folder ? "%s/keys/admpub.bin" : "%s", g->to);
	struct hlv_key *key = keys_read(g->ctl, file, NULL);
	bool ok = key && keys_encode_public(key, &g->child) == HLV_OK;
	hlv_key_free(key);
	return ok;
}

int cmd_cert(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"key", required_argument, NULL, 'k'},
		{"passphrase-file", required_argument, NULL, 'f'},
		{"as", required_argument, NULL, 'a'},
		{"days", required_argument, NULL, 'd'},
		{0}};
	struct signing g = {.ctl = ctl};
	struct statement_cert cert = {0};
	char name[NODE_NAME_MAX];
	int c, code = CTL_DONE;
	ctl_options_begin();
	while (code == CTL_DONE && (c = ctl_option(ctl, argc, argv, options)) != -1)
		code = take_option(&g, c);
	if (code == CTL_DONE && (optind + 1 != argc || !g.to))
		code = ctl_usage(ctl, "which prefix, and --to whose key?");
	if (code == CTL_DONE && !node_prefix_handle(ctl, argv[optind], name))
		code = CTL_USAGE;
	if (code == CTL_DONE)
		code = begin(&g, STATEMENT_CERT_DAYS);
	if (code == CTL_DONE && !read_child(&g))
		code = CTL_FAILED;
	if (code == CTL_DONE) {
		cert = (struct statement_cert){name, hlv_buf_bytes(&g.child), g.s.days};
		g.cert = &cert;
		code = run_one(&g, name);
	}
	statement_fini(&g.s);
	hlv_buf_free(&g.child);
	return code;
}
