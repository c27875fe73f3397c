/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of the log as data, and as text, JSON or a datagram of the journal. The keys are those of
 * the format string, which is ours; the values may hold what a peer sent: no control character and
 * nothing that is not UTF-8 gets through, and each is cut at 256 octets (threats.md 5). Pure.
 */
#pragma once
#include <stdarg.h>

#include "proto/base/writer.h"
#include "proto/net/log.h"

enum {
	HLV_LOG_FIELDS = 24,
	HLV_LOG_VALUE = 256,
	HLV_LOG_MESSAGE = 768, /* what stands before any key is a sentence of ours */
	HLV_LOG_ROOM = HLV_LOG_FIELDS * HLV_LOG_VALUE + HLV_LOG_MESSAGE,
	HLV_LOG_OUT = 16384, /* any form of a line fits */
};

struct hlv_log_field {
	struct hlv_bytes name; /* empty: the sentence */
	size_t at, n;	       /* of its value, in the line's room */
	bool number, quoted;
};

struct hlv_log_line {
	enum hlv_log_level level;
	const char *event;
	uint64_t wall_ms;
	const char *program;
	int pid;
	size_t nfields, used;
	struct hlv_log_field fields[HLV_LOG_FIELDS];
	char room[HLV_LOG_ROOM];
};

/* `key=%s key="%s" ...` and its arguments. Of conversions there are s, c, d, i, u, x and f; flags and
 * widths mean nothing. */
void hlv_log_read(struct hlv_log_line *line, const char *format, va_list args);

/* "2026-11-22T13:00:00Z warn udp.limited source=192.0.2.1 per_s=50" and a line feed. */
void hlv_log_put_text(struct hlv_writer *w, const struct hlv_log_line *line);
/* {"time":"...","level":"warn","event":"udp.limited","pid":7,"source":"192.0.2.1","per_s":50} */
void hlv_log_put_json(struct hlv_writer *w, const struct hlv_log_line *line);
/* systemd's native protocol: PRIORITY, SYSLOG_IDENTIFIER, MESSAGE, HELVE_EVENT, HELVE_SOURCE ... */
void hlv_log_put_journal(struct hlv_writer *w, const struct hlv_log_line *line);
