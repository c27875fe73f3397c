/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/codes.h"

#include <stddef.h>
#include <string.h>

const char *hlv_op_name(uint32_t op)
{
	switch (op) {
#define X(name, number, text, shape)                                                           \
	case number:                                                                           \
		return text;
		HLV_OPS(X)
#undef X
	}
	return NULL;
}

const char *hlv_rc_text(uint32_t rc)
{
	switch (rc) {
#define X(name, number, text)                                                                  \
	case number:                                                                           \
		return text;
		HLV_RCS(X)
#undef X
	}
	return NULL;
}

char *hlv_flags_text(uint32_t flags, char *out)
{
	static const struct {
		uint32_t mask;
		char text[4];
	} names[] = {
#define X(name, mask, text) {mask, text},
		HLV_FLAGS(X)
#undef X
	};
	size_t at = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!(flags & names[i].mask))
			continue;
		if (at)
			out[at++] = ',';
		size_t n = strlen(names[i].text);
		memcpy(out + at, names[i].text, n);
		at += n;
	}
	out[at] = '\0';
	return out;
}

bool hlv_op_is_admin(uint32_t op)
{
	return (op >= 100 && op <= 105) || (op >= 300 && op <= 302) ||
	       (op >= 1000 && op <= 1003) || (op >= 4000 && op <= 4002);
}

uint32_t hlv_rc_to_wire(uint32_t rc, int version)
{
	if (version >= HLV_V(2, 5))
		return rc;
	if (rc == HLV_RC_READ_ONLY)
		return HLV_RC_PREFIX_REFERRAL;
	return rc == HLV_RC_INVALID_VALUE ? (uint32_t)HLV_RC_VALUE_EXISTS : rc;
}

uint32_t hlv_rc_from_wire(uint32_t rc, int version)
{
	/* Below 2.5 nobody sends prefix referrals: 303 there means 7. */
	if (version < HLV_V(2, 5) && rc == HLV_RC_PREFIX_REFERRAL)
		return HLV_RC_READ_ONLY;
	return rc;
}
