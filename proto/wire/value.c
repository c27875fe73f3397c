/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/value.h"

#include "proto/wire/codes.h"

enum {
	VALUE_HEAD = 4 + 4 + 1 + 4 + 1, /* what stands in front of the type */
	REF_MIN = 8,
	TTL_MAX_S = 172800 /* 6.1: two days */
};

void hlv_ref_decode(struct hlv_reader *r, struct hlv_ref *ref)
{
	ref->handle = hlv_get_lp32(r);
	ref->index = hlv_get_u32(r);
}

void hlv_ref_encode(struct hlv_writer *w, const struct hlv_ref *ref)
{
	hlv_put_lp32(w, ref->handle);
	hlv_put_u32(w, ref->index);
}

static struct hlv_list get_refs(struct hlv_reader *r)
{
	struct hlv_list list = {.n = hlv_get_count(r, REF_MIN)};
	size_t from = r->pos;
	struct hlv_ref ref;
	for (uint32_t i = 0; i < list.n && !r->bad; i++)
		hlv_ref_decode(r, &ref);
	list.raw = hlv_since(r, from);
	return list;
}

enum hlv_err hlv_value_decode(struct hlv_reader *r, struct hlv_value *v)
{
	/* Every value of every answer passes here: the fixed part is asked for once, and a reader of our
	 * own stays in registers. */
	struct hlv_reader in = *r;
	struct hlv_bytes head = hlv_take(&in, VALUE_HEAD);
	if (head.n == 0) {
		hlv_spoil(r);
		return HLV_E_MALFORMED;
	}
	v->index = hlv_load_u32(head.p);
	v->mtime_s = hlv_load_u32(head.p + 4);
	v->ttl_kind = head.p[8];
	v->ttl_s = hlv_load_u32(head.p + 9);
	v->perms = head.p[13];
	v->type = hlv_get_lp32(&in);
	v->data = hlv_get_lp32(&in);
	v->refs = get_refs(&in);
	*r = in;
	return in.bad ? HLV_E_MALFORMED : HLV_OK;
}

void hlv_value_encode(struct hlv_writer *w, const struct hlv_value *v)
{
	hlv_put_u32(w, v->index);
	hlv_put_u32(w, v->mtime_s);
	hlv_put_u8(w, v->ttl_kind);
	hlv_put_u32(w, v->ttl_s);
	hlv_put_u8(w, v->perms);
	hlv_put_lp32(w, v->type);
	hlv_put_lp32(w, v->data);
	hlv_list_encode(w, &v->refs);
}

enum hlv_err hlv_values_decode(struct hlv_reader *r, struct hlv_list *list)
{
	list->n = hlv_get_count(r, HLV_VALUE_MIN);
	if (list->n > HLV_VALUES_MAX)
		return HLV_E_LIMIT;
	size_t from = r->pos;
	struct hlv_value v;
	for (uint32_t i = 0; i < list->n; i++)
		HLV_TRY(hlv_value_decode(r, &v));
	list->raw = hlv_since(r, from);
	return r->bad ? HLV_E_MALFORMED : HLV_OK;
}

void hlv_list_encode(struct hlv_writer *w, const struct hlv_list *list)
{
	hlv_put_u32(w, list->n);
	hlv_put(w, list->raw);
}

bool hlv_type_asked(struct hlv_bytes type, struct hlv_bytes asked)
{
	if (asked.n == 0)
		return false;
	if (asked.p[asked.n - 1] != '.')
		return hlv_eq_fold(type, asked);
	struct hlv_bytes family = hlv_head(asked, asked.n - 1);
	if (family.n == 0)
		return false;
	return hlv_eq_fold(type, family) || hlv_eq_fold(hlv_head(type, asked.n), asked);
}

bool hlv_type_is(struct hlv_bytes type, const char *base)
{
	/* Most types differ at once, and every value of every answer comes by here. */
	if (type.n == 0 || hlv_upper(type.p[0]) != hlv_upper((uint8_t)base[0]))
		return false;
	struct hlv_bytes b = hlv_text(base);
	if (!hlv_eq_fold(hlv_head(type, b.n), b))
		return false;
	return type.n == b.n || type.p[b.n] == '.';
}

bool hlv_value_is_public(const struct hlv_value *v)
{
	return v->perms & HLV_PERM_PUBLIC_READ && !hlv_type_is(v->type, "HS_SECKEY");
}

uint32_t hlv_value_life(const struct hlv_value *v, uint32_t now_s)
{
	if (v->ttl_kind == HLV_TTL_ABSOLUTE)
		return v->ttl_s > now_s ? v->ttl_s - now_s : 0;
	return v->ttl_s <= INT32_MAX ? v->ttl_s : 0;
}

bool hlv_value_expired(const struct hlv_value *v, uint32_t retrieved_s, uint32_t now_s)
{
	/* OURS (protocol.md 6.1): the reference compares the wrong way round for absolute TTLs. */
	int64_t age = (int64_t)now_s - retrieved_s;
	int32_t ttl = (int32_t)v->ttl_s;
	switch (v->ttl_kind) {
	case HLV_TTL_RELATIVE:
		return ttl <= 0 || (ttl < TTL_MAX_S ? ttl : TTL_MAX_S) < age;
	case HLV_TTL_ABSOLUTE:
		return v->ttl_s < now_s || age > TTL_MAX_S;
	}
	return true;
}
