/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/base64.h"

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void hlv_base64_put(struct hlv_buf *b, struct hlv_bytes octets, enum hlv_base64 kind)
{
	const char *digits = kind == HLV_BASE64_URL ? url : plain;
	for (size_t i = 0; i < octets.n; i += 3) {
		struct hlv_bytes group = hlv_head(hlv_skip(octets, i), 3);
		uint32_t bits = (uint32_t)group.p[0] << 16;
		if (group.n > 1)
			bits |= (uint32_t)group.p[1] << 8;
		if (group.n > 2)
			bits |= group.p[2];
		char out[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
			       group.n > 1 ? digits[bits >> 6 & 63] : '=',
			       group.n > 2 ? digits[bits & 63] : '='};
		hlv_buf_put(b, hlv_bytes(out, kind == HLV_BASE64_URL ? group.n + 1 : 4));
	}
}

static int digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

bool hlv_base64_parse(struct hlv_bytes text, struct hlv_writer *w)
{
	uint32_t bits = 0;
	size_t digits = 0, padding = 0;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c == '\r' || c == '\n')
			continue;
		if (c == '=') {
			padding++;
			continue;
		}
		int value = digit(c);
		if (value < 0 || padding > 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		if (++digits % 4 == 0) {
			hlv_put_u8(w, (uint8_t)(bits >> 16));
			hlv_put_u16(w, (uint16_t)bits);
			bits = 0;
		}
	}
	size_t rest = digits % 4;
	if (rest == 1 || (padding > 0 && (rest == 0 || rest + padding != 4)))
		return false;
	uint32_t spare = rest == 2 ? 4 : 2;
	if (rest > 1 && bits & ((1U << spare) - 1))
		return false;
	bits >>= spare;
	if (rest == 3)
		hlv_put_u16(w, (uint16_t)bits);
	else if (rest == 2)
		hlv_put_u8(w, (uint8_t)bits);
	return true;
}
