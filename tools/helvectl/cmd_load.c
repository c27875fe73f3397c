/* SPDX-License-Identifier: Apache-2.0
 *
 * load: many records in one go. Files of records go through load.h, batch files are carried out
 * command by command.
 */
#include <errno.h>

#include "proto/net/json.h"
#include "server/store_live.h"
#include "tools/helvectl/batch.h"
#include "tools/helvectl/load.h"
#include "tools/helvectl/node.h"
#include "tools/helvectl/progress.h"
#include "tools/helvectl/remote.h"

struct loading {
	struct ctl *ctl;
	struct progress progress;
	struct load_result total;
	char rejected[PATH_MAX]; /* of the batch file that runs; made when it is needed */
	FILE *out;
};

static void show(void *ctx, const struct load_progress *p)
{
	struct loading *l = ctx;
	progress_show(&l->progress, p->writing ? "writing" : "reading", p->records, p->done,
		      p->total);
}

static void show_batch(void *ctx, uint64_t octets, uint64_t commands)
{
	struct loading *l = ctx;
	(void)octets;
	progress_show(&l->progress, "commands", commands, 0, 0);
}

static void failed_batch(void *ctx, uint64_t line, struct hlv_bytes handle, const char *reason)
{
	struct loading *l = ctx;
	if (!l->out)
		l->out = fopen(l->rejected, "we");
	if (!l->out)
		return; /* told at the end: the file is not there */
	struct hlv_buf text = {0};
	hlv_buf_printf(&text, "{\"line\":%llu,\"reason\":", (unsigned long long)line);
	hlv_json_put_str(&text, hlv_text(reason));
	hlv_buf_str(&text, ",\"handle\":");
	hlv_json_put_str(&text, handle);
	hlv_buf_str(&text, "}\n");
	fwrite(text.p, 1, text.n, l->out);
	hlv_buf_free(&text);
}

static enum hlv_err run_batch(struct loading *l, struct registry *r, const char *path)
{
	struct batch_result result;
	snprintf(l->rejected, sizeof l->rejected, "%s.rejected", path);
	if (remove(l->rejected) != 0 && errno != ENOENT) {
		snprintf(l->total.why, sizeof l->total.why, "%s: %s", l->rejected,
			 strerror(errno));
		return HLV_E_IO;
	}
	enum hlv_err err = batch_run(path, r, ctl_now_ms(), failed_batch, show_batch, l,
				     &result, l->total.why);
	l->total.loaded += result.done;
	l->total.failed += result.failed;
	if (result.failed > 0 && (!l->out || ferror(l->out)) && err == HLV_OK) {
		snprintf(l->total.why, sizeof l->total.why, "%s: cannot be written",
			 l->rejected);
		err = HLV_E_IO;
	}
	if (l->out && fclose(l->out) != 0 && err == HLV_OK)
		err = HLV_E_IO;
	l->out = NULL;
	return err;
}

static enum hlv_err run_batches(struct loading *l, const struct load_options *o)
{
	struct registry *r = NULL;
	if (!o->dry_run) {
		r = registry_new(l->ctl->store, l->ctl->view);
		if (!r)
			return HLV_E_NOMEM;
	}
	enum hlv_err err = HLV_OK;
	for (size_t i = 0; i < o->nfiles && err == HLV_OK; i++)
		err = run_batch(l, r, o->files[i]);
	registry_free(r);
	return err;
}

static int tell(struct loading *l, const struct load_options *o, enum hlv_err err)
{
	double seconds = progress_seconds(&l->progress);
	progress_end(&l->progress);
	const struct load_result *t = &l->total;
	printf(l->ctl->json
		       ? "{\"loaded\":%llu,\"failed\":%llu,\"seconds\":%.3f,\"rate\":%.0f}\n"
		       : "loaded=%llu failed=%llu seconds=%.3f rate=%.0f\n",
	       (unsigned long long)t->loaded, (unsigned long long)t->failed, seconds,
	       (double)t->loaded / seconds);
	if (err == HLV_E_FULL && !l->ctl->live)
		return ctl_fail(l->ctl,
				"no space left in %s: what is counted above is in; make room "
				"and run it again with --resume",
				l->ctl->dir);
	if (err != HLV_OK && l->ctl->live && *store_live_why(l->ctl->store))
		return ctl_fail(l->ctl,
				"%s; what is counted above is in: run it again with --resume",
				store_live_why(l->ctl->store));
	if (err != HLV_OK && *t->why)
		return ctl_fail(l->ctl, "%s", t->why);
	if (err != HLV_OK)
		return ctl_fail_err(l->ctl, o->files[0], err);
	if (t->failed > 0)
		return ctl_fail(l->ctl,
				"%llu rejected: line and reason of each are in %s.rejected%s",
				(unsigned long long)t->failed, o->files[0],
				o->nfiles > 1 ? " and the like" : "");
	return CTL_DONE;
}

static int load(struct ctl *ctl, struct load_options *o)
{
	struct loading l = {.ctl = ctl};
	char dir[PATH_MAX];
	enum source_format format = o->format;
	if (o->guess) {
		enum hlv_err err = source_guess(o->files[0], &format, ctl->why);
		if (err != HLV_OK)
			return ctl_fail(ctl, "%s", ctl->why);
	}
	if (!ctl_open_to_write(ctl))
		return CTL_FAILED;
	o->dir = ctl_path(ctl, "data", dir);
	o->progress = show;
	o->ctx = &l;
	o->now_ms = ctl_now_ms();
	o->txn = ctl->live ? STORE_LIVE_TXN_MAX : 0;
	progress_begin(&l.progress);
	enum hlv_err err =
		format == SOURCE_BATCH ? run_batches(&l, o) : load_run(ctl->store, o, &l.total);
	return tell(&l, o, err);
}

int cmd_load(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"format", required_argument, NULL, 'f'},
						{"dry-run", no_argument, NULL, 'n'},
						{"resume", no_argument, NULL, 'r'},
						{"atomic", no_argument, NULL, 'a'},
						{0}};
	struct load_options o = {.guess = true, .replace = true};
	int c;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		switch (c) {
		case 'f':
			o.guess = false;
			if (!source_format_parse(optarg, &o.format))
				return ctl_usage(ctl,
						 "format '%s': expected jsonl, hsv9, csv or "
						 "batch",
						 optarg);
			break;
		case 'n':
			o.dry_run = true;
			break;
		case 'r':
			o.resume = true;
			break;
		case 'a':
			o.atomic = true;
			break;
		default:
			return CTL_USAGE;
		}
	}
	o.nfiles = (size_t)(argc - optind);
	o.files = (const char *const *)&argv[optind];
	if (o.nfiles == 0)
		return ctl_usage(ctl, "which file?");
	if (o.nfiles > LOAD_FILES_MAX)
		return ctl_usage(ctl, "more than %d files", LOAD_FILES_MAX);
	if (o.atomic && (!ctl->remote || o.resume))
		return ctl_usage(ctl, ctl->remote ? "--atomic does not go with --resume"
						  : "--atomic goes with --server");
	return ctl->remote ? remote_load(ctl, &o) : load(ctl, &o);
}
