/* SPDX-License-Identifier: Apache-2.0
 *
 * The registrar: the one thread that knows who somebody is and that writes (decisions.md 5, 9).
 * Workers give it exchanges that need a login or change something; it opens them (authn.h), plans
 * them (plan.h), commits whole groups with one sync (store.h), and posts each home when what it
 * says is durable. Public questions never come here.
 *
 * One thread and not one a worker: a client's messages reach any worker, so challenges and sessions
 * would have to be mailed about anyway, and writes are one at a time in LMDB.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/net/service.h"
#include "server/authn.h"
#include "server/service.h"

struct registrar;

struct registrar_rules {
	struct plan_rules plan;
	struct authn_rules authn;
	uint32_t undo_days;
	const struct hlv_strings *index_types; /* NULL: as the registry has it */
	struct hlv_bytes parent;	       /* site record of the node above; empty: none */
	const char *data_dir;
	/* Members of the status object, each with a comma in front: the workers' counters. */
	void (*put_counters)(void *ctx, struct hlv_buf *json);
	void (*put_slow)(void *ctx, struct hlv_buf *json);  /* [ slow queries ] */
	void (*put_stats)(void *ctx, struct hlv_buf *json); /* { numbers for charts } */
	void *ctx;
};

struct registrar_meter;

/* Borrowed until it is stopped or given others: store, node, rules. `why`: 256 octets. */
enum hlv_err HLV_MUST_USE registrar_start(struct store *store, const struct node *node,
					  const struct registrar_rules *rules,
					  struct registrar **out, char *why);
/* The end is near, and workers wait for their exchanges: nobody waits for another node any more. */
void registrar_hurry(struct registrar *g);
/* When no worker is left: all that was given away is answered then. */
void registrar_stop(struct registrar *g);
/* Other ones from now on. Waits until no job uses the former. */
void registrar_set(struct registrar *g, const struct node *node,
		   const struct registrar_rules *rules);

/* What it counts (metrics.h): any thread, while it lives. */
struct registrar_meter *registrar_meter_of(struct registrar *g);

/* From a worker: x is kept already (hlv_exchange_keep). It comes home by hlv_exchange_return(). False:
 * too much is waiting already, and x stays the caller's. */
bool HLV_MUST_USE registrar_submit(struct registrar *g, struct hlv_exchange *x);
