/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/claims.h"

#include "proto/base/base64.h"
#include "proto/net/json_tree.h"
#include "proto/wire/name.h"

enum { KEY_MAX = 4096, NOT_DIGESTED = 8 /* index and time stamp */ };

static const int64_t TIME_MAX = 1000000000000; /* seconds */

/* --- permissions --- */

static const char *const grant_names[] = {
	[HLV_GRANT_NOTHING] = "",
	[HLV_GRANT_EVERYTHING] = "everything",
	[HLV_GRANT_THIS_HANDLE] = "thisHandle",
	[HLV_GRANT_DERIVED] = "derivedPrefixes",
	[HLV_GRANT_UNDER_PREFIX] = "handlesUnderThisPrefix",
};
enum { GRANTS = sizeof grant_names / sizeof *grant_names };

const char *hlv_grant_name(enum hlv_grant_kind kind)
{
	return grant_names[kind];
}

enum hlv_grant_kind hlv_grant_kind(struct hlv_bytes name)
{
	for (size_t i = HLV_GRANT_EVERYTHING; i < GRANTS; i++)
		if (hlv_eq(name, hlv_text(grant_names[i])))
			return (enum hlv_grant_kind)i;
	return HLV_GRANT_NOTHING;
}

/* "0.NA/88.1" -> "88.1", when it is one; a bare prefix is not understood here. */
static bool prefix_named(struct hlv_bytes handle, struct hlv_bytes *prefix)
{
	if (!hlv_name_is_prefix_handle(handle))
		return false;
	*prefix = hlv_name_split(handle).suffix;
	return prefix->n > 0;
}

static bool is_under(struct hlv_bytes id, struct hlv_bytes prefix)
{
	struct hlv_name name = hlv_name_split(id);
	return name.slash && hlv_eq_fold(name.prefix, prefix);
}

static bool is_derived(struct hlv_bytes id, struct hlv_bytes prefix)
{
	struct hlv_name name = hlv_name_split(id);
	struct hlv_bytes own =
		hlv_name_is_prefix_handle(id) || !name.slash ? name.suffix : name.prefix;
	return own.n > prefix.n + 1 && own.p[prefix.n] == '.' &&
	       hlv_eq_fold(hlv_head(own, prefix.n), prefix);
}

bool hlv_grant_covers(const struct hlv_grant *g, struct hlv_bytes id)
{
	struct hlv_bytes prefix;
	switch (g->kind) {
	case HLV_GRANT_NOTHING:
		return false;
	case HLV_GRANT_EVERYTHING:
		return true;
	case HLV_GRANT_THIS_HANDLE:
		return g->handle.n > 0 &&
		       (hlv_name_eq_prefix(g->handle, id) ||
			(prefix_named(g->handle, &prefix) && is_under(id, prefix)));
	case HLV_GRANT_DERIVED:
		return prefix_named(g->handle, &prefix) && is_derived(id, prefix);
	case HLV_GRANT_UNDER_PREFIX:
		return prefix_named(g->handle, &prefix) && is_under(id, prefix);
	}
	return false;
}

bool hlv_claims_cover(const struct hlv_claims *c, struct hlv_bytes id)
{
	for (size_t i = 0; i < c->ngrants; i++)
		if (hlv_grant_covers(&c->grants[i], id))
			return true;
	return false;
}

/* --- reading --- */

static enum hlv_err read_chain(struct hlv_json *j, struct hlv_claims *c)
{
	const struct hlv_json_node *list = hlv_json_member(j->root, "chain");
	if (!list || hlv_json_kind(list) == HLV_JSON_NULL)
		return HLV_OK;
	if (hlv_json_kind(list) != HLV_JSON_ARRAY)
		return HLV_E_MALFORMED;
	if (hlv_json_length(list) > HLV_CHAIN_MAX)
		return HLV_E_LIMIT;
	struct hlv_ref *refs = hlv_alloc(j->a, HLV_CHAIN_MAX * sizeof *refs);
	if (!refs)
		return HLV_E_NOMEM;
	for (const struct hlv_json_node *x = hlv_json_first(list); x; x = hlv_json_next(x)) {
		if (hlv_json_kind(x) != HLV_JSON_STRING)
			return HLV_E_MALFORMED;
		refs[c->nchain++] = hlv_ref_parse(hlv_json_text(x));
	}
	c->chain = refs;
	return HLV_OK;
}

