/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/statement.h"

#include <sys/stat.h>
#include <unistd.h>

#include "proto/net/claims.h"
#include "proto/net/file.h"
#include "proto/net/jws.h"
#include "proto/wire/codes.h"
#include "proto/wire/site.h"
#include "tools/helvectl/keys.h"

enum { ARENA_LIMIT = 8 << 20, EARLY_S = 600 /* clocks that are behind */, CERT_INDEX = 300 };

static const int64_t DAY_S = 86400;

void statement_fini(struct statement *s)
{
	hlv_key_free(s->key);
	*s = (struct statement){0};
}

bool statement_key(const struct ctl *ctl, const char *file, const char *passphrase_file,
		   bool quiet, struct statement *s)
{
	char path[PATH_MAX];
	if (!file)
		file = ctl_path(ctl, "keys/admpriv.bin", path);
	if (quiet && access(file, R_OK) != 0)
		return false;
	s->key = keys_read(ctl, file, passphrase_file);
	if (s->key && hlv_key_is_private(s->key) && hlv_jws_algorithm(s->key))
		return true;
	if (s->key)
		ctl_fail(ctl, "%s: not a private key that signs", file);
	statement_fini(s);
	return false;
}

/* --- as whom --- */

/* Is this key among the public keys of the record of `name`? */
static bool holds_key(struct registry *r, const char *name, const struct hlv_key *key,
		      uint32_t *index)
{
	struct hlv_record rec;
	bool found = false;
	if (registry_get(r, hlv_text(name), &rec) != HLV_OK)
		return false;
	struct hlv_reader values = hlv_reader(rec.values.raw);
	for (uint32_t i = 0; i < rec.values.n && !found; i++) {
		struct hlv_value v;
		struct hlv_key *other = NULL;
		if (hlv_value_decode(&values, &v) != HLV_OK)
			return false;
		if (!hlv_eq_fold(v.type, hlv_text("HS_PUBKEY")) ||
		    hlv_pubkey_decode(v.data, &other) != HLV_OK)
			continue;
		found = hlv_key_same_public(key, other);
		*index = v.index;
		hlv_key_free(other);
	}
	return found;
}

static bool is_signer(struct registry *r, const char *name, struct statement *s)
{
	uint32_t index = 0;
	if (!holds_key(r, name, s->key, &index))
		return false;
	snprintf(s->iss, sizeof s->iss, "%u:%s", index, name);
	return true;
}

void statement_find_signer(struct registry *r, struct hlv_bytes id, struct statement *s)
{
	char name[NODE_NAME_MAX];
	struct hlv_name split = hlv_name_split(id);
	bool own = split.slash && !hlv_name_is_prefix_handle(id);
	struct hlv_bytes prefix = own ? split.prefix : split.suffix;
	s->iss[0] = '\0';
	int n = snprintf(name, sizeof name, "0.NA/%.*s", (int)prefix.n, (const char *)prefix.p);
	while (n > 0 && n < (int)sizeof name) {
		if (is_signer(r, name, s))
			return;
		struct hlv_bytes parent = hlv_name_parent_prefix(hlv_text(name));
		name[parent.n] = '\0';
		if (parent.n == 0)
			break;
	}
	if (!is_signer(r, "0.0/0.0", s))
		is_signer(r, "0.NA/0.NA", s);
}

/* --- what is there already --- */

static bool is_of(struct hlv_bytes who, struct hlv_bytes other)
{
	struct hlv_ref a = hlv_ref_parse(who), b = hlv_ref_parse(other);
	return a.index == b.index && hlv_name_eq_prefix(a.handle, b.handle);
}

/* The claims of a value; false when it has none that can be read. */
static bool claims_of(const struct hlv_value *v, struct hlv_arena *a, struct hlv_claims *c)
{
	struct hlv_jws jws;
	bool cert = hlv_type_is(v->type, "HS_CERT");
	if ((!cert && !hlv_type_is(v->type, "HS_SIGNATURE")) ||
	    hlv_jws_parse(v->data, a, &jws) != HLV_OK)
		return false;
	return (cert ? hlv_claims_parse_cert(jws.payload, a, c)
		     : hlv_claims_parse_signature(jws.payload, a, c)) == HLV_OK;
}

