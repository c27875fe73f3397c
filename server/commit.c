/* SPDX-License-Identifier: Apache-2.0 */
#include "server/commit.h"

#include "proto/base/crc32c.h"
#include "server/counter.h"
#include "server/history.h"
#include "server/index.h"
#include "server/journal.h"
#include "server/trail.h"

static const char FORMAT[] = "format", EPOCH[] = "epoch", SEQ[] = "seq", STATE[] = "state",
		  HISTORY[] = "history";
enum { CRC_SIZE = 4, META_KEY_MAX = 500, VALUE_MAX = 1 << 27 };

struct group {
	struct commit_engine *e;
	struct counters counters;
	struct trail trail;
	struct hlv_buf entry; /* the journal entry in the making */
	struct hlv_buf
		old; /* what the running put replaces: a reserve ends the engine's copy */
	struct index_rules index;
	bool index_known;
	uint64_t seq; /* last place given */
	bool changed;
};

static uint32_t meta_crc(struct hlv_bytes name, struct hlv_bytes value)
{
	return hlv_crc32c(hlv_crc32c(0, name), value);
}

enum hlv_err meta_put(struct commit_engine *e, struct hlv_bytes name, struct hlv_bytes value)
{
	uint8_t *place;
	HLV_TRY(e->reserve(e, SPACE_META, name, value.n + CRC_SIZE, &place));
	memcpy(place, value.p, value.n);
	hlv_store_u32(place + value.n, meta_crc(name, value));
	return HLV_OK;
}

enum hlv_err meta_open(struct hlv_bytes stored, struct hlv_bytes name, struct hlv_bytes *value)
{
	if (stored.n < CRC_SIZE)
		return HLV_E_CORRUPT;
	*value = hlv_head(stored, stored.n - CRC_SIZE);
	if (hlv_load_u32(stored.p + value->n) != meta_crc(name, *value))
		return HLV_E_CORRUPT;
	return HLV_OK;
}

static enum hlv_err get_meta_u64(struct commit_engine *e, struct hlv_bytes name, uint64_t *n)
{
	struct hlv_bytes stored, value;
	enum hlv_err err = e->get(e, SPACE_META, name, &stored);
	*n = 0;
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	if (err != HLV_OK)
		return err;
	HLV_TRY(meta_open(stored, name, &value));
	if (value.n != 8)
		return HLV_E_CORRUPT;
	*n = hlv_load_u64(value.p);
	return HLV_OK;
}

static enum hlv_err put_meta_u64(struct commit_engine *e, struct hlv_bytes name, uint64_t n)
{
	uint8_t octets[8];
	hlv_store_u64(octets, n);
	return meta_put(e, name, hlv_bytes(octets, sizeof octets));
}

static enum hlv_err put_format(struct commit_engine *e)
{
	uint8_t format[4];
	hlv_store_u32(format, STORE_FORMAT_MAJOR << 16 | STORE_FORMAT_MINOR);
	return meta_put(e, hlv_text(FORMAT), hlv_bytes(format, sizeof format));
}

enum hlv_err commit_found(struct commit_engine *e, const uint8_t epoch[16])
{
	HLV_TRY(put_format(e));
	HLV_TRY(meta_put(e, hlv_text(EPOCH), hlv_bytes(epoch, 16)));
	HLV_TRY(put_meta_u64(e, hlv_text("count"), 0));
	HLV_TRY(meta_put(e, hlv_text(STATE), sum_bytes(&(struct sum){0})));
	return put_meta_u64(e, hlv_text(SEQ), 0);
}

struct summing {
	struct hlv_hasher *hasher;
	enum store_space space;
	struct sum sum;
	enum hlv_err err;
};

static bool sum_one(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	struct summing *s = ctx;
	struct sum term;
	s->err = sum_term(s->hasher, s->space, key, value, &term);
	if (s->err == HLV_OK)
		sum_add(&s->sum, &term);
	return s->err == HLV_OK;
}

