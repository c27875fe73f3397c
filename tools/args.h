/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers on a command line, read strictly: the whole text, decimal, within bounds. What is
 * wrong goes to stderr as one line that names the option, so that the caller only has to exit
 * with 2.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The program's name in front of the lines that these write; once, in main(). */
void args_program(const char *name);
/* "NAME: " + text + newline to stderr. */
void args_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool args_u64(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *n);
bool args_u32(const char *option, const char *text, uint32_t min, uint32_t max, uint32_t *n);
/* Like "2" and "0.25"; no exponents, no sign. */
bool args_decimal(const char *option, const char *text, double min, double max, double *d);
