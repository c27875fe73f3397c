/* SPDX-License-Identifier: Apache-2.0
 *
 * list, count: what is under a prefix.
 */
#include "proto/net/json.h"
#include "tools/helvectl/node.h"
#include "tools/helvectl/remote.h"
#include "tools/helvectl/scan.h"

static const struct option no_options[] = {{0}};

struct listing {
	const struct ctl *ctl;
	struct hlv_buf line;
	uint64_t n;
};

static bool print_name(void *ctx, const struct hlv_record *rec)
{
	struct listing *l = ctx;
	hlv_buf_clear(&l->line);
	if (l->ctl->json) {
		hlv_buf_str(&l->line, l->n > 0 ? "," : "");
		hlv_json_put_str(&l->line, rec->name);
	} else {
		hlv_buf_put(&l->line, rec->name);
		hlv_buf_str(&l->line, "\n");
	}
	l->n++;
	return fwrite(l->line.p, 1, l->line.n, stdout) == l->line.n;
}

static int list(struct ctl *ctl, const char *prefix)
{
	struct listing l = {.ctl = ctl};
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	if (ctl->json) {
		hlv_buf_str(&l.line, "{\"prefix\":");
		hlv_json_put_str(&l.line, hlv_text(prefix));
		printf("%s,\"handles\":[", l.line.p);
	}
	enum hlv_err err =
		scan_records(ctl->store, ctl->view, hlv_text(prefix), print_name, &l);
	if (ctl->json)
		printf("],\"totalCount\":\"%llu\"}\n", (unsigned long long)l.n);
	hlv_buf_free(&l.line);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, prefix, err);
}

int cmd_list(struct ctl *ctl, int argc, char **argv)
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
		return remote_list(ctl, name);
	return list(ctl, name + strlen("0.NA/"));
}

int cmd_count(struct ctl *ctl, int argc, char **argv)
{
	char name[NODE_NAME_MAX] = "0.NA/";
	uint64_t n;
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind + 1 < argc)
		return ctl_usage(ctl, "one prefix at a time");
	if (optind < argc && !node_prefix_handle(ctl, argv[optind], name))
		return CTL_USAGE;
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	enum hlv_err err =
		store_count(ctl->store, ctl->view, hlv_text(name + strlen("0.NA/")), &n);
	if (err != HLV_OK)
		return ctl_fail_err(ctl, ctl->dir, err);
	printf(ctl->json ? "{\"count\":%llu}\n" : "%llu\n", (unsigned long long)n);
	return CTL_DONE;
}
