/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV (RFC 4180): a header line that names the columns, then one value a row; the rows of one
 * identifier stand together. handle, index, type and data must be there; ttl and permissions
 * may be; format (string, base64, hex, or admin, vlist, site, key with JSON as data),
 * timestamp, references (JSON) and homed are what an exact dump needs. A row becomes a JSON
 * value object and goes the way of all JSON, so that there is one set of rules. An empty index:
 * a record that has no values.
 */
#include "proto/net/json.h"
#include "proto/net/json_scan.h"
#include "proto/wire/name.h"
#include "tools/helvectl/source_input.h"

static const char *const column_names[CSV_COLUMNS] = {
	"handle",      "index",	 "type",      "data",	    "ttl",
	"permissions", "format", "timestamp", "references", "homed",
};

enum cell_end { CELL_NEXT, CELL_LAST, CELL_BAD };

static void keep(struct hlv_buf *b, int c)
{
	char octet = (char)c;
	if (b->n <= HLV_JSON_MAX)
		hlv_buf_put(b, hlv_bytes(&octet, 1));
}

static enum cell_end end_of(struct source *s, int c)
{
	if (c == '\r') {
		c = source_getc(s);
		if (c != '\n')
			source_ungetc(s, c);
		return CELL_LAST;
	}
	if (c == '\n' || c == EOF)
		return CELL_LAST;
	return c == ',' ? CELL_NEXT : CELL_BAD;
}

static enum cell_end read_quoted(struct source *s)
{
	for (;;) {
		int c = source_getc(s);
		if (c == EOF)
			return CELL_BAD;
		if (c == '"') {
			c = source_getc(s);
			if (c != '"')
				return end_of(s, c);
		}
		keep(&s->cell, c);
	}
}

static enum cell_end read_cell(struct source *s)
{
	hlv_buf_clear(&s->cell);
	int c = source_getc(s);
	if (c == '"')
		return read_quoted(s);
	for (; end_of(s, c) == CELL_BAD; c = source_getc(s)) {
		if (c == '"')
			return CELL_BAD;
		keep(&s->cell, c);
	}
	return c == ',' ? CELL_NEXT : CELL_LAST;
}

/* Skip to the next line, so that one wrong row costs itself alone. */
static void skip_line(struct source *s)
{
	int c;
	do
		c = source_getc(s);
	while (c != '\n' && c != EOF);
}

static struct hlv_bytes cell(const struct csv_row *row, enum csv_column i)
{
	return hlv_bytes(row->text.p + row->from[i], row->octets[i]);
}

static void read_cells(struct source *s, struct csv_row *row)
{
	enum cell_end end;
	do {
		end = read_cell(s);
		if (end == CELL_BAD) {
			row->bad = true;
			skip_line(s);
			return;
		}
		unsigned i = row->cells++;
		if (i >= s->u.csv.columns)
			continue;
		enum csv_column what = s->u.csv.column[i];
		row->from[what] = row->text.n;
		row->octets[what] = s->cell.n;
		hlv_buf_put(&row->text, hlv_buf_bytes(&s->cell));
	} while (end == CELL_NEXT);
}

/* False at the end of the file; blank lines are passed over. */
static bool read_row(struct source *s)
{
	struct csv_row *row = &s->u.csv.row;
	struct hlv_buf text = row->text;
	*row = (struct csv_row){.text = text};
	hlv_buf_clear(&row->text);
	hlv_buf_put(&row->text, hlv_bytes("", 1)); /* so that p is valid for empty cells too */
	int c;
	do
		c = source_getc(s);
	while (c == '\n' || c == '\r');
	if (c == EOF)
		return false;
	source_ungetc(s, c);
	row->line = s->line;
	read_cells(s, row);
	return true;
}

static enum source_result read_header(struct source *s, struct source_record *out)
{
	static const uint8_t mark[3] = {0xEF, 0xBB, 0xBF};
	unsigned seen = 0;
	enum cell_end end;
	out->line = s->line;
	do {
		end = read_cell(s);
		struct hlv_bytes name = hlv_buf_bytes(&s->cell);
		if (hlv_starts_with(name, hlv_bytes(mark, sizeof mark)))
			name = hlv_skip(name, sizeof mark);
		unsigned i = 0;
		while (i < CSV_COLUMNS && !hlv_eq_fold(name, hlv_text(column_names[i])))
			i++;
		if (end == CELL_BAD || i == CSV_COLUMNS || seen & 1U << i) {
			source_reject(out,
				      "header: column \"%.*s\" is unknown or stands twice: "
				      "expected handle,index,type,data[,ttl,permissions]",
				      (int)(name.n < 30 ? name.n : 30),
				      name.n ? (const char *)name.p : "");
			return SOURCE_BROKEN;
		}
		seen |= 1U << i;
		s->u.csv.column[s->u.csv.columns++] = (enum csv_column)i;
	} while (end == CELL_NEXT);
	unsigned needed = 1U << CSV_HANDLE | 1U << CSV_INDEX | 1U << CSV_TYPE | 1U << CSV_DATA;
	if ((seen & needed) != needed)
		return source_broken(
			out, "header: expected handle,index,type,data[,ttl,permissions]");
	return SOURCE_END;
}

static void put_member(struct hlv_buf *b, const char *name, struct hlv_bytes text)
{
	if (text.n == 0)
		return;
	hlv_buf_printf(b, ",\"%s\":", name);
	hlv_json_put_str(b, text);
}

/* A cell that holds JSON: one value and nothing else, or it would be read as what it is not. */
static enum hlv_err put_json(struct hlv_buf *b, struct hlv_bytes text, const char *name,
			     struct source_record *out)
{
	struct hlv_json_error error = {0};
	if (hlv_json_scan(text, &error) != HLV_OK)
		return source_reject(out, "%s: %s", name, error.text);
	hlv_buf_put(b, text);
	return HLV_OK;
}

