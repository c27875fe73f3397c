/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/admin.h"

enum { PERM_BITS = 12 };

enum hlv_err hlv_admin_decode(struct hlv_bytes data, struct hlv_admin *a)
{
	struct hlv_reader r = hlv_reader(data);
	a->perms = hlv_get_u16(&r);
	hlv_ref_decode(&r, &a->who);
	/* Legacy writers sized the permissions as four octets: exactly two zeros may follow. */
	a->legacy_tail = !r.bad && hlv_left(&r) == 2;
	if (a->legacy_tail && hlv_get_u16(&r) != 0)
		return HLV_E_MALFORMED;
	return hlv_finished(&r) ? HLV_OK : HLV_E_MALFORMED;
}

void hlv_admin_encode(struct hlv_writer *w, const struct hlv_admin *a)
{
	hlv_put_u16(w, a->perms);
	hlv_ref_encode(w, &a->who);
	if (a->legacy_tail)
		hlv_put_u16(w, 0);
}

enum hlv_err hlv_vlist_decode(struct hlv_bytes data, struct hlv_list *refs)
{
	struct hlv_reader r = hlv_reader(data);
	refs->n = hlv_get_count(&r, 8);
	size_t from = r.pos;
	struct hlv_ref ref;
	for (uint32_t i = 0; i < refs->n && !r.bad; i++)
		hlv_ref_decode(&r, &ref);
	refs->raw = hlv_since(&r, from);
	return hlv_finished(&r) ? HLV_OK : HLV_E_MALFORMED;
}

void hlv_admin_perms_print(uint16_t perms, char *out)
{
	for (int i = 0; i < PERM_BITS; i++)
		out[i] = perms >> (PERM_BITS - 1 - i) & 1 ? '1' : '0';
	out[PERM_BITS] = '\0';
}

enum hlv_err hlv_admin_perms_parse(struct hlv_bytes text, uint16_t *perms)
{
	if (text.n != PERM_BITS)
		return HLV_E_MALFORMED;
	unsigned bits = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '0' && text.p[i] != '1')
			return HLV_E_MALFORMED;
		bits = bits << 1 | (text.p[i] == '1');
	}
	*perms = (uint16_t)bits;
	return HLV_OK;
}
