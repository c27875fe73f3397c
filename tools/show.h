/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as people read them: a table of index, type, TTL, permissions, time of change and
 * data. Whatever a peer sent is made harmless for a terminal; secret keys are never shown.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/wire/value.h"

enum show_colour { SHOW_PLAIN, SHOW_COLOURED };
enum show_ink { INK_GOOD, INK_BAD, INK_FAINT, INK_TYPE };

/* Text between colour codes, or alone. */
void show_ink(struct hlv_buf *b, enum show_colour colour, enum show_ink ink, const char *text);
/* Control characters, and those that turn the direction of writing, as \n, \t, \x1b or \u202e.
 */
void show_text(struct hlv_buf *b, struct hlv_bytes text);
/* "2026-11-22T03:00:00Z" */
void show_time(struct hlv_buf *b, uint32_t time_s);
/* The data of a value in one line (sites: lines after the first begin with `indent`; NULL puts
 * them all into one). */
void show_data(struct hlv_buf *b, const struct hlv_value *v, const char *indent);
/* The table. */
void show_values(struct hlv_buf *b, const struct hlv_list *values, enum show_colour colour);

/* Data that is nobody's business even when the server gave it away. */
bool show_is_secret(const struct hlv_value *v);
