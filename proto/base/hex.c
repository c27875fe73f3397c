/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/hex.h"

int hlv_hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = hlv_upper(c);
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hlv_hex_octet(struct hlv_bytes text)
{
	if (text.n < 2)
		return -1;
	int high = hlv_hex_digit(text.p[0]), low = hlv_hex_digit(text.p[1]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

enum hlv_err hlv_percent_decode(struct hlv_bytes in, enum hlv_percent kind, struct hlv_arena *a,
				struct hlv_bytes *out)
{
	uint8_t *room = hlv_alloc_raw(a, in.n);
	size_t n = 0;
	if (!room)
		return HLV_E_NOMEM;
	for (size_t i = 0; i < in.n; i++) {
		int c = in.p[i];
		if (c == '%') {
			c = hlv_hex_octet(hlv_skip(in, i + 1));
			if (c < 0)
				return HLV_E_MALFORMED;
			i += 2;
		} else if (c == '+' && kind == HLV_PERCENT_FORM) {
			c = ' ';
		}
		room[n++] = (uint8_t)c;
	}
	*out = hlv_bytes(room, n);
	return HLV_OK;
}
