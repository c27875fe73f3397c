/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging of the daemons: one line, one write, "level event key=value ...". Octets that came from
 * a peer cannot start a new line: control characters become question marks, and a line is cut at
 * 1 KiB. Not reachable from libhelve.
 */
#pragma once
#include "proto/base/bytes.h"

enum hlv_log_level { HLV_LOG_ERROR, HLV_LOG_WARN, HLV_LOG_INFO, HLV_LOG_DEBUG };

void hlv_log_set_level(enum hlv_log_level level); /* any thread, any time */
bool hlv_log_level_parse(const char *text, enum hlv_log_level *level);

void hlv_log(enum hlv_log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define hlv_error(event, ...) hlv_log(HLV_LOG_ERROR, (event), __VA_ARGS__)
#define hlv_warn(event, ...) hlv_log(HLV_LOG_WARN, (event), __VA_ARGS__)
#define hlv_debug(event, ...) hlv_log(HLV_LOG_DEBUG, (event), __VA_ARGS__)
#define hlv_info(event, ...) hlv_log(HLV_LOG_INFO, (event), __VA_ARGS__)
