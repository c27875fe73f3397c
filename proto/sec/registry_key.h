/* SPDX-License-Identifier: Apache-2.0
 *
 * The key under which a registry, and whoever copies one, keeps the record of an identifier: a scheme
 * octet and the canonical octets; what is longer than 480 keeps its first 440, and ends in 0xFF and
 * a SHA-256 of the whole.
 */
#pragma once
#include "proto/base/bytes.h"
#include "proto/wire/scheme.h"

enum { HLV_REGISTRY_KEY_MAX = 1 + 480 };

/* Of a handle: ASCII letters in upper case as far as hlv_name_fold_n() says; "88.118" without a slash
 * means "0.NA/88.118". What other schemes name has handles too (proto/wire/scheme.h), and so this
 * scheme's octet: a prefix and all under it stay one range. Returns how many octets. */
size_t hlv_registry_key(struct hlv_bytes id, uint8_t out[HLV_REGISTRY_KEY_MAX]);
