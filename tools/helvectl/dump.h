/* SPDX-License-Identifier: Apache-2.0
 *
 * Records on their way out, in the formats that load takes; reading them back gives the same
 * octets. A homed prefix is marked at its record.
 */
#pragma once
#include <stdio.h>

#include "tools/helvectl/ctl.h"

struct dump_result {
	uint64_t records, prefixes;
};

/* Each piece of text goes to `put`; false stops. `format`: SOURCE_JSONL, SOURCE_CSV or
 * SOURCE_BATCH of source.h. `prefix` empty: the whole registry, homed prefixes too. */
typedef bool dump_put_fn(void *ctx, struct hlv_bytes text);
enum hlv_err HLV_MUST_USE dump_run(struct ctl *ctl, int format, struct hlv_bytes prefix,
				   dump_put_fn *put, void *ctx, struct dump_result *result);
