/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>

#include "proto/base/crc32c.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"
#include "server/audit.h"
#include "server/commit.h"
#include "server/counter.h"
#include "server/history.h"
#include "server/index.h"
#include "server/journal.h"
#include "server/sum.h"

enum { TELL_EVERY = 4096, KEY_SHOWN = 60, FAULT_MAX = 320 };

struct walk {
	struct store *store;
	struct store_view *view;
	store_verify_fn *tell;
	void *ctx;
	struct store_report *report;
	struct counters counted;
	struct store_key last; /* of the space that is being walked; n == 0: none */
	uint64_t last_seq;     /* META's; then the last one seen in the journal */
	uint64_t seen_seq;
	struct hlv_hasher *hasher;
	struct sum sum;
	struct store_key former; /* whose versions are being walked; n == 0: nobody's */
	uint64_t former_end;	 /* the change that replaced the last of them */
	struct audit_check audit;
	struct index_rules index;
	uint64_t index_entries; /* that there should be, less those that there are */
	bool stopped, failed;
};

/* Keys are mostly text; what is not is shown as a dot. */
static void print_key(struct hlv_bytes key, char out[KEY_SHOWN + 4])
{
	size_t n = key.n < KEY_SHOWN ? key.n : KEY_SHOWN;
	for (size_t i = 0; i < n; i++)
		out[i] = key.p[i] >= 0x20 && key.p[i] < 0x7F ? (char)key.p[i] : '.';
	snprintf(out + n, 4, "%s", n < key.n ? "..." : "");
}

__attribute__((format(printf, 3, 4))) static void fault(struct walk *w, struct hlv_bytes key,
							const char *format, ...)
{
	char line[FAULT_MAX], shown[KEY_SHOWN + 4];
	va_list args;
	print_key(key, shown);
	int n = snprintf(line, sizeof line, "%s: ", shown);
	va_start(args, format);
	vsnprintf(line + n, sizeof line - (size_t)n, format, args);
	va_end(args);
	w->report->faults++;
	w->stopped = !w->tell(w->ctx, w->report, line) || w->stopped;
}

