/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/keep.h"

/*
 * int1 version, kind, proof, code (low octet) · int8 fetched · int4 life, newest, validated, hits,
 * reserved (0) · array key · value list
 */
enum { VERSION = 1 };

void finding_encode(struct hlv_writer *w, const struct cache_entry *e)
{
	const struct finding *f = &e->proven.finding;
	hlv_put_u8(w, VERSION);
	hlv_put_u8(w, (uint8_t)e->kind);
	hlv_put_u8(w, (uint8_t)e->proven.proof);
	hlv_put_u8(w, (uint8_t)f->rc);
	hlv_put_u64(w, f->fetched_ms);
	hlv_put_u32(w, f->life_s);
	hlv_put_u32(w, f->newest_s);
	hlv_put_u32(w, e->validated_s);
	hlv_put_u32(w, e->hits);
	hlv_put_u32(w, 0);
	hlv_put_lp32(w, e->key);
	hlv_list_encode(w, &f->values);
}

enum hlv_err finding_decode(struct hlv_bytes octets, struct cache_entry *e)
{
	struct hlv_reader r = hlv_reader(octets);
	struct finding f = {0};
	*e = (struct cache_entry){0};
	if (hlv_get_u8(&r) != VERSION)
		return r.bad ? HLV_E_MALFORMED : HLV_E_NEWER;
	uint8_t kind = hlv_get_u8(&r), proof = hlv_get_u8(&r);
	f.rc = hlv_get_u8(&r);
	f.fetched_ms = hlv_get_u64(&r);
	f.life_s = hlv_get_u32(&r);
	f.newest_s = hlv_get_u32(&r);
	e->validated_s = hlv_get_u32(&r);
	e->hits = hlv_get_u32(&r);
	uint32_t reserved = hlv_get_u32(&r);
	e->key = hlv_get_lp32(&r);
	HLV_TRY(hlv_values_decode(&r, &f.values));
	if (!hlv_finished(&r) || reserved != 0 || e->key.n > MEMORY_KEY_MAX)
		return HLV_E_MALFORMED;
	if (kind > MEMORY_WAY)
		return HLV_E_MALFORMED;
	if (f.rc != HLV_RC_SUCCESS && f.values.n > 0)
		return HLV_E_MALFORMED;
	/* Times are added up later: nothing near the end of the range. */
	if (proof > PROOF_SECURE || f.fetched_ms > UINT64_MAX / 2)
		return HLV_E_MALFORMED;
	e->kind = (enum memory_kind)kind;
	return prove((enum proof)proof, &f, &e->proven) ? HLV_OK : HLV_E_MALFORMED;
}
