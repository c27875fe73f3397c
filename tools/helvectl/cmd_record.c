/* SPDX-License-Identifier: Apache-2.0
 *
 * get, put, rm: one record.
 */
#include <time.h>

#include "proto/net/json.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"
#include "server/history.h"
#include "tools/helvectl/kinds.h"
#include "tools/helvectl/node.h"
#include "tools/helvectl/remote.h"
#include "tools/helvectl/show_record.h"
#include "tools/helvectl/source.h"

enum { PUT_MAX = 256, ARENA_LIMIT = 16 * 1024 * 1024, TRIES = 8 };

static const struct option no_options[] = {{0}};

/* The one identifier that a verb takes; NULL: told. */
static const char *only_id(struct ctl *ctl, int argc, char **argv)
{
	if (optind + 1 == argc && *argv[optind])
		return argv[optind];
	ctl_usage(ctl, optind < argc ? "one identifier at a time" : "which identifier?");
	return NULL;
}

/* --- get --- */

void record_print(const struct ctl *ctl, const struct hlv_record *rec,
		  enum show_secrets secrets)
{
	struct hlv_buf b = {0};
	if (ctl->json) {
		hlv_buf_str(&b, "{\"handle\":");
		hlv_json_put_str(&b, rec->name);
		show_record_json_members(&b, rec, secrets);
		hlv_buf_str(&b, "}\n");
	} else {
		show_record_lines(&b, rec, secrets);
	}
	fwrite(b.p ? b.p : "", 1, b.n, stdout);
	hlv_buf_free(&b);
	if (ctl->json)
		return;
	show_record_state(&b, rec);
	if (b.n > 2)
		fprintf(stderr, "%s\n", b.p + 2);
	hlv_buf_free(&b);
}

/* "2026-11-22", "2026-11-22T07:00:00Z", or seconds since 1970. */
static bool parse_time(const char *text, uint64_t *time_ms)
{
	int64_t seconds;
	struct tm tm = {.tm_mday = 1};
	if (kinds_parse_number(hlv_text(text), 0, UINT32_MAX, &seconds)) {
		*time_ms = (uint64_t)seconds * 1000;
		return true;
	}
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!end || *end) {
		tm = (struct tm){.tm_mday = 1};
		end = strptime(text, "%Y-%m-%d", &tm);
	}
	if (!end || *end)
		return false;
	*time_ms = (uint64_t)timegm(&tm) * 1000;
	return true;
}

struct getting {
	const char *id, *at;
	uint64_t time_ms;
	enum show_secrets secrets;
};

static enum hlv_err find(struct ctl *ctl, const struct getting *g, struct hlv_record *rec)
{
	struct store_key key;
	struct history_version version;
	store_key(hlv_text(g->id), &key);
	if (!g->at)
		return store_get_record(ctl->store, ctl->view, &key, rec);
	HLV_TRY(history_at(ctl->store, ctl->view, &key, g->time_ms, &version));
	*rec = version.rec;
	return rec->flags & HLV_RECORD_DELETED ? HLV_E_NOT_FOUND : HLV_OK;
}

static int get(struct ctl *ctl, const struct getting *g)
{
	struct hlv_record rec;
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	enum hlv_err err = find(ctl, g, &rec);
	if (err == HLV_E_NOT_FOUND && g->at)
		return ctl_fail(ctl, "%s: was not in this registry at %s: see helvectl history",
				g->id, g->at);
	if (err == HLV_E_UNSUPPORTED)
		return ctl_fail(ctl, "%s: what stood at %s is not kept any more (undo-days)",
				g->id, g->at);
	if (err == HLV_E_NOT_FOUND)
		return ctl_fail(ctl, "%s: not in this registry: helvectl list shows what is",
				g->id);
	if (err != HLV_OK)
		return ctl_fail_err(ctl, g->id, err);
	record_print(ctl, &rec, g->secrets);
	return CTL_DONE;
}

