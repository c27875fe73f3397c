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
	uint64_t secrets; /* values that were left out: HS_SECKEY */
	uint64_t states;  /* records with a state or locks, which were left out */
};

/* What comes along beside the values. */
enum dump_what {
	DUMP_SHARED,  /* nothing: neither secret keys nor what the life-cycle says */
	DUMP_SECRETS, /* secret keys */
	DUMP_ALL,     /* those, and in jsonl a member "lifecycle": for restore */
};

/* Each piece of text goes to `put`; false stops. `format`: SOURCE_JSONL, SOURCE_CSV or
 * SOURCE_BATCH of source.h. `prefix` empty: the whole registry, homed prefixes too. */
typedef bool dump_put_fn(void *ctx, struct hlv_bytes text);
enum hlv_err HLV_MUST_USE dump_run(struct ctl *ctl, int format, struct hlv_bytes prefix,
				   enum dump_what what, dump_put_fn *put, void *ctx,
				   struct dump_result *result);
