/* SPDX-License-Identifier: Apache-2.0
 *
 * Internationalised labels (IDNA), by libidn2: the one door to it.
 */
#pragma once
#include "proto/base/writer.h"

/* "xn--fiqs8s" as UTF-8. False: it is none, and stands for itself. */
bool hlv_idn_decode(struct hlv_bytes label, struct hlv_writer *w);