int cmd_get(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"secrets", no_argument, NULL, 's'}, {"at", required_argument, NULL, 'a'}, {0}};
	struct getting g = {.secrets = SHOW_NO_SECRETS};
	int c;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return CTL_USAGE;
		if (c == 's')
			g.secrets = SHOW_SECRETS;
		else
			g.at = optarg;
	}
	g.id = only_id(ctl, argc, argv);
	if (!g.id)
		return CTL_USAGE;
	if (g.at && !parse_time(g.at, &g.time_ms))
		return ctl_usage(ctl,
				 "--at '%s': expected 2026-11-22, 2026-11-22T07:00:00Z or "
				 "seconds since 1970",
				 g.at);
	if (ctl->remote && g.at)
		return ctl_usage(ctl, "--at works only beside the node, without --server");
	if (ctl->remote)
		return remote_get(ctl, hlv_text(g.id), g.secrets);
	return get(ctl, &g);
}

/* --- put --- */

struct put_value {
	const char *text; /* "INDEX TYPE DATA" or "INDEX TYPE PATH" */
	bool file, has_ttl, has_perms;
	uint32_t ttl_s;
	uint8_t perms;
};

/* A value in the making; what is not given it has from the value that stands at its index. */
struct given {
	struct hlv_value v;
	bool has_ttl, has_perms;
};

static void inherit(struct given *g, const struct hlv_value *old)
{
	if (!g->has_ttl) {
		g->v.ttl_kind = old->ttl_kind;
		g->v.ttl_s = old->ttl_s;
	}
	if (!g->has_perms)
		g->v.perms = old->perms;
	if (!g->has_perms && hlv_type_is(g->v.type, "HS_SECKEY")) /* industrial.md 3 */
		g->v.perms &= HLV_PERM_ADMIN_READ | HLV_PERM_ADMIN_WRITE;
}

static const char *kind_of(struct hlv_bytes type, bool file)
{
	if (file)
		return "FILE";
	if (hlv_type_is(type, "HS_ADMIN"))
		return "ADMIN";
	return hlv_type_is(type, "HS_VLIST") ? "LIST" : "UTF8";
}

static bool parse_value(const struct ctl *ctl, const struct put_value *p, uint32_t now_s,
			struct hlv_arena *a, struct given *g)
{
	struct hlv_value *v = &g->v;
	struct hlv_bytes rest = hlv_text(p->text);
	char why[KINDS_WHY] = "";
	int64_t index;
	bool numbered = kinds_parse_number(kinds_word(&rest), 1, INT32_MAX, &index);
	*g = (struct given){.has_ttl = p->has_ttl, .has_perms = p->has_perms};
	*v = (struct hlv_value){.mtime_s = now_s, .ttl_s = p->ttl_s, .perms = HLV_PERM_DEFAULT};
	v->type = kinds_word(&rest);
	if (!numbered || v->type.n == 0) {
		ctl_usage(ctl, "'%s': expected 'INDEX TYPE DATA' with an index from 1 on",
			  p->text);
		return false;
	}
	if (hlv_type_is(v->type, "HS_SITE") && !p->file) {
		ctl_fail(ctl, "'%s': a site record comes from a file: --file 'INDEX %.*s PATH'",
			 p->text, (int)v->type.n, (const char *)v->type.p);
		return false;
	}
	v->index = (uint32_t)index;
	if (hlv_type_is(v->type, "HS_SECKEY")) /* industrial.md 3: never public */
		v->perms = HLV_PERM_ADMIN_READ | HLV_PERM_ADMIN_WRITE;
	if (p->has_perms)
		v->perms = p->perms;
	if (hlv_type_is(v->type, "HS_SECKEY") && v->perms & HLV_PERM_PUBLIC_READ) {
		ctl_fail(ctl, "'%u HS_SECKEY': a secret is never public: leave --perms out",
			 v->index);
		return false;
	}
	if (kinds_parse(hlv_text(kind_of(v->type, p->file)), rest, v->type, NULL, a, &v->data,
			why) == HLV_OK)
		return true;
	ctl_fail(ctl, "'%s': %s", p->text, why);
	return false;
}

static const struct given *given_at(const struct given *given, size_t n, uint32_t index)
{
	for (size_t i = 0; i < n; i++)
		if (given[i].v.index == index)
			return &given[i];
	return NULL;
}

