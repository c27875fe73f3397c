/* SPDX-License-Identifier: Apache-2.0
 *
 * What the readers of one format each share: a file read octet by octet, its place for
 * messages, and the one face that source.c shows. Private to tools/helvectl/source*.c.
 */
#pragma once
#include <stdio.h>

#include "tools/helvectl/source.h"

enum csv_column {
	CSV_HANDLE,
	CSV_INDEX,
	CSV_TYPE,
	CSV_DATA,
	CSV_TTL,
	CSV_PERMISSIONS,
	CSV_FORMAT,
	CSV_TIMESTAMP,
	CSV_REFERENCES,
	CSV_HOMED,
	CSV_COLUMNS
};

struct csv_row {
	struct hlv_buf text; /* all cells, one behind the other */
	size_t from[CSV_COLUMNS], octets[CSV_COLUMNS];
	unsigned cells;
	uint64_t line;
	bool bad; /* quotes do not match */
};

struct source {
	FILE *file;
	uint64_t line, done; /* line: of the next octet, from 1 */
	struct hlv_buf text; /* of one record */
	struct hlv_buf cell;
	enum source_result (*next)(struct source *, uint32_t now_s, struct hlv_arena *a,
				   struct source_record *out);
	union {
		struct {
			int place;    /* in the dump: source_hsv9.c */
			bool is_dump; /* one of its lists was there */
		} hsv9;
		struct {
			enum csv_column column[CSV_COLUMNS];
			unsigned columns;
			struct csv_row row; /* read ahead */
			bool ahead;	    /* there is one */
		} csv;
	} u;
};

enum hlv_err source_reject(struct source_record *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The next octet; EOF at the end. */
static inline int source_getc(struct source *s)
{
	int c = getc_unlocked(s->file);
	if (c == EOF)
		return EOF;
	s->done++;
	s->line += c == '\n';
	return c;
}

static inline void source_ungetc(struct source *s, int c)
{
	if (c == EOF)
		return;
	ungetc(c, s->file);
	s->done--;
	s->line -= c == '\n';
}

enum source_result source_broken(struct source_record *out, const char *what);

enum source_result source_jsonl_next(struct source *s, uint32_t now_s, struct hlv_arena *a,
				     struct source_record *out);
enum source_result source_hsv9_next(struct source *s, uint32_t now_s, struct hlv_arena *a,
				    struct source_record *out);
enum source_result source_csv_next(struct source *s, uint32_t now_s, struct hlv_arena *a,
				   struct source_record *out);
