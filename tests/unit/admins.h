/* SPDX-License-Identifier: Apache-2.0
 *
 * A small registry in memory with administrators, and requests to the planner as rows of a table.
 * Values are written as text, "INDEX[/PERMS] TYPE DATA" and " | " between them: PERMS in hex (0e),
 * data without blanks. Data of HS_ADMIN is "RIGHTS,INDEX:HANDLE" with rights in hex, of HS_VLIST
 * "INDEX:HANDLE,INDEX:HANDLE", of HS_PUBKEY "good" or anything else for octets that are no key.
 */
#pragma once
#include "proto/wire/message.h"
#include "server/plan.h"

enum { ADMINS_LISTED = 3 };

struct admins {
	struct store *store;
	struct store_view *view;
	struct hlv_arena arena; /* of one request */
	struct site_place place;
	struct homed_memo memo;
	struct answer_context answer;
	struct hlv_ref server_admins[ADMINS_LISTED], home_admin;
	struct plan_rules rules;
	struct plan_context context;
	bool reading;
};

/* An empty registry. Server administrators: 1:0.NA/ROOT and the group 200:88.118/GROUPS;
 * for home and unhome only: 2:0.NA/ROOT. */
void admins_open(struct admins *w);
void admins_close(struct admins *w);
/* Open, with the prefixes and records that most tests use; see admins.c. */
void admins_fill(struct admins *w);
void admins_home(struct admins *w, const char *prefix_handle);
void admins_put(struct admins *w, const char *id, const char *values);
/* The same in a state, with locks; `flags`: HLV_RECORD_DELETED or 0. */
void admins_put_state(struct admins *w, const char *id, const char *values, uint8_t flags,
		      enum hlv_state state, uint16_t locks);

/* An encoded value list of the text, in the arena; each value of the year 2001. A value of
 * another time is described with "!" behind it. */
struct hlv_list admins_values(struct hlv_arena *a, const char *values);
/* Blank separated numbers as the list of indexes of a request. */
struct hlv_list admins_indexes(struct hlv_arena *a, const char *text);
/* "INDEX:TYPE=DATA" with blanks between (data of binary types left out), or "(none)". */
void admins_describe(const struct hlv_list *values, char *out, size_t cap);
/* The same of a record as it is now: "(absent)" and "(deleted)" for what is not there. */
void admins_record(struct admins *w, const char *id, char *out, size_t cap);

/* The snapshot of the newest state, from which the next requests are planned. */
void admins_begin(struct admins *w);
void admins_end(struct admins *w);
/* End the snapshot, commit. */
enum hlv_err admins_commit(struct admins *w, struct plan *plan);
