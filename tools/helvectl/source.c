/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/source_input.h"

#include <errno.h>
#include <sys/stat.h>

#include "proto/net/json_scan.h"

enum { WHY = 256, LOOK = 4096 };

static const struct {
	const char *name;
	enum source_format format;
} names[] = {
	{"jsonl", SOURCE_JSONL},
	{"hsv9", SOURCE_HSV9},
	{"csv", SOURCE_CSV},
	{"batch", SOURCE_BATCH},
};

bool source_format_parse(const char *text, enum source_format *format)
{
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(text, names[i].name) == 0) {
			*format = names[i].format;
			return true;
		}
	}
	return false;
}

enum source_result source_broken(struct source_record *out, const char *what)
{
	source_reject(out, "%s", what);
	return SOURCE_BROKEN;
}

static bool starts_with(struct hlv_bytes text, const char *word)
{
	return hlv_eq_fold(hlv_head(text, strlen(word)), hlv_text(word));
}

/* A batch file begins with a command, a CSV file with its header; both of JSON begin with a
 * brace, behind which the dump has one of its two keys and a record its handle. */
static bool guess(struct hlv_bytes text, enum source_format *format)
{
	static const char *const commands[] = {"CREATE ", "ADD ",	   "MODIFY ", "REMOVE ",
					       "DELETE ", "AUTHENTICATE ", "#!"};
	while (text.n > 0 && (text.p[0] <= ' ' || text.p[0] >= 0xEF))
		text = hlv_skip(text, 1);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (starts_with(text, commands[i])) {
			*format = SOURCE_BATCH;
			return true;
		}
	}
	*format = SOURCE_CSV;
	if (starts_with(text, "handle,"))
		return true;
	if (text.n == 0 || text.p[0] != '{')
		return false;
	text = hlv_skip(text, 1);
	while (text.n > 0 && text.p[0] <= ' ')
		text = hlv_skip(text, 1);
	bool dump = starts_with(text, "\"homedPrefixes\"") ||
		    starts_with(text, "\"handleRecords\"");
	*format = dump ? SOURCE_HSV9 : SOURCE_JSONL;
	return true;
}

static enum hlv_err open_file(const char *path, FILE **file, char *why)
{
	struct stat st = {0};
	*file = fopen(path, "re");
	if (*file && fstat(fileno(*file), &st) == 0 && !S_ISDIR(st.st_mode))
		return HLV_OK;
	int err = *file && S_ISDIR(st.st_mode) ? EISDIR : errno;
	snprintf(why, WHY, "%s: %s", path, strerror(err));
	if (*file)
		fclose(*file);
	return err == ENOENT ? HLV_E_NOT_FOUND : HLV_E_IO;
}

enum hlv_err source_guess(const char *path, enum source_format *format, char *why)
{
	FILE *file;
	char look[LOOK];
	HLV_TRY(open_file(path, &file, why));
	size_t n = fread(look, 1, sizeof look, file);
	fclose(file);
	if (guess(hlv_bytes(look, n), format))
		return HLV_OK;
	if (n == 0) {
		*format = SOURCE_JSONL; /* no records at all */
		return HLV_OK;
	}
	snprintf(why, WHY,
		 "%s: neither JSON Lines, an HSv9 dump, CSV nor a batch file: "
		 "say which with --format",
		 path);
	return HLV_E_UNSUPPORTED;
}

enum hlv_err source_open(enum source_format format, const char *path, struct source **out,
			 char *why)
{
	struct source *s = calloc(1, sizeof *s);
	if (!s)
		return HLV_E_NOMEM;
	enum hlv_err err = open_file(path, &s->file, why);
	if (err != HLV_OK) {
		free(s);
		return err;
	}
	s->line = 1;
	switch (format) {
	case SOURCE_JSONL:
		s->next = source_jsonl_next;
		break;
	case SOURCE_HSV9:
		s->next = source_hsv9_next;
		break;
	case SOURCE_CSV:
		s->next = source_csv_next;
		break;
	case SOURCE_BATCH:
		source_close(s); /* commands, not records: batch.h */
		return HLV_E_UNSUPPORTED;
	}
	*out = s;
	return HLV_OK;
}

void source_close(struct source *s)
{
	if (!s)
		return;
	fclose(s->file);
	hlv_buf_free(&s->text);
	hlv_buf_free(&s->cell);
	if (s->next == source_csv_next)
		hlv_buf_free(&s->u.csv.row.text);
	free(s);
}

enum source_result source_next(struct source *s, uint32_t now_s, struct hlv_arena *a,
			       struct source_record *out)
{
	*out = (struct source_record){0};
	enum source_result result = s->next(s, now_s, a, out);
	if (ferror(s->file))
		return source_broken(out, "cannot be read to its end");
	return result;
}

uint64_t source_done(const struct source *s)
{
	return s->done;
}

/* --- JSON Lines, one at a time --- */

static bool read_line(struct source *s)
{
	int c = source_getc(s);
	if (c == EOF)
		return false;
	hlv_buf_clear(&s->text);
	for (; c != EOF && c != '\n'; c = source_getc(s)) {
		char octet = (char)c;
		/* One octet over the limit is kept, so that the parser says that it is too
		 * long. */
		if (s->text.n <= HLV_JSON_MAX)
			hlv_buf_put(&s->text, hlv_bytes(&octet, 1));
	}
	return true;
}

static bool is_blank(struct hlv_bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] > ' ')
			return false;
	return true;
}

enum source_result source_jsonl_next(struct source *s, uint32_t now_s, struct hlv_arena *a,
				     struct source_record *out)
{
	uint64_t line;
	do {
		line = s->line;
		if (!read_line(s))
			return SOURCE_END;
	} while (is_blank(hlv_buf_bytes(&s->text)));
	enum hlv_err err = source_jsonl_line(hlv_buf_bytes(&s->text), now_s, a, out);
	out->line = line;
	return err == HLV_OK ? SOURCE_RECORD : SOURCE_REJECTED;
}
