/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/credential.h"

enum hlv_err hlv_credential_decode(struct hlv_bytes in, struct hlv_credential *c)
{
	struct hlv_reader r = hlv_reader(in);
	c->version = hlv_get_u8(&r);
	c->reserved = hlv_get_u8(&r);
	c->options = hlv_get_u16(&r);
	c->signer = hlv_get_lp32(&r);
	c->counter = hlv_get_u32(&r);
	c->type = hlv_get_lp32(&r);
	c->section_len = hlv_get_u32(&r);
	c->algorithm = hlv_get_lp32(&r);
	c->octets = hlv_get_lp32(&r);
	return r.bad ? HLV_E_MALFORMED : HLV_OK;
}

void hlv_credential_encode(struct hlv_writer *w, const struct hlv_credential *c)
{
	size_t len_at = hlv_put_hole32(w);
	hlv_put_u8(w, c->version);
	hlv_put_u8(w, c->reserved);
	hlv_put_u16(w, c->options);
	hlv_put_lp32(w, c->signer);
	hlv_put_u32(w, c->counter);
	hlv_put_lp32(w, c->type);
	size_t section_at = hlv_put_hole32(w);
	hlv_put_lp32(w, c->algorithm);
	hlv_put_lp32(w, c->octets);
	hlv_fill32(w, section_at);
	hlv_fill32(w, len_at);
}

/* 2.6: a bug of the reference became the format. The session id is written at 2, then the request
 * id and the counter both at 4; what is left of the id are its upper two octets. */
static size_t prefix_2_6(const struct hlv_envelope *env, uint32_t counter, uint8_t *out)
{
	memset(out, 0, 14);
	out[0] = env->major;
	out[1] = env->minor;
	out[2] = (uint8_t)(env->session_id >> 24);
	out[3] = (uint8_t)(env->session_id >> 16);
	hlv_store_u32(out + 4, counter);
	return 14;
}

size_t hlv_covered_prefix(const struct hlv_envelope *env, uint32_t counter,
			  uint8_t out[HLV_COVERED_PREFIX_MAX])
{
	int version = hlv_version(env->major, env->minor);
	if (version <= HLV_V(2, 5))
		return 0;
	if (version == HLV_V(2, 6))
		return prefix_2_6(env, counter, out);
	struct hlv_writer w = hlv_writer(out, HLV_COVERED_PREFIX_MAX);
	hlv_put_u8(&w, env->major);
	hlv_put_u8(&w, env->minor);
	if (version >= HLV_V(2, 8)) {
		hlv_put_u8(&w, env->suggest_major);
		hlv_put_u8(&w, env->suggest_minor);
	}
	hlv_put_u32(&w, env->session_id);
	hlv_put_u32(&w, env->request_id);
	hlv_put_u32(&w, counter);
	return w.n;
}
