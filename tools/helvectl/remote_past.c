/* SPDX-License-Identifier: Apache-2.0
 *
 * history, undo and the audit trail of a server that is elsewhere, by HELVE_CONTROL
 * (docs/protocol.md). Records and entries come as they are stored, so that they are shown, and the
 * trail is checked, by the code that does it beside the registry.
 */
#include "proto/base/base64.h"
#include "tools/helvectl/past.h"
#include "tools/helvectl/remote.h"

enum { PAGE_ARENA = 64 << 20 };

static struct hlv_bytes text_of(const struct hlv_json_node *object, const char *name)
{
	return hlv_json_text(hlv_json_member(object, name));
}

static uint64_t number_of(const struct hlv_json_node *object, const char *name)
{
	int64_t n = 0;
	return hlv_json_integer(hlv_json_member(object, name), &n) && n > 0 ? (uint64_t)n : 0;
}

/* Base64 of a member, into the page's arena; no octets: it is not there, or is none. */
static struct hlv_bytes octets_of(struct remote_page *p, const struct hlv_json_node *object,
				  const char *name)
{
	struct hlv_bytes text = text_of(object, name);
	uint8_t *room = text.n ? hlv_alloc_raw(&p->arena, text.n) : NULL;
	struct hlv_writer w = hlv_writer(room, room ? text.n : 0);
	if (!room || !hlv_base64_parse(text, &w) || w.bad)
		return (struct hlv_bytes){0};
	return hlv_written(&w);
}

static int older(struct ctl *ctl)
{
	return ctl_fail(ctl, "%s: answered without what was asked for: is it an older version?",
			ctl->remote->server);
}

static int unreadable(struct ctl *ctl)
{
	return ctl_fail(ctl, "%s: sent what cannot be read: is it a newer version?",
			ctl->remote->server);
}

/* Opens the connection for `run`, and a page. */
static int with_page(struct ctl *ctl, void *ctx,
		     int (*run)(struct ctl *, struct remote *, struct remote_page *, void *))
{
	struct remote r;
	struct remote_page p = {0};
	int code = CTL_FAILED;
	hlv_arena_init(&p.arena, PAGE_ARENA);
	if (remote_open(ctl, &r))
		code = run(ctl, &r, &p, ctx);
	remote_close(&r);
	hlv_arena_fini(&p.arena);
	return code;
}

/* --- history --- */

static bool open_record(struct remote_page *p, const struct hlv_json_node *object,
			const char *name, struct hlv_bytes id, struct hlv_record *rec)
{
	struct store_key key;
	store_key(id, &key);
	return hlv_record_decode(octets_of(p, object, name), store_key_bytes(&key), rec) ==
	       HLV_OK;
}

/* What is too large for an answer has its number and its time alone. */
static bool print_versions(struct ctl *ctl, struct remote_page *p, struct hlv_bytes id,
			   bool *first)
{
	const struct hlv_json_node *v =
		hlv_json_first(hlv_json_member(p->json.root, "versions"));
	for (; v; v = hlv_json_next(v)) {
		struct hlv_record rec = {.seq = number_of(v, "seq")};
		enum hlv_json_kind kind = hlv_json_kind(hlv_json_member(v, "record"));
		if (kind == HLV_JSON_ABSENT)
			return older(ctl) == CTL_DONE;
		if (kind == HLV_JSON_NULL)
			ctl_fail(ctl, "change %llu: its record is too large to be sent",
				 (unsigned long long)rec.seq);
		else if (!open_record(p, v, "record", id, &rec))
			return unreadable(ctl) == CTL_DONE;
		if (kind != HLV_JSON_NULL) {
			past_print_version(ctl, &rec, *first);
			*first = false;
		}
	}
	return true;
}

static int history(struct ctl *ctl, struct remote *r, struct remote_page *p, void *ctx)
{
	const char *id = ctx;
	struct hlv_buf args = {0};
	bool first = true, begun = false, whole = false, good = true;
	uint64_t before = 0;
	do {
		hlv_buf_clear(&args);
		hlv_buf_str(&args, "{\"handle\":");
		hlv_json_put_str(&args, hlv_text(id));
		hlv_buf_printf(&args, ",\"stored\":true,\"limit\":1000,\"before\":%llu}",
			       (unsigned long long)before);
		good = !args.bad && remote_page(ctl, r, p, id, "history", args.p);
		if (!good)
			break;
		whole = hlv_json_is_true(hlv_json_member(p->json.root, "whole"));
		if (!begun)
			past_begin_history(ctl, id, whole);
		begun = true;
		good = print_versions(ctl, p, hlv_text(id), &first);
		before = number_of(p->json.root, "next");
	} while (good && before);
	hlv_buf_free(&args);
	if (begun && good)
		past_end_history(ctl, whole);
	return good ? CTL_DONE : CTL_FAILED;
}

int remote_history(struct ctl *ctl, const char *id)
{
	return with_page(ctl, (void *)(uintptr_t)id, history);
}

/* --- undo --- */

struct undoing {
	const char *what;
	uint64_t seq, records;
	bool dry_run;
	struct hlv_buf args, from;
};

