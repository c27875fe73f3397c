/* SPDX-License-Identifier: Apache-2.0
 *
 * May this identity do this to that identifier (protocol.md 11.5)? Pure: HS_ADMIN values of the
 * record or of its prefix, groups by HS_VLIST, and the lists of the configuration, from one
 * snapshot. What lives on another node is not fetched here: the verdict says what is wanted, and
 * whoever can ask puts it into `fetched` and calls again.
 */
#pragma once
#include "proto/wire/admin.h"
#include "proto/wire/name.h"
#include "server/context.h"

/* Who it is, and how that is known; ACTOR_PUBLIC: nobody knows. */
struct principal {
	enum store_actor_how how;
	struct hlv_ref who;
};

/* Sets of the configuration, each a list of "index:handle". */
struct authz_lists {
	const struct hlv_ref *server_admins; /* full access, home and unhome, list, backup */
	size_t nserver_admins;
	const struct hlv_ref *home_only_admins;
	size_t nhome_only_admins;
	const struct hlv_ref *backup_admins; /* backup, beside the server administrators */
	size_t nbackup_admins;
	const struct hlv_ref *replication_admins; /* copies of prefixes, beside them */
	size_t nreplication_admins;
};

/* A value of a group that another node holds, as it was fetched (certified). */
struct authz_fetched {
	struct hlv_ref ref;
	bool found; /* false: asked for and not to be had */
	struct hlv_bytes type, data;
};

/* Bounds of one decision (11.5, ours): beyond them the answer is no. */
enum { AUTHZ_REFS_MAX = 1000, AUTHZ_FETCH_MAX = 10 };

struct authz {
	const struct answer_context *from; /* store, view, place, memo, arena */
	const struct authz_lists *lists;
	const struct authz_fetched *fetched;
	size_t nfetched;
	struct hlv_ref wanted; /* out, with AUTHZ_FETCH: in the arena */
	/* out, with AUTHZ_YES: the records of the groups that the answer rests on, in the arena.
	 * The record whose HS_ADMIN values were given is the caller's own affair. */
	struct store_check *rests_on;
	size_t nrests_on;
};

enum authz_verdict {
	AUTHZ_YES,
	AUTHZ_NO,    /* 400 */
	AUTHZ_FETCH, /* a.wanted is needed first */
	AUTHZ_ERROR, /* the registry cannot be read, or no memory */
};

/* Does one HS_ADMIN value of `values` that has all of `perms` name `who`, directly or by a group?
 * Server administrators may do everything. perms 0: only they. */
enum authz_verdict authz_check(struct authz *a, const struct hlv_ref *who, uint16_t perms,
			       const struct hlv_list *values);
/* Is `who` in the list, directly or by a group? (home, unhome, list homed, backup) */
enum authz_verdict authz_is_listed(struct authz *a, const struct hlv_ref *who,
				   const struct hlv_ref *list, size_t n);

/* The value `index` of an ascending list. */
bool authz_value_at(const struct hlv_list *values, uint32_t index, struct hlv_value *v);
/* Copied into the arena: this record, as it is in the snapshot. False without memory. */
bool authz_check_of(struct hlv_arena *arena, const struct store_key *key, uint64_t seq,
		    struct store_check *check);
