/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip for answers: zlib's only door. Nothing is ever unpacked here (threats.md 2).
 */
#pragma once
#include "proto/base/buf.h"

struct web_gzip;

enum web_gzip_part {
	WEB_GZIP_MORE,	/* what it has is kept until there is more */
	WEB_GZIP_FLUSH, /* what was put can be unpacked by now */
	WEB_GZIP_LAST,
};

/* NULL without memory. A window of 4 KiB: some 32 KiB for each, and for JSON nearly as good. */
struct web_gzip *web_gzip_new(void);
void web_gzip_free(struct web_gzip *g);
/* `in`, packed, at the end of `out`; behind the last part a new stream begins. */
void web_gzip_put(struct web_gzip *g, struct hlv_bytes in, enum web_gzip_part part,
		  struct hlv_buf *out);
