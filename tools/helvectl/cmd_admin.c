/* SPDX-License-Identifier: Apache-2.0
 *
 * admin: who administers a prefix. Each person or system has a key of its own in the prefix record
 * (HS_PUBKEY, or a secret as HS_SECKEY) and is a member of its group (HS_VLIST 200), which the
 * record's HS_ADMIN names; so one is added or removed without anybody else noticing.
 */
#include "proto/wire/admin.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/node.h"

enum { GROUP_INDEX = 200, FIRST_KEY = 301, SECRET_MIN = 12, TRIES = 8 };

/* One change of a prefix record under way. */
struct change {
	struct ctl *ctl;
	char name[NODE_NAME_MAX]; /* the prefix handle */
	uint32_t index;		  /* of the key */
	bool add, secret;
	struct hlv_buf key; /* the value's data */
};

static bool is_member(const struct hlv_ref *ref, const struct change *ch)
{
	return ref->index == ch->index && hlv_name_eq_prefix(ref->handle, hlv_text(ch->name));
}

/* The group with or without the key. False: it cannot be read. */
static bool change_group(const struct change *ch, struct hlv_bytes old, struct hlv_writer *w)
{
	struct hlv_list refs = {0};
	if (old.n > 0 && hlv_vlist_decode(old, &refs) != HLV_OK)
		return false;
	struct hlv_reader r = hlv_reader(refs.raw);
	size_t at = hlv_put_hole32(w);
	uint32_t n = 0;
	for (uint32_t i = 0; i < refs.n; i++) {
		struct hlv_ref ref;
		hlv_ref_decode(&r, &ref);
		if (is_member(&ref, ch))
			continue;
		hlv_ref_encode(w, &ref);
		n++;
	}
	if (ch->add) {
		struct hlv_ref ref = {hlv_text(ch->name), ch->index};
		hlv_ref_encode(w, &ref);
		n++;
	}
	hlv_fill_u32(w, at, n);
	return !w->bad;
}

static bool is_key(struct hlv_bytes type)
{
	return hlv_type_is(type, "HS_PUBKEY") || hlv_type_is(type, "HS_SECKEY");
}

/* The first free index from 301 on, in ascending values. That of a removed key stays taken: what was
 * given to it is given to nobody else, and the audit trail speaks of one person. */
static uint32_t free_index(const struct hlv_list *values)
{
	uint32_t index = FIRST_KEY;
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) == HLV_OK && v.index == index)
			index++;
	}
	return index;
}

/* A key that stands there twice would still be there when it is removed. */
static bool has_same_key(struct change *ch, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK || !is_key(v.type) ||
		    !hlv_eq(v.data, hlv_buf_bytes(&ch->key)))
			continue;
		ch->index = v.index;
		return true;
	}
	return false;
}

/* The record's values with the change in them. */
static bool make_values(struct change *ch, const struct hlv_record *rec,
			struct node_values *values, uint32_t now_s)
{
	static uint8_t group[1 << 16];
	struct hlv_writer w = hlv_writer(group, sizeof group);
	struct hlv_reader r = hlv_reader(rec->values.raw);
	bool had_group = false, had_key = false;
	node_values_begin(values);
	for (uint32_t i = 0; i < rec->values.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return false;
		if (v.index == GROUP_INDEX && hlv_type_is(v.type, "HS_VLIST")) {
			had_group = change_group(ch, v.data, &w);
			v.data = hlv_written(&w);
			v.mtime_s = now_s;
		}
		had_key = had_key || (v.index == ch->index && is_key(v.type));
		if (v.index != ch->index)
			node_values_copy(values, &v);
		else if (!ch->add)
			node_values_add(values, ch->index, "REMOVED_KEY", HLV_PERM_DEFAULT,
					(struct hlv_bytes){0}, now_s);
	}
	if (!had_group || (!ch->add && !had_key))
		return false;
	if (ch->add)
		node_values_add(values, ch->index, ch->secret ? "HS_SECKEY" : "HS_PUBKEY",
				ch->secret ? HLV_PERM_ADMIN_READ | HLV_PERM_ADMIN_WRITE
					   : HLV_PERM_DEFAULT,
				hlv_buf_bytes(&ch->key), now_s);
	return true;
}

