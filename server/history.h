/* SPDX-License-Identifier: Apache-2.0
 *
 * Former versions of records. Commit keeps what a change replaces, whole as it was stored, in
 * HISTORY under the record's key and the place of the change; here they are read, brought back, and
 * removed when undo-days are over. The version that a change made lives until the next one: so each
 * entry's place is that of the record or of the entry that follows it.
 *
 * META "history": u64 place up to which former versions are gone (or were never kept), then, while a
 * bulk load is being trimmed, the key in HISTORY to go on from. Whoever trims the journal stays
 * behind that place: the journal says what is to be removed here.
 */
#pragma once
#include "proto/base/arena.h"
#include "server/store.h"

enum { HISTORY_KEY_MAX = STORE_KEY_MAX + 8 };
struct hlv_bytes history_key(struct hlv_bytes record_key, uint64_t seq,
			     uint8_t out[HISTORY_KEY_MAX]);
/* And back; false for a key that cannot be one. */
bool history_split(struct hlv_bytes key, struct hlv_bytes *record_key, uint64_t *seq);
/* The place up to which former versions are gone. */
enum hlv_err HLV_MUST_USE history_gone(struct store *, struct store_view *, uint64_t *seq);

struct history_version {
	uint64_t seq, time_ms; /* of the change that made it */
	uint64_t until_seq;    /* of the one that replaced it; 0: it is the newest */
	struct hlv_record rec; /* tombstones are versions too; borrows from the view */
	struct hlv_bytes stored;
};
struct history {
	struct history_version *versions; /* newest first, in the arena */
	size_t n;
	bool cut;   /* there are older ones: `max` of them were asked for */
	bool whole; /* not cut, and the oldest one is the first that there ever was */
};
/* The newest `max` versions. HLV_E_NOT_FOUND: there never was such a record. */
enum hlv_err HLV_MUST_USE history_read(struct store *, struct store_view *,
				       const struct store_key *key, size_t max,
				       struct hlv_arena *a, struct history *h);
/* The version that stood at that time, a tombstone too. HLV_E_NOT_FOUND: there was none yet.
 * HLV_E_UNSUPPORTED: what stood then is not kept any more. */
enum hlv_err HLV_MUST_USE history_at(struct store *, struct store_view *,
				     const struct store_key *key, uint64_t time_ms,
				     struct history_version *version);

/* --- undo: transactions that bring back what was; their spans are in the arena --- */

/* The version before the newest one: values, state, tombstone; a record that had none before
 * becomes a tombstone. It is a change like others, so doing it twice changes nothing. The caller
 * fills in actor and time_ms. HLV_E_NOT_FOUND: no such record. HLV_E_UNSUPPORTED: not kept. */
enum hlv_err HLV_MUST_USE history_undo_newest(struct store *, struct store_view *,
					      const struct store_key *key, struct hlv_arena *a,
					      struct store_txn *txn);

/* All that the change `seq` did to records. HLV_E_NOT_FOUND: no such change in the journal.
 * HLV_E_CONFLICT: one of its records was changed again since. HLV_E_UNSUPPORTED: a former
 * version is not kept, or it homed or unhomed a prefix. A bulk load is undone in slices, until
 * `done`: records that were changed again since stay as they are, and a slice may be empty
 * (txn.nputs 0: commit nothing). */
struct history_undo {
	uint64_t seq;
	struct store_key from; /* where the next slice begins; n == 0 at first */
	struct store_txn txn;
	bool done;
};
enum hlv_err HLV_MUST_USE history_undo_change(struct store *, struct store_view *,
					      struct hlv_arena *a, struct history_undo *u);

/* --- trimming --- */

/* A slice of removing the versions that were replaced before `before_ms`; the caller commits it
 * when it has puts, and goes on with a new view until *done. */
enum hlv_err HLV_MUST_USE history_trim(struct store *, struct store_view *, uint64_t before_ms,
				       struct hlv_arena *a, struct store_txn *txn, bool *done);
