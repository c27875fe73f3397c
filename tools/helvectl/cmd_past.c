/* SPDX-License-Identifier: Apache-2.0
 *
 * history, undo: what a record was, and making it that again (undo-days long).
 */
#include "proto/net/json.h"
#include "server/history.h"
#include "server/store_live.h"
#include "tools/helvectl/kinds.h"
#include "tools/helvectl/node.h"
#include "tools/helvectl/show_record.h"

enum { VERSIONS_MAX = 10000, ARENA_LIMIT = 512 << 20, TRIES = 8 };

static const struct option no_options[] = {{0}};

/* --- history --- */

static void put_what(struct hlv_buf *b, const struct hlv_record *rec)
{
	if (rec->flags & HLV_RECORD_DELETED) {
		hlv_buf_str(b, "deleted");
		return;
	}
	hlv_buf_printf(b, "%u values", rec->values.n);
	show_record_state(b, rec);
}

static void print_version(struct ctl *ctl, const struct history_version *v, bool first)
{
	struct hlv_buf b = {0};
	if (ctl->json) {
		hlv_buf_printf(&b, "%s{\"seq\":%llu,\"time\":", first ? "" : ",",
			       (unsigned long long)v->seq);
		hlv_json_put_time(&b, (uint32_t)(v->time_ms / 1000));
		hlv_buf_printf(&b, ",\"deleted\":%s",
			       v->rec.flags & HLV_RECORD_DELETED ? "true" : "false");
		show_record_json_members(&b, &v->rec, SHOW_NO_SECRETS);
		hlv_buf_str(&b, "}");
	} else {
		char time[SHOW_TIME];
		hlv_buf_printf(&b, "%llu  %s  ", (unsigned long long)v->seq,
			       show_time(v->time_ms, time));
		put_what(&b, &v->rec);
		hlv_buf_str(&b, "\n");
	}
	fwrite(b.p, 1, b.n, stdout);
	hlv_buf_free(&b);
}

static void print_history(struct ctl *ctl, const char *id, const struct history *h)
{
	struct hlv_buf b = {0};
	if (ctl->json) {
		hlv_buf_str(&b, "{\"handle\":");
		hlv_json_put_str(&b, hlv_text(id));
		printf("%s,\"whole\":%s,\"versions\":[", b.p, h->whole ? "true" : "false");
		hlv_buf_free(&b);
	}
	for (size_t i = 0; i < h->n; i++)
		print_version(ctl, &h->versions[i], i == 0);
	if (ctl->json)
		puts("]}");
	else if (!h->whole)
		puts("(what was before is not kept)");
}

int cmd_history(struct ctl *ctl, int argc, char **argv)
{
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind + 1 != argc)
		return ctl_usage(ctl, "which identifier?");
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	const char *id = argv[optind];
	struct store_key key;
	struct hlv_arena a;
	struct history h;
	store_key(hlv_text(id), &key);
	hlv_arena_init(&a, ARENA_LIMIT);
	enum hlv_err err = history_read(ctl->store, ctl->view, &key, VERSIONS_MAX, &a, &h);
	if (err == HLV_OK)
		print_history(ctl, id, &h);
	hlv_arena_fini(&a);
	if (err == HLV_E_NOT_FOUND)
		return ctl_fail(ctl, "%s: was never in this registry", id);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, id, err);
}

/* --- undo --- */

/* In one transaction, but for what beside a server would be more than one message takes: the puts
 * of many records stand each beside its check. */
static enum hlv_err commit_slice(struct ctl *ctl, const struct store_txn *whole)
{
	for (size_t from = 0; from < whole->nputs;) {
		struct store_txn txn = *whole;
		size_t n = 0, octets = 0;
		for (; from + n < whole->nputs; n++) {
			const struct store_put *put = &whole->puts[from + n];
			octets += 2 * put->key.n + put->value.n + 32;
			if (n > 0 && octets > STORE_LIVE_TXN_MAX)
				break;
		}
		if (whole->nchecks == whole->nputs) {
			txn.puts += from;
			txn.checks += from;
			txn.nputs = txn.nchecks = n;
		} else {
			n = whole->nputs;
		}
		txn.actor = registry_actor();
		txn.time_ms = ctl_now_ms();
		HLV_TRY(ctl->store->ops->commit(ctl->store, &txn, 1));
		HLV_TRY(txn.err);
		from += n;
	}
	return HLV_OK;
}

static enum hlv_err undo_newest(struct ctl *ctl, const char *id, uint64_t *records)
{
	struct store_key key;
	struct hlv_arena a;
	struct store_txn txn;
	enum hlv_err err = HLV_E_CONFLICT;
	store_key(hlv_text(id), &key);
	hlv_arena_init(&a, ARENA_LIMIT);
	/* Somebody else's change in between: once more, for the version that is newest then. */
	for (int i = 0; i < TRIES && err == HLV_E_CONFLICT; i++) {
		hlv_arena_reset(&a);
		err = ctl->store->ops->view_begin(ctl->view);
		if (err != HLV_OK)
			break;
		err = history_undo_newest(ctl->store, ctl->view, &key, &a, &txn);
		ctl->store->ops->view_end(ctl->view);
		if (err == HLV_OK)
			err = commit_slice(ctl, &txn);
	}
	*records = err == HLV_OK;
	hlv_arena_fini(&a);
	return err;
}

static enum hlv_err undo_change(struct ctl *ctl, uint64_t seq, uint64_t *records)
{
	struct history_undo u = {.seq = seq};
	struct hlv_arena a;
	enum hlv_err err = HLV_OK;
	*records = 0;
	hlv_arena_init(&a, ARENA_LIMIT);
	while (err == HLV_OK && !u.done) {
		hlv_arena_reset(&a);
		err = ctl->store->ops->view_begin(ctl->view);
		if (err != HLV_OK)
			break;
		err = history_undo_change(ctl->store, ctl->view, &a, &u);
		ctl->store->ops->view_end(ctl->view);
		if (err == HLV_OK && u.txn.nputs > 0)
			err = commit_slice(ctl, &u.txn);
		if (err == HLV_OK)
			*records += u.txn.nputs;
	}
	hlv_arena_fini(&a);
	return err;
}

static int undo_failed(struct ctl *ctl, const char *what, enum hlv_err err)
{
	switch ((int)err) {
	case HLV_E_NOT_FOUND:
		return ctl_fail(ctl,
				"%s: there is no such change: helvectl history shows what is",
				what);
	case HLV_E_CONFLICT:
		return ctl_fail(ctl,
				"%s: changed again since: undo the later changes first, see "
				"helvectl history",
				what);
	case HLV_E_UNSUPPORTED:
		return ctl_fail(
			ctl,
			"%s: what was before is not kept: undo-days are over, or it was "
			"no change of a record",
			what);
	}
	return ctl_fail_err(ctl, what, err);
}

int cmd_undo(struct ctl *ctl, int argc, char **argv)
{
	int64_t seq;
	uint64_t records = 0;
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind + 1 != argc)
		return ctl_usage(ctl, "which identifier, or the number of which change?");
	const char *what = argv[optind];
	bool numbered = kinds_parse_number(hlv_text(what), 1, INT64_MAX, &seq);
	if (!ctl_open_to_write(ctl))
		return CTL_FAILED;
	enum hlv_err err = numbered ? undo_change(ctl, (uint64_t)seq, &records)
				    : undo_newest(ctl, what, &records);
	if (err != HLV_OK)
		return undo_failed(ctl, what, err);
	printf(ctl->json ? "{\"records\":%llu}\n" : "records=%llu\n",
	       (unsigned long long)records);
	return CTL_DONE;
}
