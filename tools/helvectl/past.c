/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/past.h"

#include "proto/net/json.h"

static void print(struct hlv_buf *b)
{
	fwrite(b->p ? b->p : "", 1, b->n, stdout);
	hlv_buf_free(b);
}

/* --- history --- */

static void put_what(struct hlv_buf *b, const struct hlv_record *rec)
{
	if (rec->flags & HLV_RECORD_DELETED) {
		hlv_buf_str(b, "deleted");
		return;
	}
	hlv_buf_printf(b, "%u values", rec->values.n);
	show_record_state(b, rec);
}

void past_begin_history(const struct ctl *ctl, const char *id, bool whole)
{
	struct hlv_buf b = {0};
	if (!ctl->json)
		return;
	hlv_buf_str(&b, "{\"handle\":");
	hlv_json_put_str(&b, hlv_text(id));
	hlv_buf_printf(&b, ",\"whole\":%s,\"versions\":[", whole ? "true" : "false");
	print(&b);
}

void past_print_version(const struct ctl *ctl, const struct hlv_record *rec, bool first)
{
	struct hlv_buf b = {0};
	if (ctl->json) {
		hlv_buf_printf(&b, "%s{\"seq\":%llu,\"time\":", first ? "" : ",",
			       (unsigned long long)rec->seq);
		hlv_json_put_time(&b, (uint32_t)(rec->time_ms / 1000));
		hlv_buf_printf(&b, ",\"deleted\":%s",
			       rec->flags & HLV_RECORD_DELETED ? "true" : "false");
		show_record_json_members(&b, rec, SHOW_NO_SECRETS);
		hlv_buf_str(&b, "}");
	} else {
		char time[SHOW_TIME];
		hlv_buf_printf(&b, "%llu  %s  ", (unsigned long long)rec->seq,
			       show_time(rec->time_ms, time));
		put_what(&b, rec);
		hlv_buf_str(&b, "\n");
	}
	print(&b);
}

void past_end_history(const struct ctl *ctl, bool whole)
{
	if (ctl->json)
		puts("]}");
	else if (!whole)
		puts("(what was before is not kept)");
}

/* --- changes --- */

/* A list of values, one at a time; none of what is deleted. */
struct walk {
	struct hlv_reader r;
	uint32_t left;
	struct hlv_value v;
	struct hlv_bytes raw;
	bool end;
};

static void next(struct walk *w)
{
	size_t from = w->r.pos;
	w->end = w->left == 0 || hlv_value_decode(&w->r, &w->v) != HLV_OK;
	if (w->end)
		return;
	w->left--;
	w->raw = hlv_since(&w->r, from);
}

static struct walk first_of(const struct hlv_record *rec)
{
	struct walk w = {.r = hlv_reader(rec->values.raw), .left = rec->values.n};
	if (rec->flags & HLV_RECORD_DELETED)
		w.left = 0;
	next(&w);
	return w;
}

static void put_value(struct hlv_buf *b, const char *sign, const struct walk *w)
{
	const struct hlv_record one = {.values = {1, w->raw}};
	hlv_buf_str(b, sign);
	show_record_lines(b, &one, SHOW_NO_SECRETS);
}

/* Its time alone does not count: a value that is written anew has another. */
static bool is_same(const struct walk *a, const struct walk *b)
{
	struct hlv_value v = b->v;
	v.mtime_s = a->v.mtime_s;
	return v.ttl_kind == a->v.ttl_kind && v.ttl_s == a->v.ttl_s && v.perms == a->v.perms &&
	       hlv_eq(v.type, a->v.type) && hlv_eq(v.data, a->v.data);
}

static void put_difference(struct hlv_buf *b, const struct hlv_record *before,
			   const struct hlv_record *after)
{
	struct walk old = first_of(before), new = first_of(after);
	while (!old.end || !new.end) {
		bool has_old = !old.end && (new.end || old.v.index <= new.v.index);
		bool has_new = !new.end && (old.end || new.v.index <= old.v.index);
		if (!has_old || !has_new || !is_same(&old, &new)) {
			if (has_old)
				put_value(b, "  - ", &old);
			if (has_new)
				put_value(b, "  + ", &new);
		}
		if (has_old)
			next(&old);
		if (has_new)
			next(&new);
	}
}

static void put_version(struct hlv_buf *b, const char *name, const struct hlv_record *rec)
{
	hlv_buf_printf(b, ",\"%s\":", name);
	if (!rec) {
		hlv_buf_str(b, "null");
		return;
	}
	hlv_buf_printf(b, "{\"deleted\":%s",
		       rec->flags & HLV_RECORD_DELETED ? "true" : "false");
	show_record_json_members(b, rec, SHOW_NO_SECRETS);
	hlv_buf_str(b, "}");
}

void past_begin_changes(const struct ctl *ctl)
{
	if (ctl->json)
		fputs("{\"changes\":[", stdout);
}

void past_print_change(const struct ctl *ctl, struct hlv_bytes name,
		       const struct hlv_record *before, const struct hlv_record *after,
		       bool first)
{
	struct hlv_buf b = {0};
	if (ctl->json) {
		hlv_buf_str(&b, first ? "{\"handle\":" : ",{\"handle\":");
		hlv_json_put_str(&b, name);
		put_version(&b, "before", before);
		put_version(&b, "after", after);
		hlv_buf_str(&b, "}");
	} else {
		hlv_buf_put(&b, name);
		if (before && after) {
			hlv_buf_str(&b, ": ");
			put_what(&b, before);
			hlv_buf_str(&b, " -> ");
			put_what(&b, after);
			hlv_buf_str(&b, "\n");
			put_difference(&b, before, after);
		} else {
			hlv_buf_str(&b, ": too large to be shown\n");
		}
	}
	print(&b);
}

void past_end_changes(const struct ctl *ctl, uint64_t records)
{
	printf(ctl->json ? "],\"records\":%llu,\"dryRun\":true}\n"
			 : "records=%llu (a dry run: nothing was changed)\n",
	       (unsigned long long)records);
}

void past_print_undone(const struct ctl *ctl, uint64_t records)
{
	printf(ctl->json ? "{\"records\":%llu}\n" : "records=%llu\n",
	       (unsigned long long)records);
}
