/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry as the rest of the house sees it: seven calls and nothing that says "LMDB", "one
 * process" or "this machine". Reads go through a view, a snapshot of the newest committed state;
 * writes are transactions that carry their assumptions (checks) and are committed in groups,
 * durably, with their journal entry and the counters that they move (decisions.md 3-5).
 *
 * Spaces and their keys:
 *   RECORD   store_key() of the identifier    -> stored record (proto/wire/record.h)
 *   PREFIX   store_key() of the prefix handle -> u8 format 1, u64 time ms, u32 CRC-32C
 *   JOURNAL  u64 seq                          -> entry (server/journal.h)
 *   META     name                             -> its value, CRC-32C behind it
 *   AUDIT    u64 seq                          -> who did what (server/audit.h)
 *   HISTORY  record's key, u64 seq            -> the stored record that the change `seq` replaced
 *   INDEX    type and value (server/index.h)  -> the key of a record that has it
 * RECORD and PREFIX are what the journal speaks of; JOURNAL (only removals: trimming) and META are
 * this node's own affair and are not journalled. AUDIT and HISTORY are written by commit itself,
 * from who a transaction says that it is by and from what it replaces; only HISTORY is ever
 * removed from (when undo-days are over). INDEX is derived by commit from what it puts, where
 * META "index" asks for it; puts there are for whoever builds it anew.
 */
#pragma once
#include "proto/base/err.h"
#include "proto/base/now.h"
#include "proto/sec/registry_key.h"
#include "proto/wire/record.h"

enum store_space {
	SPACE_RECORD,
	SPACE_PREFIX,
	SPACE_JOURNAL,
	SPACE_META,
	SPACE_AUDIT,
	SPACE_HISTORY,
	SPACE_INDEX,
	SPACES,
};

enum { STORE_KEY_MAX = HLV_REGISTRY_KEY_MAX };
struct store_key {
	uint16_t n;
	uint8_t octets[STORE_KEY_MAX];
};
/* The registry key of a handle. */
static inline void store_key(struct hlv_bytes id, struct store_key *key)
{
	key->n = (uint16_t)hlv_registry_key(id, key->octets);
}
static inline struct hlv_bytes store_key_bytes(const struct store_key *key)
{
	return hlv_bytes(key->octets, key->n);
}

/* What a transaction assumes: this key still has the record that it had (or has none). */
struct store_check {
	enum store_space space;
	struct hlv_bytes key;
	uint64_t seq; /* of the record's last change; 0: absent, never existed.
	                          Other spaces: 0 absent, anything else present */
};

/* What it writes. RECORD: a stored record whose seq, time and CRC are stamped by commit. META: the
 * value alone, commit puts the CRC behind it. PREFIX: made by store_prefix_encode(). */
struct store_put {
	enum store_space space;
	struct hlv_bytes key;
	struct hlv_bytes value; /* no octets: remove the key (never for RECORD: tombstones) */
};

/* On whose behalf: what the audit entry says (threats.md 5, industrial.md 10). */
enum store_actor_how {
	ACTOR_LOCAL,	 /* whoever can write to the registry's file or its control socket */
	ACTOR_CHALLENGE, /* proved a key for this one request */
	ACTOR_SESSION,
	ACTOR_LOGIN,  /* of a connection: the national SDK */
	ACTOR_CERT,   /* TLS client certificate */
	ACTOR_PUBLIC, /* nobody: a value that everybody may write */
};
struct store_actor {
	enum store_actor_how how;
	struct hlv_ref who;	 /* identity; ACTOR_LOCAL: empty handle, index = uid */
	uint8_t transport;	 /* enum hlv_transport */
	struct hlv_bytes source; /* address as text */
	uint32_t op;		 /* HLV_OP_* */
	uint32_t request_id;
};

