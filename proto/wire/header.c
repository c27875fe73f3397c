/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/header.h"

#include "proto/wire/codes.h"

enum hlv_err hlv_header_decode(struct hlv_reader *r, struct hlv_header *h)
{
	struct hlv_bytes b = hlv_take(r, HLV_HEADER_SIZE);
	if (b.n == 0)
		return HLV_E_MALFORMED;
	h->op = hlv_load_u32(b.p);
	h->rc = hlv_load_u32(b.p + 4);
	h->flags = hlv_load_u32(b.p + 8);
	h->site_serial = (uint16_t)(b.p[12] << 8 | b.p[13]);
	h->recursion = b.p[14]; /* and an octet that is reserved */
	h->expiration_s = hlv_load_u32(b.p + 16);
	h->body_len = hlv_load_u32(b.p + 20);
	return HLV_OK;
}

void hlv_header_encode(struct hlv_writer *w, const struct hlv_header *h)
{
	uint8_t *p = hlv_put_room(w, HLV_HEADER_SIZE);
	if (!p)
		return;
	hlv_store_u32(p, h->op);
	hlv_store_u32(p + 4, h->rc);
	hlv_store_u32(p + 8, h->flags);
	p[12] = (uint8_t)(h->site_serial >> 8);
	p[13] = (uint8_t)h->site_serial;
	p[14] = h->recursion;
	p[15] = 0;
	hlv_store_u32(p + 16, h->expiration_s);
	hlv_store_u32(p + 20, h->body_len);
}
