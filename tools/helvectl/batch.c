/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/batch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "proto/net/json.h"
#include "proto/wire/admin.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"
#include "tools/helvectl/kinds.h"
#include "tools/helvectl/source.h"

enum {
	WHY = 256,
	LIST_MAX = HLV_MESSAGE_MAX,
	ARENA_LIMIT = 64 * 1024 * 1024,
	GROUPS_DEEP = 5, /* lists of administrators within lists */
	PROGRESS_EVERY = 256,
};

struct batch {
	const char *path;
	FILE *file;
	char *line; /* getline()'s */
	size_t line_room;
	uint64_t line_no, octets;
	struct registry *registry;
	struct hlv_arena arena;	 /* of one command */
	struct hlv_buf identity; /* "INDEX:HANDLE"; empty: the administrator of the machine */
	struct hlv_buf times;	 /* of the next CREATE: "INDEX=SECONDS ..." */
	bool replace;		 /* CREATE overwrites what is there */
	uint64_t now_ms;
	char reason[KINDS_WHY];
};

/* Why the command cannot be done; the registry is untouched. */
static enum hlv_err refuse(struct batch *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static enum hlv_err refuse(struct batch *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(b->reason, sizeof b->reason, format, args);
	va_end(args);
	return HLV_E_MALFORMED;
}

static enum hlv_err refuse_rc(struct batch *b, enum hlv_rc rc)
{
	return refuse(b, "%s (%d)", hlv_rc_text(rc), (int)rc);
}

/* The next line without its end; false at the end of the file. Valid until the one after it. */
static bool next_line(struct batch *b, struct hlv_bytes *line)
{
	ssize_t n = getline(&b->line, &b->line_room, b->file);
	if (n < 0)
		return false;
	b->line_no++;
	b->octets += (uint64_t)n;
	*line = hlv_bytes(b->line, (size_t)n);
	while (line->n > 0 && (line->p[line->n - 1] == '\n' || line->p[line->n - 1] == '\r'))
		line->n--;
	return true;
}

/* --- value lines --- */

static uint32_t time_of(const struct batch *b, uint32_t index)
{
	struct hlv_bytes rest = hlv_buf_bytes(&b->times);
	for (struct hlv_bytes word = kinds_word(&rest); word.n > 0; word = kinds_word(&rest)) {
		const uint8_t *equals = memchr(word.p, '=', word.n);
		size_t n = equals ? (size_t)(equals - word.p) : 0;
		int64_t i, t;
		if (kinds_parse_number(hlv_head(word, n), 0, UINT32_MAX, &i) && i == index &&
		    kinds_parse_number(hlv_skip(word, n + 1), 0, UINT32_MAX, &t))
			return (uint32_t)t;
	}
	return (uint32_t)(b->now_ms / 1000);
}

static enum hlv_err put_json_value(struct batch *b, struct hlv_bytes text, struct hlv_writer *w)
{
	struct hlv_json_error error = {0};
	struct hlv_bytes handle;
	uint8_t *octets = hlv_alloc_raw(&b->arena, text.n + 64);
	struct hlv_writer one = hlv_writer(octets, octets ? text.n + 64 : 0);
	if (hlv_json_parse_record(text, (uint32_t)(b->now_ms / 1000), &b->arena, &handle, &one,
				  &error) != HLV_OK)
		return refuse(b, "%s", error.text);
	hlv_put(w, hlv_skip(hlv_written(&one), 4));
	return HLV_OK;
}

/* "index type ttl perms KIND data" */
static enum hlv_err put_value(struct batch *b, struct hlv_bytes line, struct hlv_writer *w)
{
	struct hlv_bytes rest = line;
	struct hlv_value v = {0};
	int64_t index, ttl;
	bool numbered = kinds_parse_number(kinds_word(&rest), 1, INT32_MAX, &index);
	v.type = kinds_word(&rest);
	if (!numbered)
		return refuse(b, "value line: index must be from 1 to %d", INT32_MAX);
	if (!kinds_parse_number(kinds_word(&rest), INT32_MIN, INT32_MAX, &ttl))
		return refuse(b, "value line: TTL must be a number of seconds");
	if (kinds_parse_perms(kinds_word(&rest), &v.perms) != HLV_OK)
		return refuse(
			b, "error in handle value permission string: expected four of 0 and 1");
	struct hlv_bytes kind = kinds_word(&rest);
	if (!hlv_utf8_valid(v.type))
		return refuse(b, "value line: type is not UTF-8");
	if (hlv_eq_fold(kind, hlv_text("VALUE")))
		return put_json_value(b, kinds_trim(rest), w);
	HLV_TRY(kinds_parse(kind, rest, v.type, b->path, &b->arena, &v.data, b->reason));
	v.index = (uint32_t)index;
	v.ttl_s = (uint32_t)ttl;
	v.mtime_s = time_of(b, v.index);
	hlv_value_encode(w, &v);
	return HLV_OK;
}

/* Lines up to a blank one, as an encoded list with its count. All are read, so that the next
 * command begins where it should, and the first trouble is told. */
static enum hlv_err read_values(struct batch *b, struct hlv_bytes *list)
{
	uint8_t *octets = hlv_alloc_raw(&b->arena, LIST_MAX);
	struct hlv_writer w = hlv_writer(octets, octets ? LIST_MAX : 0);
	size_t hole = hlv_put_hole32(&w);
	enum hlv_err err = HLV_OK;
	struct hlv_bytes line;
	uint32_t n = 0;
	while (next_line(b, &line) && kinds_trim(line).n > 0) {
		/* The line dies with the next one; the parts of the value are copied by
		 * encoding. */
		if (err == HLV_OK)
			err = put_value(b, line, &w);
		n++;
	}
	HLV_TRY(err);
	if (n == 0)
		return refuse(b, "no handle values");
	hlv_fill_u32(&w, hole, n);
	*list = hlv_written(&w);
	return w.bad ? refuse(b, "values: over %d octets in all", LIST_MAX) : HLV_OK;
}

static enum hlv_err decode(struct batch *b, struct hlv_bytes encoded, struct hlv_list *list)
{
	struct hlv_reader r = hlv_reader(encoded);
	return hlv_values_decode(&r, list) == HLV_OK ? HLV_OK : refuse(b, "malformed values");
}

static bool has_index(const struct hlv_list *list, uint32_t index)
{
	struct hlv_reader r = hlv_reader(list->raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < list->n && hlv_value_decode(&r, &v) == HLV_OK; i++)
		if (v.index == index)
			return true;
	return false;
}

/* A record with values of its own memory: the view's may go with the next question. */
static enum hlv_err lookup(struct batch *b, struct hlv_bytes id, struct hlv_record *rec)
{
	HLV_TRY(registry_get(b->registry, id, rec));
	rec->values.raw = hlv_arena_copy(&b->arena, rec->values.raw);
	return b->arena.bad ? HLV_E_NOMEM : HLV_OK;
}

static enum hlv_err fetch(struct batch *b, struct hlv_bytes id, struct hlv_record *rec)
{
	enum hlv_err err = lookup(b, id, rec);
	return err == HLV_E_NOT_FOUND ? refuse_rc(b, HLV_RC_NOT_FOUND) : err;
}

/* --- who may create --- */

static bool is_listed(struct batch *b, const struct hlv_ref *listed, const struct hlv_ref *who,
		      unsigned depth)
{
	struct hlv_record rec;
	struct hlv_value v;
	if (hlv_ref_matches(listed, who))
		return true;
	if (depth == 0 || lookup(b, listed->handle, &rec) != HLV_OK)
		return false;
	struct hlv_reader r = hlv_reader(rec.values.raw);
	for (uint32_t i = 0; i < rec.values.n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		struct hlv_list refs;
		if (!hlv_type_is(v.type, "HS_VLIST") ||
		    (listed->index != 0 && v.index != listed->index) ||
		    hlv_vlist_decode(v.data, &refs) != HLV_OK)
			continue;
		struct hlv_reader walk = hlv_reader(refs.raw);
		for (uint32_t k = 0; k < refs.n; k++) {
			struct hlv_ref ref;
			hlv_ref_decode(&walk, &ref);
			if (is_listed(b, &ref, who, depth - 1))
				return true;
		}
	}
	return false;
}

/* The prefix record's administrators decide, and its own keys are among them. */
static enum hlv_err may_create(struct batch *b, struct hlv_bytes id)
{
	uint8_t octets[HLV_IDENTIFIER_MAX + 8];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	struct hlv_record rec;
	struct hlv_value v;
	if (b->identity.n == 0)
		return HLV_OK;
	struct hlv_ref who = hlv_ref_parse(hlv_buf_bytes(&b->identity));
	hlv_name_put_prefix_handle(&w, id);
	if (hlv_name_eq_full(hlv_written(&w), who.handle))
		return HLV_OK;
	enum hlv_err err = lookup(b, hlv_written(&w), &rec);
	if (err == HLV_E_NOT_FOUND)
		return refuse_rc(b, HLV_RC_INVALID_ADMIN);
	HLV_TRY(err);
	struct hlv_reader r = hlv_reader(rec.values.raw);
	uint16_t right =
		hlv_name_is_prefix_handle(id) ? HLV_ADMIN_ADD_PREFIX : HLV_ADMIN_ADD_HANDLE;
	for (uint32_t i = 0; i < rec.values.n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		struct hlv_admin admin;
		if (hlv_type_is(v.type, "HS_ADMIN") &&
		    hlv_admin_decode(v.data, &admin) == HLV_OK && admin.perms & right &&
		    is_listed(b, &admin.who, &who, GROUPS_DEEP))
			return HLV_OK;
	}
	return refuse_rc(b, HLV_RC_INVALID_ADMIN);
}

/* --- commands: `id` lives as long as the command --- */

/* Check and write; on refusal the registry's error codes do not appear: HLV_E_MALFORMED does.
 */
static enum hlv_err put(struct batch *b, struct hlv_bytes id, struct hlv_bytes list)
{
	struct source_record rec = {.handle = id, .list = list};
	if (source_check(&rec) != HLV_OK)
		return refuse(b, "%s", rec.reason);
	return registry_put(b->registry, id, list, b->now_ms);
}

static enum hlv_err create(struct batch *b, struct hlv_bytes id)
{
	struct hlv_bytes list;
	struct hlv_record rec;
	enum hlv_err err = read_values(b, &list);
	hlv_buf_clear(&b->times);
	HLV_TRY(err);
	if (!b->registry)
		return HLV_OK;
	err = registry_get(b->registry, id, &rec);
	if (err == HLV_OK && !b->replace)
		return refuse_rc(b, HLV_RC_EXISTS);
	if (err != HLV_OK && err != HLV_E_NOT_FOUND)
		return err;
	HLV_TRY(may_create(b, id));
	return put(b, id, list);
}

/* What stands there without the indexes of `without`, then `more`. */
static enum hlv_err put_merged(struct batch *b, struct hlv_bytes id, const struct hlv_list *old,
			       const struct hlv_list *without, const struct hlv_list *more)
{
	size_t room = 4 + old->raw.n + more->raw.n;
	uint8_t *octets = hlv_alloc_raw(&b->arena, room);
	struct hlv_writer w = hlv_writer(octets, octets ? room : 0);
	struct hlv_reader r = hlv_reader(old->raw);
	uint32_t n = more->n;
	size_t hole = hlv_put_hole32(&w);
	for (uint32_t i = 0; i < old->n; i++) {
		struct hlv_value v;
		HLV_TRY(hlv_value_decode(&r, &v));
		if (has_index(without, v.index))
			continue;
		hlv_value_encode(&w, &v);
		n++;
	}
	hlv_put(&w, more->raw);
	hlv_fill_u32(&w, hole, n);
	return w.bad ? HLV_E_NOMEM : put(b, id, hlv_written(&w));
}

enum change { ADD, MODIFY };

static enum hlv_err change(struct batch *b, struct hlv_bytes id, enum change what)
{
	struct hlv_bytes encoded;
	struct hlv_record rec;
	struct hlv_list list;
	HLV_TRY(read_values(b, &encoded));
	if (!b->registry)
		return HLV_OK;
	HLV_TRY(decode(b, encoded, &list));
	HLV_TRY(fetch(b, id, &rec));
	struct hlv_reader r = hlv_reader(list.raw);
	for (uint32_t i = 0; i < list.n; i++) {
		struct hlv_value v;
		HLV_TRY(hlv_value_decode(&r, &v));
		if (what == ADD && has_index(&rec.values, v.index))
			return refuse(b, "%s (%d): index %u", hlv_rc_text(HLV_RC_VALUE_EXISTS),
				      HLV_RC_VALUE_EXISTS, v.index);
		if (what == MODIFY && !has_index(&rec.values, v.index))
			return refuse(b, "%s (%d): index %u",
				      hlv_rc_text(HLV_RC_VALUES_NOT_FOUND),
				      HLV_RC_VALUES_NOT_FOUND, v.index);
	}
	return put_merged(b, id, &rec.values, &list, &list);
}

/* "INDEX[,INDEX...]:HANDLE": a list of values that have these indexes and nothing else. */
static enum hlv_err parse_indexes(struct batch *b, struct hlv_bytes text, struct hlv_list *list)
{
	size_t room = text.n * HLV_VALUE_MIN;
	uint8_t *octets = hlv_alloc_raw(&b->arena, room);
	struct hlv_writer w = hlv_writer(octets, octets ? room : 0);
	*list = (struct hlv_list){0};
	while (text.n > 0) {
		const uint8_t *end = memchr(text.p, ',', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		int64_t index;
		if (!kinds_parse_number(hlv_head(text, n), 1, INT32_MAX, &index))
			return refuse(b, "expected REMOVE INDEX,INDEX...:HANDLE");
		struct hlv_value v = {.index = (uint32_t)index};
		hlv_value_encode(&w, &v);
		list->n++;
		text = hlv_skip(text, n + 1);
	}
	list->raw = hlv_written(&w);
	return list->n > 0 ? HLV_OK : refuse(b, "expected REMOVE INDEX,INDEX...:HANDLE");
}

/* As the reference: a failure when none of the indexes is there. */
static enum hlv_err remove_values(struct batch *b, struct hlv_bytes indexes,
				  struct hlv_bytes id)
{
	struct hlv_record rec;
	struct hlv_list list, none = {0};
	HLV_TRY(parse_indexes(b, indexes, &list));
	if (!b->registry)
		return HLV_OK;
	HLV_TRY(fetch(b, id, &rec));
	struct hlv_reader r = hlv_reader(rec.values.raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < rec.values.n && hlv_value_decode(&r, &v) == HLV_OK; i++)
		if (has_index(&list, v.index))
			return put_merged(b, id, &rec.values, &list, &none);
	return refuse_rc(b, HLV_RC_VALUES_NOT_FOUND);
}

static enum hlv_err remove_record(struct batch *b, struct hlv_bytes id)
{
	if (!b->registry)
		return HLV_OK;
	enum hlv_err err = registry_remove(b->registry, id, b->now_ms);
	return err == HLV_E_NOT_FOUND ? refuse_rc(b, HLV_RC_NOT_FOUND) : err;
}

/* "SECKEY:INDEX:HANDLE", the secret in the next line; "PUBKEY:INDEX:HANDLE", there the key file
 * and its passphrase. Who may write these files needs neither. */
static enum hlv_err authenticate(struct batch *b, struct hlv_bytes text)
{
	struct hlv_bytes secret;
	bool known = hlv_eq_fold(hlv_head(text, 7), hlv_text("SECKEY:")) ||
		     hlv_eq_fold(hlv_head(text, 7), hlv_text("PUBKEY:"));
	hlv_buf_clear(&b->identity);
	hlv_buf_put(&b->identity, hlv_skip(text, 7));
	next_line(b, &secret);
	return known ? HLV_OK
		     : refuse(b, "expected AUTHENTICATE SECKEY:INDEX:HANDLE or PUBKEY:...");
}

/* "#! ..."; other lines with '#' in front are comments. */
static enum hlv_err directive(struct batch *b, struct hlv_bytes rest, bool *counts)
{
	static const uint8_t no_values[4];
	struct hlv_bytes word = kinds_word(&rest);
	rest = kinds_trim(rest);
	if (hlv_eq(word, hlv_text("time"))) {
		hlv_buf_clear(&b->times);
		hlv_buf_put(&b->times, rest);
		return HLV_OK;
	}
	if (hlv_eq(word, hlv_text("replace"))) {
		b->replace = true;
		return HLV_OK;
	}
	if (!b->registry)
		return HLV_OK;
	*counts = hlv_eq(word, hlv_text("empty"));
	if (*counts)
		return put(b, rest, hlv_bytes(no_values, sizeof no_values));
	if (!hlv_eq(word, hlv_text("home")))
		return refuse(b, "expected #! home, empty, replace or time");
	struct source_record rec = {.handle = rest, .homed = true};
	if (source_check(&rec) != HLV_OK)
		return refuse(b, "%s", rec.reason);
	enum hlv_err err = registry_home(b->registry, rest, b->now_ms);
	return err == HLV_E_EXISTS ? HLV_OK : err;
}

/* One command; what it is about goes into *id. */
static enum hlv_err command(struct batch *b, struct hlv_bytes line, struct hlv_bytes *id)
{
	struct hlv_bytes rest = line;
	struct hlv_bytes verb = kinds_word(&rest);
	*id = kinds_trim(rest);
	if (hlv_eq_fold(verb, hlv_text("CREATE")))
		return create(b, *id);
	if (hlv_eq_fold(verb, hlv_text("ADD")))
		return change(b, *id, ADD);
	if (hlv_eq_fold(verb, hlv_text("MODIFY")))
		return change(b, *id, MODIFY);
	if (hlv_eq_fold(verb, hlv_text("DELETE")))
		return remove_record(b, *id);
	if (hlv_eq_fold(verb, hlv_text("REMOVE"))) {
		const uint8_t *colon = id->n ? memchr(id->p, ':', id->n) : NULL;
		struct hlv_bytes indexes = hlv_head(*id, colon ? (size_t)(colon - id->p) : 0);
		*id = hlv_skip(*id, colon ? indexes.n + 1 : 0);
		return remove_values(b, indexes, *id);
	}
	*id = (struct hlv_bytes){0};
	return refuse(b, "error in command line: unknown command \"%.*s\"",
		      (int)(verb.n < 40 ? verb.n : 40), (const char *)verb.p);
}

/* AUTHENTICATE and most of "#!" prepare; they are not counted when they succeed. */
static enum hlv_err run_line(struct batch *b, struct hlv_bytes line, struct hlv_bytes *id,
			     bool *counts)
{
	struct hlv_bytes rest = line;
	*counts = false;
	if (line.p[0] == '#') {
		if (!hlv_starts_with(line, hlv_text("#!")))
			return HLV_OK;
		return directive(b, hlv_skip(line, 2), counts);
	}
	if (hlv_eq_fold(kinds_word(&rest), hlv_text("AUTHENTICATE")))
		return authenticate(b, kinds_trim(rest));
	*counts = true;
	return command(b, line, id);
}

static enum hlv_err run(struct batch *b, batch_failed_fn *failed, batch_progress_fn *progress,
			void *ctx, struct batch_result *result)
{
	struct hlv_bytes line;
	while (next_line(b, &line)) {
		line = kinds_trim(line);
		if (line.n == 0)
			continue;
		uint64_t at = b->line_no;
		bool counts;
		struct hlv_bytes id = {0};
		hlv_arena_reset(&b->arena);
		line = hlv_arena_copy(&b->arena, line);
		enum hlv_err err = line.n ? run_line(b, line, &id, &counts) : HLV_E_NOMEM;
		if (err == HLV_E_MALFORMED) {
			failed(ctx, at, id, b->reason);
			result->failed++;
			continue;
		}
		HLV_TRY(err);
		result->done += counts;
		if (result->done % PROGRESS_EVERY == 0)
			progress(ctx, b->octets, result->done + result->failed);
	}
	return b->registry ? registry_flush(b->registry) : HLV_OK;
}

enum hlv_err batch_run(const char *path, struct registry *registry, uint64_t now_ms,
		       batch_failed_fn *failed, batch_progress_fn *progress, void *ctx,
		       struct batch_result *result, char *why)
{
	struct batch b = {.path = path, .registry = registry, .now_ms = now_ms};
	*result = (struct batch_result){0};
	b.file = fopen(path, "re");
	if (!b.file) {
		snprintf(why, WHY, "%s: %s", path, strerror(errno));
		return errno == ENOENT ? HLV_E_NOT_FOUND : HLV_E_IO;
	}
	hlv_arena_init(&b.arena, ARENA_LIMIT);
	*why = '\0';
	enum hlv_err err = run(&b, failed, progress, ctx, result);
	if (ferror(b.file)) {
		snprintf(why, WHY, "%s: cannot be read to its end", path);
		err = HLV_E_IO;
	}
	fclose(b.file);
	free(b.line);
	hlv_arena_fini(&b.arena);
	hlv_buf_free(&b.identity);
	hlv_buf_free(&b.times);
	return err;
}