/* Would nobody be left? The node's own key is index 300. */
static bool leaves_nobody(const struct change *ch, const struct hlv_record *rec)
{
	struct hlv_reader r = hlv_reader(rec->values.raw);
	for (uint32_t i = 0; i < rec->values.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) == HLV_OK && is_key(v.type) &&
		    v.index != ch->index)
			return false;
	}
	return !ch->add;
}

static enum hlv_err change_once(struct change *ch, struct registry *r)
{
	struct hlv_record rec;
	struct node_values values = {0};
	HLV_TRY(registry_get(r, hlv_text(ch->name), &rec));
	if (ch->add && has_same_key(ch, &rec.values))
		return HLV_E_BUSY;
	if (ch->add && ch->index == 0)
		ch->index = free_index(&rec.values);
	if (leaves_nobody(ch, &rec))
		return HLV_E_PERMISSION;
	enum hlv_err err = HLV_E_EXISTS;
	if (make_values(ch, &rec, &values, (uint32_t)(ctl_now_ms() / 1000)))
		err = registry_put(r, hlv_text(ch->name), node_values_list(&values),
				   ctl_now_ms());
	hlv_buf_free(&values.buf);
	return err == HLV_OK ? registry_flush(r) : err;
}

static int change(struct change *ch)
{
	struct ctl *ctl = ch->ctl;
	enum hlv_err err = HLV_E_CONFLICT;
	struct registry *r = node_open_registry(ctl);
	if (!r)
		return CTL_FAILED;
	for (int i = 0; i < TRIES && err == HLV_E_CONFLICT; i++)
		err = change_once(ch, r);
	registry_free(r);
	if (err == HLV_E_EXISTS && ch->add)
		return ctl_fail(ctl, "%s: has no group (HS_VLIST) at index %d to join",
				ch->name, GROUP_INDEX);
	if (err == HLV_E_EXISTS)
		return ctl_fail(ctl, "%u:%s: is no key there: see helvectl admin list",
				ch->index, ch->name);
	if (err == HLV_E_BUSY)
		return ctl_fail(ctl, "%u:%s has this key already", ch->index, ch->name);
	if (err == HLV_E_NOT_FOUND)
		return ctl_fail(ctl,
				"%s: has no record here: helvectl status shows the prefixes",
				ch->name);
	if (err == HLV_E_PERMISSION)
		return ctl_fail(ctl, "%s: nobody would be left to administer it", ch->name);
	if (err != HLV_OK)
		return ctl_fail_err(ctl, ch->name, err);
	printf("%u:%s %s\n", ch->index, ch->name, ch->add ? "added" : "removed");
	return CTL_DONE;
}

/* --- list --- */

static void show_key(const struct ctl *ctl, const char *name, const struct hlv_value *v,
		     bool member, bool first)
{
	struct hlv_key *key = NULL;
	const char *kind = "secret key";
	if (hlv_type_is(v->type, "HS_PUBKEY"))
		kind = hlv_pubkey_decode(v->data, &key) == HLV_OK ? hlv_key_name(key)
								  : "unreadable key";
	if (ctl->json)
		printf("%s{\"identity\":\"%u:%s\",\"key\":\"%s\",\"member\":%s}",
		       first ? "" : ",", v->index, name, kind, member ? "true" : "false");
	else
		printf("%u:%-40s %-12s %s\n", v->index, name, kind,
		       member ? "administrator" : "key only, not in the group");
	hlv_key_free(key);
}