static enum hlv_err read_common(struct hlv_bytes payload, struct hlv_arena *a,
				struct hlv_json *j, struct hlv_claims *c)
{
	struct hlv_json_error *error = hlv_alloc(a, sizeof *error);
	*c = (struct hlv_claims){0};
	if (!error)
		return HLV_E_NOMEM;
	HLV_TRY(hlv_json_read(j, payload, a, error));
	if (hlv_json_kind(j->root) != HLV_JSON_OBJECT)
		return HLV_E_MALFORMED;
	HLV_TRY(hlv_json_get_string(j, j->root, "sub", &c->sub));
	HLV_TRY(hlv_json_get_string(j, j->root, "iss", &c->iss));
	HLV_TRY(hlv_json_get_integer_or(j, j->root, "nbf", 0, TIME_MAX, &c->nbf));
	HLV_TRY(hlv_json_get_integer_or(j, j->root, "exp", 0, TIME_MAX, &c->exp));
	HLV_TRY(hlv_json_get_integer_or(j, j->root, "iat", 0, TIME_MAX, &c->iat));
	return read_chain(j, c);
}

static enum hlv_err read_digest(struct hlv_json *j, const struct hlv_json_node *x,
				struct hlv_value_digest *d)
{
	int64_t index = 0;
	struct hlv_bytes text = {0};
	struct hlv_writer w = hlv_writer(d->octets, sizeof d->octets);
	if (hlv_json_kind(x) != HLV_JSON_OBJECT)
		return HLV_E_MALFORMED;
	HLV_TRY(hlv_json_get_integer(j, x, "index", 1, INT32_MAX, &index));
	HLV_TRY(hlv_json_get_string(j, x, "digest", &text));
	d->index = (uint32_t)index;
	if (!hlv_base64_parse(text, &w) || w.bad || w.n != sizeof d->octets)
		return HLV_E_MALFORMED;
	return HLV_OK;
}

static int by_index(const void *a, const void *b)
{
	const struct hlv_value_digest *x = a, *y = b;
	return (x->index > y->index) - (x->index < y->index);
}

static enum hlv_err read_digests(struct hlv_json *j, struct hlv_claims *c)
{
	const struct hlv_json_node *digests = hlv_json_member(j->root, "digests"), *list;
	struct hlv_bytes alg = {0};
	if (hlv_json_kind(digests) != HLV_JSON_OBJECT)
		return HLV_E_MALFORMED;
	HLV_TRY(hlv_json_get_string(j, digests, "alg", &alg));
	HLV_TRY(hlv_json_get_array(j, digests, "digests", &list));
	if (!hlv_eq(alg, hlv_text("SHA-256")))
		return HLV_E_UNSUPPORTED;
	size_t n = hlv_json_length(list);
	if (n > HLV_VALUES_MAX)
		return HLV_E_LIMIT;
	struct hlv_value_digest *d = hlv_alloc(j->a, (n + 1) * sizeof *d);
	if (!d)
		return HLV_E_NOMEM;
	for (const struct hlv_json_node *x = hlv_json_first(list); x; x = hlv_json_next(x))
		HLV_TRY(read_digest(j, x, &d[c->ndigests++]));
	qsort(d, n, sizeof *d, by_index);
	for (size_t i = 1; i < n; i++)
		if (d[i].index == d[i - 1].index)
			return HLV_E_MALFORMED;
	c->digests = d;
	return HLV_OK;
}

enum hlv_err hlv_claims_parse_signature(struct hlv_bytes payload, struct hlv_arena *a,
					struct hlv_claims *c)
{
	struct hlv_json j;
	HLV_TRY(read_common(payload, a, &j, c));
	return read_digests(&j, c);
}

