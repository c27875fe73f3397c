/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/dname.h"

enum { POINTER = 0xC0 };

struct hlv_bytes hlv_dname_get(struct hlv_reader *r)
{
	size_t from = r->pos;
	uint8_t n;
	do {
		n = hlv_get_u8(r);
		if (n > HLV_DLABEL_MAX)
			hlv_spoil(r);
		hlv_take(r, n);
		if (r->pos - from > HLV_DNAME_MAX)
			hlv_spoil(r);
	} while (n != 0 && !r->bad);
	return hlv_since(r, from);
}

void hlv_dname_skip(struct hlv_reader *r)
{
	for (size_t i = 0; i < HLV_DNAME_MAX && !r->bad; i++) {
		uint8_t n = hlv_get_u8(r);
		if (n == 0)
			return;
		if (n >= POINTER) {
			hlv_get_u8(r);
			return;
		}
		if (n > HLV_DLABEL_MAX)
			hlv_spoil(r);
		hlv_take(r, n);
	}
	hlv_spoil(r);
}

/* One character of a label, with its escape. */
static bool take_char(struct hlv_bytes text, size_t *at, uint8_t *out)
{
	*out = text.p[(*at)++];
	if (*out != '\\')
		return *out > ' ' && *out < 0x7F;
	if (*at >= text.n)
		return false;
	*out = text.p[(*at)++];
	if (*out < '0' || *out > '9')
		return true;
	if (text.n - *at < 2)
		return false;
	unsigned v = *out - (unsigned)'0';
	for (int i = 0; i < 2; i++) {
		uint8_t c = text.p[(*at)++];
		if (c < '0' || c > '9')
			return false;
		v = v * 10 + c - '0';
	}
	*out = (uint8_t)v;
	return v <= 0xFF;
}

enum hlv_err hlv_dname_parse(struct hlv_bytes text, struct hlv_writer *w)
{
	size_t from = w->n, at = 0;
	if (text.n == 0)
		return HLV_E_MALFORMED;
	if (text.n == 1 && text.p[0] == '.')
		at = 1;
	while (at < text.n) {
		uint8_t label[HLV_DLABEL_MAX];
		size_t n = 0;
		while (at < text.n && text.p[at] != '.') {
			if (n == sizeof label || !take_char(text, &at, &label[n++]))
				return HLV_E_MALFORMED;
		}
		if (n == 0)
			return HLV_E_MALFORMED;
		at++;
		hlv_put_u8(w, (uint8_t)n);
		hlv_put(w, hlv_bytes(label, n));
	}
	hlv_put_u8(w, 0);
	return w->bad || w->n - from > HLV_DNAME_MAX ? HLV_E_LIMIT : HLV_OK;
}

static char *put_char(char *out, uint8_t c)
{
	if (c <= ' ' || c >= 0x7F) {
		*out++ = '\\';
		*out++ = (char)('0' + c / 100);
		*out++ = (char)('0' + c / 10 % 10);
		*out++ = (char)('0' + c % 10);
		return out;
	}
	if (c == '.' || c == '\\')
		*out++ = '\\';
	*out++ = (char)c;
	return out;
}

char *hlv_dname_print(struct hlv_bytes name, char *out)
{
	char *p = out;
	for (size_t i = 0; i < name.n && name.p[i] != 0; i += name.p[i] + 1U) {
		for (size_t j = 1; j <= name.p[i]; j++)
			p = put_char(p, name.p[i + j]);
		*p++ = '.';
	}
	if (p == out)
		*p++ = '.';
	*p = '\0';
	return out;
}

unsigned hlv_dname_labels(struct hlv_bytes name)
{
	unsigned n = 0;
	for (size_t i = 0; name.p[i] != 0; i += name.p[i] + 1U)
		n++;
	return n;
}

struct hlv_bytes hlv_dname_label(struct hlv_bytes name)
{
	return hlv_bytes(name.p + 1, name.p[0]);
}

struct hlv_bytes hlv_dname_up(struct hlv_bytes name, unsigned n)
{
	while (n-- > 0 && name.p[0] != 0)
		name = hlv_skip(name, name.p[0] + 1U);
	return name;
}

bool hlv_dname_is_below(struct hlv_bytes name, struct hlv_bytes zone)
{
	while (name.n > zone.n)
		name = hlv_dname_up(name, 1);
	return hlv_dname_eq(name, zone);
}

enum hlv_err hlv_dname_under(struct hlv_bytes label, struct hlv_bytes name,
			     struct hlv_writer *w)
{
	if (label.n == 0 || label.n > HLV_DLABEL_MAX || name.n + label.n + 1 > HLV_DNAME_MAX)
		return HLV_E_LIMIT;
	hlv_put_u8(w, (uint8_t)label.n);
	hlv_put(w, label);
	hlv_put(w, name);
	return w->bad ? HLV_E_LIMIT : HLV_OK;
}

void hlv_dname_put_lower(struct hlv_writer *w, struct hlv_bytes name)
{
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		hlv_put_u8(w, c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c);
	}
}
