/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/hex.h"

static bool reserve(struct hlv_buf *b, size_t more)
{
	if (b->bad)
		return false;
	if (b->cap - b->n > more)
		return true;
	size_t cap = b->cap ? b->cap : 256;
	while (cap - b->n <= more) {
		if (cap > SIZE_MAX / 2) {
			b->bad = true;
			return false;
		}
		cap *= 2;
	}
	char *p = realloc(b->p, cap);
	if (!p) {
		b->bad = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void *hlv_buf_room(struct hlv_buf *b, size_t n)
{
	if (!reserve(b, n))
		return NULL;
	char *p = b->p + b->n;
	b->n += n;
	b->p[b->n] = '\0';
	return p;
}

void hlv_buf_put(struct hlv_buf *b, struct hlv_bytes octets)
{
	void *p = hlv_buf_room(b, octets.n);
	if (p && octets.n)
		memcpy(p, octets.p, octets.n);
}

void hlv_buf_printf(struct hlv_buf *b, const char *format, ...)
{
	va_list args, again;
	size_t room = b->bad ? 0 : b->cap - b->n;
	va_start(args, format);
	va_copy(again, args);
	/* What is short fits nearly always, and is written once. */
	int n = vsnprintf(room ? b->p + b->n : NULL, room, format, args);
	va_end(args);
	if (n < 0)
		b->bad = true;
	else if ((size_t)n < room)
		b->n += (size_t)n;
	else if (reserve(b, (size_t)n)) {
		vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void hlv_buf_clear(struct hlv_buf *b)
{
	b->n = 0;
	b->bad = false;
	if (b->p)
		b->p[0] = '\0';
}

void hlv_buf_free(struct hlv_buf *b)
{
	free(b->p);
	*b = (struct hlv_buf){0};
}

void hlv_buf_hex(struct hlv_buf *b, struct hlv_bytes octets)
{
	static const char digits[] = "0123456789abcdef";
	char *p = hlv_buf_room(b, octets.n * 2);
	for (size_t i = 0; p && i < octets.n; i++) {
		p[2 * i] = digits[octets.p[i] >> 4];
		p[2 * i + 1] = digits[octets.p[i] & 15];
	}
}

bool hlv_buf_unhex(struct hlv_buf *b, struct hlv_bytes text)
{
	if (text.n % 2)
		return false;
	for (size_t i = 0; i < text.n; i += 2) {
		int read = hlv_hex_octet(hlv_skip(text, i));
		if (read < 0)
			return false;
		uint8_t octet = (uint8_t)read;
		hlv_buf_put(b, hlv_bytes(&octet, 1));
	}
	return !b->bad;
}
