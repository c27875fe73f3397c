/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/live.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "proto/net/file.h"
#include "proto/net/talk.h"

enum { CONFIG_MAX = 65536 };

const char *live_daemon(const struct ctl *ctl)
{
	char path[PATH_MAX];
	return access(ctl_path(ctl, "helver.yaml", path), F_OK) == 0 ? "helver" : "helved";
}

/* DIR/BEFOREhelverAFTER into `out`. */
static char *daemon_path(const struct ctl *ctl, const char *before, const char *after,
			 char *out)
{
	char name[64];
	snprintf(name, sizeof name, "%s%s%s", before, live_daemon(ctl), after);
	return ctl_path(ctl, name, out);
}

void live_pid(const struct ctl *ctl, char pid[LIVE_PID])
{
	char path[PATH_MAX];
	int fd = open(daemon_path(ctl, "data/", ".lock", path), O_RDONLY | O_CLOEXEC);
	pid[0] = '\0';
	if (fd < 0)
		return;
	if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
		ssize_t n = pread(fd, pid, LIVE_PID - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		pid[strcspn(pid, "\n")] = '\0';
		if (!*pid)
			snprintf(pid, LIVE_PID, "?");
	}
	close(fd);
}

/* Behind "key:", up to a comment or the line's end; in single quotes two of them are one. */
static void take_value(const char *p, struct hlv_buf *value)
{
	char quote = '\0';
	p += strspn(p, " \t");
	if (*p == '\'' || *p == '"')
		quote = *p++;
	for (; *p && *p != '\n' && *p != '\r'; p++) {
		if (quote && *p == quote && !(quote == '\'' && p[1] == quote))
			return;
		if (quote && *p == quote)
			p++;
		if (!quote && *p == '#')
			break;
		hlv_buf_put(value, hlv_bytes(p, 1));
	}
	while (value->n > 0 &&
	       (value->p[value->n - 1] == ' ' || value->p[value->n - 1] == '\t'))
		value->p[--value->n] = '\0';
}

void live_setting(const struct ctl *ctl, const char *key, struct hlv_buf *value)
{
	char path[PATH_MAX], why[CTL_WHY];
	struct hlv_buf file = {0};
	size_t n = strlen(key);
	if (hlv_file_read(daemon_path(ctl, "", ".yaml", path), CONFIG_MAX, &file, why) ==
		    HLV_OK &&
	    file.n > 0) {
		const char *line = file.p;
		while (line && (strncmp(line, key, n) != 0 || line[n] != ':')) {
			line = strchr(line, '\n');
			line = line ? line + 1 : NULL;
		}
		if (line)
			take_value(line + n + 1, value);
	}
	hlv_buf_str(value, ""); /* NUL-terminated also when it is empty */
	hlv_buf_free(&file);
}

char *live_control_path(const struct ctl *ctl, char *out)
{
	struct hlv_buf set = {0};
	live_setting(ctl, "control", &set);
	if (set.n > 0)
		snprintf(out, PATH_MAX, "%s", set.p);
	else
		daemon_path(ctl, "", ".sock", out);
	hlv_buf_free(&set);
	return out;
}

/* --- the control socket --- */

static bool ask_verb(struct ctl *ctl, struct hlv_talk *a, const char *verb,
		     const char *arguments, struct hlv_buf *answer)
{
	char why[HLV_TALK_WHY] = "";
	bool offered = false;
	struct hlv_response rs;
	struct hlv_request rq = {.m.hdr.op = HLV_OP_HELVE_CONTROL,
				 .handle = hlv_text(verb),
				 .octets = hlv_text(arguments)};
	enum hlv_err err = hlv_talk_offers(a, "control", &offered, why);
	if (err == HLV_OK && !offered) {
		ctl_fail(ctl, "the server takes no such requests: is it an older version?");
		return false;
	}
	if (err == HLV_OK)
		err = hlv_talk_ask(a, &rq, &rs, why);
	if (err != HLV_OK) {
		ctl_fail(ctl, "%s", why);
		return false;
	}
	if (rs.rc != HLV_RC_SUCCESS) {
		ctl_fail(ctl, "the server says: %s", hlv_talk_refusal(&rs, why));
		return false;
	}
	hlv_buf_put(answer, rs.octets);
	hlv_buf_str(answer, "");
	return !answer->bad;
}

bool live_control(struct ctl *ctl, const char *verb, const char *arguments,
		  struct hlv_buf *answer)
{
	char path[PATH_MAX], why[HLV_TALK_WHY] = "", pid[LIVE_PID];
	struct hlv_link_to to = {.transport = HLV_T_LOCAL,
				 .path = live_control_path(ctl, path)};
	struct hlv_talk *a = NULL;
	live_pid(ctl, pid);
	if (ctl->socket)
		to.path = ctl->socket;
	else if (!*pid || *pid == '?') {
		ctl_fail(ctl, "no server runs on %s: start %s -c %s/%s.yaml", ctl->dir,
			 live_daemon(ctl), ctl->dir, live_daemon(ctl));
		return false;
	}
	if (hlv_talk_open(&to, NULL, &a, why) != HLV_OK && ctl->socket) {
		ctl_fail(ctl, "%s: %s", ctl->socket, why);
		return false;
	}
	if (!a) {
		ctl_fail(ctl,
			 "a server (pid %s) runs on %s, but its control socket does not "
			 "answer (%s): see 'control' in its configuration",
			 pid, ctl->dir, why);
		return false;
	}
	bool ok = ask_verb(ctl, a, verb, arguments, answer);
	hlv_talk_close(a);
	return ok;
}
