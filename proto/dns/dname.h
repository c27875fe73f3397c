/* SPDX-License-Identifier: Apache-2.0
 *
 * Domain names as they stand on the wire, uncompressed: labels with their lengths, then the root's
 * zero octet. Whoever has such a span got it from a function below, so that walking it cannot fail.
 * Letters are compared without case, kept as they came, and nothing else is ever changed.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/reader.h"
#include "proto/base/writer.h"

enum {
	HLV_DNAME_MAX = 255,
	HLV_DLABEL_MAX = 63,
	HLV_DNAME_TEXT = 4 * HLV_DNAME_MAX + 1, /* printed, with its terminator */
};

/* A name in a question: compressed ones are malformed there. Borrows; empty and r->bad. */
struct hlv_bytes hlv_dname_get(struct hlv_reader *r);
/* Skip a name that may end in a pointer, which is not followed. */
void hlv_dname_skip(struct hlv_reader *r);
/* "www.example.cn." or without the last dot; \. and \DDD as in master files. */
enum hlv_err HLV_MUST_USE hlv_dname_parse(struct hlv_bytes text, struct hlv_writer *w);
/* With the last dot; everything that is not printable as \DDD. Returns `out`, HLV_DNAME_TEXT. */
char *hlv_dname_print(struct hlv_bytes name, char *out);

/* Without the root. */
unsigned hlv_dname_labels(struct hlv_bytes name);
/* The first label without its length; empty for the root. */
struct hlv_bytes hlv_dname_label(struct hlv_bytes name);
/* Without its first `n` labels, of which it has as many. */
struct hlv_bytes hlv_dname_up(struct hlv_bytes name, unsigned n);
static inline bool hlv_dname_eq(struct hlv_bytes a, struct hlv_bytes b)
{
	/* Lengths are below 'A': they are not touched by folding. */
	return hlv_eq_fold(a, b);
}
/* Is it `zone` or below it? */
bool hlv_dname_is_below(struct hlv_bytes name, struct hlv_bytes zone);
/* One label more in front. HLV_E_LIMIT when it is too long. */
enum hlv_err HLV_MUST_USE hlv_dname_under(struct hlv_bytes label, struct hlv_bytes name,
					  struct hlv_writer *w);
/* In lower case: the canonical form (RFC 4034 6.2). */
void hlv_dname_put_lower(struct hlv_writer *w, struct hlv_bytes name);
