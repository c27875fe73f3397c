/* SPDX-License-Identifier: Apache-2.0
 *
 * The way to a record as far as a registry knows it: itself, and where it sends people.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/net/service.h"

/* `"steps":[...]`; `site`: our own site record; `x`: the answer to a question for `id`. */
void chain_put_own(struct hlv_bytes site, const struct hlv_exchange *x, struct hlv_bytes id,
		   struct hlv_buf *json);
