/* SPDX-License-Identifier: Apache-2.0
 *
 * The pages of web/, compiled in: what embed.py makes of web/dist. Nothing is read from a disk, so a
 * path of a request never becomes one of a file.
 */
#pragma once
#include <stdbool.h>

#include "proto/base/bytes.h"

struct web_page {
	const char *path; /* below web/dist: "index.html", "assets/..." */
	const char *type;
	const char *etag;	    /* weak: the same for both forms */
	struct hlv_bytes raw, gzip; /* gzip: empty where it would not be shorter */
};
extern const struct web_page web_pages_data[];
extern const size_t web_pages_n;