static bool in_group(const struct hlv_record *rec, const char *name, uint32_t index)
{
	struct hlv_reader r = hlv_reader(rec->values.raw);
	struct change ch = {.index = index};
	snprintf(ch.name, sizeof ch.name, "%s", name);
	for (uint32_t i = 0; i < rec->values.n; i++) {
		struct hlv_value v;
		struct hlv_list refs;
		if (hlv_value_decode(&r, &v) != HLV_OK || !hlv_type_is(v.type, "HS_VLIST") ||
		    hlv_vlist_decode(v.data, &refs) != HLV_OK)
			continue;
		struct hlv_reader list = hlv_reader(refs.raw);
		for (uint32_t k = 0; k < refs.n; k++) {
			struct hlv_ref ref;
			hlv_ref_decode(&list, &ref);
			if (is_member(&ref, &ch))
				return true;
		}
	}
	return false;
}

static int list(struct ctl *ctl, const char *name)
{
	struct store_key key;
	struct hlv_record rec;
	bool first = true;
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	store_key(hlv_text(name), &key);
	enum hlv_err err = store_get_record(ctl->store, ctl->view, &key, &rec);
	if (err != HLV_OK)
		return ctl_fail_err(ctl, name, err);
	struct hlv_reader r = hlv_reader(rec.values.raw);
	if (ctl->json)
		fputs("[", stdout);
	for (uint32_t i = 0; i < rec.values.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK || !is_key(v.type))
			continue;
		show_key(ctl, name, &v, in_group(&rec, name, v.index), first);
		first = false;
	}
	if (ctl->json)
		puts("]");
	return CTL_DONE;
}

/* --- the verb --- */

static bool read_key(struct change *ch, const char *key_file, const char *secret_file)
{
	if (secret_file) {
		ch->secret = true;
		if (!keys_read_passphrase(ch->ctl, secret_file, "secret key", &ch->key))
			return false;
		if (ch->key.n >= SECRET_MIN)
			return true;
		ctl_fail(ch->ctl, "%s: a secret key has at least %d octets", secret_file,
			 SECRET_MIN);
		return false;
	}
	struct hlv_key *key = keys_read(ch->ctl, key_file, NULL);
	if (!key)
		return false;
	enum hlv_err err = keys_encode_public(key, &ch->key);
	hlv_key_free(key);
	if (err != HLV_OK)
		ctl_fail_err(ch->ctl, key_file, err);
	return err == HLV_OK;
}

static int add(struct ctl *ctl, const char *name, const char *key_file, const char *secret_file)
{
	struct change ch = {.ctl = ctl, .add = true};
	snprintf(ch.name, sizeof ch.name, "%s", name);
	if (!key_file == !secret_file)
		return ctl_usage(ctl, "which key: --key FILE or --secret-file FILE?");
	int code = read_key(&ch, key_file, secret_file) ? change(&ch) : CTL_FAILED;
	keys_wipe(&ch.key);
	return code;
}

static int remove_key(struct ctl *ctl, const char *name, const char *index)
{
	struct change ch = {.ctl = ctl};
	char *end;
	snprintf(ch.name, sizeof ch.name, "%s", name);
	ch.index = (uint32_t)strtoul(index, &end, 10);
	if (*end || ch.index == 0)
		return ctl_usage(ctl, "'%s': the index of a key, as admin list shows it",
				 index);
	return change(&ch);
}

int cmd_admin(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"key", required_argument, NULL, 'k'},
						{"secret-file", required_argument, NULL, 's'},
						{0}};
	const char *key = NULL, *secret = NULL;
	char name[NODE_NAME_MAX];
	int c;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return CTL_USAGE;
		*(c == 'k' ? &key : &secret) = optarg;
	}
	if (optind + 2 > argc)
		return ctl_usage(ctl, "list, add or rm, and which prefix?");
	const char *what = argv[optind];
	if (!node_prefix_handle(ctl, argv[optind + 1], name))
		return CTL_USAGE;
	if (strcmp(what, "list") == 0 && optind + 2 == argc)
		return list(ctl, name);
	if (strcmp(what, "add") == 0 && optind + 2 == argc)
		return add(ctl, name, key, secret);
	if (strcmp(what, "rm") == 0 && optind + 3 == argc)
		return remove_key(ctl, name, argv[optind + 2]);
	return ctl_usage(ctl, "'%s': expected list P, add P --key FILE, or rm P INDEX", what);
}
