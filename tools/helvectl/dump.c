/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/dump.h"

#include "proto/base/base64.h"
#include "proto/net/json.h"
#include "proto/wire/name.h"
#include "proto/wire/state.h"
#include "tools/helvectl/batch.h"
#include "tools/helvectl/scan.h"
#include "tools/helvectl/source.h"

struct dump {
	struct ctl *ctl;
	enum source_format format;
	enum dump_what what;
	struct hlv_buf text;
	struct hlv_buf kept; /* values without the secret ones */
	dump_put_fn *put;
	void *ctx;
	struct dump_result *result;
	enum hlv_err err;
};

static bool flush(struct dump *d)
{
	if (d->text.bad) {
		d->err = HLV_E_NOMEM;
		return false;
	}
	bool more = d->put(d->ctx, hlv_buf_bytes(&d->text));
	hlv_buf_clear(&d->text);
	if (!more)
		d->err = HLV_E_IO;
	return more;
}

/* --- CSV: quoted where it must be --- */

static void put_cell(struct hlv_buf *b, struct hlv_bytes text)
{
	bool plain = true;
	for (size_t i = 0; i < text.n && plain; i++)
		plain = text.p[i] > ' ' && text.p[i] != ',' && text.p[i] != '"';
	if (plain) {
		hlv_buf_put(b, text);
		return;
	}
	hlv_buf_str(b, "\"");
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			hlv_buf_str(b, "\"");
		hlv_buf_put(b, hlv_bytes(text.p + i, 1));
	}
	hlv_buf_str(b, "\"");
}

/* The member `name` of JSON text that we wrote: from behind its colon to before `behind`. */
static struct hlv_bytes between(const struct hlv_buf *json, const char *head, size_t tail)
{
	size_t from = strlen(head);
	return json->n > from + tail ? hlv_bytes(json->p + from, json->n - from - tail)
				     : (struct hlv_bytes){0};
}

/* {"format":"admin","value":X} -> the cells X and admin; plain text stays text. */
static void put_data_cells(struct hlv_buf *b, const struct hlv_value *v, struct hlv_buf *format)
{
	struct hlv_buf json = {0};
	hlv_json_put_data(&json, v);
	char head[64];
	const char *name = json.p ? json.p + strlen("{\"format\":\"") : "";
	size_t n = strcspn(name, "\"");
	snprintf(head, sizeof head, "{\"format\":\"%.*s\",\"value\":", (int)n, name);
	hlv_buf_put(format, hlv_bytes(name, n));
	if (hlv_eq(hlv_buf_bytes(format), hlv_text("string"))) {
		hlv_buf_clear(format);
		put_cell(b, v->data);
	} else if (hlv_eq(hlv_buf_bytes(format), hlv_text("base64"))) {
		struct hlv_buf digits = {0};
		hlv_base64_put(&digits, v->data, HLV_BASE64);
		put_cell(b, hlv_buf_bytes(&digits));
		hlv_buf_free(&digits);
	} else {
		put_cell(b, between(&json, head, 1));
	}
	hlv_buf_free(&json);
}

static void put_row(struct hlv_buf *b, struct hlv_bytes handle, const struct hlv_value *v,
		    bool homed)
{
	struct hlv_buf format = {0}, part = {0};
	put_cell(b, handle);
	hlv_buf_printf(b, ",%d,", (int)v->index);
	put_cell(b, v->type);
	hlv_buf_str(b, ",");
	put_data_cells(b, v, &format);
	hlv_buf_str(b, ",");
	if (v->ttl_kind == HLV_TTL_RELATIVE) {
		hlv_buf_printf(b, "%d", (int)v->ttl_s);
	} else {
		hlv_json_put_time(&part, v->ttl_s);
		hlv_buf_put(b, between(&part, "\"", 1));
		hlv_buf_clear(&part);
	}
	hlv_buf_printf(b, ",%d%d%d%d,", v->perms >> 3 & 1, v->perms >> 2 & 1, v->perms >> 1 & 1,
		       v->perms & 1);
	hlv_buf_put(b, hlv_buf_bytes(&format));
	hlv_buf_str(b, ",");
	hlv_json_put_time(&part, v->mtime_s);
	hlv_buf_put(b, between(&part, "\"", 1));
	hlv_buf_clear(&part);
	hlv_buf_str(b, ",");
	if (v->refs.n > 0)
		hlv_json_put_refs(&part, &v->refs);
	put_cell(b, hlv_buf_bytes(&part));
	hlv_buf_str(b, homed ? ",true\n" : ",\n");
	hlv_buf_free(&part);
	hlv_buf_free(&format);
}

static void put_csv(struct hlv_buf *b, struct hlv_bytes handle, const struct hlv_list *values,
		    bool homed)
{
	struct hlv_reader r = hlv_reader(values->raw);
	const char *mark = homed ? "true" : "";
	if (values->n == 0) {
		put_cell(b, handle);
		hlv_buf_printf(b, ",,,,,,,,,%s\n", mark);
	} else if (!hlv_json_holds(values)) {
		put_cell(b, handle);
		hlv_buf_printf(b, ",%u,,", values->n);
		hlv_base64_put(b, values->raw, HLV_BASE64);
		hlv_buf_printf(b, ",,,raw,,,%s\n", mark);
	} else {
		for (uint32_t i = 0; i < values->n; i++) {
			struct hlv_value v;
			if (hlv_value_decode(&r, &v) != HLV_OK)
				break;
			put_row(b, handle, &v, homed && i == 0);
		}
	}
}

/* --- one record, one prefix --- */

