/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/args.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *program = "helve"; /* set once, before anything else runs */

void args_program(const char *name)
{
	program = name;
}

void args_complain(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", program);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static bool parse_u64(const char *text, uint64_t *n)
{
	*n = 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		uint64_t digit = (uint64_t)(*text - '0');
		if (*n > (UINT64_MAX - digit) / 10)
			return false;
		*n = *n * 10 + digit;
	}
	return true;
}

bool args_u64(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *n)
{
	if (parse_u64(text, n) && *n >= min && *n <= max)
		return true;
	args_complain("%s: '%s' is not a number from %llu to %llu", option, text,
		      (unsigned long long)min, (unsigned long long)max);
	return false;
}

bool args_u32(const char *option, const char *text, uint32_t min, uint32_t max, uint32_t *n)
{
	uint64_t wide;
	if (!args_u64(option, text, min, max, &wide))
		return false;
	*n = (uint32_t)wide;
	return true;
}

bool args_decimal(const char *option, const char *text, double min, double max, double *d)
{
	/* strtod would also take "inf", "0x1p3" and blanks. */
	size_t digits = strspn(text, "0123456789.");
	char *end = NULL;
	*d = digits > 0 && !text[digits] ? strtod(text, &end) : -1;
	if (end && !*end && *d >= min && *d <= max)
		return true;
	args_complain("%s: '%s' is not a number from %g to %g", option, text, min, max);
	return false;
}
