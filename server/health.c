/* SPDX-License-Identifier: Apache-2.0 */
#include "server/health.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/net/log.h"

static const hlv_mono_ns TEND_EVERY_NS = 30000000000U;
enum { LAG_ALARM = 10000 /* commits (threats.md D8) */ };

/* Where the registry is, for the guard. */
static enum hlv_err read_place(struct health *h, struct head *place)
{
	struct hlv_bytes epoch;
	*place = (struct head){0};
	HLV_TRY(h->store->ops->view_begin(h->view));
	enum hlv_err err = store_last_seq(h->store, h->view, &place->seq);
	if (err == HLV_OK)
		err = store_meta_get(h->store, h->view, "epoch", &epoch);
	if (err == HLV_OK && epoch.n == HEAD_EPOCH)
		memcpy(place->epoch, epoch.p, HEAD_EPOCH);
	if (err == HLV_OK)
		err = store_state_hash(h->store, h->view, place->hash);
	h->store->ops->view_end(h->view);
	return err == HLV_E_NOT_FOUND ? HLV_OK : err; /* no state hash yet: zeros */
}

static void check_guard(struct health *h, const char *dir)
{
	struct head newest = {0}, place;
	enum head_verdict found;
	if (head_open(dir, &h->head, &found, &newest) != HLV_OK) {
		hlv_warn("guard", "dir=%s error=cannot_be_opened", dir);
		return;
	}
	if (read_place(h, &place) != HLV_OK)
		return;
	enum head_verdict verdict = head_check(found, &newest, &place);
	char text[STORE_WHY];
	head_text(verdict, &newest, &place, text);
	h->vanished = verdict == HEAD_VANISHED || verdict == HEAD_DIFFERS;
	if (h->vanished)
		snprintf(h->why, sizeof h->why, "%s", text);
	if (*text)
		hlv_error("guard", "%s", text);
}

/* What people and peers are told; logged when the state changes. */
static void tell(struct health *h)
{
	enum disk_state state = h->disk.watch.state;
	if (!h->vanished)
		disk_text(&h->disk.watch, h->disk.limits, h->disk.dir, h->why);
	if (state == h->told)
		return;
	h->told = state;
	if (state == DISK_NORMAL)
		hlv_info("registry.state", "state=fine");
	else
		hlv_error("registry.state", "state=%s why=\"%s\"", health_name(h), h->why);
}

enum hlv_err health_open(struct health *h, struct store *store, struct store_view *view,
			 const char *dir, struct hlv_now now)
{
	*h = (struct health){.store = store, .view = view, .head.fd = -1};
	/* The registry stays where it is, whatever a reload says. */
	h->dir = strdup(dir);
	if (!h->dir)
		return HLV_E_NOMEM;
	disk_init(&h->disk, h->dir, &disk_limits_default, now.mono_ns);
	check_guard(h, dir);
	tell(h);
	return HLV_OK;
}

void health_close(struct health *h)
{
	if (h->dir && h->head.fd >= 0) {
		if (head_sync(&h->head) != HLV_OK)
			hlv_warn("guard", "error=cannot_be_synced");
		head_close(&h->head);
	}
	free(h->dir);
}

const char *health_name(const struct health *h)
{
	if (h->vanished)
		return "read-only";
	switch (h->disk.watch.state) {
	case DISK_NORMAL:
		return "fine";
	case DISK_WARN:
		return "warning";
	case DISK_NO_CREATES:
		return "no-creates";
	case DISK_READ_ONLY:
		break;
	}
	return "read-only";
}

/* --- writes --- */

static bool is_new(const struct store_txn *txn, const struct store_put *put)
{
	for (size_t i = 0; i < txn->nchecks; i++)
		if (txn->checks[i].space == put->space && hlv_eq(txn->checks[i].key, put->key))
			return txn->checks[i].seq == 0;
	return true;
}

static enum disk_write kind_of(const struct store_txn *txn)
{
	enum disk_write worst = DISK_DELETE;
	for (size_t i = 0; i < txn->nputs; i++) {
		const struct store_put *put = &txn->puts[i];
		bool removes = put->value.n == 0;
		if (put->space == SPACE_RECORD && put->value.n > 1)
			removes = put->value.p[1] & HLV_RECORD_DELETED;
		if (removes)
			continue;
		if (is_new(txn, put))
			return DISK_CREATE;
		worst = DISK_CHANGE;
	}
	return worst;
}

