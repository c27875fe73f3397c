/* SPDX-License-Identifier: Apache-2.0
 *
 * Octets that nobody may guess or find again: drawn from the library's generator, and wiped so
 * that no compiler leaves the wiping out.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

/* HLV_E_CRYPTO: the generator failed; nothing may be made from `p` then (threats.md 3). */
enum hlv_err HLV_MUST_USE hlv_secret_draw(void *p, size_t n);
/* NULL with n = 0 is fine. */
void hlv_wipe(void *p, size_t n);
