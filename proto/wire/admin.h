/* SPDX-License-Identifier: Apache-2.0
 *
 * The data of HS_ADMIN and HS_VLIST values (protocol.md 6.3, RFC 3651 3.2).
 */
#pragma once
#include "proto/wire/value.h"

/* X(name, mask, bit's meaning); in the order of the bits. */
#define HLV_ADMIN_PERMS(X)                                                                     \
	X(HLV_ADMIN_ADD_HANDLE, 0x0001, "add handle")                                          \
	X(HLV_ADMIN_DELETE_HANDLE, 0x0002, "delete handle")                                    \
	X(HLV_ADMIN_ADD_PREFIX, 0x0004, "add derived prefix")                                  \
	X(HLV_ADMIN_DELETE_PREFIX, 0x0008, "delete derived prefix")                            \
	X(HLV_ADMIN_MODIFY_VALUE, 0x0010, "modify value")                                      \
	X(HLV_ADMIN_REMOVE_VALUE, 0x0020, "remove value")                                      \
	X(HLV_ADMIN_ADD_VALUE, 0x0040, "add value")                                            \
	X(HLV_ADMIN_MODIFY_ADMIN, 0x0080, "modify admin")                                      \
	X(HLV_ADMIN_REMOVE_ADMIN, 0x0100, "remove admin")                                      \
	X(HLV_ADMIN_ADD_ADMIN, 0x0200, "add admin")                                            \
	X(HLV_ADMIN_READ_VALUE, 0x0400, "authorised read")                                     \
	X(HLV_ADMIN_LIST_HANDLES, 0x0800, "list handles")

enum hlv_admin_perm {
#define X(name, mask, text) name = (mask),
	HLV_ADMIN_PERMS(X)
#undef X
		HLV_ADMIN_ALL = 0x0FFF,
};

struct hlv_admin {
	uint16_t perms;
	struct hlv_ref who; /* index 0: any index */
	bool legacy_tail;   /* two zero octets stood behind it; written again as read */
};

/* Nothing may follow but the two octets of legacy writers: HLV_E_MALFORMED otherwise. */
enum hlv_err HLV_MUST_USE hlv_admin_decode(struct hlv_bytes data, struct hlv_admin *a);
void hlv_admin_encode(struct hlv_writer *w, const struct hlv_admin *a);

/* int4 count and that many references, nothing behind. */
enum hlv_err HLV_MUST_USE hlv_vlist_decode(struct hlv_bytes data, struct hlv_list *refs);

/* Twelve characters 0/1, leftmost = bit 11 (JSON's order; batch files have it reversed). `out`
 * holds 13 octets. */
void hlv_admin_perms_print(uint16_t perms, char *out);
enum hlv_err HLV_MUST_USE hlv_admin_perms_parse(struct hlv_bytes text, uint16_t *perms);
