/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing buffer on the heap, for tools, files and text: never on the path of a query. Sticky
 * like the writer: when memory runs out it is `bad` and holds nothing more.
 */
#pragma once
#include <stdarg.h>

#include "proto/base/bytes.h"

struct hlv_buf {
	char *p;  /* NUL-terminated behind n when anything was put */
	size_t n; /* octets held */
	size_t cap;
	bool bad;
};

static inline struct hlv_bytes hlv_buf_bytes(const struct hlv_buf *b)
{
	return hlv_bytes(b->p, b->n);
}
void hlv_buf_put(struct hlv_buf *b, struct hlv_bytes octets);
/* Inline, so that the length of a literal is known where it is put. */
static inline void hlv_buf_str(struct hlv_buf *b, const char *s)
{
	hlv_buf_put(b, hlv_text(s));
}
void hlv_buf_printf(struct hlv_buf *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* `n` octets of uninitialised room at the end, or NULL. */
void *hlv_buf_room(struct hlv_buf *b, size_t n);
void hlv_buf_clear(struct hlv_buf *b); /* keeps the memory */
void hlv_buf_free(struct hlv_buf *b);

/* Lower-case hex, and back. */
void hlv_buf_hex(struct hlv_buf *b, struct hlv_bytes octets);
bool hlv_buf_unhex(struct hlv_buf *b, struct hlv_bytes text);