const char *health_refuses(const struct health *h, const struct store_txn *txns, size_t n)
{
	if (h->vanished)
		return h->why;
	if (h->reopen)
		return "The registry is being opened again after a disk error";
	for (size_t i = 0; i < n && h->disk.watch.state != DISK_NORMAL; i++)
		if (!disk_admits(&h->disk.watch, kind_of(&txns[i])))
			return h->why;
	return NULL;
}

static void look(struct health *h, struct hlv_now now)
{
	disk_look(&h->disk, h->full, h->broken, now.mono_ns);
	h->full = h->broken = 0;
	tell(h);
}

/* D4: what a failed commit left behind is only known after opening again. */
static enum hlv_err recover(struct health *h)
{
	char why[STORE_WHY] = "";
	bool landed = false;
	hlv_error("registry.commit", "error=input/output hint=opening_the_registry_again");
	enum hlv_err err = store_reopen(h->store, &landed, why);
	h->reopen = err == HLV_E_TIMEOUT; /* a reader held its snapshot: again in a second */
	if (err != HLV_OK)
		hlv_error("registry.reopen", "error=\"%s\"", *why ? why : hlv_strerror(err));
	return err == HLV_OK && landed ? HLV_OK : HLV_E_IO;
}

enum hlv_err health_commit(struct health *h, struct store_txn *txns, size_t n,
			   struct hlv_now now)
{
	struct head place;
	enum hlv_err err = h->store->ops->commit(h->store, txns, n);
	h->commits++;
	if (err != HLV_OK)
		h->failures++;
	h->full += err == HLV_E_FULL;
	h->broken += err == HLV_E_IO;
	if (err == HLV_E_FULL || err == HLV_E_IO)
		look(h, now);
	if (err == HLV_E_IO)
		err = recover(h);
	if (err != HLV_OK || h->head.fd < 0)
		return err;
	if (read_place(h, &place) != HLV_OK || head_put(&h->head, &place) != HLV_OK)
		hlv_warn("guard", "error=cannot_be_written");
	return HLV_OK;
}

/* --- now and then --- */

static void tend(struct health *h)
{
	unsigned freed = 0;
	uint64_t lag = 0;
	if (store_check_readers(h->store, &freed) == HLV_OK && freed > 0)
		hlv_info("registry.readers", "freed=%u", freed);
	if (store_reader_lag(h->store, &lag) == HLV_OK && lag > LAG_ALARM)
		hlv_warn("registry.reader",
			 "behind=%" PRIu64 " hint=a_backup_or_dump_holds_an_old_snapshot", lag);
	/* Pages that a backup holds back are given up only when there is no room. */
	if (h->disk.watch.state >= DISK_NO_CREATES)
		store_backup_stop(h->store);
}

/* An earlier run met a disk error: nothing is written before everything was looked at. Questions are
 * answered meanwhile, changes wait. */
static void verify_first(struct health *h)
{
	char why[STORE_WHY] = "";
	if (!store_is_unverified(h->store) || h->vanished)
		return;
	hlv_warn("registry.verify", "reason=a_disk_error_in_an_earlier_run");
	enum hlv_err err = store_verify_first(h->store, why);
	if (err == HLV_OK) {
		hlv_info("registry.verify", "faults=0");
		return;
	}
	h->vanished = true; /* what is damaged is not written to either */
	snprintf(h->why, sizeof h->why, "damaged: %s", *why ? why : hlv_strerror(err));
	hlv_error("registry.verify", "%s", h->why);
}

void health_tick(struct health *h, struct hlv_now now)
{
	verify_first(h);
	if (h->reopen && recover(h) == HLV_OK)
		hlv_info("registry.reopen", "done");
	look(h, now);
	if (h->head.fd >= 0 && head_sync(&h->head) != HLV_OK)
		hlv_warn("guard", "error=cannot_be_synced");
	if (now.mono_ns - h->tended_ns < TEND_EVERY_NS)
		return;
	h->tended_ns = now.mono_ns;
	tend(h);
}