struct store_txn { /* all or nothing */
	struct store_actor actor;
	const struct store_check *checks;
	const struct store_put *puts;
	size_t nchecks, nputs;
	bool bulk;	  /* journal one range entry instead of every put (bulk load);
	                         puts are ascending by key */
	uint64_t time_ms; /* stamped into records and journal */
	uint64_t seq;	  /* out: place in the journal */
	enum hlv_err err; /* out: HLV_OK or HLV_E_CONFLICT, each transaction for itself;
	                         HLV_E_MALFORMED for puts that make no sense, HLV_E_CORRUPT when
	                         what a check looks at fails its CRC */
};

struct store_view;
struct store;

/* Return false to stop the scan. Spans die with the view. */
typedef bool store_scan_fn(void *ctx, struct hlv_bytes key, struct hlv_bytes value);

struct store_ops {
	/* Once per thread that reads; closed with the store. */
	enum hlv_err (*view_open)(struct store *, struct store_view **);
	/* The newest committed state, from here to view_end. */
	enum hlv_err (*view_begin)(struct store_view *);
	void (*view_end)(struct store_view *);
	/* HLV_E_NOT_FOUND; the value borrows from the view. Tombstones are found. */
	enum hlv_err (*get)(struct store_view *, enum store_space, struct hlv_bytes key,
			    struct hlv_bytes *value);
	/* Ascending by key from the first key >= `from`. */
	enum hlv_err (*scan)(struct store_view *, enum store_space, struct hlv_bytes from,
			     store_scan_fn *, void *ctx);
	/* In order, one fsync for all; durable when it returns HLV_OK. Any other result: nothing
	 * of this group was written (HLV_E_FULL, HLV_E_IO; after HLV_E_IO the outcome is unknown
	 * until the store was opened again). The calling thread has no view open: a map that is
	 * full grows only while no view is. */
	enum hlv_err (*commit)(struct store *, struct store_txn *txns, size_t n);
	void (*close)(struct store *);
};

struct store {
	const struct store_ops *ops;
};

/* Engines. LMDB: `path` is a directory; `create` makes it. Errors leave *store NULL and a line for
 * people in `why` (at least 256 octets). HLV_E_NEWER: made by a newer version. HLV_E_BUSY: another
 * process (or this one) writes to it; reading beside it is free. HLV_E_NOT_FOUND: no registry. */
enum { STORE_WHY = 256 };
struct store_lmdb_options {
	bool create;	   /* what is there already is opened as it is */
	bool read_only;	   /* beside a running server */
	bool verify_later; /* whoever opens it calls store_verify_first() before it commits */
	size_t map_size;   /* octets of address space; 0: 64 GiB */
	size_t map_max;	   /* how far that may grow; 0: as far as the machine goes */
};
enum hlv_err HLV_MUST_USE store_lmdb_open(const char *path, const struct store_lmdb_options *o,
					  struct store **store, char *why);
/* In memory, for tests, fuzzing and simulation: fails the `fail_at`-th commit from now with
 * `fail_with` (0: never). */
enum hlv_err HLV_MUST_USE store_mem_open(struct store **store);
void store_mem_fail(struct store *store, unsigned fail_at, enum hlv_err fail_with);

/* --- what both engines give, in terms of the seven calls (store.c) --- */

/* The live record of `id` (HLV_E_NOT_FOUND for tombstones too), CRC checked. */
enum hlv_err HLV_MUST_USE store_get_record(struct store *, struct store_view *,
					   const struct store_key *key, struct hlv_record *rec);
/* Is this prefix handle ("0.NA/88.118", any case) homed here? */
enum hlv_err HLV_MUST_USE store_is_homed(struct store *, struct store_view *,
					 struct hlv_bytes prefix_handle, bool *homed);
/* Live records under a prefix ("88.118.8"; empty: all), from the counters: never by scanning. */
enum hlv_err HLV_MUST_USE store_count(struct store *, struct store_view *,
				      struct hlv_bytes prefix, uint64_t *n);
/* The newest place in the journal. */
enum hlv_err HLV_MUST_USE store_last_seq(struct store *, struct store_view *, uint64_t *seq);

/* The value of a META name, its CRC checked. */
enum hlv_err HLV_MUST_USE store_meta_get(struct store *, struct store_view *, const char *name,
					 struct hlv_bytes *value);