static bool is_replaced(const struct hlv_value *v, struct hlv_bytes iss, struct hlv_bytes sub)
{
	struct hlv_arena a;
	struct hlv_claims c;
	hlv_arena_init(&a, ARENA_LIMIT);
	bool replaced = false;
	if (claims_of(v, &a, &c))
		replaced = hlv_type_is(v->type, "HS_CERT") ? sub.n > 0 && is_of(c.sub, sub)
							   : is_of(c.iss, iss);
	hlv_arena_fini(&a);
	return replaced;
}

static void holder_of(const char *name, char out[NODE_NAME_MAX + 16])
{
	snprintf(out, NODE_NAME_MAX + 16, "%d:%s", CERT_INDEX, name);
}

void statement_strip(const char *name, const struct hlv_list *old, struct node_values *values)
{
	char sub[NODE_NAME_MAX + 16];
	struct hlv_reader r = hlv_reader(old->raw);
	holder_of(name, sub);
	node_values_begin(values);
	for (uint32_t i = 0; i < old->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		if (!hlv_type_is(v.type, "HS_SIGNATURE") &&
		    !is_replaced(&v, (struct hlv_bytes){0}, hlv_text(sub)))
			node_values_copy(values, &v);
	}
}

/* --- making --- */

struct hlv_list statement_list(const struct node_values *values)
{
	return (struct hlv_list){values->n, hlv_skip(hlv_buf_bytes(&values->buf), 4)};
}

static uint32_t free_index(const struct node_values *values)
{
	for (uint32_t index = STATEMENT_INDEX;; index++) {
		struct hlv_list list = statement_list(values);
		struct hlv_reader r = hlv_reader(list.raw);
		bool taken = false;
		for (uint32_t i = 0; i < list.n; i++) {
			struct hlv_value v;
			if (hlv_value_decode(&r, &v) == HLV_OK && v.index == index)
				taken = true;
		}
		if (!taken)
			return index;
	}
}

static void set_times(struct hlv_claims *c, uint64_t now_ms, unsigned days)
{
	c->iat = (int64_t)(now_ms / 1000);
	c->nbf = c->iat - EARLY_S;
	c->exp = c->iat + days * DAY_S;
}

static enum hlv_err make_cert(const struct hlv_key *key, struct hlv_claims *c,
			      struct hlv_buf *jws)
{
	struct hlv_buf payload = {0};
	enum hlv_err err = hlv_claims_put_cert(&payload, c);
	if (err == HLV_OK)
		err = hlv_jws_make(jws, hlv_buf_bytes(&payload), key);
	hlv_buf_free(&payload);
	return err;
}

static enum hlv_err add_cert(const struct statement *s, const struct statement_cert *cert,
			     uint64_t now_ms, struct node_values *values)
{
	char sub[NODE_NAME_MAX + 16];
	struct hlv_bytes name = hlv_text(cert->name);
	const struct hlv_grant grants[] = {{HLV_GRANT_UNDER_PREFIX, name},
					   {HLV_GRANT_DERIVED, name},
					   {HLV_GRANT_THIS_HANDLE, name}};
	struct hlv_buf jws = {0};
	holder_of(cert->name, sub);
	struct hlv_claims c = {.sub = hlv_text(sub),
			       .iss = hlv_text(s->iss),
			       .key = cert->key,
			       .grants = grants,
			       .ngrants = sizeof grants / sizeof *grants};
	set_times(&c, now_ms, cert->days);
	enum hlv_err err = make_cert(s->key, &c, &jws);
	if (err == HLV_OK)
		node_values_add(values, free_index(values), "HS_CERT", HLV_PERM_DEFAULT,
				hlv_buf_bytes(&jws), (uint32_t)(now_ms / 1000));
	hlv_buf_free(&jws);
	return err;
}