static int compare(struct hlv_bytes a, struct hlv_bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static void check_order(struct walk *w, struct hlv_bytes key)
{
	if (key.n == 0 || key.n > STORE_KEY_MAX) {
		fault(w, key, "key of %zu octets", key.n);
		return;
	}
	if (w->last.n && compare(store_key_bytes(&w->last), key) >= 0)
		fault(w, key, "key out of order");
	memcpy(w->last.octets, key.p, key.n);
	w->last.n = (uint16_t)key.n;
}

static void add_to_sum(struct walk *w, enum store_space space, struct hlv_bytes key,
		       struct hlv_bytes stored)
{
	struct sum term;
	if (sum_term(w->hasher, space, key, stored, &term) == HLV_OK)
		sum_add(&w->sum, &term);
	else
		w->failed = true;
}

static void check_values(struct walk *w, struct hlv_bytes key, const struct hlv_record *rec)
{
	struct hlv_reader r = hlv_reader(rec->values.raw);
	struct hlv_value v;
	uint32_t last = 0;
	bool all_public = true;
	if (rec->values.n > HLV_VALUES_MAX)
		fault(w, key, "%" PRIu32 " values", rec->values.n);
	for (uint32_t i = 0; i < rec->values.n; i++) {
		if (hlv_value_decode(&r, &v) != HLV_OK) {
			fault(w, key, "value %" PRIu32 " is malformed", i + 1);
			return;
		}
		if (v.index <= last || v.index > INT32_MAX)
			fault(w, key, "index %" PRIu32 " after %" PRIu32, v.index, last);
		last = v.index;
		all_public = all_public && hlv_value_is_public(&v);
	}
	if (!hlv_finished(&r))
		fault(w, key, "octets behind the last value");
	if (!!(rec->flags & HLV_RECORD_ALL_PUBLIC) != all_public)
		fault(w, key, "flag for public values is wrong");
	w->report->values += rec->values.n;
}

/* Each value that the index should have is in it. */
static void check_indexed(struct walk *w, struct hlv_bytes key, const struct hlv_record *rec)
{
	struct hlv_reader r = hlv_reader(rec->values.raw);
	struct hlv_value v;
	if (rec->flags & HLV_RECORD_DELETED || !w->index.complete)
		return;
	for (uint32_t i = 0; i < rec->values.n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		uint8_t room[INDEX_KEY_MAX];
		struct hlv_bytes at, stored, found;
		if (!index_has_value(&w->index, &v))
			continue;
		w->index_entries++;
		enum hlv_err err = index_key(&v, key, room, &at);
		if (err == HLV_OK)
			err = w->store->ops->get(w->view, SPACE_INDEX, at, &stored);
		if (err == HLV_OK)
			err = index_entry_open(stored, at, &found);
		if (err != HLV_OK || !hlv_eq(found, key))
			fault(w, key, "value %" PRIu32 " is not in the index", v.index);
	}
}

static bool on_index(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct walk *w = ctx;
	struct hlv_bytes record_key;
	if (index_entry_open(stored, key, &record_key) != HLV_OK)
		fault(w, hlv_text("index"), "an entry that is damaged");
	w->index_entries--;
	return !w->stopped;
}

static void check_record(struct walk *w, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct hlv_record rec;
	struct store_key named;
	enum hlv_err err = hlv_record_decode(stored, key, &rec);
	if (err != HLV_OK) {
		fault(w, key, "%s", hlv_strerror(err));
		return;
	}
	store_key(rec.name, &named);
	if (!hlv_eq(store_key_bytes(&named), key))
		fault(w, key, "stored under a key that is not its own");
	if (!hlv_name_is_registrable(rec.name))
		fault(w, key, "identifier that cannot be registered");
	if (rec.flags & ~(HLV_RECORD_DELETED | HLV_RECORD_ALL_PUBLIC | HLV_RECORD_HAS_STATE))
		fault(w, key, "unknown flags 0x%02x", rec.flags);
	if (rec.seq == 0 || rec.seq > w->last_seq)
		fault(w, key, "place %" PRIu64 " is not in the journal", rec.seq);
	check_values(w, key, &rec);
	check_indexed(w, key, &rec);
	if (rec.flags & HLV_RECORD_DELETED)
		w->report->tombstones++;
	else if (counters_move(&w->counted, rec.name, 1) != HLV_OK)
		w->failed = true;
}

static bool on_record(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct walk *w = ctx;
	w->report->records++;
	w->report->octets += key.n + stored.n;
	check_order(w, key);
	check_record(w, key, stored);
	add_to_sum(w, SPACE_RECORD, key, stored);
	if (w->report->records % TELL_EVERY == 0 && !w->tell(w->ctx, w->report, NULL))
		w->stopped = true;
	return !w->stopped && !w->failed;
}

static bool on_prefix(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	struct walk *w = ctx;
	uint64_t time_ms;
	w->report->prefixes++;
	check_order(w, key);
	add_to_sum(w, SPACE_PREFIX, key, value);
	enum hlv_err err = store_prefix_decode(value, key, &time_ms);
	if (err != HLV_OK)
		fault(w, key, "homed prefix: %s", hlv_strerror(err));
	if (key.n < 6 || !hlv_name_is_prefix_handle(hlv_skip(key, 1)))
		fault(w, key, "homed prefix is no prefix handle");
	return !w->stopped && !w->failed;
}

/* Every octet of a put is covered by the entry's CRC; a record has one of its own besides. */
static void check_puts(struct walk *w, struct hlv_bytes key, struct journal_entry *entry)
{
	struct store_put put;
	struct hlv_record rec;
	uint32_t n = 0;
	for (; journal_next(entry, &put); n++) {
		if (put.space != SPACE_RECORD)
			continue;
		enum hlv_err err = hlv_record_decode(put.value, put.key, &rec);
		if (err != HLV_OK)
			fault(w, key, "journal entry %" PRIu64 ": record %" PRIu32 ": %s",
			      entry->seq, n + 1, hlv_strerror(err));
		if (err == HLV_OK && rec.seq != entry->seq)
			fault(w, key, "journal entry %" PRIu64 ": record of %" PRIu64,
			      entry->seq, rec.seq);
	}
	if (entry->kind == JOURNAL_PUTS && n != entry->n)
		fault(w, key, "journal entry %" PRIu64 ": %" PRIu32 " of %" PRIu32 " puts",
		      entry->seq, n, entry->n);
}

static bool on_journal(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct walk *w = ctx;
	struct journal_entry entry;
	w->report->journal++;
	enum hlv_err err = journal_decode(stored, key, &entry);
	if (err == HLV_OK)
		check_puts(w, key, &entry);
	else
		fault(w, key, "journal entry %" PRIu64 ": %s", entry.seq, hlv_strerror(err));
	if (w->seen_seq && entry.seq != w->seen_seq + 1)
		fault(w, key, "journal jumps from %" PRIu64 " to %" PRIu64, w->seen_seq,
		      entry.seq);
	w->seen_seq = entry.seq;
	if (w->report->journal % TELL_EVERY == 0 && !w->tell(w->ctx, w->report, NULL))
		w->stopped = true;
	return !w->stopped;
}

/* A counter that the registry keeps: is it what was counted? Then it is ticked off. */
static void check_counter(struct walk *w, struct hlv_bytes name, struct hlv_bytes value)
{
	uint64_t kept = value.n == 8 ? hlv_load_u64(value.p) : UINT64_MAX;
	struct counter *k = counters_find(&w->counted, name);
	bool is_sum = hlv_eq(name, hlv_text("count"));
	int64_t counted = is_sum ? w->counted.all : k ? k->moved : 0;
	if (kept != (uint64_t)counted)
		fault(w, name, "counter says %" PRIu64 ", counted %" PRId64, kept, counted);
	if (k)
		k->moved = 0;
}

static bool on_meta(void *ctx, struct hlv_bytes name, struct hlv_bytes stored)
{
	struct walk *w = ctx;
	struct hlv_bytes value;
	if (meta_open(stored, name, &value) != HLV_OK) {
		fault(w, name, "entry of META: %s", hlv_strerror(HLV_E_CORRUPT));
		return !w->stopped;
	}
	if (hlv_starts_with(name, hlv_text("count")))
		check_counter(w, name, value);
	if (hlv_eq(name, hlv_text("state")) && !hlv_eq(value, sum_bytes(&w->sum)))
		fault(w, name, "another sum than that of the records and prefixes");
	return !w->stopped;
}

/* Counters that should be there and are not. */
static void check_uncounted(struct walk *w)
{
	for (size_t i = 0; i < COUNTER_BUCKETS; i++)
		for (struct counter *k = w->counted.buckets[i]; k && !w->stopped; k = k->next)
			if (k->moved)
				fault(w, k->name, "no counter, counted %" PRId64, k->moved);
}

/* --- former versions and audit trail --- */

/* The last version of a record was replaced by what the record is now. */
static void check_former_end(struct walk *w)
{
	struct hlv_bytes stored, key = store_key_bytes(&w->former);
	if (key.n == 0)
		return;
	enum hlv_err err = w->store->ops->get(w->view, SPACE_RECORD, key, &stored);
	if (err != HLV_OK)
		fault(w, key, "former version of a record that is not there");
	else if (hlv_record_seq(stored) != w->former_end)
		fault(w, key, "last former version ends with %" PRIu64 ", not %" PRIu64,
		      w->former_end, hlv_record_seq(stored));
}

static void check_former(struct walk *w, struct hlv_bytes key, uint64_t until,
			 struct hlv_bytes stored)
{
	struct hlv_record rec;
	bool first = !hlv_eq(store_key_bytes(&w->former), key);
	enum hlv_err err = hlv_record_decode(stored, key, &rec);
	if (first)
		check_former_end(w);
	memcpy(w->former.octets, key.p, key.n);
	w->former.n = (uint16_t)key.n;
	if (err != HLV_OK)
		fault(w, key, "former version until %" PRIu64 ": %s", until, hlv_strerror(err));
	else if (rec.seq >= until || until > w->last_seq)
		fault(w, key, "former version from %" PRIu64 " to %" PRIu64, rec.seq, until);
	else if (!first && rec.seq != w->former_end)
		fault(w, key, "former version from %" PRIu64 " follows one to %" PRIu64,
		      rec.seq, w->former_end);
	w->former_end = until;
}

static bool on_history(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct walk *w = ctx;
	struct hlv_bytes record_key;
	uint64_t until;
	w->report->history++;
	if (history_split(key, &record_key, &until))
		check_former(w, record_key, until, stored);
	else
		fault(w, key, "former version under a key of %zu octets", key.n);
	if (w->report->history % TELL_EVERY == 0 && !w->tell(w->ctx, w->report, NULL))
		w->stopped = true;
	return !w->stopped;
}

static bool tell_audit(void *ctx, const struct audit_check *so_far)
{
	struct walk *w = ctx;
	w->report->audit = so_far->entries;
	w->stopped = !w->tell(w->ctx, w->report, NULL);
	return !w->stopped;
}

/* One fault at the most: behind it nothing can be said. */
static enum hlv_err check_audit(struct walk *w)
{
	bool finished;
	if (w->stopped)
		return HLV_OK;
	HLV_TRY(audit_verify(w->store, w->view, &w->audit, tell_audit, w, &finished));
	w->report->audit = w->audit.entries;
	if (w->audit.why[0])
		fault(w, hlv_text("audit trail"), "%" PRIu64 ": %s", w->audit.bad_seq,
		      w->audit.why);
	return HLV_OK;
}

static enum hlv_err walk_space(struct walk *w, enum store_space space, store_scan_fn *visit)
{
	if (w->stopped)
		return HLV_OK;
	w->last.n = 0;
	HLV_TRY(w->store->ops->scan(w->view, space, (struct hlv_bytes){0}, visit, w));
	return w->failed ? HLV_E_NOMEM : HLV_OK;
}

static enum hlv_err walk_all(struct walk *w)
{
	if (store_last_seq(w->store, w->view, &w->last_seq) != HLV_OK)
		fault(w, hlv_text("seq"), "the journal's last place cannot be read");
	enum hlv_err err = index_rules_get(w->store, w->view, &w->index);
	if (err != HLV_OK)
		fault(w, hlv_text("index"), "%s", hlv_strerror(err));
	HLV_TRY(walk_space(w, SPACE_RECORD, on_record));
	HLV_TRY(walk_space(w, SPACE_PREFIX, on_prefix));
	HLV_TRY(walk_space(w, SPACE_META, on_meta));
	if (w->stopped)
		return HLV_OK;
	check_uncounted(w);
	HLV_TRY(walk_space(w, SPACE_JOURNAL, on_journal));
	if (!w->stopped && w->report->journal && w->seen_seq != w->last_seq)
		fault(w, hlv_text("seq"), "journal ends at %" PRIu64 ", should at %" PRIu64,
		      w->seen_seq, w->last_seq);
	HLV_TRY(walk_space(w, SPACE_HISTORY, on_history));
	if (!w->stopped)
		check_former_end(w);
	HLV_TRY(check_audit(w));
	struct index_progress progress;
	if (!w->index.complete ||
	    index_progress_get(w->store, w->view, &progress) != HLV_E_NOT_FOUND)
		return HLV_OK; /* it is being built, or swept */
	HLV_TRY(walk_space(w, SPACE_INDEX, on_index));
	if (!w->stopped && w->index_entries)
		fault(w, hlv_text("index"), "%" PRId64 " entries too many",
		      -(int64_t)w->index_entries);
	return HLV_OK;
}

enum hlv_err store_verify(struct store *store, struct store_view *view, store_verify_fn *tell,
			  void *ctx, struct store_report *report)
{
	struct walk w = {
		.store = store, .view = view, .tell = tell, .ctx = ctx, .report = report};
	*report = (struct store_report){0};
	counters_init(&w.counted);
	enum hlv_err err = hlv_hasher_new(HLV_SHA256, &w.hasher);
	if (err == HLV_OK)
		err = audit_check_init(&w.audit);
	if (err == HLV_OK)
		err = walk_all(&w);
	audit_check_fini(&w.audit);
	hlv_hasher_free(w.hasher);
	counters_fini(&w.counted);
	return err;
}
