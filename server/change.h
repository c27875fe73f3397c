/* SPDX-License-Identifier: Apache-2.0
 *
 * One request on its way through the planner, and the steps that its operations share. A step
 * returns false when the verdict is known: an operation is a row of steps, read in the order of
 * protocol.md 11.4.
 */
#pragma once
#include "server/plan.h"

struct change {
	const struct plan_context *c;
	const struct answer_context *a; /* c->answer */
	const struct principal *who;
	const struct hlv_request *rq;
	struct plan *plan;
	struct hlv_response *rs;
	enum plan_verdict verdict;
	struct hlv_bytes id;   /* as it is looked up: with its slash, minted */
	struct hlv_bytes echo; /* as the asker spelled it */
	struct store_key key;
	struct hlv_record rec; /* of `key`; zero when it never was */
	bool exists;	       /* it is live, and not revoked */
	uint16_t rights;       /* that the change takes (HLV_ADMIN_*), before change_put() */
	struct store_check *checks;
	size_t nchecks, checks_cap;
};

/* The verdict is known: always false. */
bool change_refuse(struct change *ch, enum hlv_rc rc, const char *text);
bool change_refusef(struct change *ch, enum hlv_rc rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool change_failed(struct change *ch, enum hlv_err err);

/* 11.2: is it ours? Sets key, rec, exists; `id` and `echo` are given. */
bool change_locate(struct change *ch);
bool change_must_exist(struct change *ch);
/* Somebody is known, or else a challenge. */
bool change_is_known(struct change *ch);
/* Does one HS_ADMIN value of the list give all of `perms`? (11.5) Adds what the answer rests on to
 * the checks. AUTHZ_NO leaves the verdict open, the others but AUTHZ_YES do not. */
enum authz_verdict change_ask(struct change *ch, uint16_t perms, const struct hlv_list *values);
/* The same, refused with a text that names the rights; perms 0: yes. */
bool change_may_not(struct change *ch, uint16_t perms);
bool change_may(struct change *ch, uint16_t perms, const struct hlv_list *values);
/* Home and unhome, list homed: the two lists of the configuration. */
bool change_is_server_admin(struct change *ch);
/* The record that decides who may create `id`, and the right that it takes: the prefix handle's,
 * or the parent's for derived prefixes. Missing: `values` is empty. Adds it to the checks. */
bool change_creators(struct change *ch, uint16_t *perm, struct hlv_list *values);

/* This is decisive: revoked in between, it makes the change a conflict. */
bool change_rests_on(struct change *ch, const struct store_check *check);
/* Commit the record with these values (its flags with them), unless its state or a lock forbids
 * it, it is too large, or it would lock everybody out. */
bool change_put(struct change *ch, const struct hlv_record *rec);
bool change_commit(struct change *ch, const struct store_put *put);
/* Success, with nothing to commit. Always true. */
bool change_nothing(struct change *ch);

/* Sets id and echo: a name without a slash is that of a prefix (6.6). */
bool change_set_id(struct change *ch, struct hlv_bytes id);
/* The record as it exists gets exactly these values (ascending), or goes; or becomes one that is not
 * there: with the rights that each takes. */
bool change_replace(struct change *ch, const struct hlv_list *values);
bool change_delete(struct change *ch);
bool change_create(struct change *ch, const struct hlv_list *values);

/* The operations (plan_read.c, plan_values.c, plan_prefix.c). */
bool plan_read(struct change *ch);
bool plan_create(struct change *ch);
bool plan_add(struct change *ch);
bool plan_remove(struct change *ch);
bool plan_modify(struct change *ch);
bool plan_home(struct change *ch);
bool plan_list_homed(struct change *ch);
bool plan_list_handles(struct change *ch);
