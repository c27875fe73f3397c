/* SPDX-License-Identifier: Apache-2.0 */
#include "server/delegate.h"

#include "proto/sec/digest.h"

enum { DEPTH_MAX = 64 /* labels of a prefix that are walked */ };

static const char *const service_types[] = {"HS_SITE", "HS_SITE.6", "HS_SERV"};
static const char *const prefix_types[] = {"HS_SITE.PREFIX", "HS_NA_DELEGATE",
					   "HS_SERV.PREFIX"};

static bool is_one_of(struct hlv_bytes type, const char *const *types, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hlv_eq_fold(type, hlv_text(types[i])))
			return true;
	return false;
}

/* The public values of three types, copied one behind the other. */
static enum hlv_err pick(const struct hlv_list *from, const char *const types[3],
			 struct hlv_arena *a, struct hlv_list *out)
{
	uint8_t *room = hlv_alloc_raw(a, from->raw.n);
	if (!room)
		return HLV_E_NOMEM;
	struct hlv_writer w = hlv_writer(room, from->raw.n);
	struct hlv_reader r = hlv_reader(from->raw);
	*out = (struct hlv_list){0};
	for (uint32_t i = 0; i < from->n; i++) {
		struct hlv_value v;
		size_t at = r.pos;
		HLV_TRY(hlv_value_decode(&r, &v));
		if (!(v.perms & HLV_PERM_PUBLIC_READ) || !is_one_of(v.type, types, 3))
			continue;
		hlv_put(&w, hlv_since(&r, at));
		out->n++;
	}
	out->raw = hlv_written(&w);
	return HLV_OK;
}

/* The sites in the record of a prefix handle; none is no error. What is frozen, revoked or not yet in
 * use says nothing but that (industrial.md 4), so it refers nobody either. */
static enum hlv_err sites_of(struct store *s, struct store_view *v, struct hlv_bytes handle,
			     const char *const types[3], struct hlv_arena *a,
			     struct hlv_list *out)
{
	struct store_key key;
	struct hlv_record rec;
	*out = (struct hlv_list){0};
	store_key(handle, &key);
	enum hlv_err err = store_get_record(s, v, &key, &rec);
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	if (err != HLV_OK || rec.state != HLV_STATE_ACTIVE)
		return err;
	return pick(&rec.values, types, a, out);
}

/* The next longer prefix up; empty at the end. "0.NA/0.NA" is the root of all, whatever its dot looks
 * like (protocol.md 6.6): it is derived from nothing. */
static struct hlv_bytes parent_of(struct hlv_bytes handle)
{
	if (!hlv_name_is_derived_prefix(handle) || hlv_eq_fold(handle, hlv_text("0.NA/0.NA")))
		return (struct hlv_bytes){0};
	return hlv_name_parent_prefix(handle);
}

/* A derived prefix that is not here: whose is it? 11.2 asks the ancestors, nearest first, for a site
 * that serves derived prefixes. OURS: an ancestor that is homed here ends the search. We speak for
 * it, and so for what is below it, also where the prefix between it and the next one up is
 * another's: asked by him we would send back to him for ever. */
static enum hlv_err ask_ancestors(struct store *s, struct store_view *v, struct hlv_bytes id,
				  enum referring referring, struct hlv_arena *a,
				  enum verdict *verdict, struct hlv_list *values)
{
	struct hlv_bytes handle = parent_of(id);
	for (int i = 0; i < DEPTH_MAX && handle.n > 0; i++, handle = parent_of(handle)) {
		bool homed;
		if (referring != REFER_NOT)
			HLV_TRY(sites_of(s, v, handle, prefix_types, a, values));
		if (values->n > 0 && referring == REFER) {
			*verdict = VERDICT_PREFIX_REFERRAL;
			return HLV_OK;
		}
		if (values->n > 0) {
			*values = (struct hlv_list){0};
			*verdict = VERDICT_NOT_HERE;
			return HLV_OK;
		}
		*verdict = VERDICT_OURS;
		HLV_TRY(store_is_homed(s, v, handle, &homed));
		if (homed)
			return HLV_OK;
	}
	bool root;
	HLV_TRY(store_is_homed(s, v, hlv_text("0.NA/0.NA"), &root));
	*verdict = root ? VERDICT_OURS : VERDICT_NOT_HERE;
	return HLV_OK;
}