static void put_lifecycle(struct hlv_buf *b, const struct hlv_record *rec)
{
	hlv_buf_printf(b, ",\"lifecycle\":{\"state\":\"%s\",\"locks\":\"",
		       hlv_state_name(rec->state));
	hlv_locks_print(b, rec->locks);
	hlv_buf_printf(b, "\",\"since\":%llu,\"reason\":",
		       (unsigned long long)rec->state_since_ms / 1000);
	hlv_json_put_str(b, rec->reason);
	hlv_buf_str(b, "}");
}

static void put_jsonl(struct dump *d, const struct hlv_record *rec,
		      const struct hlv_list *values, bool homed)
{
	struct hlv_buf *b = &d->text;
	hlv_json_put_record_exact(b, rec->name, values);
	if (b->bad)
		return;
	b->n--; /* the closing brace */
	if (homed)
		hlv_buf_str(b, ",\"homed\":true");
	if (d->what == DUMP_ALL && rec->flags & HLV_RECORD_HAS_STATE)
		put_lifecycle(b, rec);
	hlv_buf_str(b, "}\n");
}

/* The record's values but for secret keys, which leave only when they are asked for. */
static struct hlv_list without_secrets(struct dump *d, const struct hlv_list *all)
{
	struct hlv_reader r = hlv_reader(all->raw);
	uint32_t n = 0;
	hlv_buf_clear(&d->kept);
	for (uint32_t i = 0; i < all->n; i++) {
		struct hlv_value v;
		size_t from = r.pos;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return *all; /* nobody can read it, as text or as a key */
		if (hlv_type_is(v.type, "HS_SECKEY"))
			continue;
		hlv_buf_put(&d->kept, hlv_since(&r, from));
		n++;
	}
	d->result->secrets += all->n - n;
	return n == all->n ? *all : (struct hlv_list){n, hlv_buf_bytes(&d->kept)};
}

static bool put_record(void *ctx, const struct hlv_record *rec)
{
	struct dump *d = ctx;
	bool homed = false;
	struct hlv_list values = rec->values;
	if (d->what == DUMP_SHARED)
		values = without_secrets(d, &rec->values);
	if (hlv_name_is_prefix_handle(rec->name))
		d->err = store_is_homed(d->ctl->store, d->ctl->view, rec->name, &homed);
	if (d->err != HLV_OK)
		return false;
	switch (d->format) {
	case SOURCE_CSV:
		put_csv(&d->text, rec->name, &values, homed);
		break;
	case SOURCE_BATCH:
		if (homed) {
			hlv_buf_str(&d->text, "#! home ");
			hlv_buf_put(&d->text, rec->name);
			hlv_buf_str(&d->text, "\n");
		}
		batch_put_record(&d->text, rec->name, &values);
		break;
	case SOURCE_JSONL:
	case SOURCE_HSV9:
		put_jsonl(d, rec, &values, homed);
		break;
	}
	d->result->records++;
	d->result->states += rec->flags & HLV_RECORD_HAS_STATE ? 1 : 0;
	d->result->prefixes += homed;
	return flush(d);
}

/* A prefix can be homed without having a record: then it has a line of its own. */
static bool put_prefix(void *ctx, struct hlv_bytes handle)
{
	struct dump *d = ctx;
	struct store_key key;
	struct hlv_record rec;
	store_key(handle, &key);
	enum hlv_err err = store_get_record(d->ctl->store, d->ctl->view, &key, &rec);
	if (err != HLV_E_NOT_FOUND) {
		d->err = err;
		return err == HLV_OK;
	}
	d->result->prefixes++;
	if (d->format == SOURCE_JSONL || d->format == SOURCE_HSV9)
		hlv_buf_str(&d->text, "{\"handle\":");
	else if (d->format == SOURCE_BATCH)
		hlv_buf_str(&d->text, "#! home ");
	if (d->format == SOURCE_CSV)
		put_cell(&d->text, handle);
	else if (d->format == SOURCE_BATCH)
		hlv_buf_put(&d->text, handle);
	else
		hlv_json_put_str(&d->text, handle);
	hlv_buf_str(&d->text, d->format == SOURCE_CSV	  ? ",,,,,,none,,,true\n"
			      : d->format == SOURCE_BATCH ? "\n"
							  : ",\"homed\":true}\n");
	return flush(d);
}

enum hlv_err dump_run(struct ctl *ctl, int format, struct hlv_bytes prefix, enum dump_what what,
		      dump_put_fn *put, void *ctx, struct dump_result *result)
{
	struct dump d = {.ctl = ctl,
			 .what = what,
			 .format = (enum source_format)format,
			 .put = put,
			 .ctx = ctx,
			 .result = result};
	*result = (struct dump_result){0};
	enum hlv_err err = HLV_OK;
	if (d.format == SOURCE_CSV)
		hlv_buf_str(&d.text, "handle,index,type,data,ttl,permissions,format,timestamp,"
				     "references,homed\n");
	if (d.format == SOURCE_BATCH)
		hlv_buf_str(&d.text, "#! replace\n\n");
	if (prefix.n == 0)
		err = scan_prefixes(ctl->store, ctl->view, put_prefix, &d);
	if (err == HLV_OK && d.err == HLV_OK)
		err = scan_records(ctl->store, ctl->view, prefix, put_record, &d);
	if (err == HLV_OK && d.err == HLV_OK && d.text.n > 0)
		flush(&d);
	hlv_buf_free(&d.text);
	hlv_buf_free(&d.kept);
	return d.err != HLV_OK ? d.err : err;
}
