/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32C (Castagnoli, RFC 3720 B.4), with the processor's instruction where it has one.
 * Guards what is stored, not what is sent.
 */
#pragma once
#include "proto/base/bytes.h"

/* Continue `crc` (0 to begin) over `b`; hlv_crc32c(0, "123456789") is 0xE3069283. */
uint32_t hlv_crc32c(uint32_t crc, struct hlv_bytes b);