static enum hlv_err read_grants(struct hlv_json *j, struct hlv_claims *c)
{
	const struct hlv_json_node *list = hlv_json_member(j->root, "perms");
	if (!list || hlv_json_kind(list) == HLV_JSON_NULL)
		return HLV_OK;
	if (hlv_json_kind(list) != HLV_JSON_ARRAY)
		return HLV_E_MALFORMED;
	if (hlv_json_length(list) > HLV_GRANTS_MAX)
		return HLV_E_LIMIT;
	struct hlv_grant *grants = hlv_alloc(j->a, HLV_GRANTS_MAX * sizeof *grants);
	if (!grants)
		return HLV_E_NOMEM;
	for (const struct hlv_json_node *x = hlv_json_first(list); x; x = hlv_json_next(x)) {
		struct hlv_bytes name = {0};
		if (hlv_json_kind(x) != HLV_JSON_OBJECT)
			return HLV_E_MALFORMED;
		HLV_TRY(hlv_json_get_string(j, x, "perm", &name));
		struct hlv_grant *g = &grants[c->ngrants++];
		g->kind = hlv_grant_kind(name);
		const struct hlv_json_node *handle = hlv_json_member(x, "handle");
		if (handle && hlv_json_kind(handle) != HLV_JSON_NULL)
			HLV_TRY(hlv_json_get_string(j, x, "handle", &g->handle));
	}
	c->grants = grants;
	return HLV_OK;
}

enum hlv_err hlv_claims_parse_cert(struct hlv_bytes payload, struct hlv_arena *a,
				   struct hlv_claims *c)
{
	struct hlv_json j;
	HLV_TRY(read_common(payload, a, &j, c));
	HLV_TRY(read_grants(&j, c));
	uint8_t *room = hlv_alloc_raw(a, KEY_MAX);
	if (!room)
		return HLV_E_NOMEM;
	struct hlv_writer w = hlv_writer(room, KEY_MAX);
	const struct hlv_json_node *jwk = hlv_json_member(j.root, "publicKey");
	if (!jwk)
		return HLV_E_MALFORMED;
	HLV_TRY(hlv_json_get_key(&j, jwk, &w));
	c->key = hlv_written(&w);
	return w.bad ? HLV_E_LIMIT : HLV_OK;
}

/* --- writing --- */

static void put_ref(struct hlv_buf *b, const struct hlv_ref *ref)
{
	struct hlv_buf text = {0};
	if (ref->index > 0)
		hlv_buf_printf(&text, "%u:", ref->index);
	hlv_buf_put(&text, ref->handle);
	hlv_json_put_str(b, hlv_buf_bytes(&text));
	b->bad = b->bad || text.bad;
	hlv_buf_free(&text);
}

static void put_common(struct hlv_buf *b, const struct hlv_claims *c)
{
	if (c->nchain > 0)
		hlv_buf_str(b, "\"chain\":[");
	for (size_t i = 0; i < c->nchain; i++) {
		hlv_buf_str(b, i > 0 ? "," : "");
		put_ref(b, &c->chain[i]);
	}
	hlv_buf_str(b, c->nchain > 0 ? "],\"iss\":" : "\"iss\":");
	hlv_json_put_str(b, c->iss);
	hlv_buf_str(b, ",\"sub\":");
	hlv_json_put_str(b, c->sub);
	hlv_buf_printf(b, ",\"exp\":%lld,\"nbf\":%lld,\"iat\":%lld}", (long long)c->exp,
		       (long long)c->nbf, (long long)c->iat);
}

void hlv_claims_put_signature(struct hlv_buf *b, const struct hlv_claims *c)
{
	hlv_buf_str(b, "{\"digests\":{\"alg\":\"SHA-256\",\"digests\":[");
	for (size_t i = 0; i < c->ndigests; i++) {
		hlv_buf_printf(b, "%s{\"index\":%u,\"digest\":\"", i > 0 ? "," : "",
			       c->digests[i].index);
		hlv_base64_put(b, hlv_bytes(c->digests[i].octets, HLV_VALUE_DIGEST),
			       HLV_BASE64);
		hlv_buf_str(b, "\"}");
	}
	hlv_buf_str(b, "]},");
	put_common(b, c);
}