/* One number for all that RECORD and PREFIX hold (sum.h): equal in two registries that hold the
 * same. HLV_E_NOT_FOUND: never written to since it had such a number. */
enum { STORE_STATE_HASH = 32 };
enum hlv_err HLV_MUST_USE store_state_hash(struct store *, struct store_view *,
					   uint8_t hash[STORE_STATE_HASH]);
/* The value under which PREFIX keeps a homed prefix. */
enum { STORE_PREFIX_SIZE = 13 };
void store_prefix_encode(struct hlv_bytes key, uint64_t time_ms,
			 uint8_t out[STORE_PREFIX_SIZE]);
enum hlv_err HLV_MUST_USE store_prefix_decode(struct hlv_bytes value, struct hlv_bytes key,
					      uint64_t *time_ms);

/* --- for whoever runs a node --- */

/* In the registry's directory: the time of the last backup is that of this file. */
#define STORE_BACKUP_MARK "last-backup"

struct store_stats {
	uint64_t records; /* live and deleted */
	uint64_t prefixes, journal;
	uint64_t last_seq;
	uint64_t octets;     /* of the file that are in use or were once */
	uint64_t map_octets; /* address space that is reserved */
	unsigned readers;    /* slots in use, of all processes */
};
enum hlv_err HLV_MUST_USE store_stats(struct store *, struct store_view *,
				      struct store_stats *);

/* Copy of the newest state, without free pages, to the new file `path`; durable when it returns.
 * It appears under its name only when it is complete. HLV_E_UNSUPPORTED for the memory engine. */
enum hlv_err HLV_MUST_USE store_backup(struct store *, const char *path, char *why);

/* Make a running backup give up with HLV_E_BUSY: space is short, or it holds its snapshot for too
 * long. Any thread. */
void store_backup_stop(struct store *);

/* Free the slots of readers that died, in other processes. */
enum hlv_err HLV_MUST_USE store_check_readers(struct store *, unsigned *freed);
/* How many commits the oldest snapshot that somebody still reads is behind: pages that were freed
 * since then cannot be used again (threats.md D8: alarm above 10,000). */
enum hlv_err HLV_MUST_USE store_reader_lag(struct store *, uint64_t *commits);

/* --- when the disk fails (docs/durability.md) --- */

/* After a commit that gave HLV_E_IO, always and at once, also by who means to write no more: until
 * then views wait. Opens the registry again under the views that exist, from the thread that
 * commits. HLV_OK: *landed tells whether the group whose commit failed is in after all, all of it
 * (its transactions' err and seq hold then), and more can be written. Anything else: nobody knows
 * whether it is in; views read on where that is possible, and commits give HLV_E_IO or, on a disk
 * that the system made read-only, HLV_E_PERMISSION. HLV_E_TIMEOUT: a view was held too long; call
 * again. */
enum hlv_err HLV_MUST_USE store_reopen(struct store *, bool *landed, char *why);

/* An earlier run met such an error: commits give HLV_E_PERMISSION until everything was looked at.
 * HLV_E_CORRUPT when that finds a fault; `why` holds the first. For the thread that commits; views
 * of others may be open. store_lmdb_open() does this itself unless told `verify_later`. */
bool store_is_unverified(const struct store *);
enum hlv_err HLV_MUST_USE store_verify_first(struct store *, char *why);

/* What store_verify() saw. */
struct store_report {
	uint64_t records, tombstones, values, prefixes, journal, history, audit;
	uint64_t octets; /* of records */
	uint64_t faults;
};
/* Called now and then with `fault` NULL, and once a fault with a line for people. Return false to
 * stop: store_verify() then returns HLV_OK with what it has seen. */
typedef bool store_verify_fn(void *ctx, const struct store_report *so_far, const char *fault);
/* Walk everything that the view shows: keys, CRCs, value lists, flags, counters, sum, journal, former
 * versions, audit trail. HLV_OK
 * when the walk came to its end, with or without faults. */
enum hlv_err HLV_MUST_USE store_verify(struct store *, struct store_view *, store_verify_fn *,
				       void *ctx, struct store_report *);
