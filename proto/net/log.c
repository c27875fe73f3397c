/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_OCTETS = 1024 };

/* Shared by all threads on purpose (architecture, "Threads and the loop"). */
static atomic_int level_now = HLV_LOG_INFO;
static const char *const level_names[] = {"error", "warn", "info", "debug"};

void hlv_log_set_level(enum hlv_log_level level)
{
	atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

bool hlv_log_level_parse(const char *text, enum hlv_log_level *level)
{
	for (int i = 0; i <= HLV_LOG_DEBUG; i++) {
		if (strcmp(text, level_names[i]) != 0)
			continue;
		*level = (enum hlv_log_level)i;
		return true;
	}
	return false;
}

/* Whatever a peer may have put into a line cannot start a new one. */
static void escape_controls(char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
			line[i] = '?';
}

void hlv_log(enum hlv_log_level level, const char *event, const char *format, ...)
{
	if ((int)level > atomic_load_explicit(&level_now, memory_order_relaxed))
		return;
	char line[LINE_MAX_OCTETS];
	struct timespec ts;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	size_t n = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ ", &tm);
	n += (size_t)snprintf(line + n, sizeof line - n, "%s %s ", level_names[level], event);
	va_list args;
	va_start(args, format);
	int more = vsnprintf(line + n, sizeof line - n - 1, format, args);
	va_end(args);
	if (more > 0)
		n += (size_t)more;
	if (n > sizeof line - 2)
		n = sizeof line - 2;
	escape_controls(line, n);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* nobody is left to tell */
}