enum hlv_err hlv_claims_put_cert(struct hlv_buf *b, const struct hlv_claims *c)
{
	hlv_buf_str(b, "{\"perms\":[");
	for (size_t i = 0; i < c->ngrants; i++) {
		hlv_buf_str(b, i > 0 ? ",{" : "{");
		if (c->grants[i].handle.n > 0) {
			hlv_buf_str(b, "\"handle\":");
			hlv_json_put_str(b, c->grants[i].handle);
			hlv_buf_str(b, ",");
		}
		hlv_buf_printf(b, "\"perm\":\"%s\"}", hlv_grant_name(c->grants[i].kind));
	}
	hlv_buf_str(b, "],\"publicKey\":");
	HLV_TRY(hlv_json_put_key(b, c->key));
	hlv_buf_str(b, ",");
	put_common(b, c);
	return b->bad ? HLV_E_NOMEM : HLV_OK;
}

/* --- digests of values --- */

/* Must a signature list it? Whatever the public may read and is no HS_SIGNATURE. */
static bool is_signed(const struct hlv_value *v)
{
	return hlv_value_is_public(v) && !hlv_type_is(v->type, "HS_SIGNATURE");
}

static enum hlv_err digest_octets(struct hlv_bytes encoded, uint32_t index,
				  struct hlv_value_digest *d)
{
	d->index = index;
	return hlv_hash(HLV_SHA256, hlv_skip(encoded, NOT_DIGESTED), d->octets);
}

/* The next value of the list and its octets as they stand there. */
static bool next_value(struct hlv_reader *r, struct hlv_value *v, struct hlv_bytes *encoded)
{
	size_t at = r->pos;
	if (hlv_value_decode(r, v) != HLV_OK)
		return false;
	*encoded = hlv_bytes(r->in.p + at, r->pos - at);
	return true;
}

enum hlv_err hlv_values_digests(const struct hlv_list *values, struct hlv_arena *a,
				const struct hlv_value_digest **digests, size_t *n)
{
	struct hlv_reader r = hlv_reader(values->raw);
	struct hlv_value_digest *d = hlv_alloc(a, ((size_t)values->n + 1) * sizeof *d);
	size_t k = 0;
	if (!d)
		return HLV_E_NOMEM;
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		struct hlv_bytes encoded;
		if (!next_value(&r, &v, &encoded))
			return HLV_E_MALFORMED;
		if (is_signed(&v))
			HLV_TRY(digest_octets(encoded, v.index, &d[k++]));
	}
	*digests = d;
	*n = k;
	return HLV_OK;
}

bool hlv_claims_fit(const struct hlv_claims *c, const struct hlv_list *values, char *why)
{
	struct hlv_reader r = hlv_reader(values->raw);
	size_t listed = 0;
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		struct hlv_bytes encoded;
		struct hlv_value_digest d = {0};
		if (!next_value(&r, &v, &encoded)) {
			snprintf(why, HLV_CLAIMS_WHY, "a value that cannot be read");
			return false;
		}
		if (!is_signed(&v))
			continue;
		d.index = v.index;
		const struct hlv_value_digest *want =
			c->ndigests == 0
				? NULL
				: bsearch(&d, c->digests, c->ndigests, sizeof d, by_index);
		if (!want) {
			snprintf(why, HLV_CLAIMS_WHY, "value %u is not covered", v.index);
			return false;
		}
		if (digest_octets(encoded, v.index, &d) != HLV_OK ||
		    memcmp(d.octets, want->octets, sizeof d.octets) != 0) {
			snprintf(why, HLV_CLAIMS_WHY, "value %u was changed", v.index);
			return false;
		}
		listed++;
	}
	if (listed != c->ndigests)
		snprintf(why, HLV_CLAIMS_WHY, "a value that was signed is gone");
	return listed == c->ndigests;
}
