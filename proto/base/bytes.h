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

/* Eight octets as a number whose order is theirs. */
static inline uint64_t hlv_word(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	return __builtin_bswap64(word);
}

/* The order of memcmp(), shorter first; by words, since registry keys share long beginnings. */
static inline int hlv_compare(struct hlv_bytes a, struct hlv_bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n, i = 0;
	for (; n - i >= 8; i += 8) {
		uint64_t x = hlv_word(a.p + i), y = hlv_word(b.p + i);
		if (x != y)
			return x < y ? -1 : 1;
	}
	if (i < n && n >= 8) { /* the last word again overlaps what was equal */
		uint64_t x = hlv_word(a.p + n - 8), y = hlv_word(b.p + n - 8);
		if (x != y)
			return x < y ? -1 : 1;
		i = n;
	}
	for (; i < n; i++)
		if (a.p[i] != b.p[i])
			return a.p[i] < b.p[i] ? -1 : 1;
	return (a.n > b.n) - (a.n < b.n);
}

/* ASCII only: other octets are parts of UTF-8 sequences and stay as they are. */
static inline uint8_t hlv_upper(uint8_t c)
{
	/* Without a branch, so that loops over it become vector instructions. */
	return (uint8_t)(c - (((uint8_t)(c - 'a') < 26) << 5));
}

/* `n` octets in upper case into `out`, which does not overlap `in`; eight at a time, for every
 * question folds an identifier. */
static inline void hlv_upper_copy(uint8_t *restrict out, const uint8_t *restrict in, size_t n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	size_t i = 0;
	for (; n >= 8 && i < n; i += 8) {
		if (n - i < 8)
			i = n - 8; /* the last eight once more overlap what is done */
		uint64_t x;
		memcpy(&x, in + i, sizeof x);
		uint64_t low = x & ones * 0x7F;
		uint64_t from_a = low + ones * (0x80 - 'a'),
			 above_z = low + ones * (0x7F - 'z');
		uint64_t lower = (from_a ^ above_z) & ~x & ones * 0x80;
		x ^= lower >> 2;
		memcpy(out + i, &x, sizeof x);
	}
	for (; i < n; i++)
		out[i] = hlv_upper(in[i]);
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
