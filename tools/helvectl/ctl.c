/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/net/addr.h"
#include "server/store_live.h"
#include "tools/helvectl/live.h"

static void tell(const struct ctl *ctl, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static void tell(const struct ctl *ctl, const char *format, va_list args)
{
	char line[CTL_WHY * 2];
	vsnprintf(line, sizeof line, format, args);
	for (char *p = line; *p; p++) /* names and files hold anything; this is one line */
		if ((unsigned char)*p < ' ' || *p == 0x7F)
			*p = '?';
	fflush(stdout);
	fprintf(stderr, "helvectl%s%s: %s\n", ctl->verb ? " " : "",
		ctl->verb ? ctl->verb->name : "", line);
}

int ctl_fail(const struct ctl *ctl, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	tell(ctl, format, args);
	va_end(args);
	return CTL_FAILED;
}

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	tell(ctl, format, args);
	va_end(args);
	if (ctl->verb)
		fprintf(stderr, "usage: helvectl [-d DIR] %s %s\n", ctl->verb->name,
			ctl->verb->usage);
	return CTL_USAGE;
}

int ctl_fail_err(const struct ctl *ctl, const char *what, enum hlv_err err)
{
	if (ctl->live && *store_live_why(ctl->store))
		return ctl_fail(ctl, "%s: %s", what, store_live_why(ctl->store));
	if (ctl->live && err == HLV_E_LIMIT)
		return ctl_fail(ctl,
				"%s: too large for a change beside a running server (%d "
				"octets): stop it first, then try again",
				what, STORE_LIVE_TXN_MAX);
	if (err == HLV_E_FULL)
		return ctl_fail(ctl,
				"%s: no space left in %s: nothing more was written; make "
				"room and try again",
				what, ctl->dir);
	if (err == HLV_E_CORRUPT)
		return ctl_fail(ctl,
				"%s: stored data fails its checksum: run helvectl verify, "
				"then restore a backup",
				what);
	return ctl_fail(ctl, "%s: %s", what, hlv_strerror(err));
}

void ctl_options_begin(void)
{
	/* Not 1: only 0 makes glibc forget that main() stopped at the verb, so that options
	 * may stand behind arguments ("load FILE --format csv"). */
	optind = 0;
	opterr = 0;
}

int ctl_option(struct ctl *ctl, int argc, char **argv, const struct option *options)
{
	enum { OPTIONS_MAX = 16, OPTION_JSON = 1000, OPTION_HELP };
	struct option all[OPTIONS_MAX] = {{"json", no_argument, NULL, OPTION_JSON},
					  {"help", no_argument, NULL, OPTION_HELP}};
	for (size_t i = 0; options[i].name && i + 3 < OPTIONS_MAX; i++)
		all[i + 2] = options[i];
	for (;;) {
		int c = getopt_long(argc, argv, ":h", all, NULL);
		if (c == OPTION_JSON) {
			ctl->json = true;
			continue;
		}
		if (c == OPTION_HELP || c == 'h') {
			printf("usage: helvectl [-d DIR] %s %s\n%s\n", ctl->verb->name,
			       ctl->verb->usage, ctl->verb->help);
			exit(CTL_DONE);
		}
		if (c == '?')
			ctl_usage(ctl, "unknown option %s", argv[optind - 1]);
		else if (c == ':')
			ctl_usage(ctl, "%s needs an argument", argv[optind - 1]);
		return c == ':' ? '?' : c;
	}
}

char *ctl_path(const struct ctl *ctl, const char *name, char *out)
{
	snprintf(out, PATH_MAX, "%s/%s", ctl->dir, name);
	return out;
}

uint64_t ctl_now_ms(void)
{
	return hlv_clock().wall_ms;
}

enum lock { LOCK_TAKEN, LOCK_SERVER, LOCK_FAILED };