/* Prefix handles. OURS: what we hold we answer, also when the root of prefixes is not here: a
 * client does not try another server after a 301 (protocol.md 19.20). */
static enum hlv_err find_prefix(struct store *s, struct store_view *v, struct hlv_bytes id,
				const struct store_key *key, enum referring referring,
				struct hlv_arena *a, enum verdict *verdict,
				struct hlv_list *values, struct hlv_record *rec, bool *found)
{
	enum hlv_err err = store_get_record(s, v, key, rec);
	*found = err == HLV_OK;
	*verdict = VERDICT_OURS;
	if (err != HLV_E_NOT_FOUND)
		return err;
	*values = (struct hlv_list){0};
	return ask_ancestors(s, v, id, referring, a, verdict, values);
}

static bool remembered(const struct homed_memo *memo, struct hlv_bytes prefix)
{
	return memo->n > 0 && hlv_eq(hlv_bytes(memo->prefix, memo->n), prefix);
}

static void remember(struct homed_memo *memo, struct hlv_bytes prefix, bool homed)
{
	if (prefix.n == 0 || prefix.n > sizeof memo->prefix)
		return;
	memcpy(memo->prefix, prefix.p, prefix.n);
	memo->n = (uint8_t)prefix.n;
	memo->homed = homed;
}

/* Everything else: its prefix is homed here, or its record here says where it is served. */
static enum hlv_err find_item(struct store *s, struct store_view *v, struct homed_memo *memo,
			      struct hlv_bytes id, struct hlv_bytes prefix,
			      enum referring referring, struct hlv_arena *a,
			      enum verdict *verdict, struct hlv_list *values)
{
	bool homed = true;
	*verdict = VERDICT_OURS;
	if (remembered(memo, prefix) && memo->homed)
		return HLV_OK;
	uint8_t room[HLV_IDENTIFIER_MAX + 8];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	hlv_name_put_prefix_handle(&w, id);
	HLV_TRY(store_is_homed(s, v, hlv_written(&w), &homed));
	remember(memo, prefix, homed);
	if (homed)
		return HLV_OK;
	*verdict = VERDICT_NOT_HERE;
	if (referring != REFER)
		return HLV_OK;
	HLV_TRY(sites_of(s, v, hlv_written(&w), service_types, a, values));
	if (values->n > 0)
		*verdict = VERDICT_SERVICE_REFERRAL;
	return HLV_OK;
}

enum hlv_err delegate_find(struct store *s, struct store_view *v,
			   const struct site_place *place, struct homed_memo *memo,
			   struct hlv_bytes id, const struct store_key *key,
			   enum referring referring, struct hlv_arena *a, enum verdict *verdict,
			   struct hlv_list *values, struct hlv_record *rec, bool *found)
{
	*found = false;
	if (place->servers > 1) {
		uint32_t hash;
		HLV_TRY(hlv_site_hash(id, place->hash_option, &hash));
		*verdict = VERDICT_WRONG_SERVER;
		if (hash % place->servers != place->own)
			return HLV_OK;
	}
	struct hlv_name name = hlv_name_split(id);
	if (name.slash && !hlv_eq_fold(name.prefix, hlv_text("0.NA")))
		return find_item(s, v, memo, id, name.prefix, referring, a, verdict, values);
	uint8_t room[HLV_IDENTIFIER_MAX + 8];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	hlv_name_put_resolvable(&w, id);
	return find_prefix(s, v, hlv_written(&w), key, referring, a, verdict, values, rec,
			   found);
}