/* What stands there, with these values in place of those of the same index. */
static enum hlv_err merge_values(struct registry *r, const char *id, const struct given *given,
				 size_t n, struct node_values *values)
{
	struct given all[PUT_MAX];
	struct hlv_record rec = {0};
	enum hlv_err err = registry_get(r, hlv_text(id), &rec);
	struct hlv_reader old = hlv_reader(rec.values.raw);
	if (err != HLV_OK && err != HLV_E_NOT_FOUND)
		return err;
	node_values_begin(values);
	memcpy(all, given, n * sizeof *given); /* as they are given: they may be tried again */
	for (uint32_t i = 0; i < rec.values.n; i++) {
		struct hlv_value v;
		HLV_TRY(hlv_value_decode(&old, &v));
		const struct given *g = given_at(given, n, v.index);
		if (g)
			inherit(&all[g - given], &v);
		else
			node_values_copy(values, &v);
	}
	for (size_t i = 0; i < n; i++)
		node_values_copy(values, &all[i].v);
	return HLV_OK;
}

static enum hlv_err store_once(struct ctl *ctl, struct registry *r, const char *id,
			       const struct given *given, size_t n)
{
	struct node_values values = {0};
	enum hlv_err err = merge_values(r, id, given, n, &values);
	struct source_record checked = {.handle = hlv_text(id),
					.list = node_values_list(&values)};
	if (err == HLV_OK && source_check(&checked) != HLV_OK) {
		ctl_fail(ctl, "%s: %s", id, checked.reason);
		err = HLV_E_USAGE; /* told */
	}
	if (err == HLV_OK)
		err = registry_put(r, checked.handle, checked.list, ctl_now_ms());
	if (err == HLV_OK)
		err = registry_flush(r);
	hlv_buf_free(&values.buf);
	return err;
}

static int store_values(struct ctl *ctl, const char *id, const struct given *given, size_t n)
{
	struct registry *r = node_open_registry(ctl);
	enum hlv_err err = HLV_E_CONFLICT;
	if (!r)
		return CTL_FAILED;
	/* Beside a server others may change it in between: once more, on what is there then. */
	for (int i = 0; i < TRIES && err == HLV_E_CONFLICT; i++)
		err = store_once(ctl, r, id, given, n);
	registry_free(r);
	if (err == HLV_E_USAGE)
		return CTL_FAILED;
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, id, err);
}

struct sending {
	struct given *given;
	size_t n;
};

static void inherit_sent(void *ctx, const struct hlv_value *old)
{
	const struct sending *s = ctx;
	const struct given *g = given_at(s->given, s->n, old->index);
	if (g)
		inherit(&s->given[g - s->given], old);
}

/* The indexes whose values leave something to what stands there. */
static bool read_former(struct ctl *ctl, struct remote *r, const char *id, struct given *given,
			size_t n)
{
	uint8_t octets[PUT_MAX * 4];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	struct hlv_list indexes = {0};
	struct sending s = {given, n};
	for (size_t i = 0; i < n; i++) {
		if (given[i].has_ttl && given[i].has_perms)
			continue;
		hlv_put_u32(&w, given[i].v.index);
		indexes.n++;
	}
	indexes.raw = hlv_written(&w);
	return indexes.n == 0 || remote_read(ctl, r, hlv_text(id), &indexes, inherit_sent, &s);
}

static int send_values(struct ctl *ctl, struct remote *r, const char *id, struct given *given,
		       size_t n)
{
	struct node_values values;
	if (!read_former(ctl, r, id, given, n))
		return CTL_FAILED;
	node_values_begin(&values);
	for (size_t i = 0; i < n; i++)
		node_values_copy(&values, &given[i].v);
	struct source_record checked = {.handle = hlv_text(id),
					.list = node_values_list(&values)};
	int code = source_check(&checked) == HLV_OK
			   ? remote_put(ctl, r, checked.handle, checked.list)
			   : ctl_fail(ctl, "%s: %s", id, checked.reason);
	hlv_buf_free(&values.buf);
	return code;
}

static int put_remotely(struct ctl *ctl, const char *id, struct given *given, size_t n)
{
	struct remote r;
	int code = CTL_FAILED;
	if (remote_open(ctl, &r))
		code = send_values(ctl, &r, id, given, n);
	remote_close(&r);
	return code;
}

