/* SPDX-License-Identifier: Apache-2.0
 *
 * history, undo: what a record was, and making it that again (undo-days long).
 */
#include "server/history.h"
#include "server/store_live.h"
#include "tools/helvectl/kinds.h"
#include "tools/helvectl/node.h"
#include "tools/helvectl/past.h"
#include "tools/helvectl/remote.h"

enum { VERSIONS_MAX = 10000, ARENA_LIMIT = 512 << 20, TRIES = 8 };

static const struct option no_options[] = {{0}};

/* --- history --- */

static void print_history(struct ctl *ctl, const char *id, const struct history *h)
{
	past_begin_history(ctl, id, h->whole);
	for (size_t i = 0; i < h->n; i++)
		past_print_version(ctl, &h->versions[i].rec, i == 0);
	past_end_history(ctl, h->whole);
}

int cmd_history(struct ctl *ctl, int argc, char **argv)
{
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind + 1 != argc)
		return ctl_usage(ctl, "which identifier?");
	const char *id = argv[optind];
	if (ctl->remote)
		return remote_history(ctl, id);
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
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

/* What the puts of a transaction would make of their records. */
static enum hlv_err show_slice(struct ctl *ctl, struct hlv_arena *a,
			       const struct store_txn *txn, uint64_t *records)
{
	for (size_t i = 0; i < txn->nputs; i++) {
		const struct store_put *put = &txn->puts[i];
		struct hlv_record before, after;
		struct hlv_bytes stored;
		uint8_t *copy = hlv_alloc_raw(a, put->value.n);
		if (!copy)
			return HLV_E_NOMEM;
		memcpy(copy, put->value.p, put->value.n);
		/* Commit would. */
		hlv_record_stamp(copy, put->value.n, put->key, 0, ctl_now_ms());
		HLV_TRY(ctl->store->ops->get(ctl->view, SPACE_RECORD, put->key, &stored));
		HLV_TRY(hlv_record_decode(stored, put->key, &before));
		HLV_TRY(hlv_record_decode(hlv_bytes(copy, put->value.n), put->key, &after));
		past_print_change(ctl, before.name, &before, &after, (*records)++ == 0);
	}
	return HLV_OK;
}

/* The same as an undo, without its commits. */
static enum hlv_err undo_nothing(struct ctl *ctl, const char *id, uint64_t seq,
				 uint64_t *records)
{
	struct history_undo u = {.seq = seq};
	struct store_key key;
	struct hlv_arena a;
	enum hlv_err err = HLV_OK;
	store_key(hlv_text(id), &key);
	hlv_arena_init(&a, ARENA_LIMIT);
	bool begun = false;
	while (err == HLV_OK && !u.done) {
		hlv_arena_reset(&a);
		u.done = true;
		err = seq ? history_undo_change(ctl->store, ctl->view, &a, &u)
			  : history_undo_newest(ctl->store, ctl->view, &key, &a, &u.txn);
		if (err != HLV_OK)
			break;
		if (!begun)
			past_begin_changes(ctl);
		begun = true;
		err = show_slice(ctl, &a, &u.txn, records);
	}
	hlv_arena_fini(&a);
	if (err == HLV_OK)
		past_end_changes(ctl, *records);
	return err;
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

static bool parse_undo(struct ctl *ctl, int argc, char **argv, bool *dry_run)
{
	static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'}, {0}};
	int c;
	*dry_run = false;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return false;
		*dry_run = true;
	}
	if (optind + 1 == argc)
		return true;
	ctl_usage(ctl, "which identifier, or the number of which change?");
	return false;
}

int cmd_undo(struct ctl *ctl, int argc, char **argv)
{
	int64_t seq = 0;
	uint64_t records = 0;
	bool dry_run;
	enum hlv_err err;
	if (!parse_undo(ctl, argc, argv, &dry_run))
		return CTL_USAGE;
	const char *what = argv[optind];
	if (!kinds_parse_number(hlv_text(what), 1, INT64_MAX, &seq))
		seq = 0; /* an identifier */
	if (ctl->remote)
		return remote_undo(ctl, what, (uint64_t)seq, dry_run);
	if (dry_run ? !ctl_open_to_read(ctl) : !ctl_open_to_write(ctl))
		return CTL_FAILED;
	if (dry_run)
		err = undo_nothing(ctl, what, (uint64_t)seq, &records);
	else
		err = seq ? undo_change(ctl, (uint64_t)seq, &records)
			  : undo_newest(ctl, what, &records);
	if (err != HLV_OK)
		return undo_failed(ctl, what, err);
	if (!dry_run)
		past_print_undone(ctl, records);
	return CTL_DONE;
}
