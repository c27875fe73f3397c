/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/header.h"

enum hlv_err hlv_header_decode(struct hlv_reader *r, struct hlv_header *h)
{
	h->op = hlv_get_u32(r);
	h->rc = hlv_get_u32(r);
	h->flags = hlv_get_u32(r);
	h->site_serial = hlv_get_u16(r);
	h->recursion = hlv_get_u8(r);
	hlv_get_u8(r); /* reserved */
	h->expiration_s = hlv_get_u32(r);
	h->body_len = hlv_get_u32(r);
	return r->bad ? HLV_E_MALFORMED : HLV_OK;
}

void hlv_header_encode(struct hlv_writer *w, const struct hlv_header *h)
{
	hlv_put_u32(w, h->op);
	hlv_put_u32(w, h->rc);
	hlv_put_u32(w, h->flags);
	hlv_put_u16(w, h->site_serial);
	hlv_put_u8(w, h->recursion);
	hlv_put_u8(w, 0);
	hlv_put_u32(w, h->expiration_s);
	hlv_put_u32(w, h->body_len);
}