/* It is stored all the same: prefixes may be homed afterwards. */
static void warn_unless_homed(struct ctl *ctl, const char *id)
{
	uint8_t octets[5 + HLV_IDENTIFIER_MAX];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	const struct store_ops *ops = ctl->store->ops;
	bool homed = true;
	hlv_name_put_prefix_handle(&w, hlv_text(id));
	/* Prefix records are answered wherever they are held (server/delegate.c). */
	if (hlv_eq_fold(hlv_written(&w), hlv_text("0.NA/0.NA")))
		return;
	if (w.bad || ops->view_begin(ctl->view) != HLV_OK)
		return;
	struct hlv_bytes handle = hlv_written(&w);
	if (store_is_homed(ctl->store, ctl->view, handle, &homed) == HLV_OK && !homed)
		ctl_fail(ctl,
			 "%s: stored, but nobody gets it: %.*s is not homed here, see "
			 "helvectl home",
			 id, (int)handle.n, (const char *)handle.p);
	ops->view_end(ctl->view);
}

static int put(struct ctl *ctl, const char *id, const struct put_value *puts, size_t n)
{
	struct given given[PUT_MAX];
	struct hlv_arena a;
	int code = CTL_DONE;
	hlv_arena_init(&a, ARENA_LIMIT);
	for (size_t i = 0; i < n && code == CTL_DONE; i++)
		if (!parse_value(ctl, &puts[i], (uint32_t)(ctl_now_ms() / 1000), &a, &given[i]))
			code = CTL_USAGE;
	if (code == CTL_DONE && ctl->remote) {
		code = put_remotely(ctl, id, given, n);
	} else if (code == CTL_DONE) {
		code = store_values(ctl, id, given, n);
		if (code == CTL_DONE)
			warn_unless_homed(ctl, id);
	}
	hlv_arena_fini(&a);
	return code;
}

/* --ttl and --perms hold for the values behind them. */
static bool put_option(struct ctl *ctl, int c, struct put_value *next)
{
	int64_t ttl;
	if (c == 't' && !kinds_parse_number(hlv_text(optarg), 0, INT32_MAX, &ttl)) {
		ctl_usage(ctl, "--ttl '%s': expected seconds, from 0 on", optarg);
		return false;
	}
	if (c == 't') {
		next->ttl_s = (uint32_t)ttl;
		next->has_ttl = true;
	}
	next->has_perms = next->has_perms || c == 'p';
	if (c != 'p' || kinds_parse_perms(hlv_text(optarg), &next->perms) == HLV_OK)
		return true;
	ctl_usage(
		ctl,
		"--perms '%s': expected four of 0 and 1: administrators read, write, everybody "
		"reads, writes",
		optarg);
	return false;
}

int cmd_put(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"value", required_argument, NULL, 'v'},
						{"file", required_argument, NULL, 'f'},
						{"ttl", required_argument, NULL, 't'},
						{"perms", required_argument, NULL, 'p'},
						{0}};
	struct put_value puts[PUT_MAX], next = {.ttl_s = HLV_TTL_DEFAULT_S};
	size_t n = 0;
	int c;
	bool dangling = false; /* an option that no value stands behind */
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?' || !put_option(ctl, c, &next))
			return CTL_USAGE;
		dangling = c == 't' || c == 'p';
		if (dangling)
			continue;
		if (n == PUT_MAX)
			return ctl_usage(ctl, "more than %d values: use helvectl load",
					 PUT_MAX);
		puts[n] = next;
		puts[n].text = optarg;
		puts[n++].file = c == 'f';
	}
	const char *id = only_id(ctl, argc, argv);
	if (!id)
		return CTL_USAGE;
	if (n > 0 && dangling)
		return ctl_usage(ctl,
				 "--ttl and --perms stand before the values they hold for");
	if (n == 0)
		return ctl_usage(ctl, "no value: give at least one --value 'INDEX TYPE DATA'");
	return put(ctl, id, puts, n);
}

/* --- rm --- */

int cmd_rm(struct ctl *ctl, int argc, char **argv)
{
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	const char *id = only_id(ctl, argc, argv);
	if (!id)
		return CTL_USAGE;
	if (ctl->remote)
		return remote_rm(ctl, hlv_text(id));
	struct registry *r = node_open_registry(ctl);
	enum hlv_err err = HLV_E_CONFLICT;
	if (!r)
		return CTL_FAILED;
	for (int i = 0; i < TRIES && err == HLV_E_CONFLICT; i++) {
		err = registry_remove(r, hlv_text(id), ctl_now_ms());
		if (err == HLV_OK)
			err = registry_flush(r);
	}
	registry_free(r);
	if (err == HLV_E_NOT_FOUND)
		return ctl_fail(ctl, "%s: not in this registry", id);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, id, err);
}
