/* SPDX-License-Identifier: Apache-2.0
 *
 * A borrowed span of octets, passed by value. It never owns what it points to and is never
 * NUL-terminated; with n == 0 the pointer is not to be touched. Everything that comes off the
 * wire or out of the store is handed around as one of these.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hlv_bytes {
	const uint8_t *p;
	size_t n; /* octets */
};

static inline struct hlv_bytes hlv_bytes(const void *p, size_t n)
{
	return (struct hlv_bytes){.p = p, .n = n};
}

/* The octets of a C string, without its terminator. */
static inline struct hlv_bytes hlv_text(const char *s)
{
	return hlv_bytes(s, strlen(s));
}

static inline bool hlv_eq(struct hlv_bytes a, struct hlv_bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool hlv_starts_with(struct hlv_bytes b, struct hlv_bytes head)
{
	return b.n >= head.n && (head.n == 0 || memcmp(b.p, head.p, head.n) == 0);
}

/* `b` without its first `n` octets; empty when it has no more than that. */
static inline struct hlv_bytes hlv_skip(struct hlv_bytes b, size_t n)
{
	if (n >= b.n)
		return (struct hlv_bytes){0};
	return hlv_bytes(b.p + n, b.n - n);
}

/* The first `n` octets of `b`, or all of it. */
static inline struct hlv_bytes hlv_head(struct hlv_bytes b, size_t n)
{
	return n < b.n ? hlv_bytes(b.p, n) : b;
}

/* ASCII only: other octets are parts of UTF-8 sequences and stay as they are. */
static inline uint8_t hlv_upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

/* Equal but for the case of ASCII letters. */
static inline bool hlv_eq_fold(struct hlv_bytes a, struct hlv_bytes b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (hlv_upper(a.p[i]) != hlv_upper(b.p[i]))
			return false;
	return true;
}
