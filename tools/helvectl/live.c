/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/live.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "proto/net/file.h"

enum { CONFIG_MAX = 65536 };

void live_pid(const struct ctl *ctl, char pid[LIVE_PID])
{
	char path[PATH_MAX];
	int fd = open(ctl_path(ctl, "data/helved.lock", path), O_RDONLY | O_CLOEXEC);
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
	if (hlv_file_read(ctl_path(ctl, "helved.yaml", path), CONFIG_MAX, &file, why) ==
		    HLV_OK &&
	    file.n > 0) {
		const char *line = file.p;
		while (line && (strncmp(line, key, n) != 0 || line[n] != ':')) {
			line = strchr(line, '\n');
			line += line != NULL;
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
		ctl_path(ctl, "helved.sock", out);
	hlv_buf_free(&set);
	return out;
}
