/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/scan.h"

#include "proto/wire/codes.h"

struct walk {
	struct hlv_bytes head; /* what the keys begin with */
	scan_record_fn *record;
	scan_prefix_fn *prefix;
	void *ctx;
	enum hlv_err err;
};

static bool see_record(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	struct walk *w = ctx;
	struct hlv_record rec;
	if (!hlv_starts_with(key, w->head))
		return false;
	w->err = hlv_record_decode(value, key, &rec);
	if (w->err != HLV_OK)
		return false;
	return rec.flags & HLV_RECORD_DELETED || w->record(w->ctx, &rec);
}

enum hlv_err scan_records(struct store *store, struct store_view *view, struct hlv_bytes prefix,
			  scan_record_fn *fn, void *ctx)
{
	char name[HLV_IDENTIFIER_MAX + 2];
	struct store_key key;
	struct walk w = {.record = fn, .ctx = ctx};
	snprintf(name, sizeof name, "%.*s/", (int)prefix.n,
		 prefix.n ? (const char *)prefix.p : "");
	if (prefix.n > 0) {
		store_key(hlv_text(name), &key);
		w.head = store_key_bytes(&key);
	}
	enum hlv_err err = store->ops->scan(view, SPACE_RECORD, w.head, see_record, &w);
	return err == HLV_OK ? w.err : err;
}

static bool see_prefix(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	struct walk *w = ctx;
	uint64_t time_ms;
	w->err = store_prefix_decode(value, key, &time_ms);
	return w->err == HLV_OK && w->prefix(w->ctx, hlv_skip(key, 1));
}

enum hlv_err scan_prefixes(struct store *store, struct store_view *view, scan_prefix_fn *fn,
			   void *ctx)
{
	struct walk w = {.prefix = fn, .ctx = ctx};
	enum hlv_err err =
		store->ops->scan(view, SPACE_PREFIX, (struct hlv_bytes){0}, see_prefix, &w);
	return err == HLV_OK ? w.err : err;
}
