/* SPDX-License-Identifier: Apache-2.0
 *
 * What the registrar tells whoever watches: written by its thread alone, read relaxed by any, so that
 * no scrape ever waits for a commit, and none is waited for. The numbers that are looked up (how many
 * records, how much room) are as old as the last upkeep: a second, those by prefix a minute.
 */
#pragma once
#include <pthread.h>

#include "proto/net/metrics.h"
#include "server/store.h"

/* X(name, family, type, help) */
#define REGISTRAR_METERS(X)                                                                    \
	X(commits, "helve_commits_total", "counter", "Commits, each one sync of the disk.")    \
	X(failed_commits, "helve_commits_failed_total", "counter",                             \
	  "Commits that failed: no room, or a disk error.")                                    \
	X(changes, "helve_changes_total", "counter", "Changes that were made durable.")        \
	X(answered, "helve_registrar_answers_total", "counter",                                \
	  "Requests that the registrar answered: changes, lists, logins.")                     \
	X(proofs, "helve_auth_proofs_total", "counter", "Proofs of an identity that held.")    \
	X(wrong_proofs, "helve_auth_failures_total", "counter",                                \
	  "Proofs of an identity that did not hold.")                                          \
	X(sessions, "helve_sessions", "gauge", "Sessions that are open.")                      \
	X(challenges, "helve_challenges", "gauge", "Challenges that wait for their answer.")   \
	X(waiting, "helve_registrar_waiting_bytes", "gauge",                                   \
	  "Requests that wait for the registrar, in octets.")                                  \
	X(records, "helve_registry_records", "gauge", "Live records.")                         \
	X(prefixes, "helve_registry_prefixes", "gauge", "Prefixes that are homed here.")       \
	X(seq, "helve_registry_sequence", "gauge", "Place of the newest change.")              \
	X(octets, "helve_registry_bytes", "gauge", "Octets of the registry's file.")           \
	X(map_octets, "helve_registry_map_bytes", "gauge", "Address space kept for it.")       \
	X(reader_lag, "helve_registry_reader_lag", "gauge",                                    \
	  "Commits that the oldest snapshot in use is behind.")                                \
	X(disk_free, "helve_disk_free_bytes", "gauge", "Room where the registry is.")          \
	X(disk_total, "helve_disk_bytes", "gauge", "Size of the file system it is on.")        \
	X(writable, "helve_registry_writable", "gauge",                                        \
	  "1 while records can be created, 0 when room or a fault forbids it.")                \
	X(readable, "helve_registry_readable", "gauge", "1 while the registry can be read.")   \
	X(degraded, "helve_registry_degraded", "gauge",                                        \
	  "0 fine, 1 little room, 2 no new records, 3 read-only.")                             \
	X(backup_s, "helve_backup_timestamp_seconds", "gauge",                                 \
	  "When helvectl backup was last done, seconds since 1970; 0: never.")

enum { METER_PREFIXES = 100, METER_PREFIX_NAME = 128 };

struct registrar_meter {
#define X(name, family, type, help) _Atomic uint64_t name;
	REGISTRAR_METERS(X)
#undef X
	struct hlv_histogram group_jobs; /* changes of a commit */
	struct hlv_histogram commit_ns;
	/* The prefixes with the most records, and how many all others have. */
	pthread_mutex_t lock; /* guards what follows; nothing else is taken while it is held */
	size_t nprefixes;
	struct meter_prefix {
		uint64_t records;
		char name[METER_PREFIX_NAME];
	} prefix[METER_PREFIXES];
	uint64_t other_records;
	char why[256]; /* it is not fine: one line for people */
};

void registrar_meter_init(struct registrar_meter *m);
void registrar_meter_fini(struct registrar_meter *m);
static inline void registrar_meter_set(_Atomic uint64_t *gauge, uint64_t value)
{
	atomic_store_explicit(gauge, value, memory_order_relaxed);
}

/* The registrar's, now and then; `v` is begun. */
void registrar_meter_prefixes(struct registrar_meter *m, struct store *store,
			      struct store_view *v);
void registrar_meter_why(struct registrar_meter *m, const char *why);

/* Any thread. */
void registrar_meter_put(struct registrar_meter *m, struct hlv_metrics *out);
/* ,"registry":{...}: with a comma in front. */
void registrar_meter_put_stats(struct registrar_meter *m, struct hlv_buf *json);
/* NULL: the registry can be read, and written to unless something failed; else why not. In `room`. */
const char *registrar_meter_unready(struct registrar_meter *m, char room[256]);
