/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 (RFC 4648 4 and 5). Encoding writes what the place at hand wants: padded with '+' and
 * '/' in JSON data, unpadded with '-' and '_' in keys. Decoding takes both alphabets, with or
 * without padding, and line ends anywhere, because writers differ. What it does not take is a last
 * digit with bits that no octet has (3.5): no writer makes one, and it would be a second spelling.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/writer.h"

enum hlv_base64 { HLV_BASE64, HLV_BASE64_URL };

void hlv_base64_put(struct hlv_buf *b, struct hlv_bytes octets, enum hlv_base64 kind);

/* False when `text` is not base64; otherwise look at w->bad. */
bool hlv_base64_parse(struct hlv_bytes text, struct hlv_writer *w);
