/* SPDX-License-Identifier: Apache-2.0
 *
 * What the unit tests share: cmocka with the headers that it needs, octets written as hex, and
 * checks that say the name of the table's row when they fail.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Octets of a row, of exactly their size so that a sanitizer sees one too far; blanks between
 * the digits are skipped. */
static inline struct hlv_bytes hex(struct hlv_arena *a, const char *digits)
{
	struct hlv_buf text = {0}, octets = {0};
	for (; *digits; digits++)
		if (*digits != ' ')
			hlv_buf_put(&text, hlv_bytes(digits, 1));
	if (!hlv_buf_unhex(&octets, hlv_buf_bytes(&text)))
		fail_msg("not hex: %s", text.p);
	struct hlv_bytes b = hlv_arena_copy(a, hlv_buf_bytes(&octets));
	hlv_buf_free(&text);
	hlv_buf_free(&octets);
	return b;
}

static inline void check_err(const char *row, enum hlv_err got, enum hlv_err want)
{
	if (got != want)
		fail_msg("%s: \"%s\", expected \"%s\"", row, hlv_strerror(got),
			 hlv_strerror(want));
}

static inline void check_u64(const char *row, uint64_t got, uint64_t want)
{
	if (got != want)
		fail_msg("%s: %llu, expected %llu", row, (unsigned long long)got,
			 (unsigned long long)want);
}

static inline void check_bytes(const char *row, struct hlv_bytes got, struct hlv_bytes want)
{
	if (hlv_eq(got, want))
		return;
	struct hlv_buf text = {0};
	hlv_buf_hex(&text, got);
	hlv_buf_str(&text, ", expected ");
	hlv_buf_hex(&text, want);
	print_error("%s: %s\n", row, text.p);
	hlv_buf_free(&text);
	fail_msg("%s: octets differ", row);
}

static inline void check_text(const char *row, struct hlv_bytes got, const char *want)
{
	if (!hlv_eq(got, hlv_text(want)))
		fail_msg("%s: \"%.*s\", expected \"%s\"", row, (int)got.n,
			 got.n ? (const char *)got.p : "", want);
}
