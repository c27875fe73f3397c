/* SPDX-License-Identifier: Apache-2.0
 *
 * get, put, rm: one record.
 */
#include "proto/net/json.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"
#include "tools/helvectl/kinds.h"
#include "tools/helvectl/node.h"
#include "tools/helvectl/source.h"

enum { PUT_MAX = 256, ARENA_LIMIT = 16 * 1024 * 1024 };

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

static void print_value(const struct hlv_value *v, bool secrets)
{
	struct hlv_buf line = {0};
	hlv_buf_printf(&line, "%u ", v->index);
	hlv_buf_put(&line, v->type);
	hlv_buf_str(&line, " ");
	if (hlv_type_is(v->type, "HS_SECKEY") && !secrets)
		hlv_buf_str(&line, "(not shown, see --secrets)");
	else if (hlv_is_text(v->data))
		hlv_buf_put(&line, v->data);
	else
		hlv_json_put_data(&line, v);
	hlv_buf_str(&line, "\n");
	fwrite(line.p, 1, line.n, stdout);
	hlv_buf_free(&line);
}

/* The record without its secrets. */
static void copy_values(struct node_values *out, const struct hlv_record *rec, bool secrets)
{
	struct hlv_reader r = hlv_reader(rec->values.raw);
	node_values_begin(out);
	for (uint32_t i = 0; i < rec->values.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) == HLV_OK &&
		    (secrets || !hlv_type_is(v.type, "HS_SECKEY")))
			node_values_copy(out, &v);
	}
}

static void print_record(const struct ctl *ctl, const struct hlv_record *rec, bool secrets)
{
	struct hlv_reader r = hlv_reader(rec->values.raw);
	if (ctl->json) {
		struct node_values values;
		struct hlv_buf text = {0};
		copy_values(&values, rec, secrets);
		struct hlv_list list = {values.n, hlv_skip(hlv_buf_bytes(&values.buf), 4)};
		hlv_json_put_record(&text, rec->name, &list);
		puts(text.p ? text.p : "");
		hlv_buf_free(&text);
		hlv_buf_free(&values.buf);
		return;
	}
	for (uint32_t i = 0; i < rec->values.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) == HLV_OK)
			print_value(&v, secrets);
	}
}

int cmd_get(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"secrets", no_argument, NULL, 's'}, {0}};
	bool secrets = false;
	int c;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return CTL_USAGE;
		secrets = true;
	}
	const char *id = only_id(ctl, argc, argv);
	if (!id)
		return CTL_USAGE;
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	struct store_key key;
	struct hlv_record rec;
	store_key(hlv_text(id), &key);
	enum hlv_err err = store_get_record(ctl->store, ctl->view, &key, &rec);
	if (err == HLV_E_NOT_FOUND)
		return ctl_fail(ctl, "%s: not in this registry: helvectl list shows what is",
				id);
	if (err != HLV_OK)
		return ctl_fail_err(ctl, id, err);
	print_record(ctl, &rec, secrets);
	return CTL_DONE;
}

/* --- put --- */

struct put_value {
	const char *text; /* "INDEX TYPE DATA" or "INDEX TYPE PATH" */
	bool file;
};

static const char *kind_of(struct hlv_bytes type, bool file)
{
	if (file)
		return "FILE";
	if (hlv_type_is(type, "HS_ADMIN"))
		return "ADMIN";
	return hlv_type_is(type, "HS_VLIST") ? "LIST" : "UTF8";
}

static bool parse_value(const struct ctl *ctl, const struct put_value *p, uint32_t now_s,
			struct hlv_arena *a, struct hlv_value *v)
{
	struct hlv_bytes rest = hlv_text(p->text);
	char why[KINDS_WHY] = "";
	int64_t index;
	bool numbered = kinds_parse_number(kinds_word(&rest), 1, INT32_MAX, &index);
	*v = (struct hlv_value){
		.mtime_s = now_s, .ttl_s = HLV_TTL_DEFAULT_S, .perms = HLV_PERM_DEFAULT};
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
	if (kinds_parse(hlv_text(kind_of(v->type, p->file)), rest, v->type, NULL, a, &v->data,
			why) == HLV_OK)
		return true;
	ctl_fail(ctl, "'%s': %s", p->text, why);
	return false;
}

static bool is_given(const struct hlv_value *given, size_t n, uint32_t index)
{
	for (size_t i = 0; i < n; i++)
		if (given[i].index == index)
			return true;
	return false;
}

static int store_values(struct ctl *ctl, const char *id, const struct hlv_value *given,
			size_t n)
{
	struct registry *r = node_open_registry(ctl);
	if (!r)
		return CTL_FAILED;
	struct hlv_record rec = {0};
	struct node_values values;
	node_values_begin(&values);
	enum hlv_err err = registry_get(r, hlv_text(id), &rec);
	struct hlv_reader old = hlv_reader(rec.values.raw);
	for (uint32_t i = 0; err == HLV_OK && i < rec.values.n; i++) {
		struct hlv_value v;
		err = hlv_value_decode(&old, &v);
		if (err == HLV_OK && !is_given(given, n, v.index))
			node_values_copy(&values, &v);
	}
	for (size_t i = 0; i < n; i++)
		node_values_copy(&values, &given[i]);
	struct source_record checked = {.handle = hlv_text(id),
					.list = node_values_list(&values)};
	int code = CTL_DONE;
	if (err != HLV_OK && err != HLV_E_NOT_FOUND)
		code = ctl_fail_err(ctl, id, err);
	else if (source_check(&checked) != HLV_OK)
		code = ctl_fail(ctl, "%s: %s", id, checked.reason);
	if (code == CTL_DONE) {
		err = registry_put(r, checked.handle, checked.list, ctl_now_ms());
		if (err == HLV_OK)
			err = registry_flush(r);
		code = err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, id, err);
	}
	hlv_buf_free(&values.buf);
	registry_free(r);
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
	struct hlv_value given[PUT_MAX];
	struct hlv_arena a;
	int code = CTL_DONE;
	hlv_arena_init(&a, ARENA_LIMIT);
	for (size_t i = 0; i < n && code == CTL_DONE; i++)
		if (!parse_value(ctl, &puts[i], (uint32_t)(ctl_now_ms() / 1000), &a, &given[i]))
			code = CTL_USAGE;
	if (code == CTL_DONE)
		code = store_values(ctl, id, given, n);
	if (code == CTL_DONE)
		warn_unless_homed(ctl, id);
	hlv_arena_fini(&a);
	return code;
}

int cmd_put(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"value", required_argument, NULL, 'v'},
						{"file", required_argument, NULL, 'f'},
						{0}};
	struct put_value puts[PUT_MAX];
	size_t n = 0;
	int c;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return CTL_USAGE;
		if (n == PUT_MAX)
			return ctl_usage(ctl, "more than %d values: use helvectl load",
					 PUT_MAX);
		puts[n++] = (struct put_value){optarg, c == 'f'};
	}
	const char *id = only_id(ctl, argc, argv);
	if (!id)
		return CTL_USAGE;
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
	struct registry *r = node_open_registry(ctl);
	if (!r)
		return CTL_FAILED;
	enum hlv_err err = registry_remove(r, hlv_text(id), ctl_now_ms());
	if (err == HLV_OK)
		err = registry_flush(r);
	registry_free(r);
	if (err == HLV_E_NOT_FOUND)
		return ctl_fail(ctl, "%s: not in this registry", id);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, id, err);
}
