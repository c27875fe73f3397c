/* SPDX-License-Identifier: Apache-2.0
 *
 * What every daemon's main needs: the lock on its data, sockets for each worker, the control socket,
 * fewer privileges and enough descriptors, and the word to systemd. Everything that can go wrong ends
 * as one line in `why`.
 */
#pragma once
#include <signal.h>

#include "proto/base/buf.h"
#include "proto/net/loop.h"

enum {
	HLV_DAEMON_WHY = 512,
	HLV_DAEMON_PATH = 4096,
	HLV_DAEMON_WORKERS = 256,
	HLV_DAEMON_ADDRS = 64,
};

/* A front end on TCP beside the native one: for each option with addresses one. */
struct hlv_daemon_stream {
	const char *option; /* "http" */
	struct hlv_addrs *addrs;
	const struct conn_speech *speech;
	void *shared;
	const struct hlv_datagrams *datagrams; /* UDP beside it; or NULL */
	struct hlv_sockets fds[HLV_DAEMON_WORKERS][HLV_DAEMON_ADDRS];
};

struct hlv_daemon {
	const char *name; /* "helved" */
	const char *path; /* of the configuration */
	struct hlv_addrs *listen;
	const struct web_options *web;	     /* of the workers, at first; NULL: no HTTP */
	struct hlv_daemon_stream streams[2]; /* filled by main; addrs NULL: none */
	unsigned nworkers;
	struct hlv_now started;
	struct hlv_sockets sockets[HLV_DAEMON_WORKERS][HLV_DAEMON_ADDRS];
	/* NULL: not started yet. The first one's clients may ask for the counters of all already. */
	struct hlv_worker *_Atomic workers[HLV_DAEMON_WORKERS];
	struct hlv_verified *verified;
	struct hlv_query_log *query_log;
	int lock;
	int control;			    /* the socket; 0: none */
	char control_path[HLV_DAEMON_PATH]; /* empty: none */
	char why[HLV_DAEMON_WHY];
};

/* What the command line asks for. Help, version, the sample and the one line about a wrong usage were
 * printed when it returns. */
enum hlv_daemon_task {
	HLV_DAEMON_RUN,
	HLV_DAEMON_CHECK, /* the configuration, and no more */
	HLV_DAEMON_DONE,
	HLV_DAEMON_WRONG, /* exit status 2 */
};

struct hlv_daemon_usage {
	const struct hlv_option *rows; /* of the sample */
	size_t n;
	const char *maker; /* "helvectl init" */
};

/* Sets d->path, which borrows from `argv`. */
enum hlv_daemon_task hlv_daemon_arguments(struct hlv_daemon *d, int argc, char **argv,
					  const struct hlv_daemon_usage *usage);

/* Block the signals that hlv_daemon_wait() waits for: before the first thread, so that all inherit it
 * and signals come to main alone. */
void hlv_daemon_signals(sigset_t *signals);

/* --- in this order --- */

/* `workers`: as configured, 0: one for each core. The lock is `dir`/NAME.lock with our process id. */
enum hlv_err HLV_MUST_USE hlv_daemon_lock(struct hlv_daemon *d, const char *dir,
					  uint32_t workers);
/* Sockets of all addresses for all workers; ports of 0 are chosen and written into d->listen. */
enum hlv_err HLV_MUST_USE hlv_daemon_bind(struct hlv_daemon *d);
/* At `path`; one that is too long is lived without unless `must`. */
enum hlv_err HLV_MUST_USE hlv_daemon_bind_control(struct hlv_daemon *d, const char *path,
						  bool must);
/* Of the descriptors that we may ever have, a quarter, but not more than `most`: for questions to other
 * nodes. */
size_t hlv_daemon_share(size_t most);
/* As many descriptors as the connections that are allowed may need, and `others`; where the system
 * gives fewer, fewer connections: then the longest idle one makes room. */
void hlv_daemon_fit(const struct hlv_daemon *d, struct hlv_limits *limits, size_t others);
/* Is there such an account? Empty: none is asked for. */
enum hlv_err HLV_MUST_USE hlv_daemon_check_user(struct hlv_daemon *d, const char *user);
/* Empty: stay who we are. The lock and the control socket become the account's. */
enum hlv_err HLV_MUST_USE hlv_daemon_drop(struct hlv_daemon *d, const char *user);
/* One more worker; the first has the control socket. */
enum hlv_err HLV_MUST_USE hlv_daemon_start_worker(struct hlv_daemon *d, unsigned number,
						  struct hlv_service *service,
						  const struct hlv_limits *limits,
						  const struct hlv_tls *tls);

/* --- while it runs --- */

/* All is well: say where we listen, "ready", and tell systemd. Then until SIGTERM: SIGHUP calls
 * reload(ctx), SIGUSR1 logs the workers' counters. */
void hlv_daemon_serve(const struct hlv_daemon *d, const sigset_t *signals,
		      void (*reload)(void *ctx), void *ctx);
/* The workers' counters, as members of an object: ,"workers":2,"counters":{...} */
void hlv_daemon_put_counters(const struct hlv_daemon *d, struct hlv_buf *json);

/* The slow queries of all workers, newest first: [ ... ] */
void hlv_daemon_put_slow(const struct hlv_daemon *d, struct hlv_buf *json);
/* Before the first worker, after privileges were dropped; and with each reload. */
enum hlv_err HLV_MUST_USE hlv_daemon_open_query_log(struct hlv_daemon *d,
						    const struct hlv_limits *limits);

/* --- at the end --- */

void hlv_daemon_stop_workers(struct hlv_daemon *d);
/* Behind the last use of the data. */
void hlv_daemon_fini(struct hlv_daemon *d);
