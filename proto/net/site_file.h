/* SPDX-License-Identifier: Apache-2.0
 *
 * A site record in a file, as JSON (site.json) or as its octets (site.bin): how one node is told of
 * another.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/err.h"

enum { HLV_SITE_FILE_MAX = 65536 };

/* The record's octets, appended to `site`; checked, and with one server at least. `why` (512
 * octets) is one line: file, what is wrong. */
enum hlv_err HLV_MUST_USE hlv_site_file_read(const char *path, struct hlv_buf *site, char *why);
