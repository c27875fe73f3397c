/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/message_inner.h"

/* Any one array is bounded by the message; the reference's own bound is 1 MiB (protocol.md 1). */
enum { MD5_SIZE = 16, SHA1_SIZE = 20, SHA256_SIZE = 32 };

enum hlv_err hlv_message_decode(struct hlv_bytes in, struct hlv_message *m)
{
	*m = (struct hlv_message){0};
	struct hlv_reader r = hlv_reader(in);
	HLV_TRY(hlv_envelope_decode(&r, &m->env));
	if (m->env.flags & HLV_E_ENCRYPTED)
		return HLV_E_UNSUPPORTED;
	size_t from = r.pos;
	HLV_TRY(hlv_header_decode(&r, &m->hdr));
	m->body = hlv_take(&r, m->hdr.body_len);
	m->covered = hlv_since(&r, from);
	if (r.bad || in.n - HLV_ENVELOPE_SIZE != m->env.length)
		return HLV_E_MALFORMED;
	/* A message that ends right behind its body has no credential (protocol.md 2); octets
	 * behind the credential are ignored. */
	if (hlv_left(&r) > 0)
		m->credential = hlv_get_lp32(&r);
	return r.bad ? HLV_E_MALFORMED : HLV_OK;
}

struct hlv_list message_get_arrays(struct hlv_reader *r)
{
	struct hlv_list list = {.n = hlv_get_count(r, 4)};
	size_t from = r->pos;
	for (uint32_t i = 0; i < list.n && !r->bad; i++)
		hlv_get_lp32(r);
	list.raw = hlv_since(r, from);
	return list;
}

static size_t digest_size(uint8_t kind)
{
	switch (kind) {
	case HLV_DIGEST_MD5:
		return MD5_SIZE;
	case HLV_DIGEST_SHA1:
		return SHA1_SIZE;
	case HLV_DIGEST_SHA256:
		return SHA256_SIZE;
	}
	return 0;
}

/* 4.0: one octet of type and the bare digest; a type of 0 is the first octet of an array. */
struct hlv_digest message_get_digest(struct hlv_reader *r)
{
	struct hlv_digest d = {.kind = hlv_get_u8(r)};
	if (r->bad)
		return d;
	if (d.kind == HLV_DIGEST_MD5_OLD) {
		r->pos--;
		d.octets = hlv_get_lp32(r);
		return d;
	}
	size_t n = digest_size(d.kind);
	if (n == 0)
		hlv_spoil(r);
	d.octets = hlv_take(r, n);
	return d;
}

void message_put_digest(struct hlv_writer *w, const struct hlv_digest *d)
{
	if (d->kind == HLV_DIGEST_MD5_OLD) {
		hlv_put_lp32(w, d->octets);
		return;
	}
	hlv_put_u8(w, d->kind);
	hlv_put(w, d->octets);
}

enum hlv_digest_kind hlv_digest_kind_for(int version)
{
	if (version < HLV_V(2, 1))
		return HLV_DIGEST_MD5_OLD;
	return version < HLV_V(2, 7) ? HLV_DIGEST_SHA1 : HLV_DIGEST_SHA256;
}
