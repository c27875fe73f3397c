/* SPDX-License-Identifier: Apache-2.0
 *
 * The registrar's insides, shared by its files alone: registrar.c (queues, groups, answers), route.c
 * (what becomes of one job), extension.c (operations of our own), fetch.c (what other nodes hold),
 * upkeep.c (what is due now and then), indexing.c (the index of values while it is built).
 */
#pragma once
#include <stdatomic.h>

#include "server/answer.h"
#include "server/group.h"
#include "server/health.h"
#include "server/metrics.h"
#include "server/quota.h"
#include "server/registrar.h"

enum {
	SLOW_MAX = 256, /* logins that take long, waiting */
	WAITING_OCTETS_MAX =
		64 << 20,	    /* of requests that came and are not answered; each ... */
	WAITING_OCTETS_EACH = 2048, /* ... counts for at least so many */
};

struct queue {
	struct job *first, *last;
	size_t n;
};

struct registrar {
	struct hlv_actor *actor;
	struct store *store;
	struct store_view *view;
	bool reading;
	struct homed_memo memo; /* of the snapshot in hand */
	const struct node *node;
	struct site_place place;
	const struct registrar_rules *rules;
	struct authn *authn;
	struct asker *asker;
	size_t fetching; /* jobs that wait for other nodes */
	struct health health;
	struct quota_table quota;
	struct group group;
	struct queue again, ready, slow; /* `again` comes before `ready` */
	_Atomic size_t waiting;		 /* octets, added to by workers */
	struct hlv_arena arena; /* of the group in hand: what no job owns, and bulk chunks */
	struct hlv_now now;
	hlv_mono_ns ticked_ns, started_ns;
	hlv_mono_ns signed_ns, trimmed_ns;   /* when upkeep did it last */
	uint64_t signed_seq, signed_changes; /* of the audit trail */
	struct {
		uint64_t answered, committed, groups;
	} stats;
	struct registrar_meter meter;
	hlv_mono_ns counted_ns;	     /* when the prefixes were, last */
	bool indexing;		     /* there is something to build */
	hlv_mono_ns index_failed_ns; /* when a slice could not be committed, last */
};

/* j->txns are to be committed and then answered: by j->committed(), else with x->rs. */
void registrar_commit(struct registrar *g, struct job *j);
/* The same, now. */
void registrar_commit_alone(struct registrar *g, struct job *j);
void registrar_reply(struct registrar *g, struct job *j);
/* To be worked on from what is known now: before all that came after it. */
void registrar_again(struct registrar *g, struct job *j);
/* Into the queue of what takes long, or busy. */
void registrar_later(struct registrar *g, struct job *j);
/* Commit what waits, so that what comes next sees it. False: the registry cannot be read. */
bool registrar_flush(struct registrar *g);
void registrar_end_view(struct registrar *g);
/* It has been opened: do it. */
void registrar_route(struct registrar *g, struct job *j);
/* Go on as authentication says. */
void registrar_settle(struct registrar *g, struct job *j, enum authn_verdict verdict);
/* Who sent it is known, or it is a matter for authentication and has gone there. */
bool registrar_knows_sender(struct registrar *g, struct job *j);

/* What plan_request() is told about a job; `answer` and `random` belong to the caller. */
void registrar_context(struct registrar *g, struct job *j, const uint8_t random[16],
		       struct answer_context *answer, struct plan_context *c);

/* HELVE_COMMIT, HELVE_BULK, HELVE_CONTROL, BACKUP_SERVER. */
void registrar_extension(struct registrar *g, struct job *j);

struct hlv_json;
/* HELVE_CONTROL "checkpoint": sign the audit trail's head. */
void registrar_checkpoint(struct registrar *g, struct job *j, const struct hlv_json *args);
/* "copy-begin", "copy-scan", "copy-journal": for whoever keeps a copy of a prefix. */
void registrar_copy(struct registrar *g, struct job *j, const struct hlv_json *args);
/* "list", "history", "undo", "audit" (past.c). */
void registrar_list(struct registrar *g, struct job *j, const struct hlv_json *args);
void registrar_history(struct registrar *g, struct job *j, const struct hlv_json *args);
void registrar_undo(struct registrar *g, struct job *j, const struct hlv_json *args);
void registrar_audit(struct registrar *g, struct job *j, const struct hlv_json *args);
void registrar_search(struct registrar *g, struct job *j, const struct hlv_json *args);
/* The index of values (indexing.c): what the option asks for, at the start and when it changes; a slice
 * of what is to be built, between others' changes; and HELVE_CONTROL "index". */
enum hlv_err HLV_MUST_USE registrar_index_open(struct registrar *g);
void registrar_index_reload(struct registrar *g);
void registrar_index_slice(struct registrar *g);
bool registrar_is_indexing(const struct registrar *g);
void registrar_index(struct registrar *g, struct job *j, const struct hlv_json *args);
/* Each second: the disk, the trail's checkpoints, what undo-days have passed. */
void registrar_upkeep(struct registrar *g);

/* The keys of j->proof.who, or j->plan.wanted, are another node's: ask, and go on then. */
void registrar_fetch_proof(struct registrar *g, struct job *j);
void registrar_fetch_group(struct registrar *g, struct job *j);
