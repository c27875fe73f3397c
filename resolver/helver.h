/* SPDX-License-Identifier: Apache-2.0
 *
 * What main.c (start and stop), era.c (what is read from files) and reload.c share: the one helver of
 * this process. All of it is main's thread's own; other threads hold what they were given, and what
 * that borrows from an era lives as long as a walk may (RETIRED_S), or as the engine says.
 */
#pragma once
#include <limits.h>
#include <stdatomic.h>

#include "proto/dns/front.h"
#include "proto/net/daemon.h"
#include "proto/net/prove.h"
#include "proto/web/web.h"
#include "resolver/anchor.h"
#include "resolver/control.h"
#include "resolver/own.h"
#include "resolver/rootdns.h"
#include "resolver/service.h"

/* A configuration with all that borrows from it. */
struct era {
	struct era *next; /* the one before */
	struct resolver_options *options;
	struct policy *policy;
	hlv_mono_ns ended_ns;
};

/* All that main owns. */
struct helver {
	struct hlv_daemon d;
	struct web web;
	struct hlv_daemon_window *window; /* of latencies */
	bool insecure;			  /* as it was started */
	struct hlv_dns_shared dns;
	struct era *era; /* newest first: walks of the former ones may be under way */
	struct own own;
	struct hlv_prove_identity copier;
	struct anchors *anchors; /* until the recursor has them */
	struct cache *cache;
	struct keep *keep;
	struct copies *copies;
	struct recursor *recursor;
	struct rootdns *rootdns;   /* NULL: DNS is not asked */
	atomic_bool root_is_named; /* a file names one, as DNS may or may not */
	struct control *control;
	size_t sockets; /* for questions of ours */
	struct resolver *resolvers[HLV_DAEMON_WORKERS];
	char anchors_path[PATH_MAX], copies_path[PATH_MAX], rootdns_path[PATH_MAX];
};

/* --- era.c: errors are one line in h->d.why --- */

/* The options alone, into a new era. */
enum hlv_err HLV_MUST_USE era_read(struct helver *h, struct era **out);
/* Anchors and policy of the first era, and whether they are enough to start with. */
enum hlv_err HLV_MUST_USE era_begin(struct helver *h);
/* The next one, all of it, with the ports that we have; it is not yet h->era. */
enum hlv_err HLV_MUST_USE era_load(struct helver *h, struct era **out);
/* The keys of the root's servers are anchors for everything; a key that the file has in whatever state
 * stays in that state. */
enum hlv_err HLV_MUST_USE era_add_root_keys(struct anchors *a, const struct policy *policy);
/* Those that ended long ago and that the engine uses no more. */
void era_free_retired(struct helver *h, hlv_mono_ns now_ns);
void era_free_all(struct helver *h);

/* --- reload.c --- */

/* What workers are given of the daemon and of this era. */
struct resolver_shared helver_share(const struct helver *h, const struct era *e);
/* Before the recursor is there: what was kept without the proof that is asked for now is forgotten, also
 * on the disk. */
void helver_forget_kept(struct helver *h);
void helver_reload(void *helver);