static bool is(const struct csv_row *row, enum csv_column i, const char *text)
{
	return hlv_eq(cell(row, i), hlv_text(text));
}

static enum hlv_err put_data(struct hlv_buf *b, const struct csv_row *row,
			     struct source_record *out)
{
	struct hlv_bytes format = cell(row, CSV_FORMAT);
	hlv_buf_str(b, ",\"data\":{\"format\":");
	hlv_json_put_str(b, format.n ? format : hlv_text("string"));
	hlv_buf_str(b, ",\"value\":");
	if (format.n == 0 || is(row, CSV_FORMAT, "string") || is(row, CSV_FORMAT, "base64") ||
	    is(row, CSV_FORMAT, "hex"))
		hlv_json_put_str(b, cell(row, CSV_DATA));
	else
		HLV_TRY(put_json(b, cell(row, CSV_DATA), "data", out));
	hlv_buf_str(b, "}");
	return HLV_OK;
}

static enum hlv_err put_value(struct hlv_buf *b, const struct csv_row *row,
			      struct source_record *out)
{
	hlv_buf_str(b, "{\"index\":");
	hlv_json_put_str(b, cell(row, CSV_INDEX));
	hlv_buf_str(b, ",\"type\":");
	hlv_json_put_str(b, cell(row, CSV_TYPE));
	HLV_TRY(put_data(b, row, out));
	put_member(b, "ttl", cell(row, CSV_TTL));
	put_member(b, "permissions", cell(row, CSV_PERMISSIONS));
	put_member(b, "timestamp", cell(row, CSV_TIMESTAMP));
	if (cell(row, CSV_REFERENCES).n > 0) {
		hlv_buf_str(b, ",\"references\":");
		HLV_TRY(put_json(b, cell(row, CSV_REFERENCES), "references", out));
	}
	hlv_buf_str(b, "}");
	return HLV_OK;
}

static enum hlv_err check_row(const struct source *s, const struct csv_row *row,
			      struct source_record *out)
{
	if (row->bad)
		return source_reject(out, "row: a quote where none can be, or none at the end");
	if (row->cells != s->u.csv.columns)
		return source_reject(out, "row: %u cells, the header has %u", row->cells,
				     s->u.csv.columns);
	if (row->text.bad || !hlv_utf8_valid(hlv_buf_bytes(&row->text)))
		return source_reject(out, "row: not UTF-8");
	return HLV_OK;
}

/* One identifier's rows on their way to a record. */
struct group {
	struct hlv_buf *text; /* JSON, up to and without its closing brackets */
	bool values;	      /* its "values" array is open */
	unsigned n;	      /* values in it */
};

static enum hlv_err add_row(struct group *g, const struct csv_row *row,
			    struct source_record *out)
{
	if (is(row, CSV_HOMED, "true"))
		out->homed = true;
	if (is(row, CSV_FORMAT, "none")) /* a homed prefix without a record */
		return HLV_OK;
	if (is(row, CSV_FORMAT, "raw")) {
		put_member(g->text, "count", cell(row, CSV_INDEX));
		put_member(g->text, "raw", cell(row, CSV_DATA));
		return HLV_OK;
	}
	if (!g->values)
		hlv_buf_str(g->text, ",\"values\":[");
	g->values = true;
	if (cell(row, CSV_INDEX).n == 0 && cell(row, CSV_TYPE).n == 0)
		return HLV_OK; /* a record without values */
	if (g->n++ > 0)
		hlv_buf_str(g->text, ",");
	return put_value(g->text, row, out);
}

static enum source_result finish(struct group *g, uint32_t now_s, struct hlv_arena *a,
				 struct source_record *out)
{
	uint64_t line = out->line;
	hlv_buf_str(g->text, g->values ? "]" : "");
	hlv_buf_str(g->text, out->homed ? ",\"homed\":true}" : "}");
	enum hlv_err err = source_jsonl_line(hlv_buf_bytes(g->text), now_s, a, out);
	out->line = line;
	return err == HLV_OK ? SOURCE_RECORD : SOURCE_REJECTED;
}

/* All rows of the identifier of the row that was read ahead; the first of another one stays for
 * the next time. What is wrong with one row rejects the record. */
static enum source_result read_group(struct source *s, uint32_t now_s, struct hlv_arena *a,
				     struct source_record *out)
{
	struct csv_row *row = &s->u.csv.row;
	struct group g = {.text = &s->text};
	enum hlv_err err = HLV_OK;
	out->line = row->line;
	out->handle = hlv_arena_copy(a, cell(row, CSV_HANDLE));
	hlv_buf_clear(&s->text);
	hlv_buf_str(&s->text, "{\"handle\":");
	hlv_json_put_str(&s->text, out->handle);
	do {
		if (err == HLV_OK)
			err = check_row(s, row, out);
		if (err == HLV_OK)
			err = add_row(&g, row, out);
		s->u.csv.ahead = read_row(s);
	} while (s->u.csv.ahead && hlv_eq(cell(row, CSV_HANDLE), out->handle));
	return err == HLV_OK ? finish(&g, now_s, a, out) : SOURCE_REJECTED;
}

enum source_result source_csv_next(struct source *s, uint32_t now_s, struct hlv_arena *a,
				   struct source_record *out)
{
	if (s->u.csv.columns == 0) {
		enum source_result result = read_header(s, out);
		if (result != SOURCE_END)
			return result;
		s->u.csv.ahead = read_row(s);
	}
	return s->u.csv.ahead ? read_group(s, now_s, a, out) : SOURCE_END;
}
