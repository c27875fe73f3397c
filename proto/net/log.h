/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging of the daemons: one line, one write, "level event key=value ...", as text or JSON on
 * standard error or as a datagram to systemd's journal (log_line.h has the forms). Whatever came from
 * a peer cannot start a line or leave its value. Of each kind of event a hundred lines in ten
 * seconds are written; how many were not is said when that time is over. Not reachable from
 * libhelve.
 */
#pragma once
#include "proto/base/bytes.h"

enum hlv_log_level { HLV_LOG_ERROR, HLV_LOG_WARN, HLV_LOG_INFO, HLV_LOG_DEBUG };
enum hlv_log_format { HLV_LOG_TEXT, HLV_LOG_JSON, HLV_LOG_JOURNALD };

enum { HLV_LOG_BURST = 100, HLV_LOG_WINDOW_S = 10 };

/* Both as the configuration names them; what is no name changes nothing. Any thread, any time. */
void hlv_log_set(const char *level, const char *format);
enum hlv_log_format hlv_log_format(void);
/* Where the journal listens, for tests; before the first line. */
void hlv_log_set_journal(const char *path);

void hlv_log(enum hlv_log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Is one more line of this kind to be written? The caller holds whatever guards `l`. */
struct hlv_log_limit {
	char event[48];
	uint64_t since_ms;
	unsigned written, suppressed;
};
bool hlv_log_admit(struct hlv_log_limit *l, uint64_t now_ms);

#define hlv_error(event, ...) hlv_log(HLV_LOG_ERROR, (event), __VA_ARGS__)
#define hlv_warn(event, ...) hlv_log(HLV_LOG_WARN, (event), __VA_ARGS__)
#define hlv_debug(event, ...) hlv_log(HLV_LOG_DEBUG, (event), __VA_ARGS__)
#define hlv_info(event, ...) hlv_log(HLV_LOG_INFO, (event), __VA_ARGS__)