/* helved holds this lock as long as it lives, and its number stands in the file. */
static enum lock take_lock(struct ctl *ctl, char pid[LIVE_PID])
{
	char path[PATH_MAX];
	ctl->lock = open(ctl_path(ctl, "data/helved.lock", path), O_RDWR | O_CREAT | O_CLOEXEC,
			 0640);
	if (ctl->lock < 0) {
		int err = errno;
		ctl_fail(ctl,
			 err == ENOENT
				 ? "%s: no node is here (%s): make one with helvectl init, "
				   "or name its directory with -d"
				 : "%s/data/helved.lock: %s",
			 ctl->dir, strerror(err));
		return LOCK_FAILED;
	}
	if (flock(ctl->lock, LOCK_EX | LOCK_NB) == 0)
		return ftruncate(ctl->lock, 0) == 0 ? LOCK_TAKEN : LOCK_FAILED;
	close(ctl->lock);
	ctl->lock = -1;
	live_pid(ctl, pid);
	if (*pid != '?')
		return LOCK_SERVER;
	ctl_fail(ctl, "another helvectl writes to %s: wait for it, then try again", ctl->dir);
	return LOCK_FAILED;
}

static void tell_unopened(struct ctl *ctl, enum hlv_err err, const char *why)
{
	if (err == HLV_E_NOT_FOUND)
		ctl_fail(ctl,
			 "%s: no registry is here: make one with helvectl init, or name the "
			 "node's directory with -d",
			 ctl->dir);
	else
		ctl_fail(ctl, "%s", *why ? why : hlv_strerror(err));
}

static bool open_store(struct ctl *ctl, bool read_only)
{
	char path[PATH_MAX], why[STORE_WHY] = "";
	struct store_lmdb_options o = {.read_only = read_only};
	enum hlv_err err = store_lmdb_open(ctl_path(ctl, "data", path), &o, &ctl->store, why);
	if (err == HLV_OK)
		err = ctl->store->ops->view_open(ctl->store, &ctl->view);
	if (err == HLV_OK)
		return true;
	tell_unopened(ctl, err, why);
	return false;
}

static bool open_live(struct ctl *ctl, const char *pid)
{
	char path[PATH_MAX], control[PATH_MAX], why[STORE_WHY] = "";
	enum hlv_err err = store_live_open(ctl_path(ctl, "data", path),
					   live_control_path(ctl, control), &ctl->store, why);
	if (err == HLV_OK)
		err = ctl->store->ops->view_open(ctl->store, &ctl->view);
	ctl->live = err == HLV_OK;
	if (err == HLV_E_TIMEOUT || err == HLV_E_IO)
		ctl_fail(ctl,
			 "a server (pid %s) runs on %s, but its control socket does not answer "
			 "(%s): see 'control' in its configuration, or stop it and try again",
			 pid, ctl->dir, why);
	else if (err != HLV_OK)
		tell_unopened(ctl, err, why);
	return ctl->live;
}

bool ctl_open_to_read(struct ctl *ctl)
{
	if (!open_store(ctl, true))
		return false;
	enum hlv_err err = ctl->store->ops->view_begin(ctl->view);
	if (err != HLV_OK)
		ctl_fail_err(ctl, ctl->dir, err);
	return err == HLV_OK;
}

bool ctl_open_to_write(struct ctl *ctl)
{
	char pid[LIVE_PID];
	switch (take_lock(ctl, pid)) {
	case LOCK_TAKEN:
		return open_store(ctl, false);
	case LOCK_SERVER:
		return open_live(ctl, pid);
	case LOCK_FAILED:
		break;
	}
	return false;
}

bool ctl_open_alone(struct ctl *ctl)
{
	char pid[LIVE_PID];
	enum lock lock = take_lock(ctl, pid);
	if (lock == LOCK_SERVER)
		ctl_fail(ctl,
			 "a server (pid %s) runs on %s: stop it first (kill %s, or systemctl "
			 "stop helved), then try again",
			 pid, ctl->dir, pid);
	return lock == LOCK_TAKEN && open_store(ctl, false);
}

void ctl_close(struct ctl *ctl)
{
	if (ctl->store)
		ctl->store->ops->close(ctl->store);
	if (ctl->lock >= 0)
		close(ctl->lock);
	ctl->store = NULL;
	ctl->lock = -1;
}