static void put_arguments(struct undoing *u)
{
	hlv_buf_clear(&u->args);
	if (u->seq) {
		hlv_buf_printf(&u->args, "{\"change\":%llu", (unsigned long long)u->seq);
	} else {
		hlv_buf_str(&u->args, "{\"handle\":");
		hlv_json_put_str(&u->args, hlv_text(u->what));
	}
	hlv_buf_str(&u->args, ",\"from\":");
	hlv_json_put_str(&u->args, hlv_buf_bytes(&u->from));
	hlv_buf_str(&u->args, "}");
}

static bool print_changes(struct ctl *ctl, struct remote_page *p, struct undoing *u)
{
	const struct hlv_json_node *c =
		hlv_json_first(hlv_json_member(p->json.root, "changes"));
	for (; c; c = hlv_json_next(c)) {
		struct hlv_record before, after;
		struct hlv_bytes name = text_of(c, "handle");
		bool known = hlv_json_kind(hlv_json_member(c, "before")) != HLV_JSON_NULL &&
			     hlv_json_kind(hlv_json_member(c, "after")) != HLV_JSON_NULL;
		if (known && (!open_record(p, c, "before", name, &before) ||
			      !open_record(p, c, "after", name, &after)))
			return unreadable(ctl) == CTL_DONE;
		past_print_change(ctl, name, known ? &before : NULL, known ? &after : NULL,
				  u->records++ == 0);
	}
	return true;
}

static int undo(struct ctl *ctl, struct remote *r, struct remote_page *p, void *ctx)
{
	struct undoing *u = ctx;
	bool begun = false;
	do {
		put_arguments(u);
		if (u->args.bad || !remote_page(ctl, r, p, u->what,
						u->dry_run ? "undo-plan" : "undo", u->args.p))
			return u->records && !u->dry_run
				       ? ctl_fail(ctl, "%llu records of it are undone",
						  (unsigned long long)u->records)
				       : CTL_FAILED;
		if (u->dry_run && !begun)
			past_begin_changes(ctl);
		begun = true;
		if (u->dry_run && !print_changes(ctl, p, u))
			return CTL_FAILED;
		if (!u->dry_run)
			u->records += number_of(p->json.root, "records");
		hlv_buf_clear(&u->from);
		hlv_buf_put(&u->from, text_of(p->json.root, "next"));
	} while (u->from.n > 0);
	if (u->dry_run)
		past_end_changes(ctl, u->records);
	else
		past_print_undone(ctl, u->records);
	return CTL_DONE;
}

int remote_undo(struct ctl *ctl, const char *what, uint64_t seq, bool dry_run)
{
	struct undoing u = {.what = what, .seq = seq, .dry_run = dry_run};
	int code = with_page(ctl, &u, undo);
	hlv_buf_free(&u.args);
	hlv_buf_free(&u.from);
	return code;
}

/* --- the audit trail --- */

static bool feed_page(struct ctl *ctl, struct remote_page *p, store_scan_fn *feed, void *ctx,
		      bool *stopped)
{
	const struct hlv_json_node *e =
		hlv_json_first(hlv_json_member(p->json.root, "entries"));
	for (; e && !*stopped; e = hlv_json_next(e)) {
		uint8_t key[AUDIT_KEY_SIZE];
		struct hlv_bytes stored = octets_of(p, e, "stored");
		if (stored.n == 0)
			return older(ctl) == CTL_DONE;
		*stopped = !feed(ctx, audit_key(number_of(e, "seq"), key), stored);
	}
	return true;
}

bool remote_audit_scan(struct ctl *ctl, struct remote *r, uint64_t last, store_scan_fn *feed,
		       void *ctx)
{
	struct remote_page p = {0};
	struct audit_head head = {0};
	char args[96];
	uint64_t after = 0;
	bool stopped = false, good = last == 0 || remote_audit_head(ctl, r, &head);
	if (last > 0 && head.seq > last)
		after = head.seq - last;
	hlv_arena_init(&p.arena, PAGE_ARENA);
	while (good && !stopped) {
		snprintf(args, sizeof args, "{\"stored\":true,\"limit\":1000,\"after\":%llu}",
			 (unsigned long long)after);
		good = remote_page(ctl, r, &p, ctl->remote->server, "audit", args) &&
		       feed_page(ctl, &p, feed, ctx, &stopped);
		uint64_t next = good ? number_of(p.json.root, "next") : 0;
		if (next <= after)
			break;
		after = next;
	}
	hlv_arena_fini(&p.arena);
	return good;
}

static bool take_head(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct audit_head *head = ctx;
	uint8_t hash[HLV_HASH_MAX];
	struct hlv_reader r = hlv_reader(key);
	head->seq = hlv_get_u64(&r);
	if (hlv_hash(HLV_SHA256, stored, hash) == HLV_OK)
		memcpy(head->hash, hash, AUDIT_HASH);
	return false;
}

bool remote_audit_head(struct ctl *ctl, struct remote *r, struct audit_head *head)
{
	struct remote_page p = {0};
	bool stopped = false;
	*head = (struct audit_head){0};
	hlv_arena_init(&p.arena, PAGE_ARENA);
	bool good = remote_page(ctl, r, &p, ctl->remote->server, "audit",
				"{\"stored\":true,\"limit\":1,\"newestFirst\":true}") &&
		    feed_page(ctl, &p, take_head, head, &stopped);
	hlv_arena_fini(&p.arena);
	return good;
}