static enum hlv_err sum_all(struct commit_engine *e, commit_scan_fn *scan, struct summing *s)
{
	static const enum store_space spaces[] = {SPACE_RECORD, SPACE_PREFIX};
	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
		s->space = spaces[i];
		HLV_TRY(scan(e, s->space, sum_one, s));
		HLV_TRY(s->err);
	}
	return HLV_OK;
}

enum hlv_err commit_upgrade(struct commit_engine *e, commit_scan_fn *scan)
{
	struct summing s = {0};
	uint64_t seq;
	HLV_TRY(hlv_hasher_new(HLV_SHA256, &s.hasher));
	enum hlv_err err = sum_all(e, scan, &s);
	hlv_hasher_free(s.hasher);
	if (err != HLV_OK)
		return err;
	HLV_TRY(meta_put(e, hlv_text(STATE), sum_bytes(&s.sum)));
	HLV_TRY(get_meta_u64(e, hlv_text(SEQ), &seq));
	HLV_TRY(put_meta_u64(e, hlv_text(HISTORY), seq));
	return put_format(e);
}

enum hlv_err commit_check_format(struct hlv_bytes stored, bool read_only, bool *older,
				 char *why)
{
	struct hlv_bytes value;
	if (meta_open(stored, hlv_text(FORMAT), &value) != HLV_OK || value.n != 4) {
		snprintf(why, STORE_WHY, "its format entry is damaged; restore a backup");
		return HLV_E_CORRUPT;
	}
	uint32_t format = hlv_load_u32(value.p);
	uint32_t major = format >> 16, minor = format & 0xFFFF;
	*older = major == STORE_FORMAT_MAJOR && minor < STORE_FORMAT_MINOR;
	bool newer = major > STORE_FORMAT_MAJOR ||
		     (major == STORE_FORMAT_MAJOR && minor > STORE_FORMAT_MINOR && !read_only);
	if (!newer)
		return HLV_OK;
	snprintf(why, STORE_WHY,
		 "written by a newer version (format %u.%u, this program %s up to %u.%u); "
		 "use that version, or dump with it and load here",
		 major, minor, major > STORE_FORMAT_MAJOR ? "reads" : "writes",
		 (unsigned)STORE_FORMAT_MAJOR, (unsigned)STORE_FORMAT_MINOR);
	return HLV_E_NEWER;
}

/* --- checks --- */

/* The seq of a stored record, 0 when there is none. */
static enum hlv_err stored_seq(struct commit_engine *e, const struct store_check *check,
			       uint64_t *seq)
{
	struct hlv_bytes stored;
	struct hlv_record rec;
	*seq = 0;
	enum hlv_err err = e->get(e, check->space, check->key, &stored);
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	if (err != HLV_OK)
		return err;
	*seq = check->seq ? check->seq : 1;
	if (check->space != SPACE_RECORD)
		return HLV_OK;
	HLV_TRY(hlv_record_decode(stored, check->key, &rec));
	*seq = rec.seq;
	return HLV_OK;
}

static bool is_key(enum store_space space, struct hlv_bytes key)
{
	switch (space) {
	case SPACE_RECORD:
	case SPACE_PREFIX:
		return key.n > 1 && key.n <= STORE_KEY_MAX;
	case SPACE_JOURNAL:
		return key.n == JOURNAL_KEY_SIZE;
	case SPACE_META:
		return key.n > 0 && key.n <= META_KEY_MAX;
	case SPACE_HISTORY:
		return key.n > 1 + JOURNAL_KEY_SIZE &&
		       key.n <= STORE_KEY_MAX + JOURNAL_KEY_SIZE;
	case SPACE_AUDIT:
		return key.n == AUDIT_KEY_SIZE;
	case SPACE_INDEX:
		return key.n > INDEX_TYPE_HASH && key.n <= INDEX_KEY_MAX;
	case SPACES:
		break;
	}
	return false;
}

