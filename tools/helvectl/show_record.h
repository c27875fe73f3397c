/* SPDX-License-Identifier: Apache-2.0
 *
 * A record for people and programs: its values, its state, without its secrets unless asked for.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/wire/record.h"

enum show_secrets { SHOW_NO_SECRETS, SHOW_SECRETS };
enum { SHOW_TIME = 24 };

/* "2026-11-22T07:00:00Z" into `out` (SHOW_TIME octets); returns `out`. */
char *show_time(uint64_t time_ms, char *out);
/* As it is, or in JSON's quotes and escapes when it is not plain text of one line. */
void show_text(struct hlv_buf *b, struct hlv_bytes text);
/* ", frozen since 2026-...: reason; locks client-delete": nothing when it is plain active. */
void show_record_state(struct hlv_buf *b, const struct hlv_record *rec);
/* `,"state":...,"values":[...]`: members of an object. */
void show_record_json_members(struct hlv_buf *b, const struct hlv_record *rec,
			      enum show_secrets secrets);
/* "1 URL https://...": what came from others and could steer a terminal is shown as JSON has it. */
void show_value_line(struct hlv_buf *b, const struct hlv_value *v, enum show_secrets secrets);
/* A line for each value. */
void show_record_lines(struct hlv_buf *b, const struct hlv_record *rec,
		       enum show_secrets secrets);

/* The whole record to standard output, its state, if it has one, to standard error. */
struct ctl;
void record_print(const struct ctl *ctl, const struct hlv_record *rec,
		  enum show_secrets secrets);