static enum hlv_err add_signature(const struct statement *s, struct hlv_bytes id,
				  uint64_t now_ms, struct node_values *values)
{
	struct hlv_arena a;
	struct hlv_buf payload = {0}, jws = {0};
	struct hlv_list list = statement_list(values);
	struct hlv_claims c = {.sub = id, .iss = hlv_text(s->iss)};
	hlv_arena_init(&a, ARENA_LIMIT);
	set_times(&c, now_ms, s->days);
	enum hlv_err err = hlv_values_digests(&list, &a, &c.digests, &c.ndigests);
	if (err == HLV_OK) {
		hlv_claims_put_signature(&payload, &c);
		err = payload.bad ? HLV_E_NOMEM
				  : hlv_jws_make(&jws, hlv_buf_bytes(&payload), s->key);
	}
	if (err == HLV_OK)
		node_values_add(values, free_index(values), "HS_SIGNATURE", HLV_PERM_DEFAULT,
				hlv_buf_bytes(&jws), (uint32_t)(now_ms / 1000));
	hlv_buf_free(&payload);
	hlv_buf_free(&jws);
	hlv_arena_fini(&a);
	return err;
}

enum hlv_err statement_apply(const struct statement *s, struct hlv_bytes id,
			     const struct statement_cert *cert, const struct hlv_list *old,
			     uint64_t now_ms, struct node_values *values)
{
	char sub[NODE_NAME_MAX + 16] = "";
	struct hlv_reader r = hlv_reader(old->raw);
	enum hlv_err err = HLV_OK;
	if (cert)
		holder_of(cert->name, sub);
	node_values_begin(values);
	for (uint32_t i = 0; i < old->n; i++) {
		struct hlv_value v;
		HLV_TRY(hlv_value_decode(&r, &v));
		if (!is_replaced(&v, hlv_text(s->iss), hlv_text(sub)))
			node_values_copy(values, &v);
	}
	if (cert)
		err = add_cert(s, cert, now_ms, values);
	if (err == HLV_OK)
		err = add_signature(s, id, now_ms, values);
	return err == HLV_OK && values->buf.bad ? HLV_E_NOMEM : err;
}

enum hlv_err statement_self(const struct hlv_key *key, const char *who, uint64_t now_ms,
			    struct hlv_buf *jws)
{
	const struct hlv_grant all = {.kind = HLV_GRANT_EVERYTHING};
	struct hlv_buf encoded = {0};
	struct hlv_claims c = {
		.sub = hlv_text(who), .iss = hlv_text(who), .grants = &all, .ngrants = 1};
	enum hlv_err err = keys_encode_public(key, &encoded);
	c.key = hlv_buf_bytes(&encoded);
	set_times(&c, now_ms, 2 * STATEMENT_CERT_DAYS);
	if (err == HLV_OK)
		err = make_cert(key, &c, jws);
	hlv_buf_free(&encoded);
	return err;
}

/* --- the child's key --- */

void statement_child_key(const struct ctl *ctl, const char *path, struct hlv_bytes octets,
			 struct hlv_buf *key)
{
	char file[PATH_MAX];
	struct stat st;
	struct hlv_site site;
	const char *slash = strrchr(path, '/');
	bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	int n = folder ? (int)strlen(path) : slash ? (int)(slash - path) : 1;
	snprintf(file, sizeof file, "%.*s/keys/admpub.bin", n, folder || slash ? path : ".");
	if (access(file, R_OK) == 0) {
		struct hlv_key *found = keys_read(ctl, file, NULL);
		if (found && keys_encode_public(found, key) != HLV_OK)
			hlv_buf_clear(key);
		hlv_key_free(found);
	} else if (hlv_site_decode(octets, &site) == HLV_OK && site.servers.n > 0) {
		struct hlv_reader r = hlv_reader(site.servers.raw);
		struct hlv_site_server server;
		hlv_site_next_server(&r, &server);
		hlv_buf_put(key, server.key);
	}
}