static bool is_live(struct hlv_bytes stored)
{
	return !(stored.p[1] & HLV_RECORD_DELETED);
}

/* As much of a record as the puts below rely on: whoever made it is trusted with the rest. */
static bool is_record(struct hlv_bytes stored)
{
	struct hlv_bytes name = hlv_record_name(stored);
	return name.n > 0 && stored.p[0] == HLV_RECORD_FORMAT &&
	       stored.n - (size_t)(name.p - stored.p) - name.n >= 4;
}

static bool is_put(const struct store_put *put)
{
	if (!is_key(put->space, put->key) || put->value.n > VALUE_MAX)
		return false;
	switch (put->space) {
	case SPACE_RECORD:
		return is_record(put->value);
	case SPACE_PREFIX:
		return put->value.n == 0 || put->value.n == STORE_PREFIX_SIZE;
	case SPACE_JOURNAL:
		return put->value.n == 0;
	case SPACE_HISTORY:
		return put->value.n == 0;
	case SPACE_META:
		return true;
	case SPACE_INDEX:
		return put->value.n <= INDEX_ENTRY_MAX;
	case SPACE_AUDIT: /* by trail_check() */
		return put->value.n > 0;
	case SPACES:
		break;
	}
	return false;
}

static int compare(struct hlv_bytes a, struct hlv_bytes b)
{
	int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* A range entry names its records by first and last key: they stand in order, alone. */
static bool is_range(const struct store_txn *txn)
{
	struct hlv_bytes last = {0};
	for (size_t i = 0; i < txn->nputs; i++) {
		const struct store_put *put = &txn->puts[i];
		if (put->space == SPACE_PREFIX)
			return false;
		if (put->space != SPACE_RECORD)
			continue;
		if (last.n && compare(last, put->key) >= 0)
			return false;
		last = put->key;
	}
	return true;
}

/* A checkpoint signs the head that it finds, so it is a transaction of its own. */
static enum hlv_err check_checkpoint(const struct trail *trail, const struct store_txn *txn)
{
	for (size_t i = 0; i < txn->nputs; i++) {
		if (txn->puts[i].space != SPACE_AUDIT)
			continue;
		if (txn->nputs > 1)
			return HLV_E_MALFORMED;
		HLV_TRY(trail_check(trail, &txn->puts[i]));
	}
	return HLV_OK;
}

static enum hlv_err check_txn(struct group *g, const struct store_txn *txn)
{
	for (size_t i = 0; i < txn->nputs; i++)
		if (!is_put(&txn->puts[i]))
			return HLV_E_MALFORMED;
	if (txn->bulk && !is_range(txn))
		return HLV_E_MALFORMED;
	HLV_TRY(check_checkpoint(&g->trail, txn));
	for (size_t i = 0; i < txn->nchecks; i++) {
		uint64_t seq;
		if (!is_key(txn->checks[i].space, txn->checks[i].key))
			return HLV_E_MALFORMED;
		HLV_TRY(stored_seq(g->e, &txn->checks[i], &seq));
		if (seq != txn->checks[i].seq)
			return HLV_E_CONFLICT;
	}
	return HLV_OK;
}

/* --- puts --- */

/* What stands there now, copied; empty when nothing does. */
static enum hlv_err get_old(struct group *g, const struct store_put *put, struct hlv_bytes *old)
{
	struct hlv_bytes stored;
	*old = (struct hlv_bytes){0};
	if (g->e->is_new(g->e, put->space, put->key))
		return HLV_OK;
	enum hlv_err err = g->e->get(g->e, put->space, put->key, &stored);
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	if (err != HLV_OK)
		return err;
	if (put->space == SPACE_RECORD && stored.n < HLV_RECORD_HEADER)
		return HLV_E_CORRUPT;
	hlv_buf_clear(&g->old);
	hlv_buf_put(&g->old, stored);
	*old = hlv_buf_bytes(&g->old);
	return g->old.bad ? HLV_E_NOMEM : HLV_OK;
}

/* How the put moves the number of live records. The old spelling may differ from the new in case
 * alone, so both count for the same prefix. */
static enum hlv_err count_record(struct group *g, const struct store_put *put,
				 struct hlv_bytes old)
{
	bool was_live = old.n && is_live(old);
	if (was_live == is_live(put->value))
		return HLV_OK;
	return counters_move(&g->counters, hlv_record_name(put->value), was_live ? -1 : 1);
}

/* The former version, under the change that ends it. What this transaction itself put before was
 * never to be seen. */
static enum hlv_err keep_old(struct group *g, const struct store_txn *txn,
			     const struct store_put *put, struct hlv_bytes old)
{
	uint8_t octets[STORE_KEY_MAX + JOURNAL_KEY_SIZE], *place;
	if (old.n == 0 || hlv_record_seq(old) == txn->seq)
		return HLV_OK;
	struct hlv_bytes key = history_key(put->key, txn->seq, octets);
	HLV_TRY(g->e->reserve(g->e, SPACE_HISTORY, key, old.n, &place));
	memcpy(place, old.p, old.n);
	return HLV_OK;
}

/* Where the registry has an index, the record's values in it. The put's own octets, which stay where
 * they are. */
static enum hlv_err put_index(struct group *g, const struct store_put *put,
			      struct hlv_bytes before)
{
	if (!g->index_known) {
		struct hlv_bytes stored, value, name = hlv_text("index");
		enum hlv_err err = g->e->get(g->e, SPACE_META, name, &stored);
		g->index.ntypes = 0;
		if (err == HLV_OK)
			err = meta_open(stored, name, &value);
		if (err == HLV_OK)
			err = index_rules_read(value, &g->index);
		if (err != HLV_OK && err != HLV_E_NOT_FOUND)
			return err;
		g->index_known = true;
	}
	if (g->index.ntypes == 0)
		return HLV_OK;
	return index_move(g->e, &g->index, put->key, before, put->value);
}

/* A record or a prefix: what is journalled, summed and audited. */
static enum hlv_err put_change(struct group *g, const struct store_txn *txn,
			       const struct store_put *put)
{
	struct commit_engine *e = g->e;
	struct trail_change change = {.put = put};
	size_t n = put->value.n;
	uint8_t *place;
	HLV_TRY(get_old(g, put, &change.before));
	if (put->space == SPACE_RECORD) {
		HLV_TRY(count_record(g, put, change.before));
		HLV_TRY(keep_old(g, txn, put, change.before));
	}
	if (n == 0) {
		HLV_TRY(e->remove(e, put->space, put->key));
		return trail_change(&g->trail, txn, &change);
	}
	HLV_TRY(e->reserve(e, put->space, put->key, n, &place));
	memcpy(place, put->value.p, n);
	if (put->space == SPACE_RECORD)
		hlv_record_stamp(place, n, put->key, txn->seq, txn->time_ms);
	change.after = hlv_bytes(place, n);
	HLV_TRY(trail_change(&g->trail, txn, &change));
	return put->space == SPACE_RECORD ? put_index(g, put, change.before) : HLV_OK;
}

static enum hlv_err put_one(struct group *g, const struct store_txn *txn,
			    const struct store_put *put)
{
	if (journal_has(put->space))
		return put_change(g, txn, put);
	if (put->space == SPACE_META && hlv_eq(put->key, hlv_text("index")))
		g->index_known = false;
	if (put->value.n == 0)
		return g->e->remove(g->e, put->space, put->key);
	if (put->space == SPACE_AUDIT)
		return trail_checkpoint(&g->trail, txn, put);
	if (put->space == SPACE_INDEX) {
		uint8_t *place;
		HLV_TRY(g->e->reserve(g->e, SPACE_INDEX, put->key, put->value.n, &place));
		memcpy(place, put->value.p, put->value.n);
		return HLV_OK;
	}
	return meta_put(g->e, put->key, put->value); /* is_put(): no other space */
}

static bool has_entry(const struct store_txn *txn)
{
	for (size_t i = 0; i < txn->nputs; i++)
		if (journal_has(txn->puts[i].space))
			return true;
	return false;
}

static enum hlv_err put_entry(struct group *g, const struct store_txn *txn)
{
	uint8_t key[JOURNAL_KEY_SIZE], *place;
	hlv_buf_clear(&g->entry);
	journal_encode(&g->entry, txn);
	if (g->entry.bad)
		return HLV_E_NOMEM;
	HLV_TRY(g->e->reserve(g->e, SPACE_JOURNAL, journal_key(txn->seq, key), g->entry.n,
			      &place));
	memcpy(place, g->entry.p, g->entry.n);
	return HLV_OK;
}

static enum hlv_err put_txn(struct group *g, struct store_txn *txn)
{
	bool journalled = has_entry(txn);
	txn->seq = journalled ? g->seq + 1 : g->seq;
	HLV_TRY(trail_txn_begin(&g->trail, txn));
	for (size_t i = 0; i < txn->nputs; i++)
		HLV_TRY(put_one(g, txn, &txn->puts[i]));
	HLV_TRY(trail_txn_end(&g->trail, txn));
	g->changed = g->changed || txn->nputs > 0;
	if (!journalled)
		return HLV_OK;
	g->seq = txn->seq;
	return put_entry(g, txn);
}

static enum hlv_err move_counter(struct group *g, struct hlv_bytes name, int64_t by)
{
	uint64_t n;
	if (by == 0)
		return HLV_OK;
	HLV_TRY(get_meta_u64(g->e, name, &n));
	if (by < 0 && n < (uint64_t)-by)
		return HLV_E_CORRUPT;
	return put_meta_u64(g->e, name, n + (uint64_t)by);
}

static enum hlv_err put_sums(struct group *g, uint64_t seq_before)
{
	for (size_t i = 0; i < COUNTER_BUCKETS; i++)
		for (struct counter *k = g->counters.buckets[i]; k; k = k->next)
			HLV_TRY(move_counter(g, k->name, k->moved));
	HLV_TRY(move_counter(g, hlv_text("count"), g->counters.all));
	HLV_TRY(trail_end(&g->trail));
	if (g->seq == seq_before)
		return HLV_OK;
	return put_meta_u64(g->e, hlv_text(SEQ), g->seq);
}

/* Is this the answer to one transaction, or the end of the group? */
static bool is_verdict(enum hlv_err err)
{
	return err == HLV_OK || err == HLV_E_CONFLICT || err == HLV_E_MALFORMED ||
	       err == HLV_E_CORRUPT || err == HLV_E_NEWER;
}

static enum hlv_err run_group(struct group *g, struct store_txn *txns, size_t n)
{
	HLV_TRY(trail_begin(&g->trail, g->e));
	HLV_TRY(get_meta_u64(g->e, hlv_text(SEQ), &g->seq));
	uint64_t before = g->seq;
	for (size_t i = 0; i < n; i++) {
		txns[i].seq = 0;
		txns[i].err = check_txn(g, &txns[i]);
		if (!is_verdict(txns[i].err))
			return txns[i].err;
		if (txns[i].err == HLV_OK)
			HLV_TRY(put_txn(g, &txns[i]));
	}
	return put_sums(g, before);
}

enum hlv_err commit_group(struct commit_engine *e, struct store_txn *txns, size_t n,
			  bool *changed)
{
	struct group g = {.e = e};
	counters_init(&g.counters);
	enum hlv_err err = run_group(&g, txns, n);
	*changed = g.changed;
	counters_fini(&g.counters);
	trail_fini(&g.trail);
	hlv_buf_free(&g.entry);
	hlv_buf_free(&g.old);
	return err;
}
