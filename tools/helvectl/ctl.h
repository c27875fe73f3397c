/* SPDX-License-Identifier: Apache-2.0
 *
 * What the verbs of helvectl share: the node's directory, the way into its registry, and how a
 * verb says what went wrong. A verb is one function; its exit code is 0, 1 (failed) or 2
 * (usage).
 */
#pragma once
#include <getopt.h>
#include <limits.h>

#include "server/store.h"

enum { CTL_WHY = 512, CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

struct remote_options;

struct ctl {
	const char *socket; /* cache: the control socket, wherever it is; NULL: DIR's */
	const char *dir;    /* the node's: helved.yaml, keys/, data/, site.json, site.bin */
	const struct ctl_verb *verb;
	bool json;
	char why[CTL_WHY];
	struct store *store;		     /* NULL until opened */
	struct store_view *view;	     /* begun while reading */
	const struct remote_options *remote; /* a server to ask instead of DIR; or NULL */
	int lock;			     /* -1: not taken */
	bool live; /* changes go through the server that runs on DIR */
};

struct ctl_verb {
	const char *name, *usage, *help;
	int (*run)(struct ctl *ctl, int argc, char **argv); /* argv[0] is the verb */
};

/* One line on standard error; returns CTL_FAILED. */
int ctl_fail(const struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* One line about wrong usage and the verb's usage; returns CTL_USAGE. */
int ctl_usage(const struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The line for `err` of something done to `what`; ctl->why goes in front of the plain text. */
int ctl_fail_err(const struct ctl *ctl, const char *what, enum hlv_err err);

/* getopt_long() with --json and --help known everywhere. -1 at the end, '?' for what is unknown
 * (already told). `options` ends with a zero row. */
int ctl_option(struct ctl *ctl, int argc, char **argv, const struct option *options);
/* What a verb begins its loop over options with. */
void ctl_options_begin(void);

/* DIR/NAME into `out` (PATH_MAX octets); returns `out`. */
char *ctl_path(const struct ctl *ctl, const char *name, char *out);

/* The registry beside a running server, a view begun. A line is told on failure. */
bool ctl_open_to_read(struct ctl *ctl);
/* To change the registry: alone, or, while a server runs on DIR, through its control socket
 * (ctl->live). No view is begun. A line is told on failure. */
bool ctl_open_to_write(struct ctl *ctl);
/* The same for what cannot be done beside a server: refused while one runs. */
bool ctl_open_alone(struct ctl *ctl);
void ctl_close(struct ctl *ctl);

uint64_t ctl_now_ms(void);

int cmd_admin(struct ctl *ctl, int argc, char **argv);
int cmd_anchor(struct ctl *ctl, int argc, char **argv);
int cmd_audit(struct ctl *ctl, int argc, char **argv);
int cmd_backup(struct ctl *ctl, int argc, char **argv);
int cmd_cache(struct ctl *ctl, int argc, char **argv);
int cmd_cert(struct ctl *ctl, int argc, char **argv);
int cmd_count(struct ctl *ctl, int argc, char **argv);
int cmd_delegate(struct ctl *ctl, int argc, char **argv);
int cmd_doctor(struct ctl *ctl, int argc, char **argv);
int cmd_dump(struct ctl *ctl, int argc, char **argv);
int cmd_get(struct ctl *ctl, int argc, char **argv);
int cmd_history(struct ctl *ctl, int argc, char **argv);
int cmd_home(struct ctl *ctl, int argc, char **argv);
int cmd_index(struct ctl *ctl, int argc, char **argv);
int cmd_init(struct ctl *ctl, int argc, char **argv);
int cmd_key(struct ctl *ctl, int argc, char **argv);
int cmd_list(struct ctl *ctl, int argc, char **argv);
int cmd_load(struct ctl *ctl, int argc, char **argv);
int cmd_lock(struct ctl *ctl, int argc, char **argv);
int cmd_put(struct ctl *ctl, int argc, char **argv);
int cmd_quota(struct ctl *ctl, int argc, char **argv);
int cmd_slow(struct ctl *ctl, int argc, char **argv);
int cmd_chain(struct ctl *ctl, int argc, char **argv);
int cmd_reload(struct ctl *ctl, int argc, char **argv);
int cmd_restore(struct ctl *ctl, int argc, char **argv);
int cmd_rm(struct ctl *ctl, int argc, char **argv);
int cmd_site(struct ctl *ctl, int argc, char **argv);
int cmd_sign(struct ctl *ctl, int argc, char **argv);
int cmd_state(struct ctl *ctl, int argc, char **argv);
int cmd_status(struct ctl *ctl, int argc, char **argv);
int cmd_undo(struct ctl *ctl, int argc, char **argv);
int cmd_unhome(struct ctl *ctl, int argc, char **argv);
int cmd_unlock(struct ctl *ctl, int argc, char **argv);
int cmd_verify(struct ctl *ctl, int argc, char **argv);
